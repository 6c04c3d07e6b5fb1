"""Figures: the factors of an explanation as a waterfall, and a roofline. Need the extra ``plots`` (matplotlib)."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from profiler_kit.analysis.ledger.explanation import Explanation
from profiler_kit.analysis.ledger.ledger_words import multiple, time_text
from profiler_kit.analysis.ledger.roofline import Roofline
from profiler_kit.printable import printable
from profiler_kit.report.explanation import Bar, waterfall
from profiler_kit.report.figure import DARK, LIGHT, PlotError, Theme, figure
from profiler_kit.report.quantities import unit_of, with_unit
from profiler_kit.report.roofline import Point, peaks_to_show, roofline_points

_MOST_POINTS: Final = 40
_LABELLED_POINTS: Final = 6
_LONGEST_LABEL: Final = 90

_TOTAL: Final = "total"
"""Kind of the bars that stand for a side's time, not for a factor."""

_THINNEST: Final = 1.008
"""Bars of factors next to 1 are drawn as wide as this factor, so that they are seen."""

_SAME_PLACE: Final = 1.15
"""Points whose coordinates differ by less than this factor are drawn on top of each other."""

_TWO_DECADES: Final = 300.0

_SIZES: Final = (30.0, 400.0)
"""Areas of markers in points², of no time and of all of it."""


def draw_waterfall(explanation: Explanation, path: Path, *, dark: bool = False) -> None:
    """Draw how the factors lead from the fast side's time to the slow side's.

    Args:
        explanation: The explanation.
        path: File to write; its suffix says which format, one of `SUFFIXES`.
        dark: Light lines on a dark background.

    Raises:
        PlotError: The suffix is not known.
        MissingExtraError: matplotlib is not installed.
        OSError: The file cannot be written.
    """
    bars = waterfall(explanation)
    theme = DARK if dark else LIGHT
    with figure(path, theme, (8.5, 1.7 + 0.36 * (len(bars) + 2))) as axes:
        first, last = bars[0].start_us, bars[-1].end_us
        totals = [Bar("fast side", _TOTAL, 1.0, first, first), Bar("slow side", _TOTAL, 1.0, last, last)]
        steps = [totals[0], *bars, totals[1]]
        divisor, unit = unit_of("duration", [1000 * bar.end_us for bar in steps])
        _draw_steps(axes, steps, divisor / 1000, theme)
        axes.set_xlabel(f"{explanation.of} of a call ({unit}, logarithmic)")
        axes.grid(axis="x", color=theme.grid, linewidth=0.6)
        axes.set_axisbelow(True)
        shown = {bar.kind for bar in bars}
        _legend(axes, theme.kinds, [kind for kind in theme.kinds if kind in shown])
        title = (
            f"{_cut(explanation.slow.name)}\n{multiple(explanation.ratio)} the time of {_cut(explanation.fast.name)}"
        )
        axes.set_title(title, fontsize=10, loc="left")


def _draw_steps(axes: Any, steps: list[Bar], divisor: float, theme: Theme) -> None:
    """Draw one bar below the other, from where the last one ended; those of the two sides from the axis on."""
    times = [time / divisor for bar in steps for time in (bar.start_us, bar.end_us)]
    low, high = min(times) / 1.6, max(times) * 1.9
    for place, bar in enumerate(steps):
        start, end = bar.start_us / divisor, bar.end_us / divisor
        total = bar.kind == _TOTAL
        left = low if total else min(start, end)
        right = max(start, end, left * _THINNEST)
        axes.barh(place, right - left, left=left, color=theme.kinds[bar.kind], height=0.62, linewidth=0)
        text = time_text(bar.end_us) if total else multiple(bar.value)
        axes.text(right * 1.04, place, text, va="center", ha="left", fontsize=9)
        if place + 1 < len(steps):
            axes.plot([end, end], [place + 0.31, place + 0.69], color=theme.text, linewidth=0.7, alpha=0.6)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    _plain_ticks(axes.xaxis)
    axes.set_ylim(len(steps) - 0.4, -0.6)
    axes.set_yticks(range(len(steps)), [bar.label for bar in steps])
    axes.tick_params(axis="y", length=0)


def draw_roofline(result: Roofline, path: Path, *, dark: bool = False) -> None:
    """Draw the operators' rates against their arithmetic intensity, under the roofs.

    Args:
        result: The rooflines.
        path: File to write; its suffix says which format, one of `SUFFIXES`.
        dark: Light lines on a dark background.

    Raises:
        PlotError: The suffix is not known, or no operator has FLOPs.
        MissingExtraError: matplotlib is not installed.
        OSError: The file cannot be written.
    """
    points = roofline_points(result)[:_MOST_POINTS]
    if not points:
        raise PlotError("no operator of the trace has FLOPs and bytes that are known; record with record_shapes=True")
    theme = DARK if dark else LIGHT
    with figure(path, theme, (9.0, 6.6)) as axes:
        peaks, bandwidth = peaks_to_show(result), result.roofs.bandwidth_bytes_per_s
        intensities = [point.intensity for point in points]
        ridges = [peak / bandwidth for peak in peaks.values()] if bandwidth else []
        low, high = min((*intensities, *ridges)) / 4, max((*intensities, *ridges)) * 6
        rates = [point.flops_per_s for point in points]
        divisor, unit = unit_of("flops_per_s", [*rates, *peaks.values()])
        if bandwidth:
            _draw_roofs(axes, peaks, bandwidth, (low, high), divisor, theme)
            _draw_cache(axes, result, (low, high), divisor, theme)
        _draw_points(axes, points, divisor, theme)
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.set_xlim(low, high)
        top = max((*rates, *(peaks.values() if bandwidth else ())))
        axes.set_ylim(min(rates) / divisor / 4, top / divisor * 3)
        axes.set_xlabel("arithmetic intensity (useful FLOP per byte moved at least)")
        axes.set_ylabel(f"rate ({unit})")
        axes.grid(color=theme.grid, linewidth=0.6)
        axes.set_axisbelow(True)
        _plain_ticks(axes.xaxis)
        _plain_ticks(axes.yaxis)
        shown = [bound for bound in theme.bounds if any(point.bound == bound for point in points)]
        _legend(axes, theme.bounds, shown, points)
        name = result.roofs.name or "device not known"
        axes.set_title(f"Roofline: {printable(name)}; areas by {result.of}", fontsize=10, loc="left")


def _draw_roofs(
    axes: Any, peaks: dict[str, float], bandwidth: float, ends: tuple[float, float], divisor: float, theme: Theme
) -> None:
    """Draw the slope of the bandwidth and the flat roof of each unit."""
    highest = max(peaks.values(), default=ends[1] * bandwidth)
    slope_end = min(highest / bandwidth, ends[1])
    axes.plot(
        [ends[0], slope_end], [ends[0] * bandwidth / divisor, slope_end * bandwidth / divisor], color=theme.text, lw=1.4
    )
    _name_slope(axes, f"memory, {with_unit('bytes_per_s', bandwidth)}", (ends[0], ends[0] * bandwidth / divisor))
    for unit, peak in peaks.items():
        axes.plot([peak / bandwidth, ends[1]], [peak / divisor] * 2, color=theme.text, lw=1.4)
        words = f"{unit.replace('_', ' ')}, {with_unit('flops_per_s', peak)}"
        axes.annotate(
            words, (ends[1], peak / divisor), (-4, 3), textcoords="offset points", ha="right", va="bottom", fontsize=8
        )


def _draw_cache(axes: Any, result: Roofline, ends: tuple[float, float], divisor: float, theme: Theme) -> None:
    """Draw the slope of the fastest cache, dashed; calls whose bytes it holds may lie above that of the memory."""
    peaks, fastest = peaks_to_show(result), max(result.roofs.cached_bytes_per_s.values(), default=0.0)
    if not peaks or fastest <= (result.roofs.bandwidth_bytes_per_s or 0.0):
        return
    end = min(max(peaks.values()) / fastest, ends[1])
    places = [ends[0], end]
    axes.plot(places, [place * fastest / divisor for place in places], color=theme.text, lw=1.0, ls="--")
    _name_slope(axes, f"cache, {with_unit('bytes_per_s', fastest)}", (ends[0], ends[0] * fastest / divisor))


def _name_slope(axes: Any, words: str, place: tuple[float, float]) -> None:
    """Write below the left end of a slope what it is."""
    axes.annotate(words, place, (10, 0), textcoords="offset points", va="center", fontsize=8)


def _draw_points(axes: Any, points: list[Point], divisor: float, theme: Theme) -> None:
    """Draw every operator, and name those with most time by number."""
    least, most = _SIZES
    for point in reversed(points):
        area = least + (most - least) * point.share
        axes.scatter(
            point.intensity,
            point.flops_per_s / divisor,
            s=area,
            color=theme.bounds[point.bound],
            alpha=0.8,
            edgecolors=theme.background,
            linewidths=0.8,
            zorder=3,
        )
    for numbers, point in _numbered(points[:_LABELLED_POINTS]):
        axes.annotate(
            numbers,
            (point.intensity, point.flops_per_s / divisor),
            (7, -9),
            textcoords="offset points",
            fontsize=8,
            fontweight="bold",
            zorder=4,
        )


def _numbered(points: list[Point]) -> list[tuple[str, Point]]:
    """Number points from 1; those that lie on top of each other share one label."""
    groups: list[tuple[list[str], Point]] = []
    for number, point in enumerate(points, 1):
        for numbers, first in groups:
            ratios = (point.intensity / first.intensity, point.flops_per_s / first.flops_per_s)
            if all(1 / _SAME_PLACE < ratio < _SAME_PLACE for ratio in ratios):
                numbers.append(str(number))
                break
        else:
            groups.append(([str(number)], point))
    return [(", ".join(numbers), point) for numbers, point in groups]


def _legend(axes: Any, colors: dict[str, str], names: list[str], points: list[Point] | None = None) -> None:
    """Say below the axes what colours and numbers stand for."""
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    handles = [Patch(color=colors[name], label=name) for name in names]
    if points is None:
        axes.figure.legend(handles=handles, fontsize=8, frameon=False, loc="outside lower left", ncols=len(handles))
        return
    title = {"title": "bound by", "title_fontsize": 8, "alignment": "left"}
    axes.legend(handles=handles, fontsize=8, frameon=False, loc="upper left", ncols=len(handles), **title)
    numbered = [
        Line2D(
            [],
            [],
            marker=f"${number}$",
            color="none",
            markerfacecolor=axes.xaxis.label.get_color(),
            markeredgecolor="none",
            label=f"{_cut(point.label)}, {point.share:.0%} of the time",
        )
        for number, point in enumerate(points[:_LABELLED_POINTS], 1)
    ]
    axes.figure.legend(handles=numbered, fontsize=8, frameon=False, loc="outside lower left")


def _plain_ticks(axis: Any) -> None:
    """Label a logarithmic axis with plain numbers, 1, 2, 5, 10, as far as there is room."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    low, high = axis.get_view_interval()
    subs = (1.0, 2.0, 5.0) if high / low < _TWO_DECADES else (1.0,)
    axis.set_major_locator(LogLocator(subs=subs))
    axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.6g}"))
    axis.set_minor_formatter(NullFormatter())


def _cut(text: str) -> str:
    text = printable(text).replace("$", "＄")  # a pair of dollar signs would be a formula
    return text if len(text) <= _LONGEST_LABEL else f"{text[: _LONGEST_LABEL - 1]}…"
