"""``profiler-kit demo``."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from profiler_kit.cli.measuring import require_torch, seconds_from
from profiler_kit.cli.output import add_text_arguments, text_width, wants_color
from profiler_kit.cli.parser import whole_number
from profiler_kit.cli.progress import progress_bar
from profiler_kit.errors import MissingExtraError

if TYPE_CHECKING:
    from profiler_kit.record import DenseVsConv
    from profiler_kit.report.comparison import ComparisonReport
    from profiler_kit.report.demo_ledger import DemoLedger

_TRIAL_SECONDS = 5.0
_CLAIMS_SECONDS = 20.0

_PAGE = "page.html"
_VIEW = "#profiler_kit&view=dense_vs_conv"
"""Leads to the view that answers the demo's question, in TensorBoard's address and in a page's."""

_TENSORBOARD = "http://localhost:6006/"
"""Where TensorBoard answers unless it is told otherwise."""


class DemoCommand:
    """Measure a dense layer against two convolutions on this machine.

    Times Linear(1024->512), Conv2d(3->64, k3, p1) and Conv2d(3->64, k7, p3), forward and backward, at batch 1 and 32,
    then records each under the profiler. Prints the comparison, the ledger of the 7x7 convolution against the dense
    layer, and what experiments say to each of its statements; writes traces, reports, a page for the browser and
    TensorBoard files. With --claims, puts seven things that people say about dense and convolutional layers to the test
    instead.
    """

    name = "demo"

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Declare the command's arguments."""
        parser.add_argument("--logdir", default="runs/demo", help="where to write (default: %(default)s)")
        parser.add_argument(
            "--iterations",
            type=whole_number("calls"),
            default=100,
            metavar="N",
            help="timed calls of each (default: %(default)s)",
        )
        parser.add_argument(
            "--rounds",
            type=whole_number("calls"),
            default=20,
            metavar="N",
            help="recorded calls of each (default: %(default)s)",
        )
        parser.add_argument("--claims", action="store_true", help="put seven common claims to the test instead")
        parser.add_argument(
            "--seconds",
            type=seconds_from,
            metavar="S",
            help=f"time for the experiments at each batch size (default: {_TRIAL_SECONDS:g}), or for the claims "
            f"(default: {_CLAIMS_SECONDS:g}); up to four times that while something is undecided",
        )
        add_text_arguments(parser)

    def run(self, arguments: argparse.Namespace) -> int:
        """Run the command."""
        require_torch("the demo")
        from profiler_kit.record.trace_file import require_writable

        logdir = Path(arguments.logdir)
        require_writable(logdir)
        if arguments.claims:
            return _run_claims(arguments, logdir)
        from profiler_kit.analysis.measured.layer_comparison import compare_layers
        from profiler_kit.experiments.machine import load_average
        from profiler_kit.record import record_dense_vs_conv
        from profiler_kit.report.comparison import ComparisonReport

        load = load_average()
        with progress_bar("demo") as advance:
            result = record_dense_vs_conv(
                logdir, iterations=arguments.iterations, rounds=arguments.rounds, progress=advance
            )
        comparison = ComparisonReport(_device(result), load, compare_layers(result.measurements))
        print(comparison.to_text(width=text_width(arguments), color=wants_color(arguments)))
        with progress_bar("ledger") as advance:
            ledgers = _try_ledgers(result, arguments.seconds or _TRIAL_SECONDS, advance)
        for ledger in ledgers:
            print(ledger.to_text(width=text_width(arguments), color=wants_color(arguments)))
        print(_write_files(logdir, result, comparison, ledgers))
        return 0


def _run_claims(arguments: argparse.Namespace, logdir: Path) -> int:
    from profiler_kit.experiments.folklore import try_folklore

    with progress_bar("claims") as advance:
        report = try_folklore(seconds=arguments.seconds or _CLAIMS_SECONDS, progress=advance)
    (logdir / "claims.md").write_text(report.to_markdown(), encoding="utf-8")
    (logdir / "claims.json").write_text(report.to_json(), encoding="utf-8")
    print(report.to_text(width=text_width(arguments), color=wants_color(arguments)))
    print(f"Written to {logdir}: claims.md, claims.json.")
    return 0


def _try_ledgers(result: DenseVsConv, seconds: float, advance: Callable[[float, str], None]) -> list[DemoLedger]:
    """Explain the 7×7 convolution's time at each batch size, and test what that says."""
    from profiler_kit.experiments.demo_trial import note_ledger, try_demo_ledger
    from profiler_kit.record.dense_vs_conv import CONVOLUTION, DENSE, MODULES
    from profiler_kit.report.demo_ledger import DemoLedger

    ledgers = []
    for place, (batch, path) in enumerate(result.trace_paths.items()):

        def step(share: float, text: str, place: int = place, batch: int = batch) -> None:
            advance((place + share) / len(result.trace_paths), f"batch {batch}: {text}")

        table_us = result.forward_us(batch, CONVOLUTION), result.forward_us(batch, DENSE)
        told, trial, apart = try_demo_ledger(batch, seconds=seconds, table_us=table_us, progress=step)
        note_ledger(path, told, slow=MODULES[CONVOLUTION], fast=MODULES[DENSE], doubt=apart)
        ledgers.append(DemoLedger(batch, told, trial, table_us, apart))
    return ledgers


def _device(result: DenseVsConv) -> str:
    """Name what the layers ran on."""
    from profiler_kit.record import describe_environment

    environment = describe_environment()
    if result.device == "cuda":
        return ", ".join(str(gpu.get("name")) for gpu in environment.get("devices", [])[:1])
    cpu = environment.get("cpu", {})
    return f"{cpu.get('model')} ({cpu.get('isa')}, {cpu.get('intra_op_threads')} threads)"


def _write_files(logdir: Path, result: DenseVsConv, comparison: ComparisonReport, ledgers: Sequence[DemoLedger]) -> str:
    """Write reports and TensorBoard files beside the traces; returns what to tell the user."""
    from profiler_kit.formats import read_trace
    from profiler_kit.report import make_report
    from profiler_kit.report.explanation import explanation_json
    from profiler_kit.report.html import render
    from profiler_kit.report.page import Answers
    from profiler_kit.report.tensorboard import write_summaries, write_text

    (logdir / "comparison.md").write_text(comparison.to_markdown(), encoding="utf-8")
    (logdir / "comparison.json").write_text(comparison.to_json(), encoding="utf-8")
    for ledger in ledgers:
        folder = result.trace_paths[ledger.batch].parent
        (folder / "ledger.md").write_text(ledger.to_markdown(), encoding="utf-8")
        (folder / "explanation.json").write_text(explanation_json(ledger.told), encoding="utf-8")
        (folder / "experiment.json").write_text(ledger.trial.to_json(), encoding="utf-8")
    paths = list(result.trace_paths.values())
    hint = [f"tensorboard --logdir {logdir}", f"  then {_TENSORBOARD}{_VIEW}&run={paths[0].parent.name}"]
    for path in paths:
        trace = read_trace(path)
        report = make_report(trace)
        (path.parent / "report.md").write_text(report.to_markdown(), encoding="utf-8")
        (path.parent / "report.json").write_text(report.to_json(), encoding="utf-8")
        (path.parent / _PAGE).write_text(render(Answers(trace)), encoding="utf-8")
        try:
            write_summaries(report, path.parent, epoch_ns=trace.epoch_ns)
        except MissingExtraError as error:
            hint = [str(error)]
    if len(hint) > 1:
        write_text(comparison.to_markdown(), logdir)
    lines = [
        f"Written to {logdir}: comparison.md, comparison.json; for each batch size a trace, reports, ledger, page.",
        "See it in a browser, offline, each factor with its evidence:",
        *(f"  {(path.parent / _PAGE).resolve().as_uri()}{_VIEW}" for path in paths),
        *(f"  {line}" for line in hint),
        "Look further:",
        *(f"  profiler-kit report {path.parent}" for path in paths),
    ]
    return "\n".join(lines)
