"""The words by which libraries name number formats, mapped onto one vocabulary."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import Final

from ._identity import UNKNOWN

# Complex numbers are reported by their component: cf32 multiplies f32 numbers.
WORDS: Final[dict[str, str]] = {
    **dict.fromkeys(("f64", "fp64", "double", "cf64", "double2"), "f64"),
    **dict.fromkeys(("f32", "fp32", "float", "cf32", "float2", "float4", "float8", "cp32"), "f32"),
    **dict.fromkeys(("tf32", "tfloat32_t", "tf32_t"), "tf32"),
    **dict.fromkeys(("bf16", "cbf16", "__nv_bfloat16", "__nv_bfloat162", "bfloat16_t", "BFloat16"), "bf16"),
    **dict.fromkeys(("bfloat16", "__hip_bfloat16", "hip_bfloat16", "__bf16", "bhalf", "Bfloat16"), "bf16"),
    **dict.fromkeys(("f16", "fp16", "cf16", "half", "__half", "__half2", "half2", "half_t", "Half", "_Float16"), "f16"),
    **dict.fromkeys(("e4m3", "e5m2", "f8", "fp8", "e4m3fn", "E4m3", "E5m2", "e4m3fnuz", "e5m2fnuz"), "fp8"),
    **dict.fromkeys(("__nv_fp8_e4m3", "__nv_fp8_e5m2", "float_e4m3_t", "float_e5m2_t", "mxfp8", "MxE4m3"), "fp8"),
    **dict.fromkeys(("Float8_e4m3fn", "Float8_e5m2", "Float8_e4m3fnuz", "Float8_e5m2fnuz"), "fp8"),
    **dict.fromkeys(("ue8m0xf8", "ue8m0xe4m3", "ue8m0xe5m2"), "fp8"),
    **dict.fromkeys(("e2m1", "f4", "fp4", "mxfp4", "nvfp4", "ue4m3xe2m1", "ue4m3xf4", "ue8m0xe2m1"), "fp4"),
    **dict.fromkeys(("ue8m0xf4", "MxE2m1", "float_e2m1_t", "E2m1", "__nv_fp4_e2m1"), "fp4"),
    **dict.fromkeys(("i8", "u8", "s8", "ci8", "int8", "uint8", "int8x4", "uint8x4", "int8x32", "uint8x32"), "i8"),
    **dict.fromkeys(("signed char", "unsigned char", "char", "int8_t", "uint8_t", "char4", "uchar4", "char32"), "i8"),
    **dict.fromkeys(("i32", "s32", "int32", "int32_t", "int", "u32", "uint32_t", "unsigned int"), "i32"),
}

# Widest first, so that tf32 is not read as f32 and cbf16 not as bf16.
ATOM: Final = (
    r"ue\dm\dx(?:e\dm\d|f\d)|c?bf16|tf32|cf(?:16|32|64)|f(?:64|32|16|8|6|4)|e\dm\d|c?i8|[us]8|[isu]32|bool|void"
)
_CHUNK: Final = re.compile(rf"(?:{ATOM})+")
ATOMS: Final = re.compile(ATOM)


@lru_cache(maxsize=4096)
def type_run(token: str) -> tuple[str, ...] | None:
    """Split a token made only of type words, such as ``e4m3e5m2f32``, into those words.

    Args:
        token: One underscore-free token.

    Returns:
        The words, or None if anything else is in the token.
    """
    if len(token) > 40 or not _CHUNK.fullmatch(token):
        return None
    return tuple(ATOMS.findall(token))


def dtype(word: str) -> str:
    """Give the common name of a type word; "unknown" for formats outside the vocabulary (f6, bool, int64)."""
    return WORDS.get(word, UNKNOWN)


# The last word of a C++ type; qualifiers and pointers around it say nothing about the format.
_CPP: Final = re.compile(r"(?:const )?(?:[A-Za-z_]\w*::)*((?:un)?signed char|unsigned int|\w+)(?: const)?[ &*]*")


@lru_cache(maxsize=8192)
def cpp_dtype(text: str) -> str | None:
    """Read a C++ type as a number format.

    Args:
        text: A type as a demangler prints it: ``c10::BFloat16 const*``.

    Returns:
        The format, or None if the type is not a number format that kernels compute in.
    """
    match = _CPP.fullmatch(text)
    return WORDS.get(match[1]) if match else None
