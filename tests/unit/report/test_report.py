"""`rampart report` writes what it is asked for, and says what it wrote."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from rampart_cli.machines import StepFunctionsMachines
from rampart_cli.main import main
from rampart_cli.stack import Stack

from .conftest import Story

PAGE = "# Plan\n\nFlag: `letters_new_source`\n\n## Stage 1: 1%\n\n### Results\n\n## Stage 2: 25%\n\n### Results\n"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(story: Story, capsys: pytest.CaptureFixture[str]) -> Run:
    """The command line on the story's records; nothing else of a stack may be asked."""

    def nothing() -> NoReturn:
        raise AssertionError("a report asks the table only")

    def connect(name: str) -> Stack:
        return Stack(
            name=name,
            records=story.records,
            machines=StepFunctionsMachines(None),  # type: ignore[arg-type]  # anyone who asks it fails the test
            rollout_machine="",
            decision_machine="",
            dead_letters=nothing,
            datadog=nothing,
            installation=lambda _: nothing(),
            subscribers=nothing,
            log_lines=lambda *_: nothing(),
            who=nothing,
        )

    def invoke(*arguments: str) -> tuple[int, str, str]:
        code = main(["report", *arguments], connect=connect)
        seen = capsys.readouterr()
        return int(code), seen.out, seen.err

    return invoke


def test_without_a_file_it_tells_the_results_in_words(run: Run) -> None:
    code, out, _ = run("letters")
    assert code == 0
    assert "rolled back to 0%" in out


def test_json_holds_the_whole_story(run: Run, story: Story) -> None:
    code, out, _ = run("letters", "--json")
    told = json.loads(out)
    assert code == 0
    assert (told["status"], told["plan_hash"]) == ("completed", story.plan.digest)
    assert [visit["percent"] for visit in told["visits"]] == [1, 25, 50, 25, 50, 100]
    fails = [each for each in told["visits"][2]["results"] if each["verdict"] == "fail"]
    assert [(each["name"], each["errors"], each["requests"]) for each in fails] == [("download error rate", 168, 800)]
    assert [each["did"] for each in told["decisions"] if each["by"] == "Grace Hopper"][-1] == "approved without proof"


def test_html_and_a_teams_page_are_written_in_one_go(run: Run, tmp_path: Path) -> None:
    page, html = tmp_path / "plan.md", tmp_path / "letters.html"
    page.write_text(PAGE)
    code, out, _ = run("letters", "--into", str(page), "--html", str(html))
    assert code == 0
    assert "line 8: results" in out
    assert "rampart:results letters" in page.read_text()
    assert html.read_text().startswith("<!doctype html>")
    assert "nothing to change" in run("letters", "--into", str(page))[1]


def test_a_folder_that_is_not_there_is_a_misspelling(run: Run, tmp_path: Path) -> None:
    code, _, err = run("letters", "--html", str(tmp_path / "no-such-folder" / "letters.html"))
    assert code == 2
    assert "cannot be written" in err
    assert not (tmp_path / "no-such-folder").exists()


@pytest.mark.parametrize("option", ["--into", "--html"])
def test_a_file_that_cannot_be_used_is_told_with_exit_code_2(run: Run, tmp_path: Path, option: str) -> None:
    code, out, err = run("letters", option, str(tmp_path))
    assert (code, out) == (2, "")
    assert "cannot be" in err


def test_a_page_keeps_its_mode_and_the_link_that_leads_to_it(run: Run, tmp_path: Path) -> None:
    page, link = tmp_path / "plan.md", tmp_path / "link.md"
    page.write_text(PAGE)
    page.chmod(0o640)
    link.symlink_to(page)
    assert run("letters", "--into", str(link))[0] == 0
    assert link.is_symlink()
    assert "rampart:results" in page.read_text()
    assert page.stat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("option", ["--into", "--html"])
def test_writing_that_is_cut_off_leaves_the_old_file_and_nothing_beside_it(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, option: str
) -> None:
    def no_room(_: int) -> NoReturn:
        raise OSError(28, "No space left on device")

    page = tmp_path / "plan.md"
    page.write_text(PAGE)
    monkeypatch.setattr("os.fsync", no_room)
    code, _, err = run("letters", option, str(page))
    assert (code, page.read_text()) == (2, PAGE)
    assert "cannot be written: No space left on device" in err
    assert list(tmp_path.iterdir()) == [page]


def test_an_unknown_rollout_is_refused(run: Run) -> None:
    assert run("nothing")[0] == 1


def test_a_folder_that_is_not_there_is_not_made(run: Run, tmp_path: Path) -> None:
    code, _, err = run("letters", "--html", str(tmp_path / "no" / "such" / "page.html"))
    assert code == 2
    assert "No such file or directory" in err
    assert list(tmp_path.iterdir()) == []
