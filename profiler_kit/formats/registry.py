"""Reading a trace from wherever it is."""

from __future__ import annotations

from os import PathLike

from profiler_kit.collector import collector_paused
from profiler_kit.errors import ProfilerKitError
from profiler_kit.formats import kineto
from profiler_kit.formats.cache import Cache
from profiler_kit.formats.places import open_source
from profiler_kit.formats.source import Progress
from profiler_kit.trace import Trace


def read_trace(
    path: str | PathLike[str],
    *,
    cache: bool = True,
    workers: int | None = None,
    progress: Progress | None = None,
) -> Trace:
    """Read one trace as PyTorch writes it, JSON or gzipped JSON, whatever its name.

    Args:
        path: A file, ``-`` for standard input, ``archive.zip`` or ``archive.zip/member``, or a URL that fsspec knows.
        cache: Keep the tables in the user's cache directory, and take them from there if the file's content is known.
        workers: Processes that decode, this one included; by default chosen by the size of the file and the number of
            cores; 0 or 1 to start none.
        progress: Called while reading with the bytes read and the bytes in all (None if unknown).

    Raises:
        TraceNotFoundError: If there is no such file.
        TraceFormatError: If the file is no trace.
        MissingExtraError: If the path is a URL and the extra ``remote`` is not installed.
        ProfilerKitError: If the file cannot be read.
    """
    source = open_source(path, progress)
    try:
        # The collector would look through millions of events again and again; they hold no cycles.
        with collector_paused():
            kept = Cache.for_source(source) if cache else None
            if kept is not None and (trace := kept.load(source.name)) is not None:
                return trace
            trace = kineto.read(source, workers)
            if kept is not None:
                kept.save(trace)
            return trace
    except OSError as error:
        raise ProfilerKitError(f"{source.name}: cannot be read ({error.strerror or error})") from None
