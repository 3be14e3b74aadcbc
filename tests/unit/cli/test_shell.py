"""What is the same for every command: the account's options, completion, other names, and a sign that work goes on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from rampart_cli.main import main

from .conftest import Terminal, asked, live

Asked = list[tuple[str, str | None, str | None]]


@pytest.fixture
def connecting(monkeypatch: pytest.MonkeyPatch, terminal: Terminal) -> Asked:
    """The real way to a stack, up to AWS: which stack, profile and region were asked for."""
    asked_for: Asked = []

    def connect(name: str, *, profile: str | None, region: str | None) -> Any:
        asked_for.append((name, profile, region))
        return terminal.connect(name)

    monkeypatch.setattr("rampart_cli.stack.connect", connect)
    return asked_for


@pytest.mark.parametrize(
    "line",
    [
        "--profile staging --region us-gov-west-1 list",
        "list --profile staging --region us-gov-west-1",
        "list --profile=staging --json --region=us-gov-west-1",
        "--region us-gov-west-1 list --profile staging",
    ],
)
def test_profile_and_region_count_wherever_they_are_typed(connecting: Asked, line: str) -> None:
    assert main(line.split()) == 0
    assert connecting == [("rampart", "staging", "us-gov-west-1")]


def test_without_them_the_environment_decides(connecting: Asked) -> None:
    assert main(["list"]) == 0
    assert connecting == [("rampart", None, None)]


@pytest.mark.parametrize("line", ["list --profile", "list --region="])
def test_one_without_a_value_is_a_wrong_use(line: str) -> None:
    assert main(line.split()) == 2


def test_the_overview_names_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--help"]) == 0
    out = capsys.readouterr().out
    assert "--profile" in out
    assert "--region" in out


def test_history_is_another_name_of_events(terminal: Terminal) -> None:
    terminal.records.states["letters"] = live()
    assert terminal.run_json("history", "letters") == terminal.run_json("events", "letters") == (0, [])


Complete = Callable[[str], list[str]]


@pytest.fixture(params=["complete_zsh", "complete_bash"])
def complete(
    request: pytest.FixtureRequest,
    terminal: Terminal,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Complete:
    """Complete a line as a shell does; the last word is the one that is being typed."""

    def completed(line: str) -> list[str]:
        monkeypatch.setenv("_RAMPART_COMPLETE", request.param)
        if request.param == "complete_zsh":
            monkeypatch.setenv("_TYPER_COMPLETE_ARGS", line)
        else:
            monkeypatch.setenv("COMP_WORDS", line)
            monkeypatch.setenv("COMP_CWORD", str(len(line.split(" ")) - 1))
        capsys.readouterr()
        with pytest.raises(SystemExit, match="0"):  # as typer ends it
            main([], connect=terminal.connect)
        return [word.strip().strip('"').split('":"')[0] for word in _words(capsys.readouterr().out)]

    return completed


def _words(out: str) -> list[str]:
    """The words that a shell gets: zsh as quoted pairs in parentheses, bash one a line."""
    if "_arguments" in out:
        return [part for part in out.rsplit("((", maxsplit=1)[-1].split("))", maxsplit=1)[0].split("\n") if part]
    return [] if out.strip() == "_files" else out.split()


def test_rollouts_are_completed(terminal: Terminal, complete: Complete) -> None:
    terminal.records.states |= {"letters": live(), "labels": live(rollout="labels"), "other": live(rollout="other")}
    assert sorted(complete("rampart status l")) == ["labels", "letters"]
    assert sorted(complete("rampart --region us-east-1 approve le")) == ["letters"]


def test_open_gates_and_stages_are_completed(terminal: Terminal, complete: Complete) -> None:
    state, gate = asked()
    terminal.records.states["letters"], terminal.records.gates["letters"] = state, gate
    assert complete("rampart approve letters --gate a") == [gate.id]
    assert complete("rampart resume letters --stage 2") == ["25%"]
    assert complete("rampart resume letters --stage C") == ["Canary"]


def test_commands_are_completed(complete: Complete) -> None:
    assert {"approve", "abandon", "alerts"} <= set(complete("rampart a"))
    assert {"new", "suggest"} <= set(complete("rampart plan "))


def test_where_aws_cannot_be_asked_nothing_is_completed_and_nothing_is_told(
    terminal: Terminal, complete: Complete
) -> None:
    terminal.failure = RuntimeError("no network")
    assert complete("rampart status l") == []
    assert complete("rampart approve letters --gate ") == []


@pytest.mark.parametrize("is_watched", [True, False])
def test_a_sign_that_work_goes_on_is_shown_only_to_a_person(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch, *, is_watched: bool
) -> None:
    monkeypatch.setattr("sys.stderr.isatty", lambda: is_watched)
    monkeypatch.setenv("TERM", "xterm")
    terminal.records.states["letters"] = live()
    _, _, err = terminal.run("evaluations", "letters", "--replay")
    assert ("Judging the stored evidence again" in err) is is_watched
    assert "Judging" not in terminal.run("evaluations", "letters", "--replay", "--json")[2]
