"""The naming grammars of cuDNN, cuBLAS, CUTLASS, nvjet, cuFFT and the fused attention kernels."""

# ruff: noqa: E501 – kernel names are as long as they are
from __future__ import annotations

from typing import Any

import pytest
from tables import Table, check, rows

XMMA: Table = [
    (
        (
            "sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize128x128x16_stage4_warpsize2x2x1_g1_"
            "tensor16x8x8_alignc4_execute_kernel_cudnn_infer"
        ),
        {
            "library": "cuDNN",
            "operation": "convolution",
            "pass": "fprop",
            "algorithm": "implicit_gemm",
            "role": "main",
            "input_dtype": "tf32",
            "accumulate_dtype": "f32",
            "output_dtype": "f32",
            "layout": "NHWC",
            "stages": 4,
            "tile": "128x128x16",
            "warps": "2x2x1",
            "design_arch": "sm80",
            "confidence": "high",
        },
    ),
    (
        (
            "sm90_xmma_dgrad_implicit_gemm_f32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x128x32_cgasize2x1x1_warpgroupsize1x1x1_g1_"
            "execute_segment_k_on_kernel__5x_cudnn"
        ),
        {
            "pass": "dgrad",
            "input_dtype": "tf32",
            "cluster": "2x1x1",
            "warps": "1x1x1 warpgroups",
            "split_k": "segment_k",
        },
    ),
    (
        (
            "sm80_xmma_wgrad_implicit_gemm_indexed_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x64x64_stage3_warpsize2x2x1_g1_"
            "tensor16x8x16_execute_split_k_kernel_cudnn_train"
        ),
        {"pass": "wgrad", "role": "reduce", "split_k": "split_k", "tensor_cores": "unknown"},
    ),
    (
        (
            "sm70_xmma_depthwise_convolution_dgrad_tiling_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize1x10x10_1x3x3_1x1x1_1x1x1_stage2_"
            "warpsize4x1x1_g64_betaFalse_execute_helper_kernel_cudnn_infer"
        ),
        {"pass": "dgrad", "algorithm": "depthwise", "role": "helper", "layout": "NHWC"},
    ),
    (
        (
            "sm89_xmma_gemm_e4m3bf16_e4m3f32_f32_tn_n_tilesize64x64x64_stage3_warpsize2x2x1_tensor16x8x32_bias_bf16_gelu_"
            "execute_kernel__5x_cublas"
        ),
        {
            "library": "cuBLAS",
            "operation": "gemm",
            "pass": None,
            "input_dtype": "fp8",
            "output_dtype": "bf16",
            "transposes": "tn",
            "epilogue": "bias_gelu",
            "tile": "64x64x64",
        },
    ),
    (
        (
            "sm80_xmma_fprop_implicit_gemm_f32f32_f32f32_f32_nchwkcrs_nchw_tilesize128x128x8_stage3_warpsize2x2x1_g1_ffma_simple_"
            "t1r3s3_aligna4_alignc4_execute_kernel_cudnn"
        ),
        {"layout": "NCHW", "alignment": 4, "input_dtype": "f32", "tensor_cores": "no"},
    ),
    (
        "sm90_xmma_trmm_out_place_l_r_u_cf32cf32_tf32f32_cf32_nn_n_tilesize64x64x16_warpgroupsize1x1x1_execute_kernel__5x_cublas",
        {"operation": "gemm", "input_dtype": "tf32", "output_dtype": "f32"},
    ),
]
ARCHITECTURE_NAMED: Table = [
    (
        "volta_scudnn_128x64_relu_xregs_large_nn_v1",
        {
            "library": "cuDNN",
            "pass": "unknown",
            "algorithm": "precomputed_implicit_gemm",
            "tile": "128x64",
            "epilogue": "relu",
        },
    ),
    ("cudnn_turing_scudnn_128x64_stridedB_splitK_xregs_large_nn_v1", {"pass": "wgrad", "split_k": "split_k"}),
    ("cudnn_infer_volta_scudnn_128x64_stridedB_interior_nn_v1", {"pass": "dgrad", "design_arch": "volta"}),
    ("cudnn_infer_volta_scudnn_128x64_3dconv_fprop_medium_nn_v1", {"pass": "fprop"}),
    ("volta_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1", {"pass": "unknown", "algorithm": "winograd"}),
    (
        "_5x_cudnn_volta_fp16_s884cudnn_fp16_256x128_ldg8_dgrad_f2f_exp_small_nhwc2nchw_tt_v1",
        {"pass": "dgrad", "layout": "NHWC", "input_dtype": "f16", "accumulate_dtype": "f32", "output_dtype": "f16"},
    ),
    (
        "volta_first_layer_filter3x3_wgrad_execute_RSKC_to_KRSC_betaTrue_kernel_cudnn_train",
        {"algorithm": "first_layer", "pass": "wgrad", "role": "helper"},
    ),
    (
        "volta_first_layer_filter7x7_fwd_execute_flt_k_64_kernel__5x_cudnn",
        {"algorithm": "first_layer", "pass": "fprop"},
    ),
    (
        "ampere_fp16_s16816gemm_fp16_128x64_sliced1x2_ldg8_f2f_stages_64x5_tn",
        {
            "library": "cuBLAS",
            "operation": "gemm",
            "tile": "128x64x64",
            "stages": 5,
            "transposes": "tn",
            "input_dtype": "f16",
            "accumulate_dtype": "f32",
            "output_dtype": "f16",
        },
    ),
    ("volta_sgemm_int32_64x64_nt", {"input_dtype": "f32", "output_dtype": "f32", "tile": "64x64"}),
    (
        "ampere_int8_i16832gemm_int8_128x128_ldg16_relu_nt",
        {"input_dtype": "i8", "accumulate_dtype": "i32", "output_dtype": "i8"},
    ),
    (
        "Volta_scale_bias_relu_hmma_implicit_gemm_wgrad_fp32_nhwc_128x128x32_1x1",
        {"pass": "wgrad", "algorithm": "implicit_gemm", "accumulate_dtype": "f32", "epilogue": "scale_bias_relu"},
    ),
]
CUTLASS: Table = [
    (
        "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_bf16_s16816fprop_optimized_bf16_256x64_32x4_nhwc_align8>(X)",
        {
            "library": "cuDNN",
            "pass": "fprop",
            "algorithm": "implicit_gemm",
            "tile": "256x64x32",
            "stages": 4,
            "layout": "NHWC",
            "alignment": 8,
            "input_dtype": "bf16",
            "output_dtype": "bf16",
        },
    ),
    (
        "void cutlass_cudnn_train::Kernel<cutlass_tensorop_s1688wgrad_optimized_tf32_128x128_16x4_nhwc_align4>(X)",
        {"pass": "wgrad", "input_dtype": "tf32", "output_dtype": "f32"},
    ),
    (
        "void cutlass::Kernel2<cutlass_80_tensorop_f16_s16816gemm_relu_f16_128x128_32x5_tn_align8>(X::Params)",
        {
            "library": "cuBLAS",
            "operation": "gemm",
            "tile": "128x128x32",
            "stages": 5,
            "epilogue": "relu",
            "transposes": "tn",
        },
    ),
    (
        "void cutlass::Kernel2<cutlass_80_tensorop_s1688gemm_64x64_32x4_nn_align1>(X)",
        {"input_dtype": "tf32", "output_dtype": "f32"},
    ),
    ("void cutlass::Kernel2<cutlass_tensorop_f16_s16816gemm_f16_128x128_32x5_tn_align8>(X)", {"library": "CUTLASS"}),
    (
        (
            "cutlass3x_sm100_tensorop_s128x128x8tf32implicit_gemm_strided_dgrad_f32_f32_f32_f32_f32_f32_128x128x32_64w2h1d1n_dyn_cga_"
            "ndhwc_ndhwc_ndhwc_align4_2sm"
        ),
        {
            "library": "cuDNN",
            "pass": "dgrad",
            "algorithm": "implicit_gemm",
            "input_dtype": "tf32",
            "layout": "NHWC",
            "tile": "128x128x32",
            "cluster": "dynamic",
            "alignment": 4,
            "design_arch": "sm100",
        },
    ),
    (
        "cutlass3x_sm100_tensorop_s128x64x32gemm_f8_f8_f32_f16_e4m3_128x64x128_0_tnn_align16_1sm_bias_f16_gelu_stream_k",
        {
            "library": "cuBLAS",
            "input_dtype": "fp8",
            "accumulate_dtype": "f32",
            "output_dtype": "fp8",
            "split_k": "stream_k",
            "transposes": "tnn",
            "epilogue": "bias_gelu",
        },
    ),
    (
        "cutlass3x_sm120_bstensorop_s16864gemm_block_scaled_ue4m3xe2m1_ue4m3xe2m1_f32_f32_f32_128x128x256_1x1x1_0_tnn_align32_o_vs16",
        {"library": "cuBLAS", "operation": "gemm", "input_dtype": "fp4", "tile": "128x128x256", "cluster": "1x1x1"},
    ),
    (
        "void cutlass::device_kernel<cutlass3x_sm90_tensorop_s64x128x16gemm_f16_f16_f32_void_f16_128x128x64_2x1x1_0_tnn_align8>(X)",
        {"library": "CUTLASS", "operation": "gemm", "cluster": "2x1x1"},
    ),
    (
        "cutlass_tensorop_first_layer_wgrad_f16_f16_f32_void_f16_ndhwc_ndhwc_ndhwc_align8_filter_64x3x3x4",
        {"library": "cuDNN", "pass": "wgrad", "algorithm": "first_layer", "layout": "NHWC"},
    ),
    (
        (
            "void cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<cute::tuple<int, int, int>, cutlass::gemm::collective::"
            "CollectiveMma<cutlass::gemm::MainloopSm90TmaGmmaWarpSpecialized<4, cute::tuple<cute::C<2>, cute::C<1>, cute::C<1> > >, "
            "cute::tuple<cute::C<128>, cute::C<128>, cute::C<64> >, cutlass::bfloat16_t> > >(X)"
        ),
        {"library": "CUTLASS", "tile": "128x128x64", "cluster": "2x1x1", "input_dtype": "bf16", "tensor_cores": "yes"},
    ),
]
RUN_TIME: Table = [
    (
        "nvjet_sm120_tst_mma_64x64x128_3_32x32x128_tmaAB_alignCD4_bz_TNNN",
        {
            "library": "cuBLAS",
            "tensor_cores": "yes",
            "input_dtype": "bf16",
            "accumulate_dtype": "f32",
            "output_dtype": "bf16",
            "tile": "64x64x128",
            "stages": 3,
            "transposes": "tnnn",
            "design_arch": "sm120",
        },
    ),
    (
        "nvjet_sm121_qqtst_mma_64x64x128_6_16x64x128_tmaAB_bz_splitK_TNNN",
        {"input_dtype": "fp8", "tile": "64x64x128", "split_k": "split_k"},
    ),
    (
        "nvjet_sm120_biu_mma_256x128x128_2_64x64x128_tmaAB",
        {"input_dtype": "i8", "accumulate_dtype": "i32", "output_dtype": "unknown"},
    ),
    (
        "nvjet_tst_128x176_64x5_2x1_v_bz_coopA_bias_TNT",
        {
            "library": "cuBLAS",
            "operation": "gemm",
            "input_dtype": "bf16",
            "accumulate_dtype": "f32",
            "output_dtype": "bf16",
            "tile": "128x176x64",
            "stages": 5,
            "cluster": "2x1x1",
            "epilogue": "bias",
            "transposes": "tnt",
        },
    ),
    (
        "nvjet_sm100_qqtst_128x256_128x6_2x1_2cta_v_bz_bias_TNT",
        {"input_dtype": "fp8", "output_dtype": "bf16", "design_arch": "sm100"},
    ),
    ("nvjet_hss_64x8_64x16_1x1_v_bz_splitK_NNT", {"split_k": "split_k", "output_dtype": "f32"}),
    (
        "cudnn_generated_fort_native_sdpa_sm80_flash_fprop_wmma_f16_knob_6_128x64x64_4x1x1_cga1x1x1_kernel0_0",
        {"library": "cuDNN", "operation": "attention", "pass": "fprop", "input_dtype": "unknown", "tile": "128x64x64"},
    ),
    (
        "cudnn_generated_fort_native_sdpa_sm80_flash_bprop_wmma_f16_knob_2_64x128x64_1x4x1_cga1x1x1_kernel0_0",
        {"pass": None},
    ),
    ("cudnn_generated_convBwdFilter_pointwise_fort_native_sm80_kernel0", {"operation": "convolution", "pass": "wgrad"}),
]
CUDNN: Table = [
    # Types of indices and of the sum stand before the data's.
    (
        "void cudnn::cnn::conv2d_grouped_direct_kernel<true, false, 0, 0, int, float, __half, __half, __half, float, __half>(cudnn::cnn::GroupedDirectFpropParams, __half const*, __half const*, __half*, float)",
        {"algorithm": "grouped_direct", "input_dtype": "f16", "output_dtype": "f16"},
    ),
    (
        "void cudnn::cnn::convNd_grouped_direct_kernel<true, 0, 0, int, int, char32, signed char, char32, float, float>(cudnn::cnn::GroupedDirectFpropParams, char32 const*, char32 const*, signed char*, float)",
        {"algorithm": "grouped_direct", "input_dtype": "i8", "output_dtype": "i8"},
    ),
    ("void cudnn::cnn::conv2d_grouped_direct_kernel<true, false, 0, 0, int, float, __ha", {"input_dtype": "unknown"}),
    (
        "explicit_convolve_dgemm<int, 1024, 6, 7, 3, 3, 5, 0, false>(int, int, int, double const*, int, double const*, int, double*)",
        {"algorithm": "explicit_gemm", "input_dtype": "f64", "accumulate_dtype": "f64", "output_dtype": "f64"},
    ),
    *(
        (
            f"void cudnn::cnn::cudnn_depthwise_nchw_{direction}_kernel{form}<{types}>(__half const*, __half*)",
            {
                "library": "cuDNN",
                "operation": "convolution",
                "pass": direction,
                "algorithm": "depthwise",
                "layout": "NCHW",
                "tensor_cores": "no",
                "input_dtype": "f16",
                "role": "main",
            },
        )
        for direction, form, types in (
            ("fprop", "", "__half"),
            ("dgrad", "_specialized", "3, 0, __half"),
            ("wgrad", "", "__half, false, 1, true"),
        )
    ),
    (
        "void cudnn::engines_precompiled::prepare_moe_grouped_gemm_fwd_arrays_kernel<int>(int const*, char*)",
        {"library": "cuDNN", "operation": "gemm", "role": "helper"},
    ),
    (
        "void implicit_convolve_sgemm<float, float, 1024, 6, 7, 3, 3, 5, 1, false, true, true>(int, int, int, float const*, int, float*)",
        {
            "library": "cuDNN",
            "pass": "fprop",
            "algorithm": "implicit_gemm",
            "input_dtype": "f32",
            "output_dtype": "f32",
        },
    ),
    (
        "void precomputed_convolve_sgemm<__half, 1024, 5, 5, 4, 3, 3, 0, false>(int, __half const*, int, __half*)",
        {"pass": "fprop", "algorithm": "precomputed_implicit_gemm", "input_dtype": "f16", "accumulate_dtype": "f32"},
    ),
    (
        "void explicit_convolve_sgemm<float, int, 1024, 5, 5, 3, 3, 3, 0, false>(int)",
        {"pass": "fprop", "algorithm": "explicit_gemm"},
    ),
    (
        "void cudnn::detail::dgrad_engine<float, 512, 6, 5, 3, 3, 3, false>(int)",
        {"pass": "dgrad", "algorithm": "implicit_gemm"},
    ),
    (
        "void cudnn::cnn::wgrad_alg0_engine<float, 128, 6, 7, 3, 3, 5, false, 512>(int)",
        {"pass": "wgrad", "algorithm": "implicit_gemm"},
    ),
    (
        "void cudnn::cnn::dgrad2d_grouped_direct_kernel<__half, int, __half, float>(X)",
        {"pass": "dgrad", "algorithm": "grouped_direct"},
    ),
    (
        "void conv2d_c1_k1_nhwc_kernel<__half, __half, __half, __half, float, 1, 1>(X)",
        {"pass": "fprop", "algorithm": "depthwise", "layout": "NHWC"},
    ),
    ("void cudnn::cnn::conv1D_NCHW<float, float, 256>(X)", {"pass": "fprop", "algorithm": "direct", "layout": "NCHW"}),
    ("cudnn::cnn::conv1D_NCHW", {"pass": "unknown"}),
    (
        "void cudnn::winograd_nonfused::winogradForwardData4x4<float, float>(X)",
        {"pass": "unknown", "algorithm": "winograd_nonfused", "role": "helper"},
    ),
    (
        "void cudnn::winograd_nonfused::winogradWgradDelta4x4<float, float>(X)",
        {"pass": "wgrad", "algorithm": "winograd_nonfused"},
    ),
    (
        "void fft2d_r2c_32x32<float, false, 5u, true>(float2*, float const*, int)",
        {"library": "cuDNN", "operation": "convolution", "pass": "unknown", "algorithm": "fft", "role": "helper"},
    ),
    (
        "void DSE::vector_fft<0, 1, 128, 8, 8, 1, float, float, float2>(float2*)",
        {"library": "cuDNN", "algorithm": "fft"},
    ),
    (
        "cask_cudnn::computeOffsetsKernel(cask_cudnn::ComputeOffsetsParams)",
        {"library": "cuDNN", "pass": "unknown", "algorithm": "precomputed_implicit_gemm", "role": "helper"},
    ),
    (
        "cask_cudnn::computeWgradSplitKOffsetsKernel(cask_cudnn::ComputeSplitKOffsetsParams)",
        {"pass": "wgrad", "role": "helper"},
    ),
    (
        "void cudnn::cnn::im2col4d_kernel<float, long>(cudnn::cnn::im2col4d_params)",
        {"library": "cuDNN", "operation": "im2col", "algorithm": "explicit_gemm", "role": "helper", "pass": "unknown"},
    ),
    (
        "void cudnn::ops::nchwToNhwcKernel<float, float, float, false, true, (cudnnKernelDataType_t)0>(X)",
        {"operation": "layout_transform", "role": "layout_transform", "layout": "NCHW", "pass": None},
    ),
    (
        "void nhwcToNchwKernel<__half, float, float, true, false, (cudnnKernelDataType_t)0>(X)",
        {"library": "cuDNN", "layout": "NHWC", "input_dtype": "f16", "output_dtype": "f32"},
    ),
    (
        "void cudnn::bn_fw_tr_1C11_kernel_NCHW<float, float, int, 512, true, 1, true>(X)",
        {"operation": "normalization", "layout": "NCHW", "pass": None, "tensor_cores": "no"},
    ),
    (
        "void cudnn::ops::pooling_fw_4d_kernel<__half, float, cudnn::averpooling_func<float, true> >(X)",
        {"operation": "pooling"},
    ),
    (
        "void RNN_persist_fp<__half, __half, float, (cudnnRNNMode_t)0, false, 1024>(X)",
        {"library": "cuDNN", "operation": "rnn"},
    ),
    (
        "void op_generic_tensor_kernel<1, __half, float, __half, 256, (cudnnGenericOp_t)0>(cudnnTensorStruct)",
        {"operation": "elementwise"},
    ),
    ("void cudnn::ops::softmax_fw_kernel<2, __half, float, 256, 0, 0, 0>(X)", {"operation": "softmax"}),
    ("void cudnn::fusion::compute_dot_do_o_specialized<true, 128>(X)", {"operation": "attention", "role": "helper"}),
]
MAGMA: Table = [
    (
        "void gemm_template_batched_tt_kernel<float, 16, 16>(int)",
        {"library": "other", "operation": "gemm", "input_dtype": "f32"},
    ),
    (
        "zgemm_batched_smallsq_kernel<4>(int)",
        {"library": "other", "operation": "gemm", "input_dtype": "f64", "tensor_cores": "no"},
    ),
    (
        "sgetf2_native_kernel<512, 10>(int, int, float*)",
        {"library": "other", "operation": "other", "input_dtype": "f32"},
    ),
    (
        "cgetrf_batched_smallsq_shfl_kernel<10, 16>(float2**)",
        {"library": "other", "operation": "other", "input_dtype": "f32"},
    ),
    ("idamax_kernel_batched(int, double**)", {"library": "other", "operation": "reduction", "input_dtype": "f64"}),
    ("slaswp_rowserial_kernel_native(int, float*)", {"operation": "copy", "input_dtype": "f32"}),
    ("dtranspose_inplace_even(int, double*)", {"operation": "layout_transform", "role": "layout_transform"}),
    ("adjust_ipiv_kernel(int*, int, int)", {"library": "other", "operation": "other", "role": "helper"}),
    # cuBLAS carries kernels that MAGMA lent its name to.
    ("void magma_lds128_ctrmm_kernel<5, 3>(int)", {"library": "cuBLAS", "operation": "gemm"}),
    ("void getrf_1x1<double, double, 256, false>(int)", {"library": "cuBLAS", "operation": "other"}),
]
CUBLAS: Table = [
    (
        "void xmma::gemm::kernel_blasl3<xmma::gemm::Kernel_triangular_input_traits<xmma::Ampere_ffma_cp32_traits<xmma::Complex<float> >, xmma::Cta_tile<xmma::Ampere, 128, 64, 16, 2, 2, 1, 1> > >(X)",
        {
            "library": "cuBLAS",
            "operation": "gemm",
            "tile": "128x64x16",
            "tensor_cores": "no",
            "accumulate_dtype": "f32",
        },
    ),
    (
        "void gemv2T_kernel_val<int, int, float, float, float, float, 128, 16, 4, 4, false, false, cublasGemvParamsEx<int> >(X)",
        {"library": "cuBLAS", "operation": "gemv", "input_dtype": "f32", "tensor_cores": "no"},
    ),
    (
        "std::enable_if<!(false), void>::type internal::gemvx::kernel<int, int, __nv_bfloat16, __nv_bfloat16, __nv_bfloat16, float, false>(X)",
        {
            "library": "cuBLAS",
            "operation": "gemv",
            "input_dtype": "bf16",
            "output_dtype": "bf16",
            "accumulate_dtype": "f32",
        },
    ),
    (
        "void splitKreduce_kernel<32, 16, int, float, float, float, float, true, false, false>(cublasSplitKParams<float>)",
        {"library": "cuBLAS", "operation": "gemm", "role": "reduce"},
    ),
    (
        # Its parameters: computed in float, read from __half const*, written to __half*.
        (
            "void splitKreduce_kernel<32, 16, int, __half, __half, float, __half, true, true, false>(cublasSplitKParams<float>,"
            " __half const*, __half const*, __half*, float const*, float const*, __half const*, __half const*, __half*, void*,"
            " long, float*, int*)"
        ),
        {"input_dtype": "f16", "accumulate_dtype": "f32", "output_dtype": "f16"},
    ),
    (
        # The fourth pointer is the result; the third, float*, is not.
        (
            "void cublasLt::splitKreduce_kernel<32, 16, int, float, __nv_fp8_e4m3, float, __half, true, float, __half, __half,"
            " true, false, false, false>(cublasLt::cublasSplitKParams<float>, float const*, __half const*, float*,"
            " __nv_fp8_e4m3*, float const*, float const*, __half const*, float const*, __half*, void*, long, float*, int*)"
        ),
        {"input_dtype": "f32", "accumulate_dtype": "f32", "output_dtype": "fp8"},
    ),
    (
        (
            "void splitKreduce_kernel<8, 32, int, int, signed char, float, float, false, false, true>(cublasSplitKParams<float>,"
            " int const*, signed char const*, signed char*, float const*, float const*, float const*, int const*, float*)"
        ),
        {"input_dtype": "i32", "accumulate_dtype": "f32", "output_dtype": "i8"},
    ),
    (
        "void cublasLt::epilogue::impl::globalKernel<8, 32, __half, __half, __half, false, false, 1>(int)",
        {"operation": "gemm", "role": "helper"},
    ),
    (
        "void sgemm_32x32x32_NN_vec(X)",
        {"library": "cuBLAS", "tile": "32x32x32", "transposes": "nn", "input_dtype": "f32"},
    ),
    (
        "void trsm_left_kernel<int, double, 256, 4, false, false, false, false, false>(cublasTrsmParams<int, double>)",
        {"operation": "other"},
    ),
    (
        "void dot_kernel<float, 128, 0, cublasDotParams<cublasGemvTensor<__half const>, cublasGemvTensorStridedBatched<float> > >(X)",
        {"operation": "reduction", "input_dtype": "f16", "output_dtype": "f32"},
    ),
]
ATTENTION_AND_FFT: Table = [
    ("flash::FlashAttentionForwardSm100", {"library": "FlashAttention", "operation": "attention"}),
    ("qk_int8_sv_f8_accum_f32_attn_inst_buf", {"library": "unknown", "operation": "attention", "confidence": "low"}),
    (
        (
            "void pytorch_flash::flash_fwd_kernel<pytorch_flash::Flash_fwd_kernel_traits<64, 128, 64, 4, false, false, "
            "cutlass::bfloat16_t>, false>(pytorch_flash::Flash_fwd_params)"
        ),
        {
            "library": "FlashAttention",
            "operation": "attention",
            "tile": "128x64x64",
            "warps": "4",
            "input_dtype": "bf16",
        },
    ),
    (
        "void pytorch_flash::flash_bwd_convert_dq_kernel<pytorch_flash::Flash_bwd_kernel_traits<64, 128, 128, 8> >(X)",
        {"role": "helper"},
    ),
    (
        "void cutlass::device_kernel<flash::enable_sm90<flash::FlashAttnFwdSm90<flash::CollectiveMainloopFwdSm90<2> > > >(X)",
        {"library": "FlashAttention", "tensor_cores": "yes"},
    ),
    (
        "fmha_cutlassF_bf16_aligned_64x64_rf_sm80(PyTorchMemEffAttention::AttentionKernel<cutlass::bfloat16_t>::Params)",
        {
            "library": "CUTLASS",
            "operation": "attention",
            "input_dtype": "bf16",
            "design_arch": "sm80",
            "tensor_cores": "yes",
        },
    ),
    (
        "void regular_fft<256u, EPT<16u>, 1u, (padding_t)1, unsigned int, float>(X)",
        {"library": "cuFFT", "operation": "fft", "input_dtype": "f32"},
    ),
    (
        "void vector_fft<64u, EPT<8u>, 16u, (padding_t)0, unsigned int, double>(X)",
        {"library": "cuFFT", "input_dtype": "f64"},
    ),
]
COLLECTIVES: Table = [
    (
        "ncclDevKernel_AllReduce_Sum_bf16_RING_LL(ncclDevComm*, unsigned long, ncclWork*)",
        {"library": "NCCL", "operation": "communication", "input_dtype": "bf16"},
    ),
    ("ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(ncclWorkElem)", {"library": "NCCL", "input_dtype": "i8"}),
    ("ncclDevKernel_Generic_4(ncclDevKernelArgsStorage<4096ul>)", {"library": "RCCL", "operation": "communication"}),
]


@pytest.mark.parametrize(("name", "facts"), rows(XMMA + ARCHITECTURE_NAMED + CUTLASS + RUN_TIME))
def test_generators(name: str, facts: dict[str, Any]) -> None:
    check(name, facts)


@pytest.mark.parametrize(("name", "facts"), rows(CUDNN + CUBLAS + ATTENTION_AND_FFT + COLLECTIVES))
def test_templates(name: str, facts: dict[str, Any]) -> None:
    check(name, facts)
