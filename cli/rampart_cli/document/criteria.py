"""What a team looks at before an advance: names, bars and units out of one line."""

from __future__ import annotations

import re
from dataclasses import replace

from rampart_cli.document.bars import (
    BAR,
    OPPOSITE,
    OR_LESS,
    OR_MORE,
    TIMES,
    Criterion,
    CriterionKind,
    Sense,
    is_bar,
    is_turned,
    or_less,
    read_part,
    sense_of,
)
from rampart_cli.document.labels import answer, placeholder_in
from rampart_cli.document.lexicon import part, pattern

_STOP = part("go back")
_STOPS_IF = pattern("stops if")
_STOPS_ON = pattern("stops on")
_UNSURE = re.compile(r"\b(?:unless|not|never|and)\b|n['\u2019]t\b", re.IGNORECASE)
_IF = re.compile(r"(?:if|when|whenever|once|as soon as)\b", re.IGNORECASE)
_ELSE = re.compile(rf"\b(?:otherwise|or else|if not)\b.{{0,40}}\b{_STOP}", re.IGNORECASE)
_STOP_WORD = re.compile(rf"\b{_STOP}\b", re.IGNORECASE)
_GO_TOO = re.compile(r"\b(?:success|advance|proceed|continue|go)\b", re.IGNORECASE)
_TO_STOP = pattern("to stop")
_TALK = pattern("a hint")
_GOES_IF = pattern("goes if")
_BACK_IF = pattern("back if")
"""A sentence that begins with going on, or back, and says on what condition; a tale of the past begins otherwise."""
_BEFORE_GOING = pattern("before going")
"""`Errors < 0.5% before moving on`."""
_IF_GOES = pattern("if goes")
_SENTENCE = re.compile(r"(?<=[\w%)])(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bincl)(?<!\bno)\.\s{1,3}(?=[A-Z])")


def is_hint(text: str) -> bool:
    """Whether a line speaks of what a criterion might be, as a template does, and states none."""
    return bool(_TALK.search(text))


def begins_as_hint(text: str) -> bool:
    """Whether a line begins with such words."""
    return bool(_TALK.match(text))


def lists_stops(text: str) -> bool:
    """Whether a heading or a label asks when to go back, not when to go on: `Abort criteria`, `Roll back if`."""
    return bool(_STOPS_ON.search(text)) or sense_of(text) in {Sense.STOP, Sense.UNSURE}


def read_criteria(text: str, line: int, *, under: str = "") -> list[Criterion]:
    """Every criterion of one line; empty when the line holds only a placeholder or a hint.

    Two on one line are two: `error rate < 1%, bounce rate < 20%`. `under` is what asks for them: where it, or the line,
    says when to go back, the bar is the opposite of what is written, and none where that can be taken in two ways.
    """
    shown = answer(text)
    if not any(letter.isalnum() for letter in shown) or text.lstrip().startswith(placeholder_in(text) or "\n"):
        return []
    # Where nothing around says what is asked, a bar for more errors or less success has no sense that is certain.
    is_certain = any(sense_of(part) is not Sense.NONE for part in under.split("; "))
    found: list[Criterion] = []
    for said in _parts(OR_MORE.sub(r">= \1\2", OR_LESS.sub(or_less, shown))):
        asked = read_part(said, line)
        asked = asked if is_certain else [replace(c, op=None) if is_turned(c.name, c.op) else c for c in asked]
        found += _read_stop(said, line, under) or asked
    return [replace(criterion, text=shown) for criterion in found if criterion.name]


def conditions_in(text: str, line: int) -> list[Criterion]:
    """The bars of sentences that say when to go on or back, wherever they stand: `Advance only when errors < 1%`."""
    if not is_bar(text) or is_hint(text):
        return []
    found: list[Criterion] = []
    for sentence in _SENTENCE.split(text):
        if goes := _IF_GOES.match(sentence) or _BEFORE_GOING.match(sentence):
            found += [c for c in read_criteria(goes["bar"], line) if c.measure not in TIMES]
        elif (goes := _GOES_IF.match(sentence)) or _BACK_IF.match(sentence):
            found += read_criteria(sentence[goes.end() :] if goes else sentence, line)
    return [criterion for criterion in found if criterion.kind is CriterionKind.NUMERIC and criterion.op]


def _read_stop(text: str, line: int, under: str) -> list[Criterion]:
    """The criteria of a condition on which the rollout goes back: what must hold is its opposite."""
    # What stands nearest tells: a list of goals within a section on going back is one of goals.
    told = next((part for part in reversed(under.split("; ")) if lists_stops(part) or sense_of(part) is Sense.GO), "")
    asked = [told] if lists_stops(told) else []
    if not (_STOP_WORD.search(text) or asked) or _ELSE.search(text):
        return []
    is_clear = bool(_STOPS_IF.search(text)) or any(not _GO_TOO.search(part) for part in asked)
    stop = _STOP_WORD.search(text)
    # Of "if errors exceed 2% we pause and look", the condition ends where the stop begins.
    condition = text[: stop.start()] if stop and _IF.match(text) else text
    unsure = not is_clear or bool(_UNSURE.search(condition))
    return [
        replace(c, op=None if unsure or c.op is None else OPPOSITE.get(c.op)) if c.kind is CriterionKind.NUMERIC else c
        for c in read_part(_TO_STOP.sub("", text, count=1), line)
    ]


def _parts(text: str) -> list[str]:
    # A semicolon separates; commas and "and" do so only before another bar, which the search for bars sees to.
    # Of several sentences those are meant that state a bar: the others tell of it.
    sentences = [part for part in _SENTENCE.split(text) if part.strip()]
    stated = [part for part in sentences if BAR.search(part)] if len(sentences) > 1 else []
    return [part.strip() for sentence in stated or [text] for part in sentence.split(";") if part.strip()]
