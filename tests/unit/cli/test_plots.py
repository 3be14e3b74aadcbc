"""The pictures: they show what was judged, whatever the text in them, and are refused before the work is done."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from rampart_cli.failures import ExitCode
from rampart_cli.forecast.rate_power import FaultOutlook, Outlook
from rampart_cli.main import main
from rampart_cli.plots.power import draw_power

NAN = float("nan")
HEALTHY = [[0, 10]] * 20
LATE = [[0, 10], [1, 10]] * 500 + [[5, 10]] * 30
SERIES: dict[str, tuple[str, Any]] = {
    "a pass": ("< 8%", HEALTHY),
    "a fail": ("< 8%", [[9, 10]] * 20),
    "a late change": ("< 8%", LATE),
    "a floor": ("> 95%", [[10, 10]] * 40),
    "one bucket": ("< 8%", [[9, 10]]),
    "no bucket": ("< 8%", []),
    "nothing known": ("< 8%", [[0, 0], [None, None]]),
    "not a number": ("< 8%", [*HEALTHY, [NAN, 10], *HEALTHY]),
    "negative requests": ("< 8%", [[1, -10]]),
    "a text": ("< 8%", [["3$", 10]]),
    "a list": ("< 8%", [[[1], 10]]),
}


def draw(tmp_path: Path, bar: str, buckets: Any, *options: str, name: str = "drawn", ending: str = "svg") -> bytes:
    """The picture of one series, as bytes."""
    file, picture = tmp_path / "series.jsonl", tmp_path / f"picture.{ending}"
    file.write_text(json.dumps({"id": name, "buckets": buckets}))
    options = ("--buckets", str(file), "--plot", str(picture), *options)
    assert main(["backtest", "--bar", bar, *options]) == ExitCode.OK
    return picture.read_bytes()


def texts(svg: bytes) -> list[str]:
    """What is written in a picture: matplotlib draws outlines, and keeps the text next to them as comments."""
    return re.findall(r"<!-- (.*?) -->", svg.decode())


@pytest.mark.parametrize(("name", "ending"), [*((name, "svg") for name in SERIES), ("a late change", "png")])
def test_every_series_can_be_drawn(tmp_path: Path, name: str, ending: str) -> None:
    picture = draw(tmp_path, *SERIES[name], ending=ending)
    assert picture.startswith(b"\x89PNG") if ending == "png" else b"<?xml" in picture[:200]


def test_a_picture_shows_what_the_change_detector_saw(tmp_path: Path) -> None:
    shown = texts(draw(tmp_path, "< 8%", LATE, "--only", "fail"))
    assert "fail (change detector)" in shown
    assert any(text.endswith("% since it most likely changed") for text in shown)
    assert "40" in shown  # the axis reaches up to the rate since then, 50%, and not only to the rate of the whole


def test_a_picture_names_the_bucket_that_cannot_be_judged_and_leaves_it_out(tmp_path: Path) -> None:
    shown = texts(draw(tmp_path, *SERIES["not a number"]))
    assert "bucket 20: the number of errors is nan, which cannot be counted" in shown
    assert "pass (mixture)" in shown
    assert texts(draw(tmp_path, "< 8%", [[11, 10]])).count("all so far") == 0


def test_a_picture_of_nothing_has_no_entries_for_what_it_does_not_show(tmp_path: Path) -> None:
    shown = texts(draw(tmp_path, "< 8%", []))
    assert "bar 8%" in shown
    assert not {"each bucket", "all so far", "90% sure"} & set(shown)
    assert "drawn: no data: there are no requests" in shown


def test_the_axis_of_a_floor_does_not_speak_of_errors(tmp_path: Path) -> None:
    assert "rate, %" in texts(draw(tmp_path, *SERIES["a floor"]))


@pytest.mark.parametrize("name", ["costs $x^$", "a_b^{c", "x" * 500, "one\ntwo\x1b[31m", "\U0001f600 日本", "\ud800"])
def test_a_name_is_written_as_it_is_and_never_read_as_a_formula(tmp_path: Path, name: str) -> None:
    shown = texts(draw(tmp_path, "< 8%", HEALTHY, name=name))
    title = next(text for text in shown if text.endswith("pass"))
    assert len(title) < 150
    assert "$" not in name or title == "costs $x^$: pass"
    draw_power(tmp_path / "power.svg", name, [an_outlook(name)])


def an_outlook(name: str) -> Outlook:
    faults = (FaultOutlook(2.0, 0.02, 0.0, None), FaultOutlook(5.0, 0.05, 0.995, 60.0))
    return Outlook(name, 1, name, 384, 384, 0.0025, 0.0, 0.0, faults, 1, 0.06)


@pytest.mark.parametrize(("rows", "drawn"), [(1, 1), (50, 50), (1000, 100)])
def test_chances_are_written_beside_their_bars_however_many_there_are(tmp_path: Path, rows: int, drawn: int) -> None:
    draw_power(tmp_path / "power.svg", "many", [an_outlook("stage")] * rows)
    shown = texts((tmp_path / "power.svg").read_bytes())
    assert shown.count("0%") == 2 * drawn  # the two chances of nothing
    assert shown.count("&gt; 99%") + shown.count("> 99%") == drawn
    assert ("many (the first 100 of 1,000)" in shown) == (rows > drawn)


def test_a_picture_without_a_known_ending_is_refused_before_anything_is_judged(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["backtest", "--bar", "< 8%", "--buckets", str(tmp_path / "none"), "--plot", "a.gif", "--json"])
    assert code == ExitCode.USAGE
    assert json.loads(capsys.readouterr().out)["error"]["message"] == "a.gif is neither .svg nor .png"
