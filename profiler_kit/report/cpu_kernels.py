"""The kernels of oneDNN and MKL, laid out as a table."""

from __future__ import annotations

from profiler_kit.analysis.times.cpu_kernel_times import CpuKernelTimes
from profiler_kit.report.layout import VERY_WIDE, WIDE, Column, Section, Table
from profiler_kit.report.names import short_layouts
from profiler_kit.report.quantities import MISSING, with_unit


def cpu_kernel_section(times: CpuKernelTimes, rows: int) -> Section:
    """Lay out what the CPU's libraries ran.

    Args:
        times: Their times.
        rows: Most rows of the table.
    """
    columns = (
        Column("kernel"),
        Column("library", from_width=WIDE),
        Column("primitive"),
        Column("pass"),
        Column("problem"),
        Column("layouts", from_width=VERY_WIDE),
        Column("calls", "count"),
        Column("total", "duration"),
        Column("share", "share"),
    )
    data = [
        (
            row["name"],
            row["library"],
            row["primitive"],
            row["pass"] or MISSING,
            row["shapes"] or MISSING,
            short_layouts(row["layouts"]),
            row["calls"],
            row["total_ns"],
            row["share"],
        )
        for row in times.table.head(rows).to_dict("records")
    ]
    notes = []
    if times.total_ns:
        inside, outside = (with_unit("duration", ns) for ns in (times.attributed_ns, times.unattributed_ns))
        notes.append(f"Inside one operator {inside}, in none or in several at once {outside}.")
    if times.reorders:
        notes.append(
            f"{times.reorders} of oneDNN's reorders, which only change the layout, take "
            f"{with_unit('duration', times.reorder_ns)}. Layers and checks count as layout transforms also what "
            "PyTorch itself copies inside aten::contiguous."
        )
    return Section(
        "CPU kernels",
        "What oneDNN and MKL ran, by their own account; share is of the host time of all operators.",
        table=Table(columns, data, max(len(times.table) - rows, 0)),
        notes=notes,
    )
