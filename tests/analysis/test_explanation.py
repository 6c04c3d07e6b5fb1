"""The ledger of factors: exact products, factors known by hand, and what is said where the trace does not tell."""

from __future__ import annotations

import json
from dataclasses import replace
from itertools import chain, pairwise, product
from math import log, prod
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import profiler_kit as pk
from profiler_kit.analysis.ledger.explanation import Explanation, explain, explain_sides
from profiler_kit.analysis.ledger.grids import grids
from profiler_kit.analysis.ledger.problem_lookup import ProblemNotFoundError
from profiler_kit.analysis.ledger.problem_sides import minimum_bytes, sides_of
from profiler_kit.analysis.ledger.roofline import roofline
from profiler_kit.analysis.ledger.roofs import Roofs, roofs_of
from profiler_kit.analysis.problems.problem_shapes import Problem
from profiler_kit.formats import read_trace
from profiler_kit.report.explanation import waterfall
from profiler_kit.trace import Trace
from tests.builders import TraceBuilder
from tests.conftest import SHARED

ALIGNED = "cutlass_tensorop_bf16_s16816fprop_optimized_bf16_256x64_32x4_nhwc_align8"
PRODUCT = "cutlass_80_tensorop_bf16_s16816gemm_bf16_128x64_64x6_tn_align8"
SIMT = "void implicit_convolve_sgemm<float, float, 128, 5, 5, 3, 3, 3, 1, false, true, true>(int, int, int)"
TO_NHWC = "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true>(params)"
ADD = "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>>(int)"
H100 = {"id": 0, "name": "NVIDIA H100 80GB HBM3", "numSms": 132, "computeMajor": 9, "computeMinor": 0}

TRACES = sorted((SHARED / "traces").rglob("*.gz")) if SHARED.is_dir() else []
# The other ranks of a job run the same.
TRACES = [path for path in TRACES if path.parent == SHARED / "traces" or path.name.startswith("rank0")]


def values(explanation: Explanation) -> dict[str, float]:
    return {factor.name: factor.value for factor in explanation.factors}


def evidence(explanation: Explanation, name: str) -> str:
    return next(factor.evidence for factor in explanation.factors if factor.name == name)


def assert_exact(explanation: Explanation) -> None:
    assert prod(values(explanation).values()) == pytest.approx(explanation.ratio, rel=1e-9)
    assert all(factor.value > 0 for factor in explanation.factors)
    assert {factor.kind for factor in explanation.factors} <= {"measured", "derived", "modelled", "unexplained"}


@pytest.mark.skipif(not TRACES, reason="the shared traces are not here (shared/)")
@pytest.mark.parametrize("path", TRACES, ids=[path.name.partition(".")[0] for path in TRACES])
def test_factors_multiply_to_the_ratio_in_every_real_trace(path: Path) -> None:
    trace = read_trace(path)
    found = sides_of(trace, roofs_of(trace))
    sides = [found.side(row) for row in found.timed_rows()]
    convolutions = [side for side in sides if side.is_convolution]
    products = [side for side in sides if not side.is_convolution]
    pairs = chain(product(convolutions, products), pairwise(sides), [(sides[-1], sides[0])] if sides else [])
    for slow, fast in pairs:
        explanation = explain_sides(slow, fast)
        assert_exact(explanation)
        assert explanation.ratio == slow.device_us / fast.device_us
        assert sum(slow.parts_us.values()) == pytest.approx(slow.device_us, rel=1e-9)


def test_the_patch_embedding_of_a_vision_transformer(shared: Path) -> None:
    trace = read_trace(shared / "traces" / "h100_vit_falconsai_bf16.pt.trace.json.gz")
    found = explain(trace)
    assert found.ratio == pytest.approx(15.6, abs=0.05)
    assert (found.slow.device_us, found.slow.flops) == (129.6, 924_844_032)
    assert found.fast.problem.weight_shape == (768, 768)
    parts = {name: round(us, 2) for name, us in found.slow.parts_us.items()}
    assert parts == {"main": 98.18, "layout_transform": 23.07, "cast": 0, "memset": 4.38, "bias": 3.97, "helper": 0}
    factors = values(found)
    assert factors["channel_padding"] == 8 / 3
    # CUTLASS takes R·S·ceil(C / tile K) steps: 256 positions of 8 channels in steps of 32, where 64 full ones would do.
    assert factors["step_filling"] == 4
    assert "0.38 µs for each of 256 steps of 32" in evidence(found, "unexplained")
    # In the time of a step is its share of a tile's start and end, which is larger where there are few steps.
    assert "start and end shared by 256 steps against 12" in evidence(found, "unexplained")
    known = prod(
        factors[name] for name in ("useful_flops", "channel_padding", "step_filling", "tile_quantization", "fill")
    )
    assert factors["unexplained"] == pytest.approx(98.176 / found.fast.device_us / known)
    assert factors["tile_quantization"] == pytest.approx((1024 / 784) / (832 / 788))
    assert factors["fill"] == pytest.approx(78 / 48)
    assert factors["layout_transforms"] == pytest.approx((98.176 + 23.072) / 98.176)
    assert factors["arithmetic_unit"] == 1
    assert "pads 3 input channels to 8: K 768 → 2048" in evidence(found, "channel_padding")
    assert "48 CTAs = ceil(784/256)·ceil(768/64) for 132 SMs" in evidence(found, "fill")
    assert 3 <= len(found.sentences) <= 6
    claimed = [abs(log(next(f.value for f in found.factors if f.name == claim.factor))) for claim in found.claims]
    assert claimed == sorted(claimed, reverse=True)
    layout = next(claim for claim in found.claims if claim.factor == "layout_transforms")
    assert (layout.change, layout.expected_us) == ("channels_last", pytest.approx(129.6 - 23.072))
    assert_exact(found)


def test_an_amd_gpu_has_compute_units_and_miopen(shared: Path) -> None:
    found = explain(read_trace(shared / "traces" / "mi300x_resnet18_ddp_train.pt.trace.json.gz"))
    said = {claim.factor: claim for claim in found.claims}
    assert said["fill"].title.startswith("Idle CUs (compute units): ")
    assert "on ROCm times MIOpen's algorithms and may find one without helper" in str(said["helper_kernels"].advice)
    assert "PYTORCH_MIOPEN_SUGGEST_NHWC=1" in str(said["layout_transforms"].advice)
    assert "idle CUs" in [bar.label for bar in waterfall(found)]
    assert not any("SMs" in text for text in (*found.sentences, *found.notes))


def kernel(b: TraceBuilder, name: str, ts: float, dur: float, launched_at: float, grid: tuple[int, ...]) -> None:
    b.kernel(name, ts, dur, launched_at=launched_at)
    b.events[-1]["args"]["grid"] = list(grid)


def build(tmp_path: Path, *, shapes: bool = True, device: dict[str, Any] | None = H100, name: str = "t.json") -> Trace:
    """A convolution whose factors are all known by hand, and a matrix product of equal FLOPs."""
    b = TraceBuilder(**({"deviceProperties": [device]} if device else {}))
    x, w, types = [2, 4, 32, 32], [64, 4, 1, 1], ["c10::BFloat16"] * 2
    concrete = ["", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "1"]
    conv: dict[str, Any] = {"Input Dims": [x, w], "Input type": types, "Concrete Inputs": concrete} if shapes else {}
    dense: dict[str, Any] = {"Input Dims": [[2048, 4], [64, 4]], "Input type": types} if shapes else {}
    b.annotation("layer: conv (Conv2d) #1", 0, 100)
    b.op("aten::conv2d", 0, 100, **conv)
    kernel(b, TO_NHWC, 100, 6, 10, (10, 1, 1))
    kernel(b, ALIGNED, 110, 12, 20, (8, 1, 1))
    b.copy("Memset (Device)", 125, 2, launched_at=30, size=8)
    b.op("aten::add_", 40, 20)
    kernel(b, ADD, 130, 4, 45, (10, 1, 1))
    b.annotation("layer: dense (Linear) #1", 200, 100)
    b.op("aten::linear", 200, 100, **dense)
    kernel(b, PRODUCT, 300, 3, 210, (16, 1, 1))
    return read_trace(b.write(tmp_path / name))


def test_every_factor_by_hand(tmp_path: Path) -> None:
    found = explain(build(tmp_path))
    assert found.ratio == 24 / 3
    # Both compute 2048 × 64 with K = 4. The convolution pads K to 8, its tiles of 256×64 fit exactly, in 8 CTAs; the
    # product's tiles of 128×64 fit in 16. On 132 SMs, one wave each: 8/132 against 16/132 of the machine.
    assert values(found) == pytest.approx(
        {
            "useful_flops": 1,
            "channel_padding": 2,
            # K of 8 in one step of 32, K of 4 in one step of 64.
            "step_filling": 4 / 16,
            "tile_quantization": 1,
            "arithmetic_unit": 1,
            "fill": 2,
            # 2·2048·64·4 FLOP in two calls' worth of padding take less than the bytes in either case, see below.
            "memory_bound": values(found)["memory_bound"],
            "unexplained": 12 / 3 / (2 * (4 / 16) * 2 * values(found)["memory_bound"]),
            "layout_transforms": 18 / 12,
            "memsets": 20 / 18,
            "bias_kernels": 24 / 20,
        }
    )
    moved = 2 * (2 * 4 * 32 * 32 + 64 * 4 + 2 * 64 * 32 * 32)  # and one bias of 64 values on the slow side
    memory_s = (moved + 2 * 64) / 3.35e12, moved / 3.35e12
    flops = 2 * 2048 * 64 * 4
    arithmetic_s = flops * 2 * 4 / 989.4e12 / (8 / 132), flops * 16 / 989.4e12 / (16 / 132)
    bound = [max(1, memory / arithmetic) for memory, arithmetic in zip(memory_s, arithmetic_s, strict=True)]
    assert values(found)["memory_bound"] == pytest.approx(bound[0] / bound[1], rel=1e-3)
    assert_exact(found)


def test_memory_that_the_kernel_outran_explains_nothing(tmp_path: Path) -> None:
    """The convolution's 279,168 bytes take 11.17 µs of its kernel's 12 at 25 GB/s; the product's 279,040 bytes as long,
    though its kernel took 3 µs: they were in a cache."""
    slow_peak = Roofs("given", "gpu", sm_count=132, peak_flops_per_s={"any unit": 1e15}, bandwidth_bytes_per_s=25e9)
    found = explain(build(tmp_path), roofs=slow_peak)
    assert "memory_bound" not in values(found)
    (note,) = [note for note in found.notes if note.startswith("Whether memory limits it is not known")]
    assert "279 kB at 25 GB/s take 11.16 µs" in note
    assert "the main kernels took 3.00 µs, so a cache held some of them" in note
    assert_exact(found)
    quick = replace(slow_peak, bandwidth_bytes_per_s=100e9)  # 2.79 µs of the 3
    assert "memory_bound" in values(explain(build(tmp_path), roofs=quick))


@pytest.mark.parametrize(
    ("problem", "pass_", "values_moved"),
    [
        (Problem((3, 4), (4, 5), (3, 5), "float32"), "forward", 12 + 20 + 15),
        (Problem((3, 4), (4, 5), (3, 5), "float32"), "backward", 12 + 20 + 15),
        (Problem((7, 3, 4), (7, 4, 5), (7, 3, 5), "float32"), "backward", 7 * (12 + 20 + 15)),
        (Problem((1, 2, 4), (3, 2, 1), (1, 3, 4), "float32", stride=(1,)), "dgrad", 8 + 6 + 12),
        (Problem((1, 2, 4), (3, 2, 1), (1, 3, 4), "float32", stride=(1,)), "backward", 2 * 8 + 2 * 6 + 12),
    ],
)
def test_least_bytes_by_pass(problem: Problem, pass_: str, values_moved: int) -> None:
    assert minimum_bytes(problem, pass_, bias=False) == 4 * values_moved
    assert minimum_bytes(replace(problem, dtype=None), pass_, bias=False) is None


def test_without_shapes_the_time_ledger_stays(tmp_path: Path) -> None:
    found = explain(build(tmp_path, shapes=False), "conv", "dense")
    assert found.ratio == 8
    assert {"layout_transforms", "memsets", "bias_kernels", "unexplained"} <= set(values(found))
    assert "useful_flops" not in values(found)
    assert "record_shapes=True" in found.sentences[0]
    assert_exact(found)


def test_without_device_facts_nothing_is_assumed_of_it(tmp_path: Path) -> None:
    found = explain(build(tmp_path, device=None))
    assert not {"arithmetic_unit", "fill", "memory_bound"} & set(values(found))
    assert any("--device" in note for note in found.notes)
    assert_exact(found)
    given = Roofs("given", "gpu", sm_count=16, peak_flops_per_s={"any unit": 1e12}, bandwidth_bytes_per_s=1e15)
    assert values(explain(build(tmp_path, device=None), roofs=given))["fill"] == 2


def test_names_that_are_found_and_names_that_are_not(tmp_path: Path) -> None:
    trace = build(tmp_path)
    by_layer = explain(trace, "conv", "dense")
    for name in ("CONV2D (2,4,32,32) x (64,4,1,1)", "aten::conv2d", "conv2d (2, 4, 32, 32) × (64, 4, 1, 1), forward"):
        assert explain(trace, name, "linear").ratio == by_layer.ratio
    assert explain(trace, "dense", "conv").ratio == pytest.approx(1 / by_layer.ratio)
    with pytest.raises(ProblemNotFoundError, match=r"'convv'; did you mean conv"):
        explain(trace, "convv")
    with pytest.raises(ProblemNotFoundError, match="no 'conv' has a pass 'dgrad'; there is forward"):
        explain(trace, "conv", pass_="dgrad")
    assert issubclass(ProblemNotFoundError, pk.ProfilerKitError)


def test_a_report_ends_with_it_where_there_is_something_to_explain(tmp_path: Path) -> None:
    trace = build(tmp_path)
    report = pk.make_report(trace)
    assert report.explanation is not None
    assert report.explanation.ratio == explain(trace).ratio == 8
    assert "Why the convolution takes longer" in report.to_text(width=100)
    assert json.loads(report.to_json())["explanation"]["ratio"] == 8
    b = TraceBuilder()
    b.op("aten::linear", 0, 10)
    b.kernel(PRODUCT, 10, 1, launched_at=1)
    assert pk.make_report(read_trace(b.write(tmp_path / "u.json"))).explanation is None


def test_nothing_to_compare(tmp_path: Path) -> None:
    b = TraceBuilder()
    b.op("aten::relu", 0, 10)
    b.kernel(ADD, 10, 1, launched_at=1)
    with pytest.raises(ProblemNotFoundError, match="no convolution that took time"):
        explain(read_trace(b.write(tmp_path / "t.json")))


def test_the_same_layer_in_two_runs(tmp_path: Path) -> None:
    first = build(tmp_path)
    b = TraceBuilder(deviceProperties=[H100])
    dims, types = [[2, 4, 32, 32], [64, 4, 1, 1]], ["c10::BFloat16"] * 2
    concrete = ["", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "1"]
    b.op("aten::conv2d", 0, 100, **{"Input Dims": dims, "Input type": types, "Concrete Inputs": concrete})
    kernel(b, ALIGNED, 110, 12, 20, (8, 1, 1))
    second = read_trace(b.write(tmp_path / "u.json"))
    for found in (explain(first, other=second), explain(first, "conv2d", other=second)):
        assert found.ratio == 2
        changed = {name: value for name, value in values(found).items() if abs(value - 1) > 1e-3}
        assert changed == pytest.approx(
            {"layout_transforms": 18 / 12, "memsets": 20 / 18, "bias_kernels": 24 / 20}, rel=1e-2
        )
        assert "against 12.00 µs" in found.sentences[0]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("layer1.bn1", r"the layer 'layer1.bn1' has no convolution or matrix product that took time"),
        ("bn1", r"the layer 'layer1.bn1' has no convolution or matrix product that took time"),
        ("batch_norm", r"the operator 'aten::batch_norm' has no convolution or matrix product that took time"),
        ("layer1.bn2", r"no layer or operator is called 'layer1.bn2'"),
    ],
)
def test_a_layer_without_such_work_is_not_said_to_be_missing(tmp_path: Path, name: str, message: str) -> None:
    b = TraceBuilder()
    b.annotation("layer: layer1.conv1 (Conv2d) #1", 0, 50)
    b.op("aten::conv2d", 0, 50)
    b.annotation("layer: layer1.bn1 (BatchNorm2d) #1", 60, 20)
    b.op("aten::batch_norm", 60, 20)
    with pytest.raises(ProblemNotFoundError, match=message):
        explain(read_trace(b.write(tmp_path / "t.json")), name, "conv1")


def test_gaps_are_a_factor_of_the_elapsed_time(tmp_path: Path) -> None:
    found = explain(build(tmp_path), elapsed=True)
    assert found.of == "elapsed time"
    # From the start of the first kernel at 100 to the end of the last at 134, of which 24 are busy.
    assert found.ratio == 34 / 3
    assert values(found)["launch_gaps"] == pytest.approx(34 / 24)
    assert_exact(found)


def test_reorders_and_dispatch_on_the_cpu(tmp_path: Path) -> None:
    peaks = {"device": "cpu", "threads": 2, "fp32_flops_per_s": 1e12, "copy_bytes_per_s": 1e12}
    b = TraceBuilder(profiler_kit={"measured_peaks": peaks, "environment": {"cpu": {"model": "some CPU"}}})
    concrete = ["", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "1"]
    dims, types = [[1, 8, 4, 4], [8, 8, 1, 1]], ["float", "float"]
    b.op("aten::conv2d", 0, 100, **{"Input Dims": dims, "Input type": types, "Concrete Inputs": concrete})
    given = {"library": "oneDNN", "propagation": "forward_training", "start_from": "timestamp"}
    b.event("cpu_kernel", "jit:blk", 10, 30, primitive="reorder", **given)
    b.event("cpu_kernel", "jit:avx2", 40, 50, primitive="convolution", **given)
    b.op("aten::addmm", 200, 50, **{"Input Dims": [[8], [16, 8], [8, 8]], "Input type": ["float"] * 3})
    b.event("cpu_kernel", "SGEMM", 205, 40, primitive="SGEMM", library="MKL", start_from="timestamp")
    found = explain(read_trace(b.write(tmp_path / "t.json")))
    assert (found.of, found.ratio) == ("host time", 2)
    assert found.slow.parts_us == pytest.approx(
        {"main": 50, "layout_transform": 30, "cast": 0, "helper": 20, "memset": 0, "bias": 0}
    )
    assert values(found)["layout_transforms"] == 80 / 50
    assert values(found)["dispatch_overhead"] == pytest.approx((100 / 80) / (50 / 40))
    assert values(found)["unexplained"] == pytest.approx(50 / 40)
    assert "jit:avx2" in evidence(found, "unexplained")
    assert "SGEMM" in evidence(found, "unexplained")
    assert_exact(found)


@pytest.mark.parametrize(
    ("images", "main_us", "batch"),
    # An image's output has 64·32·32·4 = 2^18 bytes, so 128 images reach 32 MiB, of which no memory is kept.
    [(1, 50, 8), (8, 50, 64), (16, 50, 64), (32, 50, 64), (64, 50, None), (128, 50, 1024), (32, 91, None)],
)
def test_a_larger_batch_is_advised_as_far_as_memory_is_kept(
    tmp_path: Path, images: int, main_us: int, batch: int | None
) -> None:
    b = TraceBuilder(profiler_kit={"environment": {"cpu": {"model": "some CPU"}}})
    concrete = ["", "", "", "[1, 1]", "[3, 3]", "[1, 1]", "1"]
    dims, types = [[images, 3, 32, 32], [64, 3, 7, 7]], ["float", "float"]
    b.op("aten::conv2d", 0, 100, **{"Input Dims": dims, "Input type": types, "Concrete Inputs": concrete})
    given = {"library": "oneDNN", "propagation": "forward_training", "start_from": "timestamp"}
    b.event("cpu_kernel", "jit:avx2", 5, main_us, primitive="convolution", **given)
    b.op("aten::addmm", 200, 50, **{"Input Dims": [[8], [16, 8], [8, 8]], "Input type": ["float"] * 3})
    b.event("cpu_kernel", "SGEMM", 201, 49, primitive="SGEMM", library="MKL", start_from="timestamp")
    found = explain(read_trace(b.write(tmp_path / "t.json")))
    claim = next(claim for claim in found.claims if claim.factor == "dispatch_overhead")
    assert claim.batch == batch
    if batch is not None:
        assert claim.expected_us == pytest.approx(100 - 50 * (1 - images / batch))
        assert claim.at_best == ("at most" in str(claim.advice)) == (images > 1)  # some may grow with a batch


@pytest.mark.parametrize("known", [True, False], ids=["measured", "old trace"])
def test_bf16_on_the_cpu_is_held_against_its_own_peak(tmp_path: Path, known: bool) -> None:
    """A bf16 convolution at 4 TFLOP/s against an fp32 product at 1 TFLOP/s: the rate of the unit is 1/4."""
    peaks = {"device": "cpu", "threads": 2, "fp32_flops_per_s": 1e12, "copy_bytes_per_s": 1e15}
    peaks |= {"bf16_flops_per_s": 4e12} if known else {}
    b = TraceBuilder(profiler_kit={"measured_peaks": peaks, "environment": {"cpu": {"model": "some CPU"}}})
    dims, types = [[1, 8, 4, 4], [8, 8, 1, 1]], ["c10::BFloat16"] * 2
    concrete = ["", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "1"]
    b.op("aten::conv2d", 0, 100, **{"Input Dims": dims, "Input type": types, "Concrete Inputs": concrete})
    b.op("aten::addmm", 200, 50, **{"Input Dims": [[8], [16, 8], [8, 8]], "Input type": ["float"] * 3})
    trace = read_trace(b.write(tmp_path / "t.json"))
    found = explain(trace)
    assert values(found).get("arithmetic_unit") == (pytest.approx(0.25) if known else None)
    assert ("4 TFLOP/s bf16 measured" in evidence(found, "arithmetic_unit")) if known else found.notes
    assert_exact(found)
    rows = roofline(trace).operators.set_index("operator")
    fraction = rows.loc["aten::conv2d", "fraction"]
    # 2·16·8·8 FLOP in 100 µs.
    assert (fraction == pytest.approx(2048 / 100e-6 / 4e12)) if known else pd.isna(fraction)


def test_grids_in_work_items_become_workgroups(tmp_path: Path) -> None:
    b = TraceBuilder()
    for correlation, call in enumerate(("hipExtModuleLaunchKernel", "hipLaunchKernel"), 1):
        b.event("cuda_runtime", call, correlation, 1, correlation=correlation)
        b.event(
            "kernel", "k", 10 * correlation, 1, pid=0, tid=7, device=0, stream=7, correlation=correlation,
            grid=[1000, 2, 1], block=[256, 1, 1],
        )  # fmt: skip
    found = grids(read_trace(b.write(tmp_path / "t.json")))
    assert found.to_numpy().tolist() == [[4, 2, 1], [1000, 2, 1]]


def test_counted_operations_take_the_place_of_modelled_ones(tmp_path: Path) -> None:
    b = TraceBuilder()
    dims, types = [[2, 4, 32, 32], [64, 4, 1, 1]], ["float", "float"]
    concrete = ["", "", "", "[1, 1]", "[0, 0]", "[1, 1]", "1"]
    b.op("aten::conv2d", 0, 100, **{"Input Dims": dims, "Input type": types, "Concrete Inputs": concrete})
    b.op("aten::mm", 200, 50, **{"Input Dims": [[64, 64], [64, 64]], "Input type": types})
    for place, (launch, executed) in enumerate(((10, 3_000_000), (210, 262_144))):
        b.event("cuda_runtime", "cudaLaunchKernel", launch, 1, correlation=launch)
        counted = {"smsp__sass_thread_inst_executed_op_ffma_pred_on.sum": executed}
        b.event("cuda_profiler_range", "k", 1000 + place, 1, pid=0, tid=0, **counted)
    found = explain(read_trace(b.write(tmp_path / "t.json")))
    useful = 2 * 2048 * 64 * 4, 2 * 64**3
    assert values(found)["algorithm_inflation"] == pytest.approx((6_000_000 / useful[0]) / (524_288 / useful[1]))
    assert not {"channel_padding", "tile_quantization"} & set(values(found))
    assert any("counters" in note for note in found.notes)
    assert_exact(found)
