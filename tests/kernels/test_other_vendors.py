"""The naming grammars of AMD's libraries, of PyTorch itself, Triton, the driver, and of CPU libraries."""

# ruff: noqa: E501 – kernel names are as long as they are
from __future__ import annotations

from typing import Any

import pytest
from tables import Table, check, rows

AMD: Table = [
    (
        "gridwise_convolution_backward_data_implicit_gemm_v4r1_xdlops_gnchw_gkcyx_gnkhw",
        {
            "library": "MIOpen",
            "operation": "convolution",
            "pass": "dgrad",
            "algorithm": "implicit_gemm",
            "unit": "MFMA",
            "layout": "NCHW",
        },
    ),
    (
        "gridwise_convolution_backward_weights_implicit_gemm_v4r4_xdlops_nchw_kcyx_nkhw_padded_gemm",
        {"pass": "wgrad", "tensor_cores": "yes"},
    ),
    # A double buffer is no double.
    (
        "gridwise_convolution_implicit_gemm_v4r1_nchw_kcyx_nkhw_lds_double_buffer",
        {"pass": "unknown", "input_dtype": "unknown"},
    ),
    (
        "convolution_forward_implicit_gemm_v6r1_dlops_nchw_kcyx_nkhw_prepare",
        {"library": "MIOpen", "pass": "fprop", "role": "helper", "tensor_cores": "no", "layout": "NCHW"},
    ),
    ("igemm_fwd_btm_nhwc_fp16", {"library": "MIOpen", "pass": "fprop", "layout": "NHWC", "input_dtype": "f16"}),
    (
        "kernel_grouped_conv_bwd_weight_dl_v4_run",
        {"library": "CK", "operation": "convolution", "pass": "wgrad", "tensor_cores": "no"},
    ),
    ("gridwise_generic_reduce_1_prepare", {"library": "MIOpen", "operation": "reduction"}),
    (
        "igemm_wrw_gtcx3_nhwc_bf16_bx0_ex1_bt256x128x32_wt32x32x8_ws1x1_wr2x2_ta1x4x1x8_1x8x1x32_tb1x4x1x4_1x8x1x32_gkgs",
        {
            "library": "MIOpen",
            "operation": "convolution",
            "pass": "wgrad",
            "algorithm": "implicit_gemm",
            "unit": "MFMA",
            "layout": "NHWC",
            "input_dtype": "bf16",
            "tile": "256x128x32",
            "split_k": "split_k",
        },
    ),
    (
        "miopenSp3AsmConv_v30_3_1_gfx9_fp32_f3x2_stride1.kd",
        {"library": "MIOpen", "algorithm": "winograd", "input_dtype": "f32"},
    ),
    ("miopenGcnAsmConv3x3WrW", {"pass": "wgrad", "algorithm": "direct"}),
    (
        "naive_conv_fwd_nchw_float_double_float",
        {"pass": "fprop", "algorithm": "direct", "layout": "NCHW", "input_dtype": "f32"},
    ),
    ("naive_conv_ab_nonpacked_bwd_nchw_ushort_double_ushort", {"pass": "dgrad", "input_dtype": "bf16"}),
    ("MIOpenConvUni", {"operation": "convolution", "pass": "unknown"}),
    (
        "batched_transpose_32x32_half",
        # Recorded beside igemm_…_bf16 kernels: MIOpen names every type of two bytes so.
        {"library": "MIOpen", "operation": "layout_transform", "role": "layout_transform", "input_dtype": "unknown"},
    ),
    ("Im2d2Col_v2", {"library": "MIOpen", "operation": "im2col", "algorithm": "explicit_gemm"}),
    ("SubTensorOpWithScalar1d", {"library": "MIOpen", "operation": "elementwise"}),
    ("MIOpenBatchNormFwdTrainSpatial", {"operation": "normalization", "pass": None}),
    (
        "Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT320x224x64_MI16x16x1_SN_LDSB0_ISA942_IU1_K1",
        {
            "library": "Tensile",
            "operation": "gemm",
            "transposes": "tn",
            "input_dtype": "bf16",
            "accumulate_dtype": "f32",
            "output_dtype": "bf16",
            "tile": "320x224x64",
            "unit": "MFMA",
            "design_arch": "gfx942",
        },
    ),
    ("Cijk_Ailk_Bljk_SB_MT128x64x16_SE_1LDSB0_K1", {"input_dtype": "f32", "output_dtype": "f32", "tensor_cores": "no"}),
    (
        "Cijk_Ailk_Bjlk_HHS_BH_MT128x128x16_MI16x16x16x1_SN_GSU4_ISA1100_K1",
        {"unit": "WMMA", "split_k": "split_k", "transposes": "nt"},
    ),
    ("rocblas_gemvt_warp_reduce_kernel<1, double>(int)", {"library": "rocBLAS", "operation": "gemv"}),
    (
        (
            "void ck::tensor_operation::device::(anonymous namespace)::kernel_grouped_conv_bwd_weight_xdl_cshuffle_v3<ck::Gridwise<"
            "ck::tensor_layout::gemm::RowMajor, _Float16, _Float16, float> >(X)"
        ),
        {"library": "CK", "pass": "wgrad", "algorithm": "implicit_gemm", "unit": "MFMA", "input_dtype": "f16"},
    ),
    (
        "void ck_tile::kentry<1, ck_tile::Rmsnorm2dFwd<ck_tile::Rmsnorm2dFwdPipelineOnePass<X> > >(X)",
        {"operation": "normalization"},
    ),
    (
        "void rocprim::detail::trampoline_kernel<rocprim::default_config, rocprim::detail::partition_config_selector<long> >(X)",
        {"library": "other", "operation": "copy"},
    ),
]
PYTORCH: Table = [
    (
        "bmm_Bfloat16_E2m1E2m1_Fp32_bA16_bB16_t128x16x256u2_s3_et128x16_m128x16x32_cga1x1x1_16dp256b_rM_TN",
        {"library": "other", "operation": "gemm", "input_dtype": "fp4", "output_dtype": "bf16", "tile": "128x16x256"},
    ),
    (
        "void (anonymous namespace)::indexing_backward_kernel<at::native::OpaqueType<4>, 4>(long const*)",
        {"library": "ATen", "operation": "copy"},
    ),
    (
        "(anonymous namespace)::randperm_handle_duplicate_keys_kernel<int, X>(int*)",
        {"library": "ATen", "operation": "other"},
    ),
    ("gloo::_Kernel_half_cudaSum(__half*, __half const*, int)", {"library": "other", "operation": "communication"}),
    ("mslk::gemm::set_grouped_gemm_args_kernel<X>(int)", {"library": "other", "operation": "gemm", "role": "helper"}),
    (
        "void at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, at::detail::Array<char*, 3> >(int)",
        {"library": "ATen", "operation": "elementwise", "pass": None, "tensor_cores": "no"},
    ),
    (
        (
            "void at::native::unrolled_elementwise_kernel<at::native::direct_copy_kernel_cuda(at::TensorIteratorBase&)::{lambda()#3}, "
            "at::detail::Array<char*, 2> >(int)"
        ),
        {"operation": "copy"},
    ),
    (
        "void at::native::vectorized_elementwise_kernel<4, at::native::GeluCUDAKernelImpl(at::TensorIteratorBase&)::{lambda()#1}>(int)",
        {"operation": "activation"},
    ),
    (
        "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::MeanOps<float, float> > >(X)",
        {"operation": "reduction"},
    ),
    (
        "void at::native::(anonymous namespace)::conv_depthwise2d_forward_kernel<1, float, int>(X)",
        {"library": "ATen", "operation": "convolution", "pass": "fprop", "algorithm": "depthwise"},
    ),
    (
        "void at::native::(anonymous namespace)::conv_depthwise2d_backward_kernel<3, 1, float, int>(X)",
        {"pass": "dgrad"},
    ),
    ("void at::native::(anonymous namespace)::conv_depthwise2d_grad_weight_kernel<float, int>(X)", {"pass": "wgrad"}),
    (
        "void at::native::(anonymous namespace)::conv_depthwise3d_cuda_backward_weight_kernel<float, float>(X)",
        {"pass": "wgrad"},
    ),
    (
        "void at::native::im2col_kernel<float>(long, float const*)",
        {"operation": "im2col", "algorithm": "explicit_gemm"},
    ),
    (
        "void at::native::(anonymous namespace)::CatArrayBatchedCopy<float, unsigned int, 2, 128, 1>(float*)",
        {"operation": "copy"},
    ),
    (
        "void at::native::(anonymous namespace)::max_pool_backward_nchw<float, float>(float const*)",
        {"operation": "pooling"},
    ),
    (
        "void (anonymous namespace)::softmax_warp_forward<c10::Half, float, float, 7, false, false>(float*)",
        {"library": "ATen", "operation": "softmax", "input_dtype": "f16"},
    ),
    (
        "void at::native::(anonymous namespace)::vectorized_layer_norm_kernel<float, float>(int)",
        {"operation": "normalization"},
    ),
    (
        "void at::native::(anonymous namespace)::fused_dropout_kernel_vec<float, float, unsigned int, 1, 4, bool>(X)",
        {"operation": "dropout"},
    ),
    ("void at_cuda_detail::cub::DeviceRadixSortOnesweepKernel<X>(X)", {"library": "cub"}),
    (
        "void thrust::cuda_cub::core::_kernel_agent<thrust::cuda_cub::__parallel_for::ParallelForAgent<X> >(X)",
        {"library": "cub", "operation": "elementwise"},
    ),
    ("triton_poi_fused_convolution_relu_3", {"library": "Triton", "operation": "elementwise"}),
    ("triton_red_fused_add_native_layer_norm_1", {"operation": "normalization"}),
    ("triton_tem_fused_addmm_relu_2", {"operation": "gemm", "tensor_cores": "unknown"}),
    ("triton_tem_fused_convolution_5", {"operation": "convolution", "pass": "unknown"}),
    ("triton__0d1d2d3de", {"library": "Triton", "operation": "unknown"}),
    (
        "_matmul_ogs_NNT_bf16xbf16xmxfp4_128x128x128x1_swiglu",
        {"operation": "gemm", "tile": "128x128x128", "epilogue": "swiglu"},
    ),
    ("attn_fwd", {"library": "Triton", "operation": "attention"}),
    ("Memcpy HtoD (Pageable -> Device)", {"library": "other", "operation": "copy"}),
    ("cunn_ClassNLLCriterion_updateOutput_kernel<float, float>(float*)", {"library": "ATen", "operation": "reduction"}),
    (
        "bmm_Bfloat16_MxE2m1MxE4m3_Fp32_t128x16x256u2_s3_et128x16_m128x16x32_cga1x1x1_16dp256b_rM_TN",
        {"library": "other", "operation": "gemm", "input_dtype": "unknown", "output_dtype": "bf16", "stages": 3},
    ),
    ("Memset (Device)", {"operation": "memset", "input_dtype": None}),
    (
        "void vllm::rms_norm_kernel<c10::BFloat16, 8, 2>(X)",
        {"library": "other", "operation": "normalization", "input_dtype": "bf16"},
    ),
    (
        "std::enable_if<(((8)>(0)))&&vllm::_typeConvert<c10::BFloat16>::exists, void>::type vllm::fused_add_rms_norm_kernel<c10::BFloat16, 8>(X)",
        {"library": "other", "operation": "normalization"},
    ),
]
CPU: Table = [
    ("jit:blk", {"library": "oneDNN", "operation": "layout_transform", "role": "layout_transform", "pass": None}),
    (
        "reorder,brgemm_matmul_copy_reorder_t,undef,src:f32::blocked:abcd::f0 dst:f32::blocked:acdb::f0",
        {"library": "oneDNN", "operation": "layout_transform", "role": "layout_transform", "output_dtype": "f32"},
    ),
    ("jit:avx2", {"library": "oneDNN", "operation": "unknown", "tensor_cores": "no"}),
    ("jit_dw:avx512_core", {"operation": "convolution", "algorithm": "depthwise", "pass": "unknown"}),
    ("brgconv:avx512_core_amx", {"operation": "convolution", "tensor_cores": "yes", "unit": "AMX"}),
    ("x64:brgconv_1x1:avx512_core_amx", {"library": "oneDNN", "unit": "AMX"}),
    ("jit_wino:avx512_core", {"algorithm": "winograd"}),
    ("gemm:jit", {"library": "oneDNN", "operation": "gemm", "tensor_cores": "unknown"}),
    ("ref:any", {"library": "oneDNN", "tensor_cores": "no"}),
    (
        (
            "onednn_verbose,primitive,exec,cpu,convolution,jit:avx2,backward_data,src_f32::blocked:acdb::f0 wei_f32::blocked:Acdb8a::f0 "
            "dst_f32::blocked:acdb::f0,alg:convolution_direct,mb1_ic3oc64"
        ),
        {"operation": "convolution", "pass": "dgrad", "algorithm": "direct", "input_dtype": "f32"},
    ),
    ("onednn_verbose,primitive,exec,cpu,deconvolution,jit:avx2,forward_training,src_f32::a", {"pass": "unknown"}),
    (
        "onednn_verbose,primitive,exec,cpu,convolution,gemm:jit,forward_training,src_f32::a",
        {"algorithm": "explicit_gemm", "pass": "fprop"},
    ),
    (
        "onednn_verbose,primitive,exec,cpu,matmul,gemm:jit,undef,src_bf16::a",
        {"operation": "gemm", "input_dtype": "bf16"},
    ),
    ("SGEMM", {"library": "MKL", "operation": "gemm", "input_dtype": "f32"}),
    ("cblas_dgemm", {"library": "MKL", "input_dtype": "f64", "tensor_cores": "no"}),
    ("MKL_VERBOSE SGEMM(N,T,512,512,512,0x7ffd) 1.17ms CNR:OFF", {"library": "MKL", "transposes": "nt"}),
    ("GEMM_BF16BF16F32", {"input_dtype": "bf16", "accumulate_dtype": "f32"}),
    ("SGEMV", {"library": "MKL", "operation": "gemv"}),
]


@pytest.mark.parametrize(("name", "facts"), rows(AMD))
def test_amd(name: str, facts: dict[str, Any]) -> None:
    check(name, facts)


@pytest.mark.parametrize(("name", "facts"), rows(PYTORCH))
def test_pytorch(name: str, facts: dict[str, Any]) -> None:
    check(name, facts)


@pytest.mark.parametrize(("name", "facts"), rows(CPU))
def test_cpu(name: str, facts: dict[str, Any]) -> None:
    check(name, facts)
