"""A picture of matplotlib's as SVG that belongs into a page: the page's colors, text as text, no styles of its own."""

from __future__ import annotations

import io
import re
from typing import TYPE_CHECKING
from xml.etree import ElementTree as ET  # nosec B405  # it reads what matplotlib wrote here

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SVG = "http://www.w3.org/2000/svg"
_XLINK = "http://www.w3.org/1999/xlink"
ET.register_namespace("", _SVG)
_REFERENCE = re.compile(r"url\(#([^)]+)\)")

COLORS = {
    "ink": "#010101",
    "muted": "#010102",
    "grid": "#010103",
    "surface": "#010104",
    "accent": "#010105",
    "bar": "#010106",
    "pass": "#010107",
    "fail": "#010108",
    "warn": "#010109",
}
"""The page's colors by name, as matplotlib is told them: stand-ins that `inline` turns into the page's variables."""

_VARIABLES = {stand_in: f"var(--{name})" for name, stand_in in COLORS.items()}


def inline(figure: Figure, *, name: str, label: str) -> str:
    """The figure as an `<svg>` element with the text alternative `label`; its ids begin with `name`."""
    import matplotlib as mpl  # late, as everything that draws

    written = io.StringIO()
    with mpl.rc_context({"svg.fonttype": "none", "svg.hashsalt": name}):
        figure.savefig(written, format="svg", metadata={"Date": None}, transparent=True)
    root = ET.fromstring(written.getvalue())  # noqa: S314 # nosec B314  # written by matplotlib a line above
    _clean(root, name)
    for size in ("width", "height"):
        root.attrib.pop(size, None)
    root.attrib |= {"role": "img", "aria-label": label}
    return ET.tostring(root, encoding="unicode")


def _clean(root: ET.Element, name: str) -> None:
    """Styles become attributes, which a strict content policy allows; ids that nothing refers to go."""
    used = set(_REFERENCE.findall(ET.tostring(root, encoding="unicode")))
    used |= {link[1:] for element in root.iter() if (link := element.get(f"{{{_XLINK}}}href", "")).startswith("#")}
    for parent in list(root.iter()):
        for child in list(parent):
            if child.tag in {f"{{{_SVG}}}metadata", f"{{{_SVG}}}style"}:
                parent.remove(child)
    for element in root.iter():
        # Each text's font is the page's own; its size stays.
        for declaration in element.attrib.pop("style", "").split(";"):
            key, _, value = declaration.partition(":")
            if value and key.strip() not in {"font", "font-family"}:
                element.set(key.strip(), value.strip())
        for key, value in list(element.attrib.items()):
            element.set(key, _REFERENCE.sub(rf"url(#{name}-\1)", _VARIABLES.get(value, value)))
        own = element.attrib.pop("id", "")
        if own in used:
            element.set("id", f"{name}-{own}")
        link = element.attrib.pop(f"{{{_XLINK}}}href", "")
        if link:
            element.set("href", f"#{name}-{link[1:]}")
