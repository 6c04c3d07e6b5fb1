"""The sweep drawn: time against FLOPs, both logarithmic, with the roofline of the machine.

Needs matplotlib, the extra ``plots``. Points differ by shape as well as by colour (Okabe and Ito's palette, which
people with colour blindness can tell apart, lighter in the dark).
"""

from __future__ import annotations

import importlib.util
from pathlib import Path
from typing import Any, Final

from profiler_kit.analysis.measured.matched_pairs import MATCHES, MEMORY, MatchedPairs, Peaks, SweptLayer
from profiler_kit.errors import MissingExtraError
from profiler_kit.report.figure import DARK, LIGHT, SUFFIXES, PlotError, Theme, figure
from profiler_kit.report.quantities import with_unit

_CONVOLUTION: Final = "convolution"
_MARKERS: Final = {"input size": "s", "FLOPs": "^", "parameters": "v", "output size": "D"}


def write_sweep_plot(pairs: MatchedPairs, path: Path, *, dark: bool = False) -> None:
    """Draw the sweep into a file.

    Args:
        pairs: The sweep.
        path: File to write; its suffix says which format, one of `SUFFIXES`.
        dark: Light lines on a dark background.

    Raises:
        PlotError: The suffix is not known.
        MissingExtraError: matplotlib is not installed.
        OSError: The file cannot be written.
    """
    theme = DARK if dark else LIGHT
    with figure(path, theme, (8.0, 5.4)) as axes:
        _draw_roofline(axes, pairs, theme)
        convolutions = [one for one in pairs.layers if one.match is None]
        _draw_points(axes, convolutions, _CONVOLUTION, "o-", theme.series[_CONVOLUTION])
        for match in MATCHES:
            dense = [one for one in pairs.layers if one.match == match]
            _draw_points(axes, dense, f"dense, equal {match}", _MARKERS[match], theme.series[match])
        _label(axes, convolutions, theme)
        _finish(axes, pairs, theme)


def require_plots(path: Path) -> None:
    """Make sure that a picture can be drawn into a file of that name, before the work that it shows is done.

    Raises:
        PlotError: The suffix is none of a picture.
        MissingExtraError: matplotlib is not installed.
    """
    if path.suffix.lower() not in SUFFIXES:
        raise PlotError(f"{path}: a figure's name must end in {', '.join(SUFFIXES)}")
    if importlib.util.find_spec("matplotlib") is None:
        raise MissingExtraError("drawing", "matplotlib", "plots")


def _draw_roofline(axes: Any, pairs: MatchedPairs, theme: Theme) -> None:
    """Draw what a call cannot be faster than: the peak rate as a diagonal, the shortest call as a level."""
    work = [one.flops for one in pairs.layers]
    left, right = min(work) / 3, max(work) * 3
    peaks = pairs.peaks
    if peaks.flops_per_s:
        label = f"peak rate, {with_unit('flops_per_s', peaks.flops_per_s)}"
        ends = [flops / peaks.flops_per_s * 1e6 for flops in (left, right)]
        axes.plot([left, right], ends, color=theme.text, linewidth=1.4, label=label)
    if peaks.dispatch_ns:
        label = f"shortest call, {with_unit('duration', peaks.dispatch_ns)}"
        axes.axhline(peaks.dispatch_ns / 1000, color=theme.text, linewidth=1.2, linestyle=":", label=label)
    labelled = False
    for one in pairs.layers:
        if MEMORY in one.bounds_ns:
            label = "" if labelled else _bytes_label(peaks)
            axes.plot(
                [one.flops], [one.bounds_ns[MEMORY] / 1000], "_", color=theme.kinds["total"], markersize=11, label=label
            )
            labelled = True


def _bytes_label(peaks: Peaks) -> str:
    memory = with_unit("bytes_per_s", peaks.bytes_per_s)
    if not peaks.cached_bytes_per_s:
        return f"each layer's bytes at {memory}"
    fastest = with_unit("bytes_per_s", max(peaks.cached_bytes_per_s.values()))
    return f"each layer's bytes, memory {memory}, caches up to {fastest}"


def _draw_points(axes: Any, layers: list[SweptLayer], label: str, form: str, colour: str) -> None:
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
        fmt=form,
        color=colour,
        markersize=6,
        linewidth=1.2,
        elinewidth=1,
        capsize=2,
        label=label,
    )


def _label(axes: Any, convolutions: list[SweptLayer], theme: Theme) -> None:
    for one in convolutions:
        axes.annotate(
            f"{one.size}×{one.size}",
            (one.flops, one.call_ns.median / 1000),
            textcoords="offset points",
            xytext=(-4, 8),
            horizontalalignment="right",
            fontsize=8,
            color=theme.series[_CONVOLUTION],
        )


def _finish(axes: Any, pairs: MatchedPairs, theme: Theme) -> None:
    axes.set_xscale("log")
    axes.set_yscale("log")
    # Bounds far below every measured time would only push the measurements together.
    axes.set_ylim(bottom=min(one.call_ns.median for one in pairs.layers) / 4000)
    axes.set_xlabel("work of a call (FLOP)")
    axes.set_ylabel("time of a call (µs), median and 95 % interval")
    title = f"Convolution against dense, forward, batch {pairs.batch}"
    axes.set_title(f"{title}\n{pairs.device}", fontsize=10)
    axes.grid(visible=True, which="major", color=theme.grid, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.legend(fontsize=8, loc="upper left", frameon=True, facecolor=theme.background, edgecolor=theme.grid)
