"""The command: a draft on standard output, findings on standard error, JSON for machines, exit code 2 for no plan."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import typer
from typer.testing import CliRunner, Result

from rampart_cli.commands.plan_import import plan_import
from rampart_cli.document.rendering import MOST_SHOWN
from rampart_cli.failures import InputError

PAGES = Path(__file__).parent / "pages"


def _run(*arguments: str | Path) -> Result:
    app = typer.Typer()
    app.command()(plan_import)
    return CliRunner(env={"COLUMNS": "200", "NO_COLOR": "1"}).invoke(app, [str(argument) for argument in arguments])


def test_json_has_the_published_shape() -> None:
    result = _run(PAGES / "phases-and-timeline.md", "--json", "--today", "2026-03-01")

    document = json.loads(result.stdout)
    [plan] = document["plans"]
    assert result.exit_code == 0
    assert set(document) == {"plans", "diagnostics", "doubts", "unused"}
    assert set(plan) == {"title", "flags", "stages", "criteria", "owner", "timezone", "links"}
    assert set(plan["stages"][0]) == {"percent", "kind", "users", "start", "end", "line"}
    assert set(plan["criteria"][0]) == {"name", "op", "value", "unit", "kind", "line"}
    assert {frozenset(diagnostic) for diagnostic in document["diagnostics"]} == {
        frozenset({"code", "severity", "line", "column", "message", "fix"})
    }


def test_a_finding_shows_the_line_the_place_why_and_how() -> None:
    result = _run(PAGES / "phases-and-timeline.md")

    assert (
        "warning[weekend_date_vs_business_day]: 2026-03-14, when Phase II (100%) starts, is a Saturday, against the "
        "page's own rule of business days (line 36)\n"
        f"  --> {PAGES / 'phases-and-timeline.md'}:49:8\n"
        "   |\n"
        "49 | - [] **2026/03/14** - we increase to 100%; watch for the rest of the week\n"
        "   |        ^^^^^^^^^^\n"
        "   = why: No one is there to watch, and traffic isn't that of a workday.\n"
        "   = fix: Move it to a business day.\n"
    ) in result.stderr
    assert "\n# Draft of phases-and-timeline.md" in result.stdout


@pytest.mark.parametrize("arguments", [[], ["--json"]])
@pytest.mark.parametrize("name", ["minutes", "unfilled"])
def test_a_page_that_is_not_a_plan_says_so_and_exits_with_2(name: str, arguments: list[str]) -> None:
    result = _run(PAGES / f"{name}.md", *arguments)

    assert result.exit_code == 2
    assert "holds no plan" in result.stderr
    assert "!gap" not in result.stdout


def test_a_page_too_large_is_refused_with_the_bound(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_bytes(b"x" * 600_000)

    result = _run(page)

    assert result.exit_code == 2
    assert "more than 524,288 bytes" in result.stderr


def test_the_draft_goes_to_a_file_when_one_is_named(tmp_path: Path) -> None:
    out = tmp_path / "plan.yaml"

    result = _run(PAGES / "template-form.md", "--out", out)

    assert result.exit_code == 0
    assert result.stdout == ""
    assert "\n# Draft of template-form.md" in out.read_text()
    assert out.read_text().startswith("# yaml-language-server: $schema=plan.schema.json\n")


def test_bindings_that_cannot_be_used_are_named(tmp_path: Path) -> None:
    bindings = tmp_path / "bindings.yaml"
    bindings.write_text("criteria: {a: {kind: ratio}}")

    result = _run(PAGES / "template-form.md", "--bindings", bindings)

    assert isinstance(result.exception, InputError)
    assert result.exception.exit_code == 2
    assert str(bindings) in str(result.exception)
    assert "'a' needs a kind" in str(result.exception)


def test_what_would_act_on_a_terminal_is_not_printed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Plan \x1b[31m[bold]\x1b]0;title\x07\n\n## Stage A: 5% of \u202eusers\n")

    result = _run(page)

    assert not {"\x1b", "\x07", "\u202e"} & set(result.stdout + result.stderr)
    assert "[bold]" in result.stderr


def test_of_thousands_of_findings_a_screenful_is_shown_and_the_rest_counted(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text("# Plan\n" + "## Stage A: 5% of users\n" * 2000)

    shown, written = _run(page), json.loads(_run(page, "--json").stdout)["diagnostics"]

    assert shown.stderr.count(" = fix: ") == MOST_SHOWN < len(written)
    assert f"\nand {len(written) - MOST_SHOWN:,} findings further down the page; --json writes them all" in shown.stderr


def test_today_is_taken_from_the_command_line() -> None:
    early = _run(PAGES / "early-results.md", "--today", "2026-09-13")
    late = _run(PAGES / "early-results.md", "--today", "2026-09-14")

    assert "result_before_launch" in early.stderr
    assert "result_before_launch" not in late.stderr
