"""What is wrong with a plan, for the person who wrote it: where, what, and how to fix it."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from rampart.finding import Finding, FindingKind
from rampart.model import Unmeant, leaves
from rampart.numbers import shown
from rampart.plan.model import FLAG_FORM, ROLLOUT_FORM, WEBHOOK_FORM, Plan

MISSING_KEY = FindingKind("missing_key", "A key that a plan needs is missing.", "Add it")
UNKNOWN_KEY = FindingKind(
    "unknown_key", "A key that no plan has: perhaps a misspelling.", "Fix its spelling, or remove it"
)
WRONG_TYPE = FindingKind(
    "wrong_type", "A value of another type than the key takes, such as text for a list.", "Write it as the key takes it"
)
WRONG_SIZE = FindingKind(
    "wrong_size", "Too few or too many items, or empty text.", "Add what is missing, or take some out"
)
OUT_OF_RANGE = FindingKind("out_of_range", "A number that is too small or too large.", "Write a number in the range")
UNKNOWN_VALUE = FindingKind("unknown_value", "A value that isn't one of those the key knows.", "Choose one of them")
WRONG_FORM = FindingKind("wrong_form", "A name with characters that it can't have.", "Write it in that form")
MISREAD_VALUE = FindingKind(
    "misread_value", "A value that YAML reads as something else, such as `yes` as true.", "Put it in quotes"
)
INVALID_VALUE = FindingKind(
    "invalid_value", "A value, or several together, that make no sense in a plan.", "Fix it in the plan"
)

KEYS = frozenset({MISSING_KEY, UNKNOWN_KEY})
"""Kinds that are about a key, not about its value."""

_Location = tuple[int | str, ...]
_LONGEST = 400
"""Characters of what is wrong: a plan's own text must not drown the words about it."""
_NO_KEYS = (WRONG_TYPE, "this isn't a mapping of keys to values", "Write keys with values, such as rollout: letters")
_WORDS: Mapping[str, tuple[FindingKind, str, str]] = {
    # pydantic's type of a problem: its kind, what is wrong, what to do
    "model_type": _NO_KEYS,
    "model_attributes_type": _NO_KEYS,
    "dict_type": _NO_KEYS,
    "tuple_type": (WRONG_TYPE, "this isn't a list", "Write a list, such as [first, second]"),
    "float_parsing": (WRONG_TYPE, "{input} isn't a number", "Write a plain number"),
    "float_type": (WRONG_TYPE, "{input} isn't a number", "Write a plain number"),
    "int_parsing": (WRONG_TYPE, "{input} isn't a whole number", "Write a whole number"),
    "int_type": (WRONG_TYPE, "{input} isn't a whole number", "Write a whole number"),
    "int_from_float": (WRONG_TYPE, "{input} isn't a whole number", "Write a whole number"),
    "string_type": (WRONG_TYPE, "{input} isn't text", "Put it in quotes"),
    "too_short": (WRONG_SIZE, "{actual_length} given, at least {min_length} needed", "Add what is missing"),
    "too_long": (WRONG_SIZE, "{actual_length} given, at most {max_length} allowed", "Take some out"),
    "string_too_short": (WRONG_SIZE, "this is empty", "Fill it in"),
    "greater_than": (OUT_OF_RANGE, "{input} is not more than {gt}", "Write a larger number"),
    "greater_than_equal": (OUT_OF_RANGE, "{input} is less than {ge}", "Write a larger number"),
    "less_than": (OUT_OF_RANGE, "{input} is not less than {lt}", "Write a smaller number"),
    "less_than_equal": (OUT_OF_RANGE, "{input} is more than {le}", "Write a smaller number"),
    "enum": (UNKNOWN_VALUE, "{input} isn't one of {expected}", ""),
    "literal_error": (UNKNOWN_VALUE, "{input} isn't one of {expected}", ""),
    "union_tag_invalid": (UNKNOWN_VALUE, "{tag!r} isn't a kind of criterion: {expected_tags}", ""),
    "union_tag_not_found": (MISSING_KEY, "missing required key 'kind'", "Add kind: rate, count, value or reported"),
}
_MAPPINGS = {
    "stages": "Write a percentage and a hold, such as {percent: 5%, hold: 1d}",
    "criteria": "Write its kind and bar, such as {kind: count, query: …, at_most: 0}",
    "calendar": "Write keys with values, such as {advance_on: business_days}",
    "on_drift": "Write keys with values, such as {above: restore}",
}
"""What a mapping may look like at that place."""
_EXAMPLES = {
    "rollout": "my-rollout",
    "owner": "my-team",
    "flags": "[my_flag]",
    "timezone": "America/New_York",
    "criteria": "{errors: {kind: count, query: …, at_most: 0}}",
    "stages": "[{percent: 1, hold: 1d}, {percent: 100, hold: 1d}]",
    "percent": "25",
    "hold": "1d",
    "at_most": "0",
    "traffic": "400/hour",
    "below": "1%",
    "above": "99%",
    "baseline": "0.3%",
    "settle": "2m",
    "lag": "2m",
    "look_every": "5m",
    "bucket": "5m",
}
"""What a required key may hold, for who forgot it."""

_ZONES = {
    **dict.fromkeys(("eastern", "est", "edt", "et", "new york"), "America/New_York"),
    **dict.fromkeys(("central", "cst", "cdt", "ct", "chicago"), "America/Chicago"),
    **dict.fromkeys(("mountain", "mst", "mdt", "mt", "denver"), "America/Denver"),
    **dict.fromkeys(("pacific", "pst", "pdt", "pt", "los angeles"), "America/Los_Angeles"),
}
"""What people call the zones of the United States."""

_FORMS = {
    ROLLOUT_FORM: "made of 2 to 63 lower-case letters, digits and hyphens, with no hyphen in front",
    FLAG_FORM: "made of letters, digits and _ : - . with more than dots among them",
    WEBHOOK_FORM: "a webhook's name, made of letters, digits and _ - . without @webhook- in front",
}
"""What a pattern asks for, in words."""


def problems_of(error: ValidationError, model: type[BaseModel] = Plan) -> Iterator[Finding]:
    """Every problem of an invalid document of `model`, each with its path in the document."""
    problems = error.errors(include_url=False)
    for problem in problems:
        if problem["type"] == "too_short" and any(_is_inside(other["loc"], problem["loc"]) for other in problems):
            continue  # an item that is wrong is not missing as well
        kind, message, fix = _words(problem, model)
        message = message if len(message) <= _LONGEST else f"{message[:_LONGEST]}…"
        yield kind.at(".".join(map(str, _path(problem["loc"], problem["type"]))) or "plan", message, fix)


def _words(problem: Mapping[str, Any], model: type[BaseModel]) -> tuple[FindingKind, str, str]:
    kind, given, loc = problem["type"], problem["input"], problem["loc"]
    if isinstance(given, Unmeant):
        return MISREAD_VALUE, given.what, given.fix
    if isinstance(given, float) and not math.isfinite(given):
        return OUT_OF_RANGE, f"{given} isn't a finite number", "Write the number that you mean"
    if kind == "missing":
        example = f", for example {loc[-1]}: {_EXAMPLES[loc[-1]]}" if loc[-1] in _EXAMPLES else ""
        return MISSING_KEY, f"missing required key {loc[-1]!r}{example}", ""
    if kind == "extra_forbidden":
        return UNKNOWN_KEY, f"unknown key {shown(loc[-1])}{_meant(str(loc[-1]), _keys_at(model, loc[:-1]))}", ""
    if kind == "string_pattern_mismatch":
        pattern = problem["ctx"]["pattern"]
        return WRONG_FORM, f"{shown(given)} is not {_FORMS.get(pattern, f'of the form {pattern}')}", ""
    if kind in _WORDS:
        found, message, fix = _WORDS[kind]
        if (found, message, fix) == _NO_KEYS:
            fix = _MAPPINGS.get(str(next(iter(loc), "")), fix)
        context = problem.get("ctx", {})
        message = message.format(**{"input": shown(given), **context})
        if found is UNKNOWN_VALUE:
            known = re.findall(r"'([^']+)'", message.partition("isn't")[2])
            message += _meant(str(context.get("tag", given)), known)
        return found, message, fix
    message = problem["msg"].removeprefix("Value error, ")
    message = message[:1].lower() + message[1:]
    key = loc[-1] if loc else ""
    if key == "timezone" and (zone := _ZONES.get(str(given).strip().casefold())):
        return INVALID_VALUE, f"{shown(given)} is not a time zone; did you mean {zone!r}?", f"Write timezone: {zone}"
    return INVALID_VALUE, message, f"Write it such as {key}: {_EXAMPLES[key]}" if key in _EXAMPLES else ""


def _meant(given: str, known: list[str]) -> str:
    close = get_close_matches(given, known, n=1)
    return f"; did you mean {close[0]!r}?" if close else ""


def _keys_at(model: type[BaseModel], loc: _Location) -> list[str]:
    """The keys that a mapping of the document may have; of a criterion, those of its kind."""
    for step in loc:
        if str(step) in (fields := {info.alias or name: info for name, info in model.model_fields.items()}):
            held = leaves(fields[str(step)].annotation)
            models = [leaf for leaf in held if isinstance(leaf, type) and issubclass(leaf, BaseModel)]
            kinds = {
                get_args(each.model_fields["kind"].annotation): each for each in models if "kind" in each.model_fields
            }
            of_kind = next((each for kind, each in kinds.items() if set(kind) & set(loc)), None)
            model = of_kind or next(iter(models), model)
    return [info.alias or name for name, info in model.model_fields.items()]


def _is_inside(loc: _Location, outer: _Location) -> bool:
    return len(loc) > len(outer) and loc[: len(outer)] == outer


def _path(loc: _Location, problem: str) -> _Location:
    """The way to a problem in the document; pydantic adds a criterion's kind as a step of its own."""
    if problem == "union_tag_invalid":
        return (*loc, "kind")
    inside_criterion = loc[:1] == ("criteria",) and len(loc) > 2
    return (*loc[:2], *loc[3:]) if inside_criterion else loc
