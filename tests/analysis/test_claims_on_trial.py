"""The ledger's statements against measurements whose truth is known."""

from __future__ import annotations

import json
from dataclasses import replace
from math import prod
from pathlib import Path
from typing import Any

import pytest

from profiler_kit import explain, read_trace
from profiler_kit.analysis.ledger.explanation import Claim, Explanation, explain_sides
from profiler_kit.analysis.ledger.ledger_factors import Factor
from profiler_kit.analysis.ledger.roofs import Roofs
from profiler_kit.analysis.measured.claims_on_trial import put_on_trial, undecided_variants, variants_needed
from profiler_kit.analysis.measured.experiment import LedgerClaim, MeasuredVariant, NotPossible
from profiler_kit.analysis.measured.timing_statistics import MedianInterval, Prediction, decide
from profiler_kit.report import terminal
from profiler_kit.report.trial import claim_document, claims_section, finding, tally

SAMPLES = Path(__file__).resolve().parents[2] / "traces"


@pytest.fixture(scope="module")
def ledger() -> Explanation:
    """A real ledger, for its sides; tests put their own claims in."""
    (path,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    return explain(read_trace(path), "conv7x7", "dense", pass_="forward")


def interval(low: float, high: float) -> MedianInterval:
    return MedianInterval((low + high) / 2, low, high, 20)


def variant(name: str, low: float, high: float, **changed: Any) -> MeasuredVariant:
    """A variant whose time is between `low` and `high` times that of the layer as given, which takes 1 ms."""
    ratio = interval(low, high)
    fields: dict[str, Any] = {
        "name": name, "change": f"{name} is changed", "call_ns": interval(low * 1e6, high * 1e6), "ratio": ratio,
        "ratio_of_calls": ratio, "samples": 1, "flops": 100, "kernels": (), "outputs": "same", "error": 0.0,
        "tolerance": 1e-4, "rounds_ns": (low * 1e6, high * 1e6) * 10,
    }  # fmt: skip
    return MeasuredVariant(**{**fields, **changed})


GIVEN = variant("as given", 1, 1)
FAST = variant("equal dense", 0.1, 0.1)


def only(trials: tuple[LedgerClaim, ...]) -> LedgerClaim:
    """The trial of the one claim after the headline."""
    _, claim = trials
    return claim


def expecting(ledger: Explanation, share: float, change: str = "channels_last", **fields: Any) -> Explanation:
    claim = Claim("layout_transforms", "Title", "evidence", "advice", change, share * ledger.slow.device_us, **fields)
    return replace(ledger, claims=(claim,))


@pytest.mark.parametrize(
    ("low", "high", "verdict"),
    [(0.45, 0.6, "confirmed"), (0.5, 0.9, "undecided"), (0.8, 1.1, "refuted"), (0.2, 0.3, "refuted")],
)
def test_a_proposed_change_is_compared_with_its_expectation(
    ledger: Explanation, low: float, high: float, verdict: str
) -> None:
    trials = put_on_trial(expecting(ledger, 0.5), [GIVEN, variant("channels_last", low, high)], [], fast="equal dense")
    claim = only(trials)
    assert (claim.verdict, claim.variant, claim.statement) == (verdict, "channels_last", "Title")
    assert claim.predicted == pytest.approx(0.5)
    assert claim.measured == interval(low, high)


def test_a_wrong_output_proves_nothing(ledger: Explanation) -> None:
    wrong = variant("channels_last", 0.4, 0.5, outputs="different", error=0.9)
    claim = only(put_on_trial(expecting(ledger, 0.5), [GIVEN, wrong], [], fast="equal dense"))
    assert claim.verdict == "not tested"
    assert "another output (error 9e-01)" in claim.reason


def test_what_could_not_be_tried_says_why(ledger: Explanation) -> None:
    missing = [NotPossible("cudnn.benchmark", "this runs on the CPU")]
    claim = only(put_on_trial(expecting(ledger, 0.5, "cudnn_benchmark"), [GIVEN], missing, fast="equal dense"))
    assert (claim.verdict, claim.reason) == ("not tested", "cudnn.benchmark: this runs on the CPU")
    claim = only(put_on_trial(expecting(ledger, 0.5), [GIVEN], [], fast="equal dense"))
    assert (claim.verdict, claim.reason) == ("not tested", "that change was not measured")


def test_a_larger_batch_is_looked_up_by_its_size(ledger: Explanation) -> None:
    told = expecting(ledger, 0.25, "batch", batch=8)
    assert variants_needed(told) == ("batch 8",)
    claim = only(put_on_trial(told, [GIVEN, variant("batch 8", 0.24, 0.3)], [], fast="equal dense"))
    assert (claim.verdict, claim.variant) == ("confirmed", "batch 8")


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.1, 0.12, "confirmed"), (0.01, 0.02, "refuted"), (0.6, 0.8, "refuted")]
)
def test_the_headline_is_the_ratio_of_the_two_sides(ledger: Explanation, low: float, high: float, verdict: str) -> None:
    told = replace(ledger, ratio=9.0, claims=())
    (claim,) = put_on_trial(told, [GIVEN, variant("other layer", low, high)], [], fast="other layer")
    assert (claim.verdict, claim.statement) == (verdict, ledger.sentences[0])
    assert claim.predicted == pytest.approx(1 / 9)
    (claim,) = put_on_trial(told, [GIVEN], [], fast="other layer")
    assert claim.verdict == "not tested"


def with_factor(ledger: Explanation, name: str, value: float) -> Explanation:
    return replace(ledger, factors=(Factor(name, value, "derived", ""),), claims=(Claim(name, "Title", "evidence"),))


@pytest.mark.parametrize(("value", "verdict"), [(25.0, "confirmed"), (24.9, "refuted")])
def test_useful_work_is_checked_by_torchs_count(ledger: Explanation, value: float, verdict: str) -> None:
    told = with_factor(ledger, "useful_flops", value)
    fast = variant("equal dense", 0.1, 0.1, flops=4)
    claim = only(put_on_trial(told, [GIVEN, fast], [], fast="equal dense"))
    assert claim.verdict == verdict
    assert "100 against 4 FLOP, 25.000 ×" in claim.reason


@pytest.mark.parametrize(
    ("value", "low", "high", "verdict"),
    # Bytes take 0.5 ms at the bandwidth; calls take 1 ms × the ratio. A factor below 1 is about the fast side.
    [
        (3.0, 0.6, 0.9, "confirmed"),
        (3.0, 0.2, 0.3, "refuted"),
        (0.3, 0.6, 0.9, "confirmed"),
        (0.3, 0.4, 0.6, "undecided"),
    ],
)
def test_a_memory_bound_is_refuted_by_a_call_that_memory_could_not_serve(
    ledger: Explanation, value: float, low: float, high: float, verdict: str
) -> None:
    roofs = Roofs("machine", "cpu", bandwidth_bytes_per_s=2e9)
    sides = {side: replace(getattr(ledger, side), bytes=10**6, roofs=roofs) for side in ("slow", "fast")}
    told = replace(with_factor(ledger, "memory_bound", value), **sides)
    tested = variant("as given" if value > 1 else "equal dense", low, high)
    measured = [tested] if value > 1 else [GIVEN, tested]
    claim = only(put_on_trial(told, measured, [], fast="equal dense"))
    assert claim.verdict == verdict
    assert claim.measured is not None
    assert claim.measured.low == pytest.approx(low * 2)


@pytest.mark.parametrize(
    ("low", "high", "verdict"), [(0.3, 0.5, "confirmed"), (0.9, 1.1, "confirmed"), (0.1, 0.2, "refuted")]
)
def test_what_is_unexplained_holds_only_if_nothing_is_faster_than_the_ceiling(
    ledger: Explanation, low: float, high: float, verdict: str
) -> None:
    # 10^6 FLOP at 40 GFLOP/s take 25 µs of 100; the memory is quick.
    roofs = Roofs("machine", "cpu", peak_flops_per_s={"fp32": 4e10}, bandwidth_bytes_per_s=1e13, threads=2)
    parts = {"main": 80.0, "layout_transform": 20.0, "memset": 0.0, "bias": 0.0, "helper": 0.0}
    told = with_factor(ledger, "unexplained", 4.0)
    told = replace(told, slow=replace(ledger.slow, device_us=100.0, parts_us=parts, flops=10**6, roofs=roofs))
    assert variants_needed(told) == ("oneDNN layout", "im2col GEMM")
    claim = only(put_on_trial(told, [GIVEN, variant("im2col GEMM", low, high)], [], fast="equal dense"))
    assert claim.predicted == pytest.approx(0.25)
    assert (claim.verdict, claim.prediction) == (verdict, "at least")
    assert "31% of its ceiling" in claim.reason


@pytest.mark.parametrize(
    ("layout_us", "verdict"),
    # Predicted 0.5 of ratios 4 that the factors before leave: (80 - 20) / (40 - 10) = 2 bears that out, 4 does not.
    [((80.0, 80.0), "confirmed"), ((140.0, 140.0), "refuted"), ((80.0, 100.0), "undecided")],
)
def test_what_is_unexplained_is_what_calls_take_more_than_the_smallest_ones(
    ledger: Explanation, layout_us: tuple[float, float], verdict: str
) -> None:
    nothing = {"memset": 0.0, "bias": 0.0, "cast": 0.0}
    slow = {**nothing, "main": 60.0, "layout_transform": 20.0, "helper": 20.0}
    fast = {**nothing, "main": 30.0, "layout_transform": 0.0, "helper": 10.0}
    told = with_factor(ledger, "unexplained", 0.5)
    told = replace(
        told,
        slow=replace(ledger.slow, device_us=100.0, parts_us=slow),
        fast=replace(ledger.fast, device_us=40.0, parts_us=fast),
    )
    measured = [
        variant("oneDNN layout", *(us / 1000 for us in layout_us)),
        variant("smallest oneDNN", 0.02, 0.02),
        variant("equal dense", 0.04, 0.04),
        variant("smallest other", 0.01, 0.01),
    ]
    claim = only(put_on_trial(told, [GIVEN, *measured], [], fast="equal dense"))
    assert (claim.verdict, claim.prediction, claim.predicted) == (verdict, "estimate", 0.5)
    assert claim.variants == tuple(one.name for one in measured)
    assert claim.measured is not None
    assert (claim.measured.low, claim.measured.high) == pytest.approx(tuple((us - 20) / 30 / 4 for us in layout_us))
    assert undecided_variants([claim]) == ({one.name for one in measured} if verdict == "undecided" else set())
    # Where the smallest call takes as long as the call itself, there is nothing to divide by.
    longer = [*measured[:3], variant("smallest other", 0.04, 0.04)]
    blurred = only(put_on_trial(told, [GIVEN, *longer], [], fast="equal dense"))
    assert blurred.verdict == "undecided"
    assert json.loads(json.dumps(claim_document(blurred), allow_nan=False))["measured"]["high"] is None
    # Where something else runs as well, a difference of two calls is more than the main kernel.
    cast = replace(told, slow=replace(told.slow, parts_us={**slow, "cast": 1.0}))
    assert only(put_on_trial(cast, [GIVEN, *measured], [], fast="equal dense")).variant != "oneDNN layout"


def test_new_memory_in_each_call_is_another_change(ledger: Explanation) -> None:
    """256 samples of the demo's convolution have 16,384 pages of output, which glibc gives back after each call."""
    told = expecting(ledger, 0.25, "batch", batch=8)
    given = replace(GIVEN, page_faults=0.0)
    larger = variant("batch 8", 2.6, 2.7, samples=8, page_faults=16_400.0)
    claim = only(put_on_trial(told, [given, larger], [], fast="equal dense"))
    assert claim.verdict == "not tested"
    assert "batch 8 has 16,400 page faults in a call, the layer as given 0" in claim.reason
    # Where the layer as given has as many for each sample, they change nothing.
    given = replace(GIVEN, page_faults=2_050.0)
    assert only(put_on_trial(told, [given, larger], [], fast="equal dense")).verdict == "refuted"


@pytest.mark.parametrize(
    ("predicted", "prediction", "low", "high", "told"),
    [
        (
            0.5,
            "at least",
            0.8,
            0.9,
            "the bound holds, 0.85 × of at least 0.50 ×; it is 1.70 × away, so it says little",
        ),
        (0.8, "at least", 0.8, 0.9, "the bound holds, 0.85 × of at least 0.80 ×"),
        (0.97, "estimate", 0.97, 1.01, "no difference above 3.1%; what is expected is too little to be told from none"),
        (0.5, "estimate", 0.5, 0.5, None),
        (0.97, "estimate", 0.0, 1.01, None),  # a call may take no longer than the smallest of its kind
        (0.5, "at best", 0.97, 1.01, "it does not help: no difference above 3.1%"),
    ],
)
def test_what_a_bound_or_a_small_effect_shows_is_told(
    predicted: float, prediction: Prediction, low: float, high: float, told: str | None
) -> None:
    measured = interval(low, high)
    verdict = decide(measured, predicted, prediction)
    claim = LedgerClaim("f", "T", None, "v", "time", predicted, measured, verdict, "because", prediction)
    found = finding(claim)
    assert (found is None) == (told is None)
    assert found is None or told is None or found.startswith(told)


def test_dispatch_is_tested_by_a_layer_of_one_value(ledger: Explanation) -> None:
    parts = {"main": 50.0, "layout_transform": 0.0, "memset": 0.0, "bias": 0.0, "helper": 50.0}
    told = with_factor(ledger, "dispatch_overhead", 0.5)
    told = replace(told, fast=replace(ledger.fast, device_us=100.0, parts_us=parts))
    for share, verdict in ((0.2, "confirmed"), (0.6, "refuted")):
        # The fast side takes 0.1 ms, of which the ledger says that one half is around the kernels.
        smallest = variant("smallest other", 0.1 * share, 0.1 * share)
        claim = only(put_on_trial(told, [GIVEN, FAST, smallest], [], fast="equal dense"))
        assert (claim.predicted, claim.prediction, claim.verdict) == (0.5, "at most", verdict)
        assert claim.measured is not None
        assert claim.measured.median == pytest.approx(share)


@pytest.mark.parametrize(("factor", "verdict"), [(1.0, "confirmed"), (2.0, "refuted")])
def test_waiting_for_memory_is_tested_by_twice_the_samples(ledger: Explanation, factor: float, verdict: str) -> None:
    """The dense layer of (1,1024) × (512,1024): its weights are 2,097,152 of its bytes, and twice the samples' too."""
    roofs = Roofs("machine", "cpu", peak_flops_per_s={"fp32": 1e12}, bandwidth_bytes_per_s=2.2e10, threads=2)
    fast = replace(ledger.fast, roofs=roofs, parts_us={**ledger.fast.parts_us, "main": 100.0})
    told = with_factor(replace(ledger, fast=fast), "memory_bound", 0.1)
    doubled = variant("doubled other", 0.1 * factor, 0.1 * factor)
    claim = only(put_on_trial(told, [GIVEN, FAST, doubled], [], fast="equal dense"))
    inputs_and_outputs = 4 * (1024 + 512)
    assert claim.predicted == pytest.approx(1 + inputs_and_outputs / (ledger.fast.bytes or 0))
    assert (claim.verdict, claim.prediction, claim.variant) == (verdict, "at most", "doubled other")


DENSE_BYTES = 4 * (1024 * 512 + 512 + 1024 + 512)
"""Weights, bias, input and output of the dense layer, float32: 2,105,344."""


def with_memory(ledger: Explanation, bytes_per_s: float, main_us: float) -> Explanation:
    """The ledger, made anew of a machine of that bandwidth on which the dense layer's kernel takes so long."""
    roofs = Roofs("machine", "cpu", peak_flops_per_s={"fp32": 1e12}, bandwidth_bytes_per_s=bytes_per_s, threads=2)
    slow, fast = (replace(side, roofs=roofs, undisturbed=None) for side in (ledger.slow, ledger.fast))
    parts = {**dict.fromkeys(fast.parts_us, 0.0), "main": main_us}
    return explain_sides(slow, replace(fast, device_us=main_us, parts_us=parts))


@pytest.mark.parametrize(("main_us", "waits"), [(66.6, True), (66.7, False)])
def test_only_kernels_close_to_memorys_time_are_said_to_wait_for_it(
    ledger: Explanation, main_us: float, waits: bool
) -> None:
    """At 52.6336 GB/s the bytes take 40 µs: 60 % of 66.67 µs. The arithmetic takes 1 µs by the peak."""
    told = with_memory(ledger, DENSE_BYTES / 40e-6, main_us)
    assert told.fast.bytes == DENSE_BYTES
    (claim,) = (claim for claim in told.claims if claim.factor == "memory_bound")
    assert claim.title.startswith("Waiting for memory: " if waits else "Least time for memory over that for arithm")
    assert ("the main kernels took 66.70 µs, so memory is a bound" in claim.evidence) is not waits
    assert prod(factor.value for factor in told.factors) == pytest.approx(told.ratio, rel=1e-12)


@pytest.mark.parametrize(
    ("call_ms", "verdict"),
    # Memory needs 40 µs; a call of 50 µs bears that out, one of 30 µs does not.
    [((0.049, 0.051), "confirmed"), ((0.029, 0.031), "refuted"), ((0.03, 0.05), "undecided")],
)
def test_a_bound_by_memory_is_not_tested_by_twice_the_samples(
    ledger: Explanation, call_ms: tuple[float, float], verdict: str
) -> None:
    """What else the kernel spends its time on, 60 of 100 µs, may take twice as long for twice the samples."""
    told = with_memory(ledger, DENSE_BYTES / 40e-6, 100.0)
    told = replace(told, claims=tuple(claim for claim in told.claims if claim.factor == "memory_bound"))
    measured = [GIVEN, variant("equal dense", *call_ms), variant("doubled other", 0.1, 0.1)]
    claim = only(put_on_trial(told, measured, [], fast="equal dense"))
    assert (claim.verdict, claim.prediction, claim.variants) == (verdict, "at least", ("equal dense",))
    assert claim.measured is not None
    assert (claim.measured.low, claim.measured.high) == pytest.approx(tuple(ms / 0.04 for ms in call_ms))


def test_a_call_faster_than_its_bytes_does_not_wait_for_them(ledger: Explanation) -> None:
    """2.1 MB at 19 GB/s take 111 µs; a call of 100 µs ends before, though twice the samples take no longer."""
    roofs = Roofs("machine", "cpu", peak_flops_per_s={"fp32": 1e12}, bandwidth_bytes_per_s=1.9e10, threads=2)
    told = with_factor(replace(ledger, fast=replace(ledger.fast, roofs=roofs)), "memory_bound", 0.1)
    doubled = variant("doubled other", 0.1, 0.1)
    claim = only(put_on_trial(told, [GIVEN, FAST, doubled], [], fast="equal dense"))
    assert (ledger.fast.bytes or 0) / 1.9e10 == pytest.approx(110.7e-6, rel=0.001)
    assert (claim.verdict, claim.variant) == ("refuted", "equal dense")


def test_verdicts_are_counted_apart() -> None:
    verdicts = ("confirmed", "refuted", "undecided", "not tested")
    claims = [LedgerClaim("f", "Title", None, None, "", None, None, one, "because") for one in verdicts]  # type: ignore[arg-type]
    claims += [replace(claims[0], prediction="at most"), replace(claims[1], prediction="at least")]
    told = "2 confirmed (1 of them as a bound), 2 refuted, 1 undecided, 1 not tested"
    assert tally(claims) == f"Of 6 statements: {told}."


def test_the_interval_that_decided_is_shown() -> None:
    """Predicted 0.82, borne out by 0.74 to 0.91; 0.76 to 0.80 lies within, times and over 1.1 it does not."""
    measured = interval(0.76, 0.80)
    claim = LedgerClaim("f", "Title", None, "batch 8", "time", 0.82, measured, "undecided", "because", spread=1.1)
    text = terminal.render_sections("t", [], [claims_section([claim])], width=160, color=False)
    assert "measured 0.78 × (0.76–0.80); with the noise of the ledger's own times 0.69–0.88, which decides" in text
    text = terminal.render_sections("t", [], [claims_section([replace(claim, spread=1.0)])], width=160, color=False)
    assert "which decides" not in text


def test_noise_of_the_prediction_leaves_it_open(ledger: Explanation) -> None:
    """Times that are known to a factor of two only can neither confirm nor refute what rests on them."""
    for low, high in ((0.49, 0.51), (0.8, 0.9)):
        measured = [GIVEN, variant("channels_last", low, high)]
        told = expecting(ledger, 0.5)
        assert only(put_on_trial(told, measured, [], fast="equal dense")).verdict != "undecided"
        told = replace(told, spread=2.0)
        claim = only(put_on_trial(told, measured, [], fast="equal dense"))
        assert claim.verdict == "undecided"
        assert claim.measured == interval(low, high)
        assert claim.decided_by is not None
        assert (claim.decided_by.low, claim.decided_by.high) == (low / 2, high * 2)


def test_a_bound_is_told_from_an_estimate(ledger: Explanation) -> None:
    """A gain of a tenth where a half was possible at best bears the bound out, and is no estimate of one half."""
    measured = [GIVEN, variant("channels_last", 0.88, 0.92)]
    for at_best, verdict in ((True, "confirmed"), (False, "refuted")):
        claim = only(put_on_trial(expecting(ledger, 0.5, at_best=at_best), measured, [], fast="equal dense"))
        assert claim.verdict == verdict


def test_every_sentence_gets_a_trial_in_its_order(ledger: Explanation) -> None:
    trials = put_on_trial(ledger, [GIVEN, FAST], [], fast="equal dense")
    assert [trial.factor for trial in trials] == ["ratio", *(claim.factor for claim in ledger.claims)]
    assert len(trials) == len(ledger.sentences)
