"""Ranks of a job against made-up traces with known truth, and against plain arithmetic on the JSON of a real one."""

from __future__ import annotations

import gzip
import json
import os
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler_kit.analysis.ranks.collectives import bus_factor, collective_bytes
from profiler_kit.analysis.ranks.rank_times import BREAKDOWN, RankTimes, rank_times
from profiler_kit.analysis.ranks.stragglers import COMPUTES, LAUNCHES
from profiler_kit.errors import TraceFormatError, UnreadableTraceWarning
from profiler_kit.formats import read_ranks, read_trace, several
from profiler_kit.report.ranks import ranks_document, ranks_facts, ranks_sections
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder

ALL_REDUCE = "ncclDevKernel_AllReduce_Sum_f16_RING_LL(ncclDevComm*, unsigned long, ncclWork*)"
TENSOR = {"Input Dims": [[1000, 500]], "Input type": ["c10::Half"]}


class Rank(TraceBuilder):
    """One rank of a job: its computation and its collectives."""

    def __init__(self, rank: int, world: int = 2) -> None:
        super().__init__(distributedInfo={"backend": "nccl", "rank": rank, "world_size": world})
        self.rank = rank

    def all_reduce(self, start: float, end: float, *, launched_at: float, name: str = ALL_REDUCE) -> None:
        self.event("user_annotation", "nccl:all_reduce", launched_at - 1, 3, **TENSOR)
        self.kernel(name, start, end - start, launched_at=launched_at, stream=20 + self.rank)


def job(*ranks: Rank, folder: Path) -> RankTimes:
    return rank_times({b.rank: read_trace(b.write(folder / f"{b.rank}.json")) for b in ranks})


def test_waiting_lasts_until_the_last_rank_starts(tmp_path: Path) -> None:
    first, second = Rank(0), Rank(1)
    for b, ready in ((first, 100), (second, 160)):
        b.annotation("ProfilerStep#4", 0, 1000)
        b.kernel("sgemm", 10, ready - 10, launched_at=5)
        b.all_reduce(ready, 200, launched_at=20)
        b.kernel("elementwise", 210, 40, launched_at=30)
        b.kernel("overlapping", 190, 15, launched_at=32, stream=8)
    result = job(first, second, folder=tmp_path)
    rows = result.ranks.set_index("rank")
    assert rows.loc[0, ["waiting_ns", "transfer_ns"]].tolist() == [60_000, 30_000]
    assert rows.loc[1, ["waiting_ns", "transfer_ns"]].tolist() == [0, 30_000]
    assert rows["hidden_ns"].tolist() == [10_000, 10_000]
    assert rows["communication_ns"].tolist() == [100_000, 40_000]
    assert rows["compute_ns"].tolist() == [90_000 + 15_000 + 40_000, 150_000 + 15_000 + 40_000]
    assert rows["idle_ns"].tolist() == [5_000, 5_000]
    assert (result.ranks[list(BREAKDOWN)].sum(axis=1) == result.ranks["span_ns"]).all()
    (step,) = result.steps.to_dict("records")
    assert (step["step"], step["straggler"], step["late"], step["late_ns"]) == (4, 1, 1, 60_000)
    assert (step["waited_ns"], step["cause"], step["cause_ns"]) == (60_000, COMPUTES, 60_000)
    (kind,) = result.collectives.to_dict("records")
    assert (kind["collective"], kind["dtype"], kind["bytes"], kind["ranks"]) == ("all_reduce", "float16", 1_000_000, 2)
    assert kind["median_transfer_ns"] == 40_000
    assert kind["bytes_per_s"] == pytest.approx(1e6 / 40e-6)
    assert kind["bus_bytes_per_s"] == pytest.approx(1e6 / 40e-6 * 2 * (2 - 1) / 2)


def test_a_host_that_launches_late_is_named(tmp_path: Path) -> None:
    ranks = [Rank(0, 3), Rank(1, 3), Rank(2, 3)]
    for b in ranks:
        late = 70 if b.rank == 2 else 0
        b.kernel("sgemm", 0, 50, launched_at=-10)
        b.all_reduce(60 + late, 150, launched_at=20 + late * 2)
        b.kernel("sgemm", 160, 50, launched_at=100)
        b.all_reduce(210 + 2 * late, 400, launched_at=205 + 2 * late)
    result = job(*ranks, folder=tmp_path)
    (step,) = result.steps.to_dict("records")
    assert (step["straggler"], step["late"], step["cause"]) == (2, 2, LAUNCHES)
    assert step["late_ns"] == 70_000 + 140_000


def test_every_late_rank_has_its_own_cause(tmp_path: Path) -> None:
    ranks = [Rank(0, 3), Rank(1, 3), Rank(2, 3)]
    for b in ranks:
        longer, later = 60 * (b.rank == 1), 140 * (b.rank == 2)
        b.kernel("sgemm", 0, 50 + longer, launched_at=-10)
        b.all_reduce(60 + longer, 200, launched_at=20)
        b.all_reduce(210 + later, 400, launched_at=205 + later)
    result = job(*ranks, folder=tmp_path)
    late = {row["rank"]: (row["waited_ns"], row["cause"], row["cause_ns"]) for row in result.late.to_dict("records")}
    assert late == {1: (2 * 60_000, COMPUTES, 60_000), 2: (2 * 140_000, LAUNCHES, 140_000)}
    (step,) = result.steps.to_dict("records")
    assert (step["straggler"], step["cause"], step["cause_ns"]) == (2, LAUNCHES, 140_000)
    (item,) = next(section.items for section in ranks_sections(result, 5) if section.items)
    assert ("also", f"rank 1, for 120.000 µs: {COMPUTES}, 60.000 µs more") in item.details


def test_clocks_are_aligned_by_the_ends(tmp_path: Path) -> None:
    """Rank 1's clock is 5 ms ahead: its times say that it is late, but it is not."""
    first, second = Rank(0), Rank(1)
    for b, ahead in ((first, 0), (second, 5000)):
        for n in range(10):
            own_start = 100 * n + (30 if b.rank == n % 2 else 10)
            b.all_reduce(own_start + ahead, 100 * n + 60 + ahead, launched_at=100 * n + ahead)
    result = job(first, second, folder=tmp_path)
    clocks = result.matching.clocks
    assert (clocks["ahead_ns"].diff().iloc[1], clocks["matched"].tolist()) == (5_000_000, [10, 10])
    assert clocks["corrected_ns"].diff().iloc[1] == 5_000_000
    assert result.ranks["waiting_ns"].tolist() == [5 * 20_000, 5 * 20_000]
    assert result.late.set_index("rank")["late"].to_dict() == {0: 5, 1: 5}


def test_a_spread_as_large_as_the_offset_corrects_nothing(tmp_path: Path) -> None:
    first, second = Rank(0), Rank(1)
    for n in range(10):
        first.all_reduce(100 * n + 10, 100 * n + 60, launched_at=100 * n)
        second.all_reduce(100 * n + 10, 100 * n + 60 + (3 if n % 2 else -3), launched_at=100 * n)
    assert job(first, second, folder=tmp_path).matching.clocks["corrected_ns"].tolist() == [0, 0]


def test_a_step_with_different_counts_is_not_matched(tmp_path: Path) -> None:
    first, second = Rank(0), Rank(1)
    for b in (first, second):
        for step in (1, 2):
            b.annotation(f"ProfilerStep#{step}", 1000 * step, 900)
            b.all_reduce(1000 * step + 10, 1000 * step + 60, launched_at=1000 * step + 5)
    second.all_reduce(2100, 2150, launched_at=2090)
    result = job(first, second, folder=tmp_path)
    assert result.matching.unmatched == 3
    assert result.matching.clocks["matched"].tolist() == [1, 1]
    assert result.ranks["other_communication_ns"].tolist() == [50_000, 100_000]
    assert (result.ranks[list(BREAKDOWN)].sum(axis=1) == result.ranks["span_ns"]).all()


def test_groups_that_only_count_alike_are_not_matched(tmp_path: Path) -> None:
    first, second = Rank(0, 4), Rank(1, 4)
    for n in range(10):
        first.all_reduce(100 * n, 100 * n + 20, launched_at=100 * n - 5)
        second.all_reduce(100 * n + 3 * n * n, 100 * n + 20 + 3 * n * n, launched_at=100 * n - 5)
    result = job(first, second, folder=tmp_path)
    assert result.matching.unmatched == 20
    assert len(result.steps) == 0


def test_process_groups_that_kernels_tell_are_kept_apart(tmp_path: Path) -> None:
    """Ranks 0 and 1 are one group, 2 and 3 another, at the same time; all four are one group at the end."""
    ranks = [Rank(number, 4) for number in range(4)]
    for b in ranks:
        pair, everyone = ("[0, 1]" if b.rank < 2 else "[2, 3]"), "[0, 1, 2, 3]"
        for place, (group, start, end) in enumerate([(pair, 10 + b.rank, 50), (everyone, 60, 90 + b.rank % 2)]):
            b.kernel(ALL_REDUCE, start, end - start, launched_at=place)
            b.events[-1]["args"] |= {
                "Collective name": "_allgather_base", "In msg nelems": 500, "dtype": "BFloat16",
                "Group size": len(group) // 3, "Process Group Ranks": group,
            }  # fmt: skip
    result = job(*ranks, folder=tmp_path)
    assert result.matching.unmatched == 0
    first = result.matching.table.groupby("rank").first()
    assert first["waiting_ns"].tolist() == [1_000, 0, 1_000, 0]
    kinds = result.collectives.set_index("ranks")
    assert kinds["collective"].unique().tolist() == ["all_gather"]
    assert kinds["dtype"].unique().tolist() == ["bfloat16"]
    assert kinds["bytes"].to_dict() == {2: 2000, 4: 4000}
    assert kinds["calls"].to_dict() == {2: 2, 4: 1}


def test_one_rank_and_none(tmp_path: Path) -> None:
    alone = Rank(0, 8)
    alone.all_reduce(10, 60, launched_at=5)
    result = job(alone, folder=tmp_path)
    assert (result.world_size, len(result.steps), result.matching.unmatched) == (8, 0, 0)
    assert result.ranks["other_communication_ns"].tolist() == [50_000]
    assert result.collectives["waiting_ns"].isna().all()
    empty = Rank(1)
    empty.op("aten::add", 0, 1)
    assert job(empty, folder=tmp_path).ranks["span_ns"].tolist() == [0]


def test_bus_bandwidth_of_nccl_tests() -> None:
    """The factors for 8 ranks, written out from doc/PERFORMANCE.md of nccl-tests."""
    expected = {
        "all_reduce": 1.75, "all_gather": 0.875, "reduce_scatter": 0.875, "all_to_all": 0.875, "broadcast": 1,
        "reduce": 1,
    }  # fmt: skip
    assert {name: bus_factor(name, 8) for name in expected} == expected
    assert bus_factor("all_reduce", 1) is None
    assert collective_bytes("all_gather", 100, 8) == 800
    assert collective_bytes("reduce_scatter", 100, 8) == 100


@settings(max_examples=15, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["c", "n", "m"]), st.integers(0, 300), st.integers(1, 80), st.integers(7, 9)),
        min_size=1,
        max_size=25,
    )
)
def test_books_close_for_any_timeline(tmp_path_factory: Any, pieces: list[tuple[str, int, int, int]]) -> None:
    folder = tmp_path_factory.mktemp("books")
    ranks = [Rank(0), Rank(1)]
    for b in ranks:
        for kind, start, length, stream in pieces:
            at = start + (13 * b.rank if kind == "n" else 0)
            if kind == "m":
                b.copy("Memcpy HtoD (Pageable -> Device)", at, length, launched_at=at - 5, size=8)
            else:
                b.kernel(ALL_REDUCE if kind == "n" else "sgemm", at, length, launched_at=at - 5, stream=stream)
    result = job(*ranks, folder=folder)
    assert (result.ranks[list(BREAKDOWN)].sum(axis=1) == result.ranks["span_ns"]).all()
    assert (result.ranks[list(BREAKDOWN)] >= 0).all().all()
    table = result.matching.table
    known = table["waiting_ns"].notna()
    both = table["waiting_ns"][known] + table["transfer_ns"][known]
    assert (both == (table["end_ns"] - table["start_ns"])[known]).all()


def _nccl(path: Path) -> list[tuple[int, int]]:
    events = json.loads(gzip.decompress(path.read_bytes()))["traceEvents"]
    return sorted(
        (e["ts"], e["ts"] + e["dur"]) for e in events if e.get("cat") == "kernel" and "nccl" in e["name"]
    )  # fmt: skip


def test_megatron(shared: Path) -> None:
    """84 all-reduces on 8 GPUs of one machine: ranks 0 and 6 keep the others waiting."""
    folder = shared / "traces" / "a100x8_megatron_tp8"
    result = rank_times(read_ranks(folder))
    raw = np.array([_nccl(folder / f"rank{rank}.pt.trace.json.gz") for rank in range(8)])
    start, end = raw[..., 0], raw[..., 1]
    waiting = (start.max(axis=0) - start).clip(min=0).clip(max=end - start)
    rows = result.ranks.sort_values("rank")
    assert (rows["waiting_ns"] == waiting.sum(axis=1) * 1000).all()
    assert (rows["waiting_ns"] + rows["transfer_ns"] == (end - start).sum(axis=1) * 1000).all()
    assert result.matching.unmatched == 0
    assert result.matching.clocks["corrected_ns"].tolist() == [0] * 8
    caused = np.zeros(8, dtype=np.int64)
    np.add.at(caused, start.argmax(axis=0), waiting.sum(axis=0))
    late = result.late.set_index("rank")["waited_ns"]
    assert late[0] == pytest.approx(caused[0] * 1000, rel=0.001)
    assert late[6] == pytest.approx(caused[6] * 1000, rel=0.001)
    assert (late[0] + late[6]) / late.sum() > 0.9
    (step,) = result.steps.to_dict("records")
    assert (step["step"], step["straggler"], step["cause"]) == (3, 0, LAUNCHES)
    largest = result.collectives.iloc[0]
    assert (largest["collective"], largest["bytes"], largest["calls"]) == ("all_reduce", 4 * 2048 * 4096 * 2, 81)
    assert 150e9 < largest["bus_bytes_per_s"] < 300e9  # NVLink 3 carries 300 GB/s each way


def test_each_rank_is_busy_as_the_oracle_says(shared: Path) -> None:
    totals = (shared / "oracle" / "totals.tsv").read_text().splitlines()
    head = totals[0].split("\t")
    rows = [dict(zip(head, line.split("\t"), strict=True)) for line in totals if line.startswith("a100x8_megatron_tp8")]
    result = rank_times(read_ranks(shared / "traces" / "a100x8_megatron_tp8")).ranks
    busy = (result["span_ns"] - result["idle_ns"]) / 1000
    assert busy.tolist() == [float(row["gpu_busy_us"]) for row in rows]
    assert (result["span_ns"] / 1000).tolist() == [float(row["gpu_span_us"]) for row in rows]


def test_files_read_side_by_side_are_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for rank in range(3):
        b = Rank(rank, 3)
        b.all_reduce(10 * rank, 60, launched_at=5)
        b.write(tmp_path / f"rank{rank}.pt.trace.json")
    one_by_one = read_ranks(tmp_path, cache=False)
    size = max(file.stat().st_size for file in tmp_path.iterdir()) + 1
    monkeypatch.setattr(several, "WORTH_BYTES", size)
    monkeypatch.setattr(several, "available_cores", lambda: 2)
    used: list[Path] = []
    read = several._FileWorker.read

    def spy(worker: Any, place: Path, cache: bool) -> Trace | None:
        found = read(worker, place, cache)
        used.append(place) if found is not None else None
        return found

    monkeypatch.setattr(several._FileWorker, "read", spy)
    together = read_ranks(tmp_path, cache=False)
    assert len(used) == 3
    assert list(together) == list(one_by_one) == [0, 1, 2]
    for rank, trace in together.items():
        assert trace.source == one_by_one[rank].source
        assert trace.kernels.equals(one_by_one[rank].kernels)
        assert trace.health == one_by_one[rank].health


@pytest.mark.parametrize("side_by_side", [False, True])
def test_what_cannot_be_read_is_left_out_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, side_by_side: bool
) -> None:
    for rank in (0, 1, 4):
        Rank(rank, 6).write(tmp_path / f"rank{rank}.pt.trace.json")
    (tmp_path / "rank2.pt.trace.json").write_text("x" * 50)
    (tmp_path / "rank3.pt.trace.json").write_text("")
    if side_by_side:
        size = max(file.stat().st_size for file in tmp_path.iterdir()) + 1
        monkeypatch.setattr(several, "WORTH_BYTES", size)
        monkeypatch.setattr(several, "available_cores", lambda: 2)
    with pytest.warns(UnreadableTraceWarning) as warned:
        ranks = read_ranks(tmp_path, cache=False)
    assert list(ranks) == [0, 1, 4]
    assert [file.rank for file in ranks.unreadable] == [2, 3]
    for file, warning, reason in zip(ranks.unreadable, warned, ("not JSON", "the file is empty"), strict=True):
        assert file.reason.startswith(f"{tmp_path / f'rank{file.rank}.pt.trace.json'}, byte 0: {reason}")
        assert str(warning.message) == f"left out: {file.reason}"
        assert warning.filename == __file__
    assert ranks.missing == (2, 3, 5)
    result = rank_times(ranks)
    assert (result.missing, result.unreadable, result.world_size) == (ranks.missing, ranks.unreadable, 6)
    assert ranks_facts(result) == [("ranks", "3 of 6; missing: 2–3, 5")]
    document = ranks_document(result)
    assert document["missing_ranks"] == [2, 3, 5]
    assert [file["rank"] for file in document["unreadable"]] == [2, 3]
    assert [note for note in ranks_sections(result, 9)[0].notes if note.startswith("left out: ")] == [
        f"left out: {file.reason}" for file in ranks.unreadable
    ]


def test_an_earlier_trace_of_the_same_rank_takes_the_place_of_an_unreadable_one(tmp_path: Path) -> None:
    Rank(0, 2).write(tmp_path / "rank0.1.pt.trace.json")
    Rank(1, 2).write(tmp_path / "rank1.1.pt.trace.json")
    (tmp_path / "rank1.2.pt.trace.json").write_text("{")
    with pytest.warns(UnreadableTraceWarning, match=r"rank1\.2"):
        ranks = read_ranks(tmp_path)
    assert (list(ranks), ranks.missing, len(ranks.unreadable)) == ([0, 1], (), 1)


def test_files_that_do_not_tell_their_rank_keep_their_number_beside_an_unreadable_one(tmp_path: Path) -> None:
    for place, name in enumerate("abc"):
        file = TraceBuilder().write(tmp_path / f"{name}.pt.trace.json")
        if name == "b":
            file.write_text("[")
        os.utime(file, (place, place))
    with pytest.warns(UnreadableTraceWarning):
        ranks = read_ranks(tmp_path)
    assert (list(ranks), ranks.missing) == ([0, 2], (1,))


def test_no_more_ranks_are_missing_than_a_job_can_have(tmp_path: Path) -> None:
    Rank(0, 10**15).write(tmp_path / "rank0.json")
    assert read_ranks(tmp_path / "rank0.json").missing == ()


def test_when_nothing_can_be_read_the_first_file_says_why(tmp_path: Path) -> None:
    for name in ("rank0", "rank1"):
        (tmp_path / f"{name}.pt.trace.json").write_text("")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TraceFormatError, match=r"rank0.*empty"):
            read_ranks(tmp_path)
