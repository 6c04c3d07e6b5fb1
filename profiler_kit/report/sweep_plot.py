"""The sweep drawn: time against FLOPs, both logarithmic, with the roofline of the machine.

Needs matplotlib, the extra ``plots``. Points differ by shape as well as by colour (Okabe and Ito's palette, which
people with colour blindness can tell apart), and the ground is white, so that the picture can be printed, and read on
a dark page.
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from profiler_kit.analysis.measured.matched_pairs import MATCHES, MEMORY, MatchedPairs, SweptLayer
from profiler_kit.errors import MissingExtraError, ProfilerKitError
from profiler_kit.report.quantities import with_unit

if TYPE_CHECKING:
    from os import PathLike

FORMATS: Final = (".svg", ".png", ".pdf")
"""Endings of the names of pictures."""

_CONVOLUTION: Final = ("convolution", "o", "#0072B2")
_STYLES: Final = {
    "input size": ("s", "#E69F00"),
    "FLOPs": ("^", "#D55E00"),
    "parameters": ("v", "#009E73"),
    "output size": ("D", "#CC79A7"),
}
_INK: Final = "#222222"
_PALE: Final = "#777777"


def write_sweep_plot(pairs: MatchedPairs, path: str | PathLike[str]) -> None:
    """Draw the sweep into a file whose suffix says the format (``.svg``, ``.png``, ``.pdf``).

    Raises:
        MissingExtraError: If matplotlib is not installed.
        ProfilerKitError: If the suffix is none that matplotlib writes.
        OSError: If the file cannot be written.
    """
    require_plots(path)
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 5.4), layout="constrained", facecolor="white")
    axes = figure.add_subplot(facecolor="white")
    _draw_roofline(axes, pairs)
    convolutions = [one for one in pairs.layers if one.match is None]
    _draw_points(axes, convolutions, *_CONVOLUTION, line=True)
    for match in MATCHES:
        dense = [one for one in pairs.layers if one.match == match]
        _draw_points(axes, dense, f"dense, equal {match}", *_STYLES[match], line=False)
    _label(axes, convolutions)
    _finish(axes, pairs)
    # Without the date, the same figures give the same file.
    figure.savefig(path, dpi=150, metadata={"Date": None} if Path(path).suffix == ".svg" else None)


def require_plots(path: str | PathLike[str]) -> None:
    """Make sure that a picture can be drawn into a file of that name, before the work that it shows is done.

    Raises:
        MissingExtraError: If matplotlib is not installed.
        ProfilerKitError: If the suffix is none of a picture.
    """
    if Path(path).suffix not in FORMATS:
        raise ProfilerKitError(f"{path}: pictures are written as {', '.join(FORMATS)}; give a name that ends in one")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing", "matplotlib", "plots")


def _draw_roofline(axes: Any, pairs: MatchedPairs) -> None:
    """Draw what a call cannot be faster than: the peak rate as a diagonal, the shortest call as a level."""
    work = [one.flops for one in pairs.layers]
    left, right = min(work) / 3, max(work) * 3
    peaks = pairs.peaks
    if peaks.flops_per_s:
        label = f"peak rate, {with_unit('flops_per_s', peaks.flops_per_s)}"
        ends = [flops / peaks.flops_per_s * 1e6 for flops in (left, right)]
        axes.plot([left, right], ends, color=_INK, linewidth=1.4, label=label)
    if peaks.dispatch_ns:
        label = f"shortest call, {with_unit('duration', peaks.dispatch_ns)}"
        axes.axhline(peaks.dispatch_ns / 1000, color=_INK, linewidth=1.2, linestyle=":", label=label)
    labelled = False
    for one in pairs.layers:
        if MEMORY in one.bounds_ns:
            label = "" if labelled else f"each layer's bytes at {with_unit('bytes_per_s', peaks.bytes_per_s)}"
            axes.plot([one.flops], [one.bounds_ns[MEMORY] / 1000], "_", color=_PALE, markersize=11, label=label)
            labelled = True


def _draw_points(axes: Any, layers: list[SweptLayer], label: str, marker: str, colour: str, *, line: bool) -> None:
    if not layers:
        return
    ordered = sorted(layers, key=lambda one: one.flops)
    work, median = [one.flops for one in ordered], [one.call_ns.median / 1000 for one in ordered]
    low = [max(one.call_ns.median - one.call_ns.low, 0) / 1000 for one in ordered]
    high = [max(one.call_ns.high - one.call_ns.median, 0) / 1000 for one in ordered]
    axes.errorbar(
        work,
        median,
        yerr=[low, high],
        fmt=marker + ("-" if line else ""),
        color=colour,
        markersize=6,
        linewidth=1.2,
        elinewidth=1,
        capsize=2,
        label=label,
    )


def _label(axes: Any, convolutions: list[SweptLayer]) -> None:
    for one in convolutions:
        axes.annotate(
            f"{one.size}×{one.size}",
            (one.flops, one.call_ns.median / 1000),
            textcoords="offset points",
            xytext=(-4, 8),
            horizontalalignment="right",
            fontsize=8,
            color=_CONVOLUTION[2],
        )


def _finish(axes: Any, pairs: MatchedPairs) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    # Bounds far below every measured time would only push the measurements together.
    axes.set_ylim(bottom=min(one.call_ns.median for one in pairs.layers) / 4000)
    axes.set_xlabel("work of a call (FLOP)", color=_INK)
    axes.set_ylabel("time of a call (µs), median and 95 % interval", color=_INK)
    title = f"Convolution against dense, forward, batch {pairs.batch}"
    axes.set_title(f"{title}\n{pairs.device}", fontsize=10, color=_INK)
    axes.grid(visible=True, which="major", color="#DDDDDD", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.tick_params(colors=_INK)
    axes.legend(fontsize=8, loc="upper left", frameon=True, facecolor="white", edgecolor="#DDDDDD")
