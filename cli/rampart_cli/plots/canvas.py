"""Where pictures are drawn: without a display, and written as their file's name says."""

from __future__ import annotations

import textwrap
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from rampart_cli.console import clean
from rampart_cli.failures import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMATS = {".svg", ".png"}


def refuse_other_endings(path: Path) -> None:
    """Raise InputError where a picture's name is neither .svg nor .png: better before the work than after it."""
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path} is neither .svg nor .png", fix="Give the picture one of these endings.")


def canvas(*, height: float, width: float = 10.0) -> tuple[Figure, Axes]:
    """An empty picture, measured in inches."""
    import matplotlib as mpl  # 0.3 s that only a picture is worth
    from matplotlib.figure import Figure

    mpl.rcParams["text.parse_math"] = False  # names are the team's: a dollar sign in them begins no formula
    # No pyplot: it keeps global state and wants a display.
    figure = Figure(figsize=(width, height), layout="constrained")
    return figure, figure.add_subplot()


def caption(text: str, *, most: int = 100) -> str:
    """Other people's text as a picture can take it: one line, not too long, no control characters."""
    return textwrap.shorten(clean(text), most, placeholder=" …")


def save(figure: Figure, path: Path) -> None:
    """Write a picture; raises InputError where its name has another ending, or the place cannot be written."""
    refuse_other_endings(path)
    try:
        with warnings.catch_warnings():
            # What the font lacks is drawn as a box, and needs no warning.
            warnings.filterwarnings("ignore", message="Glyph .* missing from font", category=UserWarning)
            figure.savefig(path, dpi=120)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", fix="Fix the path.") from error
