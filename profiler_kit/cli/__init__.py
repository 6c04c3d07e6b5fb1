"""The ``profiler-kit`` command.

Little is imported here: whoever presses Ctrl-C while the rest is being loaded is not shown where.
"""

from __future__ import annotations

from profiler_kit.cli import interrupts

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


def main(argv: Sequence[str] | None = None) -> int:
    """Run ``profiler-kit``.

    Args:
        argv: Arguments without the program's name; by default those of the process, whose Ctrl-C is then seen to.

    Returns:
        Exit code: 0, 2 for errors that the user can mend, 130 when interrupted.
    """
    try:
        if argv is None:
            interrupts.take_over()
        from profiler_kit.cli.commands import run

        code = run(argv)
        if argv is None:
            interrupts.leave_at_once_from_now_on()
    except BaseException as error:
        # A library that was interrupted may have made an error of its own out of that.
        if not isinstance(error, KeyboardInterrupt) and not interrupts.happened():
            raise
        if argv is None:
            interrupts.leave()
        return interrupts.EXIT_INTERRUPTED
    return code
