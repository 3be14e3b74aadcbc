"""A draft holds what the page says, line by line, and cannot be taken for a plan while something is missing."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rampart.evidence.compare import PARTS
from rampart_cli.document import Bindings, Reading, draft, read
from rampart_cli.document.bindings_file import read_bindings
from rampart_cli.document.draft import scalar

from .conftest import Read


def _draft(reading: Reading) -> str:
    return draft(reading.plans, source="page.md", bindings=Bindings())


class _GapLoader(yaml.SafeLoader):
    """Reads a gap as its tag, so that a test sees where gaps are."""


_GapLoader.add_constructor("!gap", lambda _loader, _node: "!gap")


def test_a_draft_with_a_gap_is_refused_by_the_loader(page: Callable[[str], bytes], today: date) -> None:
    text = _draft(read(page("phases-and-timeline"), today=today))

    with pytest.raises(yaml.YAMLError, match="!gap"):
        yaml.safe_load(text)


def test_each_value_names_the_line_that_states_it(page: Callable[[str], bytes], today: date) -> None:
    text = _draft(read(page("phases-and-timeline"), today=today))

    assert "  - permits_use_new_registry  # line 6\n" in text
    assert "    below: 6.5%  # line 24: Print error rate: < 6.5%\n" in text
    assert "  - name: Canary  # line 9\n    percent: 2  # line 9\n    users: 300  # line 15\n" in text
    assert "    hold: 3d  # line 11: 2026-03-02 to 2026-03-05\n" in text
    assert "  - percent: 20  # line 47\n    hold: 2 business days  # line 36: two full business days\n" in text


def test_what_the_page_does_not_say_is_a_gap(page: Callable[[str], bytes], today: date) -> None:
    drafted = yaml.load(_draft(read(page("phases-and-timeline"), today=today)), Loader=_GapLoader)

    assert (drafted["owner"], drafted["timezone"]) == ("!gap", "!gap")
    assert drafted["criteria"]["Lookup error rate"] == {
        "kind": "rate",
        "errors": "!gap",
        "total": "!gap",
        "baseline": "!gap",
        "below": "1%",
    }
    assert drafted["criteria"]["Call center complaints"] == {"kind": "reported", "at_most": 0}


@pytest.mark.parametrize(
    ("stage", "why"),
    [
        ("## Stage A: 25%\n- Percentage of users: 10%", "the page says 25% at line 2, 10% at line 3"),
        ("## Stage A: 40% of the time", "line 2 says 40% of the time; Rampart moves a percentage of users"),
        ("## Stage A: 25%\n## Stage B: internal staff", "line 3 names an audience and no percentage"),
        ("## Stage A: some", "line 2 does not say which percentage"),
    ],
)
def test_a_stage_whose_percentage_is_not_clear_is_a_gap(stage: str, why: str, reading: Read) -> None:
    assert f"percent: !gap  # GAP: {why}\n" in _draft(reading(f"# Plan\n{stage}\n"))


def test_an_audience_before_the_first_percentage_is_a_stage_for_people_by_name(reading: Read) -> None:
    drafted = _draft(reading("# Plan\n## Stage A: internal staff\n## Stage B: 25%\n"))
    assert "groups: !gap  # GAP: line 2 names an audience and no percentage: write the groups" in drafted
    assert drafted.count("groups: !gap") == 1


@pytest.mark.parametrize(
    ("criterion", "entry"),
    [
        ("Saved: >= 95%", "above: 95%"),
        ("Errors: 0%", "below: !gap"),
        ("Uptime: 99%", "below: !gap"),
        ("Crashes: <= 3", "at_most: 3"),
        ("Tickets: < 2", "at_most: 1"),
        ("Tickets: > 2", "at_most: !gap"),
        ("p95: < 800 ms", "below: 800.0"),
        ("Bounce rate", "Bounce rate: !gap"),
        ("Rate between 5% and 20%", "below: !gap"),
    ],
)
def test_a_bar_goes_where_a_plan_wants_it(criterion: str, entry: str, reading: Read) -> None:
    assert entry in _draft(reading(f"# Plan\n## Stage A: 100%\n## Success criteria\n- {criterion}\n"))


@pytest.mark.parametrize(
    ("said", "drafted"),
    [
        (
            "https://x.datadoghq.com/monitors/12345 https://x.datadoghq.com/monitors/67",
            "monitors: [12345, 67]  # line 3, 3",
        ),
        ("Monitor: Errors", "# line 3 names Errors; write its number: `monitors: [12345]`"),
        ("", "# GAP: the page names no monitor; add `monitors: [12345]` so that a rollout can't start during an alert"),
    ],
    ids=["linked", "named", "absent"],
)
def test_a_monitor_is_drafted_by_the_number_that_its_link_holds(said: str, drafted: str, reading: Read) -> None:
    assert f"\n{drafted}\n" in _draft(reading(f"# Plan\n## Stage A: 25%\n{said}\n"))


def test_a_flag_that_is_spelt_in_two_ways_is_a_gap(page: Callable[[str], bytes], today: date) -> None:
    drafted = yaml.load(_draft(read(page("flag-names"), today=today)), Loader=_GapLoader)

    assert drafted["flags"] == ["!gap", "!gap", "fee_waiver_step_1", "fee_waiver_step_2"]


def test_two_plans_give_two_documents(page: Callable[[str], bytes], today: date) -> None:
    text = _draft(read(page("two-plans"), today=today))

    drafted = list(yaml.load_all(text, Loader=_GapLoader))
    assert [plan["rollout"] for plan in drafted] == ["web-release-plan", "mobile-release-plan"]
    assert [plan["owner"] for plan in drafted] == ["web-team", "mobile-team"]


@given(st.text(max_size=60))
@settings(max_examples=200)
def test_any_text_of_a_page_is_the_same_text_in_the_draft(text: str) -> None:
    line = scalar(text)

    assert "\n" not in line
    assert yaml.safe_load(f"key: {line}  # comment")["key"] == text


@pytest.mark.parametrize("said", ["Error rate not worse than before", "Load time consistent with the previous page"])
def test_a_bar_that_compares_is_drafted_as_a_comparison(said: str, today: date) -> None:
    """What is bad must be counted on both paths; how many times as bad it may be is for people to say."""
    page = f"# Letters\n\nFeature flag: `letters`\n\n### Canary: 1%\n\n### Success criteria\n\n- {said}\n"
    text = _draft(read(page.encode(), today=today))
    [(name, drafted)] = yaml.load(text, Loader=_GapLoader)["criteria"].items()
    assert name == said
    assert drafted == {"kind": "compare", **dict.fromkeys([*PARTS, "at_most"], "!gap")}
    assert f"how many times the old path's rate may it be, such as 1.5x? line 9 says: {said}" in text


def test_a_binding_says_what_is_compared_and_how_far(today: date) -> None:
    page = "# Letters\n\n### Canary: 1%\n\n### Success criteria\n\n- Error rate not worse than before\n"
    bindings = read_bindings(
        "criteria:\n  error rate*:\n"
        "    {kind: compare, errors: a, total: b, control_errors: c, control_total: d, at_most: 2x}"
    )
    text = draft(read(page.encode(), today=today).plans, source="page.md", bindings=bindings)
    [drafted] = yaml.load(text, Loader=_GapLoader)["criteria"].values()
    assert drafted == {"kind": "compare", **dict(zip(PARTS, "abcd", strict=True)), "at_most": "2x"}


def test_a_percentiles_bar_is_drafted_with_the_rate_that_it_is(today: date) -> None:
    """A percentile is a point; the share of requests beyond its bar is tested."""
    page = "# Letters\n\n### Canary: 1%\n\n### Success criteria\n\n- p95 latency: < 800 ms\n- Queue depth: < 1500\n"
    text = _draft(read(page.encode(), today=today))
    assert (
        "kind: value  # line 7; better as a rate, which is tested: more than 800 ms in less than 5% of requests" in text
    )
    assert text.count("better as a rate") == 1
