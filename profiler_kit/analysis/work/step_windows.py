"""The window of every profiler step on a device: the one definition of what runs in a step.

The host runs ahead of the device, so the work of a step may still run when the host is in the next one. The window of a
step therefore ends when the host has ended it *and* all that was launched in it is done, and the next one begins there
(or where the host begins the next step, if that is later). Windows do not overlap: what runs in them, and what runs
outside of all of them, adds up to what runs.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from profiler_kit.trace.joins import NONE

Int64Array = NDArray[np.int64]


def step_windows(
    begin_ns: Int64Array, host_ns: Int64Array, launched: Int64Array, ends_ns: Int64Array
) -> tuple[Int64Array, Int64Array]:
    """Return start and end of every step's window on a device.

    Args:
        begin_ns: Where the host begins each step, in any order, shape (n,).
        host_ns: How long each step is on the host.
        launched: The step in which each activity of the device was launched, or `NONE`, shape (k,).
        ends_ns: Ends of these activities.
    """
    done = begin_ns + host_ns
    known = launched != NONE
    np.maximum.at(done, launched[known], ends_ns[known])
    order = np.argsort(begin_ns, kind="stable")
    done[order] = np.maximum.accumulate(done[order])
    start = begin_ns.copy()
    start[order[1:]] = np.maximum(begin_ns[order[1:]], done[order[:-1]])
    return start, np.maximum(done, start)
