"""Writing a finished recording into one self-contained trace file, whole or not at all."""

from __future__ import annotations

import json
import mmap
import os
import re
import shutil
import tempfile
from contextlib import suppress
from typing import TYPE_CHECKING, Any, BinaryIO

from isal import igzip

from profiler_kit.errors import RecordingError
from profiler_kit.record.verbose_lines import to_trace_event

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from profiler_kit.record.verbose_lines import CpuKernel

_HOST_NAME = re.compile(rb'"host_name"\s*:\s*"[^"]*"\s*,\s*')
_TRACE_NAME = re.compile(rb'("traceName"\s*:\s*)".*?"(?=\s*[,}])')
_BASE_TIME = re.compile(rb'"baseTimeNanoseconds"\s*:\s*(\d+)')
_COPY_BYTES = 1 << 20


def require_writable(logdir: Path) -> None:
    """Make a directory for traces, and see that files can be made there, before anything is measured for them.

    Raises:
        RecordingError: If they cannot.
    """
    try:
        logdir.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile(dir=logdir, prefix=".", suffix=".tmp"):
            pass
    except OSError as error:
        raise RecordingError(
            f"{logdir}: no traces can be written here: {error.strerror}; choose another logdir"
        ) from error


def write_trace(
    export: Callable[[str], object], path: Path, metadata: Mapping[str, Any], cpu_kernels: Sequence[CpuKernel] = ()
) -> None:
    """Export a trace, add what the recorder knows, compress it, and only then give it its name.

    The metadata become top-level keys of the file. They do not go through ``add_metadata_json``, because Kineto turns
    every backslash of it into a slash and so breaks escaped text. The machine's name and the temporary path, which
    Kineto writes by itself, are taken out.

    Args:
        export: Writes Chrome-trace JSON to the path it is given, as ``torch.profiler.profile.export_chrome_trace``.
        path: The file to make, ending in ``.gz``. Until it is whole, only names ending in ``.tmp`` exist beside it.
        metadata: JSON-able values by top-level key.
        cpu_kernels: What oneDNN and MKL ran; each becomes an event on its library's own track.

    Raises:
        RecordingError: If the file cannot be written; nothing is left behind then.
    """
    exported = path.with_name(f".{path.name}.export.tmp")
    compressed = path.with_name(f".{path.name}.tmp")
    try:
        export(str(exported))
        _require_whole(exported)
        with igzip.open(compressed, "wb") as target:
            _rewrite(exported, target, path.name, metadata, cpu_kernels)
        compressed.replace(path)
    except (OSError, RuntimeError, ValueError) as error:
        raise RecordingError(_failure(path, error)) from error
    finally:
        # Kineto itself writes to a name with one more suffix, and leaves that behind when the disk is full.
        for leftover in (exported, exported.with_name(f"{exported.name}.tmp"), compressed):
            with suppress(OSError):
                leftover.unlink(missing_ok=True)


def note_in_trace(path: Path, metadata_key: str, facts: Mapping[str, Any]) -> None:
    """Add facts, measured after the recording, to what the recorder wrote into a trace's metadata.

    Args:
        path: A trace that `write_trace` wrote, with a dictionary as its first metadata.
        metadata_key: The top-level key of that dictionary.
        facts: The facts by name, JSON-able.

    Raises:
        RecordingError: If the file is not such a trace, or cannot be written; it stays as it was then.
    """
    compressed = path.with_name(f".{path.name}.tmp")
    try:
        with igzip.open(path, "rb") as file:
            opening, line, rest = file.readline(), file.readline(), file.read()
        name, _, text = line.strip().removesuffix(b",").partition(b": ")
        if opening != b"{\n" or name != json.dumps(metadata_key).encode("ascii"):
            raise ValueError("it is no trace of profiler_kit")
        noted = {**json.loads(text), **facts}
        with igzip.open(compressed, "wb") as target:
            target.write(opening + b"  " + name + f": {json.dumps(noted)},".encode("ascii") + b"\n" + rest)
        compressed.replace(path)
    except (OSError, ValueError) as error:
        raise RecordingError(_failure(path, error)) from error
    finally:
        with suppress(OSError):
            compressed.unlink(missing_ok=True)


def copy_trace(source: Path, destination: Path) -> None:
    """Copy a written trace to a path of the user's choice, uncompressed unless that ends in ``.gz``.

    Raises:
        OSError: If either file cannot be opened, read or written.
    """
    if destination.suffix == ".gz":
        shutil.copyfile(source, destination)
        return
    with igzip.open(source, "rb") as compressed, destination.open("wb") as target:
        shutil.copyfileobj(compressed, target, _COPY_BYTES)


def _require_whole(exported: Path) -> None:
    # Kineto reports a full disk or a bad path only on stderr, so the file has to speak for itself.
    if not exported.exists():
        raise ValueError("torch.profiler could not export it")
    with exported.open("rb") as file:
        file.seek(-min(exported.stat().st_size, 16), os.SEEK_END)
        if not file.read().rstrip().endswith(b"}"):
            raise ValueError("the exported trace is cut short")


def _rewrite(
    exported: Path, target: BinaryIO, name: str, metadata: Mapping[str, Any], cpu_kernels: Sequence[CpuKernel]
) -> None:
    with exported.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as text:
        opening = text.find(b"{") + 1
        events = text.find(b'"traceEvents"')
        # The trace's name follows the events; depending on the version, a few more keys come after it.
        closing = text.rfind(b'"traceName"')
        if events < opening or closing < events:
            raise ValueError("torch.profiler wrote no Chrome trace")
        target.write(b"{")
        for key, value in metadata.items():
            target.write(f"\n  {json.dumps(key)}: {json.dumps(value)},".encode("ascii"))
        target.write(_HOST_NAME.sub(b"", text[opening:events]))
        first = text.find(b"[", events) + 1
        target.write(text[events:first])
        base = _BASE_TIME.search(text[closing:]) or _BASE_TIME.search(text[opening:events])
        # Kineto describes the process and its threads in any case, so that there is an event to come after a comma.
        for kernel in cpu_kernels:
            event = to_trace_event(kernel, int(base[1]) if base else 0, os.getpid())
            target.write(f"\n  {json.dumps(event)},".encode("ascii"))
        for start in range(first, closing, _COPY_BYTES):
            target.write(text[start : min(start + _COPY_BYTES, closing)])
        trace_name = json.dumps(name).encode("ascii")
        target.write(_TRACE_NAME.sub(lambda match: match[1] + trace_name, text[closing:]))


def _failure(path: Path, error: Exception) -> str:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    with suppress(OSError):
        free_bytes = shutil.disk_usage(path.parent).free
        reason = f"{reason} ({free_bytes / 1e6:,.1f} MB free in {path.parent})"
    return f"{path}: the trace could not be written: {reason}; free some space or record into another logdir"
