"""What a reader of a trace must know about the machine and the settings under which it was recorded.

Only facts that explain speed are collected. Environment variables, command lines, user and host names are not: traces
get sent around, and those hold secrets.
"""

from __future__ import annotations

import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

if TYPE_CHECKING:
    from collections.abc import Callable

_CPU_INFO = Path("/proc/cpuinfo")


def describe_environment() -> dict[str, Any]:
    """Return the facts as they are now, as JSON-able values; None stands for what this machine does not have."""
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.release()} {platform.machine()}",
        "torch": str(torch.__version__),
        "cuda": torch.version.cuda,
        "hip": torch.version.hip,
        "cudnn": _cudnn_version(),
        "cpu": _describe_cpu(),
        "devices": _describe_devices(),
        "settings": _describe_settings(),
    }


def _cudnn_version() -> int | None:
    # Asking for the version loads the library; on a machine without a GPU it says nothing about the trace.
    return torch.backends.cudnn.version() if torch.cuda.is_available() else None


def _describe_cpu() -> dict[str, Any]:
    return {
        "model": _cpu_model(),
        "isa": torch.backends.cpu.get_cpu_capability(),
        "intra_op_threads": torch.get_num_threads(),
        "inter_op_threads": torch.get_num_interop_threads(),
        "mkldnn_available": torch.backends.mkldnn.is_available(),
        "mkl_available": torch.backends.mkl.is_available(),
    }


def _cpu_model() -> str | None:
    if sys.platform == "linux":
        try:
            lines = _CPU_INFO.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            lines = []
        for line in lines:
            key, _, value = line.partition(":")
            if key.strip() == "model name":
                return value.strip()
    return platform.processor() or None


def _describe_devices() -> list[dict[str, Any]]:
    if not torch.cuda.is_available():
        return []
    devices = []
    for index in range(torch.cuda.device_count()):
        properties = torch.cuda.get_device_properties(index)
        devices.append(
            {
                "index": index,
                "name": properties.name,
                "compute_capability": f"{properties.major}.{properties.minor}",
                "multiprocessors": properties.multi_processor_count,
                "memory_bytes": properties.total_memory,
            }
        )
    return devices


def _describe_settings() -> dict[str, Any]:
    cudnn, matmul = torch.backends.cudnn, torch.backends.cuda.matmul
    return {
        "cudnn_enabled": cudnn.enabled,
        "cudnn_benchmark": cudnn.benchmark,
        "cudnn_deterministic": cudnn.deterministic,
        "cudnn_allow_tf32": _setting(lambda: cudnn.allow_tf32),
        "cudnn_conv_fp32_precision": _setting(lambda: cudnn.conv.fp32_precision),
        "cuda_matmul_allow_tf32": _setting(lambda: matmul.allow_tf32),
        "cuda_matmul_fp32_precision": _setting(lambda: matmul.fp32_precision),
        "float32_matmul_precision": _setting(torch.get_float32_matmul_precision),
        "default_dtype": str(torch.get_default_dtype()).removeprefix("torch."),
        "deterministic_algorithms": torch.are_deterministic_algorithms_enabled(),
    }


def _setting(read: Callable[[], Any]) -> Any:
    """Read a switch of the TF32 family; None if this PyTorch does not have it.

    From PyTorch 2.9 on, the older switches cannot be read any more once one of the newer ``fp32_precision`` is set.
    """
    try:
        return read()
    except (AttributeError, RuntimeError):
        return None
