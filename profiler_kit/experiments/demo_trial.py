"""The demo's ledger: why its 7×7 convolution takes longer than its dense layer, and whether experiments agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from profiler_kit.analysis.claims_on_trial import variants_needed
from profiler_kit.analysis.explanation import Explanation, explain
from profiler_kit.experiments.experiment import run_experiment
from profiler_kit.experiments.subject import make_subject
from profiler_kit.experiments.variants import builders
from profiler_kit.report.experiment import ExperimentReport

if TYPE_CHECKING:
    from collections.abc import Callable

    from profiler_kit.trace import Trace


def try_demo_ledger(
    trace: Trace, batch: int, *, seconds: float, progress: Callable[[float, str], object] | None = None
) -> tuple[Explanation, ExperimentReport]:
    """Decompose the ratio of the demo's 7×7 convolution to its dense layer, forward, and test what that says.

    Args:
        trace: What :func:`profiler_kit.record.record_dense_vs_conv` recorded at that batch size.
        batch: Samples in a call.
        seconds: Time for measuring.
        progress: Called with the share that is done, 0 to 1, and what is being done.

    Raises:
        ProblemNotFoundError: If the trace does not hold the layers.
        RecordingError: If another recording is running.
    """
    told = explain(trace, "conv7x7", "dense", pass_="forward")  # noqa: S106 (the name of a pass, no password)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv, dense = nn.Conv2d(3, 64, 7, padding=3).to(device), nn.Linear(1024, 512).to(device)
        image, vector = torch.randn(batch, 3, 32, 32).to(device), torch.randn(batch, 1024).to(device)
    known = builders()
    chosen = {name: known[name] for name in variants_needed(told) if name in known}
    result = run_experiment(
        make_subject(conv, image), chosen, seconds=seconds, told=told, other=(dense, vector), progress=progress
    )
    return told, ExperimentReport(result)
