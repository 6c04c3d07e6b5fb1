"""The end of the demo: the ledger of its convolution against its dense layer, with what experiments say to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from profiler_kit.analysis.ledger.explanation import Explanation
from profiler_kit.report import markdown, terminal
from profiler_kit.report.experiment import ExperimentReport, claims_section, measured_text, memory_notes
from profiler_kit.report.explanation import explanation_sections
from profiler_kit.report.layout import Section


@dataclass(frozen=True)
class DemoLedger:
    """A ledger and its trial, ready to be rendered.

    Attributes:
        batch: Samples in a call.
        told: The ledger.
        trial: The experiment that tested its statements.
    """

    batch: int
    told: Explanation
    trial: ExperimentReport

    def to_text(self, *, width: int, color: bool = False) -> str:
        """Render for a terminal of the given width."""
        return terminal.render_sections(self._title(), [], self._sections(), width=width, color=color)

    def to_markdown(self) -> str:
        """Render as Markdown."""
        return markdown.render_sections(self._title(), [], self._sections())

    def _title(self) -> str:
        return f"Why the 7×7 convolution takes longer than the dense layer, batch {self.batch}, forward"

    def _sections(self) -> list[Section]:
        ledger = next(part for part in explanation_sections(self.told) if part.table is not None)
        result = self.trial.experiment
        measured = f"Measured: {measured_text(result.rounds, result.seconds, result.preemptions)}; load {result.load}."
        return [ledger, replace(claims_section(result.claims), notes=(*memory_notes(result), measured))]
