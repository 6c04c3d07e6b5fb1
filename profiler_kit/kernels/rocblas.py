"""rocBLAS: kernels of its own sources, named after BLAS routines (``rocblas_gemvt_warp_reduce_kernel``)."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import Facts
from ._words import SOURCE_CODE, Grammar, RuleBook, rule, state, word

if TYPE_CHECKING:
    from ._names import Name

_START: Final = re.compile(r"^(?:rocblas|rocsolver|hipblaslt)_")
_RULES: Final = RuleBook(
    (
        rule(r"ge?mv\w*|[sh]?[yebp]mv\w*|tr[mp]?mv\w*", "gemv", "matrix times vector"),
        rule(r"gemm\w*|sy(?:rk|mm|r2k)\w*|he(?:rk|mm|r2k)\w*|trmm\w*", "gemm", "matrix times matrix"),
        rule(r"dot\w*|nrm2\w*|asum\w*|ia?m(?:ax|in)\w*|reduction\w*", "reduction", "BLAS 1 reduction"),
        rule(r"axpy\w*|scal\w*|geam\w*|dgmm\w*|rot\w*", "elementwise", "BLAS 1"),
        rule(r"copy\w*|swap\w*|set_matrix\w*|transpose\w*", "copy", "moves data"),
    )
)


def read(name: Name) -> Facts | None:
    """Read one of rocBLAS' own kernels."""
    head = name.head
    if not _START.match(head):
        return None
    found = _RULES.find(head.partition("_")[2])
    if found is None:
        return Facts("rocBLAS", "other", head.partition("_")[0], "low")
    values, token = found
    facts = state(Facts("rocBLAS", values["operation"], token), values, token)
    facts.evidence["library"] = head.partition("_")[0]
    if name.data_types:
        facts.say("input_dtype", *name.data_types[0])
    return facts


GRAMMAR: Final = Grammar(
    "rocBLAS", read, (word(r"rocblas|rocsolver", "AMD's BLAS", SOURCE_CODE), *_RULES.words()), _START.match
)
