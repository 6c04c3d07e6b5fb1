"""Exact nanoseconds from text."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler_kit.formats.events import MISSING
from profiler_kit.formats.nanoseconds import of_microseconds, of_text
from profiler_kit.formats.quantities import MICROSECONDS, NeedsText, integers, times

TEXTS = st.tuples(st.integers(0, 9 * 10**15 - 1), st.integers(0, 999), st.integers(0, 3)).map(
    lambda t: f"{t[0]}.{t[1]:03d}"[: len(str(t[0])) + 1 + t[2]] if t[2] else str(t[0])
)


@given(st.lists(TEXTS, min_size=1, max_size=20))
def test_no_nanosecond_is_lost(texts):
    expected = [int(Decimal(text) * 1000) for text in texts]
    raw = msgspec.json.decode("[" + ",".join(texts) + "]", type=list[msgspec.Raw])
    assert of_text(raw).tolist() == expected
    try:
        unit, found = times(msgspec.json.decode("[" + ",".join(texts) + "]"))
    except NeedsText:
        assert any(Decimal(text) >= 2**43 for text in texts)
    else:
        assert unit == MICROSECONDS
        assert of_microseconds(np.array(found)).tolist() == expected


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (7, 7), (7.0, 7), ("7", 7), ("-7", -7), (2**64 - 1, -1), (-(2**63) + 1, -(2**63) + 1),
        (7.5, MISSING), ("7.5", MISSING), (2**64, MISSING), (None, MISSING), ([7], MISSING), ({}, MISSING),
    ],
)  # fmt: skip
def test_integers(value, expected):
    assert integers([1, value]).tolist() == [1, expected]
