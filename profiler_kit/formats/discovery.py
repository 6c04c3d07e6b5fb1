"""Finding the traces that a path stands for."""

from __future__ import annotations

import glob
import zipfile
from os import PathLike
from pathlib import Path

from profiler_kit.errors import ProfilerKitError, TraceNotFoundError
from profiler_kit.formats.places import (
    STDIN,
    TRACE_SUFFIXES,
    archive_members,
    as_url,
    local_path,
    remote_filesystem,
    split_archive,
)


def find_traces(path: str | PathLike[str]) -> list[Path]:
    """Return the traces that a path stands for; each can be given to :func:`read_trace`.

    Args:
        path: A trace file, whatever its name; a directory that is searched with its subdirectories; a pattern such as
            ``runs/*.json.gz``; a zip archive; ``-`` for standard input; or a URL of any of these that fsspec knows.

    Returns:
        The file itself, or what was found, ordered by folder and time of writing. Members of archives are paths below
        the archive, URLs are paths that start with their scheme.

    Raises:
        TraceNotFoundError: If the path does not exist or the directory holds no trace.
        TraceFormatError: If it is a damaged archive.
        MissingExtraError: If it is a URL and the extra ``remote`` is not installed.
    """
    path = local_path(path)
    if path == STDIN:
        return [Path(STDIN)]
    if (url := as_url(path)) is not None:
        return _remote(url)
    place = Path(path)
    if place.is_dir():
        return _required(place, [p for p in place.rglob("*") if _is_trace_name(p.name) and p.is_file()])
    if place.is_file():
        if zipfile.is_zipfile(place):
            return _required(place, [place / member for member in archive_members(place)], ordered=True)
        return [place]
    if split_archive(place) is not None or place.exists():  # a pipe, too
        return [place]
    if glob.has_magic(path):
        matches = glob.glob(path, recursive=True)  # noqa: PTH207 - Path.glob takes no absolute pattern
        if not (files := [p for p in map(Path, matches) if p.is_file()]):
            raise TraceNotFoundError(f"{path}: no file matches this pattern")
        return _required(place, files)
    raise TraceNotFoundError(f"{path}: no such file or directory")


def newest_trace(path: str | PathLike[str]) -> Path:
    """Return the trace that was written last among those that a path stands for.

    Raises:
        TraceNotFoundError: As :func:`find_traces`, whose other errors are raised as well.
    """
    return newest_of(find_traces(path))


def newest_of(found: list[Path]) -> Path:
    """Return the trace that was written last among those that :func:`find_traces` returned for one path."""
    if as_url(found[0]) is None and len(found) > 1 and all(p.is_file() for p in found):
        return max(found, key=lambda p: p.stat().st_mtime_ns)
    return found[-1]


def _is_trace_name(name: str) -> bool:
    return name.endswith(TRACE_SUFFIXES) and not name.startswith(".")


def _required(place: Path | str, found: list[Path], *, ordered: bool = False) -> list[Path]:
    if not found:
        raise TraceNotFoundError(
            f"{place}: no traces here; record one with profiler_kit.profile, "
            f"or name the file (looked for *{' and *'.join(TRACE_SUFFIXES)})"
        )
    return found if ordered else sorted(found, key=lambda p: (p.parent, p.stat().st_mtime_ns, p.name))


def _remote(url: str) -> list[Path]:
    filesystem, path = remote_filesystem(url)
    scheme = url.partition("://")[0]
    try:
        if glob.has_magic(path):
            found = filesystem.glob(path)
        elif filesystem.isdir(path):
            found = [p for p in filesystem.find(path) if _is_trace_name(p.rpartition("/")[2])]
        else:
            return [Path(url)]
    except Exception as error:
        raise ProfilerKitError(f"{url}: {' '.join(str(error).split()) or type(error).__name__}") from None
    return _required(url, [Path(f"{scheme}://{p.lstrip('/')}") for p in sorted(found)], ordered=True)
