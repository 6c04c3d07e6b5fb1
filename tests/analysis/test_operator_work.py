"""The registry of formulas against PyTorch's own counter, on the operators that PyTorch really dispatches."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pytest

from profiler_kit.analysis.problems import operator_work as registry
from profiler_kit.analysis.problems import output_types
from profiler_kit.analysis.problems.problem_shapes import ITEMSIZES, Signature

torch = pytest.importorskip("torch")

from torch.utils._python_dispatch import TorchDispatchMode  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402

_CPP_TYPES = {torch.float32: "float", torch.bfloat16: "c10::BFloat16", torch.float16: "c10::Half"}


class _Recorder(TorchDispatchMode):
    """Writes down every dispatched operator as Kineto would: name, shapes, types and scalar arguments."""

    def __init__(self) -> None:
        super().__init__()
        self.calls: list[tuple[str, Signature]] = []

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        given = [*args, *(kwargs or {}).values()]
        self.calls.append(
            (
                f"aten::{func._schema.name.partition('::')[2]}",
                Signature(
                    dims=tuple(tuple(one.shape) if isinstance(one, torch.Tensor) else () for one in given),
                    types=tuple(
                        _CPP_TYPES.get(one.dtype, "") if isinstance(one, torch.Tensor) else "" for one in given
                    ),
                    strides=None,
                    concrete=tuple("" if isinstance(one, torch.Tensor) or one is None else str(one) for one in given),
                ),
            )
        )
        return result


def _run(layer: Any, size: tuple[int, ...], *, wants_input: bool = True) -> tuple[dict[str, int], dict[str, int]]:
    """Run a layer forward and backward without data; returns FLOPs by operator as we and as PyTorch count them."""
    given = torch.empty(size, device="meta", requires_grad=wants_input)
    recorder, counter = _Recorder(), FlopCounterMode(display=False)
    with counter, recorder:
        output = layer(given)
        output.backward(torch.empty_like(output))
    ours: dict[str, int] = {}
    for name, signature in recorder.calls:
        work = registry.operator_work(name, signature)
        if work is not None and work.flops:
            ours[name] = ours.get(name, 0) + work.flops
    theirs = {f"aten::{str(op).partition('.')[2]}": count for op, count in counter.get_flop_counts()["Global"].items()}
    return ours, theirs


def _convolutions() -> Iterator[tuple[int, bool, int, int, int, int]]:
    """Dimensions, transposed, taps, stride, padding, dilation: 3·2·3·2·2·2 = 144 configurations."""
    yield from product((1, 2, 3), (False, True), (1, 2, 3), (1, 2), (0, 1), (1, 2))


def _layer(dimensions: int, transposed: bool, groups: int = 1, **options: Any) -> Any:
    kind = f"Conv{'Transpose' if transposed else ''}{dimensions}d"
    return getattr(torch.nn, kind)(4 * groups, 6 * groups, groups=groups, device="meta", **options)


@pytest.mark.parametrize("dimensions", [1, 2, 3])
def test_convolutions_count_as_pytorch_counts_them(dimensions: int) -> None:
    compared = 0
    for number, (_, transposed, taps, stride, padding, dilation) in enumerate(
        one for one in _convolutions() if one[0] == dimensions
    ):
        layer = _layer(
            dimensions, transposed, kernel_size=taps, stride=stride, padding=padding, dilation=dilation, bias=number % 2
        )
        ours, theirs = _run(layer, (3, 4, *(9, 8, 7)[:dimensions]), wants_input=number % 3 > 0)
        assert ours == theirs
        assert set(ours) == {"aten::convolution", "aten::convolution_backward"}
        compared += 1
    assert compared == 48


@pytest.mark.parametrize("transposed", [False, True])
@pytest.mark.parametrize("groups", [2, 4])
def test_grouped_convolutions_do_the_work_of_their_groups(groups: int, transposed: bool) -> None:
    # PyTorch's counter multiplies all input channels with all filters in wgrad, groups times too many. A group alone
    # it counts right, so the truth is groups times one group.
    for taps, stride in product((1, 3), (1, 2)):
        options = {"kernel_size": taps, "stride": stride, "padding": 1}
        ours, theirs = _run(_layer(2, transposed, groups, **options), (2, 4 * groups, 9, 9))
        _, of_one_group = _run(_layer(2, transposed, **options), (2, 4, 9, 9))
        assert ours == {name: groups * count for name, count in of_one_group.items()}
        assert theirs["aten::convolution"] == ours["aten::convolution"]
        assert theirs["aten::convolution_backward"] > ours["aten::convolution_backward"]


def test_linear_layers_count_as_pytorch_counts_them() -> None:
    compared = 0
    sizes = [(5,), (3, 5), (1, 5), (2, 3, 5), (2, 1, 4, 5)]
    for size, features, bias, wanted in product(sizes, (1, 7, 16), (False, True), (False, True)):
        ours, theirs = _run(torch.nn.Linear(5, features, bias=bias, device="meta"), size, wants_input=wanted)
        assert ours == theirs
        compared += 1
    assert compared == 60


def test_other_products_count_as_pytorch_counts_them() -> None:
    def meta(*size: int) -> Any:
        return torch.empty(size, device="meta")

    recorder, counter = _Recorder(), FlopCounterMode(display=False)
    with counter, recorder:
        torch.mm(meta(3, 4), meta(4, 5))
        torch.addmm(meta(5), meta(3, 4), meta(4, 5))
        torch.bmm(meta(7, 3, 4), meta(7, 4, 5))
        torch.baddbmm(meta(7, 3, 5), meta(7, 3, 4), meta(7, 4, 5))
        torch.matmul(meta(2, 7, 3, 4), meta(2, 7, 4, 5))
    ours = [registry.operator_work(*call) for call in recorder.calls]
    assert sum(work.flops for work in ours if work) == counter.get_total_flops() > 0


@pytest.mark.parametrize(("heads", "key_heads", "queries", "keys"), [(4, 4, 16, 16), (8, 2, 5, 9), (1, 1, 1, 33)])
def test_attention_counts_as_pytorch_counts_it(heads: int, key_heads: int, queries: int, keys: int) -> None:
    from torch.utils import flop_counter

    query, key, value = (2, heads, queries, 24), (2, key_heads, keys, 24), (2, key_heads, keys, 40)
    forward = Signature((query, key, value), ("c10::Half",) * 3, None, None)
    gradient = (2, heads, queries, 40)
    backward = Signature((gradient, query, key, value), ("c10::Half",) * 4, None, None)
    ours = registry.operator_work("aten::_scaled_dot_product_flash_attention", forward)
    assert ours is not None
    assert ours.flops == flop_counter.sdpa_flop_count(query, key, value)
    theirs = flop_counter.sdpa_backward_flop_count(gradient, query, key, value)
    undone = registry.operator_work("aten::_scaled_dot_product_flash_attention_backward", backward)
    assert undone is not None
    assert undone.flops == theirs


def _convolution(bias: tuple[int, ...], mask: str | None = None) -> Signature:
    dims = ((2, 3, 8, 8), (4, 3, 3, 3), bias, (), (), (), (), (), ())
    concrete = ("", "", "", "[1, 1]", "[1, 1]", "[1, 1]", "False", "[0, 0]", "1")
    types = ("float", "float", "float", *[""] * 6)
    if mask is None:
        return Signature(dims, types, None, concrete)
    return Signature(((2, 4, 8, 8), *dims[:2], *dims[3:4], *dims[3:]), ("float", *types), None, ("", *concrete, mask))


def test_a_bias_is_counted_apart() -> None:
    with_bias = registry.operator_work("aten::convolution", _convolution((4,)))
    without = registry.operator_work("aten::convolution", _convolution(()))
    assert with_bias is not None
    assert without is not None
    assert with_bias.flops == without.flops == 2 * (2 * 4 * 8 * 8) * (3 * 3 * 3)
    assert (with_bias.bias_flops, without.bias_flops) == (2 * 4 * 8 * 8, 0)
    assert without.bytes == 4 * (2 * 3 * 8 * 8 + 4 * 3 * 3 * 3 + 2 * 4 * 8 * 8)
    assert with_bias.bytes == without.bytes + 4 * 4


@pytest.mark.parametrize(
    ("name", "dims"),
    [("aten::linear", ((3, 5), (7, 5), (7,))), ("aten::addmm", ((7,), (3, 5), (5, 7), (), ()))],
)
def test_the_bias_of_a_linear_layer_is_read_too(name: str, dims: tuple[tuple[int, ...], ...]) -> None:
    types = ("c10::Half", "c10::Half", "c10::Half", "Scalar", "Scalar")[: len(dims)]
    work = registry.operator_work(name, Signature(dims, types, None, None))
    assert work is not None
    assert work.bytes == 2 * (3 * 5 + 7 * 5 + 7 + 3 * 7)
    assert work.bias_flops == 3 * 7


@pytest.mark.parametrize(
    ("mask", "gradients", "moved"),
    [
        ("[True, True, True]", 2, 512 + 2 * (384 + 108)),
        ("[False, True, False]", 1, 512 + 384 + 108),
        ("[True, False, True]", 1, 512 + 384 + 108),
        ("[False, False, True]", 0, 512),
    ],
)
def test_the_output_mask_is_honoured(mask: str, gradients: int, moved: int) -> None:
    work = registry.operator_work("aten::convolution_backward", _convolution((4,), mask))
    assert work is not None
    assert work.flops == gradients * 2 * (2 * 4 * 8 * 8) * (3 * 3 * 3)
    assert work.bias_flops == (512 if mask.endswith("True]") else 0)
    assert work.bytes == 4 * moved


def test_bytes_of_operators_that_only_move() -> None:
    image, channel = (2, 3, 4, 4), (3,)
    norm = Signature((image, *[channel] * 4), ("c10::Half", *["float"] * 4), None, None)
    work = registry.operator_work("aten::native_batch_norm", norm)
    assert work is not None
    assert (work.flops, work.bytes) == (0, 2 * 96 * 2 + 4 * 3 * 4)
    spread = registry.operator_work("aten::add", Signature(((2, 3), (3,)), ("float", "float"), None, None))
    assert spread is not None
    assert spread.bytes == 4 * (6 + 3 + 6)


def test_types_are_promoted_as_torch_promotes_them() -> None:
    """On every pair of types that the rules speak of; where they do not, nothing is said."""
    names = [name for name in (*ITEMSIZES, "bool") if hasattr(torch, name)]
    told = 0
    for first, second in product(names, repeat=2):
        ours = output_types.promoted(first, second)
        if ours is not None:
            assert ours == str(torch.promote_types(getattr(torch, first), getattr(torch, second))).partition(".")[2]
            told += 1
    assert told > 80
    assert output_types.promoted("float16", "float32") == "float32"
    assert output_types.promoted("int8", "uint8") is None


@pytest.mark.parametrize(
    ("types", "moved"),
    [
        (("c10::Half", "float"), 2 * 6 + 4 * 3 + 4 * 6),
        (("float", "c10::Half"), 4 * 6 + 2 * 3 + 4 * 6),
        (("c10::BFloat16", "c10::BFloat16"), 2 * 6 + 2 * 3 + 2 * 6),
        (("c10::Half", "long int"), 2 * 6 + 8 * 3 + 2 * 6),
        (("c10::Half", ""), None),
    ],
)
def test_the_output_of_mixed_types_is_of_the_promoted_one(types: tuple[str, str], moved: int | None) -> None:
    work = registry.operator_work("aten::add", Signature(((2, 3), (3,)), types, None, None))
    assert (work and work.bytes) == moved
    inplace = registry.operator_work("aten::add_", Signature(((2, 3), (3,)), ("c10::Half", "float"), None, None))
    assert inplace is not None
    assert inplace.bytes == 2 * 6 + 4 * 3 + 2 * 6


def test_numbers_do_not_change_the_type_of_floats_and_may_that_of_integers() -> None:
    halves = registry.operator_work("aten::mul", Signature(((2, 3), ()), ("c10::Half", "Scalar"), None, None))
    assert halves is not None
    assert halves.bytes == 2 * 6 * 2
    assert registry.operator_work("aten::mul", Signature(((2, 3), ()), ("int", "Scalar"), None, None)) is None
    assert registry.operator_work("aten::div", Signature(((2, 3), (3,)), ("int", "int"), None, None)) is None


def test_softmax_may_write_another_type_than_it_reads() -> None:
    given = Signature(((2, 3), (), ()), ("c10::Half", "Scalar", "Scalar"), None, ("", "-1", "True"))
    work = registry.operator_work("aten::_softmax", given)
    assert work is not None
    assert work.bytes == 6 * 2 + 6 * 4


def test_what_a_trace_does_not_say_is_not_known() -> None:
    assert registry.operator_work("aten::mm", Signature(None, None, None, None)) is None
    assert registry.operator_work("aten::convolution", Signature(((1, 2, 3),), None, None, ())) is None
    assert registry.operator_work("aten::no_such_operator", Signature(((2, 2),), ("float",), None, ())) is None


def test_an_operator_has_one_formula() -> None:
    with pytest.raises(registry.DuplicateFormulaError, match="aten::mm"):
        registry.formula("aten::mm")(registry.product_work)
