"""A report as text for a terminal or a pipe."""

from __future__ import annotations

import io
from collections.abc import Sequence

from rich import box
from rich.cells import cell_len
from rich.console import Console, Group, RenderableType
from rich.table import Table as RichTable
from rich.text import Text

from profiler_kit.printable import printable
from profiler_kit.report.layout import Item, Section, Table
from profiler_kit.report.quantities import bar, is_missing, write
from profiler_kit.report.report import Report
from profiler_kit.report.sections import headline, sections

_WIDEST_BAR = 20
_NARROWEST_BAR = 8
"""Bars give way before text does."""

_GAP = 3
"""Blanks between two columns."""

_NARROWEST_TEXT = 8
"""Text columns are cut to no less than this."""

_LABEL_WIDTH = 10
"""Room for the labels of an item's details."""

NARROWEST = 60
"""Below this width numbers would be cut; the text is then as wide as this."""


def render(report: Report, *, width: int, color: bool, rows: int) -> str:
    """Render a report as text that is at most `width` columns wide."""
    return render_sections("profiler_kit report", headline(report), sections(report, rows), width=width, color=color)


def render_sections(
    title: str, facts: Sequence[tuple[str, str]], parts: Sequence[Section], *, width: int, color: bool
) -> str:
    """Render a title, facts (label, text) and sections as text that is at most `width` columns wide."""
    width = max(width, NARROWEST)
    out = io.StringIO()
    console = Console(
        file=out,
        width=width,
        force_terminal=color,
        no_color=not color,
        color_system="standard" if color else None,
        highlight=False,
        legacy_windows=False,
    )
    console.print(Text(title, style="bold"))
    if facts:
        console.print(_labelled(facts))
    for section in parts:
        console.print()
        console.print(section_view(section, width))
    return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"


def section_view(section: Section, width: int) -> RenderableType:
    """Lay out one section for rich."""
    parts: list[RenderableType] = [Text(section.title, style="bold cyan")]
    if section.lead:
        parts.append(Text(section.lead, style="dim"))
    parts += [_item_view(item) for item in section.items]
    if section.table is not None:
        parts.append(_table_view(section.table, width))
    parts += [Text(printable(note)) for note in section.notes]
    return Group(*parts)


def _item_view(item: Item) -> RenderableType:
    title = RichTable.grid(padding=(0, 1))
    title.add_row("•", Text(printable(item.title), style="bold"))
    if not item.details:
        return title
    return Group(title, _labelled(item.details))


def _labelled(lines: Sequence[tuple[str, str]]) -> RenderableType:
    grid = RichTable.grid(padding=(0, 1))
    grid.add_column(style="dim", no_wrap=True, width=_LABEL_WIDTH, justify="right")
    grid.add_column(overflow="fold")
    for label, text in lines:
        grid.add_row(label, Text(printable(text)))
    return grid


def _table_view(table: Table, width: int) -> RenderableType:
    shown = [place for place, column in enumerate(table.columns) if width >= column.from_width]
    headings, cells, units = [], [], table.units()
    for place in shown:
        column = table.columns[place]
        values = [row[place] for row in table.rows]
        divisor, unit = units[place]
        headings.append([*column.title.split("\n"), *([f"({unit})"] if unit else [])])
        cells.append([printable(write(column.kind, value, divisor)) for value in values])
    widths = [
        max(cell_len(text) for text in [*heading, *column, ""]) for heading, column in zip(headings, cells, strict=True)
    ]
    bars = next((place for place in shown if table.columns[place].title == table.bars), None)
    room = width - _GAP * (len(shown) - 1)
    if bars is not None:
        bar_width = min(max(room - _GAP - sum(widths), _NARROWEST_BAR), _WIDEST_BAR)
        room -= _GAP + bar_width
    flexible = [at for at, place in enumerate(shown) if table.columns[place].kind == "text"]
    _shrink(widths, flexible, room)
    view = RichTable(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1), show_edge=False)
    for at, heading in enumerate(headings):
        right = at not in flexible
        view.add_column(
            Text("\n".join(heading)),
            width=widths[at],
            justify="right" if right else "left",
            no_wrap=not table.columns[shown[at]].wrap,
            overflow="fold" if table.columns[shown[at]].wrap else "ellipsis",
            vertical="top" if any(column.wrap for column in table.columns) else "bottom",
        )
    if bars is not None:
        view.add_column("", no_wrap=True, width=bar_width)
    for number, row in enumerate(table.rows):
        line = [Text(column[number]) for column in cells]
        if bars is not None:
            is_total = row[bars] == 1.0 and number == len(table.rows) - 1
            line.append(Text("" if is_total or is_missing(row[bars]) else bar(row[bars], bar_width), style="cyan"))
        view.add_row(*line)
    below = [f"… and {table.left_out:,} more"] if table.left_out else []
    if hidden := [column.title.replace("\n", " ") for column in table.columns if width < column.from_width]:
        below.append(f"At this width without: {', '.join(hidden).removesuffix('.')}.")
    return Group(view, *(Text(printable(line), style="dim") for line in below)) if below else view


def _shrink(widths: list[int], flexible: list[int], room: int) -> None:
    """Narrow the widest of the flexible columns, in place, until all fit into the room."""
    for at in flexible:
        widths[at] = min(widths[at], max(room, _NARROWEST_TEXT))  # at once: a name may have millions of characters
    while flexible and sum(widths) > room:
        widest = max(flexible, key=lambda at: widths[at])
        if widths[widest] <= _NARROWEST_TEXT:
            return
        widths[widest] -= 1
