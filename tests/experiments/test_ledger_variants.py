"""What is measured because a ledger states it, and what is not."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

from torch import nn  # noqa: E402

from profiler_kit import explain, read_trace  # noqa: E402
from profiler_kit.analysis.ledger.explanation import explain_sides  # noqa: E402
from profiler_kit.analysis.ledger.roofs import Roofs  # noqa: E402
from profiler_kit.experiments.ledger_variants import comparisons  # noqa: E402
from profiler_kit.experiments.subject import make_subject  # noqa: E402

SAMPLES = Path(__file__).resolve().parents[2] / "traces"


@pytest.mark.parametrize(("main_us", "doubled"), [(45.0, True), (100.0, False)])
def test_twice_the_samples_are_measured_of_a_layer_that_waits_for_memory(main_us: float, doubled: bool) -> None:
    """The dense layer's 2.105 MB take 40 µs at 52.6 GB/s."""
    (path,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    found = explain(read_trace(path), "conv7x7", "dense", pass_="forward")
    roofs = Roofs("machine", "cpu", peak_flops_per_s={"fp32": 1e12}, bandwidth_bytes_per_s=52.6e9, threads=2)
    slow, fast = (replace(side, roofs=roofs, undisturbed=None) for side in (found.slow, found.fast))
    parts = {**dict.fromkeys(fast.parts_us, 0.0), "main": main_us}
    told = explain_sides(slow, replace(fast, device_us=main_us, parts_us=parts))
    subject = make_subject(nn.Conv2d(3, 64, 7, padding=3), torch.randn(1, 3, 32, 32))
    made = comparisons(subject, (nn.Linear(1024, 512), torch.randn(1, 1024)), "other layer", told)
    assert any(claim.factor == "memory_bound" for claim in told.claims)
    assert ("doubled other" in made) is doubled
