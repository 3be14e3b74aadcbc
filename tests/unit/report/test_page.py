"""The page holds the whole story, needs nothing from outside, and everything on it has words."""

from __future__ import annotations

import re
from datetime import timedelta
from html.parser import HTMLParser
from itertools import combinations, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from rampart.evidence.series import Series
from rampart.evidence.window import Window
from rampart.plan.model import Plan
from rampart.rollout.event import EventKind
from rampart.rollout.freeze import Freeze
from rampart.rollout.state import Status
from rampart_cli.report.charts import draw_criterion, free_height
from rampart_cli.report.history import gather
from rampart_cli.report.page import render

from .conftest import GOOD, PLAN, START, Story, whole_story

_VOID = {"meta", "br", "link", "img", "input", "hr"}


class Outline(HTMLParser):
    """What a page is made of: its elements with their attributes, and whether they nest."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.ids: list[str] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]
        if tag not in _VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        self.ids += [value or "" for name, value in attrs if name == "id"]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def page(story: Story) -> str:
    return render(gather(story.records, story.records.states["letters"]))


@pytest.fixture(scope="module")
def outline(page: str) -> Outline:
    return Outline(page)


def test_it_tells_who_decided_what_and_what_was_measured(page: str, story: Story) -> None:
    for told in (
        "letters_new_source went 0% → 1% → 25% → 50% → 0% → 25% → 50% → 100%; the rollout is complete at 100%.",
        "Ada Lovelace",
        "approved without proof",
        "monitor 4711 alerts: download error rate 14%",
        "168 of 800",
        "14.3% to 29%",
        story.plan.digest,
    ):
        assert told in page


def test_one_is_one_and_a_flag_that_was_not_moved_went_nowhere() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.close(Status.LIVE)
    page = render(gather(told.records, told.records.states["letters"]))
    assert "<small>1 event</small>" in page
    assert "letters_new_source has not been moved yet: it is at 0%, and the rollout is live." in page
    assert "went 0%" not in page


def test_every_act_of_a_person_counts_as_a_decision_by_people(story: Story) -> None:
    history = gather(story.records, story.records.states["letters"])
    by_people = [event for event in history.acts if event.by not in {"rampart", "datadog"}]
    assert {event.kind for event in by_people} >= {EventKind.DECIDED, EventKind.RESUMED}
    assert f"<strong>{len(by_people)}</strong> <span>decisions by people</span>" in render(history)


@given(st.floats(0, 100), st.integers(1, 25))
def test_a_mark_never_leaves_the_picture_however_many_there_are(height: float, many: int) -> None:
    taken: list[float] = []
    for _ in range(many):
        taken.append(free_height(height, taken))
    assert all(0 <= y <= 108 for y in taken)
    assert all(abs(a - b) >= 9 for a, b in combinations(taken[:8], 2)), "the first ones have room of their own"


def test_a_window_is_told_as_people_say_it(page: str) -> None:
    assert "1 d (24 times 1 h)" in page
    assert "of 3600 s" not in page


def test_a_window_of_two_widths_tells_both() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(0)
    told.bake(1, GOOD)
    told.close(Status.LIVE)
    start = int(START.timestamp())
    window = Window(start, start + 26 * 3600, 300, 400, coarse=3600, fine_from=start + 25 * 3600)
    told.records.looks[-1] = told.records.looks[-1].model_copy(update={"window": window.to_stored()})
    assert "1 d 2 h (25 times 1 h, 12 times 5 min)" in render(gather(told.records, told.records.states["letters"]))


def test_a_verdicts_mark_has_a_shape_of_its_own(story: Story) -> None:
    history = gather(story.records, story.records.states["letters"])
    drawn = draw_criterion(history, "download error rate", 1, "drawn")
    assert drawn is not None
    # What a mark is drawn with is defined once, next to the marks that use it.
    marks = {color: path for path, color in re.findall(r'd="([^"]+)"[^>]*stroke="var\(--(pass|fail)\)"', drawn.wide)}
    assert set(marks) == {"pass", "fail"}
    assert marks["pass"] != marks["fail"]


def test_a_dollar_sign_in_a_name_is_a_dollar_sign() -> None:
    name = "refunds over $5 and under $x_{"
    criteria = {name: PLAN["criteria"]["index error rate"]}
    told = Story(plan=Plan.model_validate({**PLAN, "title": "From $1 to $\\frac", "criteria": criteria}))
    told.tell(EventKind.STARTED, "starts")
    told.advance(0)
    told.bake(2, {name: 0.002})
    told.close(Status.LIVE)
    page = render(gather(told.records, told.records.states["letters"]))
    assert f"<h3>{name}" in page
    assert "From $1 to $\\frac" in page


def test_it_asks_nobody_for_anything(outline: Outline, page: str) -> None:
    assert not {"script", "link", "img", "iframe", "object", "form"} & {tag for tag, _ in outline.elements}
    shown = [(tag, attributes) for tag, attributes in outline.elements if tag != "a"]  # a link is asked when clicked
    addresses = [v for _, attributes in shown for k, v in attributes.items() if k in {"href", "src"}]
    assert all(address and address.startswith("#") for address in addresses)
    assert "@import" not in page
    assert "http://" not in page.replace('xmlns="http://www.w3.org/2000/svg"', "")
    assert page.count("https://") == len([a for a in outline.all("a") if str(a["href"]).startswith("https://")])


def test_it_links_to_the_pages_that_belong_to_the_rollout() -> None:
    links = {"The flag": "https://flags.example.gov/features/letters"}
    told = Story(plan=Plan.model_validate({**PLAN, "monitors": [4711], "links": links}))
    told.tell(EventKind.STARTED, "starts")
    told.close(Status.LIVE)
    page = Outline(render(gather(told.records, told.records.states["letters"], "ddog-gov.com")))
    assert [each["href"] for each in page.all("a")][:2] == [
        "https://flags.example.gov/features/letters",
        "https://app.ddog-gov.com/monitors/4711",
    ]
    without_site = Outline(render(gather(told.records, told.records.states["letters"])))
    assert not any("ddog" in str(each["href"]) for each in without_site.all("a"))


def test_a_link_that_a_browser_would_run_is_no_plan() -> None:
    for address in ("javascript:alert(1)", "http://flags.example.gov", 'https://x" onclick="y', "https://a b"):
        with pytest.raises(ValidationError):
            Plan.model_validate({**PLAN, "links": {"The flag": address}})


def test_its_content_policy_allows_its_own_style_sheet_and_nothing_else(outline: Outline) -> None:
    (policy,) = [m["content"] for m in outline.all("meta") if m.get("http-equiv") == "Content-Security-Policy"]
    assert re.fullmatch(
        r"default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'; base-uri 'none'; form-action 'none'", policy or ""
    )
    assert not any("style" in attributes for _, attributes in outline.elements)


def test_a_note_is_text_and_never_markup(page: str) -> None:
    assert "<script>" not in page
    assert "&lt;script&gt;alert(1)" in page


def test_headings_descend_without_gaps(outline: Outline) -> None:
    levels = [int(tag[1]) for tag, _ in outline.elements if re.fullmatch(r"h[1-6]", tag)]
    assert levels[0] == 1
    assert levels.count(1) == 1
    assert all(after <= before + 1 for before, after in pairwise(levels))


def test_every_table_has_a_caption_and_every_head_cell_a_scope(outline: Outline) -> None:
    assert len(outline.all("caption")) == len(outline.all("table")) > 5
    assert all(cell.get("scope") in {"col", "row"} for cell in outline.all("th"))


def test_every_picture_has_a_text_alternative(outline: Outline) -> None:
    pictures = outline.all("svg")
    assert len(pictures) == 2 * 3
    assert all(picture["role"] == "img" and picture["aria-label"] for picture in pictures)


def test_ids_are_unique_and_what_is_referred_to_is_there(outline: Outline, page: str) -> None:
    assert len(set(outline.ids)) == len(outline.ids)
    referred = set(re.findall(r"url\(#([^)]+)\)", page)) | set(re.findall(r' href="#([^"]+)"', page))
    assert referred
    assert referred <= set(outline.ids)


def test_elements_nest(outline: Outline) -> None:
    assert outline.open == []


def test_pictures_take_the_pages_colours_so_that_both_schemes_show_them(page: str) -> None:
    pictures = "".join(re.findall(r"<svg.*?</svg>", page, re.DOTALL))
    assert "var(--accent)" in pictures
    assert "var(--fail)" in pictures
    assert "#0101" not in pictures


def test_the_same_history_gives_the_same_page(page: str, story: Story) -> None:
    assert render(gather(story.records, story.records.states["letters"])) == page


def test_a_rollout_that_just_began_has_a_page_too() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.close(Status.LIVE)
    page = render(gather(told.records, told.records.states["letters"]))
    assert "The flag has not been moved." in page
    assert "Nothing was judged yet." in page


def test_a_stage_without_evidence_has_a_page_too() -> None:
    told = Story()
    told.tell(EventKind.STARTED, "starts")
    told.advance(0)
    told.bake(1, {})
    told.close(Status.LIVE)
    page = render(gather(told.records, told.records.states["letters"]))
    assert "no data" in page


def test_a_comparison_shows_its_ratio_over_time_and_the_rates_behind_it() -> None:
    name, parts = "next to the old path", ("errors", "total", "control_errors", "control_total")
    queries = {part: f"sum:{part}{{*}}.as_count()" for part in parts}
    compare = {"kind": "compare", "at_most": "1.5x", "baseline": "1%", "clump": 1, **queries}
    told = Story(plan=Plan.model_validate(PLAN | {"criteria": {name: compare}}))
    told.tell(EventKind.STARTED, "starts", by="letters-team")
    told.advance(1)
    began = told.at
    points: dict[str, list[tuple[int, float]]] = {}
    for hour in range(1, 25):
        told.at = began + timedelta(hours=hour)
        for part, value in zip(parts, (1.0, 100.0, 3.0, 300.0), strict=True):
            points.setdefault(f"{name}/{part}", []).append((int(began.timestamp()) + (hour - 1) * 3600, value))
        told._look(began, {key: Series(tuple(each)) for key, each in points.items()}, hour, 24)
    page = render(gather(told.records, told.close(Status.LIVE)))
    assert "at most 1.5x the control" in page
    assert "1% (24 of 2,400) against 1% (72 of 7,200)" in page
    assert "The rates behind it, since each stage began." in page
    assert "rates-1-wide" in page


def test_a_freeze_that_held_the_rollout_up_is_told() -> None:
    """Nothing else would say why a stage lasted longer than its hold."""
    told = whole_story()
    state = told.records.states["letters"]
    before = Freeze(by="Ben", note="old", at=state.started - timedelta(days=1))
    for freeze in (before, Freeze(by="Ada", note="an incident", at=state.updated)):
        told.records.told.append(freeze.begun)
    page = render(gather(told.records, state))
    assert "Ada froze every rollout" in page
    assert "Ben froze" not in page


def test_what_elapsed_ends_with_the_rollout_and_not_with_what_is_looked_after_later(story: Story) -> None:
    history = gather(story.records, story.records.states["letters"])
    later = history.state.moved(history.state.updated + timedelta(minutes=15), watched=False)
    watched = gather(story.records, later)
    assert watched.known_until > watched.ended == history.ended
    [done] = [event.at for event in history.events if event.kind is EventKind.COMPLETED]
    assert history.ended == done
