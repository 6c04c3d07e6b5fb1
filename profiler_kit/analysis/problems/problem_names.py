"""How a convolution or matrix product is written in one line, and how a name that a user gives finds it again."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

_ATEN: Final = "aten::"


def problem_name(fields: Mapping[Any, Any]) -> str:
    """Write shapes and parameters in one line, ``(4,3,224,224) × (768,3,16,16) stride 16``, or what stands for them.

    Args:
        fields: Those of :class:`profiler_kit.analysis.problems.problem_shapes.Problem`, and ``operator``.
    """
    if _missing(fields["input_shape"]) or _missing(fields["weight_shape"]):
        return f"{short_operator(fields)} (shapes not recorded)"
    words = [_shape(fields["input_shape"]), "×", _shape(fields["weight_shape"])]
    for name, default in (("stride", 1), ("padding", 0), ("dilation", 1), ("output_padding", 0)):
        value = fields[name]
        if isinstance(value, str):
            words.append(f"{name} {value}")
        elif isinstance(value, tuple) and set(value) != {default}:
            words.append(f"{name.replace('_', ' ')} {_numbers(value)}")
    if not _missing(fields["groups"]) and fields["groups"] != 1:
        words.append(f"groups {fields['groups']}")
    return " ".join(words)


def call_name(fields: Mapping[Any, Any]) -> str:
    """Write operator, shapes and pass: ``conv2d (4,3,224,224) × (768,3,16,16) stride 16, forward``."""
    operator, problem = short_operator(fields), problem_name(fields)
    what = problem if operator in problem else f"{operator} {problem}"
    return f"{what}, {fields['pass']}"


def short_operator(fields: Mapping[Any, Any]) -> str:
    """Return the operator's name without ATen's namespace."""
    return str(fields["operator"]).removeprefix(_ATEN)


def comparable(text: str) -> str:
    """Return a name as it is compared: case, spaces, commas and the spelling of × don't matter."""
    return "".join(text.lower().replace("×", "x").replace("*", "x").replace(_ATEN, "").replace(",", " ").split())


def _missing(value: Any) -> bool:
    return value is None or type(value).__name__ == "NAType" or bool(value != value)


def _shape(sizes: tuple[int, ...]) -> str:
    return "(" + ",".join(map(str, sizes)) + ")"


def _numbers(values: tuple[int, ...]) -> str:
    return str(values[0]) if len(set(values)) == 1 else "×".join(map(str, values))
