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
    def __init__(self) -> None:
        self.graphs = 0

    def __call__(self, graph: Any, example_inputs: Any) -> Callable[..., Any]:
        self.graphs += 1
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


@pytest.mark.parametrize("when", ["before recording", "while recording"])
@pytest.mark.parametrize(
    ("compile_model", "layers"),
    [(compile_module, [""]), (compile_in_place, [""]), (compile_body, ["", "body", "head"])],
)
def test_a_compiled_region_is_compiled_once_and_has_one_span(
    tmp_path: Path, when: str, compile_model: Any, layers: list[str]
) -> None:
    backend, values = CountingBackend(), torch.ones(1, 4)
    model = compile_model(Net(), backend)
    before = [dict(vars(module)) for module in model.modules()]
    if when == "before recording":
        model(values)
    with Recorder(model, tmp_path) as recorder:
        model(values)
    model(values)
    assert backend.graphs == 1
    assert layer_names(recorder.trace_paths[0]) == layers
    assert [dict(vars(module)) for module in model.modules()] == before


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
