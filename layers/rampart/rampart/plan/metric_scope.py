"""What stands in a metric query's braces: tags that must all hold, as far as two such lists can be compared."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

_TAG = re.compile(r"[^\s:(){}\"]+:[^\s(){}\"]*|[^\s:(){}\"]+")
_KEYS = re.compile(r"([\w.\-/@]+)\s*:|([\w.\-/@]+)\s+(?:NOT\s+)?IN\b", re.IGNORECASE)
_NOT = re.compile(r"!\s*|NOT\s+", re.IGNORECASE)
_WORD = re.compile(r"\s+(AND|OR)\s+", re.IGNORECASE)
_OUTCOME = re.compile(
    r"(?:^|[._@-])(?:(?:http[._-]?|response[._-]?|status[._-]?)code|code|status(?:[._-]?(?:class|family|group))?"
    r"|error\w*|outcome|results?|success\w*|fail\w*|severity|exception\w*)$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Clause:
    """One condition of a scope, in lower case; a condition that can't be compared keeps the keys that it speaks of.

    Two are equal where they say the same, however they are written.
    """

    text: str = field(compare=False)
    """As it is written, without its negation."""
    key: str
    value: str
    negated: bool
    speaks_of: frozenset[str] = field(default=frozenset(), compare=False)

    @property
    def is_opaque(self) -> bool:
        """Whether it can't be compared: brackets, IN, quotation marks."""
        return bool(self.speaks_of)

    @property
    def tells_outcomes(self) -> bool:
        """Whether its key is one that tells an error from a success, such as `status`."""
        return _OUTCOME.search(self.key) is not None


@dataclass(frozen=True, slots=True)
class MetricScope:
    """Conditions that must all hold; `functional` scopes are written with AND and NOT, the others with , and !."""

    clauses: tuple[Clause, ...]
    functional: bool

    @property
    def text(self) -> str:
        """The scope as it is written in a query."""
        parts = [(("NOT " if self.functional else "!") if c.negated else "") + c.text for c in self.clauses]
        return (" AND " if self.functional else ",").join(parts) or "*"

    @property
    def canonical(self) -> tuple[tuple[str, str, bool], ...]:
        """What two scopes that say the same have in common: order, blanks, case and repetition don't count."""
        return tuple(sorted({(c.key, c.value, c.negated) for c in self.clauses}))

    def including(self, clauses: Iterable[Clause]) -> MetricScope:
        """The scope with more conditions."""
        added = tuple(c for c in clauses if c not in self.clauses)
        functional = self.functional or any(c.is_opaque for c in added)
        return MetricScope((*self.clauses, *added), functional)

    def without(self, clauses: Iterable[Clause]) -> MetricScope:
        """The scope less some of its conditions."""
        gone = tuple(clauses)
        return MetricScope(tuple(c for c in self.clauses if c not in gone), self.functional)

    def implies(self, clause: Clause) -> bool:
        """Whether what meets this scope meets a condition too; True where that can't be told."""
        if clause in self.clauses or clause.is_opaque:
            return True
        if any(clause.key.lstrip("$") in own.speaks_of or own.key == f"${clause.key}" for own in self.clauses):
            return True
        about = [own for own in self.clauses if not own.is_opaque and own.key == clause.key.lstrip("$")]
        if clause.key.startswith("$"):  # a template variable stands for a tag of its name
            return bool(about)
        if clause.negated:
            return any(
                fits(clause.value, own.value) if own.negated else _are_disjoint(own.value, clause.value)
                for own in about
            )
        return clause.value == "*" or any(not own.negated and fits(own.value, clause.value) for own in about)


def parse_scope(text: str) -> MetricScope | None:
    """Read what stands in the braces; None where conditions are alternatives (OR) at the outermost level.

    Source: docs.datadoghq.com, "Metrics: advanced filtering".
    """
    parts, functional = [], False
    for part, separator in _parts(text):
        if separator == "or":
            return None
        functional = functional or separator == "and"
        parts.append(part)
    clauses = tuple(_clause(part) for part in parts if part not in {"", "*"})
    words = any(re.match(r"NOT\s", part, re.IGNORECASE) for part in parts)
    return MetricScope(clauses, functional or words or any(c.is_opaque for c in clauses))


def fits(value: str, pattern: str) -> bool:
    """Whether a value, or every value that a pattern stands for, is one that another pattern stands for."""
    first, *others = pattern.split("*")
    if not others:
        return value == pattern
    if not value.startswith(first):
        return False
    at = len(first)
    for part in others[:-1]:
        found = value.find(part, at)
        if found < 0:
            return False
        at = found + len(part)
    return len(value) - len(others[-1]) >= at and value.endswith(others[-1])


def _are_disjoint(value: str, other: str) -> bool:
    """Whether no value meets both patterns; True where that can't be told."""
    if "*" in value and "*" in other:
        one, two = (each.partition("*")[0] for each in (value, other))
        return not (one and two and (one.startswith(two) or two.startswith(one)))
    return not (fits(value, other) or fits(other, value))


def _parts(text: str) -> Iterator[tuple[str, str]]:
    """Conditions at the outermost level, each with the sign or word that follows it: `,`, `and`, `or` or nothing."""
    depth = begin = at = 0
    while at < len(text):
        depth += {"(": 1, ")": -1}.get(text[at], 0)
        word = _WORD.match(text, at) if depth == 0 else None
        if word is not None or (depth == 0 and text[at] == ","):
            yield text[begin:at].strip(), word[1].lower() if word else ","
            at = begin = word.end() if word else at + 1
        else:
            at += 1
    yield text[begin:].strip(), ""


def _clause(part: str) -> Clause:
    negation = _NOT.match(part)
    body = part[negation.end() :] if negation else part
    if _TAG.fullmatch(body) is None:
        keys = {(match[1] or match[2]).lower() for match in _KEYS.finditer(body)}
        canonical = " ".join(body.lower().split())
        return Clause(body, canonical, "", negation is not None, frozenset(keys or {canonical}))
    key, _, value = body.lower().partition(":")
    return Clause(body, key, value, negation is not None)
