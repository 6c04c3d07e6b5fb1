"""Why a convolution takes longer than a dense layer: the ledger as a waterfall, and its statements."""

from __future__ import annotations

from math import log
from typing import Final

from profiler_kit.analysis.ledger.explanation import Explanation, ProblemNotFoundError
from profiler_kit.analysis.ledger.ledger_factors import UNEXPLAINED
from profiler_kit.analysis.ledger.ledger_words import multiple
from profiler_kit.analysis.problems.problem_calls import CONVOLUTION, CONVOLUTION_BACKWARD, PRODUCT
from profiler_kit.report.explanation import explanation_sections, waterfall
from profiler_kit.report.page import blocks as b
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.from_sections import section_blocks
from profiler_kit.report.page.roofs import roofline_blocks

LEAD: Final = "Why a convolution takes longer than a dense layer, factor by factor."

_RECORD: Final = (
    "A convolution and a matrix product are compared here, and this trace has not both. `profiler-kit demo` records a "
    "dense layer against two convolutions on this machine, in half a minute."
)

_LEDGER: Final = "the_ledger"

_MOST_FACTORS: Final = 4
_WORTH_TELLING: Final = 1.05
"""Factors nearer to 1 are left to the ledger."""


def lacks(answers: Answers) -> str | None:
    """Return what to record, None where there is a convolution and a matrix product."""
    kinds = set(answers.passes.calls.table["kind"])
    return None if PRODUCT in kinds and kinds & {CONVOLUTION, CONVOLUTION_BACKWARD} else _RECORD


def blocks(answers: Answers) -> list[b.Block]:
    """Return the view's blocks."""
    found = answers.explanation
    if isinstance(found, ProblemNotFoundError):
        return [b.missing("missing", "Nothing to compare", f"{found}. {_RECORD}")]
    sentences, *rest = explanation_sections(found)
    said, *claims = section_blocks([sentences])
    said["paragraphs"].append(b.shown(largest_factors(found)))
    tables = [*section_blocks(rest), *roofline_blocks(answers.roofline)]
    return [said, _waterfall(found), *claims, _calls(found), *tables]


def largest_factors(found: Explanation) -> str:
    """Return what the ratio is mostly made of, in a sentence."""
    bars = sorted(waterfall(found), key=lambda bar: -abs(log(bar.value)))
    explained = [bar for bar in bars if bar.kind != UNEXPLAINED]
    told = [
        f"{what} by {', '.join(f'{bar.label} {multiple(bar.value)}' for bar in chosen)}"
        for what, sign in (("slower", 1), ("faster", -1))
        if (chosen := [bar for bar in explained if sign * log(bar.value) >= log(_WORTH_TELLING)][:_MOST_FACTORS])
    ]
    rest = [bar for bar in bars if bar.kind == UNEXPLAINED and abs(log(bar.value)) >= log(_WORTH_TELLING)]
    told += [f"{bar.label}: {multiple(bar.value)}" for bar in rest]
    if not told:
        return "None of the factors that multiply to this ratio is far from 1."
    sentence = "; ".join(told)
    return f"{sentence[0].upper()}{sentence[1:]}. All factors together multiply to the ratio."


def _waterfall(found: Explanation) -> b.Block:
    """Draw the factors one after the other, from 1 to the ratio of the two calls."""
    bars = waterfall(found)
    labels = [*(bar.label for bar in bars), "the ratio"]
    points: list[tuple[int, float, str]] = [(place, bar.value, bar.kind) for place, bar in enumerate(bars)]
    points.append((len(bars), found.ratio, "total"))
    axes = b.axis("factor", "text", categories=labels), b.axis("times as long", "ratio", scale="log")
    title = "From one call of the dense layer to one call of the convolution, factor by factor"
    return b.chart("waterfall", title, "waterfall", *axes, [b.series("factors", points)], _LEDGER)


def _calls(found: Explanation) -> b.Block:
    """Lay the two sides next to each other."""
    sides = (found.slow, found.fast)
    roles = list(dict.fromkeys(role for side in sides for role, us in side.parts_us.items() if us))
    columns = (
        b.Column("figure", "Of one call"),
        b.Column("slow", found.slow.name, "duration"),
        b.Column("fast", found.fast.name, "duration"),
    )
    rows = [(role.replace("_", " "), *(round(side.parts_us.get(role, 0.0) * 1000) for side in sides)) for role in roles]
    total = ("all", *(round(side.device_us * 1000) for side in sides))
    return b.table("sides", "Where the time of a call goes", columns, rows, total_row=total)
