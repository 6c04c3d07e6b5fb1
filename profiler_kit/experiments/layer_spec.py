"""A layer and its input as the user writes them: ``Conv2d(3,64,7,padding=3)`` and ``1,3,32,32``.

The text is parsed, never evaluated: it may name the layers listed here and give them numbers, strings, True, False,
None, and tuples or lists of those. What makes a layer in the user's own code is named ``package.module:factory``, and
importing that is what the user asks for.
"""

from __future__ import annotations

import ast
import contextlib
import importlib
import sys
from difflib import get_close_matches
from math import prod
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn

from profiler_kit.errors import ExperimentError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LAYERS: Final = (
    *("Conv1d", "Conv2d", "Conv3d", "ConvTranspose1d", "ConvTranspose2d", "ConvTranspose3d", "Linear"),
    *("BatchNorm1d", "BatchNorm2d", "BatchNorm3d", "GroupNorm", "InstanceNorm2d", "LayerNorm", "RMSNorm"),
    *("ReLU", "GELU", "SiLU", "Sigmoid", "Tanh", "Softmax", "Hardswish", "Identity", "Flatten", "PixelShuffle"),
    *("MaxPool1d", "MaxPool2d", "MaxPool3d", "AvgPool1d", "AvgPool2d", "AvgPool3d"),
    *("AdaptiveAvgPool1d", "AdaptiveAvgPool2d", "AdaptiveMaxPool2d", "Upsample", "Sequential"),
)
"""Modules of ``torch.nn`` that can be asked for: one tensor in, one out, and made in a time that their size bounds."""

LONGEST_SPEC: Final = 1000
"""Characters of a description; it bounds how deep it can be nested."""

LARGEST_BYTES: Final = 4 << 30
"""Most memory that parameters, input or output may take, each."""


def make_layer(spec: str) -> nn.Module:
    """Make the layer that a text describes.

    Args:
        spec: ``Name(arguments)`` with a name of `LAYERS` (``nn.`` before it is allowed), ``Sequential`` with such
            layers as arguments, or ``package.module:factory`` with a function that returns a module.

    Raises:
        ExperimentError: If the text is neither, or what it describes cannot be made.
    """
    name, colon, factory = spec.strip().partition(":")
    if colon and all(part.isidentifier() for part in [*name.split("."), factory]):
        return _from_factory(name, factory)
    make = _parse(spec)
    # On the meta device a layer has sizes but no memory, so that a slip of a zero is noticed before it takes all.
    with _as_experiment_error(spec), torch.device("meta"):
        size = sum(p.numel() * p.element_size() for p in make().parameters())
    if size > LARGEST_BYTES:
        raise ExperimentError(f"{spec}: its parameters would take {size / 1e9:,.1f} GB; give smaller sizes")
    with _as_experiment_error(spec):
        return make()


def parse_shape(text: str) -> tuple[int, ...]:
    """Read the shape of an input, ``1,3,32,32`` or ``1x3x32x32``.

    Raises:
        ExperimentError: If it is not a list of positive integers, or too large.
    """
    parts = text.strip().strip("()[]").removesuffix(",").lower().replace("x", ",").split(",")
    if not all(part.strip().isdecimal() and part.strip().isascii() and len(part.strip()) < 19 for part in parts):
        raise ExperimentError(f"{text!r} is no shape; write positive integers such as 1,3,32,32")
    shape = tuple(int(part) for part in parts)
    if 0 in shape:
        raise ExperimentError(f"{text!r} is no shape to measure: a dimension of 0 leaves nothing to compute")
    if prod(shape) * 4 > LARGEST_BYTES:
        raise ExperimentError(
            f"an input of shape {text} would take {prod(shape) * 4 / 1e9:,.1f} GB; give smaller sizes"
        )
    return shape


def _parse(spec: str) -> Callable[[], nn.Module]:
    """Return what makes the layer; nothing is made yet."""
    if len(spec) > LONGEST_SPEC:
        raise ExperimentError(f"a layer's description of {len(spec)} characters is too long")
    try:
        tree = ast.parse(spec.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        raise ExperimentError(f"{spec!r} is no layer; {_HOW_TO_WRITE}") from None
    return _parse_call(tree, spec)


_HOW_TO_WRITE: Final = (
    "write one of torch.nn's, such as 'Conv2d(3,64,7,padding=3)', or package.module:factory for your own"
)


def _parse_call(node: ast.expr, spec: str) -> Callable[[], nn.Module]:
    if not isinstance(node, ast.Call):
        raise ExperimentError(f"{spec!r} is no layer; {_HOW_TO_WRITE}")
    name = _layer_name(node.func, spec)
    if name == "Sequential":
        if node.keywords:
            raise ExperimentError(f"{spec!r}: Sequential takes only layers")
        parts = [_parse_call(argument, spec) for argument in node.args]
        return lambda: nn.Sequential(*(part() for part in parts))
    arguments = [_literal(argument, spec) for argument in node.args]
    options = {}
    for keyword in node.keywords:
        if keyword.arg is None or keyword.arg in ("device", "dtype"):
            raise ExperimentError(f"{spec!r}: {keyword.arg or '**'} is not taken here")
        options[keyword.arg] = _literal(keyword.value, spec)
    return lambda: getattr(nn, name)(*arguments, **options)


def _layer_name(node: ast.expr, spec: str) -> str:
    prefixed = isinstance(node, ast.Attribute) and ast.unparse(node.value) in ("nn", "torch.nn")
    name = node.attr if prefixed and isinstance(node, ast.Attribute) else node.id if isinstance(node, ast.Name) else ""
    if name in LAYERS:
        return name
    near = get_close_matches(name, LAYERS, 1, 0.5)
    hint = f"; did you mean {near[0]}?" if near else f"; {_HOW_TO_WRITE}"
    raise ExperimentError(f"{spec!r}: {name or 'this'} is no layer that can be named here{hint}")


def _literal(node: ast.expr, spec: str) -> Any:
    if isinstance(node, ast.Constant) and isinstance(node.value, (bool, int, float, str, type(None))):
        return node.value
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        value = _literal(node.operand, spec)
        if isinstance(value, (int, float)):
            return -value
    if isinstance(node, (ast.Tuple, ast.List)):
        return tuple(_literal(element, spec) for element in node.elts)
    raise ExperimentError(f"{spec!r}: arguments are numbers, strings, True, False, None, or tuples of these")


def _from_factory(module: str, name: str) -> nn.Module:
    """Call the user's function; its own errors come through as one line with where they happened."""
    place = f"{module}:{name}"
    with _beside_the_user():
        try:
            factory = getattr(importlib.import_module(module), name)
        except ModuleNotFoundError as error:
            raise ExperimentError(
                f"{place}: no module named {error.name}; run this where it can be imported"
            ) from error
        except AttributeError as error:
            raise ExperimentError(f"{place}: module {module} has no {name}") from error
        except Exception as error:
            raise ExperimentError(f"{place}: importing {module} failed: {_one_line(error)}") from error
        try:
            layer = factory()
        except Exception as error:
            raise ExperimentError(f"{place}: {name}() failed: {_one_line(error)}") from error
    if not isinstance(layer, nn.Module):
        raise ExperimentError(f"{place}: {name}() returned {type(layer).__name__}, not a torch.nn.Module")
    return layer


@contextlib.contextmanager
def _beside_the_user() -> Iterator[None]:
    """Let modules of the current directory be imported, as ``python`` does and an installed command does not."""
    folder = str(Path.cwd())
    if folder in sys.path:
        yield
        return
    sys.path.insert(0, folder)
    try:
        yield
    finally:
        with contextlib.suppress(ValueError):
            sys.path.remove(folder)


@contextlib.contextmanager
def _as_experiment_error(spec: str) -> Iterator[None]:
    # Layers check their arguments by whatever these happen to break first.
    try:
        yield
    except Exception as error:
        raise ExperimentError(f"{spec}: {_one_line(error)}") from error


def _one_line(error: BaseException) -> str:
    text = str(error).strip()
    return f"{type(error).__name__}: {text.splitlines()[0]}" if text else type(error).__name__
