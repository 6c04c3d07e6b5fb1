"""A range in the trace around every forward call of every module.

PyTorch's own module view needs Python stacks, which cost more than the layers themselves. Two hooks a module and one
user annotation a call give the same answer, also for the kernels that the layer launches on a GPU.
"""

from __future__ import annotations

import sys
import threading
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import torch
from torch import nn
from torch.compiler import is_dynamo_compiling

from profiler_kit.trace.spans import LayerSpan, format_layer_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

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
        compiled: Whether torch.compile runs the module as one region, so that no submodule is called in Python.
    """

    name: str
    type: str
    module: nn.Module
    compiled: bool


def name_layers(model: nn.Module) -> Iterator[NamedLayer]:
    """Yield every module of a model once, containers included, parents before children.

    A module that is reachable under several names has the first one, as in ``named_modules()``. The wrappers of
    DataParallel, DistributedDataParallel, FSDP, activation checkpointing and torch.compile are no layers: what they
    wrap takes their place and their name. A compiled module's submodules are not listed.
    """
    seen: set[int] = set()

    def walk(module: nn.Module, name: str) -> Iterator[NamedLayer]:
        if id(module) in seen:
            return
        seen.add(id(module))
        wrapped = _wrapped_module(module)
        compiled = _is_optimized_module(module) or getattr(module, "_compiled_call_impl", None) is not None
        if wrapped is not None and not compiled:
            yield from walk(wrapped, name)
            return
        yield NamedLayer(_traceable(name), _traceable(_type_name(module)), module, compiled)
        if compiled:
            seen.update(id(inner) for inner in module.modules())
            return
        for child_name, child in module.named_children():
            yield from walk(child, f"{name}.{child_name}" if name else child_name)

    return walk(model, "")


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


def _is_optimized_module(module: nn.Module) -> bool:
    # Importing torch._dynamo takes seconds; where it is not loaded nothing has been compiled.
    eval_frame = sys.modules.get("torch._dynamo.eval_frame")
    return eval_frame is not None and isinstance(module, eval_frame.OptimizedModule)


def _type_name(module: nn.Module) -> str:
    wrapped = _wrapped_module(module)
    if wrapped is not None:
        return _type_name(wrapped)
    original: str | None = getattr(module, "original_name", None) if _is_scripted(module) else None
    return original or type(module).__name__


def _is_scripted(module: nn.Module) -> bool:
    return isinstance(module, torch.jit.ScriptModule)


def _traceable(text: str) -> str:
    return quote(text, safe=_NAME_CHARACTERS)


class _ThreadState(threading.local):
    """Open spans of one thread, innermost last: the layer's key and the annotation's handle."""

    def __init__(self) -> None:
        self.open: list[tuple[int, Any]] = []


class _CalledLayer(NamedTuple):
    text_before_call: str
    calls: Iterator[int]
    module: nn.Module  # held so that its key is not given to another object while the hooks are in place


def _begin_public(text: str) -> Any:
    annotation = torch.profiler.record_function(text)
    annotation.__enter__()
    return annotation


def _end_public(annotation: Any) -> None:
    annotation.__exit__(None, None, None)


_begin_annotation: Callable[[str], Any] = _begin_public
_end_annotation: Callable[[Any], None] = _end_public
if hasattr(torch.autograd, "_record_function_with_args_enter"):
    # record_function takes 20 µs a call because both of its ends go through the dispatcher. This pair opens the same
    # user annotation in a quarter of that; it is not public, so the public one stands in where it is missing.
    _begin_annotation = torch.autograd._record_function_with_args_enter
    _end_annotation = torch.autograd._record_function_with_args_exit


class LayerSpans:
    """Hooks on a model that write its layers' calls into the running trace.

    The hooks are module-level functions that look their state up here, so that a model which is copied or pickled
    while it is being recorded drags neither the recorder nor thread-local state along.

    Args:
        model: The model; it is changed only between ``install`` and ``remove``.

    Attributes:
        called: The layers with hooks, by key.
        threads: The calling thread's open spans.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._counters: dict[str, Iterator[int]] = {}
        self.called: dict[int, _CalledLayer] = {}
        self.threads = _ThreadState()
        self._undo: list[Callable[[], None]] = []

    def install(self) -> None:
        """Put the hooks on the modules that the model has now; calls are counted on from earlier installations."""
        global _installed
        for layer in name_layers(self._model):
            if _is_optimized_module(layer.module) or not layer.compiled:
                key = _key(layer.module)
                hooked = self._hook(layer.module)
            else:
                key = id(layer.module)
                hooked = self._wrap_compiled_call(layer.module)
            if hooked:
                calls = self._counters.setdefault(layer.name, count(1))
                self.called[key] = _CalledLayer(_text_before_call(layer), calls, layer.module)
        _installed = self

    def remove(self) -> None:
        """Take the hooks off again and close what an interrupted forward left open; harmless if none are there."""
        global _installed
        if _installed is self:
            _installed = None
        while self._undo:
            self._undo.pop()()
        self.called = {}
        self._close_down_to(self.threads.open, 0)
        # Spans that other threads left open end when their handles die with this object.
        self.threads = _ThreadState()

    def _hook(self, module: nn.Module) -> bool:
        try:
            before = module.register_forward_pre_hook(_open_span)
            self._undo.append(before.remove)
            after = module.register_forward_hook(_close_span, always_call=True)
        except RuntimeError:  # a module compiled by torch.jit.script takes no hooks
            return False
        self._undo.append(after.remove)
        return True

    def _wrap_compiled_call(self, module: nn.Module) -> bool:
        # Module.compile() makes the hooks part of the compiled region, where they could only cause a recompilation.
        compiled_call = module._compiled_call_impl
        key = id(module)

        def call(*args: Any, **kwargs: Any) -> Any:
            self.open(key)
            try:
                return compiled_call(*args, **kwargs)
            finally:
                self.close(key)

        module.__dict__["_compiled_call_impl"] = call
        self._undo.append(lambda: module.__dict__.__setitem__("_compiled_call_impl", compiled_call))
        return True

    def open(self, key: int) -> None:
        """Begin a span on this thread, for the layer that was installed under the key."""
        layer = self.called.get(key)
        if layer is not None:
            self.threads.open.append((key, _begin_annotation(f"{layer.text_before_call}{next(layer.calls)}")))

    def close(self, key: int) -> None:
        """End this thread's innermost span of the layer, and those inside it that an interrupt left open."""
        spans = self.threads.open
        if spans and spans[-1][0] == key:
            _end_annotation(spans.pop()[1])
            return
        for position in range(len(spans) - 1, -1, -1):
            if spans[position][0] == key:
                self._close_down_to(spans, position)
                return

    @staticmethod
    def _close_down_to(spans: list[tuple[int, Any]], position: int) -> None:
        while len(spans) > position:
            _end_annotation(spans.pop()[1])


_installed: LayerSpans | None = None
"""The spans whose hooks are in place; PyTorch has one profiler in a process, so there is at most one."""


def _text_before_call(layer: NamedLayer) -> str:
    # All but the number is formatted once for a layer and not once for a call.
    return format_layer_span(LayerSpan(layer.name, layer.type, call=0)).removesuffix("0")


def _key(module: nn.Module) -> int:
    # DataParallel's replicas are shallow copies: new modules that share this dictionary with the module they stand for.
    return id(module._forward_hooks)


# A forward call of a small layer takes a few µs, and so does every Python call between it and its span. So the usual
# way of both hooks is written out here, in one function each; LayerSpans.open and close do the same.


def _open_span(module: nn.Module, args: Any) -> None:  # noqa: ARG001 - a hook's signature
    spans = _installed
    if spans is None or is_dynamo_compiling():
        return
    key = id(module._forward_hooks)
    layer = spans.called.get(key)
    if layer is not None:
        text, calls, _ = layer
        spans.threads.open.append((key, _begin_annotation(f"{text}{next(calls)}")))


def _close_span(module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG001
    spans = _installed
    if spans is None or is_dynamo_compiling():
        return
    key = id(module._forward_hooks)
    opened = spans.threads.open
    if opened and opened[-1][0] == key:
        _end_annotation(opened.pop()[1])
    else:
        spans.close(key)
