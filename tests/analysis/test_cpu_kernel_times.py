"""Time of the CPU libraries' kernels on traces with known truth."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiler_kit.analysis.times.cpu_kernel_times import cpu_kernel_times
from profiler_kit.analysis.times.operator_times import operator_times
from profiler_kit.formats import read_trace
from profiler_kit.report.names import short_layouts
from profiler_kit.report.report import make_report
from tests.builders import TraceBuilder

LAYOUTS = "src:f32::blocked:abcd::f0 dst:f32::blocked:aBcd8b::f0"


class CpuTrace(TraceBuilder):
    def onednn(self, name: str, ts: float, dur: float, primitive: str, propagation: str) -> None:
        self.event(
            "cpu_kernel", name, ts, dur, tid="oneDNN", library="oneDNN", primitive=primitive, propagation=propagation,
            algorithm="", layouts=LAYOUTS, attributes="", shapes="8x16x32x32", start_from="timestamp",
        )  # fmt: skip

    def mkl(self, name: str, ts: float, dur: float) -> None:
        self.event(
            "cpu_kernel", name, ts, dur, tid="MKL", library="MKL", primitive=name, shapes="T,N,1,2,3", start_from="line"
        )


@pytest.fixture
def trace(tmp_path: Path):
    builder = CpuTrace()
    builder.op("aten::convolution", 0, 100)
    builder.op("aten::mkldnn_convolution", 10, 80)
    builder.onednn("jit:uni", 12, 20, "reorder", "undef")
    builder.onednn("jit:avx2", 35, 40, "convolution", "forward_training")
    builder.op("aten::addmm", 200, 50)
    builder.mkl("SGEMM", 210, 30)
    builder.mkl("SGEMM", 300, 5)  # outside all operators
    builder.op("aten::mm", 400, 50)
    builder.op("aten::mm", 410, 50, tid=2)
    builder.mkl("SGEMM", 420, 10)  # inside one on each of two threads
    return read_trace(builder.write(tmp_path / "cpu.pt.trace.json"))


def test_each_kernel_belongs_to_the_only_operator_around_it(trace):
    kernels = trace.cpu_kernels
    assert kernels["op"].isna().tolist() == [False, False, False, True, True]
    assert trace.ops["name"].iloc[kernels["op"].dropna().astype(int)].tolist() == [
        "aten::mkldnn_convolution",
        "aten::mkldnn_convolution",
        "aten::addmm",
    ]
    assert kernels["propagation"].isna().tolist() == [False, False, True, True, True]
    assert kernels["algorithm"].isna().all()


def test_the_books_close(trace):
    times = cpu_kernel_times(trace, operator_times(trace).host_total_ns)
    assert times.total_ns == times.table["total_ns"].sum() == 105_000
    assert (times.attributed_ns, times.unattributed_ns) == (90_000, 15_000)
    assert (times.reorders, times.reorder_ns) == (1, 20_000)


def test_rows_say_what_the_names_tell(trace):
    rows = cpu_kernel_times(trace, 250_000).table.to_dict("records")
    told = [(r["name"], r["operation"], r["pass"], r["calls"], r["total_ns"], r["share"]) for r in rows]
    assert told == [
        ("SGEMM", "gemm", None, 3, 45_000, 0.18),
        ("jit:avx2", "convolution", "fprop", 1, 40_000, 0.16),
        ("jit:uni", "layout_transform", None, 1, 20_000, 0.08),
    ]
    assert rows[0]["layouts"] is None


def test_the_report_shows_them_and_calls_the_reorders_out(trace):
    report = make_report(trace)
    text = report.to_text(width=200)
    assert "CPU kernels" in text
    assert "src abcd dst aBcd8b" in text
    (finding,) = (finding for finding in report.findings if finding.title.startswith("Reorders"))
    assert finding.gain_ns == 20_000


def test_without_any(tmp_path):
    builder = TraceBuilder()
    builder.op("aten::mm", 0, 10)
    trace = read_trace(builder.write(tmp_path / "none.pt.trace.json"))
    times = cpu_kernel_times(trace, 10_000)
    assert (len(times.table), times.total_ns, times.reorders) == (0, 0, 0)
    assert "CPU kernels" not in make_report(trace).to_text()


@pytest.mark.parametrize(
    ("layouts", "short"),
    [
        (LAYOUTS, "src abcd dst aBcd8b"),
        ("src:f32:a:blocked:abcd::f0 bia:undef::undef:::", "src abcd"),
        ("odd", "odd"),
        (None, "–"),
    ],
)
def test_layouts_are_shortened(layouts, short):
    assert short_layouts(layouts) == short
