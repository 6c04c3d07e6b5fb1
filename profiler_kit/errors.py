"""Every error that profiler_kit raises on purpose; the command line turns them into one line and exit code 2."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from os import PathLike


class ProfilerKitError(Exception):
    """Base of all errors whose message is written for the user: what is wrong, where, and what to do."""


class TraceNotFoundError(ProfilerKitError):
    """There is no trace at the given place."""


class TraceFormatError(ProfilerKitError):
    """A file is not a trace, or is damaged beyond reading.

    Args:
        path: The file as the user named it.
        reason: What is wrong and what to do about it, without the file's name.
        offset: Byte offset into the uncompressed text where reading failed, if known.
    """

    def __init__(self, path: str | PathLike[str], reason: str, offset: int | None = None) -> None:
        self.path = str(path)
        self.reason = reason
        self.offset = offset
        place = self.path if offset is None else f"{self.path}, byte {offset}"
        super().__init__(f"{place}: {reason}")


class UnreadableTraceWarning(UserWarning):
    """One of several traces cannot be read and is left out."""


class RecordingError(ProfilerKitError):
    """Recording cannot start or its result cannot be written."""


class ExperimentError(ProfilerKitError):
    """A layer cannot be made, or does not run on the input it is to be measured with."""


class MissingExtraError(ProfilerKitError):
    """A feature needs an optional dependency that is not installed.

    Args:
        feature: What the user asked for.
        package: The module that could not be imported.
        extra: The extra of profiler-kit that brings it.
    """

    def __init__(self, feature: str, package: str, extra: str) -> None:
        super().__init__(f"{feature} needs {package}: pip install 'profiler-kit[{extra}]'")
