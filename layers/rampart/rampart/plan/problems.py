"""What is wrong with a plan, in words for the person who wrote it: where, what, and how to mend it."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from pydantic import ValidationError

from rampart.model import Unmeant
from rampart.numbers import shown
from rampart.plan.model import FLAG_FORM, ROLLOUT_FORM, WEBHOOK_FORM

_Location = tuple[int | str, ...]
_LONGEST = 400
"""Characters of what is wrong: a plan's own text must not drown the words about it."""
_NO_KEYS = ("it is no mapping of keys to values", "Write keys with values, such as rollout: letters")
_WORDS: Mapping[str, tuple[str, str]] = {
    # pydantic's type of a problem: what it means in a plan, and what to do
    "missing": ("it is missing", "Add it"),
    "extra_forbidden": ("a plan knows no such key", "Mend its spelling, or take it out"),
    "model_type": _NO_KEYS,
    "model_attributes_type": _NO_KEYS,
    "dict_type": _NO_KEYS,
    "tuple_type": ("it isn't a list", "Write a list, such as [first, second]"),
    "too_short": ("{actual_length} given, at least {min_length} needed", "Add what is missing"),
    "too_long": ("{actual_length} given, at most {max_length} allowed", "Take some out"),
    "string_too_short": ("it is empty", "Fill it in"),
    "greater_than": ("{input} is not more than {gt}", "Write a larger number"),
    "greater_than_equal": ("{input} is less than {ge}", "Write a larger number"),
    "less_than": ("{input} is not less than {lt}", "Write a smaller number"),
    "less_than_equal": ("{input} is more than {le}", "Write a smaller number"),
    "enum": ("{input} is none of {expected}", "Choose one of them"),
    "literal_error": ("{input} is none of {expected}", "Choose one of them"),
    "union_tag_invalid": ("{tag!r} is no kind of criterion: {expected_tags}", "Choose one of them as its kind"),
    "union_tag_not_found": ("it has no kind", "Say kind: rate, count, value or reported"),
}

_FORMS = {
    ROLLOUT_FORM: "made of 2 to 63 lower-case letters, digits and hyphens, with no hyphen in front",
    FLAG_FORM: "made of letters, digits and _ : - . with more than dots among them",
    WEBHOOK_FORM: "a webhook's name, made of letters, digits and _ - . without @webhook- in front",
}
"""What a pattern asks for, in words."""


@dataclass(frozen=True, slots=True)
class PlanProblem:
    """One thing that is wrong: its path in the document, what, and how to mend it."""

    path: str
    what: str
    mend: str


def problems_of(error: ValidationError) -> Iterator[PlanProblem]:
    """Every problem of an invalid plan, each with its path in the document."""
    problems = error.errors(include_url=False)
    for problem in problems:
        if problem["type"] == "too_short" and any(_is_inside(other["loc"], problem["loc"]) for other in problems):
            continue  # an item that is wrong is not missing as well
        path = ".".join(str(part) for part in _path(problem["loc"])) or "plan"
        yield PlanProblem(path, *_short(problem))


def _short(problem: Mapping[str, Any]) -> tuple[str, str]:
    what, fix = _words(problem)
    return what if len(what) <= _LONGEST else f"{what[:_LONGEST]}…", fix


def _words(problem: Mapping[str, Any]) -> tuple[str, str]:
    kind, given = problem["type"], problem["input"]
    if isinstance(given, Unmeant):
        return given.what, given.fix
    if isinstance(given, float) and not math.isfinite(given):
        return f"{given} isn't a finite number", "Write the number that you mean"
    if kind == "string_pattern_mismatch":
        pattern = problem["ctx"]["pattern"]
        return f"{shown(given)} is not {_FORMS.get(pattern, f'of the form {pattern}')}", "Write it in that form"
    if kind in _WORDS:
        what, mend = _WORDS[kind]
        return what.format(**{"input": shown(given), **problem.get("ctx", {})}), mend
    what = problem["msg"].removeprefix("Value error, ")
    return what[:1].lower() + what[1:], "Mend it in the plan"


def _is_inside(loc: _Location, outer: _Location) -> bool:
    return len(loc) > len(outer) and loc[: len(outer)] == outer


def _path(loc: _Location) -> _Location:
    """The way to a problem in the document; pydantic adds a criterion's kind as a step of its own."""
    inside_criterion = loc[:1] == ("criteria",) and len(loc) > 2
    return (*loc[:2], *loc[3:]) if inside_criterion else loc
