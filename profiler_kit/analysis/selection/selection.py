"""The selection ledger: what was launched for each distinct convolution and matrix product."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Final, Literal

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.passes.call_parts import call_parts
from profiler_kit.analysis.passes.kernel_roles import BIAS, LAYOUT_TRANSFORM, MAIN, MEMSET, identities, roles
from profiler_kit.analysis.passes.passes import Passes, passes
from profiler_kit.analysis.problems.problem_calls import CONVOLUTION, CONVOLUTION_BACKWARD, PRODUCT
from profiler_kit.analysis.problems.problem_shapes import Problem
from profiler_kit.analysis.work.host_work import NAMED_BY_LIBRARIES
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

Rows = NDArray[np.int64]
Operation = Literal["conv", "linear", "all"]

KINDS: Final[dict[str, tuple[str, ...]]] = {
    "conv": (CONVOLUTION, CONVOLUTION_BACKWARD),
    "linear": (PRODUCT,),
    "all": (CONVOLUTION, CONVOLUTION_BACKWARD, PRODUCT),
}
"""What can be asked for → kinds of calls."""

UNKNOWN: Final = "unknown"


@dataclass(frozen=True)
class Selection:
    """What was launched for each distinct problem. The books close: attributed + unattributed = total.

    Attributes:
        op: What was asked for: ``conv``, ``linear`` or ``all``.
        of: What the times are: "GPU" (durations of kernels, copies and memsets), or "host operators" on a trace
            without GPU activity.
        table: One row per problem and pass, most time first: ``operator``, ``pass``, the fields of
            :class:`profiler_kit.analysis.problems.problem_shapes.Problem` up to ``output_padding``, ``calls``,
            ``device_ns`` (all calls together; it is the sum of the next four), ``main_ns``, ``layout_transform_ns``,
            ``helper_ns`` (everything else, ``bias_ns`` of it in adding the bias), ``memset_ns``, ``median_ns`` and
            ``p95_ns`` (of the calls that launched something), ``flops`` (useful ones of one call, ``<NA>`` if not
            known), ``flops_per_s`` (achieved), ``algorithm``, ``library``, ``tensor_cores`` (of the main kernels, by
            time), ``layers`` (names, in order of first call), ``selections`` (different sequences of kernels),
            ``note``. Where shapes were not recorded, rows are told apart by layer and by what was launched.
        kernels: One row per row of `table` (``row``), role and kernel, most time first: ``name``, ``role``,
            ``launches``, ``total_ns``, ``library``, ``operation``, ``algorithm``, ``tensor_cores``.
        sequences: One row per row of `table` (``row``) and sequence of kernels, most calls first: ``kernels`` (names
            in launch order), ``calls``, ``total_ns``, ``steps`` (numbers of the profiler steps they ran in).
        passes: Evidence for the passes of backward work: ``pass``, ``evidence``, ``pieces``, ``total_ns``.
        total_ns: Duration of everything in the trace.
        attributed_ns: The part in the rows; the sum of ``device_ns``.
        unattributed_ns: The rest, the sum of the next two.
        other_operators_ns: The part of other operators, and of what autograd's engine adds up around convolutions.
        no_operator_ns: The part that belongs to no operator, as far as the trace shows.
        layer_source: Where layers come from, in words.
    """

    op: str
    of: str
    table: pd.DataFrame
    kernels: pd.DataFrame
    sequences: pd.DataFrame
    passes: pd.DataFrame
    total_ns: int
    attributed_ns: int
    unattributed_ns: int
    other_operators_ns: int
    no_operator_ns: int
    layer_source: str


def selection(
    trace: Trace, op: Operation = "all", *, found: Passes | None = None, work: LedgerWork | None = None
) -> Selection:
    """List what was launched for each distinct convolution and matrix product.

    Args:
        trace: The trace.
        op: Which of them: ``conv``, ``linear`` (all matrix products) or ``all``.
        found: What :func:`profiler_kit.analysis.passes.passes.passes` returned for the trace, if it was asked before.
        work: What :func:`ledger_work` returned for the same, if it was asked before.
    """
    found = passes(trace) if found is None else found
    work = ledger_work(trace, op, found) if work is None else work
    parts, pieces, told = work.parts, work.pieces, work.told
    kernels = _kernels(pieces, told)
    sequences = _sequences(parts, pieces)
    table = _table(parts, pieces, kernels, sequences, found.calls.problems)
    total, attributed = int(found.work["duration_ns"].sum()), int(pieces["duration_ns"].sum())
    nowhere = int(found.work.loc[found.work["op"] == NONE, "duration_ns"].sum())
    why = pieces[pieces["call_kind"] == CONVOLUTION_BACKWARD].groupby(["pass", "evidence"], sort=False, dropna=False)
    return Selection(
        op=op,
        of="GPU" if trace.has_gpu_activity else "host operators",
        table=table,
        kernels=kernels,
        sequences=sequences,
        passes=why["duration_ns"].agg(pieces="size", total_ns="sum").reset_index(),
        total_ns=total,
        attributed_ns=attributed,
        unattributed_ns=total - attributed,
        other_operators_ns=total - attributed - nowhere,
        no_operator_ns=nowhere,
        layer_source=found.layers.source,
    )


@dataclass(frozen=True)
class LedgerWork:
    """What the rows of the ledger are made of.

    Attributes:
        parts: One row per call and pass (:class:`profiler_kit.analysis.passes.call_parts.CallParts`) with ``row``, the
            row of the ledger.
        pieces: Their work, in launch order (likewise), with ``role`` and ``row``.
        told: What the names of its kernels tell (:func:`profiler_kit.analysis.passes.kernel_roles.identities`).
    """

    parts: pd.DataFrame
    pieces: pd.DataFrame
    told: pd.DataFrame


def ledger_work(trace: Trace, op: Operation, found: Passes) -> LedgerWork:
    """Take the calls of convolutions and matrix products apart, and say to which row of the ledger each part goes."""
    split = call_parts(trace, found, KINDS[op])
    pieces = split.work
    told = identities(pieces.loc[pieces["kind"].isin(NAMED_BY_LIBRARIES), "name"])
    parts = split.table.assign(row=_row_numbers(split.table, found.calls.problems))
    pieces = pieces.assign(role=roles(trace, pieces, told), row=parts["row"].to_numpy()[pieces["part"].to_numpy()])
    return LedgerWork(parts, pieces, told)


def _row_numbers(parts: pd.DataFrame, problems: tuple[Problem, ...]) -> Rows:
    """Give parts of the same problem and pass the same row, most time first."""
    unknown = np.array([one.input_shape is None for one in problems], dtype=bool)
    shapeless = unknown[parts["problem"].to_numpy(np.int64)] if len(parts) else np.zeros(0, dtype=bool)
    keys = parts[["operator", "problem", "pass"]].assign(
        sequence=np.where(shapeless, parts["sequence"], NONE),
        layer=parts["layer"].where(shapeless & parts["layer"].notna(), ""),
    )
    group = keys.groupby(list(keys.columns), sort=False).ngroup()
    device = parts.groupby(group)["device_ns"].sum().sort_values(ascending=False, kind="stable")
    place = pd.Series(np.arange(len(device)), index=device.index)
    return group.map(place).to_numpy(np.int64)


def _kernels(pieces: pd.DataFrame, told: pd.DataFrame) -> pd.DataFrame:
    """Sum the work of each row by role and name."""
    groups = pieces.groupby(["row", "role", "name"], sort=False)["duration_ns"]
    table = groups.agg(launches="size", total_ns="sum").reset_index()
    facts = told.drop(columns="role").reindex(table["name"]).reset_index(drop=True)
    facts = facts.astype(object).where(facts.notna(), None)
    table = pd.concat([table[["row", "name", "role", "launches", "total_ns"]], facts], axis=1)
    return table.sort_values(["row", "total_ns"], ascending=[True, False], kind="stable", ignore_index=True)


def _sequences(parts: pd.DataFrame, pieces: pd.DataFrame) -> pd.DataFrame:
    """List the different sequences of kernels of each row."""
    launched = parts[parts["pieces"] > 0]
    groups = launched.groupby(["row", "sequence"], sort=False)
    table = groups.agg(calls=("call", "size"), total_ns=("device_ns", "sum")).reset_index()
    steps = groups["step"].unique().to_numpy()
    table["steps"] = pd.Series([tuple(sorted(int(n) for n in one if n is not pd.NA)) for one in steps], dtype=object)
    example = groups.head(1).index.to_numpy()
    of_example = pd.Series(np.arange(len(example)), index=example)
    kernels = pieces[pieces["selects"]]
    which = kernels["part"].map(of_example)
    names = kernels["name"][which.notna().to_numpy()].groupby(which.dropna().to_numpy()).agg(tuple)
    table["kernels"] = pd.Series([names.get(place, ()) for place in range(len(table))], dtype=object)
    order = ["row", "calls", "total_ns"]
    table = table.sort_values(order, ascending=[True, False, False], kind="stable", ignore_index=True)
    return table[["row", "kernels", "calls", "total_ns", "steps"]]


def _table(
    parts: pd.DataFrame,
    pieces: pd.DataFrame,
    kernels: pd.DataFrame,
    sequences: pd.DataFrame,
    problems: tuple[Problem, ...],
) -> pd.DataFrame:
    """Make one row per problem and pass."""
    groups = parts.groupby("row", sort=True)
    first = groups.first()
    fields = [_fields(problems[problem]) for problem in first["problem"]]
    shapes = pd.DataFrame(fields, columns=list(_fields(Problem())), dtype=object, index=first.index)
    table = pd.concat([first[["operator", "pass"]], shapes], axis=1)
    table["calls"] = groups.size()
    table["device_ns"] = groups["device_ns"].sum()
    for role in (MAIN, LAYOUT_TRANSFORM, MEMSET, BIAS):
        spent = pieces[pieces["role"] == role].groupby("row")["duration_ns"].sum()
        table[f"{role}_ns"] = spent.reindex(table.index, fill_value=0).astype("int64")
    table["helper_ns"] = table["device_ns"] - table["main_ns"] - table["layout_transform_ns"] - table["memset_ns"]
    launched = parts[parts["pieces"] > 0].groupby("row")["device_ns"]
    for name, share in (("median_ns", 0.5), ("p95_ns", 0.95)):
        table[name] = launched.quantile(share).round().astype("Int64").reindex(table.index)
    lowest, highest = groups["flops"].min(), groups["flops"].max()
    table["flops"] = lowest.where((lowest == highest).fillna(False) & groups["flops"].apply(lambda f: f.notna().all()))
    done = table["flops"].astype("Float64") * launched.size().reindex(table.index, fill_value=0)
    table["flops_per_s"] = (done / table["device_ns"] * 1e9).where(table["device_ns"] > 0)
    for column, values in _identity_of_rows(kernels, parts, len(table)).items():
        table[column] = values
    named = parts[parts["layer"].notna()].drop_duplicates(["row", "layer"])
    layers = named.groupby("row")["layer"].agg(tuple)
    table["layers"] = pd.Series([layers.get(row, ()) for row in table.index], dtype=object, index=table.index)
    table["selections"] = sequences.groupby("row").size().reindex(table.index, fill_value=0)
    notes = [_note(rows) for _, rows in sequences.groupby("row")]
    table["note"] = pd.Series(notes, index=np.unique(sequences["row"]), dtype=object).reindex(table.index)
    table["note"] = table["note"].astype(object).where(table["note"].notna(), None)
    return table.reset_index(drop=True)


def _fields(problem: Problem) -> dict[str, Any]:
    """Return what a row says of its problem."""
    fields = asdict(problem)
    del fields["output_mask"], fields["forward_flops"]
    return fields


def _identity_of_rows(kernels: pd.DataFrame, parts: pd.DataFrame, rows: int) -> dict[str, NDArray[np.object_]]:
    """Return algorithm, library and tensor cores of each row, by the main kernels' time.

    Some algorithms run their main kernel from another library (FFT and non-fused Winograd a plain matrix product), so
    that only the helpers' names tell the algorithm. Where none does, the operation of the main kernel stands for it.
    """
    kinds = parts.drop_duplicates("row").set_index("row")["kind"]
    main = kernels[kernels["role"] == MAIN].drop_duplicates("row").set_index("row")
    stated = kernels[kernels["algorithm"].notna() & (kernels["algorithm"] != UNKNOWN)]
    stated = stated.assign(helps=stated["role"] != MAIN).sort_values(["row", "helps"], kind="stable")
    algorithm = stated.drop_duplicates("row").set_index("row")["algorithm"]
    everything = range(rows)
    result = {name: main[name].reindex(everything) for name in ("library", "tensor_cores")}
    result["algorithm"] = algorithm.reindex(everything).where(kinds.reindex(everything) != PRODUCT)
    result["algorithm"] = result["algorithm"].fillna(main["operation"].reindex(everything))
    return {name: values.astype(object).where(values.notna(), UNKNOWN).to_numpy() for name, values in result.items()}


def _note(sequences: pd.DataFrame) -> str | None:
    """Say that the same problem got different kernels, None if it did not."""
    if len(sequences) < 2:
        return None
    counts = ", ".join(str(calls) for calls in sequences["calls"])
    steps = [set(one) for one in sequences["steps"]]
    between = all(steps) and not set.intersection(*steps)
    where = "not in the same steps" if between else "also within a step" if any(steps) else "in the same recording"
    return f"{len(sequences)} different sequences of kernels, for {counts} calls, {where}"
