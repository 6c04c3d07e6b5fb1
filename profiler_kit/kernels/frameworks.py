"""Kernels of other projects that run beside PyTorch: vLLM, TensorRT-LLM, FBGEMM, Apex, Megatron, and plain words.

Their library is ``other``. The last resort reads English words in an identifier of no known origin; what it finds is
marked with low confidence.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._dtypes import dtype
from ._identity import LOW, MEDIUM, UNKNOWN, Facts
from ._words import TRACE, Grammar, RuleBook, rule, state, word

if TYPE_CHECKING:
    from ._names import Name

_PROJECTS: Final = re.compile(
    r"^(vllm|tensorrt_llm|moe|fbgemm_gpu|flashinfer|transformer_engine|apex|deep_gemm|sglang|aiter|marlin|bnb|dao|causal_conv1d"
    r"|mamba|trtllm|hgemm|wvSpltK|detectron2|vision|torchvision|colossal|deepspeed|onnxruntime|torch_tensorrt|xformers|aotriton|gloo|mslk)(?=::|_)"
)
_KNOWN: Final = re.compile(
    r"^(?:split_embedding_\w+|permute_pooled_embs\w*|recat_copy_\w+|linearize_index_kernel|bounds_check_indices_kernel"
    r"|scaled_upper_triang_masked_softmax\w*|scaled_(?:aligned_)?(?:causal_)?masked_softmax\w*|cuApplyLayerNorm|cuComputePartGradGammaBeta"
    r"|cuComputeGrad\w+|cuApplyRMSNorm|multi_tensor_apply_kernel|groupnorm_kernel_\w+|kQuantize\w*|kDequantize\w*|kgemm_4bit\w*"
    r"|wvSplitK\w*|roi_align\w*|nms_\w+|ms_deform\w*|selective_scan_\w+|causal_conv1d_\w+|ln_(?:fwd|bwd)\w*|__amd_rocclr_\w+)"
)
_TYPE: Final = r"(?:MxE\dm\d|E\dm\d|Bfloat16|Fp16|Fp32)"
_BATCHED: Final = re.compile(
    rf"^bmm_({_TYPE})_({_TYPE})({_TYPE})?_(Fp32)(?:_b[AB]\d{{1,3}}){{0,2}}_t(\d{{1,4}}x\d{{1,4}}x\d{{1,4}})(?:u\d)?_s(\d{{1,3}})(?:_|$)"
)
_RULES: Final = RuleBook(
    (
        rule(r"__amd_rocclr_copy\w*", "copy", "the runtime's copy"),
        rule(r"__amd_rocclr_fill\w*", "memset", "the runtime's fill"),
        rule(r"_Kernel_\w+_cuda(?:Sum|Product|Max|Min)", "communication", "reduction of Gloo's collectives"),
        rule(r"initializeMemory", "memset", "fills memory"),
        rule(r"set_\w+_args_kernel", "gemm", "prepares the operands of a grouped product", role="helper"),
        rule(
            r"cross_device_reduce\w*|\w*[Aa]ll_?[Rr]educe\w*|\w*[Aa]ll_?[Gg]ather\w*|\w*all2all\w*",
            "communication",
            "collective",
        ),
        rule(
            r"\w*[Aa]ttention\w*|\w*[Ff]mha\w*|\w*mha_\w*|\w*mla_\w*|(?<![A-Za-z])attn(?![A-Za-z])",
            "attention",
            "attention",
        ),
        rule(r"\w*[Ss]oft_?[Mm]ax\w*", "softmax", "softmax"),
        rule(
            r"\w*(?:[Ll]ayer_?[Nn]orm|[Rr][Mm][Ss]_?[Nn]orm|[Gg]roup_?[Nn]orm|[Bb]atch_?[Nn]orm|[Ll]n_(?:fwd|bwd)|GammaBeta)\w*",
            "normalization",
            "normalisation",
        ),
        rule(r"cuComputeGrad\w*", "normalization", "part of layer normalisation"),
        rule(r"(?:causal_)?conv1d\w*", "convolution", "short causal convolution", algorithm="direct"),
        rule(r"\w*[Gg]emv\w*|wvSplitK\w*", "gemv", "matrix times vector"),
        rule(r"\w*(?:[Gg]emm|[Mm]atmul|[Mm]arlin)\w*", "gemm", "matrix times matrix"),
        rule(r"\w*[Dd]ropout\w*", "dropout", "dropout"),
        rule(r"\w*[Pp]ooling\w*", "pooling", "pooling"),
        rule(
            r"split_embedding_codegen_forward\w*|split_embedding\w*|\w*[Ee]mbedding\w*|linearize_index\w*|bounds_check\w*",
            "other",
            "embedding tables",
        ),
        rule(r"\w*(?:silu|gelu|swiglu|relu|act_and_mul|activation)\w*", "activation", "activation"),
        rule(
            r"\w*(?:rotary|rope|RoPE|multi_tensor_apply|[Qq]uant\w*|scaled_fp\d|silu_mul|fill|scale)\w*",
            "elementwise",
            "pointwise",
        ),
        rule(
            r"\w*(?:reshape_and_cache|concat|permute|[Cc]opy|gather|scatter|recat|expand|swap_blocks|[Cc]ast)\w*",
            "copy",
            "moves data",
        ),
        rule(r"\w*[Tt]ranspose\w*", "layout_transform", "transposes", role="layout_transform"),
        rule(r"\w*(?:[Rr]educe|finalize)\w*", "reduction", "reduction"),
        rule(
            r"\w*(?:[Rr]outing|[Tt]op_?[Kk]|[Ss]ampl|offsets_range|[Ss]ort|nms|roi_align|selective_scan|deform)\w*",
            "other",
            "selection",
        ),
    )
)


def read(name: Name) -> Facts | None:
    """Read a kernel of a known project outside the named libraries."""
    head = name.head
    batched = _BATCHED.match(head)
    if batched:
        return _generated_product(batched)
    project = _PROJECTS.match(head) or _KNOWN.match(head)
    if project is None:
        return None
    found = _RULES.find(name.base)
    if found is None:
        return Facts("other", "other", project[0], LOW)
    values, token = found
    facts = state(Facts("other", values["operation"], token, MEDIUM), values, token)
    facts.evidence["library"] = project[0]
    _types(facts, name)
    return facts


def read_words(name: Name) -> Facts | None:
    """Read English words in an identifier of unknown origin."""
    found = _RULES.find(name.base)
    if found is None:
        return None
    values, token = found
    # A word is no proof of a pass, of a method or of how the kernel multiplies.
    facts = Facts(UNKNOWN, values["operation"], token, LOW)
    facts.say("tensor_cores", UNKNOWN, token)
    if values["operation"] == "convolution":
        return facts
    _types(facts, name)
    return facts


def _types(facts: Facts, name: Name) -> None:
    if name.data_types:
        facts.say("input_dtype", *name.data_types[0])


def _generated_product(match: re.Match[str]) -> Facts:
    """Read TensorRT-LLM's generated products: types of output, A and B, accumulator, tile, stages."""
    output, first, second, accumulator, tile, stages = match.groups()
    facts = Facts("other", "gemm", "bmm")
    facts.say("output_dtype", _generated_type(output), output)
    # Which of two different types is the weights' is not told.
    if second is None or dtype(first) == dtype(second):
        facts.say("input_dtype", _generated_type(first), first)
    facts.say("accumulate_dtype", "f32", accumulator)
    facts.say("tile", tile, f"t{tile}")
    facts.say("stages", int(stages), f"s{stages}")
    return facts


def _generated_type(token: str) -> str:
    return {"Fp16": "f16", "Fp32": "f32"}.get(token) or dtype(token)


GRAMMAR: Final = Grammar(
    "other projects",
    read,
    (word(r"vllm|tensorrt_llm|moe|fbgemm_gpu|flashinfer", "the project's namespace", TRACE), *_RULES.words()),
    lambda head: _BATCHED.match(head) or _PROJECTS.match(head) or _KNOWN.match(head),
)
WORDS: Final = Grammar("plain words", read_words, _RULES.words(), lambda head: bool(head))
