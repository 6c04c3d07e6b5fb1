"""Triton: kernels that TorchInductor writes (``triton_<kind>_fused_<ops>_<n>``) and hand-written ones with known names.

Kinds: poi pointwise, red reduction, per persistent reduction, spl split scan, for foreach, tem a template around a
matrix product. The fused operators are listed by name. Source: torch/_inductor/codegen/triton.py.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._dtypes import dtype
from ._identity import LOW, MEDIUM, UNKNOWN, Facts
from ._words import SOURCE_CODE, TRACE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_INDUCTOR: Final = re.compile(r"^triton_(poi|red|per|spl|for|tem|mm|bmm|convolution|flex)_?(.*)")
_OLD_INDUCTOR: Final = re.compile(r"^triton_+(?:\d+(?:d\w*)?|unk_fused\w*)$|^triton__[0-9a-z]*$")
_MOVES: Final = frozenset(
    [
        "to",
        "copy",
        "clone",
        "cat",
        "view",
        "slice",
        "transpose",
        "permute",
        "unsqueeze",
        "squeeze",
        "expand",
        "constant",
        "pad",
        "nd",
        "select",
        "split",
        "stack",
        "reshape",
        "contiguous",
        "as",
        "strided",
        "unsafe",
        "fused",
        "t",
        "unbind",
        "with",
        "sizes",
        "tensor",
        "alias",
        "detach",
    ]
)
_MATMUL_OGS: Final = re.compile(r"^_(?:p_)?matmul_ogs_([NT]{3})_(\w+?)x(\w+?)x(\w+?)_(\d+x\d+x\d+)")
# Kernels written by hand, by the identifier their authors gave them.
_WRITTEN: Final = (
    (re.compile(r"^_?(?:attn_(?:fwd|bwd)|fwd_kernel|_?bwd_(?:kernel|preprocess|inner)|flash_attn)\w*"), "attention"),
    (
        re.compile(
            r"^(?:_)?kernel_(?:unified_attention|paged_attention)\w*|^_fwd_grouped_kernel\w*|^_fwd_kernel(?:_stage\d)?$"
        ),
        "attention",
    ),
    (re.compile(r"^(?:triton_)?(?:flex_attention|flex_decoding)\w*"), "attention"),
    (
        re.compile(
            r"^_?(?:(?:fused_moe|matmul|gemm|grouped_gemm|w8a8_block\w*|scaled_mm|b?mm)_kernel|matmul_ogs|grouped_gemm)\w*"
        ),
        "gemm",
    ),
    (re.compile(r"^_?(?:layer_?norm|rms_?norm|l2norm)\w*"), "normalization"),
    (re.compile(r"^_?softmax\w*"), "softmax"),
    (re.compile(r"^_(?:topk|combined_routing|sum_bitmatrix|finalize_matmul|expt_data|routing)\w*"), "other"),
    (re.compile(r"^_copy_page_indices\w*|^_?reshape_and_cache\w*"), "copy"),
    (re.compile(r"^_?(?:silu|swiglu|gelu)\w*"), "activation"),
)


def read(name: Name) -> Facts | None:
    """Read a Triton kernel's name."""
    head = name.head
    if "::" in head or name.closed:
        return None
    generated = _INDUCTOR.match(head)
    if generated:
        return _inductor(generated[1], generated[2])
    if _OLD_INDUCTOR.match(head):
        return Facts("Triton", UNKNOWN, "triton_", LOW)
    product = _MATMUL_OGS.match(head)
    if product:
        return _matmul_ogs(product, head)
    for pattern, operation in _WRITTEN:
        match = pattern.match(head)
        if match:
            facts = Facts("Triton", operation, match[0], MEDIUM)
            if head.startswith("_finalize"):
                facts.say("role", "helper", "finalize")
            return facts
    if head.startswith("triton_"):
        return Facts("Triton", UNKNOWN, "triton_", LOW)
    return None


def _inductor(kind: str, rest: str) -> Facts:
    operators = re.sub(r"_?\d+$", "", rest.removeprefix("fused").lstrip("_"))
    if kind in ("tem", "mm", "bmm", "convolution", "flex"):
        return _template(kind, rest)
    tokens = [token for token in operators.split("_") if token]
    if kind in ("poi", "for"):
        moves = bool(tokens) and all(token in _MOVES for token in tokens)
        facts = Facts("Triton", "copy" if moves else "elementwise", f"triton_{kind}")
    elif kind == "spl":
        facts = Facts("Triton", "other", "triton_spl")
    elif "norm" in tokens or "norm_backward" in operators or ("rsqrt" in tokens and "mean" in tokens):
        facts = Facts("Triton", "normalization", "norm" if "norm" in operators else "mean, rsqrt")
    elif "softmax" in tokens:
        facts = Facts("Triton", "softmax", "softmax")
    else:
        facts = Facts("Triton", "reduction", f"triton_{kind}")
    facts.evidence["library"] = "triton"
    return facts


def _template(kind: str, rest: str) -> Facts:
    text = f"{kind}_{rest}"
    if "convolution" in text and not re.search(r"(?:^|_)(?:mm|addmm|bmm|baddbmm)(?:_|$)", text):
        facts = Facts("Triton", "convolution", "convolution", MEDIUM)
        facts.say("algorithm", "implicit_gemm", "convolution")
    elif "attention" in text or kind == "flex":
        facts = Facts("Triton", "attention", "attention" if "attention" in text else kind, MEDIUM)
    elif re.search(r"(?:^|_)(?:mm|addmm|bmm|baddbmm)(?:_|$)", text):
        facts = Facts("Triton", "gemm", "mm", MEDIUM)
    else:
        facts = Facts("Triton", UNKNOWN, f"triton_{kind}", LOW)
    facts.evidence["library"] = "triton"
    return facts


def _matmul_ogs(match: re.Match[str], head: str) -> Facts:
    """Read the grouped product of triton_kernels: layouts, types of output, A and B, tile, fused activation."""
    facts = Facts("Triton", "gemm", "matmul_ogs")
    facts.say("transposes", match[1].lower(), match[1])
    facts.say("output_dtype", dtype(match[2]), match[2])
    facts.say("input_dtype", dtype(match[3]), match[3])
    facts.say("tile", match[5], match[5])
    tail = head.rpartition("_")[2]
    if tail in ("swiglu", "relu", "gelu"):
        facts.say("epilogue", tail, tail)
    return facts


GRAMMAR: Final = Grammar(
    "Triton",
    read,
    (
        word(r"triton", "generated by TorchInductor", SOURCE_CODE),
        word(r"poi", "pointwise", SOURCE_CODE),
        word(r"red", "reduction in a loop", SOURCE_CODE),
        word(r"per", "persistent reduction: a row in registers", SOURCE_CODE),
        word(r"tem", "template: a product with a fused epilogue", SOURCE_CODE),
        word(r"fused", "next: the fused operators", SOURCE_CODE),
        word(r"matmul|ogs", "grouped product of triton_kernels", TRACE),
        word(r"(\d+)", "running number within the module", SOURCE_CODE),
    ),
    lambda head: "::" not in head,
)
