"""GPUs by name: what they can do at best, and the limits that a kernel launch meets on them.

One table for everything that asks "how fast could this GPU be": the roofline's ceilings, and the description of a
device that cuDNN is asked about. Every figure is meant to be the vendor's own, with the document that states it;
:mod:`profiler_kit.devices.confirmed` says where each was read again, and which were found nowhere.
"""

from profiler_kit.devices.device import Device, LaunchLimits
from profiler_kit.devices.lookup import DEVICES, UnknownDeviceError, device_of_properties, find_device

__all__ = ["DEVICES", "Device", "LaunchLimits", "UnknownDeviceError", "device_of_properties", "find_device"]
