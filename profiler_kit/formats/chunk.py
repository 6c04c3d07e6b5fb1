"""What reading one piece of the event list gives: columns, and the names, tracks and signatures that they count."""

from __future__ import annotations

from array import array
from typing import Any, Final

import msgspec

Columns = dict[str, "array[Any]"]

START: Final = "start_"
DURATION: Final = "duration_"
"""What the names of the two columns of times start with; :mod:`profiler_kit.formats.quantities` says how they end."""

SIGNATURE_SEPARATOR = b"\x00"
"""Parts the raw texts of one signature; JSON text cannot hold this character."""


class Part(msgspec.Struct):
    """Rows for one table.

    Attributes:
        table: Name of the table.
        rows: How many there are.
        columns: Column → values in file order; integers are `MISSING` and floats NaN where there is none, and a column
            without any value is left out.
    """

    table: str
    rows: int
    columns: Any


class Chunk(msgspec.Struct):
    """What one piece of text adds to the trace. Codes count what this `ColumnBuilder` has met so far.

    Attributes:
        parts: Rows for tables; some tables get more than one part.
        names: Names met for the first time.
        tracks: (pid, tid) met for the first time.
        signatures: Raw texts of operator signatures met for the first time.
        track_names: (pid, tid, name) as given by the trace.
        skipped: Reason → events in no table.
        oddities: What was odd about events that were kept → how many.
        categories: Categories of events, as written.
        detail: Which arguments the piece's events need.
        facts: What the piece tells about the dialect: how times are written, how ``External id`` is spelled.
        events: Number of events.
    """

    parts: list[Part]
    names: list[str]
    tracks: list[tuple[str, str]]
    signatures: list[bytes]
    track_names: list[tuple[str, str, str]]
    skipped: dict[str, int]
    oddities: dict[str, int]
    categories: list[str]
    detail: int
    facts: list[str]
    events: int
