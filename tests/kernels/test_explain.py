"""Names taken apart: tokens in order, each with a meaning and where it comes from."""

from __future__ import annotations

import pytest

from profiler_kit.kernels import Token, explain, identify

NAME = (
    "sm80_xmma_wgrad_implicit_gemm_indexed_f16f16_f16f32_f32_nhwckrsc_nhwc_tilesize128x64x32_stage3_warpsize2x2x1_g1_"
    "tensor16x8x16_execute_kernel_cudnn_train"
)


def test_tokens_stand_in_order_and_rebuild_the_name() -> None:
    assert "_".join(token.text for token in explain(NAME)) == NAME


def test_every_token_of_a_known_grammar_is_explained() -> None:
    assert not [token for token in explain(NAME) if token.meaning == "not known"]
    assert all(token.source for token in explain(NAME))


def test_a_deciding_token_names_the_field_it_proves() -> None:
    meanings = {token.text: token.meaning for token in explain(NAME)}
    assert "pass = wgrad" in meanings["wgrad"]
    assert "tile = 128x64x32" in meanings["tilesize128x64x32"]
    assert "tensor_cores = yes" in meanings["tensor16x8x16"]


@pytest.mark.parametrize(
    ("name", "text", "meaning"),
    [
        ("volta_scudnn_128x64_stridedB_splitK_small_nn_v1", "stridedB", "dgrad"),
        ("nvjet_tst_128x176_64x5_2x1_v_bz_coopA_bias_TNT", "tst", "bf16"),
        ("Cijk_Alik_Bljk_BBS_BH_MT64x32x64_MI16x16x1_SN_ISA942", "MI16x16x1", "matrix instruction"),
        ("brgconv:avx512_core_amx", "avx512_core_amx", "matrix unit"),
        ("igemm_bwd_gtcx3_nhwc_bf16_bt128x128x32", "bwd", "gradient of the data"),
        (
            "void cudnn::winograd_nonfused::winogradForwardData4x4<float, float>(X)",
            "winogradForwardData4x4",
            "forward or dgrad",
        ),
    ],
)
def test_meanings(name: str, text: str, meaning: str) -> None:
    assert any(token.text == text and meaning in token.meaning for token in explain(name))


def test_unknown_tokens_say_so() -> None:
    assert explain("frobnicate") == (Token("frobnicate", "not known", ""),)
    assert explain("") == ()


def test_mangled_names_are_explained_demangled() -> None:
    name = "_ZN2at6native13reduce_kernelILi512ELi1EfEEvT_"
    assert identify(name).demangled
    assert "reduce_kernel" in [token.text for token in explain(name)]
