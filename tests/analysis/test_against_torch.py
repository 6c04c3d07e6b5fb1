"""Figures against PyTorch's own: its table of operators, and its FLOP counter."""

from __future__ import annotations

import pytest

import profiler_kit
from profiler_kit.analysis.problems import flops

torch = pytest.importorskip("torch", reason="compares with PyTorch's own figures")


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> profiler_kit.profile:
    layers = [torch.nn.Conv2d(3, 8, 3, padding=1), torch.nn.BatchNorm2d(8), torch.nn.Flatten(), torch.nn.Linear(512, 4)]
    model = torch.nn.Sequential(*layers)
    with profiler_kit.profile(model, tmp_path_factory.mktemp("run"), tensorboard=False) as prof:
        for _ in range(3):
            model(torch.randn(4, 3, 8, 8)).pow(2).mean().backward()
    return prof


def test_operator_table_equals_key_averages(recorded: profiler_kit.profile) -> None:
    ours = recorded.report().operators.table.set_index("name")
    theirs = {row.key: row for row in recorded.key_averages() if row.key.startswith("aten::")}
    assert set(theirs) == {name for name in ours.index if name.startswith("aten::")}
    for name, row in theirs.items():
        assert ours.loc[name, "calls"] == row.count, name
        assert ours.loc[name, "host_self_ns"] == pytest.approx(row.self_cpu_time_total * 1000, abs=2 * row.count), name


def test_every_layer_has_both_passes(recorded: profiler_kit.profile) -> None:
    result = recorded.report().layers
    rows = result.table.set_index("layer")
    assert rows.index.tolist() == ["", "0", "1", "2", "3"]
    assert rows["type"].tolist() == ["Sequential", "Conv2d", "BatchNorm2d", "Flatten", "Linear"]
    assert (rows["calls"] == 3).all()
    assert (rows.loc[["0", "1", "3"], ["forward_host_ns", "backward_host_ns"]] > 0).to_numpy().all()
    own = rows[["forward_host_self_ns", "backward_host_self_ns"]].to_numpy().sum()
    assert own + result.host_unattributed_ns == result.host_total_ns
    assert (rows.loc["", "forward_host_ns"], rows.loc["", "backward_host_ns"]) == (
        rows["forward_host_self_ns"].sum(),
        rows["backward_host_self_ns"].sum(),
    )


@pytest.mark.parametrize("batch", [1, 7])
@pytest.mark.parametrize("kernel", [1, 3, 7])
@pytest.mark.parametrize(("stride", "groups", "dilation"), [(1, 1, 1), (2, 1, 1), (1, 3, 2), (3, 3, 1)])
def test_convolution_flops_equal_torchs(batch: int, kernel: int, stride: int, groups: int, dilation: int) -> None:
    """A grouped convolution is as many separate ones: torch's counter takes a grouped weight gradient for `groups`

    times what it is, so the separate convolutions are counted.
    """
    layer = torch.nn.Conv2d(6, 12, kernel, stride, padding=kernel // 2, groups=groups, dilation=dilation)
    y = layer(torch.randn(batch, 6, 19, 17))
    part = torch.nn.Conv2d(6 // groups, 12 // groups, kernel, stride, padding=kernel // 2, dilation=dilation)
    forward, backward, _ = _counted(part, torch.randn(batch, 6 // groups, 19, 17, requires_grad=True))
    ours = flops.convolution_flops(layer.weight.shape, y.shape)
    assert ours == groups * forward
    assert flops.backward_flops(ours) == groups * backward


@pytest.mark.parametrize("shape", [(1, 1024), (32, 1024), (4, 5, 1024)])
def test_linear_flops_equal_torchs(shape: tuple[int, ...]) -> None:
    layer = torch.nn.Linear(1024, 512)
    forward, backward, y = _counted(layer, torch.randn(shape, requires_grad=True))
    ours = flops.linear_flops(layer.weight.shape, y.shape)
    assert ours == forward
    assert flops.backward_flops(ours) == backward


def _counted(layer: torch.nn.Module, x: torch.Tensor) -> tuple[int, int, torch.Tensor]:
    from torch.utils.flop_counter import FlopCounterMode

    with FlopCounterMode(display=False) as counter:
        y = layer(x)
        forward = counter.get_total_flops()
        y.sum().backward()
    return forward, counter.get_total_flops() - forward, y


def test_bytes_are_every_tensor_once() -> None:
    x, w, y = (2, 3, 8, 8), (5, 3, 3, 3), (2, 5, 6, 6)
    values = 2 * 3 * 64 + 5 * 27 + 5 + 2 * 5 * 36
    assert flops.forward_bytes(x, w, y, bias=5, itemsize=4) == 4 * values
    gradients = 2 * 3 * 64 + 5 * 27
    assert flops.backward_bytes(x, w, y, bias=5, itemsize=4) == 4 * (values + gradients)
