"""An experiment on a layer laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.experiment``, version 1. A measured time or ratio is ``{median, low, high, samples}``, where
``low`` and ``high`` enclose the median with a probability of at least ``level``; a missing value is ``null``.

| key | value |
|---|---|
| schema, schema_version, profiler_kit_version | as everywhere |
| layer, input_shape, dtype, device, load, threads | what was measured, where, and how busy that was before |
| rounds, more_rounds, seconds, preemptions, | how it was measured (``more_rounds`` had only the variants on which a |
| level, method | claim was still open), and how often other processes took a core away |
| variants | [name, change, call_us, ratio (of a sample's time to the layer as given), effect (``faster``, ``slower``, |
|  | ``no difference seen``, ``not known``), samples, flops, flops_per_s, kernels, outputs, error, tolerance, |
|  | page_faults (in a call)] |
| not_possible | [name, reason] |
| claims | [factor, statement, advice, variant, compared_with (other variants whose times decide it), quantity, |
|  | predicted, measured, verdict (``confirmed``, ``refuted``, ``undecided``, ``not tested``), reason, prediction |
|  | (``estimate``; of the bounds ``at best``, ``at most``, ``at least`` only that they hold is confirmed), finding |
|  | (what that says, in words), accepted (lowest and highest ratio that bear it out), spread (factor by which the |
|  | prediction may be off), decided_by (``measured`` with that added, which the verdict is about)] |
| no_claims | why there are none, ``null`` if there are some or none were asked for |
"""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from profiler_kit.analysis.measured.experiment import (
    DOUBLED_OTHER,
    EQUAL_DENSE,
    FRESH_MEMORY,
    IM2COL_GEMM,
    OTHER_LAYER,
    SMALLEST_IN_LAYOUT,
    SMALLEST_LAYER,
    SMALLEST_OTHER,
    Experiment,
    MeasuredVariant,
    NotPossible,
)
from profiler_kit.analysis.measured.timing_statistics import (
    LEVEL,
    LEVEL_OF_LOOK,
    LOOKS,
    MARGIN,
    MedianInterval,
    is_disturbed,
)
from profiler_kit.kept_memory import SMALLEST_GIVEN_BACK_BYTES
from profiler_kit.report import markdown, terminal
from profiler_kit.report.document import json_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import WIDE, Column, Item, Section, Table
from profiler_kit.report.microseconds import to_csv
from profiler_kit.report.names import short_kernel
from profiler_kit.report.quantities import MISSING, is_missing, write
from profiler_kit.report.trial import claim_document, claims_section, interval_text

SCHEMA: Final = "profiler_kit.experiment"
SCHEMA_VERSION: Final = 1

METHOD: Final = (
    "Rounds in random order, each timing every variant in a block of calls after one that is not timed. Intervals are "
    "exact ones of the median by order statistics; ratios are taken within a round. Where the noise leaves a statement "
    f"of the ledger open, its variants are measured on, and looked at up to {LOOKS} times: intervals are wide enough "
    f"({LEVEL_OF_LOOK:.1%} at each look) for {LEVEL:.0%} over all."
)

_TITLE: Final = "profiler_kit experiment"
_NO_CHANGES: Final = (
    *(EQUAL_DENSE, OTHER_LAYER, DOUBLED_OTHER, IM2COL_GEMM),
    *(SMALLEST_LAYER, SMALLEST_OTHER, SMALLEST_IN_LAYOUT),
)
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
        document["claims"] = [claim_document(one) for one in result.claims]
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
            ("measured", measured_text(result.rounds, result.seconds, result.preemptions, result.more_rounds)),
        ]

    def __str__(self) -> str:
        return self.to_text()


def measured_text(rounds: int, seconds: float, preemptions: int | None, more_rounds: int = 0) -> str:
    """Say how much was measured, and how often other processes interfered."""
    more = f", and {more_rounds} of what these did not decide," if more_rounds else ""
    told = f"{rounds} rounds in random order{more} in {seconds:.1f} s"
    if preemptions is None or not is_disturbed(preemptions, seconds):
        return told
    return (
        f"{told}; other processes took a core away {preemptions:,} times: what runs on several threads waits for each "
        "of them, so intervals are wide and times may be too long"
    )


def memory_notes(result: Experiment) -> list[str]:
    """Say what a call costs more where its output lies on new pages, and which calls get them anyway."""
    given, fresh = result.variants[0], result.variant(FRESH_MEMORY)
    notes = []
    if fresh is not None and fresh.ratio.low > MARGIN and given.page_faults is not None and fresh.page_faults:
        told = f"{write('ratio', fresh.ratio.median)} ({interval_text(fresh.ratio)})"
        notes.append(
            f"Freed memory below {_KEPT} is kept here. Where it goes back to the system, as in a process that has "
            f"just started, a call takes {told} as long: {fresh.page_faults:,.0f} page faults instead of "
            f"{given.page_faults:,.0f}. MALLOC_TRIM_THRESHOLD_ and MALLOC_MMAP_THRESHOLD_, or another allocator such "
            "as jemalloc, keep it."
        )
    faulting = [one for one in result.variants if one is not fresh and (one.page_faults or 0) > _MANY_FAULTS]
    if faulting:
        named = ", ".join(f"{one.name} ({one.page_faults:,.0f})" for one in faulting)
        notes.append(
            f"Page faults in every call, each a page that the system must clear: {named}. Blocks of {_KEPT} and more "
            "go back to the system whenever they are freed (glibc)."
        )
    return notes


_KEPT: Final = f"{SMALLEST_GIVEN_BACK_BYTES >> 20} MiB"

_MANY_FAULTS: Final = 100
"""Page faults in a call from which on they are told; they take up to a microsecond each."""


def effect(ratio: MedianInterval) -> str:
    """Say in words what a ratio of times shows."""
    if is_missing(ratio.low):
        return "not known"
    return "faster" if ratio.high < 1 else "slower" if ratio.low > 1 else "no difference seen"


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
            _SHORT.get(effect(one.ratio), effect(one.ratio)) if number else MISSING,
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


_SHORT: Final = {"no difference seen": "none seen"}
"""Effects as the table has room for."""


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


def _variant_document(one: MeasuredVariant) -> dict[str, Any]:
    document = plain(one)
    interval = document.pop("call_ns")
    del document["rounds_ns"]
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
