"""The modules of a model under the names that its author knows them by."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

import torch
from torch import nn

from profiler_kit.record.call_marks import users_compiled_call

if TYPE_CHECKING:
    from collections.abc import Iterator

_WRAPPED_BY_ATTRIBUTE = ("_orig_mod", "_fsdp_wrapped_module", "_checkpoint_wrapped_module")
"""Attributes in which torch.compile, FSDP and the checkpoint wrapper keep the user's module."""

_NAME_CHARACTERS = "".join(chr(c) for c in range(0x20, 0x7F) if chr(c) not in '"\\%')
"""What Kineto writes as it is: it leaves quotes unescaped, turns backslashes round and drops text that is not ASCII."""


class NamedLayer(NamedTuple):
    """A module under the name that the user knows it by.

    Attributes:
        name: Fully qualified name as in ``named_modules()`` of the bare model; the root module is ``""``. Characters
            that Kineto cannot write into a trace are percent-encoded.
        type: Class name of the user's module, not of a wrapper.
        module: The module whose call is the layer's call.
        compiled: Whether this is what ``torch.compile`` returned for a module: one region, in which no submodule is
            called in Python.
        inside_compiled: Whether ``Module.compile()`` was called on a module around this one. What becomes of that
            shows when it runs: all of it is one region, or some of it (torch.compile skips the ``forward`` of
            PyTorch's own modules, as that of ``nn.Sequential``, and begins inside), or nothing.
    """

    name: str
    type: str
    module: nn.Module
    compiled: bool
    inside_compiled: bool


def name_layers(model: nn.Module) -> Iterator[NamedLayer]:
    """Yield every module of a model once, containers included, parents before children.

    A module that is reachable under several names has the first one, as in ``named_modules()``. The wrappers of
    DataParallel, DistributedDataParallel, FSDP, activation checkpointing and torch.compile are no layers: what they
    wrap takes their place and their name. The submodules of what ``torch.compile`` returned are not listed.
    """
    seen: set[int] = set()

    def walk(module: nn.Module, name: str, inside: bool) -> Iterator[NamedLayer]:
        if id(module) in seen:
            return
        seen.add(id(module))
        wrapped = _wrapped_module(module)
        compiled = is_optimized_module(module)
        in_place = not compiled and users_compiled_call(module) is not None
        if wrapped is not None and not compiled and not in_place:
            yield from walk(wrapped, name, inside)
            return
        yield NamedLayer(_traceable(name), _traceable(_type_name(module)), module, compiled, inside)
        if compiled:
            seen.update(id(inner) for inner in module.modules())
            return
        for child_name, child in _without_wrappers(module).named_children():
            yield from walk(child, f"{name}.{child_name}" if name else child_name, inside or in_place)

    return walk(model, "", inside=False)


def _wrapped_module(module: nn.Module) -> nn.Module | None:
    if isinstance(module, (nn.DataParallel, nn.parallel.DistributedDataParallel)):
        return module.module
    if _is_scripted(module):
        return None
    for attribute in _WRAPPED_BY_ATTRIBUTE:
        inner = module._modules.get(attribute)
        if inner is not None:
            return inner
    return None


def _without_wrappers(module: nn.Module) -> nn.Module:
    wrapped = _wrapped_module(module)
    return module if wrapped is None else _without_wrappers(wrapped)


def is_optimized_module(module: nn.Module) -> bool:
    """Return whether this is what ``torch.compile`` returns for a module."""
    # Importing torch._dynamo takes seconds; where it is not loaded nothing has been compiled.
    eval_frame = sys.modules.get("torch._dynamo.eval_frame")
    return eval_frame is not None and isinstance(module, eval_frame.OptimizedModule)


def _type_name(module: nn.Module) -> str:
    wrapped = _wrapped_module(module)
    if wrapped is not None:
        return _type_name(wrapped)
    if _is_scripted(module):
        return getattr(module, "original_name", None) or type(module).__name__
    # fully_shard and replicate give a module a class of theirs over the user's.
    classes = [one for one in type(module).__mro__ if issubclass(one, nn.Module) and one is not nn.Module]
    users = (one for one in classes if not one.__module__.startswith("torch.distributed."))
    return next(users, type(module)).__name__


def _is_scripted(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)


def _traceable(text: str) -> str:
    return quote(text, safe=_NAME_CHARACTERS)
