"""The layer of an experiment: a copy of the user's, with its input and the output that is right."""

from __future__ import annotations

import contextlib
import copy
from contextlib import nullcontext
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from profiler_kit.analysis.measured.experiment import AS_GIVEN
from profiler_kit.errors import ExperimentError
from profiler_kit.experiments.interleaved import Contender

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from contextlib import AbstractContextManager

TOLERANCES: Final = {torch.float64: 1e-9, torch.float32: 1e-4, torch.float16: 1e-2, torch.bfloat16: 3e-2}
"""Largest error of an output that counts as the same, relative to the largest value of the reference.

Each is several times the rounding error of sums of a few thousand products of that type: far below what a wrong
result shows, and with room for algorithms that round more, such as Winograd's.
"""

TF32_TOLERANCE: Final = 1e-2
"""The same for float32 on a GPU that may compute in TF32, which has float16's number of digits."""


class NotPossibleHereError(Exception):
    """A change that makes no sense for this layer, or that this machine cannot do; its text says why."""


@dataclass(frozen=True)
class Subject:
    """What is changed.

    Attributes:
        layer: A copy of the user's layer.
        input: A copy of the user's input.
        reference: Output in double precision on the CPU; None if the layer does not run in it.
        flops: Useful FLOPs of a call, None if they cannot be counted.
    """

    layer: nn.Module
    input: Any
    reference: Any
    flops: int | None

    @property
    def on_gpu(self) -> bool:
        """Whether it runs on a GPU."""
        return bool(self.input.is_cuda)

    @property
    def tolerance(self) -> float:
        """Largest error that the layer as given may show."""
        if self.on_gpu and self.input.dtype == torch.float32:
            return TF32_TOLERANCE
        return TOLERANCES.get(self.input.dtype, 0.0)


@dataclass(frozen=True)
class Variant:
    """A layer under one change, ready to run.

    Attributes:
        name: Short name.
        change: What is different, in words.
        call: Runs it once and returns the output.
        expected: Output in double precision on the CPU; None if there is none to compare with.
        tolerance: Largest error that counts as the same.
        samples: Samples in a call.
        setting: Makes what has to hold around a call.
        arrange: Brings an output into the form of `expected`.
        countable: Whether counting FLOPs operator by operator sees what runs.
        before: What is done before every single call, outside of the time.
    """

    name: str
    change: str
    call: Callable[[], Any]
    expected: Any
    tolerance: float
    samples: int
    setting: Callable[[], AbstractContextManager[object]] = nullcontext
    arrange: Callable[[Any], Any] = field(default=lambda output: output)
    countable: bool = True
    before: Callable[[], object] | None = None

    @property
    def contender(self) -> Contender:
        """What is timed."""
        return Contender(self.name, self.call, self.setting, self.before)


def make_subject(layer: nn.Module, input_: Any) -> Subject:
    """Copy a layer and its input, and run it once.

    Raises:
        ExperimentError: If the layer cannot be copied, does not run, or does not return one tensor.
    """
    try:
        own = copy.deepcopy(layer)
    except Exception as error:
        raise ExperimentError(f"{type(layer).__name__} cannot be copied: {first_line(error)}") from error
    own_input = input_.detach().clone()
    try:
        output = run_once(lambda: own(own_input.clone()))
    except Exception as error:
        shape = tuple(own_input.shape)
        raise ExperimentError(f"{type(layer).__name__} does not run on input {shape}: {first_line(error)}") from error
    if not isinstance(output, torch.Tensor):
        kind = type(output).__name__
        raise ExperimentError(f"{type(layer).__name__} returns {kind}; only layers that return one tensor are measured")
    return Subject(own, own_input, reference_output(own, own_input), count_flops(lambda: own(own_input.clone())))


def as_given(subject: Subject) -> Variant:
    """Return the layer without any change."""
    return Variant(
        AS_GIVEN,
        "the layer and its input as they were given",
        lambda: subject.layer(subject.input),
        subject.reference,
        subject.tolerance,
        samples=batch_of(subject.input),
    )


def batch_of(tensor: Any) -> int:
    """Return the size of the first dimension, 1 if there is no dimension besides the features."""
    return int(tensor.shape[0]) if tensor.dim() > 1 else 1


def run_once(call: Callable[[], Any]) -> Any:
    """Run a call without gradients and from the same random state each time, and put that back."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(0)
        return call()


def reference_output(layer: nn.Module, input_: Any) -> Any:
    """Return the output in double precision, on the CPU; None where the layer cannot do that."""
    try:
        return run_once(lambda: copy.deepcopy(layer).cpu().double()(input_.detach().cpu().double())).contiguous()
    except Exception:  # whatever a user's layer has against it, it can still be measured
        return None


def count_flops(call: Callable[[], Any]) -> int | None:
    """Count the FLOPs of a call by ``torch.utils.flop_counter``; None if it does not know any operator of it."""
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        run_once(call)
    return int(counter.get_total_flops()) or None


def relative_error(output: Any, expected: Any) -> float:
    """Return the largest difference of two tensors relative to the largest value of the second, at least its scale.

    Raises:
        ValueError: If the shapes differ.
    """
    if output.shape != expected.shape:
        raise ValueError(f"shape {tuple(output.shape)} instead of {tuple(expected.shape)}")
    if not expected.numel():
        return 0.0
    difference = float((output.detach().cpu().double() - expected).abs().max())
    scale = float(expected.abs().max())
    return difference / scale if scale else difference


@contextlib.contextmanager
def threads(number: int) -> Iterator[None]:
    """Run with another number of threads."""
    before = torch.get_num_threads()
    torch.set_num_threads(number)
    try:
        yield
    finally:
        torch.set_num_threads(before)


@contextlib.contextmanager
def attribute(owner: Any, name: str, value: Any) -> Iterator[None]:
    """Set an attribute and put it back."""
    before = getattr(owner, name)
    setattr(owner, name, value)
    try:
        yield
    finally:
        setattr(owner, name, before)


def describe(layer: nn.Module) -> str:
    """Say what a layer is, in one line that is not too long."""
    text = " ".join(repr(layer).split())
    return text if len(text) <= _LONGEST_REPR else type(layer).__name__


_LONGEST_REPR: Final = 120


def first_line(error: BaseException) -> str:
    """Return an error as one line."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
