"""Runs to look at: recordings of every class, and traces written to do harm."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

from tests.builders import TraceBuilder

RUNS = {
    "cuda": ("h100_vit_falconsai_bf16.pt.trace.json.gz",),
    "rocm": ("mi300x_vit_falconsai_bf16.pt.trace.json.gz",),
    "memory": ("v100dgx_resnet50_train_memory.pt.trace.json.gz",),
    "ranks": tuple(f"a100x8_megatron_tp8/rank{rank}.pt.trace.json.gz" for rank in range(4)),
}
"""Run → recordings of others in it, where they are at hand."""

CPU = Path(__file__).resolve().parents[2] / "traces" / "batch_1"

HOSTILE_NAMES = (
    "<img src=x onerror=\"document.title='owned'\">",
    "</script><script>document.title='owned'</script>",
    "<!--<script>",
    "\u202egnp.exe\u2066 reversed",
    "javascript:document.title='owned'",
    "${document.title='owned'} `backquotes` {{mustache}}",
    '=HYPERLINK("http://example.com")',
    "line\nbreak\ttab\0nul\u2028separator",
    "long " + "x" * 1_000_000,
)


def write_runs(directory: Path, shared: Path) -> None:
    """Write a run of every class below a directory."""
    for run, names in RUNS.items():
        for name in names:
            if (shared / name).is_file():
                (directory / run).mkdir(parents=True, exist_ok=True)
                shutil.copy(shared / name, directory / run)
    (directory / "cpu").mkdir(parents=True)
    for file in CPU.glob("*.gz"):
        shutil.copy(file, directory / "cpu")
    (directory / "empty").mkdir()
    TraceBuilder().write(directory / "empty" / "worker.pt.trace.json")
    (directory / "broken").mkdir()
    (directory / "broken" / "worker.pt.trace.json").write_text("this is no trace", encoding="utf-8")
    (directory / "hostile <b>run").mkdir()
    hostile(directory / "hostile <b>run" / "worker<i>.pt.trace.json")


def hostile(path: Path) -> Path:
    """Write a trace whose every name is made to do harm."""
    trace = TraceBuilder(deviceProperties=[{"id": 0, "name": HOSTILE_NAMES[0]}])
    trace.metadata["profiler_kit"] = {"environment": {name[:50]: name[:200] for name in HOSTILE_NAMES}}
    for number, name in enumerate(HOSTILE_NAMES):
        start = 100.0 * number
        trace.annotation(f"layer: {name} ({name}) #1", start, 90)
        trace.op(name, start + 1, 80)
        trace.kernel(name, start + 30, 20, launched_at=start + 5)
        trace.copy(name, start + 55, 5, launched_at=start + 10, size=64)
    trace.annotation("ProfilerStep#1", 0, 100.0 * len(HOSTILE_NAMES))
    return trace.write(path)


def small_trace(path: Path, kernel_us: float = 20.0) -> Path:
    """Write a small trace with one operator and one kernel."""
    trace = TraceBuilder()
    trace.op("aten::relu", 0, 50)
    trace.kernel("void relu_kernel<float>(float*)", 60, kernel_us, launched_at=10)
    text = json.dumps({**trace.metadata, "traceEvents": trace.events})
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(text.encode()))
    return path
