"""oneDNN: implementation names (``brgconv:avx512_core_amx``), alone or inside a verbose line.

Before the colon stands the method, after it the instruction set. A verbose line also states the primitive, the
propagation kind and every memory's type. Source: oneDNN's documentation of verbose mode and src/cpu.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._dtypes import dtype
from ._identity import HIGH, LOW, MEDIUM, UNKNOWN, Facts
from ._words import SOURCE_CODE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_ISA: Final = (
    r"any|uni|sse41|avx2?(?:_vnni(?:_2)?)?|avx10_\w+|avx512_(?:core|common|mic)\w*|amx\w*|sve_\d+|asimd|rvv\w*"
    r"|vsx3?|jit|ref|acl\w*|undef|blas|blk"
)
_IMPLEMENTATION: Final = re.compile(
    rf"^(?:x64:|aarch64:|ppc64:|s390x:|cpu:)?([a-z]\w*?(?::[a-z]\w*)*?):({_ISA})(?=$|[^\w])", re.ASCII
)
_PREFIXED: Final = re.compile(r"^(x64|aarch64|rv64|ppc64|s390x):(\w+)(?::(\w+))?$")
_METHODS: Final = (
    (re.compile(r"^brg?conv|^brgemm_conv|^brdgmm"), "convolution"),
    (
        re.compile(
            r"^jit_dw|^jit_1x1|^jit_int8(?:_1x1|_dw)?|^jit_wino|^jit_\w*conv|^wino|^ref_conv|^indirect_gemm|^depthwise"
        ),
        "convolution",
    ),
    (re.compile(r"^(?:brg_?matmul|brgemm_matmul|brg|brgemm|gemm|gemm_\w+|matmul)"), "gemm"),
    (re.compile(r"^(?:simple_)?(?:bnorm|lnorm|gnorm|batch_norm|layer_norm)|^(?:bnorm|tbb)_"), "normalization"),
    (re.compile(r"^(?:jit_)?pool|^simple_pool"), "pooling"),
    (re.compile(r"^(?:simple|jit_uni)_?(?:reorder|eltwise|softmax)"), UNKNOWN),
    (re.compile(r"^(?:rnn|lstm|gru)"), "rnn"),
)
_WHOLE_NAMES: Final = {"jit:blk": "layout_transform"}
"""Implementations that one primitive alone has: oneDNN's src/cpu/x64/jit_uni_reorder.hpp."""

_PRIMITIVES: Final = {
    "convolution": "convolution",
    "deconvolution": "convolution",
    "inner_product": "gemm",
    "matmul": "gemm",
    "batch_normalization": "normalization",
    "layer_normalization": "normalization",
    "group_normalization": "normalization",
    "lrn": "normalization",
    "pooling": "pooling",
    "softmax": "softmax",
    "eltwise": "activation",
    "binary": "elementwise",
    "sum": "elementwise",
    "prelu": "activation",
    "reduction": "reduction",
    "reorder": "layout_transform",
    "concat": "copy",
    "rnn": "rnn",
    "shuffle": "layout_transform",
    "resampling": "other",
}
_DIRECTION: Final = {
    "forward_training": "fprop",
    "forward_inference": "fprop",
    "forward": "fprop",
    "backward_data": "dgrad",
    "backward_weights": "wgrad",
    "backward_bias": "wgrad",
}
_MEMORY: Final = re.compile(
    r"(src|wei|dst|diff_src|diff_wei|diff_dst)(?:_[a-z]+)?[_:](f32|bf16|f16|s8|u8|s32|f8_e4m3|f8_e5m2|f64)\b"
)
_MEMORY_FIELD: Final = {"src": "input_dtype", "diff_dst": "input_dtype", "dst": "output_dtype"}


def read(name: Name) -> Facts | None:
    """Read an implementation name or a verbose line."""
    text = name.text
    if ":" not in text or "::" in text[:24] or len(text) > 4096:
        return None
    parts = re.split(r"[,\s]+", text.replace(" ", ",")) if "," in text or " " in text else [text]
    implementation = next((part for part in parts if _matches(part)), None)
    if implementation is None and len(parts) > 1 and parts[0] in _PRIMITIVES and _MEMORY.search(text):
        # Some implementations name no instruction set: reorder,brgemm_matmul_copy_reorder_t,undef,src:f32…
        implementation = parts[1]
    if implementation is None:
        return None
    primitive = next((part for part in parts if part in _PRIMITIVES), None)
    facts = _facts(implementation, primitive)
    direction = next((part for part in parts if part in _DIRECTION), None)
    # The forward of a deconvolution is the dgrad of a convolution, so only plain convolutions state the pass.
    if direction and facts.values["operation"] == "convolution" and primitive != "deconvolution":
        facts.say("pass_", _DIRECTION[direction], direction)
    for match in _MEMORY.finditer(text):
        if match[1] in _MEMORY_FIELD:
            facts.say(_MEMORY_FIELD[match[1]], dtype(match[2].removeprefix("f8_")), match[0])
    return facts


def _matches(part: str) -> bool:
    return bool(_IMPLEMENTATION.match(part) or _PREFIXED.match(part))


def _facts(implementation: str, primitive: str | None) -> Facts:
    prefixed = _PREFIXED.match(implementation)
    plain = re.sub(r"^(?:x64|aarch64|ppc64|s390x|rv64|cpu):", "", implementation)
    method, _, isa = plain.partition(":")
    if primitive:
        facts = Facts("oneDNN", _PRIMITIVES[primitive], primitive, HIGH)
    elif plain in _WHOLE_NAMES:
        facts = Facts("oneDNN", _WHOLE_NAMES[plain], plain, HIGH)
    else:
        operation, token = _by_method(method)
        facts = Facts("oneDNN", operation, token, MEDIUM if operation != UNKNOWN else LOW)
    facts.evidence["library"] = implementation
    if facts.values["operation"] == "convolution":
        _algorithm(facts, method)
    elif facts.values["operation"] == "layout_transform":
        facts.say("role", "layout_transform", facts.evidence["operation"])
    _unit(facts, isa or (prefixed[3] if prefixed and prefixed[3] else ""), method)
    return facts


def _by_method(method: str) -> tuple[str, str]:
    for pattern, operation in _METHODS:
        match = pattern.match(method)
        if match:
            return operation, match[0]
    return UNKNOWN, method


def _algorithm(facts: Facts, method: str) -> None:
    if "dw" in method or "depthwise" in method or method.startswith("brdgmm"):
        facts.say("algorithm", "depthwise", method)
    elif "wino" in method:
        facts.say("algorithm", "winograd", method)
    elif method.startswith("gemm"):
        facts.say("algorithm", "explicit_gemm", method)
    elif method.startswith("indirect_gemm"):
        facts.say("algorithm", "implicit_gemm", method)
    elif method.startswith(("jit", "ref", "simple", "br")):
        # Verbose mode prints alg:convolution_direct for all of these, the batch-reduced ones included.
        facts.say("algorithm", "direct", method)


def _unit(facts: Facts, isa: str, method: str) -> None:
    """AMX is the only matrix unit of x86; every narrower instruction set named in full rules it out."""
    if "amx" in isa:
        facts.matrix_unit("AMX", isa)
    elif isa.startswith(("sse", "avx", "sve", "asimd", "rvv", "vsx")) or method == "ref":
        facts.say("tensor_cores", "no", isa or method)


GRAMMAR: Final = Grammar(
    "oneDNN",
    read,
    (
        word(r"brgconv\w*", "convolution as a batch of small products", SOURCE_CODE),
        word(r"brg\w*|brgemm\w*", "batch-reduced small products", SOURCE_CODE),
        word(r"jit_dw", "depthwise convolution, code generated at run time", SOURCE_CODE),
        word(r"jit_1x1", "1×1 convolution, code generated at run time", SOURCE_CODE),
        word(r"jit\w*", "code generated at run time", SOURCE_CODE),
        word(r"gemm\w*", "a matrix product (after im2col in a convolution)", SOURCE_CODE),
        word(r"ref|simple", "reference implementation: slow", SOURCE_CODE),
        word(r"avx512_core_amx\w*", "AVX-512 with AMX tiles, a matrix unit", SOURCE_CODE),
        word(r"(sse41|avx\w*|sve_\d+|asimd)", "vector instructions {0}", SOURCE_CODE),
        word(r"any|uni", "any instruction set", SOURCE_CODE),
        word(r"x64|aarch64", "processor family", SOURCE_CODE),
    ),
    lambda head: ":" in head and "::" not in head[:24],
)
