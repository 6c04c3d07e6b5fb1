"""`profile`: the recorder that also reports on what it recorded."""

from __future__ import annotations

import logging
from os import PathLike
from types import TracebackType
from typing import Any

from profiler_kit.errors import ProfilerKitError, RecordingError
from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder
from profiler_kit.report import Report, make_report

_logger = logging.getLogger(__name__)


class profile(Recorder):  # noqa: N801 (named like torch.profiler.profile, whose place it takes)
    __doc__ = f"""{Recorder.__doc__}
    Besides what it inherits from :class:`Recorder`:

    Args:
        tensorboard: Write scalars by step and the report for TensorBoard's own tabs next to the traces, when the block
            ends. Needs TensorBoard; where that is missing or fails, a warning is logged and nothing else happens.
    """

    def __init__(
        self,
        model: Any = None,
        logdir: str | PathLike[str] = "runs",
        *,
        tensorboard: bool = True,
        **options: Any,
    ) -> None:
        super().__init__(model, logdir, **options)
        self._tensorboard = tensorboard

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop recording, write what has been recorded, and the summaries for TensorBoard.

        Raises:
            RecordingError: If a trace could not be written and the block has not failed by itself.
        """
        super().__exit__(exc_type, exc, traceback)
        if exc is None and self._tensorboard:
            self._write_summaries()

    def report(self, *, by_shape: bool = False) -> Report:
        """Report on the newest trace that was recorded.

        Args:
            by_shape: Keep calls of an operator with different input shapes apart.

        Raises:
            RecordingError: If nothing has been recorded yet.
        """
        if not self.trace_paths:
            raise RecordingError(
                "nothing recorded yet: report() needs a finished cycle; call it after the with block, "
                "and step() at least skip_first + wait + warmup + active times inside"
            )
        return make_report(read_trace(self.trace_paths[-1]), by_shape=by_shape)

    def _write_summaries(self) -> None:
        """Write summaries of every cycle. The recording is done and safe: no failure here may look like one of it."""
        from profiler_kit.report.tensorboard import write_summaries

        for path in self.trace_paths:
            try:
                trace = read_trace(path)
                write_summaries(make_report(trace), path.parent, epoch_ns=trace.epoch_ns)
            except (ProfilerKitError, OSError) as error:
                _logger.warning("no TensorBoard summaries: %s", error)
                return
