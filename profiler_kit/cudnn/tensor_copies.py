"""What a plan's workspace is for: copies of whole tensors, recognised by their sizes.

An engine that works on NHWC with a channel count divisible by 8, say, copies an NCHW tensor into its workspace first.
cuDNN doesn't tell what a workspace holds, but the sizes do: for (4,3,224,224) × (768,3,16,16) in 16 bits a workspace of
6,357,008 bytes is the input and the weight with 3 channels padded to 8, plus 16 bytes.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations, product
from math import prod
from typing import Final

from profiler_kit.cudnn.problem import ITEM_BYTES, ConvProblem

PADDINGS: Final = (1, 4, 8, 16)
"""Multiples that channels are padded to; 1 is none."""

MOST_REST_BYTES: Final = 4096
"""What a workspace may hold besides the copies: engines keep counters and tables of a few kB there."""

_LEAST_COPIED_BYTES: Final = 8 * MOST_REST_BYTES
"""Smaller sums of tensors could fit a workspace by chance."""


@dataclass(frozen=True, slots=True)
class TensorCopies:
    """Copies of tensors in a workspace.

    Attributes:
        tensors: Which: ``input``, ``weight``, ``output`` (or their gradients). Where input and output are equally
            large, either may stand for the other.
        channels_padded_to: The multiple that channels are padded to, ``None`` if they are not.
        total_bytes: Their size.
        doubled: Whether they take twice the bytes of a 16-bit type: there is one copy in float32, or there are two;
            the size doesn't tell which.
    """

    tensors: tuple[str, ...]
    channels_padded_to: int | None
    total_bytes: int
    doubled: bool = False


NO_COPIES: Final = TensorCopies((), None, 0)


def tensor_copies(problem: ConvProblem, workspace_bytes: int) -> TensorCopies | None:
    """Explain a workspace as copies of tensors.

    Args:
        problem: What the plan computes.
        workspace_bytes: The plan's workspace.

    Returns:
        The copies, with as little padding and as few tensors as explain the size, rather once than doubled; none for a
        workspace that is too small for any; ``None`` if no copies explain it.
    """
    smallest = min(_bytes(problem, 1).values())
    if workspace_bytes < max(min(smallest, _LEAST_COPIED_BYTES), MOST_REST_BYTES):
        return NO_COPIES
    unpadded = _bytes(problem, 1)
    factors = (1, 2) if ITEM_BYTES[problem.dtype] == _SIXTEEN_BIT else (1,)
    for factor, padding, count in product(factors, PADDINGS, (1, 2, 3)):
        sizes = _bytes(problem, padding)
        for tensors in combinations(sizes, count):
            copied = factor * sum(sizes[name] for name in tensors)
            if copied >= _LEAST_COPIED_BYTES and 0 <= workspace_bytes - copied <= MOST_REST_BYTES:
                padded = any(sizes[name] != unpadded[name] for name in tensors)
                return TensorCopies(tensors, padding if padded else None, copied, doubled=factor > 1)
    return None


_SIXTEEN_BIT: Final = 2


def _bytes(problem: ConvProblem, padding: int) -> dict[str, int]:
    """Return the sizes of the tensors with their channels padded."""
    item = ITEM_BYTES[problem.dtype]
    batch, channels, *pixels = problem.input_shape
    filters, depth, *kernel = problem.weight_shape
    out = problem.output_shape
    return {
        "input": batch * _padded(channels, padding) * prod(pixels) * item,
        "weight": filters * _padded(depth, padding) * prod(kernel) * item,
        "output": batch * _padded(out[1], padding) * prod(out[2:]) * item,
    }


def _padded(channels: int, multiple: int) -> int:
    return -(-channels // multiple) * multiple
