"""The seven claims about dense and convolutional layers, put to the test on this machine."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import torch

from profiler_kit.analysis.measured.folklore import (
    CLAIMS,
    Case,
    ClaimOnTrial,
    Contender,
    Folklore,
    Summary,
    differs,
    is_between,
    no_help,
    sum_up,
    takes_longer,
)
from profiler_kit.analysis.measured.timing_statistics import (
    LEVEL_OF_LOOK,
    MedianInterval,
    Verdict,
    median_interval,
    ratio_interval,
    slower,
)
from profiler_kit.experiments.folklore_contenders import BATCHES, PRODUCTS, Bench, gather
from profiler_kit.experiments.interleaved import InterleavedTimes, time_interleaved
from profiler_kit.experiments.machine import describe_device, load_average
from profiler_kit.experiments.selected_kernels import selected_kernels
from profiler_kit.record.peaks import measure_cpu_peaks
from profiler_kit.report.folklore import FolkloreReport

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

DEFAULT_SECONDS: Final = 20.0

_OUTPUT_BYTES: Final = 4 * 64 * 32 * 32
"""Bytes of the output of one image of k3 and k7 in float32."""


def try_folklore(
    *, seconds: float = DEFAULT_SECONDS, progress: Callable[[float, str], object] | None = None
) -> FolkloreReport:
    """Put the claims to the test, on the GPU if there is one, forward.

    Args:
        seconds: Time for measuring; up to four times as long where cases are not yet decided.
        progress: Called with the share that is done, 0 to 1, and what is being done.

    Raises:
        RecordingError: If another recording is running.
    """
    report = progress or (lambda _share, _text: None)
    device, load = "cuda" if torch.cuda.is_available() else "cpu", load_average()
    report(0.0, "preparing")
    bench = gather(device)
    everything = [candidate.contender for candidate in bench.candidates.values()]
    report(0.1, "recording which kernels run")
    kernels = selected_kernels(everything, on_gpu=device == "cuda")

    def judge(times: InterleavedTimes) -> _Judge:
        contenders = (
            Contender(
                name,
                one.what,
                median_interval(times.call_ns[name], LEVEL_OF_LOOK),
                one.flops,
                one.samples,
                kernels[name],
                one.error,
            )
            for name, one in bench.candidates.items()
        )
        return _Judge(bench, times, {one.name: one for one in contenders})

    times = time_interleaved(
        everything,
        seconds=seconds,
        on_gpu=device == "cuda",
        progress=lambda share, text: report(0.2 + 0.8 * share, text),
        unsettled=lambda times: _undecided(judge(times)),
    )
    found = judge(times)
    report(1.0, "done")
    result = Folklore(
        device=describe_device(device == "cuda"),
        load=load,
        rounds=times.rounds,
        seconds=times.seconds,
        preemptions=times.preemptions,
        claims=_claims(found),
        contenders=tuple(found.contenders.values()),
        not_possible=tuple(bench.not_possible),
        more_rounds=times.more_rounds,
    )
    return FolkloreReport(result)


def _claims(judge: _Judge) -> tuple[ClaimOnTrial, ...]:
    return tuple(
        ClaimOnTrial(number, CLAIMS[number - 1], *trial(judge)) for number, trial in enumerate(_TRIALS, start=1)
    )


def _undecided(judge: _Judge) -> frozenset[str]:
    """Return the names of the contenders on which the noise leaves a case open, and of the parts of them."""
    names: set[str] = set()
    for case in (case for claim in _claims(judge) for case in claim.cases if case.verdict == "undecided"):
        part = f"{case.first}{PRODUCTS}"
        products = judge.ratio(part, case.second)
        if products is None:
            names |= {case.first, case.second}
        elif not is_between(case.ratio, products):
            names |= {case.first, case.second, part}
    return frozenset(names)


_Trial = tuple[str, tuple[Case, ...], str, Summary]
"""What a claim would mean here, its cases, what they show, and the verdict."""


@dataclass(frozen=True)
class _Judge:
    """Compares what was timed."""

    bench: Bench
    times: InterleavedTimes
    contenders: dict[str, Contender]

    def ratio(self, first: str, second: str) -> MedianInterval | None:
        """Return the ratio of the times of a sample; None if either was not timed or computes something else."""
        sides = [self.contenders.get(first), self.contenders.get(second)]
        if any(side is None or (side.error or 0.0) > _LARGEST_ERROR for side in sides):
            return None
        rounds = min(len(self.times.call_ns[name]) for name in (first, second))
        above, below = (
            [ns / self.contenders[name].samples for ns in self.times.call_ns[name][:rounds]] for name in (first, second)
        )
        return ratio_interval(above, below, LEVEL_OF_LOOK)

    def cases(
        self, pairs: Sequence[tuple[str, str, str]], judge: Callable[[MedianInterval], Verdict]
    ) -> tuple[Case, ...]:
        """Judge (question, first, second) triples; those that could not be timed are left out."""
        found = ((question, first, second, self.ratio(first, second)) for question, first, second in pairs)
        return tuple(Case(q, first, second, ratio, judge(ratio)) for q, first, second, ratio in found if ratio)

    def rate(self, name: str) -> str:
        """Write the rate of a contender."""
        return f"{self.contenders[name].flops_per_s / 1e9:,.1f} GFLOP/s"

    def us(self, name: str) -> float:
        """Return the median time of a call in µs."""
        return self.contenders[name].call_ns.median / 1000


_LARGEST_ERROR: Final = 3e-2
"""Outputs in bfloat16 differ by less; see :data:`profiler_kit.experiments.subject.TOLERANCES`."""


def _window(judge: _Judge) -> _Trial:
    names = [f"k{kernel} b{batch}" for batch in BATCHES for kernel in (3, 7)] + ["wide k3 b1"]
    pairs = [
        (f"{judge.contenders[name].what}, against its one matrix product", name, f"{name} as GEMM") for name in names
    ]
    cases = judge.cases(pairs, takes_longer)
    test = (
        "The window adds no operation: a convolution multiplies exactly what the matrix product over its windows "
        "multiplies. If it were more complex all the same, it would take longer than that product with the windows "
        "laid out beforehand."
    )
    low, high = _spread(cases)
    reading = f"At equal FLOPs the convolution takes {low:.2f} to {high:.2f} × the product's time."
    return test, cases, reading, sum_up(case.verdict for case in cases)


def _irregular(judge: _Judge) -> _Trial:
    pairs = [
        (
            f"{name} against a 1×1 convolution of equal FLOPs, batch {batch}",
            f"{name} b{batch}",
            f"1×1 like {name} b{batch}",
        )
        for batch in BATCHES
        for name in ("k3", "k7")
    ]
    cases = judge.cases(pairs, takes_longer)
    test = (
        "A 1×1 convolution reads its input as regularly as a matrix product, even though it is k² times as large here. "
        "If irregular access made k×k slow, it would take longer than the 1×1 one of equal FLOPs."
    )
    rates = ", ".join(
        f"{name} {judge.rate(name)}" for name in ("k3 b32", "1×1 like k3 b32", "k7 b32", "1×1 like k7 b32")
    )
    reading = f"Cache misses are not counted here; rates: {rates}."
    return test, cases, reading, sum_up(case.verdict for case in cases)


def _feature_maps(judge: _Judge) -> _Trial:
    pairs = [
        (f"k3 against equal FLOPs with 1/16 of the output, batch {batch}", f"k3 b{batch}", f"k3 small output b{batch}")
        for batch in BATCHES
    ]
    cases = judge.cases(pairs, takes_longer)
    test = (
        "Two 3×3 convolutions with equal FLOPs and equally many input values, one with 16 times the output. If writing "
        "feature maps costs, that one takes longer."
    )
    reading = "The output of k3 is 128 times that of the dense layer."
    peaks = measure_cpu_peaks() if judge.bench.device == "cpu" else None
    if peaks is not None:
        shares = []
        for batch in BATCHES:
            us = _OUTPUT_BYTES * batch / peaks["copy_bytes_per_s"] * 1e6
            shares.append(f"{us / judge.us(f'k3 b{batch}'):.0%} of k3's time at batch {batch}")
        reading += f" Writing it at the measured bandwidth would take {', '.join(shares)} (modelled)."
    return test, cases, reading, sum_up(case.verdict for case in cases)


def _algorithms(judge: _Judge) -> _Trial:
    cases = []
    for name, way in _BUILT:
        whole = judge.ratio(f"{name} {way}", f"{name} usual")
        products = judge.ratio(f"{name} {way}{PRODUCTS}", f"{name} usual")
        if whole is None or products is None:
            continue
        what = judge.contenders[f"{name} {way}"].what
        question = f"{what} against the usual algorithm; products alone {products.median:.2f} ×"
        cases.append(Case(question, f"{name} {way}", f"{name} usual", whole, no_help(whole, products)))
    for name in ("k3", "k7"):
        # Whether PyTorch takes NNPACK is its choice; where it does not, there is no case.
        own = judge.contenders.get(f"{name} NNPACK b32")
        ratio = None if own is None else judge.ratio(own.name, f"{name} b32")
        if own is not None and ratio is not None and any("nnpack" in kernel for kernel in own.kernels):
            cases.append(Case(f"{own.what} against the usual algorithm", own.name, f"{name} b32", ratio, slower(ratio)))
    test = (
        "Both are built here from PyTorch's operators, filters transformed beforehand. Faster as a whole than the "
        "library's convolution: it helps. Slower by its products alone: no implementation can help. Between the two "
        "nothing is decided. NNPACK's, which PyTorch takes without oneDNN, are compared as they are."
    )
    large = judge.ratio("small k31 FFT", "small k31 usual")
    control = (
        "" if large is None else f" For comparison, FFT of a 31×31 filter takes {large.median:.2f} × the usual time."
    )
    used = [way for way in ("winograd", "fft") if any(way in kernel.lower() for kernel in _chosen_kernels(judge))]
    reading = f"By itself the library chose {' and '.join(used) or 'neither'} for any convolution here.{control}"
    return test, tuple(cases), reading, sum_up(case.verdict for case in cases)


_BUILT: Final = (
    *(("small k3", "FFT"), ("small k3", "Winograd"), ("small k7", "FFT")),
    *(("wide k3", "FFT"), ("wide k3", "Winograd")),
)


def _chosen_kernels(judge: _Judge) -> set[str]:
    """Return the kernels of everything but what was built here, where FFT is no choice of the library's."""
    return {name for one in judge.contenders.values() if "FFT" not in one.name for name in one.kernels}


def _spread(cases: Sequence[Case]) -> tuple[float, float]:
    medians = [case.ratio.median for case in cases] or [float("nan")]
    return min(medians), max(medians)


def _order(judge: _Judge) -> _Trial:
    pairs = []
    for batch in BATCHES:
        pairs.append((f"k3 against dense, batch {batch}", f"k3 b{batch}", f"dense b{batch}"))
        pairs.append((f"k7 against k3, batch {batch}", f"k7 b{batch}", f"k3 b{batch}"))
        question = f"k3 against Linear(3072→576), equal input size and FLOPs, batch {batch}"
        pairs.append((question, f"k3 b{batch}", f"dense like k3 b{batch}"))
    cases = judge.cases(pairs, takes_longer)
    test = (
        "Times of the three layers of the usual comparison, whose FLOPs are 1 : 3.4 : 18.4 and whose inputs differ; "
        "and k3 against a dense layer that really has its input size, and its FLOPs."
    )
    rates = ", ".join(f"{name} {judge.rate(f'{name} b32')}" for name in ("dense", "k3", "k7"))
    reading = f"More work takes longer; how fast each works at batch 32: {rates}."
    return test, cases, reading, sum_up(case.verdict for case in cases)


def _batching(judge: _Judge) -> _Trial:
    names = ("dense", "k3", "k7")
    pairs = [(f"{name}: a sample at batch 1 against one at batch 32", f"{name} b1", f"{name} b32") for name in names]
    cases = judge.cases(pairs, takes_longer)
    test = "The time of a sample at batch 1 against batch 32: if batching improves utilisation, it takes longer alone."
    rates = ", ".join(f"{name} {judge.rate(f'{name} b1')} → {judge.rate(f'{name} b32')}" for name in names)
    return test, cases, f"Rates from batch 1 to 32: {rates}.", sum_up(case.verdict for case in cases)


def _choices(judge: _Judge) -> _Trial:
    pairs = []
    for other in ("library", "layout", "threads", "precision"):
        for batch in BATCHES:
            name = f"k7 other {other} b{batch}"
            if name in judge.contenders:
                pairs.append((f"{judge.contenders[name].what}, against as it is", name, f"k7 as it is b{batch}"))
    cases = judge.cases(pairs, differs)
    test = (
        "The same convolution with another library, layout, number of threads or precision, the input unchanged. If it "
        "depends on such choices, times differ. Of hardware there is only this machine."
    )
    low, high = _spread(cases)
    reading = f"The same layer takes {low:.2f} to {high:.2f} × the time of the default, by such a choice alone."
    return test, cases, reading, sum_up(case.verdict for case in cases)


_TRIALS: Final = (_window, _irregular, _feature_maps, _algorithms, _order, _batching, _choices)
