"""What users do with a model while it is recorded: it is as if we were not there, however a call is marked."""

from __future__ import annotations

import copy
import io
import pickle
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn
from torch.nn.utils import parametrizations

from profiler_kit.record import Recorder, call_marks
from profiler_kit.record.call_marks import CallMark
from profiler_kit.record.layer_names import name_layers
from tests.record.recordings import SmallNet, complete_events, images, layer_names


@pytest.fixture(params=["marks", "hooks"])
def way(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    if request.param == "hooks":
        monkeypatch.setattr(call_marks, "_takes_marks", lambda module: False)
    return str(request.param)


def is_marked(module: nn.Module) -> bool:
    return isinstance(vars(module).get("_compiled_call_impl"), CallMark)


def is_hooked(module: nn.Module) -> bool:
    return bool(module._forward_pre_hooks or module._forward_hooks)


class CopiesItself(nn.Linear):
    def __deepcopy__(self, memo: Any) -> Any:
        twin = CopiesItself.__new__(CopiesItself)
        vars(twin).update(copy.deepcopy(vars(self), memo))
        return twin


class PicklesItself(nn.Linear):
    def __getstate__(self) -> Any:
        return vars(self)


class CallsItself(nn.Linear):
    def __call__(self, *args: Any) -> Any:
        return self._call_impl(*args)


class HasASlot(nn.Linear):
    __slots__ = ("_compiled_call_impl",)

    def __init__(self, *args: Any) -> None:
        self._compiled_call_impl = None
        super().__init__(*args)


class HidesIt(nn.Linear):
    def __getattribute__(self, name: str) -> Any:
        return None if name == "_compiled_call_impl" else super().__getattribute__(name)


@pytest.mark.parametrize("kind", [CopiesItself, PicklesItself, CallsItself, HasASlot, HidesIt])
def test_modules_with_ways_of_their_own_are_hooked_and_left_as_they_were(tmp_path: Path, kind: Any) -> None:
    module = kind(2, 2)
    before = dict(vars(module))
    with Recorder(module, tmp_path) as recorder:
        assert is_hooked(module)
        assert not is_marked(module)
        module(torch.ones(1, 2))
    assert layer_names(recorder.trace_paths[0]) == [""]
    assert vars(module) == before
    assert not is_hooked(module)


def test_a_pytorch_that_does_not_look_there_gets_hooks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(nn.Module, "__call__", lambda self, *args: self._call_impl(*args))
    module = nn.ReLU()
    with Recorder(module, tmp_path) as recorder:
        assert not is_marked(module)
        module(torch.ones(2))
    assert layer_names(recorder.trace_paths[0]) == [""]


def parametrized() -> nn.Module:
    return parametrizations.weight_norm(nn.Linear(2, 2))


def recurrent() -> nn.Module:
    # Its attributes hold references to its weights, so that a copy must not share them.
    return nn.LSTM(2, 2)


def pickled(module: nn.Module) -> nn.Module:
    return pickle.loads(pickle.dumps(module))  # type: ignore[no-any-return]


def saved(module: nn.Module) -> nn.Module:
    file = io.BytesIO()
    torch.save(module, file)
    file.seek(0)
    return torch.load(file, weights_only=False)  # type: ignore[no-any-return]


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize(
    ("make", "duplicate"),
    [
        *((make, copy.deepcopy) for make in (nn.Linear, CopiesItself, PicklesItself, parametrized, recurrent)),
        *((make, copy.copy) for make in (nn.Linear, PicklesItself)),
        *((make, pickled) for make in (nn.Linear, PicklesItself, recurrent)),
        *((make, saved) for make in (nn.Linear, recurrent)),
    ],
)
def test_a_copy_computes_with_its_own_parameters(
    tmp_path: Path, make: Callable[..., nn.Module], duplicate: Callable[[nn.Module], nn.Module]
) -> None:
    module = make(2, 2) if isinstance(make, type) else make()
    with Recorder(module, tmp_path):
        twin = duplicate(module)
        for name, parameter in list(twin.named_parameters()):
            owner, _, last = name.rpartition(".")
            twin.get_submodule(owner)._parameters[last] = nn.Parameter(torch.full_like(parameter, 0.5))
        assert not is_marked(twin)
        during = twin(torch.ones(1, 2))
    after = twin(torch.ones(1, 2))
    if isinstance(twin, nn.Linear) and not hasattr(twin, "parametrizations"):
        assert torch.equal(during, torch.full((1, 2), 1.5))
    assert all(map(torch.equal, _tensors(during), _tensors(after)))
    ours = module(torch.ones(1, 2))
    if duplicate is not copy.copy:  # which shares the dictionary of parameters
        assert not all(map(torch.equal, _tensors(ours), _tensors(after)))


def _tensors(output: Any) -> Iterator[torch.Tensor]:
    if isinstance(output, torch.Tensor):
        yield output
    else:
        for one in output:
            yield from _tensors(one)


def test_a_module_that_was_parametrized_while_recorded_copies_itself_without_our_mark(tmp_path: Path) -> None:
    module = nn.Linear(2, 2, bias=False)
    with Recorder(module, tmp_path):
        parametrizations.weight_norm(module)
        twin = copy.deepcopy(module)
    assert not is_marked(twin)
    with torch.no_grad():
        twin.parametrizations.weight.original0.fill_(0)
    assert torch.equal(twin(torch.ones(1, 2)), torch.zeros(1, 2))


def test_marked_modules_have_their_names_and_are_not_taken_for_compiled_ones(tmp_path: Path) -> None:
    model = SmallNet()
    before = list(name_layers(model))
    with Recorder(model, tmp_path):
        assert is_marked(model)
        assert list(name_layers(model)) == before
    assert not any(layer.compiled for layer in before)


def test_what_the_user_compiles_while_recording_stays(tmp_path: Path) -> None:
    module = nn.Sequential(nn.Linear(2, 2))
    with Recorder(module, tmp_path):
        module.compile(backend="eager")
        users = module._compiled_call_impl
        during = module(torch.ones(1, 2))
    assert module._compiled_call_impl is users
    assert torch.equal(module(torch.ones(1, 2)), during)
    assert "_compiled_call_impl" not in vars(module[0])


def test_a_fused_kernel_that_hooks_would_prevent_is_used(tmp_path: Path) -> None:
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True).eval()
    with torch.no_grad(), Recorder(layer, tmp_path) as recorder:
        layer(torch.ones(1, 3, 8))
    names = {event["name"] for event in complete_events(recorder.trace_paths[0])}
    assert "aten::_transformer_encoder_layer_fwd" in names


@pytest.mark.usefixtures("way")
def test_the_users_hooks_run_inside_the_span(tmp_path: Path) -> None:
    module = nn.ReLU()
    module.register_forward_pre_hook(lambda module, args: (args[0].sin(),))
    module.register_forward_hook(lambda module, args, output: output.cos())
    with Recorder(module, tmp_path) as recorder:
        result = module(torch.ones(2))
    assert torch.equal(result, torch.ones(2).sin().relu().cos())
    events = {event["name"]: event for event in complete_events(recorder.trace_paths[0])}
    span = events["layer:  (ReLU) #1"]
    for name in ("aten::sin", "aten::cos"):
        assert span["ts"] <= events[name]["ts"]
        assert events[name]["ts"] + events[name]["dur"] <= span["ts"] + span["dur"]


@pytest.mark.usefixtures("way")
@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_module_scripted_while_recording_is_scripted_without_us(tmp_path: Path) -> None:
    model = SmallNetToScript()

    @torch.jit.interface
    class OneInput(nn.Module):
        def forward(self, values: torch.Tensor) -> torch.Tensor:  # type: ignore[empty-body]
            pass

    # A submodule that is known by an interface is scripted in a call of its own, inside that of the model.
    SmallNetToScript.__annotations__["head"] = OneInput
    with Recorder(model, tmp_path) as recorder:
        scripted = torch.jit.script(model)
        part = torch.jit.script(model.features)
        model(images())
    for module in (*scripted.modules(), *part.modules()):
        assert not is_marked(module)
        assert not is_hooked(module)
    assert torch.equal(scripted(images()), model(images()))
    assert layer_names(recorder.trace_paths[0]) == ["", "features", "features.0", "features.1", "head"]
    assert not any(is_hooked(module) or is_marked(module) for module in model.modules())


class Mean(nn.Module):
    def forward(self, values: torch.Tensor) -> torch.Tensor:
        return values.mean(-1)


class SmallNetToScript(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        torch.manual_seed(0)
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.ReLU())
        self.head = Mean()

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(self.features(images))  # type: ignore[no-any-return]


def traced(model: nn.Module) -> str:
    # Types are numbered on through the whole process.
    return re.sub(r"___torch_mangle_\d+\.", "", str(torch.jit.trace(model, images()).inlined_graph))


def symbolically_traced(model: nn.Module) -> str:
    return torch.fx.symbolic_trace(model).code


def exported(model: nn.Module) -> str:
    return str(torch.export.export(model, (images(),), strict=False))


def exported_by_dynamo(model: nn.Module) -> str:
    return str(torch.export.export(model, (images(),), strict=True))


@pytest.mark.usefixtures("way")
@pytest.mark.parametrize("view", [traced, symbolically_traced, exported, exported_by_dynamo])
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_graphs_are_those_of_the_model_alone(tmp_path: Path, view: Callable[[nn.Module], str]) -> None:
    model = SmallNet().eval()
    expected = view(model)
    with Recorder(model, tmp_path):
        assert view(model) == expected
    assert view(model) == expected


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_marked_script_is_saved_and_copied_without_its_mark(tmp_path: Path) -> None:
    scripted = torch.jit.script(nn.Sequential(nn.Linear(2, 2)))
    with Recorder(scripted, tmp_path):
        assert is_marked(scripted)
        twin = copy.deepcopy(scripted)
        scripted.save(str(tmp_path / "script.pt"))
    loaded = torch.jit.load(str(tmp_path / "script.pt"))
    for one in (twin, loaded):
        assert not is_marked(one)
        assert torch.equal(one(torch.ones(1, 2)), scripted(torch.ones(1, 2)))
