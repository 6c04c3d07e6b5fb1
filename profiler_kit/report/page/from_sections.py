"""Sections, as the text renderers take them, turned into blocks: whatever has a report can have a view."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any, Final

from profiler_kit.report.layout import Section, Table
from profiler_kit.report.page import blocks as b

ALL_ROWS: Final = 20_000
"""Sections cut their tables to a number of rows; a page has room for more than anyone reads."""

_NOT_IN_IDS: Final = re.compile(r"[^a-z0-9]+")


def section_blocks(sections: Sequence[Section], prefix: str = "") -> list[b.Block]:
    """Turn sections into blocks, in their order.

    Args:
        sections: Sections, with all their rows.
        prefix: Before every id, where a view has blocks from several places.
    """
    made: list[b.Block] = []
    for section in sections:
        made += _blocks(section, f"{prefix}{_id(section.title)}")
    return made


def _blocks(section: Section, block_id: str) -> list[b.Block]:
    made: list[b.Block] = []
    title, lead = section.title, section.lead
    if section.items:
        if lead and section.table is None:
            made.append({**b.text(f"{block_id}_lead", [lead]), "title": title})
            title = lead = ""
        items = [(item.title, item.details, "info") for item in section.items]
        made.append(b.findings(f"{block_id}_items", title, items))
        if section.table is None:
            title = ""
    notes = [b.shown(text) for text in section.notes if text]
    if section.table is not None:
        if section.table.left_out:
            notes.insert(0, f"… and {section.table.left_out:,} more rows.")
        table = _table(section.table, block_id, title, lead)
        return [*made, {**table, "note": notes} if notes else table]
    if rest := [text for text in (lead, *notes) if text]:
        made.append({**b.text(f"{block_id}_notes", rest), **({"title": title} if title else {})})
    return made


def _table(given: Table, block_id: str, title: str, lead: str) -> b.Block:
    columns, keys = [], set[str]()
    for place, column in enumerate(given.columns):
        heading = column.title.replace("\n", " ")
        key = _id(heading) or f"column_{place}"
        key = f"{key}_{place}" if key in keys else key
        keys.add(key)
        bars = given.bars is not None and column.title == given.bars
        columns.append(b.Column(key, heading[:1].upper() + heading[1:], column.kind, bar=bars, wrap=column.wrap))
    rows, total = _without_total(given)
    return b.table(block_id, title, columns, rows, lead=lead, total_row=total)


def _without_total(given: Table) -> tuple[Sequence[tuple[Any, ...]], tuple[Any, ...] | None]:
    """Take off the last row where it is the sum of the others."""
    rows = list(given.rows)
    if rows and rows[-1] and rows[-1][0] == "total":
        return rows[:-1], rows[-1]
    return rows, None


def _id(title: str) -> str:
    return _NOT_IN_IDS.sub("_", title.lower()).strip("_")
