"""Names of criteria without what people vary: case, punctuation, plural, British and American spelling."""

from __future__ import annotations

import re
from functools import lru_cache

_SPELLINGS = {
    "centre": "center", "colour": "color", "behaviour": "behavior", "favourite": "favorite", "programme": "program",
    "catalogue": "catalog", "cancelled": "canceled", "licence": "license", "enrolment": "enrollment", "cheque": "check",
}  # fmt: skip  # a table, many to a line
_APART = re.compile(r"[^\w*?\[\]!%]+|_+")


@lru_cache(maxsize=4096)
def plain_name(text: str) -> str:
    """The words of a name as two people would both write them; `*`, `?` and brackets of a pattern stay."""
    words = _APART.sub(" ", text.casefold()).split()
    return " ".join(_singular(_SPELLINGS.get(word, word)) for word in words)


def _singular(word: str) -> str:
    return word[:-1] if len(word) > 3 and word.endswith("s") and not word.endswith("ss") else word
