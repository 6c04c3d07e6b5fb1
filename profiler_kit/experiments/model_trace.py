"""A trace of a model's forward pass that computes nothing: its shapes are all that is wanted."""

from __future__ import annotations

import warnings
from pathlib import Path

import torch

from profiler_kit.errors import ExperimentError
from profiler_kit.experiments.layer_spec import make_layer
from profiler_kit.record.recorder import Recorder


def trace_of_model(spec: str, shape: tuple[int, ...], folder: Path) -> Path:
    """Record one forward pass of a model and return the trace's file.

    The model is made and called on PyTorch's meta device, where tensors have shapes but no values; a model that needs
    values (it looks at them, or reads weights from a file) is made and called on the CPU instead.

    Args:
        spec: A layer, or ``package.module:factory``, as :func:`profiler_kit.experiments.layer_spec.make_layer` takes.
        shape: Shape of the input.
        folder: Where the trace goes.

    Raises:
        ExperimentError: The model can't be made, or can't be called with an input of that shape on either device.
    """
    try:
        return _record(spec, shape, folder / "meta", "meta")
    except Exception:
        # Whatever a model trips over without values: the CPU decides whether it is the model's own fault.
        return _record(spec, shape, folder / "cpu", "cpu")


def _record(spec: str, shape: tuple[int, ...], folder: Path, device: str) -> Path:
    with torch.device(device), torch.no_grad(), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = make_layer(spec).eval()
        x = torch.zeros(shape)
        with Recorder(model, folder, measure_peaks=False, activities=[torch.profiler.ProfilerActivity.CPU]) as recorder:
            try:
                model(x)
            except Exception as error:
                text = str(error).strip().splitlines()
                reason = f"{type(error).__name__}: {text[0]}" if text else type(error).__name__
                raise ExperimentError(f"{spec} doesn't take an input of {tuple(shape)}: {reason}") from error
    return recorder.trace_paths[-1]
