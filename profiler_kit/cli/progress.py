"""Progress bars on standard error: on a terminal only, so that pipes and logs stay clean."""

from __future__ import annotations

import atexit
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rich.progress import Progress

SHOWN_AFTER_S = 1.0
"""Reading that takes no longer shows no bar."""


_FIGURES_WIDTH = 37
"""Columns of a terminal that bytes, rate and time left take, and the gaps between all."""

_WIDEST_BAR = 40
_SHOW_CURSOR = "\x1b[?25h"
_NARROWEST = 8


@contextmanager
def progress_bar(title: str) -> Iterator[Callable[[float, str], None]]:
    """Show a progress bar while the block runs.

    Args:
        title: Shown before the bar.

    Yields:
        A function to call with the share that is done, 0 to 1, and what is being done.
    """
    if not sys.stderr.isatty():
        yield lambda _share, _text: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.fields[title]}"), BarColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    progress = Progress(*columns, console=Console(stderr=True), transient=True)
    with _taken_down(progress):
        progress.start()
        task = progress.add_task("", total=1.0, title=title)
        yield lambda share, text: progress.update(task, completed=share, description=text)


@contextmanager
def byte_progress(title: str) -> Iterator[Callable[[int, int | None], None]]:
    """Show how far reading has come, with rate and time left, once it has taken over a second.

    Args:
        title: Shown before the bar; printable text.

    Yields:
        A function to call with the bytes read so far and the bytes in all, None if that is not known.
    """
    if not sys.stderr.isatty():
        yield lambda _done, _total: None
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeRemainingColumn, TransferSpeedColumn
    from rich.table import Column

    console = Console(stderr=True)
    room = max(console.width - _FIGURES_WIDTH, 2 * _NARROWEST)
    bar = min(room // 2, _WIDEST_BAR)
    name = Column(no_wrap=True, overflow="ellipsis", max_width=room - bar)
    columns = (
        TextColumn("{task.description}", markup=False, table_column=name),
        BarColumn(bar),
        DownloadColumn(),
        TransferSpeedColumn(),
        TimeRemainingColumn(),
    )
    progress = Progress(*columns, console=console, transient=True)
    task = progress.add_task(title, total=None)
    start = time.monotonic()

    def advance(done: int, total: int | None) -> None:
        progress.update(task, completed=done, total=total)
        if not progress.live.is_started and time.monotonic() - start > SHOWN_AFTER_S:
            progress.start()

    with _taken_down(progress):
        yield advance


@contextmanager
def _taken_down(progress: Progress) -> Iterator[None]:
    """Give the terminal back at the end of the block, or when the process leaves from the midst of it."""

    def take_down() -> None:
        was_shown = progress.live.is_started
        with suppress(Exception):  # an interrupt may have come while it was being set up
            progress.stop()
        if was_shown and not progress.console.is_dumb_terminal and not progress.console.legacy_windows:
            # What the console had under way when it was interrupted may keep it from saying so itself.
            sys.stderr.write(_SHOW_CURSOR)
            sys.stderr.flush()

    atexit.register(take_down)
    try:
        yield
    finally:
        take_down()
        atexit.unregister(take_down)
