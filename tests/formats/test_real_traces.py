"""The shared traces, held to reference figures and a plain derivation: directly, in parallel, through the cache."""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from profiler_kit.formats import cache as cache_module
from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace, row_numbers
from profiler_kit.trace.intervals import union_ns
from tests.formats.tables import assert_same_tables

SHARED = Path(__file__).resolve().parents[3] / "shared"
TOTALS = SHARED / "oracle" / "totals.tsv"
ROWS = list(csv.DictReader(TOTALS.open(), delimiter="\t")) if TOTALS.is_file() else []

pytestmark = pytest.mark.skipif(not ROWS, reason="the shared traces are not here (shared/ beside the repository)")
each_trace = pytest.mark.parametrize("expected", ROWS, ids=[row["file"].split(".")[0] for row in ROWS])


def figures(trace: Trace) -> dict[str, float]:
    """Compute the reference figures that come straight from the columns."""
    kernels, copies = trace.kernels, trace.copies
    is_memcpy = (copies["kind"] == "memcpy").to_numpy()
    busy = 0
    devices = np.concatenate([t["device"].to_numpy(np.int64, na_value=-1) for t in (kernels, copies)])
    starts = np.concatenate([t["start_ns"].to_numpy() for t in (kernels, copies)])
    ends = np.concatenate([(t["start_ns"] + t["duration_ns"]).to_numpy() for t in (kernels, copies)])
    for device in np.unique(devices):
        busy += union_ns(starts[devices == device], ends[devices == device])
    return {
        "kernels": len(kernels),
        "distinct_kernels": kernels["name"].nunique(),
        "kernel_us": kernels["duration_ns"].sum() / 1000,
        "copies": is_memcpy.sum(),
        "copy_us": copies["duration_ns"][is_memcpy].sum() / 1000,
        "copy_bytes": copies["bytes"][is_memcpy].sum(),
        "memsets": (~is_memcpy).sum(),
        "memset_us": copies["duration_ns"][~is_memcpy].sum() / 1000,
        "gpu_busy_us": busy / 1000,
        "kernels_launched": kernels["launch"].notna().sum(),
        "kernels_in_op": kernels["op"].notna().sum(),
        "steps": len(trace.health.steps),
    }


@each_trace
def test_reference_figures_directly_and_through_the_cache(expected, monkeypatch):
    monkeypatch.setattr(cache_module, "SMALLEST_BYTES", 0)
    path = SHARED / "traces" / expected["file"]
    read = read_trace(path)
    again = read_trace(path)
    assert_same_tables(read, again)
    assert (read.health, read.dialect, read.metadata) == (again.health, again.dialect, again.metadata)
    for trace in (read, again):
        for name, value in figures(trace).items():
            if expected.get(name) in (None, ""):
                continue
            # The reference adds up absolute µs in float64, which moves a union by up to 0.25 µs an edge.
            loose = 0.002 if name == "gpu_busy_us" else 2e-6
            assert value == pytest.approx(float(expected[name]), rel=loose, abs=0.06), name
        assert trace.health.cut_at is None
        assert trace.health.damaged_at is None


def derived_by_hand(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Derive some columns with nothing but `json` and exact decimals."""
    text = gzip.decompress(path.read_bytes()).decode("utf-8", "replace")
    events = json.loads(text, strict=False, parse_float=Decimal)["traceEvents"]
    tables: dict[str, list[tuple[Any, ...]]] = {"ops": [], "kernels": [], "launches": [], "flows": [], "functions": []}
    for event in events:
        category, args = event.get("cat", ""), event.get("args") or {}
        start = int(event["ts"] * 1000)
        if event["ph"] in "sf" and category:
            tables["flows"].append((start, event["id"], event["ph"] == "f"))
        if event["ph"] != "X":
            continue
        row = (start, int(event["dur"] * 1000), event["name"])
        if category in ("cpu_op", "Operator"):
            dims = args.get("Input Dims", args.get("Input dims"))
            tables["ops"].append((*row, str(event["tid"]), json.dumps(dims), args.get("Sequence number")))
        elif category.lower() == "kernel":
            tables["kernels"].append((*row, args["device"], args["stream"], args["correlation"], tuple(args["grid"])))
        elif category in ("cuda_runtime", "cuda_driver", "Runtime"):
            tables["launches"].append((*row, str(event["tid"]), args.get("correlation")))
        elif category == "python_function":
            tables["functions"].append((*row, args["Python id"], args.get("Python module id")))
    return tables


def read_back(trace: Trace) -> dict[str, list[tuple[Any, ...]]]:
    """Return the same as `derived_by_hand` from a trace."""

    def column(table: Any, name: str) -> list[Any]:
        values = table[name]
        return [None if missing else v for v, missing in zip(values.astype(object), values.isna(), strict=True)]

    def rows(table: Any, *more: Any) -> list[tuple[Any, ...]]:
        return list(
            zip(column(table, "start_ns"), column(table, "duration_ns"), column(table, "name"), *more, strict=True)
        )

    def tids(table: Any) -> list[str]:
        return trace.threads["tid"].to_numpy()[table["thread"]].tolist()

    ops, kernels = trace.ops, trace.kernels
    dims = [*map(json.dumps, trace.signatures["input_dims"]), "null"]
    grid = zip(*(column(kernels, f"grid_{axis}") for axis in "xyz"), strict=True)
    functions = trace.python_functions
    ids = (column(functions, "python_id"), column(functions, "python_module_id"))
    return {
        "ops": rows(ops, tids(ops), [dims[n] for n in row_numbers(ops["signature"])], column(ops, "sequence")),
        "kernels": rows(kernels, *(column(kernels, c) for c in ("device", "stream", "correlation")), grid),
        "launches": rows(trace.launches, tids(trace.launches), column(trace.launches, "correlation")),
        "flows": list(zip(*(column(trace.flows, c) for c in ("start_ns", "id", "end")), strict=True)),
        "functions": rows(functions, *ids),
    }


@pytest.mark.parametrize(
    "name",
    [
        "event_sync_multi_stream",
        "a100_alexnet_inference",
        "a100pcie_particle_transformer",
        "h100_vit_falconsai_bf16",
        "mi300x_resnet18_ddp_train",
        "v100_resnet50_train_2021_schema",
        "v100sxm2_resnet_train_float_us",
    ],
)
def test_columns_are_what_plain_json_says(name):
    path = SHARED / "traces" / f"{name}.pt.trace.json.gz"
    expected = derived_by_hand(path)
    found = read_back(read_trace(path, cache=False))
    for table, rows in expected.items():
        assert sorted(found[table], key=repr) == sorted(rows, key=repr), table


def test_with_worker_processes_it_is_the_same_trace():
    path = SHARED / "traces" / "h100_timesformer_bf16.pt.trace.json.gz"
    alone, together = read_trace(path, cache=False, workers=1), read_trace(path, cache=False, workers=2)
    assert_same_tables(alone, together)
    assert (alone.health, alone.dialect, alone.metadata) == (together.health, together.dialect, together.metadata)
