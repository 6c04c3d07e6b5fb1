"""A report as Markdown (GitHub's tables, which TensorBoard's Text tab shows too)."""

from __future__ import annotations

import re
from collections.abc import Sequence

from profiler_kit.printable import printable
from profiler_kit.report.layout import Section, Table
from profiler_kit.report.quantities import write
from profiler_kit.report.report import Report
from profiler_kit.report.sections import headline, sections

_ENTITIES = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "|": "&#124;", "~": "&#126;"})
"""Written as entities, which every dialect of Markdown knows; a backslash before these works in some only."""

_MARKUP = re.compile(r"([\\`*{}\[\]]|(?<![^\W_])_|_(?![^\W_]))")
"""Escaped with a backslash. An underscore inside a word marks nothing up."""

LONGEST_NAME = 120
"""Longer names are cut in the middle of a page; JSON has them whole."""


def render(report: Report, *, rows: int) -> str:
    """Render a report as Markdown."""
    return render_sections("profiler_kit report", headline(report), sections(report, rows))


def render_sections(title: str, facts: Sequence[tuple[str, str]], parts: Sequence[Section]) -> str:
    """Render a title, facts (label, text) and sections as Markdown."""
    lines = [f"# {escape(title)}", "", *(f"- **{label}**: {escape(text)}" for label, text in facts)]
    for section in parts:
        lines += ["", *section_lines(section)]
    return "\n".join(lines).rstrip() + "\n"


def section_lines(section: Section) -> list[str]:
    """Lay out one section."""
    lines = [f"## {escape(section.title)}", ""]
    if section.lead:
        lines += [escape(section.lead), ""]
    for item in section.items:
        lines.append(f"- **{escape(item.title)}**")
        lines += [f"  - {label}: {escape(text)}" for label, text in item.details]
    if section.table is not None:
        # Without a line between them, a table after a list is text of the list's last item.
        lines += [*([""] if section.items else []), *_table_lines(section.table), ""]
    lines += [f"- {escape(note)}" for note in section.notes]
    return lines


def escape(text: str) -> str:
    """Make text from a trace harmless in Markdown: no markup, no HTML, no table or line breaks."""
    return _MARKUP.sub(r"\\\1", printable(text)).translate(_ENTITIES)


def _table_lines(table: Table) -> list[str]:
    units = table.units()
    headings = []
    for column, (_, unit) in zip(table.columns, units, strict=True):
        title = escape(column.title.replace("\n", " "))
        headings.append(f"{title} ({unit})" if unit else title)
    rules = ["---" if column.kind == "text" else "---:" for column in table.columns]
    lines = [f"| {' | '.join(headings)} |", f"| {' | '.join(rules)} |"]
    for row in table.rows:
        cells = [
            escape(_cut(write(column.kind, value, divisor)))
            for column, value, (divisor, _) in zip(table.columns, row, units, strict=True)
        ]
        lines.append(f"| {' | '.join(cells)} |")
    if table.left_out:
        lines += ["", f"… and {table.left_out:,} more"]
    return lines


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST_NAME else f"{text[: LONGEST_NAME - 1]}…"
