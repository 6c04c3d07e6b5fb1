"""What a kernel's name tells: library, operation, pass, algorithm, types, and whether it runs on matrix units."""

from profiler_kit.kernels._explain import Token, explain
from profiler_kit.kernels._identity import KernelIdentity
from profiler_kit.kernels._registry import identify

__all__ = ["KernelIdentity", "Token", "explain", "identify"]
