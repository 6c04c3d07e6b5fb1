"""cuDNN's own log of the convolutions it runs, taken along in the trace.

cuDNN looks for its log's settings in the environment once, when its first function is called and the libraries behind
``libcudnn.so`` are loaded; importing torch doesn't do that yet. So the log has to be asked for before the first
convolution on a GPU (and before ``torch.backends.cudnn.version()``), or in the environment of the whole process.
"""

from __future__ import annotations

import atexit
import logging
import os
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any, Final

import torch

from profiler_kit.cudnn.log import LogRecord, log_records
from profiler_kit.errors import RecordingError

_logger = logging.getLogger(__name__)

_FILE_VARIABLE: Final = "CUDNN_LOGDEST_DBG"
_LEVELS: Final = {"CUDNN_LOGLEVEL_DBG": "3", "CUDNN_LOGINFO_DBG": "1"}
"""Variables of cuDNN 9 and 8, and the values with which calls are logged."""

_LOADED_MARKS: Final = ("libcudnn_graph.so", "libcudnn_ops", "libcudnn_cnn")
"""Libraries that cuDNN 8 and 9 load when they are first called."""

_MAPS: Final = Path("/proc/self/maps")
_STREAMS: Final = frozenset({"stdout", "stderr", "NULL"})

MOST_RECORDS: Final = 200_000
"""Records that a trace takes along; a recording of many more steps is not what the log is for."""

_our_file: Path | None = None
"""The file that this process's cuDNN was told to log to: it can be told once."""


class CudnnLogCapture:
    """Collects what cuDNN logs between ``install`` and ``remove``.

    Where there is no CUDA nothing is arranged: one line is logged, and ``describe`` says why.

    Raises:
        RecordingError: cuDNN has been used in this process already, without a log.
    """

    def __init__(self) -> None:
        self._file: Path | None = None
        self._problem: str | None = None
        self._start = 0
        self._records: list[LogRecord] = []
        self._dropped = 0
        if not torch.cuda.is_available() or torch.version.cuda is None:
            self._problem = "there is no CUDA here, so that cuDNN runs nothing"
            _logger.warning("cudnn_log: %s", self._problem)
            return
        self._file = arrange_log()

    def install(self) -> None:
        """Begin to collect."""
        self._records, self._dropped = [], 0
        self._start = self._file.stat().st_size if self._file is not None and self._file.exists() else 0

    def remove(self) -> None:
        """Read what was logged since."""
        if self._file is None or not self._file.exists():
            return
        with self._file.open(encoding="utf-8", errors="replace") as lines:
            lines.seek(self._start)
            for record in log_records(lines):
                if len(self._records) < MOST_RECORDS:
                    self._records.append(record)
                else:
                    self._dropped += 1

    def describe(self) -> dict[str, Any]:
        """Return what the trace is to say: the records, each different plan once, or why there are none."""
        if self._problem is not None:
            return {"captured": False, "reason": self._problem}
        plans: dict[str, int] = {}
        listed: list[dict[str, Any]] = []
        calls = [[_place(one, plans, listed), one.kind, one.time_ns, one.thread] for one in self._records]
        return {"captured": True, "plans": listed, "calls": calls, "dropped": self._dropped}


def arrange_log() -> Path:
    """Have cuDNN log its calls to a file, unless the user has already; return the file.

    Raises:
        RecordingError: It is too late, or the user's own settings are for another place or for less.
    """
    global _our_file
    if _our_file is not None:
        return _our_file
    given = os.environ.get(_FILE_VARIABLE)
    if given is not None:
        _our_file = _users_file(given)
        return _our_file
    if loaded := next(_loaded(), None):
        raise RecordingError(
            f"cudnn_log: too late, cuDNN has been used in this process already ({loaded} is loaded) and looks for its "
            "log's settings only once; make profile(cudnn_log=True) before the first convolution on the GPU, or start "
            "the process with CUDNN_LOGDEST_DBG=cudnn.log CUDNN_LOGLEVEL_DBG=3 CUDNN_LOGINFO_DBG=1"
        )
    handle, name = tempfile.mkstemp(prefix="profiler_kit_cudnn_", suffix=".log")
    os.close(handle)
    _our_file = Path(name)
    atexit.register(_remove, _our_file, os.getpid())
    os.environ.update({_FILE_VARIABLE: name, **_LEVELS})
    return _our_file


def _users_file(given: str) -> Path:
    levels = [os.environ.get(name, "0") for name in _LEVELS]
    enough = zip(levels, _LEVELS.values(), strict=True)
    if given in _STREAMS or not any(level.isdecimal() and int(level) >= int(least) for level, least in enough):
        wanted = " or ".join(f"{name}={level}" for name, level in _LEVELS.items())
        raise RecordingError(
            f"cudnn_log: {_FILE_VARIABLE}={given} is set; make that a file, with {wanted} beside it, or leave all unset"
        )
    return Path(given.replace("%i", str(os.getpid())))


def _loaded() -> Iterator[str]:
    """Yield libraries of cuDNN that show that it has been used."""
    with suppress(OSError):
        for line in _MAPS.read_text(errors="replace").splitlines():
            name = line.rpartition("/")[2]
            if name.startswith(_LOADED_MARKS):
                yield name


def _remove(file: Path, process: int) -> None:
    # A forked child leaves the file to its parent, which may still be logging to it.
    if os.getpid() == process:
        file.unlink(missing_ok=True)


_OF_A_CALL: Final = ("time_ns", "thread", "process", "call", "kind", "complete")


def _place(record: LogRecord, plans: dict[str, int], listed: list[dict[str, Any]]) -> int:
    """Return the place of what ran in the list of different plans."""
    fields = {name: value for name, value in record.as_json().items() if name not in _OF_A_CALL}
    key = repr(fields)
    if key not in plans:
        plans[key] = len(listed)
        listed.append(fields)
    return plans[key]
