"""Comparing whole traces."""

from __future__ import annotations

import pandas as pd

from profiler_kit.trace import Trace
from profiler_kit.trace.schema import TABLES


def assert_same_tables(a: Trace, b: Trace) -> None:
    """Raise an AssertionError unless all tables of two traces are the same."""
    for table in (*TABLES, "signatures", "threads"):
        pd.testing.assert_frame_equal(getattr(a, table), getattr(b, table), obj=table)
