"""Whatever goes wrong is told in words, with an exit code that says whose turn it is, and never as a traceback."""

from __future__ import annotations

from pathlib import Path

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError, HTTPClientError, NoCredentialsError, NoRegionError
from botocore.parsers import ResponseParserError

from rampart.errors import StoreError
from rampart_cli.failures import ExitCode, RefusedError

from .conftest import Terminal

DENIED = ClientError({"Error": {"Code": "AccessDenied", "Message": "not you"}}, "DescribeStacks")


@pytest.mark.parametrize(
    ("failure", "code", "told"),
    [
        (NoRegionError(), 3, "region"),
        (NoCredentialsError(), 3, "credentials"),
        (EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), 3, "127.0.0.1"),
        (DENIED, 3, "AccessDenied"),
        (ResponseParserError("an empty answer with 200"), 3, "what answered isn't AWS"),
        (StoreError("could not read STATE"), 3, "STATE"),
        (RefusedError("no", fix="ask again"), 1, "ask again"),
        (ZeroDivisionError("oops"), 70, "oops"),
    ],
)
def test_each_failure_has_its_exit_code_and_words(terminal: Terminal, failure: Exception, code: int, told: str) -> None:
    terminal.failure = failure
    got, out, err = terminal.run("status")
    assert (got, out) == (code, "")
    assert told in err
    assert "Traceback" not in err
    assert told in str(terminal.run_json("status")[1]["error"])


@pytest.mark.parametrize(
    ("typed", "meant"),
    [
        ("abort", "rollback"),
        ("logs", "events"),
        ("pause", "freeze"),
        ("completion", "--install-completion"),
        ("new", "plan new"),
        ("ls", "list"),
        ("approv", "approve"),
        ("validate", "plan check"),
    ],
)
def test_a_command_of_another_name_is_pointed_out(terminal: Terminal, typed: str, meant: str) -> None:
    code, shown = terminal.run_json(typed, "letters")
    assert (code, shown["error"]["fix"]) == (2, f"Did you mean `rampart {meant}`?")


@pytest.mark.parametrize(
    "arguments", [("fly",), ("status", "--nonsense"), ("start",), ("resume", "letters"), ("events", "a", "--last", "0")]
)
def test_wrong_usage_is_exit_code_2_and_points_to_the_help(terminal: Terminal, arguments: tuple[str, ...]) -> None:
    code, out, err = terminal.run(*arguments)
    assert (code, out) == (2, "")
    assert "--help" in err
    assert terminal.run_json(*arguments)[1]["error"]["name"] == "Usage"


@pytest.mark.parametrize("group", [(), ("plan",), ("dead-letters",)])
def test_a_group_alone_shows_its_help(terminal: Terminal, group: tuple[str, ...]) -> None:
    code, out, _ = terminal.run(*group)
    assert code == 2
    assert "Usage: rampart" in out
    assert terminal.run(*group, "--help")[:2] == (0, out)


def test_a_defect_can_be_looked_into(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAMPART_DEBUG", "1")
    terminal.failure = ZeroDivisionError("oops")
    with pytest.raises(ZeroDivisionError):
        terminal.run("status")


def test_the_stack_is_named_by_option_or_environment(terminal: Terminal, monkeypatch: pytest.MonkeyPatch) -> None:
    terminal.run("status")
    terminal.run("status", "--stack", "other")
    monkeypatch.setenv("RAMPART_STACK", "third")
    terminal.run("status")
    assert terminal.asked_for == ["rampart", "other", "third"]


def test_an_unknown_rollout_is_told_with_those_that_are_watched(terminal: Terminal) -> None:
    code, shown = terminal.run_json("status", "nothing")
    assert (code, shown["error"]["name"]) == (ExitCode.REFUSED, "UnknownRollout")


@pytest.mark.parametrize(
    "failure", [EndpointConnectionError(endpoint_url="http://127.0.0.1:1"), HTTPClientError(error="cut")]
)
def test_an_endpoint_that_does_not_answer_is_not_a_permission_problem(terminal: Terminal, failure: Exception) -> None:
    terminal.failure = failure
    fix = terminal.run_json("status")[1]["error"]["fix"]
    assert "AWS_ENDPOINT_URL" in fix
    assert "permissions" not in fix


def test_wrong_usage_names_the_help_of_the_very_command(terminal: Terminal) -> None:
    assert terminal.run_json("plan", "check")[1]["error"]["fix"] == "See rampart plan check --help"
    assert terminal.run_json("fly")[1]["error"]["fix"] == "See rampart --help"


def test_a_file_that_cannot_be_written_is_named_without_the_systems_numbers(terminal: Terminal, tmp_path: Path) -> None:
    away = tmp_path / "away" / "plan.yaml"
    terminal.failure = FileNotFoundError(2, "No such file or directory", str(away))
    code, answer = terminal.run_json("status")
    assert (code, answer["error"]["message"]) == (2, f"{away}: No such file or directory")


def test_bindings_that_cannot_be_used_are_an_error_for_machines_too(terminal: Terminal, tmp_path: Path) -> None:
    page, bindings = tmp_path / "page.md", tmp_path / "bindings.yaml"
    page.write_text("Stage A: 1% of users\n")
    bindings.write_text("criteria: {}\nrollout: letters\n")
    code, answer = terminal.run_json("plan", "import", str(page), "--bindings", str(bindings))
    assert code == 2
    assert answer["error"]["name"] == "UnreadableBindings"
    assert "rollout: unknown key 'rollout'" in answer["error"]["message"]
