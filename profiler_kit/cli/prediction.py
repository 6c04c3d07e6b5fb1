"""What is asked of cuDNN on the command line: for which GPUs, types and formats, and the asking itself."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from profiler_kit.cli.progress import progress_bar
from profiler_kit.errors import ProfilerKitError

if TYPE_CHECKING:
    from profiler_kit.analysis.selection.layer_convolutions import LayerConvolution, LayerConvolutions
    from profiler_kit.analysis.selection.predicted_selection import PredictedSelection, Variant
    from profiler_kit.cudnn.description import Target
    from profiler_kit.trace import Trace

LOCAL = "local"
"""Stands for the GPU of this machine."""

OF_TRACE = "trace"
"""Stands for the GPU that a trace was recorded on."""

DEFAULT_GPU = "H100"
FORMATS = ("NCHW", "NHWC")


class PredictionError(ProfilerKitError):
    """What is asked for can't be predicted."""


@dataclass(frozen=True)
class Wanted:
    """What to ask for each convolution.

    Attributes:
        gpus: Names with commas between them; ``None`` for the trace's GPU, or the default where there is none.
        dtypes: Types, likewise; ``None`` for those recorded.
        formats: Memory formats, likewise.
        tf32: ``on``, ``off`` or ``both``.
        passes: Passes, likewise; ``None`` for all.
        deterministic: As with ``torch.backends.cudnn.deterministic``.
    """

    gpus: str | None = None
    dtypes: str | None = None
    formats: str = ",".join(FORMATS)
    tf32: str = "both"
    passes: str | None = None
    deterministic: bool = False


def convolutions_of(trace: Trace) -> LayerConvolutions:
    """Collect the convolutions of a trace: those with most device time first, or, without a device, by first call."""
    from profiler_kit.analysis.selection.layer_convolutions import layer_convolutions
    from profiler_kit.analysis.selection.selection import selection

    order = None
    if not len(trace.kernels):
        calls = trace.layers.groupby("layer", observed=True)["start_ns"].min()
        order = {str(name): int(start) for name, start in calls.items()}
    return layer_convolutions(selection(trace, "conv"), order)


def predict(wanted: Wanted, trace: Trace | None, found: LayerConvolutions) -> PredictedSelection:
    """Ask cuDNN, with a progress bar.

    Args:
        wanted: What to ask.
        trace: The trace that the convolutions are of, if they are of one.
        found: The convolutions.

    Raises:
        ProfilerKitError: What is wanted isn't known, or cuDNN can't be asked.
    """
    from profiler_kit.analysis.selection.layer_convolutions import PASSES
    from profiler_kit.analysis.selection.predicted_selection import predicted_selection, questions
    from profiler_kit.cudnn.oracle import Oracle

    passes = PASSES if wanted.passes is None else _listed(wanted.passes, PASSES, "pass")
    variants = _variants(wanted, trace, found.convolutions)
    asked = questions(found.convolutions, variants, passes=passes, deterministic=wanted.deterministic)
    if not asked:
        return predicted_selection(found.convolutions, asked, (), found.left_out, found.layer_source)
    with progress_bar("asking cuDNN") as advance, Oracle() as oracle:
        answers = oracle.predict(
            [(one.problem, one.variant.target) for one in asked],
            progress=lambda done, total: advance(done / total, f"{done} of {total}"),
        )
    return predicted_selection(found.convolutions, asked, answers, found.left_out, found.layer_source)


def keep(trace: Trace, result: PredictedSelection) -> None:
    """Keep a prediction for TensorBoard's tab; a trace that is no file of its own has none."""
    from profiler_kit.report.kept_prediction import keep_prediction

    keep_prediction(Path(trace.source), result)


def targets(text: str | None, trace: Trace | None) -> list[Target]:
    """Return the GPUs that a list of names means.

    Raises:
        ProfilerKitError: A name means none, or none that there is a cuDNN for.
    """
    from profiler_kit.analysis.selection.prediction_agreement import target_of_trace
    from profiler_kit.cudnn.description import target_of_device
    from profiler_kit.devices import find_device

    own = target_of_trace(trace.metadata) if trace is not None else None
    if text is None:
        return [own or target_of_device(find_device(DEFAULT_GPU))]
    names = [name.strip() for name in text.split(",") if name.strip()]
    if not names:
        raise PredictionError("no GPU is named; write, for example, H100,A100")
    found: dict[str, Target] = {}
    for name in names:
        if name.lower() == OF_TRACE:
            if own is None:
                raise PredictionError(f"{OF_TRACE!r}: there is no trace that names a GPU of NVIDIA's; name one")
            target = own
        else:
            target = target_of_device(find_device(_local_gpu() if name.lower() == LOCAL else name))
        found.setdefault(target.name, target)
    return list(found.values())


def _variants(wanted: Wanted, trace: Trace | None, convolutions: Sequence[LayerConvolution]) -> list[Variant]:
    """Return the variants that were asked for, GPUs outermost."""
    from profiler_kit.analysis.selection.predicted_selection import Variant
    from profiler_kit.cudnn.problem import ITEM_BYTES

    recorded = list(dict.fromkeys(one.dtype for one in convolutions))
    dtypes = _listed(wanted.dtypes, ITEM_BYTES, "type") if wanted.dtypes else recorded
    formats = _listed(wanted.formats, FORMATS, "layout")
    allowed = {"on": (True,), "off": (False,), "both": (True, False)}[wanted.tf32]
    return [
        Variant(target, dtype, memory_format, tf32)
        for target in targets(wanted.gpus, trace)
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


def _local_gpu() -> str:
    """Return the name of this machine's first GPU.

    Raises:
        PredictionError: It has none, or NVIDIA's tool can't be asked.
    """
    command = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)  # noqa: S603
    except (OSError, subprocess.SubprocessError):
        raise PredictionError(f"{LOCAL!r}: nvidia-smi finds no GPU here; name one, such as H100") from None
    return done.stdout.strip().splitlines()[0] if done.stdout.strip() else ""
