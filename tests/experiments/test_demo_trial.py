"""What the demo writes into its trace about its ledger."""

from __future__ import annotations

from pathlib import Path

import pytest

from profiler_kit import explain, read_trace

pytest.importorskip("torch", reason="the demo needs torch")

from profiler_kit.experiments.demo_trial import note_ledger

SAMPLES = Path(__file__).resolve().parents[2] / "traces"


@pytest.mark.parametrize("undisturbed_us", [(400.0, 200.0), None], ids=["timed without the profiler", "as on a GPU"])
def test_the_trace_says_which_layers_the_ledger_is_about(
    tmp_path: Path, undisturbed_us: tuple[float, float] | None
) -> None:
    (sample,) = SAMPLES.glob("batch_1/*.pt.trace.json.gz")
    path = tmp_path / sample.name
    path.write_bytes(sample.read_bytes())
    # The convolution that takes less time in that recording, so that nothing but the note leads to it.
    told = explain(read_trace(path, cache=False), "conv3x3", "dense", pass_="forward", undisturbed_us=undisturbed_us)
    note_ledger(path, told, slow="conv3x3", fast="dense")
    trace = read_trace(path, cache=False)
    assert ("undisturbed" in trace.metadata["profiler_kit"]) is (undisturbed_us is not None)
    found = explain(trace)
    assert (found.ratio, found.slow.layers, found.fast.layers) == (told.ratio, ("conv3x3",), ("dense",))
