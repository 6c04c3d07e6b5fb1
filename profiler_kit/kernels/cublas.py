"""cuBLAS' own templates: the BLAS routines whose names are the documentation.

Levels are read off the routine's root (``gemv``, ``trsm``, ``dot``); a leading s, h, d, c, z or i is the type.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ._dtypes import cpp_dtype, dtype
from ._identity import MEDIUM, Facts, Statement
from ._names import without_indices
from ._words import BINARY, Grammar, RuleBook, rule, word

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
# Sums of split K: after counts and an index, the types of the partial sums, of the output and of the arithmetic. In all
# names of cuBLAS 12.1 and 12.9 the parameters (``cublasSplitKParams<compute>, partial const*, …``) agree with them.
_SUMS: Final = re.compile(r"splitKreduce_kernel<(?:\d+, \d+, (?:int|long), )?(\w+(?: char)?), (\w+(?: char)?), (\w+)")
_TYPED: Final = re.compile(r"(?:^|_|Plus)([hsdczHSDCZ])(?:gemm|GEMM|trmm|gemmEx|gemv)")
_LETTER: Final = {"h": "f16", "s": "f32", "d": "f64", "c": "f32", "z": "f64"}
_TILE: Final = re.compile(r"^[hsdcz]gemm_(\d+x\d+(?:x\d+)?)_([NT]{2})")
_TRANSPOSES: Final = re.compile(r"_(NN|NT|TN|TT)(?:_|$)")


class _Routine(NamedTuple):
    """What a routine's identifier states.

    Attributes:
        operation: What it computes.
        token: The token that says so.
        stated: What counts before the types of the arguments.
        types: Types, which count behind those of the template arguments.
        last: What counts behind all types.
    """

    operation: str
    token: str
    stated: tuple[Statement, ...]
    types: tuple[Statement, ...]
    last: tuple[Statement, ...]


def read(name: Name) -> Facts | None:
    """Read one of cuBLAS' templates."""
    head, opening = name.head, name.text[:1200]
    inside = "cublas" in opening
    if not inside and not _bare(head):
        return None
    if "cudnn" in opening:
        return None
    routine = _routine(head)
    if routine is None:
        return Facts("cuBLAS", "other", "cublas", "low") if inside else None
    facts = Facts("cuBLAS", routine.operation, routine.token)
    facts.say_all(routine.stated)
    if inside:
        facts.evidence["library"] = "cublas"
    else:
        facts.confidence = MEDIUM
    _types(facts, name, routine.types)
    facts.say_all(routine.last)
    return facts


@lru_cache(maxsize=8192)
def _bare(head: str) -> bool:
    return _BARE.match(head) is not None


@lru_cache(maxsize=8192)
def _routine(head: str) -> _Routine | None:
    """Read an identifier; instances of one template share theirs."""
    found = _RULES.find(head.replace("_64addr", "").replace("_int32", ""))
    if found is None:
        return None
    values, token = found
    base = head.rpartition("::")[2]
    token = token if token in head else base
    stated = tuple([(key, value, token) for key, value in values.items() if key != "operation"])
    last: list[Statement] = []
    tile, transposes = _TILE.match(head), _TRANSPOSES.search(base)
    if tile:
        last.append(("tile", tile[1], tile[1]))
    if transposes:
        last.append(("transposes", transposes[1].lower(), transposes[1]))
    # These templates multiply with scalar instructions or only sum; xmma, CUTLASS and nvjet use the matrix units.
    if values["operation"] == "gemm" and values.get("role") != "helper":
        last.append(("tensor_cores", "no", token))
    return _Routine(values["operation"], token, stated, _identifier_types(base), tuple(last))


def _identifier_types(base: str) -> tuple[Statement, ...]:
    stated: list[Statement] = []
    typed = _TYPED.search(base)
    if typed:
        letter, token = _LETTER[typed[1].lower()], typed[0].strip("_")
        stated += [(key, letter, token) for key in ("input_dtype", "accumulate_dtype", "output_dtype")]
    if "_half" in base:
        stated.append(("input_dtype", "f16", "half"))
    return tuple(stated)


def _types(facts: Facts, name: Name, in_identifier: tuple[Statement, ...]) -> None:
    if name.text.find("cublasGemvTensor", 0, 1500) >= 0:
        operand, result = _OPERAND.search(name.text, 0, 1500), _RESULT.search(name.text, 0, 1500)
        if operand:
            facts.say("input_dtype", cpp_dtype(operand[1]), operand[0])
        if result:
            facts.say("output_dtype", cpp_dtype(result[1]), result[0])
    sums = _SUMS.search(name.text, 0, 1500)
    if sums:
        for key, kind in zip(("input_dtype", "output_dtype", "accumulate_dtype"), sums.groups(), strict=True):
            facts.say(key, dtype(kind), kind)
    facts.say_all(_template_types(name.dtypes, facts.values["operation"]))
    facts.say_all(in_identifier)
    read_from, written = name.pointers
    if read_from:
        facts.say("input_dtype", *read_from)
    if written and written[0] != "i32":
        facts.say("output_dtype", *written)


@lru_cache(maxsize=4096)
def _template_types(formats: tuple[tuple[str, str], ...], operation: str) -> tuple[Statement, ...]:
    # Index types come first in newer templates and are not data.
    data = without_indices(formats) or formats
    if not data:
        return ()
    source: Statement = ("input_dtype", *data[0])
    if len(data) == 1:
        # One type for all, unless the operands state their own.
        return source, ("accumulate_dtype", *data[0]), ("output_dtype", *data[0])
    if operation not in ("gemm", "gemv") or len(data) == 2:
        return (source,)
    result: Statement = ("output_dtype", *data[2])
    return (source, result, ("accumulate_dtype", *data[3])) if len(data) > 3 else (source, result)


GRAMMAR: Final = Grammar(
    "cuBLAS templates",
    read,
    (*_RULES.words(), word(r"cublas(?:Lt)?|internal|impl|epilogue", "cuBLAS' namespaces", BINARY)),
    lambda head: not head.startswith(_FOREIGN),
)
