"""What pages say of GPUs, read on them: the figures in the page's own rounding, in the table's units.

A page's figure for structured sparsity is halved here, one with float16 accumulation on GeForce halved once more, and
one of a board of two dies halved, too.
"""

from __future__ import annotations

from typing import Final

T, G, M = 1e12, 1e9, 1e6
GB, MB = 2**30, 2**20

_A100: Final = "https://www.thundercompute.com/blog/nvidia-a100-specs-full-guide"
_A100_PEAKS: Final = "https://glennklockwood.com/garden/processors/A100"
_A100_QUERY: Final = "https://upb-pc2.atlassian.net/wiki/spaces/PC2DOK/pages/1900609/NVIDIA+A100+40GB+with+NVLINK"
_A100_VECTORS: Final = "https://gpu.spicedreamphone.com/en/gpu/nvidia/a100-sxm4-40-gb"
_H100: Final = "https://archive-lib.hpctech.co.jp/gpuproduct/nvidia-h100.html"
_H100_PEAKS: Final = "https://glennklockwood.com/garden/processors/h100"
_H200: Final = "https://geektopia.es/es/technology/2023/11/13/noticias/nvidia-anuncia-la-aceleradora-h200-tiene-141-gb-de-hbm3e.html"
_B200_MEMORY: Final = (
    "https://raw.githubusercontent.com/mlcommons/inference_results_v6.0/main/closed/Nebius/systems/nebius_b200_n1.json"
)
_V100: Final = "http://www.xenon.com.au/nvidia-tesla-volta-worlds-advanced-data-center-gpu/"
_V100_PEAKS: Final = "https://hmc-tech.com/gpu/nvidia-b200-vs-nvidia-v100-sxm-16gb"
_SXM: Final = "https://huggingface.co/spaces/lambdabrendan/Lambda-LLM-Calculator/blame/main/data/gpu_specs.csv"
_NVLINK: Final = "https://wikimili.com/en/NVLink"
_NVLINK_OF_A100: Final = "https://www.nvidia.com/de-de/data-center/nvlink/"
_NVIDIA_SYSTEMS: Final = (
    "https://github.com/mlcommons/inference_results_v4.1/blob/a2f5d66d17e8f75c02fd74dfe810ecca6a046696"
    "/closed/NVIDIA/systems"
)
_V100_PCIE: Final = "https://sysrqmts.com/gpus/compare/nvidia-a100-pcie-vs-nvidia-tesla-v100-pcie-16-gb"
_MI300X_SYSTEM: Final = "https://raw.githubusercontent.com/mlcommons/inference_results_v4.1/main/closed/AMD/systems/8xMI300X_2xEPYC-9374F.json"

_OF_A100: Final = {"sm_count": 108, "boost_clock_hz": 1410 * M, "memory_bus_bits": 5120, "l2_bytes": 40 * MB}
_LINKS_OF_A100: Final = {
    _SXM: {"pcie_generation": 4, "pcie_lanes": 16},
    _NVLINK_OF_A100: {"nvlink_bytes_per_s": 600 * G},
}
_PEAKS_OF_A100: Final = {
    _A100_PEAKS: {
        "fp64": 9.7 * T,
        "fp64_tensor": 19.5 * T,
        "fp32": 19.5 * T,
        "tf32_tensor": 156 * T,
        "fp16_tensor": 312 * T,
        "bf16_tensor": 312 * T,
        "int8_tensor": 624 * T,
    },
    _A100_VECTORS: {"fp16": 77.97 * T},
}
_OF_V100: Final = {_V100: {"sm_count": 80, "memory_bus_bits": 4096, "l2_bytes": 6144 * 1024}}
_OF_V100_SXM: Final = {
    **_OF_V100,
    _SXM: {"pcie_generation": 3, "pcie_lanes": 16},
    _NVLINK: {"nvlink_bytes_per_s": 300 * G},
    _V100_PEAKS: {
        "boost_clock_hz": 1530 * M,
        "fp64": 7.83 * T,
        "fp32": 15.67 * T,
        "fp16": 31.33 * T,
        "fp16_tensor": 125.34 * T,
    },
    "https://elchapuzasinformatico.com/2017/05/nvidia-tesla-v100-anunciada-5210-cuda-cores-la-arquitectura-volta/": {
        "memory_bandwidth_bytes_per_s": 900 * G
    },
}
_OF_V100_PCIE: Final = {
    **_OF_V100,
    _V100_PCIE: {
        "boost_clock_hz": 1380 * M,
        "memory_bandwidth_bytes_per_s": 897 * G,
        "fp64": 7.066 * T,
        "fp32": 14.13 * T,
        "fp16": 28.26 * T,
        "pcie_generation": 3,
        "pcie_lanes": 16,
    },
}
_OF_H100: Final = {
    _H100_PEAKS: {
        "sm_count": 132,
        "boost_clock_hz": 1980 * M,
        "fp64": 33.5 * T,
        "fp64_tensor": 66.9 * T,
        "fp32": 66.9 * T,
        "tf32_tensor": 494.7 * T,
        "fp16": 133.8 * T,
        "bf16": 133.8 * T,
        "fp16_tensor": 989.4 * T,
        "bf16_tensor": 989.4 * T,
        "fp8_tensor": 1978.9 * T,
        "int8_tensor": 1978.9 * T,
    },
}

READINGS: Final[dict[str, dict[str, dict[str, float]]]] = {
    "V100": _OF_V100_SXM,
    "V100-16GB": {**_OF_V100_SXM, _V100_PEAKS: {**_OF_V100_SXM[_V100_PEAKS], "memory_bytes": 16 * GB}},
    "V100-PCIe": _OF_V100_PCIE,
    "V100-PCIe-16GB": {**_OF_V100_PCIE, _V100_PCIE: {**_OF_V100_PCIE[_V100_PCIE], "memory_bytes": 16 * GB}},
    "T4": {
        "https://chiemon.github.io/2024/12/25/%E6%98%BE%E5%8D%A1%E4%BF%A1%E6%81%AF.html": {
            "sm_count": 40,
            "boost_clock_hz": 1590 * M,
            "memory_bus_bits": 256,
            "l2_bytes": 4194304,
        },
        "https://sysrqmts.com/en/gpus/nvidia/tesla/t4": {
            "memory_bandwidth_bytes_per_s": 320 * G,
            "memory_bytes": 16 * GB,
            "fp64": 0.2544 * T,
            "fp32": 8.141 * T,
            "fp16_tensor": 65.13 * T,
            "pcie_generation": 3,
            "pcie_lanes": 16,
        },
    },
    "A100": {
        _A100: {**_OF_A100, "memory_bandwidth_bytes_per_s": 2039 * G, "memory_bytes": 80 * GB},
        **_PEAKS_OF_A100,
        **_LINKS_OF_A100,
    },
    "A100-40GB": {
        _A100: {"memory_bandwidth_bytes_per_s": 1555 * G, "memory_bytes": 40 * GB},
        _A100_QUERY: _OF_A100,
        **_PEAKS_OF_A100,
        **_LINKS_OF_A100,
    },
    "A100-PCIe-40GB": {
        _A100: {
            **_OF_A100,
            "memory_bandwidth_bytes_per_s": 1555 * G,
            "memory_bytes": 40 * GB,
            "pcie_generation": 4,
            "pcie_lanes": 16,
        },
        **_PEAKS_OF_A100,
    },
    "A100-PCIe-80GB": {
        _A100: {
            **_OF_A100,
            "memory_bandwidth_bytes_per_s": 1935 * G,
            "memory_bytes": 80 * GB,
            "pcie_generation": 4,
            "pcie_lanes": 16,
        },
        **_PEAKS_OF_A100,
    },
    "A10": {
        "https://sysrqmts.com/ru/gpus/compare/nvidia-a10-pcie-vs-nvidia-quadro-rtx-4000": {
            "sm_count": 72,
            "boost_clock_hz": 1695 * M,
            "memory_bandwidth_bytes_per_s": 600.2 * G,
            "memory_bus_bits": 384,
            "memory_bytes": 24 * GB,
            "l2_bytes": 6 * MB,
            "fp32": 31.24 * T,
            "fp16": 31.24 * T,
            "pcie_generation": 4,
            "pcie_lanes": 16,
        },
    },
    "L4": {
        "https://fpsbench.com/compare/gpu/nvidia-l4-vs-nvidia-tesla-m40": {
            "sm_count": 7424 / 128,
            "boost_clock_hz": 2040 * M,
            "memory_bandwidth_bytes_per_s": 300.1 * G,
            "memory_bus_bits": 192,
            "memory_bytes": 24 * GB,
            "l2_bytes": 48 * MB,
            "fp64": 0.4733 * T,
            "fp32": 30.29 * T,
            "fp16": 30.29 * T,
        },
        "https://grokipedia.com/page/NVIDIA_L4_vs_L40S": {
            "fp16_tensor": 242 * T / 2,
            "fp8_tensor": 485 * T / 2,
            "int8_tensor": 485 * T / 2,
        },
        "https://store.sourcecode.com/en-us/bg-bucket-compare/125/9820": {
            "tf32_tensor": 120 * T / 2,
            "pcie_generation": 4,
            "pcie_lanes": 16,
        },
    },
    "L40S": {
        "https://www.mullet.se/product.html?product_id=355414": {
            "sm_count": 568 / 4,
            "memory_bandwidth_bytes_per_s": 864 * G,
            "memory_bytes": 48 * GB,
            "fp32": 91.6 * T,
            "tf32_tensor": 183 * T,
            "fp16_tensor": 362.05 * T,
            "bf16_tensor": 362.05 * T,
            "fp8_tensor": 733 * T,
            "pcie_generation": 4,
            "pcie_lanes": 16,
        },
        "https://www.itcreations.com/nvidia-gpu/nvidia-l40s-gpu-accelerator": {
            "boost_clock_hz": 2520 * M,
            "memory_bus_bits": 384,
            "fp64": 1.431 * T,
            "fp16": 91.61 * T,
        },
        "https://hmc-tech.com/gpu/nvidia-l40s-vs-nvidia-t40": {"int8_tensor": 732.86 * T},
    },
    "H100": {
        **_OF_H100,
        f"{_NVIDIA_SYSTEMS}/DGX-H100_H100-SXM-80GBx8_TRT.json": {
            "pcie_generation": 5,
            "pcie_lanes": 16,
            "nvlink_bytes_per_s": 900 * G,
        },
        _H100: {
            "memory_bandwidth_bytes_per_s": 3350 * G,
            "memory_bus_bits": 5120,
            "memory_bytes": 80 * GB,
            "l2_bytes": 50 * MB,
        },
    },
    "H100-PCIe": {
        _H100: {
            "sm_count": 114,
            "memory_bandwidth_bytes_per_s": 2000 * G,
            "memory_bus_bits": 5120,
            "memory_bytes": 80 * GB,
            "l2_bytes": 50 * MB,
            "fp64": 26 * T,
            "fp64_tensor": 51 * T,
            "fp32": 51 * T,
            "tf32_tensor": 756 * T / 2,
            "fp16_tensor": 1513 * T / 2,
            "bf16_tensor": 1513 * T / 2,
            "fp8_tensor": 3026 * T / 2,
            "int8_tensor": 3026 * T / 2,
            # 128 GB/s, both directions together, without the line coding.
            "pcie_generation": 5,
            "pcie_lanes": 128 / 2 / (32 / 8),
        },
    },
    "H200": {
        **_OF_H100,
        f"{_NVIDIA_SYSTEMS}/H200-SXM-141GBx8_TRT.json": {
            "pcie_generation": 5,
            "pcie_lanes": 16,
            "nvlink_bytes_per_s": 900 * G,
        },
        _H200: {
            "memory_bandwidth_bytes_per_s": 4800 * G,
            "memory_bus_bits": 6 * 1024,
            "memory_bytes": 141 * GB,
        },
    },
    "B200": {
        "https://github.com/pytorch/ao/pull/4002": {
            "sm_count": 148,
            "memory_bandwidth_bytes_per_s": 7672 * G,
            "memory_bus_bits": 7680,
            "l2_bytes": 126.5 * MB,
        },
        _B200_MEMORY: {
            "memory_bytes": 180 * GB,
            "pcie_generation": 5,
            "pcie_lanes": 16,
            "nvlink_bytes_per_s": 14.4 * T / 8,
        },
        f"{_NVIDIA_SYSTEMS}/B200-SXM-180GBx1_TRT.json": {"pcie_generation": 5, "pcie_lanes": 16},
        "https://hmc-tech.com/gpus/nvidia-b200-vs-nvidia-b100": {
            "boost_clock_hz": 1980 * M,
            "fp64": 37.51 * T,
            "fp32": 75.02 * T,
            "tf32_tensor": 1130 * T,
            "fp16_tensor": 2250 * T,
            "bf16_tensor": 2250 * T,
            "fp8_tensor": 4500 * T,
            "int8_tensor": 4500 * T,
        },
    },
    "RTX2080Ti": {
        "https://www.guru3d.com/articles-pages/geforce-rtx-2080-founders-review,2.html": {
            "sm_count": 4352 / 64,
            "boost_clock_hz": 1545 * M,
            "memory_bytes": 11 * GB,
        },
        "https://gpu.spicedreamphone.com/ru/gpu/nvidia/geforce-rtx-2080-ti": {
            "memory_bandwidth_bytes_per_s": 616 * G,
            "memory_bus_bits": 352,
            "fp32": 13.45 * T,
            "fp16": 26.90 * T,
            "pcie_generation": 3,
            "pcie_lanes": 16,
        },
    },
    "RTX3090": {
        "https://gpu.spicedreamphone.com/en/gpu/a40-pcie-vs-geforce-rtx-3090": {"pcie_generation": 4, "pcie_lanes": 16},
        "https://holynerdvana.blogspot.com/2022/10/nvidia-geforce-rtx-3090-specifications.html": {
            "sm_count": 82,
            "boost_clock_hz": 1695 * M,
            "memory_bandwidth_bytes_per_s": 936 * G,
            "memory_bus_bits": 384,
            "memory_bytes": 24 * GB,
            "l2_bytes": 6 * MB,
            "fp32": 35.6 * T,
            "fp16_tensor": 142 * T / 2,
        },
    },
    "RTX4090": {
        "https://www.pugetsystems.com/parts/Video-Card/NVIDIA-GeForce-RTX-4090-24GB-14644/": {
            "pcie_generation": 4,
            "pcie_lanes": 16,
        },
        "https://waredb.com/processor/nvidia-geforce-rtx-4090": {
            "boost_clock_hz": 2520 * M,
            "memory_bandwidth_bytes_per_s": 1008 * G,
            "memory_bus_bits": 384,
            "memory_bytes": 24 * GB,
            "l2_bytes": 72 * MB,
            "fp64": 1.29 * T,
            "fp32": 82.58 * T,
            "tf32_tensor": 82.58 * T,
            "fp16": 82.58 * T,
            "bf16": 82.58 * T,
            "fp16_tensor": 165.15 * T,
            "bf16_tensor": 165.15 * T,
            "fp8_tensor": 330.30 * T,
            "int8_tensor": 660.60 * T,
        },
        "https://holynerdvana.blogspot.com/2022/10/nvidia-geforce-rtx-4090-specifications.html": {"sm_count": 128},
    },
    "RTX5090": {
        "https://www.szyunze.com/?p=11037": {"pcie_generation": 5, "pcie_lanes": 16},
        "https://pocketmags.com/linux-format-magazine/may-2025/articles/nvidia-geforce-rtx-5090": {
            "sm_count": 170,
            "boost_clock_hz": 2407 * M,
            "memory_bandwidth_bytes_per_s": 1792 * G,
            "memory_bus_bits": 512,
            "memory_bytes": 32 * GB,
            "l2_bytes": 96 * MB,
            "fp32": 104 * T,
            "fp16_tensor": 838 * T / 4,
        },
    },
    "MI210": {
        "https://vengineer.hatenablog.com/entry/2022/11/18/090000": {"pcie_generation": 4, "pcie_lanes": 16},
        "https://www.anandtech.com/show/17326/amd-releases-instinct-mi210-accelerator-cdna-2-on-a-pcie-card": {
            "sm_count": 104,
            "boost_clock_hz": 1700 * M,
            "memory_bandwidth_bytes_per_s": 3.2 * G * 4096 / 8,
            "memory_bus_bits": 4096,
            "memory_bytes": 64 * GB,
            "fp64": 22.6 * T,
            "fp64_tensor": 45.3 * T,
            "fp32": 22.6 * T,
            "fp32_tensor": 45.3 * T,
            "fp16_tensor": 181 * T,
            "int8_tensor": 181 * T,
        },
    },
    "MI250X": {
        "https://zexron.com/amd-mi250-x-aldebaran-as-mcm-with-up-to-479-teraflop-s-and-560-watt-tdp": {
            "sm_count": 220 / 2,
            "boost_clock_hz": 1700 * M,
            "memory_bytes": 128 * GB / 2,
            "fp64": 47.9 * T / 2,
            "fp64_tensor": 95.7 * T / 2,
            "fp32": 47.9 * T / 2,
            "fp32_tensor": 95.7 * T / 2,
            "fp16_tensor": 383 * T / 2,
            "bf16_tensor": 383 * T / 2,
            "int8_tensor": 383 * T / 2,
        },
        "https://siliconcat.net/gpu/amd-radeon-instinct-mi250x": {
            "memory_bandwidth_bytes_per_s": 3277 * G / 2,
            "memory_bus_bits": 8192 / 2,
            "l2_bytes": 16 * MB / 2,
        },
    },
    "MI300X": {
        _MI300X_SYSTEM: {
            "pcie_generation": 5,
            "pcie_lanes": 16,
        },
        "https://rocm.docs.amd.com/en/docs-6.2.2/conceptual/gpu-arch/mi300.html": {
            "sm_count": 8 * 38,
            "l2_bytes": 8 * 4 * MB,
        },
        "https://www.emergentmind.com/topics/amd-instinct-mi300x-gpus": {
            "memory_bandwidth_bytes_per_s": 5.3 * T,
            "memory_bytes": 192 * GB,
        },
        # Of the MI300A: 228 of the same compute units, at the same clock.
        "https://vengineer.hatenablog.com/entry/2023/12/11/080000": {
            "boost_clock_hz": 2100 * M,
            "fp64": 61.3 * T * 304 / 228,
            "fp64_tensor": 122.6 * T * 304 / 228,
            "fp32": 122.6 * T * 304 / 228,
            "fp32_tensor": 122.6 * T * 304 / 228,
            "fp16_tensor": 980.6 * T * 304 / 228,
            "bf16_tensor": 980.6 * T * 304 / 228,
            "int8_tensor": 1960 * T * 304 / 228,
        },
    },
}
"""By the table's key: address → figure → value."""

LAUNCH_LIMITS_AT: Final = (
    "https://github.com/NVIDIA/cccl/blob/004ad1986064aaa82892ed00d0dbda88b90fa6e6"
    "/libcudacxx/include/cuda/__device/arch_traits.h"
)
LAUNCH_LIMITS: Final = {
    (7, 0): (2048, 32, 96, 96, 0),
    (7, 5): (1024, 16, 64, 64, 0),
    (8, 0): (2048, 32, 164, 163, 1024),
    (8, 6): (1536, 16, 100, 99, 1024),
    (8, 9): (1536, 24, 100, 99, 1024),
    (9, 0): (2048, 32, 228, 227, 1024),
    (10, 0): (2048, 32, 228, 227, 1024),
    (12, 0): (1536, 24, 100, 99, 1024),
}
"""Threads and blocks of an SM, kB of shared memory of an SM and of a block that asks, bytes that CUDA keeps of it."""
