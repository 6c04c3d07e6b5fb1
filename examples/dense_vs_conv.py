"""A dense layer against a convolution of your own sizes: both recorded in one trace, and reported on.

python examples/dense_vs_conv.py --image 56 --channels 64 128 --kernel 3 --features 4096 1000
"""

from __future__ import annotations

import argparse

import torch
from torch import nn

import profiler_kit


def main() -> None:
    parser = argparse.ArgumentParser(description="Record a dense layer and a convolution, and report on both.")
    parser.add_argument("--logdir", default="runs/dense_vs_conv", help="where the trace goes (default: %(default)s)")
    parser.add_argument("--batch", type=int, default=8, help="samples in a batch (default: %(default)s)")
    parser.add_argument("--features", type=int, nargs=2, default=(1024, 512), metavar=("IN", "OUT"))
    parser.add_argument("--channels", type=int, nargs=2, default=(3, 64), metavar=("IN", "OUT"))
    parser.add_argument("--image", type=int, default=32, help="height and width (default: %(default)s)")
    parser.add_argument("--kernel", type=int, default=3, help="odd kernel size (default: %(default)s)")
    parser.add_argument("--steps", type=int, default=10, help="recorded steps (default: %(default)s)")
    options = parser.parse_args()

    device = "cuda" if torch.cuda.is_available() else "cpu"
    dense = nn.Linear(*options.features)
    conv = nn.Conv2d(*options.channels, options.kernel, padding=options.kernel // 2)
    layers = nn.ModuleDict({"dense": dense, "conv": conv}).to(device)
    inputs = {
        "dense": torch.randn(options.batch, options.features[0], device=device, requires_grad=True),
        "conv": torch.randn(options.batch, options.channels[0], options.image, options.image, device=device),
    }
    inputs["conv"].requires_grad_()

    warmup = 3
    with profiler_kit.profile(layers, options.logdir, warmup=warmup, active=options.steps, repeat=1) as prof:
        for _ in range(warmup + options.steps):
            for name, layer in layers.items():
                layer(inputs[name]).sum().backward()
            prof.step()

    print(prof.report())


if __name__ == "__main__":
    main()
