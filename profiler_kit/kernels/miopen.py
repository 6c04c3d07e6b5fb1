"""MIOpen: AMD's convolution library, with its assembly, OpenCL, HIP and naive kernels.

``igemm_fwd_gtcx3_nhwc_bf16_bx0_ex1_bt256x128x32_wt32x32x8_ws1x1_wr2x2_…``: pass, instruction set (gtcx: matrix cores),
layout, type, block tile, wave tile. The other kernels name pass and method in words (``fwd``, ``bwd``, ``wrw``).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from ._dtypes import dtype
from ._identity import MEDIUM, Facts
from ._words import SOURCE_CODE, TRACE, Grammar, RuleBook, rule, state, word

if TYPE_CHECKING:
    from ._names import Name

_IGEMM: Final = re.compile(
    r"^igemm_(?:(fwd|bwd|wrw|upsampling)_)?(gtc[a-z]?\w*?|btm|v\d+r\d+\w*?|dlops|xdlops)(?:_|$)(.*)"
)
# Weights first: wrw kernels may say bwd too.
_PASSES: Final = (
    (re.compile(r"WrW|WRW|(?:^|_)wrw(?=_|\d|$)|(?:^|_)(?:bwd|backward)_?w(?:eights?)?(?=_|$)"), "wgrad"),
    (re.compile(r"Fwd|(?:^|_)(?:fwd|forward)(?=_|\d|$)"), "fprop"),
    (re.compile(r"Bwd(?:Data|D)|Bwd(?=[A-VX-Z\d_])|(?:^|_)(?:bwd|bwd_?d(?:ata)?|backward_data)(?=_(?!w)|\d)"), "dgrad"),
)
_RULES: Final = RuleBook(
    (
        rule(r"naive_conv\w*", "convolution", "MIOpen's reference convolution", algorithm="direct"),
        rule(
            r"(?:mi[oO]pen|MIOpen)\w*Winograd\w*|\w*[wW]inograd\w*|miopenSp3Asm\w*|\w*Sp3Asm\w*Conv\w*",
            "convolution",
            "Winograd convolution in assembly",
            algorithm="winograd",
        ),
        rule(
            r"xform_\w+|\w*_xform_\w+",
            "convolution",
            "transform around a Winograd product",
            algorithm="winograd_nonfused",
            role="helper",
        ),
        rule(
            r"(?:[mM][iI]?[oO]pen)?[gG]cnAsm(?:Conv|Bwd|Fwd)\w*|gcnAsm\w*Conv\w*|conv\dx\d\w*_asm\w*",
            "convolution",
            "direct convolution in assembly",
            algorithm="direct",
        ),
        rule(
            r"MIOpenConv(?:Uni|1x1|Fwd|Bwd|Direct)\w*|MIOpenCvD?\w*|MIOpenCDFGen\w*|mloConv\w*|MIOpenConvBwd\w*",
            "convolution",
            "direct convolution",
            algorithm="direct",
        ),
        rule(r"MIOpenCvFwd\w*|MIOpenCvBwd\w*", "convolution", "direct convolution", algorithm="direct"),
        rule(
            r"gridwise_convolution\w*|convolution_(?:forward|backward)_\w+|\w*implicit_gemm\w*|Gridwise\w*Conv\w*",
            "convolution",
            "implicit product",
            algorithm="implicit_gemm",
        ),
        rule(
            r"Im\dd2Col\w*|Im2Col\w*|Im3d2Col\w*",
            "im2col",
            "unrolls the image",
            algorithm="explicit_gemm",
            role="helper",
        ),
        rule(r"Col2Im\w*", "im2col", "folds the product back", algorithm="explicit_gemm", role="helper"),
        rule(
            r"transpose_N?[CNDHW]+2[CNDHW]+\w*|batched_transpose_\w+|transpose_(?:packed|NCHW|CNHW)\w*",
            "layout_transform",
            "changes the layout",
            role="layout_transform",
        ),
        rule(
            r"general_4d_reorder\w*|tensor_reorder\w*",
            "layout_transform",
            "changes the layout",
            role="layout_transform",
        ),
        rule(
            r"MIOpenBatchNorm\w*|MIOpenLayerNorm\w*|\w*[Ll]ayernorm\w*|\w*[Gg]roupnorm\w*|LRN\w*|MIOpenLRN\w*|MIOpenNeuron\w*Norm\w*",
            "normalization",
            "normalisation",
        ),
        rule(r"mlo[Pp]ooling\w*|MIOpenPooling\w*|\w*poolingF?\w*", "pooling", "pooling"),
        rule(r"Softmax\w*|softmax\w*", "softmax", "softmax"),
        rule(r"MIOpenActive\w*|MIOpenNeuron\w*|MIOpenAct\w*", "activation", "activation"),
        rule(r"SubTensorOp\w*Cast\w*", "copy", "converts the type", role="helper"),
        rule(
            r"SubTensorOp\w*|Op\d?d?Tensor\w*|OpTensor\w*|ScaleTensor\w*|SetTensor\w*",
            "elementwise",
            "pointwise on tensors",
            role="helper",
        ),
        rule(r"LSTM\w*|GRU\w*|RNN\w*", "rnn", "recurrent net"),
        rule(r"gridwise_generic_reduce\w*", "reduction", "reduction"),
    )
)
_BARE: Final = re.compile(
    r"^(?:[mM][iI][oO]pen|MIOpen|mlo[A-Z]|naive_conv|batched_transpose_\d|SubTensorOp|Op\d?d?Tensor|Im\dd?2?d?2?Col|Col2Im|transpose_[NC]+[DHW]*2"
    r"|gcnAsm|xform_|gridwise_|convolution_(?:forward|backward)\w*_implicit_gemm|general_4d_reorder|Softmax(?:Forward|Backward)|tensor_reorder)"
)
_DTYPE: Final = re.compile(r"(?:^|_)(bf16|fp16|fp32|half|float|double(?!_buffer)|ushort|f32|f16|int8|bfloat16)(?=_|$)")
_LAYOUT: Final = re.compile(r"(?:^|_)g?(n(?:d?hwc|c?d?hw)|NHWC|NCHW|NDHWC|NCDHW)(?:_|2|$)")
_TILE: Final = re.compile(r"_bt(\d+x\d+x\d+)")
_SPLIT: Final = re.compile(r"_(gkgs|gks|mh)(?:_|$)")


def read(name: Name) -> Facts | None:
    """Read one of MIOpen's kernels."""
    head = name.head
    igemm = _IGEMM.match(head)
    if igemm:
        return _implicit(igemm, head)
    if not _BARE.match(head):
        return None
    found = _RULES.find(head)
    if found is None:
        return Facts("MIOpen", "other", head[:40], "low")
    return _worded(found, head)


def _implicit(match: re.Match[str], head: str) -> Facts:
    direction, instructions, _ = match.groups()
    facts = Facts("MIOpen", "convolution", "igemm")
    facts.say("algorithm", "implicit_gemm", "igemm")
    stated = {"fwd": "fprop", "bwd": "dgrad", "wrw": "wgrad"}.get(direction or "")
    if stated:
        facts.say("pass_", stated, direction or "")
    if instructions.startswith("gtcx") or "xdlops" in instructions:
        facts.matrix_unit("MFMA", instructions)
    _shared(facts, head)
    tile = _TILE.search(head)
    if tile:
        facts.say("tile", tile[1], f"bt{tile[1]}")
    split = _SPLIT.search(head)
    if split and split[1].startswith("gk"):
        facts.say("split_k", "split_k", split[1])
    return facts


def _worded(found: tuple[dict[str, Any], str], head: str) -> Facts:
    values, token = found
    facts = state(Facts("MIOpen", values["operation"], token, MEDIUM), values, token)
    if values["operation"] == "convolution":
        for pattern, stated in _PASSES:
            direction = pattern.search(head)
            if direction:
                facts.say("pass_", stated, direction[0].strip("_"))
                break
        if "xdlops" in head:
            facts.matrix_unit("MFMA", "xdlops")
        elif values["algorithm"] == "direct" or "dlops" in head:
            facts.say("tensor_cores", "no", "dlops" if "dlops" in head else token)
        if head.endswith("_prepare"):
            facts.say("role", "helper", "prepare")
    _shared(facts, head)
    return facts


def _shared(facts: Facts, head: str) -> None:
    kind = _DTYPE.search(head)
    # Transposes and reorders are named by the size of what they move: every type of two bytes is "half" there, and
    # beside products in bfloat16 so are theirs. A type of four bytes may be an integer.
    if kind and facts.values["operation"] != "layout_transform":
        # The reference kernels store bf16 as unsigned short.
        facts.say("input_dtype", "bf16" if kind[1] == "ushort" else dtype(kind[1]), kind[1])
    layout = _LAYOUT.search(head)
    if layout and facts.values["operation"] in ("convolution", "layout_transform", "pooling", "normalization"):
        facts.say("layout", "NHWC" if layout[1].lower().endswith("c") else "NCHW", layout[1])


GRAMMAR: Final = Grammar(
    "MIOpen",
    read,
    (
        word(r"igemm", "MIOpen's implicit product", SOURCE_CODE),
        word(r"fwd|bwd|wrw", "pass: forward, gradient of the data, gradient of the weights", SOURCE_CODE),
        word(r"gtcx\d*", "matrix cores (MFMA)", SOURCE_CODE),
        word(r"bt(\d.*)", "block tile {0}", SOURCE_CODE),
        word(r"wt(\d.*)", "wave tile {0}", SOURCE_CODE),
        word(r"gkgs", "K shared over blocks", SOURCE_CODE),
        word(r"(nhwc|nchw)", "layout {0}", SOURCE_CODE),
        word(r"(bf16|fp16|fp32)", "type {0}", SOURCE_CODE),
        word(r"half", "type of data; in transposes and reorders any type of two bytes", TRACE),
        word(r"float", "type of data", TRACE),
        *_RULES.words(),
    ),
    lambda head: _IGEMM.match(head) or _BARE.match(head),
)
