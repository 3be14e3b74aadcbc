"""What a team looks at before an advance: names and bars out of lines, lists, tables, and sentences that say when."""

from __future__ import annotations

import re
from collections import defaultdict
from dataclasses import replace
from itertools import takewhile

from rampart_cli.document import bars
from rampart_cli.document.amounts import length_in
from rampart_cli.document.bars import Criterion, CriterionKind, Sense, is_bar, is_bar_only, read_part, sense_of
from rampart_cli.document.blocks import LineKind
from rampart_cli.document.labels import Asks, answer, placeholder_in, what_is_asked
from rampart_cli.document.lexicon import part, pattern, says
from rampart_cli.document.sections import SectionKind
from rampart_cli.document.statements import Statement, has_stage_columns, judged_by

_STOP = part("go back")
_UNSURE = re.compile(r"\b(?:unless|not|never|and)\b|n['\u2019]t\b", re.IGNORECASE)
_IF = re.compile(r"(?:if|when|whenever|once|as soon as)\b", re.IGNORECASE)
_ELSE = re.compile(rf"\b(?:otherwise|or else|if not)\b.{{0,40}}\b{_STOP}", re.IGNORECASE)
_STOP_WORD = re.compile(rf"\b{_STOP}\b", re.IGNORECASE)
_GO_TOO = re.compile(r"\b(?:success|advance|proceed|continue|go)\b", re.IGNORECASE)
_SENTENCE = re.compile(r"(?<=[\w%)])(?<!\be\.g)(?<!\bi\.e)(?<!\bvs)(?<!\bincl)(?<!\bno)\.\s{1,3}(?=[A-Z])")
_BAR_COLUMNS = ("threshold", "target", "bar", "limit", "success", "goal", "criteri", "value")
_COUNTS_ROWS = re.compile(r"#?\s?\d{1,3}[.)]?")
_ONLY_ZERO = re.compile(r"(?:0|zero|none)\.?", re.IGNORECASE)
_LONGEST_LIST = 300
_HAS_DIGIT = re.compile(r"\d")
_NOW_COLUMN = pattern("column: today")
_LIMIT = re.compile(r"(max|min)(?:imum)?\b", re.IGNORECASE)
_GOES_BACK = "Roll back if"
_UNIT_COLUMN = re.compile(r"^units?$", re.IGNORECASE)


def lists_stops(text: str) -> bool:
    """Whether a heading or a label asks when to go back, not when to go on: `Abort criteria`, `Roll back if`."""
    return says("stops on", text) or sense_of(text) in {Sense.STOP, Sense.UNSURE}


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
    for said in _parts(bars.OR_MORE.sub(r">= \1\2", bars.OR_LESS.sub(bars.or_less, shown))):
        asked = read_part(said, line)
        asked = asked if is_certain else [replace(c, op=None) if bars.is_turned(c.name, c.op) else c for c in asked]
        found += _read_stop(said, line, under) or asked
    return [replace(criterion, text=shown) for criterion in found if criterion.name]


def conditions_in(text: str, line: int) -> list[Criterion]:
    """The bars of sentences that say when to go on or back, wherever they stand: `Advance only when errors < 1%`."""
    if not is_bar(text) or says("a hint", text):
        return []
    found: list[Criterion] = []
    for sentence in _SENTENCE.split(text):
        if goes := pattern("if goes").match(sentence) or pattern("before going").match(sentence):
            found += [c for c in read_criteria(goes["bar"], line) if c.measure not in bars.TIMES]
        elif (goes := pattern("goes if").match(sentence)) or pattern("back if").match(sentence):
            found += read_criteria(sentence[goes.end() :] if goes else sentence, line)
    return [criterion for criterion in found if criterion.kind is CriterionKind.NUMERIC and criterion.op]


def _read_stop(text: str, line: int, under: str) -> list[Criterion]:
    """The criteria of a condition on which the rollout goes back: what must hold is its opposite."""
    # What stands nearest tells: a list of goals within a rollback section is one of goals.
    told = next((part for part in reversed(under.split("; ")) if lists_stops(part) or sense_of(part) is Sense.GO), "")
    asked = [told] if lists_stops(told) else []
    if not (_STOP_WORD.search(text) or asked) or _ELSE.search(text):
        return []
    is_clear = says("stops if", text) or any(not _GO_TOO.search(part) for part in asked)
    stop = _STOP_WORD.search(text)
    # Of "if errors exceed 2% we pause and look", the condition ends where the stop begins.
    condition = text[: stop.start()] if stop and _IF.match(text) else text
    unsure = not is_clear or bool(_UNSURE.search(condition))
    found = read_part(pattern("to stop").sub("", text, count=1), line)
    return [replace(c, op=None if unsure else bars.OPPOSITE.get(c.op or "")) for c in found]


def _parts(text: str) -> list[str]:
    # A semicolon separates; commas and "and" do so only before another bar, which the search for bars sees to.
    # Of several sentences those are meant that state a bar: the others tell of it.
    sentences = [part for part in _SENTENCE.split(text) if part.strip()]
    stated = [part for part in sentences if bars.BAR.search(part)] if len(sentences) > 1 else []
    return [part.strip() for sentence in stated or [text] for part in sentence.split(";") if part.strip()]


def criteria_in(statements: list[Statement]) -> list[Criterion]:
    found: list[Criterion] = []
    above: Statement | None = None
    barred: set[int] = set()
    maybe: dict[int, list[Criterion]] = defaultdict(list)
    for statement in (s for s in statements if not s.line.quoted):
        if statement.is_plan and (judged := judged_by(statement.line.header)):
            cells = [statement.line.cells[index] for index in judged if index < len(statement.line.cells)]
            found += [c for cell in cells for c in read_criteria(cell, statement.number)]
        elif statement.is_plan and statement.line.shares_in is not None:
            found += _bars_of_stage(statement)
        if not statement.is_criterion:
            may_judge = statement.is_plan or statement.section.kind is SectionKind.ROLLBACK
            if may_judge and statement.line.kind in {LineKind.TEXT, LineKind.ITEM}:
                found += conditions_in(statement.text, statement.number)
            continue
        stated = criteria_of(statement)
        if statement.line.parent is not None and statement.line.parent.line in barred:
            stated = [c for c in stated if c.op]  # what stands below a bar explains it, unless it is another
        barred |= {c.line for c in stated if c.op}
        if above is not None and (whole := _with_line_above(above, statement, found)):
            stated = whole
            found = [c for c in found if c.line != above.number]
        is_asked = any(bars.asks_outright(section.title) for section in statement.section.around)
        is_list = is_asked or statement.asked_by is not None or statement.line.kind is LineKind.ROW
        (found if is_list else maybe[id(statement.section)]).extend(stated)
        above = statement
    # A heading that only sounds like criteria heads some when a bar stands below it; its names alone are none.
    are_bars = (listed for listed in maybe.values() if any(c.op and (c.op, c.written) != ("==", "0") for c in listed))
    found += [criterion for listed in are_bars for criterion in listed]
    return sorted(found, key=lambda criterion: criterion.line)


def _bars_of_stage(statement: Statement) -> list[Criterion]:
    """The bars in a row of a table of stages whose column names what is measured: under `Error rate`, `< 2%`."""
    named = zip(statement.line.header, statement.line.cells, strict=False)
    return [
        criterion
        for head, cell in named
        if is_bar(cell) and is_bar_only(cell) and not length_in(cell) and not _NOW_COLUMN.search(head)
        for criterion in read_criteria(f"{head}: {cell}", statement.number, under=head)
    ]


def _with_line_above(above: Statement, statement: Statement, found: list[Criterion]) -> list[Criterion]:
    """The bar on the next line of the paragraph that names it: "Error rate" and then ": < 1%"; else nothing."""
    line, before = statement.line, above.line
    is_next = line.kind is LineKind.TEXT and line.line == before.line + 1 and line.parent in {before, before.parent}
    named = takewhile(lambda criterion: criterion.line == before.line, reversed(found))
    is_name = before.kind in {LineKind.ITEM, LineKind.TEXT} and all(c.kind is CriterionKind.NAMED for c in named)
    if not (is_next and is_name and _HAS_DIGIT.search(line.text)):
        return []
    whole = read_criteria(f"{before.text} {line.text}", before.line, under=_asked_by(above))
    return whole if [criterion.kind for criterion in whole] == [CriterionKind.NUMERIC] else []


def criteria_of(statement: Statement) -> list[Criterion]:
    """The criteria that one line of a list of criteria states."""
    line, field = statement.line, statement.field
    if line.kind is LineKind.ROW and statement.asks is not Asks.CRITERIA:
        return _row_criteria(statement)
    under = _asked_by(statement)
    if statement.asks is Asks.CRITERIA and field is not None:
        under = f"{under}; {field.label}"
        parts = read_criteria(field.value, line.line, under=under)
        parts = [part for part in parts if part.kind is not CriterionKind.NAMED and not says("a hint", field.value)]
        return parts or (read_criteria(field.value, line.line) if len(field.value) <= _LONGEST_LIST else [])
    if pattern("a hint").match(line.text):
        return []
    found = read_criteria(_named_text(statement), line.line, under=under)
    is_at_the_end = any("go live" in section.title.casefold() for section in statement.section.around)
    if line.kind is LineKind.ITEM and not is_at_the_end:
        return found
    # A line of prose among the criteria, or of what is looked at once all is done, is one only when it states a bar.
    is_meant = not says("a hint", line.text)
    numeric = [c for c in found if is_meant and c.kind is CriterionKind.NUMERIC]
    return [c for c in numeric if c.op or field or lists_stops(line.text)]


def _asked_by(statement: Statement) -> str:
    """The heading, the label and the list items that ask for this criterion."""
    around = statement.section.around
    titles = [s.title for s in around if s.kind is not SectionKind.STAGE and (not s.is_title or s is statement.section)]
    labels = [statement.asked_by.text] if statement.asked_by is not None else []
    nearest_first = [*(item.text for item in statement.line.ancestors), *labels, *titles]
    return "; ".join(reversed(nearest_first))


def _named_text(statement: Statement) -> str:
    """The line, led by the item or heading above it when it holds a bar and no name: `Error rate:`, then `< 1%`."""
    line = statement.line
    section = statement.section
    # The heading of one criterion stands below that of all.
    is_inside = section.kind is SectionKind.OTHER and section.parent and section.parent.kind is SectionKind.CRITERIA
    above = line.parent.text if line.parent is not None else section.title if is_inside else ""
    holds_bar = is_bar_only(line.text) or (line.parent is not None and bool(_ONLY_ZERO.fullmatch(line.text)))
    if not above or not holds_bar or what_is_asked(above) is not Asks.OTHER:
        return line.text
    return f"{above.rstrip(' :')}: {line.text}"


def _row_criteria(statement: Statement) -> list[Criterion]:
    written, heads = statement.line.cells, statement.line.header
    if len(written) > 2 and _COUNTS_ROWS.fullmatch(written[0]):
        written, heads = written[1:], heads[1:]  # the first column only counts the rows
    cells = [cell for cell in written if cell]
    if len(cells) < 2 or not answer(cells[0]):
        return read_criteria(cells[0], statement.number) if cells else []
    if has_stage_columns(heads):
        return _criteria_by_stage(statement)
    others = [(head, cell) for head, cell in zip(heads[1:], written[1:], strict=False) if cell]
    if all(_NOW_COLUMN.search(head) for head, _ in others):
        return []
    stops = [each for each in others if says("column: stops", each[0]) or lists_stops(each[0])]
    # What is measured today isn't a bar, and where to stop is one only when nothing else is said.
    meant = [each for each in others if not _NOW_COLUMN.search(each[0]) and each not in stops]
    goals = [cell for head, cell in meant if any(word in head.casefold() for word in _BAR_COLUMNS)]
    head = next((head for head, cell in meant if cell in goals or is_bar(cell)), "")
    ops = [cell for head, cell in meant if says("column: operator", head)]
    told = [cell for _, cell in meant if cell not in ops]
    if stops and not goals and not any(map(is_bar, told)):
        head, bar = stops[0]
        return read_criteria(f"{cells[0]}: {bar}", statement.number, under=head if lists_stops(head) else _GOES_BACK)
    # `Max` over `2%` is `<= 2%`.
    limits = [(_LIMIT.match(head), cell) for head, cell in meant if cell[:1].isdigit()]
    shown = ", ".join(f"{'<=' if limit[1].casefold() == 'max' else '>='} {cell}" for limit, cell in limits if limit)
    if shown:
        return read_criteria(f"{cells[0]}: {shown}", statement.number)
    bar = next(iter(goals or [cell for cell in told if is_bar(cell)] or told or ops), "")
    if ops and not is_bar(bar):
        bar = f"{ops[0]} {bar}"
    if units := [cell for head, cell in others if _UNIT_COLUMN.search(head) and cell[:1] not in {"", *bar[-1:]}]:
        bar = f"{bar} {units[0]}" if bar[-1:].isdigit() else bar
    found = read_criteria(f"{cells[0]}: {bar}", statement.number, under=f"{statement.section.title}; {head}")
    # What stands next to a name and isn't a bar isn't part of the name.
    return [replace(c, name=cells[0]) if c.kind is CriterionKind.NAMED else c for c in found]


def _criteria_by_stage(statement: Statement) -> list[Criterion]:
    """The bars of a row that has one for each stage; a name alone when it has none."""
    name, *goals = statement.line.cells
    if _NOW_COLUMN.search(name):
        return []
    under = f"{statement.section.title}; {statement.line.header[0]}"
    found = [c for bar in filter(answer, goals) for c in read_criteria(f"{name}: {bar}", statement.number, under=under)]
    stated = [c for c in found if c.kind is not CriterionKind.NAMED]
    return stated or read_criteria(name, statement.number)
