"""What goes wrong around a recording, and that neither the user's loop nor their error is lost over it."""

from __future__ import annotations

import logging
import threading
from pathlib import Path
from typing import Any

import pytest
import torch

from profiler_kit.errors import RecordingError
from profiler_kit.record import Recorder, recorder
from tests.record.recordings import SmallNet, annotations, complete_events, images, load


def test_an_exception_propagates_and_what_was_recorded_is_kept(tmp_path: Path) -> None:
    model = SmallNet()
    recording = Recorder(model, tmp_path, warmup=1, active=3)

    def train() -> None:
        for step in range(4):
            with torch.profiler.record_function(f"iteration {step}"):
                model(images())
            if step == 2:
                raise ZeroDivisionError
            recording.step()

    with pytest.raises(ZeroDivisionError), recording:
        train()
    (path,) = recording.trace_paths
    assert [name for name in annotations(path) if name.startswith("iteration")] == ["iteration 1", "iteration 2"]
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


def test_blocks_can_follow_each_other(tmp_path: Path) -> None:
    for turn in range(3):
        with Recorder(SmallNet(), tmp_path / str(turn)) as recording:
            torch.ones(3)
        assert len(recording.trace_paths) == 1


def test_a_recorder_is_used_once(tmp_path: Path) -> None:
    with Recorder(logdir=tmp_path) as recording:
        pass
    with pytest.raises(RecordingError, match="used already"), recording:
        pass


def test_recordings_cannot_be_nested(tmp_path: Path) -> None:
    with Recorder(logdir=tmp_path / "outer") as outer:
        with pytest.raises(RecordingError, match="cannot be nested"), Recorder(logdir=tmp_path / "inner"):
            pass
        with torch.profiler.record_function("after the inner one"):
            torch.ones(3)
    assert "after the inner one" in annotations(outer.trace_paths[0])


def test_recordings_cannot_be_nested_while_waiting(tmp_path: Path) -> None:
    with (
        Recorder(logdir=tmp_path, wait=1, warmup=1, active=1),
        pytest.raises(RecordingError, match="cannot be nested"),
        Recorder(logdir=tmp_path),
    ):
        pass


def test_recordings_cannot_be_nested_across_threads(tmp_path: Path) -> None:
    errors = []

    def work() -> None:
        try:
            with Recorder(logdir=tmp_path):
                pass
        except RecordingError as error:
            errors.append(str(error))

    with Recorder(logdir=tmp_path):
        thread = threading.Thread(target=work)
        thread.start()
        thread.join()
    assert len(errors) == 1
    assert "cannot be nested" in errors[0]


@pytest.mark.parametrize("options", [{}, {"wait": 1, "warmup": 1, "active": 1}])
def test_a_running_torch_profiler_is_respected(tmp_path: Path, options: dict[str, int]) -> None:
    with torch.profiler.profile() as outer:
        with pytest.raises(RecordingError, match=r"another torch\.profiler is already recording"):
            Recorder(logdir=tmp_path, **options).__enter__()
        torch.ones(3).add(1)
    assert "aten::add" in {row.key for row in outer.key_averages()}
    with Recorder(logdir=tmp_path) as recording:
        torch.ones(3)
    assert len(recording.trace_paths) == 1


def test_a_torch_profiler_started_while_waiting_is_respected_and_recording_goes_on_after_it(tmp_path: Path) -> None:
    model = SmallNet()
    with Recorder(model, tmp_path, wait=1, warmup=1, active=1, repeat=1) as recording:
        with torch.profiler.profile() as other:
            with pytest.raises(RecordingError, match=r"another torch\.profiler"):
                recording.step()
            torch.ones(3).add(1)
        recording.step()
    assert "aten::add" in {row.key for row in other.key_averages()}
    assert len(recording.trace_paths) == 1
    assert all(not module._forward_hooks for module in model.modules())


def test_step_belongs_inside_the_block(tmp_path: Path) -> None:
    recording = Recorder(logdir=tmp_path)
    with pytest.raises(RecordingError, match="inside of the with block"):
        recording.step()
    with recording:
        recording.step()
    with pytest.raises(RecordingError, match="inside of the with block"):
        recording.step()


@pytest.mark.parametrize("place", ["a file", "below a file", "the kernel's"])
def test_an_unusable_logdir_fails_at_once(tmp_path: Path, place: str) -> None:
    file = tmp_path / "file"
    file.touch()
    logdir = {"a file": file, "below a file": file / "runs", "the kernel's": Path("/proc/1/runs")}[place]
    entered = False
    with pytest.raises(RecordingError) as failure, Recorder(logdir=logdir):
        entered = True
    assert not entered
    assert str(failure.value).startswith(f"{logdir}: no traces can be written here: ")
    assert "\n" not in str(failure.value)
    with Recorder(logdir=tmp_path / "elsewhere") as recording:
        pass
    assert len(recording.trace_paths) == 1


class FullDisk:
    """Stands in for the writer of trace files; full for the given cycles."""

    def __init__(self, *full: int) -> None:
        self.full = full
        self.cycle = 0
        self.write = recorder.write_trace

    def __call__(self, export: Any, path: Path, *content: Any) -> None:
        self.cycle += 1
        if self.cycle in self.full:
            raise RecordingError(f"{path}: no space left")
        self.write(export, path, *content)


def test_a_failed_write_neither_stops_the_loop_nor_goes_unnoticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "write_trace", FullDisk(1))
    recording = Recorder(logdir=tmp_path, warmup=1, active=1, repeat=2)
    steps_done = []

    def train() -> None:
        for step in range(5):
            torch.ones(3)
            recording.step()
            steps_done.append(step)

    with pytest.raises(RecordingError, match="no space left"), recording:
        train()
    assert steps_done == [0, 1, 2, 3, 4]
    assert len(recording.trace_paths) == 1
    assert [record.levelno for record in caplog.records] == [logging.ERROR]
    assert "no space left" in caplog.text


def test_a_failed_write_does_not_mask_the_users_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(recorder, "write_trace", FullDisk(1))
    with pytest.raises(ZeroDivisionError), Recorder(logdir=tmp_path):
        raise ZeroDivisionError
    assert "no space left" in caplog.text
    with Recorder(logdir=tmp_path) as recording:
        pass
    assert len(recording.trace_paths) == 1


def test_a_logdir_that_vanishes_is_reported_in_one_line(tmp_path: Path) -> None:
    logdir = tmp_path / "runs"
    with pytest.raises(RecordingError) as failure, Recorder(logdir=logdir):
        logdir.rmdir()
    assert str(logdir) in str(failure.value)
    assert "\n" not in str(failure.value)


def test_the_users_callback_finds_the_file_and_may_export_too(tmp_path: Path) -> None:
    copies = [tmp_path / "copy.json", tmp_path / "copy.json.gz"]
    files_seen = []

    def ready(profiler: torch.profiler.profile) -> None:
        files_seen.append(len(list(tmp_path.glob("*.pt.trace.json.gz"))))
        for copy in copies:
            profiler.export_chrome_trace(str(copy))

    with Recorder(logdir=tmp_path, on_trace_ready=ready) as recording:
        torch.ones(3)
    assert files_seen == [1]
    assert copies[0].read_text().startswith("{")
    assert load(copies[1]) == load(recording.trace_paths[0])


def failing_callback(profiler: Any) -> None:
    raise LookupError("the callback's own")


def test_an_error_of_the_users_callback_comes_out_of_step(tmp_path: Path) -> None:
    recording = Recorder(logdir=tmp_path, warmup=1, active=1, on_trace_ready=failing_callback)
    failures = 0
    with recording:
        for _ in range(4):
            try:
                recording.step()
            except LookupError:
                failures += 1
    assert failures == len(recording.trace_paths) == 2
    assert all(complete_events(path) for path in recording.trace_paths)


def test_an_error_of_the_users_callback_comes_out_of_the_block(tmp_path: Path) -> None:
    with pytest.raises(LookupError, match="own"), Recorder(logdir=tmp_path, on_trace_ready=failing_callback):
        pass


def test_an_error_of_the_users_callback_does_not_mask_the_users_error(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with pytest.raises(ZeroDivisionError), Recorder(logdir=tmp_path, on_trace_ready=failing_callback):
        raise ZeroDivisionError
    assert "the callback's own" in caplog.text


def test_a_failing_schedule_is_the_users_own_error(tmp_path: Path) -> None:
    def schedule(step: int) -> torch.profiler.ProfilerAction:
        if step == 1:
            raise LookupError
        return torch.profiler.ProfilerAction.RECORD

    recording = Recorder(logdir=tmp_path, schedule=schedule)
    with pytest.raises(LookupError), recording:
        recording.step()
    assert len(recording.trace_paths) == 1
