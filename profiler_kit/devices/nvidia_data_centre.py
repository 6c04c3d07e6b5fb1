"""NVIDIA's data-centre GPUs from Volta to Blackwell."""

from __future__ import annotations

from dataclasses import replace
from typing import Final

from profiler_kit.devices.device import GIB, MIB, Device
from profiler_kit.devices.pcie import PcieLink

_TERA: Final = 1e12
_MEGA: Final = 1e6
_GIGA: Final = 1e9


def _tera(**peaks: float) -> dict[str, float]:
    return {name: value * _TERA for name, value in peaks.items()}


_VOLTA: Final = "NVIDIA Tesla V100 GPU Architecture, WP-08608-001 (2017), table 1; NVIDIA V100 data sheet (2020)"
_V100_PEAKS: Final = _tera(fp64=7.8, fp32=15.7, fp16=31.4, fp16_tensor=125)

V100: Final = Device(
    key="V100",
    name="NVIDIA V100 SXM2 32 GB",
    aliases=("Tesla V100-SXM2-32GB", "Tesla V100-SXM2-32GB-LS", "Tesla V100-DGXS-32GB", "V100-32GB", "V100 SXM2"),
    vendor="nvidia",
    architecture="Volta",
    compute_capability=(7, 0),
    sm_count=80,
    memory_bandwidth_bytes_per_s=900 * _GIGA,
    memory_bus_bits=4096,
    memory_bytes=32 * GIB,
    l2_bytes=6 * MIB,
    boost_clock_hz=1530 * _MEGA,
    peak_flops_per_s=_V100_PEAKS,
    host_link=PcieLink(3, 16),
    nvlink_bytes_per_s=300 * _GIGA,
    sources={"compute": _VOLTA, "memory": _VOLTA, "links": _VOLTA},
)
V100_16GB: Final = replace(
    V100,
    key="V100-16GB",
    name="NVIDIA V100 SXM2 16 GB",
    aliases=("Tesla V100-SXM2-16GB", "Tesla V100-DGXS-16GB"),
    memory_bytes=16 * GIB,
)
V100_PCIE: Final = replace(
    V100,
    key="V100-PCIe",
    name="NVIDIA V100 PCIe 32 GB",
    aliases=("Tesla V100-PCIE-32GB",),
    boost_clock_hz=1380 * _MEGA,
    peak_flops_per_s=_tera(fp64=7.0, fp32=14.0, fp16=28.0, fp16_tensor=112),
    nvlink_bytes_per_s=None,
)
V100_PCIE_16GB: Final = replace(
    V100_PCIE,
    key="V100-PCIe-16GB",
    name="NVIDIA V100 PCIe 16 GB",
    aliases=("Tesla V100-PCIE-16GB",),
    memory_bytes=16 * GIB,
)

_TURING_T4: Final = "NVIDIA T4 data sheet (2019); NVIDIA Turing GPU Architecture, WP-09183-001 (2018), appendix A"

T4: Final = Device(
    key="T4",
    name="NVIDIA T4",
    aliases=("Tesla T4",),
    vendor="nvidia",
    architecture="Turing",
    compute_capability=(7, 5),
    sm_count=40,
    memory_bandwidth_bytes_per_s=320 * _GIGA,
    memory_bus_bits=256,
    memory_bytes=16 * GIB,
    l2_bytes=4 * MIB,
    boost_clock_hz=1590 * _MEGA,
    peak_flops_per_s=_tera(fp64=0.254, fp32=8.1, fp16=16.2, fp16_tensor=65, int8_tensor=130),
    host_link=PcieLink(3, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _TURING_T4, "memory": _TURING_T4, "links": _TURING_T4},
)

_AMPERE: Final = "NVIDIA A100 Tensor Core GPU Architecture, WP-10083-001 (2020), tables 1 and 4"
_A100_SHEET: Final = "NVIDIA A100 Tensor Core GPU data sheet (2021); L2: A100 architecture white paper"

A100: Final = Device(
    key="A100",
    name="NVIDIA A100 SXM4 80 GB",
    aliases=("NVIDIA A100-SXM4-80GB", "A100-80GB", "A100 SXM"),
    vendor="nvidia",
    architecture="Ampere",
    compute_capability=(8, 0),
    sm_count=108,
    memory_bandwidth_bytes_per_s=2039 * _GIGA,
    memory_bus_bits=5120,
    memory_bytes=80 * GIB,
    l2_bytes=40 * MIB,
    boost_clock_hz=1410 * _MEGA,
    peak_flops_per_s=_tera(
        fp64=9.7,
        fp64_tensor=19.5,
        fp32=19.5,
        tf32_tensor=156,
        fp16=78,
        bf16=39,
        fp16_tensor=312,
        bf16_tensor=312,
        int8_tensor=624,
    ),
    host_link=PcieLink(4, 16),
    nvlink_bytes_per_s=600 * _GIGA,
    sources={"compute": _AMPERE, "memory": _A100_SHEET, "links": _A100_SHEET},
)
A100_40GB: Final = replace(
    A100,
    key="A100-40GB",
    name="NVIDIA A100 SXM4 40 GB",
    aliases=("NVIDIA A100-SXM4-40GB", "A100-SXM4-40GB", "NVIDIA A100-PG509-200"),
    memory_bandwidth_bytes_per_s=1555 * _GIGA,
    memory_bytes=40 * GIB,
)
A100_PCIE_40GB: Final = replace(
    A100_40GB,
    key="A100-PCIe-40GB",
    name="NVIDIA A100 PCIe 40 GB",
    aliases=("NVIDIA A100-PCIE-40GB",),
    nvlink_bytes_per_s=None,
)
A100_PCIE_80GB: Final = replace(
    A100,
    key="A100-PCIe-80GB",
    name="NVIDIA A100 PCIe 80 GB",
    aliases=("NVIDIA A100 80GB PCIe", "A100-PCIe"),
    memory_bandwidth_bytes_per_s=1935 * _GIGA,
    nvlink_bytes_per_s=None,
)

_A10_SHEET: Final = "NVIDIA A10 Tensor Core GPU data sheet (2021); L2: NVIDIA Ampere GA102 GPU Architecture (2021)"

A10: Final = Device(
    key="A10",
    name="NVIDIA A10",
    aliases=(),
    vendor="nvidia",
    architecture="Ampere",
    compute_capability=(8, 6),
    sm_count=72,
    memory_bandwidth_bytes_per_s=600 * _GIGA,
    memory_bus_bits=384,
    memory_bytes=24 * GIB,
    l2_bytes=6 * MIB,
    boost_clock_hz=1695 * _MEGA,
    peak_flops_per_s=_tera(
        fp64=0.488, fp32=31.2, tf32_tensor=62.5, fp16=31.2, bf16=31.2, fp16_tensor=125, bf16_tensor=125, int8_tensor=250
    ),
    host_link=PcieLink(4, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _A10_SHEET, "memory": _A10_SHEET, "links": _A10_SHEET},
)

_ADA: Final = "NVIDIA Ada GPU Architecture white paper (2023), appendix on data-centre GPUs"
_L4_SHEET: Final = f"NVIDIA L4 Tensor Core GPU data sheet (2023), dense being half of its sparse figures; {_ADA}"
_L40S_SHEET: Final = f"NVIDIA L40S data sheet (2023); {_ADA}"

L4: Final = Device(
    key="L4",
    name="NVIDIA L4",
    aliases=(),
    vendor="nvidia",
    architecture="Ada",
    compute_capability=(8, 9),
    sm_count=58,
    memory_bandwidth_bytes_per_s=300 * _GIGA,
    memory_bus_bits=192,
    memory_bytes=24 * GIB,
    l2_bytes=48 * MIB,
    boost_clock_hz=2040 * _MEGA,
    peak_flops_per_s=_tera(
        fp64=0.473,
        fp32=30.3,
        tf32_tensor=60,
        fp16=30.3,
        bf16=30.3,
        fp16_tensor=121,
        bf16_tensor=121,
        fp8_tensor=242.5,
        int8_tensor=242.5,
    ),
    host_link=PcieLink(4, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _L4_SHEET, "memory": _L4_SHEET, "links": _L4_SHEET},
)
L40S: Final = Device(
    key="L40S",
    name="NVIDIA L40S",
    aliases=(),
    vendor="nvidia",
    architecture="Ada",
    compute_capability=(8, 9),
    sm_count=142,
    memory_bandwidth_bytes_per_s=864 * _GIGA,
    memory_bus_bits=384,
    memory_bytes=48 * GIB,
    l2_bytes=96 * MIB,
    boost_clock_hz=2520 * _MEGA,
    peak_flops_per_s=_tera(
        fp64=1.43,
        fp32=91.6,
        tf32_tensor=183,
        fp16=91.6,
        bf16=91.6,
        fp16_tensor=362.05,
        bf16_tensor=362.05,
        fp8_tensor=733,
        int8_tensor=733,
    ),
    host_link=PcieLink(4, 16),
    nvlink_bytes_per_s=None,
    sources={"compute": _L40S_SHEET, "memory": _L40S_SHEET, "links": _L40S_SHEET},
)

_HOPPER: Final = "NVIDIA H100 Tensor Core GPU Architecture white paper, v1.04 (2023), tables 2 and 3"
_H100_SHEET: Final = "NVIDIA H100 Tensor Core GPU data sheet (2023); bus and L2: H100 architecture white paper"
_H200_SHEET: Final = "NVIDIA H200 Tensor Core GPU data sheet (2024); L2 as H100's, whose die it has"

H100: Final = Device(
    key="H100",
    name="NVIDIA H100 SXM",
    aliases=("NVIDIA H100 80GB HBM3", "NVIDIA H100 SXM5", "H100-80GB"),
    vendor="nvidia",
    architecture="Hopper",
    compute_capability=(9, 0),
    sm_count=132,
    memory_bandwidth_bytes_per_s=3350 * _GIGA,
    memory_bus_bits=5120,
    memory_bytes=80 * GIB,
    l2_bytes=50 * MIB,
    boost_clock_hz=1980 * _MEGA,
    peak_flops_per_s=_tera(
        fp64=33.5,
        fp64_tensor=66.9,
        fp32=66.9,
        tf32_tensor=494.7,
        fp16=133.8,
        bf16=133.8,
        fp16_tensor=989.4,
        bf16_tensor=989.4,
        fp8_tensor=1978.9,
        int8_tensor=1978.9,
    ),
    host_link=PcieLink(5, 16),
    nvlink_bytes_per_s=900 * _GIGA,
    sources={"compute": _HOPPER, "memory": _H100_SHEET, "links": _H100_SHEET},
)
H100_PCIE: Final = replace(
    H100,
    key="H100-PCIe",
    name="NVIDIA H100 PCIe",
    aliases=(),
    sm_count=114,
    memory_bandwidth_bytes_per_s=2000 * _GIGA,
    boost_clock_hz=1755 * _MEGA,
    peak_flops_per_s=_tera(
        fp64=25.6,
        fp64_tensor=51.2,
        fp32=51.2,
        tf32_tensor=378,
        fp16=102.4,
        bf16=102.4,
        fp16_tensor=756,
        bf16_tensor=756,
        fp8_tensor=1513,
        int8_tensor=1513,
    ),
    nvlink_bytes_per_s=None,
)
H200: Final = replace(
    H100,
    key="H200",
    name="NVIDIA H200 SXM",
    aliases=("NVIDIA H200",),
    memory_bandwidth_bytes_per_s=4800 * _GIGA,
    memory_bus_bits=6144,
    memory_bytes=141 * GIB,
    sources={"compute": _HOPPER, "memory": _H200_SHEET, "links": _H200_SHEET},
)

_BLACKWELL: Final = (
    "NVIDIA HGX B200 data sheet (2025): an eighth of the board's figures, dense being half of sparse; SM count and "
    "boost clock as CUDA reports them"
)
_B200_MEMORY: Final = (
    "as CUDA reports them for the B200 of 180 GB: 7,680 bits at 3,996 MHz (https://github.com/pytorch/ao/pull/4002); "
    "NVIDIA's sheets say up to 8 TB/s"
)

B200: Final = Device(
    key="B200",
    name="NVIDIA B200",
    aliases=("NVIDIA B200 SXM",),
    vendor="nvidia",
    architecture="Blackwell",
    compute_capability=(10, 0),
    sm_count=148,
    memory_bandwidth_bytes_per_s=7672 * _GIGA,
    memory_bus_bits=7680,
    memory_bytes=180 * GIB,
    l2_bytes=253 * MIB // 2,
    boost_clock_hz=1965 * _MEGA,
    peak_flops_per_s=_tera(
        fp64=37,
        fp64_tensor=37,
        fp32=75,
        tf32_tensor=1125,
        fp16_tensor=2250,
        bf16_tensor=2250,
        fp8_tensor=4500,
        int8_tensor=4500,
    ),
    host_link=PcieLink(5, 16),
    nvlink_bytes_per_s=1800 * _GIGA,
    sources={"compute": _BLACKWELL, "memory": _B200_MEMORY, "links": _BLACKWELL},
)

NVIDIA_DATA_CENTRE: Final = (
    V100,
    V100_16GB,
    V100_PCIE,
    V100_PCIE_16GB,
    T4,
    A100,
    A100_40GB,
    A100_PCIE_40GB,
    A100_PCIE_80GB,
    A10,
    L4,
    L40S,
    H100,
    H100_PCIE,
    H200,
    B200,
)
"""In the order of their generations."""
