"""What a text renderer is given: sections with statements and tables, whatever they are about."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from profiler_kit.report.quantities import Kind, unit_of

ROOMY = 100
WIDE = 120
VERY_WIDE = 150
"""From these widths on, columns that need some room, or more of it, are shown."""


@dataclass(frozen=True)
class Column:
    """A column of a shown table.

    Attributes:
        title: Heading, without the unit; a line break in it is kept where there is little room.
        kind: What the values are; decides unit and alignment.
        from_width: Width of the whole text from which on there is room for the column.
        same_unit: Columns of one kind that give the same word here share their unit, so that rows can be compared.
        wrap: Long text goes on in the next line; otherwise it is cut.
    """

    title: str
    kind: Kind = "text"
    from_width: int = 0
    same_unit: str = ""
    wrap: bool = False


@dataclass(frozen=True)
class Table:
    """Rows to show, already cut to the number asked for.

    Attributes:
        columns: Columns.
        rows: Values, one tuple a row.
        left_out: Rows that were cut.
        bars: Column whose shares are drawn as bars, where the renderer can.
    """

    columns: Sequence[Column]
    rows: Sequence[tuple[Any, ...]]
    left_out: int = 0
    bars: str | None = None

    def units(self) -> list[tuple[float, str]]:
        """Return (divisor, unit) of every column, chosen by its largest value."""
        values: dict[tuple[str, str], list[Any]] = {}
        keys = [(column.kind, column.same_unit or str(place)) for place, column in enumerate(self.columns)]
        for place, key in enumerate(keys):
            values.setdefault(key, []).extend(row[place] for row in self.rows)
        return [unit_of(column.kind, values[key]) for column, key in zip(self.columns, keys, strict=True)]


@dataclass(frozen=True)
class Item:
    """A statement and what supports it.

    Attributes:
        title: The statement.
        details: (label, text) pairs.
    """

    title: str
    details: Sequence[tuple[str, str]] = ()


@dataclass(frozen=True)
class Section:
    """A heading with what belongs under it, in the order of the attributes.

    Attributes:
        title: Heading.
        lead: Sentences before everything else.
        items: Statements, if any.
        table: The table, if any.
        notes: Lines after the table.
    """

    title: str
    lead: str = ""
    items: Sequence[Item] = ()
    table: Table | None = None
    notes: Sequence[str] = ()
