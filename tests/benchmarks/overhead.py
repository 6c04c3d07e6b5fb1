"""What recording costs: step time bare, under plain torch.profiler, and under the recorder without and with the kernels
of oneDNN and MKL, interleaved in one run.

    python tests/benchmarks/overhead.py [--steps 20] [--rounds 12]

The target is at most 1.08 times the step time under plain torch.profiler with the same options, and less than 5 %
of the recorder's step time for the kernels of the CPU's libraries if they are to be captured without being asked for,
as they are. So "with CPU kernels" is what ``profiler_kit.profile`` does by default.
"""

from __future__ import annotations

import argparse
import statistics
import tempfile
import time
from collections import defaultdict
from contextlib import nullcontext
from itertools import permutations

import torch
from torch import nn

from profiler_kit.record import Recorder


def convolutions(channels, depth, image):
    """Return a CNN of ``depth`` conv-norm-ReLU blocks with an input for it."""
    layers = []
    for index in range(depth):
        inputs = 3 if index == 0 else channels
        layers.append(nn.Sequential(nn.Conv2d(inputs, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()))
    model = nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))
    return model, torch.randn(8, 3, image, image)


def perceptron():
    """Return an MLP with an input for it."""
    model = nn.Sequential(nn.Linear(256, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10))
    return model, torch.randn(32, 256)


WORKLOADS = {
    "small CNN": lambda: convolutions(16, 3, 32),
    "medium CNN": lambda: convolutions(32, 16, 32),
    "MLP": perceptron,
}


def plain_profiler(logdir):
    """Return torch.profiler as the recorder uses it; it exports too, because that leaves the allocator another one."""
    return torch.profiler.profile(
        schedule=lambda _: torch.profiler.ProfilerAction.RECORD,
        on_trace_ready=torch.profiler.tensorboard_trace_handler(logdir, use_gzip=True),
        record_shapes=True,
    )


def step_times_ns(model, inputs, recording, steps):
    """Return the times of ``steps`` training steps inside ``recording``, without its start and its export."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)
    times = []
    with recording as profiler:
        for _ in range(steps):
            start_ns = time.perf_counter_ns()
            optimizer.zero_grad()
            model(inputs).sum().backward()
            optimizer.step()
            if profiler is not None:
                profiler.step()
            times.append(time.perf_counter_ns() - start_ns)
    # The first step of a block pays for the profiler's buffers and for cold caches.
    return times[1:]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--steps", type=int, default=20, help="steps in each block")
    parser.add_argument("--rounds", type=int, default=12, help="blocks of each kind and workload")
    options = parser.parse_args()

    print(
        f"{'workload':<12}{'bare':>12}{'torch.profiler':>17}{'Recorder':>12}{'/ torch.profiler':>18}"
        f"{'with CPU kernels':>19}{'/ torch.profiler':>18}{'their cost':>13}"
    )
    with tempfile.TemporaryDirectory() as logdir:
        for name, make in WORKLOADS.items():
            model, inputs = make()
            kinds = {
                "bare": nullcontext,
                "plain": lambda: plain_profiler(logdir),
                "recorder": lambda model=model: Recorder(model, logdir, cpu_kernels=False),
                "kernels": lambda model=model: Recorder(model, logdir, cpu_kernels=True),
            }
            orders = list(permutations(kinds))
            times = defaultdict(list)
            for turn in range(options.rounds):
                # All orders take turns, so that no kind always runs after the same other one.
                for kind in orders[turn % len(orders)]:
                    times[kind] += step_times_ns(model, inputs, kinds[kind](), options.steps)
            bare, plain, recorder, kernels = (statistics.median(times[kind]) / 1e6 for kind in kinds)
            print(
                f"{name:<12}{bare:>9.3f} ms{plain:>14.3f} ms{recorder:>9.3f} ms{recorder / plain:>17.3f}×"
                f"{kernels:>16.3f} ms{kernels / plain:>17.3f}×{kernels / recorder - 1:>+13.1%}",
                flush=True,
            )


if __name__ == "__main__":
    main()
