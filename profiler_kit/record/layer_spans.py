"""A range in the trace around every forward call of every module.

PyTorch's own module view needs Python stacks, which cost more than the layers themselves. One mark on a module's call,
or two hooks where it cannot be marked, and one user annotation a call give the same answer, also for the kernels that
the layer launches on a GPU.

A span is the whole call as the module's caller sees it: the user's own hooks belong to it, and what FSDP2 gathers and
frees in hooks of the module. What a wrapper does around the call, as DistributedDataParallel and the FSDP of PyTorch 1
do, belongs to whatever is around the wrapper.
"""

from __future__ import annotations

import functools
import threading
from itertools import count
from typing import TYPE_CHECKING, Any, NamedTuple

import torch
from torch.compiler import is_dynamo_compiling

from profiler_kit.record.annotations import begin_annotation, end_annotation
from profiler_kit.record.call_marks import MarkedCalls, let_dynamo_look_through
from profiler_kit.record.layer_names import NamedLayer, name_layers
from profiler_kit.record.stand_ins import stand_in
from profiler_kit.trace.spans import LayerSpan, format_layer_span

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from torch import nn


class _ThreadState(threading.local):
    """Spans of hooked modules that are open on one thread, innermost last: the layer's key, the annotation's handle."""

    def __init__(self) -> None:
        self.open: list[tuple[int, Any]] = []


class _HookedLayer(NamedTuple):
    text_before_call: str
    calls: Iterator[int]
    module: nn.Module  # held so that its key is not given to another object while the hooks are in place


class LayerSpans:
    """Marks and hooks on a model that write its layers' calls into the running trace.

    The hooks are module-level functions that look their state up here, so that a model which is copied or pickled
    while it is being recorded drags neither the recorder nor thread-local state along.

    Args:
        model: The model; it is changed only between ``install`` and ``remove``.

    Attributes:
        hooked: The layers with hooks, by key.
        threads: The calling thread's open spans of these.
    """

    def __init__(self, model: nn.Module) -> None:
        self._model = model
        self._counters: dict[str, Iterator[int]] = {}
        self._marks = MarkedCalls()
        self.hooked: dict[int, _HookedLayer] = {}
        self.threads = _ThreadState()
        self._undo_hooks: list[Callable[[], None]] = []
        self._undo_stand_ins: list[Callable[[], None]] = []

    def install(self) -> None:
        """Mark the modules that the model has now; calls are counted on from earlier installations."""
        global _installed
        self._put_on()
        _installed = self
        recursive = torch.jit._recursive
        if hasattr(recursive, "create_script_module"):
            scripting = self._without_spans(recursive.create_script_module)
            self._undo_stand_ins.append(stand_in(recursive, "create_script_module", scripting))

    def remove(self) -> None:
        """Leave the modules as they were and close what an interrupted forward left open; harmless if nothing is on."""
        global _installed
        if _installed is self:
            _installed = None
        while self._undo_stand_ins:
            self._undo_stand_ins.pop()()
        self._take_off()
        self._close_down_to(self.threads.open, 0)
        # Spans that other threads left open end when their handles die with this object.
        self.threads = _ThreadState()

    def called(self) -> set[str]:
        """Return the names of the layers of which a call has been seen in Python."""
        # Its text is the only way to look at a count.
        return {name for name, calls in self._counters.items() if repr(calls) != repr(count(1))}

    def _put_on(self) -> None:
        self._marks.watch_replicas()
        for layer in name_layers(self._model):
            calls = self._counters.setdefault(layer.name, count(1))
            text = _text_before_call(layer)
            if not self._marks.mark(layer.module, text, calls):
                self._hook(layer.module, _HookedLayer(text, calls, layer.module))

    def _take_off(self) -> None:
        self._marks.remove()
        while self._undo_hooks:
            self._undo_hooks.pop()()
        self.hooked = {}

    def _hook(self, module: nn.Module, layer: _HookedLayer) -> None:
        # First and last of all hooks, so that the others run inside the span.
        try:
            before = module.register_forward_pre_hook(_open_span, prepend=True)
            self._undo_hooks.append(before.remove)
            after = module.register_forward_hook(_close_span, always_call=True)
        except RuntimeError:  # a module compiled by torch.jit.script takes no hooks
            return
        self._undo_hooks.append(after.remove)
        self.hooked[_key(module)] = layer

    def _without_spans(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """Return a function that finds the modules as they are without us: torch.jit.script would compile our hooks."""
        depth = 0

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal depth
            depth += 1
            self._take_off()
            try:
                return function(*args, **kwargs)
            finally:
                depth -= 1
                if _installed is self and not depth:
                    self._put_on()

        return call

    def close(self, key: int) -> None:
        """End this thread's innermost span of the layer, and those inside it that an interrupt left open."""
        spans = self.threads.open
        for position in range(len(spans) - 1, -1, -1):
            if spans[position][0] == key:
                self._close_down_to(spans, position)
                return

    @staticmethod
    def _close_down_to(spans: list[tuple[int, Any]], position: int) -> None:
        while len(spans) > position:
            end_annotation(spans.pop()[1])


_installed: LayerSpans | None = None
"""The spans whose hooks are in place; PyTorch has one profiler in a process, so there is at most one."""


def _text_before_call(layer: NamedLayer) -> str:
    # All but the number is formatted once for a layer and not once for a call.
    return format_layer_span(LayerSpan(layer.name, layer.type, call=0)).removesuffix("0")


def _key(module: nn.Module) -> int:
    # DataParallel's replicas are shallow copies: new modules that share this dictionary with the module they stand for.
    return id(module._forward_hooks)


def _open_span(module: nn.Module, args: Any) -> None:  # noqa: ARG001 - a hook's signature
    spans = _installed
    if spans is None or is_dynamo_compiling():
        return
    key = _key(module)
    layer = spans.hooked.get(key)
    if layer is not None:
        spans.threads.open.append((key, begin_annotation(f"{layer.text_before_call}{next(layer.calls)}")))


def _close_span(module: nn.Module, args: Any, output: Any) -> None:  # noqa: ARG001
    spans = _installed
    if spans is not None and not is_dynamo_compiling():
        spans.close(_key(module))


# Where torch.compile has skipped what is around a hook, it would take the hook by itself for code to compile, and in
# what it made of it `is_dynamo_compiling` would be true for ever.
for _function in (_open_span, _close_span, _key, LayerSpans.close, LayerSpans._close_down_to):
    let_dynamo_look_through(_function.__code__)
