"""The documentation's page of findings, written from where each kind of finding is defined: `make docs`."""

from __future__ import annotations

import sys
from pathlib import Path

from rampart.finding import FindingKind, kinds_in
from rampart.plan import policy, problems, query_lint
from rampart.rollout import refusals
from rampart_cli import replay, strict_yaml
from rampart_cli.datadog import wiring
from rampart_cli.document.diagnostics import Code
from rampart_cli.forecast import plan_warnings

_HEAD = """# Findings

What Rampart says about plans and pages. `--json` gives each finding as `code`, `severity`, `where`, `line`, `column`,
`message` and `fix`; what isn't known is left out. This page is made from the code by `make docs`.
"""
_SECTIONS = (
    ("The file", "`rampart plan check` and `start`, before anything else.", (strict_yaml,)),
    ("The plan", "`rampart plan check` and `start`: a value that a plan can't have.", (problems,)),
    ("Queries", "`rampart plan check`, `plan import --bindings` and `start`.", (query_lint,)),
    ("The policy", "`rampart plan check --policy` and `start`.", (policy,)),
    ("Refused starts and resumes", "The code is the execution's error, unless there are several.", (refusals,)),
    ("Warnings", "`rampart plan check`: what a plan can't decide.", (plan_warnings,)),
    ("Wiring", "`rampart plan check --online` and `start`: what an alert can't do.", (wiring,)),
    ("Pages", "`rampart plan import`.", (Code,)),
    ("Replays", "`rampart evaluations --replay`.", (replay,)),
)


def findings_page() -> str:
    return "\n".join([_HEAD, *(_section(title, told, rooms) for title, told, rooms in _SECTIONS)])


def _section(title: str, told: str, rooms: tuple[object, ...]) -> str:
    rows = [_row(kind) for room in rooms for kind in kinds_in(room)]
    return "\n".join([f"## {title}\n\n{told}\n\n| code | what | why | fix |\n|---|---|---|---|", *rows, ""])


def _row(kind: FindingKind) -> str:
    cells = (f"`{kind.code}` ({kind.severity})", kind.means, kind.why, kind.fix)
    return f"| {' | '.join(cell.replace('|', chr(92) + '|') for cell in cells)} |"


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(findings_page(), encoding="utf-8")
