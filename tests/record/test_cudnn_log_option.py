"""``profile(cudnn_log=True)``: how the log is arranged; what needs CUDA is played by files and settings."""

from __future__ import annotations

import json
import logging
import os
from pathlib import Path
from typing import Any

import pytest
import torch

from profiler_kit.errors import RecordingError
from profiler_kit.formats import read_trace
from profiler_kit.record import cudnn_log
from profiler_kit.record.cudnn_log import CudnnLogCapture, arrange_log
from profiler_kit.record.recorder import Recorder
from profiler_kit.trace.spans import METADATA_KEY

SETTINGS = ("CUDNN_LOGDEST_DBG", "CUDNN_LOGLEVEL_DBG", "CUDNN_LOGINFO_DBG")

BLOCK = """I! CuDNN (v92800 42) function cudnnConvolutionForward() called:
i!     xDesc: type=cudnnTensorDescriptor_t:
i!         dimA: type=int; val=[2,3,8,8];
i!     algo: type=cudnnConvolutionFwdAlgo_t; val=CUDNN_CONVOLUTION_FWD_ALGO_FFT (4);
i! Time: 2026-11-22T20:23:22.05530{} (0d+0h+0m+1s since start)
i! Process=4711; Thread=77; GPU=0; Handle=0x55; StreamId=0x0.
"""


@pytest.fixture
def untold(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A process whose cuDNN has no settings yet; returns the file in place of /proc/self/maps."""
    for name in SETTINGS:
        monkeypatch.setenv(name, "")
        monkeypatch.delenv(name)
    maps = tmp_path / "maps"
    maps.write_text("7f00-7f01 r-xp 0 0:0 1 /opt/lib/libcudnn.so.9\n")
    monkeypatch.setattr(cudnn_log, "_MAPS", maps)
    monkeypatch.setattr(cudnn_log, "_our_file", None)
    return maps


@pytest.fixture
def cuda(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.version, "cuda", "12.9")


def test_without_cuda_the_trace_says_why(untold: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    if torch.cuda.is_available():
        pytest.skip("this machine has CUDA")
    with caplog.at_level(logging.WARNING), Recorder(None, tmp_path, cudnn_log=True, measure_peaks=False) as recorder:
        torch.ones(2) + 1
    assert "no CUDA" in caplog.text
    own = read_trace(recorder.trace_paths[0]).metadata[METADATA_KEY]
    assert own["cudnn_log"]["captured"] is False
    assert "no CUDA" in own["cudnn_log"]["reason"]
    assert "CUDNN_LOGDEST_DBG" not in os.environ


def test_the_environment_is_set_once(untold: Path) -> None:
    file = arrange_log()
    assert os.environ["CUDNN_LOGDEST_DBG"] == str(file)
    assert (os.environ["CUDNN_LOGLEVEL_DBG"], os.environ["CUDNN_LOGINFO_DBG"]) == ("3", "1")
    # By now cuDNN has been used, with the log.
    untold.write_text("7f00-7f01 r-xp 0 0:0 1 /opt/lib/libcudnn_graph.so.9\n")
    assert arrange_log() == file
    file.unlink()


@pytest.mark.parametrize("library", ["libcudnn_graph.so.9", "libcudnn_ops_infer.so.8"])
def test_too_late_says_what_to_do(untold: Path, library: str) -> None:
    untold.write_text(f"7f00-7f01 r-xp 0 0:0 1 /opt/lib/{library}\n")
    with pytest.raises(RecordingError, match=rf"too late.*{library}.*before the first convolution.*CUDNN_LOGDEST_DBG="):
        arrange_log()
    assert "CUDNN_LOGDEST_DBG" not in os.environ


@pytest.mark.parametrize("level", [("CUDNN_LOGLEVEL_DBG", "3"), ("CUDNN_LOGINFO_DBG", "1")])
def test_a_log_that_the_user_has_arranged_is_used(
    untold: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, level: tuple[str, str]
) -> None:
    untold.write_text("7f00-7f01 r-xp 0 0:0 1 /opt/lib/libcudnn_graph.so.9\n")
    monkeypatch.setenv("CUDNN_LOGDEST_DBG", str(tmp_path / "mine.%i.log"))
    monkeypatch.setenv(*level)
    assert arrange_log() == tmp_path / f"mine.{os.getpid()}.log"


@pytest.mark.parametrize(("place", "level"), [("stdout", "3"), ("mine.log", "1"), ("mine.log", None), ("NULL", "3")])
def test_settings_for_something_else_are_not_overruled(
    untold: Path, monkeypatch: pytest.MonkeyPatch, place: str, level: str | None
) -> None:
    monkeypatch.setenv("CUDNN_LOGDEST_DBG", place)
    if level:
        monkeypatch.setenv("CUDNN_LOGLEVEL_DBG", level)
    with pytest.raises(RecordingError, match="CUDNN_LOGDEST_DBG"):
        arrange_log()


def test_what_is_logged_meanwhile_is_taken_along_each_plan_once(untold: Path, cuda: None) -> None:
    capture = CudnnLogCapture()
    file = Path(os.environ["CUDNN_LOGDEST_DBG"])
    file.write_text(BLOCK.format(0))
    capture.install()
    with file.open("a") as log:
        log.write(BLOCK.format(1) + BLOCK.format(2) + BLOCK.format(3).replace("ALGO_FFT", "ALGO_GEMM"))
    capture.remove()
    told: dict[str, Any] = json.loads(json.dumps(capture.describe()))
    assert (told["captured"], told["dropped"]) == (True, 0)
    assert [plan["algorithm"] for plan in told["plans"]] == ["FFT", "GEMM"]
    assert [(plan, kind, thread) for plan, kind, _, thread in told["calls"]] == [
        (0, "legacy", 77),
        (0, "legacy", 77),
        (1, "legacy", 77),
    ]
    times = [time_ns for _, _, time_ns, _ in told["calls"]]
    assert [later - times[0] for later in times] == [0, 1000, 2000]
    capture.install()
    capture.remove()
    assert capture.describe()["calls"] == []
    file.unlink()
