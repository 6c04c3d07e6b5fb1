"""The overview: where the time went, what stands out, and what and where was recorded."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from profiler_kit.analysis.ledger.explanation import ProblemNotFoundError
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page import dense_vs_conv
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.quantities import with_unit

LEAD: Final = "Where the time went, what stands out, and what was recorded."

_NOTHING: Final = (
    "This trace has no events of the host or of a GPU. Record with profiler_kit.profile(model, logdir), and call "
    "step() often enough for a cycle to end."
)

_COLOURS: Final = {
    "convolution, forward": "conv",
    "convolution, backward": "conv_backward",
    "matrix products (linear, matmul)": "matmul",
    "other operators": "other",
    "kernels outside any operator": "unattributed",
    "memory copies": "copy",
    "memsets": "memset",
    "overlap of streams (counted twice above)": "overlap",
    "idle between first and last activity": "idle",
}
"""Part of the breakdown → colour class, the same on every view."""


def lacks(answers: Answers) -> str | None:
    """Return None: there is always something to say."""
    del answers
    return None


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    if answers.breakdown.total_ns:
        made = [_where(answers), _findings(answers)]
    else:
        made = [b.missing("nothing", "No time was recorded", _NOTHING)]
    if totals := _totals(answers):
        made.append(b.facts("totals", "In numbers", totals))
    if answers.facts.environment:
        made.append(b.facts("environment", "Environment", _flat(answers.facts.environment)))
    made.append(_health(answers))
    return made


def _where(answers: Answers) -> b.Block:
    parts = answers.breakdown
    title = (
        "Time of the GPU, from its first to its last activity"
        if parts.of == "GPU"
        else "Time of operators on the host, each without the operators that it calls"
    )
    rows = zip(parts.table["part"], parts.table["ns"], strict=True)
    return b.breakdown(
        "where", title, parts.total_ns, [(part, int(ns), _COLOURS.get(part, "other")) for part, ns in rows]
    )


def _findings(answers: Answers) -> b.Block:
    items: list[tuple[Any, ...]] = []
    for finding in answers.findings:
        details = [("evidence", finding.evidence), ("try", finding.advice)]
        if finding.gain_ns is not None:
            details.append(("gain", f"at most {with_unit('duration', finding.gain_ns)}"))
        items.append((finding.title, details, "hint" if finding.gain_ns is not None else "info"))
    if dense_vs_conv.lacks(answers) is None and not isinstance(why := answers.explanation, ProblemNotFoundError):
        details = [("why", dense_vs_conv.largest_factors(why))]
        items.insert(0, (why.sentences[0], details, "info", "dense_vs_conv"))
    if not items:
        items.append(("Nothing stands out by the rules that profiler_kit knows.", [], "info"))
    return b.findings("findings", "What stands out", items)


def _totals(answers: Answers) -> list[tuple[str, str]]:
    sums = answers.totals
    items = [
        ("kernels", f"{sums.kernels:,} ({sums.distinct_kernels:,} different), {with_unit('duration', sums.kernel_ns)}"),
        ("memory copies", f"{sums.copies:,}, {with_unit('bytes', sums.copy_bytes)}"),
        ("memsets", f"{sums.memsets:,}"),
        ("operators", f"{len(answers.trace.ops):,}"),
        ("calls of the runtime", f"{len(answers.trace.launches):,}"),
        ("layers", f"{answers.passes.layers.spans['layer'].nunique():,}"),
        ("steps", f"{sums.steps:,}"),
        ("recorded", with_unit("duration", answers.facts.span_ns)),
    ]
    return [item for item in items if not item[1].startswith("0")]


def _flat(facts: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """List nested facts under one label each: ``settings: cudnn benchmark``."""
    for key, value in facts.items():
        label = f"{prefix}{str(key).replace('_', ' ')}"
        if isinstance(value, Mapping):
            yield from _flat(value, f"{label}: ")
        elif isinstance(value, list) and any(isinstance(one, Mapping) for one in value):
            for number, one in enumerate(value):
                yield from _flat(one if isinstance(one, Mapping) else {"": one}, f"{label} {number}: ")
        elif value is not None and value != []:
            yield b.shown(label), b.cell(value)


def _health(answers: Answers) -> b.Block:
    remarks = list(answers.trace.health.remarks())
    if not remarks:
        return b.findings("health", "Health of the trace", [("All that was looked at is sound.", [], "info")])
    return b.findings("health", "Health of the trace", [(remark, [], "warning") for remark in remarks])
