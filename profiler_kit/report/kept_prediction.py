"""A prediction kept for its trace in the user's cache directory, for TensorBoard's tab to show.

Asking cuDNN takes an extra and a process of its own, so a page never does it; it shows what ``profiler-kit predict``
was told last for the same trace. The file is named by the trace's content, so that it is found wherever the trace lies.
"""

from __future__ import annotations

import gzip
import json
import os
import tempfile
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.selection.predicted_selection import INTEGER_COLUMNS, PredictedSelection
from profiler_kit.formats.cache import fingerprint
from profiler_kit.report.json import plain
from profiler_kit.report.predict import SCHEMA_VERSION
from profiler_kit.user_cache import make_room, user_cache

LIMIT_BYTES: Final = 64 << 20
"""All kept predictions together."""

_SUFFIX: Final = f".v{SCHEMA_VERSION}.prediction.gz"
_TABLES: Final = ("table", "totals", "changes", "pairs")
_WORDS: Final = ("left_out", "cudnn_version", "layer_source")


def keep_prediction(trace_file: Path, result: PredictedSelection) -> bool:
    """Keep a prediction in place of what was kept for the same trace before.

    Returns:
        False where the trace is no local file, or the cache directory can't be written.
    """
    place = _place(trace_file)
    if place is None:
        return False
    content: dict[str, Any] = {name: plain(getattr(result, name)) for name in _WORDS}
    for name in _TABLES:
        table: pd.DataFrame = getattr(result, name)
        content[name] = {"columns": list(table.columns), "rows": [list(row.values()) for row in plain(table)]}
    body = gzip.compress(json.dumps(content, allow_nan=False).encode(), mtime=0)
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        make_room(place.parent, len(body), _SUFFIX, LIMIT_BYTES)
        handle, temporary = tempfile.mkstemp(dir=place.parent, prefix=".", suffix=".tmp")
        with os.fdopen(handle, "wb") as opened:
            opened.write(body)
        Path(temporary).replace(place)
    except OSError:
        return False
    return True


def kept_prediction(trace_file: Path) -> PredictedSelection | None:
    """Return what was kept for a trace; ``None`` if nothing was, or it can't be read."""
    place = _place(trace_file)
    if place is None:
        return None
    try:
        content = json.loads(gzip.decompress(place.read_bytes()))
        return PredictedSelection(
            **{name: _frame(content[name], integers=name == "table") for name in _TABLES},
            left_out=tuple(content["left_out"]),
            cudnn_version=content["cudnn_version"],
            layer_source=content["layer_source"],
        )
    except (OSError, EOFError, ValueError, LookupError, TypeError):
        return None


def stamp_of_prediction(trace_file: Path) -> str:
    """Return a text that changes when another prediction is kept for a trace; empty while there is none."""
    place = _place(trace_file)
    try:
        return "" if place is None else str(place.stat().st_mtime_ns)
    except OSError:
        return ""


def _place(trace_file: Path) -> Path | None:
    directory = user_cache("predictions")
    try:
        facts = trace_file.stat()
        if directory is None or not trace_file.is_file():
            return None
        return directory / (_fingerprint(trace_file.resolve(), facts.st_size, facts.st_mtime_ns) + _SUFFIX)
    except OSError:
        return None


@lru_cache(maxsize=256)
def _fingerprint(trace_file: Path, _size: int, _modified: int) -> str:
    return fingerprint(trace_file)


def _frame(kept: dict[str, Any], *, integers: bool) -> pd.DataFrame:
    rows = [[tuple(cell) if isinstance(cell, list) else cell for cell in row] for row in kept["rows"]]
    table = pd.DataFrame(rows, columns=kept["columns"])
    return table.astype(dict.fromkeys(INTEGER_COLUMNS, "Int64")) if integers else table
