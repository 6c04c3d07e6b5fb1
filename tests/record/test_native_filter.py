"""The machine code, called as the libraries call it."""

from __future__ import annotations

import ctypes
import platform
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler_kit.record.native_filter import (
    RDI,
    RDX,
    RSI,
    CodePage,
    Register,
    Window,
    call_recorder,
    clock_reader,
    flush_filter,
    late_line_filter,
    line_filter,
    plausible_duration_filter,
    ticking_clock,
)

if sys.platform != "linux" or platform.machine() != "x86_64":
    pytest.skip("the code is for Linux on x86-64", allow_module_level=True)

LIBC = ctypes.CDLL(None)
PREFIX = b"onednn_verbose,"


def address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type]


class Memory:
    """A file in memory."""

    def __init__(self) -> None:
        self.buffer, self.length = ctypes.c_void_p(), ctypes.c_size_t()
        LIBC.open_memstream.restype = ctypes.c_void_p
        self.file = LIBC.open_memstream(ctypes.byref(self.buffer), ctypes.byref(self.length))

    def take(self) -> bytes:
        file = ctypes.c_void_p(self.file)
        LIBC.fflush(file)
        content = ctypes.string_at(self.buffer.value or 0, self.length.value)
        LIBC.rewind(file)
        return content


def make(original: int, format_in: Register, text_in: Register) -> tuple[int, Memory, CodePage]:
    page, memory = CodePage(LIBC), Memory()
    code = line_filter(
        PREFIX,
        format_in=format_in,
        text_in=text_in,
        file=memory.file,
        file_format=page.add(b"%lu %s\0"),
        fprintf=address(LIBC.fprintf),
        original=original,
    )
    entry = page.add(code)
    page.seal()
    return entry, memory, page


TWO_ENTRY, TWO_MEMORY, _KEPT_2 = make(address(LIBC.strcmp), RDI, RSI)
TWO: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)(TWO_ENTRY)
THREE_ENTRY, THREE_MEMORY, _KEPT_3 = make(address(LIBC.snprintf), RSI, RDX)

CALL_MEMORY, CALL_PAGE = Memory(), CodePage(LIBC)
REPORT_ENTRY = CALL_PAGE.add(
    call_recorder(file=CALL_MEMORY.file, file_format=CALL_PAGE.add(b"%lu %ld %s\n\0"), fprintf=address(LIBC.fprintf))
)
CALL_PAGE.seal()
REPORT: Callable[..., int] = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_double)(
    REPORT_ENTRY
)

text = st.one_of(
    st.binary(max_size=40),
    st.binary(max_size=40).map(lambda rest: PREFIX + rest),
    st.integers(0, len(PREFIX)).map(lambda length: PREFIX[:length]),
).map(lambda value: value.replace(b"\0", b""))


@given(text, st.sampled_from((b"%s", b"%s\n", b"%d", b"%", b"")))
def test_only_finished_lines_with_the_prefix_are_sent_away(line: bytes, form: bytes) -> None:
    result = TWO(form, line)
    written = TWO_MEMORY.take()
    if form == b"%s" and line.startswith(PREFIX):
        clock, _, said = written.partition(b" ")
        assert said == line
        assert clock.isdigit()
        assert result == len(written)
    else:
        assert written == b""
        assert (result > 0) - (result < 0) == (form > line) - (form < line)


def test_with_a_flag_in_front() -> None:
    call = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)(THREE_ENTRY)
    assert call(1, b"%s", PREFIX + b"v1") > len(PREFIX)
    assert THREE_MEMORY.take().endswith(b" onednn_verbose,v1")


def test_the_clock_goes_on() -> None:
    page = CodePage(LIBC)
    entry = page.add(clock_reader())
    page.seal()
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(entry)
    readings = [read() for _ in range(100)]
    assert readings == sorted(readings)
    assert readings[-1] > readings[0] > 2**32


def test_the_ticking_clock_is_the_same_as_a_double() -> None:
    page = CodePage(LIBC)
    whole, ticking = page.add(clock_reader()), page.add(ticking_clock())
    page.seal()
    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(whole)
    tick = ctypes.CFUNCTYPE(ctypes.c_double)(ticking)
    for _ in range(100):
        before, ticks, after = read(), tick(), read()
        assert before <= ticks <= after


@given(st.integers(-(2**53), 2**53), st.binary(max_size=300).map(lambda value: value.replace(b"\0", b"")))
def test_a_call_is_recorded_with_its_duration(duration: int, said: bytes) -> None:
    result = REPORT(1, said, float(duration))
    written = CALL_MEMORY.take()
    clock, ticks, text = written.split(b" ", 2)
    assert result == len(written)
    assert clock.isdigit()
    assert int(ticks) == duration
    assert text == said + b"\n"


def test_only_plausible_durations_go_on() -> None:
    page = CodePage(LIBC)
    # labs gives its argument back, so that a call that goes on can be told.
    entry = page.add(plausible_duration_filter(longest=1000.0, original=address(LIBC.labs)))
    page.seal()
    report = ctypes.CFUNCTYPE(ctypes.c_long, ctypes.c_long, ctypes.c_double)(entry)
    for duration in (0.0, 1e-9, 1.0, 1000.0):
        assert report(-12345, duration) == 12345
    for duration in (-1e-9, -1e13, 1000.1, 1e13, float("nan")):
        assert report(-12345, duration) != 12345


def test_lines_of_what_began_before_the_end_are_left_out() -> None:
    page, window, printed = CodePage(LIBC), Window(), []
    signature = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_int, ctypes.c_char_p, ctypes.c_char_p)

    @signature
    def original(flag: int, form: bytes, line: bytes) -> int:
        printed.append((flag, form, line))
        return 77

    read = ctypes.CFUNCTYPE(ctypes.c_uint64)(page.add(clock_reader()))
    code = late_line_filter(
        PREFIX,
        window=window,
        strrchr=address(LIBC.strrchr),
        strtod=address(LIBC.strtod),
        original=address(original),
    )
    show = signature(page.add(code))
    page.seal()
    # The window ended 1 s ago, on a clock of a million ticks a second that is far slower than the processor's.
    window.end, window.ticks_per_ms = read() - 1_000_000_000_000, 1e9
    late = (b"onednn_verbose,v1,primitive,exec,cpu,1001000\n", b"onednn_verbose,v1,1e+07", b"onednn_verbose,2e6 ")
    for line in late:
        assert show(2, b"%s", line) == 0
    assert printed == []
    others = [(b"%s", b"onednn_verbose,v1,primitive,exec,cpu,999\n"), (b"%s", b"onednn_verbose,v1,info,cpu,isa:AVX2")]
    others += [(b"%s", b"onednn_verbose,"), (b"%s", b"onednn_verbos,1e9"), (b"%s\n", late[0]), (b"", late[0])]
    for form, line in others:
        assert show(2, form, line) == 77
    assert printed == [(2, form, line) for form, line in others]


def test_flushing_stdout_or_everything_is_left_out() -> None:
    page = CodePage(LIBC)
    stdout = ctypes.c_void_p.in_dll(LIBC, "stdout")
    # labs gives its argument back, so that what the original is given can be told from 0.
    entry = page.add(flush_filter(stdout=ctypes.addressof(stdout), original=address(LIBC.labs)))
    page.seal()
    flush = ctypes.CFUNCTYPE(ctypes.c_int, ctypes.c_void_p)(entry)
    assert flush(None) == 0
    assert flush(stdout) == 0
    assert flush(1234) == 1234


def test_a_full_page_is_refused() -> None:
    page = CodePage(LIBC)
    page.add(b"\0" * 4000)
    with pytest.raises(OSError, match="does not fit"):
        page.add(b"\0" * 4000)
