from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from rampart_cli.document import Reading, read

PAGES = Path(__file__).parent / "pages"
TODAY = date(2026, 3, 1)
Read = Callable[[str | bytes], Reading]


@pytest.fixture
def today() -> date:
    """The day that counts as today: before every date of the sample pages that is not meant to be past."""
    return TODAY


@pytest.fixture
def page() -> Callable[[str], bytes]:
    """A sample page by its name."""

    def load(name: str) -> bytes:
        return (PAGES / f"{name}.md").read_bytes()

    return load


@pytest.fixture
def reading() -> Read:
    """Read a page that a test writes."""

    def make(text: str | bytes) -> Reading:
        return read(text.encode() if isinstance(text, str) else text, today=TODAY)

    return make
