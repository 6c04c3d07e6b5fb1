"""One side of a comparison: a convolution or matrix product in one pass, with what one call of it costs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, Final, cast

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.ledger.counters import Counters, counters, executed_flops
from profiler_kit.analysis.ledger.gemm_tiles import GemmShape, Tiling, fill, gemm_shape, tile_sides, tiling
from profiler_kit.analysis.ledger.grids import AXES, grids
from profiler_kit.analysis.ledger.roofs import Roofs, unit_of
from profiler_kit.analysis.ledger.undisturbed_calls import UndisturbedCall, undisturbed_call
from profiler_kit.analysis.passes.backward_split import DGRAD, WGRAD
from profiler_kit.analysis.passes.casts import Cast, casts_of
from profiler_kit.analysis.passes.kernel_roles import BIAS, CAST, LAYOUT_TRANSFORM, MAIN, MEMSET
from profiler_kit.analysis.passes.passes import BACKWARD, Passes, passes
from profiler_kit.analysis.problems.flops import backward_bytes, forward_bytes
from profiler_kit.analysis.problems.operator_work import bias_values
from profiler_kit.analysis.problems.problem_names import call_name
from profiler_kit.analysis.problems.problem_shapes import ITEMSIZES, Problem, Signature
from profiler_kit.analysis.selection.selection import LedgerWork, Selection, ledger_work, selection
from profiler_kit.analysis.work.host_work import NAMED_BY_LIBRARIES
from profiler_kit.kernels import KernelIdentity, identify
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE

HELPER_PARTS: Final = (LAYOUT_TRANSFORM, CAST, "helper", MEMSET, BIAS)
"""Parts of a call's time besides the main kernels, in the order in which the ledger adds them."""


_DTYPES_BY_NAME: Final = {
    "f64": "float64",
    "f32": "float32",
    "tf32": "float32",
    "f16": "float16",
    "bf16": "bfloat16",
    "i8": "int8",
}
"""Types of the data that kernels' names tell of, for traces that do not record types."""


@dataclass(frozen=True)
class KernelUse:
    """A kernel, copy or operator that a call runs.

    Attributes:
        name: Its name.
        role: What it is for, see :mod:`profiler_kit.analysis.passes.kernel_roles`.
        launches: Launches in one call, on average.
        us: µs of one call, on average.
    """

    name: str
    role: str
    launches: float
    us: float


@dataclass(frozen=True)
class MainKernel:
    """The kernel in which a call spends most of its main work.

    Attributes:
        identity: What its name tells.
        us: µs of one call in it, on average.
        ctas: CTAs that it launches, None on the CPU or where the trace does not say.
        gemm: The matrix product that it computes, None if it computes none or its shape is not known.
        tiling: How its tiles cover that product, None if not known.
        fill: Share of the SMs' time that its CTAs can use, a model; None if not known.
    """

    identity: KernelIdentity
    us: float
    ctas: int | None = None
    gemm: GemmShape | None = None
    tiling: Tiling | None = None
    fill: float | None = None

    @property
    def unit(self) -> str | None:
        """The arithmetic unit, a key of peak rates."""
        return unit_of(self.identity.tensor_cores, self.identity.input_dtype)


@dataclass(frozen=True)
class Side:
    """A convolution or matrix product in one pass. Times are means over the calls that launched something.

    Attributes:
        name: Operator, shapes, parameters and pass in one line.
        source: The trace.
        of: What the times are: ``device time``, or ``host time`` on a trace without GPU activity.
        operator: The operator, e.g. ``aten::conv2d``.
        pass_: The pass.
        layers: Names of the layers that call it.
        problem: What it computes; its type by the main kernel's name where none was recorded.
        calls: Calls that launched something.
        device_us: µs of one call: kernels, copies and memsets, or the operators' host time.
        elapsed_us: µs from the first start to the last end of what a call launched; None on the host.
        flops: Useful FLOPs of one call, None if not known.
        bytes: Bytes that a call moves at least, None if not known.
        parts_us: µs of one call by part: ``main`` and `HELPER_PARTS`; they sum up to ``device_us``.
        kernels: What a call runs, most time first.
        main: Where most of its main work is done, None if no kernel is known.
        algorithm: Algorithm family of the main kernels, see
            :class:`profiler_kit.analysis.selection.selection.Selection`.
        roofs: What the machine can do at best.
        executed_flops: FLOPs that a call executed by the hardware counters, None without any.
        recorded_us: µs of one call while it was recorded, where ``device_us`` is the time without the profiler
            (:mod:`profiler_kit.analysis.ledger.undisturbed`); None otherwise.
        undisturbed: What the trace notes of the same calls without the profiler, None if it notes nothing.
        own_recording: Whether ``recorded_us`` is of a recording made for the ledger, and not of the trace.
        typical_us: Medians over the calls in place of means, by part as ``parts_us``; on the host only.
        casts: What a call casts to another data type.
    """

    name: str
    source: str
    of: str
    operator: str
    pass_: str
    layers: tuple[str, ...]
    problem: Problem
    calls: int
    device_us: float
    elapsed_us: float | None
    flops: int | None
    bytes: int | None
    parts_us: Mapping[str, float]
    kernels: tuple[KernelUse, ...]
    main: MainKernel | None
    algorithm: str
    roofs: Roofs
    executed_flops: float | None = None
    recorded_us: float | None = None
    typical_us: Mapping[str, float] = field(default_factory=dict)
    casts: tuple[Cast, ...] = ()
    undisturbed: UndisturbedCall | None = None
    own_recording: bool = True

    @property
    def is_convolution(self) -> bool:
        """True for convolutions, False for matrix products."""
        return "conv" in self.operator


@dataclass(frozen=True)
class _Rows:
    """Where the rows of the ledger have their parts and pieces, found once for all of them.

    Attributes:
        parts: Row of the ledger → positions in the table of parts.
        pieces: Row of the ledger → positions in the table of pieces.
        elapsed_ns: By part, time from the first start to the last end of its pieces.
    """

    parts: Mapping[int, NDArray[np.int64]]
    pieces: Mapping[int, NDArray[np.int64]]
    elapsed_ns: pd.Series[int]


@dataclass(frozen=True)
class Sides:
    """All convolutions and matrix products of a trace, ready to be compared.

    Attributes:
        trace: The trace.
        ledger: The selection ledger; a side is one of its rows.
        roofs: What the machine can do at best.
    """

    trace: Trace
    ledger: Selection
    roofs: Roofs
    _work: LedgerWork
    _found: Passes
    _grids: pd.DataFrame
    _counters: Counters | None
    _rows: _Rows

    @property
    def layers(self) -> list[str]:
        """Names of all layers of the trace, whatever they run."""
        return [str(layer) for layer in self._found.layers.spans["layer"].unique()]

    def side(self, row: int) -> Side:
        """Return one row of the ledger as a side."""
        return _side(self, row)

    def timed_rows(self) -> list[int]:
        """Return the rows of the ledger that took time, most time first."""
        rows: list[int] = np.flatnonzero(self.ledger.table["device_ns"].to_numpy() > 0).tolist()
        return rows

    def layers_of(self, row: int) -> pd.DataFrame:
        """Return which layers make the calls of a row: ``layer`` (None for none), ``calls``, ``total_ns``."""
        parts = self._work.parts.iloc[self._rows.parts.get(row, np.empty(0, dtype=np.int64))]
        sums = parts.groupby("layer", sort=False, dropna=False)["device_ns"].agg(calls="size", total_ns="sum")
        return sums.reset_index()


def sides_of(
    trace: Trace,
    roofs: Roofs,
    *,
    found: Passes | None = None,
    work: LedgerWork | None = None,
    ledger: Selection | None = None,
) -> Sides:
    """Prepare a trace's convolutions and matrix products for comparison.

    Args:
        trace: The trace.
        roofs: What the machine can do at best.
        found: What :func:`profiler_kit.analysis.passes.passes.passes` returned for the trace, if it was asked before.
        work: What :func:`profiler_kit.analysis.selection.selection.ledger_work` returned for all of them, likewise.
        ledger: What :func:`profiler_kit.analysis.selection.selection.selection` returned for all of them, likewise.
    """
    found = passes(trace) if found is None else found
    work = ledger_work(trace, "all", found) if work is None else work
    ledger = selection(trace, "all", found=found, work=work) if ledger is None else ledger
    counted = counters(trace) if len(trace.counters) else None
    return Sides(trace, ledger, roofs, work, found, grids(trace), counted, _rows(work))


def minimum_bytes(problem: Problem, pass_: str, *, bias: int) -> int | None:
    """Return the bytes that a pass moves at least, each tensor once; None if shapes or type are not known.

    A gradient reads the output's gradient and one of input and weight, and writes the other's gradient.

    Args:
        problem: The problem.
        pass_: The pass.
        bias: Values of the bias that a forward operator reads.
    """
    shapes = (problem.input_shape, problem.weight_shape, problem.output_shape)
    itemsize = ITEMSIZES.get(problem.dtype or "")
    first, second, output = shapes
    if first is None or second is None or output is None or itemsize is None:
        return None
    # A matrix product is one product whatever it is for; a backward convolution that is not split computes both.
    if pass_ == BACKWARD and len(second) > 2 and problem.stride is not None:
        return backward_bytes(first, second, output, bias=bias, itemsize=itemsize)
    return forward_bytes(first, second, output, bias=bias, itemsize=itemsize)


def _bias_values(sides: Sides, parts: pd.DataFrame) -> int:
    """Return how many values of a bias the first call of a row reads, by its outermost operator's arguments."""
    if not len(parts):
        return 0
    ops = sides.trace.ops
    op = int(sides._found.calls.table["op"].iloc[int(parts["call"].iloc[0])])
    number = int(row_numbers(ops["signature"].iloc[op : op + 1])[0])
    if number == NONE:
        return 0
    cells = sides.trace.signatures.iloc[number]
    signature = Signature(cells["input_dims"], cells["input_types"], cells["input_strides"], cells["concrete_inputs"])
    return bias_values(str(ops["name"].iloc[op]), signature)


def _side(sides: Sides, row: int) -> Side:
    fields: dict[Any, Any] = sides.ledger.table.iloc[row].to_dict()
    nothing = np.empty(0, dtype=np.int64)
    parts = sides._work.parts.iloc[sides._rows.parts.get(row, nothing)]
    pieces = sides._work.pieces.iloc[sides._rows.pieces.get(row, nothing)]
    calls = max(len(parts), 1)
    problem = sides._found.calls.problems[int(parts["problem"].iloc[0])] if len(parts) else Problem()
    on_gpu = sides.trace.has_gpu_activity
    by_role = pieces.groupby("role")["duration_ns"].sum()
    total = int(pieces["duration_ns"].sum())
    part_ns = {role: int(by_role.get(role, 0)) for role in (MAIN, LAYOUT_TRANSFORM, CAST, MEMSET, BIAS)}
    part_ns["helper"] = total - sum(part_ns.values())
    flops = fields["flops"]
    parts_us = {role: ns / calls / 1000 for role, ns in part_ns.items()}
    layers, pass_ = tuple(fields["layers"]), str(fields["pass"])
    main = _main_kernel(sides, pieces[pieces["role"] == MAIN], problem, fields, calls)
    if problem.dtype is None and main is not None:
        problem = replace(problem, dtype=_DTYPES_BY_NAME.get(str(main.identity.input_dtype)))
    return Side(
        name=call_name(fields),
        source=sides.trace.source,
        of="device time" if on_gpu else "host time",
        operator=str(fields["operator"]),
        pass_=pass_,
        layers=layers,
        problem=problem,
        calls=calls,
        device_us=total / calls / 1000,
        elapsed_us=float(sides._rows.elapsed_ns.reindex(parts.index).mean()) / 1000 if on_gpu and len(parts) else None,
        flops=None if flops is None or flops is pd.NA or not flops else int(flops),
        bytes=minimum_bytes(problem, pass_, bias=_bias_values(sides, parts)),
        parts_us=parts_us,
        kernels=_kernels(sides, row, calls),
        main=main,
        algorithm=str(fields["algorithm"]),
        roofs=sides.roofs,
        typical_us={} if on_gpu else _typical_us(pieces),
        casts=casts_of(sides.trace, pieces[pieces["role"] == CAST], problem, calls),
        undisturbed=None if on_gpu else undisturbed_call(sides.trace, layers, pass_, parts_us),
        executed_flops=_executed_flops(sides, parts["call"].to_numpy(), problem.dtype),
    )


def _typical_us(pieces: pd.DataFrame) -> dict[str, float]:
    """Return the median over the calls of what each role takes in one, in µs; the odd call that was held up is not."""
    by_call = pieces.pivot_table("duration_ns", "part", "role", aggfunc="sum", fill_value=0)
    return {str(role): float(ns) / 1000 for role, ns in by_call.median().items()}


def _executed_flops(sides: Sides, calls: NDArray[np.int64], dtype: str | None) -> float | None:
    """Return the FLOPs that a call executed on average, by the hardware counters."""
    if sides._counters is None or not sides._counters.joined:
        return None
    if sides._work.parts["call"].isin(calls).sum() != len(calls):
        return None  # counters don't say which gradient of a backward pass a kernel was for
    executed = executed_flops(sides._counters, sides._found.calls.call_of_op, dtype).reindex(calls)
    return float(executed.mean()) if len(calls) and executed.notna().all() else None


def _rows(work: LedgerWork) -> _Rows:
    launched = work.parts.reset_index(drop=True)
    at_work = np.flatnonzero((launched["pieces"] > 0).to_numpy())
    parts = launched.iloc[at_work].groupby("row").indices
    ends = work.pieces.assign(end_ns=work.pieces["start_ns"] + work.pieces["duration_ns"]).groupby("part")
    return _Rows(
        parts={int(cast("int", row)): at_work[places] for row, places in parts.items()},
        pieces={int(cast("int", row)): np.asarray(at) for row, at in work.pieces.groupby("row").indices.items()},
        elapsed_ns=ends["end_ns"].max() - ends["start_ns"].min(),
    )


def _kernels(sides: Sides, row: int, calls: int) -> tuple[KernelUse, ...]:
    rows = sides.ledger.kernels[sides.ledger.kernels["row"] == row]
    used = zip(rows["name"], rows["role"], rows["launches"], rows["total_ns"], strict=True)
    return tuple(KernelUse(str(name), str(role), int(n) / calls, int(ns) / calls / 1000) for name, role, n, ns in used)


def _main_kernel(
    sides: Sides, main: pd.DataFrame, problem: Problem, fields: Mapping[Any, Any], calls: int
) -> MainKernel | None:
    """Return the kernel, and the grid, in which most of the main time is spent."""
    main = main[main["kind"].isin(NAMED_BY_LIBRARIES)]
    if not len(main):
        return None
    if not sides.trace.has_gpu_activity:
        name = main.groupby("name")["duration_ns"].sum().idxmax()
        spent = int(main.loc[main["name"] == name, "duration_ns"].sum())
        return MainKernel(identify(str(name)), spent / calls / 1000)
    launched = sides._grids.iloc[main["kernel"].to_numpy()].reset_index(drop=True)
    timed = main[["name", "duration_ns"]].reset_index(drop=True).join(launched)
    sums = timed.groupby(["name", *AXES], dropna=False, observed=True)["duration_ns"].sum()
    name, *sizes = cast("tuple[Any, ...]", sums.idxmax())
    identity = identify(str(name))
    us = int(sums.max()) / calls / 1000
    if any(size is pd.NA or size != size for size in sizes):
        return MainKernel(identity, us)
    grid = (int(sizes[0]), int(sizes[1]), int(sizes[2]))
    ctas = grid[0] * grid[1] * grid[2]
    gemm = _gemm(problem, fields, identity)
    sides_of_tile = tile_sides(identity.tile)
    laid = tiling(gemm, sides_of_tile, grid) if gemm and sides_of_tile else None
    sms = sides.roofs.sm_count
    used = fill(laid.tiles if laid else ctas, ctas, sms) if sms and ctas else None
    return MainKernel(identity, us, ctas, gemm, laid, used)


def _gemm(problem: Problem, fields: Mapping[Any, Any], identity: KernelIdentity) -> GemmShape | None:
    """Return the matrix product that a kernel computes, None for algorithms that run another one."""
    convolution = "conv" in str(fields["operator"])
    implicit = str(identity.algorithm) in ("implicit_gemm", "precomputed_implicit_gemm", "first_layer")
    pointwise = convolution and identity.operation == "gemm" and set((problem.weight_shape or (0, 0, 0))[2:]) == {1}
    if convolution and not (implicit or pointwise):
        return None
    if not convolution and identity.operation != "gemm":
        return None
    named = {"fprop": "forward", "dgrad": DGRAD, "wgrad": WGRAD}.get(str(identity.pass_))
    pass_ = str(fields["pass"])
    if convolution and pass_ == BACKWARD:
        return gemm_shape(problem, named, convolution=True) if named else None
    return gemm_shape(problem, pass_, convolution=convolution)
