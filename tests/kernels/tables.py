"""The form of a family's test table: a name, and the facts that its tokens state."""

from __future__ import annotations

from typing import Any

import pytest

from profiler_kit.kernels import identify

Table = list[tuple[str, dict[str, Any]]]


def rows(table: Table) -> list[Any]:
    """Turn a table into pytest's parameters."""
    return [pytest.param(name, facts, id=name[:70]) for name, facts in table]


def check(name: str, facts: dict[str, Any]) -> None:
    """Compare the facts of one row with the identity of its name."""
    record = identify(name).to_dict()
    assert {key: record[key] for key in facts} == facts
