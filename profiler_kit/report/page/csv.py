"""A table of a view as CSV."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Final

from profiler_kit.report.microseconds import to_csv
from profiler_kit.report.page.blocks import Block

_UNITS: Final = {
    "duration": "_ns",
    "bytes": "_bytes",
    "bytes_per_s": "_bytes_per_s",
    "flops": "_flops",
    "flops_per_s": "_flops_per_s",
}
"""Kind of a column → the unit of its raw values."""


def block_csv(shown_view: dict[str, Any], block_id: str) -> str | None:
    """Return a table of a view as CSV, None if there is no such table.

    Args:
        shown_view: What :func:`profiler_kit.report.page.views.view` returned.
        block_id: Id of the table; those in the details of rows count too.

    The heading has the columns' keys, with the unit of their raw values.
    """
    found = next((block for block in _tables(shown_view["blocks"]) if block["id"] == block_id), None)
    if found is None:
        return None
    names = [_heading(column) for column in found["columns"]]
    return to_csv([dict(zip(names, row, strict=True)) for row in found["rows"]], names)


def _heading(column: dict[str, Any]) -> str:
    key, unit = str(column["key"]), _UNITS.get(column["kind"], "")
    return key if key.endswith(unit.removeprefix("_")) else f"{key}{unit}"


def _tables(blocks: list[Block]) -> Iterator[Block]:
    for block in blocks:
        if block["type"] == "table":
            yield block
            for inner in block.get("detail") or ():
                yield from _tables(inner or [])
