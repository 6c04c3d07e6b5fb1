"""Rooflines: how close operators, kernels and layers come to what the machine can do with their work.

An operator that does F FLOPs and moves B bytes takes at least max(F / peak, B / bandwidth); Williams, Waterman and
Patterson, "Roofline: an insightful visual performance model" (2009). Bytes are the least that must be moved, so that
the arithmetic intensity F / B is the highest that is possible, and the fraction of the attainable rate the strictest.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
import pandas as pd

from profiler_kit.analysis.ledger.roofline_work import operator_rows
from profiler_kit.analysis.ledger.roofs import Roofs, roofs_of
from profiler_kit.trace import Trace

COMPUTE: Final = "compute"
MEMORY: Final = "memory"
LAUNCH: Final = "launch"
UNKNOWN: Final = "unknown"

LAUNCH_BOUND_NS: Final = 10_000
"""Calls shorter than this, and far from either roof, are limited by what it takes to start them."""

_FAR: Final = 0.5
"""Below this fraction of the attainable rate, a short call is far from its roof."""

RATES: Final = (
    "intensity",
    "flops_per_s",
    "bytes_per_s",
    "bandwidth_bytes_per_s",
    "attainable_flops_per_s",
    "minimum_ns",
    "fraction",
    "bound",
)
"""What a roofline says of a row: FLOP per byte, achieved rates, the bandwidth that it is held against (that of a cache
which may hold what a call moves; of a layer, the mean over its bytes), the attainable rate, the least time that its
work can take, that time over the measured one, and what limits it."""


@dataclass(frozen=True)
class Roofline:
    """Rooflines of one trace. The books close: ``total_ns`` = ``covered_ns`` (the operators) + ``uncovered_ns``.

    Attributes:
        of: What the times are: ``device time`` or ``host time``.
        roofs: What the machine can do at best.
        operators: One row per operator and its arguments, most time first: ``name`` (with shapes and pass),
            ``operator``, ``layer`` (the first that calls it), ``kind`` (of work, see
            :mod:`profiler_kit.analysis.problems.operator_work`), ``unit``, ``calls``, ``total_ns``, ``flops`` and
            ``bytes`` (of all calls), ``executed_flops`` (by hardware counters), ``inflation`` (executed over useful
            FLOPs), ``peak_flops_per_s`` (of the unit) and `RATES`; ``<NA>`` where not known.
        kernels: Likewise by kernel, for operators that run a single main kernel in every call: ``name``, ``unit``,
            ``calls``, ``total_ns`` (the kernel alone), and the rest.
        layers: Likewise by layer, of the calls that it makes itself (those of its inner layers are theirs), in both
            passes: ``layer``, ``operators`` (how many of `operators` it calls), ``calls``, and the rest; ``bound`` is
            that of most of the least time. Their times + ``unlayered_ns`` = ``covered_ns``.
        total_ns: Time of everything.
        covered_ns: Time of the operators whose work is known.
        uncovered_ns: The rest.
        unlayered_ns: The part of the operators' time that is in no layer.
        layer_source: Where layers come from, in words.
    """

    of: str
    roofs: Roofs
    operators: pd.DataFrame
    kernels: pd.DataFrame
    layers: pd.DataFrame
    total_ns: int
    covered_ns: int
    uncovered_ns: int
    unlayered_ns: int
    layer_source: str


def roofline(trace: Trace, roofs: Roofs | None = None) -> Roofline:
    """Compare what was reached with what could be.

    Args:
        trace: The trace; without recorded shapes there is nothing to compare.
        roofs: What the machine can do at best; by default what the trace tells.
    """
    roofs = roofs or roofs_of(trace)
    found = operator_rows(trace, roofs)
    operators = _rated(found.operators, roofs)
    operators["inflation"] = (operators["executed_flops"] / operators["flops"]).where(operators["flops"] > 0)
    kernels = _rated(found.kernels, roofs)
    covered = int(operators["total_ns"].sum())
    layers = _layers(_rated(found.layers, roofs))
    return Roofline(
        of="device time" if trace.has_gpu_activity else "host time",
        roofs=roofs,
        operators=operators,
        kernels=kernels,
        layers=layers,
        total_ns=found.total_ns,
        covered_ns=covered,
        uncovered_ns=found.total_ns - covered,
        unlayered_ns=covered - int(layers["total_ns"].sum()),
        layer_source=found.layer_source,
    )


def _rated(table: pd.DataFrame, roofs: Roofs) -> pd.DataFrame:
    """Add `RATES`, and put the rows with most time first."""
    table = table.sort_values("total_ns", ascending=False, kind="stable", ignore_index=True)
    peaks = [roofs.peak(unit) for unit in table["unit"]]
    table["peak_flops_per_s"] = pd.array(peaks, dtype="Float64") if peaks else pd.array([], dtype="Float64")
    seconds = table["total_ns"].astype("Float64") / 1e9
    flops, moved = table["flops"].astype("Float64"), table["bytes"].astype("Float64")
    arithmetic = (flops / table["peak_flops_per_s"]).mask(flops == 0, 0.0)
    # A cache may hold what one call moves, but not what all calls do.
    per_call = (moved / table["calls"].astype("Float64")).astype(object)
    rates = [None if size is pd.NA else roofs.bandwidth_for(size) for size in per_call]
    table["bandwidth_bytes_per_s"] = pd.array(rates, dtype="Float64")
    memory = moved / table["bandwidth_bytes_per_s"]
    least = arithmetic.where(arithmetic >= memory, memory).where(arithmetic.notna() & memory.notna())
    table["intensity"] = (flops / moved).where(moved > 0)
    table["flops_per_s"] = (flops / seconds).where(seconds > 0)
    table["bytes_per_s"] = (moved / seconds).where(seconds > 0)
    table["attainable_flops_per_s"] = (flops / least).where((least > 0) & (flops > 0))
    table["minimum_ns"] = least * 1e9
    table["fraction"] = (least / seconds).where(seconds > 0)
    mean_ns = table["total_ns"] / table["calls"].where(table["calls"] > 0)
    short = (mean_ns < LAUNCH_BOUND_NS) & (table["fraction"] < _FAR).fillna(False)
    bound = np.where((arithmetic >= memory).fillna(False), COMPUTE, MEMORY).astype(object)
    bound[short.to_numpy(dtype=bool)] = LAUNCH
    bound[least.isna().to_numpy(dtype=bool)] = UNKNOWN
    table["bound"] = bound
    return table


def _layers(parts: pd.DataFrame) -> pd.DataFrame:
    """Sum what layers call of each operator by layer."""
    inside = parts[parts["layer"].notna()]
    groups = inside.groupby("layer", sort=False)
    table = groups[["calls", "total_ns", "flops", "bytes"]].sum()
    table["bytes"] = table["bytes"].where(groups["bytes"].count() == groups.size())
    table.insert(0, "operators", groups.size())
    known = inside[inside["minimum_ns"].notna()]
    sums = known.groupby("layer", sort=False)["minimum_ns"].sum()
    whole = groups["minimum_ns"].apply(lambda values: bool(values.notna().all()))
    table["minimum_ns"] = sums.reindex(table.index).where(whole)
    seconds = table["total_ns"].astype("Float64") / 1e9
    memory = (inside["bytes"] / inside["bandwidth_bytes_per_s"]).groupby(inside["layer"]).sum(min_count=1)
    table["bandwidth_bytes_per_s"] = table["bytes"] / memory.reindex(table.index).where(lambda seconds: seconds > 0)
    table["intensity"] = (table["flops"] / table["bytes"]).where(table["bytes"] > 0)
    table["flops_per_s"] = (table["flops"] / seconds).where(seconds > 0)
    table["bytes_per_s"] = (table["bytes"] / seconds).where(seconds > 0)
    least = table["minimum_ns"].where((table["minimum_ns"] > 0) & (table["flops"] > 0))
    table["attainable_flops_per_s"] = table["flops"] / least * 1e9
    table["fraction"] = (table["minimum_ns"] / 1e9 / seconds).where(seconds > 0)
    longest = known.sort_values("minimum_ns", ascending=False, kind="stable").drop_duplicates("layer")
    bound = longest.set_index("layer")["bound"].reindex(table.index)
    table["bound"] = bound.where(whole & bound.notna(), UNKNOWN)
    return table.sort_values("total_ns", ascending=False, kind="stable").reset_index()
