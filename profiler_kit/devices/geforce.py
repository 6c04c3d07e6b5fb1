"""NVIDIA's GeForce cards that convolutions are often run on.

Their tensor cores run at half the advertised rate when they accumulate in float32, which is how PyTorch uses them; the
white papers state both rates.
"""

from __future__ import annotations

from typing import Final

from profiler_kit.devices.device import GIB, MIB, Device
from profiler_kit.devices.pcie import PcieLink

_TURING: Final = "NVIDIA Turing GPU Architecture, WP-09183-001 (2018), table 1, reference board"
_GA102: Final = "NVIDIA Ampere GA102 GPU Architecture (2021), tables 2 and 3"
_ADA: Final = "NVIDIA Ada GPU Architecture (2023), appendix A"
_BLACKWELL: Final = "NVIDIA RTX Blackwell GPU Architecture (2025), appendix A"

RTX_2080_TI: Final = Device(
    key="RTX2080Ti",
    name="NVIDIA GeForce RTX 2080 Ti",
    aliases=("2080 Ti",),
    vendor="nvidia",
    architecture="Turing",
    compute_capability=(7, 5),
    sm_count=68,
    memory_bandwidth_bytes_per_s=616e9,
    memory_bus_bits=352,
    memory_bytes=11 * GIB,
    l2_bytes=11 * MIB // 2,
    boost_clock_hz=1545e6,
    peak_flops_per_s={"fp64": 0.42e12, "fp32": 13.4e12, "fp16": 26.9e12, "fp16_tensor": 53.8e12, "int8_tensor": 215e12},
    host_link=PcieLink(3, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _TURING, "memory": _TURING, "links": _TURING},
)
RTX_3090: Final = Device(
    key="RTX3090",
    name="NVIDIA GeForce RTX 3090",
    aliases=("3090",),
    vendor="nvidia",
    architecture="Ampere",
    compute_capability=(8, 6),
    sm_count=82,
    memory_bandwidth_bytes_per_s=936e9,
    memory_bus_bits=384,
    memory_bytes=24 * GIB,
    l2_bytes=6 * MIB,
    boost_clock_hz=1695e6,
    peak_flops_per_s={
        "fp64": 0.556e12,
        "fp32": 35.6e12,
        "tf32_tensor": 35.6e12,
        "fp16": 35.6e12,
        "bf16": 35.6e12,
        "fp16_tensor": 71e12,
        "bf16_tensor": 71e12,
        "int8_tensor": 284e12,
    },
    host_link=PcieLink(4, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _GA102, "memory": _GA102, "links": _GA102},
)
RTX_4090: Final = Device(
    key="RTX4090",
    name="NVIDIA GeForce RTX 4090",
    aliases=("4090",),
    vendor="nvidia",
    architecture="Ada",
    compute_capability=(8, 9),
    sm_count=128,
    memory_bandwidth_bytes_per_s=1008e9,
    memory_bus_bits=384,
    memory_bytes=24 * GIB,
    l2_bytes=72 * MIB,
    boost_clock_hz=2520e6,
    peak_flops_per_s={
        "fp64": 1.29e12,
        "fp32": 82.6e12,
        "tf32_tensor": 82.6e12,
        "fp16": 82.6e12,
        "bf16": 82.6e12,
        "fp16_tensor": 165.2e12,
        "bf16_tensor": 165.2e12,
        "fp8_tensor": 330.3e12,
        "int8_tensor": 660.6e12,
    },
    host_link=PcieLink(4, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _ADA, "memory": _ADA, "links": _ADA},
)
RTX_5090: Final = Device(
    key="RTX5090",
    name="NVIDIA GeForce RTX 5090",
    aliases=("5090",),
    vendor="nvidia",
    architecture="Blackwell",
    compute_capability=(12, 0),
    sm_count=170,
    memory_bandwidth_bytes_per_s=1792e9,
    memory_bus_bits=512,
    memory_bytes=32 * GIB,
    l2_bytes=96 * MIB,
    boost_clock_hz=2407e6,
    peak_flops_per_s={
        "fp64": 1.64e12,
        "fp32": 104.8e12,
        "tf32_tensor": 104.8e12,
        "fp16": 104.8e12,
        "bf16": 104.8e12,
        "fp16_tensor": 209.5e12,
        "bf16_tensor": 209.5e12,
        "fp8_tensor": 419e12,
        "int8_tensor": 838e12,
    },
    host_link=PcieLink(5, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _BLACKWELL, "memory": _BLACKWELL, "links": _BLACKWELL},
)

GEFORCE: Final = (RTX_2080_TI, RTX_3090, RTX_4090, RTX_5090)
"""In the order of their generations."""
