"""Which kernels the CPU's libraries, oneDNN and MKL, have really run: their verbose lines, kept away from stdout.

Both libraries can print a line for everything they execute, but only to C's stdout, and both flush it after each
line. Here the words in which ``libtorch_cpu`` keeps the addresses of the functions it prints with are changed while
steps are recorded, so that those lines, and nothing else, end up in memory. File descriptor 1, C's stdout and Python's
``sys.stdout`` are never touched: whatever the user's code, its threads and its child processes print takes its usual
way. The way of a line takes neither the GIL nor a system call nor a pipe that could fill up. Lines that the user's
own code switches on while steps are recorded, with ``torch.backends.mkldnn.verbose``, go the same way.

Each line is stamped with the processor's clock when it is handed over, 1 to 3 µs after the kernel's end. oneDNN could
say itself when a kernel began (``ONEDNN_VERBOSE_TIMESTAMP``), but writing that number costs more than all the rest of
a line, and it is asked for through the environment, which must not change under threads that may be reading it.

Of MKL two functions are stood in for. Its own clock executes ``cpuid`` at each reading, which a virtual machine has to
leave for its host (6 µs each); ours reads the same counter without. And what is said of a call is taken before MKL
adds the settings and its unit of time, so that it need not format them.

This relies on how PyTorch's builds for Linux on x86-64 are made. Wherever something is not as expected, nothing is
changed and the reason is given.
"""

from __future__ import annotations

import contextlib
import ctypes
import logging
import os
import platform
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

import torch

from profiler_kit.record.imported_functions import find_slots, read_slot, write_slot
from profiler_kit.record.native_filter import (
    RDX,
    RSI,
    CodePage,
    Window,
    call_recorder,
    clock_reader,
    flush_filter,
    keep_forever,
    late_line_filter,
    line_filter,
    plausible_duration_filter,
    ticking_clock,
)
from profiler_kit.record.verbose_lines import MKL_FORMAT, ONEDNN_PREFIX, CpuKernel, read_lines

if TYPE_CHECKING:
    from collections.abc import Callable

_logger = logging.getLogger(__name__)

_CPU_INFO: Final = Path("/proc/cpuinfo")
_LIBRARY: Final = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"

_ONEDNN: Final = (_ONEDNN_PRINT := "__printf_chk", _FLUSH := "fflush")
_MKL: Final = (_MKL_REPORT := "mkl_serv_print_verbose_info", _MKL_CLOCK := "mkl_serv_dsecnd")
_FIRST_ONEDNN: Final = (3, 12)
"""The first version known to hand every line over as one finished text."""

_USERS_VARIABLES: Final = (
    "ONEDNN_VERBOSE",
    "DNNL_VERBOSE",
    "MKLDNN_VERBOSE",
    "MKL_VERBOSE",
    "MKL_VERBOSE_OUTPUT_FILE",
)
"""With these the user has asked for the lines, and is to have them."""

_CLOCK_READINGS: Final = 16
_LONGEST_S: Final = 1000.0
"""No call into MKL takes longer; in ticks of the processor's clock it would be less than a microsecond."""


class _Instant(NamedTuple):
    """One moment on both clocks."""

    clock: int
    epoch_ns: int


class _Diversion:
    """The changed addresses and the file in memory that the lines end up in; made once in a process.

    Attributes:
        active: Whether the lines are led into memory.
        has_mkl: Whether MKL is part of PyTorch's library and says what it runs in the known way.

    Raises:
        OSError: If this system or this build of PyTorch is not as expected. Nothing is changed then.
    """

    def __init__(self) -> None:
        _require_known_system()
        # Functions of a CDLL give the GIL up, those of a PyDLL keep it; see take_lines.
        self._libc, self._libc_with_gil = ctypes.CDLL(None), ctypes.PyDLL(None)
        torch_cpu = ctypes.CDLL(str(_LIBRARY))
        slots = find_slots(_LIBRARY, (*_ONEDNN, *_MKL))
        self.has_mkl = all(name in slots for name in _MKL)
        if not self.has_mkl:
            slots = {name: slot for name, slot in slots.items() if name not in _MKL}
        if not all(name in slots for name in _ONEDNN):
            raise OSError("this build of PyTorch prints oneDNN's lines in an unknown way")
        self._originals = {name: _address(getattr(torch_cpu, name)) for name in slots}
        for name, slot in slots.items():
            if read_slot(slot) != self._originals[name]:
                raise OSError(f"calls of {name} from PyTorch already go another way than usual")
        self.active = False
        self._slots = slots
        self._settled = dict(self._originals)
        self._began: _Instant | None = None
        self._window = Window()
        keep_forever(self._window)
        self._buffer, self._length = ctypes.c_void_p(), ctypes.c_size_t()
        self._file = self._open_memory()
        self._page = CodePage(self._libc)
        self._replacements, self._read_clock = self._write_code()

    def begin(self) -> None:
        """Lead the lines into memory."""
        self.active = True
        self._began = self.read_instant()
        for name, slot in self._slots.items():
            write_slot(slot, self._replacements[name])

    def silence(self) -> None:
        """Ask the libraries for no more lines."""
        torch._C._verbose.mkldnn_set_verbose(torch.backends.mkldnn.VERBOSE_OFF)
        if self.has_mkl:
            torch._C._verbose.mkl_set_verbose(torch.backends.mkl.VERBOSE_OFF)

    def end(self) -> None:
        """Lead the lines to stdout again, but for those of kernels that are still running."""
        began, now = self._began, self.read_instant()
        if began is not None:
            self._window.ticks_per_ms = (now.clock - began.clock) * 1e6 / max(now.epoch_ns - began.epoch_ns, 1)
        self._window.end = now.clock
        for name, slot in self._slots.items():
            write_slot(slot, self._settled[name])
        self.active = False

    def take_lines(self) -> str:
        """Return the lines since the last time, each with the processor's clock before it."""
        libc, file = self._libc_with_gil, self._file
        # The GIL is kept: a thread that holds it while it prints would otherwise wait for the file, and we for the GIL.
        libc.flockfile(file)
        try:
            libc.fflush(file)
            text = ctypes.string_at(self._buffer.value or 0, self._length.value) if self._length.value else b""
            libc.rewind(file)
        finally:
            libc.funlockfile(file)
        return text.decode("ascii", errors="replace")

    def read_instant(self) -> _Instant:
        """Read both clocks; of several readings the one that took least is the closest."""
        readings = [(time.time_ns(), self._read_clock(), time.time_ns()) for _ in range(_CLOCK_READINGS)]
        before_ns, clock, after_ns = min(readings, key=lambda reading: reading[2] - reading[0])
        return _Instant(clock, (before_ns + after_ns) // 2)

    def _open_memory(self) -> ctypes.c_void_p:
        # A file without a descriptor: it can be neither inherited nor closed by the user's code.
        self._libc.open_memstream.restype = ctypes.c_void_p
        file = self._libc.open_memstream(ctypes.byref(self._buffer), ctypes.byref(self._length))
        if not file:
            raise OSError("there is no memory for the lines")
        return ctypes.c_void_p(file)

    def _write_code(self) -> tuple[dict[str, int], Callable[[], int]]:
        page = self._page
        memory = {"file": self._file.value or 0, "fprintf": _address(self._libc.fprintf)}
        stdout = ctypes.addressof(ctypes.c_void_p.in_dll(self._libc, "stdout"))
        code = {
            # oneDNN calls __printf_chk(flag, "%s", line).
            _ONEDNN_PRINT: line_filter(
                ONEDNN_PREFIX.encode(),
                format_in=RSI,
                text_in=RDX,
                original=self._originals[_ONEDNN_PRINT],
                file_format=page.add(b"%lu %s\0"),
                **memory,
            ),
            _FLUSH: flush_filter(stdout=stdout, original=self._originals[_FLUSH]),
        }
        self._settled[_ONEDNN_PRINT] = page.add(
            late_line_filter(
                ONEDNN_PREFIX.encode(),
                window=self._window,
                strrchr=_address(self._libc.strrchr),
                strtod=_address(self._libc.strtod),
                original=self._originals[_ONEDNN_PRINT],
            )
        )
        if self.has_mkl:
            # MKL calls mkl_serv_print_verbose_info(mode, call, duration), the duration from its clock's readings.
            code[_MKL_REPORT] = call_recorder(file_format=page.add(f"{MKL_FORMAT}\0".encode()), **memory)
            code[_MKL_CLOCK] = ticking_clock()
            # A call that began on one clock and ends on the other is not to be printed, however long it goes on.
            after = plausible_duration_filter(longest=_LONGEST_S, original=self._originals[_MKL_REPORT])
            self._settled[_MKL_REPORT] = page.add(after)
        replacements = {name: page.add(content) for name, content in code.items()}
        clock = ctypes.CFUNCTYPE(ctypes.c_uint64)(page.add(clock_reader()))
        page.seal()
        return replacements, clock


_diversion: _Diversion | None = None


class CpuKernelCapture:
    """Lets oneDNN and MKL say what they run between ``install`` and ``remove``.

    Where the capture cannot be arranged nothing is changed: one line is logged, and ``problem`` says why.

    Args:
        asked_for: Whether the user wants the kernels, so that it is worth a warning if there are none.

    Attributes:
        kernels: What ran between the last ``install`` and ``remove``.
        problem: Why nothing can be captured, None if it can.
    """

    def __init__(self, *, asked_for: bool = True) -> None:
        self.kernels: list[CpuKernel] = []
        self.problem: str | None = None
        self._level = logging.WARNING if asked_for else logging.INFO
        self._began: _Instant | None = None

    def install(self) -> None:
        """Begin to capture."""
        global _diversion
        self.kernels = []
        if self.problem is not None:
            return
        try:
            _require_no_verbose_variables()
            if _diversion is None:
                _diversion = _Diversion()
                os.register_at_fork(after_in_child=_switch_off)
            self._begin(_diversion)
        except Exception as error:  # whatever is missing on this system, the user's run goes on
            self.remove()
            self.release()
            self.problem = str(error)
            _logger.log(self._level, "kernels of oneDNN and MKL are not captured: %s", error)

    def remove(self) -> None:
        """End, and read what has been captured; harmless if nothing is."""
        diversion, began = _diversion, self._began
        if diversion is None or began is None:
            return
        self._began = None
        diversion.silence()
        self.kernels = list(read_lines(diversion.take_lines(), _clock_between(began, diversion.read_instant())))

    def release(self) -> None:
        """Give the libraries their way to stdout back; harmless if they have it.

        Kernels that other threads are in the middle of are not printed when they end.
        """
        if self._began is None:
            _switch_off()

    def describe(self) -> dict[str, object]:
        """Return the facts about the last capture, as JSON-able values."""
        has_mkl = _diversion is not None and _diversion.has_mkl
        return {
            "captured": self.problem is None,
            "problem": self.problem,
            "libraries": ["oneDNN", "MKL"][: 1 + has_mkl] if self.problem is None else [],
            "kernels": len(self.kernels),
        }

    def _begin(self, diversion: _Diversion) -> None:
        diversion.take_lines()
        self._began = diversion.read_instant()
        diversion.begin()
        if not torch._C._verbose.mkldnn_set_verbose(torch.backends.mkldnn.VERBOSE_ON):
            raise OSError("oneDNN does not take the setting")
        if diversion.has_mkl:
            torch._C._verbose.mkl_set_verbose(torch.backends.mkl.VERBOSE_ON)


def _switch_off() -> None:
    """Make the libraries silent, then give them their way to stdout back; also in the child after a fork."""
    if _diversion is not None and _diversion.active:
        _diversion.silence()
        _diversion.end()


def _require_known_system() -> None:
    if sys.platform != "linux" or platform.machine() != "x86_64" or sys.maxsize < 2**32:
        raise OSError("this is possible only on Linux on x86-64")
    if platform.libc_ver()[0] != "glibc":
        raise OSError("this is possible only with the GNU C library")
    if not torch.backends.mkldnn.is_available():
        raise OSError("this build of PyTorch has no oneDNN")
    version = re.search(r"MKL-DNN v(\d+)\.(\d+)", torch.__config__.show())
    if version is None or (int(version[1]), int(version[2])) < _FIRST_ONEDNN:
        raise OSError(f"this is possible only from oneDNN {'.'.join(map(str, _FIRST_ONEDNN))} on")
    with contextlib.suppress(OSError):
        flags = next((line for line in _CPU_INFO.read_text().splitlines() if line.startswith("flags")), "").split()
        if "constant_tsc" in flags and "nonstop_tsc" in flags:
            return
    raise OSError("this processor's clock does not run evenly")


def _require_no_verbose_variables() -> None:
    given = next((name for name in _USERS_VARIABLES if name in os.environ), None)
    if given is not None:
        raise OSError(f"{given} is set, and those lines are left to whoever set it")


def _address(function: object) -> int:
    return ctypes.cast(function, ctypes.c_void_p).value or 0  # type: ignore[arg-type] # a foreign function


def _clock_between(first: _Instant, last: _Instant) -> Callable[[int], int]:
    """Return the function from the processor's clock to nanoseconds since 1970, between two moments on both."""
    ticks, length_ns = max(last.clock - first.clock, 1), last.epoch_ns - first.epoch_ns
    return lambda clock: first.epoch_ns + (clock - first.clock) * length_ns // ticks
