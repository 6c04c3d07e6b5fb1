"""Layers as a tree that is cut to some rows, so that each level still adds up."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

Path = tuple[str, ...]

NO_LAYER_AROUND: Final = -1


@dataclass(frozen=True)
class Branch:
    """A row of the cut tree: a layer, or what is left out of the layers inside one.

    Attributes:
        layers: Places of the layers in the table; more than one only where they are left out.
        depth: Number of shown layers around.
        name: Parts of the path below the layer around it; empty for the root module.
        left_out: The layers have no rows of their own, and this row is their sum.
        closed: There are layers inside, but none of them is shown.
    """

    layers: tuple[int, ...]
    depth: int
    name: Path = ()
    left_out: bool = False
    closed: bool = False


def cut_tree(paths: Sequence[Path], total_ns: NDArray[np.int64], rows: int) -> list[Branch]:
    """Cut a tree of layers to those with most time, and what encloses them.

    A level is cut by the layers' time with everything inside, so what is left out of it is smaller than what is shown.
    Where some of the layers inside one are shown, the rest stands as one row after them; a single layer left keeps its
    own row, since it takes no more room. A layer that is called in several others has one path, and all its time there.

    Args:
        paths: Path of each layer, in order of first call.
        total_ns: Time of each, inner layers included.
        rows: Most layers, before what encloses them and rows of sums.

    Returns:
        The rows in order of the model.
    """
    around = _around(paths)
    inside: dict[int, list[int]] = {}
    place_of: dict[Path, list[int]] = {}
    for place, path in enumerate(paths):
        place_of.setdefault(path, []).append(place)
    for path in in_tree_order(place_of):
        for place in place_of[path]:
            inside.setdefault(around[place], []).append(place)
    shown = set(np.argsort(-total_ns, kind="stable")[: max(rows, 0)].tolist())
    for place in list(shown):
        while (place := around[place]) != NO_LAYER_AROUND and place not in shown:
            shown.add(place)
    branches: list[Branch] = []
    waiting: list[Branch] = _level(NO_LAYER_AROUND, 0, paths, inside, shown)[::-1]
    while waiting:
        branch = waiting.pop()
        branches.append(branch)
        if not branch.left_out:
            waiting += _level(branch.layers[0], branch.depth + 1, paths, inside, shown)[::-1]
    return branches


def _level(
    place: int, depth: int, paths: Sequence[Path], inside: dict[int, list[int]], shown: set[int]
) -> list[Branch]:
    """Return the rows right inside a layer: what is shown, and the rest."""
    layers = inside.get(place, [])
    rest = [layer for layer in layers if layer not in shown]
    if len(rest) == len(layers):
        return []
    if len(rest) == 1:
        rest = []
    cut = 0 if place == NO_LAYER_AROUND else len(paths[place])
    level = [
        Branch(
            (layer,),
            depth,
            paths[layer][cut:],
            closed=layer in inside and shown.isdisjoint(inside[layer]),
        )
        for layer in layers
        if layer not in set(rest)
    ]
    return [*level, Branch(tuple(rest), depth, left_out=True)] if rest else level


def _around(paths: Sequence[Path]) -> list[int]:
    """Return the place of the layer right around each, `NO_LAYER_AROUND` if there is none."""
    place = {path: number for number, path in reversed(list(enumerate(paths)))}
    return [
        next(
            (place[path[:depth]] for depth in range(len(path) - 1, -1, -1) if path[:depth] in place),
            NO_LAYER_AROUND,
        )
        for path in paths
    ]


def in_tree_order(paths: Iterable[Path]) -> list[Path]:
    """Order paths so that each comes right after what encloses it; neighbours stay in their order."""
    known = list(paths)
    number: dict[tuple[int, str], int] = {}
    keys: list[list[int]] = []
    for path in known:
        around, key = NO_LAYER_AROUND, []
        for name in path:
            around = number.setdefault((around, name), len(number))
            key.append(around)
        keys.append(key)
    return [known[place] for place in sorted(range(len(known)), key=keys.__getitem__)]
