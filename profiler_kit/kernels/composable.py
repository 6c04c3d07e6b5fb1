"""Composable Kernel (CK) and CK Tile: AMD's template library, under MIOpen, PyTorch and vLLM.

``ck::tensor_operation::device::kernel_grouped_conv_fwd_xdl_cshuffle_v3<ck::GridwiseGemm…<…, unsigned short, …>>``: the
kernel's identifier names operation, pass and instruction (xdl: MFMA, wmma: WMMA, dl: scalar); bf16 is unsigned short.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import MEDIUM, UNKNOWN, Facts
from ._words import SOURCE_CODE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_PASS: Final = re.compile(
    r"conv\w*?_(?:(fwd)|(bwd_data)|(bwd_weight))(?=_|$)|Conv\w*?(?:(Fwd)|(BwdData)|(BwdWeight))|Convolution(?:(Forward)|(BackwardData)|(BackwardWeight))"
)
_UNIT: Final = re.compile(
    r"(?:^|_)(xdlops|xdl|wmma|dlops|dl|Xdl|Wmma|Dl)(?:_|$)|Gemm\w*?_(xdl|wmma|dl)\w*|(Xdl|Wmma)(?=[A-Z_])"
)
# Block size, then M, N and K per block, then the vector widths along K.
_TILE: Final = re.compile(
    r"(?:PassThrough|\)\d+|, )(?:, )?(64|128|256|512), (\d{1,3}), (\d{1,3}), (\d{1,3})(?:, \d{1,2}){4}"
)
_DATA: Final = re.compile(
    r"[<, ](unsigned short|_Float16|__bf16|float|double|signed char|f8_t|bf8_t|ck::half_t)(?=[,>])"
)
# Entry points in C that MIOpen compiles at run time from the same templates.
_COMPILED_BY_MIOPEN: Final = re.compile(r"kernel_(?:grouped_)?conv\w*_(?:fwd|bwd_data|bwd_weight)_")
_TYPES: Final = {
    "unsigned short": "bf16",
    "__bf16": "bf16",
    "_Float16": "f16",
    "ck::half_t": "f16",
    "float": "f32",
    "double": "f64",
    "signed char": "i8",
    "f8_t": "fp8",
    "bf8_t": "fp8",
}
_OPERATIONS: Final = (
    (re.compile(r"[Ff]mha|[Aa]ttention|batched_gemm_softmax_gemm"), "attention"),
    (re.compile(r"(?:grouped_)?conv(?:_|\dd|olution)|Convolution"), "convolution"),
    (re.compile(r"[Nn]ormalization|[Ll]ayer[Nn]orm|[Rr]ms[Nn]orm|[Bb]atch[Nn]orm|[Gg]roup[Nn]orm"), "normalization"),
    (re.compile(r"[Gg]emv"), "gemv"),
    (re.compile(r"[Gg]emm|[Ff]lat[Mm]m"), "gemm"),
    (re.compile(r"[Ss]oftmax"), "softmax"),
    (re.compile(r"[Pp]ool"), "pooling"),
    (re.compile(r"[Ii]mage_?[Tt]o_?[Cc]olumn|[Cc]olumn_?[Tt]o_?[Ii]mage"), "im2col"),
    (re.compile(r"[Rr]educ"), "reduction"),
    (re.compile(r"[Tt]ranspose|permute"), "layout_transform"),
    (re.compile(r"[Ee]lementwise|elt_?wise"), "elementwise"),
    (re.compile(r"[Ss]moothquant|[Mm]oe|[Tt]opk"), "other"),
)


def read(name: Name) -> Facts | None:
    """Read a Composable Kernel name."""
    head = name.head
    if not (head.startswith(("ck::", "ck_tile::", "ck_")) or _COMPILED_BY_MIOPEN.match(head)):
        return None
    # CK Tile's entry is the same function for all; the work is its first argument.
    text = head if not head.endswith("kentry") else name.text[len(head) : len(head) + 200]
    found = _operation(text) or (_operation(name.text[:300]) if head.startswith("ck_tile") else None)
    if found is None:
        return Facts("CK", UNKNOWN, head.partition("::")[0], "low")
    operation, token = found
    facts = Facts("CK", operation, token)
    facts.evidence["library"] = head.partition("::")[0] if "::" in head else token
    if operation == "convolution":
        facts.say("algorithm", "implicit_gemm", token)
        direction = _PASS.search(text)
        if direction:
            place = next(index for index, group in enumerate(direction.groups()) if group)
            facts.say("pass_", ("fprop", "dgrad", "wgrad")[place % 3], direction[0])
    _unit(facts, name, text)
    _types(facts, name)
    return facts


def _operation(text: str) -> tuple[str, str] | None:
    for pattern, operation in _OPERATIONS:
        match = pattern.search(text)
        if match:
            return operation, match[0]
    return None


def _unit(facts: Facts, name: Name, text: str) -> None:
    if facts.values["operation"] not in ("convolution", "gemm", "attention"):
        return
    unit = _UNIT.search(text) or _UNIT.search(name.text[len(name.head) : len(name.head) + 200])
    if unit is None:
        return
    token = next(group for group in unit.groups() if group)
    if token.lower().startswith("xdl"):
        facts.matrix_unit("MFMA", token)
    elif token.lower() == "wmma":
        facts.matrix_unit("WMMA", token)
    else:
        facts.say("tensor_cores", "no", token)


def _types(facts: Facts, name: Name) -> None:
    inner = name.text[len(name.head) : len(name.head) + 900]
    found = _DATA.search(inner)
    if found:
        facts.say("input_dtype", _TYPES[found[1]], found[1])
        if found[1] == "unsigned short":
            # CK stores bf16 as unsigned short; nothing else of 16 bits is stored so.
            facts.confidence = MEDIUM
    tile = _TILE.search(inner)
    if tile and facts.values["operation"] in ("convolution", "gemm"):
        facts.say("tile", "x".join(tile.groups()[1:4]), f"{tile[2]}, {tile[3]}, {tile[4]}")


GRAMMAR: Final = Grammar(
    "Composable Kernel",
    read,
    (
        word(r"ck|ck_tile", "AMD's Composable Kernel", SOURCE_CODE),
        word(r"\w*conv_fwd\w*", "convolution, forward", SOURCE_CODE),
        word(r"\w*conv_bwd_data\w*", "convolution, gradient of the data", SOURCE_CODE),
        word(r"\w*conv_bwd_weight\w*", "convolution, gradient of the weights", SOURCE_CODE),
        word(r"\w*xdl\w*", "MFMA matrix instructions", SOURCE_CODE),
        word(r"\w*wmma\w*", "WMMA matrix instructions", SOURCE_CODE),
        word(r"unsigned short", "bf16 as CK stores it", SOURCE_CODE),
    ),
    lambda head: head.startswith("ck") or _COMPILED_BY_MIOPEN.match(head),
)
