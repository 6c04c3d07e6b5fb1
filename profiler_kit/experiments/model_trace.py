"""A trace of a model's forward pass that computes nothing: its shapes are all that is wanted."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import torch

from profiler_kit.errors import ExperimentError
from profiler_kit.experiments.layer_spec import make_layer, parse_shape
from profiler_kit.record.recorder import Recorder


@dataclass(frozen=True, slots=True)
class ModelInput:
    """One argument of a model's call.

    Attributes:
        shape: Its shape.
        dtype: Its type; ``None`` for PyTorch's default.
    """

    shape: tuple[int, ...]
    dtype: torch.dtype | None = None


def parse_input(text: str) -> ModelInput:
    """Read an input as it is written on a command line: ``1,3,224,224``, or with a type, ``1,77:int64``.

    Raises:
        ExperimentError: If it is no shape, or the type is none of PyTorch's.
    """
    shape, colon, name = text.partition(":")
    dtype = getattr(torch, name.strip(), None) if colon else None
    if colon and not isinstance(dtype, torch.dtype):
        raise ExperimentError(f"{text!r}: {name.strip()!r} is no type of PyTorch's; write, for example, 1,77:int64")
    return ModelInput(parse_shape(shape), dtype)


def trace_of_model(spec: str, inputs: Sequence[ModelInput], folder: Path) -> Path:
    """Record one forward pass of a model and return the trace's file.

    The model is made and called on PyTorch's meta device, where tensors have shapes but no values; a model that needs
    values (it looks at them, or reads weights from a file) is made and called on the CPU instead.

    Args:
        spec: A layer, or ``package.module:factory``, as :func:`profiler_kit.experiments.layer_spec.make_layer` takes.
        inputs: Arguments of the call, in order.
        folder: Where the trace goes.

    Raises:
        ExperimentError: The model can't be made, or can't be called with these inputs on either device.
    """
    try:
        return _record(spec, inputs, folder / "meta", "meta")
    except Exception:
        # Whatever a model trips over without values: the CPU decides whether it is the model's own fault.
        return _record(spec, inputs, folder / "cpu", "cpu")


def _record(spec: str, inputs: Sequence[ModelInput], folder: Path, device: str) -> Path:
    with torch.device(device), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_layer(spec).eval()
        given = [torch.zeros(one.shape, dtype=one.dtype) for one in inputs]
        with Recorder(model, folder, measure_peaks=False, activities=[torch.profiler.ProfilerActivity.CPU]) as recorder:
            try:
                model(*given)
            except Exception as error:
                text = str(error).strip().splitlines()
                reason = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
                shapes = " and ".join(str(tuple(one.shape)) for one in inputs)
                raise ExperimentError(f"{spec} doesn't take an input of {shapes}: {reason}") from error
    return recorder.trace_paths[-1]
