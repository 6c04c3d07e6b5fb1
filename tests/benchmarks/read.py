"""How fast traces are read, beside other readers on the same bytes and the targets.

    python tests/benchmarks/read.py [--hta-python PYTHON] [--every-trace]

Makes its large input, the events of a shared trace ten times over, in a temporary directory. Every figure is the best
of some repeats that take turns, each in a process of its own, so that other work on the machine hits all alike; what
takes less than a second is repeated within its turn, since a short time is easily hit as a whole. Two figures tell how
disturbed the machine was: where readers are compared, the ratio of their medians beside that of the best; and how much
slower as many processes at once as there are cores are than one alone, as they are where cores are threads of one core,
or others use them. HTA needs an environment of its own, whose interpreter is given; without it, it is left out. With
``--every-trace``, only the shared traces that are one file are read, each by all three readers.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import median
from typing import Any

SHARED = Path(__file__).resolve().parents[3] / "shared" / "traces"
LARGE = "mi300x_stable_diffusion_large.pt.trace.json.gz"

OTHERS = ("torch-tb-profiler", "HTA")

_TIMED = """
import gc, json, os, resource, sys, threading, time
path = sys.argv[1]
{setup}
peak = 0
def watch():
    global peak
    me = os.getpid()
    while True:
        total = 0
        for pid in [me, *children(me)]:
            try:
                with open(f"/proc/{{pid}}/smaps_rollup") as f:
                    total += next(int(line.split()[1]) for line in f if line.startswith("Pss:"))
            except (OSError, StopIteration):
                pass
        peak = max(peak, total)
        time.sleep(0.02)
def children(pid):
    try:
        with open(f"/proc/{{pid}}/task/{{pid}}/children") as f:
            return [int(p) for p in f.read().split()]
    except OSError:
        return []
if {memory}:
    threading.Thread(target=watch, daemon=True).start()
began = time.perf_counter()
{work}
seconds = time.perf_counter() - began
print("RESULT", json.dumps([seconds, peak]))
"""

_READ = (
    "from profiler_kit.formats import read_trace",
    "read_trace(path, cache={cache}, workers={workers})",
)
_WHOLE = (
    """import msgspec
from profiler_kit.formats.events import Detail, event_type
event = event_type(Detail.RARE, exact=False, usual=False)
decoder = msgspec.json.Decoder(msgspec.defstruct("Document", [("traceEvents", list[event])]))
text = open(path, "rb").read()
{gc}""",
    "decoder.decode(text)",
)
_UNTYPED = ("import msgspec\ntext = open(path, 'rb').read()", "msgspec.json.decode(text)")
_DECOMPRESS = (
    "from profiler_kit.formats.places import open_source",
    "for block in open_source(path).blocks(): pass",
)
_DECODE = (
    """import msgspec
from profiler_kit.formats import cutting
from profiler_kit.formats.document import TextBuffer
from profiler_kit.formats.events import Detail, event_type
from profiler_kit.formats.places import open_source
decode = msgspec.json.Decoder(list[event_type(Detail.BULK, exact=False, usual=True)]).decode
gc.disable()""",
    """buffer = TextBuffer(open_source(path).blocks())
buffer.fill(cutting.PIECE_BYTES)
buffer.at = buffer.text.index(b"[", buffer.text.index(b"traceEvents")) + 1
while True:
    buffer.fill(cutting.PIECE_BYTES)
    start = cutting.skip_gap(buffer.text, buffer.at)
    stop = cutting.last_boundary(buffer.text, start)
    if stop < 0:
        break
    decode(b"".join((b"[", memoryview(buffer.text)[start:stop], b"]")))
    buffer.at = stop""",
)
_TB = (
    (
        "import logging; logging.disable(logging.CRITICAL)\n"
        "from torch_tb_profiler.profiler.data import RunProfileData\n"
        "from torch_tb_profiler.io.cache import Cache"
    ),
    "RunProfileData.parse('worker0', None, path, Cache())",
)
_HTA = (
    (
        "import logging; logging.disable(logging.CRITICAL)\nfrom hta.common.trace_parser import parse_trace_dataframe\n"
        "from hta.configs.parser_config import ParserConfig"
    ),
    "parse_trace_dataframe(path, ParserConfig.get_default_cfg())",
)


Measurements = dict[str, "tuple[Any, ...]"]
"""Name of a measurement → what `turn` takes."""


def timed(
    python: str, code: tuple[str, str], path: Path, memory: bool = False, **values: object
) -> tuple[float, float]:
    """Return seconds and peak memory in GB (with all child processes) of reading a file in a process of its own."""
    setup, work = (part.format(**values) if values else part for part in code)
    script = _TIMED.format(setup=setup, work=work, memory=memory)
    # Modules come compiled, as those of an installed package are: a worker starts within the time that is measured.
    environment = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
    command = [python, "-c", script, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, env=environment)
    for line in done.stdout.splitlines():
        if line.startswith("RESULT"):
            seconds, peak = json.loads(line.removeprefix("RESULT"))
            return seconds, peak / 1e6
    raise RuntimeError(done.stderr[-2000:])


def make_large(directory: Path, times: int = 10) -> Path:
    """Write the shared trace with its events repeated."""
    text = gzip.decompress((SHARED / LARGE).read_bytes())
    start = text.index(b"[", text.index(b'"traceEvents"')) + 1
    end = text.rindex(b"]")
    file = directory / "large.json"
    with file.open("wb") as opened:
        opened.write(text[:start])
        for number in range(times):
            opened.write((b", " if number else b"") + text[start:end])
        opened.write(text[end:])
    return file


_TURN_SECONDS = 1.0
_TURN_REPEATS = 5
"""A turn takes as many repeats as it needs for so many seconds, but no more than this."""


def turn(python: str, code: tuple[str, str], path: Path, values: dict[str, object], at_once: int = 1) -> list[float]:
    """Return the times of one turn; of several processes at once, the longest."""
    times: list[float] = []
    with ThreadPoolExecutor(at_once) as pool:
        while not times or (sum(times) < _TURN_SECONDS and len(times) < _TURN_REPEATS):
            running = [pool.submit(timed, python, code, path, **values) for _ in range(at_once)]
            times.append(max(process.result()[0] for process in running))
    return times


def measured(repeats: int, measurements: Measurements) -> dict[str, list[float]]:
    """Return the times of each measurement; they take turns. Another reader that cannot read a file is left out."""
    times: dict[str, list[float]] = {}
    for _ in range(repeats):
        for name, measurement in measurements.items():
            try:
                found = turn(*measurement)
            except RuntimeError:
                if name not in OTHERS:
                    raise
                continue
            times.setdefault(name, []).extend(found)
    return times


def best(repeats: int, measurements: Measurements) -> dict[str, float]:
    """Return the best time of each measurement."""
    return {name: min(times) for name, times in measured(repeats, measurements).items()}


def line(what: str, figure: str, target: str = "", met: bool | None = None) -> None:
    """Print one row of the table."""
    verdict = "" if met is None else "met" if met else "MISSED"
    print(f"{what:58s} {figure:>22s}   {target:22s} {verdict}", flush=True)


def main() -> None:
    """Measure and print the table."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--hta-python", metavar="PYTHON", help="interpreter of an environment that has HTA")
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--every-trace", action="store_true", help="compare the readers on every shared trace")
    arguments = parser.parse_args()
    if not (SHARED / LARGE).is_file():
        sys.exit(f"needs {SHARED / LARGE}")
    here = sys.executable
    if arguments.every_trace:
        every_table(here, arguments.hta_python, arguments.repeats)
        return
    with tempfile.TemporaryDirectory() as directory:
        large = make_large(Path(directory))
        large_table(here, large, arguments.repeats)
    compressed_table(here, arguments.hta_python, arguments.repeats)


def large_table(python: str, large: Path, repeats: int) -> None:
    """Measure the large file."""
    size = large.stat().st_size / 1e9
    times = best(
        repeats,
        {
            "whole": (python, _WHOLE, large, {"gc": "gc.disable()"}),
            "one": (python, _READ, large, {"cache": False, "workers": 1}),
            "all": (python, _READ, large, {"cache": False, "workers": None}),
        },
    )
    whole = times["whole"]
    line(f"{size:.2f} GB of JSON: msgspec, whole, typed, no collector", f"{whole:.2f} s")
    line("  msgspec, whole, typed, as is", f"{timed(python, _WHOLE, large, gc='')[0]:.2f} s")
    line("  msgspec, whole, untyped", f"{timed(python, _UNTYPED, large)[0]:.2f} s")
    one, many = times["one"] / whole, times["all"] / whole
    line("  all tables, one core", f"{times['one']:.2f} s = {one:.2f} ×", "≤ 1.6 × typed whole", one <= 1.6)
    line("  all tables, all cores", f"{times['all']:.2f} s = {many:.2f} ×", "≤ 1.0 × typed whole", many <= 1.0)
    for name, workers in (("one core", 1), ("all cores", None)):
        peak = timed(python, _READ, large, memory=True, cache=False, workers=workers)[1]
        line(f"  peak memory, {name}, with all processes", f"{peak:.2f} GB", "≤ 0.5 GB", peak <= 0.5)


def compressed_table(python: str, hta_python: str | None, repeats: int) -> None:
    """Measure a shared trace as it is, against other readers and the cache."""
    path = SHARED / LARGE
    timed(python, _READ, path, cache=True, workers=None)
    measurements: Measurements = {
        "ours": (python, _READ, path, {"cache": False, "workers": None}),
        "kept": (python, _READ, path, {"cache": True, "workers": None}),
    }
    measurements |= of_others(python, hta_python, path)
    measurements["decompress"] = (python, _DECOMPRESS, path, {})
    measurements["decode"] = (python, _DECODE, path, {})
    cores = len(os.sched_getaffinity(0))
    measurements["at once"] = (python, _DECODE, path, {}, cores)
    found = measured(repeats, measurements)
    times = {name: min(values) for name, values in found.items()}
    line(f"{path.name}: all tables", f"{times['ours']:.3f} s")
    line("  isal alone", f"{times['decompress']:.3f} s")
    line("  isal and msgspec alone, typed, piece by piece", f"{times['decode']:.3f} s")
    slower = median(found["at once"]) / median(found["decode"])
    line(f"    {cores} of these at once, by medians", f"{median(found['at once']):.3f} s = {slower:.2f} ×")
    ratio = times["ours"] / times["kept"]
    line("  again, from the cache", f"{times['kept']:.3f} s = 1/{ratio:.0f}", "≤ 1/10", ratio >= 10)
    for name in OTHERS:
        if name not in times:
            line(f"  {name}", "not measured")
            continue
        ratio = times[name] / times["ours"]
        line(f"  {name}", f"{times[name]:.2f} s = {ratio:.1f} ×", "≥ 15 ×", ratio >= 15)
        medians = median(found[name]) / median(found["ours"])
        line("    by medians", f"{median(found[name]):.2f} s = {medians:.1f} ×")


def of_others(python: str, hta_python: str | None, path: Path) -> Measurements:
    """Return the measurements of the other readers."""
    found: Measurements = {"torch-tb-profiler": (python, _TB, path, {})}
    return found if hta_python is None else found | {"HTA": (hta_python, _HTA, path, {})}


def every_table(python: str, hta_python: str | None, repeats: int) -> None:
    """Measure every shared trace that is one file, smallest first."""
    print(f"{'trace':46s} {'ours':>9s} {'torch-tb-profiler':>20s} {'HTA':>18s}")
    for path in sorted(SHARED.glob("*.json.gz"), key=lambda path: path.stat().st_size):
        ours: Measurements = {"ours": (python, _READ, path, {"cache": False, "workers": None})}
        times = best(repeats, ours | of_others(python, hta_python, path))
        others = [
            f"{times[name]:.3f} s = {times[name] / times['ours']:4.1f} ×" if name in times else "not measured"
            for name in OTHERS
        ]
        print(f"{path.name[:46]:46s} {times['ours']:7.3f} s {others[0]:>20s} {others[1]:>18s}", flush=True)


if __name__ == "__main__":
    main()
