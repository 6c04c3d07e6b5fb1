"""Busy time, idle time and overlap beside the reference sums, HTA and torch-tb-profiler, on the shared traces.

    python tests/benchmarks/compare_timeline.py [--hta-python PYTHON] [TRACE ...]

HTA needs an environment of its own, whose interpreter is given (0.5.0 was looked at; it takes minutes for all traces).
Every tool is asked for the same thing as far as it can be; a figure that differs is marked. torch-tb-profiler (0.4.3)
agreed wherever it was seen to end. Why HTA differs was put to the test: with what is named below taken out of the
file, its figures equal ours as far as its floating-point µs go. Who is right where the others differ:

* **Reference sums, v100sxm2_resnet_train_float_us**: busy 472,462.500 µs, we say 472,454.441. The reference adds
  absolute µs (1.7e15) in float64, which has steps of 0.25 µs there; its union is longer than the sum of its parts.
  Exact decimals say what we say (``tests/analysis/test_totals.py``).
* **HTA rounds to whole µs** unless HTA_DISABLE_NS_ROUNDING is set, as it is here. Rounded, the 154 kernels of
  h100_vit_falconsai_bf16 lose 156 of their 1,221 µs; unrounded it says what we say.
* **HTA leaves out the last profiler step** unless told otherwise, as here. By default its idle time of
  hta_trace_diff_control is 62.1 ms of 383.4; that of the whole recording is 76.0 of 464.6. We keep every step, and
  mark those that are cut.
* **HTA drops kernels whose launch is not in the trace**: v100_resnet50_train_2021_schema has 708 of them, 35.1 ms, and
  hta_trace_diff_test 614 activities. They ran, so we count them, as the reference does. Without them both tools say
  263.654 and 51.692 ms idle.
* **HTA takes waits for kernels**: what a trace records of a stream that waits for an event (``cuda_sync``) has a
  stream, and that is by what HTA tells the device's events. event_sync_multi_stream has one of 2 µs; HTA's compute
  time is 371 µs, its three kernels of 123 µs are 369. In a100_alexnet_inference its span even ends with a wait of the
  host, 75 ms after the last kernel. Without those events both say 19,134 and 12,854,103 µs idle.
* **HTA takes Triton's host operators for kernels**: what Inductor writes of their launch is an operator whose
  arguments have a stream. mi300x_stable_diffusion_large has 2,076, b200_llm_eager one: HTA's compute time of the first
  is 727.1 ms, but the durations of all its kernels add up to 712.0. Without that argument both say 459.139 and 72.891
  ms idle.
* **HTA's idle breakdown is the span less the sum of all durations**, so where kernels of one stream overlap, as in
  b200_llm_eager (69 µs) and mi300x_vllm_graph_replay (0.11 µs), that time is taken off the idle time.
* **HTA knows no communication but NCCL's**: the 2.1 ms of ``multimem_all_reduce_kernel`` in b200_llm_eager
  count as compute there.
* **Other definitions**: HTA's non-compute time is our exposed communication, copies and memsets together; its
  communication overlap is our hidden communication as a share; its idle breakdown is by stream, so that a stream that
  has nothing to do while another computes is idle: it is compared only where there is one stream. torch-tb-profiler's
  utilisation counts kernels only (no copies, no memsets) between the first step's beginning and the last one's end.
"""

from __future__ import annotations

import argparse
import csv
import json
import logging
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from profiler_kit.analysis.device_time.device_states import ActiveDevices, active_devices, inside_ns
from profiler_kit.analysis.device_time.device_time import DeviceTime, device_time
from profiler_kit.analysis.device_time.device_time_classes import COMMUNICATION, COMPUTE
from profiler_kit.analysis.work.layer_of_op import layers_of_ops
from profiler_kit.formats import read_trace

SHARED = Path(__file__).resolve().parents[3] / "shared"

_HTA = """
import json, logging, os, sys, warnings
logging.disable(logging.CRITICAL)
warnings.simplefilter("ignore")
from hta.trace_analysis import TraceAnalysis
path = sys.argv[1]
analysis = TraceAnalysis(trace_files={0: path}, trace_dir=os.path.dirname(path), include_last_profiler_step=True)
row = analysis.get_temporal_breakdown(visualize=False).iloc[0]
found = {name: float(row[name + "_time(us)"]) for name in ("idle", "compute", "non_compute", "kernel")}
try:
    found["overlap"] = float(analysis.get_comm_comp_overlap(visualize=False)["comp_comm_overlap_pctg"].iloc[0])
except Exception:
    found["overlap"] = None
try:
    idle = analysis.get_idle_time_breakdown(ranks=[0], visualize=False)[0]
    found["by_stream"] = {int(s): float(part["idle_time"].sum()) for s, part in idle.groupby("stream")}
except Exception:
    found["by_stream"] = None
print("RESULT", json.dumps(found))
"""

_NEAR = 0.06
"""µs within which figures of integer or decimal µs agree."""


def ask_hta(python: str, path: Path) -> dict | None:
    """Return HTA's figures in µs (shares in percent), None if it fails."""
    exact = {**os.environ, "HTA_DISABLE_NS_ROUNDING": "1"}
    done = subprocess.run([python, "-c", _HTA, str(path)], capture_output=True, text=True, check=False, env=exact)
    lines = [line for line in done.stdout.splitlines() if line.startswith("RESULT")]
    return json.loads(lines[-1].removeprefix("RESULT")) if lines else None


def ask_tensorboard(path: Path) -> tuple[float, float, float] | None:
    """Return torch-tb-profiler's GPU utilisation and the µs between which it holds, None if it has none."""
    from torch_tb_profiler.io.cache import Cache
    from torch_tb_profiler.profiler.data import RunProfileData
    from torch_tb_profiler.profiler.gpu_metrics_parser import GPUMetricsParser

    windows = []
    calculate = GPUMetricsParser.calculate_gpu_utilization

    def noting(self: object, first: float, last: float, start: float, end: float) -> None:
        windows.append((float(start), float(end)))
        calculate(self, first, last, start, end)

    GPUMetricsParser.calculate_gpu_utilization = noting
    try:
        data = RunProfileData.parse("worker0", None, str(path), Cache())
    except Exception:  # whatever it stumbles over, it has no figure
        return None
    finally:
        GPUMetricsParser.calculate_gpu_utilization = calculate
    used = [share for share in data.gpu_metrics_parser.gpu_utilization if share is not None]
    return (used[0], *windows[0]) if used and windows else None


def line(what: str, ours: float, theirs: float | None, unit: str = "µs", near: float = _NEAR) -> None:
    """Print one figure beside another's."""
    if theirs is None:
        print(f"  {what:44s} {ours:>16,.3f} {'–':>16s} {unit}")
        return
    differs = "" if abs(ours - theirs) <= max(near, 2e-6 * abs(theirs)) else f"  differs by {ours - theirs:+,.3f}"
    print(f"  {what:44s} {ours:>16,.3f} {theirs:>16,.3f} {unit}{differs}")


def compare(path: Path, reference: dict[str, str] | None, hta_python: str | None) -> None:
    """Print the figures of one trace."""
    trace = read_trace(path)
    found = device_time(trace, layers_of_ops(trace))
    active = active_devices(trace)
    print(f"\n{path.relative_to(SHARED / 'traces')}: ours, theirs")
    devices, classes = found.idle.devices, found.overlap.classes
    if not len(devices):
        print("  no GPU activity")
        return
    if reference:
        line("reference: busy", devices["busy_ns"].sum() / 1e3, float(reference["gpu_busy_us"]))
        line("reference: span", devices["span_ns"].sum() / 1e3, float(reference["gpu_span_us"]))
    if hta_python and (told := ask_hta(hta_python, path)):
        exposed = classes.set_index("class")["exposed_ns"]
        line("HTA: idle", devices["idle_ns"].sum() / 1e3, told["idle"])
        line("HTA: compute", exposed.get(COMPUTE, 0) / 1e3, told["compute"])
        line("HTA: not compute", exposed.drop(COMPUTE, errors="ignore").sum() / 1e3, told["non_compute"])
        if (hidden := _hidden(found)) is not None:
            line("HTA: communication that computing hides", hidden, told["overlap"], "%", near=0.006)
        streams = told["by_stream"] or {}
        if len(streams) == 1:
            line("HTA: idle by its breakdown, one stream", devices["idle_ns"].sum() / 1e3, sum(streams.values()))
    if told_tb := ask_tensorboard(path):
        line("torch-tb-profiler: GPU utilisation", _utilisation(active, told_tb[1:]), 100 * told_tb[0], "%", 0.06)


def _hidden(found: DeviceTime) -> float | None:
    """Return the share of communication in percent during which a compute kernel runs, None without communication."""
    rows = found.overlap.matrix
    both = rows[(rows["class"] == COMMUNICATION) & rows["other"].isin([COMPUTE, COMMUNICATION])].set_index("other")[
        "ns"
    ]
    return 100 * both[COMPUTE] / both[COMMUNICATION] if both[COMMUNICATION] else None


def _utilisation(active: ActiveDevices, window_us: tuple[float, float]) -> float:
    """Return the share in percent of a window during which the first device runs a kernel."""
    start, end = (np.array([round(us * 1000)]) for us in window_us)
    inside = inside_ns(active.states[0].running(COMPUTE, COMMUNICATION), start, end)
    return 100 * float(inside[0] / (end[0] - start[0])) if end[0] > start[0] else float("nan")


def main() -> None:
    """Compare all shared traces, or those given."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("traces", nargs="*", metavar="TRACE", help="names below shared/traces (default: all)")
    parser.add_argument("--hta-python", metavar="PYTHON", help="interpreter of an environment that has HTA")
    arguments = parser.parse_args()
    logging.disable(logging.CRITICAL)
    table = SHARED / "oracle" / "totals.tsv"
    if not table.is_file():
        sys.exit(f"needs {table}")
    rows = {row["file"]: row for row in csv.DictReader(table.open(), delimiter="\t")}
    for name in arguments.traces or list(rows):
        compare(SHARED / "traces" / name, rows.get(name), arguments.hta_python)


if __name__ == "__main__":
    main()
