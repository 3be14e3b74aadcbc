"""Where pictures are drawn: without a display, and written as their file's name says."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from rampart_cli.failures import InputError

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

_FORMATS = {".svg", ".png"}


def canvas(*, height: float = 5.0) -> tuple[Figure, Axes]:
    """An empty picture, ten inches wide."""
    from matplotlib.figure import Figure  # 0.3 s that only a picture is worth

    figure = Figure(figsize=(10, height), layout="constrained")  # no pyplot: it keeps global state and wants a display
    return figure, figure.add_subplot()


def save(figure: Figure, path: Path) -> None:
    """Write a picture; raises InputError where the name is neither .svg nor .png, or the place cannot be written."""
    if path.suffix.lower() not in _FORMATS:
        raise InputError(f"{path} is neither .svg nor .png", mend="Give the picture one of these endings.")
    try:
        figure.savefig(path, dpi=120)
    except OSError as error:
        raise InputError(f"{path} cannot be written: {error.strerror}", mend="Mend the path.") from error
