"""The blocks that a page is made of, as JSON-able objects.

The front end knows these and no analysis. Values are raw: durations in ns, shares from 0 to 1, None for what is not
known. Text from a trace is made harmless (:func:`shown`) and is only ever set as text by the front end.

Every constructor returns one block; its ``id`` is unique within the view, and may stand in a link.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Literal

from profiler_kit.printable import printable
from profiler_kit.report.quantities import is_missing

Block = dict[str, Any]

Kind = Literal[
    "text", "mono", "duration", "bytes", "count", "share", "flops", "flops_per_s", "bytes_per_s", "number", "ratio"
]

LONGEST_TEXT: Final = 4096
"""Longer text from a trace is cut: a page has room for no more, and files exist with names of a megabyte."""


@dataclass(frozen=True)
class Column:
    """One column of a table.

    Attributes:
        key: Names it in sort orders and links.
        title: Heading without unit.
        kind: What the values are.
        help: What a value means, shown on the heading.
        bar: Draw values as bars.
        wrap: Long text goes on in the next line.
        hidden: Not shown at first; still searched and in the CSV.
    """

    key: str
    title: str
    kind: Kind = "text"
    help: str = ""
    bar: bool = False
    wrap: bool = False
    hidden: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Return what the page is sent: key, title, kind, and of the rest what is set."""
        given: dict[str, Any] = {"key": self.key, "title": self.title, "kind": self.kind}
        for name in ("help", "bar", "wrap", "hidden"):
            if value := getattr(self, name):
                given[name] = value
        return given


def cell(value: Any) -> Any:
    """Return a value as JSON has it: missing and infinite ones become None, text is cut and made harmless."""
    if isinstance(value, str):
        return shown(value)
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return shown(", ".join(str(cell(item)) for item in value))
    if is_missing(value):
        return None
    plain = value.item() if hasattr(value, "item") else value
    if isinstance(plain, (int, float)) and not math.isfinite(plain):
        return None
    return plain if isinstance(plain, (int, float)) and not isinstance(plain, bool) else shown(str(plain))


def shown(text: str) -> str:
    """Return text from a trace without controls and direction marks, and no longer than `LONGEST_TEXT`."""
    cut = text if len(text) <= LONGEST_TEXT else f"{text[:LONGEST_TEXT]}… ({len(text):,} characters)"
    return printable(cut)


def table(
    block_id: str,
    title: str,
    columns: Sequence[Column],
    rows: Iterable[Sequence[Any]],
    *,
    lead: str = "",
    parents: Sequence[int] | None = None,
    sort: str = "",
    link: tuple[str, str] | None = None,
    detail: Sequence[Sequence[Block] | None] | None = None,
    total_row: Sequence[Any] | None = None,
) -> Block:
    """Make a table with all its rows.

    Args:
        block_id: Its id.
        title: Heading.
        columns: Columns.
        rows: Values in the order of the columns.
        lead: Sentences before it.
        parents: Row number of what encloses each row, -1 for none: makes it a tree.
        sort: Key of the column by which it is sorted at first, largest value first; in given order without.
        link: (column, view): cells of the column lead to the view, with the cell's text as selection.
        detail: Blocks to open under each row.
        total_row: Sums under the table.
    """
    block: Block = {
        "type": "table",
        "id": block_id,
        "title": title,
        "columns": [column.to_dict() for column in columns],
        "rows": [[cell(value) for value in row] for row in rows],
    }
    if lead:
        block["lead"] = lead
    if parents is not None:
        block["tree"] = {"parent": [int(parent) for parent in parents]}
    if sort:
        block["sort"] = {"key": sort, "descending": True}
    if link is not None:
        block["link"] = {"column": link[0], "view": link[1]}
    if detail is not None:
        block["detail"] = list(detail)
    if total_row is not None:
        block["total_row"] = [cell(value) for value in total_row]
    return block


def facts(block_id: str, title: str, items: Iterable[tuple[str, Any]]) -> Block:
    """Make a list of (label, text)."""
    return {"type": "facts", "id": block_id, "title": title, "items": _labelled(items)}


def findings(block_id: str, title: str, items: Iterable[tuple[Any, ...]]) -> Block:
    """Make a list of statements.

    Args:
        block_id: Its id.
        title: Heading.
        items: (title, [(label, text)], severity) or (title, [(label, text)], severity, view to look at); the severity
            is info, hint or warning.
    """
    listed = []
    for statement, details, severity, *link in items:
        made: dict[str, Any] = {"title": shown(statement), "details": _labelled(details), "severity": severity}
        listed.append({**made, "link": {"view": link[0]}} if link else made)
    return {"type": "findings", "id": block_id, "title": title, "items": listed}


def text(block_id: str, paragraphs: Iterable[str]) -> Block:
    """Make paragraphs of plain text."""
    return {"type": "text", "id": block_id, "paragraphs": [shown(one) for one in paragraphs]}


def breakdown(
    block_id: str, title: str, total: int, parts: Iterable[tuple[str, int] | tuple[str, int, str]], *, unit: str = "ns"
) -> Block:
    """Make a closed sum: one stacked bar and its legend.

    Args:
        block_id: Its id.
        title: Heading.
        total: What the parts add up to.
        parts: (label, value) or (label, value, colour class).
        unit: Of the values.
    """
    listed = []
    for label, value, *color_class in parts:
        part: dict[str, Any] = {"label": shown(label), "value": cell(value)}
        if color_class:
            part["color_class"] = color_class[0]
        listed.append(part)
    return {"type": "breakdown", "id": block_id, "title": title, "unit": unit, "total": cell(total), "parts": listed}


def axis(title: str, kind: str, *, scale: str = "linear", categories: Sequence[str] | None = None) -> dict[str, Any]:
    """Describe an axis: what its values are (a column's kind), and names for those that are categories."""
    described: dict[str, Any] = {"title": title, "kind": kind, "scale": scale}
    if categories is not None:
        described["categories"] = [shown(one) for one in categories]
    return described


def series(
    name: str, points: Iterable[Sequence[Any]], *, style: str = "bars", color_class: str = "", step: bool = False
) -> dict[str, Any]:
    """Make one series of a chart.

    Args:
        name: What it shows.
        points: (x, y) or (x, y, label).
        style: line, points or bars.
        color_class: Names its colour.
        step: A line that keeps each value until the next.
    """
    made = {"name": shown(name), "points": [[cell(value) for value in point] for point in points], "style": style}
    made |= {"color_class": color_class} if color_class else {}
    return made | ({"step": True} if step else {})


def chart(
    block_id: str,
    title: str,
    kind: str,
    x: Mapping[str, Any],
    y: Mapping[str, Any],
    given: Sequence[Mapping[str, Any]],
    behind: str,
) -> Block:
    """Make a chart.

    Args:
        block_id: Its id.
        title: Heading.
        kind: bar, stacked_bar, line, scatter, histogram, waterfall or roofline.
        x: Horizontal axis.
        y: Vertical axis.
        given: Series.
        behind: Id of the table that holds the figures.
    """
    return {
        "type": "chart",
        "id": block_id,
        "title": title,
        "kind": kind,
        "x": dict(x),
        "y": dict(y),
        "series": [dict(one) for one in given],
        "table": behind,
    }


def missing(block_id: str, title: str, what: str, *, command: str = "") -> Block:
    """Say what is not there, and what to record or run for it."""
    block = {"type": "missing", "id": block_id, "title": title, "text": what}
    return {**block, "command": command} if command else block


def kernel(block_id: str, name: str) -> Block:
    """Make the explanation of a kernel's name, which the page asks for when it is opened."""
    return {"type": "kernel", "id": block_id, "name": shown(name)}


def _labelled(items: Iterable[tuple[str, Any]]) -> list[list[Any]]:
    return [[label, cell(value)] for label, value in items]
