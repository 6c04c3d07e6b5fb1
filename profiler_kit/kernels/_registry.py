"""The ordered list of grammars, and the identification that tries them."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from . import (
    aten,
    attention,
    cask,
    collectives,
    composable,
    cublas,
    cudnn_convolution,
    cudnn_generated,
    cudnn_operations,
    cutlass2,
    cutlass3,
    fourier,
    frameworks,
    magma,
    memory,
    miopen,
    mkl,
    nvjet,
    onednn,
    primitives,
    rocblas,
    tensile,
    triton,
    xmma,
    xmma_templates,
)
from ._identity import Facts, KernelIdentity
from ._names import Name
from ._words import Grammar

# Order matters where grammars overlap: flat generator names are the most specific, namespaces come next, identifiers
# outside any namespace after them, and plain words last.
GRAMMARS: Final[tuple[Grammar, ...]] = (
    xmma.GRAMMAR,
    cask.GRAMMAR,
    nvjet.GRAMMAR,
    tensile.GRAMMAR,
    cutlass3.GRAMMAR,
    cutlass2.GRAMMAR,
    cudnn_generated.GRAMMAR,
    xmma_templates.GRAMMAR,
    aten.GRAMMAR,
    cudnn_convolution.GRAMMAR,
    onednn.GRAMMAR,
    mkl.GRAMMAR,
    magma.GRAMMAR,
    cublas.GRAMMAR,
    cudnn_operations.GRAMMAR,
    collectives.GRAMMAR,
    attention.GRAMMAR,
    composable.GRAMMAR,
    miopen.GRAMMAR,
    rocblas.GRAMMAR,
    primitives.GRAMMAR,
    fourier.GRAMMAR,
    memory.GRAMMAR,
    triton.GRAMMAR,
    frameworks.GRAMMAR,
    frameworks.WORDS,
)

# A cached name is kept as long as its answer; both bounds together cap the memory that hostile traces can take.
_CACHED_NAMES: Final = 131_072
_LONG_NAME: Final = 4096


@lru_cache(maxsize=8192)
def _candidates(head: str) -> tuple[Grammar, ...]:
    """Keep the grammars that can read names with this identifier."""
    return tuple(grammar for grammar in GRAMMARS if grammar.accepts(head))


def read_name(name: Name) -> tuple[Grammar, Facts] | None:
    """Try the grammars in order.

    Args:
        name: The normalised name.

    Returns:
        The first grammar that reads it, with what it read; None if there is none.
    """
    # Flat names are all head and do not repeat; they are tried as they come.
    for grammar in _candidates(name.head) if name.closed else GRAMMARS:
        if not name.closed and not grammar.accepts(name.head):
            continue
        facts = grammar.read(name)
        if facts is not None:
            return grammar, facts
    return None


def _identify(given: str) -> KernelIdentity:
    name = Name(given)
    found = read_name(name)
    if found is None:
        return KernelIdentity(given, name.demangled)
    return found[1].freeze(given, name.demangled)


_identify_short = lru_cache(maxsize=_CACHED_NAMES)(_identify)
_identify_long = lru_cache(maxsize=256)(_identify)


def identify(name: str) -> KernelIdentity:
    """Read the facts that a kernel's name states.

    Args:
        name: The name as a trace, a profiler or a log shows it: plain, demangled, mangled, cut short or decorated.

    Returns:
        The facts, each with the token that proves it. Names that no grammar reads, and anything that is no name at
        all, give "unknown"; nothing is raised. Equal names give the same object.
    """
    if len(name) <= _LONG_NAME:
        return _identify_short(name)
    return _identify_long(name) if len(name) <= 16 * _LONG_NAME else _identify(name)
