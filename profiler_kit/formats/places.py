"""Places that traces are read from: files, members of zip archives, standard input, URLs."""

from __future__ import annotations

import errno
import re
import sys
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from os import PathLike, fspath
from pathlib import Path
from typing import IO, Any, BinaryIO, Final, cast

from profiler_kit.errors import MissingExtraError, ProfilerKitError, TraceFormatError, TraceNotFoundError
from profiler_kit.formats.source import Progress, Source

STDIN: Final = "-"
TRACE_SUFFIXES: Final = (".pt.trace.json", ".pt.trace.json.gz")
"""What the names of traces end in where a directory is searched; a file named by the user may be called anything."""

_JSON_SUFFIXES: Final = (".json", ".json.gz")
_FILE_URL = re.compile(r"\Afile:/{1,3}(?=[^/])")
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+):/{1,2}(?=[^/])(.*)", re.DOTALL)


def as_url(path: str | PathLike[str]) -> str | None:
    """Return the URL that the path is, None if it is a local path.

    `pathlib` makes one of a URL's two slashes; it is put back.
    """
    match = _URL.fullmatch(fspath(path))
    return None if match is None else f"{match.group(1)}://{match.group(2)}"


def local_path(path: str | PathLike[str]) -> str:
    """Return the path as text, what a ``file:`` URL stands for if it is one.

    Raises:
        TraceNotFoundError: If it is empty or longer than the system allows.
    """
    name = fspath(path)
    if not name:
        raise TraceNotFoundError("the name of the trace is empty")
    name = _FILE_URL.sub("/", name)
    try:
        Path(name).stat()
    except OSError as error:
        if error.errno == errno.ENAMETOOLONG:
            raise TraceNotFoundError(f"{name[:80]}…: no such file (the name is too long)") from None
    except ValueError:  # a character that no name has
        raise TraceNotFoundError(f"{name}: no such file") from None
    return name


def open_source(path: str | PathLike[str], progress: Progress | None = None) -> Source:
    """Return the source that the path names; nothing is read yet.

    Args:
        path: A file, ``-`` for standard input, an archive or ``archive.zip/member``, or a URL.
        progress: Called while the source is read.

    Raises:
        TraceNotFoundError: If there is no such thing.
        TraceFormatError: If it is an archive that does not hold exactly one trace.
        MissingExtraError: If it is a URL and fsspec, or what fsspec needs for it, is not installed.
    """
    name = local_path(path)
    if name == STDIN:
        return Source("standard input", _stdin, None, False, progress)
    if (url := as_url(name)) is not None:
        return _remote_source(url, progress)
    file = Path(name)
    if file.is_file():
        if zipfile.is_zipfile(file):
            return _archive_source(file, None, progress)
        source = Source(name, lambda: file.open("rb"), file.stat().st_size, True, progress)
        source.file = file
        return source
    if (split := split_archive(file)) is not None:
        return _archive_source(*split, progress)
    if file.is_dir():
        raise TraceNotFoundError(f"{name}: is a directory; name one of its traces")
    if file.exists():  # a pipe
        return Source(name, lambda: file.open("rb"), None, False, progress)
    raise TraceNotFoundError(f"{name}: no such file")


@contextmanager
def _stdin() -> Iterator[BinaryIO]:
    if sys.stdin is None:
        raise TraceNotFoundError("standard input is closed; name a file")
    yield sys.stdin.buffer  # which stays open


def split_archive(path: Path) -> tuple[Path, str] | None:
    """Return archive and member of a path that leads into a zip archive, None for other paths."""
    for parent in path.parents:
        if parent.is_file():
            return (parent, path.relative_to(parent).as_posix()) if zipfile.is_zipfile(parent) else None
    return None


def archive_members(archive: Path) -> list[str]:
    """Return the names of the traces in a zip archive, oldest first; any ``.json`` if none is named like a trace.

    Raises:
        TraceFormatError: If the archive is damaged.
    """
    with _archive_errors(archive), zipfile.ZipFile(archive) as opened:
        files = [i for i in opened.infolist() if not i.is_dir() and not i.filename.rpartition("/")[2].startswith(".")]
    for suffixes in (TRACE_SUFFIXES, _JSON_SUFFIXES):
        if found := [i for i in files if i.filename.endswith(suffixes)]:
            return [i.filename for i in sorted(found, key=lambda i: (i.date_time, i.filename))]
    return []


def _archive_source(archive: Path, member: str | None, progress: Progress | None) -> Source:
    if member is None:
        members = archive_members(archive)
        if len(members) != 1:
            names = f": {members[0]}, …" if members else ""
            reason = f"a zip archive with {len(members)} traces{names}; name one as {archive.name}/MEMBER"
            raise TraceFormatError(archive, reason)
        member = members[0]
    with _archive_errors(archive), zipfile.ZipFile(archive) as opened:
        try:
            size = opened.getinfo(member).file_size
        except KeyError:
            raise TraceNotFoundError(f"{archive}: the archive has no member {member}") from None

    def open_member() -> BinaryIO:
        with _archive_errors(archive):
            return cast("BinaryIO", _Member(zipfile.ZipFile(archive).open(member)))

    return Source(f"{archive}/{member}", open_member, size, True, progress)


class _Member:
    """A member of an archive, all whose errors are those of a bad archive: every kind of compression has its own."""

    def __init__(self, file: IO[bytes]) -> None:
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            return self._file.read(size)
        except zipfile.BadZipFile:
            raise
        except Exception as error:
            raise zipfile.BadZipFile(_line(error)) from None

    def __enter__(self) -> _Member:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@contextmanager
def _archive_errors(archive: Path) -> Iterator[None]:
    try:
        yield
    except (zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise TraceFormatError(archive, f"the zip archive cannot be read ({error})") from None


def remote_filesystem(url: str) -> tuple[Any, str]:
    """Return fsspec's file system for a URL, and the path on it.

    Raises:
        MissingExtraError: If fsspec, or what it needs for this kind of URL, is not installed.
        ProfilerKitError: If the URL cannot be used.
    """
    try:
        import fsspec
    except ImportError:
        raise MissingExtraError(f"reading {url}", "fsspec", "remote") from None
    try:
        filesystem, path = fsspec.core.url_to_fs(url)
    except ImportError as error:
        raise ProfilerKitError(f"{url}: {error}") from None
    except Exception as error:
        raise ProfilerKitError(f"{url}: {_line(error)}") from None
    return filesystem, path


def _remote_source(url: str, progress: Progress | None) -> Source:
    filesystem, path = remote_filesystem(url)
    try:
        size = filesystem.size(path)
    except FileNotFoundError:
        raise TraceNotFoundError(f"{url}: no such file") from None
    except Exception as error:
        raise ProfilerKitError(f"{url}: {_line(error)}") from None

    def open_remote() -> BinaryIO:
        return cast("BinaryIO", _Remote(url, filesystem.open(path, "rb")))

    return Source(url, open_remote, size, True, progress)


class _Remote:
    """A remote file whose errors, which every file system has its own kinds of, are the package's."""

    def __init__(self, url: str, file: Any) -> None:
        self._url = url
        self._file = file

    def read(self, size: int) -> bytes:
        try:
            return bytes(self._file.read(size))
        except Exception as error:
            raise ProfilerKitError(f"{self._url}: {_line(error)}") from None

    def __enter__(self) -> _Remote:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def _line(error: Exception) -> str:
    """Return an error of another library as one line."""
    return " ".join(str(error).split()) or type(error).__name__
