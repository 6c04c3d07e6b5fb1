"""What reading a trace met, and what its tables do not say: the limits of every answer drawn from it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
import pandas as pd

from profiler_kit.trace.joins import row_numbers
from profiler_kit.trace.names import used_names
from profiler_kit.trace.skipped import NO_TIME, NOT_AN_OBJECT

STEP_PREFIX = "ProfilerStep#"
"""Name of the annotation that ``torch.profiler``'s ``step()`` puts around every step, before its number."""

_HONEST_FROM = 0.99
_LONGEST_NUMBER = 19


@dataclass(frozen=True)
class Health:
    """What reading the file met.

    Attributes:
        events: Events of any kind in the file.
        kept: Table name → events kept in it.
        skipped: Reason → events that are in no table (metadata, categories without a table, damaged events).
        oddities: What had to be repaired or is not plausible → how often; these events are kept.
        cut_at: Offset into the uncompressed text where complete data ends, None if the file is whole.
        damaged_at: Offset into the uncompressed text of the first stretch that is unreadable, None without damage.
        compression_damage: What is wrong with the compressed stream, None if nothing is.
        kernels_without_launch: Kernels whose launching call is not in the trace.
        copies_without_launch: Copies and memsets whose launching call is not in the trace.
        launches_without_op: Calls that caused GPU activity and lie inside no operator.
        ids_compared: Kernels for which both ``correlation`` and ``External id`` lead to an operator.
        ids_agreeing: Those of them for which both lead to the same one.
        gpu_before_launch: Kernels and copies that start before the call that launched them.
        steps: Numbers of the profiler's steps, ascending.
    """

    events: int
    kept: Mapping[str, int] = field(default_factory=dict)
    skipped: Mapping[str, int] = field(default_factory=dict)
    oddities: Mapping[str, int] = field(default_factory=dict)
    cut_at: int | None = None
    damaged_at: int | None = None
    compression_damage: str | None = None
    kernels_without_launch: int = 0
    copies_without_launch: int = 0
    launches_without_op: int = 0
    ids_compared: int = 0
    ids_agreeing: int = 0
    gpu_before_launch: int = 0
    steps: tuple[int, ...] = ()

    @property
    def id_agreement(self) -> float | None:
        """Share of kernels whose ``External id`` names the operator that launched them; None if none can tell."""
        return self.ids_agreeing / self.ids_compared if self.ids_compared else None

    @property
    def external_ids(self) -> str:
        """Say whether ``External id`` can be believed: ``honest``, ``misleading`` or ``unknown``."""
        if self.id_agreement is None:
            return "unknown"
        return "honest" if self.id_agreement >= _HONEST_FROM else "misleading"

    def losses(self) -> Iterator[str]:
        """Return one sentence for each way in which the file could not be read as a whole; nothing if it could."""
        if self.cut_at is not None:
            yield f"The file is cut short: complete events end at byte {self.cut_at:,} of its text."
        if self.compression_damage is not None:
            yield f"Compression: {self.compression_damage}."
        if self.damaged_at is not None:
            yield f"The file is damaged, first at byte {self.damaged_at:,} of its text; what could be read was kept."

    def remarks(self) -> Iterator[str]:
        """Return one sentence for everything that a reader of a report has to know; nothing if all is well."""
        yield from self.losses()
        if not self.events:
            yield "The file holds no events."
        elif not self.kept:
            reason = max(self.skipped, key=lambda reason: self.skipped[reason], default="unknown")
            yield f"None of the {self.events:,} events has a table; mostly: {reason}."
        for reason in (NO_TIME, NOT_AN_OBJECT):
            if count := self.skipped.get(reason):
                yield f"{count:,} × {reason}, left out."
        for reason, count in self.oddities.items():
            yield f"{count:,} × {reason}."
        kernels = self.kept.get("kernels", 0)
        if self.kernels_without_launch:
            yield f"{self.kernels_without_launch:,} of {kernels:,} kernels were launched outside of the trace."
        if self.launches_without_op:
            yield f"{self.launches_without_op:,} calls that started GPU work lie inside no operator."
        if self.external_ids == "misleading":
            yield (
                f"External ids name the launching operator of only {self.ids_agreeing:,} of {self.ids_compared:,} "
                "kernels; they are not used."
            )
        if self.gpu_before_launch:
            yield f"{self.gpu_before_launch:,} GPU activities start before the call that launched them (clock skew)."


def with_join_facts(health: Health, frames: Mapping[str, pd.DataFrame]) -> Health:
    """Return the health completed by what only the joined tables tell.

    Args:
        health: What reading met.
        frames: The joined tables.
    """
    launches = frames["launches"]
    launch_start = launches["start_ns"].to_numpy()
    launch_op = row_numbers(launches["op"])
    without_launch, early, active = {}, 0, np.zeros(len(launches), dtype=bool)
    for table in ("kernels", "copies"):
        activity = frames[table]
        launch = row_numbers(activity["launch"])
        known = launch >= 0
        without_launch[table] = int(len(known) - known.sum())
        early += int((activity["start_ns"].to_numpy()[known] < launch_start[launch[known]]).sum())
        active[launch[known]] = True
    compared, agreeing = _ids(frames["kernels"], frames["ops"])
    return replace(
        health,
        kept={name: len(frame) for name, frame in frames.items() if len(frame)},
        kernels_without_launch=without_launch["kernels"],
        copies_without_launch=without_launch["copies"],
        launches_without_op=int((active & (launch_op < 0)).sum()),
        ids_compared=compared,
        ids_agreeing=agreeing,
        gpu_before_launch=early,
        steps=_steps(frames["annotations"], frames["ops"]),
    )


def _ids(kernels: pd.DataFrame, ops: pd.DataFrame) -> tuple[int, int]:
    """Count kernels with an operator and an External id, and those whose id is the operator's."""
    op = row_numbers(kernels["op"])
    has_id = kernels["external_id"].notna().to_numpy() & (op >= 0)
    ids = kernels["external_id"].to_numpy(dtype=np.int64, na_value=0)[has_id]
    of_op = ops["external_id"].to_numpy(dtype=np.int64, na_value=-1)[op[has_id]]
    return len(ids), int((ids == of_op).sum())


def _steps(*tables: pd.DataFrame) -> tuple[int, ...]:
    """Return the numbers of the steps, which are annotations, or operators in traces of 2021."""
    names = {name for table in tables for name in used_names(table["name"])}
    texts = (name[len(STEP_PREFIX) :] for name in names if name.startswith(STEP_PREFIX))
    return tuple(sorted({int(text) for text in texts if text.isdecimal() and len(text) < _LONGEST_NUMBER}))
