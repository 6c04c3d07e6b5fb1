"""Copies, launches and idle time."""

from __future__ import annotations

from typing import Final

from profiler_kit.report.copies import copies_sections
from profiler_kit.report.idle import idle_sections
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.from_sections import ALL_ROWS, section_blocks

LEAD: Final = "When the GPU had nothing to do and why, what launching costs, and what was copied at which rate."

_RECORD: Final = "No GPU activity is in this trace. Record on a GPU, with ProfilerActivity.CUDA among the activities."


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there is GPU activity."""
    return None if answers.trace.has_gpu_activity else _RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    source = answers.passes.layers.source
    made = [_books(answers, number) for number in range(len(answers.idle.devices))]
    made += section_blocks(idle_sections(answers.idle, answers.launches, source, ALL_ROWS))
    if len(answers.trace.copies):
        return made + section_blocks(copies_sections(answers.copies, source, ALL_ROWS))
    return [*made, b.text("copies", ["Nothing was copied or set."])]


def _books(answers: Answers, number: int) -> b.Block:
    """Lay out the span of one device: busy, and idle by cause."""
    device = answers.idle.devices.iloc[number]
    causes = answers.idle.causes
    mine = causes[(causes["device"] == device["device"]).fillna(False) | causes["device"].isna()]
    parts = [("busy", int(device["busy_ns"]), "busy")]
    parts += [
        (f"idle: {cause}", int(ns), f"idle_{str(cause).replace(' ', '_')}")
        for cause, ns in zip(mine["cause"], mine["ns"], strict=True)
    ]
    title = "The GPU from its first to its last activity"
    return b.breakdown(
        f"busy_{number}", title if number == 0 else f"{title}, device {device['device']}", int(device["span_ns"]), parts
    )
