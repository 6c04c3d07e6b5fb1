"""How fast the page is, in a real headless Chromium: first useful paint, frames of a large timeline, bundle size.

    python -m tests.benchmarks.page [TRACE] [--slices N]

First useful paint is the time from opening TensorBoard's address to the overview being there: cold with an empty cache
of parsed traces, warm with the trace in it; TensorBoard itself has just been started both times. Frames are those that
the timeline takes to draw, by its own account, while it zooms and pans with the keys W, S, A and D.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import shutil
import statistics
import tempfile
import time
from importlib import resources
from pathlib import Path
from typing import Any

from tests.browser.page import Page, start_browser
from tests.tensorboard_server import Server

TRACE = Path(__file__).resolve().parents[3] / "shared" / "traces" / "mi300x_stable_diffusion_large.pt.trace.json.gz"
FILE = "worker.pt.trace.json.gz"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", nargs="?", type=Path, default=TRACE)
    parser.add_argument("--slices", type=int, default=1_000_000)
    arguments = parser.parse_args()
    bundle = resources.files("profiler_kit").joinpath("tb_plugin/static/index.js").read_bytes()
    print(f"bundle: {len(gzip.compress(bundle, 9)) / 1000:.1f} kB gzipped, {len(bundle) / 1000:.1f} kB")
    driver = start_browser()
    try:
        with tempfile.TemporaryDirectory() as directory:
            os.environ["XDG_CACHE_HOME"] = f"{directory}/cache"
            runs = Path(directory) / "runs"
            (runs / "one").mkdir(parents=True)
            shutil.copy(arguments.trace, runs / "one" / FILE)
            for state in ("cold", "warm"):
                print(f"first useful paint, {state}: {first_paint(driver, runs):.2f} s")
        with tempfile.TemporaryDirectory() as directory:
            os.environ["XDG_CACHE_HOME"] = f"{directory}/cache"
            runs = Path(directory) / "runs"
            (runs / "one").mkdir(parents=True)
            write_large(runs / "one" / FILE, arguments.slices)
            frames, slices = timeline_frames(driver, runs)
            worst = sorted(frames)[int(0.95 * len(frames))]
            print(
                f"timeline of {slices:,} slices: {len(frames)} frames, median {statistics.median(frames):.1f} ms, "
                f"p95 {worst:.1f} ms, longest {max(frames):.1f} ms"
            )
    finally:
        driver.quit()


def first_paint(driver: Any, runs: Path) -> float:
    """Return seconds from opening the address to the overview."""
    server = Server(runs, alone=True)
    try:
        page = Page(driver, server.address)
        driver.get("about:blank")
        began = time.perf_counter()
        page.open("overview", run="one", file=FILE)
        return time.perf_counter() - began
    finally:
        server.stop()


def timeline_frames(driver: Any, runs: Path) -> tuple[list[float], int]:
    """Return what drawing took, in ms, while zooming in, panning and zooming out again; and the number of slices."""
    server = Server(runs, alone=True)
    try:
        page = Page(driver, server.address).open("timeline", run="one", file=FILE)
        canvas = page.one('[data-testid="timeline-canvas"][data-state="ready"]')
        slices = server.get("plugin/profiler_kit/timeline", run="one", file=FILE)["slices"]
        frames = [float(canvas.get_attribute("data-frame-ms"))]
        for key in "wwwwwwddddddaaaawwwwwwddddssssssssss":
            canvas.send_keys(key)
            time.sleep(0.05)
            frames.append(float(canvas.get_attribute("data-frame-ms")))
        return frames, slices
    finally:
        server.stop()


def write_large(path: Path, slices: int) -> None:
    """Write a made-up trace: operators in operators with launches in them, and a kernel each."""
    events = []
    for number in range(slices // 4):
        at, ids = 10 * number, {"correlation": number}
        host, names = {"ph": "X", "pid": 1, "tid": 1}, (f"aten::outer_{number % 97}", f"aten::inner_{number % 89}")
        events.append({**host, "cat": "cpu_op", "name": names[0], "ts": at, "dur": 9})
        events.append({**host, "cat": "cpu_op", "name": names[1], "ts": at + 1, "dur": 6})
        events.append({**host, "cat": "cuda_runtime", "name": "cudaLaunchKernel", "ts": at + 2, "dur": 2, "args": ids})
        kernel = {"ph": "X", "cat": "kernel", "name": f"kernel_{number % 53}", "pid": 0, "tid": 7, "ts": at + 5}
        events.append({**kernel, "dur": 9, "args": {"device": 0, "stream": 7, **ids}})
    with gzip.open(path, "wt", compresslevel=1) as file:
        json.dump({"schemaVersion": 1, "traceEvents": events}, file)


if __name__ == "__main__":
    main()
