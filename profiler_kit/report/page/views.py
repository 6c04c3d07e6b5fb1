"""The views of the page, in the order of its tabs."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from profiler_kit.report.page import (
    compare,
    copies,
    dense_vs_conv,
    kernels,
    layers,
    memory,
    operators,
    overview,
    ranks,
    selection,
    slices,
    steps,
)
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.blocks import Block, missing, shown
from profiler_kit.report.page.headline import classes, headline


@dataclass(frozen=True)
class View:
    """One view.

    Attributes:
        id: Names it in addresses.
        title: On its tab.
        lead: What it answers, in a sentence.
        lacks: Returns what to record for it, None where there is something to show.
        blocks: Returns its blocks.
        kind: What shows it where that is not the blocks: timeline or compare.
    """

    id: str
    title: str
    lead: str
    lacks: Callable[[Answers], str | None]
    blocks: Callable[[Answers], list[Block]]
    kind: str = ""


_COMPARE: Final = "compare"

VIEWS: Final[tuple[View, ...]] = (
    View("overview", "Overview", overview.LEAD, overview.lacks, overview.blocks),
    View("layers", "Layers", layers.LEAD, layers.lacks, layers.blocks),
    View("selection", "Kernel selection", selection.LEAD, selection.lacks, selection.blocks),
    View("dense_vs_conv", "Dense vs conv", dense_vs_conv.LEAD, dense_vs_conv.lacks, dense_vs_conv.blocks),
    View("kernels", "Kernels", kernels.LEAD, kernels.lacks, kernels.blocks),
    View("operators", "Operators", operators.LEAD, operators.lacks, operators.blocks),
    View("timeline", "Timeline", slices.LEAD, slices.lacks, lambda _answers: [], "timeline"),
    View("copies_idle", "Copies & idle", copies.LEAD, copies.lacks, copies.blocks),
    View("memory", "Memory", memory.LEAD, memory.lacks, memory.blocks),
    View("steps", "Steps", steps.LEAD, steps.lacks, steps.blocks),
    View("ranks", "Ranks", ranks.LEAD, ranks.lacks, ranks.blocks),
    View("compare", "Compare", compare.LEAD, lambda _answers: None, lambda _answers: [], _COMPARE),
)

_BY_ID: Final[Mapping[str, View]] = {one.id: one for one in VIEWS}


def has_view(view_id: str) -> bool:
    """Tell whether there is a view of that id."""
    return view_id in _BY_ID


def index(answers: Answers, *, alone: bool = False) -> dict[str, Any]:
    """Return the head of the page: what trace it is, and which views there are.

    Args:
        answers: Answers about the trace.
        alone: True where the page has this trace only, and nothing to compare it with.
    """
    listed = []
    for one in VIEWS:
        if alone and one.kind == _COMPARE:
            continue
        lack = one.lacks(answers)
        entry: dict[str, Any] = {"id": one.id, "title": one.title, "available": lack is None}
        entry |= {"kind": one.kind} if one.kind else {}
        listed.append(entry if lack is None else {**entry, "missing": lack})
    title, items = headline(answers)
    facts = [[label, shown(text)] for label, text in items]
    return {"trace": {"title": shown(title), "facts": facts, "classes": classes(answers)}, "views": listed}


def view(answers: Answers, view_id: str) -> dict[str, Any]:
    """Return one view; what to record instead of its blocks where the trace has nothing for it.

    Raises:
        KeyError: If there is no such view.
    """
    one = _BY_ID[view_id]
    lack = one.lacks(answers)
    blocks = one.blocks(answers) if lack is None else [missing("missing", one.title, lack)]
    return {"id": one.id, "title": one.title, "lead": one.lead, "blocks": blocks}
