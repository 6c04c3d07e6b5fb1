"""Where the table's figures were read again, and which of them could not be found there.

``Device.sources`` names the vendors' documents that figures are meant to be from; those were not at hand when the table
was checked in November 2026. These pages were, most of them of others. The tests hold the values that the pages state
(tests/devices/readings.py) against the table.

What they disagree on: the L40S has 48 MB of L2 by some (computizer.com) and, like the L40 of the same die, 96 MB by
others (hmc-tech.com); the A10's double precision is 1/32 of single by sysrqmts.com, against the 1/64 of NVIDIA's
documents for compute capability 8.6; the B200 has PCIe 6.0 by glennklockwood.com, and 5.0 by NVIDIA's own description
of the system that it measured. The table keeps 96 MB, 1/64 and 5.0.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """Pages about one GPU.

    Attributes:
        pages: Addresses.
        not_found: Figures that none of them states: attributes of ``Device`` (of its ``host_link``: ``pcie_generation``
            and ``pcie_lanes``), or keys of its ``peak_flops_per_s``.
    """

    pages: tuple[str, ...]
    not_found: tuple[str, ...] = ()


LAUNCH_LIMITS_PAGE: Final = (
    "https://github.com/NVIDIA/cccl/blob/004ad1986064aaa82892ed00d0dbda88b90fa6e6/"
    "libcudacxx/include/cuda/__device/arch_traits.h"
)
"""NVIDIA's own header, which states every launch limit of the table."""

_NVIDIA_SYSTEMS: Final = (
    "https://github.com/mlcommons/inference_results_v4.1/blob/a2f5d66d17e8f75c02fd74dfe810ecca6a046696/"
    "closed/NVIDIA/systems"
)
"""NVIDIA's descriptions of the systems that it measured for MLPerf."""

READINGS: Final[Mapping[str, Readings]] = {
    "V100": Readings(
        pages=(
            "http://www.xenon.com.au/nvidia-tesla-volta-worlds-advanced-data-center-gpu/",
            "https://hmc-tech.com/gpu/nvidia-b200-vs-nvidia-v100-sxm-16gb",
            "https://elchapuzasinformatico.com/2017/05/nvidia-tesla-v100-anunciada-5210-cuda-cores-la-arquitectura-volta/",
            "https://huggingface.co/spaces/lambdabrendan/Lambda-LLM-Calculator/blame/main/data/gpu_specs.csv",
            "https://wikimili.com/en/NVLink",
        ),
        not_found=("memory_bytes",),
    ),
    "V100-16GB": Readings(
        pages=(
            "http://www.xenon.com.au/nvidia-tesla-volta-worlds-advanced-data-center-gpu/",
            "https://hmc-tech.com/gpu/nvidia-b200-vs-nvidia-v100-sxm-16gb",
            "https://elchapuzasinformatico.com/2017/05/nvidia-tesla-v100-anunciada-5210-cuda-cores-la-arquitectura-volta/",
            "https://huggingface.co/spaces/lambdabrendan/Lambda-LLM-Calculator/blame/main/data/gpu_specs.csv",
            "https://wikimili.com/en/NVLink",
        ),
        not_found=(),
    ),
    "V100-PCIe": Readings(
        pages=(
            "http://www.xenon.com.au/nvidia-tesla-volta-worlds-advanced-data-center-gpu/",
            "https://sysrqmts.com/gpus/compare/nvidia-a100-pcie-vs-nvidia-tesla-v100-pcie-16-gb",
        ),
        not_found=("memory_bytes", "fp16_tensor"),
    ),
    "V100-PCIe-16GB": Readings(
        pages=(
            "http://www.xenon.com.au/nvidia-tesla-volta-worlds-advanced-data-center-gpu/",
            "https://sysrqmts.com/gpus/compare/nvidia-a100-pcie-vs-nvidia-tesla-v100-pcie-16-gb",
        ),
        not_found=("fp16_tensor",),
    ),
    "T4": Readings(
        pages=(
            "https://chiemon.github.io/2024/12/25/%E6%98%BE%E5%8D%A1%E4%BF%A1%E6%81%AF.html",
            "https://sysrqmts.com/en/gpus/nvidia/tesla/t4",
        ),
        not_found=("fp16", "int8_tensor"),
    ),
    "A100": Readings(
        pages=(
            "https://www.thundercompute.com/blog/nvidia-a100-specs-full-guide",
            "https://glennklockwood.com/garden/processors/A100",
            "https://gpu.spicedreamphone.com/en/gpu/nvidia/a100-sxm4-40-gb",
            "https://huggingface.co/spaces/lambdabrendan/Lambda-LLM-Calculator/blame/main/data/gpu_specs.csv",
            "https://www.nvidia.com/de-de/data-center/nvlink/",
        ),
        not_found=("bf16",),
    ),
    "A100-40GB": Readings(
        pages=(
            "https://www.thundercompute.com/blog/nvidia-a100-specs-full-guide",
            "https://upb-pc2.atlassian.net/wiki/spaces/PC2DOK/pages/1900609/NVIDIA+A100+40GB+with+NVLINK",
            "https://glennklockwood.com/garden/processors/A100",
            "https://gpu.spicedreamphone.com/en/gpu/nvidia/a100-sxm4-40-gb",
            "https://huggingface.co/spaces/lambdabrendan/Lambda-LLM-Calculator/blame/main/data/gpu_specs.csv",
            "https://www.nvidia.com/de-de/data-center/nvlink/",
        ),
        not_found=("bf16",),
    ),
    "A100-PCIe-40GB": Readings(
        pages=(
            "https://www.thundercompute.com/blog/nvidia-a100-specs-full-guide",
            "https://glennklockwood.com/garden/processors/A100",
            "https://gpu.spicedreamphone.com/en/gpu/nvidia/a100-sxm4-40-gb",
        ),
        not_found=("bf16",),
    ),
    "A100-PCIe-80GB": Readings(
        pages=(
            "https://www.thundercompute.com/blog/nvidia-a100-specs-full-guide",
            "https://glennklockwood.com/garden/processors/A100",
            "https://gpu.spicedreamphone.com/en/gpu/nvidia/a100-sxm4-40-gb",
        ),
        not_found=("bf16",),
    ),
    "A10": Readings(
        pages=("https://sysrqmts.com/ru/gpus/compare/nvidia-a10-pcie-vs-nvidia-quadro-rtx-4000",),
        not_found=("fp64", "tf32_tensor", "bf16", "fp16_tensor", "bf16_tensor", "int8_tensor"),
    ),
    "L4": Readings(
        pages=(
            "https://fpsbench.com/compare/gpu/nvidia-l4-vs-nvidia-tesla-m40",
            "https://grokipedia.com/page/NVIDIA_L4_vs_L40S",
            "https://store.sourcecode.com/en-us/bg-bucket-compare/125/9820",
        ),
        not_found=("bf16", "bf16_tensor"),
    ),
    "L40S": Readings(
        pages=(
            "https://www.mullet.se/product.html?product_id=355414",
            "https://www.itcreations.com/nvidia-gpu/nvidia-l40s-gpu-accelerator",
            "https://hmc-tech.com/gpu/nvidia-l40s-vs-nvidia-t40",
        ),
        not_found=("l2_bytes", "bf16"),
    ),
    "H100": Readings(
        pages=(
            "https://glennklockwood.com/garden/processors/h100",
            "https://archive-lib.hpctech.co.jp/gpuproduct/nvidia-h100.html",
            f"{_NVIDIA_SYSTEMS}/DGX-H100_H100-SXM-80GBx8_TRT.json",
        ),
        not_found=(),
    ),
    "H100-PCIe": Readings(
        pages=("https://archive-lib.hpctech.co.jp/gpuproduct/nvidia-h100.html",),
        not_found=("boost_clock_hz", "fp16", "bf16"),
    ),
    "H200": Readings(
        pages=(
            "https://glennklockwood.com/garden/processors/h100",
            "https://geektopia.es/es/technology/2023/11/13/noticias/nvidia-anuncia-la-aceleradora-h200-tiene-141-gb-de-hbm3e.html",
            f"{_NVIDIA_SYSTEMS}/H200-SXM-141GBx8_TRT.json",
        ),
        not_found=("l2_bytes",),
    ),
    "B200": Readings(
        pages=(
            "https://github.com/pytorch/ao/pull/4002",
            "https://raw.githubusercontent.com/mlcommons/inference_results_v6.0/main/closed/Nebius/systems/nebius_b200_n1.json",
            "https://hmc-tech.com/gpus/nvidia-b200-vs-nvidia-b100",
            f"{_NVIDIA_SYSTEMS}/B200-SXM-180GBx1_TRT.json",
        ),
        not_found=("fp64_tensor",),
    ),
    "RTX2080Ti": Readings(
        pages=(
            "https://www.guru3d.com/articles-pages/geforce-rtx-2080-founders-review,2.html",
            "https://gpu.spicedreamphone.com/ru/gpu/nvidia/geforce-rtx-2080-ti",
        ),
        not_found=("l2_bytes", "fp64", "fp16_tensor", "int8_tensor"),
    ),
    "RTX3090": Readings(
        pages=(
            "https://holynerdvana.blogspot.com/2022/10/nvidia-geforce-rtx-3090-specifications.html",
            "https://gpu.spicedreamphone.com/en/gpu/a40-pcie-vs-geforce-rtx-3090",
        ),
        not_found=("fp64", "tf32_tensor", "fp16", "bf16", "bf16_tensor", "int8_tensor"),
    ),
    "RTX4090": Readings(
        pages=(
            "https://waredb.com/processor/nvidia-geforce-rtx-4090",
            "https://holynerdvana.blogspot.com/2022/10/nvidia-geforce-rtx-4090-specifications.html",
            "https://www.pugetsystems.com/parts/Video-Card/NVIDIA-GeForce-RTX-4090-24GB-14644/",
        ),
        not_found=(),
    ),
    "RTX5090": Readings(
        pages=(
            "https://pocketmags.com/linux-format-magazine/may-2025/articles/nvidia-geforce-rtx-5090",
            "https://www.szyunze.com/?p=11037",
        ),
        not_found=("fp64", "tf32_tensor", "fp16", "bf16", "bf16_tensor", "fp8_tensor", "int8_tensor"),
    ),
    "MI210": Readings(
        pages=(
            "https://www.anandtech.com/show/17326/amd-releases-instinct-mi210-accelerator-cdna-2-on-a-pcie-card",
            "https://vengineer.hatenablog.com/entry/2022/11/18/090000",
        ),
        not_found=("l2_bytes", "bf16_tensor"),
    ),
    "MI250X": Readings(
        pages=(
            "https://zexron.com/amd-mi250-x-aldebaran-as-mcm-with-up-to-479-teraflop-s-and-560-watt-tdp",
            "https://siliconcat.net/gpu/amd-radeon-instinct-mi250x",
        ),
        not_found=(),
    ),
    "MI300X": Readings(
        pages=(
            "https://rocm.docs.amd.com/en/docs-6.2.2/conceptual/gpu-arch/mi300.html",
            "https://www.emergentmind.com/topics/amd-instinct-mi300x-gpus",
            "https://vengineer.hatenablog.com/entry/2023/12/11/080000",
            "https://raw.githubusercontent.com/mlcommons/inference_results_v4.1/main/closed/AMD/systems/8xMI300X_2xEPYC-9374F.json",
        ),
        not_found=("memory_bus_bits", "tf32_tensor", "fp8_tensor"),
    ),
}
"""By a GPU's key."""
