"""``profiler-kit predict``."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from profiler_kit.cli.output import TABLE_FORMATS, add_output_arguments, add_rows, render_sections, write_output
from profiler_kit.cli.prediction import (
    DEFAULT_GPU,
    FORMATS,
    LOCAL,
    OF_TRACE,
    PredictionError,
    Wanted,
    convolutions_of,
    keep,
    predict,
    targets,
)
from profiler_kit.cli.reading import add_trace_arguments, read_newest
from profiler_kit.devices import DEVICES

if TYPE_CHECKING:
    from profiler_kit.analysis.selection.layer_convolutions import LayerConvolutions
    from profiler_kit.trace import Trace


class PredictCommand:
    """Ask cuDNN which plan it would choose for each convolution, on any GPU, without one.

    The convolutions come from a trace that has shapes (one recorded on a CPU will do), or, with --input, from a model
    that is called on the meta device: package.module:factory, or a layer such as 'Conv2d(3,64,7,padding=3)'. For each,
    forward and backward, and for each GPU, type and memory format: the plan that PyTorch would take, what it computes
    with, its workspace and how much of that is copies of tensors; and what changes between them. What was asked last
    about a trace, TensorBoard's tab shows under "Kernel selection".
    """

    name = "predict"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        add_trace_arguments(parser)
        parser.add_argument(
            "--input",
            metavar="SHAPE",
            action="append",
            help="the first argument is a model, and this its input: 1,3,224,224 or 1,77:int64; again for each further",
        )
        parser.add_argument(
            "--gpu",
            metavar="NAMES",
            help=f"some of {', '.join(device.key for device in DEVICES if device.vendor == 'nvidia')}; {LOCAL}: this "
            f"machine's; {OF_TRACE}: the one that the trace names, also the default, or else {DEFAULT_GPU}",
        )
        parser.add_argument("--dtype", metavar="TYPES", help="such as float16,bfloat16,float32; default: the trace's")
        parser.add_argument(
            "--layouts", default=",".join(FORMATS), metavar="FORMATS", help="default: %(default)s (channels_last)"
        )
        parser.add_argument("--tf32", choices=("on", "off", "both"), default="both", help="default: %(default)s")
        parser.add_argument("--passes", metavar="PASSES", help="default: forward,dgrad,wgrad")
        parser.add_argument("--deterministic", action="store_true", help="as with torch.backends.cudnn.deterministic")
        parser.add_argument(
            "--agreement", action="store_true", help="put predictions as recorded beside what the trace's kernels show"
        )
        add_rows(parser, 24, "rows of text for each GPU")
        add_output_arguments(parser, TABLE_FORMATS)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        from profiler_kit.report.predict import predict_csv, predict_json, predict_sections

        if arguments.agreement:
            return _agreement(arguments)
        trace, found = _convolutions(arguments)
        source = arguments.path if trace is None else trace.source
        wanted = Wanted(
            gpus=arguments.gpu,
            dtypes=arguments.dtype,
            formats=arguments.layouts,
            tf32=arguments.tf32,
            passes=arguments.passes,
            deterministic=arguments.deterministic,
        )
        result = predict(wanted, trace, found)
        if trace is not None and not arguments.no_cache:
            keep(trace, result)
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

    if arguments.input:
        raise PredictionError("--agreement compares with the kernels of a trace; a model without one has none")
    trace = read_newest(arguments)
    target = targets(arguments.gpu, trace)[0] if arguments.gpu else gpu_of(trace)
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
    if not arguments.input:
        trace = read_newest(arguments)
        return trace, convolutions_of(trace)
    from profiler_kit.cli.measuring import require_torch

    require_torch("a model's prediction")
    from profiler_kit.experiments.model_trace import parse_input, trace_of_model
    from profiler_kit.formats import find_traces, newest_of, read_trace

    inputs = [parse_input(text) for text in arguments.input]
    with tempfile.TemporaryDirectory() as folder:
        file = trace_of_model(arguments.path, inputs, Path(folder))
        return None, convolutions_of(read_trace(newest_of(find_traces(str(file))), cache=False))
