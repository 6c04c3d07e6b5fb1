"""Layers in which torch.compile ran several modules as one region, so that nothing tells them apart any more."""

from __future__ import annotations

from typing import Final

from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.analysis.work.layer_of_op import LayerOfOp
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE

REGION_PREFIX: Final = "Torch-Compiled Region"
"""How the operator around a call of compiled code is named (``torch/_dynamo/eval_frame.py``)."""


def compiled_layers(trace: Trace, attribution: LayerOfOp) -> tuple[str, ...]:
    """Return the layers whose own code, not that of a layer inside, calls compiled regions, in order of first call."""
    regions = told_by_name(trace.ops["name"], lambda name: name.startswith(REGION_PREFIX))
    spans = attribution.running[regions]
    return tuple(attribution.spans["layer"].iloc[spans[spans != NONE]].drop_duplicates())
