"""Reading an organization's policy, strictly: what YAML would silently swallow is an error."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rampart.adapters.policy_file import policy_of
from rampart.errors import PolicyUnreadableError
from rampart_cli.failures import InputError
from rampart_cli.findings import Source
from rampart_cli.strict_yaml import PlainLoader, YamlError, read_yaml

if TYPE_CHECKING:
    from pathlib import Path

    from rampart.plan.policy import Policy


def read_policy(path: Path) -> Policy:
    """Read a policy's file; raises InputError."""
    try:
        content = path.read_bytes()
    except OSError as error:
        told = f"{path} cannot be read: {error.strerror}"
        raise InputError(told, name="UnreadablePolicy", fix="Fix the path.") from error
    try:
        text = content.decode("utf-8-sig")
        read_yaml(text, PlainLoader)
        return policy_of(text.encode(), str(path))
    except UnicodeDecodeError as error:
        raise InputError(f"{path} isn't UTF-8 text", name="UnreadablePolicy", fix="Save it as UTF-8.") from error
    except YamlError as error:
        source = Source(str(path), content.decode("utf-8-sig").splitlines())
        told = f"{path} isn't valid YAML: {error}"
        raise InputError(told, name="UnreadablePolicy", problems=[error.finding], source=source) from error
    except PolicyUnreadableError as error:
        raise InputError(str(error), name="InvalidPolicy", fix="Fix what it names.") from error
