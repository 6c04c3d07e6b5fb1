"""Variants with what is known of them before they are timed, and with their times."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from profiler_kit.analysis.measured.experiment import MeasuredVariant, Outputs
from profiler_kit.analysis.measured.timing_statistics import (
    LEVEL_OF_LOOK,
    MedianInterval,
    median_interval,
    ratio_interval,
)
from profiler_kit.experiments.subject import Subject, Variant, count_flops, relative_error

if TYPE_CHECKING:
    from collections.abc import Sequence

    from profiler_kit.experiments.interleaved import InterleavedTimes

_UNTIMED = MedianInterval(float("nan"), float("nan"), float("nan"), 0)


def untimed_variant(variant: Variant, kernels: tuple[str, ...], output: Any, subject: Subject) -> MeasuredVariant:
    """Compare a variant's output with the right one, and count its FLOPs.

    Args:
        variant: The variant, which has run.
        kernels: What ran in a call.
        output: What it returned.
        subject: The layer as given.
    """
    error: float | None = None
    outputs: Outputs = "not compared"
    if variant.expected is not None:
        # A result of another shape is as wrong as one can be.
        error = float("inf")
        with suppress(ValueError, RuntimeError):
            error = relative_error(variant.arrange(output), variant.expected)
        outputs = "same" if error <= variant.tolerance else "different"
    if variant.countable:
        with variant.setting():
            flops = count_flops(variant.call)
    else:
        flops = subject.flops
    return MeasuredVariant(
        name=variant.name,
        change=variant.change,
        call_ns=_UNTIMED,
        ratio=_UNTIMED,
        ratio_of_calls=_UNTIMED,
        samples=variant.samples,
        flops=flops,
        kernels=kernels,
        outputs=outputs,
        error=error,
        tolerance=None if variant.expected is None else variant.tolerance,
    )


def with_times(variants: Sequence[MeasuredVariant], times: InterleavedTimes) -> tuple[MeasuredVariant, ...]:
    """Return the variants with their times, which may be looked at several times while they are measured.

    Args:
        variants: What is known without times; the layer as given comes first.
        times: The times so far.
    """
    given = variants[0]
    base = times.call_ns[given.name]
    timed = []
    for one in variants:
        own = times.call_ns[one.name]
        calls = ratio_interval(own, base[: len(own)], LEVEL_OF_LOOK)
        share = given.samples / one.samples
        ratio = MedianInterval(calls.median * share, calls.low * share, calls.high * share, calls.samples)
        timed.append(
            replace(
                one,
                call_ns=median_interval(own, LEVEL_OF_LOOK),
                ratio=ratio,
                ratio_of_calls=calls,
                page_faults=times.page_faults.get(one.name),
                rounds_ns=own,
            )
        )
    return tuple(timed)
