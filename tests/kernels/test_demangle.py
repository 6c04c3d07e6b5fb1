"""Mangled names: the demangled text, and the same identity as the plain name."""

# ruff: noqa: E501 – kernel names are as long as they are
from __future__ import annotations

import pytest

from profiler_kit.kernels import identify
from profiler_kit.kernels._demangle import demangle

PAIRS = [
    ("_Z3fooi", "foo(int)"),
    ("_ZN3foo3barEv", "foo::bar()"),
    ("_ZN3foo3barIfEEvPKfPf", "foo::bar<float>(float const*, float*)"),
    ("_ZN3foo12_GLOBAL__N_13barEj", "foo::(anonymous namespace)::bar(unsigned int)"),
    ("_Z1fIN3foo4HalfELi4ELb1EEvT_", "f<foo::Half, 4, true>(foo::Half)"),
    ("_Z1fIN3foo3barES1_EvT_T0_", "f<foo::bar, foo::bar>(foo::bar, foo::bar)"),
    ("_Z1fDF16bDF16_", "f(__bf16, _Float16)"),
    ("_ZN3foo1fIJifEEEvDpT_", "foo::f<int, float>(int, float)"),
    ("_ZZN3foo3barEvENKUlfE_clEf", "foo::bar()::{lambda(float)#1}::operator() const(float)"),
    ("_Z1fILN3foo4enumE2EEvi", "f<(foo::enum)2>(int)"),
    ("_Z1fSt5arrayIPcLm3EE", "f(std::array<char*, 3ul>)"),
    # What follows was read with GNU's c++filt, and the return type left out.
    (
        "_ZN5cudnn3cnn45cudnn_depthwise_nchw_dgrad_kernel_specializedILi0ELi0EdEEvPKT1_S4_PS2_NSt11conditionalIXsr3std7is_sameIS2_dEE5valueEdfE4typeES8_iiii",
        "cudnn::cnn::cudnn_depthwise_nchw_dgrad_kernel_specialized<0, 0, double>(double const*, double const*, double*, std::conditional<std::is_same<double, double>::value, double, float>::type, std::conditional<std::is_same<double, double>::value, double, float>::type, int, int, int, int)",
    ),
    (
        "_Z1fIN4cuda3std3__44plusIiEEPS4_EvT_T0_",
        "f<cuda::std::__4::plus<int>, cuda::std::__4::plus<int>*>(cuda::std::__4::plus<int>, cuda::std::__4::plus<int>*)",
    ),
    (
        "_Z1fIcsijlmfdhatwEvT_PT9_PKT10_",
        "f<char, short, int, unsigned int, long, unsigned long, float, double, unsigned char, signed char, unsigned short, wchar_t>(char, unsigned short*, wchar_t const*)",
    ),
]
SAME = [
    (
        "_ZN2at6native29vectorized_elementwise_kernelILi4ENS0_15CUDAFunctor_addIfEESt5arrayIPcLm3EEEEviT0_T1_",
        "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, std::array<char*, 3ul> >(int)",
    ),
    (
        "_ZN7cutlass7Kernel2I66cutlass_80_tensorop_f16_s16816gemm_relu_f16_128x128_32x5_tn_align8EEvNT_6ParamsE",
        "void cutlass::Kernel2<cutlass_80_tensorop_f16_s16816gemm_relu_f16_128x128_32x5_tn_align8>(X::Params)",
    ),
    (
        "_ZN5cudnn3cnn17wgrad_alg0_engineIfLi128ELi6ELi7ELi3ELi3ELi5ELb0ELi512EEEviiiPKfiPfS3_",
        "void cudnn::cnn::wgrad_alg0_engine<float, 128, 6, 7, 3, 3, 5, false, 512>(int, int, int, float const*, int, float*, float const*)",
    ),
    (
        "_ZN5cudnn3ops16nchwToNhwcKernelI6__halffffEEvv",
        "void cudnn::ops::nchwToNhwcKernel<__half, float, float, float>()",
    ),
    (
        "__nv_static_32__f824cfd9_10_onerank_cu_fdf47990__ZN43_GLOBAL__N__f824cfd9_10_onerank_cu_fdf4799013oneRankReduceI13FuncPreMulSumI13__nv_bfloat16EEEvPvS4_mmb",
        "void (anonymous namespace)::oneRankReduce<FuncPreMulSum<__nv_bfloat16> >(void*, void*, unsigned long, unsigned long, bool)",
    ),
]


@pytest.mark.parametrize(("mangled", "text"), PAIRS)
def test_text(mangled: str, text: str) -> None:
    assert demangle(mangled) == text


@pytest.mark.parametrize(("mangled", "plain"), SAME)
def test_identity(mangled: str, plain: str) -> None:
    first, second = identify(mangled).to_dict(), identify(plain).to_dict()
    assert first["demangled"]
    for record in (first, second):
        for key in ("name", "demangled", "evidence"):
            del record[key]
    assert first == second


def test_a_cut_name_keeps_its_leading_identifiers() -> None:
    whole = "_ZN2ck16tensor_operation6device12_GLOBAL__N_139kernel_grouped_conv_fwd_xdl_cshuffle_v3INS_34GridwiseGemmMultiD_xdl_csh"
    text = demangle(whole)
    assert text
    assert text.startswith("ck::tensor_operation::device::kernel_grouped_conv_fwd_xdl_cshuffle_v3<")
    assert identify(whole).pass_ == "fprop"


def test_what_is_no_name_gives_none() -> None:
    assert demangle("_Z") is None
    assert demangle("_Z999") is None
