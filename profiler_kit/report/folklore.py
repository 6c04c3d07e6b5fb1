"""The claims on trial, laid out for readers and as JSON.

JSON schema ``profiler_kit.folklore``, version 1. Times are in µs in fields that end in ``_us``; a measured time or
ratio is ``{median, low, high, samples}``; a missing value is ``null``.

| key | value |
|---|---|
| schema, schema_version, profiler_kit_version | as everywhere |
| device, load, rounds, more_rounds, seconds, preemptions, level | where and how it was measured |
| claims | [number, claim, test, verdict (``confirmed here``, ``refuted here``, ``depends``, ``undecided``), reading, |
|  | cases [question, first, second (names of contenders), ratio (of a sample's times), verdict]] |
| contenders | [name, what, call_us, flops, flops_per_s, samples, kernels, error] |
| not_possible | [what, reason] |
"""

from __future__ import annotations

import shutil
from dataclasses import dataclass
from typing import Any, Final

from profiler_kit.analysis.measured.folklore import Case, ClaimOnTrial, Folklore
from profiler_kit.analysis.measured.timing_statistics import LEVEL
from profiler_kit.report import markdown, terminal
from profiler_kit.report.document import json_text
from profiler_kit.report.experiment import measured_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import Column, Item, Section, Table
from profiler_kit.report.names import short_kernel
from profiler_kit.report.quantities import MISSING
from profiler_kit.report.trial import interval_text

SCHEMA: Final = "profiler_kit.folklore"
SCHEMA_VERSION: Final = 1

_TITLE: Final = "What people say about convolutions, on trial"


@dataclass(frozen=True)
class FolkloreReport:
    """The claims on trial, ready to be rendered; ``print(report)`` shows them.

    Attributes:
        folklore: The figures.
    """

    folklore: Folklore

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

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its head."""
        document = plain(self.folklore)
        for row, one in zip(document["contenders"], self.folklore.contenders, strict=True):
            interval = row.pop("call_ns")
            scaled = {key: value / 1000 if key != "samples" and value else value for key, value in interval.items()}
            row |= {"call_us": scaled, "flops_per_s": one.flops_per_s}
        missing = [{"what": what, "reason": reason} for what, reason in self.folklore.not_possible]
        return {**document, "not_possible": missing, "level": LEVEL}

    def sections(self) -> list[Section]:
        """Lay the claims out: the verdicts, then each with its cases."""
        parts = [self._verdicts(), *(self._claim(claim) for claim in self.folklore.claims)]
        if self.folklore.not_possible:
            items = [Item(what, [("why", reason)]) for what, reason in self.folklore.not_possible]
            parts.append(Section("Not possible here", items=items))
        return parts

    def _facts(self) -> list[tuple[str, str]]:
        result = self.folklore
        measured = measured_text(result.rounds, result.seconds, result.preemptions, result.more_rounds)
        return [
            ("device", result.device),
            ("load", result.load),
            ("layers", "forward, float32"),
            ("measured", measured),
        ]

    def _verdicts(self) -> Section:
        rows = [(claim.number, claim.claim, claim.verdict) for claim in self.folklore.claims]
        heading = "a convolution is slower than a dense layer, because …"
        columns = (Column("", "count"), Column(heading, wrap=True), Column("verdict"))
        lead = (
            "A claim is confirmed or refuted here if the noise leaves at least half of its cases decided and these "
            "agree; it depends if they do not. Noticeable is a difference of more than 5 %, by the whole confidence "
            "interval of the ratio."
        )
        return Section("Verdicts", lead, table=Table(columns, rows))

    def _claim(self, claim: ClaimOnTrial) -> Section:
        columns = (Column("case", wrap=True), Column("time\nratio", "ratio"), Column("interval\n95 %"), Column("says"))
        rows = [(case.question, case.ratio.median, interval_text(case.ratio), case.verdict) for case in claim.cases]
        return Section(
            f"{claim.number}. {claim.claim}: {claim.verdict}",
            claim.test,
            items=[Item(claim.reading)],
            table=Table(columns, rows),
            notes=self._kernels(claim.cases),
        )

    def _kernels(self, cases: tuple[Case, ...]) -> list[str]:
        """Name the kernels that ran for the cases, each sequence once."""
        kernels = {one.name: one.kernels for one in self.folklore.contenders}
        found: dict[tuple[str, ...], list[str]] = {}
        for case in cases:
            for name in (case.first, case.second):
                names = found.setdefault(kernels[name], [])
                if name not in names:
                    names.append(name)
        return [f"{', '.join(names)}: {sequence_text(run)}" for run, names in found.items()]


def sequence_text(kernels: tuple[str, ...]) -> str:
    """Write what ran, in order, each without repetitions."""
    return " → ".join(dict.fromkeys(short_kernel(name) for name in kernels)) or MISSING
