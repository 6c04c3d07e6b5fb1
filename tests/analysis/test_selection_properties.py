"""Random traces whose truth is known while they are written: the books close and everything is found again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiler_kit.analysis.passes.passes import passes
from profiler_kit.analysis.selection.selection import selection
from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.formats import read_trace
from tests.builders import TraceBuilder

CONV_NEST = ("aten::conv2d", "aten::convolution", "aten::_convolution", "aten::cudnn_convolution")
LINEAR_NEST = ("aten::linear", "aten::matmul", "aten::mm")
NAMES = ("volta_sgemm_64x64_nt", "cudnn::ops::nchwToNhwcKernel<float>", "an unheard-of kernel", "wgrad_alg0_engine")
SLOT = 1000


@dataclass
class Truth:
    """What was written: ns by call class, problem and layer."""

    by_class: Counter[str] = field(default_factory=Counter)
    by_problem: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    calls: Counter[tuple[Any, ...]] = field(default_factory=Counter)
    by_layer: Counter[str | None] = field(default_factory=Counter)

    def spend(self, kind: str, problem: tuple[Any, ...] | None, layer: str | None, us: int) -> None:
        self.by_class[kind] += us * 1000
        self.by_layer[layer] += us * 1000
        if problem is not None:
            self.by_problem[problem] += us * 1000


work = st.lists(
    st.tuples(st.sampled_from(["kernel", "graph", "memset"]), st.integers(1, 40), st.sampled_from(NAMES)), max_size=4
)
call = st.fixed_dictionaries(
    {
        "kind": st.sampled_from(["conv", "linear", "other", "no operator", "no launch"]),
        "thread": st.integers(1, 3),
        "stream": st.integers(7, 9),
        "levels": st.integers(1, 4),
        "channels": st.integers(1, 3),
        "layer": st.sampled_from([None, "a", "a.b"]),
        "work": work,
        "gpu_start": st.integers(0, 500),
    }
)


def write(calls: list[dict[str, Any]]) -> tuple[TraceBuilder, Truth]:
    """Write the calls, each in a time slot of its own on its thread; kernels overlap as they like."""
    builder, truth = TraceBuilder(), Truth()
    for number, one in enumerate(calls):
        start, thread, kind = number * SLOT, one["thread"], one["kind"]
        layer = one["layer"] if kind not in ("no launch", "no operator") else None
        if layer is not None:
            builder.annotation(f"layer: {layer} (Net) #{number + 1}", start, SLOT - 100, tid=thread)
        problem = write_operators(builder, one, start)
        if problem is not None:
            truth.calls[problem] += 1
        for place, (what, us, name) in enumerate(one["work"]):
            at = None if kind == "no launch" else start + 100 + 100 * place
            gpu = one["gpu_start"] + 7 * number
            if what == "graph" and at is not None:
                builder.graph([(name, gpu, us), (name, gpu + us, 2 * us)], launched_at=at, tid=thread)
                us *= 3
            elif what == "memset" and at is not None and thread == 1:
                builder.copy("Memset (Device)", gpu, us, launched_at=at, size=None)
            else:
                builder.kernel(name, gpu, us, launched_at=at, tid=thread, stream=one["stream"])
            truth.spend(kind, problem, layer, us)
    return builder, truth


def write_operators(builder: TraceBuilder, one: dict[str, Any], start: int) -> tuple[Any, ...] | None:
    """Write the nested operators of one call; returns what tells its row, None if it is in no row."""
    nests = {"conv": CONV_NEST, "linear": LINEAR_NEST, "other": ("aten::relu", "aten::clamp_min")}
    nest = nests.get(one["kind"], ())[: one["levels"]]
    channels = one["channels"]
    dims = [[2, channels, 8, 8], [4, channels, 3, 3]] if one["kind"] == "conv" else [[2, channels], [4, channels]]
    for depth, name in enumerate(nest):
        arguments = {"Input Dims": dims} if depth == 0 else {}
        builder.op(name, start + 1 + depth, SLOT - 200 - 2 * depth, tid=one["thread"], **arguments)
    return (nest[0], tuple(dims[0])) if one["kind"] in ("conv", "linear") else None


@given(st.lists(call, max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_everything_is_attributed_and_the_books_close(calls: list[dict[str, Any]]) -> None:
    builder, truth = write(calls)
    with TemporaryDirectory() as folder:
        trace = read_trace(builder.write(Path(folder) / "t.json"))
    total = sum(truth.by_class.values())
    if not total:
        return  # without GPU activity the ledger is one of host time
    nowhere = truth.by_class["no launch"] + truth.by_class["no operator"]
    found = passes(trace)
    for op in ("conv", "linear", "all"):
        result = selection(trace, op, found=found)
        expected = sum(truth.by_class[kind] for kind in ("conv", "linear") if op in (kind, "all"))
        assert (result.total_ns, result.attributed_ns) == (total, expected)
        assert (result.other_operators_ns, result.no_operator_ns) == (total - expected - nowhere, nowhere)
        table = result.table
        assert table["device_ns"].sum() == expected == result.kernels["total_ns"].sum()
        assert result.sequences["total_ns"].sum() == expected
        parts = table[["main_ns", "layout_transform_ns", "helper_ns", "memset_ns"]].sum(axis=1)
        assert parts.tolist() == table["device_ns"].tolist()
        for row in table.to_dict("records"):
            key = (row["operator"], row["input_shape"])
            assert (row["device_ns"], row["calls"]) == (truth.by_problem[key], truth.calls[key])
        assert len(table) == len(
            [key for key in truth.calls if op in ("all", "conv" if "conv" in key[0] else "linear")]
        )


@given(st.lists(call, max_size=12))
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_layers_get_what_was_launched_in_them(calls: list[dict[str, Any]]) -> None:
    builder, truth = write(calls)
    with TemporaryDirectory() as folder:
        trace = read_trace(builder.write(Path(folder) / "t.json"))
    result = layer_times(trace)
    own = result.table["forward_device_self_ns"] + result.table["backward_device_self_ns"]
    assert dict(zip(result.table["layer"], own, strict=True)) == {
        layer: truth.by_layer[layer] for layer in result.table["layer"]
    }
    assert result.device_unattributed_ns == truth.by_layer[None]
    assert own.sum() + result.device_unattributed_ns == result.device_total_ns == sum(truth.by_class.values())
