"""Figures: their colours, light and dark, and the files that they are written to.

Needs matplotlib, the extra ``plots``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from profiler_kit.errors import MissingExtraError, ProfilerKitError

SUFFIXES: Final = (".svg", ".pdf", ".png")


class PlotError(ProfilerKitError):
    """A figure cannot be drawn: nothing to draw, or a kind of file that is not known."""


@dataclass(frozen=True)
class Theme:
    """Colours that are told apart in print, on a dark screen, and by people who see colours differently."""

    background: str
    text: str
    grid: str
    kinds: dict[str, str]
    bounds: dict[str, str]
    series: dict[str, str]


LIGHT: Final = Theme(
    background="#ffffff",
    text="#1f2328",
    grid="#d8dee4",
    kinds={
        "total": "#57606a",
        "measured": "#0072b2",
        "derived": "#009e73",
        "modelled": "#cc8400",
        "unexplained": "#c2185b",
    },
    bounds={"compute": "#0072b2", "memory": "#cc8400", "launch": "#c2185b", "unknown": "#57606a"},
    series={
        "convolution": "#0072b2",
        "input size": "#e69f00",
        "FLOPs": "#d55e00",
        "parameters": "#009e73",
        "output size": "#cc79a7",
    },
)
DARK: Final = Theme(
    background="#0d1117",
    text="#e6edf3",
    grid="#30363d",
    kinds={
        "total": "#8b949e",
        "measured": "#56b4e9",
        "derived": "#2fc79a",
        "modelled": "#f0b429",
        "unexplained": "#ff7eb6",
    },
    bounds={"compute": "#56b4e9", "memory": "#f0b429", "launch": "#ff7eb6", "unknown": "#8b949e"},
    series={
        "convolution": "#56b4e9",
        "input size": "#f0b429",
        "FLOPs": "#ff8a50",
        "parameters": "#2fc79a",
        "output size": "#e3a2c9",
    },
)


@contextmanager
def figure(path: Path, theme: Theme, size: tuple[float, float]) -> Iterator[Any]:
    """Give axes in the theme's colours, and write them to the file."""
    if path.suffix.lower() not in SUFFIXES:
        raise PlotError(f"{path}: a figure's name must end in {', '.join(SUFFIXES)}")
    try:
        from matplotlib import rc_context
        from matplotlib.backends.backend_agg import FigureCanvasAgg
        from matplotlib.figure import Figure
    except ModuleNotFoundError as error:
        raise MissingExtraError("drawing", str(error.name).partition(".")[0], "plots") from None
    colors = {
        **dict.fromkeys(("text.color", "axes.labelcolor", "xtick.color", "ytick.color"), theme.text),
        "axes.edgecolor": theme.grid,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.facecolor": theme.background,
        "figure.facecolor": theme.background,
        "savefig.facecolor": theme.background,
        "font.family": "sans-serif",
        # Text stays text in SVG, and the file is the same for the same figure.
        "svg.fonttype": "none",
        "svg.hashsalt": "profiler_kit",
    }
    with rc_context(colors):
        drawn = Figure(figsize=size, layout="constrained")
        FigureCanvasAgg(drawn)
        yield drawn.add_subplot()
        metadata = {"Date": None} if path.suffix.lower() == ".svg" else None
        drawn.savefig(path, dpi=160, metadata=metadata)
