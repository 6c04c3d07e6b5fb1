"""Kernels by name, with what their names tell."""

from __future__ import annotations

from typing import Any, Final

from profiler_kit.analysis.times.kernel_times import group_kernels
from profiler_kit.kernels import explain, identify
from profiler_kit.report.kernel_identity import types, what
from profiler_kit.report.names import short_kernel, short_layouts
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers

LEAD: Final = "Every kernel that ran, with what its name tells: library, operation, algorithm, types, tensor cores."

_RECORD: Final = (
    "No GPU kernel is in this trace, and none of oneDNN or MKL. On a GPU, record with ProfilerActivity.CUDA; on a CPU, "
    "profiler_kit.profile(model, logdir, cpu_kernels=True) records what its libraries ran."
)

_COLUMNS: Final = (
    b.Column("kernel", "Kernel", "mono"),
    b.Column("calls", "Calls", "count"),
    b.Column("total", "Total", "duration", bar=True),
    b.Column("share", "Share", "share", "Of all kernel time"),
    b.Column("library", "Library"),
    b.Column("what", "What"),
    b.Column("types", "Types", help="Input → accumulator → output, as far as the name tells"),
    b.Column("layout", "Layout"),
    b.Column("tensor_cores", "Tensor cores"),
    b.Column("tile", "Tile", hidden=True),
    b.Column("mean", "Mean", "duration"),
    b.Column("min", "Shortest", "duration", hidden=True),
    b.Column("max", "Longest", "duration", hidden=True),
    b.Column("name", "Name as recorded", "mono", hidden=True),
)

_GROUPS: Final = (("operation", "operation"), ("library", "library"), ("tensor_cores", "use of tensor cores"))


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there are kernels."""
    return None if len(answers.trace.kernels) or len(answers.trace.cpu_kernels) else _RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    made = []
    if len(answers.trace.kernels):
        made += [_group(answers, *group) for group in _GROUPS]
        made.append(_kernels(answers))
    if len(answers.trace.cpu_kernels):
        made.append(_cpu_kernels(answers))
    return made


def explanation(name: str) -> dict[str, Any]:
    """Return what one kernel name tells: the facts of its identity, and its tokens with meaning and source.

    Args:
        name: The kernel's name as recorded.
    """
    facts = identify(name).to_dict()
    evidence = facts.pop("evidence")
    listed = [
        [key.replace("_", " "), b.cell(value) if key not in evidence else f"{b.cell(value)} (by “{evidence[key]}”)"]
        for key, value in facts.items()
        if value is not None and key != "name"
    ]
    tokens = [{"text": b.shown(one.text), "meaning": one.meaning, "source": one.source} for one in explain(name)]
    return {"name": b.shown(name), "facts": [[label, b.cell(text)] for label, text in listed], "tokens": tokens}


def _kernels(answers: Answers) -> b.Block:
    listed = answers.kernels.table.to_dict("records")
    rows = [
        (
            short_kernel(row["name"]),
            row["calls"],
            row["total_ns"],
            row["share"],
            row["library"],
            what(row),
            types(row),
            row["layout"],
            row["tensor_cores"],
            row["tile"],
            row["mean_ns"],
            row["min_ns"],
            row["max_ns"],
            row["name"],
        )
        for row in listed
    ]
    detail = [[b.kernel(f"kernel-{number}", row["name"])] for number, row in enumerate(listed)]
    lead = "Open a row to see its name explained token by token. Unknown: the name does not tell."
    return b.table("kernels", "Kernels", _COLUMNS, rows, lead=lead, sort="total", detail=detail)


def _group(answers: Answers, by: str, words: str) -> b.Block:
    result = group_kernels(answers.kernels, by)
    parts = [
        ("does not apply" if value is None else str(value).replace("_", " "), total)
        for value, total in zip(result.table["value"], result.table["total_ns"], strict=True)
    ]
    return b.breakdown(f"by_{by}", f"Kernel time by {words}", result.total_ns, parts)


def _cpu_kernels(answers: Answers) -> b.Block:
    columns = (
        b.Column("kernel", "Kernel", "mono"),
        b.Column("library", "Library"),
        b.Column("primitive", "Primitive"),
        b.Column("pass", "Pass"),
        b.Column("calls", "Calls", "count"),
        b.Column("total", "Total", "duration", bar=True),
        b.Column("share", "Share", "share", "Of the host time of all operators"),
        b.Column("problem", "Problem", "mono", wrap=True),
        b.Column("layouts", "Layouts", "mono", wrap=True),
    )
    rows = [
        (
            row["name"],
            row["library"],
            row["primitive"],
            row["pass"],
            row["calls"],
            row["total_ns"],
            row["share"],
            row["shapes"],
            short_layouts(row["layouts"]),
        )
        for row in answers.cpu_kernels.table.to_dict("records")
    ]
    lead = "What oneDNN and MKL ran, by their own account."
    return b.table("cpu_kernels", "Kernels of the CPU's libraries", columns, rows, lead=lead, sort="total")
