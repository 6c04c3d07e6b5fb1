from __future__ import annotations

import math
from typing import Any

import pytest

from profiler_kit.devices import DEVICES, Device, UnknownDeviceError, confirmed, device_of_properties, find_device
from profiler_kit.devices.device import KIB, LAUNCH_LIMITS
from profiler_kit.devices.pcie import PcieLink
from tests.devices import readings

FP32_LANES_PER_SM = {
    (7, 0): 64,
    (7, 5): 64,
    (8, 0): 64,
    (8, 6): 128,
    (8, 9): 128,
    (9, 0): 128,
    (10, 0): 128,
    (12, 0): 128,
}
"""CUDA C++ Programming Guide, arithmetic throughput: float32 fused multiply-adds a clock and SM."""

FP64_LANES_PER_SM = {
    (7, 0): 32,
    (7, 5): 2,
    (8, 0): 32,
    (8, 6): 2,
    (8, 9): 2,
    (9, 0): 64,
    (10, 0): 64,
    (12, 0): 2,
}

TENSOR_FMA_PER_SM_AT_FP32_ACCUMULATION = {
    "V100": 512,
    "T4": 512,
    "A100": 1024,
    "A10": 512,
    "RTX2080Ti": 256,
    "RTX3090": 256,
    "RTX4090": 256,
    "RTX5090": 256,
    "L40S": 512,
}
"""Float16 multiply-adds a clock and SM on tensor cores: Volta, Turing, Ampere and Ada white papers; GeForce: half."""


def nvidia() -> list[Device]:
    return [device for device in DEVICES if device.vendor == "nvidia"]


@pytest.mark.parametrize("device", nvidia(), ids=lambda device: device.key)
def test_vector_peaks_are_lanes_times_clock(device: Device) -> None:
    assert device.compute_capability is not None
    a_lane = 2 * device.sm_count * device.boost_clock_hz
    peaks = device.peak_flops_per_s
    assert peaks["fp32"] == pytest.approx(a_lane * FP32_LANES_PER_SM[device.compute_capability], rel=0.012)
    assert peaks["fp64"] == pytest.approx(a_lane * FP64_LANES_PER_SM[device.compute_capability], rel=0.03)


@pytest.mark.parametrize(("key", "multiply_adds"), TENSOR_FMA_PER_SM_AT_FP32_ACCUMULATION.items())
def test_tensor_peaks_are_multiply_adds_times_clock(key: str, multiply_adds: int) -> None:
    device = find_device(key)
    expected = 2 * device.sm_count * device.boost_clock_hz * multiply_adds
    assert device.peak_flops_per_s["fp16_tensor"] == pytest.approx(expected, rel=0.02)


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.key)
def test_narrower_types_are_never_slower_on_tensor_cores(device: Device) -> None:
    peaks = device.peak_flops_per_s
    order = [name for name in ("tf32_tensor", "fp16_tensor", "fp8_tensor", "int8_tensor") if name in peaks]
    values = [peaks[name] for name in order]
    assert values == sorted(values)
    if "bf16_tensor" in peaks:
        assert peaks["bf16_tensor"] == peaks["fp16_tensor"]
    assert {"compute", "memory", "links"} == set(device.sources)


@pytest.mark.parametrize(
    ("key", "clock_mhz"),
    [("V100", 877), ("A100", 1593), ("A100-40GB", 1215), ("T4", 5001), ("RTX3090", 9751), ("RTX4090", 10501)],
)
def test_memory_clock_is_the_one_that_cuda_reports(key: str, clock_mhz: float) -> None:
    assert find_device(key).memory_clock_hz == pytest.approx(clock_mhz * 1e6, rel=0.005)


def test_compute_capabilities_have_launch_limits() -> None:
    for device in DEVICES:
        limits = device.launch_limits
        assert (limits is None) == (device.vendor == "amd")
        if limits is not None:
            assert limits.shared_memory_per_block_optin_bytes <= limits.shared_memory_per_sm_bytes


def test_every_spelling_means_one_device() -> None:
    for device in DEVICES:
        for spelling in (device.key, device.name, *device.aliases):
            assert find_device(spelling) is device


@pytest.mark.parametrize(
    ("spelling", "key"),
    [
        ("h100", "H100"),
        ("H100 SXM", "H100"),
        ("nvidia h100 pcie", "H100-PCIe"),
        ("4090", "RTX4090"),
        ("rtx 4090", "RTX4090"),
        ("GeForce RTX 2080 Ti", "RTX2080Ti"),
        ("a100-80gb", "A100"),
        ("A100 40GB", "A100-40GB"),
        ("mi300x", "MI300X"),
    ],
)
def test_spellings(spelling: str, key: str) -> None:
    assert find_device(spelling).key == key


@pytest.mark.parametrize(("name", "nearest"), [("H10", "H100"), ("B20", "B200"), ("RTX4080", "RTX4090")])
def test_an_unknown_name_gets_the_nearest(name: str, nearest: str) -> None:
    with pytest.raises(UnknownDeviceError, match="did you mean") as caught:
        find_device(name)
    assert nearest in caught.value.nearest


@pytest.mark.parametrize("name", ["", "  ", "†††"])
def test_a_name_like_no_other_gets_the_list(name: str) -> None:
    with pytest.raises(UnknownDeviceError, match="known are V100"):
        find_device(name)


def properties(name: str, sms: int, major: int, minor: int, memory: int, warp: int = 32) -> dict[str, Any]:
    """An entry as Kineto writes it; the figures below are from real traces or NVIDIA's deviceQuery."""
    return {
        "id": 0,
        "name": name,
        "numSms": sms,
        "computeMajor": major,
        "computeMinor": minor,
        "totalGlobalMem": memory,
        "warpSize": warp,
    }


@pytest.mark.parametrize(
    ("entry", "key"),
    [
        (properties("NVIDIA A100-PG509-200", 108, 8, 0, 42505273344), "A100-40GB"),
        (properties("NVIDIA A100-PCIE-40GB", 108, 8, 0, 42346610688), "A100-PCIe-40GB"),
        (properties("NVIDIA A100-SXM4-80GB", 108, 8, 0, 85174583296), "A100"),
        (properties("NVIDIA B200", 148, 10, 0, 191503138816), "B200"),
        (properties("NVIDIA H100 80GB HBM3", 132, 9, 0, 85018279936), "H100"),
        (properties("Tesla V100-SXM2-16GB", 80, 7, 0, 16945512448), "V100-16GB"),
        (properties("Tesla V100-DGXS-32GB", 80, 7, 0, 34084028416), "V100"),
        (properties("NVIDIA GeForce RTX 2080 Ti", 68, 7, 5, 11554586624), "RTX2080Ti"),
        (properties("AMD Instinct MI300X VF", 304, 9, 4, 205571227648, 64), "MI300X"),
        (properties("", 304, 9, 4, 206141652992, 64), "MI300X"),
    ],
)
def test_what_traces_say(entry: dict[str, Any], key: str) -> None:
    device = device_of_properties(entry)
    assert device is not None
    assert device.key == key


@pytest.mark.parametrize(
    "entry",
    [
        properties("NVIDIA A100-SXM4-80GB MIG 3g.40gb", 42, 8, 0, 42000000000),
        properties("NVIDIA A100-SXM4-80GB", 42, 8, 0, 85174583296),
        properties("NVIDIA H100 NVL", 132, 9, 0, 99857989632),
        properties("NVIDIA A10G", 80, 8, 6, 23836033024),
        properties("NVIDIA H100 80GB HBM3", 132, 9, 0, 42000000000),
        properties("", 108, 8, 0, 85174583296),
        {"name": ""},
        {},
        {"name": None, "numSms": "132"},
    ],
)
def test_a_slice_or_a_stranger_is_not_taken_for_a_known_device(entry: dict[str, Any]) -> None:
    assert device_of_properties(entry) is None


def test_a_name_is_enough_where_a_trace_says_no_more() -> None:
    device = device_of_properties({"name": "NVIDIA H200"})
    assert device is not None
    assert device.key == "H200"


def test_peaks_are_finite_and_in_flops() -> None:
    for device in DEVICES:
        assert all(math.isfinite(peak) and 1e11 < peak < 1e16 for peak in device.peak_flops_per_s.values())


FIGURES = ("sm_count", "boost_clock_hz", "memory_bandwidth_bytes_per_s", "memory_bus_bits", "memory_bytes", "l2_bytes")


@pytest.mark.parametrize("device", DEVICES, ids=lambda device: device.key)
def test_figures_are_those_that_pages_state(device: Device) -> None:
    figures = {**{name: getattr(device, name) for name in FIGURES}, **device.peak_flops_per_s}
    if device.host_link is not None:
        figures |= {"pcie_generation": device.host_link.generation, "pcie_lanes": device.host_link.lanes}
    if device.nvlink_bytes_per_s is not None:
        figures["nvlink_bytes_per_s"] = device.nvlink_bytes_per_s
    read = readings.READINGS[device.key]
    for page, stated in read.items():
        for name, value in stated.items():
            # Pages round to two or three digits, and take a clock a little off.
            assert figures[name] == pytest.approx(value, rel=0.016), (page, name)
    told = confirmed.READINGS[device.key]
    assert set(told.pages) == set(read)
    assert set(told.not_found) == set(figures) - {name for stated in read.values() for name in stated}


def test_launch_limits_are_those_of_nvidias_header() -> None:
    assert readings.LAUNCH_LIMITS_AT == confirmed.LAUNCH_LIMITS_PAGE
    assert set(readings.LAUNCH_LIMITS) == set(LAUNCH_LIMITS)
    for capability, (threads, blocks, shared, optin, reserved) in readings.LAUNCH_LIMITS.items():
        limits = LAUNCH_LIMITS[capability]
        assert (limits.threads_per_sm, limits.blocks_per_sm) == (threads, blocks)
        assert limits.shared_memory_per_sm_bytes == shared * KIB
        assert limits.shared_memory_per_block_optin_bytes == optin * KIB
        assert limits.reserved_shared_memory_per_block_bytes == reserved
        assert (limits.registers_per_sm, limits.warp_size, limits.threads_per_block) == (65536, 32, 1024)


def test_b200s_bandwidth_is_its_bus_at_the_clock_that_its_driver_reports() -> None:
    device = find_device("B200")
    assert device.memory_clock_hz == pytest.approx(3996e6, rel=0.001)


@pytest.mark.parametrize(
    ("generation", "lanes", "gb_per_s"), [(3, 16, 15.754), (3, 8, 7.877), (4, 16, 31.508), (5, 16, 63.015)]
)
def test_what_a_pcie_link_carries_each_way(generation: int, lanes: int, gb_per_s: float) -> None:
    """By hand: 8, 16 or 32 Gbit/s of a lane, by lanes, by 128/130, by 8 bits a byte."""
    link = PcieLink(generation, lanes)
    assert link.bytes_per_s == pytest.approx(gb_per_s * 1e9, rel=5e-5)
    assert link.name == f"PCIe {generation}.0 x{lanes}"


@pytest.mark.parametrize("key", ["V100-PCIe", "V100-PCIe-16GB", "A100-PCIe-40GB", "A100-PCIe-80GB", "H100-PCIe"])
def test_a_board_that_may_have_no_bridge_is_not_said_to_have_nvlink(key: str) -> None:
    assert find_device(key).nvlink_bytes_per_s is None
