"""The ledger of two layers on this machine: both recorded, and the ratio of their times decomposed."""

from __future__ import annotations

import tempfile
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from profiler_kit.analysis.explanation import Explanation, explain
from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder

if TYPE_CHECKING:
    from profiler_kit.experiments.subject import Subject

_WARMUP: Final = 3
_CALLS: Final = 20

_SLOW: Final = "layer"
_FAST: Final = "other"


def record_ledger(subject: Subject, other: nn.Module, other_input: Any) -> Explanation:
    """Record forward calls of both layers in turn, and explain why the first takes as many times as long.

    Raises:
        ProblemNotFoundError: If the layer runs no convolution or matrix product that could be told by its name.
        RecordingError: If another recording is running.
    """
    both = nn.ModuleDict({_SLOW: subject.layer, _FAST: other})
    with tempfile.TemporaryDirectory(prefix="profiler_kit.") as folder:
        recorder = Recorder(
            both, folder, warmup=_WARMUP, active=_CALLS, repeat=1, cpu_kernels=not subject.on_gpu, measure_peaks=None
        )
        with recorder, torch.no_grad():
            for _ in range(_WARMUP + _CALLS):
                both[_SLOW](subject.input)
                both[_FAST](other_input)
                recorder.step()
        trace = read_trace(recorder.trace_paths[0], cache=False)
    return explain(trace, _SLOW, _FAST, pass_="forward")  # noqa: S106 (the name of a pass, no password)
