"""MAGMA: torch.linalg's dense algebra on NVIDIA GPUs, named after the LAPACK and BLAS routines that it implements.

A leading s, d, c or z is the type, as in LAPACK; templates for all types carry none. Seen in ``libtorch_cuda_linalg``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import Facts
from ._words import BINARY, Grammar, RuleBook, rule, state, word

if TYPE_CHECKING:
    from ._names import Name

_ROUTINE: Final = re.compile(
    r"^(?:gemm|trsm|trmm|herk|syrk)_template_v?batched_\w+"
    r"|^[sdcz](?:gemm|getrf)_batched_smallsq_\w+|^[sdcz]getf2\w*_kernel\w*|^[sdcz]getf2trsm\w*"
    r"|^[sdcz](?:laswp|laset|lascl|lacpy)\w*|^[sdcz]transpose_(?:kernel|inplace)\w*|^[sdcz]swap_kernel\w*"
    r"|^[sdcz]scal_[sdcz]geru?_\w+|^[sdczi]displace_pointers\w*|^[sdcz]computecolumn_\w+"
    r"|^i[sdcz]amax_kernel_(?:native|batched)|^(?:adjust_ipiv|setup_pivinfo|stepinit_ipiv)\w*"
    r"|^kernel_[sdczi]set_pointer\w*|^magma_(?:[sdcz]pivcast|iset_pointer)\w*"
)
_RULES: Final = RuleBook(
    (
        rule(r"gemm\w*|trmm\w*|herk\w*|syrk\w*", "gemm", "matrix times matrix", tensor_cores="no"),
        rule(r"\w*amax\w*", "reduction", "finds the pivot"),
        rule(r"transpose\w*", "layout_transform", "transposes a matrix", role="layout_transform"),
        rule(r"laset\w*", "memset", "fills a matrix"),
        rule(r"laswp\w*|swap\w*|lacpy\w*", "copy", "moves rows"),
        rule(r"lascl\w*", "elementwise", "scales a matrix"),
        rule(r"\w*(?:pointer|ipiv|pivinfo|pivcast)\w*", "other", "prepares pointers or pivots", role="helper"),
    )
)
_LETTER: Final = {"s": "f32", "d": "f64", "c": "f32", "z": "f64"}
_TYPED: Final = re.compile(r"^i?([sdcz])(?=ge|la|trans|swap|scal|amax|compute|displace)")


def read(name: Name) -> Facts | None:
    """Read one of MAGMA's kernels."""
    routine = _ROUTINE.match(name.head)
    if routine is None:
        return None
    found = _RULES.find(name.head)
    values, token = found or ({"operation": "other"}, routine[0])
    facts = state(Facts("other", values["operation"], token), values, token)
    facts.evidence["library"] = routine[0]
    letter = _TYPED.match(name.head)
    if letter:
        facts.say("input_dtype", _LETTER[letter[1]], letter[1])
    elif name.data_types:
        facts.say("input_dtype", *name.data_types[0])
    return facts


GRAMMAR: Final = Grammar(
    "MAGMA",
    read,
    (
        *_RULES.words(),
        word(r"[sdcz]get(?:rf|f2)\w*", "LU factorisation", BINARY),
        word(r"trsm_template_batched_\w+", "triangular solve, many right-hand sides", BINARY),
    ),
    _ROUTINE.match,
)
