"""Names from traces made short enough to be read."""

from __future__ import annotations

import re
from typing import Any

from profiler_kit.report.quantities import MISSING

_LONGEST_READ = 4096
"""Characters of a name that are looked at for a short form."""

_SHOWN_DEPTH = 1
"""Template arguments nested deeper than this are left out."""

_CUTLASS_WRAPPER = re.compile(r"(?:void )?cutlass\w*::Kernel2?<(?P<kernel>\w+)>")
"""CUTLASS 2 kernels have their real name as template argument of a wrapper that is always the same."""

_PRIMITIVE = re.compile(r"(?P<primitive>\w+),(?P<implementation>[\w:+]+),\w+,(?P<layouts>\w+:.*)")
"""A oneDNN primitive, see :func:`profiler_kit.analysis.work.host_work.primitive_names`."""

_NOISE = ("(anonymous namespace)::", "at::native::", "engines_precompiled::", "(int)")
"""Parts of kernel names that tell a reader nothing."""


def short_kernel(name: str) -> str:
    """Return a C++ kernel name without return type, parameters, nested template arguments and ATen's namespace.

    ``void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, …>(int, …)`` becomes
    ``vectorized_elementwise_kernel<4, CUDAFunctor_add<…>, …>``. Of a oneDNN primitive, layouts stay of the rest:
    ``reorder jit:blk src abcd dst aBcd8b``. Names of other kinds stay as they are.
    """
    text = name[:_LONGEST_READ]
    if primitive := _PRIMITIVE.fullmatch(text):
        return f"{primitive['primitive']} {primitive['implementation']} {short_layouts(primitive['layouts'])}"
    if wrapped := _CUTLASS_WRAPPER.match(text):
        return wrapped["kernel"]
    for noise in _NOISE:
        text = text.replace(noise, "")
    return _without_nested_arguments(text).removeprefix("void ").strip() or name


def short_layouts(layouts: str | None) -> str:
    """Shorten oneDNN's list of tensors: ``src:f32:a:blocked:abcd::f0 dst:…`` becomes ``src abcd dst …``."""
    if not layouts:
        return MISSING
    parts = [tensor.split(":") for tensor in layouts.split()]
    # A tensor is role:type:properties:kind:tag:strides:flags, see oneDNN's documentation of verbose mode.
    there = [part for part in parts if part[1:2] != ["undef"]]
    return " ".join(f"{part[0]} {part[4]}" if len(part) > 4 and part[4] else part[0] for part in there)


def short_activity(name: str) -> str:
    """Return the name of a kernel, copy or memset in short; what a copy is from and to is no parameter list."""
    return name if name.startswith(("Memcpy", "Memset")) else short_kernel(name)


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
