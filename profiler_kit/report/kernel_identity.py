"""What kernel names tell, laid out as a table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from profiler_kit.kernels import KernelIdentity
from profiler_kit.report.layout import ROOMY, WIDE, Column, Section, Table
from profiler_kit.report.names import short_kernel
from profiler_kit.report.quantities import MISSING


def what(facts: Mapping[Any, Any]) -> str:
    """Say what a kernel does: operation, pass and algorithm, or its role where that is not the main work."""
    if facts["role"] not in ("main", facts["operation"]):
        parts = [facts["operation"], facts["pass"], facts["role"]]
    else:
        parts = [facts["operation"], facts["pass"], facts["algorithm"]]
    return " ".join(part for part in parts if part not in (None, "unknown")) or "unknown"


def types(facts: Mapping[Any, Any]) -> str:
    """Write input, accumulator and output type; what equals its predecessor is left out."""
    given = [facts[key] for key in ("input_dtype", "accumulate_dtype", "output_dtype")]
    known = [one for one in given if one not in (None, "unknown")]
    distinct = [one for place, one in enumerate(known) if place == 0 or one != known[place - 1]]
    return " → ".join(distinct) or MISSING


def identity_section(identities: Sequence[KernelIdentity]) -> Section:
    """Lay out what many names tell."""
    columns = (
        Column("kernel"),
        Column("library"),
        Column("what"),
        Column("types", from_width=ROOMY),
        Column("layout", from_width=ROOMY),
        Column("tensor\ncores"),
        Column("tile", from_width=WIDE),
        Column("sure", from_width=WIDE),
    )
    rows = []
    for identity in identities:
        facts = identity.to_dict()
        rows.append(
            (
                short_kernel(identity.name),
                identity.library,
                what(facts),
                types(facts),
                identity.layout,
                identity.tensor_cores,
                identity.tile,
                identity.confidence,
            )
        )
    return Section(f"{len(rows)} kernel{'s'[: len(rows) != 1]}", table=Table(columns, rows))
