"""A state machine as a drawing: its states in layers from the start, and those that an execution entered marked."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import escape
from typing import Any

_WIDTH, _HEIGHT, _GAP_X, _GAP_Y, _MARGIN = 128, 30, 26, 26, 16
_STYLE = """
text{font:12px ui-sans-serif,system-ui,sans-serif;text-anchor:middle;dominant-baseline:central;fill:#16191f}
rect{rx:15px;fill:#fff;stroke:#879596}
.was rect{fill:#e6f4ea;stroke:#1d8102}
.is rect{fill:#e1f0fb;stroke:#0073bb;stroke-width:2}
path{fill:none;stroke:#879596;marker-end:url(#tip)}
.caught{stroke-dasharray:4 3}
#tip path{fill:#879596;stroke:none}
svg{background:#fff}"""
_TIP = (
    '<marker id="tip" markerWidth="7" markerHeight="7" refX="6" refY="3.5" orient="auto">'
    '<path d="M0,0 L7,3.5 L0,7z"/></marker>'
)

States = Mapping[str, Mapping[str, Any]]


def graph_of(machine: Mapping[str, Any], entered: Sequence[str]) -> str:
    """The machine as SVG: states that were entered are green, and the last one, where the execution waits, is blue.

    What an error leads to is dashed, and left out where it leads back up: nearly every state can do that.
    """
    states: States = machine["States"]
    layers = _layers(machine["StartAt"], states)
    places = dict(_places(layers))
    width = max(x for x, _ in places.values()) + _WIDTH // 2 + _MARGIN
    height = max(y for _, y in places.values()) + _HEIGHT // 2 + _MARGIN
    lines = [*_edges(states, places), *_nodes(places, entered)]
    head = f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">'
    return "\n".join([head, f"<style>{_STYLE}</style><defs>{_TIP}</defs>", *lines, "</svg>", ""])


def _next(state: Mapping[str, Any]) -> list[str]:
    chosen = [choice["Next"] for choice in state.get("Choices", [])]
    return [each for each in (state.get("Next"), *chosen, state.get("Default")) if each]


def _caught(state: Mapping[str, Any]) -> list[str]:
    return [each["Next"] for each in state.get("Catch", [])]


def _layers(start: str, states: States) -> list[list[str]]:
    """States by their distance from the start: first as they follow each other, then what only an error leads to."""
    depth = {start: 0}
    for follows in (_next, lambda state: [*_next(state), *_caught(state)]):
        waiting = list(depth)
        while waiting:
            name = waiting.pop(0)
            for each in follows(states[name]):
                if each not in depth:
                    depth[each] = depth[name] + 1
                    waiting.append(each)
    return [[name for name in depth if depth[name] == layer] for layer in range(max(depth.values()) + 1)]


def _places(layers: Sequence[Sequence[str]]) -> Iterator[tuple[str, tuple[int, int]]]:
    widest = max(len(layer) for layer in layers)
    for row, layer in enumerate(layers):
        for column, name in enumerate(layer):
            shift = (widest - len(layer)) * (_WIDTH + _GAP_X) // 2
            x = _MARGIN + shift + column * (_WIDTH + _GAP_X) + _WIDTH // 2
            yield name, (x, _MARGIN + row * (_HEIGHT + _GAP_Y) + _HEIGHT // 2)


def _edges(states: States, places: Mapping[str, tuple[int, int]]) -> Iterator[str]:
    for name, state in states.items():
        for each in _next(state):
            yield _edge(places[name], places[each], "")
        for each in (each for each in dict.fromkeys(_caught(state)) if places[each][1] > places[name][1]):
            yield _edge(places[name], places[each], ' class="caught"')


def _edge(a: tuple[int, int], b: tuple[int, int], kind: str) -> str:
    half, bend = _HEIGHT // 2, _GAP_Y
    if b[1] > a[1]:
        y, to = a[1] + half, b[1] - half
        return f'<path{kind} d="M{a[0]},{y} C{a[0]},{y + bend} {b[0]},{to - bend} {b[0]},{to}"/>'
    side = 1 if b[0] >= a[0] else -1  # back up, or across: around the side
    x, to_x = a[0] + side * _WIDTH // 2, b[0] + side * _WIDTH // 2
    out = side * 2 * bend
    return f'<path{kind} d="M{x},{a[1]} C{x + out},{a[1]} {to_x + out},{b[1]} {to_x},{b[1]}"/>'


def _nodes(places: Mapping[str, tuple[int, int]], entered: Sequence[str]) -> Iterator[str]:
    for name, (x, y) in places.items():
        kind = "is" if name == entered[-1] else "was" if name in entered else ""
        box = f'<rect x="{x - _WIDTH // 2}" y="{y - _HEIGHT // 2}" width="{_WIDTH}" height="{_HEIGHT}"/>'
        yield f'<g class="{kind}">{box}<text x="{x}" y="{y}">{escape(name)}</text></g>'
