"""A page that says the same in another form is read the same or for less, never for something else."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rampart_cli.document import read

from .corpus_pages import KINDS, Facts, LabeledPage, facts_of, labeled_pages

TODAY = date(2026, 3, 1)
PAGES = labeled_pages()
_HEADING = re.compile(r"^(#{1,5})(?= )", re.MULTILINE)
_LOW_HEADING = re.compile(r"^#{3,6} (.+)$", re.MULTILINE)
_DAY = re.compile(r"\b(2027)-(\d\d)-(\d\d)\b")
_NESTED = re.compile(r"^ +(?=- )", re.MULTILINE)
_BULLET = re.compile(r"^- (?!\[)", re.MULTILINE)
_MONTHS = [date(2027, month, 1).strftime("%B") for month in range(1, 13)]
_ITEM = re.compile(r"^- (\d+)% of users$", re.MULTILINE)
_SHARES = re.compile(r"(?:^- \d+% of users\n){2,}", re.MULTILINE)
_STAGES = re.compile(
    r"^\| (?:Stage|Wave|Step|Phase) \| [^|\n]+ \|\n\|[-|]+\|\n((?:\| \w+ \| \d+% \|\n)+)", re.MULTILINE
)
_DECOYS = (
    "## Results so far\n\n- 37% of users had it on 8/8/2026\n- Error rate < 9%\n",
    "## KPIs after launch\n\n- Adoption > 37%\n- Return visits > 9\n",
    "## Lessons learned\n\n- We went to 37% too early and errors were > 9%\n",
    "## Meeting notes 2026-11-02\n\n- Kim asked for 37% of users first\n- We could go to 83% on 8/8/2027\n",
    "## Retrospective\n\nWe were at 37% of users on 8/8/2026, and errors rose above 9%.\n",
    "## Previous rollout\n\n- Stage A: 37% of users\n- Stage B: 83% of users\n",
)


def _deeper(text: str) -> str:
    return text if "\n######" in text else _HEADING.sub(r"#\1", text)


def _bold(text: str) -> str:
    """Headings of the lowest levels as bold lines, where every heading below the title is of one level."""
    levels = set(map(len, re.findall(r"^(#+) ", text, re.MULTILINE)))
    return _LOW_HEADING.sub(r"\n**\1**\n", text) if levels == {1, 3} else text


def _american(text: str) -> str:
    return _DAY.sub(lambda day: f"{int(day[2])}/{int(day[3])}/{day[1]}", text)


def _spelt_out(text: str) -> str:
    return re.sub(r"(?<=\d)%", " percent", text)


def _by_name(text: str) -> str:
    return _DAY.sub(lambda day: f"{_MONTHS[int(day[2]) - 1]} {int(day[3])}, {day[1]}", text)


def _european(text: str) -> str:
    return _DAY.sub(lambda day: f"{int(day[3])} {_MONTHS[int(day[2]) - 1]} {day[1]}", text)


def _stars(text: str) -> str:
    return _BULLET.sub("* ", text)


def _numbered(text: str) -> str:
    """Each bullet as a number, which is wider: what stands below it has to be indented further to stay below it."""
    return _NESTED.sub(lambda indent: indent[0] * 2, _BULLET.sub("1. ", text))


def _table(text: str) -> str:
    """Each list of shares of users as a table of them."""
    return _SHARES.sub(lambda items: _as_table(_ITEM.findall(items[0])), text)


def _as_table(shares: list[str]) -> str:
    rows = "".join(f"| {number} | {share}% |\n" for number, share in enumerate(shares, start=1))
    return f"\n| Stage | Share of users |\n|---|---|\n{rows}\n"


def _list(text: str) -> str:
    """Each table of stages and their shares as a list of them."""
    return _STAGES.sub(
        lambda table: "\n" + re.sub(r"(?m)^\| (\w+) \| (.+) \|$", r"- Stage \1: \2", table[1]) + "\n", text
    )


FORMS = st.sampled_from([_deeper, _bold, _american, _by_name, _european, _spelt_out, _stars, _numbered, _table, _list])


def _facts(text: str) -> Facts:
    return facts_of(read(text.encode(), today=TODAY))


def _sections(text: str) -> list[str]:
    return re.split(r"(?m)^(?=## )", text)


def _is_within(found: Facts, plain: Facts) -> dict[str, list[object]]:
    return {kind: list(more) for kind in KINDS if (more := found[kind] - plain[kind])}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@given(forms=st.lists(FORMS, min_size=1, max_size=3, unique=True))
@settings(max_examples=8, deadline=None)
def test_another_form_of_a_page_states_nothing_else(page: LabeledPage, forms: list[Callable[[str], str]]) -> None:
    text = page.text
    for form in forms:
        text = form(text)

    assert _is_within(_facts(text), _facts(page.text)) == {}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
@given(decoy=st.sampled_from(_DECOYS))
@settings(max_examples=4, deadline=None)
def test_what_is_only_told_of_adds_nothing(page: LabeledPage, decoy: str) -> None:
    first, *others = _sections(page.text.rstrip() + "\n\n")
    plain = _facts(page.text)

    assert _is_within(_facts(f"{page.text}\n\n{decoy}"), plain) == {}
    assert _is_within(_facts(f"{first}{decoy}\n\n{''.join(others)}"), plain) == {} or not others


@pytest.mark.parametrize("page", [page for page in PAGES if len(_sections(page.text)) > 2], ids=lambda page: page.name)
@given(data=st.data())
@settings(max_examples=5, deadline=None)
def test_sections_in_another_order_state_nothing_else(page: LabeledPage, data: st.DataObject) -> None:
    first, *others = _sections(page.text.rstrip() + "\n\n")
    order = data.draw(st.permutations(others))

    found, plain = _facts(first + "".join(order)), _facts(page.text)

    assert _is_within(found, plain) == {}
