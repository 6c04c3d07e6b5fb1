"""Everything about the devices' time: copies, idle time, launches, overlap and steps, each asked once."""

from __future__ import annotations

from dataclasses import dataclass

from profiler_kit.analysis.device_time.copies import Copies, copies
from profiler_kit.analysis.device_time.device_states import active_devices
from profiler_kit.analysis.device_time.idle import IdleTime, idle
from profiler_kit.analysis.device_time.launches import Launches, launches
from profiler_kit.analysis.device_time.overlap import Overlap, overlap
from profiler_kit.analysis.device_time.steps import Steps, steps
from profiler_kit.analysis.work.layer_of_op import LayerOfOp
from profiler_kit.trace import Trace


@dataclass(frozen=True)
class DeviceTime:
    """The answers about the devices' time."""

    copies: Copies
    idle: IdleTime
    launches: Launches
    overlap: Overlap
    steps: Steps


def device_time(trace: Trace, layers: LayerOfOp) -> DeviceTime:
    """Answer all questions about the devices' time.

    Args:
        trace: The trace.
        layers: What :func:`profiler_kit.analysis.work.layer_of_op.layers_of_ops` returned for it.
    """
    active = active_devices(trace)
    idle_time = idle(trace, layers=layers, active=active)
    return DeviceTime(
        copies=copies(trace, layers=layers, active=active),
        idle=idle_time,
        launches=launches(trace, layers=layers, active=active),
        overlap=overlap(trace, active=active),
        steps=steps(trace, idle_time=idle_time, active=active),
    )
