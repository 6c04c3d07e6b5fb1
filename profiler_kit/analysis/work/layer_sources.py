"""Where a trace says which layer ran when: the recorder's spans, or the module calls that Python stacks hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pandas as pd

from profiler_kit.analysis.work.coded_names import told_by_name
from profiler_kit.trace import Trace
from profiler_kit.trace.joins import NONE, parent_rows

MODULE_PREFIX: Final = "nn.Module: "
"""How torch.profiler names module calls among its Python functions (``with_stack``, ``with_modules``)."""

PATH_SEPARATOR: Final = "/"
"""Between the objects of a path. Not a dot, so that a path is not taken for a qualified name."""

FROM_SPANS: Final = "layer spans recorded by profiler_kit"
FROM_MODULES: Final = (
    "module calls in the recorded Python stacks: paths of object numbers (Type_n/…), "
    "since such a trace has no qualified names"
)
FROM_NOTHING: Final = "none: the trace has no layer spans and no module calls, so operators are as far as it goes"


@dataclass(frozen=True)
class LayerSpans:
    """The calls of layers.

    Attributes:
        table: ``layer``, ``type``, ``call``, ``thread``, ``start_ns``, ``duration_ns`` as in ``trace.layers``, in the
            same order; text as categories, of which only those are there that occur, in order.
        source: Where they come from, in words.
    """

    table: pd.DataFrame
    source: str


def layer_spans(trace: Trace) -> LayerSpans:
    """Take the calls of layers from the best source that the trace has."""
    if len(trace.layers):
        text = {name: _own_categories(trace.layers[name]) for name in ("layer", "type")}
        return LayerSpans(trace.layers.assign(**text), FROM_SPANS)
    modules = _module_calls(trace)
    return LayerSpans(modules, FROM_MODULES if len(modules) else FROM_NOTHING)


def layer_parameters(trace: Trace) -> Mapping[str, int]:
    """Return the number of parameters of each layer that the recorder wrote down, by qualified name."""
    layers = trace.recorder_facts.get("layers")
    found: dict[str, Any] = {
        str(name): facts.get("parameters")
        for name, facts in (layers.items() if isinstance(layers, dict) else ())
        if isinstance(facts, dict)
    }
    return {name: count for name, count in found.items() if type(count) is int}


def _own_categories(names: pd.Series) -> pd.Series:
    """Return names with only those categories that occur, in order."""
    used = names.cat.remove_unused_categories()
    return used.cat.reorder_categories(sorted(used.cat.categories))


def _module_calls(trace: Trace) -> pd.DataFrame:
    """Return the module calls among the Python functions, each object under the path of its first call."""
    functions = trace.python_functions
    columns = ["name", "thread", "start_ns", "duration_ns"]
    is_module = told_by_name(functions["name"], lambda name: name.startswith(MODULE_PREFIX))
    rows = functions.loc[is_module, columns]
    start = rows["start_ns"].to_numpy()
    parents = parent_rows(rows["thread"].to_numpy(np.int64), start + rows["duration_ns"].to_numpy())
    number, names = pd.factorize(rows["name"])
    objects = [str(name).removeprefix(MODULE_PREFIX) for name in names]
    first = np.unique(number, return_index=True)[1]
    paths: list[str] = []
    # An object's first call lies inside the first call, or a later one, of an object that was called before.
    for place, parent in zip(objects, parents[first].tolist(), strict=True):
        paths.append(place if parent == NONE else f"{paths[number[parent]]}{PATH_SEPARATOR}{place}")
    return pd.DataFrame(
        {
            "layer": pd.Categorical(paths)[number],
            "type": pd.Categorical([place.rpartition("_")[0] or place for place in objects])[number],
            "call": rows.groupby(number).cumcount().to_numpy() + 1,
            "thread": rows["thread"].to_numpy(),
            "start_ns": start,
            "duration_ns": rows["duration_ns"].to_numpy(),
        }
    )
