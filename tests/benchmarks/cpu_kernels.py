"""What recording the kernels of oneDNN and MKL costs: recorded steps with and without, taking turns in one recording.

    python tests/benchmarks/cpu_kernels.py [WORKLOAD …]

They are recorded without being asked for where only the CPU is, as long as this is less than 5 % of a recorded step.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
import warnings

import torch
from torch import nn

from profiler_kit.record import Recorder

RECORDINGS = 6
SECONDS = 1.0
"""Time of the steps of one recording, about."""


def convolutions(channels, depth):
    """Return a CNN of ``depth`` conv-norm-ReLU blocks."""
    layers = []
    for index in range(depth):
        layers += [nn.Conv2d(channels if index else 3, channels, 3, padding=1), nn.BatchNorm2d(channels), nn.ReLU()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def depthwise(channels, depth):
    """Return a CNN of ``depth`` depthwise-separable blocks."""
    layers = [nn.Conv2d(3, channels, 3, stride=2, padding=1)]
    for _ in range(depth):
        for convolution in (
            nn.Conv2d(channels, channels, 3, padding=1, groups=channels),
            nn.Conv2d(channels, channels, 1),
        ):
            layers += [convolution, nn.BatchNorm2d(channels), nn.ReLU6()]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(channels, 10))


def perceptron(inputs, hidden):
    """Return an MLP."""
    return nn.Sequential(
        nn.Linear(inputs, hidden), nn.ReLU(), nn.Linear(hidden, hidden), nn.ReLU(), nn.Linear(hidden, 10)
    )


class Last(nn.Module):
    """A recurrent layer whose last output counts."""

    def __init__(self, recurrent):
        super().__init__()
        self.recurrent, self.head = recurrent, nn.Linear(64, 10)

    def forward(self, sequence):
        return self.head(self.recurrent(sequence)[0][:, -1])


WORKLOADS = {
    "tiny MLP": lambda: (perceptron(32, 32), torch.randn(8, 32), True),
    "MLP": lambda: (perceptron(256, 512), torch.randn(32, 256), True),
    "MLP, serving": lambda: (perceptron(256, 512), torch.randn(1, 256), False),
    "small CNN": lambda: (convolutions(16, 3), torch.randn(8, 3, 32, 32), True),
    "small CNN, serving": lambda: (convolutions(16, 3), torch.randn(1, 3, 32, 32), False),
    "medium CNN": lambda: (convolutions(32, 16), torch.randn(8, 3, 32, 32), True),
    "depthwise CNN": lambda: (depthwise(32, 8), torch.randn(8, 3, 64, 64), True),
    "LSTM": lambda: (Last(nn.LSTM(64, 64, batch_first=True)), torch.randn(8, 50, 64), True),
    "GRU": lambda: (Last(nn.GRU(64, 64, batch_first=True)), torch.randn(8, 50, 64), True),
    "transformer layer": lambda: (
        nn.TransformerEncoderLayer(128, 4, 256, batch_first=True),
        torch.randn(8, 64, 128),
        True,
    ),
}


def speak(level):
    """Let both libraries tell what they run, or be silent, as the recorder does at the ends of a cycle."""
    torch._C._verbose.mkldnn_set_verbose(level)
    torch._C._verbose.mkl_set_verbose(level)


def measure(model, inputs, training, logdir):
    """Return (median step time without in ns, median of the pairs' differences in ns, kernels of a step)."""
    optimizer = torch.optim.SGD(model.parameters(), lr=1e-3)

    def step():
        start_ns = time.perf_counter_ns()
        if training:
            optimizer.zero_grad()
            model(inputs).sum().backward()
            optimizer.step()
        else:
            with torch.no_grad():
                model(inputs)
        return time.perf_counter_ns() - start_ns

    warm = [step() for _ in range(20)]
    pairs = int(min(max(SECONDS * 1e9 / statistics.median(warm) / 2, 20), 400))
    without, differences, kernels = [], [], 0
    for _ in range(RECORDINGS):
        with Recorder(model, logdir, cpu_kernels=True, measure_peaks=False) as recording:
            speak(0)
            for _ in range(5):
                step()
            for turn in range(pairs):
                times = {}
                for level in ((0, 1), (1, 0))[turn % 2]:
                    speak(level)
                    times[level] = step()
                without.append(times[0])
                differences.append(times[1] - times[0])
        kernels += len(recording._cpu_kernels.kernels)
    return statistics.median(without), statistics.median(differences), kernels / len(differences)


def main():
    torch.manual_seed(0)
    warnings.simplefilter("ignore")
    print(f"{'workload':<20}{'recorded step':>15}{'more with them':>16}{'':>8}{'kernels':>9}{'each':>10}")
    for name in sys.argv[1:] or WORKLOADS:
        with tempfile.TemporaryDirectory() as logdir:
            step_ns, more_ns, kernels = measure(*WORKLOADS[name](), logdir)
        print(
            f"{name:<20}{step_ns / 1e3:>12,.1f} µs{more_ns / 1e3:>13.1f} µs{more_ns / step_ns:>+8.1%}{kernels:>9.0f}"
            f"{more_ns / 1e3 / max(kernels, 1):>7.2f} µs",
            flush=True,
        )


if __name__ == "__main__":
    main()
