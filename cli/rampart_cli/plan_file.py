"""Reading a plan's YAML file, strictly: what YAML would silently swallow is an error."""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from rampart.plan.model import Plan
from rampart.plan.problems import problems_of
from rampart.words import count, counted
from rampart_cli.failures import InputError, RefusedError
from rampart_cli.findings import Source
from rampart_cli.machines import LONGEST_INPUT
from rampart_cli.strict_yaml import PlainLoader, YamlError, YamlText, read_yaml

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from rampart.finding import Finding


@dataclass(frozen=True, slots=True)
class WrittenPlan:
    """A plan as it was written and as it was understood, with its text."""

    document: dict[str, Any]
    plan: Plan
    text: YamlText
    source: Source

    def placed(self, findings: Iterable[Finding]) -> list[Finding]:
        """Findings about the plan, each with its line and column in the file."""
        return [self.text.placed(found) for found in findings]


def read_plan(path: Path) -> WrittenPlan:
    """Read a plan's file; raises InputError, or RefusedError with every problem at once."""
    written = _text_of(path)
    source = Source(str(path), written.splitlines())
    try:
        text = read_yaml(written, PlainLoader)
    except YamlError as error:
        told = f"{path} isn't valid YAML: {error}"
        raise InputError(told, name="UnreadablePlan", problems=[error.finding], source=source) from error
    document = _plain(path, text.value)
    gaps, problems = list(text.gap_findings()), []
    try:
        plan = Plan.model_validate(document)
    except ValidationError as error:
        problems = [text.placed(each) for each in problems_of(error) if not any(_is_within(each, gap) for gap in gaps)]
    if problems or gaps:
        many = counted(len(problems) + len(gaps), "problem")
        told = f"{path} isn't a valid plan: {many}"
        raise RefusedError(told, name="InvalidPlan", problems=[*gaps, *problems], source=source)
    return WrittenPlan(document, plan, text, source)


def _is_within(found: Finding, gap: Finding) -> bool:
    return found.where == gap.where or found.where.startswith(f"{gap.where}.")


def _plain(path: Path, document: object) -> dict[str, Any]:
    """A document as plain JSON values; raises InputError for anything that isn't a mapping, or is too long."""
    if not isinstance(document, dict):
        raise InputError(
            f"{path} isn't a plan: it is {_kind(document)}, not a mapping such as `rollout: my-rollout`",
            name="UnreadablePlan",
            fix="`rampart plan schema` says what a plan holds; `rampart plan import` makes one from a Markdown page.",
        )
    content = json.dumps(document, default=str)
    if len(content) > LONGEST_INPUT:
        told = f"{path} has {count(len(content))} bytes; a state machine takes {count(LONGEST_INPUT)}"
        raise InputError(told, name="PlanTooLong")
    plain: dict[str, Any] = json.loads(content)
    return plain


def _text_of(path: Path) -> str:
    try:
        return sys.stdin.read() if str(path) == "-" else path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise InputError(f"{path} isn't UTF-8 text", name="UnreadablePlan", fix="Save it as UTF-8.") from error
    except OSError as error:
        told = f"{path} cannot be read: {error.strerror}"
        raise InputError(told, name="UnreadablePlan", fix="Fix the path.") from error


def _kind(document: object) -> str:
    if document is None:
        return "empty"
    return "a list" if isinstance(document, list) else f"the text {str(document)[:40]!r}"
