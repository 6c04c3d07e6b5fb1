"""What became of the rules, laid out as a table, and as JSON.

JSON schema ``profiler_kit.check``, version 1: ``passed``, and ``rows`` with ``rule``, ``value``, ``minimum``,
``maximum``, ``result`` ("passed", "failed" or "not known"), ``evidence``, ``names`` (of the kernels or copies it is
about), ``new`` and ``gone`` (names against a baseline).
"""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from profiler_kit.analysis.findings.checks import PASSED, CheckResult, is_share
from profiler_kit.report import terminal
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import Column, Item, Section, Table
from profiler_kit.report.names import short_activity
from profiler_kit.report.quantities import MISSING, is_missing, write

SCHEMA: Final = "profiler_kit.check"
SCHEMA_VERSION: Final = 1

_TEXT_WIDTH: Final = 120

_MOST_NAMES: Final = 8


def checks_json(result: CheckResult, source: str) -> str:
    """Render the result as JSON text."""
    content = {
        "source": source,
        "passed": result.passed,
        **plain(result),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def checks_sections(result: CheckResult) -> list[Section]:
    """Lay out the result: what failed first, then what passed."""
    table = result.table
    failed, passed = table[table["result"] != PASSED], table[table["result"] == PASSED]
    sections = []
    if len(failed):
        lead = "A rule that the trace cannot answer counts as failed." if (failed["result"] != "failed").any() else ""
        title = f"{len(failed)} of {len(table)} rules failed"
        sections.append(Section(title, lead, table=_table(failed)))
        if items := [item for row in failed.to_dict("records") if (item := _item(row)) is not None]:
            sections.append(Section("What they are about", items=items))
    if len(passed):
        every = (
            ("All rules" if len(table) > 1 else "The rule") + " passed"
            if len(passed) == len(table)
            else f"{len(passed)} passed"
        )
        sections.append(Section(every, table=_table(passed)))
    return sections


def checks_text(result: CheckResult, source: str) -> str:
    """Render the result as text of fixed width, for test reports."""
    facts = [("trace", source)]
    return terminal.render_sections(_TITLE, facts, checks_sections(result), width=_TEXT_WIDTH, color=False)


_TITLE: Final = "profiler_kit check"


def _table(rows: Any) -> Table:
    columns = (Column("rule"), Column("found"), Column("wanted"), Column("result"), Column("evidence", wrap=True))
    data = [
        (row["rule"], _value(row["rule"], row["value"]), _wanted(row), row["result"], row["evidence"])
        for row in rows.to_dict("records")
    ]
    return Table(columns, data)


def _item(row: dict[Any, Any]) -> Item | None:
    """List the names that a failed rule is about, None if there are none."""
    details = []
    # A short form that several names share would not tell what is new from what is gone.
    shared = Counter(short_activity(name) for name in {*row["new"], *row["gone"]})
    for key, label in (("new", "new"), ("gone", "gone"), ("names", "")):
        names = [name if shared[short] > 1 else short for name in row[key] if (short := short_activity(name))]
        names = list(dict.fromkeys(names))
        details += [(label, name) for name in names[:_MOST_NAMES]]
        if len(names) > _MOST_NAMES:
            details.append((label, f"and {len(names) - _MOST_NAMES} more"))
    return Item(row["rule"], details) if details else None


def _value(rule: str, value: Any) -> str:
    if is_missing(value):
        return MISSING
    return write("share", value) if is_share(rule) else f"{value:,.6g}"


def _wanted(row: dict[Any, Any]) -> str:
    limits = [
        f"{word} {_value(row['rule'], row[key])}"
        for key, word in (("minimum", "at least"), ("maximum", "at most"))
        if not is_missing(row[key])
    ]
    return ", ".join(limits) or "as the baseline"
