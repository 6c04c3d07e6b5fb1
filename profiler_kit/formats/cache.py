"""Tables of traces that were read before, kept in the user's cache directory.

One file a trace: a header with lengths and checksums, what is small as JSON, and all columns as one block of bytes.
Its name is a fingerprint of the trace's content and of the code that read it, so there is nothing to invalidate: a
changed trace or a changed reader has another name. Whatever is wrong with a cache file, it is ignored.

Arrow IPC and Parquet were measured in its place, on a trace of 239,000 events with pyarrow 26: writing took 14 ms
against 40 (Arrow) and 105 (Parquet, zstd), reading to DataFrames 12 ms against 23 and 48, for 6.5 MB against 13.3 and
2.9; and pyarrow is 170 MB to install.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import struct
import tempfile
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import msgspec
import numpy as np
from isal import isal_zlib
from numpy.typing import NDArray

from profiler_kit.formats.room import Room
from profiler_kit.formats.signatures import as_tuples
from profiler_kit.trace import Health, Trace
from profiler_kit.trace.dialect import Dialect
from profiler_kit.trace.schema import TABLES
from profiler_kit.trace.trace import restore_trace
from profiler_kit.user_cache import make_room, user_cache

if TYPE_CHECKING:
    import pandas as pd

    from profiler_kit.formats.source import Source

SMALLEST_BYTES: Final = 1 << 18
"""Files smaller than this are read faster than looked up."""

LIMIT_BYTES: Final = 2 << 30
"""All cache files together; beyond, those that were not used for longest go."""

_SUFFIX: Final = ".trace"
_HEADER: Final = struct.Struct("<8sQQII")
"""Sign, lengths of the facts and of the columns, and their checksums."""

_SIGN: Final = b"pk-trace"
_BLOCK: Final = 1 << 17
_MASK: Final = "?"
_DTYPES: Final = frozenset(
    {"bool", "float64", "int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"}
)


class _Facts(msgspec.Struct):
    """Everything about a trace but its tables."""

    metadata: dict[str, Any]
    epoch_ns: int
    health: Health
    dialect: Dialect | None
    names: list[str]
    parts: list[msgspec.Raw]
    """Texts of what stands in signatures, each once: it repeats much."""
    signatures: list[tuple[int, ...]]
    """Rows of places in `parts`."""
    threads: list[tuple[str, str, str | None]]
    rows: dict[str, int]
    layout: dict[str, tuple[str, int, int]]
    """Table/column → dtype, first byte in the columns' bytes, length."""


class Cache:
    """The cache file of one trace.

    Args:
        file: Where it is or will be.
    """

    def __init__(self, file: Path) -> None:
        self.file = file

    @classmethod
    def for_source(cls, source: Source) -> Cache | None:
        """Return the cache of a local file that is worth it, None for anything else.

        Raises:
            OSError: If the file cannot be read.
        """
        if source.file is None or (source.size or 0) < SMALLEST_BYTES:
            return None
        directory = user_cache("traces")
        return None if directory is None else cls(directory / (fingerprint(source.file) + _SUFFIX))

    def load(self, source: str) -> Trace | None:
        """Return the kept trace, None if there is none or it is not sound.

        Args:
            source: Name that the trace gets.
        """
        if not self.file.is_file():  # opening a pipe would wait for ever
            return None
        try:
            head, columns = _read(self.file)
            facts = msgspec.json.decode(head, type=_Facts)
            arrays = _arrays(columns, facts.layout)
            parts = [as_tuples(part) for part in facts.parts]
            room = Room()
            tables = {table: _unpacked(arrays, table, facts.rows[table], room) for table in TABLES}
            trace = restore_trace(
                source,
                metadata=facts.metadata,
                epoch_ns=facts.epoch_ns,
                health=facts.health,
                names=facts.names,
                tables=tables,
                signatures=[tuple([parts[place] for place in row]) for row in facts.signatures],
                threads=facts.threads,
                dialect=facts.dialect,
            )
        except (OSError, ValueError, LookupError, TypeError, MemoryError, RuntimeError, AttributeError):
            return None
        with contextlib.suppress(OSError):
            os.utime(self.file)
        return trace

    def save(self, trace: Trace) -> None:
        """Keep a trace; does nothing where the cache directory cannot be written."""
        arrays: dict[str, NDArray[Any]] = {}
        for table in TABLES:
            _pack(getattr(trace, table), table, arrays)
        columns, layout = _laid_out(arrays)
        parts: dict[bytes, int] = {}  # by their text, because 1, 1.0 and True are equal
        signatures = [
            tuple([parts.setdefault(msgspec.json.encode(part), len(parts)) for part in row])
            for row in trace.signatures.itertuples(index=False, name=None)
        ]
        facts = _Facts(
            metadata=dict(trace.metadata),
            epoch_ns=trace.epoch_ns,
            health=trace.health,
            dialect=trace.dialect,
            names=list(trace.ops["name"].cat.categories),
            parts=[msgspec.Raw(part) for part in parts],
            signatures=signatures,
            threads=list(trace.threads.itertuples(index=False, name=None)),
            rows={table: len(getattr(trace, table)) for table in TABLES},
            layout=layout,
        )
        head = msgspec.json.encode(facts)
        with contextlib.suppress(OSError):
            self.file.parent.mkdir(parents=True, exist_ok=True)
            make_room(self.file.parent, len(head) + columns.nbytes, _SUFFIX, LIMIT_BYTES)
            _write(self.file, [head, columns.data])


def fingerprint(file: Path) -> str:
    """Return a name for a file's content as the present code reads it.

    A cryptographic digest of the CRCs of all blocks: made to tell files apart at the speed of memory, not to withstand
    an adversary, who could as well write into the cache.

    Raises:
        OSError: If the file cannot be read.
    """
    digest = hashlib.blake2b(reader_fingerprint(), digest_size=16)
    buffer = bytearray(_BLOCK)
    view = memoryview(buffer)
    with file.open("rb", buffering=0) as opened:
        while count := opened.readinto(buffer):
            digest.update(isal_zlib.crc32(view[:count]).to_bytes(4, "little") + count.to_bytes(4, "little"))
    return digest.hexdigest()


@cache
def reader_fingerprint() -> bytes:
    """Return a digest of the code that makes tables, so that any change of it leaves old cache files behind."""
    digest = hashlib.blake2b(digest_size=16)
    package = Path(__file__).resolve().parents[1]
    for module in sorted((*package.glob("formats/*.py"), *package.glob("trace/*.py"))):
        digest.update(module.read_bytes())
    digest.update(f"{np.__version__} {msgspec.__version__}".encode())
    return digest.digest()


def _pack(frame: pd.DataFrame, table: str, arrays: dict[str, NDArray[Any]]) -> None:
    """Add a table's columns as plain arrays; a column without any value is left out."""
    for column in TABLES[table]:
        values = frame[column.name].array
        key = f"{table}/{column.name}"
        if column.dtype == "category":
            codes = frame[column.name].cat.codes.to_numpy()
            if (codes >= 0).any():
                arrays[key] = codes
        elif column.dtype in ("Int64", "Float64"):
            mask = np.asarray(values.isna())
            if mask.all():
                continue
            if mask.any():
                arrays[key + _MASK] = np.packbits(mask)
            arrays[key] = _narrow(values.to_numpy(dtype=column.dtype.lower(), na_value=0))
        else:
            arrays[key] = _narrow(frame[column.name].to_numpy())


def _laid_out(arrays: dict[str, NDArray[Any]]) -> tuple[NDArray[np.uint8], dict[str, tuple[str, int, int]]]:
    """Put all arrays one after the other: members of a ``.npz`` cost more than most columns."""
    layout: dict[str, tuple[str, int, int]] = {}
    size = 0
    for key, values in arrays.items():
        layout[key] = (str(values.dtype), size, len(values))
        size += -(-values.nbytes // 8) * 8
    columns = np.zeros(size, dtype=np.uint8)
    for key, values in arrays.items():
        start = layout[key][1]
        columns[start : start + values.nbytes] = np.ascontiguousarray(values).view(np.uint8)
    return columns, layout


def _arrays(columns: NDArray[np.uint8], layout: dict[str, tuple[str, int, int]]) -> dict[str, NDArray[Any]]:
    """Undo `_laid_out`.

    Raises:
        ValueError: If the layout does not fit the columns.
    """
    arrays = {}
    for key, (dtype, start, length) in layout.items():
        if dtype not in _DTYPES:
            raise ValueError(dtype)
        arrays[key] = np.frombuffer(columns, dtype=dtype, offset=start, count=length)
    return arrays


def _unpacked(arrays: dict[str, NDArray[Any]], table: str, rows: int, room: Room) -> dict[str, Any]:
    """Return a table's columns, copied to where there is room for them."""
    columns: dict[str, Any] = {}
    for column in TABLES[table]:
        key = f"{table}/{column.name}"
        if key not in arrays:
            continue
        if arrays[key].shape != (rows,):
            raise ValueError(key)
        dtype = arrays[key].dtype if column.dtype == "category" else column.dtype.lower()
        values = room.copy(arrays[key], dtype)
        if column.dtype in ("Int64", "Float64"):
            missing = (
                np.unpackbits(arrays[key + _MASK], count=rows) if key + _MASK in arrays else np.zeros(rows, np.bool_)
            )
            columns[column.name] = (values, room.copy(missing, np.bool_))
        else:
            columns[column.name] = values
    if rows and "start_ns" not in columns:
        raise ValueError(table)
    return columns


def _narrow(values: NDArray[Any]) -> NDArray[Any]:
    """Return integers in the smallest type that holds them all."""
    if values.dtype != np.int64 or not len(values):
        return values
    low, high = int(values.min()), int(values.max())
    return values.astype(np.promote_types(np.min_scalar_type(low), np.min_scalar_type(high)))


def _read(file: Path) -> tuple[bytes, NDArray[np.uint8]]:
    """Return facts and columns of a cache file.

    Raises:
        OSError: If it cannot be read.
        ValueError: If it is no cache file or is damaged.
    """
    with file.open("rb", buffering=0) as opened:
        header = opened.read(_HEADER.size)
        if len(header) < _HEADER.size or not header.startswith(_SIGN):
            raise ValueError(file)
        _, *lengths, facts_sum, columns_sum = _HEADER.unpack(header)
        if os.fstat(opened.fileno()).st_size != _HEADER.size + sum(lengths):
            raise ValueError(file)
        facts, columns = bytearray(lengths[0]), Room().empty(lengths[1], np.uint8)
        for content, checksum in ((memoryview(facts), facts_sum), (columns.data, columns_sum)):
            have = 0
            while have < len(content) and (count := opened.readinto(content[have:])):
                have += count
            if have < len(content) or isal_zlib.crc32(content) != checksum:
                raise ValueError(file)
    return bytes(facts), columns


def _write(file: Path, contents: list[bytes | memoryview]) -> None:
    """Write the file at once: nobody sees a part of it, and nothing stays behind if writing fails."""
    handle, temporary = tempfile.mkstemp(dir=file.parent, prefix=".", suffix=".tmp")
    try:
        with os.fdopen(handle, "wb") as opened:
            opened.write(_HEADER.pack(_SIGN, *map(len, contents), *map(isal_zlib.crc32, contents)))
            for content in contents:
                opened.write(content)
        Path(temporary).replace(file)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
