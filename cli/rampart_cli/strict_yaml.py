"""YAML as people mean it: no key appears twice, a number is what it looks like, and every place is known."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import yaml

from rampart.finding import Finding, FindingKind
from rampart.plan.problems import KEYS

INVALID_YAML = FindingKind("invalid_yaml", "The file isn't valid YAML.", "Fix the YAML")
DUPLICATE_KEY = FindingKind(
    "duplicate_key", "A key appears twice, of which YAML would silently take the last.", "Keep one of them"
)
MISREAD_TEXT = FindingKind("misread_text", "YAML reads a text as another value.", "Put it in quotes")
ALIAS = FindingKind("alias", "A plan can't use YAML's anchors and aliases.", "Write the value out in both places")
GAP = FindingKind("gap", "A value that `plan import` didn't find on the page.", "Fill in this value")

_AS_WRITTEN = re.compile(r"[-+]?(?:0|[1-9][0-9_]*)\Z")
_GAP = "!gap"
_GAP_COMMENT = re.compile(r"#\s*GAP:\s*(.+)")


class YamlError(Exception):
    """A text that can't be read as YAML, with the finding that says why and where."""

    def __init__(self, finding: Finding) -> None:
        place = f"line {finding.line}, column {finding.column}: " if finding.line else ""
        super().__init__(place + finding.message)
        self.finding = finding


class UniqueKeyLoader(yaml.SafeLoader):
    """Reads plain YAML and refuses a key that appears twice, of which YAML would silently take the last."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - PyYAML's signature
        seen: dict[str, int] = {}
        for key, _ in node.value:
            name = self.construct_object(key, deep=True)
            if isinstance(name, bool):
                raise _wrong(MISREAD_TEXT, key, f"YAML reads {key.value!r} as {str(name).lower()}")
            if str(name) in seen:
                raise _wrong(DUPLICATE_KEY, key, f"duplicate key {name!r}, first on line {seen[str(name)]}")
            seen[str(name)] = key.start_mark.line + 1
        return super().construct_mapping(node, deep)

    def construct_yaml_int(self, node: yaml.ScalarNode) -> int:
        """Read whole numbers as people write them: YAML would take 010 for 8, and 1:30 for 90."""
        if _AS_WRITTEN.match(node.value) is None:
            fix = "Write it in plain digits, or put it in quotes"
            raise _wrong(MISREAD_TEXT, node, f"YAML reads {node.value!r} as another number", fix)
        return int(node.value)

    def construct_yaml_float(self, node: yaml.ScalarNode) -> float:
        """Read decimals as people write them: YAML would take 1:30.5 for 90.5."""
        if ":" in node.value:
            raise _wrong(MISREAD_TEXT, node, f"YAML reads {node.value!r} as another number")
        return float(super().construct_yaml_float(node))

    def construct_gap(self, _: yaml.Node) -> None:
        """Read what a draft leaves open as nothing; the finding is made from its place."""


UniqueKeyLoader.add_constructor("tag:yaml.org,2002:int", UniqueKeyLoader.construct_yaml_int)
UniqueKeyLoader.add_constructor("tag:yaml.org,2002:float", UniqueKeyLoader.construct_yaml_float)
UniqueKeyLoader.add_constructor(_GAP, UniqueKeyLoader.construct_gap)


class PlainLoader(UniqueKeyLoader):
    """YAML without anchors, too: a few lines of aliases can stand for gigabytes."""

    def compose_node(self, parent: yaml.Node | None, index: int) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            event: Any = self.peek_event()  # type: ignore[no-untyped-call]  # PyYAML's stubs leave it open
            raise _wrong(ALIAS, event, "anchors and aliases aren't read")
        return super().compose_node(parent, index)


@dataclass(frozen=True, slots=True)
class YamlText:
    """A YAML text that was read: its value, its lines, and where each key and value is."""

    value: object
    lines: tuple[str, ...]
    gaps: tuple[str, ...] = ()
    """The paths of what a draft leaves open."""
    _keys: dict[str, yaml.Mark] = field(default_factory=dict)
    _values: dict[str, yaml.Node] = field(default_factory=dict)

    def placed(self, finding: Finding) -> Finding:
        """The finding with its line and column: of its key or value, else of what should contain it."""
        where = finding.where.partition(" / ")[0]
        about_key = finding.kind in KEYS and where in self._keys
        node = self._values.get(where)
        if node is not None and isinstance(node, yaml.ScalarNode) and not about_key:
            return _at(node, finding)
        while where and where not in self._keys:
            where = where.rpartition(".")[0]
        if not where:
            return replace(finding, line=1, column=1) if self.lines else finding
        key = self._keys[where]
        name = where.rpartition(".")[2]
        return replace(finding, line=key.line + 1, column=key.column + 1, mark=1 if name.isdigit() else len(name))

    def gap_findings(self) -> Iterator[Finding]:
        """A finding for each value that a draft leaves open, with what its comment asks for."""
        for path in self.gaps:
            found = self.placed(GAP.at(path, "this value is missing"))
            said = _GAP_COMMENT.search(self.lines[found.line - 1]) if found.line else None
            yield replace(found, message=f"this value is missing: {said[1]}") if said else found


def read_yaml(text: str, loader: type[UniqueKeyLoader] = UniqueKeyLoader) -> YamlText:
    """Read one YAML document; raises YamlError for a text that isn't one, with the place."""
    try:
        reader = loader(text)
        node = reader.get_single_node()
        found = YamlText(None if node is None else reader.construct_document(node), tuple(text.splitlines()))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column + 1) if mark else (0, 0)
        raise YamlError(INVALID_YAML.at("", error.problem or str(error), line=line, column=column)) from error
    except RecursionError as error:
        raise YamlError(INVALID_YAML.at("", "it nests too deeply", "Write it with fewer levels")) from error
    except (yaml.YAMLError, ValueError) as error:
        raise YamlError(INVALID_YAML.at("", " ".join(str(error).split())[:300])) from error
    gaps: list[str] = []
    if node is not None:
        _collect(node, "", found, gaps)
    return replace(found, gaps=tuple(gaps))


def _collect(node: yaml.Node, path: str, into: YamlText, gaps: list[str]) -> None:
    into._values[path] = node
    if node.tag == _GAP:
        gaps.append(path)
    prefix = f"{path}." if path else ""
    if isinstance(node, yaml.MappingNode):
        for key, value in node.value:
            into._keys[f"{prefix}{key.value}"] = key.start_mark
            _collect(value, f"{prefix}{key.value}", into, gaps)
    elif isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            into._keys[f"{prefix}{index}"] = item.start_mark
            if isinstance(item, yaml.ScalarNode):
                into._values[f"{path}: {item.value}"] = item  # such as `flags: letters_api`
            _collect(item, f"{prefix}{index}", into, gaps)


def _wrong(kind: FindingKind, node: Any, message: str, fix: str = "") -> YamlError:  # noqa: ANN401 -- nodes and events
    return YamlError(_at(node, kind.at("", message, fix)))


def _at(node: Any, finding: Finding) -> Finding:  # noqa: ANN401 -- nodes and events
    start, end = node.start_mark, node.end_mark
    mark = max(1, end.column - start.column) if start.line == end.line else 1
    return replace(finding, line=start.line + 1, column=start.column + 1, mark=mark)
