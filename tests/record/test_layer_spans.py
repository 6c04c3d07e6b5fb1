"""Layer spans: on the right calls, around the right operators, and without a trace on the model."""

from __future__ import annotations

import copy
import pickle
import threading
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.utils.checkpoint import checkpoint

from profiler_kit.record import Recorder, annotations, call_marks, layer_spans
from profiler_kit.record.layer_names import name_layers
from profiler_kit.trace.spans import LayerSpan
from tests.record.recordings import SmallNet, complete_events, images, layer_names
from tests.record.recordings import layer_spans as spans_in

ALL_LAYERS = ["", "features", "features.0", "features.1", "features.2", "features.3", "heads.0", "heads.1"]


def record(model: nn.Module, logdir: Path, *calls: Callable[[], Any], **options: Any) -> Path:
    with Recorder(model, logdir, **options) as recorder:
        for call in calls:
            call()
    (path,) = recorder.trace_paths
    return path


def attributes(model: nn.Module) -> list[dict[str, Any]]:
    """Every module's ``__dict__``, with its own dictionaries copied, so that a later change shows."""
    return [
        {name: dict(value) if isinstance(value, dict) else value for name, value in vars(module).items()}
        for module in model.modules()
    ]


@pytest.fixture(params=["fast annotation", "public annotation"])
def annotation(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if request.param == "public annotation":
        for module in (layer_spans, call_marks):
            monkeypatch.setattr(module, "begin_annotation", annotations.begin_public)
            monkeypatch.setattr(module, "end_annotation", annotations.end_public)


@pytest.fixture(autouse=True, params=["marks", "hooks"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """Both ways to see a module's call; the second is for what cannot have the first."""
    if request.param == "hooks":
        monkeypatch.setattr(call_marks, "_takes_marks", lambda module: False)
    return str(request.param)


@pytest.mark.usefixtures("annotation")
def test_every_call_of_every_layer_is_marked(tmp_path: Path) -> None:
    model = SmallNet()
    path = record(model, tmp_path, lambda: model(images()), lambda: model(images()))
    assert layer_names(path) == ALL_LAYERS * 2
    assert spans_in(path)[2] == LayerSpan("features.0", "Conv2d", 1)
    assert spans_in(path)[10] == LayerSpan("features.0", "Conv2d", 2)


@pytest.mark.usefixtures("annotation")
def test_spans_enclose_their_operators_and_their_children(tmp_path: Path) -> None:
    model = SmallNet()
    events = complete_events(record(model, tmp_path, lambda: model(images())))

    def named(text: str) -> dict[str, Any]:
        (found,) = [event for event in events if event["name"] == text]
        return found

    def encloses(outer: dict[str, Any], inner: dict[str, Any]) -> bool:
        same_thread = outer["tid"] == inner["tid"]
        return bool(
            same_thread and outer["ts"] <= inner["ts"] and inner["ts"] + inner["dur"] <= outer["ts"] + outer["dur"]
        )

    convolution, relu = named("aten::conv2d"), named("aten::relu")
    conv_layer, relu_layer = named("layer: features.0 (Conv2d) #1"), named("layer: features.2 (ReLU) #1")
    assert encloses(conv_layer, convolution)
    assert not encloses(conv_layer, relu)
    assert encloses(relu_layer, relu)
    assert encloses(named("layer: features (Sequential) #1"), conv_layer)
    assert encloses(named("layer:  (SmallNet) #1"), named("layer: heads.1 (Linear) #1"))


@pytest.mark.parametrize(("several", "names"), [(dict, ("maker", "judge")), (list, ("0", "1")), (tuple, ("0", "1"))])
def test_several_models_go_by_their_names(tmp_path: Path, several: Any, names: tuple[str, str]) -> None:
    maker, judge = nn.Sequential(nn.Linear(2, 3)), nn.Linear(3, 1)
    models = {"maker": maker, "judge": judge} if several is dict else several((maker, judge))
    with Recorder(models, tmp_path) as recording:
        judge(maker(torch.ones(1, 2)))
    assert layer_names(recording.trace_paths[0]) == [names[0], f"{names[0]}.0", names[1]]
    assert not maker._forward_hooks
    assert not judge._forward_pre_hooks


def test_layers_can_be_left_out(tmp_path: Path) -> None:
    model = SmallNet()
    assert layer_names(record(model, tmp_path, lambda: model(images()), layers=False)) == []


def test_values_grads_and_random_state_are_bitwise_the_same(tmp_path: Path) -> None:
    def train(model: nn.Module) -> list[Any]:
        torch.manual_seed(5)
        inputs = images().to(memory_format=torch.channels_last).requires_grad_()
        output = model(inputs)
        output.sum().backward()
        return [output, inputs.grad, *(p.grad for p in model.parameters()), *model.buffers(), torch.get_rng_state()]

    model = SmallNet().to(memory_format=torch.channels_last)
    twin = copy.deepcopy(model)
    expected = train(model)
    with Recorder(twin, tmp_path):
        actual = train(twin)
    assert len(actual) == len(expected)
    for ours, plain in zip(actual, expected, strict=True):
        assert torch.equal(ours, plain)
        assert ours.stride() == plain.stride()
        assert type(ours.grad_fn) is type(plain.grad_fn)


def test_the_model_is_left_as_it_was(tmp_path: Path) -> None:
    model = SmallNet()
    hooks: list[str] = []
    model.features.register_forward_pre_hook(lambda module, args: hooks.append("before"))
    model.features.register_forward_hook(lambda module, args, output: hooks.append("after"), always_call=True)
    before = attributes(model)
    with Recorder(model, tmp_path):
        model(images())
        assert attributes(model) != before
    assert attributes(model) == before
    assert hooks == ["before", "after"]


def test_the_model_is_untouched_outside_of_recorded_steps(tmp_path: Path) -> None:
    model = SmallNet()
    before = attributes(model)
    untouched = []
    with Recorder(model, tmp_path, wait=1, warmup=1, active=1, repeat=1) as recorder:
        for _ in range(4):
            untouched.append(attributes(model) == before)
            recorder.step()
    assert untouched == [True, True, False, True]


class Failing(nn.Module):
    def __init__(self, error: BaseException) -> None:
        super().__init__()
        self.inner = nn.ReLU()
        self.error = error

    def forward(self, values: Any) -> Any:
        self.inner(values)
        raise self.error


@pytest.mark.parametrize("error", [ValueError("bad batch"), KeyboardInterrupt(), GeneratorExit()])
def test_a_failing_forward_closes_its_spans(tmp_path: Path, error: BaseException) -> None:
    model = nn.Sequential(nn.Identity(), Failing(error))
    before = attributes(model)

    def call() -> None:
        with pytest.raises(type(error)):
            model(torch.ones(2))
        with torch.profiler.record_function("afterwards"):
            model[0](torch.ones(2))

    path = record(model, tmp_path, call)
    assert layer_names(path) == ["", "0", "1", "1.inner", "0"]
    assert attributes(model) == before


def test_a_module_within_a_failed_one_is_closed_with_it(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Sequential(Failing(KeyboardInterrupt())), nn.Identity())

    class Catching(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.inner = model

        def forward(self, values: Any) -> Any:
            try:
                self.inner(values)
            except KeyboardInterrupt:
                return values
            raise AssertionError

    outer = nn.Sequential(Catching(), nn.ReLU())
    path = record(outer, tmp_path, lambda: outer(torch.ones(2)))
    events = {event["name"]: event for event in complete_events(path)}
    interrupted, later = events["layer: 0.inner.0.0 (Failing) #1"], events["layer: 1 (ReLU) #1"]
    assert interrupted["ts"] + interrupted["dur"] <= later["ts"]


def test_shared_modules_go_by_their_first_name(tmp_path: Path) -> None:
    relu = nn.ReLU()
    model = nn.Sequential(nn.Linear(2, 2), relu, nn.Linear(2, 2), relu)
    path = record(model, tmp_path, lambda: model(torch.ones(1, 2)))
    assert [(span.layer, span.call) for span in spans_in(path)] == [("", 1), ("0", 1), ("1", 1), ("2", 1), ("1", 2)]


def test_recursive_calls_nest(tmp_path: Path) -> None:
    class Recursive(nn.Module):
        def forward(self, values: Any, depth: int) -> Any:
            return values if depth == 0 else self(values + 1, depth - 1)

    model = Recursive()
    path = record(model, tmp_path, lambda: model(torch.ones(1), 2))
    events = [event for event in complete_events(path) if event["name"].startswith("layer: ")]
    first, second, third = sorted(events, key=lambda event: event["name"])
    assert first["dur"] > second["dur"] > third["dur"]


def test_recomputation_is_a_call_of_its_own(tmp_path: Path) -> None:
    model = SmallNet()

    def step() -> None:
        checkpoint(model.features, images().requires_grad_(), use_reentrant=False).sum().backward()

    path = record(model, tmp_path, step)
    assert [span.call for span in spans_in(path) if span.layer == "features.0"] == [1, 2]


def test_threads_have_their_own_spans(tmp_path: Path) -> None:
    model = SmallNet().eval()
    barrier = threading.Barrier(2)

    def work() -> None:
        barrier.wait()
        for _ in range(20):
            model(images())

    def call() -> None:
        threads = [threading.Thread(target=work) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()

    before = attributes(model)
    # By default torch.profiler records the thread that it was started on and autograd's threads.
    everywhere = torch._C._profiler._ExperimentalConfig(profile_all_threads=True)
    path = record(model, tmp_path, call, experimental_config=everywhere)
    events = [event for event in complete_events(path) if event["name"].startswith("layer: features.0 ")]
    assert len(events) == 40
    assert len({event["tid"] for event in events}) == 2
    assert {int(event["name"].rpartition("#")[2]) for event in events} == set(range(1, 41))
    assert attributes(model) == before


def test_a_forward_that_outlives_the_recording_does_no_harm(tmp_path: Path) -> None:
    entered, leave = threading.Event(), threading.Event()

    class Waiting(nn.Module):
        def forward(self, values: Any) -> Any:
            entered.set()
            leave.wait(30)
            return values + 1

    model, results = nn.Sequential(Waiting()), []
    thread = threading.Thread(target=lambda: results.append(model(torch.ones(1))))
    with Recorder(model, tmp_path) as recorder:
        thread.start()
        assert entered.wait(30)
    leave.set()
    thread.join()
    assert results == [torch.full((1,), 2.0)]
    assert len(recorder.trace_paths) == 1


@pytest.mark.parametrize("wrap", ["copied", "pickled"])
def test_copies_made_while_recording_compute_and_are_no_layers(tmp_path: Path, wrap: str) -> None:
    model = SmallNet().eval()
    with Recorder(model, tmp_path) as recorder:
        twin = copy.deepcopy(model) if wrap == "copied" else pickle.loads(pickle.dumps(model))
        assert torch.equal(twin(images()), model(images()))
    assert layer_names(recorder.trace_paths[0]) == ALL_LAYERS
    assert torch.equal(twin(images()), model(images()))


def test_replicas_of_data_parallel_are_the_layers_they_stand_for(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(2, 2, bias=False))
    results: list[Any] = []

    def call() -> None:
        replica, inner = (module._replicate_for_data_parallel() for module in (model, model[0]))
        # As nn.parallel.replicate does it: replicas keep plain tensors, and each other as submodules.
        inner.weight, inner.bias = torch.full((2, 2), 3.0), None
        setattr(replica, "0", inner)
        results.extend([replica(torch.ones(1, 2)), replica, model(torch.ones(1, 2))])

    path = record(model, tmp_path, call)
    output_of_replica, replica, output = results
    assert torch.equal(output_of_replica, torch.full((1, 2), 6.0))
    assert torch.equal(output, model(torch.ones(1, 2)))
    assert not torch.equal(output, output_of_replica)
    assert [(span.layer, span.call) for span in spans_in(path)] == [("", 1), ("0", 1), ("", 2), ("0", 2)]
    assert torch.equal(replica(torch.ones(1, 2)), output_of_replica)
    assert not any("_compiled_call_impl" in vars(module) for module in replica.modules())


def test_replicas_are_freed_with_their_last_reference(tmp_path: Path) -> None:
    model = nn.Linear(2, 2)
    with Recorder(model, tmp_path):
        replica = weakref.ref(model._replicate_for_data_parallel())
        assert replica() is None


def test_wrappers_do_not_show_in_names(tmp_path: Path) -> None:
    from torch.distributed.algorithms._checkpoint.checkpoint_wrapper import checkpoint_wrapper

    model = SmallNet().eval()
    model.features[0] = checkpoint_wrapper(model.features[0])
    wrapped = nn.DataParallel(model)
    assert [(layer.name, layer.type) for layer in name_layers(wrapped)][:3] == [
        ("", "SmallNet"),
        ("features", "Sequential"),
        ("features.0", "Conv2d"),
    ]
    assert layer_names(record(wrapped, tmp_path, lambda: wrapped(images()))) == ALL_LAYERS


def test_names_that_kineto_would_break_are_encoded(tmp_path: Path) -> None:
    model = nn.Sequential(nn.ModuleDict({'a "b" \\ 5%': nn.ReLU(), "größe": nn.ReLU()}))

    def call() -> None:
        for module in model[0].values():
            module(torch.ones(1))

    assert layer_names(record(model, tmp_path, call)) == ["0.a %22b%22 %5C 5%25", "0.gr%C3%B6%C3%9Fe"]


def test_modules_replaced_before_a_cycle_are_marked_in_it(tmp_path: Path) -> None:
    model = nn.Sequential(nn.ReLU())
    with Recorder(model, tmp_path, warmup=1, active=1) as recorder:
        model[0] = nn.Sigmoid()
        recorder.step()
        model(torch.ones(1))
        recorder.step()
    assert [span.type for span in spans_in(recorder.trace_paths[0])] == ["Sequential", "Sigmoid"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_scripted_and_traced_modules_work(tmp_path: Path, way: str) -> None:
    scripted = torch.jit.script(nn.Sequential(nn.ReLU()))
    traced = torch.jit.trace(nn.Sequential(nn.Sigmoid()), torch.ones(1))
    model = nn.Sequential(scripted, traced, nn.Tanh())
    path = record(model, tmp_path, lambda: model(torch.ones(1)))
    layers = [("", "Sequential"), ("0", "Sequential"), ("1", "Sequential"), ("2", "Tanh")]
    if way == "hooks":  # which a scripted module does not take
        layers.remove(("0", "Sequential"))
    assert [(span.layer, span.type) for span in spans_in(path)] == layers


def test_lazy_modules_work(tmp_path: Path) -> None:
    model = nn.Sequential(nn.LazyLinear(3))
    path = record(model, tmp_path, lambda: model(torch.ones(1, 2)))
    assert layer_names(path) == ["", "0"]
    assert model[0].weight.shape == (3, 2)
