"""The shared corpora and traces against independent evidence: what must be known, and what must never be claimed."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

import coverage_report
import pytest

from profiler_kit.kernels import identify

if TYPE_CHECKING:
    from collections import Counter
    from pathlib import Path

    from coverage_report import Coverage

pytestmark = pytest.mark.usefixtures("shared")


@lru_cache(maxsize=1)
def results() -> dict[str, Coverage]:
    return {corpus: coverage_report.cover(corpus, names) for corpus, names in coverage_report.corpora().items()}


@lru_cache(maxsize=1)
def times() -> dict[str, Counter[str]]:
    return coverage_report.trace_times()


def test_every_corpus_is_there(shared: Path) -> None:
    assert len(results()) >= 5
    assert sum(len(result.names) for result in results().values()) > 90_000


def test_library_and_operation() -> None:
    for result in results().values():
        assert len(result.unidentified) <= 0.01 * len(result.names)
        assert result.checks["library"].share >= 0.99
        assert not result.checks["library"].wrong


def test_convolutions() -> None:
    convolutions = [result for result in results().values() if result.convolutions]
    assert len(convolutions) == 2
    for result in convolutions:
        assert result.identified_convolutions >= 0.995 * result.convolutions


@pytest.mark.parametrize(
    ("key", "share"), [("pass", 0.999), ("input_dtype", 0.99), ("layout", 0.99), ("tile", 0.99), ("tensor_cores", 1)]
)
def test_stated_facts_are_read(key: str, share: float) -> None:
    for result in results().values():
        check = result.checks[key]
        assert check.share >= share, (result.corpus, check.missing[:3], check.wrong[:3])
        assert not check.wrong, (result.corpus, check.wrong[:3])


def test_no_pass_is_claimed_where_the_name_tells_none() -> None:
    for result in results().values():
        assert not result.claimed_passes, result.claimed_passes[:3]


def test_gpu_time_in_traces() -> None:
    total = known = 0.0
    for names in times().values():
        total += sum(names.values())
        known += sum(time for name, time in names.items() if coverage_report.is_identified(name))
    assert known >= 0.99 * total


def test_no_trace_kernel_is_given_a_wrong_pass() -> None:
    for names in times().values():
        for name in names:
            told, answer = coverage_report.evidence.direction(name), identify(name).pass_
            assert told is None or answer == told, name
            assert not (coverage_report.evidence.tells_no_direction(name) and answer != "unknown"), name


def test_every_proof_stands_in_the_name() -> None:
    names = [name for result in results().values() for name in result.names]
    names += [name for trace in times().values() for name in trace]
    for name in names:
        identity = identify(name)
        text = identity.demangled or name
        for key, token in identity.evidence.items():
            assert all(piece in text for piece in token.split(", ")), (key, token, name)
