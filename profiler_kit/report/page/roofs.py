"""The roofline of a trace: what operators reach, against what the machine could do."""

from __future__ import annotations

from typing import Final

from profiler_kit.analysis.ledger.roofline import Roofline
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.from_sections import ALL_ROWS, section_blocks
from profiler_kit.report.roofline import peaks_to_show, roofline_points, roofline_sections

_MOST_POINTS: Final = 500
_BOUNDS: Final = {"compute": "conv", "memory": "copy", "launch": "launch", "unknown": "other"}
"""What limits an operator → colour class."""

_MARGIN: Final = 3.0
"""The roof is drawn beyond the points by this factor."""


def roofline_blocks(result: Roofline) -> list[b.Block]:
    """Return the chart and its tables; what to record where there are no shapes.

    Args:
        result: The rooflines of the trace.
    """
    tables = section_blocks(roofline_sections(result, None, ALL_ROWS, ("operators", "layers")), "roofline_")
    points = roofline_points(result)[:_MOST_POINTS]
    behind = next((block["id"] for block in tables if block["type"] == "table" and "operator" in block["id"]), None)
    if not points or behind is None:
        return tables
    drawn = [
        b.series(
            f"limited by {bound}" if bound != "unknown" else "limit not known",
            [(one.intensity, one.flops_per_s, one.label) for one in points if one.bound == bound],
            style="points",
            color_class=color,
        )
        for bound, color in _BOUNDS.items()
        if any(one.bound == bound for one in points)
    ]
    bandwidth = result.roofs.bandwidth_bytes_per_s
    if bandwidth:
        low = min(one.intensity for one in points) / _MARGIN
        high = max(one.intensity for one in points) * _MARGIN
        for unit, peak in peaks_to_show(result).items():
            ridge = peak / bandwidth
            roof = [(x, min(peak, x * bandwidth)) for x in sorted({low, ridge, high, ridge * _MARGIN})]
            drawn.append(b.series(f"roof, {unit.replace('_', ' ')}", roof, style="line"))
    axes = (
        b.axis("useful FLOP per byte moved at least", "number", scale="log"),
        b.axis("useful FLOP/s", "flops_per_s", scale="log"),
    )
    return [b.chart("roofline", "Roofline of the operators", "roofline", *axes, drawn, behind), *tables]
