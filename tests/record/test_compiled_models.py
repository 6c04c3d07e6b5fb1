"""Models under torch.compile: no graph breaks, no recompilation, one span for a compiled region."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.formats import read_trace
from profiler_kit.record import Recorder, call_marks
from profiler_kit.record.layer_spans import LayerSpans
from profiler_kit.report.layers import layers_json, layers_sections
from profiler_kit.trace.spans import METADATA_KEY
from tests.record.recordings import layer_names, load

dynamo = pytest.importorskip("torch._dynamo")


class Net(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.body = nn.Sequential(nn.Linear(4, 4), nn.ReLU())
        self.head = nn.Linear(4, 2)

    def forward(self, values: Any) -> Any:
        return self.head(self.body(values))


class CountingBackend:
    """Counts what it is given to compile: graphs, and the calls in them."""

    def __init__(self) -> None:
        self.graphs = self.calls = 0

    def __call__(self, graph: Any, example_inputs: Any) -> Callable[..., Any]:
        self.graphs += 1
        self.calls += sum(node.op.startswith("call_") for node in graph.graph.nodes)
        return graph.forward  # type: ignore[no-any-return]


@pytest.fixture(autouse=True)
def fresh_dynamo() -> Iterator[None]:
    dynamo.reset()
    yield
    dynamo.reset()


def bare() -> nn.Module:
    return Net()


def with_hooks() -> nn.Module:
    model = Net()
    model.body.register_forward_hook(lambda module, args, output: output + 1)
    model.head.register_forward_pre_hook(lambda module, args: (args[0] * 2,))
    return model


def recurrent() -> nn.Module:
    return nn.Sequential(Net(), nn.LSTM(2, 2))


@pytest.mark.parametrize("way", ["marks", "hooks"])
@pytest.mark.parametrize("make", [bare, with_hooks, recurrent])
def test_no_graph_breaks_are_added(monkeypatch: pytest.MonkeyPatch, make: Callable[[], nn.Module], way: str) -> None:
    if way == "hooks":
        monkeypatch.setattr(call_marks, "_takes_marks", lambda module: False)
    model = make()
    alone = dynamo.explain(model)(torch.ones(1, 4))
    dynamo.reset()
    spans = LayerSpans(model)
    spans.install()
    try:
        marked = dynamo.explain(model)(torch.ones(1, 4))
    finally:
        spans.remove()
    assert marked.graph_count == alone.graph_count
    assert marked.graph_break_count == alone.graph_break_count
    if make is bare:
        assert alone.graph_break_count == 0


@pytest.mark.parametrize("when", ["before", "while"])
def test_a_region_is_not_compiled_again_because_of_the_marks_in_it(tmp_path: Path, when: str) -> None:
    backend, model, values = CountingBackend(), Net(), torch.ones(1, 4)
    if when == "before":
        compiled = torch.compile(model, backend=backend)
        compiled(values)
    with Recorder(model, tmp_path) as recorder:
        if when == "while":
            compiled = torch.compile(model, backend=backend)
        during = compiled(values)
    assert torch.equal(compiled(values), during)
    assert torch.equal(model(values), during)
    assert backend.graphs == 1
    # What was compiled is the model's call, and no submodule's call is seen in Python.
    assert layer_names(recorder.trace_paths[0]) == [""]


def compile_module(model: nn.Module, backend: Any) -> nn.Module:
    return torch.compile(model, backend=backend)  # type: ignore[no-any-return]


def compile_in_place(model: nn.Module, backend: Any) -> nn.Module:
    model.compile(backend=backend)
    return model


def compile_body(model: Any, backend: Any) -> nn.Module:
    model.body = torch.compile(model.body, backend=backend)
    return model  # type: ignore[no-any-return]


def called_around_recording(model: nn.Module, tmp_path: Path, when: str) -> Path:
    """Call a model while it is recorded and afterwards, also before if wanted; it must be left as it was."""
    values = torch.ones(1, 4)
    before = [dict(vars(module)) for module in model.modules()]
    if when == "before recording":
        model(values)
    with Recorder(model, tmp_path) as recorder:
        model(values)
    model(values)
    assert [dict(vars(module)) for module in model.modules()] == before
    (path,) = recorder.trace_paths
    return path


@pytest.mark.parametrize("when", ["before recording", "while recording"])
@pytest.mark.parametrize(
    ("compile_model", "layers"),
    [(compile_module, [""]), (compile_in_place, [""]), (compile_body, ["", "body", "head"])],
)
def test_a_compiled_region_is_compiled_once_and_has_one_span(
    tmp_path: Path, when: str, compile_model: Any, layers: list[str]
) -> None:
    backend = CountingBackend()
    path = called_around_recording(compile_model(Net(), backend), tmp_path, when)
    assert backend.graphs == 1
    assert layer_names(path) == layers


def test_a_compiled_region_answers_for_all_its_parameters(tmp_path: Path) -> None:
    model = compile_body(Net(), "eager")
    with Recorder(model, tmp_path) as recorder:
        pass
    layers = load(recorder.trace_paths[0])[METADATA_KEY]["layers"]
    assert layers == {
        "": {"type": "Net", "parameters": 0},
        "body": {"type": "Sequential", "parameters": 20},
        "head": {"type": "Linear", "parameters": 10},
    }


@pytest.mark.parametrize(("compile_model", "compiled"), [(compile_module, ("",)), (compile_body, ("body",))])
def test_layers_that_are_compiled_regions_are_named(
    tmp_path: Path, compile_model: Any, compiled: tuple[str, ...]
) -> None:
    model = compile_model(Net(), "eager")
    with Recorder(model, tmp_path) as recorder:
        model(torch.ones(1, 4))
    result = layer_times(read_trace(recorder.trace_paths[0]))
    assert result.compiled == compiled
    (section, _) = layers_sections(result, 10)
    said = f"Run by torch.compile as one region, in which inner layers cannot be told apart: {compiled[0] or '(model)'}"
    assert said in section.notes
    assert json.loads(layers_json(result, "x"))["compiled_layers"] == list(compiled)


def test_without_compilation_no_layer_is_called_a_region(tmp_path: Path) -> None:
    model = Net()
    with Recorder(model, tmp_path) as recorder:
        model(torch.ones(1, 4))
    result = layer_times(read_trace(recorder.trace_paths[0]))
    assert result.compiled == ()
    assert not any("torch.compile" in note for note in layers_sections(result, 10)[0].notes)


def test_a_compiled_function_over_a_model_keeps_one_graph(tmp_path: Path) -> None:
    backend, model = CountingBackend(), Net()
    step = torch.compile(lambda values: model(values).sum(), backend=backend)
    step(torch.ones(1, 4))
    with Recorder(model, tmp_path):
        step(torch.ones(1, 4))
    assert backend.graphs == 1


class Uncompiled(Net):
    @torch.compiler.disable
    def forward(self, values: Any) -> Any:
        return super().forward(values)


class TakesNoMark(nn.Linear):
    def __getstate__(self) -> Any:
        return super().__getstate__()


def hooked_sequence() -> nn.Module:
    return nn.Sequential(TakesNoMark(4, 4), nn.LSTM(4, 4))


def plain_sequence() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 4), nn.ReLU())


def sequence_with_users_module() -> nn.Module:
    return nn.Sequential(Net(), nn.Linear(2, 2))


ONE_REGION = ([""], [""])
IN_PLACE = {
    # What torch.compile skips depends on its version: calls that reached the backend -> layers with spans, and regions.
    plain_sequence: {0: (["", "0", "1"], []), 2: ONE_REGION},
    sequence_with_users_module: {3: (["", "0", "1"], ["0"]), 4: ONE_REGION},
    Net: {3: ONE_REGION},
    hooked_sequence: {0: (["", "0", "1"], [])},
    Uncompiled: {0: (["", "body", "body.0", "body.1", "head"], [])},
    lambda: nn.DataParallel(Net()): {3: ONE_REGION},
    lambda: nn.DataParallel(plain_sequence()): {0: (["", "0", "1"], []), 2: ONE_REGION},
}
"""Models whose method ``compile()`` is called, which may compile all of them, something inside or nothing."""


@pytest.mark.parametrize("when", ["before recording", "while recording"])
@pytest.mark.parametrize(
    ("make", "by_calls"),
    IN_PLACE.items(),
    ids=["sequence", "in sequence", "own", "hooked", "disabled", "wrapped", "both"],
)
def test_what_is_compiled_in_place_is_shown_as_it_ran(
    tmp_path: Path, when: str, make: Callable[[], nn.Module], by_calls: dict[int, tuple[list[str], list[str]]]
) -> None:
    backend = CountingBackend()
    model = compile_in_place(make(), backend)
    path = called_around_recording(model, tmp_path, when)
    layers, regions = by_calls[backend.calls]
    assert layer_names(path) == layers
    assert list(layer_times(read_trace(path)).compiled) == regions
    described = load(path)[METADATA_KEY]["layers"]
    assert list(described) == layers
    assert sum(layer["parameters"] for layer in described.values()) == sum(p.numel() for p in model.parameters())
    assert all(described[region]["parameters"] >= 20 for region in regions)
    assert backend.graphs == len(regions)


def test_without_a_call_a_module_compiled_in_place_answers_for_all_its_parameters(tmp_path: Path) -> None:
    with Recorder(compile_in_place(Net(), "eager"), tmp_path) as recorder:
        pass
    assert load(recorder.trace_paths[0])[METADATA_KEY]["layers"] == {"": {"type": "Net", "parameters": 30}}


def test_hooks_inside_a_module_compiled_in_place_do_not_have_it_compiled_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    backend, values = CountingBackend(), torch.ones(1, 4)
    model = compile_in_place(Net(), backend)
    model(values)
    monkeypatch.setattr(call_marks, "_takes_marks", lambda module: False)
    with Recorder(model, tmp_path) as recorder:
        model(values)
    assert backend.graphs == 1
    assert layer_names(recorder.trace_paths[0]) == [""]


def test_a_module_compiled_in_place_inside_another_is_part_of_its_region(tmp_path: Path) -> None:
    inner, outer, values = CountingBackend(), CountingBackend(), torch.ones(1, 4)
    model = Net()
    compile_in_place(model.body, inner)
    with Recorder(compile_in_place(model, outer), tmp_path) as recorder:
        model(values)
    model(values)
    assert (outer.graphs, inner.graphs) == (1, 0)
    assert layer_names(recorder.trace_paths[0]) == [""]
