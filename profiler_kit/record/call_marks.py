"""A span around a module's call by the attribute that ``nn.Module.__call__`` looks at before anything else.

``Module.compile()`` keeps the compiled call in the module's own ``_compiled_call_impl``, and PyTorch calls that instead
of ``_call_impl`` if it is there. A mark in that place sees the whole call: the user's hooks, the gathers that FSDP
hangs on a module as hooks, and the forward. It costs half of what a pair of hooks does, because a module without any
hooks takes PyTorch's short way, and it leaves alone what looks for hooks: ``nn.TransformerEncoderLayer`` leaves its
fused kernel for them, and torch.compile traces them.

A module that is copied with its attributes must not take the mark of the one it was copied from along, which would call
that one's forward. ``Module.__getstate__`` leaves the attribute out, so that ``copy`` and ``pickle`` are safe; modules
that copy themselves in ways of their own are not marked; and DataParallel's replicas, for which PyTorch copies all
attributes, get marks of their own.
"""

from __future__ import annotations

import weakref
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import torch
from torch import nn
from torch.compiler import is_dynamo_compiling

from profiler_kit.record.annotations import begin_annotation, end_annotation
from profiler_kit.record.stand_ins import stand_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from types import CodeType

_PLACE: Final = "_compiled_call_impl"

_OWN_WAYS: Final = (
    "__call__",
    "__getstate__",
    "__reduce__",
    "__reduce_ex__",
    "__copy__",
    "__deepcopy__",
    "_replicate_for_data_parallel",
    _PLACE,
)
"""What a module must have from ``nn.Module`` for a mark to be looked at when it is called, and not to be copied."""


class CallMark:
    """What a module's call goes through while it is marked.

    Args:
        call: The call that the mark stands for.
        text: Text of the span, before the number of the call.
        calls: Numbers of the layer's calls.
        compiled_call: What ``Module.compile()`` had left in the mark's place, None if it was empty.
    """

    __slots__ = ("_call", "_calls", "_text", "compiled_call")

    def __init__(
        self, call: Callable[..., Any], text: str, calls: Iterator[int], compiled_call: Callable[..., Any] | None = None
    ) -> None:
        self._call = call
        self._text = text
        self._calls = calls
        self.compiled_call = compiled_call

    def __call__(self, /, *args: Any, **kwargs: Any) -> Any:
        """Call the module inside a span, which also an exception ends."""
        if is_dynamo_compiling():
            return self._call(*args, **kwargs)
        span = begin_annotation(f"{self._text}{next(self._calls)}")
        try:
            return self._call(*args, **kwargs)
        finally:
            end_annotation(span)

    def __reduce__(self) -> tuple[Any, ...]:
        """Be nothing in a copy whose class came to copy itself in a way of its own only after it was marked."""
        return type(None), ()

    def of_replica(self, replica: nn.Module) -> CallMark:
        """Return the mark for a copy of the marked module that has parameters of its own."""
        # The copy goes, and with it its parameters, as soon as the last other reference does.
        of = weakref.ref(replica)
        return CallMark(lambda *args, **kwargs: of()._call_impl(*args, **kwargs), self._text, self._calls)  # type: ignore[union-attr]


def users_compiled_call(module: nn.Module) -> Callable[..., Any] | None:
    """Return what ``Module.compile()`` has made of a module's call, also if it is marked; None without that."""
    call: Callable[..., Any] | None = getattr(module, _PLACE, None)
    return call.compiled_call if isinstance(call, CallMark) else call


class MarkedCalls:
    """The marks on the modules of one model."""

    def __init__(self) -> None:
        self._undo: list[Callable[[], None]] = []
        self._replicas: weakref.WeakSet[nn.Module] = weakref.WeakSet()

    def mark(self, module: nn.Module, text: str, calls: Iterator[int]) -> bool:
        """Mark a module; False, and nothing is changed, if that is not possible.

        Args:
            module: The module.
            text: Text of its spans, before the number of the call.
            calls: Where these numbers come from.
        """
        compiled_call = users_compiled_call(module)
        if compiled_call is None and not _takes_marks(module):
            return False
        call = module._call_impl if compiled_call is None else compiled_call
        mark = CallMark(call, text, calls, compiled_call)
        attributes = vars(module)
        before = {_PLACE: attributes[_PLACE]} if _PLACE in attributes else {}

        def take_off() -> None:
            # What the user has put there since, as Module.compile() does, stays.
            if attributes.get(_PLACE) is mark:
                del attributes[_PLACE]
                attributes.update(before)

        attributes[_PLACE] = mark
        if getattr(module, _PLACE) is not mark:
            take_off()
            return False
        self._undo.append(take_off)
        return True

    def watch_replicas(self) -> None:
        """Give the replicas that DataParallel makes of marked modules marks of their own from now on."""
        replicate = nn.Module._replicate_for_data_parallel

        def replicate_marked(module: nn.Module) -> nn.Module:
            replica: nn.Module = replicate(module)
            mark = vars(replica).get(_PLACE)
            if isinstance(mark, CallMark):
                vars(replica)[_PLACE] = mark.compiled_call or mark.of_replica(replica)
                self._replicas.add(replica)
            return replica

        self._undo.append(stand_in(nn.Module, replicate.__name__, replicate_marked))

    def remove(self) -> None:
        """Take all marks off again; harmless if there are none."""
        while self._undo:
            self._undo.pop()()
        for replica in self._replicas:
            if isinstance(vars(replica).get(_PLACE), CallMark):
                del vars(replica)[_PLACE]
        self._replicas.clear()


def _takes_marks(module: nn.Module) -> bool:
    # What is scripted or traced is copied without its attributes.
    return _pytorch_has_the_place() and (
        isinstance(module, torch.jit.ScriptModule)
        or all(getattr(type(module), name, None) is getattr(nn.Module, name, None) for name in _OWN_WAYS)
    )


def _pytorch_has_the_place() -> bool:
    """Return whether this PyTorch asks it when a module is called, and leaves it out when one is copied."""
    ways = (getattr(way, "__code__", None) for way in (nn.Module.__call__, nn.Module.__getstate__))
    asks, leaves_out = (code is not None and _PLACE in (*code.co_names, *code.co_consts) for code in ways)
    return asks and leaves_out


def let_dynamo_look_through(code: CodeType) -> None:
    """Have torch.compile start with what this code calls and not with it, which is there for a while only."""
    with suppress(AttributeError, TypeError):
        frames = torch._C._dynamo.eval_frame
        if hasattr(frames, "skip_code"):
            frames.skip_code(code)
        else:
            action = frames._FrameAction
            frames.set_code_exec_strategy(code, frames._FrameExecStrategy(action.SKIP, action.DEFAULT))


let_dynamo_look_through(CallMark.__call__.__code__)
