"""Two traces next to each other."""

from __future__ import annotations

from typing import Any, Final

from profiler_kit.analysis.ledger.explanation import ProblemNotFoundError, explain
from profiler_kit.analysis.runs.run_diff import diff_runs
from profiler_kit.report.diff import diff_facts, diff_sections
from profiler_kit.report.explanation import explanation_sections
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.from_sections import ALL_ROWS, section_blocks

LEAD: Final = "Two traces side by side, and what changed between them: this trace (A) and the other (B)."


def comparison(mine: Answers, theirs: Answers) -> dict[str, Any]:
    """Return a view of two traces side by side.

    Args:
        mine: Answers about the trace that is being looked at, A.
        theirs: Answers about the one that it is compared with, B.
    """
    result = diff_runs(mine.trace, theirs.trace)
    blocks = [_where(mine, theirs), *section_blocks(diff_sections(result, ALL_ROWS))]
    try:
        why = explain(theirs.trace, other=mine.trace, found=theirs.passes)
    except ProblemNotFoundError:
        pass
    else:
        blocks += section_blocks(explanation_sections(why), "why_")
    blocks.append(b.facts("which", "The two traces", diff_facts(result)))
    return {"id": "compare", "title": "Compare", "lead": LEAD, "blocks": blocks}


def _where(mine: Answers, theirs: Answers) -> b.Block:
    """Lay the breakdowns side by side."""
    columns = (
        b.Column("part", "Part"),
        b.Column("a", "A, this trace", "duration", bar=True),
        b.Column("b", "B, the other", "duration", bar=True),
        b.Column("difference", "B − A", "duration"),
        b.Column("ratio", "B / A", "ratio"),
    )
    first, second = (
        dict(zip(one.breakdown.table["part"], one.breakdown.table["ns"], strict=True)) for one in (mine, theirs)
    )
    rows = []
    for part in {**first, **second}:
        one, other = int(first.get(part, 0)), int(second.get(part, 0))
        rows.append((part, one, other, other - one, other / one if one else None))
    a, z = mine.breakdown.total_ns, theirs.breakdown.total_ns
    total = ("total", a, z, z - a, z / a if a else None)
    return b.table("compare_where", "Where the time went", columns, rows, total_row=total)
