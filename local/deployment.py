"""The unchanged template on the local AWS: built and deployed by the real SAM CLI."""

import fcntl
import json
import os
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from local.ministack import INTERPRETER, ROOT, MiniStack

TEMPLATE: Final = ROOT / "template.yaml"
BUILD: Final = ROOT / ".rampart" / "build"
"""Holds the built template, SAM's cache and a lock."""
_SAM: Final = INTERPRETER.with_name("sam")
_SAM_STATE: Final = ROOT / ".rampart" / "sam"
_LAST_LINES: Final = 25


class SamFailedError(Exception):
    """The SAM CLI ended with an error; the message holds its last lines of output."""


def deploy(
    ministack: MiniStack,
    *,
    stack_name: str = "rampart",
    parameters: Mapping[str, str] | None = None,
    template: Path = TEMPLATE,
) -> dict[str, str]:
    """Build `template` for this machine, deploy it to `ministack`, and return the stack's outputs by name.

    Two runs take turns, since they share the build folder. Raises `SamFailedError`.
    """
    with _turn():
        _build(template)
        _sam(
            "deploy",
            f"--template-file={BUILD / 'built' / 'template.yaml'}",
            f"--stack-name={stack_name}",
            "--resolve-s3",
            "--capabilities=CAPABILITY_IAM",
            "--no-confirm-changeset",
            "--no-fail-on-empty-changeset",
            "--no-progressbar",
            *_overrides(parameters or {}),
            environment=ministack.environment | {"SAM_CLI_POLL_DELAY": "0.2"},  # seconds; 5 by default
        )
    [stack] = ministack.client("cloudformation").describe_stacks(StackName=stack_name)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in stack.get("Outputs", [])}


def build(template: Path = TEMPLATE) -> None:
    """Build `template` only, to find out whether it builds. Raises `SamFailedError`."""
    with _turn():
        _build(template)


def _build(template: Path) -> None:
    """Build into `BUILD`, with layers for the interpreter that runs the functions here; unchanged parts are cached."""
    # A layer fits one kind of interpreter, which SAM's cache doesn't know; `INTERPRETER` is of this process's kind.
    cache = f"cache-{sys.implementation.cache_tag}-{sysconfig.get_platform()}"
    _sam(
        "build",
        "--cached",
        "--parallel",
        f"--template-file={template}",
        f"--build-dir={BUILD / 'built'}",
        f"--cache-dir={BUILD / cache}",
        environment=os.environ
        | {
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", os.defpath)]),
            "RAMPART_LAYER_TARGET": f"--python {INTERPRETER}",
            "RAMPART_LAYER_PYTHON": str(INTERPRETER),
        },
    )


@contextmanager
def _turn() -> Iterator[None]:
    BUILD.mkdir(parents=True, exist_ok=True)
    with (BUILD / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _overrides(parameters: Mapping[str, str]) -> list[str]:
    """Write parameters as SAM reads them: in quotes, with the quotes inside escaped."""
    if not parameters:
        return []
    escaped = {name: value.replace('"', '\\"') for name, value in parameters.items()}
    return ["--parameter-overrides", *(f'{name}="{value}"' for name, value in escaped.items())]


def _sam(command: str, *options: str, environment: dict[str, str]) -> None:
    """Run the SAM CLI without telemetry, and without its weekly check for a newer release."""
    _SAM_STATE.mkdir(parents=True, exist_ok=True)
    (_SAM_STATE / "metadata.json").write_text(json.dumps({"lastVersionCheck": 2**32}))
    result = subprocess.run(
        [_SAM, command, *options],
        cwd=_SAM_STATE,  # a folder without a samconfig.toml: its environments are real accounts
        env=environment | {"SAM_CLI_TELEMETRY": "0", "__SAM_CLI_APP_DIR": str(_SAM_STATE)},
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if result.returncode:
        last_lines = "\n".join(result.stdout.rstrip().splitlines()[-_LAST_LINES:])
        raise SamFailedError(f"`sam {command}` ended with status {result.returncode}:\n{last_lines}")
