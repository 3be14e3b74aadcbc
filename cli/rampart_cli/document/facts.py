"""Flags, links and the short facts of a plan: owner, time zone, rollback, window."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import unquote, urlsplit

from rampart_cli.document.inline import Link
from rampart_cli.document.labels import Asks, Field, answer, placeholder_in, read_field, what_is_asked
from rampart_cli.document.lines import LineKind
from rampart_cli.document.plan import FlagName, PlanDocument, Said
from rampart_cli.document.sections import Section, SectionKind

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rampart_cli.document.lines import Line
    from rampart_cli.document.statements import Statement

MOST_FLAGS = 20
"""Flags that are compared with each other, as many as a plan may hold."""
_ADDRESS = re.compile(r"https?://[^\s<>()\[\]\"']{3,1000}")
_FLAG_PATH = re.compile(r"/flipper/features/([A-Za-z0-9_.:-]{1,200})/?$")
_FLAG_WORD = re.compile(r"(?<![\w./-])[a-z][a-z0-9]{0,40}(?:_[a-z0-9]{1,40}){1,20}(?![\w/]|\.\w)", re.IGNORECASE)
_KEBAB_FLAG = re.compile(r"[A-Za-z][A-Za-z0-9]{0,60}(?:-[A-Za-z0-9]{1,60}){1,20}")
_BESIDE = re.compile(r"\s\|\s|;\s|\s[\u00b7\u2022]\s")
_GOES_BACK = re.compile(r"\broll(?:ing)?[- ]?back|\bback(?:ing)?[- ]?out", re.IGNORECASE)
_CAMEL_FLAG = re.compile(r"[a-z][a-z0-9]{1,40}(?:[A-Z][a-z0-9]{0,40}){1,10}")
_FACTS = frozenset({Asks.OWNER, Asks.TIMEZONE, Asks.FLAG, Asks.DASHBOARD, Asks.MONITOR})
_CODE_FLAG = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{2,199}")
_FLAG_COLUMN = re.compile(r"\b(toggle|flag|flipper|feature)s?( name)?s?$|^name$", re.IGNORECASE)
_FLAG_TITLE = re.compile(r"\b(feature )?(flag|toggle|flipper)s?( names?)?$", re.IGNORECASE)
_SPEAKS_OF_FLAG = re.compile(r"\b(flag|toggle|flipper)s?\b", re.IGNORECASE)
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
_OWNED = re.compile(
    r"\b(?:rollout|release|launch|plan|flag|feature|toggle) is owned by (?!no ?-?(?:body|one)\b)(?:the )?"
    r"([^.;,()]{2,80}?)\s*(?:[.;,(]|$)",
    re.IGNORECASE,
)
_WINDOW = re.compile(
    r"\b(?:over|within|in|for) (?:the |a |any )?(?:last |past |rolling )?\d{1,4}[ -]?(?:minutes?|mins?|hours?)\b"
    r"|\b(?:evaluation|rolling|sliding) window\b"
    r"|\bat least \d[\d,]* (?:requests|samples|users|downloads|submissions)\b",
    re.IGNORECASE,
)
_SIGN = re.compile(r"[<>≤≥]\s{0,2}[\d.]")
_MEASURES = re.compile(
    r"\b(?:rates?|errors?|failures?|latency|p\d\d|requests|samples|metrics?|criteri\w+|bars?|thresholds?|windows?"
    r"|measure\w*|judged?|evaluat\w+|averaged?|downloads|submissions|users)\b",
    re.IGNORECASE,
)
_HOLDS = re.compile(
    r"\b(?:hold|held|wait|bake|soak|stay|remain|answer\w*|respon\w+|repl(?:y|ied|ies)|resolv\w+|page[ds]?"
    r"|roll(?:ed|ing)?[ -]?back)\b",
    re.IGNORECASE,
)
"""What a number of minutes or hours is about when it isn't a window: a stage that is held, a person who answers."""
_MONITOR_PATH = re.compile(r"/monitors/(?:manage/)?(\d{1,15})(?:/|$)")
_MONITOR_NAME = re.compile(
    r"\b(?:the|our|this|a|datadog(?:['\u2019]s)?) (?:datadog )?monitors?,? [\"\u201c][^\"\u201c\u201d]{2,200}[\"\u201d]"
    r"|\bmonitors? #?\d{4,15}\b",
    re.IGNORECASE,
)
_BUSINESS = re.compile(r"\b(?:business|working) days?\b", re.IGNORECASE)


def gather_facts(plan: PlanDocument) -> None:
    """Fill in what the statements say besides stages and criteria."""
    for statement in plan.statements:
        plan.links += [(link, statement.number) for link in _links(statement)]
        is_talk = statement.is_decoy and statement.section.kind is not SectionKind.ROLLBACK
        if not is_talk and not statement.line.quoted:
            _gather(plan, statement)
    plan.links += [(link, s.line) for root in plan.roots for s in root.walk() if s.heading for link in s.heading.links]
    plan.links = [(link, line) for link, line in plan.links if link.url.startswith(("http://", "https://"))]
    plan.links.sort(key=lambda found: found[1])
    plan.timezone = plan.timezone or _zone_beside(plan)
    plan.rollback = plan.rollback or _rollback_section(plan.roots)
    plan.dashboard = plan.dashboard or _dashboard(plan)
    plan.monitor = plan.monitor or next((Said(str(number), line) for number, line in monitors_of(plan)), None)
    plan.flags = _first_of_each(_flags(plan))


def _gather(plan: PlanDocument, statement: Statement) -> None:
    fields = _fields_of(statement)
    for field in fields:
        _take(plan, statement, field)
    if not fields:
        _take(plan, statement, None)
    for fact, said in _in_passing(statement.text):
        if getattr(plan, fact) is None:
            setattr(plan, fact, Said(said, statement.number))


def _fields_of(statement: Statement) -> list[Field]:
    """The label of a line with its answer; several where the line holds several: `Owner: … | Time zone: …`."""
    if statement.line.kind is LineKind.ROW:
        row = _of_row(statement.line.cells)
        return [row] if row else _of_columns(statement.line)
    parts = [read_field(part) for part in _BESIDE.split(statement.text)]
    fields = [part for part in parts if part is not None and part.asks is not Asks.OTHER and part.value]
    if len(fields) > 1 and len(fields) == len(parts):
        return fields
    return [statement.field] if statement.field else []


def _take(plan: PlanDocument, statement: Statement, field: Field | None) -> None:
    text = statement.text
    value = answer(field.value) if field else ""
    asks = field.asks if field else None
    if asks is None and (asked := _asked_above(statement)) in {Asks.OWNER, Asks.TIMEZONE}:
        asks, value = asked, answer(text)  # the heading asks, and the line below it answers
    match asks:
        case Asks.OWNER if value:
            plan.owner = plan.owner or Said(value, statement.number)
        case Asks.ROLLBACK if value:
            plan.rollback = plan.rollback or Said(value, statement.number)
        case Asks.WINDOW if value:
            plan.window = plan.window or Said(value, statement.number)
        case Asks.DASHBOARD if value and statement.line.links:
            plan.dashboard = plan.dashboard or Said(statement.line.links[0].url, statement.number)
        case Asks.MONITOR if value:
            plan.monitor = plan.monitor or Said(value, statement.number)
    if asks is Asks.TIMEZONE and value and (zone := _zone(text, value)):
        plan.timezone = plan.timezone or Said(zone, statement.number)


def _asked_above(statement: Statement) -> Asks:
    """What the list item or the heading asks that stands above a line."""
    item = statement.line.parent
    return what_is_asked(item.text.rstrip(" :") if item is not None else statement.section.title)


def _of_columns(line: Line) -> list[Field]:
    """A row below heads that each ask for a fact of the whole plan: `| Owner | Time zone | Flag |`."""
    asked = [what_is_asked(head) for head in line.header]
    if not set(asked) <= _FACTS:
        return []
    return [Field(*column) for column in zip(line.header, line.cells, asked, strict=False)]


def _of_row(cells: tuple[str, ...]) -> Field | None:
    """A row of two cells is a label with its answer: `| Owner | claims-team |`."""
    return Field(cells[0], cells[1], what_is_asked(cells[0])) if len(cells) == 2 else None


@lru_cache(maxsize=4096)
def _in_passing(text: str) -> tuple[tuple[str, str], ...]:
    """What a sentence says besides: a time zone, a window, a monitor, business days; each by its name in a plan."""
    window = _WINDOW.search(text) if _is_of_measuring(text) else None
    monitor, business, owned = _MONITOR_NAME.search(text), _BUSINESS.search(text), _OWNED.search(text)
    found = {
        "timezone": _zone(text, ""),
        "owner": owned and answer(owned[1]),
        "window": window and window[0],
        "monitor": monitor and monitor[0],
        "business_days": business and text,
    }
    return tuple((fact, said) for fact, said in found.items() if said)


def _is_of_measuring(text: str) -> bool:
    """Whether minutes in a line are those of a measurement, not those of a stage that is held or of an answer."""
    return bool(_SIGN.search(text) or (_MEASURES.search(text) and not _HOLDS.search(text)))


def _zone(text: str, value: str) -> str | None:
    if named := _NAMED_ZONE.search(value or text):
        return named[0]
    spoken = value or next(
        (found[1] for zone in (_CLOCK, _SPOKEN_ZONE, _TIMES_ARE) if (found := zone.search(text))), ""
    )
    return next((zone for zone, words in _ZONES.items() if spoken and re.search(words, spoken, re.IGNORECASE)), None)


def _zone_beside(plan: PlanDocument) -> Said | None:
    """A zone that a heading or a table's head states for all that stands below it."""
    heads = [(s.line, s.title) for root in plan.roots for s in root.walk() if not s.is_decoy]
    heads += [(s.number, head) for s in plan.statements if s.is_plan for head in s.line.header]
    return next((Said(zone, line) for line, head in sorted(heads) if (zone := _zone(head, ""))), None)


def _links(statement: Statement) -> list[Link]:
    if "://" not in statement.text:
        return statement.line.links
    written = [Link(address[0], address[0].rstrip(".,;:")) for address in _ADDRESS.finditer(statement.text)]
    known = {link.url for link in statement.line.links}
    return statement.line.links + [link for link in written if link.url not in known]


def _rollback_section(roots: Iterable[Section]) -> Said | None:
    for section in (section for root in roots for section in root.walk()):
        goes_back = section.kind is SectionKind.ROLLBACK or (
            section.kind is SectionKind.CRITERIA and _GOES_BACK.search(section.title)
        )
        if goes_back and _is_filled(section):
            return Said(section.title, section.line)
    return None


def _is_filled(section: Section) -> bool:
    """Whether a person wrote something, and no answer that the template asks for is left open."""
    texts = [line.text for below in section.walk() for line in below.lines if not line.quoted]
    is_open = any(text.startswith(missing) for text in texts if (missing := placeholder_in(text)))
    return not is_open and any(answer(text) and placeholder_in(text) is None for text in texts)


def _dashboard(plan: PlanDocument) -> Said | None:
    return next((Said(link.url, line) for link, line in plan.links if "dashboard" in link.url.casefold()), None)


def monitors_of(plan: PlanDocument) -> list[tuple[int, int]]:
    """The monitors that the page links, each by its number in Datadog and the first line that links it."""
    found: dict[int, int] = {}
    for link, line in plan.links:
        if monitor := _MONITOR_PATH.search(_path(link)):
            found.setdefault(int(monitor[1]), line)
    return list(found.items())


def flag_of(link: Link) -> str | None:
    """The flag that a link to the flag store's page opens."""
    found = _FLAG_PATH.search(unquote(_path(link)))
    return found[1] if found else None


def _path(link: Link) -> str:
    try:
        return urlsplit(link.url).path
    except ValueError:
        return ""  # no address at all, such as http://[


def _flags(plan: PlanDocument) -> list[FlagName]:
    found = [FlagName(name, line) for link, line in plan.links if (name := flag_of(link))]
    asked = False
    for statement in plan.statements:
        if statement.line.quoted or statement.is_decoy:
            continue
        # "Feature flags:" may be a line of its own, with a list below it.
        is_listed = asked and statement.line.kind is LineKind.ITEM
        asked = is_listed or (statement.asks is Asks.FLAG and not _value_of(statement))
        found += [FlagName(name, statement.number) for name in _named(statement, is_listed=is_listed)]
    headings = [s.heading for root in plan.roots for s in root.walk() if s.heading and not s.is_decoy]
    found += [FlagName(name, line.line) for line in headings for name in _in_heading(line)]
    return sorted(found, key=lambda flag: flag.line)


def _value_of(statement: Statement) -> str:
    return statement.field.value if statement.field else ""


def _in_heading(line: Line) -> list[str]:
    """`## Feature flag: name`."""
    field = read_field(line.text)
    return _names_in(field.value, line.codes) if field is not None and field.asks is Asks.FLAG else []


def _names_in(words: str, codes: list[str]) -> list[str]:
    """The names in an answer that is meant to hold some; a single word of code letters is one too."""
    shown = answer(words)
    if found := [code for code in codes if _CODE_FLAG.fullmatch(code) and placeholder_in(code) is None]:
        return found
    if _KEBAB_FLAG.fullmatch(shown) or _CAMEL_FLAG.fullmatch(shown):
        return [shown]
    return [name for name in _FLAG_WORD.findall(_ADDRESS.sub(" ", shown)) if placeholder_in(name) is None]


def _named(statement: Statement, *, is_listed: bool) -> list[str]:
    line = statement.line
    if line.kind is LineKind.ROW and not any(field.asks is Asks.FLAG for field in _fields_of(statement)):
        columns = [cell for head, cell in zip(line.header, line.cells, strict=False) if _FLAG_COLUMN.search(head)]
        about = any(_SPEAKS_OF_FLAG.search(head) for head in line.header) or _is_flag_section(statement.section)
        return [name for cell in columns[:1] if about and (name := _only_name(cell))]
    if values := [field.value for field in _fields_of(statement) if field.asks is Asks.FLAG]:
        return _names_in(" ".join(values), line.codes)
    if is_listed or _stands_under_flags(statement):
        return _names_in(line.text, line.codes)
    if _is_flag_section(statement.section) and (name := _only_name(line.text)) and not name.isalpha():
        return [name]
    if _SPEAKS_OF_FLAG.search(line.text):
        return [code for code in line.codes if _FLAG_WORD.fullmatch(code)]
    return []


def _stands_under_flags(statement: Statement) -> bool:
    above = [item.text.rstrip(" :") for item in statement.line.ancestors]
    return any(what_is_asked(text) is Asks.FLAG for text in above) or (
        _is_flag_section(statement.section) and statement.line.kind is LineKind.ITEM
    )


def _is_flag_section(section: Section) -> bool:
    return _is_flag_title(section.title)


@lru_cache(maxsize=4096)
def _is_flag_title(title: str) -> bool:
    return bool(_FLAG_TITLE.search(title))


def _only_name(cell: str) -> str | None:
    name = cell.strip(" `*")
    return name if _CODE_FLAG.fullmatch(name) and placeholder_in(name) is None else None


def _spelling(name: str) -> str:
    """A flag's name without what people vary: case, hyphens, underscores."""
    return re.sub(r"[^a-z0-9]", "", name.casefold())


def almost_same(first: str, second: str) -> bool:
    """One letter apart, two letters swapped, or the same but for case, hyphens and underscores.

    `_1` and `_2` are two flags.
    """
    one, two = _spelling(first), _spelling(second)
    if one == two:
        return True
    short, long = sorted((one, two), key=len)
    if len(short) < 8 or len(long) - len(short) > 1:
        return False
    at = next((i for i, (a, b) in enumerate(zip(short, long, strict=False)) if a != b), len(short))
    if any(word[at : at + 1].isdigit() for word in (short, long)):
        return False
    if len(short) == len(long) and short[at : at + 2] == long[at : at + 2][::-1]:
        return short[at + 2 :] == long[at + 2 :]  # two letters changed places
    return short[at:] == long[at + 1 :] or short[at + 1 :] == long[at + 1 :]


def _first_of_each(flags: list[FlagName]) -> list[FlagName]:
    first: dict[str, FlagName] = {}
    for flag in flags:
        first.setdefault(flag.name, flag)
    return list(first.values())
