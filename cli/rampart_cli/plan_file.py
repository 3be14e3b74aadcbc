"""Reading a plan's YAML file, strictly: what YAML would silently swallow is an error."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Any

import yaml
from pydantic import ValidationError

from rampart.plan.model import Plan
from rampart.rollout.plan_problems import plan_problems
from rampart.words import count, counted
from rampart_cli.failures import InputError, RefusedError
from rampart_cli.machines import LONGEST_INPUT
from rampart_cli.strict_yaml import UniqueKeyLoader, why_unreadable

if TYPE_CHECKING:
    from pathlib import Path


class _StrictLoader(UniqueKeyLoader):
    """YAML without anchors, too."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        """Refuse aliases: a few lines of them can stand for gigabytes."""
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it open
            raise yaml.constructor.ConstructorError(None, None, "anchors and aliases are not read", event.start_mark)
        return super().compose_node(parent, index)


def read_document(path: Path) -> dict[str, Any]:
    """A plan's file as plain JSON values, not yet validated.

    Raises InputError, with line and column where there are some, for anything that is no YAML mapping.
    """
    text = _read(path)
    try:
        document = yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - it is a SafeLoader
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise InputError(
            f"{path} is no YAML that can be read: {why_unreadable(error)}", name="UnreadablePlan", mend="Mend the file."
        ) from error
    if not isinstance(document, dict):
        raise InputError(
            f"{path} holds no plan: it is {_kind(document)}, not a mapping such as `rollout: my-rollout`",
            name="UnreadablePlan",
            mend="`rampart plan schema` says what a plan holds; `rampart plan import` makes one from a Markdown page.",
        )
    content = json.dumps(document, default=str)
    if len(content) > LONGEST_INPUT:
        raise InputError(
            f"{path} has {count(len(content))} bytes; a state machine takes {count(LONGEST_INPUT)}", name="PlanTooLong"
        )
    plain: dict[str, Any] = json.loads(content)
    return plain


def read_plan(path: Path) -> tuple[dict[str, Any], Plan]:
    """A plan's file as written and as validated; raises InputError, or RefusedError with every problem at once."""
    document = read_document(path)
    try:
        return document, Plan.model_validate(document)
    except ValidationError as error:
        problems = [{"error": p.error, "where": p.where, "what": p.what, "mend": p.mend} for p in plan_problems(error)]
        many = counted(len(problems), "problem")
        raise RefusedError(f"{path} is no valid plan: {many}", name="InvalidPlan", problems=problems) from error


def _read(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is no UTF-8 text", name="UnreadablePlan", mend="Save it as UTF-8.") from error
    except OSError as error:
        raise InputError(
            f"{path} cannot be read: {error.strerror}", name="UnreadablePlan", mend="Mend the path."
        ) from error


def _kind(document: object) -> str:
    if document is None:
        return "empty"
    return "a list" if isinstance(document, list) else f"the text {str(document)[:40]!r}"
