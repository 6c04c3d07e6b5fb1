"""``profiler-kit predict``."""

from __future__ import annotations

import argparse
import subprocess
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, render_sections, write_output
from profiler_kit.cli.progress import progress_bar
from profiler_kit.cli.reading import add_trace_arguments, read_newest
from profiler_kit.errors import ProfilerKitError

if TYPE_CHECKING:
    from profiler_kit.analysis.layer_convolutions import LayerConvolution, LayerConvolutions
    from profiler_kit.analysis.predicted_selection import PredictedSelection, Variant
    from profiler_kit.cudnn.description import Target
    from profiler_kit.trace import Trace

LOCAL = "local"
"""Stands for the GPU of this machine."""

DEFAULT_GPU = "H100"
FORMATS = ("NCHW", "NHWC")


class PredictionError(ProfilerKitError):
    """What is asked for can't be predicted."""


class PredictCommand:
    """Ask cuDNN which plan it would choose for each convolution, on any GPU, without one.

    The convolutions come from a trace that has shapes (one recorded on a CPU will do), or, with --input, from a model
    that is called on the meta device: package.module:factory, or a layer such as 'Conv2d(3,64,7,padding=3)'. For each,
    forward and backward, and for each GPU, type and memory format: the plan that PyTorch would take, what it computes
    with, its workspace and how much of that is copies of tensors; and what changes between them.
    """

    name = "predict"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        parser.add_argument("--input", metavar="SHAPE", help="the first argument is a model; this is its input's shape")
        parser.add_argument(
            "--gpu",
            metavar="NAMES",
            help=f"such as H100,A100,RTX4090 or {LOCAL}; default: the trace's, or {DEFAULT_GPU}",
        )
        parser.add_argument("--dtype", metavar="TYPES", help="such as float16,bfloat16,float32; default: the trace's")
        parser.add_argument("--layouts", default="NCHW,NHWC", metavar="FORMATS", help="default: %(default)s")
        parser.add_argument("--tf32", choices=("on", "off", "both"), default="both", help="default: %(default)s")
        parser.add_argument("--passes", default="forward,dgrad,wgrad", metavar="PASSES", help="default: %(default)s")
        parser.add_argument("--deterministic", action="store_true", help="as with torch.backends.cudnn.deterministic")
        parser.add_argument(
            "--agreement", action="store_true", help="put predictions as recorded beside what the trace's kernels show"
        )
        parser.add_argument("--rows", type=int, default=24, metavar="N", help="rows of text (default: %(default)s)")
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.report.predict import predict_csv, predict_json, predict_sections

        if arguments.agreement:
            return _agreement(arguments)
        trace, found = _convolutions(arguments)
        source = arguments.path if trace is None else trace.source
        result = _predict(arguments, trace, found)
        if arguments.format == "json":
            text = predict_json(result, source)
        elif arguments.format == "csv":
            text = predict_csv(result)
        else:
            facts = [("trace" if trace else "model", source), ("cuDNN", result.cudnn_version)]
            text = render_sections(arguments, "profiler_kit predict", facts, predict_sections(result, arguments.rows))
        write_output(arguments, text)
        return 0


def _agreement(arguments: argparse.Namespace) -> int:
    """Compare predictions with the kernels of a trace."""
    from profiler_kit.cli.witnesses import gpu_of, witnesses
    from profiler_kit.report.agreement import agreement_csv, agreement_json, agreement_sections

    if arguments.input is not None:
        raise PredictionError("--agreement compares with the kernels of a trace; a model without one has none")
    trace = read_newest(arguments)
    target = _targets(arguments.gpu, trace)[0] if arguments.gpu else gpu_of(trace)
    result = witnesses(trace, target, allow_tf32=arguments.tf32 != "off")
    if arguments.format == "json":
        text = agreement_json(result, trace.source, target.name)
    elif arguments.format == "csv":
        text = agreement_csv(result)
    else:
        sections = agreement_sections(result, target.name, arguments.rows)
        text = render_sections(arguments, "profiler_kit predict", [("trace", trace.source)], sections)
    write_output(arguments, text)
    return 0


def _convolutions(arguments: argparse.Namespace) -> tuple[Trace | None, LayerConvolutions]:
    """Return the trace, if there is one, and the convolutions."""
    from profiler_kit.analysis.layer_convolutions import layer_convolutions
    from profiler_kit.analysis.selection import selection

    if arguments.input is None:
        trace = read_newest(arguments)
        return trace, layer_convolutions(selection(trace, "conv"))
    from profiler_kit.cli.measuring import require_torch

    require_torch("a model's prediction")
    from profiler_kit.experiments.layer_spec import parse_shape
    from profiler_kit.experiments.model_trace import trace_of_model
    from profiler_kit.formats import find_traces, newest_of, read_trace

    with tempfile.TemporaryDirectory() as folder:
        file = trace_of_model(arguments.path, parse_shape(arguments.input), Path(folder))
        trace = read_trace(newest_of(find_traces(str(file))), cache=False)
        calls = trace.layers.groupby("layer", observed=True)["start_ns"].min()
        order = {str(name): int(start) for name, start in calls.items()}
        return None, layer_convolutions(selection(trace, "conv"), order)


def _predict(arguments: argparse.Namespace, trace: Trace | None, found: LayerConvolutions) -> PredictedSelection:
    from profiler_kit.analysis.layer_convolutions import PASSES
    from profiler_kit.analysis.predicted_selection import predicted_selection, questions
    from profiler_kit.cudnn.oracle import Oracle

    passes = _listed(arguments.passes, PASSES, "pass")
    variants = _variants(arguments, trace, found.convolutions)
    asked = questions(found.convolutions, variants, passes=passes, deterministic=arguments.deterministic)
    with progress_bar("asking cuDNN") as advance, Oracle() as oracle:
        answers = oracle.predict(
            [(one.problem, one.variant.target) for one in asked],
            progress=lambda done, total: advance(done / total, f"{done} of {total}"),
        )
    return predicted_selection(found.convolutions, asked, answers, found.left_out, found.layer_source)


def _variants(
    arguments: argparse.Namespace, trace: Trace | None, convolutions: Sequence[LayerConvolution]
) -> list[Variant]:
    """Return the variants that were asked for, GPUs outermost."""
    from profiler_kit.analysis.predicted_selection import Variant
    from profiler_kit.cudnn.problem import ITEM_BYTES

    recorded = list(dict.fromkeys(one.dtype for one in convolutions))
    dtypes = _listed(arguments.dtype, ITEM_BYTES, "type") if arguments.dtype else recorded
    formats = _listed(arguments.layouts, FORMATS, "layout")
    allowed = {"on": (True,), "off": (False,), "both": (True, False)}[arguments.tf32]
    return [
        Variant(target, dtype, memory_format, tf32)
        for target in _targets(arguments.gpu, trace)
        for dtype in dtypes
        for memory_format in formats
        for tf32 in (allowed if dtype == "float32" else (None,))
    ]


def _listed(text: str, known: Any, what: str) -> list[str]:
    """Split a list with commas, and check that each is known, whatever its case.

    Raises:
        PredictionError: One isn't.
    """
    spellings = {name.lower(): name for name in known}
    given = [name.strip() for name in text.split(",") if name.strip()]
    for name in given:
        if name.lower() not in spellings:
            raise PredictionError(f"{name!r} is no {what} that can be predicted for; known are {', '.join(known)}")
    if not given:
        raise PredictionError(f"no {what} given; known are {', '.join(known)}")
    return list(dict.fromkeys(spellings[name.lower()] for name in given))


def _targets(text: str | None, trace: Trace | None) -> list[Target]:
    from profiler_kit.analysis.prediction_agreement import target_of_trace
    from profiler_kit.cudnn.description import target_of_device
    from profiler_kit.devices import find_device

    if text is None:
        target = target_of_trace(trace.metadata) if trace is not None else None
        return [target or target_of_device(find_device(DEFAULT_GPU))]
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise PredictionError("--gpu names no GPU; write, for example, --gpu H100,A100")
    devices = [find_device(_local_gpu() if name.lower() == LOCAL else name) for name in names]
    return [target_of_device(device) for device in dict.fromkeys(devices)]


def _local_gpu() -> str:
    """Return the name of this machine's first GPU.

    Raises:
        PredictionError: It has none, or NVIDIA's tool can't be asked.
    """
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        raise PredictionError("--gpu local: nvidia-smi finds no GPU here; name one, such as --gpu H100") from None
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""
