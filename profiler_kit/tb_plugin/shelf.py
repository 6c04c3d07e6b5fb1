"""Traces that are being read, or have been: one at a time in the background, a few kept, pages of more."""

from __future__ import annotations

import contextlib
import hashlib
import json
import logging
import queue
import threading
from collections import OrderedDict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from isal import igzip

from profiler_kit.errors import ProfilerKitError
from profiler_kit.report.page.answers import Answers
from profiler_kit.tb_plugin.discovery import TraceFile
from profiler_kit.tb_plugin.kept_pages import KeptPages

_logger = logging.getLogger(__name__)

MOST_TRACES: Final = 4
"""Traces kept in memory; the one that was not asked for longest goes first."""

MOST_WAITING: Final = 64
"""Traces that may wait to be read."""

MOST_BYTES: Final = 256 << 20
"""Compressed pages kept in memory."""

UNREAD, READING, READY, FAILED = "unread", "reading", "ready", "failed"

_LEVEL: Final = 2
"""Of compression, of ISA-L's own; the highest takes twice as long for a tenth less."""

Version = tuple[str, int, float]


class BusyError(Exception):
    """So many traces wait to be read already that no more are taken."""


@dataclass(frozen=True)
class Page:
    """An answer ready to be sent.

    Attributes:
        body: Its bytes, gzipped.
        etag: Names its content.
    """

    body: bytes
    etag: str


@dataclass
class Reading:
    """How far one trace is.

    Attributes:
        state: unread, reading, ready or failed.
        progress: Share that is read.
        error: One line, where it failed.
        answers: What can be asked once it is ready.
        lock: Held while an answer is worked out.
    """

    state: str = UNREAD
    progress: float = 0.0
    error: str | None = None
    answers: Answers | None = None
    lock: threading.Lock = field(default_factory=threading.Lock)


class Shelf:
    """Reads traces and keeps what was read.

    Args:
        read: Reads the trace of a file; gets the file, and what to call with the share that is done.
        prepare: Works out what the first view needs, while the trace still counts as being read.
    """

    def __init__(
        self,
        read: Callable[[TraceFile, Callable[[float], None]], Answers],
        prepare: Callable[[Answers], Any],
    ) -> None:
        self._read = read
        self._prepare = prepare
        self._lock = threading.Lock()
        self._readings: OrderedDict[Version, Reading] = OrderedDict()
        self._pages: OrderedDict[tuple[Version, str], Page] = OrderedDict()
        self._bytes = 0
        self._on_disk = KeptPages()
        self._waiting: queue.Queue[TraceFile] = queue.Queue(MOST_WAITING)
        self._worker: threading.Thread | None = None

    def state(self, file: TraceFile) -> Reading:
        """Return how far a trace is, without asking for it."""
        with self._lock:
            return self._readings.get(file.version) or Reading()

    def ask(self, file: TraceFile) -> Reading:
        """Return how far a trace is; where nobody has asked before, it will be read now.

        Raises:
            BusyError: If too many traces wait already.
        """
        with self._lock:
            known = self._readings.get(file.version)
            if known is not None:
                self._readings.move_to_end(file.version)
                return known
            try:
                self._waiting.put_nowait(file)
            except queue.Full:
                raise BusyError from None
            reading = self._readings[file.version] = Reading(READING)
            if self._worker is None:
                self._worker = threading.Thread(target=self._work, name="profiler_kit reader", daemon=True)
                self._worker.start()
            return reading

    def page(
        self, file: TraceFile, what: str, make: Callable[[Answers], bytes], *, lasting: bool = False
    ) -> Page | None:
        """Return an answer about a trace, kept or made now; None if the trace has to be read first.

        Args:
            file: The trace.
            what: Names the answer.
            make: Makes it.
            lasting: It depends on nothing but this trace, and may be kept on disk.

        Raises:
            BusyError: If too many traces wait already.
            ProfilerKitError: If the trace could not be read.
        """
        key = (file.version, what)
        with self._lock:
            if (kept := self._pages.get(key)) is not None:
                self._pages.move_to_end(key)
                return kept
        if lasting and (body := self._on_disk.load(file, what)) is not None:
            with contextlib.suppress(BusyError):
                self.ask(file)  # for what will be asked next
            return self._keep(key, _named(body))
        reading = self.ask(file)
        if reading.state == FAILED:
            raise ProfilerKitError(reading.error or "the trace cannot be read")
        answers = reading.answers
        if answers is None:
            return None
        with reading.lock:
            with self._lock:
                kept = self._pages.get(key)
            if kept is not None:
                return kept
            page = packed(make(answers))
        if lasting:
            self._on_disk.save(file, what, page.body)
        return self._keep(key, page)

    def _keep(self, key: tuple[Version, str], page: Page) -> Page:
        with self._lock:
            self._pages[key] = page
            self._bytes += len(page.body)
            while self._bytes > MOST_BYTES and len(self._pages) > 1:
                self._bytes -= len(self._pages.popitem(last=False)[1].body)
        return page

    def _work(self) -> None:
        while True:
            file = self._waiting.get()
            reading = self.state(file)
            try:
                answers = self._read(file, lambda share, reading=reading: _advance(reading, share))  # type: ignore[misc]
                self._prepare(answers)
            except ProfilerKitError as error:
                reading.error, reading.state = str(error).replace(file.path, file.file), FAILED
            except Exception:
                _logger.exception("reading %s failed", file.path)
                reading.error, reading.state = "reading failed; TensorBoard's log says why", FAILED
            else:
                reading.answers, reading.progress, reading.state = answers, 1.0, READY
            self._make_room()

    def _make_room(self) -> None:
        """Forget the traces beyond `MOST_TRACES` that were not asked for longest; their pages stay."""
        with self._lock:
            ready = [version for version, one in self._readings.items() if one.state == READY]
            for version in ready[:-MOST_TRACES]:
                del self._readings[version]


def _advance(reading: Reading, share: float) -> None:
    reading.progress = min(max(share, 0.0), 1.0)


def packed(content: bytes) -> Page:
    """Return an answer ready to be sent."""
    return _named(bytes(igzip.compress(content, _LEVEL, mtime=0)))


def _named(body: bytes) -> Page:
    return Page(body, hashlib.sha256(body).hexdigest()[:32])


def encoded(document: Mapping[str, Any]) -> bytes:
    """Return a JSON document as bytes."""
    return json.dumps(document, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()
