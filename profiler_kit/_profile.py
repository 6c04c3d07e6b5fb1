"""`profile`: the recorder that also reports on what it recorded."""

from __future__ import annotations

from profiler_kit.errors import RecordingError
from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder
from profiler_kit.report import Report, make_report


class profile(Recorder):  # noqa: N801 (named like torch.profiler.profile, whose place it takes)
    __doc__ = Recorder.__doc__

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
