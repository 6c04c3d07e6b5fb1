"""How fast the page is, in a real headless Chromium: first useful paint, frames of a large timeline, bundle size.

    python -m tests.benchmarks.page [TRACE] [--slices N] [--repeats N]

First useful paint is the time from opening TensorBoard's address to the overview being there: cold with an empty cache
of parsed traces, warm with the trace in it; TensorBoard itself has just been started each time. Of that, TensorBoard's
own share is the time until it makes the plugin's frame, before which the plugin cannot do anything. Frames are those of
zooming and panning a timeline with the keys W, S, A and D, one each: what the page takes to draw it, and the time from
one frame of the browser to the next. They begin as soon as the timeline is there.
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
SIZES = ((1280, 720), (2560, 1440))
KEYS = "wwwwwwwwwwwwddddddaaaawwwwwwddddssssssssssssssssssaaaaddddwwwwwwwwwwwwssssssssssss"

_OF_TENSORBOARD = "return performance.timeOrigin - parent.performance.timeOrigin"

_FRAMES = """
const [canvas, keys, done] = arguments, drawn = [], apart = [];
let at = 0, last = 0;
function frame(now) {
  if (last) { apart.push(now - last); drawn.push(Number(canvas.dataset.frameMs)); }
  last = now;
  if (at >= keys.length) return done([drawn, apart]);
  canvas.dispatchEvent(new KeyboardEvent("keydown", { key: keys[at++], bubbles: true, cancelable: true }));
  requestAnimationFrame(frame);
}
requestAnimationFrame(frame);
"""
"""Presses a key each frame; the frame after it is the one that it caused."""


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("trace", nargs="?", type=Path, default=TRACE)
    parser.add_argument("--slices", type=int, default=1_000_000)
    parser.add_argument("--repeats", type=int, default=3)
    arguments = parser.parse_args()
    for name in ("index.js", "charts.js"):
        content = resources.files("profiler_kit").joinpath("tb_plugin/static", name).read_bytes()
        print(f"{name}: {len(gzip.compress(content, 9)) / 1000:.1f} kB gzipped, {len(content) / 1000:.1f} kB")
    driver = start_browser()
    try:
        with tempfile.TemporaryDirectory() as directory:
            paint(driver, Path(directory), arguments.trace, arguments.repeats)
        with tempfile.TemporaryDirectory() as directory:
            frames(driver, Path(directory), arguments.slices)
    finally:
        driver.quit()


def paint(driver: Any, directory: Path, trace: Path, repeats: int) -> None:
    """Print first useful paint, cold and warm in turns."""
    runs = directory / "runs"
    (runs / "one").mkdir(parents=True)
    shutil.copy(trace, runs / "one" / FILE)
    times: dict[str, list[tuple[float, float]]] = {"cold": [], "warm": []}
    for turn in range(repeats):
        os.environ["XDG_CACHE_HOME"] = str(directory / f"cache_{turn}")
        for state in times:
            times[state].append(first_paint(driver, runs))
    for state, taken in times.items():
        whole, shell = (sorted(column) for column in zip(*taken, strict=True))
        print(f"first useful paint, {state}: {_seconds(whole)}, of which TensorBoard's own {_seconds(shell)}")


def first_paint(driver: Any, runs: Path) -> tuple[float, float]:
    """Return seconds from opening the address to the overview, and those until TensorBoard made the plugin's frame."""
    server = Server(runs, alone=True)
    try:
        page = Page(driver, server.address)
        driver.get("about:blank")
        began = time.perf_counter()
        page.open("overview", run="one", file=FILE)
        return time.perf_counter() - began, float(driver.execute_script(_OF_TENSORBOARD)) / 1000
    finally:
        server.stop()


def frames(driver: Any, directory: Path, slices: int) -> None:
    """Print what frames of a large timeline take, in windows of every size."""
    os.environ["XDG_CACHE_HOME"] = str(directory / "cache")
    runs = directory / "runs"
    (runs / "one").mkdir(parents=True)
    write_large(runs / "one" / FILE, slices)
    server = Server(runs, alone=True)
    try:
        page = Page(driver, server.address)
        for size in SIZES:
            driver.set_window_size(*size)
            page.open("timeline", run="one", file=FILE)
            canvas = page.one('[data-testid="timeline-canvas"][data-state="ready"]')
            drawn, apart = driver.execute_async_script(_FRAMES, canvas, KEYS)
            count = server.get("plugin/profiler_kit/timeline", run="one", file=FILE)["slices"]
            print(
                f"timeline of {count:,} slices at {size[0]}x{size[1]}, {len(drawn)} frames: "
                f"drawing {_spread(drawn)}; from frame to frame {_spread(apart)}"
            )
    finally:
        server.stop()


def _seconds(ordered: list[float]) -> str:
    return f"median {statistics.median(ordered):.2f} s ({ordered[0]:.2f} to {ordered[-1]:.2f})"


def _spread(milliseconds: list[float]) -> str:
    ordered = sorted(milliseconds)
    p95 = ordered[int(0.95 * len(ordered))]
    return f"median {statistics.median(ordered):.1f} ms, p95 {p95:.1f} ms, longest {ordered[-1]:.1f} ms"


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
