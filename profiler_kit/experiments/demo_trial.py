"""The demo's ledger: why its 7×7 convolution takes longer than its dense layer, and whether experiments agree."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from profiler_kit.analysis.ledger.explanation import Explanation
from profiler_kit.analysis.ledger.noted_pair import PAIR_KEY, pair_note
from profiler_kit.analysis.ledger.undisturbed import to_note
from profiler_kit.analysis.ledger.undisturbed_calls import UNDISTURBED_KEY
from profiler_kit.analysis.measured.claims_on_trial import variants_needed
from profiler_kit.analysis.measured.experiment import AS_GIVEN, FRESH_MEMORY, OTHER_LAYER, Experiment
from profiler_kit.analysis.measured.measured_twice import doubted, far_apart
from profiler_kit.analysis.measured.timing_statistics import MARGIN
from profiler_kit.experiments.experiment import run_experiment
from profiler_kit.experiments.ledger import record_ledger
from profiler_kit.experiments.subject import Subject, make_subject
from profiler_kit.experiments.variants import builders
from profiler_kit.record.trace_file import note_in_trace
from profiler_kit.report.experiment import ExperimentReport
from profiler_kit.trace.spans import METADATA_KEY

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path


def try_demo_ledger(
    batch: int,
    *,
    seconds: float,
    table_us: tuple[float, float] | None = None,
    progress: Callable[[float, str], object] | None = None,
) -> tuple[Explanation, ExperimentReport, str | None]:
    """Decompose the ratio of the demo's 7×7 convolution to its dense layer, forward, and test what that says.

    Both are recorded anew, without the backward passes that run between them in the demo's trace: a statement can only
    be tested by calls that find the caches as the recorded ones did. Where the trial finds that other processes have
    spoilt the ledger's times, all is done once more; if they still differ, no statement that rests on them is decided.

    Args:
        batch: Samples in a call.
        seconds: Time for measuring; up to four times as long where a statement is not yet decided.
        table_us: Times of a call of the convolution and the dense layer that the demo's table has, in µs.
        progress: Called with the share that is done, 0 to 1, and what is being done.

    Returns:
        The ledger, its trial, and which times of theirs contradict each other; None if none do.

    Raises:
        RecordingError: If another recording is running.
    """
    device = "cuda" if torch.cuda.is_available() else "cpu"
    with torch.random.fork_rng():
        torch.manual_seed(0)
        conv, dense = nn.Conv2d(3, 64, 7, padding=3).to(device), nn.Linear(1024, 512).to(device)
        image, vector = torch.randn(batch, 3, 32, 32).to(device), torch.randn(batch, 1024).to(device)
    subject, known = make_subject(conv, image), builders()
    report = progress or (lambda _share, _text: None)
    for attempt in range(_ATTEMPTS):

        def step(share: float, text: str, attempt: int = attempt) -> None:
            report(_FIRST_SHARE * share if not attempt else _FIRST_SHARE + (1 - _FIRST_SHARE) * share, text)

        step(0.0, "recording both sides of the ledger")
        told = _undisturbed_ledger(subject, dense, vector, table_us)
        chosen = {name: known[name] for name in (*variants_needed(told), FRESH_MEMORY) if name in known}
        result = run_experiment(subject, chosen, seconds=seconds, told=told, other=(dense, vector), progress=step)
        spoilt = far_apart(_times_us(told, None, result))
        if spoilt is None:
            break
    report(1.0, "done")
    if spoilt is not None:
        result = replace(result, claims=doubted(result.claims, spoilt))
    return told, ExperimentReport(result), spoilt


_ATTEMPTS: Final = 2
_FIRST_SHARE: Final = 0.7
"""Attempts to measure what nothing spoils, and the share of the work that the first one is."""


def _undisturbed_ledger(
    subject: Subject, other: nn.Module, other_input: Any, table_us: tuple[float, float] | None
) -> Explanation:
    """Record the ledger until its times are sound, which their own noise and the demo's table tell, not any verdict."""
    found: list[tuple[bool, float, Explanation]] = []
    for _ in range(_RECORDINGS):
        told = record_ledger(subject, other, other_input)
        found.append((far_apart(_times_us(told, table_us)) is not None, told.spread, told))
        if not found[-1][0] and told.spread <= MARGIN:
            break
    return min(found, key=lambda one: one[:2])[2]


_RECORDINGS: Final = 3


def _times_us(
    told: Explanation, table_us: tuple[float, float] | None, result: Experiment | None = None
) -> dict[str, list[tuple[str, float]]]:
    """Return what a call of either layer took each time that it was measured, without the profiler."""
    times: dict[str, list[tuple[str, float]]] = {}
    sides = (("the 7×7 convolution", told.slow, AS_GIVEN), ("the dense layer", told.fast, OTHER_LAYER))
    for place, (layer, side, variant) in enumerate(sides):
        if side.of != "host time" or side.recorded_us is None:
            continue  # a kernel's time is no call's
        own = times[layer] = [("the ledger", side.device_us)]
        if table_us is not None:
            own.append(("the table", table_us[place]))
        again = None if result is None else result.variant(variant)
        if again is not None:
            # The fastest round: slow ones tell of other processes, which ratios within a round do not mind.
            own.append(("the trial", min(again.rounds_ns) / 1000))
    return times


def note_ledger(path: Path, told: Explanation, *, slow: str, fast: str, doubt: str | None = None) -> None:
    """Write into the demo's trace what the ledger compares and what was measured for it, so that all say the same.

    Args:
        path: The trace.
        told: The ledger.
        slow: Name of the slow side's layer in the trace.
        fast: Likewise of the fast side's.
        doubt: Which times contradict each other.

    Raises:
        RecordingError: If the file cannot be written.
    """
    notes: list[dict[str, Any]] = []
    for layer, side in ((slow, told.slow), (fast, told.fast)):
        note = to_note(side, doubt)
        if note is not None:
            notes.append(note.noted(layer, side.pass_))
    facts = {PAIR_KEY: pair_note(slow, fast), **({UNDISTURBED_KEY: notes} if notes else {})}
    note_in_trace(path, METADATA_KEY, facts)
