"""Pages that were made before, kept in the user's cache directory: TensorBoard starts anew, and they are there at once.

A page's name is a digest of the trace's content and place, of the code and of what was asked, so there is nothing to
invalidate: another trace or other code has another name.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from functools import cache
from pathlib import Path
from threading import Lock
from typing import Final

import numpy as np
import pandas as pd

from profiler_kit.formats.cache import SMALLEST_BYTES, fingerprint
from profiler_kit.tb_plugin.discovery import TraceFile
from profiler_kit.user_cache import make_room, user_cache

LIMIT_BYTES: Final = 512 << 20
"""All pages together; beyond, those that were not used for longest go."""

_SUFFIX: Final = ".page.gz"
_UNRELATED: Final = ("record", "cli", "experiments", "cudnn", "testing")
"""Rooms whose code pages do not depend on."""


class KeptPages:
    """Pages on disk, by trace and by what was asked."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._fingerprints: dict[tuple[str, int, float], str] = {}

    def load(self, file: TraceFile, what: str) -> bytes | None:
        """Return a page, gzipped, None if it is not there."""
        place = self._place(file, what)
        if place is None:
            return None
        try:
            body = place.read_bytes()
            os.utime(place)
        except OSError:
            return None
        return body

    def save(self, file: TraceFile, what: str, body: bytes) -> None:
        """Keep a page; does nothing where the cache directory cannot be written."""
        place = self._place(file, what)
        if place is None:
            return
        with contextlib.suppress(OSError):
            place.parent.mkdir(parents=True, exist_ok=True)
            make_room(place.parent, len(body), _SUFFIX, LIMIT_BYTES)
            handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".tmp")
            with os.fdopen(handle, "wb") as opened:
                opened.write(body)
            Path(temporary).replace(place)

    def _place(self, file: TraceFile, what: str) -> Path | None:
        directory = user_cache("pages")
        if directory is None or file.size < SMALLEST_BYTES or not Path(file.path).is_file():
            return None
        with self._lock:
            known = self._fingerprints.get(file.version)
        if known is None:
            try:
                known = fingerprint(Path(file.path))
            except OSError:
                return None
            with self._lock:
                self._fingerprints[file.version] = known
        named = hashlib.blake2b(_code(), digest_size=16)
        for part in (known, file.path, what):
            named.update(part.encode() + b"\0")
        return directory / (named.hexdigest() + _SUFFIX)


def prepare_names() -> None:
    """Work out what all names of pages have in common, so that the first page need not wait for it."""
    if user_cache("pages") is not None:
        _code()


@cache
def _code() -> bytes:
    """Return a digest of the code that makes pages."""
    package = Path(__file__).resolve().parents[1]
    digest = hashlib.blake2b(f"{np.__version__} {pd.__version__}".encode(), digest_size=16)
    for module in sorted(package.rglob("*.py")):
        if module.relative_to(package).parts[0] not in _UNRELATED:
            digest.update(module.read_bytes())
    return digest.digest()
