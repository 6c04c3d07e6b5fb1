"""``torch.profiler.profile`` with something to do at the beginning and end of every recorded cycle."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import torch
from torch.profiler import ProfilerAction

from profiler_kit.errors import RecordingError
from profiler_kit.record.trace_file import copy_trace

if TYPE_CHECKING:
    from collections.abc import Sequence


class Instrument(Protocol):
    """Something that observes the steps of a cycle."""

    def install(self) -> None:
        """Begin to observe."""

    def remove(self) -> None:
        """End; harmless if it has not begun."""


def refuse_running_profiler() -> None:
    """Check that no other profiler is recording in this process: PyTorch would crash or lose one of the two.

    Raises:
        RecordingError: If one is recording.
    """
    if torch.autograd.profiler._is_profiler_enabled:
        raise RecordingError(
            "another torch.profiler is already recording in this process; end it first, or use only one"
        )


class CycleProfiler(torch.profiler.profile):  # type: ignore[misc] # torch is untyped here
    """A ``torch.profiler.profile`` whose instruments live exactly as long as it records.

    Args:
        instruments: What to switch on when it begins to record and off, in reverse order, when it ends.
        **options: As for ``torch.profiler.profile``.

    Attributes:
        written: File of the last finished cycle, once it has been written.
    """

    def __init__(self, instruments: Sequence[Instrument], **options: Any) -> None:
        super().__init__(**options)
        self.written: Path | None = None
        self._instruments = instruments

    def prepare_trace(self) -> None:
        """Begin to warm up."""
        self.written = None
        if not getattr(self, "acc_events", False):  # PyTorch 2.4 does not have it
            # Every cycle gets a new one anyway; torch warns of that only if it finds the last one's.
            self.profiler = None
        try:
            refuse_running_profiler()
            super().prepare_trace()
        except BaseException:
            self._forget_cycle()
            raise

    def start_trace(self) -> None:
        """Begin to record."""
        try:
            for instrument in self._instruments:
                instrument.install()
            super().start_trace()
        except BaseException:
            self._forget_cycle()
            raise

    def stop_trace(self) -> None:
        """Stop recording."""
        self._remove_instruments()
        super().stop_trace()

    def export_chrome_trace(self, path: str, *args: Any, **options: Any) -> None:
        """Export the last cycle; also in ``on_trace_ready``, although Kineto gives its events away only once."""
        if self.written is None:
            super().export_chrome_trace(path, *args, **options)
        else:
            copy_trace(self.written, Path(path))

    def _remove_instruments(self) -> None:
        for instrument in reversed(self._instruments):
            instrument.remove()

    def _forget_cycle(self) -> None:
        self._remove_instruments()
        # torch has noted the new phase already and would stop, at the end of the block, what never started.
        self.current_action = ProfilerAction.NONE
