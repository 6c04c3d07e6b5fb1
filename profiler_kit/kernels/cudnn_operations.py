"""cuDNN's kernels beside convolution: normalisation, pooling, recurrent nets, tensor transforms, fused attention.

Many stand outside any namespace; their identifiers are distinctive enough, and the parameter types name cuDNN.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ._identity import LOW, MEDIUM, UNKNOWN, Facts, Statement
from ._words import BINARY, Grammar, RuleBook, rule, word

if TYPE_CHECKING:
    from ._names import Name

_RULES: Final = RuleBook(
    (
        # Attention comes first: its helpers are called softmax, reduce and dropout too.
        rule(r"fmha\w*fprop\w*", "attention", "fused attention, forward", direction="fprop"),
        rule(r"fmha\w*dgrad\w*", "attention", "fused attention, backward", direction="dgrad"),
        rule(
            r"(?:convert_dq|rearrange_n_convert_dq|matmul_dq|lean_reduction)\w*",
            "attention",
            "helper of attention backward",
            role="helper",
        ),
        rule(
            r"compute_dot_do_o\w*|contract_dbias\w*|init_packed_dbias|fmha_\w+",
            "attention",
            "helper of attention backward",
            role="helper",
        ),
        rule(
            r"gen_dropout_mask\w*|print_dropout_mask\w*|qkv_tma_setup|simple_memset|reorder_block_scale_factor",
            "attention",
            "helper of fused attention",
            role="helper",
        ),
        rule(
            r"multiHeadAttn\w*|fusedSoftmax\w*|applyOutDropoutAndResidual\w*|computeSoftmaxProbability",
            "attention",
            "part of multi-head attention",
            role="helper",
        ),
        rule(
            r"apply(?:Batched)?GemmBias\w*|setBatchedGemmPtrs\w*",
            "attention",
            "part of multi-head attention",
            role="helper",
        ),
        rule(r"prepare_moe_grouped_gemm\w*", "gemm", "prepares the operands of a grouped product", role="helper"),
        # Recurrent nets.
        rule(r"LSTM_dgrad\w*", "rnn", "LSTM, gradient of the data", direction="dgrad", role="helper"),
        rule(
            r"(?:^|::)(?:persist)?(?:RNN|LSTM|GRU)\w*|GENERIC_elementWise\w*|elemWiseRNNcell|persistRNN\w*",
            "rnn",
            "recurrent net",
        ),
        rule(r"\w+_lstm_\w+|\w+_gru_\w+|\w+_rnn_\w+|lstm\w*cell\w*", "rnn", "recurrent net"),
        # Normalisation, also where it is fused with an activation.
        rule(
            r"batchnorm_\w+|(?:^|::)bn_\w+|SBAR_\w+|SbarGen\w+|\w*BNStats\w*|combineScaleBiasStats\w*",
            "normalization",
            "batch normalisation",
        ),
        rule(
            r"(?:Layer|Instance|Group|RMS|GeneralNorm)(?:Norm|Row)\w*|ReduceNCtoC",
            "normalization",
            "layer or instance normalisation",
        ),
        rule(
            r"lrn\w*|divNorm\w*|compute_alphas_and_betas\w*",
            "normalization",
            "local response or divisive normalisation",
        ),
        rule(r"bn_pointwise|bnAddRelu\w*|dbn_\w+|dual_dbn_\w+", "normalization", "batch normalisation"),
        rule(r"arbitrary_fusion_\w+", "elementwise", "fused pointwise operations"),
        rule(r"[Pp]ooling\w*", "pooling", "pooling"),
        rule(r"softmax\w*|Softmax\w*", "softmax", "softmax"),
        rule(r"dropout_\w+|initstates", "dropout", "dropout"),
        # Transforms of layout.
        rule(
            r"(?:nchw|nhwc)2(?:nchw|nhwc)BooleanTranspose",
            "layout_transform",
            "changes the layout",
            role="layout_transform",
        ),
        rule(r"(?:nchw|nhwc)To(?:Nhwc|Nchw)\w*", "layout_transform", "changes the layout", role="layout_transform"),
        rule(
            r"folded(?:Nchw|Nhwc)To\w+|(?:nchw|nhwc)ToFolded\w+|(?:nchw|nhwc)AddPadding\w+|nhwcSliceC\w+",
            "layout_transform",
            "pads, folds or unfolds channels",
            role="layout_transform",
        ),
        rule(r"[Tt]ranspose\w*|tensorTransform\w*", "layout_transform", "transposes a tensor", role="layout_transform"),
        rule(r"convertTensor\w*|genericVectorizedConvertTensor\w*|\w*WithTypeConversion", "copy", "converts the type"),
        rule(
            r"scal_kernel|scale(?:Packed)?Tensor\w*|setTensor\w*",
            "elementwise",
            "scales or fills a tensor",
            role="helper",
        ),
        rule(r"op_(?:generic_)?tensor_kernel\w*", "elementwise", "pointwise operation on tensors"),
        rule(r"(?:full_)?reduce_tensor\w*|reduce_\w+", "reduction", "reduction of a tensor"),
        rule(r"activation_\w+", "activation", "activation"),
        rule(r"gnn::\w+|\w+_basis_(?:pre|post)_kernel", "other", "graph neural net"),
        rule(r"bilinear_sampler\w*|generate_grid\w*", "other", "spatial transformer"),
        rule(r"compute_grads_\w+|ctc\w*", "other", "CTC loss"),
        rule(r"(?:reorder|compress|transform)\w+", "layout_transform", "reorders filters or metadata", role="helper"),
        rule(
            r"fillPtrArray|scatterBias|setScaleInternal|nopHardwareDetection|printLog",
            "other",
            "bookkeeping",
            role="helper",
        ),
    )
)
# Identifiers outside any namespace that only cuDNN uses.
_BARE: Final = re.compile(
    r"^(?:persist)?(?:RNN|LSTM|GRU)\w*|^GENERIC_elementWise\w*|^elemWiseRNNcell|^persistRNN\w*|^\w+_(?:lstm|gru)_[bf]p\w*"
    r"|^op_(?:generic_)?tensor_kernel|^tensorTransform\w*|^(?:full_)?reduce_tensor_\w+|^SBAR_\w+|^SbarGen\w+"
    r"|^(?:finalizeBNStats|combineScaleBiasStats)\w*|^softmax_[bf]w_\w+|^pooling_[bf]w_\w+|^arbitrary_fusion_\w+"
    r"|^(?:folded)?(?:nchw|nhwc|Nchw|Nhwc)(?:To|AddPadding|SliceC)\w*|^folded\w+Kernel|^fmha_(?:fprop|dgrad)_\w+"
    r"|^multiHeadAttn\w+|^fusedSoftmax(?:Forward|Backward)Kernel|^apply(?:Batched)?GemmBiasKernel|^setBatchedGemmPtrs\w+"
    r"|^applyOutDropoutAndResidual\w+|^memcpy(?:2D)?WithTypeConversion|^transpose(?:Block|Warp)?_kernel|^vecAdd|^printLog"
    r"|^(?:bn|batchnorm)_[bf]w\w*|^(?:scal|transpose_readWrite_alignment)_kernel|^[a-z]+_lstm_\w+"
)
_LAYOUT: Final = re.compile(r"(?:_|^)(NHWC|NCHW|nhwc|nchw)(?:_|$)")
_TRANSFORM: Final = re.compile(r"(?:folded)?(nchw|nhwc)(?:To|2|Add|Slice)\w+", re.IGNORECASE)
_FP8: Final = re.compile(r"_fp8(?:_|$)|_e4m3_|_e5m2_")


class _Kind(NamedTuple):
    """What an identifier states.

    Attributes:
        operation: What is computed.
        token: The token that says so.
        stated: What counts before the types of the arguments.
        last: What counts behind them.
        unit: The token of a matrix unit, and whether it names the unit or only implies it.
    """

    operation: str
    token: str
    stated: tuple[Statement, ...]
    last: tuple[Statement, ...]
    unit: tuple[str, bool] | None


def read(name: Name) -> Facts | None:
    """Read one of cuDNN's kernels beside convolution."""
    head = name.head
    inside = _inside(head)
    if not inside and not _bare(head):
        return None
    if "cublas" in head or "cublas" in name.text[len(head) : len(head) + 600]:
        return None
    kind = _kind(head)
    if kind is None:
        return Facts("cuDNN", UNKNOWN, "cudnn", LOW) if inside else Facts("cuDNN", "other", head[:60], LOW)
    facts = Facts("cuDNN", kind.operation, kind.token)
    facts.say_all(kind.stated)
    facts.evidence["library"] = "cudnn" if inside and "cudnn" in name.text else kind.token
    if not inside:
        facts.confidence = MEDIUM
    _types(facts, name)
    facts.say_all(kind.last)
    if kind.unit:
        token, named = kind.unit
        facts.matrix_unit("tensor core", token)
        facts.confidence = facts.confidence if named else MEDIUM
    return facts


def _inside(head: str) -> bool:
    return head.startswith(("cudnn::", "cask", "fmha::", "fmha_cw")) or "cudnn" in head[:32]


@lru_cache(maxsize=8192)
def _bare(head: str) -> bool:
    return _BARE.match(head) is not None


@lru_cache(maxsize=8192)
def _kind(head: str) -> _Kind | None:
    """Read an identifier; instances of one template share theirs."""
    found = _RULES.find(head.replace("cudnn", ""))
    if found is None:
        return None
    values, token = found
    operation, base = values["operation"], head.rpartition("::")[2]
    stated: list[Statement] = [(key, value, token) for key, value in values.items() if key != "operation"]
    low = _FP8.search(base)
    if low:
        stated.append(("input_dtype", "fp8", low[0].strip("_")))
    last = _layout(operation, base)
    unit = None
    if operation == "rnn":
        if head.endswith("_HMMA"):
            unit = "HMMA", True
        elif head.endswith("_FMA"):
            last.append(("tensor_cores", "no", "FMA"))
    elif operation == "attention" and "role" not in values and "fp8" in head:
        # fp8 is multiplied by matrix instructions only.
        unit = "fp8", False
    return _Kind(operation, token, tuple(stated), tuple(last), unit)


def _layout(operation: str, base: str) -> list[Statement]:
    transform = _TRANSFORM.search(base)
    if transform:
        # What is read; the token shows what is written.
        return [("layout", transform[1].upper(), transform[0])]
    stated = _LAYOUT.search(base)
    return [("layout", stated[1].upper(), stated[1])] if stated and operation not in ("rnn", "attention") else []


def _types(facts: Facts, name: Name) -> None:
    found = name.dtypes
    read_from, written = name.pointers
    if found:
        facts.say("input_dtype", *found[0])
        if len(found) > 2 and facts.values["operation"] in ("layout_transform", "copy"):
            facts.say("output_dtype", *found[1])
    elif read_from or written:
        facts.say("input_dtype", *(read_from or written or ("", "")))
    if written:
        facts.say("output_dtype", *written)


GRAMMAR: Final = Grammar(
    "cuDNN operations",
    read,
    (*_RULES.words(), word(r"cudnn|cask\w*|ops|cnn|detail|fusion|engines_\w+", "cuDNN's namespaces", BINARY)),
    lambda head: _inside(head) or _BARE.match(head),
)
