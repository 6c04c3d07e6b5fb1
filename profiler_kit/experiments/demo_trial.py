"""The demo's ledger: why its 7×7 convolution takes longer than its dense layer, and whether experiments agree."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import nn

from profiler_kit.analysis.ledger.explanation import Explanation
from profiler_kit.analysis.measured.claims_on_trial import variants_needed
from profiler_kit.analysis.measured.experiment import FRESH_MEMORY
from profiler_kit.experiments.experiment import run_experiment
from profiler_kit.experiments.ledger import record_ledger
from profiler_kit.experiments.subject import make_subject
from profiler_kit.experiments.variants import builders
from profiler_kit.report.experiment import ExperimentReport

if TYPE_CHECKING:
    from collections.abc import Callable


def try_demo_ledger(
    batch: int, *, seconds: float, progress: Callable[[float, str], object] | None = None
) -> tuple[Explanation, ExperimentReport]:
    """Decompose the ratio of the demo's 7×7 convolution to its dense layer, forward, and test what that says.

    Both are recorded anew, without the backward passes that run between them in the demo's trace: a statement can only
    be tested by calls that find the caches as the recorded ones did.

    Args:
        batch: Samples in a call.
        seconds: Time for measuring.
        progress: Called with the share that is done, 0 to 1, and what is being done.

    Raises:
        RecordingError: If another recording is running.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv, dense = nn.Conv2d(3, 64, 7, padding=3).to(device), nn.Linear(1024, 512).to(device)
        image, vector = torch.randn(batch, 3, 32, 32).to(device), torch.randn(batch, 1024).to(device)
    subject = make_subject(conv, image)
    told = record_ledger(subject, dense, vector)
    known = builders()
    chosen = {name: known[name] for name in (*variants_needed(told), FRESH_MEMORY) if name in known}
    result = run_experiment(subject, chosen, seconds=seconds, told=told, other=(dense, vector), progress=progress)
    return told, ExperimentReport(result)
