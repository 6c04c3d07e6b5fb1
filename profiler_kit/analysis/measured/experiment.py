"""What an experiment on a layer has brought to light, as plain figures."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Literal

from profiler_kit.analysis.measured.timing_statistics import (
    MedianInterval,
    Prediction,
    Verdict,
    accepted,
    with_spread,
)

Outputs = Literal["same", "different", "not compared"]

AS_GIVEN: Final = "as given"
"""Name of the layer without any change."""

OTHER_LAYER: Final = "other layer"
"""Name of a layer that it is compared with by the user's choice."""

EQUAL_DENSE: Final = "equal dense"
"""Name of the dense layer of equal FLOPs, with which a convolution is compared otherwise."""

DOUBLED_OTHER: Final = "doubled other"
"""Name of the layer that it is compared with at twice the batch."""

FRESH_MEMORY: Final = "fresh memory"
"""Name of the layer as it was given where each call gets memory that the system must clear first."""

IM2COL_GEMM: Final = "im2col GEMM"
"""Name of the matrix product that a convolution is, its windows laid out beforehand."""

LIBRARY_LAYOUT: Final = "oneDNN layout"
"""Name of a convolution on tensors that stay in oneDNN's own layout."""

SMALLEST_LAYER: Final = "smallest layer"
SMALLEST_OTHER: Final = "smallest other"
SMALLEST_IN_LAYOUT: Final = "smallest oneDNN"
"""Names of layers of one value, of the class of the layer and of the one that it is compared with."""


@dataclass(frozen=True)
class MeasuredVariant:
    """One way of running a layer, measured. Times are measured, FLOPs derived from the shapes.

    Attributes:
        name: Short name, e.g. ``channels_last``; that of the layer as it was given is ``as given``.
        change: What is different from the layer as it was given.
        call_ns: Time of a call: median over the rounds and its interval.
        ratio: Time of one sample relative to the layer as given, by rounds.
        ratio_of_calls: Time of one call relative to the layer as given, by rounds.
        samples: Samples (the size of the first dimension) in a call.
        flops: Useful FLOPs of a call, None if they cannot be counted.
        kernels: What ran in one call, in order: kernels of the GPU, or primitives of oneDNN and MKL.
        outputs: Whether the output agrees with the reference in double precision.
        error: Largest difference from the reference, relative to its largest value; None if not compared.
        tolerance: Largest error that counts as the same, for the type of number that was computed with.
        page_faults: Pages that the system gave the process in a call, on average; None where it does not count them.
        rounds_ns: Time of a call in each round, in their order; fewer than those of others where it was decided early.
    """

    name: str
    change: str
    call_ns: MedianInterval
    ratio: MedianInterval
    ratio_of_calls: MedianInterval
    samples: int
    flops: int | None
    kernels: tuple[str, ...]
    outputs: Outputs
    error: float | None
    tolerance: float | None
    page_faults: float | None = None
    rounds_ns: tuple[float, ...] = field(default=(), repr=False)

    @property
    def flops_per_s(self) -> float | None:
        """Useful FLOPs by the median time, derived."""
        return None if self.flops is None else self.flops / self.call_ns.median * 1e9


@dataclass(frozen=True)
class NotPossible:
    """A change that could not be tried here.

    Attributes:
        name: Name of the variant.
        reason: Why, in words.
    """

    name: str
    reason: str


@dataclass(frozen=True)
class LedgerClaim:
    """What the ledger says, against what an experiment says.

    Attributes:
        factor: Name of the factor in the ledger.
        statement: The claim, in words.
        advice: What the ledger says to try, and what to expect; None where it proposes nothing.
        variant: Name of the variant that tests it, None if no single change can test it here.
        quantity: What `predicted` and `measured` are ratios of, in words.
        predicted: The ratio by the claim; None if nothing is predicted.
        prediction: What kind of prediction that is.
        measured: The same, measured; None if the variant did not run.
        verdict: ``confirmed`` (of a bound: that it holds), ``refuted``, ``undecided`` (the noise does not decide), or
            ``not tested``.
        reason: Why it is not tested, or how the verdict was reached.
        spread: Factor by which the prediction may be off, as the times that it rests on are noisy, too; 1 if nothing
            is known of that.
        compared_with: Names of the other variants whose times decide it, besides the layer as given.
    """

    factor: str
    statement: str
    advice: str | None
    variant: str | None
    quantity: str
    predicted: float | None
    measured: MedianInterval | None
    verdict: Verdict | Literal["not tested"]
    reason: str
    prediction: Prediction = "estimate"
    spread: float = 1.0
    compared_with: tuple[str, ...] = ()

    @property
    def is_bound(self) -> bool:
        """Whether the prediction is a bound, so that all that can be confirmed is that it holds."""
        return self.prediction != "estimate"

    @property
    def variants(self) -> tuple[str, ...]:
        """The variants whose times decide it, besides the layer as given."""
        return () if self.variant is None else (self.variant, *self.compared_with)

    @property
    def accepted(self) -> tuple[float, float] | None:
        """The ratios that bear the prediction out, lowest and highest; None if nothing is predicted."""
        return None if self.predicted is None else accepted(self.predicted, self.prediction)

    @property
    def decided_by(self) -> MedianInterval | None:
        """What was measured with the noise of the prediction added to its own, by which the verdict was reached."""
        return None if self.measured is None else with_spread(self.measured, self.spread)


@dataclass(frozen=True)
class Experiment:
    """A layer under single changes.

    Attributes:
        layer: The layer in words.
        input_shape: Shape of its input.
        dtype: Type of the input, e.g. ``float32``.
        device: Where it ran, in words.
        load: How busy the machine was before, in words.
        threads: Threads of the CPU's operators.
        rounds: Rounds with every variant.
        seconds: What measuring all rounds took.
        preemptions: How often the process lost a core to another one meanwhile; None where that is not counted.
        variants: Those measured; the layer as given comes first.
        not_possible: Those that could not be tried, and why.
        claims: The ledger's claims with their verdicts; empty if no ledger was tested.
        no_claims: Why there are none; None if there are some, or none were asked for.
        more_rounds: Rounds after those, with the variants on which the verdict of a claim was still open.
    """

    layer: str
    input_shape: tuple[int, ...]
    dtype: str
    device: str
    load: str
    threads: int
    rounds: int
    seconds: float
    preemptions: int | None
    variants: tuple[MeasuredVariant, ...]
    not_possible: tuple[NotPossible, ...]
    claims: tuple[LedgerClaim, ...] = ()
    no_claims: str | None = None
    more_rounds: int = 0

    def variant(self, name: str) -> MeasuredVariant | None:
        """Return the variant of that name, None if it was not measured."""
        return next((one for one in self.variants if one.name == name), None)
