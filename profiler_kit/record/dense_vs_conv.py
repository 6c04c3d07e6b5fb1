"""The demo's workload: a dense layer against two convolutions, timed without a profiler and then recorded with one."""

from __future__ import annotations

import time
from collections import defaultdict
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn

from profiler_kit.collector import collector_paused
from profiler_kit.record.allocator import keep_freed_memory
from profiler_kit.record.recorder import Recorder

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from os import PathLike

Pass = Literal["forward", "backward"]
PASSES: tuple[Pass, ...] = ("forward", "backward")

LAYERS = ("Linear(1024->512)", "Conv2d(3->64, k3, p1)", "Conv2d(3->64, k7, p3)")
"""The layers by the names that the annotations carry; in ASCII, because Kineto drops any other text."""

DENSE, CONVOLUTION = LAYERS[0], LAYERS[2]
"""The two whose times the demo explains."""

MODULES = dict(zip(LAYERS, ("dense", "conv3x3", "conv7x7"), strict=True))
"""What the layers are called in the model that is recorded."""

BATCHES = (1, 32)

_CALLS_IN_A_BLOCK = 5
_WARMUP_ROUNDS = 3


@dataclass(frozen=True)
class Measurement:
    """How long calls of one layer took in one pass, without a profiler.

    Attributes:
        layer: One of ``LAYERS``.
        batch: Size of the input's first dimension.
        pass_: ``forward``, or ``backward`` for the gradients of input, weight and bias, the forward not included.
        input_shape: Shape of the layer's input.
        weight_shape: Shape of the layer's weight.
        output_shape: Shape of the layer's output.
        dtype: Data type of all of them, e.g. ``float32``.
        call_ns: Time of each call in the order of measuring; by the GPU's clock where there is one.
    """

    layer: str
    batch: int
    pass_: Pass
    input_shape: tuple[int, ...]
    weight_shape: tuple[int, ...]
    output_shape: tuple[int, ...]
    dtype: str
    call_ns: tuple[int, ...]


@dataclass(frozen=True)
class DenseVsConv:
    """What the workload has brought to light.

    Attributes:
        device: Where it ran: ``cpu`` or ``cuda``.
        measurements: One for each batch, layer and pass.
        trace_paths: The recorded trace by batch size. In it, each phase of each round is annotated as
            ``<layer> <pass>``, e.g. ``Linear(1024->512) forward``, and each round is a step.
    """

    device: str
    measurements: tuple[Measurement, ...]
    trace_paths: Mapping[int, Path]

    def forward_us(self, batch: int, layer: str) -> float:
        """Return the median time of a forward call without a profiler, in µs."""
        found = (one for one in self.measurements if (one.batch, one.layer, one.pass_) == (batch, layer, "forward"))
        return median(next(found).call_ns) / 1000


class _ThreeLayers(nn.Module):  # type: ignore[misc] # torch is untyped here
    """Holds the layers, so that the recorder knows them by name; they are called one by one."""

    def __init__(self) -> None:
        super().__init__()
        self.dense = nn.Linear(1024, 512)
        self.conv3x3 = nn.Conv2d(3, 64, kernel_size=3, padding=1)
        self.conv7x7 = nn.Conv2d(3, 64, kernel_size=7, padding=3)


@dataclass(frozen=True)
class _Problem:
    """A layer with an input and a gradient of its output, ready to be called."""

    name: str
    layer: nn.Module
    input: Any
    grad_output: Any

    def forward(self) -> Any:
        return self.layer(self.input)

    def backward(self, output: Any) -> None:
        wanted = (self.input, *self.layer.parameters())
        torch.autograd.grad(output, wanted, self.grad_output)


def record_dense_vs_conv(
    logdir: str | PathLike[str],
    *,
    iterations: int = 100,
    rounds: int = 20,
    progress: Callable[[float, str], object] | None = None,
) -> DenseVsConv:
    """Time the layers without a profiler, then record them, on the GPU if there is one.

    Args:
        logdir: Directory for the traces; each batch size gets a subdirectory ``batch_<size>``.
        iterations: Timed calls of each layer, batch size and pass.
        rounds: Recorded steps of each batch size.
        progress: Called with the share that is done, 0 to 1, and what is being done now.

    Raises:
        RecordingError: If nothing can be written to the logdir.
    """
    report = progress or (lambda _share, _text: None)
    device = "cuda" if torch.cuda.is_available() else "cpu"
    measurements: list[Measurement] = []
    trace_paths = {}
    for position, batch in enumerate(BATCHES):
        model, problems = _make_problems(batch, device)
        report(position / len(BATCHES), f"timing at batch {batch}")
        measurements += _measure(problems, batch, iterations)
        report((position + 0.9) / len(BATCHES), f"recording at batch {batch}")
        trace_paths[batch] = _record(model, problems, Path(logdir) / f"batch_{batch}", rounds)
    report(1.0, "done")
    return DenseVsConv(device, tuple(measurements), trace_paths)


def _make_problems(batch: int, device: str) -> tuple[nn.Module, list[_Problem]]:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = _ThreeLayers().to(device)
        image, vector = torch.randn(batch, 3, 32, 32), torch.randn(batch, 1024)
    inputs = {model.dense: vector, model.conv3x3: image, model.conv7x7: image}
    problems = []
    for name, (layer, values) in zip(LAYERS, inputs.items(), strict=True):
        own_input = values.to(device, copy=True).requires_grad_()
        problems.append(_Problem(name, layer, own_input, torch.ones_like(layer(own_input))))
    return model, problems


def _measure(problems: list[_Problem], batch: int, iterations: int) -> Iterator[Measurement]:
    clock = _time_on_gpu if problems[0].input.is_cuda else _time_on_cpu
    keep_freed_memory()
    with collector_paused():
        _collect_times(problems, max(iterations // 10, 1), clock)
        times = _collect_times(problems, iterations, clock)
    for problem in problems:
        for pass_ in PASSES:
            yield Measurement(
                layer=problem.name,
                batch=batch,
                pass_=pass_,
                input_shape=tuple(problem.input.shape),
                weight_shape=tuple(problem.layer.weight.shape),
                output_shape=tuple(problem.grad_output.shape),
                dtype=str(problem.input.dtype).removeprefix("torch."),
                call_ns=tuple(times[problem.name, pass_]),
            )


def _collect_times(
    problems: list[_Problem], iterations: int, clock: Callable[[Iterable[Callable[[], Any]]], list[int]]
) -> dict[tuple[str, Pass], list[int]]:
    """Time the layers in turn, in blocks, so that a disturbance or a change of clock rate hits all of them alike."""
    times: dict[tuple[str, Pass], list[int]] = defaultdict(list)
    for block, done in enumerate(range(0, iterations, _CALLS_IN_A_BLOCK)):
        calls = min(_CALLS_IN_A_BLOCK, iterations - done)
        first = block % len(problems)
        for problem in problems[first:] + problems[:first]:
            times[problem.name, "forward"] += clock([problem.forward] * calls)
            times[problem.name, "backward"] += clock(_backward_calls(problem, calls))
    return times


def _backward_calls(problem: _Problem, calls: int) -> Iterator[Callable[[], Any]]:
    for _ in range(calls):
        output = problem.forward()
        yield partial(problem.backward, output)


def _time_on_cpu(calls: Iterable[Callable[[], Any]]) -> list[int]:
    times = []
    for call in calls:
        start_ns = time.perf_counter_ns()
        call()
        times.append(time.perf_counter_ns() - start_ns)
    return times


def _time_on_gpu(calls: Iterable[Callable[[], Any]]) -> list[int]:
    events = []
    for call in calls:
        # What was queued before, such as a backward's forward, must not reach into the time.
        torch.cuda.synchronize()
        start, end = torch.cuda.Event(enable_timing=True), torch.cuda.Event(enable_timing=True)
        start.record()
        call()
        end.record()
        events.append((start, end))
    torch.cuda.synchronize()
    return [round(start.elapsed_time(end) * 1e6) for start, end in events]


def _record(model: nn.Module, problems: list[_Problem], logdir: Path, rounds: int) -> Path:
    on_cpu = not problems[0].input.is_cuda
    steps = Recorder(model, logdir, worker="demo", warmup=_WARMUP_ROUNDS, active=rounds, repeat=1, cpu_kernels=on_cpu)
    with steps as recorder:
        for _ in range(_WARMUP_ROUNDS + rounds):
            for problem in problems:
                _run_annotated(problem)
            recorder.step()
    return recorder.trace_paths[0]


def _run_annotated(problem: _Problem) -> None:
    with torch.profiler.record_function(f"{problem.name} forward"):
        output = problem.forward()
        _synchronize(output)
    with torch.profiler.record_function(f"{problem.name} backward"):
        problem.backward(output)
        _synchronize(output)


def _synchronize(tensor: Any) -> None:
    # A phase lasts until its work on the GPU is done, not only until that is queued.
    if tensor.is_cuda:
        torch.cuda.synchronize()
