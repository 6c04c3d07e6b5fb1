"""The ledger and the layers of a small network that is recorded here, against PyTorch's own FLOP counter."""

from __future__ import annotations

import pytest

import profiler_kit
from profiler_kit.analysis.selection.selection import Selection, selection
from profiler_kit.analysis.times.layer_times import LayerTimes, layer_times
from profiler_kit.formats import find_traces, read_trace

torch = pytest.importorskip("torch", reason="records a network and compares with PyTorch's own figures")

STEPS = 2


def network() -> torch.nn.Module:
    """Plain, strided, transposed and depthwise convolutions, and a dense layer."""
    torch.manual_seed(0)
    return torch.nn.Sequential(
        torch.nn.Conv2d(3, 8, 3, padding=1),
        torch.nn.ReLU(),
        torch.nn.Conv2d(8, 8, 3, stride=2, padding=1, bias=False),
        torch.nn.ConvTranspose2d(8, 4, 4, stride=2, padding=1),
        torch.nn.Conv2d(4, 6, (3, 1), dilation=2, padding="same"),
        torch.nn.Flatten(),
        torch.nn.Linear(6 * 16 * 16, 5),
    )


def step(model: torch.nn.Module) -> None:
    model(torch.ones(2, 3, 16, 16, requires_grad=True)).pow(2).mean().backward()


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> tuple[Selection, LayerTimes]:
    model, logdir = network(), tmp_path_factory.mktemp("run")
    with profiler_kit.profile(model, logdir, tensorboard=False):
        for _ in range(STEPS):
            step(model)
    trace = read_trace(find_traces(logdir)[0])
    return selection(trace), layer_times(trace)


def counted_flops() -> int:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        step(network())
    return counter.get_total_flops()


def test_flops_equal_torchs(results: tuple[Selection, LayerTimes]) -> None:
    table = results[0].table
    assert (table["flops"].fillna(0) * table["calls"]).sum() == STEPS * counted_flops()
    root = results[1].table.set_index("layer").loc[""]
    assert root["flops"] == STEPS * counted_flops()


def test_layers_add_up_to_the_total(results: tuple[Selection, LayerTimes]) -> None:
    layers = results[1]
    own = layers.table[["forward_host_self_ns", "backward_host_self_ns"]].to_numpy().sum()
    assert own + layers.host_unattributed_ns == layers.host_total_ns
    rows = layers.table.set_index("layer")
    inner = rows.drop(index="")["flops"].sum()
    assert rows.loc["", "flops"] == inner
    model = network()
    assert rows["parameters"].to_dict() == {
        name: sum(p.numel() for p in module.parameters(recurse=False)) for name, module in model.named_modules()
    }


def test_every_problem_names_its_layer(results: tuple[Selection, LayerTimes]) -> None:
    table = results[0].table
    for layer in ("0", "2", "3", "4", "6"):
        rows = table[[layer in layers for layers in table["layers"]]]
        assert len(rows) > 1, layer
        assert "forward" in set(rows["pass"]), layer
    assert (table.loc[table["operator"] == "aten::conv_transpose2d", "transposed"]).all()
    assert table["selections"].gt(0).all()


def test_gradients_of_the_dense_layer_are_told_apart(results: tuple[Selection, LayerTimes]) -> None:
    dense = results[0].table[[layers == ("6",) for layers in results[0].table["layers"]]]
    assert sorted(dense["pass"]) == ["dgrad", "forward", "wgrad"]


def test_books_close_on_the_host(results: tuple[Selection, LayerTimes]) -> None:
    ledger = results[0]
    assert ledger.of == "host operators"
    assert ledger.table["device_ns"].sum() == ledger.attributed_ns
    assert ledger.attributed_ns + ledger.unattributed_ns == ledger.total_ns == results[1].host_total_ns
