"""Names from traces made short enough to be read."""

from __future__ import annotations

import re
from typing import Any

_LONGEST_READ = 4096
"""Characters of a name that are looked at for a short form."""

_SHOWN_DEPTH = 1
"""Template arguments nested deeper than this are left out."""

_CUTLASS_WRAPPER = re.compile(r"(?:void )?cutlass\w*::Kernel2?<(?P<kernel>\w+)>")
"""CUTLASS 2 kernels have their real name as template argument of a wrapper that is always the same."""

_NOISE = ("(anonymous namespace)::", "at::native::", "engines_precompiled::", "(int)")
"""Parts of kernel names that tell a reader nothing."""


def short_kernel(name: str) -> str:
    """Return a C++ kernel name without return type, parameters, nested template arguments and ATen's namespace.

    ``void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, …>(int, …)`` becomes
    ``vectorized_elementwise_kernel<4, CUDAFunctor_add<…>, …>``. Names of other kinds stay as they are.
    """
    text = name[:_LONGEST_READ]
    if wrapped := _CUTLASS_WRAPPER.match(text):
        return wrapped["kernel"]
    for noise in _NOISE:
        text = text.replace(noise, "")
    return _without_nested_arguments(text).removeprefix("void ").strip() or name


def _without_nested_arguments(text: str) -> str:
    """Cut parameters off, and leave out template arguments inside template arguments."""
    kept: list[str] = []
    depth = 0
    for char in text:
        if char == "(" and not depth and kept:
            break
        depth -= char == ">" and depth > 0
        if depth < _SHOWN_DEPTH or (depth == _SHOWN_DEPTH and char not in "<>"):
            kept.append(char)
        elif depth == _SHOWN_DEPTH and char == "<":
            kept.append("<…>")
        depth += char == "<"
    return "".join(kept)


def shapes(dims: Any) -> str:
    """Write input shapes: ``(4,3,224,224) (768,3,16,16)``; inputs that are no tensors are left out."""
    if not isinstance(dims, tuple):
        return "–"
    written = [_shape(one) for one in dims if one]
    return " ".join(written) or "–"


def _shape(dims: Any) -> str:
    if isinstance(dims, tuple):
        return "(" + ",".join(_shape(one) for one in dims) + ")"
    return str(dims)
