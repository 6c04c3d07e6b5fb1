"""One unit a column, by hand."""

from __future__ import annotations

import pytest

from profiler_kit.report.quantities import unit_of


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        ([16e9, 6e6, 4e6], "ms"),  # in s, the typical 0.006 has one digit
        ([16e9, 60e6, 4e6], "s"),  # 0.060 has two
        ([5e6, 4_000, 3_000], "µs"),  # in ms, 0.004 has one
        ([2e9, 0, 0, 0, 1e9], "s"),  # zeros have no digits to lose
        ([-16e9, -6e6, None], "s"),  # of two, the larger
        ([0, None], "ns"),
        ([1.5e9], "s"),
    ],
)
def test_the_unit_keeps_digits_of_the_typical_row(values: list[float | None], unit: str) -> None:
    assert unit_of("duration", values)[1] == unit
