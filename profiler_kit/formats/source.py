"""The text of a trace file as a stream of blocks: decompression and what went wrong with it."""

from __future__ import annotations

import os
import re
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from typing import BinaryIO, Final, cast

from isal import isal_zlib

BLOCK_BYTES: Final = 1 << 19
_COMPRESSED_BLOCK: Final = 1 << 17
_GzipError: Final = cast("type[Exception]", isal_zlib.error)
_GZIP_MAGIC: Final = b"\x1f\x8b"
_GZIP_SMALLEST: Final = 18  # header and trailer
_HIGHEST_RATIO: Final = 100  # of text to gzip, in traces
_CODE: Final = re.compile(r".*\bError -?\d+ ")
_GZIP: Final = 31  # zlib's window size code for a gzip wrapper

Progress = Callable[[int, "int | None"], None]
"""Called with bytes read so far and bytes in all (None if unknown), both as stored, now and then while reading."""


class Source:
    """One opened trace file, read once from start to end.

    Args:
        name: The file as the user named it.
        open_file: Opens it for reading bytes.
        size: Bytes as stored, None if unknown.
        reopenable: False if it can be read only once (a pipe).
        progress: See `Progress`.

    Attributes:
        file: The local file that it is, set by whoever knows; None otherwise.
        compressed: True once the file has turned out to be gzip.
        damage: What is wrong with the compression, None if nothing is.
    """

    def __init__(
        self,
        name: str,
        open_file: Callable[[], AbstractContextManager[BinaryIO]],
        size: int | None,
        reopenable: bool = True,
        progress: Progress | None = None,
    ) -> None:
        self.name = name.encode("utf-8", "backslashreplace").decode()  # a file's name may be any bytes
        self.size = size
        self.file: Path | None = None
        self.compressed = False
        self.damage: str | None = None
        self._open = open_file
        self._reopenable = reopenable
        self._progress = progress

    def text_size(self) -> int:
        """Estimate the size of the text in bytes, 0 if nothing is known."""
        if self.size is None or self.file is None:
            return self.size or 0
        try:
            with self.file.open("rb") as file:
                if file.read(2) != _GZIP_MAGIC or self.size < _GZIP_SMALLEST:
                    return self.size
                file.seek(-4, os.SEEK_END)
                # The last member's size modulo 4 GiB, or anything where the file is damaged.
                return max(self.size, min(int.from_bytes(file.read(4), "little"), _HIGHEST_RATIO * self.size))
        except OSError:
            return self.size

    def blocks(self) -> Iterator[bytes]:
        """Return the decompressed text in blocks of at most `BLOCK_BYTES`.

        Raises:
            OSError: If the file cannot be read.
        """
        with self._open() as file:
            try:
                head = file.read(2)
                self.compressed = head == _GZIP_MAGIC
                yield from (self._decompressed if self.compressed else self._plain)(file, head)
            except (zipfile.BadZipFile, zlib.error, EOFError) as error:
                self.damage = f"the archive is damaged ({_CODE.sub('', str(error))})"

    def _plain(self, file: BinaryIO, head: bytes) -> Iterator[bytes]:
        done, block = 0, head + file.read(BLOCK_BYTES - len(head))
        while block:
            done += len(block)
            self._report(done)
            yield block
            block = file.read(BLOCK_BYTES)

    def _report(self, done: int) -> None:
        if self._progress is not None:
            self._progress(done, self.size)

    def _decompressed(self, file: BinaryIO, head: bytes) -> Iterator[bytes]:
        """Decompress all gzip members, as far as they go."""
        self._fed = delivered = 0
        try:
            for block in self._inflate(self._stored(file, head)):
                delivered += len(block)
                yield block
        except _GzipError as error:
            self.damage = f"the gzip stream is damaged ({_CODE.sub('', str(error))})"
        else:
            return
        if not self._reopenable:
            return
        # The call that fails drops what it had decompressed: go there again in the smallest steps.
        with self._open() as file:
            skip = delivered
            try:
                for block in self._inflate(_bytewise(file, self._fed - _COMPRESSED_BLOCK)):
                    yield block[skip:]
                    skip = max(0, skip - len(block))
            except _GzipError:
                return

    def _stored(self, file: BinaryIO, head: bytes) -> Iterator[bytes]:
        data = head + file.read(_COMPRESSED_BLOCK)
        while data:
            self._fed += len(data)
            self._report(self._fed)
            yield data
            data = file.read(_COMPRESSED_BLOCK)

    def _inflate(self, stored: Iterator[bytes]) -> Iterator[bytes]:
        """Decompress gzip members that follow each other.

        Raises:
            isal.isal_zlib.error: If a member is damaged.
        """
        stream = isal_zlib.decompressobj(_GZIP)
        for data in stored:
            while data:
                if stream.eof:
                    data = data.lstrip(b"\0")
                    if not data:
                        break
                    if not data.startswith(_GZIP_MAGIC[: len(data)]):
                        self.damage = "something that is no gzip follows the gzip stream"
                        return
                    stream = isal_zlib.decompressobj(_GZIP)
                if block := stream.decompress(data, BLOCK_BYTES):
                    yield block
                data = stream.unused_data if stream.eof else stream.unconsumed_tail
        while not stream.eof and (block := stream.decompress(b"", BLOCK_BYTES)):
            yield block
        if not stream.eof:
            self.damage = "the gzip stream ends early"


def _bytewise(file: BinaryIO, upto: int) -> Iterator[bytes]:
    """Return the file's content, from a little before `upto` on byte by byte."""
    while upto > 0 and (data := file.read(min(upto, _COMPRESSED_BLOCK))):
        upto -= len(data)
        yield data
    while data := file.read(_COMPRESSED_BLOCK):
        for place in range(len(data)):
            yield data[place : place + 1]
