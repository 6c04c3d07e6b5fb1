"""The context manager that records traces."""

from __future__ import annotations

import logging
import os
import re
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.profiler import ProfilerAction

import profiler_kit
from profiler_kit.errors import RecordingError
from profiler_kit.record.counters import counter_configuration
from profiler_kit.record.cpu_kernels import CpuKernelCapture
from profiler_kit.record.cudnn_log import CudnnLogCapture
from profiler_kit.record.cycles import CycleProfiler, refuse_running_profiler
from profiler_kit.record.environment import describe_environment
from profiler_kit.record.layer_names import name_layers
from profiler_kit.record.layer_spans import LayerSpans
from profiler_kit.record.peaks import measure_cpu_peaks
from profiler_kit.record.trace_file import require_writable, write_trace
from profiler_kit.trace.spans import METADATA_KEY

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator
    from os import PathLike
    from types import TracebackType
    from typing import TypeVar

    Self = TypeVar("Self", bound="Recorder")

_logger = logging.getLogger(__name__)
_recording = threading.Lock()
"""Held while a recorder's block runs: PyTorch has one profiler in a process."""


class Recorder:
    """Records what PyTorch does inside a ``with`` block, and what each layer of a model has to do with it.

    Without ``active`` and ``schedule`` everything inside the block is recorded and ``step`` is optional. With
    ``active``, the block's steps go through ``skip_first``, then cycles of ``wait``, ``warmup`` and ``active`` steps.
    Each finished cycle is written as ``<logdir>/<worker>.<time>.pt.trace.json.gz``, where torch-tb-profiler finds it;
    a cycle that the end of the block or an exception cuts short is written, too. Recording never stops the block: a
    trace that cannot be written during ``step`` is logged, and reported as an error at the end of the block unless
    the block has failed by itself.

    A module that occurs in the model several times is known by its first name, as in ``named_modules()``. The
    model's values, gradients and attributes are left as they were. A recorder can be used once.

    Args:
        model: The model whose layers are to be told apart, or None. Of several, a dictionary by name (whose keys begin
            the layers' names) or a list (whose numbers do).
        logdir: Directory for the traces; made if it is not there.
        wait: Steps to leave out at the beginning of each cycle.
        warmup: Steps at the beginning of each cycle in which the profiler runs but keeps nothing; the first steps
            under a profiler are slower than the others.
        active: Steps to record in each cycle.
        repeat: Number of cycles; 0 goes on to the end of the block.
        skip_first: Steps to leave out before the first cycle.
        schedule: Any ``torch.profiler`` schedule, in place of the five numbers.
        activities: As for ``torch.profiler.profile``; None stands for all that the machine has.
        record_shapes: Whether to note the operators' input shapes.
        worker: Name of this process in the file names, by default host name and process number. Characters other than
            letters, digits, ``_`` and ``-`` become ``_``.
        layers: Whether to mark every forward call of the model's modules in the trace.
        cpu_kernels: Whether to write what oneDNN and MKL run on the CPU into the trace. None stands for yes where only
            the CPU is recorded; False switches it off. It costs 1 to 5 µs for each of their kernels, which on two
            cores was 0.9 to 4.7 % of the recorded step time of ten models, most for the smallest
            (tests/benchmarks/cpu_kernels.py). What the process prints is left as it is. Possible on Linux on x86-64
            with PyTorch's own builds; where it is not, one line is logged and the trace says why.
        cudnn_log: Whether to have cuDNN log which engine runs each convolution, and to take that along in the trace.
            Writing the log takes the host time, so that a recording with it is for reading selections, not for timing.
            It has to be asked for before cuDNN's first use in the process. Without CUDA one line is logged and the
            trace says why there is none.
        measure_peaks: Whether to measure what the CPU can do at most (a matrix product and a copy, about 1.2 s once a
            process, before the recording begins) and write it into the trace, for the roofline. None stands for yes
            where only the CPU is recorded, because the rates of GPUs are known from their data sheets.
        counters: Hardware counters to read for every kernel, by CUPTI's names, on GPUs of NVIDIA only; for executed
            FLOPs those of :data:`profiler_kit.record.counters.FLOP_COUNTERS`. Kernels are run again and again until
            all are read and are not timed, so record times without them. A process may need the right to read
            counters (NVIDIA's ERR_NVGPUCTRPERM says how).
        on_trace_ready: Called with the ``torch.profiler.profile`` after each cycle's file has been written.
        **profiler_options: Further options of ``torch.profiler.profile``.

    Raises:
        RecordingError: If the options contradict each other.
        TypeError: If ``torch.profiler.profile`` does not know one of ``profiler_options``.
    """

    def __init__(
        self,
        model: nn.Module | Mapping[str, nn.Module] | Sequence[nn.Module] | None = None,
        logdir: str | PathLike[str] = "runs",
        *,
        wait: int = 0,
        warmup: int = 0,
        active: int | None = None,
        repeat: int = 0,
        skip_first: int = 0,
        schedule: Callable[[int], Any] | None = None,
        activities: Iterable[Any] | None = None,
        record_shapes: bool = True,
        worker: str | None = None,
        layers: bool = True,
        cpu_kernels: bool | None = None,
        cudnn_log: bool = False,
        measure_peaks: bool | None = None,
        counters: Sequence[str] = (),
        on_trace_ready: Callable[[Any], object] | None = None,
        **profiler_options: Any,
    ) -> None:
        model = None if model is None else _as_module(model)
        steps = {"wait": wait, "warmup": warmup, "active": active, "repeat": repeat, "skip_first": skip_first}
        _check_schedule(steps, schedule)
        self._model = model if layers else None
        self._logdir = Path(logdir)
        self._steps = None if active is None else steps
        self._worker = re.sub(r"[^A-Za-z0-9_-]", "_", worker or f"{socket.gethostname()}_{os.getpid()}")
        self._on_trace_ready = on_trace_ready
        self._trace_paths: list[Path] = []
        self._write_error: RecordingError | None = None
        self._callback_error: Exception | None = None
        self._state = "new"
        self._spans = LayerSpans(model) if model is not None and layers else None
        self._cudnn_log = CudnnLogCapture() if cudnn_log else None
        if counters:
            profiler_options["experimental_config"] = counter_configuration(counters, profiler_options)
        activities = None if activities is None else list(activities)
        cpu_only = _records_cpu_only(activities)
        capture = cpu_only if cpu_kernels is None else cpu_kernels
        self._cpu_kernels = CpuKernelCapture(asked_for=cpu_kernels is not None) if capture else None
        self._measure_peaks = cpu_only if measure_peaks is None else measure_peaks
        self._peaks: dict[str, Any] | None = None
        self._profiler = CycleProfiler(
            [one for one in (self._spans, self._cpu_kernels, self._cudnn_log) if one is not None],
            schedule=schedule or (_record_everything if active is None else torch.profiler.schedule(**steps)),
            activities=activities,
            record_shapes=record_shapes,
            on_trace_ready=self._finish_cycle,
            **profiler_options,
        )

    @property
    def trace_paths(self) -> list[Path]:
        """Files of the cycles finished so far, in order."""
        return list(self._trace_paths)

    def __enter__(self: Self) -> Self:
        """Start recording, or waiting for the first cycle.

        Raises:
            RecordingError: If this recorder has been used before, if another one or another ``torch.profiler`` is
                running, or if nothing can be written to the logdir.
        """
        if self._state != "new":
            raise RecordingError("this recorder has been used already; make a new one for each with block")
        require_writable(self._logdir)
        if not _recording.acquire(blocking=False):
            raise RecordingError("another recording is running in this process; recordings cannot be nested")
        try:
            refuse_running_profiler()
            if self._measure_peaks:
                self._peaks = measure_cpu_peaks()
            self._profiler.__enter__()
        except BaseException:
            _recording.release()
            raise
        self._state = "running"
        return self

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Stop recording and write what has been recorded.

        Raises:
            RecordingError: If a trace could not be written and the block has not failed by itself.
        """
        self._state = "finished"
        try:
            self._profiler.__exit__(exc_type, exc, traceback)
        except Exception as error:
            if exc is None:
                raise
            _logger.error("torch.profiler could not be stopped: %s", error)
        finally:
            for instrument in (self._cpu_kernels, self._spans):
                if instrument is not None:
                    instrument.remove()
            if self._cpu_kernels is not None:
                self._cpu_kernels.release()
            _recording.release()
        if exc is None and (failure := self._callback_error or self._write_error) is not None:
            raise failure
        if self._callback_error is not None:
            _logger.error("on_trace_ready failed: %s", self._callback_error)
        if exc is None and not self._trace_paths:
            _logger.warning(
                "nothing was recorded: the block ended in step %d, before the schedule's first active step",
                self._profiler.step_num,
            )

    def step(self) -> None:
        """Say that one step of the block's loop is over.

        Raises:
            RecordingError: If it is called outside of the ``with`` block, or if another ``torch.profiler`` runs when a
                cycle is to begin.
        """
        if self._state != "running":
            raise RecordingError("step() marks the end of a step inside of the with block; the block is not running")
        self._profiler.step()
        if self._callback_error is not None:
            error, self._callback_error = self._callback_error, None
            raise error

    def key_averages(self, *args: Any, **options: Any) -> Any:
        """Return ``torch.profiler.profile.key_averages`` of the last cycle."""
        return self._profiler.key_averages(*args, **options)

    def _finish_cycle(self, profiler: CycleProfiler) -> None:
        """Write a cycle's file and call the user's callback; errors wait until torch.profiler is out of the way."""
        path = self._logdir / f"{self._worker}.{time.time_ns()}.pt.trace.json.gz"
        try:
            kernels = [] if self._cpu_kernels is None else self._cpu_kernels.kernels
            write_trace(profiler.export_chrome_trace, path, {METADATA_KEY: self._describe()}, kernels)
        except RecordingError as error:
            self._write_error = error
            _logger.error("%s", error)
        except Exception as error:  # torch crashes when it is stopped after an error that came out of its handler
            self._write_error = RecordingError(f"{path}: the trace could not be written: {error}")
            _logger.exception("%s", self._write_error)
        else:
            self._trace_paths.append(path)
            profiler.written = path
        finally:
            if self._cpu_kernels is not None:
                self._cpu_kernels.release()
        if self._on_trace_ready is not None:
            try:
                self._on_trace_ready(profiler)
            except Exception as error:
                self._callback_error = error

    def _describe(self) -> dict[str, Any]:
        return {
            "version": profiler_kit.__version__,
            "schedule": self._steps,
            "environment": describe_environment(),
            "cpu_kernels": {"captured": False} if self._cpu_kernels is None else self._cpu_kernels.describe(),
            "cudnn_log": {"captured": False} if self._cudnn_log is None else self._cudnn_log.describe(),
            "measured_peaks": self._peaks,
            "layers": {} if self._spans is None else _describe_layers(self._model, self._spans.called()),
        }


def _record_everything(step: int) -> ProfilerAction:  # noqa: ARG001 - a schedule's signature
    return ProfilerAction.RECORD


def _as_module(model: Any) -> nn.Module:
    """Return a model as it is, and several in a container whose names for them begin those of their layers."""
    if isinstance(model, nn.Module):
        return model
    several = isinstance(model, (Mapping, Sequence)) and not isinstance(model, str)
    members = list(model.values() if isinstance(model, Mapping) else model) if several else []
    if not members or not all(isinstance(one, nn.Module) for one in members):
        raise RecordingError(
            f"model must be a torch.nn.Module, a dictionary or list of them, or None, not {type(model).__name__}"
        )
    if not isinstance(model, Mapping):
        return nn.ModuleList(members)
    try:
        return nn.ModuleDict(model)
    except (KeyError, TypeError) as error:
        raise RecordingError(f"models have to be named as attributes can be: {error.args[0]}") from error


def _records_cpu_only(activities: list[Any] | None) -> bool:
    if activities is None:
        return not torch.cuda.is_available()
    return all(activity == torch.profiler.ProfilerActivity.CPU for activity in activities)


def _check_schedule(steps: dict[str, int | None], schedule: Callable[[int], Any] | None) -> None:
    given = [f"{name}={value}" for name, value in steps.items() if value]
    if schedule is not None and given:
        raise RecordingError(f"give either schedule or {', '.join(given)}, not both")
    if steps["active"] is None and given:
        raise RecordingError(f"{', '.join(given)} has no meaning without active, the number of steps to record")
    for name, value in steps.items():
        least = 1 if name == "active" else 0
        if value is not None and value < least:
            raise RecordingError(f"{name}={value} must be at least {least}")


def _describe_layers(model: nn.Module, called: Collection[str]) -> dict[str, dict[str, Any]]:
    """Describe the modules by name, each with the parameters that no earlier module has, so that they add up.

    Args:
        model: The model.
        called: Names of the layers of which a call was seen.
    """
    counted: set[int] = set()
    layers: dict[str, dict[str, Any]] = {}
    for layer in name_layers(model):
        # Submodules of a compiled region are not listed, so the region answers for their parameters.
        new = [p for p in layer.module.parameters(recurse=layer.compiled) if id(p) not in counted]
        counted.update(map(id, new))
        sizes = [0 if torch.nn.parameter.is_lazy(p) else p.numel() for p in new]
        name = layer.name
        if layer.inside_compiled and name not in called:
            # Its call, if there was one, was part of what is compiled around it.
            name = next(outer for outer in _layers_around(name) if outer in layers)
        else:
            layers[name] = {"type": layer.type, "parameters": 0}
        layers[name]["parameters"] += sum(sizes)
    return layers


def _layers_around(name: str) -> Iterator[str]:
    """Yield the names of the modules that a module lies in, the nearest first and the root last."""
    while name:
        name = name.rpartition(".")[0]
        yield name
