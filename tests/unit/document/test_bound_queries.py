"""A query that a draft takes from the bindings is held to what a start wants of it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from rampart.finding import FindingKind, kinds_in
from rampart.plan import query_lint
from rampart_cli.commands.plan_import import plan_import
from rampart_cli.document import Reading
from rampart_cli.document.bindings_file import read_bindings
from rampart_cli.document.bound_queries import with_bound_queries

from .conftest import Read

SHIPPED = Path(__file__).parents[3] / "events" / "bindings.yaml"
PAGE = """# Rollout plan: letters
## Stage A: 100% of users
## Success criteria
- Index error rate: < 1%
- Lost letters: 0
- Latency: < 800 ms
- Index error rate: < 1%
"""
BAD, ALL = "sum:x{env:prod,status:5*}", "sum:x{env:prod}.as_count()"


def bindings(**criteria: dict[str, Any]) -> str:
    return json.dumps({"criteria": {name.replace("_", " "): spec for name, spec in criteria.items()}})


RATE = {"kind": "rate", "errors": f"{BAD}.as_count()", "total": ALL, "scope": "cohort"}
BOUND = {
    "index*": RATE,
    "lost_letters": {"kind": "count", "query": ALL},
    "latency": {"kind": "value", "query": "p95:l{*}"},
}


def codes(reading: Reading) -> list[tuple[FindingKind, int]]:
    return [(each.kind, each.line) for each in reading.diagnostics if each.kind in set(kinds_in(query_lint))]


def test_a_faulty_bound_query_is_a_finding_at_the_criterions_line(reading: Read) -> None:
    page = reading(PAGE)
    found = with_bound_queries(page, read_bindings(bindings(**BOUND | {"index*": RATE | {"errors": BAD}})))
    assert codes(found) == [(query_lint.DIFFERENT_UNITS, 4)]
    [finding] = set(found.diagnostics) - set(page.diagnostics)
    assert finding.kind.severity == "error"
    assert finding.message.startswith(f"errors of 'index*' in the bindings, `{BAD}`: without `.as_count()`")
    assert finding.fix == f"Write `{BAD}.as_count()` in the bindings"
    assert (finding.column, finding.mark) == (3, len("Index error rate"))


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"index*": RATE | {"errors": ALL}}, query_lint.SAME),
        ({"index*": RATE | {"errors": "sum:x{status:5*}.as_count()"}}, query_lint.DIFFERENT_FILTERS),
        ({"index*": RATE | {"errors": f"{BAD}.as_count() / {ALL}"}}, query_lint.RATIO),
        ({"lost_letters": {"kind": "count", "query": "sum:x{*}.as_rate()"}}, query_lint.NOT_A_COUNT),
        ({"latency": {"kind": "value", "query": "p95:l{*} by {host}"}}, query_lint.GROUPED),
        ({"index*": {"kind": "rate", "errors": BAD}}, query_lint.NOT_A_COUNT),
    ],
)
def test_every_kind_of_criterion_is_looked_at(reading: Read, changes: dict[str, Any], code: FindingKind) -> None:
    found = with_bound_queries(reading(PAGE), read_bindings(bindings(**BOUND | changes)))
    assert [each for each, _ in codes(found)] == [code]


def test_what_is_bound_rightly_or_not_used_by_the_page_is_not_a_finding(reading: Read) -> None:
    page = reading(PAGE)
    assert with_bound_queries(page, read_bindings(bindings(**BOUND))) == page
    assert with_bound_queries(page, read_bindings(bindings(refunds={"kind": "count", "query": BAD}))) == page
    assert codes(with_bound_queries(page, read_bindings(SHIPPED.read_text()))) == []


def test_findings_stand_in_the_order_of_the_page(reading: Read) -> None:
    spoilt = BOUND | {"index*": RATE | {"errors": BAD}, "latency": {"kind": "value", "query": "p95:l{*} by {host}"}}
    lines = [each.line for each in with_bound_queries(reading(PAGE), read_bindings(bindings(**spoilt))).diagnostics]
    assert lines == sorted(lines)


@pytest.mark.parametrize("as_json", [True, False])
def test_the_command_shows_it_and_writes_the_draft_as_it_is_bound(tmp_path: Path, *, as_json: bool) -> None:
    (tmp_path / "page.md").write_text(PAGE)
    (tmp_path / "bindings.yaml").write_text(bindings(**BOUND | {"index*": RATE | {"errors": BAD}}))
    app = typer.Typer()
    app.command()(plan_import)
    options = ["--bindings", str(tmp_path / "bindings.yaml"), *(["--json"] if as_json else [])]
    done = CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, [str(tmp_path / "page.md"), *options])
    assert done.exit_code == 0
    if as_json:
        [found] = [d for d in json.loads(done.stdout)["diagnostics"] if d["code"] == "QueryUnitsDiffer"]
        assert f"{BAD}.as_count()" in found["fix"]
    else:
        assert "error[QueryUnitsDiffer]: errors of 'index*' in the bindings" in done.stderr
        assert f" = fix: Write `{BAD}.as_count()` in the bindings\n" in done.stderr
        assert f"errors: {BAD}" in done.stdout


@pytest.mark.parametrize(
    "total", [{"logs": "service:letters"}, {"cloudwatch": {"namespace": "Letters", "metric": "Requests"}}]
)
def test_a_bound_query_with_parts_is_held_to_it_too(reading: Read, total: dict[str, Any]) -> None:
    """In a file it is YAML with keys, and in a plan one line."""
    bound = BOUND | {"index*": RATE | {"errors": total, "total": total}}
    assert codes(with_bound_queries(reading(PAGE), read_bindings(bindings(**bound)))) == [(query_lint.SAME, 4)]
