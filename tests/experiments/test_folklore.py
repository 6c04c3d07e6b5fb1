"""The seven claims: verdicts on ratios of known truth, and a short run of all of them."""

from __future__ import annotations

import json
import runpy
import sys
from math import nan
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

torch = pytest.importorskip("torch")

from profiler_kit.analysis.measured.folklore import (  # noqa: E402
    CLAIMS,
    Case,
    ClaimOnTrial,
    Contender,
    Folklore,
    differs,
    is_between,
    no_help,
    sum_up,
    takes_longer,
)
from profiler_kit.analysis.measured.timing_statistics import MedianInterval  # noqa: E402
from profiler_kit.cli import main  # noqa: E402
from profiler_kit.experiments import folklore as module  # noqa: E402
from profiler_kit.report.folklore import FolkloreReport  # noqa: E402

EXAMPLE = Path(__file__).resolve().parents[2] / "examples" / "folklore.py"


def interval(low: float, high: float) -> MedianInterval:
    return MedianInterval((low + high) / 2, low, high, 20)


@pytest.mark.parametrize(
    ("low", "high", "longer", "other"),
    [
        (1.06, 1.2, "confirmed", "confirmed"),
        (1.02, 1.2, "undecided", "undecided"),
        (0.97, 1.04, "refuted", "refuted"),
        (0.5, 0.6, "refuted", "confirmed"),
        (0.9, 1.0, "refuted", "undecided"),
        (nan, nan, "undecided", "undecided"),
    ],
)
def test_noticeable_is_more_than_five_per_cent(low: float, high: float, longer: str, other: str) -> None:
    assert takes_longer(interval(low, high)) == longer
    assert differs(interval(low, high)) == other


@pytest.mark.parametrize(
    ("whole", "products", "verdict"),
    [
        ((0.8, 0.9), (0.3, 0.4), "refuted"),  # faster with all transforms: it helps
        ((3.0, 4.0), (1.1, 1.2), "confirmed"),  # the products alone take longer
        ((3.0, 4.0), (0.3, 0.4), "undecided"),  # another implementation might be faster
        ((3.0, 4.0), (0.9, 1.2), "undecided"),
        ((nan, nan), (1.1, 1.2), "undecided"),
    ],
)
def test_an_algorithm_is_judged_by_what_no_implementation_can_do_without(
    whole: tuple[float, float], products: tuple[float, float], verdict: str
) -> None:
    assert no_help(interval(*whole), interval(*products)) == verdict


@pytest.mark.parametrize(
    ("verdicts", "summary"),
    [
        (["confirmed", "undecided"], "confirmed here"),
        (["refuted", "refuted"], "refuted here"),
        (["confirmed", "refuted", "undecided"], "depends"),
        (["undecided"], "undecided"),
        (["refuted", "undecided", "undecided"], "undecided"),
        ([], "undecided"),
    ],
)
def test_verdicts_are_summed_up(verdicts: list[Any], summary: str) -> None:
    assert sum_up(verdicts) == summary


@pytest.fixture(scope="module")
def document(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    folder = tmp_path_factory.mktemp("claims")
    state = torch.get_rng_state()
    assert main(["demo", "--claims", "--seconds", "0.05", "--logdir", str(folder)]) == 0
    assert torch.equal(torch.get_rng_state(), state)
    assert torch.backends.mkldnn.enabled
    assert (folder / "claims.md").read_text(encoding="utf-8").count("## ") >= 8
    loaded: dict[str, Any] = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    return loaded


def test_all_seven_claims_have_cases_and_a_verdict_that_follows_from_them(document: dict[str, Any]) -> None:
    assert document["schema"] == "profiler_kit.folklore"
    assert [claim["claim"] for claim in document["claims"]] == list(CLAIMS)
    assert [claim["number"] for claim in document["claims"]] == [1, 2, 3, 4, 5, 6, 7]
    for claim in document["claims"]:
        assert claim["verdict"] == sum_up(case["verdict"] for case in claim["cases"])
        assert len(claim["cases"]) >= 2
        assert claim["reading"]


def test_every_case_names_what_was_timed_and_which_kernels_ran(document: dict[str, Any]) -> None:
    contenders = {one["name"]: one for one in document["contenders"]}
    for claim in document["claims"]:
        for case in claim["cases"]:
            for side in ("first", "second"):
                assert contenders[case[side]]["kernels"]
            assert 7 <= document["rounds"] <= case["ratio"]["samples"]
            assert case["ratio"]["samples"] <= document["rounds"] + document["more_rounds"]


def test_what_is_compared_at_equal_work_has_equal_work_and_computes_the_same(document: dict[str, Any]) -> None:
    contenders = {one["name"]: one for one in document["contenders"]}
    # Claims 1 to 4 compare at equal FLOPs: the window, the 1×1 convolution, the small output, the other algorithm.
    for claim in document["claims"][:4]:
        for case in claim["cases"]:
            assert contenders[case["first"]]["flops"] == contenders[case["second"]]["flops"]
    # 2·(64·32·32)·(3·3·3), as a dense layer 3072→576 has: 2·3072·576.
    assert contenders["k3 b1"]["flops"] == contenders["dense like k3 b1"]["flops"] == 3_538_944
    compared = [one for one in contenders.values() if one["error"] is not None]
    assert len(compared) > 15
    for one in compared:
        assert one["error"] < (3e-2 if "precision" in one["name"] or torch.cuda.is_available() else 1e-4), one["name"]


def test_the_noise_or_the_implementation_leaves_a_case_open() -> None:
    """More rounds may decide on the first three; a whole that is slower with quicker products stays in between."""
    for whole, products in ((0.9, 1.2), (0.8, 0.9)), ((1.1, 1.2), (0.9, 1.1)), ((0.9, 1.2), (0.9, 1.1)):
        assert no_help(interval(*whole), interval(*products)) == "undecided"
        assert not is_between(interval(*whole), interval(*products))
    assert no_help(interval(1.1, 1.2), interval(0.5, 0.6)) == "undecided"
    assert is_between(interval(1.1, 1.2), interval(0.5, 0.6))


def test_what_the_noise_leaves_open_is_measured_on_with_its_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    cases = (
        Case("q", "k3 FFT", "k3 usual", interval(0.9, 1.2), "undecided"),
        Case("q", "k7 FFT", "k7 usual", interval(1.1, 1.2), "undecided"),
        Case("q", "a", "b", interval(0.9, 1.2), "undecided"),
        Case("q", "c", "d", interval(1.1, 1.2), "confirmed"),
    )
    claim = ClaimOnTrial(1, CLAIMS[0], "How.", cases, "", "undecided")
    monkeypatch.setattr(module, "_claims", lambda _: (claim,))
    ratios = {"k3 FFT products": interval(0.5, 0.6), "k7 FFT products": interval(0.5, 0.6)}
    judge = SimpleNamespace(ratio=lambda first, _: ratios.get(first))
    assert module._undecided(judge) == {"k3 FFT", "k3 FFT products", "k3 usual", "a", "b"}


@pytest.fixture
def made_up() -> FolkloreReport:
    sides = tuple(Contender(name, name, interval(1e5, 2e5), 10, 1, ("SGEMM",), None) for name in ("a", "b"))
    cases = (Case("a long question " * 5, "a", "b", interval(1.1, 1.2), "confirmed"),)
    claim = ClaimOnTrial(1, CLAIMS[0], "How.", cases, "What it shows.", "confirmed here")
    return FolkloreReport(Folklore("device", "load", 6, 1.0, 3, (claim,), sides, (("TF32", "no GPU"),)))


@pytest.mark.parametrize("width", [80, 160])
def test_text_fits_the_terminal(made_up: FolkloreReport, width: int) -> None:
    text = made_up.to_text(width=width)
    assert max(map(len, text.splitlines())) <= width
    for part in ("confirmed here", "What it shows.", "1.10–1.20", "a, b: SGEMM", "no GPU"):
        assert part in text


def test_the_example_prints_each_claim_with_its_cases(
    made_up: FolkloreReport, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[float] = []

    def try_folklore(*, seconds: float) -> FolkloreReport:
        asked.append(seconds)
        return made_up

    monkeypatch.setattr("profiler_kit.experiments.folklore.try_folklore", try_folklore)
    monkeypatch.setattr(sys, "argv", ["folklore.py", "--seconds", "3"])
    monkeypatch.setenv("COLUMNS", "80")
    runpy.run_path(str(EXAMPLE), run_name="__main__")
    lines = capsys.readouterr().out.splitlines()
    assert asked == [3]
    text = " ".join(" ".join(lines).split())
    assert f"1. {CLAIMS[0]}: confirmed here 1.15 × (1.10–1.20) confirmed a long question" in text
    assert lines[-1].strip() == "What it shows."
    assert max(map(len, lines)) <= 80
