"""What is said of the devices' time on made-up timelines, and what is not."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiler_kit.analysis.device_time.device_time import device_time
from profiler_kit.analysis.findings.device_findings import device_findings
from profiler_kit.analysis.findings.finding import Finding
from profiler_kit.analysis.work.layer_of_op import layers_of_ops
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder


def findings_of(b: TraceBuilder, tmp_path: Path) -> list[Finding]:
    trace = read_trace(b.write(tmp_path / "w.pt.trace.json"), cache=False)
    return device_findings(device_time(trace, layers_of_ops(trace)))


def the_one(found: list[Finding], words: str) -> Finding:
    (finding,) = [one for one in found if words in one.title]
    return finding


@pytest.fixture
def b() -> TraceBuilder:
    """1 ms of kernels without a gap, launched ahead."""
    builder = TraceBuilder()
    for number in range(10):
        builder.kernel("gemm", 100 + 100 * number, 100, launched_at=10 + number)
    return builder


def test_a_busy_gpu_is_not_complained_of(b: TraceBuilder, tmp_path: Path) -> None:
    assert findings_of(b, tmp_path) == []


def test_data_loading(b: TraceBuilder, tmp_path: Path) -> None:
    b.annotation("enumerate(DataLoader)#_SingleProcessDataLoaderIter.__next__", 1100, 300)
    b.kernel("gemm", 1405, 95, launched_at=1400)
    found = findings_of(b, tmp_path)
    assert the_one(found, "data loader for 21%").gain_ns == 300_000
    idle = the_one(found, "idle for 22%")
    assert idle.gain_ns == 305_000
    assert "data loading 0.300 ms" in idle.evidence


def test_device_memory(b: TraceBuilder, tmp_path: Path) -> None:
    b.event("cuda_runtime", "cudaMalloc", 1100, 200)
    b.kernel("gemm", 1305, 95, launched_at=1301)
    finding = the_one(findings_of(b, tmp_path), "device memory to be allocated")
    assert finding.gain_ns == 200_000
    assert "cudaMalloc 0.200 ms" in finding.evidence


def test_reading_values_back(b: TraceBuilder, tmp_path: Path) -> None:
    b.op("aten::item", 20, 1200)
    b.copy("Memcpy DtoH (Device -> Pinned)", 1100, 10, launched_at=30, size=4)
    b.op("aten::_local_scalar_dense", 29, 1170)
    b.event("cuda_runtime", "cudaStreamSynchronize", 32, 1100)
    b.kernel("gemm", 1210, 90, launched_at=1203)
    finding = the_one(findings_of(b, tmp_path), "reads values back from the GPU and waits for it once")
    assert finding.gain_ns == 100_000
    assert "aten::item 1 ×" in finding.evidence


def test_pageable_copies_of_unknown_size(b: TraceBuilder, tmp_path: Path) -> None:
    b.copy("Memcpy HtoD (Pageable -> Device)", 1100, 400, launched_at=30, size=None)
    evidence = the_one(findings_of(b, tmp_path), "pageable memory").evidence
    assert evidence.startswith("1 copies, sizes not recorded, in 0.400 ms, 0.400 ms of it")
    assert "GB/s" not in evidence


def test_pageable_copies_that_another_order_would_hide(b: TraceBuilder, tmp_path: Path) -> None:
    b.copy("Memcpy HtoD (Pageable -> Device)", 1100, 400, launched_at=30, size=4_000_000)
    found = findings_of(b, tmp_path)
    pageable = the_one(found, "pageable memory take 29% of the GPU's busy time")
    assert pageable.gain_ns == 400_000
    assert "4.0 MB in 0.400 ms = 10.0 GB/s" in pageable.evidence
    assert the_one(found, "run alone for 28.6%").gain_ns == 400_000


A100 = {"id": 0, "name": "NVIDIA A100-SXM4-80GB"}


@pytest.mark.parametrize(
    ("size", "words"),
    [
        # 10 GB/s of 31.508; 100 GB/s did not go over PCIe 4.0.
        (4_000_000, "= 10.0 GB/s (32% of what the GPU's PCIe 4.0 x16 carries at most by its data sheet, 31.5 GB/s), "),
        (40_000_000, "= 100.0 GB/s, "),
    ],
)
def test_pageable_copies_are_held_against_the_link(tmp_path: Path, size: int, words: str) -> None:
    b = TraceBuilder(deviceProperties=[A100])
    b.kernel("gemm", 100, 1000, launched_at=10)
    b.copy("Memcpy HtoD (Pageable -> Device)", 1100, 400, launched_at=30, size=size)
    assert words in the_one(findings_of(b, tmp_path), "pageable memory").evidence


def test_many_small_copies(b: TraceBuilder, tmp_path: Path) -> None:
    for number in range(100):
        b.copy("Memcpy DtoD (Device -> Device)", 1100 + number, 1, launched_at=20 + number, size=8)
    finding = the_one(findings_of(b, tmp_path), "100 copies move only 8 bytes on average")
    assert finding.gain_ns == 100_000


def test_launching_limits(tmp_path: Path) -> None:
    b = TraceBuilder()
    for number in range(20):
        b.op("aten::add", 10 + 10 * number, 8)
        b.kernel("k", 20 + 10 * number, 2, launched_at=15 + 10 * number)
    finding = the_one(findings_of(b, tmp_path), "Launching limits the GPU")
    assert finding.gain_ns == 18 * 8_000


def test_exposed_communication(b: TraceBuilder, tmp_path: Path) -> None:
    b.kernel("ncclDevKernel_AllReduce_Sum_f16_RING_LL(p)", 1000, 600, launched_at=25, stream=8)
    finding = the_one(findings_of(b, tmp_path), "Communication runs with no computing beside it for 33%")
    assert finding.gain_ns == 500_000
