"""Where a loaded library keeps the addresses of the functions it imports (the ELF format's procedure linkage table).

Source: System V Application Binary Interface, AMD64 supplement, section 5.2; the generic one, chapters 4 and 5.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator

_MAPS: Final = Path("/proc/self/maps")

_MAGIC: Final = b"\x7fELF\x02\x01"  # 64 bits, little-endian
_PT_LOAD, _PT_DYNAMIC = 1, 2
_DT_PLTRELSZ, _DT_STRTAB, _DT_SYMTAB, _DT_JMPREL = 2, 5, 6, 23
_R_X86_64_JUMP_SLOT: Final = 7
_PROGRAM_HEADER: Final = struct.Struct("<IIQQQQQQ")
_DYNAMIC_ENTRY: Final = struct.Struct("<QQ")
_RELOCATION: Final = struct.Struct("<QQq")
_SYMBOL_BYTES: Final = 24


class _Segment(NamedTuple):
    type: int
    flags: int
    offset: int
    address: int
    physical: int
    file_bytes: int
    memory_bytes: int
    alignment: int


class _Mapping(NamedTuple):
    start: int
    end: int
    permissions: str
    offset: int
    path: str


def find_slots(library: Path, functions: Collection[str]) -> dict[str, int]:
    """Return, for each function that the library imports, the address of the word that holds its address.

    Args:
        library: A shared library that is loaded in this process.
        functions: Names to look for; those that are not imported are missing in the result.

    Raises:
        OSError: If the library is not loaded, not readable or no ELF file for 64-bit processors, or if a word that
            was found may not be written.
    """
    mappings = [m for m in _read_mappings() if m.path == str(library)]
    base = next((m.start for m in mappings if m.offset == 0), None)
    if base is None:
        raise OSError(f"{library.name} is not loaded")
    with library.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        try:
            offsets = dict(_find_offsets(content, functions))
        except (struct.error, KeyError, StopIteration, ValueError) as error:
            raise OSError(f"{library.name} is built in an unknown way") from error
    slots = {name: base + offset for name, offset in offsets.items()}
    for name, slot in slots.items():
        if not any(m.start <= slot < m.end and "w" in m.permissions for m in _read_mappings()):
            raise OSError(f"the address of {name} in {library.name} is write-protected")
    return slots


def read_slot(slot: int) -> int:
    """Return the address of the function that calls through the slot reach."""
    return ctypes.c_uint64.from_address(slot).value


def write_slot(slot: int, function: int) -> None:
    """Let calls through the slot reach another function; a single store, so that no thread sees half of it."""
    ctypes.c_uint64.from_address(slot).value = function


def _read_mappings() -> Iterator[_Mapping]:
    for line in _MAPS.read_text(encoding="utf-8", errors="surrogateescape").splitlines():
        fields = line.split(maxsplit=5)
        start, end = (int(address, 16) for address in fields[0].split("-"))
        yield _Mapping(start, end, fields[1], int(fields[2], 16), fields[5] if len(fields) > 5 else "")


def _find_offsets(content: mmap.mmap, functions: Collection[str]) -> Iterator[tuple[str, int]]:
    segments = list(_read_segments(content))
    loaded = [s for s in segments if s.type == _PT_LOAD]
    if loaded[0].offset or loaded[0].address:
        raise ValueError("not linked from address 0 on")
    dynamic = next(s for s in segments if s.type == _PT_DYNAMIC)
    tags = dict(_DYNAMIC_ENTRY.iter_unpack(content[dynamic.offset : dynamic.offset + dynamic.file_bytes]))
    relocations = _file_offset(loaded, tags[_DT_JMPREL])
    symbols, names = _file_offset(loaded, tags[_DT_SYMTAB]), _file_offset(loaded, tags[_DT_STRTAB])
    table = content[relocations : relocations + tags[_DT_PLTRELSZ]]
    wanted = {name.encode("ascii"): name for name in functions}
    for offset, info, _addend in _RELOCATION.iter_unpack(table):
        if info & 0xFFFFFFFF != _R_X86_64_JUMP_SLOT:
            continue
        (name_at,) = struct.unpack_from("<I", content, symbols + (info >> 32) * _SYMBOL_BYTES)
        start = names + name_at
        name = wanted.get(content[start : content.find(b"\0", start)])
        if name is not None:
            yield name, offset


def _read_segments(content: mmap.mmap) -> Iterator[_Segment]:
    if content[: len(_MAGIC)] != _MAGIC:
        raise ValueError("no 64-bit little-endian ELF file")
    (table,) = struct.unpack_from("<Q", content, 32)
    entry_bytes, count = struct.unpack_from("<HH", content, 54)
    for index in range(count):
        yield _Segment(*_PROGRAM_HEADER.unpack_from(content, table + index * entry_bytes))


def _file_offset(loaded: list[_Segment], address: int) -> int:
    segment = next(s for s in loaded if s.address <= address < s.address + s.file_bytes)
    return address - segment.address + segment.offset
