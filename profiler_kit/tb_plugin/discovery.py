"""Which traces lie in TensorBoard's log directory, found through TensorBoard's own file API.

TensorBoard lists only runs with event files, and with its fast data server it has no list for plugins at all. So the
directory is walked here. Nothing outside of it is ever found: links to directories are not followed, and files that
lead elsewhere are left out.
"""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from dataclasses import dataclass
from threading import Lock
from typing import Any, Final

from tensorboard.compat import tf

from profiler_kit.formats.places import TRACE_SUFFIXES
from profiler_kit.formats.ranks import rank_in_name

TOP: Final = "."
"""Name of the run whose traces lie in the log directory itself, as TensorBoard calls it."""

FRESH_S: Final = 2.0
"""A listing no older than this is not made anew."""

MOST_FILES: Final = 20_000
MOST_DIRECTORIES: Final = 50_000
DEEPEST: Final = 32
"""Limits of one walk, so that a log directory of ``/`` does no harm."""

_SCHEME: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_TIMESTAMP: Final = re.compile(r"\.\d{10,}$")


@dataclass(frozen=True)
class TraceFile:
    """One trace.

    Attributes:
        run: Run that it belongs to.
        file: Its name; with `run` it names the trace in addresses.
        path: Where it is.
        worker: Its name without time stamp and suffix.
        rank: Rank by its name, None if that does not tell.
        size: Bytes.
        modified: Seconds since 1970, 0 where the file system does not say.
    """

    run: str
    file: str
    path: str
    worker: str
    rank: int | None
    size: int
    modified: float

    @property
    def version(self) -> tuple[str, int, float]:
        """Changes when the file does."""
        return self.path, self.size, self.modified


class Discovery:
    """The traces in the log directories.

    Args:
        logdir: As given to TensorBoard; empty if `logdir_spec` was given.
        logdir_spec: ``name:path,name:path``, or empty.
    """

    def __init__(self, logdir: str, logdir_spec: str = "") -> None:
        self._roots = roots(logdir, logdir_spec)
        self._lock = Lock()
        self._found: dict[tuple[str, str], TraceFile] = {}
        self._at = -FRESH_S
        self.generation = 0

    def files(self) -> list[TraceFile]:
        """Return all traces, ordered by run and file."""
        return [self._listing()[key] for key in sorted(self._listing())]

    def find(self, run: str, file: str) -> TraceFile | None:
        """Return the trace of that name, None if discovery knows none: names never become paths."""
        return self._listing().get((run, file))

    def _listing(self) -> dict[tuple[str, str], TraceFile]:
        with self._lock:
            if time.monotonic() - self._at >= FRESH_S:
                found = {(one.run, one.file): one for name, path in self._roots for one in _walk(name, path)}
                self.generation += found != self._found
                self._found, self._at = found, time.monotonic()
            return self._found


def roots(logdir: str, logdir_spec: str) -> list[tuple[str, str]]:
    """Return (name, directory) of all log directories; the name is empty for a plain one.

    Args:
        logdir: TensorBoard's ``--logdir``.
        logdir_spec: Its ``--logdir_spec``; a name stands before the first colon, as TensorBoard reads it.
    """
    if logdir:
        return [("", _absolute(logdir))]
    listed = []
    for one in filter(None, (part.strip() for part in logdir_spec.split(","))):
        name, path = "", one
        plain = _SCHEME.match(one) or one.startswith("/") or os.path.splitdrive(one)[0]
        if ":" in one and not plain:
            name, _, path = one.partition(":")
        listed.append((name, _absolute(path)))
    return listed


def _absolute(path: str) -> str:
    return path if _SCHEME.match(path) else os.path.realpath(os.path.expanduser(path))  # noqa: PTH111


def _walk(name: str, root: str) -> Iterator[TraceFile]:
    """Return the traces below a log directory."""
    local, files, directories = _SCHEME.match(root) is None, 0, 0
    waiting = [(root, TOP, 0)]
    while waiting and files < MOST_FILES and directories < MOST_DIRECTORIES:
        directory, relative, depth = waiting.pop()
        directories += 1
        for entry in _entries(directory):
            path = f"{directory.rstrip('/')}/{entry}"
            if entry.endswith(TRACE_SUFFIXES) and not entry.startswith("."):
                if (not local or _inside(path, root)) and (one := _trace_file(name, relative, entry, path)):
                    files += 1
                    yield one
            elif depth < DEEPEST and not (local and os.path.islink(path)) and _is_directory(path):  # noqa: PTH114
                waiting.append((path, entry if relative == TOP else f"{relative}/{entry}", depth + 1))


def _entries(directory: str) -> list[str]:
    try:
        entries = sorted(str(entry).rstrip("/") for entry in tf.io.gfile.listdir(directory))
    except (OSError, tf.errors.OpError):
        return []
    return [entry for entry in entries if _sayable(entry)]


def _sayable(name: str) -> bool:
    """Tell whether a name can be sent to a browser and come back: bytes that are no UTF-8 cannot."""
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _is_directory(path: str) -> bool:
    try:
        return bool(tf.io.gfile.isdir(path))
    except (OSError, tf.errors.OpError):
        return False


def _inside(path: str, root: str) -> bool:
    """Tell whether a local path, all links followed, is still below the root."""
    real = os.path.realpath(path)
    return real.startswith(root.rstrip("/") + "/")


def _trace_file(name: str, relative: str, entry: str, path: str) -> TraceFile | None:
    try:
        status: Any = tf.io.gfile.stat(path)
        if tf.io.gfile.isdir(path):
            return None
    except (OSError, tf.errors.OpError):
        return None
    worker = next(entry.removesuffix(suffix) for suffix in reversed(TRACE_SUFFIXES) if entry.endswith(suffix))
    run = relative if not name else name if relative == TOP else f"{name}/{relative}"
    return TraceFile(
        run=run,
        file=entry,
        path=path,
        worker=_TIMESTAMP.sub("", worker),
        rank=rank_in_name(entry),
        size=int(status.length),
        modified=_modified(path, status),
    )


def _modified(path: str, status: Any) -> float:
    nanoseconds = getattr(status, "mtime_nsec", None)
    if nanoseconds is not None:
        return float(nanoseconds) / 1e9
    try:
        return os.stat(path).st_mtime  # noqa: PTH116 - TensorBoard's own status has no time
    except OSError:
        return 0.0
