"""The text of the ranges that the recorder writes into a trace, and that readers take apart again.

Recorder and readers meet only in the trace file, so the format lives here, once.
"""

from __future__ import annotations

from typing import NamedTuple

LAYER_PREFIX = "layer: "
"""Every layer span starts with this; nothing that PyTorch writes by itself does."""

METADATA_KEY = "profiler_kit"
"""Top-level key of a trace file under which the recorder keeps what it knows (environment, layers, options)."""


class LayerSpan(NamedTuple):
    """One call of one ``nn.Module``.

    Attributes:
        layer: Fully qualified module name as in ``named_modules()``; the root module is ``""``.
        type: Class name of the module.
        call: Number of this call among the module's recorded calls, from 1.
    """

    layer: str
    type: str
    call: int


def format_layer_span(span: LayerSpan) -> str:
    """Return the annotation text of a layer span, e.g. ``layer: features.0 (Conv2d) #3``."""
    return f"{LAYER_PREFIX}{span.layer} ({span.type}) #{span.call}"


def parse_layer_span(text: str) -> LayerSpan | None:
    """Take the text of a layer span apart; None if it is not one."""
    if not text.startswith(LAYER_PREFIX):
        return None
    body, sharp, call = text[len(LAYER_PREFIX) :].rpartition(" #")
    layer, bracket, type_name = body.rpartition(" (")
    if not (sharp and bracket and type_name.endswith(")") and call.isdecimal()):
        return None
    return LayerSpan(layer, type_name[:-1], int(call))
