"""Progress bars on standard error: on a terminal only, so that pipes and logs stay clean."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager


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
    with Progress(*columns, console=Console(stderr=True), transient=True) as progress:
        task = progress.add_task("", total=1.0, title=title)
        yield lambda share, text: progress.update(task, completed=share, description=text)
