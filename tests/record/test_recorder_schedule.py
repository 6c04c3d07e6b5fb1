"""Which steps end up in which file, against torch.profiler's own schedule."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from profiler_kit.errors import RecordingError
from profiler_kit.record import Recorder
from tests.record.recordings import SmallNet, annotations, complete_events, images, layer_spans, steps

SCHEDULES = [
    ({"wait": 1, "warmup": 1, "active": 3}, 5),
    ({"wait": 1, "warmup": 1, "active": 2}, 9),
    ({"wait": 0, "warmup": 1, "active": 2, "repeat": 2}, 11),
    ({"skip_first": 2, "wait": 1, "warmup": 1, "active": 1, "repeat": 1}, 8),
    ({"wait": 2, "warmup": 1, "active": 3}, 4),
    ({"wait": 5, "warmup": 1, "active": 3}, 4),
    ({"wait": 0, "warmup": 1, "active": 3}, 6),
]


def run(profiler: Any, count: int) -> None:
    with profiler:
        for _ in range(count):
            torch.ones(3).add(1)
            profiler.step()


@pytest.mark.parametrize(("options", "count"), SCHEDULES)
def test_cycles_are_those_of_torch_profiler(tmp_path: Path, options: dict[str, int], count: int) -> None:
    recorder = Recorder(logdir=tmp_path / "ours", **options)
    run(recorder, count)
    plain = torch.profiler.profile(
        schedule=torch.profiler.schedule(**options),
        on_trace_ready=torch.profiler.tensorboard_trace_handler(str(tmp_path / "plain"), use_gzip=True),
    )
    run(plain, count)

    expected = [steps(path) for path in sorted((tmp_path / "plain").glob("*"), key=lambda path: path.name)]
    assert [steps(path) for path in recorder.trace_paths] == expected
    assert sorted(recorder.trace_paths) == sorted((tmp_path / "ours").iterdir())


def test_any_schedule_of_torch_profiler_is_taken(tmp_path: Path) -> None:
    schedule = torch.profiler.schedule(wait=1, warmup=1, active=2, repeat=1)
    recorder = Recorder(logdir=tmp_path, schedule=schedule)
    run(recorder, 6)
    assert [steps(path) for path in recorder.trace_paths] == [["ProfilerStep#2", "ProfilerStep#3"]]


def test_without_a_schedule_everything_is_recorded(tmp_path: Path) -> None:
    with Recorder(logdir=tmp_path) as recorder:
        with torch.profiler.record_function("first thing"):
            torch.ones(3)
        with torch.profiler.record_function("last thing"):
            torch.ones(3)
    (path,) = recorder.trace_paths
    assert {"first thing", "last thing"} <= set(annotations(path))


def test_without_a_schedule_steps_are_marked(tmp_path: Path) -> None:
    recorder = Recorder(logdir=tmp_path)
    run(recorder, 2)
    (path,) = recorder.trace_paths
    assert steps(path)[:2] == ["ProfilerStep#0", "ProfilerStep#1"]


def test_layers_are_marked_in_recorded_steps_only_and_counted_on(tmp_path: Path) -> None:
    model = SmallNet()
    with Recorder(model, tmp_path, wait=1, warmup=1, active=2, repeat=2) as recorder:
        for _ in range(9):
            model(images())
            recorder.step()
    calls = [[span.call for span in layer_spans(path) if span.layer == ""] for path in recorder.trace_paths]
    assert calls == [[1, 2], [3, 4]]


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"active": 0}, "active=0 must be at least 1"),
        ({"active": 2, "wait": -1}, "wait=-1 must be at least 0"),
        ({"wait": 2}, "wait=2 has no meaning without active"),
        ({"repeat": 1, "warmup": 1}, "warmup=1, repeat=1 has no meaning without active"),
        ({"schedule": lambda step: None, "active": 2}, "either schedule or active=2"),
        ({"schedule": lambda step: None, "skip_first": 2}, "either schedule or skip_first=2"),
        ({"model": "resnet"}, "model must be a torch.nn.Module, a dictionary or list of them, or None, not str"),
        ({"model": [1]}, "model must be a torch.nn.Module, a dictionary or list of them, or None, not list"),
        ({"model": {}}, "model must be a torch.nn.Module, a dictionary or list of them, or None, not dict"),
        ({"model": {"a.b": torch.nn.ReLU()}}, "models have to be named as attributes can be"),
    ],
)
def test_contradicting_options_are_refused(tmp_path: Path, options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(RecordingError, match=complaint):
        Recorder(logdir=tmp_path, **options)


def test_options_of_torch_profiler_are_passed_on(tmp_path: Path) -> None:
    def categories(**options: Any) -> set[str]:
        with Recorder(logdir=tmp_path, **options) as recorder:
            torch.ones(3)
        return {event["cat"] for event in complete_events(recorder.trace_paths[0])}

    assert "python_function" in categories(with_stack=True)
    assert "python_function" not in categories()


def test_unknown_options_are_refused(tmp_path: Path) -> None:
    with pytest.raises(TypeError, match="with_colours"):
        Recorder(logdir=tmp_path, with_colours=True)


def test_key_averages_are_those_of_the_last_cycle(tmp_path: Path) -> None:
    with Recorder(logdir=tmp_path) as recorder:
        torch.ones(3).add(1)
    assert "aten::add" in {row.key for row in recorder.key_averages()}


def test_a_block_that_ends_before_the_first_active_step_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    with Recorder(None, tmp_path, wait=3, active=1) as recording:
        recording.step()
    assert recording.trace_paths == []
    assert [record.message for record in caplog.records] == [
        "nothing was recorded: the block ended in step 1, before the schedule's first active step"
    ]
