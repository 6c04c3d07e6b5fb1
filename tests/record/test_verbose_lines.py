"""Lines of oneDNN and MKL as kernels, whatever else is between them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from profiler_kit.record.verbose_lines import CpuKernel, read_lines, to_trace_event

CONVOLUTION = (
    "onednn_verbose,v1,1795384831050.431885,primitive,exec,cpu,convolution,jit:avx2,forward_training,"
    "src:f32:a:blocked:abcd::f0 wei:f32:a:blocked:Acdb8a::f0 bia:f32:a:blocked:a::f0 dst:f32:a:blocked:aBcd8b::f0,"
    "attr-scratchpad:user,alg:convolution_direct,mb4_ic3oc8_ih16oh16kh3sh1dh0ph1_iw16ow16kw3sw1dw0pw1,8.33105"
)
GEMM = "MKL 15 SGEMM(T,N,10,4,8,0x7ffe7a878100,0x55d93f004500,8,0x55d944266bc0,8,0x7ffe7a878120,0x55d944252400,10)"
OTHERS = (
    "onednn_verbose,v1,info,oneDNN v3.12.0 (commit 80afa71049cd69a3df32adcccb623b12cd7baa22)",
    "onednn_verbose,v1,primitive,info,template:timestamp,operation,engine,primitive,implementation",
    "onednn_verbose,v1,primitive,create:cache_miss,cpu,convolution,jit:avx2,forward_training,src,attr,alg,shape,0.5",
    "MKL_VERBOSE oneMKL 2024.0 Update 2 Product build 20240605 for Intel(R) 64 architecture",
    "onednn_verbose,v1,primitive,exec,cpu,reorder,short,1",
    CONVOLUTION.removesuffix("8.33105") + "nan",
    GEMM.replace(" 15 ", " -15 "),
    GEMM.replace(" 15 ", " 1.5 "),
)


def read(text: str) -> list[CpuKernel]:
    return list(read_lines(text, lambda clock: 1000 * clock))


def test_a_primitive_of_onednn() -> None:
    (kernel,) = read(f"7 {CONVOLUTION}\n")
    assert (kernel.name, kernel.library, kernel.start_from) == ("jit:avx2", "oneDNN", "timestamp")
    assert (kernel.start_ns, kernel.duration_ns) == (1_795_384_831_050_431_885, 8_331_050)
    assert kernel.facts["primitive"] == "convolution"
    assert kernel.facts["propagation"] == "forward_training"
    assert kernel.facts["algorithm"] == "convolution_direct"
    assert kernel.facts["shapes"] == "mb4_ic3oc8_ih16oh16kh3sh1dh0ph1_iw16ow16kw3sw1dw0pw1"
    assert kernel.facts["layouts"].startswith("src:f32:a:blocked:abcd::f0 wei:")


def test_without_a_timestamp_the_line_bounds_the_start() -> None:
    (kernel,) = read(f"20000 {CONVOLUTION.replace('1795384831050.431885,', '')}")
    assert (kernel.start_from, kernel.start_ns) == ("line", 20_000_000 - 8_331_050)


def test_attributes_may_hold_commas() -> None:
    (kernel,) = read("7 " + CONVOLUTION.replace("attr-scratchpad:user", "attr-post-ops:sum,attr-scratchpad:user"))
    assert kernel.facts["attributes"] == "attr-post-ops:sum,attr-scratchpad:user"
    assert kernel.facts["algorithm"] == "convolution_direct"


def test_a_call_into_mkl() -> None:
    (kernel,) = read(f"9000000 {GEMM}")
    assert (kernel.name, kernel.library, kernel.start_from) == ("SGEMM", "MKL", "line")
    assert (kernel.start_ns, kernel.duration_ns) == (8_999_985_000, 15_000)
    assert kernel.facts["shapes"] == "T,N,10,4,8,8,8,10"


def test_a_call_that_would_have_begun_before_the_clock_is_passed_over() -> None:
    assert not read(f"14 {GEMM}")


@pytest.mark.parametrize("line", OTHERS)
def test_lines_without_an_execution_are_passed_over(line: str) -> None:
    assert not read(f"7 {line}\n")


@given(st.lists(st.sampled_from((CONVOLUTION, GEMM, *OTHERS))), st.randoms(use_true_random=False))
def test_kernels_come_in_the_order_of_their_lines(lines: list[str], random: Any) -> None:
    clocks = [random.randrange(20, 2**63) for _ in lines]
    text = "".join(f"{clock} {line}\n" for clock, line in zip(clocks, lines, strict=True))
    expected = [kernel for clock, line in zip(clocks, lines, strict=True) for kernel in read(f"{clock} {line}\n")]
    assert read(text) == expected
    assert len(expected) == lines.count(CONVOLUTION) + lines.count(GEMM)


@given(st.text(), st.integers(0, len(CONVOLUTION)), st.sampled_from((CONVOLUTION, GEMM)))
def test_no_text_is_an_error(junk: str, cut: int, line: str) -> None:
    for text in (junk, f"7 {junk}", f"7 {line[:cut]}", f"7 {line[:cut]}{junk}{line[cut:]}", f"7 {line}\n{junk}"):
        for kernel in read(text):
            event = json.loads(json.dumps(to_trace_event(kernel, base_ns=0, process=1), allow_nan=False))
            assert event["dur"] >= 0
            assert event["tid"] in ("oneDNN", "MKL")
