"""What the tests of the query lint share: queries, and the parts of what a finding says."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rampart.finding import Finding, FindingKind
from rampart.plan import query_lint
from rampart.plan.query_lint import lint_rate

ROOT = Path(__file__).parents[3]
BAD, ALL = "sum:x{env:prod,status:5*}", "sum:x{env:prod}"
ERRORS, TOTAL = f"{BAD}.as_count()", f"{ALL}.as_count()"
UNITS, FILTERS = query_lint.DIFFERENT_UNITS, query_lint.DIFFERENT_FILTERS


def part(finding: Finding) -> str:
    return finding.where.rpartition(".")[2]


def written(finding: Finding) -> str:
    """The query that a finding says to write."""
    return finding.fix.partition("`")[2].rpartition("`")[0]


def query_of(finding: Finding) -> str:
    return finding.message.partition("`: ")[0].removeprefix("`")


def rate(errors: str, total: str, **options: Any) -> list[Finding]:
    return lint_rate("error rate", {"errors": errors, "total": total}, **options)


def said(findings: list[Finding]) -> list[tuple[str, FindingKind]]:
    return [(part(finding), finding.kind) for finding in findings]


def fixed(errors: str, total: str, **options: Any) -> tuple[str, str]:
    """The pair with what each finding says to write."""
    pair = {"errors": errors, "total": total} | {part(f): written(f) for f in rate(errors, total, **options)}
    return pair["errors"], pair["total"]
