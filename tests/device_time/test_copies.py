"""Copies on a made-up timeline where every answer is known by hand."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest

from profiler_kit.analysis.device_time.copies import ASYNCHRONOUS, BLOCKS, IN_GRAPH, UNKNOWN, WAITED_FOR, Copies, copies
from profiler_kit.devices import UnknownDeviceError
from profiler_kit.formats import read_trace
from profiler_kit.report.copies import copies_sections
from tests.builders import TraceBuilder
from tests.conftest import SHARED

V100_TRAINING = SHARED / "traces" / "v100_resnet50_train_2021_schema.pt.trace.json.gz"

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
    assert pd.isna(table["bytes_per_s"].loc[("P2P", UNKNOWN)])
    assert pd.isna(table["peak_share"].loc[("P2P", UNKNOWN)])
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


def of_two_devices(tmp_path: Path, *properties: dict[str, object], first: str, second: str, size: int) -> Path:
    """10 µs on device 0 and 40 µs on device 1, both of that size."""
    b = TraceBuilder(deviceProperties=list(properties))
    for device, (name, duration) in enumerate(((first, 10), (second, 40))):
        args = {"device": device, "stream": 7, "correlation": device + 1, "bytes": size}
        b.event("gpu_memcpy", name, 100, duration, pid=device, tid=7, **args)
    return b.write(tmp_path / "w.pt.trace.json")


def test_shares_of_the_links(result: Copies) -> None:
    """1 MB in 100 µs are 10 GB/s of the 31.508 that PCIe 4.0 x16 carries; 600 GB/s of NVLink are 300 each way."""
    table = result.table.set_index(["direction", "waits"])
    assert table["peak_share"].loc[("HtoD", ASYNCHRONOUS)] == pytest.approx(10 / 31.508, rel=1e-4)
    assert table["peak_share"].loc[("DtoH", BLOCKS)] == pytest.approx(4 / 10e-6 / 31.508e9, rel=1e-4)
    assert table["peak_of"].tolist() == [
        "PCIe 4.0 x16", "PCIe 4.0 x16", "PCIe 4.0 x16", "device memory", "device memory", "NVLink",
    ]  # fmt: skip
    assert table["peak_bytes_per_s"].loc[("P2P", UNKNOWN)] == 300e9
    assert table["peak_bytes_per_s"].loc[("DtoD", ASYNCHRONOUS)] == 2039e9


def test_copies_between_gpus_go_over_nvlink_where_it_is_on_every_board(tmp_path: Path) -> None:
    """1.5 MB in 10 and in 40 µs: 5 µs each at 300 GB/s, of 50 µs. A PCIe board has NVLink only with a bridge."""
    name = "Memcpy PtoP (Device -> Device)"
    path = of_two_devices(tmp_path, A100, {**A100, "id": 1}, first=name, second=name, size=1_500_000)
    trace = read_trace(path, cache=False)
    assert copies(trace).table["peak_share"].tolist() == pytest.approx([10 / 50])
    assert "NVLink 300.00 GB/s each way. A pair of GPUs may have only some" in note(copies(trace))
    for without in ("A100-PCIe-80GB", "MI300X"):
        row = copies(trace, device=without).table.iloc[0]
        assert pd.isna(row["peak_share"])
        assert row["peak_of"] is None


def test_two_kinds_of_gpu_have_a_share_but_no_one_peak(tmp_path: Path) -> None:
    """157,538 B take 10 µs at PCIe 3.0 and 5 µs at PCIe 4.0: 15 of 50 µs."""
    name = "Memcpy HtoD (Pinned -> Device)"
    t4 = {"id": 0, "name": "Tesla T4"}
    path = of_two_devices(tmp_path, t4, {**A100, "id": 1}, first=name, second=name, size=157_538)
    row = copies(read_trace(path, cache=False)).table.iloc[0]
    assert row["peak_share"] == pytest.approx(15 / 50, rel=1e-4)
    assert row["peak_of"] is None
    assert pd.isna(row["peak_bytes_per_s"])


def test_one_gpu_that_is_not_known_leaves_the_share_unknown(tmp_path: Path) -> None:
    name = "Memcpy HtoD (Pinned -> Device)"
    path = of_two_devices(tmp_path, {"id": 0, "name": "?"}, {**A100, "id": 1}, first=name, second=name, size=8)
    assert copies(read_trace(path, cache=False)).table["peak_share"].isna().all()


@pytest.mark.skipif(
    not V100_TRAINING.is_file(), reason="the shared traces are not here (shared/ beside the repository)"
)
def test_a_trace_that_does_not_name_its_gpu_is_told() -> None:
    """115,607,040 B in 12.734 ms are 9.0786 GB/s, 57.63% of 15.7538; memsets: 369,137,592 B in 414 µs of 900 GB/s."""
    trace = read_trace(V100_TRAINING)
    assert copies(trace).table["peak_share"].isna().all()
    table = copies(trace, device="V100").table
    assert (table["bytes"].iloc[0], table["total_ns"].iloc[0]) == (115_607_040, 12_734_000)
    assert table["peak_share"].tolist()[:2] == pytest.approx([0.5763, 0.9907], abs=5e-5)
    assert table["peak_of"].tolist() == ["PCIe 3.0 x16", "device memory", "device memory"]
    with pytest.raises(UnknownDeviceError, match="did you mean V100"):
        copies(trace, device="V1000")


def note(result: Copies) -> str:
    return copies_sections(result, "none", 10)[0].notes[-1]


def test_the_reader_is_told_what_the_shares_are_of(result: Copies, tmp_path: Path) -> None:
    said = note(result)
    assert "at most (not measured): PCIe 4.0 x16 31.51 GB/s each way, device memory 2.04 TB/s." in said
    assert "The machine's slot" in said
    assert "counts twice" in said
    assert "Above 100%" not in said
    # 2 MB in 10 and in 40 µs are 80 GB/s: not over PCIe 4.0.
    fast = "Memcpy HtoD (Pinned -> Device)"
    path = of_two_devices(tmp_path, A100, {**A100, "id": 1}, first=fast, second=fast, size=2_000_000)
    assert "Above 100%" in note(copies(read_trace(path, cache=False)))


def test_the_reader_is_told_how_to_name_the_gpu(tmp_path: Path) -> None:
    b = TraceBuilder()
    copy(b, "Memcpy HtoD (Pinned -> Device)", 10, 5, 1, 2, 8, 1)
    trace = read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False)
    assert "--device NAME" in note(copies(trace))
    assert "PCIe 3.0 x16 15.75 GB/s each way" in note(copies(trace, device="T4"))
