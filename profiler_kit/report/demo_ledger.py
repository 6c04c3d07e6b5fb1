"""The end of the demo: the ledger of its convolution against its dense layer, with what experiments say to it."""

from __future__ import annotations

from dataclasses import dataclass, replace

from profiler_kit.analysis.ledger.explanation import Explanation
from profiler_kit.analysis.ledger.ledger_words import multiple, time_text
from profiler_kit.analysis.measured.measured_twice import far_apart
from profiler_kit.report import markdown, terminal
from profiler_kit.report.experiment import ExperimentReport, measured_text, memory_notes
from profiler_kit.report.explanation import explanation_sections
from profiler_kit.report.layout import Section
from profiler_kit.report.trial import claims_section


@dataclass(frozen=True)
class DemoLedger:
    """A ledger and its trial, ready to be rendered.

    Attributes:
        batch: Samples in a call.
        told: The ledger.
        trial: The experiment that tested its statements.
        table_us: Times of a call of the convolution and the dense layer that the demo's table has, in µs.
        apart: Which times of the ledger and the trial contradict each other; None if none do.
    """

    batch: int
    told: Explanation
    trial: ExperimentReport
    table_us: tuple[float, float] | None = None
    apart: str | None = None

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
        told = measured_text(result.rounds, result.seconds, result.preemptions, result.more_rounds)
        measured = f"Measured: {told}. Load: {result.load}."
        ledger = replace(ledger, notes=(*ledger.notes, *self._against_table(), *self._apart()))
        return [ledger, replace(claims_section(result.claims), notes=(*memory_notes(result), measured))]

    def _against_table(self) -> list[str]:
        """Say why the demo's table has other times, and which."""
        if self.table_us is None or self.told.slow.recorded_us is None:
            return []
        slow, fast = self.table_us
        text = (
            f"The table above has {time_text(slow)} against {time_text(fast)}, {multiple(slow / fast)}: measured "
            "before, with gradients wanted and a backward pass after each block; here forward calls run alone, without "
            "gradients."
        )
        own = {"the convolution": (slow, self.told.slow.device_us), "the dense layer": (fast, self.told.fast.device_us)}
        apart = far_apart({layer: [("the table", one), ("the ledger", two)] for layer, (one, two) in own.items()})
        if apart is not None and self.apart is None:
            text += f" That does not explain that {apart}: something else kept the machine busy during one of them."
        return [text]

    def _apart(self) -> list[str]:
        if self.apart is None:
            return []
        text = (
            f"The measurements contradict each other: {self.apart}. Something else kept the machine busy (of a virtual "
            "machine, that may be others on its host), so this ledger may be wrong, and what rests on its times is "
            "undecided. Run the demo again on an idle machine."
        )
        return [text]
