"""A model with the convolutions of ResNet-50, to ask questions about.

profiler-kit predict examples.resnet50:resnet50 --input 32,3,224,224 --gpu H100 --dtype float16
"""

from __future__ import annotations

import torch
from torch import nn

STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))
"""Width and number of blocks (He et al., Deep Residual Learning for Image Recognition, table 1)."""

EXPANSION = 4


class Bottleneck(nn.Module):
    """1×1, 3×3 and 1×1 with a shortcut; the stride is in the 3×3, as in torchvision's."""

    def __init__(self, channels: int, width: int, stride: int) -> None:
        super().__init__()
        out = width * EXPANSION
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.conv2 = nn.Conv2d(width, width, 3, stride, padding=1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.conv3 = nn.Conv2d(width, out, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(out)
        self.downsample = nn.Identity()
        if stride != 1 or channels != out:
            self.downsample = nn.Sequential(nn.Conv2d(channels, out, 1, stride, bias=False), nn.BatchNorm2d(out))

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Add the block's result to its input."""
        y = torch.relu(self.bn1(self.conv1(x)))
        y = torch.relu(self.bn2(self.conv2(y)))
        return torch.relu(self.bn3(self.conv3(y)) + self.downsample(x))


def resnet50() -> nn.Sequential:
    """Make the model."""
    parts = {
        "conv1": nn.Conv2d(3, 64, 7, 2, padding=3, bias=False),
        "bn1": nn.BatchNorm2d(64),
        "relu": nn.ReLU(),
        "maxpool": nn.MaxPool2d(3, 2, padding=1),
    }
    channels = 64
    for number, (width, blocks) in enumerate(STAGES, 1):
        stride = 1 if number == 1 else 2
        layers = [Bottleneck(channels, width, stride)]
        channels = width * EXPANSION
        layers += [Bottleneck(channels, width, 1) for _ in range(blocks - 1)]
        parts[f"layer{number}"] = nn.Sequential(*layers)
    parts |= {"avgpool": nn.AdaptiveAvgPool2d(1), "flatten": nn.Flatten(), "fc": nn.Linear(channels, 1000)}
    model = nn.Sequential()
    for name, part in parts.items():
        model.add_module(name, part)
    return model
