"""Wrap your own training loop: a small CNN on synthetic images, recorded for three steps and explained.

python examples/wrap_your_model.py --logdir runs/my_model
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import profiler_kit


def make_model() -> nn.Module:
    return nn.Sequential(
        nn.Conv2d(3, 32, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, kernel_size=3, padding=1),
        nn.ReLU(),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(64, 10),
    )


def main() -> None:
    parser = argparse.ArgumentParser(description="Record a few training steps of a small CNN and report on them.")
    parser.add_argument("--logdir", default="runs/wrap_your_model", help="where the trace goes (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=5, help="training steps; 5 fill one cycle (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=16, help="images in a batch (default: %(default)s)")
    parser.add_argument("--channels-last", action="store_true", help="keep images in NHWC order")
    options = parser.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    layout = torch.channels_last if options.channels_last else torch.contiguous_format
    model = make_model().to(device, memory_format=layout)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01)

    # One step to settle, one with the profiler running but not recording, then three recorded ones.
    with profiler_kit.profile(model, options.logdir, wait=1, warmup=1, active=3) as prof:
        for _ in range(options.steps):
            images = torch.randn(options.batch, 3, 64, 64, device=device).to(memory_format=layout)
            labels = torch.randint(10, (options.batch,), device=device)
            optimizer.zero_grad()
            nn.functional.cross_entropy(model(images), labels).backward()
            optimizer.step()
            prof.step()

    print(prof.report())


if __name__ == "__main__":
    main()
