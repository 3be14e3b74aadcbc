"""Pages of every kind that people write, labeled first: what is read is right, and hardly anything is missed."""

from __future__ import annotations

import sys
from datetime import date

import pytest

from rampart_cli.document import read

from .corpus_pages import KINDS, labeled_pages, score

TODAY = date(2026, 3, 1)
MOST_MISSED = 0.05
PAGES = labeled_pages()
assert len(PAGES) >= 60


def test_nothing_is_read_wrongly_and_hardly_anything_is_missed(capsys: pytest.CaptureFixture[str]) -> None:
    scores = {page.name: score(page, read(page.text.encode(), today=TODAY)) for page in PAGES}
    told, lines = [], ["\n"]
    for kind in KINDS:
        right, wrong, missed = (
            sum(getattr(found[kind], what).total() for found in scores.values())
            for what in ("right", "wrong", "missed")
        )
        told.append((kind, right, wrong, missed))
        lines.append(f"{kind:7} right {right:4} WRONG {wrong:3} missed {missed:3}\n")

    with capsys.disabled():
        sys.stdout.writelines(lines)
    wrong_on = {
        name: {kind: (list(s.wrong), list(s.missed)) for kind, s in found.items() if s.wrong}
        for name, found in scores.items()
        if any(s.wrong for s in found.values())
    }
    assert wrong_on == {}
    assert [kind for kind, right, _, missed in told if missed > MOST_MISSED * (right + missed)] == []
