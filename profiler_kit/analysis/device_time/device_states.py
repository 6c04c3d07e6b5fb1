"""What every device does at every time: which classes of activity run on it, and when none does."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.device_time.device_time_classes import CLASSES, classified_activity
from profiler_kit.analysis.work.coded_names import name_codes
from profiler_kit.trace import Trace
from profiler_kit.trace.intervals import covered_ns, states

Int64Array = NDArray[np.int64]


@dataclass(frozen=True)
class DeviceStates:
    """The time of one device from its first to its last activity, cut wherever the running classes change.

    Attributes:
        device: Its number, `UNKNOWN_DEVICE` if the trace gives none.
        rows: Rows of the activity table that ran on it, ordered by start.
        first_ns: Start of its first activity.
        last_ns: End of its last one.
        start_ns: Start of each stretch, shape (k,); a stretch ends where the next begins.
        end_ns: End of each stretch.
        state: The classes that run in it: the sum of ``1 << place in CLASSES``; 0 where nothing runs.
    """

    device: int
    rows: Int64Array
    first_ns: int
    last_ns: int
    start_ns: Int64Array
    end_ns: Int64Array
    state: Int64Array

    def gaps(self) -> tuple[Int64Array, Int64Array]:
        """Return starts and ends of the stretches in which nothing runs."""
        idle = self.state == 0
        return self.start_ns[idle], self.end_ns[idle]

    def running(self, *classes: str) -> tuple[Int64Array, Int64Array]:
        """Return starts and ends of the stretches in which at least one of the classes runs."""
        chosen = (self.state & mask(*classes)) != 0
        return self.start_ns[chosen], self.end_ns[chosen]

    def only(self, wanted: str, *beside: str) -> tuple[Int64Array, Int64Array]:
        """Return starts and ends of the stretches in which a class runs and none of the others given does."""
        chosen = ((self.state & mask(wanted)) != 0) & ((self.state & mask(*beside)) == 0)
        return self.start_ns[chosen], self.end_ns[chosen]

    def exposed(self, wanted: str) -> tuple[Int64Array, Int64Array]:
        """Return starts and ends of the stretches in which a class runs that no earlier one of `CLASSES` hides.

        The exposed parts of all classes add up to the time in which anything runs.
        """
        return self.only(wanted, *CLASSES[: CLASSES.index(wanted)])


def mask(*classes: str) -> int:
    """Return the state in which exactly these classes run."""
    return sum(1 << CLASSES.index(name) for name in classes)


@dataclass(frozen=True)
class ActiveDevices:
    """The devices of a trace.

    Attributes:
        activity: :func:`profiler_kit.analysis.device_time.device_time_classes.classified_activity`.
        states: The states of every device that was active, ordered by its number.
    """

    activity: pd.DataFrame
    states: list[DeviceStates]


def active_devices(trace: Trace) -> ActiveDevices:
    """Return what ran on the devices of a trace, and what they did at every time."""
    activity = classified_activity(trace)
    return ActiveDevices(activity, device_states(activity))


def device_states(activity: pd.DataFrame) -> list[DeviceStates]:
    """Return the states of every device that was active, ordered by its number.

    Args:
        activity: :func:`profiler_kit.analysis.device_time.device_time_classes.classified_activity`.
    """
    device, start = activity["device"].to_numpy(), activity["start_ns"].to_numpy()
    end, code = activity["end_ns"].to_numpy(), name_codes(activity["class"])
    found = []
    for number in np.unique(device):
        rows = np.flatnonzero(device == number)
        time, state = states(start[rows], end[rows], code[rows])
        first, last = int(start[rows].min()), int(end[rows].max())
        found.append(DeviceStates(int(number), rows, first, last, time[:-1], time[1:], state[:-1]))
    return found


def length_ns(ranges: tuple[Int64Array, Int64Array]) -> int:
    """Return the length in ns of disjoint ranges (starts, ends)."""
    return int((ranges[1] - ranges[0]).sum())


def inside_ns(ranges: tuple[Int64Array, Int64Array], start_ns: Int64Array, end_ns: Int64Array) -> Int64Array:
    """Return how much of disjoint ranges (starts, ends) lies inside each window, in ns."""
    return covered_ns(ranges[0], ranges[1], start_ns, end_ns)
