"""What holds for every name: nothing is raised, cutting or decorating a name never makes it say something else."""

# ruff: noqa: E501 – kernel names are as long as they are
from __future__ import annotations

import copy
import json
import pickle
import re
from dataclasses import FrozenInstanceError

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler_kit.kernels import KernelIdentity, explain, identify
from profiler_kit.kernels import _identity as vocabulary

NAMES = [
    (
        "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nchw_tilesize128x64x32_stage3_warpsize2x2x1_g1_tensor16x8x8_"
        "execute_kernel__5x_cudnn"
    ),
    (
        "sm80_xmma_wgrad_implicit_gemm_indexed_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x128x32_stage4_warpsize2x2x1_g1_"
        "tensor16x8x16_execute_split_k_kernel_cudnn_train"
    ),
    "sm80_xmma_gemm_f16f16_f32f32_f32_nn_n_tilesize128x128x8_stage3_warpsize2x2x1_ffma_aligna2_alignc2_execute_kernel__5x_cublas",
    (
        "sm90_xmma_fprop_implicit_gemm_bf16bf16_bf16f32_f32_nhwckrsc_nhwc_tilesize128x128x64_warpgroupsize1x1x1_g1_"
        "execute_segment_k_off_kernel__5x_cudnn"
    ),
    (
        "sm70_xmma_depthwise_convolution_wgrad_tiling_f16f16_f16f16_f16_nhwckrsc_nhwc_tilesize1x10x10_1x3x3_1x1x1_1x1x1_stage2_"
        "warpsize4x1x1_g64_betaTrue_pre_execute_kernel_cudnn_train"
    ),
    "cudnn_volta_scudnn_128x64_stridedB_splitK_xregs_large_nn_v1",
    "cudnn_infer_volta_scudnn_128x64_stridedB_small_nn_v1",
    "volta_scudnn_winograd_128x128_ldg1_ldg4_relu_tile148t_nt_v1",
    "_5x_cudnn_volta_fp16_s884cudnn_fp16_128x128_ldg8_splitK_dgrad_f2f_exp_small_nhwc2nchw_tn_v1",
    "ampere_fp16_s16816gemm_fp16_128x64_sliced1x2_ldg8_f2f_stages_64x5_tn",
    (
        "cutlass3x_sm100_tensorop_s128x128x16implicit_gemm_strided_dgrad_bf16_bf16_f32_bf16_bf16_f32_128x128x64_16w8h1d1n_dyn_cga_"
        "ndhwc_ndhwc_ndhwc_align8_2sm"
    ),
    (
        "cutlass3x_sm100_tensorop_s128x128x16_conv2d_fprop_bn_stat_f16_f16_f32_f16_128x128x64_dyn_cga_ndhwc_ndhwc_ndhwc_main_det_"
        "1sm_assistant"
    ),
    "void cutlass__5x_cudnn::Kernel<cutlass_tensorop_f16_s16816dgrad_optimized_f16_128x128_32x5_nhwc_unity_stride_align8>(X)",
    "nvjet_qqtst_128x256_128x6_2x1_2cta_v_bz_TNT",
    "cudnn_generated_fort_native_sdpa_sm80_flash_fprop_wmma_f16_knob_6_128x64x64_4x1x1_cga1x1x1_kernel0_0",
    "void cudnn::cnn::wgrad_alg0_engine<float, 128, 6, 7, 3, 3, 5, false, 512>(int, int, int, float const*, int, float*)",
    "void cudnn::cnn::conv1D_NCHW_wgrad<__half, __half>(__half*, __half const*)",
    "void cudnn::cnn::wgrad2d_c1_k1_nhwc_reduction_kernel<__half, float>(float*)",
    "void cudnn::winograd_nonfused::winogradWgradData4x4<float, float>(cudnn::winograd_nonfused::WinogradDataParams<float>)",
    "void at::native::(anonymous namespace)::conv_depthwise3d_cuda_backward_weight_kernel<float, float>(float*)",
    "void at::native::(anonymous namespace)::conv_depthwise2d_backward_kernel<3, 1, float, int>(float*)",
    "RNN_blockPersist_fp_GRU_HMMA<__half, __half, __half, 128>(__half const*)",
    "void RNN_blockPersist_bp_LSTM_FMA<float, float, float, 64>(float const*)",
    "Cijk_Ailk_Bljk_HHS_BH_MT128x128x32_MI32x32x8x1_SN_1LDSB0_GSU4_ISA90a_K1",
    "Cijk_Ailk_Bljk_SB_MT128x64x16_SE_1LDSB0_K1",
    "igemm_bwd_gtcx3_nhwc_bf16_bx0_ex1_bt128x128x32_wt32x32x8_ws1x1_wr2x2_ta1x4x1x4_1x8x1x32_gkgs",
    "naive_conv_ab_nonpacked_bwd_nchw_half_double_half",
    "miopenGcnAsmBwdWrW1x1",
    "void pytorch_flash::flash_bwd_dot_do_o_kernel<true, pytorch_flash::Flash_bwd_kernel_traits<64, 128, 128, 8>>(X)",
    "fmha_cutlassF_f16_notaligned_64x64_rf_sm60(PyTorchMemEffAttention::Params)",
    "_ZN2ck16tensor_operation6device12_GLOBAL__N_137kernel_grouped_conv_bwd_weight_xdl_v3INS_4TestItttfEEEEvT_",
    (
        "xmma_cudnn_infer::gemm::warp_specialized_execute_segment_k_reduction<xmma_cudnn_infer::implicit_gemm::dgrad::Traits<"
        "xmma_cudnn_infer::Hopper_hgmma_fp32_traits<64, 256, 16, true>, xmma_cudnn_infer::Hopper_cta_tile<xmma_cudnn_infer::Hopper, "
        "64, 256, 64, 1, 1, 1, 1, 1, 1, 1>>>(X)"
    ),
]
ALLOWED = {
    "library": vocabulary.LIBRARIES,
    "operation": vocabulary.OPERATIONS,
    "pass": vocabulary.PASSES | {None},
    "algorithm": vocabulary.ALGORITHMS | {None},
    "role": vocabulary.ROLES,
    "tensor_cores": {"yes", "no", "unknown"},
    "unit": {None, "tensor core", "MFMA", "WMMA", "AMX"},
    "input_dtype": vocabulary.DTYPES | {None},
    "accumulate_dtype": vocabulary.DTYPES | {None},
    "output_dtype": vocabulary.DTYPES | {None},
    "layout": {"NHWC", "NCHW", "unknown", None},
    "confidence": {"high", "medium", "low"},
}
KEYS = [
    "name",
    "demangled",
    "library",
    "operation",
    "pass",
    "algorithm",
    "role",
    "tensor_cores",
    "unit",
    "input_dtype",
    "accumulate_dtype",
    "output_dtype",
    "layout",
    "tile",
    "stages",
    "cluster",
    "warps",
    "alignment",
    "transposes",
    "split_k",
    "epilogue",
    "design_arch",
    "evidence",
    "confidence",
]


def check_record(identity: KernelIdentity) -> None:
    record = identity.to_dict()
    assert list(record) == KEYS
    for key, values in ALLOWED.items():
        assert record[key] in values, (identity.name[:200], key, record[key])
    assert set(record["evidence"]) <= set(KEYS)
    assert (record["unit"] is not None) == (record["tensor_cores"] == "yes")
    json.dumps(record)


def contradicts(cut: KernelIdentity, whole: KernelIdentity) -> bool:
    """Say whether a cut name claims a pass or tensor cores that the whole name denies."""
    claims = ((cut.pass_, whole.pass_), (cut.tensor_cores, whole.tensor_cores))
    return any(
        part not in (None, "unknown") and part != full and full not in (None, "unknown") for part, full in claims
    )


@pytest.mark.parametrize("name", NAMES)
def test_every_truncation_agrees_with_the_whole(name: str) -> None:
    whole = identify(name)
    wrong = [name[:end] for end in range(len(name)) if contradicts(identify(name[:end]), whole)]
    assert not wrong, wrong[:3]


@pytest.mark.parametrize("name", NAMES)
def test_evidence_is_in_the_name(name: str) -> None:
    identity = identify(name)
    text = identity.demangled or name
    for key, token in identity.evidence.items():
        for piece in re.split(r", | \+ ", token):
            assert piece in text, (key, token)


@pytest.mark.parametrize("name", NAMES)
def test_decorations_change_nothing(name: str) -> None:
    plain = facts(name)
    for form in (f"{name}.kd", f"{name} [clone .kd]", f"  {name}\n", f"{name} [clone .isra.0]"):
        assert facts(form) == plain, form
    for cast in (r"(int)\1", r"int=\1"):
        assert (
            facts(
                re.sub(
                    r"(?<=[<,] )(\d+)(?=[,>])|(?<=<)(\d+)(?=,)",
                    lambda m, c=cast: m.expand(c.replace(r"\1", m[0])),
                    name,
                )
            )
            == plain
        )


def facts(name: str) -> dict[str, object]:
    record = identify(name).to_dict()
    return {key: value for key, value in record.items() if key not in ("name", "demangled", "evidence")}


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=300))
def test_any_text_gives_a_record(name: str) -> None:
    check_record(identify(name))
    explain(name)


WORDS = sorted({word for name in NAMES for word in re.split(r"[_<>:(), ]+", name) if word})
MARKS = ["_", "::", "<", ">", "(", ")", ", ", " ", "_Z", "N", "E"]


@settings(max_examples=400, deadline=None)
@given(st.lists(st.sampled_from(WORDS + MARKS * 8), max_size=40).map("".join))
def test_any_mixture_of_real_tokens_gives_a_record(name: str) -> None:
    check_record(identify(name))
    explain(name)


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(NAMES), st.data())
def test_cutting_anywhere_gives_a_record_that_agrees(name: str, data: st.DataObject) -> None:
    cut = identify(name[: data.draw(st.integers(0, len(name)))])
    check_record(cut)
    assert not contradicts(cut, identify(name))


HOSTILE = {
    "one long word of a known namespace": "void vllm::" + "allreduce" * 2500 + "<float>(float*)",
    "one long word of another": "void at::native::" + "reduce_norm_" * 2000 + "<float>(float*)",
    "empty": "",
    "blank": " \t\n",
    "nul bytes": "\x00\xff\x00" * 50,
    "surrogate": "kernel\udcff",
    "megabyte of one letter": "a" * 1_000_000,
    "megabyte of underscores": "_" * 1_000_000,
    "megabyte of opening brackets": "at::native::k<" + "<" * 1_000_000,
    "24,000 characters": "void at::native::elementwise_kernel<" + "at::native::Functor<float>, " * 860 + ">(int)",
    "24,000 tokens of types": "sm80_xmma_gemm_" + "f16" * 8000,
    "24,000 characters of a run": "sm80_xmma_gemm_" + "bf16f" * 4800,
    "24,000 underscored words": "ampere_" + "a_" * 12000 + "sgemm",
    "24,000 digits": "void k<" + "1" * 24000 + ">",
    "24,000 characters mangled": "_ZN" + "3abc" * 6000 + "E",
    "deep mangled pointers": "_Z1f" + "P" * 24000 + "i",
    "mangled substitutions that double": "_Z1fN1aIiiEE"
    + "".join(f"NS_IS{index}_S{index}_EE" for index in "0123456789ABCDEFGHIJ"),
    "mangled pack": "_Z1fI" + "J" * 20000,
    "mangled length lies": "_ZN999999abcE",
    "many x": "nvjet_" + "1x" * 12000,
    "nested enable_if": "std::enable_if<" * 1500 + "x",
    "colons": "a:" * 12000,
    "commas": "onednn_verbose," + "a," * 12000 + "jit:avx2",
    "pointers": "void f(" + "float const* " * 1800 + ")",
}


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_names_give_a_record(label: str) -> None:
    check_record(identify(HOSTILE[label]))
    assert len(explain(HOSTILE[label])) <= 400


def test_garbage_is_unknown() -> None:
    for name in ("", "   ", "\x00\x01", "?", "%%%", "12345", "é" * 40):
        identity = identify(name)
        assert (identity.library, identity.operation, identity.pass_, identity.tensor_cores) == ("unknown",) * 4
        assert identity.confidence == "low"
        assert not identity.evidence


def test_records_are_frozen_and_can_be_copied() -> None:
    identity = identify(NAMES[0])
    with pytest.raises(FrozenInstanceError):
        identity.library = "other"  # type: ignore[misc]
    with pytest.raises(TypeError):
        identity.evidence["library"] = "x"  # type: ignore[index]
    assert copy.deepcopy(identity) == identity == pickle.loads(pickle.dumps(identity))
    assert hash(identity) == hash(identify(NAMES[0]))
    assert [field.rstrip("_") for field in identity._fields] == KEYS


def test_repeated_names_give_the_same_object() -> None:
    assert identify(NAMES[0]) is identify(NAMES[0])
