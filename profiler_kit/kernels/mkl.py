"""MKL: calls by their BLAS, LAPACK or FFT name, as ``MKL_VERBOSE`` prints them: ``SGEMM(N,N,512,…) 1.2ms``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import MEDIUM, Facts
from ._words import SOURCE_CODE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_PREFIX: Final = re.compile(r"MKL_VERBOSE |mkl_(?:blas_)?|cblas_")
_CALL: Final = re.compile(
    r"^([SDCZ]|SC|DZ|HI|I[SDCZ])?"
    r"(GEMM(?:T|3M)?|GEMV|GER[UC]?|SYRK|SYMM|SYR2K|HERK|HEMM|TRMM|TRSM|TRSV|TRMV|SYMV|DOT[UC]?|AXPY|AXPBY|SCAL|COPY|SWAP|NRM2|ASUM|"
    r"AMAX|AMIN|GETR[FIS]|POTR[FIS]|GESV|GEQRF|GESDD|SYEVD?|OMATCOPY|IMATCOPY)"
    r"((?:_BATCH(?:_STRIDED)?|_COMPUTE|_PACK|_64|_DIRECT|_JIT|_)*)(?=\(|$|\s)"
)
_MIXED: Final = re.compile(
    r"^(?:MKL_VERBOSE |cblas_)?(GEMM_(BF16BF16F32|F16F16F32|S8U8S32|S16S16S32|E5M2E5M2F32|E4M3E4M3F32))\w*",
    re.IGNORECASE,
)
_FFT: Final = re.compile(r"^(?:MKL_VERBOSE )?(FFT\(|DFTI|Dfti)")
_OPERATION: Final = {
    **dict.fromkeys(("GEMM", "GEMMT", "GEMM3M", "SYRK", "SYMM", "SYR2K", "HERK", "HEMM", "TRMM"), "gemm"),
    **dict.fromkeys(("GEMV", "SYMV", "TRMV"), "gemv"),
    **dict.fromkeys(("DOT", "DOTU", "DOTC", "NRM2", "ASUM", "AMAX", "AMIN"), "reduction"),
    **dict.fromkeys(("AXPY", "AXPBY", "SCAL"), "elementwise"),
    **dict.fromkeys(("COPY", "SWAP"), "copy"),
    **dict.fromkeys(("OMATCOPY", "IMATCOPY"), "layout_transform"),
}
_LETTER: Final = {"S": "f32", "D": "f64", "C": "f32", "Z": "f64"}
_INPUT: Final = {"BF": "bf16", "F1": "f16", "S8": "i8", "E5": "fp8", "E4": "fp8"}
_TRANSPOSES: Final = re.compile(r"\(([NTC]),([NTC]),")


def read(name: Name) -> Facts | None:
    """Read an MKL call."""
    text = name.text
    mixed = _MIXED.match(text)
    if mixed:
        facts = Facts("MKL", "gemm", mixed[1])
        facts.say("input_dtype", _INPUT.get(mixed[2][:2].upper(), "unknown"), mixed[1])
        facts.say("accumulate_dtype", "i32" if mixed[2].upper().endswith("S32") else "f32", mixed[1])
        return facts
    if _FFT.match(text):
        return Facts("MKL", "fft", "FFT")
    stated = _PREFIX.match(text)
    call = text[stated.end() if stated else 0 :][:96]
    # Without a prefix only capitals, or Fortran's trailing underscore, set a call apart from a GPU kernel.
    match = _CALL.match(call.upper() if stated or call.endswith("_") else call)
    if match is None or not (match[1] or match[2] in ("GEMM", "OMATCOPY")):
        return None
    token = call[: match.end()].strip("_")
    facts = Facts("MKL", _OPERATION.get(match[2], "other"), token, "high" if stated else MEDIUM)
    if match[1] and match[1][-1].upper() in _LETTER:
        kind = _LETTER[match[1][-1].upper()]
        for key in ("input_dtype", "accumulate_dtype", "output_dtype"):
            facts.say(key, kind, token)
    transposes = _TRANSPOSES.search(text[:80])
    if transposes:
        facts.say("transposes", f"{transposes[1]}{transposes[2]}".lower(), transposes[0])
    if match[2] in ("GEMM", "SYRK", "SYMM", "TRMM") and match[1] and match[1].upper() in ("D", "Z"):
        # AMX multiplies bf16, f16 and int8; an f64 product cannot reach it.
        facts.say("tensor_cores", "no", token)
    return facts


def _may_be_call(head: str) -> object:
    return _PREFIX.match(head) or _MIXED.match(head) or _FFT.match(f"{head}(") or _CALL.match(head.upper())


GRAMMAR: Final = Grammar(
    "MKL",
    read,
    (
        word(
            r"([SDCZ])(GEMM|GEMV|SYRK|TRSM|DOT|AXPY)\w*",
            "BLAS {1}, type {0} (S f32, D f64, C complex f32, Z complex f64)",
            SOURCE_CODE,
        ),
        word(r"GEMM_(\w+)", "product of mixed types {0}", SOURCE_CODE),
        word(r"FFT|DFTI\w*", "Fourier transform", SOURCE_CODE),
    ),
    lambda head: "::" not in head and _may_be_call(head),
)
