"""Machine code for x86-64 that keeps a library's verbose lines away from stdout, without Python and its lock.

A function written in Python would need the GIL for every line, and a thread that prints while another one holds the
GIL and waits for stdout would never get it. These few instructions need nothing: they look at what is to be printed,
send a verbose line to another ``FILE`` together with the processor's clock, and leave everything else to the function
that was to be called. Instruction encodings: Intel 64 and IA-32 Architectures Software Developer's Manual, volume 2;
calling convention: System V Application Binary Interface, AMD64 supplement, section 3.2.3.
"""

from __future__ import annotations

import ctypes
import mmap
import struct
from typing import Final, NamedTuple

_ENDBR64: Final = bytes.fromhex("f30f1efa")  # where an indirect jump may land on a processor that checks that
_RDTSC: Final = bytes.fromhex("0f31")  # edx:eax = the clock, upper halves cleared
_SHL_RDX_32: Final = bytes.fromhex("48c1e220")
_OR_RDX_RAX: Final = bytes.fromhex("4809c2")
_OR_RAX_RDX: Final = bytes.fromhex("4809d0")
_XOR_EAX_EAX: Final = bytes.fromhex("31c0")
_RET: Final = bytes.fromhex("c3")
_JMP_R11: Final = bytes.fromhex("41ffe3")
_JNE: Final = bytes.fromhex("0f85")
_JE: Final = bytes.fromhex("0f84")
_MOV_RDI: Final = bytes.fromhex("48bf")
_MOV_RSI: Final = bytes.fromhex("48be")
_MOV_R11: Final = bytes.fromhex("49bb")
_TEST_RDI_RDI: Final = bytes.fromhex("4885ff")
_CMP_RDI_AT_R11: Final = bytes.fromhex("493b3b")
_LFENCE: Final = bytes.fromhex("0faee8")  # what came before is done when the clock is read
_CVTSI2SD_XMM0_RAX: Final = bytes.fromhex("f2480f2ac0")
_CVTTSD2SI_RCX_XMM0: Final = bytes.fromhex("f2480f2cc8")
_XORPS_XMM1_XMM1: Final = bytes.fromhex("0f57c9")
_UCOMISD_XMM0_XMM1: Final = bytes.fromhex("660f2ec1")
_MOVQ_XMM1_R11: Final = bytes.fromhex("66490f6ecb")
_JB: Final = bytes.fromhex("0f82")
_JA: Final = bytes.fromhex("0f87")
_MOV_R8_RSI: Final = bytes.fromhex("4989f0")
_PUSH_ARGUMENTS: Final = bytes.fromhex("57 56 52")  # rdi, rsi, rdx; with the return address a multiple of 16 bytes
_POP_ARGUMENTS: Final = bytes.fromhex("5a 5e 5f")
_MOV_RDI_RDX: Final = bytes.fromhex("4889d7")
_MOV_ESI: Final = bytes.fromhex("be")
_XOR_ESI_ESI: Final = bytes.fromhex("31f6")
_LEA_RDI_RAX_1: Final = bytes.fromhex("488d7801")
_CALL_R11: Final = bytes.fromhex("41ffd3")
_SUB_RAX_AT_R11: Final = bytes.fromhex("492b03")
_MULSD_XMM0_AT_R11: Final = bytes.fromhex("f2410f5903")
_CVTSI2SD_XMM1_RAX: Final = bytes.fromhex("f2480f2ac8")
_UCOMISD_XMM1_XMM0: Final = bytes.fromhex("660f2ec8")
_JAE: Final = bytes.fromhex("0f83")

_PAGE_BYTES: Final = mmap.PAGESIZE


class Register(NamedTuple):
    """A register that holds an argument.

    Attributes:
        compare_byte: Encoding of ``cmp byte [register + displacement], …`` before the displacement.
        move_to_rcx: Encoding of ``mov rcx, register``.
    """

    compare_byte: bytes
    move_to_rcx: bytes


RDI: Final = Register(bytes.fromhex("807f"), bytes.fromhex("4889f9"))
RSI: Final = Register(bytes.fromhex("807e"), bytes.fromhex("4889f1"))
RDX: Final = Register(bytes.fromhex("807a"), bytes.fromhex("4889d1"))


def line_filter(
    prefix: bytes, *, format_in: Register, text_in: Register, file: int, file_format: int, fprintf: int, original: int
) -> bytes:
    """Return code to call in place of a function that prints.

    ``print(…, "%s", text)`` becomes ``fprintf(file, file_format, clock, text)`` where the text begins with the prefix,
    and stays the call of the original function with the same arguments in every other case.

    Args:
        prefix: How the lines to send away begin, at most 127 bytes.
        format_in: Register of the format.
        text_in: Register of the format's first argument.
        file: Address of the ``FILE`` for the lines.
        file_format: Address of its format, which takes the clock as ``unsigned long`` and the text.
        fprintf: Address of ``fprintf``.
        original: Address of the function that the code stands for.
    """
    divert = text_in.move_to_rcx + _print_with_clock(file, file_format, fprintf)
    return _ENDBR64 + _chain(_line_checks(prefix, format_in, text_in), _JNE, divert) + _jump_to(original)


class Window(ctypes.Structure):
    """When the lines of interest ended, for code that runs later.

    Attributes:
        end: The processor's clock.
        ticks_per_ms: How fast that clock runs.
    """

    _fields_ = (("end", ctypes.c_int64), ("ticks_per_ms", ctypes.c_double))


def late_line_filter(prefix: bytes, *, window: Window, strrchr: int, strtod: int, original: int) -> bytes:
    """Return code to call in place of ``__printf_chk``, which prints no line of what began before the window's end.

    ``print(flag, "%s", text)`` is left out where the text begins with the prefix and has, behind its last comma, a
    number of milliseconds that is longer ago than the end is. All else is a call of the original function.

    Args:
        prefix: How the lines begin; it has a comma in it.
        window: Is read at each call, so that it must stay where it is.
        strrchr: Address of the C library's function.
        strtod: Likewise.
        original: Address of the function that the code stands for.
    """
    duration_in_ticks = b"".join(
        (
            _MOV_RDI_RDX,
            _MOV_ESI + b",\0\0\0",
            _MOV_R11 + _word(strrchr) + _CALL_R11,
            _LEA_RDI_RAX_1,
            _XOR_ESI_ESI,
            _MOV_R11 + _word(strtod) + _CALL_R11,
            _MOV_R11 + _word(ctypes.addressof(window) + Window.ticks_per_ms.offset) + _MULSD_XMM0_AT_R11,
        )
    )
    ticks_since_end = b"".join(
        (
            _RDTSC + _SHL_RDX_32 + _OR_RAX_RDX,
            _MOV_R11 + _word(ctypes.addressof(window) + Window.end.offset) + _SUB_RAX_AT_R11,
            _CVTSI2SD_XMM1_RAX,
        )
    )
    nothing = _XOR_EAX_EAX + _RET
    decide = _PUSH_ARGUMENTS + duration_in_ticks + ticks_since_end + _POP_ARGUMENTS + _UCOMISD_XMM1_XMM0
    late = decide + _JAE + _distance(len(nothing)) + nothing + _XOR_EAX_EAX + _jump_to(original)
    return _ENDBR64 + _chain(_line_checks(prefix, RSI, RDX), _JNE, late) + _jump_to(original)


def _line_checks(prefix: bytes, format_in: Register, text_in: Register) -> list[bytes]:
    # Byte by byte, because nothing behind a text's end may be read.
    checks = [_compare(format_in, place, byte) for place, byte in enumerate(b"%s\0")]
    return checks + [_compare(text_in, place, byte) for place, byte in enumerate(prefix)]


def flush_filter(*, stdout: int, original: int) -> bytes:
    """Return code to call in place of ``fflush``: nothing for stdout or for all files, the original for one other.

    The libraries flush after every line. What they have printed is not in stdout any more, so these flushes would only
    bring forward what the user's own code has left in C's buffer.

    Args:
        stdout: Address of the variable ``stdout``.
        original: Address of ``fflush``.
    """
    is_all = _TEST_RDI_RDI + _JE
    is_stdout = _MOV_R11 + _word(stdout) + _CMP_RDI_AT_R11 + _JE
    on = _jump_to(original)
    rest = is_stdout + _distance(len(on)) + on
    return _ENDBR64 + is_all + _distance(len(rest)) + rest + _XOR_EAX_EAX + _RET


def ticking_clock() -> bytes:
    """Return code for a function without arguments that returns the processor's clock as a ``double``.

    A double holds every tick of the first months after the machine was switched on.
    """
    return _ENDBR64 + _LFENCE + _RDTSC + _SHL_RDX_32 + _OR_RAX_RDX + _CVTSI2SD_XMM0_RAX + _RET


def call_recorder(*, file: int, file_format: int, fprintf: int) -> bytes:
    """Return code to call in place of a function that is given a mode, a text and a duration as ``double``.

    ``report(mode, text, duration)`` becomes ``fprintf(file, file_format, clock, (long)duration, text)``.

    Args:
        file: Address of the ``FILE``.
        file_format: Address of its format, which takes the clock as ``unsigned long``, a ``long`` and the text.
        fprintf: Address of ``fprintf``.
    """
    return _ENDBR64 + _MOV_R8_RSI + _CVTTSD2SI_RCX_XMM0 + _print_with_clock(file, file_format, fprintf)


def _print_with_clock(file: int, file_format: int, fprintf: int) -> bytes:
    """Return code that prints the clock, and behind it the arguments that are in place from the fourth on."""
    return b"".join(
        (
            _RDTSC,
            _SHL_RDX_32,
            _OR_RDX_RAX,
            _MOV_RDI + _word(file),
            _MOV_RSI + _word(file_format),
            _XOR_EAX_EAX,  # no floating-point arguments
            _jump_to(fprintf),
        )
    )


def plausible_duration_filter(*, longest: float, original: int) -> bytes:
    """Return code that calls a function only if its first ``double`` is a duration between 0 and the longest.

    Args:
        longest: The longest duration.
        original: Address of the function that the code stands for.
    """
    on = _jump_to(original)
    limit = _MOV_R11 + struct.pack("<d", longest) + _MOVQ_XMM1_R11 + _UCOMISD_XMM0_XMM1 + _JA + _distance(len(on)) + on
    return _ENDBR64 + _XORPS_XMM1_XMM1 + _UCOMISD_XMM0_XMM1 + _JB + _distance(len(limit)) + limit + _RET


def clock_reader() -> bytes:
    """Return code that returns the processor's clock as an unsigned 64-bit number."""
    return _ENDBR64 + _RDTSC + _SHL_RDX_32 + _OR_RAX_RDX + _RET


class CodePage:
    """Memory for code and the texts it refers to: first written, then executable and never writable again.

    It is kept until the process ends, because a thread may be about to run what is in it.

    Args:
        libc: The C library.
    """

    def __init__(self, libc: ctypes.CDLL) -> None:
        self._libc = libc
        self._memory = mmap.mmap(
            -1, _PAGE_BYTES, mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS, mmap.PROT_READ | mmap.PROT_WRITE
        )
        self._address = ctypes.addressof(ctypes.c_char.from_buffer(self._memory))
        keep_forever(self._memory)
        self._used = 0

    def add(self, content: bytes) -> int:
        """Put code or text into the page and return its address.

        Raises:
            OSError: If it does not fit.
        """
        start = -(-self._used // 16) * 16
        if start + len(content) > _PAGE_BYTES:
            raise OSError("the code does not fit into a page")
        self._memory[start : start + len(content)] = content
        self._used = start + len(content)
        return self._address + start

    def seal(self) -> None:
        """Make the page executable and read-only.

        Raises:
            OSError: If the system forbids code that is made at run time.
        """
        status = self._libc.mprotect(
            ctypes.c_void_p(self._address), ctypes.c_size_t(_PAGE_BYTES), mmap.PROT_READ | mmap.PROT_EXEC
        )
        if status != 0:
            raise OSError("this system forbids code that is made at run time")


def keep_forever(memory: object) -> None:
    """Keep an object's memory also when Python ends and takes its modules apart."""
    ctypes.pythonapi.Py_IncRef(ctypes.py_object(memory))


def _compare(register: Register, place: int, byte: int) -> bytes:
    return register.compare_byte + bytes((place, byte))


def _chain(checks: list[bytes], jump: bytes, then: bytes) -> bytes:
    """Return the checks, each followed by a jump over all that is left of them and over what comes then."""
    code = then
    for check in reversed(checks):
        code = check + jump + _distance(len(code)) + code
    return code


def _jump_to(address: int) -> bytes:
    return _MOV_R11 + _word(address) + _JMP_R11


def _word(value: int) -> bytes:
    return value.to_bytes(8, "little")


def _distance(length: int) -> bytes:
    return length.to_bytes(4, "little")
