"""Layers and shapes as the user writes them: parsed, never evaluated, and wrong ones refused in one line."""

from __future__ import annotations

import builtins
import sys
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

torch = pytest.importorskip("torch")

from profiler_kit.errors import ExperimentError, ProfilerKitError  # noqa: E402
from profiler_kit.experiments.layer_spec import LAYERS, make_layer, parse_shape  # noqa: E402


@pytest.mark.parametrize(
    ("spec", "made"),
    [
        ("Conv2d(3,64,7,padding=3)", torch.nn.Conv2d(3, 64, 7, padding=3)),
        (" nn.Linear(1024, 512, bias=False) ", torch.nn.Linear(1024, 512, bias=False)),
        ("torch.nn.Conv1d(4, 8, (3,), stride=2, padding='valid')", torch.nn.Conv1d(4, 8, 3, stride=2, padding="valid")),
        ("MaxPool2d([2, 2], None, -0)", torch.nn.MaxPool2d((2, 2), None, 0)),
        (
            "Sequential(Conv2d(3, 8, 3), Sequential(ReLU(), BatchNorm2d(8, eps=1e-3)))",
            torch.nn.Sequential(
                torch.nn.Conv2d(3, 8, 3), torch.nn.Sequential(torch.nn.ReLU(), torch.nn.BatchNorm2d(8, eps=1e-3))
            ),
        ),
    ],
)
def test_layers_are_what_torch_makes_of_the_same_arguments(spec: str, made: torch.nn.Module) -> None:
    assert repr(make_layer(spec)) == repr(made)


def test_every_name_that_can_be_given_is_one_of_torchs() -> None:
    missing = [name for name in LAYERS if not hasattr(torch.nn, name)]
    assert missing == []


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        ("", "is no layer"),
        ("Conv2d(3,64", "is no layer"),
        ("Conv2d", "is no layer"),
        ("Conv2s(3,64,7)", "did you mean Conv2d"),
        ("Conv2d(3,64)", "kernel_size"),
        ("Conv2d(3,64,7,device='cuda')", "device is not taken here"),
        ("Conv2d(*[3,64,7])", "arguments are numbers"),
        ("Conv2d(**{})", "is not taken here"),
        ("Conv2d(3,64,7*2)", "arguments are numbers"),
        ("Conv2d(3,64,-7)", "Conv2d(3,64,-7): "),
        ("Linear(1000000,1000000)", "its parameters would take 4,000.0 GB"),
        ("Linear(1000000000000000000000,2)", "Linear(1"),
        ("Sequential(3)", "is no layer"),
        ("Sequential(a=ReLU())", "takes only layers"),
        ("__import__('os').getcwd()", "is no layer that can be named"),
        ("eval('1')", "eval is no layer"),
        ("(lambda: 0)()", "is no layer that can be named"),
        ("Linear(2,__import__('os'))", "arguments are numbers"),
        ("Linear(2,3) if 1 else 2", "is no layer"),
        ("(" * 400, "is no layer"),
        ("-" * 900 + "1", "is no layer"),
        ("Linear(2,3)\x00", "is no layer"),
        ("Linear(2," + "1" * 2000 + ")", "too long"),
        ("no_such_module:factory", "no module named no_such_module"),
        ("os:no_such_name", "module os has no no_such_name"),
        ("os:getcwd", "returned str, not a torch.nn.Module"),
        ("os.path:join", "join() failed: TypeError"),
    ],
)
def test_everything_else_is_refused_in_one_line(spec: str, told: str) -> None:
    with pytest.raises(ExperimentError) as caught:
        make_layer(spec)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value).replace(spec, "")


PIECES = st.sampled_from(
    ["Conv2d", "Linear", "Sequential", "ReLU", "eval", "__import__", "open", "(", ")", "(", ")", ",", "3", "-1", "=",
     "bias", "'os'", "True", "[", "]", "**", "*", ".", "nn", "lambda", ":", " ", "\n", "1e400", "2,3", "\ud800", "é"]
)  # fmt: skip


@settings(max_examples=400, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.one_of(st.lists(PIECES, max_size=14).map("".join), st.text(max_size=60)))
def test_any_text_is_a_layer_or_an_error_and_nothing_is_run(text: str) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise AssertionError("the text was evaluated")

    # Text with a colon names a module to import, which is another matter.
    text = text.replace(":", "")
    with pytest.MonkeyPatch.context() as patch:
        for name in ("eval", "exec", "open"):
            patch.setattr(builtins, name, refuse)
        try:
            layer = make_layer(text)
        except ProfilerKitError:
            return
    assert isinstance(layer, torch.nn.Module)


def test_a_factory_beside_the_user_is_found_and_the_path_left_as_it_was(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a_users_model.py").write_text(
        "import torch\ndef make():\n    return torch.nn.Linear(2, 3)\ndef fail():\n    raise KeyError('weights')\n",
        encoding="utf-8",
    )
    (tmp_path / "a_broken_model.py").write_text("1 / 0\n", encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    before = list(sys.path)
    try:
        assert repr(make_layer("a_users_model:make")) == repr(torch.nn.Linear(2, 3))
        with pytest.raises(ExperimentError, match=r"a_users_model:fail: fail\(\) failed: KeyError: 'weights'"):
            make_layer("a_users_model:fail")
        with pytest.raises(ExperimentError, match="importing a_broken_model failed: ZeroDivisionError"):
            make_layer("a_broken_model:make")
    finally:
        sys.modules.pop("a_users_model", None)
    assert sys.path == before


@pytest.mark.parametrize(
    ("text", "shape"), [("1,3,32,32", (1, 3, 32, 32)), (" 2x3X4 ", (2, 3, 4)), ("(5,)", (5,)), ("(8, 16)", (8, 16))]
)
def test_shapes(text: str, shape: tuple[int, ...]) -> None:
    assert parse_shape(text) == shape


@pytest.mark.parametrize("text", ["", "1,,2", "1,-3", "a", "1.5", "0,3", "²", "1;2", "9" * 30, "99999,99999,99999"])
def test_what_is_no_shape_is_refused(text: str) -> None:
    with pytest.raises(ExperimentError):
        parse_shape(text)
