"""Predictions on answers written by hand: nothing asks cuDNN here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from profiler_kit.analysis.selection.layer_convolutions import layer_convolutions
from profiler_kit.analysis.selection.predicted_selection import (
    PredictedSelection,
    Variant,
    predicted_selection,
    questions,
)
from profiler_kit.analysis.selection.selection import selection
from profiler_kit.cudnn.description import target_of_device
from profiler_kit.cudnn.plans import NUMERICAL_NOTES, Plan, Prediction
from profiler_kit.devices import find_device
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder

TENSOR_BYTES = 8 * 32 * 16 * 16 * 2
"""Input of the convolution below, in 16 bits."""

A10G = {
    "id": 0,
    "name": "NVIDIA A10G",
    "totalGlobalMem": 23836033024,
    "computeMajor": 8,
    "computeMinor": 6,
    "maxThreadsPerBlock": 1024,
    "maxThreadsPerMultiprocessor": 1536,
    "regsPerBlock": 65536,
    "warpSize": 32,
    "regsPerMultiprocessor": 65536,
    "sharedMemPerBlock": 49152,
    "sharedMemPerMultiprocessor": 102400,
    "numSms": 80,
    "sharedMemPerBlockOptin": 101376,
}
"""As Kineto describes it; the table of GPUs doesn't have it."""


def conv_trace(place: Path, name: str = "layer: conv (Conv2d) #1") -> Path:
    """Write a trace with one convolution of a layer, and a second one without shapes."""
    b = TraceBuilder()
    b.annotation(name, 0, 200)
    b.op(
        "aten::conv2d",
        0,
        100,
        **{
            "Input Dims": [[8, 32, 16, 16], [64, 32, 3, 3]],
            "Input type": ["c10::Half", "c10::Half"],
            "Input Strides": [[8192, 256, 16, 1], [288, 9, 3, 1]],
            "Concrete Inputs": ["", "", "", "[1, 1]", "[1, 1]", "[1, 1]", "1"],
        },
    )
    b.kernel("volta_fp16_s884cudnn_fp16_128x128_ldg8_relu_exp_interior_nhwc_tn_v1", 100, 10, launched_at=5)
    b.op("aten::conv2d", 300, 100)
    b.kernel("volta_sgemm_64x64_nt", 400, 4, launched_at=320)
    place.parent.mkdir(parents=True, exist_ok=True)
    return b.write(place)


def prediction_by_hand(trace: Trace, gpus: Sequence[str] = ("H100", "A100")) -> PredictedSelection:
    """Predict with an engine of tensor cores that copies its input in NCHW, but refuses to compute gradients."""
    found = layer_convolutions(selection(trace, "conv"))
    variants = [
        Variant(target, "float16", memory_format, None)
        for target in [target_of_device(find_device(gpu)) for gpu in gpus]
        for memory_format in ("NCHW", "NHWC")
    ]
    asked = questions(found.convolutions, variants)
    answers = []
    for one in asked:
        facts: dict[str, Any] = {"problem": one.problem, "device": one.variant.target.name, "cudnn_version": "9.28.0"}
        if one.which == "wgrad":
            answers.append(Prediction(**facts, error="CUDNN_STATUS_NOT_SUPPORTED: not this one"))
            continue
        notes = {name: name == "TENSOR_CORE" for name in NUMERICAL_NOTES}
        copies = TENSOR_BYTES if one.variant.memory_format == "NCHW" else 0
        plan = Plan(
            engine=62,
            knobs={"TILE_SIZE": 6},
            notes=notes,
            behaviour={},
            source="heuristics",
            workspace_bytes=copies if one.which == "forward" else 1_000_003,
        )
        answers.append(Prediction(**facts, plans=(plan,), chosen=0))
    return predicted_selection(found.convolutions, asked, answers, found.left_out, found.layer_source)
