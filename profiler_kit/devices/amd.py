"""AMD's data-centre GPUs. There is no cuDNN for them; their figures serve rooflines."""

from __future__ import annotations

from typing import Final

from profiler_kit.devices.device import GIB, MIB, Device
from profiler_kit.devices.pcie import PcieLink

_MI210_SHEET: Final = "AMD Instinct MI210 data sheet (2022); L2: AMD CDNA 2 Architecture white paper (2021)"
_MI250X_SHEET: Final = (
    "AMD Instinct MI250X data sheet (2021), half of it: a program sees each of the two dies as a GPU; "
    "L2: AMD CDNA 2 Architecture white paper (2021)"
)
_MI300X_SHEET: Final = "AMD Instinct MI300X data sheet (2023); L2: AMD CDNA 3 Architecture white paper (2023)"

MI210: Final = Device(
    key="MI210",
    name="AMD Instinct MI210",
    aliases=(),
    vendor="amd",
    architecture="CDNA2",
    compute_capability=(9, 0),
    sm_count=104,
    memory_bandwidth_bytes_per_s=1638e9,
    memory_bus_bits=4096,
    memory_bytes=64 * GIB,
    l2_bytes=8 * MIB,
    boost_clock_hz=1700e6,
    peak_flops_per_s={
        "fp64": 22.6e12,
        "fp64_tensor": 45.3e12,
        "fp32": 22.6e12,
        "fp32_tensor": 45.3e12,
        "fp16_tensor": 181e12,
        "bf16_tensor": 181e12,
        "int8_tensor": 181e12,
    },
    host_link=PcieLink(4, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _MI210_SHEET, "memory": _MI210_SHEET, "links": _MI210_SHEET},
)
MI250X: Final = Device(
    key="MI250X",
    name="AMD Instinct MI250X (one of its two dies)",
    aliases=("AMD Instinct MI250X",),
    vendor="amd",
    architecture="CDNA2",
    compute_capability=(9, 0),
    sm_count=110,
    memory_bandwidth_bytes_per_s=1638e9,
    memory_bus_bits=4096,
    memory_bytes=64 * GIB,
    l2_bytes=8 * MIB,
    boost_clock_hz=1700e6,
    peak_flops_per_s={
        "fp64": 23.95e12,
        "fp64_tensor": 47.85e12,
        "fp32": 23.95e12,
        "fp32_tensor": 47.85e12,
        "fp16_tensor": 191.5e12,
        "bf16_tensor": 191.5e12,
        "int8_tensor": 191.5e12,
    },
    host_link=None,  # Infinity Fabric where the host's CPU has it, else PCIe 4.0.
    nvlink_bytes_per_s=None,
    sources={"compute": _MI250X_SHEET, "memory": _MI250X_SHEET, "links": _MI250X_SHEET},
)
MI300X: Final = Device(
    key="MI300X",
    name="AMD Instinct MI300X",
    aliases=("AMD Instinct MI300X VF", "AMD Instinct MI300X OAM"),
    vendor="amd",
    architecture="CDNA3",
    compute_capability=(9, 4),
    sm_count=304,
    memory_bandwidth_bytes_per_s=5300e9,
    memory_bus_bits=8192,
    memory_bytes=192 * GIB,
    l2_bytes=32 * MIB,
    boost_clock_hz=2100e6,
    peak_flops_per_s={
        "fp64": 81.7e12,
        "fp64_tensor": 163.4e12,
        "fp32": 163.4e12,
        "fp32_tensor": 163.4e12,
        "tf32_tensor": 653.7e12,
        "fp16_tensor": 1307.4e12,
        "bf16_tensor": 1307.4e12,
        "fp8_tensor": 2614.9e12,
        "int8_tensor": 2614.9e12,
    },
    host_link=PcieLink(5, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _MI300X_SHEET, "memory": _MI300X_SHEET, "links": _MI300X_SHEET},
)

AMD: Final = (MI210, MI250X, MI300X)
"""In the order of their generations."""
