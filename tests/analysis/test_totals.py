"""The totals of every real trace against figures that were summed straight from the JSON by another program."""

from __future__ import annotations

import csv
import gzip
import json
from decimal import Decimal

import pytest

from profiler_kit.analysis.work.totals import totals
from profiler_kit.formats import read_trace
from tests.conftest import SHARED

TABLE = SHARED / "oracle" / "totals.tsv"
ROWS = list(csv.DictReader(TABLE.open(), delimiter="\t")) if TABLE.is_file() else []
FLOAT_US = "v100sxm2_resnet_train_float_us.pt.trace.json.gz"


@pytest.mark.skipif(not ROWS, reason="the shared reference figures are not here (shared/ beside the repository)")
@pytest.mark.parametrize("expected", ROWS, ids=[row["file"] for row in ROWS])
def test_totals_equal_the_oracle(expected: dict[str, str]) -> None:
    figures = totals(read_trace(SHARED / "traces" / expected["file"])).in_microseconds()
    for column, text in expected.items():
        if column in ("file", "events_x") or (expected["file"], column) == (FLOAT_US, "gpu_busy_us"):
            continue
        if column.endswith("_us"):
            assert figures[column] == pytest.approx(float(text), abs=0.06, rel=2e-6), column
        else:
            assert figures[column] == int(text), column


@pytest.mark.skipif(not ROWS, reason="the shared reference figures are not here (shared/ beside the repository)")
def test_busy_time_where_the_oracle_loses_digits() -> None:
    """This file has absolute µs with decimals, which float64 rounds to 0.25 µs: the oracle's union comes out longer

    than the sum of its parts, which no union can be. Exact decimal arithmetic decides.
    """
    path = SHARED / "traces" / FLOAT_US
    events = json.loads(gzip.decompress(path.read_bytes()), parse_float=Decimal)["traceEvents"]
    gpu = [e for e in events if e.get("ph") == "X" and e.get("cat") in ("kernel", "gpu_memcpy", "gpu_memset")]
    busy, reach = Decimal(0), Decimal(0)
    for start, end in sorted((e["ts"], e["ts"] + e["dur"]) for e in gpu):
        if end > reach:
            busy += end - max(start, reach)
            reach = end
    oracle = next(Decimal(row["gpu_busy_us"]) for row in ROWS if row["file"] == FLOAT_US)
    assert oracle > sum(e["dur"] for e in gpu)
    assert totals(read_trace(path)).gpu_busy_ns == busy * 1000
