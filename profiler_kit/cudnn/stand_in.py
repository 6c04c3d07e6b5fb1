"""The stand-in for NVIDIA's driver, compiled once into the user's cache.

cuDNN's libraries can't be loaded without ``libcuda.so.1``, although a question about a described device never calls it.
Where no driver is installed, the worker process loads this library by its path; it lies in a folder where no program
looks for a driver, so it can never take the place of a real one.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Final

from profiler_kit.errors import ProfilerKitError
from profiler_kit.user_cache import user_cache

SOURCE: Final = Path(__file__).with_name("_stand_in.c")
_COMPILERS: Final = ("cc", "gcc", "clang")
_COMPILER_TIMEOUT_S: Final = 60


class StandInError(ProfilerKitError):
    """The stand-in for the driver can't be built."""


def stand_in() -> Path:
    """Return the compiled stand-in, compiling it if this is the first time.

    Raises:
        StandInError: There is no C compiler, it failed, or there is no place to keep the result.
    """
    folder = user_cache("cudnn")
    if folder is None:
        raise StandInError(
            "predictions need a cache directory for a stand-in of the missing driver: set XDG_CACHE_HOME"
        )
    # Named by its source, so that another version of profiler_kit compiles its own.
    library = folder / f"driver_stand_in_{hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:16]}.so"
    if not library.exists():
        try:
            folder.mkdir(parents=True, exist_ok=True)
            _compile(library)
        except OSError as error:
            raise StandInError(
                f"{folder}: can't be written ({error.strerror}), and predictions keep a stand-in of the missing driver "
                "there; set XDG_CACHE_HOME to a directory that can"
            ) from None
    return library


def _compile(library: Path) -> None:
    compiler = next((found for name in _COMPILERS if (found := shutil.which(os.environ.get("CC") or name))), None)
    if compiler is None:
        raise StandInError(
            "predictions need a C compiler on a machine without NVIDIA's driver (they load a stand-in for it): "
            "install cc, gcc or clang, or set CC"
        )
    # Compiled beside its place and moved there: another process may be doing the same.
    with tempfile.TemporaryDirectory(dir=library.parent) as folder:
        made = Path(folder, library.name)
        command = [compiler, "-shared", "-fPIC", "-Wl,-soname,libcuda.so.1", "-o", str(made), str(SOURCE)]
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=_COMPILER_TIMEOUT_S)  # noqa: S603
        except (OSError, subprocess.TimeoutExpired) as error:
            raise StandInError(f"{compiler} can't compile the stand-in for NVIDIA's driver: {error}") from None
        if done.returncode != 0:
            said = (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1]
            raise StandInError(f"{compiler} can't compile the stand-in for NVIDIA's driver: {said}")
        made.replace(library)
