"""Hardware counters are asked for where they can be read, and refused with a reason elsewhere."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")

import profiler_kit as pk  # noqa: E402
from profiler_kit.record import FLOP_COUNTERS  # noqa: E402


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_without_a_gpu_they_are_refused(tmp_path):
    with pytest.raises(pk.RecordingError, match="only be read on a machine with a GPU of NVIDIA"):
        pk.profile(None, tmp_path, counters=FLOP_COUNTERS)


def test_one_name_instead_of_a_list_is_refused(tmp_path):
    with pytest.raises(pk.RecordingError, match="must be a list of names"):
        pk.profile(None, tmp_path, counters=FLOP_COUNTERS[0])


def test_two_configurations_are_refused(tmp_path):
    with pytest.raises(pk.RecordingError, match="exclude each other"):
        pk.profile(None, tmp_path, counters=FLOP_COUNTERS, experimental_config=object())


def test_torch_takes_the_configuration(tmp_path, monkeypatch):
    from profiler_kit.record import counters

    monkeypatch.setattr(counters.torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(counters.torch.version, "hip", None)
    configuration = counters.counter_configuration(FLOP_COUNTERS, {})
    metrics, per_kernel, *_ = configuration.__getstate__()
    assert [name.decode() for name in metrics] == list(FLOP_COUNTERS)
    assert per_kernel
