"""Data type and shape of an operator's output, as far as its recorded arguments and those of nested operators tell.

Elementwise operators follow PyTorch's type promotion (``torch.promote_types``). Autocast casts inside an operator: the
outermost one has the type before the cast, and one of the same kind nested in it that of the computation.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from profiler_kit.analysis.problems.problem_shapes import DTYPES, Signature

Shape = tuple[int, ...]

_FLOATS: Final = ("float16", "bfloat16", "float32", "float64")
_INTEGERS: Final = ("int8", "int16", "int32", "int64")
_SOFTMAX: Final = frozenset({"aten::_softmax", "aten::_log_softmax"})


def promoted(first: str, second: str) -> str | None:
    """Return the type of what tensors of two types give together; None where the rules of this module do not say.

    Args:
        first: A type by PyTorch's name, e.g. ``float16``.
        second: Another.
    """
    pair = {first, second}
    if len(pair) == 1:
        return first
    if pair == {"float16", "bfloat16"}:
        return "float32"
    for ladder in (_FLOATS, _INTEGERS):
        if pair <= set(ladder):
            return max(pair, key=ladder.index)
    floats, others = pair & set(_FLOATS), pair - set(_FLOATS)
    if len(floats) == 1 and others <= {*_INTEGERS, "uint8", "bool"}:
        return floats.pop()
    return None


def tensor_type(signature: Signature, place: int) -> str | None:
    """Return the type of a tensor that has dimensions; None for scalars and what is not known."""
    dims, types = signature.dims, signature.types
    if dims is None or types is None or place >= min(len(dims), len(types)) or not dims[place]:
        return None
    return DTYPES.get(types[place], types[place]) or None


def elementwise_type(name: str, signature: Signature) -> str | None:
    """Return the type of the output of an operator on two tensors, or on a tensor and a number; None if not told.

    Args:
        name: The operator, e.g. ``aten::add``.
        signature: Its recorded arguments.
    """
    types = [one for one in (tensor_type(signature, place) for place in (0, 1)) if one is not None]
    result = types[0] if len(types) == 1 else promoted(*types) if types else None
    # Numbers beside integers, and divided integers, may give the default type, which no trace tells.
    integer = result is not None and result not in _FLOATS and not result.startswith("complex")
    return None if integer and (len(types) == 1 or name == "aten::div") else result


def normalized_type(name: str, signature: Signature) -> str | None:
    """Return the type of the output of an operator that has its first argument's, unless it says otherwise.

    Args:
        name: The operator; softmax may be asked to write float32 from half precision.
        signature: Its recorded arguments.
    """
    concrete = signature.concrete or ()
    if name in _SOFTMAX and len(concrete) > 2 and concrete[2] == "True":
        return "float32"
    return tensor_type(signature, 0)


def broadcast(shapes: Sequence[Shape]) -> Shape:
    """Return the shape of what tensors broadcast to."""
    rank = max(map(len, shapes))
    padded = [(1,) * (rank - len(shape)) + shape for shape in shapes]
    return tuple(0 if 0 in sizes else max(sizes) for sizes in zip(*padded, strict=True))
