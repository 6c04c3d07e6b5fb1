"""Which gradient each piece of a convolution's backward is for: one operator computes those of input, weight and bias.

ATen asks the library for the input's gradient (dgrad) first, then for the weight's (wgrad), and sums up the bias's
(bgrad) last (``convolution_backward`` in ``aten/src/ATen/native/Convolution.cpp``). For cuDNN and MIOpen it allocates
the weight's gradient by a dispatched ``aten::empty`` between the two (``cudnn_convolution_backward_weight`` in
``aten/src/ATen/native/cudnn/ConvShared.cpp``), so that the trace shows where one ends and the other begins. Every
decision names its evidence; what none of it decides stays undecided.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.analysis.work.host_work import FOR_NEXT, FOR_PREVIOUS
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.joins import NONE, self_or_ancestor

Rows = NDArray[np.int64]
Objects = NDArray[np.object_]

DGRAD: Final = "dgrad"
WGRAD: Final = "wgrad"
BGRAD: Final = "bgrad"
UNDECIDED: Final = "backward"
ACCUMULATE: Final = "gradient accumulation"

BY_OPERATOR: Final = "operator"
BY_MASK: Final = "output_mask"
BY_ALLOCATION: Final = "launched before or after the weight's gradient was allocated"
BY_NAME: Final = "kernel name"
BY_ORDER: Final = "launch order"
BY_REORDER: Final = "whether a reorder makes or undoes a blocked layout"

_OPERATOR_WORDS: Final[Mapping[str, str]] = {
    "_backward_input": DGRAD,
    "_backward_weight": WGRAD,
    "_backward_bias": BGRAD,
}
"""How operators end that compute one gradient only."""

_BIAS_SUMS: Final = frozenset({"aten::sum"})
"""Operators by which ATen sums up the bias's gradient itself."""

_ALLOCATIONS: Final = frozenset({"aten::empty", "aten::empty_like"})

_DIVIDED: Final = frozenset({"aten::convolution_backward", "aten::convolution_backward_overrideable"})
"""Operators whose own allocations tell the gradients apart."""


def split_backward(trace: Trace, work: pd.DataFrame, call_of_op: Rows) -> tuple[Objects, Objects]:
    """Tell which gradient each piece of work is for.

    Args:
        trace: The trace.
        work: What backward convolutions launched: ``call`` (number of the call), ``op`` (row of ``trace.ops``),
            ``launch_ns`` (when it was launched), ``named_pass`` (what its name tells: fprop, dgrad, wgrad or other),
            ``asked`` (the gradient that the output mask asks for alone, else `UNDECIDED`), ``transposed`` (whether
            the convolution is known to be a transposed one), ``serves`` (what
            :func:`profiler_kit.analysis.work.host_work.serves` tells), ``shared`` (whether it is an operator's own
            time, which is that of all gradients).
        call_of_op: Number of the call that each row of ``trace.ops`` is part of, `NONE` if none.

    Returns:
        For each row of `work`, the gradient (`DGRAD`, `WGRAD`, `BGRAD`, or `UNDECIDED`) and the evidence, None
        without any.
    """
    gradient = np.full(len(work), UNDECIDED, dtype=object)
    evidence = np.full(len(work), None, dtype=object)

    def decide(values: Objects, why: str) -> None:
        rows = (gradient == UNDECIDED) & (values != UNDECIDED)
        gradient[rows] = values[rows]
        evidence[rows] = why

    decide(_gradient_of_ops(trace)[work["op"].to_numpy()], BY_OPERATOR)
    decide(work["asked"].to_numpy(dtype=object), BY_MASK)
    named = _by_name(work["named_pass"].to_numpy(dtype=object), work["transposed"].to_numpy(dtype=bool))
    order = _Order(work, named, (gradient == UNDECIDED) & ~work["shared"].to_numpy(dtype=bool))
    if trace.has_gpu_activity:
        decide(order.by_allocation(_weight_allocation_ns(trace, call_of_op)), BY_ALLOCATION)
    decide(named, BY_NAME)
    decide(order.by_neighbours(), BY_ORDER)
    decide(order.by_reorders(), BY_REORDER)
    return gradient, evidence


def gradient_asked_alone(output_mask: tuple[bool, ...] | None) -> str:
    """Return the gradient that a mask asks for alone of the input's and the weight's (operators tell the bias's)."""
    alone = {(True, False): DGRAD, (False, True): WGRAD}
    return UNDECIDED if output_mask is None else alone.get((output_mask[0], output_mask[1]), UNDECIDED)


def _gradient_of_ops(trace: Trace) -> Objects:
    """Return for every operator the gradient that it, or the operator around it, computes by its name."""
    names, parents = trace.ops["name"], row_numbers(trace.ops["parent"])
    alone = [(_computes_alone(names, word), gradient) for word, gradient in _OPERATOR_WORDS.items()]
    rules = [*reversed(alone), (told_by_name(names, _BIAS_SUMS.__contains__), BGRAD)]
    flags = [self_or_ancestor(flag, parents) for flag, _ in rules]
    number = np.select(flags, list(range(len(rules))), default=len(rules))
    return np.asarray(np.array([*(gradient for _, gradient in rules), UNDECIDED], dtype=object)[number], dtype=object)


def _computes_alone(names: pd.Series, word: str) -> NDArray[np.bool_]:
    """Tell which operators compute one gradient of a convolution only, that of which their names end in a word."""
    return told_by_name(names, lambda name: name.endswith(word) and "conv" in name)


def _by_name(named_pass: Objects, transposed: NDArray[np.bool_]) -> Objects:
    """Return the gradient that a kernel's name proves, in a convolution of this direction.

    The gradient of a transposed convolution's input is a plain forward convolution, so its kernels say fprop.
    """
    of_input = np.where(transposed, "fprop", "dgrad")
    of_weight = pd.Series(named_pass).isin(["wgrad"]).to_numpy()
    return np.select([of_weight, named_pass == of_input], [WGRAD, DGRAD], UNDECIDED).astype(object)


def _weight_allocation_ns(trace: Trace, call_of_op: Rows) -> pd.Series:
    """Return when each call allocated its weight's gradient, ns by call; calls that do not show it are absent.

    It is the last tensor that the operator itself allocates: the input's gradient is allocated before, if at all by a
    dispatched operator, and workspaces are not dispatched.
    """
    ops = trace.ops
    parents = row_numbers(ops["parent"])
    rows = np.flatnonzero(ops["name"].isin(_ALLOCATIONS).to_numpy() & (parents != NONE))
    rows = rows[ops["name"].isin(_DIVIDED).to_numpy()[parents[rows]]]
    return pd.Series(ops["start_ns"].to_numpy()[rows], index=call_of_op[rows]).groupby(level=0).max()


class _Order:
    """What launch order tells about the rows of each call.

    Args:
        work: As for :func:`split_backward`.
        named: What each row's name proves.
        open_: Rows that no operator and no mask decides.
    """

    def __init__(self, work: pd.DataFrame, named: Objects, open_: NDArray[np.bool_]) -> None:
        self._open = open_
        self._call = work["call"].to_numpy()
        self._serves = work["serves"].to_numpy(dtype=object)
        self._launch_ns = work["launch_ns"].reset_index(drop=True).astype("Int64")
        dgrads = self._launch_ns.where((named == DGRAD) & open_)
        wgrads = self._launch_ns.where((named == WGRAD) & open_)
        self._last_dgrad = dgrads.groupby(self._call).transform("max")
        self._first_wgrad = wgrads.groupby(self._call).transform("min")

    def by_allocation(self, allocated_ns: pd.Series) -> Objects:
        """Divide each call where its weight's gradient was allocated, unless a kernel's name contradicts.

        Where nothing was launched before, the allocation alone does not prove that there is no dgrad.
        """
        divide = pd.Series(self._call).map(allocated_ns).astype("Int64")
        before = _is_true(self._launch_ns < divide)
        contradicted = _is_true(self._last_dgrad > divide) | _is_true(self._first_wgrad < divide)
        something_before = pd.Series(before & self._open).groupby(self._call).transform("any").to_numpy()
        proven = something_before | self._first_wgrad.notna().to_numpy()
        known = divide.notna().to_numpy() & ~contradicted & proven & self._open
        return np.select([known & before, known], [DGRAD, WGRAD], UNDECIDED).astype(object)

    def by_neighbours(self) -> Objects:
        """Give to dgrad what came before the last kernel of its name, to wgrad what came after its first.

        Calls in which a wgrad kernel comes before a dgrad kernel are left alone.
        """
        known = ~_is_true(self._first_wgrad <= self._last_dgrad) & self._open
        before = _is_true(self._launch_ns <= self._last_dgrad)
        after = _is_true(self._launch_ns >= self._first_wgrad)
        return np.select([known & before, known & after], [DGRAD, WGRAD], UNDECIDED).astype(object)

    def by_reorders(self) -> Objects:
        """Between dgrad and wgrad, give to dgrad the reorders of its output, to wgrad those of its inputs."""
        between = _is_true(self._launch_ns > self._last_dgrad) & _is_true(self._launch_ns < self._first_wgrad)
        known = between & self._open
        conditions = [known & (self._serves == FOR_PREVIOUS), known & (self._serves == FOR_NEXT)]
        return np.select(conditions, [DGRAD, WGRAD], UNDECIDED).astype(object)


def _is_true(values: pd.Series) -> NDArray[np.bool_]:
    """Take unknown for no."""
    return values.fillna(False).to_numpy(dtype=bool)
