"""Hand-labelled: does the kernel run on a matrix unit? Each label has its reason, from grammars and vendors' naming.

Names come from the libraries' binaries and from recorded traces; ``unknown`` labels are where nobody can tell.
"""

from __future__ import annotations

import pytest

from profiler_kit.kernels import identify

# (answer, reason, names)
TABLE: list[tuple[str, str, list[str]]] = [
    (
        "yes",
        "tensorMxNxK is the shape of the matrix instruction the tile is built from",
        [
            (
                "sm70_xmma_wgrad_implicit_gemm_indexed_wo_smem_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize16x64x64_stage"
                "1_warpsize1x4x1_g1_tensor8x8x4_aligna4_alignc8_execute_kernel__5x_cudnn"
            ),
            (
                "sm75_xmma_wgrad_implicit_gemm_indexed_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize64x64x64_stage1_warpsi"
                "ze1x1x4_g4_tensor16x8x8_execute_kernel__5x_cudnn"
            ),
            (
                "sm80_xmma_dgrad_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x32x32_stage4_warpsize4x"
                "1x1_g1_tensor16x8x16_execute_kernel_cudnn_infer"
            ),
            (
                "sm80_xmma_dgrad_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x64x32_stage5_warpsize2x2"
                "x1_g1_tensor16x8x8_execute_kernel__5x_cudnn"
            ),
            (
                "sm80_xmma_fprop_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize256x32x32_stage4_warpsize4x1x1"
                "_g1_tensor16x8x16_t1r1s1_execute_kernel_cudnn_infer"
            ),
            (
                "sm80_xmma_fprop_implicit_gemm_indexed_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize256x64x32_stage3_wa"
                "rpsize4x1x1_g1_tensor16x8x16_execute_kernel__5x_cudnn"
            ),
            (
                "sm80_xmma_fprop_implicit_gemm_indexed_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize256x64x32_stage3_war"
                "psize4x2x1_g1_tensor16x8x8_execute_kernel_cudnn_infer"
            ),
            (
                "sm80_xmma_fprop_implicit_gemm_indexed_wo_smem_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x32x64_st"
                "age1_warpsize4x1x1_g1_tensor16x8x8_aligna4_alignc8_execute_kernel__5x_cudnn"
            ),
            (
                "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize256x128x32_stage3_warpsize4x"
                "2x1_g1_tensor16x8x8_t1r3s3_execute_kernel_cudnn_infer"
            ),
            (
                "sm80_xmma_gemm_f32f32_tf32f32_f32_nn_n_tilesize256x128x32_stage3_warpsize4x2x1_tensor16x8x8_aligna4_"
                "alignc4_execute_kernel__5x_cublas"
            ),
            (
                "sm80_xmma_gemm_f32f32_tf32f32_f32_nt_n_tilesize128x64x16_stage6_warpsize2x2x1_tensor16x8x8_aligna4_a"
                "lignc4_execute_kernel__5x_cublas"
            ),
            (
                "sm80_xmma_gemm_f32f32_tf32f32_f32_tt_n_tilesize32x64x64_stage4_warpsize2x2x1_tensor16x8x8_aligna4_al"
                "ignc4_execute_kernel__5x_cublas"
            ),
            (
                "sm80_xmma_gemm_f64f64_f64f64_f64_tt_n_tilesize64x32x16_stage4_warpsize2x2x1_tensor8x8x4_execute_kern"
                "el__5x_cublas"
            ),
            (
                "sm80_xmma_wgrad_image_first_layer_f16f16_f32_f32_nhwckrsc_nhwc_hmma_k64c4r7s7_stride2x2_tile16x64x64"
                "_tensor1688_execute_kernel_kernel__5x_cudnn"
            ),
            (
                "sm80_xmma_wgrad_implicit_gemm_indexed_wo_smem_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize64x16x64_sta"
                "ge1_warpsize2x1x1_g1_tensor16x8x8_aligna4_alignc4_execute_kernel__5x_cudnn"
            ),
            (
                "sm86_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize256x32x32_stage5_warpsize4x"
                "1x1_g1_tensor16x8x16_execute_kernel__5x_cudnn"
            ),
            (
                "sm86_xmma_fprop_implicit_gemm_indexed_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize256x32x32_stage2_warps"
                "ize4x1x1_g1_tensor16x8x16_execute_kernel_cudnn_infer"
            ),
            (
                "sm86_xmma_wgrad_implicit_gemm_indexed_tf32f32_tf32f32_f32_nchwkrsc_nchw_tilesize64x32x64_stage4_warp"
                "size2x2x1_g1_tensor16x8x8_t1r1s1_aligna4_alignc4_execute_kernel_cudnn_train"
            ),
            (
                "sm89_xmma_gemm_e4m3bf16_e4m3f32_f32_tn_n_tilesize256x64x64_stage4_warpsize4x1x1_tensor16x8x32_execut"
                "e_kernel__5x_cublas"
            ),
            (
                "sm89_xmma_gemm_e4m3e5m2bf16_e4m3e5m2f32_f32_tn_n_tilesize128x64x64_stage4_warpsize2x2x1_tensor16x8x3"
                "2_execute_kernel__5x_cublas"
            ),
            (
                "sm89_xmma_gemm_e4m3f16_e4m3f32_f32_tn_n_tilesize64x64x64_stage6_warpsize2x2x1_tensor16x8x32_bias_f16"
                "_execute_kernel__5x_cublas"
            ),
            (
                "sm89_xmma_gemm_e5m2e4m3f16_e5m2e4m3f32_f32_tn_n_tilesize128x128x64_stage3_warpsize4x2x1_tensor16x8x3"
                "2_bias_f16_algo2_execute_kernel__5x_cublas"
            ),
        ],
    ),
    (
        "yes",
        "sm90 xmma designs state warpgroups instead of an instruction: they run wgmma, which only tensor cores have",
        [
            (
                "sm90_xmma_dgrad_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize64x128x64_cgasize1x1x1_warp"
                "groupsize1x1x1_g1_execute_segment_k_off_kernel_cudnn_infer"
            ),
            (
                "sm90_xmma_dgrad_implicit_gemm_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize64x128x64_cgasize1x2x1_warpgro"
                "upsize1x1x1_g1_execute_segment_k_off_kernel_cudnn_infer"
            ),
            (
                "sm90_xmma_dgrad_implicit_gemm_f32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize256x32x32_warpgroupsize1x1x1_"
                "g1_execute_segment_k_off_kernel__5x_cudnn"
            ),
            (
                "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize64x64x64_warpgroupsize1x1x1"
                "_g2_execute_segment_k_off_kernel_cudnn_infer"
            ),
            (
                "sm90_xmma_fprop_implicit_gemm_f32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x32x32_cgasize1x1x1_warpgr"
                "oupsize1x1x1_g2_execute_segment_k_on_kernel_cudnn_infer"
            ),
            (
                "sm90_xmma_fprop_implicit_gemm_i8i8_i8i32_f32_nhwckrsc_nhwc_tilesize128x256x128_warpgroupsize2x1x1_g1"
                "_no_reorder_filter_execute_segment_k_on_kernel_cudnn_infer"
            ),
            (
                "sm90_xmma_wgrad_indexed_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize64x64x64_warpgroups"
                "ize1x1x1_g2_execute_segment_k_on_kernel_cudnn_train"
            ),
            (
                "sm90_xmma_wgrad_indexed_implicit_gemm_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize256x128x64_cgasize1x1x"
                "1_warpgroupsize2x1x1_g1_execute_segment_k_on_kernel_cudnn_train"
            ),
            (
                "sm90_xmma_wgrad_indexed_implicit_gemm_f32f32_tf32f32_f32_nchwkrsc_nchw_tilesize64x256x32_cgasize1x1x"
                "1_warpgroupsize1x1x1_g1_aligna4_alignc4_execute_segment_k_on_kernel_cudnn_train"
            ),
            (
                "sm90_xmma_wgrad_indexed_implicit_gemm_f32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x128x32_warpgroups"
                "ize1x1x1_g1_execute_segment_k_on_kernel__5x_cudnn"
            ),
            (
                "sm90_xmma_gemm_bf16bf16_bf16f32_f32_nt_n_tilesize128x256x64_warpgroupsize2x1x1_aux_bf16_dgelu_execut"
                "e_segment_k_off_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_gemm_cbf16cbf16_bf16f32_cf32_ct_n_tilesize64x64x64_cgasize1x1x1_warpgroupsize1x1x1_aligna2"
                "_alignc2_planar_complex_execute_segment_k_off_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_gemm_cbf16cbf16_bf16f32_cf32_tc_n_tilesize64x64x64_warpgroupsize1x1x1_planar_complex_execu"
                "te_segment_k_off_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_gemm_cbf16cbf16_bf16f32_cf32_tn_n_tilesize64x64x64_cgasize1x1x1_warpgroupsize1x1x1_aligna2"
                "_alignc2_planar_complex_execute_segment_k_off_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_gemm_cf16cf16_f16f32_cf32_ct_n_tilesize64x64x64_cgasize1x1x1_warpgroupsize1x1x1_aligna2_al"
                "ignc2_planar_complex_execute_segment_k_on_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_gemm_cf16cf16_f16f32_cf32_nc_n_tilesize64x64x64_warpgroupsize1x1x1_planar_complex_execute_"
                "segment_k_off_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_gemm_e4m3bf16_e4m3f32_f32_nn_n_tilesize128x128x128_cgasize1x1x1_warpgroupsize1x1x1_aligna4"
                "_alignc4_execute_segment_k_off_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_gemm_f16f16_f16f32_f32_nt_n_tilesize128x64x32_warpgroupsize1x1x1_gelu_execute_segment_k_on"
                "_kernel__5x_cublas"
            ),
        ],
    ),
    (
        "yes",
        "first-layer designs name hmma and the tensor shape",
        [
            (
                "sm75_xmma_wgrad_image_first_layer_f16f16_f32_f32_nhwckrsc_nhwc_hmma_k64c4r3s3_stride2x2_tile16x64x64"
                "_tensor1688_execute_kernel_kernel_cudnn_train"
            ),
            (
                "sm80_xmma_fprop_image_first_layer_f16f16_f32_f16_nhwckrsc_nhwc_hmma_k32c4r3s3_stride2x2_tile16x64x32"
                "_tensor1688_execute_kernel_kernel__5x_cudnn"
            ),
            (
                "sm90_xmma_fprop_image_first_layer_f16f16_f32_f16_nhwckrsc_nhwc_hmma_k16c4r3s3_stride2x2_tile16x64x16"
                "_tensor1688_execute_kernel_kernel__5x_cudnn"
            ),
            (
                "sm90_xmma_wgrad_image_first_layer_f16f16_f32_f32_nhwckrsc_nhwc_hmma_k64c4r7s7_stride2x2_tile16x64x64"
                "_tensor1688_execute_kernel_kernel_cudnn_train"
            ),
        ],
    ),
    (
        "no",
        "ffma is the scalar fused multiply-add, whatever the types around it",
        [
            (
                "sm80_xmma_dgrad_implicit_gemm_indexed_f32f32_f32f32_f32_nchwkcrs_nchw_tilesize128x128x8_stage3_warps"
                "ize2x2x1_g1_ffma_aligna4_alignc4_execute_kernel__5x_cudnn"
            ),
            (
                "sm80_xmma_gemm_cf32cf32_f32f32_cf32_nc_n_tilesize32x64x8_stage3_warpsize2x2x1_ffma_aligna8_alignc8_e"
                "xecute_kernel__5x_cublas"
            ),
            (
                "sm80_xmma_gemm_cf32cf32_f32f32_cf32_nn_n_tilesize64x64x8_stage3_warpsize2x2x1_ffma_aligna8_alignc8_e"
                "xecute_kernel__5x_cublas"
            ),
            (
                "sm80_xmma_gemm_ci8cf32_f32f32_cf32_nc_n_tilesize32x64x8_stage3_warpsize2x2x1_ffma_aligna2_alignc8_ex"
                "ecute_kernel__5x_cublas"
            ),
            (
                "sm80_xmma_gemm_ci8cf32_f32f32_cf32_nt_n_tilesize32x64x8_stage3_warpsize2x2x1_ffma_aligna2_alignc8_ex"
                "ecute_kernel__5x_cublas"
            ),
            "sm80_xmma_gemm_tc_tilesize64x64x8_stage1_ffma_cp32_kernel",
            (
                "sm90_xmma_hemm_l_r_cf32cf32_f32f32_cf32_nn_n_tilesize64x32x8_stage3_warpsize2x2x1_ffma_aligna8_align"
                "c8_execute_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_herkx_u_cf32cf32_f32f32_cf32_cn_n_tilesize64x32x8_stage3_warpsize2x2x1_ffma_aligna8_alignc"
                "8_execute_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_symm_u_l_f32f32_f32f32_f32_nn_n_tilesize128x256x8_stage3_warpsize2x4x1_ffma_aligna4_alignc"
                "4_execute_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_syrk_u_cf32cf32_f32f32_cf32_tn_n_tilesize32x32x8_stage3_warpsize2x2x1_ffma_aligna8_alignc8"
                "_execute_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_syrk_u_f32f32_f32f32_f32_tn_n_tilesize128x128x8_stage3_warpsize2x2x1_ffma_aligna4_alignc4_"
                "execute_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_trmm_out_place_u_l_n_cf32cf32_f32f32_cf32_nn_n_tilesize32x32x8_stage3_warpsize2x2x1_ffma_a"
                "ligna8_alignc8_execute_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_trmm_out_place_u_r_n_cf32cf32_f32f32_cf32_tn_n_tilesize32x64x8_stage3_warpsize2x2x1_ffma_a"
                "ligna8_alignc8_execute_kernel__5x_cublas"
            ),
            (
                "sm90_xmma_trmm_out_place_u_r_u_cf32cf32_f32f32_cf32_nn_n_tilesize32x64x8_stage3_warpsize2x2x1_ffma_a"
                "ligna8_alignc8_execute_kernel__5x_cublas"
            ),
        ],
    ),
    (
        "no",
        "depthwise convolution sums channel by channel: there is no product of matrices to give to tensor cores",
        [
            (
                "sm70_xmma_depthwise_convolution_wgrad_tiling_f16f16_f32f32_f32_nhwckrsc_nhwc_tilesize1x4x4_1x3x3_1x1"
                "x1_1x1x1_stage3_warpsize4x1x1_g64_betaTrue_execute_kernel__5x_cudnn"
            ),
            (
                "sm80_xmma_depthwise_convolution_fprop_tiling_f16f16_f32f32_f32_nhwckrsc_nhwc_tilesize1x4x8_1x3x3_1x2"
                "x2_1x1x1_stage2_warpsize4x1x1_g32_betaFalse_execute_kernel__5x_cudnn"
            ),
            (
                "sm90_xmma_depthwise_convolution_dgrad_tiling_f16f16_f32f32_f32_nhwckrsc_nhwc_tilesize1x10x10_1x3x3_1"
                "x1x1_1x2x2_stage2_warpsize4x1x1_g64_betaFalse_execute_kernel__5x_cudnn"
            ),
            (
                "sm90_xmma_depthwise_convolution_dgrad_tiling_f16f16_f32f32_f32_nhwckrsc_nhwc_tilesize1x6x6_1x3x3_1x1"
                "x1_1x1x1_stage4_warpsize4x1x1_g64_betaFalse_execute_kernel__5x_cudnn"
            ),
            (
                "sm90_xmma_depthwise_convolution_fprop_tiling_f16f16_f32f32_f32_nhwckrsc_nhwc_tilesize1x4x4_1x3x3_1x1"
                "x1_1x2x2_stage4_warpsize4x1x1_g64_betaFalse_execute_kernel__5x_cudnn"
            ),
            (
                "sm90_xmma_depthwise_convolution_wgrad_tiling_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize1x6x6_1x5x5_1x2"
                "x2_1x1x1_stage2_warpsize4x1x1_g64_betaTrue_execute_kernel__5x_cudnn"
            ),
        ],
    ),
    (
        "yes",
        "digits after the accumulator letter are the MMA shape: 884, 1688, 16816, 8816, 16832",
        [
            "_5x_cudnn_turing_fp16_s1688cudnn_fp16_128x128_ldg8_relu_f2f_exp_interior_nhwc_tn_v1",
            "_5x_cudnn_volta_int8_i8816cudnn_int8_256x128_ldg16_relu_large_nt_v1",
            "_5x_cudnn_volta_s884cudnn_fp16_256x128_ldg8_dgrad_exp_large_nhwc_tt_v1",
            "_5x_cudnn_volta_s884cudnn_fp16_256x64_ldg8_dgrad_exp_large_nhwc2nchw_tt_v1",
            "cudnn_infer_ampere_fp16_i8816cudnn_int8_256x64_ldg16_relu_small_nt_v1",
            "cudnn_infer_turing_h1688cudnn_256x64_ldg8_relu_exp_large_nhwc_tn_v1",
            "cudnn_infer_volta_fp16_s884cudnn_fp16_256x64_ldg8_dgrad_f2f_exp_medium_nhwc_tt_v1",
            "cudnn_infer_volta_fp16_s884cudnn_fp16_256x64_ldg8_splitK_dgrad_f2f_exp_interior_nhwc2nchw_tt_v1",
            "cudnn_infer_volta_int8_i8816cudnn_int8_256x64_ldg16_relu_singleBuffer_large_nt_v1",
            "cudnn_infer_volta_s884cudnn_fp16_128x128_ldg8_relu_exp_medium_nhwc2nchw_tn_v1",
            "cudnn_infer_volta_s884cudnn_fp16_256x64_ldg8_relu_exp_small_nhwc_tn_v1",
            "cudnn_train_turing_s1688cudnn_fp16_128x128_ldg8_wgrad_idx_exp_interior_nhwc_nt_v1",
            "ampere_bf16_s16816gemm_bf16_128x64_ldg8_relu_f2f_nn",
            "ampere_fp16_s16816gemm_fp16_64x64_sliced1x2_ldg8_f2f_stages_64x5_nn",
            "ampere_fp16_s16816gemm_fp16_64x64_sliced1x2_ldg8_relu_f2f_tn",
            "ampere_s16816gemm_bf16_128x64_sliced1x2_ldg8_tn",
            "ampere_s16816gemm_bf16_64x64_ldg8_tt",
            "turing_h1688gemm_128x128_ldg8_stages_64x1_tn",
            "turing_h1688gemm_256x64_ldg8_nn",
            "turing_h1688gemm_256x64_ldg8_stages_32x1_nn",
            "turing_s884gemm_128x128_ldg8_f2f_tt",
            "turing_s884gemm_fp16_64x64_ldg8_tt",
            "volta_fp16_s884gemm_fp16_128x128_ldg8_f2f_stages_32x1_nt",
            "volta_fp16_s884gemm_fp16_64x64_ldg8_f2f_nt",
            "turing_int32_i8816gemm_int8_256x128_ldg16_nt",
            "turing_int32_i8816gemm_int8_256x128_ldg16_stages_64x1_nt",
            "turing_int8_i8816gemm_int8_128x256_ldg16_relu_nt",
        ],
    ),
    (
        "no",
        "scudnn, hcudnn and icudnn without digits are FFMA, HFMA2 and DP4A kernels",
        [
            "_5x_cudnn_ampere_scudnn_128x128_relu_exp_large_nhwc_tn_v1",
            "cudnn_infer_maxwell_fp16_scudnn_fp16_128x128_3dconv_fprop_small_nn_v0",
            "cudnn_infer_maxwell_fp16_scudnn_fp16_128x128_relu_small_nn_v0",
            "cudnn_infer_volta_scudnn_128x128_3dconv_fprop_interior_nn_v1",
            "cudnn_infer_volta_scudnn_128x128_relu_exp_interior_nhwc_tn_v1",
            "cudnn_train_ampere_fp16_scudnn_fp16_128x128_stridedB_splitK_small_nn_v1",
            "cudnn_train_maxwell_fp16_scudnn_fp16_128x32_3dconv_wgrad_medium_nn_v0",
            "cudnn_train_volta_scudnn_128x64_stridedB_splitK_medium_nn_v1",
            "_5x_cudnn_volta_hcudnn_128x128_3dconv_fprop_medium_nn_v1",
            "cudnn_infer_volta_hcudnn_128x128_3dconv_dgrad_small_nn_v1",
            "cudnn_infer_volta_hcudnn_128x128_relu_medium_nn_v1",
            "cudnn_train_volta_hcudnn_128x128_3dconv_wgrad_medium_nn_v1",
            "_5x_cudnn_ampere_fp32_icudnn_uint8x4_int8x4_128x128_relu_exp_interior_nhwc_tn_v1",
            "_5x_cudnn_ampere_uint8x4_icudnn_uint8x4_int8x4_128x64_relu_xregs_large_c32_nn_v1",
            "cudnn_infer_volta_fp32_icudnn_int8x4_128x64_sliced1x2_ldg2_ldg1_relu_exp_small_nhwc_tn_v1",
            "cudnn_infer_volta_fp32_icudnn_uint8x4_int8x4_128x128_relu_exp_interior_nhwc_tn_v1",
        ],
    ),
    (
        "no",
        "fused Winograd multiplies transformed tiles by FFMA",
        [
            "cudnn_infer_ampere_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148n_nt_v1",
            "cudnn_infer_maxwell_scudnn_winograd_128x128_ldg1_ldg4_mobile_relu_tile148t_nt_v0",
            "cudnn_infer_maxwell_scudnn_winograd_128x128_ldg1_ldg4_mobile_tile148t_nt_v0",
            "cudnn_infer_maxwell_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148n_nt_v1",
        ],
    ),
    (
        "no",
        "sgemm, dgemm, cgemm and zgemm without digits are scalar kernels",
        [
            "ampere_sgemm_int8_128x128_tt",
            "ampere_zgemm_64x32_upper_tn",
            "maxwell_sgemm_128x32_lower_nt",
            "maxwell_sgemm_fp16_128x64_upper_nt",
            "maxwell_zgemm_64x32_cn",
            "turing_gcgemm_32x32_cn",
            "turing_hgemm_128x128_lower_tn",
            "volta_cgemm_int8_32x32_lower_nt",
            "volta_dgemm_128x64_tt",
            "volta_gcgemm_int8_64x64_nt",
            "ampere_sgemm_fp16_128x128_tn",
            "ampere_sgemm_fp16_32x128_nn",
            "ampere_sgemm_fp16_64x32_sliced1x4_lower_tn",
            "maxwell_fp16_sgemm_fp16_128x128_nt",
        ],
    ),
    (
        "yes",
        "tensorop (also through wmma) names the matrix instruction class of CUTLASS",
        [
            (
                "void cutlass::Kernel2<cutlass_80_tensorop_s16816gemm_bf16_forwardCompat_256x128_64x3_nt_align8>(cutl"
                "ass_80_tensorop_s16816gemm_bf16_forwardCompat_256x128_64x3_nt_align8::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_70_tensorop_h884gemm_128x64_tt_align1>(cutlass_70_tensorop_h884gemm_128"
                "x64_tt_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_bf16_s16816gemm_bf16_grouped_128x64_64x3_align8>(cutlass_80"
                "_tensorop_bf16_s16816gemm_bf16_grouped_128x64_64x3_align8::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_c1688gemm_128x64_16x4_tt_align1>(cutlass_80_tensorop_c1688g"
                "emm_128x64_16x4_tt_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_c1688gemm_64x128_16x4_hn_align1>(cutlass_80_tensorop_c1688g"
                "emm_64x128_16x4_hn_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_c1688gemm_64x128_16x4_nn_align1>(cutlass_80_tensorop_c1688g"
                "emm_64x128_16x4_nn_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_c1688gemm_64x64_16x4_th_align1>(cutlass_80_tensorop_c1688ge"
                "mm_64x64_16x4_th_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_gz884gemm_16x32_16x3_th_align1>(cutlass_80_tensorop_gz884ge"
                "mm_16x32_16x3_th_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_s16816gemm_bgrada_f16_64x128_64x3_nt_align8>(cutlass_80_ten"
                "sorop_s16816gemm_bgrada_f16_64x128_64x3_nt_align8::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_s16816gemm_f16_128x64_64x6_nn_align2>(cutlass_80_tensorop_s"
                "16816gemm_f16_128x64_64x6_nn_align2::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_s1688gemm_64x128_32x6_nt_align1>(cutlass_80_tensorop_s1688g"
                "emm_64x128_32x6_nt_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_s1688gemm_64x64_32x6_tn_align4>(cutlass_80_tensorop_s1688ge"
                "mm_64x64_32x6_tn_align4::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_s8_i16832gemm_s8_128x64_128x6_tn_align4>(cutlass_80_tensoro"
                "p_s8_i16832gemm_s8_128x64_128x6_tn_align4::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_z884hemm_right_lower_64x64_16x3_cn_align1>(cutlass_80_tenso"
                "rop_z884hemm_right_lower_64x64_16x3_cn_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_z884herk_lower_64x128_16x3_nh_align1>(cutlass_80_tensorop_z"
                "884herk_lower_64x128_16x3_nh_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_tensorop_z884trmm_left_upper_nonunit_32x64_16x4_nt_align1>(cutlass_8"
                "0_tensorop_z884trmm_left_upper_nonunit_32x64_16x4_nt_align1::Params)"
            ),
            (
                "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_f16_s16816wgrad_analytic_f16_128x64_32x6_nhwc_align8"
                ">(cutlass_tensorop_f16_s16816wgrad_analytic_f16_128x64_32x6_nhwc_align8::Params)"
            ),
            (
                "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_h16816dgrad_optimized_64x64_32x10_nhwc_unity_stride_"
                "align8>(cutlass_tensorop_h16816dgrad_optimized_64x64_32x10_nhwc_unity_stride_align8::Params)"
            ),
            (
                "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_h16816fprop_optimized_128x64_64x3_nhwc_align8>(cutla"
                "ss_tensorop_h16816fprop_optimized_128x64_64x3_nhwc_align8::Params)"
            ),
            (
                "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_h884fprop_analytic_64x64_32x2_nhwc_align8>(cutlass_t"
                "ensorop_h884fprop_analytic_64x64_32x2_nhwc_align8::Params)"
            ),
            (
                "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_s1688dgrad_optimized_tf32_128x64_32x3_nhwc_align4>(c"
                "utlass_tensorop_s1688dgrad_optimized_tf32_128x64_32x3_nhwc_align4::Params)"
            ),
            (
                "void cutlass_cudnn_infer::Kernel<cutlass_tensorop_h16816dgrad_analytic_128x128_32x5_nhwc_align8>(cut"
                "lass_tensorop_h16816dgrad_analytic_128x128_32x5_nhwc_align8::Params)"
            ),
            (
                "void cutlass_cudnn_train::Kernel<cutlass_tensorop_f16_s16816wgrad_analytic_f16_64x64_32x10_nhwc_alig"
                "n8>(cutlass_tensorop_f16_s16816wgrad_analytic_f16_64x64_32x10_nhwc_align8::Params)"
            ),
            (
                "void cutlass_cudnn_train::Kernel<cutlass_tensorop_s1688wgrad_optimized_tf32_128x256_16x3_nhwc_align4"
                ">(cutlass_tensorop_s1688wgrad_optimized_tf32_128x256_16x3_nhwc_align4::Params)"
            ),
        ],
    ),
    (
        "no",
        "simt is the scalar instruction class of CUTLASS",
        [
            (
                "void cutlass::Kernel2<cutlass_70_simt_sgemm_grouped_128x128_8x2_align1>(cutlass_70_simt_sgemm_groupe"
                "d_128x128_8x2_align1::Params)"
            ),
            (
                "void cutlass::Kernel2<cutlass_80_simt_cgemm_forwardCompat_32x64_16x4_nn_align1>(cutlass_80_simt_cgem"
                "m_forwardCompat_32x64_16x4_nn_align1::Params)"
            ),
            (
                "void cutlass::Kernel2<cutlass_80_simt_sgemm_forwardCompat_128x256_8x4_tn_align1>(cutlass_80_simt_sge"
                "mm_forwardCompat_128x256_8x4_tn_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_70_simt_sgemm_grouped_128x128_8x2_align1>(cutlass_70_simt_sgemm_grouped"
                "_128x128_8x2_align1::Params)"
            ),
            (
                "void cutlass::Kernel<cutlass_80_simt_sgemm_128x128_8x4_nn_align1>(cutlass_80_simt_sgemm_128x128_8x4_"
                "nn_align1::Params)"
            ),
            "cutlass3x_sm100_simt_sgemm_f32_f32_f32_f32_f32_64x128x16_1x1x1_3_ntn_align1_bias_f32_relu",
            "cutlass3x_sm100_simt_sgemm_f32_f32_f32_f32_f32_64x32x16_1x1x1_3_nnn_align1_ptr_array",
            "cutlass3x_sm100_simt_sgemm_f32_f32_f32_f32_f32_64x32x16_1x1x1_3_ttn_align1_ptr_array",
            "cutlass3x_sm100_simt_sgemm_f32_f32_f32_f32_f32_64x64x16_1x1x1_3_tnn_align1_bias_f32_relu",
        ],
    ),
    (
        "yes",
        "CUTLASS 3 tensorop, bstensorop and sptensorop are matrix instructions",
        [
            "cutlass3x_sm100_tensorop_h128x64x16gemm_f16_f16_f16_f16_f16_128x64x64_0_tnn_align8_2sm_epi_tma_ptr_array",
            (
                "cutlass3x_sm100_tensorop_h256x256x16implicit_gemm_fprop_f16_f16_f16_void_f16_f16_256x256x64_dyn_cga_"
                "ndhwc_ndhwc_ndhwc_align8_2sm_relu_valpha"
            ),
            "cutlass3x_sm100_tensorop_i128x64x32gemm_s8_s8_s32_s32_s32_128x64x128_0_nnn_align16_1sm_ptr_array",
            (
                "cutlass3x_sm100_tensorop_i256x256x32implicit_gemm_fprop_s8_s8_s32_s8_s8_f32_256x256x128_dyn_cga_ndhw"
                "c_ndhwc_ndhwc_align16_2sm_relu_valpha_vbeta"
            ),
            (
                "cutlass3x_sm100_tensorop_i32x256x32_conv3d_fprop_weight_stationary_nq_2d_tiled_s8_s8_s32_s8_s8_void_"
                "t1xr3xs3_32x256x128_dyn_cga_ndhwc_ndhwc_ndhwc_1sm"
            ),
            (
                "cutlass3x_sm100_tensorop_s128x128x16gemm_f16_f16_f32_f16_f16_128x128x64_0_ntn_align8_2sm_epi_tma_bia"
                "s_f16_drelu_aux"
            ),
            (
                "cutlass3x_sm100_tensorop_s128x256x16_conv2d_bn_apply_fprop_bn_stat_f16_f16_f32_f16_128x256x64_dyn_cg"
                "a_ndhwc_ndhwc_ndhwc_relu_main_det_1sm_main"
            ),
            (
                "cutlass3x_sm100_tensorop_s128x256x32gemm_f8_f8_f32_f16_e4m3_128x256x128_0_nnn_align16_2sm_epi_tma_bi"
                "as_f16_gelu_aux_e4m3_scalemax"
            ),
            (
                "cutlass3x_sm100_tensorop_s128x64x16gemm_f16_f16_f32_f16_f16_128x64x64_0_ttn_align8_2sm_epi_tma_bias_"
                "f16_drelu_aux_stream_k"
            ),
            (
                "cutlass3x_sm100_tensorop_s128x64x16implicit_gemm_dgrad_f16_f16_f32_void_f16_f32_128x64x64_dyn_cga_nd"
                "hwc_ndhwc_ndhwc_align8_1sm"
            ),
            (
                "cutlass3x_sm100_tensorop_s128x64x32gemm_f8_f8_f32_bf16_bf16_128x64x128_0_nnn_align16_1sm_bias_bf16_s"
                "caled_stream_k"
            ),
            (
                "cutlass3x_sm100_tensorop_s128x64x32gemm_f8_f8_f32_bf16_e4m3_128x64x128_0_tnn_align16_2sm_epi_tma_bia"
                "s_bf16_gelu_aux_bf16_scalemax_stream_k"
            ),
            (
                "cutlass3x_sm100_tensorop_s256x256x32gemm_f8_f8_f32_bf16_bf16_256x256x128_0_tnn_align16_2sm_bias_bf16"
                "_gelu_aux_bf16_scalemax_stream_k"
            ),
            (
                "cutlass3x_sm100_tensorop_s64x128x16_conv2d_dgrad_bn_stat_f16_f16_f32_f16_64x128x64_dyn_cga_ndhwc_ndh"
                "wc_ndhwc_drelu_main_det_1sm_main"
            ),
            (
                "cutlass3x_sm100_tensorop_s64x256x32gemm_f8_f8_f32_bf16_e4m3_64x256x128_1x1x1_0_tnn_align4_1sm_bias_b"
                "f16_relu_aux_scalemax_stream_k"
            ),
            (
                "cutlass3x_sm103_bstensorop_s128x192x96gemm_block_scaled_ue4m3xe2m1_ue4m3xe2m1_f32_f16_ue4m3xe2m1_128"
                "x192x768_0_tnn_align32_o_vs16_1sm_bias_f16_relu_epiVs16n"
            ),
        ],
    ),
    (
        "yes",
        "first-layer CUTLASS kernels are tensorop kernels too",
        [
            "cutlass_tensorop_first_layer_fprop_f16_f16_f32_void_f16_ndhwc_ndhwc_ndhwc_align4_filter_16x3x3x4",
            "cutlass_tensorop_first_layer_wgrad_f16_f16_f32_void_f16_ndhwc_ndhwc_ndhwc_align8_filter_64x3x3x4",
        ],
    ),
    (
        "yes",
        "nvjet kernels are built on wgmma and tcgen05 only",
        [
            "nvjet_hsh_128x256_64x4_2x1_v_bz_coopA_TNN",
            "nvjet_hsh_32x64_64x16_4x1_v_bz_splitK_TNN",
            "nvjet_tst_128x176_64x5_2x1_v_bz_coopA_bias_TNT",
            "nvjet_qqtst_128x256_128x6_2x1_2cta_v_bz_TNT",
            "nvjet_sm100_tst_64x8_64x16_2x4_h_bz_splitK_TNT",
            "nvjet_sm90_tst_128x256_64x4_2x1_v_bz_coopA_bias_TNT",
        ],
    ),
    (
        "yes",
        "wmma in a generated attention kernel is the matrix instruction",
        [
            "cudnn_generated_fort_native_sdpa_sm80_flash_fprop_wmma_f16_knob_6_128x64x64_4x1x1_cga1x1x1_kernel0_0",
            "cudnn_generated_fort_native_sdpa_sm80_flash_bprop_wmma_f16_knob_2_64x128x64_1x4x1_cga1x1x1_kernel0_0",
        ],
    ),
    (
        "yes",
        "hgmma, hmma and imma traits are matrix instructions of Hopper, Volta to Ampere, and for int8",
        [
            (
                "void xmma__5x_cudnn::gemm::warp_specialized_kernel_gmma_utmaldg<xmma__5x_cudnn::implicit_gemm::dgrad"
                "::Warp_specialized_gmma_dgrad_bn_stat_kernel_traits<xmma__5x_cudnn::Hopper_hgmma_fp32_traits<64, 256"
                ", 16, false, false, unsigned short, unsigned short, xmma__5x_cudnn::void_type>, xmma__5x_cudnn::Hopp"
                "er_tile_traits<xmma__5x_cudnn::Hopper_cta_tile<xmma__5x_cudnn::Hopper, 64, 256, 64, 1, 1, 1, 1, 1, 1"
                ", 1>, xmma__5x_cudnn::Hopper_cga_tile<0, 0, 0>, true>, xmma__5x_cudnn::implicit_gemm::dgrad::Gmem_ti"
                "le_a_t<xmma__5x_cudnn::Hopper_hgmma_fp32_traits<64, 256, 16, false, false, unsigned short, unsigned "
            ),
            (
                "void xmma_cudnn_infer::gemm::warp_specialized_kernel_gmma_utmaldg<xmma_cudnn_infer::implicit_gemm::f"
                "prop::Warp_specialized_gmma_bn_apply_kernel_traits<xmma_cudnn_infer::Hopper_hgmma_fp32_traits<64, 25"
                "6, 16, true, false, unsigned short, unsigned short, xmma_cudnn_infer::void_type>, xmma_cudnn_infer::"
                "Hopper_tile_traits<xmma_cudnn_infer::Hopper_cta_tile<xmma_cudnn_infer::Hopper, 64, 256, 64, 1, 1, 1,"
                " 1, 1, 1, 1>, xmma_cudnn_infer::Hopper_cga_tile<1, 1, 1>, true>, xmma_cudnn_infer::implicit_gemm::fp"
                "rop::Gmem_tile_with_utmaldg_a_t_bn_apply<xmma_cudnn_infer::Hopper_hgmma_fp32_traits<64, 256, 16, tru"
            ),
            (
                "void xmma_cudnn_train::gemm::warp_specialized_kernel_gmma_utmaldg<xmma_cudnn_train::implicit_gemm::w"
                "grad_indexed::Warp_specialized_gmma_bn_apply_kernel_traits<xmma_cudnn_train::Hopper_hgmma_fp32_trait"
                "s<64, 128, 16, true, false, unsigned short, unsigned short, xmma_cudnn_train::void_type>, xmma_cudnn"
                "_train::Hopper_tile_traits<xmma_cudnn_train::Hopper_cta_tile<xmma_cudnn_train::Hopper, 64, 128, 64, "
                "1, 1, 1, 1, 1, 1, 1>, xmma_cudnn_train::Hopper_cga_tile<0, 0, 0>, true>, xmma_cudnn_train::implicit_"
                "gemm::wgrad_indexed::Gmem_tile_with_utmaldg_a_n_bn_apply<xmma_cudnn_train::Hopper_hgmma_fp32_traits<"
            ),
            "Volta_scale_bias_add_relu_hmma_implicit_gemm_fprop_fp32_nhwc_128x64x64_3x3",
            "Volta_scale_bias_relu_hmma_implicit_gemm_fprop_fp32_nhwc_64x128x32_3x3",
            "Volta_scale_bias_relu_hmma_implicit_gemm_wgrad_fp32_nhwc_256x64x64_3x3",
        ],
    ),
    (
        "yes",
        "HMMA closes the names of persistent recurrent kernels that use matrix instructions",
        [
            "void RNN_blockPersist_bp_LSTM_HMMA<float, float, float, 64>(block_bp_args_lstm<float, float>)",
            "void RNN_blockPersist_bp_RNN_HMMA<float, __half, float, 192>(block_bp_args_rnn<float, __half>)",
            (
                "void RNN_blockPersist_fp_GRU_HMMA<__half, __half, __half, 32>(__half const*, __half*, __half const*,"
                " __half*, __half const*, __half const*, __half*, int, int, int, int, int, int)"
            ),
            (
                "void RNN_blockPersist_fp_LSTM_HMMA<float, float, float, 1, 32>(float const*, float*, float const*, f"
                "loat*, float const*, float*, float*, float const*, float const*, float*, int, int, int, int, int, in"
                "t, cudnnRNNClipMode_t, cudnnNanPropagation_t, float, float)"
            ),
        ],
    ),
    (
        "no",
        "FMA closes the names of persistent recurrent kernels that do not",
        [
            "void RNN_blockPersist_bp_GRU_FMA<__half, __half, float, 32>(block_bp_args_gru<__half, __half>)",
            "void RNN_blockPersist_bp_LSTM_FMA<float, float, float, 32>(block_bp_args_lstm<float, float>)",
            "void RNN_blockPersist_bp_RNN_FMA<__half, __half, float, 224>(block_bp_args_rnn<__half, __half>)",
            "void RNN_blockPersist_bp_RNN_FMA<float, __half, float, 192>(block_bp_args_rnn<float, __half>)",
        ],
    ),
    (
        "no",
        "classic cuDNN engines predate matrix instructions: sgemm and dgemm engines multiply by FFMA and DFMA",
        [
            (
                "void cudnn::detail::dgrad_alg1_engine<128, 6, 7, 3, 3, 5, true, false>(int, int, int, double const*,"
                " int, double const*, int, double*, kernel_grad_params, unsigned long long, int, double, int)"
            ),
            (
                "void cudnn::detail::dgrad_engine<512, 6, 8, 3, 3, 5, true>(int, int, int, double const*, int, double"
                " const*, int, double*, kernel_grad_params, unsigned long long, int, unsigned long long, int, double,"
                " int, int, int)"
            ),
            (
                "void cudnn::detail::dgrad_engine<float, 512, 6, 5, 3, 3, 3, false>(int, int, int, float const*, int,"
                " float const*, int, float*, kernel_grad_params, unsigned long long, int, unsigned long long, int, fl"
                "oat, int, int, int)"
            ),
            (
                "void explicit_convolve_sgemm<__half, int, 128, 5, 5, 3, 3, 3, 0, false>(int, int, int, __half const*"
                ", int, __half const*, int, __half*, kernel_conv_params, unsigned long long, int, unsigned long long,"
                " int, float, float, int, bool, __half const*, __half const*)"
            ),
            (
                "void explicit_convolve_sgemm<float, long, 1024, 6, 7, 3, 3, 5, 0, true>(int, int, int, float const*,"
                " int, float const*, int, float*, kernel_conv_params, unsigned long long, int, unsigned long long, in"
                "t, float, float, int, bool, float const*, float const*)"
            ),
            (
                "void implicit_convolve_sgemm<__half, float, 1024, 5, 5, 3, 3, 3, 0, true, false, false>(int, int, in"
                "t, __half const*, int, float*, __half const*, kernel_conv_params, unsigned long long, int, float, fl"
                "oat, int, float const*, float const*, bool, int, int)"
            ),
            (
                "void wgrad_alg0_engine<__half, 128, 6, 8, 3, 3, 5, false, 512>(int, int, int, __half const*, int, __"
                "half*, __half const*, kernel_grad_params, unsigned long long, int, float, int, int, int, int)"
            ),
            (
                "void wgrad_alg0_engine<__nv_bfloat16, 128, 6, 8, 3, 3, 5, false, 512>(int, int, int, __nv_bfloat16 c"
                "onst*, int, __nv_bfloat16*, __nv_bfloat16 const*, kernel_grad_params, unsigned long long, int, float"
                ", int, int, int, int)"
            ),
        ],
    ),
    (
        "no",
        "grouped and one-channel direct convolutions sum per channel",
        [
            (
                "void cudnn::cnn::dgrad2d_grouped_direct_kernel<__half, long, __half, float, true, true, 1, 3>(cudnn:"
                ":cnn::GroupedDirectParams, __half const*, __half const*, __half*, float, float)"
            ),
            (
                "void cudnn::cnn::wgrad2d_grouped_direct_kernel<false, false, long, __half, float, float>(cudnn::cnn:"
                ":WgradGroupedDirectParams, __half const*, __half const*, __half*, float, float)"
            ),
            (
                "void cudnn::cnn::wgrad2d_grouped_direct_kernel<false, true, long, float, float, float>(cudnn::cnn::W"
                "gradGroupedDirectParams, float const*, float const*, float*, float, float)"
            ),
            (
                "void cudnn::cnn::wgrad2d_grouped_direct_kernel<true, true, long, __half, float, float>(cudnn::cnn::W"
                "gradGroupedDirectParams, __half const*, __half const*, __half*, float, float)"
            ),
            (
                "void dgrad2d_c1_k1_nchw_shmem_tiling_kernel<__half, float, 1, 1, 1, 1, 2, 2, 10, 10, 8, true, true>("
                "cudnnTensorStruct, __half const*, cudnnFilterStruct, __half const*, cudnnConvolutionStruct, cudnnTen"
                "sorStruct, __half*, float, float, cudnn::reduced_divisor)"
            ),
            (
                "void dgrad2d_c1_k1_nchw_shmem_tiling_kernel<__half, float, 1, 1, 1, 1, 4, 4, 10, 40, 8, true, true>("
                "cudnnTensorStruct, __half const*, cudnnFilterStruct, __half const*, cudnnConvolutionStruct, cudnnTen"
                "sorStruct, __half*, float, float, cudnn::reduced_divisor)"
            ),
            (
                "void dgrad2d_c1_k1_nchw_shmem_tiling_kernel<__half, float, 3, 3, 1, 1, 4, 4, 10, 40, 8, true, true>("
                "cudnnTensorStruct, __half const*, cudnnFilterStruct, __half const*, cudnnConvolutionStruct, cudnnTen"
                "sorStruct, __half*, float, float, cudnn::reduced_divisor)"
            ),
        ],
    ),
    (
        "no",
        "matrix-vector kernels and small templates of cuBLAS multiply by scalar instructions",
        [
            (
                "void gemmk1_kernel<int, double2, 256, 5, false, false, true, true, cublasGemvTensorStridedBatched<do"
                "uble2 const>, cublasGemvTensorStridedBatched<double2 const>, cublasGemvTensorStridedBatched<double2>"
                ", double2, 0>(cublasGemmk1Params<double2, cublasGemvTensorStridedBatched<double2 const>, cublasGemvT"
                "ensorStridedBatched<double2 const>, cublasGemvTensorStridedBatched<double2>, double2, biasType<cubla"
                "sGemvTensorStridedBatched<double2>::value_type, double2>::type>)"
            ),
            (
                "void gemmk1_kernel<int, float, 256, 5, false, false, true, false, cublasGemvTensorStridedBatched<__n"
                "v_bfloat16 const>, cublasGemvTensorStridedBatched<float const>, cublasGemvTensorStridedBatched<float"
                ">, float, 9>(cublasGemmk1Params<float, cublasGemvTensorStridedBatched<__nv_bfloat16 const>, cublasGe"
                "mvTensorStridedBatched<float const>, cublasGemvTensorStridedBatched<float>, float, biasType<cublasGe"
                "mvTensorStridedBatched<float>::value_type, float>::type>)"
            ),
            (
                "void gemmk1_kernel<int, float2, 256, 5, false, false, true, true, cublasGemvTensorBatched<float2 con"
                "st>, cublasGemvTensorBatched<float2 const>, cublasGemvTensorBatched<float2>, float2, 0>(cublasGemmk1"
                "Params<float2, cublasGemvTensorBatched<float2 const>, cublasGemvTensorBatched<float2 const>, cublasG"
                "emvTensorBatched<float2>, float2, biasType<cublasGemvTensorBatched<float2>::value_type, float2>::typ"
                "e>)"
            ),
            (
                "void gemmk1_kernel<long, float, 256, 5, false, false, false, false, cublasGemvTensorStridedBatched<f"
                "loat const>, cublasGemvTensorStridedBatched<float const>, cublasGemvTensorStridedBatched<float>, flo"
                "at, 10>(cublasGemmk1Params<float, cublasGemvTensorStridedBatched<float const>, cublasGemvTensorStrid"
                "edBatched<float const>, cublasGemvTensorStridedBatched<float>, float, biasType<cublasGemvTensorStrid"
                "edBatched<float>::value_type, float>::type>)"
            ),
            (
                "void gemmk1_kernel<long, float2, 256, 5, true, false, true, true, cublasGemvTensorBatched<float2 con"
                "st>, cublasGemvTensorBatched<float2 const>, cublasGemvTensorBatched<float2>, float2, 0>(cublasGemmk1"
                "Params<float2, cublasGemvTensorBatched<float2 const>, cublasGemvTensorBatched<float2 const>, cublasG"
                "emvTensorBatched<float2>, float2, biasType<cublasGemvTensorBatched<float2>::value_type, float2>::typ"
                "e>)"
            ),
            (
                "void gemmk1_kernel<long, float2, 256, 5, true, true, true, true, cublasGemvTensorStridedBatched<floa"
                "t2 const>, cublasGemvTensorStridedBatched<float2 const>, cublasGemvTensorStridedBatched<float2>, flo"
                "at2, 0>(cublasGemmk1Params<float2, cublasGemvTensorStridedBatched<float2 const>, cublasGemvTensorStr"
                "idedBatched<float2 const>, cublasGemvTensorStridedBatched<float2>, float2, biasType<cublasGemvTensor"
                "StridedBatched<float2>::value_type, float2>::type>)"
            ),
            (
                "void gemv2N_kernel<int, int, float2, float2, float2, float2, 128, 4, 4, 4, 1, true, cublasGemvParams"
                "Ex<int, cublasGemvTensorBatched<float2 const>, cublasGemvTensorBatched<float2 const>, cublasGemvTens"
                "orBatched<float2>, float2> >(cublasGemvParamsEx<int, cublasGemvTensorBatched<float2 const>, cublasGe"
                "mvTensorBatched<float2 const>, cublasGemvTensorBatched<float2>, float2>)"
            ),
            (
                "std::enable_if<true, void>::type internal::gemvx::kernel<int, int, float, float, float, float, true,"
                " false, true, false, 9, false, cublasGemvParamsEx<int, cublasGemvTensorStridedBatched<float const>, "
                "cublasGemvTensorStridedBatched<float const>, cublasGemvTensorStridedBatched<float>, float> >(cublasG"
                "emvParamsEx<int, cublasGemvTensorStridedBatched<float const>, cublasGemvTensorStridedBatched<float c"
                "onst>, cublasGemvTensorStridedBatched<float>, float>)"
            ),
            (
                "std::enable_if<true, void>::type internal::gemvx::kernel<long, long, signed char, float, float, floa"
                "t, true, true, true, false, 9, false, cublasGemvParamsEx<int, cublasGemvTensorBatched<signed char co"
                "nst>, cublasGemvTensorBatched<float const>, cublasGemvTensorBatched<float>, float> >(cublasGemvParam"
                "sEx<int, cublasGemvTensorBatched<signed char const>, cublasGemvTensorBatched<float const>, cublasGem"
                "vTensorBatched<float>, float>)"
            ),
        ],
    ),
    (
        "no",
        "summing what blocks computed along K is no product",
        [
            (
                "void splitKreduce_kernel<32, 16, long, float, __nv_bfloat16, float, __nv_bfloat16, true, true, false"
                ">(cublasSplitKParams<float>, float const*, __nv_bfloat16 const*, __nv_bfloat16*, float const*, float"
                " const*, __nv_bfloat16 const*, float const*, __nv_bfloat16*, void*, long, float*, int*)"
            ),
            (
                "void splitKreduce_kernel<8, 32, int, __half, __half, __half, __half, false, true, false>(cublasSplit"
                "KParams<__half>, __half const*, __half const*, __half*, __half const*, __half const*, __half const*,"
                " __half const*, __half*, void*, long, __half*, int*)"
            ),
            (
                "void splitKreduce_kernel<8, 32, int, __nv_bfloat16, __nv_bfloat16, float, __nv_bfloat16, false, fals"
                "e, true>(cublasSplitKParams<float>, __nv_bfloat16 const*, __nv_bfloat16 const*, __nv_bfloat16*, floa"
                "t const*, float const*, __nv_bfloat16 const*, __nv_bfloat16 const*, __nv_bfloat16*, void*, long, flo"
                "at*, int*)"
            ),
            (
                "void splitKreduce_kernel<8, 32, int, int, signed char, float, float, false, false, true>(cublasSplit"
                "KParams<float>, int const*, signed char const*, signed char*, float const*, float const*, float cons"
                "t*, int const*, float*, void*, long, float*, int*)"
            ),
        ],
    ),
    (
        "no",
        "changing a layout moves data",
        [
            (
                "void cudnn::engines_precompiled::nhwcToNchwKernel<double, signed char, double, true, false, (cudnnKe"
                "rnelDataType_t)2>(cudnn::engines_precompiled::nhwc2nchw_params_t<double>, double const*, signed char"
                "*)"
            ),
            (
                "void cudnn::engines_precompiled::nhwcToNchwKernel<float, signed char, float, false, true, (cudnnKern"
                "elDataType_t)0>(cudnn::engines_precompiled::nhwc2nchw_params_t<float>, float const*, signed char*)"
            ),
            (
                "void cudnn::ops::nchwToNhwcKernel<__nv_bfloat16, float, float, true, false, (cudnnKernelDataType_t)2"
                ">(cudnn::ops::nchw2nhwc_params_t<float>, __nv_bfloat16 const*, float*)"
            ),
            (
                "void tensorTransformGeneric<__half, float, float, true, false, false, (cudnnKernelDataType_t)2>(cudn"
                "nTensorTransformStruct, tensorTransformParams, int, unsigned long, __half const*, float*, float, flo"
                "at)"
            ),
        ],
    ),
    (
        "no",
        "normalisation and pooling hold no product of matrices",
        [
            (
                "void cudnn::bn_fw_tr_1C11_kernel_NCHW<__nv_bfloat16, float, int, 128, false, 2, true>(cudnnTensorStr"
                "uct, __nv_bfloat16 const*, cudnnTensorStruct, __nv_bfloat16*, float const*, float const*, float, flo"
                "at, float*, float*, float*, float*, float, float)"
            ),
            (
                "void cudnn::bn_fw_tr_1C11_kernel_NCHW<double, double, long, 128, false, 2, false>(cudnnTensorStruct,"
                " double const*, cudnnTensorStruct, double*, double const*, double const*, double, double, double*, d"
                "ouble*, double*, double*, double, double)"
            ),
            "void cudnn::bn_fw_tr_1C11_singleread<__half, 512, true, 2, 2, 20>(cudnn::bn_fw_tr_1C11_args<__half>)",
            (
                "void cudnn::ops::pooling_fw_kernel_max_vector<cudnn::maxpooling_func<float, __half, (cudnnNanPropaga"
                "tion_t)0>, (cudnnPoolingMode_t)0, signed char, float, 3, (cudnnNanPropagation_t)1>(cudnnTensorStruct"
                ", signed char*, cudnnTensorStruct, signed char const*, cudnnPoolingStruct, float, float, cudnn::redu"
                "ced_divisor, cudnn::reduced_divisor, cudnn::reduced_divisor, cudnn::reduced_divisor, int, int)"
            ),
            (
                "void cudnn::pooling_bw_kernel_max<double, double, cudnn::maxpooling_func<double, double, (cudnnNanPr"
                "opagation_t)0>, false>(cudnnTensorStruct, double const*, cudnnTensorStruct, double const*, cudnnTens"
                "orStruct, double const*, cudnnTensorStruct, double*, cudnnPoolingStruct, double, double, int, cudnn:"
                ":reduced_divisor, cudnn::reduced_divisor)"
            ),
            (
                "void pooling_fw_kernel_max_nhwc<__half, float, 5, (cudnnNanPropagation_t)1, false>(PoolingParams, __"
                "half*, __half const*, float, float, int)"
            ),
        ],
    ),
    (
        "yes",
        "FlashAttention multiplies 16-bit types by matrix instructions only",
        [
            (
                "void pytorch_flash::flash_fwd_kernel<pytorch_flash::Flash_fwd_kernel_traits<64, 128, 128, 4, false, "
                "false, cutlass::bfloat16_t, pytorch_flash::Flash_kernel_traits<64, 128, 128, 4, cutlass::bfloat16_t>"
                " >, false, true, false, false, false, true, false>(pytorch_flash::Flash_fwd_params)"
            ),
            (
                "void flash::flash_fwd_splitkv_kernel<flash::Flash_fwd_kernel_traits<128, 64, 128, 4, false, false, c"
                "utlass::half_t>, false>(flash::Flash_fwd_params)"
            ),
        ],
    ),
    (
        "no",
        "pointwise kernels, reductions, softmax and copies of PyTorch hold no product",
        [
            (
                "void at::native::(anonymous namespace)::CatArrayBatchedCopy<at::native::(anonymous namespace)::Opaqu"
                "eType<2u>, unsigned int, 4, 64, 64>(at::native::(anonymous namespace)::OpaqueType<2u>*, at::native::"
                "(anonymous namespace)::CatArrInputTensorMetadata<at::native::(anonymous namespace)::OpaqueType<2u>, "
                "unsigned int, 64, 64>, at::native::(anonymous namespace)::TensorSizeStride<unsigned int, 4u>, int, u"
                "nsigned int)"
            ),
            (
                "void at::native::(anonymous namespace)::max_pool_backward_nchw<float, float>(int, float const*, long"
                " const*, int, int, int, int, int, int, int, int, int, int, int, int, int, int, float*)"
            ),
            (
                "void at::native::(anonymous namespace)::max_pool_forward_nchw<float, float>(int, float const*, int, "
                "int, int, int, int, int, int, int, int, int, int, int, int, int, float*, long*)"
            ),
            (
                "void at::native::reduce_kernel<128, 4, at::native::ReduceOp<c10::BFloat16, at::native::func_wrapper_"
                "t<c10::BFloat16, at::native::sum_functor<c10::BFloat16, float, c10::BFloat16>::operator()(at::Tensor"
                "Iterator&)::{lambda(float, float)#1}>, unsigned int, c10::BFloat16, 4, 8> >(at::native::ReduceOp<c10"
                "::BFloat16, at::native::func_wrapper_t<c10::BFloat16, at::native::sum_functor<c10::BFloat16, float, "
                "c10::BFloat16>::operator()(at::TensorIterator&)::{lambda(float, float)#1}>, unsigned int, c10::BFloa"
                "t16, 4, 8>)"
            ),
            (
                "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<bool, at::native::func_wrapper_t<bool, a"
                "t::native::and_kernel_cuda(at::TensorIterator&)::{lambda()#1}::operator()() const::{lambda()#12}::op"
                "erator()() const::{lambda(bool, bool)#1}>, unsigned int, bool, 4> >(at::native::ReduceOp<bool, at::n"
                "ative::func_wrapper_t<bool, at::native::and_kernel_cuda(at::TensorIterator&)::{lambda()#1}::operator"
                "()() const::{lambda()#12}::operator()() const::{lambda(bool, bool)#1}>, unsigned int, bool, 4>)"
            ),
            (
                "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<double, at::native::func_wrapper_t<doubl"
                "e, at::native::sum_functor<double, double, double>::operator()(at::TensorIterator&)::{lambda(double,"
                " double)#1}>, unsigned int, double, 4> >(at::native::ReduceOp<double, at::native::func_wrapper_t<dou"
                "ble, at::native::sum_functor<double, double, double>::operator()(at::TensorIterator&)::{lambda(doubl"
                "e, double)#1}>, unsigned int, double, 4>)"
            ),
            (
                "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<float, at::native::MeanOps<float, float>"
                ", unsigned int, float, 4> >(at::native::ReduceOp<float, at::native::MeanOps<float, float>, unsigned "
                "int, float, 4>)"
            ),
            (
                "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<int, at::native::ArgMaxOps<int>, unsigne"
                "d int, long, 4, 4> >(at::native::ReduceOp<int, at::native::ArgMaxOps<int>, unsigned int, long, 4, 4>"
                ")"
            ),
            (
                "void at::native::reduce_kernel<512, 1, at::native::ReduceOp<long, at::native::func_wrapper_t<long, a"
                "t::native::sum_functor<long, long, long>::operator()(at::TensorIterator&)::{lambda(long, long)#1}>, "
                "unsigned int, long, 4> >(at::native::ReduceOp<long, at::native::func_wrapper_t<long, at::native::sum"
                "_functor<long, long, long>::operator()(at::TensorIterator&)::{lambda(long, long)#1}>, unsigned int, "
                "long, 4>)"
            ),
        ],
    ),
    (
        "no",
        "collectives move and add",
        [
            "ncclDevKernel_AllGather_RING_LL(ncclDevKernelArgsStorage<4096ul>)",
            "ncclDevKernel_AllReduce_Sum_f16_RING_LL(ncclDevComm*, unsigned long, ncclWork*)",
            "ncclKernel_AllReduce_RING_LL_Sum_float(ncclWorkElem)",
            "ncclKernel_SendRecv_RING_SIMPLE_Sum_int8_t(ncclWorkElem)",
        ],
    ),
    (
        "no",
        "TorchInductor's pointwise and reduction kernels hold no product",
        [
            "triton_per_fused__to_copy_add_addmm_mean_mul_pow_rsqrt_transpose_view_8",
            "triton_poi_fused__to_copy_cat_slice_1",
            (
                "triton_red_fused__unsafe_view_add_addmm_clone_convolution_mul_native_layer_norm_slice_split_transpos"
                "e_unsqueeze_view_12"
            ),
            "triton_red_fused__unsafe_view_add_addmm_mul_native_layer_norm_split_unsqueeze_view_14",
            "triton_red_fused__unsafe_view_add_clone_convolution_native_layer_norm_slice_transpose_view_4",
        ],
    ),
    (
        "yes",
        "MI in a Tensile name is the MFMA instruction",
        [
            (
                "Cijk_Ailk_Bjlk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT64x32x64_MI16x16x1_SN_LDSB0_AFC1_AFEM1_AFEM1_ASEM1_CL"
                "R1_CADS0_DTLA0_DTLB0_DTVA0_DTVB0_EPS0_FDSI1_GRPM1_GRVWA8_GRVWB8_GSUAMBSK_GLS0_ISA942_IU1_K1_LDSTI0_L"
                "BSPPA512_LBSPPB256_LBSPPM0_LPA0_LPB16_LPM0_LRVW4_LWPMn1_MIAV0_MIWT4_1_MO40_NTn1_NTA0_NTB0_NTC0_NTD4_"
                "NTM0_NEPBS8_NLCA1_NLCB1_ONLL1_PGR2_PLR1_PKA1_SIA3_SS1_SPO0_SRVW0_SSO0_SVW4_SK0_SKFTR0_SKXCCM0_TLDS0_"
                "ULSGRO1_USL1_UIOFGRO0_USFGROn1_VSn1_VWA4_VWB1_WSGRA0_WSGRB0_WS64_WG16_8_2"
            ),
            (
                "Cijk_Ailk_Bljk_BBS_BH_MT256x256x32_MI32x32x8x1_SN_1LDSB1_APM1_AF0EM1_AF1EM1_AMAS3_ASE_ASGT_ASLT_ASM_"
                "ASAE01_ASCE01_ASEM1_BL1_BS1_CLR1_DTVA0_DTVB0_ETSP_EPS1_ELFLR4_EMLL0_FSSC10_FL0_GLVWA8_GLVWB8_GRCGA1_"
                "GRCGB1_GRPM1_GRVWn1_GSU1_GSUASB_GLS1_ISA942_IU1_K1_KLA_LBSPPA0_LBSPPB256_LPA0_LPB8_LRVW8_LWPMn1_MIAV"
                "0_MKFGSU256_NTA0_NTB0_NTC0_NTD0_NEPBS0_NLCA1_NLCB1_ONLL1_PK0_PGR2_PLR5_PKA0_SIA3_SLW1_SS1_SU4_SUM0_S"
                "US256_SPO1_SRVW0_SSO16_SVW2_TSGRA0_TSGRB0_TT2_256_TLDS1_UMLDSA0_UMLDSB1_U64SL1_USFGROn1_VAW1_VSn1_VW"
                "2_VWB4_VFLRP1_WSGRA1_WSGRB0_WG128_2_1_WGM32"
            ),
            (
                "Cijk_Alik_Bjlk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT64x512x32_MI16x16x1_SN_LDSB0_AFC1_AG0_AFEM1_AFEM1_ASE"
                "M1_CLR1_CADS0_DTLA0_DTLB0_DTVA0_DTVB1_DTVMXSA0_DTVMXSB0_DTVSM0_DPLB0_EPS0_ELFLR0_EMLLn1_FDSI1_GRPM1_"
                "GRVWA4_GRVWB8_GSUAMB_GLS0_ISA942_IU1_K1_LDSTI0_LBSPPA256_LBSPPB0_LBSPPM0_LPA4_LPB0_LPM0_LRVW4_LWPMn1"
                "_MIAV0_MIWT4_8_MO40_MGRIPM1_NTn1_NTA0_NTB0_NTC0_NTD4_NTM0_NEPBS8_NLCA1_NLCB1_ONLL1_PGR2_PLR1_PKA1_SG"
                "ROB0_SIA3_SS1_SPO0_SRVW0_SSO0_SVW4_SK0_SKFTR0_SKXCCM0_SGRO0_TDMI0_TIN0_TLDS1_TLDSM1_ULSGRO0_USL1_USL"
                "MX0_UIOFGRO0_UPLRP0_USFGROn1_USI0_VSn1_VWA4_VWB8_WSGRA0_WSGRB0_WS64_WG16_16_1"
            ),
            (
                "Cijk_Alik_Bljk_BBS_BH_Bias_HA_S_SAV_UserArgs_MT256x48x64_MI16x16x1_SN_LDSB1_AFC1_AFEM1_AFEM1_ASEM1_C"
                "LR1_CADS0_DTVA0_DTVB0_EPS0_FDSI0_GRPM1_GRVWA8_GRVWB4_GSUAMB_GLS0_ISA942_IU1_K1_LBSPPA512_LBSPPB128_L"
                "BSPPM0_LPA16_LPB16_LPM0_LRVW8_LWPMn1_MIAV0_MIWT4_3_MO40_NTn1_NTA4_NTB0_NTC0_NTD4_NTM0_NEPBS16_NLCA1_"
                "NLCB1_ONLL1_PGR2_PLR1_PKA1_SIA3_SS1_SPO0_SRVW0_SSO0_SVW4_SK0_SKXCCM0_TLDS1_ULSGRO0_USL1_UIOFGRO0_USF"
                "GROn1_VSn1_VWA4_VWB1_WSGRA0_WSGRB0_WS64_WG64_4_1"
            ),
            (
                "Cijk_Alik_Bljk_BBS_BH_UserArgs_MT128x64x64_MI16x16x1_SN_LDSB1_AFC0_AG0_AFEM1_AFEM1_ASEM1_CLR1_CADS0_"
                "DTLA0_DTLB0_DTVA0_DTVB0_DTVMXSA0_DTVMXSB0_DTVSM0_DPLB0_EPS0_ELFLR0_EMLLn1_FDSI0_GRPM1_GRVWA8_GRVWB8_"
                "GSUAMBSK_GLS0_ISA942_IU1_K1_LDSTI0_LBSPPA512_LBSPPB256_LBSPPM0_LPA16_LPB16_LPM0_LRVW8_LWPMn1_MIAV0_M"
                "IWT4_2_MO40_MGRIPM1_NTn1_NTA0_NTB0_NTC0_NTD0_NTM0_NEPBS16_NLCA1_NLCB1_ONLL1_PGR2_PLR1_PKA1_SGROB0_SI"
                "A3_SS1_SPO0_SRVW0_SSO0_SVW4_SK0_SKFTR0_SKXCCM0_SGRO0_TDMI0_TIN0_TLDS1_TLDSM1_ULSGRO0_USL1_USLMX0_UIO"
                "FGRO0_UPLRP0_USFGROn1_USI0_VSn1_VWA4_VWB2_WSGRA0_WSGRB0_WS64_WG32_8_1"
            ),
            (
                "Cijk_Alik_Bljk_B_BS_BH_Bias_HA_S_SAV_UserArgs_MT64x32x128_MI16x16x1_SN_LDSB1_AFC1_AFEM1_AFEM1_ASEM1_"
                "CLR1_CADS0_DTVA0_DTVB0_EPS0_FDSI0_GRPM1_GRVWA8_GRVWB8_GSUAMB_GLS0_ISA942_IU1_K1_LBSPPA512_LBSPPB256_"
                "LBSPPM0_LPA16_LPB16_LPM0_LRVW8_LWPMn1_MIAV0_MIWT2_1_MO40_NTn1_NTA0_NTB0_NTC0_NTD0_NTM0_NEPBS16_NLCA1"
                "_NLCB1_ONLL1_PGR2_PLR1_PKA1_SIA3_SS1_SPO0_SRVW0_SSO0_SVW2_SK0_SKXCCM0_TLDS1_ULSGRO0_USL1_UIOFGRO0_US"
                "FGROn1_VSn1_VWA2_VWB1_WSGRA0_WSGRB0_WS64_WG32_8_1"
            ),
        ],
    ),
    (
        "yes",
        "gtcx in MIOpen and xdl in CK are MFMA",
        [
            (
                "igemm_bwd_gtcx3_nhwc_bf16_bx0_ex1_bt256x128x32_wt32x32x8_ws2x1_wr2x2_ta1x8x4x1_1x4x1x64_tb1x8x1x2_1x"
                "4x1x64_mh"
            ),
            (
                "igemm_bwd_gtcx3_nhwc_bf16_bx0_ex1_bt256x64x32_wt32x32x8_ws1x1_wr2x2_ta1x8x4x1_1x4x1x64_tb1x4x1x2_1x8"
                "x1x32_mh"
            ),
            (
                "igemm_fwd_gtcx3_nhwc_bf16_bx0_ex1_bt128x64x32_wt32x32x8_ws1x1_wr1x2_ta1x16x1x1_1x2x4x32_tb1x8x1x1_1x"
                "4x1x64_pta"
            ),
            (
                "igemm_wrw_gtcx3_nhwc_bf16_bx0_ex1_bt256x128x32_wt32x32x8_ws2x1_wr2x2_ta1x4x1x8_1x8x1x32_tb1x4x1x4_1x"
                "8x1x32_vs1_gkgs"
            ),
            (
                "void ck::kernel_gemm_xdl_cshuffle_v3<ck::GridwiseGemm_xdl_cshuffle_v3<ck::tensor_layout::gemm::RowMa"
                "jor, _Float16, _Float16, float> >(X)"
            ),
        ],
    ),
    (
        "no",
        "MIOpen's transposes and tensor operations move or scale data",
        [
            "batched_transpose_32x32_half",
            "SubTensorOpWithScalar1d",
            "Im2d2Col_v2",
            "transpose_NCHW2CNHW_V2_2D_X2",
        ],
    ),
    (
        "no",
        "copies and fills by the driver",
        [
            "Memcpy HtoD (Pageable -> Device)",
            "Memcpy DtoD (Device -> Device)",
            "Memset (Device)",
            "__amd_rocclr_copyBuffer",
        ],
    ),
    (
        "yes",
        "AMX is the matrix unit of x86",
        [
            "brgconv:avx512_core_amx",
            "brg_matmul:avx512_core_amx",
            "jit:avx512_core_amx_bf16",
            "brgconv_1x1:avx512_core_amx_fp16",
        ],
    ),
    (
        "no",
        "vector instruction sets of CPUs are no matrix unit",
        [
            "jit:avx2",
            "jit_dw:avx512_core",
            "brgconv:avx512_core",
            "jit:sse41",
            "jit_1x1:avx512_core",
            "DGEMM",
        ],
    ),
    (
        "unknown",
        "the split-K reduction carries its namesake's tokens but is another kernel; the name does not tell",
        [
            (
                "sm80_xmma_gemm_f32f32_tf32f32_f32_nt_n_tilesize256x32x32_stage4_warpsize4x1x1_tensor16x8x8_aligna4_a"
                "lignc4_execute_split_k_kernel__5x_cublas"
            ),
            (
                "sm80_xmma_gemm_f64f64_f64f64_f64_tt_n_tilesize64x32x16_stage4_warpsize2x2x1_tensor8x8x4_execute_spli"
                "t_k_kernel__5x_cublas"
            ),
            (
                "sm80_xmma_wgrad_implicit_gemm_indexed_wo_smem_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize64x16x64_sta"
                "ge1_warpsize2x1x1_g1_tensor16x8x8_aligna4_alignc8_execute_split_k_kernel__5x_cudnn"
            ),
        ],
    ),
    (
        "unknown",
        "the instruction's token is cut off, and f32 and f64 math run on either",
        [
            "sm80_xmma_gemm_f64f64_f64f64_f64_nn_n_tilesize64x64x16_stage4",
            "sm80_xmma_fprop_implicit_gemm_f32f32_f32f32_f32_nhwckrsc",
            "volta_s",
            "cutlass_80_",
        ],
    ),
    (
        "unknown",
        "nothing in these names speaks of instructions",
        [
            "attn_fwd",
            "triton_tem_fused_mm_0",
            "gemm:jit",
            "jit:uni",
            "SGEMM",
            "MIOpenSomething",
        ],
    ),
]

ROWS = [
    pytest.param(name, answer, reason, id=f"{answer}-{name[:60]}") for answer, reason, names in TABLE for name in names
]


def test_the_table_is_large_enough() -> None:
    assert len({name for _, _, names in TABLE for name in names}) >= 200


@pytest.mark.parametrize(("name", "answer", "reason"), ROWS)
def test_matrix_units(name: str, answer: str, reason: str) -> None:
    assert identify(name).tensor_cores == answer, reason
