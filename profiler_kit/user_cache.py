"""Where the user's system keeps what programs may lose: profiler_kit's folders in it."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path
from typing import Final

_ABANDONED_S: Final = 24 * 3600
"""Age at which a file that is being written is not any more."""


def user_cache(purpose: str) -> Path | None:
    """Return profiler_kit's cache directory for a purpose; it need not exist. ``None`` if the user has no home."""
    try:
        home = Path.home()
    except RuntimeError:
        return None
    if Path(base := os.environ.get("XDG_CACHE_HOME", "")).is_absolute():  # the standard says to ignore others
        root = Path(base)
    elif sys.platform == "win32":
        root = Path(os.environ.get("LOCALAPPDATA", home / "AppData" / "Local"))
    elif sys.platform == "darwin":
        root = home / "Library" / "Caches"
    else:
        root = home / ".cache"
    return root / "profiler-kit" / purpose


def make_room(directory: Path, wanted_bytes: int, suffix: str, limit_bytes: int) -> None:
    """Remove the files that were not used for longest until another one fits, and what a killed process left.

    Args:
        directory: Where they are.
        wanted_bytes: Size of the one to come.
        suffix: How the names of files that count end.
        limit_bytes: Size that all together may have.
    """
    for unfinished in directory.glob(".*.tmp"):
        if time.time() - unfinished.stat().st_mtime > _ABANDONED_S:
            unfinished.unlink(missing_ok=True)
    files = sorted(((f.stat().st_mtime_ns, f.stat().st_size, f) for f in directory.glob("*" + suffix)), reverse=True)
    total = wanted_bytes
    for _, size, file in files:
        total += size
        if total > limit_bytes:
            file.unlink(missing_ok=True)
