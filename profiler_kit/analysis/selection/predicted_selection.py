"""What cuDNN would choose for a model's convolutions by GPU, data type, memory format and TF32, and what changes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.selection.layer_convolutions import PASSES, LayerConvolution
from profiler_kit.cudnn.description import Target
from profiler_kit.cudnn.plans import Prediction
from profiler_kit.cudnn.problem import NCHW, NHWC, ConvProblem
from profiler_kit.cudnn.pytorch_choice import own_kernel
from profiler_kit.cudnn.tensor_copies import TensorCopies, tensor_copies

OWN_KERNEL: Final = "PyTorch's own kernel"
NO_PLAN: Final = "no plan"
PLAIN: Final = "plain"
"""Class of a plan that uses no tensor cores, nor Winograd, nor FFT."""

AXES: Final = ("memory_format", "tf32", "dtype", "gpu")
"""What two variants that are compared may differ in."""

INTEGER_COLUMNS: Final = ("engine", "workspace_bytes", "copies_bytes", "channels_padded_to")
"""Columns of the table of predictions whose numbers may be missing."""

_CLASS_NOTES: Final = (("WINOGRAD", "Winograd"), ("FFT", "FFT"), ("TENSOR_CORE", "tensor cores"))


@dataclass(frozen=True, slots=True)
class Variant:
    """Circumstances that a convolution is predicted for.

    Attributes:
        target: The GPU.
        dtype: Data type.
        memory_format: ``NCHW`` or ``NHWC`` (channels_last).
        tf32: Whether TF32 is allowed; ``None`` for types that it doesn't concern.
    """

    target: Target
    dtype: str
    memory_format: str
    tf32: bool | None

    def facts(self) -> dict[str, Any]:
        """Return it as columns."""
        return {
            "gpu": self.target.name,
            "dtype": self.dtype,
            "memory_format": self.memory_format,
            "tf32": {True: "on", False: "off", None: None}[self.tf32],
        }


@dataclass(frozen=True, slots=True)
class Asked:
    """One question to cuDNN and where it comes from.

    Attributes:
        convolution: Number of the convolution.
        which: Pass: ``forward``, ``dgrad``, ``wgrad``.
        variant: Circumstances.
        problem: The question.
    """

    convolution: int
    which: str
    variant: Variant
    problem: ConvProblem


@dataclass(frozen=True)
class PredictedSelection:
    """Predictions, and what changes between variants.

    Attributes:
        table: One row per convolution, pass and variant: ``convolution`` (its number), ``layers``, ``calls``, the
            ledger's ``operator``, ``input_shape``, ``weight_shape``, ``stride``, ``padding``, ``dilation``,
            ``output_padding``, ``groups``; ``pass``; ``gpu``, ``dtype``, ``memory_format``, ``tf32`` (on, off, None);
            ``class`` (tensor cores, Winograd, FFT, plain; PyTorch's own kernel; no plan), ``own_kernel`` (why PyTorch
            computes it itself; None if it doesn't), ``engine``, ``knobs`` (text), ``notes`` (true ones, tuple),
            ``behaviour`` (notes on behaviour, likewise: RUNTIME_COMPILATION, …), ``tensor_cores``, ``winograd``,
            ``fft``, ``split_k``, ``nondeterministic`` (True, False, None: unknown),
            ``source``, ``workspace_bytes``, ``copies_bytes`` (the part of it that is copies of tensors, derived from
            sizes; ``<NA>`` if the size doesn't tell), ``copied`` (names), ``channels_padded_to``, ``copies_doubled``
            (whether a 16-bit type's copies take twice the bytes: one in float32, or two), ``alternatives``,
            ``removed`` (plans before it that a rule removed, with the rule), ``error``.
        totals: One row per variant: its columns, ``passes``, counts of each class (``tensor_cores``, ``winograd``,
            ``fft``, ``plain``, ``own_kernel``, ``no_plan``), ``copying`` (passes whose workspace holds copies),
            ``copies_bytes`` (all of them, times the calls), ``padded`` (passes with padded channels),
            ``workspace_bytes`` (the largest).
        changes: One row per pair of variants that differ in one thing, and pass that gets another class, other
            copies, or another engine: ``axis`` (one of :data:`AXES`), ``before``, ``after`` (its values), the other
            columns of a variant, ``convolution``, ``pass``, ``class_before``, ``class_after``, ``copies_before``,
            ``copies_after``, ``engine_before``, ``engine_after``.
        pairs: One row per such pair: ``axis``, ``before``, ``after``, the other columns of a variant, ``passes``
            (compared), ``class_changes``, ``engine_changes``, ``copies_before``, ``copies_after`` (times the calls),
            ``copies_ns_before``, ``copies_ns_after`` (modelled: each byte read and written once at peak bandwidth).
        cudnn_version: The version that answered.
        left_out: What could not be asked, in words.
        layer_source: Where layers come from, in words.
    """

    table: pd.DataFrame
    totals: pd.DataFrame
    changes: pd.DataFrame
    pairs: pd.DataFrame
    cudnn_version: str
    left_out: tuple[str, ...] = ()
    layer_source: str = ""


def questions(
    convolutions: Sequence[LayerConvolution],
    variants: Sequence[Variant],
    *,
    passes: Sequence[str] = PASSES,
    deterministic: bool = False,
) -> list[Asked]:
    """List what to ask, convolution by convolution and pass by pass, variants innermost."""
    return [
        Asked(
            number,
            which,
            variant,
            one.problem(
                which,
                dtype=variant.dtype,
                memory_format=variant.memory_format,
                allow_tf32=variant.tf32 is not False,
                deterministic=deterministic,
            ),
        )
        for number, one in enumerate(convolutions)
        for which in passes
        for variant in variants
    ]


def predicted_selection(
    convolutions: Sequence[LayerConvolution],
    asked: Sequence[Asked],
    predictions: Sequence[Prediction],
    left_out: Sequence[str] = (),
    layer_source: str = "",
) -> PredictedSelection:
    """Tabulate predictions and compare variants.

    Args:
        convolutions: The convolutions.
        asked: What :func:`questions` returned.
        predictions: cuDNN's answers, in the same order.
        left_out: What could not be asked, in words.
        layer_source: Where layers come from, in words.
    """
    copies = _copies(asked, predictions)
    rows = [
        _row(convolutions[one.convolution], one, answer, some)
        for one, answer, some in zip(asked, predictions, copies, strict=True)
    ]
    table = pd.DataFrame(rows)
    for column in INTEGER_COLUMNS:
        table[column] = table[column].astype("Int64") if len(table) else pd.Series(dtype="Int64")
    variants = list(dict.fromkeys(one.variant for one in asked)) if asked else []
    changes, pairs = _compare(table, variants)
    return PredictedSelection(
        table=table,
        totals=_totals(table, variants),
        changes=changes,
        pairs=pairs,
        cudnn_version=predictions[0].cudnn_version if predictions else "",
        left_out=tuple(left_out),
        layer_source=layer_source,
    )


_FACTS: Final = (
    *("operator", "input_shape", "weight_shape", "stride", "padding", "dilation", "output_padding", "groups"),
)


def _copies(asked: Sequence[Asked], predictions: Sequence[Prediction]) -> list[TensorCopies | None]:
    """Explain each plan's workspace as copies of tensors.

    An engine that splits a reduction keeps partial sums in its workspace, too. The same engine with the same knobs has
    as many of them in NHWC, which it need not copy from: the difference is copies.
    """
    places = [(one.convolution, one.which, replace(one.variant, memory_format=NHWC)) for one in asked]
    twins = {
        place: answer.plan
        for place, one, answer in zip(places, asked, predictions, strict=True)
        if one.variant.memory_format == NHWC
    }
    found = []
    for place, one, answer in zip(places, asked, predictions, strict=True):
        plan, twin = answer.plan, twins.get(place)
        copies = None
        if plan is not None and plan.workspace_bytes is not None:
            copies = tensor_copies(one.problem, plan.workspace_bytes)
            if copies is None and twin is not None and (twin.engine, twin.knobs) == (plan.engine, plan.knobs):
                more = plan.workspace_bytes - (twin.workspace_bytes or 0)
                copies = tensor_copies(one.problem, more) if more > 0 else None
        found.append(copies)
    return found


def _row(
    convolution: LayerConvolution, asked: Asked, answer: Prediction, copies: TensorCopies | None
) -> dict[str, Any]:
    plan = answer.plan
    capability = asked.variant.target.properties["deviceVer"]
    own = own_kernel(asked.problem, capability, transposed=convolution.transposed)
    row: dict[str, Any] = {
        "convolution": asked.convolution,
        "layers": convolution.layers,
        "calls": convolution.calls,
        **{name: convolution.facts[name] for name in _FACTS},
        "pass": asked.which,
        **asked.variant.facts(),
        "class": _class(answer) if own is None else OWN_KERNEL,
        "own_kernel": own,
        "engine": plan.engine if plan else None,
        "knobs": " ".join(f"{knob}={value}" for knob, value in (plan.knobs or {}).items()) if plan else None,
        "notes": plan.true_notes if plan else (),
        "behaviour": plan.true_behaviour if plan else (),
        "tensor_cores": plan.notes["TENSOR_CORE"] if plan else None,
        "winograd": plan.notes["WINOGRAD"] if plan else None,
        "fft": plan.notes["FFT"] if plan else None,
        "split_k": plan.split_k if plan else None,
        "nondeterministic": plan.notes["NONDETERMINISTIC"] if plan else None,
        "source": plan.source if plan else None,
        "workspace_bytes": plan.workspace_bytes if plan else None,
        "copies_bytes": copies.total_bytes if copies else None,
        "copied": copies.tensors if copies else (),
        "channels_padded_to": copies.channels_padded_to if copies else None,
        "copies_doubled": copies.doubled if copies else None,
        "alternatives": answer.alternatives if plan else 0,
        "removed": _removed(answer),
        "error": answer.error,
    }
    if own is not None:
        # What cuDNN would do is beside the point then.
        row |= dict.fromkeys(("engine", "knobs", "source", "workspace_bytes", "copies_bytes", "channels_padded_to"))
        row["copies_doubled"] = None
        row |= {
            "notes": (),
            "behaviour": (),
            "copied": (),
            "alternatives": 0,
            "tensor_cores": False,
            "winograd": False,
            "fft": False,
        }
        row |= {"split_k": None, "nondeterministic": None}
    return row


def _class(answer: Prediction) -> str:
    """Name what a plan computes with, in a word or two."""
    if answer.plan is None:
        return NO_PLAN
    words = [word for note, word in _CLASS_NOTES if answer.plan.notes[note]]
    return " on ".join(words) if words else PLAIN


def _removed(answer: Prediction) -> tuple[str, ...]:
    """Say which rules removed plans that came before the chosen one, and how many."""
    before = answer.plans if answer.chosen is None else answer.plans[: answer.chosen]
    counts: dict[str, int] = {}
    for plan in before:
        if plan.removed_by is not None:
            counts[plan.removed_by] = counts.get(plan.removed_by, 0) + 1
    return tuple(f"{count} × {rule}" for rule, count in counts.items())


_VARIANT: Final = ("gpu", "dtype", "memory_format", "tf32")


def _of_variant(table: pd.DataFrame, variant: Variant) -> pd.DataFrame:
    keep = pd.Series(True, index=table.index)
    for column, value in variant.facts().items():
        keep &= table[column].isna() if value is None else table[column] == value
    chosen: pd.DataFrame = table[keep]
    return chosen


def _totals(table: pd.DataFrame, variants: Sequence[Variant]) -> pd.DataFrame:
    rows = []
    for variant in variants:
        mine = _of_variant(table, variant)
        ran = mine[~mine["class"].isin((OWN_KERNEL, NO_PLAN))]
        rows.append(
            {
                **variant.facts(),
                "passes": len(mine),
                **{name: int((ran[name] == True).sum()) for name in ("tensor_cores", "winograd", "fft")},  # noqa: E712
                "plain": int((mine["class"] == PLAIN).sum()),
                "own_kernel": int((mine["class"] == OWN_KERNEL).sum()),
                "no_plan": int((mine["class"] == NO_PLAN).sum()),
                "copying": int((mine["copies_bytes"].fillna(0) > 0).sum()),
                "copies_bytes": int((mine["copies_bytes"].fillna(0) * mine["calls"]).sum()),
                "padded": int(mine["channels_padded_to"].notna().sum()),
                "workspace_bytes": int(mine["workspace_bytes"].fillna(0).max()) if len(mine) else 0,
            }
        )
    return pd.DataFrame(rows)


def _pairs(variants: Sequence[Variant]) -> Iterator[tuple[str, Variant, Variant]]:
    """Yield variants that differ in one thing: NCHW and NHWC, TF32 on and off, the first type or GPU and each other."""
    given = set(variants)
    for one in variants:
        if one.memory_format == NCHW and (other := replace(one, memory_format=NHWC)) in given:
            yield "memory_format", one, other
        if one.tf32 is True and (other := replace(one, tf32=False)) in given:
            yield "tf32", one, other
    for axis in ("dtype", "gpu"):
        for other in variants:
            first = next((one for one in variants if _differ_only_in(axis, one, other)), None)
            if first is not None and variants.index(first) < variants.index(other):
                yield axis, first, other


def _differ_only_in(axis: str, one: Variant, other: Variant) -> bool:
    mine, theirs = one.facts(), other.facts()
    if axis == "dtype" and "off" in (mine["tf32"], theirs["tf32"]):
        return False  # float32 is compared as it is by default
    ignored = {axis} | ({"tf32"} if axis == "dtype" else set())
    return mine[axis] != theirs[axis] and all(mine[name] == theirs[name] for name in _VARIANT if name not in ignored)


_CHANGE_COLUMNS: Final = (
    *("axis", "before", "after", *_VARIANT, "convolution", "pass", "class_before", "class_after"),
    *("copies_before", "copies_after", "engine_before", "engine_after"),
)
_PAIR_COLUMNS: Final = (
    *("axis", "before", "after", *_VARIANT, "passes", "class_changes", "engine_changes"),
    *("copies_before", "copies_after", "copies_ns_before", "copies_ns_after"),
)


def _copying_ns(target: Target, copied_bytes: pd.Series) -> int | None:
    """Model the time that making the copies takes at least: each byte is read once and written once."""
    bandwidth = target.memory_bandwidth_bytes_per_s
    return None if bandwidth is None else round(2 * int(copied_bytes.sum()) / bandwidth * 1e9)


def _compare(table: pd.DataFrame, variants: Sequence[Variant]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Compare variants pair by pair; return the changes and the pairs."""
    changes, pairs = [], []
    for axis, first, second in _pairs(variants):
        shared = {name: value for name, value in first.facts().items() if name != axis}
        words = {"axis": axis, "before": first.facts()[axis], "after": second.facts()[axis], axis: None, **shared}
        merged = _of_variant(table, first).merge(
            _of_variant(table, second), on=["convolution", "pass"], suffixes=("_before", "_after")
        )
        other_class = merged["class_before"] != merged["class_after"]
        other_engine = (merged["engine_before"] != merged["engine_after"]).fillna(False)
        copies = [merged[f"copies_bytes_{when}"].fillna(0) for when in ("before", "after")]
        pairs.append(
            {
                **words,
                "passes": len(merged),
                "class_changes": int(other_class.sum()),
                "engine_changes": int(other_engine.sum()),
                "copies_before": int((copies[0] * merged["calls_before"]).sum()),
                "copies_after": int((copies[1] * merged["calls_before"]).sum()),
                "copies_ns_before": _copying_ns(first.target, copies[0] * merged["calls_before"]),
                "copies_ns_after": _copying_ns(second.target, copies[1] * merged["calls_before"]),
            }
        )
        changed = merged[other_class | other_engine | (copies[0] != copies[1])]
        changes += [
            {
                **words,
                "convolution": row["convolution"],
                "pass": row["pass"],
                **{f"class_{when}": row[f"class_{when}"] for when in ("before", "after")},
                **{f"copies_{when}": row[f"copies_bytes_{when}"] for when in ("before", "after")},
                **{f"engine_{when}": row[f"engine_{when}"] for when in ("before", "after")},
            }
            for row in changed.to_dict("records")
        ]
    return pd.DataFrame(changes, columns=list(_CHANGE_COLUMNS)), pd.DataFrame(pairs, columns=list(_PAIR_COLUMNS))
