"""Why one call takes longer than another, laid out for readers, and as JSON.

JSON schema ``profiler_kit.explanation``, version 1. Times are in µs in fields that end in ``_us``; a missing value is
``null``.

| key | value |
|---|---|
| of | what is compared: ``device time``, ``host time`` or ``elapsed time`` of a call |
| ratio | that of the slow side over that of the fast side, measured |
| factors | [name, value, kind, evidence]; kind is ``measured``, ``derived``, ``modelled`` or ``unexplained``, and the
values multiply to the ratio |
| sentences | statements, the largest factor first after one that says what is compared |
| slow, fast | the two sides: ``name``, ``source``, ``operator``, ``pass``, ``layers``, ``calls``, and of one call
``device_us``, ``elapsed_us``, ``flops``, ``bytes``, ``parts_us`` {part: µs}, ``kernels`` [name, role, launches, us],
``casts`` [tensor, dtype (cast to), times, us], ``algorithm``, ``ctas``, ``fill``, ``executed_flops`` (by
hardware counters), ``device``, ``recorded_us`` (``null`` unless ``device_us`` is without the profiler) |
| claims | [factor, title, evidence, advice, change, expected_us, batch, at_best (``expected_us`` is a bound)] |
| notes | what is not known |
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import accumulate
from operator import mul
from typing import Any, Final

from profiler_kit.analysis.ledger.explanation import Explanation, Side
from profiler_kit.analysis.ledger.ledger_factors import FILL, time_us
from profiler_kit.analysis.ledger.ledger_words import time_text
from profiler_kit.printable import printable
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layers import ROOT_LAYER
from profiler_kit.report.layout import ROOMY, WIDE, Column, Item, Section, Table
from profiler_kit.report.names import short_kernel
from profiler_kit.report.roofline import device_text

SCHEMA: Final = "profiler_kit.explanation"
SCHEMA_VERSION: Final = 1

_LABELS: Final = {
    "useful_flops": "useful FLOPs",
    "unexplained": "not explained",
    "arithmetic_unit": "rate of the unit",
}
"""Factors that people know by other words than those of JSON."""


@dataclass(frozen=True)
class Bar:
    """One step of the waterfall from the fast side's time to the slow side's.

    Attributes:
        label: The factor for people.
        kind: measured, derived, modelled or unexplained.
        value: The factor.
        start_us: Time before it.
        end_us: Time with it.
    """

    label: str
    kind: str
    value: float
    start_us: float
    end_us: float


def waterfall(explanation: Explanation) -> list[Bar]:
    """Return the steps that lead from the fast side's time of a call to that of the slow side, factor by factor."""
    elapsed = explanation.of == "elapsed time"
    start = time_us(explanation.fast, elapsed=elapsed)
    ends = list(accumulate((factor.value for factor in explanation.factors), mul, initial=start))
    steps = zip(explanation.factors, ends[:-1], ends[1:], strict=True)
    processors = explanation.slow.roofs.processors
    return [Bar(factor_label(f.name, processors), f.kind, f.value, before, after) for f, before, after in steps]


def factor_label(name: str, processors: str = "SMs") -> str:
    """Return a factor's name as people read it, with the vendor's word for a GPU's processors."""
    if name == FILL:
        return f"idle {processors}"
    return _LABELS.get(name, name.replace("_", " "))


def explanation_document(explanation: Explanation) -> dict[str, Any]:
    """Return what JSON says of an explanation."""
    return {
        "of": explanation.of,
        "ratio": explanation.ratio,
        "factors": plain(explanation.factors),
        "sentences": list(explanation.sentences),
        "slow": _side(explanation.slow),
        "fast": _side(explanation.fast),
        "claims": plain(explanation.claims),
        "notes": list(explanation.notes),
    }


def explanation_json(explanation: Explanation) -> str:
    """Render an explanation as JSON text."""
    content = {
        **explanation_document(explanation),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def explanation_facts(explanation: Explanation) -> list[tuple[str, str]]:
    """Return what stands above all sections, as (label, text): traces, machine, and layers of both sides."""
    slow, fast = explanation.slow, explanation.fast
    facts = [("trace", slow.source)]
    if fast.source != slow.source:
        facts.append(("against", fast.source))
    facts.append(("device", device_text(slow.roofs)))
    layers = [(which, side.layers) for which, side in (("slow", slow), ("fast", fast)) if side.layers]
    return [*facts, *((f"{which} in", _layers(names)) for which, names in layers)]


def _layers(names: tuple[str, ...]) -> str:
    return names[0] or ROOT_LAYER if len(names) == 1 else f"{names[0]} and {len(names) - 1} more layers"


def explanation_sections(explanation: Explanation) -> list[Section]:
    """Lay out an explanation: its statements, the ledger, and what runs in a call of either side."""
    return [explanation_section(explanation), _ledger(explanation), *_calls(explanation)]


def explanation_section(explanation: Explanation, title: str = "Why it takes longer") -> Section:
    """Lay out the statements alone."""
    items = [
        Item(claim.title, [("evidence", claim.evidence), *([("try", claim.advice)] if claim.advice else [])])
        for claim in explanation.claims
    ]
    return Section(title, printable(explanation.sentences[0]), items=items)


def _ledger(explanation: Explanation) -> Section:
    """Lay out all factors, with the time that each leads to."""
    bars = waterfall(explanation)
    rows = [
        (bar.label, bar.value, bar.end_us * 1000, bar.kind, factor.evidence)
        for bar, factor in zip(bars, explanation.factors, strict=True)
    ]
    rows.append(("product", explanation.ratio, bars[-1].end_us * 1000, "measured", "the ratio of the two times"))
    columns = (
        Column("factor"),
        Column("value", "ratio"),
        Column("time so far", "duration", from_width=ROOMY),
        Column("mark"),
        Column("evidence", wrap=True),
    )
    start = time_text(bars[0].start_us)
    lead = (
        f"From {start} of a call of the fast side to the slow side's, by {explanation.of}. Derived: from shapes, names "
        "and data sheets. Modelled: by a model of the machine. Unexplained: what is left. Ceiling: what a kernel could "
        "reach with its own padding, tiles and fill, so no higher than the roof of `profiler-kit roofline`."
    )
    return Section("The ledger", lead, table=Table(columns, rows), notes=explanation.notes)


def _calls(explanation: Explanation) -> list[Section]:
    """Lay out what runs in a call of either side."""
    rows = [
        (which, kernel.role.replace("_", " "), short_kernel(kernel.name), f"{kernel.launches:.3g}", kernel.us * 1000)
        for which, side in (("slow", explanation.slow), ("fast", explanation.fast))
        for kernel in side.kernels
    ]
    columns = (
        Column("side"),
        Column("role"),
        Column("kernel"),
        Column("launches", from_width=WIDE),
        Column("time", "duration"),
    )
    lead = "Means over all calls that launched something."
    return [Section("What runs in one call", lead, table=Table(columns, rows))] if rows else []


def _side(side: Side) -> dict[str, Any]:
    main = side.main
    return {
        "name": side.name,
        "source": side.source,
        "operator": side.operator,
        "pass": side.pass_,
        "layers": list(side.layers),
        "calls": side.calls,
        "device_us": side.device_us,
        "elapsed_us": side.elapsed_us,
        "flops": side.flops,
        "bytes": side.bytes,
        "parts_us": dict(side.parts_us),
        "kernels": plain(side.kernels),
        "casts": plain(side.casts),
        "algorithm": side.algorithm,
        "ctas": None if main is None else main.ctas,
        "fill": None if main is None else main.fill,
        "executed_flops": side.executed_flops,
        "recorded_us": side.recorded_us,
        "device": plain(side.roofs),
    }
