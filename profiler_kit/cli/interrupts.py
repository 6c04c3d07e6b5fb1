"""Ctrl-C: the command stops at once and says nothing, whatever it is doing.

Python raises KeyboardInterrupt wherever it happens to be. That is right for our own code, which cleans up on its way
out, but not for two places: an extension module that is being imported reports it as a broken installation, and a
destructor or callback prints it and goes on.
"""

from __future__ import annotations

import _thread
import atexit
import os
import signal
import sys
import time

TYPE_CHECKING = False
if TYPE_CHECKING:
    from sys import UnraisableHookArgs
    from types import FrameType
    from typing import Final, NoReturn

EXIT_INTERRUPTED: Final = 130
"""What shells use for a command that Ctrl-C ended."""

_IMPORTING: Final = "<frozen importlib._bootstrap>"

_OUT_OF_IT_S: Final = 0.01
"""Time in which a destructor that was interrupted has been left."""

_seen: list[int] = []
_report_unraisable = sys.unraisablehook


def take_over() -> None:
    """See to Ctrl-C in this process from now on; where it is ignored, as in jobs in the background, it stays so."""
    if signal.getsignal(signal.SIGINT) is signal.default_int_handler:
        signal.signal(signal.SIGINT, _interrupted)
        sys.unraisablehook = _unraisable


def leave_at_once_from_now_on() -> None:
    """Let Ctrl-C end the process without ceremony: there is nothing left to clean up."""
    if signal.getsignal(signal.SIGINT) is _interrupted:
        signal.signal(signal.SIGINT, _leave_without_ceremony)


def happened() -> bool:
    """Tell whether Ctrl-C was pressed."""
    return bool(_seen)


def _interrupted(number: int, frame: FrameType | None) -> None:
    _seen.append(number)
    signal.signal(signal.SIGINT, _leave_without_ceremony)  # whoever presses it again does not want to wait for anything
    if _importing(frame):
        leave()
    if (logging := sys.modules.get("logging")) is not None:
        logging.disable()  # what cannot be finished on the way out is no news
    raise KeyboardInterrupt


def leave() -> NoReturn:
    """End the process once our own code has cleaned up, without waiting for other threads or PyTorch's destructors."""
    atexit._run_exitfuncs()
    from contextlib import suppress

    with suppress(AttributeError, OSError, RuntimeError, ValueError):  # closed, gone, being written to
        sys.stdout.flush()
    os._exit(EXIT_INTERRUPTED)


def _leave_without_ceremony(_number: int, _frame: FrameType | None) -> NoReturn:
    os._exit(EXIT_INTERRUPTED)


def _importing(frame: FrameType | None) -> bool:
    while frame is not None:
        if frame.f_code.co_filename == _IMPORTING:
            return True
        frame = frame.f_back
    return False


def _unraisable(unraisable: UnraisableHookArgs) -> None:
    """Raise again, outside of it, an interrupt that fell into a destructor or a callback."""
    if issubclass(unraisable.exc_type, KeyboardInterrupt):
        signal.signal(signal.SIGINT, _interrupted)
        _thread.start_new_thread(_interrupt_again, (_thread.get_ident(),))
    else:
        _report_unraisable(unraisable)


def _interrupt_again(thread: int) -> None:
    """Send the signal once more, so that it also ends a call that waits."""
    time.sleep(_OUT_OF_IT_S)
    if sys.platform == "win32":
        _thread.interrupt_main()
    else:
        signal.pthread_kill(thread, signal.SIGINT)
