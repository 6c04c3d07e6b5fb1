"""xmma and cask as C++ templates: fused batch-normalisation convolutions, helpers and reductions.

``xmma_cudnn_infer::gemm::warp_specialized_kernel_gmma_utmaldg<xmma_cudnn_infer::implicit_gemm::dgrad::…<…Hopper_hgmma_fp32_traits<…``:
the pass is a namespace inside the arguments, the instruction a traits class, the tile its constants.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import MEDIUM, UNKNOWN, Facts
from ._words import BINARY, INFERRED, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_START: Final = re.compile(r"^(?:cask_plugin\w*::)?(xmma\w*|cask\w*)(?:::|_)")
_PASS: Final = re.compile(
    r"::(?:interleaved_)?(fprop|dgrad|wgrad)(?:_indexed)?::|::strided_(dgrad)_|_(fprop|dgrad|wgrad)_"
)
_TRAITS: Final = re.compile(
    r"(Volta|Turing|Ampere|Ada|Hopper|Blackwell)_(h?g?mma|i?gmma|hgmma|igmma|hmma|imma|qgmma|dmma|ffma)_?(fp32|fp16|int32|cp32)?"
)
_TILE: Final = re.compile(r"[Cc]ta_tile<[\w:]+, (\d+), (\d+), (\d+)(?:, (\d+), (\d+), (\d+))?")
_PLAIN: Final = re.compile(r"::gemm::(?:kernel|split_k_kernel|kernel_blasl3)<")
_OFFSETS: Final = re.compile(r"ompute\w*OffsetsKernel|first_layer_fwd|generateWinogradTiles")
_ACCUMULATOR: Final = {"fp32": "f32", "cp32": "f32", "fp16": "f16", "int32": "i32"}


def read(name: Name) -> Facts | None:
    """Read a template of xmma or cask, or one of their flat helpers."""
    head = name.head
    start = _START.match(head)
    if start is None:
        return None
    # Index tables are convolution's; its grammar knows them in every spelling.
    if _OFFSETS.search(head):
        return None
    text = name.text[:1500]
    library = _library(start[1], text)
    if "reorder" in head or "Sparse" in head or "sparse" in head:
        return _reorder(name, library, start[1])
    if start[1].startswith("cask"):
        return _cask(name, library, start[1])
    return _product(name, library, start[1], text)


def _library(space: str, text: str) -> str:
    if "cublas" in space:
        return "cuBLAS"
    if "cudnn" in space or "implicit_gemm" in text or "batchnorm" in text or "_bn_" in text:
        return "cuDNN"
    # Both libraries carry a copy in the bare namespace; only cuBLAS' holds the plain and the triangular product.
    return "cuBLAS" if _PLAIN.search(text) else UNKNOWN


def _cask(name: Name, library: str, space: str) -> Facts:
    """Read a cask helper, which never computes the product itself."""
    facts = Facts(library, "other", name.base, MEDIUM)
    facts.evidence["library"] = space
    facts.say("role", "helper", name.base)
    return facts


def _reorder(name: Name, library: str, space: str) -> Facts:
    facts = Facts(library, "layout_transform", name.base, MEDIUM)
    facts.evidence["library"] = space
    facts.say("role", "helper", name.base)
    if "_dgrad_" in name.base:
        facts.say("pass_", "dgrad", "dgrad")
    if name.dtypes:
        facts.say("input_dtype", *name.dtypes[0])
    if "_nhwc_" in name.base:
        facts.say("layout", "NHWC", "nhwc")
    for stem, kind in (("hmma", "f16"), ("imma", "i8"), ("Imma", "i8"), ("Int8", "i8")):
        if stem in name.base:
            facts.say("input_dtype", kind, stem)
    return facts


def _product(name: Name, library: str, space: str, text: str) -> Facts:
    head = name.head
    direction = _PASS.search(text)
    convolution = direction is not None or "implicit_gemm" in text
    statistics = "bn_stats" in head or "dbn_" in head or "bn_fprop_stats" in head
    # Statistics kernels finish a fused convolution: they sum what its blocks left behind.
    operation = "convolution" if convolution or statistics else "gemm" if "::gemm::" in head else "other"
    facts = Facts(library, operation, name.base or space)
    facts.evidence["library"] = space
    if direction:
        word_seen = next(group for group in direction.groups() if group)
        facts.say("pass_", word_seen, word_seen)
    if operation == "convolution":
        facts.say("algorithm", "implicit_gemm", "implicit_gemm" if "implicit_gemm" in text else name.base)
    _role(facts, name.base, statistics)
    _traits(facts, text)
    return facts


def _role(facts: Facts, base: str, statistics: bool) -> None:
    if "split_k" in base or "segment_k_reduction" in base:
        facts.say("role", "reduce", base)
        facts.say("split_k", "split_k" if "split_k" in base else "segment_k", base)
    elif statistics:
        facts.say("role", "helper" if "apply" in base else "reduce", base)
    elif "helper" in base or "init_device" in base:
        facts.say("role", "helper", base)


def _traits(facts: Facts, text: str) -> None:
    traits = _TRAITS.search(text)
    if traits:
        facts.say("design_arch", traits[1].lower(), traits[0])
        facts.say("accumulate_dtype", _ACCUMULATOR.get(traits[3] or "", UNKNOWN), traits[0])
        if traits[2].startswith("i"):
            facts.say("input_dtype", "i8", traits[0])
        if facts.values["role"] == "main":
            if traits[2] == "ffma":
                facts.say("tensor_cores", "no", traits[0])
            else:
                facts.matrix_unit("tensor core", traits[0])
    tile = _TILE.search(text)
    if tile:
        facts.say("tile", "x".join(tile.groups()[:3]), tile[0])
        if tile[4] and "Hopper" not in tile[0]:
            facts.say("warps", "x".join(tile.groups()[3:]), tile[0])


GRAMMAR: Final = Grammar(
    "xmma templates",
    read,
    (
        word(r"xmma\w*|cask\w*", "NVIDIA's xmma templates; the namespace names the library", BINARY),
        word(r"fprop|dgrad|wgrad", "convolution pass", BINARY),
        word(r"wgrad_indexed|strided_dgrad_indexed", "pass, with indexed addresses", BINARY),
        word(r"implicit_gemm", "product with a matrix that is never formed", BINARY),
        word(
            r"(Volta|Turing|Ampere|Hopper)_(h?g?mma|hgmma|imma|qgmma)\w*",
            "matrix instructions of {0}: tensor cores",
            INFERRED,
        ),
        word(r"\w*_ffma_\w*", "scalar arithmetic: no tensor cores", INFERRED),
        word(r"\w*split_k\w*|\w*segment_k_reduction", "sums what blocks computed along K", BINARY),
    ),
    _START.match,
)
