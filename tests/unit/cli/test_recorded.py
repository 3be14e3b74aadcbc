"""Recorded series as files hold them: what is read, and in which words everything else is refused."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import pytest

from rampart_cli.failures import ExitCode, InputError
from rampart_cli.main import main
from rampart_cli.recorded import parse_line, read_csv

AT = datetime(2025, 7, 29, tzinfo=UTC)
Csv = Callable[[str], Path]


@pytest.fixture
def csv(tmp_path: Path) -> Csv:
    def write(text: str) -> Path:
        file = tmp_path / "downloads.CSV"
        file.write_text(text)
        return file

    return write


def test_a_line_holds_an_id_and_pairs_of_errors_and_total() -> None:
    series = parse_line((1, '{"id": "a", "buckets": [[0, 10], [null, 12]]}'))
    assert (series.id, series.buckets) == ("a", [(0, 10), (None, 12)])


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("nonsense", "Expecting value"),
        ("[" * 100_000, "nested too deeply"),
        ("[1]", 'needs an "id"'),
        ('{"id": 1}', 'list of "buckets"'),
        ('{"buckets": []}', 'needs an "id"'),
        ('{"id": 1, "buckets": 3}', 'list of "buckets"'),
        ('{"id": 1, "buckets": {"ab": 1}}', 'list of "buckets"'),
        ('{"id": 1, "buckets": [[1]]}', "its bucket 0 is [1], and no pair of errors and total"),
        ('{"id": 1, "buckets": [[0, 10], "ab"]}', "its bucket 1 is 'ab'"),
        ('{"id": 1, "buckets": [{"errors": 1, "total": 2}]}', "its bucket 0 is"),
    ],
)
def test_a_line_that_is_not_a_series_is_named_by_its_number_and_says_why(line: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_line((3, line))
    assert str(refused.value).startswith("line 3 isn't a series: ")
    assert why in str(refused.value)
    assert '"buckets": [[0, 10]' in str(refused.value.fix)


def test_a_csv_is_one_series_ordered_by_time(csv: Csv) -> None:
    series = read_csv(csv("2025-07-29T02:00:00Z,2,10\n2025-07-29T01:00:00,,40\n1753747200,0,5"))
    assert series.id == "downloads"
    assert series.buckets == [(0, 5), (None, 40), (2, 10)]
    assert series.times == [AT, AT.replace(hour=1), AT.replace(hour=2)]


@pytest.mark.parametrize(
    "header", ["time,total,errors", " Time , TOTAL,errors", "time,requests,errors", "time,total,errors,5xx"]
)
def test_columns_are_read_by_their_names(csv: Csv, header: str) -> None:
    more = ",77" if header.count(",") == 3 else ""
    assert read_csv(csv(f"{header}\n2025-07-29,40,1{more}\n")).buckets == [(1, 40)]


def test_a_header_without_rows_is_a_series_without_buckets(csv: Csv) -> None:
    assert read_csv(csv("time,errors,total\n")).buckets == []


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("when,bad,all\n", "line 1: of the columns when, bad, all, not exactly one is called time"),
        ("time,errors\n", "not exactly one is called total"),
        ("time,errors,total,errors\n", "not exactly one is called errors"),
        ("\ntime,errors,total\n\n2025-07-29,1", "line 4: 2 columns, where there should be 3"),
        ("2025-07-29,1,2,3", "line 1: 4 columns, where there should be 3"),
        ("never,1,2", "line 1: 'never' isn't a time"),
        ("99999999999999999,1,2", "line 1: '99999999999999999' isn't a time"),
        ("9" * 400 + ",1,2", "isn't a time"),
        ("2025-07-29,some,2", "line 1: 'some' isn't a number"),
    ],
)
def test_a_csv_that_is_not_a_series_names_the_line_and_says_why(csv: Csv, text: str, why: str) -> None:
    with pytest.raises(InputError) as refused:
        read_csv(csv(text))
    assert why in str(refused.value)
    assert refused.value.fix == "A line is time,errors,total; or name these three, in any order, in the first line."


@pytest.mark.parametrize("name", ["a.jsonl", "a.csv", "a.CSV", "missing.jsonl", "missing.csv"])
def test_an_empty_file_and_a_missing_one_hold_no_series(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    if name.startswith("a"):
        (tmp_path / name).write_text("\n\n")
    code = main(["backtest", "--bar", "< 1%", "--buckets", str(tmp_path / name), "--json"])
    assert code == ExitCode.USAGE
    told = json.loads(capsys.readouterr().out)["error"]["message"]
    assert (
        told.endswith("holds no series")
        if name.startswith("a")
        else told.endswith("cannot be read: No such file or directory")
    )


def test_a_file_of_other_bytes_is_told_as_no_text(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe\x00")
    assert main(["backtest", "--bar", "< 1%", "--buckets", str(tmp_path / "a.jsonl"), "--json"]) == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["error"]["message"].endswith("a.jsonl isn't UTF-8 text")


@pytest.mark.parametrize("name", ["downloads.csv", "downloads.CSV"])
def test_a_csv_is_known_by_its_ending(tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / name).write_text("time,errors,total\n2025-07-29,9,10\n")
    assert main(["backtest", "--bar", "< 1%", "--buckets", str(tmp_path / name), "--json"]) == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["id"] == "downloads"


@pytest.mark.parametrize("good", [1, 100])
def test_an_error_after_good_lines_is_one_more_line_of_json(
    tmp_path: Path, good: int, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "series.jsonl"
    file.write_text('{"id": 1, "buckets": [[9, 10]]}\n' * good + "nonsense\n")
    code = main(["backtest", "--bar", "< 1%", "--buckets", str(file), "--json"])
    *before, last = map(json.loads, capsys.readouterr().out.splitlines())
    assert code == ExitCode.USAGE
    assert last["error"]["message"].startswith(f"line {good + 1} isn't a series")
    assert all(line["verdict"] == "fail" for line in before)
