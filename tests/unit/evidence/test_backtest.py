"""`rampart backtest` on files of series, and the pictures it draws."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rampart.evidence.verdict import Verdict
from rampart_cli.commands.backtest import Recorded, Settings, backtest, criterion_for, replay
from rampart_cli.failures import InputError

Run = Callable[..., list[dict[str, Any]]]
Buckets = list[list[float | None]]

HEALTHY = [[0, 10]] * 20
BROKEN = [[9, 10]] * 20
LATE = [[0, 10], [1, 10]] * 500 + [[5, 10]] * 30


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Run `rampart backtest --json` on series, by id, and read its lines."""

    def run_backtest(series: dict[str, Any], *options: str, bar: str = "< 8%") -> list[dict[str, Any]]:
        file = tmp_path / "series.jsonl"
        file.write_text("".join(json.dumps({"id": k, "buckets": v}) + "\n" for k, v in series.items()))
        app = typer.Typer()
        app.command()(backtest)
        result = CliRunner().invoke(app, ["--bar", bar, "--buckets", str(file), "--json", *options])
        if result.exception is not None and not isinstance(result.exception, SystemExit):
            raise result.exception
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]

    return run_backtest


def test_each_series_gets_a_line_with_its_first_decision(run: Run) -> None:
    healthy, broken, late, open_ = run({"healthy": HEALTHY, "broken": BROKEN, "late": LATE, "open": [[1, 10]]})
    assert healthy == {
        "id": "healthy",
        "verdict": "pass",
        "at_bucket": 5,
        "test": "mixture",
        "errors": 0,
        "requests": 60,
        "interval": healthy["interval"],
    }
    assert healthy["interval"][1] < 0.08
    assert (broken["verdict"], broken["at_bucket"], broken["test"]) == ("fail", 0, "mixture")
    assert broken["interval"][0] > 0.08
    assert late["verdict"] == "pass"
    assert (open_["verdict"], open_["at_bucket"], open_["test"]) == ("inconclusive", None, None)


def test_only_fail_looks_for_the_fail_side_alone(run: Run) -> None:
    healthy, late = run({"healthy": HEALTHY, "late": LATE}, "--only", "fail")
    assert (healthy["verdict"], healthy["at_bucket"]) == ("inconclusive", None)
    assert (late["verdict"], late["test"], late["interval"]) == ("fail", "change detector", None)
    assert 1000 <= late["at_bucket"] <= 1005
    assert late["requests"] <= 60


def test_planned_buckets_set_the_detectors_patience(run: Run) -> None:
    sooner, later = (
        run({"late": LATE}, "--only", "fail", "--planned-buckets", planned)[0]["at_bucket"]
        for planned in ("1", "1000000")
    )
    assert sooner < later


def test_a_clump_asks_for_more(run: Run) -> None:
    assert run({"healthy": HEALTHY}, "--clump", "3")[0]["at_bucket"] == 15


def test_a_floor_is_written_with_its_sign(run: Run) -> None:
    assert run({"all": [[10, 10]] * 40}, bar="> 95%")[0]["verdict"] == "pass"
    assert run({"all": [[5, 10]] * 40}, bar="above 95%")[0]["verdict"] == "fail"


@pytest.mark.parametrize(
    ("buckets", "verdict"),
    [
        ([], "no_data"),
        ([[0, 0]], "no_data"),
        ([[None, None]], "no_data"),
        ([[3, 0]], "error"),
        ([[11, 10]], "error"),
        ([[-1, 10]], "error"),
        ([[float("nan"), 10]], "error"),
        ([[9, 10], [11, 10], [9, 10], [9, 10]], "fail"),
    ],
)
def test_missing_and_contradictory_counts_are_judged_as_in_a_stage(run: Run, buckets: Buckets, verdict: str) -> None:
    assert run({"odd": buckets})[0]["verdict"] == verdict


def test_many_series_are_judged_in_their_order_as_few_are(run: Run) -> None:
    chance = Random(3)
    series = {str(i): [[int(chance.random() < 0.2), 1] for _ in range(60)] for i in range(150)}
    many = run(series)
    assert [line["id"] for line in many] == list(series)
    few = [run({key: series[key]})[0] for key in list(series)[:20]]
    assert many[:20] == few
    assert {line["verdict"] for line in many} >= {"fail", "inconclusive"}


@given(st.lists(st.tuples(st.integers(0, 10), st.integers(10, 20)), max_size=40), st.sampled_from(["< 8%", "> 60%"]))
def test_the_first_decision_is_the_first_look_that_decides(buckets: list[tuple[int, int]], bar: str) -> None:
    settings = Settings(criterion_for(bar, 1), planned_buckets=40)
    whole = replay(Recorded("whole", buckets), settings)
    looks = [replay(Recorded("part", buckets[: length + 1]), settings) for length in range(len(buckets))]
    first = next((at for at, look in enumerate(looks) if look.verdict in {Verdict.FAIL, Verdict.PASS}), None)
    assert whole.at_bucket == first
    if first is not None:
        assert whole.verdict is looks[first].verdict


def test_a_csv_is_one_series_ordered_by_time(tmp_path: Path) -> None:
    file = tmp_path / "downloads.csv"
    rows = [
        "time,errors,total",
        *(f"2025-07-29T{hour:02}:00:00Z,9,10" for hour in (3, 1, 2)),
        "2025-07-29T00:00:00,,40",
    ]
    file.write_text("\n".join(rows))
    app = typer.Typer()
    app.command()(backtest)
    result = CliRunner().invoke(app, ["--bar", "< 8%", "--buckets", str(file), "--json"])
    line = json.loads(result.stdout)
    assert (line["id"], line["verdict"], line["at_bucket"]) == ("downloads", "fail", 1)


def test_people_get_a_table(tmp_path: Path) -> None:
    file = tmp_path / "series.jsonl"
    file.write_text(json.dumps({"id": "broken", "buckets": BROKEN}))
    app = typer.Typer()
    app.command()(backtest)
    result = CliRunner().invoke(app, ["--bar", "< 8%", "--buckets", str(file)])
    assert "broken" in result.stdout
    assert "9 of 10" in result.stdout


@pytest.mark.parametrize("ending", ["svg", "png"])
@pytest.mark.parametrize("buckets", [HEALTHY, LATE, [], [[0, 0], [None, None]]])
def test_the_series_can_be_drawn(run: Run, tmp_path: Path, ending: str, buckets: Buckets) -> None:
    picture = tmp_path / f"picture.{ending}"
    run({"drawn": buckets}, "--plot", str(picture))
    start = picture.read_bytes()[:200]
    assert start.startswith(b"\x89PNG") if ending == "png" else b"<?xml" in start


@pytest.mark.parametrize("bar", ["1%", "< 1", "=< 1%", "< 0%", "> 100%", "< lots%"])
def test_a_bar_without_sign_or_sense_is_refused_with_an_example(bar: str) -> None:
    with pytest.raises(InputError) as refused:
        criterion_for(bar, 1)
    assert '"< 1%"' in str(refused.value.mend)


@pytest.mark.parametrize(
    "line", ["nonsense", "[1]", '{"id": 1}', '{"id": 1, "buckets": [[1]]}', '{"id": 1, "buckets": 3}']
)
def test_a_line_that_is_no_series_is_named_by_its_number(tmp_path: Path, line: str) -> None:
    file = tmp_path / "series.jsonl"
    file.write_text('{"id": 1, "buckets": []}\n\n' + line + "\n")
    app = typer.Typer()
    app.command()(backtest)
    result = CliRunner().invoke(app, ["--bar", "< 1%", "--buckets", str(file), "--json"])
    assert isinstance(result.exception, InputError)
    assert str(result.exception).startswith("line 3 is no series")


@pytest.mark.parametrize(
    ("name", "text"), [("a.jsonl", ""), ("a.csv", "time,errors,total\nnever,1,2"), ("a.csv", "1,2")]
)
def test_a_file_that_holds_no_series_is_refused(tmp_path: Path, name: str, text: str) -> None:
    (tmp_path / name).write_text(text)
    app = typer.Typer()
    app.command()(backtest)
    result = CliRunner().invoke(app, ["--bar", "< 1%", "--buckets", str(tmp_path / name), "--json"])
    assert isinstance(result.exception, InputError)
    missing = CliRunner().invoke(app, ["--bar", "< 1%", "--buckets", str(tmp_path / "none.jsonl")])
    assert isinstance(missing.exception, InputError)
