"""What is known of one GPU, and the launch limits of a compute capability."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Literal

from profiler_kit.devices.pcie import PcieLink

GIB: Final = 2**30
MIB: Final = 2**20
KIB: Final = 2**10

WORD_TRANSFERS_PER_CLOCK: Final = 2
"""Both HBM and GDDR are double data rate with respect to the memory clock that CUDA reports."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LaunchLimits:
    """What one SM and one block may hold, by compute capability.

    Source: CUDA C++ Programming Guide, "Technical Specifications per Compute Capability" and, for shared memory, the
    sections on each compute capability; all of them read again in NVIDIA's ``arch_traits.h``
    (:data:`profiler_kit.devices.confirmed.LAUNCH_LIMITS_PAGE`).

    Attributes:
        threads_per_sm: Most resident threads of an SM.
        blocks_per_sm: Most resident blocks of an SM.
        registers_per_sm: 32-bit registers of an SM.
        shared_memory_per_sm_bytes: Largest shared memory of an SM.
        shared_memory_per_block_bytes: Shared memory that a block gets without asking.
        shared_memory_per_block_optin_bytes: Most shared memory that a block may ask for.
        reserved_shared_memory_per_block_bytes: Shared memory that CUDA keeps for itself in each block.
        warp_size: Threads of a warp.
        threads_per_block: Most threads of a block.
    """

    threads_per_sm: int
    blocks_per_sm: int
    shared_memory_per_sm_bytes: int
    shared_memory_per_block_optin_bytes: int
    reserved_shared_memory_per_block_bytes: int
    registers_per_sm: int = 65536
    shared_memory_per_block_bytes: int = 48 * KIB
    warp_size: int = 32
    threads_per_block: int = 1024


def _limits(threads: int, blocks: int, shared_kib: int, optin_kib: int, reserved: int) -> LaunchLimits:
    return LaunchLimits(
        threads_per_sm=threads,
        blocks_per_sm=blocks,
        shared_memory_per_sm_bytes=shared_kib * KIB,
        shared_memory_per_block_optin_bytes=optin_kib * KIB,
        reserved_shared_memory_per_block_bytes=reserved,
    )


LAUNCH_LIMITS: Final[Mapping[tuple[int, int], LaunchLimits]] = {
    (7, 0): _limits(2048, 32, 96, 96, 0),
    (7, 5): _limits(1024, 16, 64, 64, 0),
    (8, 0): _limits(2048, 32, 164, 163, 1024),
    (8, 6): _limits(1536, 16, 100, 99, 1024),
    (8, 9): _limits(1536, 24, 100, 99, 1024),
    (9, 0): _limits(2048, 32, 228, 227, 1024),
    (10, 0): _limits(2048, 32, 228, 227, 1024),
    (12, 0): _limits(1536, 24, 100, 99, 1024),
}
"""Launch limits of NVIDIA's GPUs by compute capability."""


# Compared by identity: there is one object for a GPU, and a mapping cannot be hashed.
@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Device:
    """One GPU as a program sees it.

    Attributes:
        key: Short name, for a command line: ``H100``.
        name: Full name for people: ``NVIDIA H100 SXM``.
        aliases: Other names, among them those that drivers report: ``NVIDIA H100 80GB HBM3``.
        vendor: ``nvidia`` or ``amd``.
        architecture: The vendor's name of it: ``Hopper``, ``CDNA3``.
        compute_capability: Major and minor as CUDA reports them, or HIP, whose numbers are those of the gfx target
            (gfx942: (9, 4)) and don't compare with CUDA's.
        sm_count: Streaming multiprocessors (NVIDIA) or compute units (AMD) that are enabled.
        memory_bandwidth_bytes_per_s: Peak bandwidth of device memory.
        memory_bus_bits: Width of the memory interface.
        memory_bytes: Size of device memory as sold; a driver reports a little less.
        l2_bytes: Level 2 cache.
        boost_clock_hz: Boost clock that the peaks outside tensor cores rest on. Vendors state some tensor peaks at a
            lower one.
        peak_flops_per_s: Dense peaks (never those for structured sparsity) in FLOP/s, a multiply-add counting two, by
            unit and type: ``fp64``, ``fp32``, ``fp16``, ``bf16`` outside tensor cores, ``fp64_tensor``,
            ``fp32_tensor`` (AMD), ``tf32_tensor``, ``fp16_tensor``, ``bf16_tensor``, ``fp8_tensor``, ``int8_tensor``
            (operations/s) on them. Tensor peaks are those with float32 accumulation, as PyTorch accumulates; on
            GeForce that halves the advertised figure. A key that is missing: the hardware has no such unit, or its
            vendor gives no figure.
        host_link: The GPU's own link to its host; the slot that it sits in may be slower. ``None``: not known, or
            the host may be reached in another way.
        nvlink_bytes_per_s: NVLink to all other GPUs together, both directions added, as data sheets state it. ``None``:
            the GPU has none, or only where a bridge is mounted.
        sources: Where figures come from, by group: ``compute`` (SMs, clock, peaks), ``memory`` (size, bandwidth, bus,
            L2), ``links`` (to the host and NVLink). Where they were read again: :mod:`profiler_kit.devices.confirmed`.
    """

    key: str
    name: str
    aliases: tuple[str, ...]
    vendor: Literal["nvidia", "amd"]
    architecture: str
    compute_capability: tuple[int, int] | None
    sm_count: int
    memory_bandwidth_bytes_per_s: float
    memory_bus_bits: int
    memory_bytes: int
    l2_bytes: int
    boost_clock_hz: float
    peak_flops_per_s: Mapping[str, float]
    host_link: PcieLink | None
    nvlink_bytes_per_s: float | None
    sources: Mapping[str, str]

    @property
    def launch_limits(self) -> LaunchLimits | None:
        """Limits of a block and an SM; ``None`` for GPUs that CUDA doesn't run on."""
        if self.vendor != "nvidia" or self.compute_capability is None:
            return None
        return LAUNCH_LIMITS[self.compute_capability]

    @property
    def memory_clock_hz(self) -> float:
        """Memory clock as CUDA reports it: bandwidth by bus width and transfers a clock."""
        return self.memory_bandwidth_bytes_per_s * 8 / (WORD_TRANSFERS_PER_CLOCK * self.memory_bus_bits)
