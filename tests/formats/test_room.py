"""Arrays that share blocks of memory are each as good as one of NumPy's own."""

from __future__ import annotations

import math
import tracemalloc
from collections.abc import Callable, Iterator

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler_kit.formats import room as room_module
from profiler_kit.formats.room import Room

MIB = 1 << 20
BLOCK = 16 * MIB
DTYPES = ("bool", "int8", "uint8", "int16", "int32", "int64", "uint64", "float32", "float64", "complex128")


@pytest.fixture
def held_mib() -> Iterator[Callable[[], int]]:
    """Return what is allocated since the test began, in whole MiB. NumPy tells tracemalloc what it allocates."""
    tracemalloc.start()
    yield lambda: round(tracemalloc.get_traced_memory()[0] / MIB)
    tracemalloc.stop()


def address(values: np.ndarray) -> int:
    return int(values.__array_interface__["data"][0])


def check_apart(arrays: list[np.ndarray]) -> None:
    """Write bytes of its own into each array, and only then look whether each still has them all."""
    random = np.random.default_rng(1)
    patterns = [random.integers(0, 256, values.nbytes, np.uint8) for values in arrays]
    for values, pattern in zip(arrays, patterns, strict=True):
        values.view(np.uint8)[:] = pattern
    for values, pattern in zip(arrays, patterns, strict=True):
        assert np.array_equal(values.view(np.uint8), pattern)


def check_as_asked(values: np.ndarray, length: int, dtype: str) -> None:
    assert values.shape == (length,)
    assert values.dtype == np.dtype(dtype)
    assert values.flags.c_contiguous
    assert values.flags.writeable
    assert address(values) % np.dtype(dtype).alignment == 0


@pytest.mark.parametrize(
    "asked",
    [
        [(3, "bool"), (5, "int64"), (1, "int8"), (7, "complex128"), (9, "int16"), (2, "float64")],
        [(1, dtype) for dtype in DTYPES for _ in range(3)],
        [(BLOCK // 8 - 1, "int64"), (1, "int64"), (1, "int64"), (3, "bool")],
        [(BLOCK - 1, "uint8"), (2, "uint8"), (BLOCK, "uint8"), (BLOCK, "uint8"), (1, "int32")],
        [(3, "bool"), (BLOCK // 8 + 1, "int64"), (3, "bool"), (BLOCK // 2, "int16"), (4, "float32")],
        [(6 * MIB, "uint8"), (6 * MIB, "uint8"), (6 * MIB, "uint8"), (6 * MIB, "uint8")],
    ],
    ids=["mixed", "one each", "a block to the byte", "whole blocks", "beyond a block", "two to a block"],
)
def test_arrays_do_not_overlap_and_are_aligned(asked: list[tuple[int, str]]) -> None:
    room = Room()
    arrays = [room.empty(length, dtype) for length, dtype in asked]
    for values, (length, dtype) in zip(arrays, asked, strict=True):
        check_as_asked(values, length, dtype)
    check_apart(arrays)


@given(st.lists(st.tuples(st.integers(0, 40) | st.integers(0, 700), st.sampled_from(DTYPES)), max_size=60))
def test_any_arrays_in_blocks_of_any_number(asked: list[tuple[int, str]]) -> None:
    """Blocks of 4 KiB, so that a few arrays fill several and some are larger than one."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(room_module, "_BLOCK_BYTES", 4096)
        patch.setattr(room_module, "_PAGE_BYTES", 512)
        room = Room()
        arrays = [room.empty(length, dtype) for length, dtype in asked]
    for values, (length, dtype) in zip(arrays, asked, strict=True):
        check_as_asked(values, length, dtype)
    check_apart(arrays)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("before", [0, 3, BLOCK], ids=["in a new room", "after others", "in a full block"])
def test_no_length(before: int, dtype: str) -> None:
    room = Room()
    first = room.empty(before, "uint8")
    nothing = room.empty(0, dtype)
    check_as_asked(nothing, 0, dtype)
    check_apart([first, nothing, room.empty(4, dtype)])


def test_small_arrays_share_a_block_that_begins_on_a_large_page() -> None:
    room = Room()
    arrays = [room.empty(8 * 1024, "int64") for _ in range(250)]
    assert address(arrays[0]) % (2 * MIB) == 0
    assert {address(values) - address(arrays[0]) for values in arrays} == {64 * 1024 * n for n in range(250)}


def test_arrays_outlive_the_room_and_the_last_of_a_block_lets_go_of_it(held_mib: Callable[[], int]) -> None:
    room = Room()
    first, second = room.empty(10 * MIB, "uint8"), room.empty(5 * MIB, "uint8")
    other_block = room.empty(10 * MIB, "uint8")
    assert held_mib() == 2 * 18
    check_apart([first, second, other_block])
    kept = second.copy()
    del room, first, other_block
    assert held_mib() == 18 + 5
    Room().empty(BLOCK, "uint8")[:] = 0
    assert np.array_equal(second, kept)
    del second
    assert held_mib() == 5


def test_a_full_block_is_let_go_while_the_room_is_in_use(held_mib: Callable[[], int]) -> None:
    room = Room()
    first = room.empty(10 * MIB, "uint8")
    last = room.empty(10 * MIB, "uint8")
    del first
    assert held_mib() == 18
    assert len(last) == 10 * MIB


def test_an_array_beyond_a_block_has_memory_of_its_own(held_mib: Callable[[], int]) -> None:
    room = Room()
    large = room.empty(40 * MIB, "uint8")
    assert held_mib() == 40
    del large
    assert held_mib() == 0
    assert len(room.empty(1, "uint8")) == 1


@pytest.mark.parametrize(
    ("values", "narrow", "wide"),
    [
        ([-128, -1, 0, 127], "int8", "int64"),
        ([0, 255], "uint8", "int64"),
        ([-(2**31), 2**31 - 1], "int32", "int64"),
        ([-(2**63), 2**53 + 1, 2**63 - 1], "int64", "int64"),
        ([2**32 - 1, 2**64 - 1], "uint64", "uint64"),
        ([0, 1], "uint8", "bool"),
        ([2**53, -(2**53)], "int64", "float64"),
        ([0.1, -5e-324, 1.7e308, math.inf], "float64", "float64"),
        ([], "int8", "int64"),
    ],
)
def test_a_copy_has_the_same_values(values: list[float], narrow: str, wide: str) -> None:
    room = Room()
    room.empty(1, "bool")
    source = np.array(values, narrow)
    copied = room.copy(source, wide)
    check_as_asked(copied, len(values), wide)
    assert copied.tolist() == values
    copied[:] = 0
    assert source.tolist() == values


def test_a_copy_keeps_what_is_no_number_and_the_sign_of_zero() -> None:
    nan, zero = Room().copy(np.array([math.nan, -0.0], np.float32), "float64").tolist()
    assert math.isnan(nan)
    assert math.copysign(1, zero) == -1


def test_a_copy_of_every_third_value() -> None:
    assert Room().copy(np.arange(10, dtype=np.int16)[::3], "int64").tolist() == [0, 3, 6, 9]
    assert Room().copy(np.arange(3, dtype=np.int8)[::-1], "int32").tolist() == [2, 1, 0]
