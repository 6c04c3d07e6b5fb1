"""The tree of layers, cut so that levels add up."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from profiler_kit.analysis.times.layer_times import layer_times
from profiler_kit.formats import read_trace
from profiler_kit.report.layer_tree import Branch, cut_tree
from profiler_kit.report.layers import layers_sections
from tests.builders import TraceBuilder

TREE = {"": 100, "a": 70, "a.x": 40, "a.y": 10, "a.z": 12, "a.x.p": 40, "b": 20, "c": 5, "d": 4}


def cut(rows: int) -> list[Branch]:
    paths = [tuple(name.split(".")) if name else () for name in TREE]
    return cut_tree(paths, np.array(list(TREE.values())), rows)


def test_a_level_is_cut_below_its_largest_and_says_the_rest() -> None:
    assert cut(4) == [
        Branch((0,), 0),
        Branch((1,), 1, ("a",)),
        Branch((2,), 2, ("x",)),
        Branch((5,), 3, ("p",)),
        Branch((3, 4), 2, left_out=True),
        Branch((6, 7, 8), 1, left_out=True),
    ]


def test_a_layer_with_nothing_shown_inside_is_closed() -> None:
    assert cut(2) == [
        Branch((0,), 0),
        Branch((1,), 1, ("a",), closed=True),
        Branch((6, 7, 8), 1, left_out=True),
    ]


def test_one_layer_left_takes_no_more_room_than_its_sum() -> None:
    """Of 9 layers all but the smallest, d, are asked for."""
    assert [branch.name for branch in cut(8)] == [(), ("a",), ("x",), ("p",), ("y",), ("z",), ("b",), ("c",), ("d",)]


def test_a_tree_as_deep_as_a_hostile_trace_makes_it() -> None:
    paths = [("m",) * depth for depth in range(1, 1500)]
    assert len(cut_tree(paths, np.ones(len(paths), dtype=np.int64), 10)) == 10


def test_every_level_that_is_shown_adds_up(tmp_path: Path) -> None:
    """A model of three blocks of three layers: 1 + 2 + 4 µs, 10 + 20 + 40 µs, and 100 + 200 + 400 µs."""
    b = TraceBuilder()
    for block in range(3):
        for layer in range(3):
            at = 1000 * block + 300 * layer
            for number, name in enumerate(("Net_0", f"Block_{block}", f"Linear_{3 * block + layer}")):
                spans = ((0, 3000), (1000 * block, 900), (at, 290))[number]
                if (number, block, layer) in ((0, 0, 0), (1, block, 0), (2, block, layer)):
                    b.event(
                        "python_function", f"nn.Module: {name}", *spans, **{"Python id": 1 + at, "Python module id": 0}
                    )
            b.op("aten::relu", at + 5, 20)
            b.kernel("relu", 5000 + at, 10**block * 2**layer, launched_at=at + 10)
    table = layers_sections(layer_times(read_trace(b.write(tmp_path / "t.json"))), 3)[0].table
    assert table is not None
    assert [(row[0], row[3]) for row in table.rows] == [
        ("Net_0", 777_000),
        ("· Block_2", 700_000),
        ("· · Linear_8", 400_000),
        ("· · and 2 more", 300_000),
        ("· and 2 more", 77_000),
    ]
