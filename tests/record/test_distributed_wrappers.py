"""Layers keep the names that the user gave them when PyTorch's distributed wrappers are around or inside the model."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

import profiler_kit
from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.formats import read_trace
from tests.record.recordings import SmallNet, images, layer_spans

distributed = pytest.importorskip("torch.distributed")
pytestmark = pytest.mark.skipif(not distributed.is_available(), reason="this build of PyTorch is not distributed")


@pytest.fixture(autouse=True)
def process_group() -> Iterator[None]:
    """A group of this process alone, as a training script on one machine would have."""
    distributed.init_process_group("gloo", rank=0, world_size=1, store=distributed.HashStore())
    yield
    distributed.destroy_process_group()


def data_parallel(model: nn.Module) -> nn.Module:
    return nn.parallel.DistributedDataParallel(model)


def sharded(model: nn.Module) -> nn.Module:
    from torch.distributed.device_mesh import init_device_mesh
    from torch.distributed.fsdp import fully_shard

    mesh = init_device_mesh("cpu", (1,))
    fully_shard(model.features, mesh=mesh)
    fully_shard(model, mesh=mesh)
    return model


def sharded_by_wrapping(model: nn.Module) -> nn.Module:
    from torch.distributed.fsdp import FullyShardedDataParallel
    from torch.distributed.fsdp.wrap import ModuleWrapPolicy

    policy = ModuleWrapPolicy({nn.Sequential})
    return FullyShardedDataParallel(model, auto_wrap_policy=policy, use_orig_params=True, device_id=torch.device("cpu"))


@pytest.mark.parametrize("wrap", [data_parallel, sharded, sharded_by_wrapping])
@pytest.mark.filterwarnings("ignore::FutureWarning", "ignore::UserWarning", "ignore::DeprecationWarning")
def test_training_steps_are_those_of_the_users_layers(tmp_path: Path, wrap: Callable[[Any], nn.Module]) -> None:
    torch.manual_seed(0)
    bare = SmallNet()
    with profiler_kit.profile(bare, tmp_path / "bare", tensorboard=False) as expected:
        bare(images()).sum().backward()
    model = wrap(SmallNet())
    with profiler_kit.profile(model, tmp_path / "wrapped", tensorboard=False) as prof:
        model(images()).sum().backward()
    (path,), (bare_path,) = prof.trace_paths, expected.trace_paths
    assert [(span.layer, span.type) for span in layer_spans(path)] == [
        (span.layer, span.type) for span in layer_spans(bare_path)
    ]
    times = layer_times(read_trace(path))
    rows = times.table.set_index("layer")
    own = times.table[["forward_host_self_ns", "backward_host_self_ns"]].to_numpy().sum()
    assert own + times.host_unattributed_ns == times.host_total_ns
    for layer in ("features.0", "heads.0", "heads.1"):
        assert rows.loc[layer, "forward_host_ns"] > 0, layer
        assert rows.loc[layer, "backward_host_ns"] > 0, layer
