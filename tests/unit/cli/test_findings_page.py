"""The documentation lists every finding as the code defines it, and no finding is defined where it does not look."""

from __future__ import annotations

import ast
from pathlib import Path

from rampart.finding import FindingKind, kinds_in
from rampart_cli.findings_page import _SECTIONS, findings_page

ROOT = Path(__file__).parents[3]


def listed() -> list[FindingKind]:
    return [kind for _, _, rooms in _SECTIONS for room in rooms for kind in kinds_in(room)]


def test_the_page_is_what_the_code_says() -> None:
    assert (ROOT / "docs/findings.md").read_text() == findings_page(), "run make docs"


def test_no_two_findings_have_the_same_code() -> None:
    codes = [kind.code for kind in listed()]
    assert sorted(set(codes)) == sorted(codes)


def test_every_finding_says_what_helps() -> None:
    assert [kind.code for kind in listed() if not kind.fix] == []


def test_no_finding_is_defined_where_the_page_does_not_look() -> None:
    """A kind made anywhere else would be said and not listed; what comes over the wire was listed there."""
    made = set()
    for path in (p for root in ("layers/rampart/rampart", "cli/rampart_cli") for p in (ROOT / root).rglob("*.py")):
        calls = [each for each in ast.walk(ast.parse(path.read_text())) if isinstance(each, ast.Call)]
        named = [name for each in calls for name in (each.func, *each.args) if isinstance(name, ast.Name)]
        made |= {path.stem for name in named if name.id == "FindingKind"}
    rooms = {"diagnostics", "plan_warnings", "policy", "problems", "query_lint", "refusals", "replay", "strict_yaml"}
    assert made == rooms | {"wiring", "finding"}
