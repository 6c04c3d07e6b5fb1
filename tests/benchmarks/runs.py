"""Time per event of memory, ranks, diff and checks, on ever longer recordings: no step may grow faster than them.

    python tests/benchmarks/runs.py [--events 200000 2000000 8000000]

The recordings are the tables of shared traces repeated one after the other, so that nothing has to be written or read.
Time per event must not grow with the number of events; what is printed is the processor time of the better
of two turns, in µs per event (``timeline.py`` prints it too).
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from profiler_kit.analysis.device_time.memory_use import memory_use
from profiler_kit.analysis.findings.checks import MEASURES, Rule, check
from profiler_kit.analysis.ranks.rank_times import rank_times
from profiler_kit.analysis.runs.run_diff import diff_runs
from profiler_kit.formats import read_ranks, read_trace
from profiler_kit.trace import Trace, build_trace
from profiler_kit.trace.health import STEP_PREFIX
from profiler_kit.trace.schema import TABLES

SHARED = Path(__file__).resolve().parents[3] / "shared" / "traces"
GAP_NS = 1_000_000


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--events", type=int, nargs="+", default=[200_000, 2_000_000, 8_000_000])
    print_by_size(parser.parse_args().events)


def print_by_size(sizes: list[int]) -> None:
    """Print the time per event at every size."""
    control, qwen = (
        read_trace(SHARED / f"{name}.pt.trace.json.gz") for name in ("hta_trace_diff_control", "h100_qwen_bf16")
    )
    ranks = read_ranks(SHARED / "a100x8_megatron_tp8")
    rules = [Rule(name, minimum=0) for name in MEASURES]
    print(f"{'events':>12}" + "".join(f"{name:>12}" for name in ("memory", "ranks", "diff", "check")))
    for events in sizes:
        long = repeated(control, events)
        cells = [
            per_event(lambda trace: memory_use(trace), repeated(qwen, events)),
            per_event_of_ranks({rank: repeated(trace, events // 8) for rank, trace in ranks.items()}),
            per_event(lambda trace: diff_runs(trace, trace), long) / 2,
            per_event(lambda trace: check(trace, rules), long),
        ]
        print(f"{events:>12,}" + "".join(f"{cell:>12.2f}" for cell in cells))


def per_event(work: Callable[[Trace], Any], trace: Trace) -> float:
    """Return the best time of two turns, in µs per event."""
    return timed(lambda: work(trace)) / count(trace)


def per_event_of_ranks(traces: Mapping[int, Trace]) -> float:
    """Return the same for all ranks together."""
    return timed(lambda: rank_times(traces)) / sum(map(count, traces.values()))


def timed(work: Callable[[], Any]) -> float:
    """Return the best processor time of two turns, in µs."""
    times = []
    for _ in range(2):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times) * 1e6


def count(trace: Trace) -> int:
    """Return the number of rows of all tables."""
    return sum(len(getattr(trace, table)) for table in TABLES)


def repeated(trace: Trace, events: int) -> Trace:
    """Return a trace of about so many events: copies of one, one after the other, with steps of their own."""
    copies = max(round(events / count(trace)), 1)
    names = list(trace.ops["name"].cat.categories)
    tables = {table: getattr(trace, table) for table in TABLES}
    filled = {name: frame for name, frame in tables.items() if len(frame)}
    first = min(int(frame["start_ns"].min()) for frame in filled.values())
    ends = [frame["start_ns"] + frame.get("duration_ns", 0) for frame in filled.values()]
    shift = np.arange(copies) * (max(int(end.max()) for end in ends) - first + GAP_NS)
    ids = 1 + max(int(frame["correlation"].max()) for frame in filled.values() if frame.get("correlation") is not None)
    columns = {name: _columns(name, frame, copies, shift, ids) for name, frame in filled.items()}
    _renumber_steps(columns["annotations"], names, copies)
    return build_trace(
        trace.source,
        metadata=trace.metadata,
        epoch_ns=trace.epoch_ns,
        health=trace.health,
        names=names,
        tables=columns,
        signatures=list(trace.signatures.itertuples(index=False, name=None)),
        threads=list(trace.threads.itertuples(index=False, name=None)),
        dialect=trace.dialect,
    )


def _columns(table: str, frame: pd.DataFrame, copies: int, shift: np.ndarray, ids: int) -> dict[str, Any]:
    """Repeat the columns of one table; times and correlations go on counting."""
    columns: dict[str, Any] = {}
    for column in TABLES[table]:
        if column.derived:
            continue
        values = frame[column.name]
        if column.dtype == "category":
            columns[column.name] = np.tile(values.cat.codes.to_numpy(), copies)
        elif column.dtype in ("Int64", "Float64"):
            mask = values.isna().to_numpy()
            known = values.to_numpy(dtype=column.dtype.lower(), na_value=0)
            more = np.repeat(np.arange(copies) * ids, len(frame)) if column.name == "correlation" else 0
            columns[column.name] = (np.tile(known, copies) + more, np.tile(mask, copies))
        else:
            columns[column.name] = np.tile(values.to_numpy(), copies)
    columns["start_ns"] = columns["start_ns"] + np.repeat(shift, len(frame))
    return columns


def _renumber_steps(annotations: dict[str, Any], names: list[str], copies: int) -> None:
    """Give every copy's steps numbers of their own, in place."""
    codes = annotations["name"].reshape(copies, -1).astype(np.int32)
    steps = [code for code in np.unique(codes) if names[code].startswith(STEP_PREFIX)]
    for copy in range(1, copies):
        for code in steps:
            number = int(names[code].removeprefix(STEP_PREFIX))
            names.append(f"{STEP_PREFIX}{number + 10_000 * copy}")
            codes[copy][codes[copy] == code] = len(names) - 1
    annotations["name"] = codes.reshape(-1)


if __name__ == "__main__":
    main()
