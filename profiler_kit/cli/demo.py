"""``profiler-kit demo``."""

from __future__ import annotations

import argparse
import importlib.util
import os
from pathlib import Path
from typing import TYPE_CHECKING

from profiler_kit.cli.output import add_text_arguments, text_width, wants_color
from profiler_kit.cli.progress import progress_bar
from profiler_kit.errors import MissingExtraError

if TYPE_CHECKING:
    from profiler_kit.record import DenseVsConv
    from profiler_kit.report.comparison import ComparisonReport


class DemoCommand:
    """Measure a dense layer against two convolutions on this machine.

    Times Linear(1024->512), Conv2d(3->64, k3, p1) and Conv2d(3->64, k7, p3), forward and backward, at batch 1 and 32,
    then records each under the profiler. Prints the comparison and writes traces, reports and TensorBoard files.
    """

    name = "demo"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("--logdir", default="runs/demo", help="where to write (default: %(default)s)")
        parser.add_argument(
            "--iterations", type=_positive, default=100, metavar="N", help="timed calls of each (default: %(default)s)"
        )
        parser.add_argument(
            "--rounds", type=_positive, default=20, metavar="N", help="recorded calls of each (default: %(default)s)"
        )
        add_text_arguments(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        if importlib.util.find_spec("torch") is None:
            raise MissingExtraError("the demo", "torch", "torch")
        # Kineto announces on standard error that it starts and stops. Its failures come to light in the file it writes.
        os.environ.setdefault("KINETO_LOG_LEVEL", "99")
        from profiler_kit.analysis.layer_comparison import compare_layers
        from profiler_kit.record import record_dense_vs_conv
        from profiler_kit.report.comparison import ComparisonReport

        logdir = Path(arguments.logdir)
        load = _load()
        with progress_bar("demo") as advance:
            result = record_dense_vs_conv(
                logdir, iterations=arguments.iterations, rounds=arguments.rounds, progress=advance
            )
        comparison = ComparisonReport(_device(result), load, compare_layers(result.measurements))
        print(comparison.to_text(width=text_width(arguments), color=wants_color(arguments)))
        print(_write_files(logdir, result, comparison))
        return 0


def _positive(text: str) -> int:
    value = int(text)
    if value < 1:
        raise argparse.ArgumentTypeError(f"{value} is less than 1")
    return value


def _load() -> str:
    """Say how busy the machine is now."""
    cores = os.cpu_count() or 1
    if not hasattr(os, "getloadavg"):
        return f"not known, {cores} cores"
    load = os.getloadavg()[0]
    advice = "; other processes are busy, so times may be too long" if load > cores / 2 else ""
    return f"{load:.1f} on {cores} cores before the run{advice}"


def _device(result: DenseVsConv) -> str:
    """Name what the layers ran on."""
    from profiler_kit.record import describe_environment

    environment = describe_environment()
    if result.device == "cuda":
        return ", ".join(str(gpu.get("name")) for gpu in environment.get("devices", [])[:1])
    cpu = environment.get("cpu", {})
    return f"{cpu.get('model')} ({cpu.get('isa')}, {cpu.get('intra_op_threads')} threads)"


def _write_files(logdir: Path, result: DenseVsConv, comparison: ComparisonReport) -> str:
    """Write reports and TensorBoard files beside the traces; returns what to tell the user."""
    from profiler_kit.formats import read_trace
    from profiler_kit.report import make_report
    from profiler_kit.report.tensorboard import write_summaries, write_text

    (logdir / "comparison.md").write_text(comparison.to_markdown(), encoding="utf-8")
    (logdir / "comparison.json").write_text(comparison.to_json(), encoding="utf-8")
    hint = f"tensorboard --logdir {logdir}"
    for path in result.trace_paths.values():
        trace = read_trace(path)
        report = make_report(trace)
        (path.parent / "report.md").write_text(report.to_markdown(), encoding="utf-8")
        (path.parent / "report.json").write_text(report.to_json(), encoding="utf-8")
        try:
            write_summaries(report, path.parent, epoch_ns=trace.epoch_ns)
        except MissingExtraError as error:
            hint = str(error)
    if hint.startswith("tensorboard"):
        write_text(comparison.to_markdown(), logdir)
    folders = [str(path.parent) for path in result.trace_paths.values()]
    lines = [
        f"Written to {logdir}: comparison.md, comparison.json, and for each batch size a trace with its reports.",
        "Look further:",
        *(f"  profiler-kit report {folder}" for folder in folders),
        f"  {hint}",
    ]
    return "\n".join(lines)
