"""The machine that an experiment runs on, and how busy it is."""

from __future__ import annotations

import os

from profiler_kit.record import describe_environment


def load_average() -> str:
    """Say how busy the machine is now."""
    cores = os.cpu_count() or 1
    if not hasattr(os, "getloadavg"):
        return f"not known, {cores} cores"
    load = os.getloadavg()[0]
    advice = "; other processes are busy, so times may be too long" if load > cores / 2 else ""
    return f"{load:.1f} on {cores} cores before the run{advice}"


def describe_device(on_gpu: bool) -> str:
    """Name what the layers run on."""
    environment = describe_environment()
    if on_gpu:
        return ", ".join(str(gpu.get("name")) for gpu in environment["devices"][:1])
    cpu = environment["cpu"]
    return f"{cpu['model']} ({cpu['isa']}, {cpu['intra_op_threads']} threads)"
