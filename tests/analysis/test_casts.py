"""Casts inside the calls of convolutions and matrix products, against arithmetic by hand and a recording."""

from __future__ import annotations

from math import prod
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from profiler_kit import explain, read_trace
from profiler_kit.analysis.ledger.explanation import Explanation
from profiler_kit.record import Recorder
from tests.builders import TraceBuilder

BF16, FLOAT = "c10::BFloat16", "float"


def copy(b: TraceBuilder, ts: float, dur: float, shape: list[int], to: str, of: str) -> None:
    """A copy, with 10 µs in the two operators around it."""
    b.op("aten::to", ts, dur + 10, **{"Input Dims": [shape], "Input type": [of]})
    b.op("aten::_to_copy", ts + 2, dur + 5, **{"Input Dims": [shape], "Input type": [of]})
    b.op("aten::copy_", ts + 4, dur, **{"Input Dims": [shape, shape], "Input type": [to, of]})


def product(b: TraceBuilder, ts: float, dur: float, types: list[str]) -> None:
    b.op("aten::linear", ts, dur, **{"Input Dims": [[4, 8], [16, 8], [16]], "Input type": types})


def build(tmp_path: Path, to: str) -> Explanation:
    """A linear layer of 200 µs whose weight and input are copied, and a matrix product of 50 µs."""
    b = TraceBuilder()
    product(b, 0, 200, [FLOAT] * 3)
    copy(b, 10, 100, [16, 8], to, FLOAT)
    copy(b, 125, 10, [4, 8], to, FLOAT)
    b.op("aten::addmm", 150, 40, **{"Input Dims": [[16], [4, 8], [8, 16]], "Input type": [BF16] * 3})
    b.op("aten::mm", 1000, 50, **{"Input Dims": [[4, 8], [8, 32]], "Input type": [BF16] * 2})
    return explain(read_trace(b.write(tmp_path / "t.json")), "linear", "mm")


def test_casts_are_a_factor_of_their_own(tmp_path: Path) -> None:
    found = build(tmp_path, BF16)
    # 200 µs: 110 + 20 µs of casts, 40 µs of the product, and 30 µs around them.
    assert found.slow.parts_us == {
        "main": 40, "layout_transform": 0, "cast": 130, "helper": 30, "memset": 0, "bias": 0,
    }  # fmt: skip
    values = {factor.name: factor for factor in found.factors}
    assert values["casts"].kind == "measured"
    assert values["casts"].value == pytest.approx((40 + 130) / 40)
    assert values["dispatch_overhead"].value == pytest.approx(200 / 170)
    assert prod(factor.value for factor in found.factors) == pytest.approx(4, rel=1e-9)
    assert [(c.tensor, c.dtype, c.times, c.us) for c in found.slow.casts] == [
        ("weight", "bfloat16", 1, 100), ("input", "bfloat16", 1, 10),
    ]  # fmt: skip
    claim = next(claim for claim in found.claims if claim.factor == "casts")
    assert "100.0 µs the weight to bfloat16" in claim.evidence
    assert "a weight that is bfloat16 already, as it is cast in every call" in str(claim.advice)
    assert claim.expected_us == 200 - 130


def test_a_copy_of_the_same_type_is_no_cast(tmp_path: Path) -> None:
    found = build(tmp_path, FLOAT)
    assert (found.slow.parts_us["cast"], found.slow.parts_us["helper"]) == (0, 160)
    assert "casts" not in {factor.name for factor in found.factors}


def test_autocast_on_the_cpu_casts_the_weight_in_every_step(tmp_path: Path) -> None:
    layer, small, given = nn.Linear(512, 1024), nn.Linear(8, 8), torch.randn(2, 512)
    model: Any = nn.ModuleDict({"wide": layer, "small": small})
    with Recorder(model, tmp_path, cpu_kernels=False) as recorder:
        for _ in range(2):
            with torch.no_grad(), torch.autocast("cpu", dtype=torch.bfloat16):
                layer(given)
            with torch.no_grad():
                small(given[:, :8])
    found = explain(read_trace(recorder.trace_paths[0]), "linear (2,512) × (1024,512)", "linear (2,8) × (8,8)")
    weight = next(cast for cast in found.slow.casts if cast.tensor == "weight")
    assert (weight.dtype, weight.times, found.fast.casts) == ("bfloat16", 1, ())
    assert found.slow.parts_us["cast"] >= weight.us > 0
    assert prod(factor.value for factor in found.factors) == pytest.approx(found.ratio, rel=1e-9)
