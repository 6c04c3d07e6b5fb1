"""Questions to cuDNN, answered by processes of their own.

cuDNN's libraries, and a stand-in for the driver where there is none, are loaded by worker processes only: they never
enter this one, in which a program may use a GPU. A worker that crashes or hangs costs the question it was at; the rest
goes to a fresh one.
"""

from __future__ import annotations

import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Final, Literal, cast

from profiler_kit.cudnn.description import Target
from profiler_kit.cudnn.plans import Prediction, prediction_of_json, version_text
from profiler_kit.cudnn.problem import ConvProblem
from profiler_kit.cudnn.stand_in import stand_in
from profiler_kit.errors import MissingExtraError, ProfilerKitError

Heuristics = Literal["instant", "B"]
Question = tuple[ConvProblem, Target]

TIMEOUT_S: Final = 60.0
"""For one answer. The first one of a process loads about a gigabyte of libraries."""

WORKER: Final = (sys.executable, "-m", "profiler_kit.cudnn._worker")
_LIBRARY: Final = Path("nvidia", "cudnn", "lib", "libcudnn.so.9")
_LOG_SETTINGS: Final = ("CUDNN_LOGDEST", "CUDNN_LOGLEVEL", "CUDNN_LOGINFO", "CUDNN_LOGWARN", "CUDNN_LOGERR")
_NOISE: Final = "Could not load symbol"
"""What cuDNN prints for each optional function that the stand-in lacks."""

_MOST_WORKERS: Final = 4

MOST_ENDS: Final = 3
"""Processes that may end over questions about one device, one after the other, before the rest about it is left out."""

_TICK_S: Final = 0.05
"""Between reports of progress."""


class CudnnError(ProfilerKitError):
    """cuDNN can't be asked."""


class _WorkerEndedError(Exception):
    """A worker crashed or hung; the message says how."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What PyTorch's settings say of a choice, beyond the problem.

    Attributes:
        heuristics: ``instant``, or ``B`` as with ``TORCH_CUDNN_USE_HEURISTIC_MODE_B``.
        workspace_limit_bytes: Plans with more workspace are passed over; by default those that the device has no
            memory for.
        all_knobs: Read the knobs of all candidates, not only of those tried. It doubles the time.
    """

    heuristics: Heuristics = "instant"
    workspace_limit_bytes: int | None = None
    all_knobs: bool = False


def cudnn_library() -> Path:
    """Return the cuDNN that is installed for this Python: by the extra, or by a CUDA build of torch.

    Raises:
        MissingExtraError: There is none.
    """
    for folder in sys.path:
        library = Path(folder or ".", _LIBRARY)
        if library.is_file():
            return library
    raise MissingExtraError("asking cuDNN", "cuDNN 9.8 or later", "cudnn")


class Oracle:
    """cuDNN, ready to be asked. Use it as a context manager.

    Args:
        workers: Processes; by default as many as the machine has CPUs, up to four.
        timeout_s: Seconds after which a question is given up.
        command: The worker's command line.
        environment: Variables added to the workers' environment, such as those of cuDNN's log.

    Raises:
        MissingExtraError: cuDNN isn't installed.
        StandInError: There is no driver, and the stand-in for it can't be built.
        CudnnError: cuDNN is too old or can't be loaded; the message says why.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        timeout_s: float = TIMEOUT_S,
        command: Sequence[str] = WORKER,
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self._library = cudnn_library()
        self._how = (tuple(command), self._library, timeout_s, dict(environment or {}))
        self._most = workers or min(os.cpu_count() or 1, _MOST_WORKERS)
        self._idle: list[_Worker] = [_Worker(*self._how)]
        self.version: str = version_text(self._idle[0].version)

    def __enter__(self) -> Oracle:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End the processes."""
        while self._idle:
            self._idle.pop().end()

    def predict(
        self,
        questions: Sequence[Question],
        rules: Rules | None = None,
        progress: Callable[[int, int], None] = lambda _done, _total: None,
    ) -> list[Prediction]:
        """Ask for each problem on each device.

        Args:
            questions: Problems and devices. Equal ones are asked once.
            rules: PyTorch's settings.
            progress: Called with the number of answers and of questions.

        Returns:
            An answer for each question, in their order. Where a process ended or cuDNN can't answer, ``error`` says
            why.

        Raises:
            CudnnError: A process that was started anew doesn't come up.
        """
        rules = rules or Rules()
        texts = [json.dumps(_request(question, rules)) for question in questions]
        waiting: queue.SimpleQueue[tuple[str, str]] = queue.SimpleQueue()
        distinct = {text: target.name for text, (_, target) in zip(texts, questions, strict=True)}
        for text, device in distinct.items():
            waiting.put((text, device))
        ends = dict.fromkeys(distinct.values(), 0)
        answers: dict[str, dict[str, Any]] = {}
        failures: list[BaseException] = []
        threads = [
            threading.Thread(target=self._serve, args=(waiting, ends, answers, failures), daemon=True)
            for _ in range(min(self._most, len(distinct)))
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            while thread.is_alive():
                thread.join(_TICK_S)
                progress(len(answers), len(distinct))
        if failures:
            raise failures[0]
        return [
            prediction_of_json(problem, target.name, answers[text])
            for (problem, target), text in zip(questions, texts, strict=True)
        ]

    def _serve(
        self,
        waiting: queue.SimpleQueue[tuple[str, str]],
        ends: dict[str, int],
        answers: dict[str, dict[str, Any]],
        failures: list[BaseException],
    ) -> None:
        """Put questions to one worker until none is left; ``ends`` counts by device over what processes ended."""
        worker: _Worker | None = None
        try:
            worker = self._idle.pop() if self._idle else _Worker(*self._how)
            while not failures:
                text, device = waiting.get_nowait()
                if ends[device] >= MOST_ENDS:
                    reason = (
                        f"not asked: cuDNN's process ended {MOST_ENDS} times in a row over questions about {device}"
                    )
                    answers[text] = _no_answer(worker.version, reason)
                    continue
                try:
                    answers[text] = worker.ask(text)
                    ends[device] = 0
                except _WorkerEndedError as error:
                    ends[device] += 1
                    answers[text] = _no_answer(worker.version, str(error))
                    worker.end()
                    worker = None
                    worker = _Worker(*self._how)
        except queue.Empty:
            pass
        except Exception as error:
            # Raised again where predict() was called: an exception in a thread would only be printed.
            failures.append(error)
        finally:
            if worker is not None:
                self._idle.append(worker)


def _no_answer(version: int, reason: str) -> dict[str, Any]:
    return {"version": version, "plans": [], "chosen": None, "error": reason}


def _request(question: Question, rules: Rules) -> dict[str, Any]:
    problem, target = question
    limit = rules.workspace_limit_bytes
    return {
        "device": dict(target.properties),
        "problem": problem.as_json(),
        "heuristics": rules.heuristics,
        "all_knobs": rules.all_knobs,
        "workspace_limit_bytes": target.properties["totalGlobalMem"] if limit is None else limit,
    }


class _Worker:
    """One process that has cuDNN loaded."""

    def __init__(self, command: Sequence[str], library: Path, timeout_s: float, environment: Mapping[str, str]) -> None:
        self._timeout_s = timeout_s
        # A file, not a pipe: nobody has to drain it, and its last line can be read after a crash.
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed in end)
        self._process = subprocess.Popen(  # noqa: S603
            list(command),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._said,
            text=True,
            encoding="utf-8",
            env={**_without_log(), "PYTHONPATH": _python_path(), **environment},
        )
        self._questions, self._replies = cast("IO[str]", self._process.stdin), cast("IO[str]", self._process.stdout)
        self._lines: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        try:
            driver = self._answer()["driver"]
            told = {"library": str(library), "stand_in": None if driver else str(stand_in())}
            greeting = self.ask(json.dumps(told))
        except _WorkerEndedError as error:
            self.end()
            raise CudnnError(f"{library}: {error}") from None
        except ProfilerKitError:
            self.end()
            raise
        if "problem" in greeting:
            self.end()
            raise CudnnError(_complaint(library, greeting))
        self.version: int = greeting["version"]

    def ask(self, text: str) -> dict[str, Any]:
        """Send a line and return the answer."""
        try:
            self._questions.write(text + "\n")
            self._questions.flush()
        except OSError:
            pass  # it ended: reading the answer tells how
        return self._answer()

    def end(self) -> None:
        """End the process, whatever it is doing."""
        self._process.kill()
        self._process.wait()
        for pipe in (self._questions, self._replies, self._said):
            with suppress(OSError):
                pipe.close()

    def _read(self) -> None:
        with suppress(OSError, ValueError):
            for line in self._replies:
                self._lines.put(line)
        self._lines.put("")

    def _answer(self) -> dict[str, Any]:
        try:
            line = self._lines.get(timeout=self._timeout_s)
        except queue.Empty:
            raise _WorkerEndedError(f"cuDNN's process gave no answer in {self._timeout_s:g} s{self._last()}") from None
        try:
            answer = json.loads(line)
        except ValueError:
            code = self._process.wait() if not line else None
            how = "wrote no answer" if code is None else f"ended by signal {-code}" if code < 0 else f"ended ({code})"
            raise _WorkerEndedError(f"cuDNN's process {how}{self._last()}") from None
        return dict(answer)

    def _last(self) -> str:
        """Return the last line that the process printed, as a subordinate clause."""
        self._said.seek(0)
        lines = self._said.read().decode(errors="replace").splitlines()
        told = [line.strip() for line in lines if line.strip() and not line.startswith(_NOISE)]
        return f"; it said last: {told[-1]}" if told else ""


def _without_log() -> dict[str, str]:
    """Return the parent's environment without its wish for a log, into which questions don't belong."""
    return {name: value for name, value in os.environ.items() if not name.startswith(_LOG_SETTINGS)}


def _python_path() -> str:
    """Return the parent's import path: the worker finds the same profiler_kit, installed or not."""
    return os.pathsep.join(dict.fromkeys(str(Path(folder or ".").resolve()) for folder in sys.path))


def _complaint(library: Path, greeting: Mapping[str, Any]) -> str:
    if greeting["problem"] == "old":
        version = greeting["message"]
        what = f"cuDNN {version_text(int(version))}" if version.isdigit() else f"this cuDNN ({version})"
        return (
            f"{library}: {what} can't be asked about a device that isn't there; that came with 9.8: "
            "pip install 'profiler-kit[cudnn]' in an environment of its own (PyTorch may need the old one in this)"
        )
    return f"{library}: can't be loaded: {greeting['message']}; pip install --force-reinstall 'profiler-kit[cudnn]'"
