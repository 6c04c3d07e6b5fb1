"""A layer measured under single changes, each against the layer as it was given."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import torch
from torch import nn

from profiler_kit.analysis.ledger.explanation import Explanation, ProblemNotFoundError
from profiler_kit.analysis.measured.claims_on_trial import put_on_trial, undecided_variants
from profiler_kit.analysis.measured.experiment import (
    AS_GIVEN,
    EQUAL_DENSE,
    OTHER_LAYER,
    Experiment,
    LedgerClaim,
    NotPossible,
)
from profiler_kit.errors import ExperimentError
from profiler_kit.experiments.convolution_variants import equal_dense
from profiler_kit.experiments.interleaved import InterleavedTimes, time_interleaved
from profiler_kit.experiments.layer_spec import make_layer
from profiler_kit.experiments.ledger import record_ledger
from profiler_kit.experiments.ledger_variants import comparisons
from profiler_kit.experiments.machine import describe_device, load_average
from profiler_kit.experiments.measured_variants import untimed_variant, with_times
from profiler_kit.experiments.selected_kernels import selected_kernels
from profiler_kit.experiments.subject import (
    NotPossibleHereError,
    Subject,
    Variant,
    as_given,
    describe,
    first_line,
    make_subject,
    run_once,
)
from profiler_kit.experiments.variants import builders
from profiler_kit.report.experiment import ExperimentReport

Progress = Callable[[float, str], object]
Builder = Callable[[Subject], Variant]

DEFAULT_SECONDS: Final = 10.0
"""Time for measuring, unless another is given."""

_PREPARED: Final = 0.3
_RECORDED: Final = 0.4
"""Shares of the work that are done when the variants have run once, and when their kernels are known."""


def experiment(
    layer: nn.Module | str,
    input: Any,  # noqa: A002 (what a layer takes is its input)
    *,
    variants: Sequence[str] | None = None,
    seconds: float = DEFAULT_SECONDS,
    ledger: bool = True,
    progress: Progress | None = None,
) -> ExperimentReport:
    """Measure a layer's forward pass under single changes, and put what the ledger says about it to the test.

    The changes are those of :func:`profiler_kit.experiments.variants.builders`: layout, precision, batch size,
    threads, padded channels, no bias, ``torch.compile``, fresh memory, and for a convolution the matrix product that
    does the same work and the dense layer of equal FLOPs. They are timed in rounds, in another random order each,
    after a warm-up. What cannot be tried here is listed with the reason. Outputs are compared with the layer in double
    precision.

    The layer and the input are copied; neither they nor random state, threads or any other setting are changed.

    Args:
        layer: A module that takes and returns one tensor, or its description
            (:func:`profiler_kit.experiments.layer_spec.make_layer`).
        input: A tensor, or the shape of one with random values, of the type and on the device of the layer's weights.
            A layer that is made from a description goes to the GPU if there is one.
        variants: Names of the variants to measure, by default all.
        seconds: Time for measuring; up to four times as long where the noise has not yet decided on a statement of the
            ledger. Preparing comes on top: compiling takes several seconds the first time.
        ledger: Whether to record a convolution and the dense layer of equal FLOPs, decompose the ratio of their
            times, and test each statement about it.
        progress: Called with the share that is done, 0 to 1, and what is being done.

    Raises:
        ExperimentError: If the layer cannot be made, does not run on the input, or a variant's name is not known.
        RecordingError: If another recording is running.
    """
    chosen = _chosen(variants)
    subject = _subject(layer, input)
    result = run_experiment(subject, chosen, seconds=seconds, ledger=ledger, progress=progress)
    return ExperimentReport(replace(result, layer=_describe(layer, subject.layer)))


def run_experiment(
    subject: Subject,
    chosen: Mapping[str, Builder],
    *,
    seconds: float,
    ledger: bool = True,
    told: Explanation | None = None,
    other: tuple[nn.Module, Any] | None = None,
    progress: Progress | None = None,
) -> Experiment:
    """Measure a subject; what :func:`experiment` does once the layer is there.

    Args:
        subject: The layer.
        chosen: What makes the variants, by name.
        seconds: Time for measuring; up to four times as long where a statement is not yet decided.
        ledger: Whether to test a ledger's statements.
        told: The ledger to test; by default the layers are recorded for it.
        other: The layer that the ledger compares with, and its input; by default the dense layer of equal FLOPs.
        progress: Called with the share that is done, 0 to 1, and what is being done.
    """
    report, load = progress or (lambda _share, _text: None), load_average()
    fast, makers = EQUAL_DENSE if other is None else OTHER_LAYER, dict(chosen)
    against, no_claims = _other_side(subject, other) if ledger else (None, None)
    if against is not None:
        report(0.0, "recording both sides of the ledger")
        if told is None:
            told, no_claims = _ledger(subject, against)
        makers |= comparisons(subject, against, fast, told)
    ready, outputs, missing = _prepare(subject, makers, report)
    report(_PREPARED, "recording which kernels run")
    contenders = [variant.contender for variant in ready]
    kernels = selected_kernels(contenders, on_gpu=subject.on_gpu)
    untimed = [untimed_variant(one, kernels[one.name], outputs[one.name], subject) for one in ready]

    def measuring(share: float, text: str) -> None:
        report(_RECORDED + share * (1 - _RECORDED), text)

    def tried(times: InterleavedTimes) -> tuple[LedgerClaim, ...]:
        return () if told is None else put_on_trial(told, with_times(untimed, times), missing, fast=fast)

    def unsettled(times: InterleavedTimes) -> frozenset[str]:
        names = undecided_variants(tried(times))
        return names | {AS_GIVEN} if names else names

    times = time_interleaved(
        contenders, seconds=seconds, on_gpu=subject.on_gpu, progress=measuring, unsettled=unsettled if told else None
    )
    report(1.0, "done")
    return Experiment(
        layer=describe(subject.layer),
        input_shape=tuple(subject.input.shape),
        dtype=str(subject.input.dtype).removeprefix("torch."),
        device=describe_device(subject.on_gpu),
        load=load,
        threads=torch.get_num_threads(),
        rounds=times.rounds,
        seconds=times.seconds,
        preemptions=times.preemptions,
        variants=with_times(untimed, times),
        not_possible=missing,
        claims=tried(times),
        no_claims=no_claims,
        more_rounds=times.more_rounds,
    )


def _other_side(
    subject: Subject, other: tuple[nn.Module, Any] | None
) -> tuple[tuple[nn.Module, Any] | None, str | None]:
    """Return the layer to compare with and its input, or why there is none."""
    if other is not None:
        return other, None
    try:
        return equal_dense(subject), None
    except NotPossibleHereError as reason:
        return None, f"it compares with the dense layer of equal FLOPs, {reason}"


def _ledger(subject: Subject, against: tuple[nn.Module, Any]) -> tuple[Explanation | None, str | None]:
    try:
        return record_ledger(subject, *against), None
    except ProblemNotFoundError as error:
        return None, str(error)


def _chosen(variants: Sequence[str] | None) -> dict[str, Builder]:
    known = builders()
    if variants is None:
        return known
    if unknown := [name for name in variants if name not in known]:
        raise ExperimentError(f"no variant is called {unknown[0]!r}; there are {', '.join(known)}")
    return {name: known[name] for name in variants}


def _subject(layer: nn.Module | str, input_: Any) -> Subject:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        module = make_layer(layer) if isinstance(layer, str) else layer
        if isinstance(layer, str) and torch.cuda.is_available():
            module = module.to("cuda")
        if not isinstance(input_, torch.Tensor):
            weight = next((p for p in module.parameters() if p.is_floating_point()), torch.empty(0))
            try:
                input_ = torch.randn(tuple(input_)).to(weight)
            except (TypeError, RuntimeError) as error:
                raise ExperimentError(f"input must be a tensor or a shape, not {input_!r}") from error
    return make_subject(module, input_)


def _prepare(
    subject: Subject, chosen: Mapping[str, Builder], report: Progress
) -> tuple[list[Variant], dict[str, Any], tuple[NotPossible, ...]]:
    """Make every variant and run it once; returns those that run, their outputs, and the others."""
    first = as_given(subject)
    ready, outputs, missing = [first], {first.name: run_once(first.call)}, []
    for number, (name, build) in enumerate(chosen.items()):
        report(_PREPARED * number / len(chosen), f"preparing {name}")
        try:
            variant = build(subject)
            with variant.setting():
                outputs[name] = run_once(variant.call)
        except NotPossibleHereError as reason:
            missing.append(NotPossible(name, str(reason)))
        except Exception as error:  # an operator without that type, no compiler, no memory: whatever this machine lacks
            missing.append(NotPossible(name, first_line(error)))
        else:
            ready.append(variant)
    return ready, outputs, tuple(missing)


def _describe(given: nn.Module | str, layer: nn.Module) -> str:
    return given.strip() if isinstance(given, str) else describe(layer)
