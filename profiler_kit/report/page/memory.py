"""Memory over time and at its peak."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from profiler_kit.analysis.device_time.memory_use import HOW_TO_RECORD
from profiler_kit.report.memory import DRAWN_BUCKETS, memory_sections
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.from_sections import ALL_ROWS, section_blocks

LEAD: Final = "Memory by device over time, the peak, and what was live then."

_LEVELS: Final = {"allocated_bytes": "allocated", "reserved_bytes": "reserved"}


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there are memory events."""
    return None if len(answers.trace.allocations) else HOW_TO_RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    result = answers.memory
    start = int(result.timeline["start_ns"].min())
    made = []
    for number, device in enumerate(result.devices["device"]):
        drawn = result.drawn(device, DRAWN_BUCKETS)
        time = (drawn["start_ns"] - start).tolist()
        lines = [
            # Memory stays as it is until something is allocated or freed.
            b.series(name, zip(time, drawn[column].tolist(), strict=True), style="line", color_class=name, step=True)
            for column, name in _LEVELS.items()
            if column in drawn and drawn[column].notna().any()
        ]
        axes = b.axis("time since the first memory event", "duration"), b.axis("memory", "bytes")
        made.append(b.chart(f"memory_{number}", f"Memory of {device}", "line", *axes, lines, "memory"))
    # What a terminal draws with characters is in the charts.
    first, *others = memory_sections(result, ALL_ROWS)
    return [*made, *section_blocks([replace(first, items=()), *others])]
