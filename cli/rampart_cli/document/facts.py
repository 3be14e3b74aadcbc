"""Flags, links and the short facts of a plan: owner, time zone, rollback, window."""

from __future__ import annotations

import re
from collections.abc import Iterable
from functools import lru_cache

from rampart_cli.document.flags import ADDRESS, fields_of, flags_in, path_of
from rampart_cli.document.inline import Link
from rampart_cli.document.labels import Asks, Field, answer, placeholder_in, what_is_asked
from rampart_cli.document.lexicon import pattern, says
from rampart_cli.document.plan import PlanDocument, Said
from rampart_cli.document.sections import Section, SectionKind
from rampart_cli.document.statements import Statement

_GOES_BACK = re.compile(r"\broll(?:ing)?[- ]?back|\bback(?:ing)?[- ]?out", re.IGNORECASE)
_ZONES = {
    "America/New_York": r"\b(?:eastern|et|est|edt)\b",
    "America/Chicago": r"\b(?:central|ct|cst|cdt)\b",
    "America/Denver": r"\b(?:mountain|mt|mst|mdt)\b",
    "America/Los_Angeles": r"\b(?:pacific|pt|pst|pdt)\b",
    "America/Anchorage": r"\b(?:alaska|akst|akdt)\b",
    "Pacific/Honolulu": r"\b(?:hawaii|hst)\b",
    "UTC": r"\b(?:utc|gmt)\b",
}
_NAMED_ZONE = re.compile(
    r"\b(?:America|Europe|Asia|Africa|Australia|Pacific|Atlantic|Etc|US)/[A-Za-z_]{2,30}(?:/[A-Za-z_]{2,30})?\b|\bUTC\b"
)
_CLOCK = re.compile(
    r"\b\d{1,2}(?::\d{2})?\s?(?i:a\.?m\.?|p\.?m\.?)?\s?\(?((?:[ECMP][SD]?T|UTC|GMT)|Eastern|Central|Mountain|Pacific)\b"
)
_SPOKEN_ZONE = re.compile(r"\b(Eastern|Central|Mountain|Pacific) (?:(?:Standard|Daylight) )?[Tt]ime\b")
_TIMES_ARE = re.compile(
    r"(?i:\b(?:times?|hours|dates|days|timeline)(?:\s(?:are|is|shown|given|stated|written|in|below|here|all)){0,5}[\s:(,]{1,3})"
    r"([ECMP][SD]?T|UTC|GMT|Eastern|Central|Mountain|Pacific)(?![\w/-]|\s[A-Za-z])"
)
_ASKED = frozenset({Asks.OWNER, Asks.ROLLBACK, Asks.WINDOW, Asks.DASHBOARD, Asks.MONITOR, Asks.TIMEZONE})
"""What a label asks for and a plan holds, by the same name."""
_SIGN = re.compile(r"[<>≤≥]\s{0,2}[\d.]")
_MONITOR_PATH = re.compile(r"/monitors/(?:manage/)?(\d{1,15})(?:/|$)")
_BUSINESS = re.compile(r"\b(?:business|working) days?\b", re.IGNORECASE)


def gather_facts(plan: PlanDocument) -> None:
    """Fill in what the statements say besides stages and criteria."""
    for statement in plan.statements:
        plan.links += [(link, statement.number) for link in _links(statement)]
        is_talk = statement.is_decoy and statement.section.kind is not SectionKind.ROLLBACK
        if not is_talk and not statement.line.quoted:
            _gather(plan, statement)
    plan.links += [(link, s.line) for s in plan.sections if s.heading for link in s.heading.links]
    plan.links = [(link, line) for link, line in plan.links if link.url.startswith(("http://", "https://"))]
    plan.links.sort(key=lambda found: found[1])
    plan.timezone = plan.timezone or _zone_beside(plan)
    plan.rollback = plan.rollback or _rollback_section(plan.sections)
    plan.dashboard = plan.dashboard or next(
        (Said(link.url, line) for link, line in plan.links if "dashboard" in link.url.casefold()), None
    )
    plan.monitor = plan.monitor or next((Said(str(number), line) for number, line in monitors_of(plan)), None)
    plan.flags = flags_in(plan)


def _gather(plan: PlanDocument, statement: Statement) -> None:
    fields: list[Field | None] = [*fields_of(statement)]
    for field in fields or [None]:
        _take(plan, statement, field)
    for fact, said in _in_passing(statement.text):
        if getattr(plan, fact) is None:
            setattr(plan, fact, Said(said, statement.number))


def _take(plan: PlanDocument, statement: Statement, field: Field | None) -> None:
    text = statement.text
    value = answer(field.value) if field else ""
    asks = field.asks if field else None
    item = statement.line.parent
    above = what_is_asked(item.text.rstrip(" :") if item is not None else statement.section.title)
    if asks is None and above in {Asks.OWNER, Asks.TIMEZONE}:
        asks, value = above, answer(text)  # the item or the heading asks, and the line below it answers
    said: str | None = value
    if asks is Asks.DASHBOARD:
        said = statement.line.links[0].url if statement.line.links else None
    elif asks is Asks.TIMEZONE:
        said = _zone(text, value)
    if asks in _ASKED and value and said and getattr(plan, asks.value) is None:
        setattr(plan, asks.value, Said(said, statement.number))


@lru_cache(maxsize=4096)
def _in_passing(text: str) -> tuple[tuple[str, str], ...]:
    """What a sentence says besides: a time zone, a window, a monitor, business days; each by its name in a plan."""
    # Minutes are those of a measurement, or of a stage that is held, or of an answer.
    is_measured = _SIGN.search(text) or (says("what is measured", text) and not says("what is held", text))
    window = pattern("a window").search(text) if is_measured else None
    monitor, owned = pattern("a monitor").search(text), pattern("owned by").search(text)
    found = {
        "timezone": _zone(text, ""),
        "owner": owned and answer(owned[1]),
        "window": window and window[0],
        "monitor": monitor and monitor[0],
        "business_days": _BUSINESS.search(text) and text,
    }
    return tuple((fact, said) for fact, said in found.items() if said)


def _zone(text: str, value: str) -> str | None:
    if named := _NAMED_ZONE.search(value or text):
        return named[0]
    found = (zone.search(text) for zone in (_CLOCK, _SPOKEN_ZONE, _TIMES_ARE))
    spoken = value or next((each[1] for each in found if each), "")
    return next((zone for zone, words in _ZONES.items() if spoken and re.search(words, spoken, re.IGNORECASE)), None)


def _zone_beside(plan: PlanDocument) -> Said | None:
    """A zone that a heading or a table's head states for all that stands below it."""
    heads = [(s.line, s.title) for s in plan.sections if not s.is_decoy]
    heads += [(s.number, head) for s in plan.statements if s.is_plan for head in s.line.header]
    return next((Said(zone, line) for line, head in sorted(heads) if (zone := _zone(head, ""))), None)


def _links(statement: Statement) -> list[Link]:
    if "://" not in statement.text:
        return statement.line.links
    written = [Link(address[0], address[0].rstrip(".,;:")) for address in ADDRESS.finditer(statement.text)]
    known = {link.url for link in statement.line.links}
    return statement.line.links + [link for link in written if link.url not in known]


def _rollback_section(sections: Iterable[Section]) -> Said | None:
    for section in sections:
        is_bar_to_go_back = section.kind is SectionKind.CRITERIA and _GOES_BACK.search(section.title)
        if (section.kind is SectionKind.ROLLBACK or is_bar_to_go_back) and _is_filled(section):
            return Said(section.title, section.line)
    return None


def _is_filled(section: Section) -> bool:
    """Whether a person wrote something, and no answer that the template asks for is left open."""
    texts = [line.text for below in section.walk() for line in below.lines if not line.quoted]
    is_open = any(text.startswith(missing) for text in texts if (missing := placeholder_in(text)))
    return not is_open and any(answer(text) and placeholder_in(text) is None for text in texts)


def monitors_of(plan: PlanDocument) -> list[tuple[int, int]]:
    """The monitors that the page links, each by its number in Datadog and the first line that links it."""
    found: dict[int, int] = {}
    for link, line in plan.links:
        if monitor := _MONITOR_PATH.search(path_of(link)):
            found.setdefault(int(monitor[1]), line)
    return list(found.items())
