"""cuBLAS' own templates: the BLAS routines whose names are the documentation.

Levels are read off the routine's root (``gemv``, ``trsm``, ``dot``); a leading s, h, d, c, z or i is the type.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._dtypes import cpp_dtype
from ._identity import MEDIUM, Facts
from ._words import BINARY, Grammar, RuleBook, rule, state, word

if TYPE_CHECKING:
    from ._names import Name

_RULES: Final = RuleBook(
    (
        rule(r"splitK\w*reduce\w*", "gemm", "sums what blocks computed along K", role="reduce", split_k="split_k"),
        rule(r"epilogue::impl::globalKernel\w*", "gemm", "epilogue of a product, run as its own kernel", role="helper"),
        rule(
            r"(?:batch|^|_)[gG]emv\w*Reverse\w*|offsetPointerArray\w*|fillPtrArray",
            "gemv",
            "prepares pointers",
            role="helper",
        ),
        rule(r"scan_AB_kernel\w*|region_transform_\w+", "gemm", "prepares operands", role="helper"),
        rule(r"gemv\w*|gemvx::kernel|gemvNSP\w*", "gemv", "matrix times vector"),
        rule(r"gemmSN_\w+|gemmk\d_kernel\w*|gemm\w*", "gemm", "matrix times matrix"),
        rule(r"[sdczh]gemm\w*|fermiPlusCgemm\w*", "gemm", "matrix times matrix"),
        rule(r"(?:^|_|[sdcz])trsm\w*|trsm\w*", "other", "triangular solve, many right-hand sides"),
        rule(r"(?:^|_)d?t[rbp]sv\w*", "other", "triangular solve"),
        rule(r"(?:^|_|[sdcz])trmm\w*|bdmm\w*", "gemm", "triangular matrix times matrix"),
        rule(
            r"sy(?:he)?(?:rk|r2k|mm)\w*|(?:^|_)(?:syrk|herk|symm|hemm|syr2k|her2k)\w*|syhemm\w*",
            "gemm",
            "symmetric product",
        ),
        rule(
            r"sy(?:he)?mv\w*|sb(?:hb)?mv\w*|sp(?:hp)?mv\w*|symv\w*|(?:^|_)t[rbp]mv\w*|gbmv\w*|gpmv\w*|hemv\w*",
            "gemv",
            "structured matrix times vector",
        ),
        rule(r"(?:^|_)(?:ger|syr2?|her2?|sp(?:hp)?r2?)(?:_\w+)?$", "other", "rank-1 or rank-2 update"),
        rule(
            r"(?:^|_)(?:dot|nrm2|asum|ia?max|ia?min)\w*|reduce_1Block\w*|block_dot\w*", "reduction", "BLAS 1 reduction"
        ),
        rule(r"(?:^|_)(?:axpy|scal|rot[mg]*|rotg_\w+|geam|dgmm)(?:_\w+)?", "elementwise", "BLAS 1 or matrix scaling"),
        rule(r"(?:^|_)(?:copy|swap)_kernel\w*", "copy", "BLAS 1 copy"),
        rule(r"transpose_readWrite\w*", "layout_transform", "transposes a matrix", role="layout_transform"),
        rule(r"tpttr\w*|trttp\w*|laswp\w*", "copy", "changes the storage of a matrix"),
        rule(r"get(?:rf|ri|rs)\w*|geqr\w*|matinv\w*", "other", "factorisation or inverse"),
        rule(r"kernel_(?:conjugate|minv_alpha)", "elementwise", "scales or conjugates", role="helper"),
        rule(r"atomic_sync\w*|nopCluster\w*|dtrsv_init\w*", "other", "bookkeeping", role="helper"),
    )
)
# Roots that stand alone, outside any namespace, in cuBLAS' binaries.
_BARE: Final = re.compile(
    r"^(?:epilogue::impl::|internal::gemvx::|internal::region_transform|inf_patching::)"
    r"|^(?:batch_|magma_(?:lds\d+_)?)?(?:[sdchz]?gem[mv]|[sdcz]?tr[sm]m|gemv|gemmk|gemmSN|bdmm)\w*|^kernel_(?:trsm|conjugate|minv)"
    r"|^splitKreduce_kernel|^sy(?:he)?(?:rk|mm|mv|r)\w*|^(?:symv|sphp|sbhb|gbmv|gpmv|geam|dgmm|ger|her2?|syr2?)_?\w*|^cuds_symv"
    r"|^(?:dot|nrm2|asum|iamax|iamin|axpy|rot[mg]*|rotg|copy|swap|scal)_(?:\w+_)?kernel\w*|^block_dot_\w+|^reduce_1Block_\w+"
    r"|^d?t[rbp][sm]v_\w+|^tpttr|^trttp|^laswp|^get(?:rf|ri)_|^geqr|^matinv_|^fermiPlus|^transpose_readWrite"
    r"|^(?:sgemm|dgemm|cgemm|zgemm|hgemm)\w*|^offsetPointerArray|^dtrsv_init|^rot\w*_kernel\w*|^batchGemv"
)
_FOREIGN: Final = ("at::", "ck", "cutlass", "xmma", "cask", "rocblas", "cudnn", "triton", "nccl", "sm")
_OPERAND: Final = re.compile(r"cublasGemvTensor\w{0,20}<(\w+(?: char)?) const>")
_RESULT: Final = re.compile(r"cublasGemvTensor\w{0,20}<(\w+(?: char)?)>")
_TYPED: Final = re.compile(r"(?:^|_|Plus)([hsdczHSDCZ])(?:gemm|GEMM|trmm|gemmEx|gemv)")
_LETTER: Final = {"h": "f16", "s": "f32", "d": "f64", "c": "f32", "z": "f64"}
_TILE: Final = re.compile(r"^[hsdcz]gemm_(\d+x\d+(?:x\d+)?)_([NT]{2})")
_TRANSPOSES: Final = re.compile(r"_(NN|NT|TN|TT)(?:_|$)")


def read(name: Name) -> Facts | None:
    """Read one of cuBLAS' templates."""
    head = name.head
    inside = head.startswith(("cublas::", "cublasLt::")) or "cublas" in name.text[:1200]
    if not inside and not _BARE.match(head):
        return None
    if "cudnn" in name.text[:1200] or head.startswith(_FOREIGN):
        return None
    found = _RULES.find(head.replace("_64addr", "").replace("_int32", ""))
    if found is None:
        return Facts("cuBLAS", "other", "cublas", "low") if inside else None
    values, token = found
    token = token if token in head else name.base
    facts = state(Facts("cuBLAS", values["operation"], token), values, token)
    if inside:
        facts.evidence["library"] = "cublas"
    else:
        facts.confidence = MEDIUM
    _types(facts, name)
    tile = _TILE.match(head)
    if tile:
        facts.say("tile", tile[1], tile[1])
    transposes = _TRANSPOSES.search(name.base)
    if transposes:
        facts.say("transposes", transposes[1].lower(), transposes[1])
    # These templates multiply with scalar instructions or only sum; xmma, CUTLASS and nvjet use the matrix units.
    if facts.values["operation"] == "gemm" and facts.values.get("role") != "helper":
        facts.say("tensor_cores", "no", token)
    return facts


def _types(facts: Facts, name: Name) -> None:
    typed = _TYPED.search(name.base)
    operand, result = _OPERAND.search(name.text, 0, 1500), _RESULT.search(name.text, 0, 1500)
    if operand:
        facts.say("input_dtype", cpp_dtype(operand[1]), operand[0])
    if result:
        facts.say("output_dtype", cpp_dtype(result[1]), result[0])
    _template_types(facts, name)
    if typed:
        letter = _LETTER[typed[1].lower()]
        for key in ("input_dtype", "accumulate_dtype", "output_dtype"):
            facts.say(key, letter, typed[0].strip("_"))
    if "_half" in name.base:
        facts.say("input_dtype", "f16", "half")
    read_from, written = name.pointers
    if read_from:
        facts.say("input_dtype", *read_from)
    if written and written[0] != "i32":
        facts.say("output_dtype", *written)


def _template_types(facts: Facts, name: Name) -> None:
    # Index types come first in newer templates and are not data.
    data = name.data_types or name.dtypes
    if data:
        facts.say("input_dtype", *data[0])
        if len(data) == 1:
            # One type for all, unless the operands state their own.
            facts.say("accumulate_dtype", *data[0])
            facts.say("output_dtype", *data[0])
        elif facts.values["operation"] in ("gemm", "gemv") and len(data) > 2:
            facts.say("output_dtype", *data[2])
            if len(data) > 3:
                facts.say("accumulate_dtype", *data[3])


GRAMMAR: Final = Grammar(
    "cuBLAS templates",
    read,
    (*_RULES.words(), word(r"cublas(?:Lt)?|internal|impl|epilogue", "cuBLAS' namespaces", BINARY)),
    lambda head: not head.startswith(_FOREIGN),
)
