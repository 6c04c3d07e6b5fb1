"""What the tests of the recorder share: a small model, and traces as plain JSON."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import torch
from torch import nn

from profiler_kit.trace.spans import LayerSpan, parse_layer_span


class SmallNet(nn.Module):
    """Has nesting, a container without forward, and a layer without parameters."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.5))
        self.heads = nn.ModuleList([nn.Linear(4 * 8 * 8, 5), nn.Linear(4 * 8 * 8, 5)])

    def forward(self, images: Any) -> Any:
        features = self.features(images).flatten(1)
        return sum(head(features) for head in self.heads)


def images() -> Any:
    return torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(1))


def load(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        document = json.load(file)
    assert isinstance(document, dict)
    return document


def complete_events(path: Path) -> list[dict[str, Any]]:
    return [event for event in load(path)["traceEvents"] if event.get("ph") == "X"]


def annotations(path: Path) -> list[str]:
    return [event["name"] for event in complete_events(path) if event["cat"] == "user_annotation"]


def layer_spans(path: Path) -> list[LayerSpan]:
    """The layer spans in the order in which they began."""
    events = [event for event in complete_events(path) if event["cat"] == "user_annotation"]
    events.sort(key=lambda event: (event["ts"], -event["dur"]))
    return [span for event in events if (span := parse_layer_span(event["name"])) is not None]


def layer_names(path: Path) -> list[str]:
    return [span.layer for span in layer_spans(path)]


def steps(path: Path) -> list[str]:
    return [name for name in annotations(path) if name.startswith("ProfilerStep#")]
