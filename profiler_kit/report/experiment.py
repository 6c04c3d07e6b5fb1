"""An experiment on a layer laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.experiment``, version 1. A measured time or ratio is ``{median, low, high, samples}``, where
``low`` and ``high`` enclose the median with a probability of at least ``level``; a missing value is ``null``.

| key | value |
|---|---|
| schema, schema_version, profiler_kit_version | as everywhere |
| layer, input_shape, dtype, device, load, threads | what was measured, where, and how busy that was before |
| rounds, seconds, preemptions, level, method | how it was measured, and how often other processes took a core away |
| variants | [name, change, call_us, ratio (of a sample's time to the layer as given), effect (``faster``, ``slower``, |
|  | ``no difference seen``, ``not known``), samples, flops, flops_per_s, kernels, outputs, error, tolerance, |
|  | page_faults (in a call)] |
| not_possible | [name, reason] |
| claims | [factor, statement, advice, variant, quantity, predicted, measured, verdict (``confirmed``, ``refuted``, |
|  | ``undecided``, ``not tested``, of bounds ``not contradicted``), reason, prediction (``estimate``, ``at best``, |
|  | ``at most``, ``at least``), accepted (lowest and highest ratio that bear it out), spread (factor by which the |
|  | prediction may be off), decided_by (``measured`` with that added, which the verdict is about)] |
| no_claims | why there are none, ``null`` if there are some or none were asked for |
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from profiler_kit.analysis.ledger.ledger_factors import USEFUL_FLOPS
from profiler_kit.analysis.measured.claims_on_trial import IM2COL_GEMM
from profiler_kit.analysis.measured.experiment import (
    DOUBLED_OTHER,
    EQUAL_DENSE,
    FRESH_MEMORY,
    OTHER_LAYER,
    SMALLEST_LAYER,
    SMALLEST_OTHER,
    Experiment,
    LedgerClaim,
    MeasuredVariant,
    NotPossible,
)
from profiler_kit.analysis.measured.timing_statistics import LEVEL, MARGIN, MedianInterval, is_disturbed
from profiler_kit.report import markdown, terminal
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import WIDE, Column, Item, Section, Table
from profiler_kit.report.microseconds import to_csv
from profiler_kit.report.names import short_kernel
from profiler_kit.report.quantities import MISSING, is_missing, write

SCHEMA: Final = "profiler_kit.experiment"
SCHEMA_VERSION: Final = 1

METHOD: Final = (
    "Rounds in random order, each timing every variant in a block of calls after one that is not timed. Intervals are "
    "exact ones of the median by order statistics; ratios are taken within a round."
)

_TITLE: Final = "profiler_kit experiment"
_NO_CHANGES: Final = (EQUAL_DENSE, OTHER_LAYER, DOUBLED_OTHER, IM2COL_GEMM, SMALLEST_LAYER, SMALLEST_OTHER)
"""Variants that are measured for comparison; nobody could use them in place of the layer."""

_HELPING: Final = 3
"""Changes that are named as those that help most."""


@dataclass(frozen=True)
class ExperimentReport:
    """An experiment, ready to be rendered; ``print(report)`` shows it.

    Attributes:
        experiment: The figures.
    """

    experiment: Experiment

    def to_text(self, *, width: int | None = None, color: bool = False) -> str:
        """Render for a terminal of the given width, by default that of the one there is."""
        width = width or shutil.get_terminal_size((100, 24)).columns
        return terminal.render_sections(_TITLE, self._facts(), self.sections(), width=width, color=color)

    def to_markdown(self) -> str:
        """Render as Markdown."""
        return markdown.render_sections(_TITLE, self._facts(), self.sections())

    def to_json(self) -> str:
        """Render as JSON; this module documents the schema."""
        return json_text(SCHEMA, SCHEMA_VERSION, self.to_dict())

    def to_csv(self) -> str:
        """Render the variants as CSV, the ends of the intervals in columns of their own."""
        return to_csv([_flat(row) for row in self.to_dict()["variants"]], _CSV_COLUMNS)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its head."""
        result = self.experiment
        document = plain(result)
        document["claims"] = [_claim_document(one) for one in result.claims]
        document["variants"] = [_variant_document(one) for one in result.variants]
        return {**document, "level": LEVEL, "method": METHOD}

    def sections(self) -> list[Section]:
        """Lay the experiment out."""
        result = self.experiment
        parts = [_variants_section(result), _kernels_section(result)]
        if result.claims:
            parts.append(claims_section(result.claims))
        elif result.no_claims:
            parts.append(Section("The ledger on trial", f"There is none: {result.no_claims}."))
        parts.append(_changes_section(result))
        if result.not_possible:
            parts.append(_not_possible_section(result.not_possible))
        return parts

    def _facts(self) -> list[tuple[str, str]]:
        result = self.experiment
        shape = ",".join(map(str, result.input_shape))
        return [
            ("layer", result.layer),
            ("input", f"({shape}) {result.dtype}"),
            ("device", result.device),
            ("load", result.load),
            ("measured", measured_text(result.rounds, result.seconds, result.preemptions)),
        ]

    def __str__(self) -> str:
        return self.to_text()


def interval_text(measured: MedianInterval | None) -> str:
    """Write the ends of an interval of ratios, ``0.95–1.04``."""
    if measured is None or is_missing(measured.low):
        return MISSING
    digits = 3 if measured.median < _SMALL else 2
    return f"{measured.low:,.{digits}f}–{measured.high:,.{digits}f}"


_SMALL: Final = 0.1
"""Ratios below this are written with one digit more, as in :func:`profiler_kit.report.quantities.write`."""


def measured_text(rounds: int, seconds: float, preemptions: int | None) -> str:
    """Say how much was measured, and how often other processes interfered."""
    told = f"{rounds} rounds in random order in {seconds:.1f} s"
    if preemptions is None or not is_disturbed(preemptions, seconds):
        return told
    return (
        f"{told}; other processes took a core away {preemptions:,} times: what runs on several threads waits for each "
        "of them, so intervals are wide and times may be too long"
    )


def memory_notes(result: Experiment) -> list[str]:
    """Say what a call costs more where its output lies on new pages; nothing if that costs nothing."""
    given, fresh = result.variants[0], result.variant(FRESH_MEMORY)
    if fresh is None or fresh.ratio.low <= MARGIN or given.page_faults is None or fresh.page_faults is None:
        return []
    told = f"{write('ratio', fresh.ratio.median)} ({interval_text(fresh.ratio)})"
    text = (
        "Freed memory is kept here. Where it goes back to the system, as in a process that has just started, a call "
        f"takes {told} as long: {fresh.page_faults:,.0f} page faults instead of {given.page_faults:,.0f}. "
        "MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_, or another allocator such as jemalloc, keep it."
    )
    return [text]


def effect(ratio: MedianInterval) -> str:
    """Say in words what a ratio of times shows."""
    if is_missing(ratio.low):
        return "not known"
    return "faster" if ratio.high < 1 else "slower" if ratio.low > 1 else "no difference seen"


def claims_section(claims: Sequence[LedgerClaim]) -> Section:
    """Lay out what became of the ledger's claims."""
    items = []
    for claim in claims:
        details = [("try", claim.advice)] if claim.advice else []
        if claim.measured is not None and claim.predicted is not None:
            told = f"{write('ratio', claim.measured.median)} ({interval_text(claim.measured)})"
            details += [
                ("ratio of", claim.quantity),
                ("predicted", _predicted(claim)),
                ("measured", told + _decided_by(claim)),
            ]
        if claim.variant:
            details.append(("by", claim.variant))
        details.append(("because", claim.reason))
        items.append(Item(f"{claim.verdict}: {claim.statement}", details))
    lead = (
        "Each statement of the ledger against a change that would show it. Confirmed: the measured ratio's whole 95 % "
        "interval lies within what bears the estimate out (in brackets: within half of its effect, no closer than 5 % "
        "and no further than 25 % off). Not contradicted: it lies within a bound, 5 % beyond it at most, which does "
        "not show that the reason for the bound is the right one. Refuted: none of the interval does. Undecided: the "
        "noise leaves both open, that of the times counted with which the ledger was made."
    )
    return Section("The ledger on trial", lead, items=[Item(tally(claims)), *items])


def tally(claims: Sequence[LedgerClaim]) -> str:
    """Count the verdicts, each by itself: ``Of 6 statements: 3 confirmed, 2 not contradicted, 1 undecided``."""
    counts = [(verdict, sum(claim.verdict == verdict for claim in claims)) for verdict in _VERDICTS]
    told = ", ".join(f"{count} {verdict}" for verdict, count in counts if count)
    return f"Of {len(claims)} statement{'s'[: len(claims) != 1]}: {told}."


_VERDICTS: Final = ("confirmed", "not contradicted", "refuted", "undecided", "not tested")


def _decided_by(claim: LedgerClaim) -> str:
    """Write the interval that was decided by, where it is wider than the measured one."""
    if claim.spread <= 1 or claim.decided_by is None or is_missing(claim.decided_by.low):
        return ""
    return f"; with the noise of the ledger's own times {interval_text(claim.decided_by)}, which decides"


def _predicted(claim: LedgerClaim) -> str:
    """Write what was predicted, and what counts as that: ``0.60 × (0.48–0.75)``, ``0.60 × at best (0.57–1.00)``."""
    predicted = write("ratio", claim.predicted)
    if claim.factor in _EXACT or claim.accepted is None:
        return predicted
    low, high = (write("ratio", end).removesuffix(" ×") for end in claim.accepted)
    if claim.prediction == "at most":
        return f"{predicted} at most (up to {high})"
    if claim.prediction == "at least":
        return f"{predicted} at least (from {low})"
    return f"{predicted}{' at best' if claim.prediction == 'at best' else ''} ({low}–{high})"


_EXACT: Final = (USEFUL_FLOPS,)
"""Factors that are counted; nothing but the exact value bears them out."""


def _variants_section(result: Experiment) -> Section:
    columns = (
        Column("variant"),
        Column("median", "duration"),
        Column("a sample\n/ as given", "ratio"),
        Column("interval\n95 %"),
        Column("effect"),
        Column("rate", "flops_per_s", from_width=WIDE),
        Column("page faults\na call", from_width=WIDE),
        Column("output"),
        Column("error", from_width=WIDE),
    )
    rows = [
        (
            one.name,
            one.call_ns.median,
            one.ratio.median,
            interval_text(one.ratio),
            effect(one.ratio) if number else MISSING,
            one.flops_per_s,
            MISSING if one.page_faults is None else f"{one.page_faults:,.0f}",
            one.outputs,
            MISSING if one.error is None else f"{one.error:.0e}",
        )
        for number, one in enumerate(result.variants)
    ]
    wrong = [one.name for one in result.variants if one.outputs == "different"]
    notes = [f"Another output than the layer's, whatever the time: {', '.join(wrong)}."] if wrong else []
    notes += memory_notes(result)
    return Section(
        "The layer under single changes",
        "Times of one call, ratios of the time of one sample. " + METHOD,
        items=_helping(result),
        table=Table(columns, rows),
        notes=notes,
    )


def _helping(result: Experiment) -> list[Item]:
    """State which changes of the layer help most, one of each kind."""
    better = [one for one in result.variants if effect(one.ratio) == "faster" and one.outputs == "same"]
    best: dict[str, MeasuredVariant] = {}
    for one in sorted(better, key=lambda one: one.ratio.median):
        kind = one.name.rstrip("0123456789 ")
        if kind not in _NO_CHANGES:
            best.setdefault(kind, one)
    if not best:
        return [Item("No change with the same output is faster beyond the noise.")]
    return [
        Item(f"{one.name}: {write('ratio', one.ratio.median)} the time of a sample ({interval_text(one.ratio)})")
        for one in list(best.values())[:_HELPING]
    ]


def _kernels_section(result: Experiment) -> Section:
    """List the sequences of kernels, each with the variants that got it."""
    chosen: dict[tuple[str, ...], list[str]] = {}
    for one in result.variants:
        chosen.setdefault(one.kernels, []).append(one.name)
    items = [
        Item(_sequence(kernels), [("variants" if len(names) > 1 else "variant", ", ".join(names))])
        for kernels, names in chosen.items()
    ]
    return Section("Which kernels were selected", "From a recording of one call of each.", items=items)


def _sequence(kernels: tuple[str, ...]) -> str:
    counted: list[list[Any]] = []
    for name in kernels:
        if counted and counted[-1][0] == name:
            counted[-1][1] += 1
        else:
            counted.append([name, 1])
    texts = [short_kernel(name) + (f" ({times} times)" if times > 1 else "") for name, times in counted]
    return " → ".join(texts) or "nothing that a library or PyTorch names"


def _changes_section(result: Experiment) -> Section:
    rows = [(one.name, one.change) for one in result.variants]
    return Section("What was changed", table=Table((Column("variant"), Column("change", wrap=True)), rows))


def _not_possible_section(missing: Sequence[NotPossible]) -> Section:
    reasons: dict[str, list[str]] = {}
    for one in missing:
        reasons.setdefault(one.reason, []).append(one.name)
    items = [Item(", ".join(names), [("why", reason)]) for reason, names in reasons.items()]
    return Section("Not possible here", items=items)


def _claim_document(one: LedgerClaim) -> dict[str, Any]:
    ends = one.accepted
    # JSON has no infinity: a bound has one end.
    told = {**plain(one), "decided_by": plain(one.decided_by)}
    return {**told, "accepted": None if ends is None else [None if end == float("inf") else end for end in ends]}


def _variant_document(one: MeasuredVariant) -> dict[str, Any]:
    document = plain(one)
    interval = document.pop("call_ns")
    call_us = {
        key: value / 1000 if key != "samples" and value is not None else value for key, value in interval.items()
    }
    # JSON has no infinity; an output that cannot even be compared has no error that a number could tell.
    document["error"] = None if one.error == float("inf") else one.error
    first = {"name": document.pop("name"), "change": document.pop("change"), "call_us": call_us}
    told = effect(one.ratio)
    return {**first, "ratio": document.pop("ratio"), "effect": told, "flops_per_s": plain(one.flops_per_s), **document}


_CSV_COLUMNS: Final = (
    *("name", "call_us", "call_us_low", "call_us_high", "ratio", "ratio_low", "ratio_high", "rounds", "effect"),
    *("samples", "flops", "flops_per_s", "outputs", "error", "tolerance", "page_faults", "kernels", "change"),
)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = {key: value for key, value in row.items() if not isinstance(value, dict)}
    for key in ("call_us", "ratio"):
        flat |= {key: row[key]["median"], f"{key}_low": row[key]["low"], f"{key}_high": row[key]["high"]}
    return {**flat, "rounds": row["ratio"]["samples"]}
