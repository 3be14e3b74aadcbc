"""The sample pages cover what varies in plans that people write; beside each stands what a careful person reads."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest

from rampart.finding import kinds_in
from rampart_cli.document import Code, Reading, read

PAGES = sorted((Path(__file__).parent / "pages").glob("*.md"))
assert len(PAGES) >= 20
BY_NAME = pytest.mark.parametrize("path", PAGES, ids=lambda path: path.stem)


def _expected(path: Path) -> dict[str, Any]:
    expected: dict[str, Any] = json.loads(path.with_suffix(".json").read_text())
    return expected


def _read(path: Path, today: date) -> Reading:
    return read(path.read_bytes(), today=today)


@BY_NAME
def test_plans_are_read_as_a_careful_person_reads_them(path: Path, today: date) -> None:
    assert _read(path, today).as_json()["plans"] == _expected(path)["plans"]


@BY_NAME
def test_findings_are_those_that_a_careful_person_makes(path: Path, today: date) -> None:
    found = _read(path, today).diagnostics

    assert [f"{d.line}:{d.column} {d.code}" for d in found] == _expected(path)["findings"]


def test_every_code_is_found_on_a_sample_page_or_belongs_to_pages_that_are_none(today: date) -> None:
    found = {diagnostic.kind for path in PAGES for diagnostic in _read(path, today).diagnostics}

    assert set(kinds_in(Code)) - found == {Code.UNREADABLE_PAGE, Code.NESTED_TOO_DEEP}


def test_every_finding_says_why_it_matters_and_how_to_fix_it() -> None:
    assert all(kind.why.endswith(".") and kind.fix.endswith(".") for kind in kinds_in(Code))


@pytest.mark.parametrize("ends", [b"\r\n", b"\r"], ids=["CRLF", "CR"])
@pytest.mark.parametrize("name", ["phases-and-timeline", "html", "pasted"])
def test_line_ends_and_a_byte_order_mark_change_nothing(
    name: str, ends: bytes, page: Callable[[str], bytes], today: date
) -> None:
    plain = page(name)

    other = read(b"\xef\xbb\xbf" + plain.replace(b"\n", ends), today=today)

    assert other.as_json() == read(plain, today=today).as_json()


def test_mixed_line_ends_keep_the_line_numbers(page: Callable[[str], bytes], today: date) -> None:
    plain = page("phases-and-timeline")
    lines = plain.split(b"\n")
    mixed = b"".join(line + (b"\r\n", b"\n", b"\r")[n % 3] for n, line in enumerate(lines[:-1]))

    assert read(mixed, today=today).as_json() == read(plain, today=today).as_json()
