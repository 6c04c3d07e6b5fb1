"""Measured layers side by side: time, work and rate of each, and how each compares with the dense one."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import prod
from typing import Protocol

import numpy as np
import pandas as pd

from profiler_kit.analysis.problems.flops import (
    backward_bytes,
    backward_flops,
    convolution_flops,
    forward_bytes,
    linear_flops,
)


class MeasuredLayer(Protocol):
    """How long calls of one layer took in one pass; :class:`profiler_kit.record.Measurement` is one."""

    @property
    def layer(self) -> str:
        """Name of the layer."""

    @property
    def batch(self) -> int:
        """Batch size."""

    @property
    def pass_(self) -> str:
        """``forward`` or ``backward``."""

    @property
    def input_shape(self) -> Sequence[int]:
        """Shape of the input."""

    @property
    def weight_shape(self) -> Sequence[int]:
        """Shape of the weight."""

    @property
    def output_shape(self) -> Sequence[int]:
        """Shape of the output."""

    @property
    def dtype(self) -> str:
        """Data type by numpy's or torch's name, e.g. ``float32``."""

    @property
    def call_ns(self) -> Sequence[int]:
        """Time of each call."""


@dataclass(frozen=True)
class LayerComparison:
    """Measured layers side by side.

    Attributes:
        table: One row per batch, pass and layer, in this order: ``batch``, ``pass``, ``layer``, ``calls``,
            ``median_ns``, ``q25_ns``, ``q75_ns`` (quartiles of the calls; measured), ``flops`` and ``bytes`` (derived
            from the shapes: useful operations, and the least that must be moved), ``flops_per_s`` and
            ``bytes_per_s`` (derived, by the median), ``flops_formula`` (the numbers behind ``flops``), and relative
            to the dense layer of the same batch and pass ``time_ratio``, ``flops_ratio`` (NaN without one).
    """

    table: pd.DataFrame


_ITEMSIZE = {"float64": 8, "float32": 4, "float16": 2, "bfloat16": 2}


def compare_layers(measurements: Iterable[MeasuredLayer]) -> LayerComparison:
    """Put measured layers side by side.

    Args:
        measurements: The layers; those with a two-dimensional weight are dense, the others convolutions. All have a
            bias.

    Raises:
        ValueError: If a data type is not one of float64, float32, float16, bfloat16.
    """
    table = pd.DataFrame([_row(measured) for measured in measurements])
    table = table.sort_values(["batch", "pass"], ascending=[True, False], kind="stable", ignore_index=True)
    table["flops_per_s"] = table["flops"] / table["median_ns"] * 1e9
    table["bytes_per_s"] = table["bytes"] / table["median_ns"] * 1e9
    dense = table[table["dense"]].drop_duplicates(["batch", "pass"]).set_index(["batch", "pass"])
    keys = pd.MultiIndex.from_frame(table[["batch", "pass"]])
    for ratio, column in (("time_ratio", "median_ns"), ("flops_ratio", "flops")):
        table[ratio] = table[column] / dense[column].reindex(keys).to_numpy()
    return LayerComparison(table.drop(columns="dense"))


def _row(measured: MeasuredLayer) -> dict[str, object]:
    if measured.dtype not in _ITEMSIZE:
        raise ValueError(f"size of data type {measured.dtype!r} is not known")
    weight, output = measured.weight_shape, measured.output_shape
    dense = len(weight) == 2
    flops = linear_flops(weight, output) if dense else convolution_flops(weight, output)
    formula = f"2 × {prod(output):,} outputs × {prod(weight[1:]):,}"
    backward = measured.pass_ == "backward"  # noqa: S105 (the name of a pass, no password)
    moved = (backward_bytes if backward else forward_bytes)(
        measured.input_shape, weight, output, bias=weight[0], itemsize=_ITEMSIZE[measured.dtype]
    )
    q25, median, q75 = np.percentile(np.asarray(measured.call_ns, dtype=np.int64), [25, 50, 75])
    return {
        "batch": measured.batch,
        "pass": measured.pass_,
        "layer": measured.layer,
        "calls": len(measured.call_ns),
        "median_ns": float(median),
        "q25_ns": float(q25),
        "q75_ns": float(q75),
        "flops": backward_flops(flops) if backward else flops,
        "bytes": moved,
        "flops_formula": f"2 × ({formula})" if backward else formula,
        "dense": dense,
    }
