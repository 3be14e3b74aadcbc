"""The flags that a page names, in links, labels, tables, and sentences."""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import combinations
from urllib.parse import unquote, urlsplit

from rampart.finding import Finding
from rampart_cli.document.blocks import LineKind
from rampart_cli.document.diagnostics import Code, Say
from rampart_cli.document.inline import Link
from rampart_cli.document.labels import Asks, Field, answer, placeholder_in, read_field, what_is_asked
from rampart_cli.document.lexicon import says
from rampart_cli.document.plan import FlagName, PlanDocument
from rampart_cli.document.statements import Statement

MOST_FLAGS = 20
"""Flags that are compared with each other, as many as a plan may hold."""
ADDRESS = re.compile(r"https?://[^\s<>()\[\]\"']{3,1000}")
_FLAG_PATH = re.compile(r"/flipper/features/([A-Za-z0-9_.:-]{1,200})/?$")
_FLAG_WORD = re.compile(r"(?<![\w./-])[a-z][a-z0-9]{0,40}(?:_[a-z0-9]{1,40}){1,20}(?![\w/]|\.\w)", re.IGNORECASE)
_KEBAB_FLAG = re.compile(r"[A-Za-z][A-Za-z0-9]{0,60}(?:-[A-Za-z0-9]{1,60}){1,20}")
_DOTTED_FLAG = re.compile(r"[A-Za-z]\w{0,60}(?:\.\w{1,60}){1,10}")
_FOR_WHOM = re.compile(r"^[A-Za-z]{2,20}:\s{1,3}")
"""`Web: name`, in a cell of flags."""
_BESIDE = re.compile(r"\s\|\s|;\s|\s[\u00b7\u2022]\s")
_CAMEL_FLAG = re.compile(r"[a-z][a-z0-9]{1,40}(?:[A-Z][a-z0-9]{0,40}){1,10}")
_OTHER_ENVIRONMENT = re.compile(
    r"(?:^|[.-])(?:staging|stage|stg|dev|development|sandbox|test|qa|review|localhost)(?:[.-]|$)"
)
_FLAG_LIKE = re.compile(r"(?<![\w./-])[a-z][a-z0-9]{0,40}(?:[_-][a-z0-9]{1,40}){1,20}(?![\w/-]|\.\w)", re.IGNORECASE)
_PARTS = r"[a-z0-9]{1,40}"
_CALLED = re.compile(
    rf"\b(?i:flag|toggle)\s([a-z]{_PARTS}(?:[-_.]{_PARTS}){{1,20}})(?=\s(?:at|to|for|on|is|goes)\b)"
    rf"|\b(?i:flag|toggle|switch):?\s[\"\u201c']?([a-z]{_PARTS}(?:[_.]{_PARTS}){{1,20}})(?=[\"\u201d')]|\s|$|[.,;]\s|[.,;]$)"
    rf"|(?<![\w./-])([a-z]{_PARTS}(?:_{_PARTS}){{1,20}})\s(?:is|will be|gets|goes)\s"
    r"(?:enabled|turned on|switched on|set|to)\b"
)
"""`the flag pier-fees at 10%`, `pier_fees is enabled for 5%`."""
_FACTS = frozenset({Asks.OWNER, Asks.TIMEZONE, Asks.FLAG, Asks.DASHBOARD, Asks.MONITOR})
_CODE_FLAG = re.compile(r"[A-Za-z][A-Za-z0-9_.:-]{2,199}")
_FLAG_TITLE = re.compile(r"\b(feature )?(flag|toggle|flipper)s?( names?| details?)?$", re.IGNORECASE)
_SPEAKS_OF_FLAG = re.compile(r"\b(flag|toggle|flipper)s?\b", re.IGNORECASE)


def fields_of(statement: Statement) -> list[Field]:
    """The label of a line with its answer; several where the line holds several: `Owner: … | Time zone: …`."""
    line = statement.line
    if line.kind is LineKind.ROW and len(line.cells) == 2:  # `| Owner | claims-team |`
        return [Field(*line.cells, what_is_asked(line.cells[0]))]
    if line.kind is LineKind.ROW:  # heads that each ask for a fact of the whole plan: `| Owner | Time zone | Flag |`
        asked = [what_is_asked(head) for head in line.header]
        return [Field(*each) for each in zip(line.header, line.cells, asked, strict=False) if set(asked) <= _FACTS]
    parts = [read_field(part) for part in _BESIDE.split(statement.text)]
    fields = [part for part in parts if part is not None and part.asks is not Asks.OTHER and part.value]
    if len(fields) > 1 and len(fields) == len(parts):
        return fields
    return [statement.field] if statement.field else []


def flag_of(link: Link) -> str | None:
    """The flag that a link to the flag store's page opens."""
    found = _FLAG_PATH.search(unquote(path_of(link)))
    return found[1] if found else None


def path_of(link: Link) -> str:
    try:
        return urlsplit(link.url).path
    except ValueError:
        return ""  # no address at all, such as http://[


def flags_in(plan: PlanDocument) -> list[FlagName]:
    """Every flag that the page names, each at the line that names it first."""
    found = [FlagName(name, line) for link, line in plan.links if (name := flag_of(link))]
    asked = False
    for statement in plan.statements:
        if statement.line.quoted or statement.is_decoy:
            continue
        # "Feature flags:" may be a line of its own, with a list below it.
        is_listed = asked and (statement.line.kind is LineKind.ITEM or _only_name(statement.text) is not None)
        asked = is_listed or (statement.asks is Asks.FLAG and not statement.value)
        found += [FlagName(name, statement.number) for name in _named(statement, is_listed=is_listed)]
    for heading in (section.heading for section in plan.sections if section.heading and not section.is_decoy):
        field = read_field(heading.text)  # `## Feature flag: name`
        is_flag = field is not None and field.asks is Asks.FLAG
        names = _names_in(field.value, heading.codes) if field and is_flag else _called(heading.text)
        found += [FlagName(name, heading.line) for name in names]
    first: dict[str, FlagName] = {}
    for flag in sorted(found, key=lambda flag: flag.line):
        first.setdefault(flag.name, flag)
    return list(first.values())


def _called(text: str) -> list[str]:
    """The names that a sentence itself calls flags, or says are enabled."""
    found = [next(filter(None, names)) for names in _CALLED.findall(text)]
    return [name for name in found if placeholder_in(name) is None]


def _names_in(words: str, codes: list[str]) -> list[str]:
    """The names in an answer that is meant to hold some; a single word of code letters is one too."""
    shown = answer(words)
    if found := [code for code in codes if _CODE_FLAG.fullmatch(code) and placeholder_in(code) is None]:
        return found
    if any(form.fullmatch(shown) for form in (_KEBAB_FLAG, _DOTTED_FLAG, _CAMEL_FLAG)):
        return [shown]
    return [name for name in _FLAG_WORD.findall(ADDRESS.sub(" ", shown)) if placeholder_in(name) is None]


def _named(statement: Statement, *, is_listed: bool) -> list[str]:
    line, is_flags = statement.line, bool(_FLAG_TITLE.search(statement.section.title))
    if line.kind is LineKind.ROW and not any(field.asks is Asks.FLAG for field in fields_of(statement)):
        columns = [cell for head, cell in zip(line.header, line.cells, strict=False) if says("column: flag", head)]
        is_about = any(map(_SPEAKS_OF_FLAG.search, line.header)) or is_flags
        return [name for cell in columns[:1] if is_about and (name := _only_name(cell))]
    if values := [field.value for field in fields_of(statement) if field.asks is Asks.FLAG]:
        return _names_in(" ".join(values), line.codes)
    is_below = any(what_is_asked(item.text.rstrip(" :")) is Asks.FLAG for item in line.ancestors)
    if is_listed or is_below or (is_flags and line.kind is LineKind.ITEM):
        return _names_in(line.text, line.codes)
    if is_flags and (name := _only_name(line.text)) and not name.isalpha():
        return [name]
    codes = line.codes if _SPEAKS_OF_FLAG.search(line.text) else []
    return _called(line.text) or [c for c in codes if _FLAG_WORD.fullmatch(c) or _is_called_flag(c, line.text)]


def flags_spoken_of(statement: Statement) -> list[str]:
    """The names in a line that speaks of a flag, whether or not one of them was taken for the plan's."""
    if not _SPEAKS_OF_FLAG.search(statement.text) or statement.line.quoted:
        return []
    return [name for name in (*statement.line.codes, *_FLAG_WORD.findall(statement.text)) if _FLAG_WORD.fullmatch(name)]


def _is_called_flag(code: str, text: str) -> bool:
    """Whether the word right before a name in code letters says that it is one: "the flag `pier-fees`"."""
    before = text.partition(code)[0].rstrip().casefold()
    return bool(_KEBAB_FLAG.fullmatch(code)) and before.endswith(("flag", "toggle"))


def _only_name(cell: str) -> str | None:
    name = _FOR_WHOM.sub("", cell.strip(" `*"))
    return name if _CODE_FLAG.fullmatch(name) and placeholder_in(name) is None else None


def almost_same(first: str, second: str) -> bool:
    """One letter apart, two letters swapped, or the same but for case, hyphens and underscores.

    `_1` and `_2` are two flags.
    """
    one, two = (re.sub(r"[^a-z0-9]", "", name.casefold()) for name in (first, second))
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


def check_flags(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    for link, line in plan.links:
        if (name := flag_of(link)) is None:
            continue
        host = urlsplit(link.url).hostname or ""
        if _OTHER_ENVIRONMENT.search(host):
            yield say(Code.STAGING_FLAG_LINK, line, host, f"the link to the flag opens {host}, which is not production")
        if re.fullmatch(r"[\w.:-]*_[\w.:-]*", link.text.strip()) and link.text.strip() != name:
            message = f"the link reads {link.text.strip()} and opens {name}"
            yield say(Code.INCONSISTENT_FLAG_NAME, line, link.text.strip(), message)
    for first, second in combinations(plan.flags[:MOST_FLAGS], 2):
        if almost_same(first.name, second.name):
            message = f"the flag is {second.name} here and {first.name} at line {first.line}"
            yield say(Code.INCONSISTENT_FLAG_NAME, second.line, second.name, message)


def check_spelling(plan: PlanDocument, say: Say) -> Iterator[Finding]:
    """Words that are almost a flag of the plan, where the page speaks of switching one."""
    known = {flag.name for flag in plan.flags}
    for statement in plan.statements:
        if statement.line.quoted or not says("switches", statement.text):
            continue
        for word in dict.fromkeys([*statement.line.codes, *_FLAG_LIKE.findall(ADDRESS.sub(" ", statement.text))]):
            if word in known or not _FLAG_LIKE.fullmatch(word):
                continue
            meant = next((flag for flag in plan.flags[:MOST_FLAGS] if almost_same(word, flag.name)), None)
            if meant is not None and statement.number != meant.line:
                message = f"the flag is {word} here and {meant.name} at line {meant.line}"
                yield say(Code.INCONSISTENT_FLAG_NAME, statement.number, word, message)
