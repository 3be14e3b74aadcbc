"""`rampart backtest` on files of series, and the pictures it draws."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
import typer
from hypothesis import example, given
from hypothesis import strategies as st
from typer.testing import CliRunner

from rampart.evidence.compare import PARTS
from rampart.evidence.criteria import CompareCriterion
from rampart.evidence.judge import judge
from rampart.evidence.series import Series
from rampart.evidence.verdict import Verdict
from rampart.evidence.window import Window
from rampart_cli.backtest import Backtest, BacktestSettings, judge_recorded
from rampart_cli.commands.backtest import backtest, criterion_for
from rampart_cli.failures import InputError
from rampart_cli.recorded import Recorded, read_csv

Run = Callable[..., list[dict[str, Any]]]
Buckets = list[list[float | None]]

NAN = float("nan")
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
        bars = ["--bar", bar] if bar else []
        result = CliRunner().invoke(app, [*bars, "--buckets", str(file), "--json", *options])
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
        ([[NAN, 10]], "error"),
        ([[1, -10]], "error"),
        ([["3", 10]], "error"),
        ([[[1], 10]], "error"),
        ([[9, 10], [11, 10], [9, 10], [9, 10]], "fail"),
        ([[0, 10]] * 3 + [[NAN, 10]] + [[0, 10]] * 20, "pass"),
        ([[0, 10]] * 3 + [[NAN, 10]] * 2, "error"),
        ([[0, 10]] * 4 + [[31, 10]], "error"),
        ([[0, 10]] * 4 + [[11, 10]], "fail"),
        ([[0, 10]] * 3 + [[NAN, 10]] + [[9, 10]] * 20, "fail"),
        ([[0, 10]] * 3 + [[0, 0]] * 50, "no_data"),
        ([[0, 10]] * 3 + [[NAN, 10]] + [[0, 0]] * 50, "error"),
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


@pytest.mark.parametrize("tail", [[[NAN, 10]], [[0, 0]] * 50])
def test_what_was_reached_stands_whatever_comes_after_it(run: Run, tail: Buckets) -> None:
    passed, failed = run({"passed": HEALTHY + tail, "failed": BROKEN + tail})
    assert (passed["verdict"], passed["at_bucket"]) == ("pass", 5)
    assert (failed["verdict"], failed["at_bucket"]) == ("fail", 0)


COUNTS = st.tuples(st.sampled_from([0, 0, 0, 1, 8, None]), st.sampled_from([0, 10, 10, 10, 20, None]))
FAULTS = st.sampled_from([(NAN, 10), (11, 10), (-1, 10), ("3", 10), (1, 0)])


@given(st.lists(COUNTS | FAULTS, min_size=1, max_size=40), st.sampled_from(["< 8%", "> 60%"]))
@example([(0, 10)] * 20 + [(NAN, 10)], "< 8%")
@example([(0, 10)] * 3 + [(0, 0)] * 20, "< 8%")
@example([(0, 10)] * 3 + [(NAN, 10)] + [(8, 10)] * 9, "< 8%")
@example([(8, 100)] * 20 + [(0, 100)] * 20, "< 8%")
def test_the_verdict_is_the_first_decision_or_else_the_last_verdict(buckets: list[tuple[Any, Any]], bar: str) -> None:
    rate = criterion_for(bar, 1)
    looks: list[Verdict] = []
    for length in range(1, len(buckets) + 1):
        window = Window(start=0, end=length, bucket=1, planned_buckets=40)
        errors, total = (Series(tuple((at, each[part]) for at, each in enumerate(buckets))) for part in (0, 1))
        looks.append(judge(rate, measured={"errors": errors, "total": total}, window=window).verdict)
    first = next((at for at, verdict in enumerate(looks) if verdict in {Verdict.FAIL, Verdict.PASS}), None)
    found = Backtest.of(Recorded("whole", buckets), BacktestSettings(rate, planned_buckets=40)).result
    assert (found.verdict, found.at_bucket) == (looks[-1 if first is None else first], first)


def tell(tmp_path: Path, buckets: Any, bar: str) -> str:
    """What people are shown of one series, in one line."""
    file = tmp_path / "series.jsonl"
    file.write_text(json.dumps({"id": "told", "buckets": buckets}))
    app = typer.Typer()
    app.command()(backtest)
    return " ".join(CliRunner().invoke(app, ["--bar", bar, "--buckets", str(file)]).stdout.split())


def test_people_get_a_table(tmp_path: Path) -> None:
    assert "told fail 0 mixture 9 of 10 50.1% to 100%" in tell(tmp_path, BROKEN, "< 8%")


def test_people_never_read_a_limit_that_is_rounded_onto_the_bar(tmp_path: Path) -> None:
    told = tell(tmp_path, [[0, 10]] * 2000, "< 0.04%")
    assert "0% to 0.03999%" in told


def test_people_are_told_why_there_is_nothing_to_say(tmp_path: Path) -> None:
    told = tell(tmp_path, [[0, 10], [31, 10]], "< 8%")
    assert "error 0 of 10" in told
    assert "at bucket 1 there were more errors (31) than requests (10)" in told
    assert "there are no requests" in tell(tmp_path, [], "< 8%")
    silent = tell(tmp_path, [[0, 10]] * 3 + [[0, 0]] * 50, "< 8%")
    assert "no requests from bucket 3 on, where about 500 were to be expected" in silent


@pytest.mark.parametrize("bar", ["1%", "< 1", "=< 1%", "< 0%", "> 100%", "< lots%"])
def test_a_bar_without_sign_or_sense_is_refused_with_an_example(bar: str) -> None:
    with pytest.raises(InputError) as refused:
        criterion_for(bar, 1)
    assert '"< 1%"' in str(refused.value.fix)


SAME = [[1, 50, 1, 50], [0, 50, 1, 50]] * 40
WORSE = [[9, 50, 1, 50]] * 10


def test_a_comparison_is_replayed_as_a_stage_would_be_judged(run: Run) -> None:
    series = {"same": SAME, "worse": WORSE, "late": SAME + WORSE, "alone": [[1, 50, 0, 0]] * 9, "open": SAME[:2]}
    same, worse, late, alone, open_ = run(series, "--compare", "1.5x", bar="")
    assert same["verdict"] == "pass"
    assert "then_fails_at" not in same
    assert worse["verdict"] == "fail"
    assert (worse["at_bucket"], worse["errors"], worse["control_errors"]) == (1, 18, 2)
    assert (late["verdict"], late["at_bucket"]) == ("pass", same["at_bucket"])
    assert 80 <= late["then_fails_at"] < 86
    assert (alone["verdict"], alone["at_bucket"], alone["interval"]) == ("no_data", None, None)
    assert open_["verdict"] == "inconclusive"


def test_only_fail_looks_past_every_pass(run: Run) -> None:
    (late,) = run({"late": SAME + WORSE}, "--compare", "1.5x", "--only", "fail", bar="")
    assert (late["verdict"], late["at_bucket"]) == ("fail", late["at_bucket"])
    assert 80 <= late["at_bucket"] < 86


@given(
    st.lists(st.tuples(*[st.one_of(st.integers(0, 6), st.sampled_from([None, NAN, -1.0]))] * 4), max_size=25),
    st.sampled_from([0.5, 1.5]),
)
def test_a_comparison_is_decided_where_a_look_first_decides(buckets: list[Any], ratio: float) -> None:
    """The walk that finds the place at once, against looks after each bucket."""
    criterion = CompareCriterion(name="ratio", ratio=ratio, clump=1)
    found = judge_recorded(Recorded("a", buckets), BacktestSettings(criterion))
    measured = {
        part: Series(tuple((at, bucket[column]) for at, bucket in enumerate(buckets)))
        for column, part in enumerate(PARTS)
    }
    for end in range(1, len(buckets) + 1):
        window = Window(start=0, end=end, bucket=1, planned_buckets=len(buckets))
        verdict = judge(criterion, measured=measured, window=window).verdict
        if verdict in {Verdict.FAIL, Verdict.PASS}:
            assert (found.verdict, found.at_bucket) == (verdict, end - 1)
            return
    assert found.at_bucket is None


def test_a_rate_that_passes_and_fails_later_says_so(run: Run) -> None:
    (late,) = run({"late": LATE})
    assert late["verdict"] == "pass"
    assert late["then_fails_at"] > 1000
    (healthy,) = run({"healthy": HEALTHY})
    assert "then_fails_at" not in healthy


@pytest.mark.parametrize(
    ("options", "told"),
    [
        (["--compare", "1.5"], "isn't a ratio; write how many times the control's rate: 1.5x"),
        (["--compare", "0x"], "doesn't lie between 0x, exclusive, and 100x"),
        (["--compare", "2x", "--ignore-below", "2"], "isn't a percentage"),
        (["--compare", "2x", "--bar", "< 1%"], "give either --bar or --compare"),
        ([], "give either --bar or --compare"),
        (["--bar", "< 1%", "--ignore-below", "1%"], "--ignore-below goes with --compare only"),
        (["--compare", "2x", "--plot", "a.svg"], "only the rate of a --bar is drawn"),
    ],
)
def test_options_that_say_too_much_or_too_little_are_refused(tmp_path: Path, options: list[str], told: str) -> None:
    file = tmp_path / "series.jsonl"
    file.write_text('{"id": 1, "buckets": [[0, 10, 0, 10]]}\n')
    app = typer.Typer()
    app.command()(backtest)
    result = CliRunner().invoke(app, ["--buckets", str(file), *options])
    assert isinstance(result.exception, InputError)
    assert told.replace("isn't a percentage", "is not a percentage") in str(result.exception)


def test_a_csv_of_a_comparison_names_its_columns_as_a_plan_does(tmp_path: Path) -> None:
    file = tmp_path / "series.csv"
    file.write_text("control_total,time,errors,total,control_errors\n90,2026-03-02T00:00:00Z,1,10,2\n")
    assert read_csv(file, PARTS).buckets == [(1, 10, 2, 90)]
