"""The user's page lists every finding as the program words it."""

from __future__ import annotations

from pathlib import Path

from rampart_cli.document import Code
from rampart_cli.document.diagnostics import ADVICE

DOCS = Path(__file__).parents[3] / "docs" / "plan-documents.md"


def test_the_list_of_findings_is_that_of_the_code() -> None:
    rows = [line.strip("| ").split(" | ") for line in DOCS.read_text().splitlines() if line.startswith("| `")]

    listed = {row[0]: tuple(row[2:]) for row in rows}
    assert listed == {f"`{code}` ({ADVICE[code].severity})": (ADVICE[code].why, ADVICE[code].help) for code in Code}
