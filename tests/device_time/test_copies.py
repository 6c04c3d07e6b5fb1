"""Copies on a made-up timeline where every answer is known by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from profiler_kit.analysis.device_time.copies import ASYNCHRONOUS, BLOCKS, IN_GRAPH, UNKNOWN, WAITED_FOR, Copies, copies
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder

A100 = {
    "id": 0, "name": "NVIDIA A100-SXM4-80GB", "totalGlobalMem": 85174583296, "computeMajor": 8, "computeMinor": 0,
    "warpSize": 32, "numSms": 108,
}  # fmt: skip


def copy(
    b: TraceBuilder, name: str, ts: float, dur: float, call: float, call_dur: float, size: int, number: int
) -> None:
    b.event("cuda_runtime", "cudaMemcpyAsync", call, call_dur, correlation=number)
    category = "gpu_memset" if name.startswith("Memset") else "gpu_memcpy"
    b.event(category, name, ts, dur, pid=0, tid=7, device=0, stream=7, correlation=number, bytes=size)


@pytest.fixture
def result(tmp_path: Path) -> Copies:
    """One of each kind, in µs.

    100..200 HtoD pinned, 1 MB, call 90..95; the kernel on stream 8 at 150..400 hides its second half
    210..220 DtoH pageable, 4 B, in aten::item; the call lasts until 225 -> blocks
    230..240 HtoD pageable, in aten::to; its call ends at 238 and a synchronisation 239..250 follows -> waited for
    300..310 DtoD 8 MB -> 16 MB moved in 10 µs = 1.6 TB/s of the A100's 2.039
    320..322 memset in a graph; 330..331 copy whose call is not in the trace
    """
    b = TraceBuilder(deviceProperties=[A100])
    b.annotation("ProfilerStep#3", 80, 300)
    b.kernel("k", 150, 250, launched_at=85, stream=8)
    copy(b, "Memcpy HtoD (Pinned -> Device)", 100, 100, 90, 5, 1_000_000, 1001)
    b.annotation("layer: head (Linear) #1", 204, 25)
    b.op("aten::item", 205, 22)
    b.op("aten::_local_scalar_dense", 206, 20)
    copy(b, "Memcpy DtoH (Device -> Pageable)", 210, 10, 207, 18, 4, 1002)
    b.op("aten::to", 229, 30)
    b.op("aten::copy_", 229, 30)
    copy(b, "Memcpy HtoD (Pageable -> Device)", 230, 10, 230, 8, 2_000, 1003)
    b.event("cuda_runtime", "cudaStreamSynchronize", 239, 11, correlation=1099)
    copy(b, "Memcpy DtoD (Device -> Device)", 300, 10, 280, 2, 8_000_000, 1004)
    b.event("cuda_runtime", "cudaGraphLaunch", 290, 20, correlation=1005)
    b.event("gpu_memset", "Memset (Device)", 320, 2, pid=0, tid=7, device=0, stream=7, correlation=1005, bytes=64)
    b.event("gpu_memcpy", "Memcpy PtoP (Device -> Device)", 330, 1, pid=0, tid=7, device=0, stream=7, correlation=7)
    return copies(read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False))


def test_every_copy(result: Copies) -> None:
    rows = result.rows
    assert rows["direction"].tolist() == ["HtoD", "DtoH", "HtoD", "DtoD", "memset", "P2P"]
    assert rows["memory"].astype(object).where(rows["memory"].notna(), None).tolist() == [
        "pinned", "pageable", "pageable", None, None, None,
    ]  # fmt: skip
    assert rows["waits"].tolist() == [ASYNCHRONOUS, BLOCKS, WAITED_FOR, ASYNCHRONOUS, IN_GRAPH, UNKNOWN]
    assert rows["hidden_ns"].tolist() == [50_000, 10_000, 10_000, 10_000, 2_000, 1_000]
    assert rows["exposed_ns"].tolist() == [50_000, 0, 0, 0, 0, 0]
    assert rows["wait_ns"].tolist() == [5_000, 18_000, 20_000, 2_000, pd.NA, pd.NA]
    assert rows["step"].tolist() == [3, 3, 3, 3, 3, pd.NA]


def test_who_caused_them(result: Copies) -> None:
    rows = result.rows.astype({"operator": object, "layer": object})
    assert rows["operator"].iloc[[1, 2]].tolist() == ["aten::item", "aten::to"]
    assert rows["layer"].iloc[1] == "head"
    assert rows["operator"].iloc[[0, 3, 4, 5]].isna().all()
    cause = result.causes.set_index(result.causes["operator"].astype(object)).loc["aten::item"]
    assert (cause["direction"], cause["calls"], cause["bytes"], cause["total_ns"], cause["steps"]) == (
        "DtoH", 1, 4, 10_000, 1,
    )  # fmt: skip


def test_kinds(result: Copies) -> None:
    table = result.table.set_index(["direction", "waits"])
    assert result.table["total_ns"].sum() == result.total_ns == 133_000
    assert table["bytes_per_s"].loc[("HtoD", ASYNCHRONOUS)] == pytest.approx(10e9)
    assert table["peak_share"].loc[("DtoD", ASYNCHRONOUS)] == pytest.approx(1600 / 2039, rel=1e-3)
    assert pd.isna(table["peak_share"].loc[("HtoD", ASYNCHRONOUS)])
    assert pd.isna(table["bytes_per_s"].loc[("P2P", UNKNOWN)])
    assert table["small"].loc[("DtoH", BLOCKS)] == 1
    assert table["call_ns"].loc[("memset", IN_GRAPH)] == 0
    assert (result.table["hidden_ns"] + result.table["exposed_ns"]).equals(result.table["total_ns"])


@pytest.mark.parametrize(
    ("name", "direction"), [("CopyHostToDevice", "HtoD"), ("Memcpy HtoH", "HtoH"), ("hipMemcpy2D", "unknown")]
)
def test_other_names(tmp_path: Path, name: str, direction: str) -> None:
    b = TraceBuilder()
    copy(b, name, 10, 5, 1, 2, 8, 1)
    row = copies(read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False)).rows.iloc[0]
    assert (row["direction"], row["memory"]) == (direction, "unknown")
