"""ATen: PyTorch's native kernels. The launcher says how it runs, the functor in its arguments what it computes.

``at::native::vectorized_elementwise_kernel<4, at::native::CUDAFunctor_add<float>, …>``.
Source: aten/src/ATen/native/cuda.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final

from ._dtypes import cpp_dtype
from ._identity import MEDIUM, Facts
from ._words import SOURCE_CODE, Grammar, RuleBook, rule, state, word

if TYPE_CHECKING:
    from ._names import Name

_LAUNCHERS: Final = re.compile(
    r"(?:vectorized|unrolled|legacy|vectorized_templated|unrolled_templated)?_?elementwise_kernel\w*|index_elementwise_kernel"
    r"|_scatter_gather_elementwise_kernel|distribution_\w+|elementwise_kernel_with_index|multi_tensor_apply_kernel"
    r"|kernelPointwiseApply\d|loops?_kernel\w*"
)
_RULES: Final = RuleBook(
    (
        rule(
            r"conv_depthwise\dd_\w*(?:grad_weight|backward_weight)\w*",
            "convolution",
            "depthwise wgrad",
            direction="wgrad",
            algorithm="depthwise",
        ),
        rule(
            r"conv_depthwise\dd_\w*backward_(?:input|kernel)\w*",
            "convolution",
            "depthwise dgrad",
            direction="dgrad",
            algorithm="depthwise",
        ),
        rule(
            r"conv_depthwise\dd_(?:forward|cuda_kernel)\w*",
            "convolution",
            "depthwise forward",
            direction="fprop",
            algorithm="depthwise",
        ),
        rule(r"conv_depthwise\dd\w*", "convolution", "depthwise, pass not told", algorithm="depthwise"),
        rule(
            r"(?:deformable_)?(?:im2col|vol2col)\w*",
            "im2col",
            "unrolls the image",
            algorithm="explicit_gemm",
            role="helper",
        ),
        rule(
            r"(?:deformable_)?(?:col2im|col2vol)\w*",
            "im2col",
            "folds the product back",
            algorithm="explicit_gemm",
            role="helper",
        ),
        rule(
            r"\w*(?:multimem|one_shot|two_shot|all_reduce|all_gather|reduce_scatter|barrier_kernel)\w*",
            "communication",
            "symmetric-memory collective",
        ),
        rule(r"\w*dropout\w*|masked_scale\w*", "dropout", "dropout"),
        rule(
            r"\w*(?:[Bb]atch_?[Nn]orm|[Ll]ayer_?[Nn]orm|[Gg]roup_?[Nn]orm|[Ii]nstance_?[Nn]orm|rms_?norm|RMSNorm)\w*",
            "normalization",
            "normalisation",
        ),
        rule(
            r"RowwiseMoments\w*|GammaBeta\w*|ComputeInternalGradients\w*|ComputeFusedParams\w*|ComputeBackwardFusedParams\w*",
            "normalization",
            "part of layer or group normalisation",
        ),
        rule(
            r"ComputeGradientFusedParams\w*|Compute1dBackward\w*|cuCompute\w*Grad\w*|renormRow\w*|weight_norm\w*",
            "normalization",
            "part of a normalisation",
        ),
        rule(r"\w*[Ss]oft_?[Mm]ax\w*", "softmax", "softmax"),
        rule(
            r"\w*(?:max|avg|average|max_unpooling|lp)_?pool\w*|\w*average_gradinput\w*|adaptive\w*average\w*|atomic_adaptive\w*"
            r"|\w*fractional_max\w*",
            "pooling",
            "pooling",
        ),
        rule(r"(?:flash|fmha|attention|transform_bias_rescale_qkv)\w*", "attention", "attention"),
        rule(r"gemv\w*|int4mv_kernel\w*|addmv\w*", "gemv", "matrix times vector"),
        rule(r"\w*(?:tinygemm|int4_mm|int8_mm|grouped_mm|sparse_gemm)\w*", "gemm", "matrix times matrix"),
        rule(r"(?:lstm|gru)_cell\w*|\w*rnn\w*", "rnn", "recurrent cell"),
        rule(r"triu_tril\w*|tri[lu]_\w+|arange\w*|linspace\w*", "elementwise", "fills a pattern"),
        rule(
            r"\w*(?:CatArray\w*|[Cc]opy\w*|index[A-Z]\w*Index|vectorized_gather\w*|flip_kernel\w*|roll_cuda\w*|split_with_sizes\w*)",
            "copy",
            "moves data",
        ),
        rule(
            r"index_(?:select|copy|put|fill)\w*|(?<![A-Za-z])(?:take|put)_kernel\w*|(?:batch_)?transpose\w*|padding\w*|reflection_pad\w*"
            r"|replication_pad\w*|embedding_(?!b)\w*lookup\w*|gatherTopK|chunk_cat\w*|pixel_(?:un)?shuffle\w*",
            "copy",
            "moves data",
        ),
        rule(r"indexFunc\w*|index(?:Add|Fill|Copy|Reduce)\w*|indexing_backward\w*", "copy", "scatters along an index"),
        rule(r"_bfloat16_to_float_cuda_kernel|_float_to_bfloat16_cuda_kernel", "copy", "converts"),
        rule(r"\w*upsample\w*|grid_sampl\w*|\w*interpolat\w*|affine_grid\w*", "other", "resampling"),
        rule(
            r"\w*(?:embedding|EmbeddingBag|sum_and_scatter|krn_partials|krn_partial|compute_grad_weight)\w*",
            "other",
            "embedding",
        ),
        rule(
            r"\w*(?:nll_loss|ClassNLL|cross_entropy|multilabel|MultiMargin|ctc_loss|MultiLabel)\w*", "reduction", "loss"
        ),
        rule(
            r"(?:\w*_)?reduce_kernel\w*|\w*(?:norm_kernel|lpnorm|lpmax|cdist|pdist|kthvalue|median|mode|cub_reduction)\w*",
            "reduction",
            "reduction",
        ),
        rule(r"lp(?:norm|max)_cleanup", "reduction", "part of a foreach norm"),
        rule(
            r"\w*(?:[Ss]ort|[Tt]op_?[Kk]|[Ss]can|cum(?:sum|prod|max|min)|[Ss]earchsorted|[Hh]istogram|[Uu]nique|radix|bucket|multinomial|randperm)\w*",
            "other",
            "sorting, searching or scanning",
        ),
        rule(r"\w*(?:fused_adam|fused_sgd|adagrad|amp_|_foreach)\w*", "elementwise", "optimizer step"),
        rule(r"\w*(?:sparse|csr|coo|dense_representation)\w*", "other", "sparse or jagged tensors"),
        rule(r"\w*fft\w*", "fft", "helper of a Fourier transform", role="helper"),
    )
)
# What a functor computes. Order matters: dropout and normalisation functors use plainer ones inside.
_FUNCTORS: Final = (
    (re.compile(r"dropout|masked_scale"), "dropout"),
    (re.compile(r"(?:batch|layer|group|rms|instance)_?norm", re.IGNORECASE), "normalization"),
    (
        re.compile(
            r"(?:^|[^A-Za-z])(?:direct_copy|copy_kernel|Copy(?:Op|Functor)|LoadImpl|index_put|index_kernel|index_copy|gpu_index|"
            r"cuda_scatter_gather|cuda_take|flip|roll|TensorAssign|bfloat16tofloat|float8_copy|CopyListFunctor|Identity(?=[<>,]))"
        ),
        "copy",
    ),
    (
        re.compile(
            r"threshold_kernel|[Gg]elu|GeLU|[Ss]ilu|[Ss]igmoid|tanh_(?:kernel|backward)|leaky_relu|[Ee]lu_|elu_kernel|hardswish|"
            r"hardsigmoid|hardtanh|softplus|[Mm]ish|prelu|softshrink|hardshrink|logsigmoid|log_sigmoid|(?<!p)relu|glu_"
        ),
        "activation",
    ),
)
_TOP_LEVEL: Final = re.compile(
    r"^(?:softmax_warp_(?:forward|backward)|cunn_\w+|cuCompute\w+|elementwise_kernel_with_index|host_softmax\w*|cuda_layer_norm\w*"
    r"|multimem_\w+|one_shot_\w+|two_shot_\w+|cunn_ClassNLL\w+|kernelPointwiseApply\d|indexSelect\w+|cat_\w+_kernel|indexing_backward_kernel\w*"
    r"|randperm_handle_duplicate_keys_kernel|_bfloat16_to_float_cuda_kernel|_float_to_bfloat16_cuda_kernel)"
)


def read(name: Name) -> Facts | None:
    """Read one of PyTorch's native kernels."""
    head = name.head
    inside = _inside(head)
    if not inside and not _TOP_LEVEL.match(head):
        return None
    base = name.base
    launcher = _LAUNCHERS.fullmatch(base)
    if launcher:
        facts = _functor(name, base)
    elif base == "reduce_kernel":
        facts = Facts("ATen", "reduction", base)
    else:
        found = _RULES.find(base)
        facts = _operation(found, base)
    if inside:
        facts.evidence["library"] = head.partition("::")[0]
    _types(facts, name)
    return facts


def _inside(head: str) -> bool:
    return head.startswith(("at::", "at_", "c10::", "c10d::")) and "cub::" not in head


def _operation(found: tuple[dict[str, Any], str] | None, base: str) -> Facts:
    if found is None:
        return Facts("ATen", "other", base, "low")
    values, token = found
    facts = state(Facts("ATen", values["operation"], token), values, token)
    if values["operation"] == "convolution":
        # Depthwise sums channel by channel with scalar instructions.
        facts.say("tensor_cores", "no", token)
    return facts


@lru_cache(maxsize=8192)
def _functor_operation(text: str) -> tuple[str, str] | None:
    for pattern, operation in _FUNCTORS:
        match = pattern.search(text)
        if match:
            return operation, match[0].strip(":(<, ")
    return None


def _functor(name: Name, base: str) -> Facts:
    """Read what the functor among the launcher's template arguments computes."""
    start = len(name.head)
    end = name.text.find(">(", start)
    inner = name.text[start : end if 0 < end < start + 1200 else start + 1200]
    if base == "_scatter_gather_elementwise_kernel":
        return Facts("ATen", "copy", base)
    found = _functor_operation(inner)
    if found:
        facts = Facts("ATen", found[0], found[1])
        facts.evidence["library"] = base
        return facts
    facts = Facts("ATen", "elementwise", base)
    if not name.closed:
        facts.confidence = MEDIUM
    return facts


_FUNCTOR_TYPE: Final = re.compile(
    r"[<(, ](float|double|c10::Half|c10::BFloat16|__half|__nv_bfloat16|int|signed char|unsigned char)(?=[,>)])"
)


def _types(facts: Facts, name: Name) -> None:
    if name.data_types:
        facts.say("input_dtype", *name.data_types[0])
        return
    inner = name.text[len(name.head) : len(name.head) + 900]
    # The functor's last parenthesised list is the signature of the lambda that runs per element.
    match = _FUNCTOR_TYPE.search(inner, max(0, inner.find("{lambda(") - 40))
    if match and not match[1].startswith("int"):
        facts.say("input_dtype", cpp_dtype(match[1]), match[1])


GRAMMAR: Final = Grammar(
    "ATen",
    read,
    (
        word(r"at|native|c10", "PyTorch's tensor library", SOURCE_CODE),
        word(r"vectorized_elementwise_kernel", "pointwise launcher, contiguous data, vector loads", SOURCE_CODE),
        word(r"unrolled_elementwise_kernel", "pointwise launcher with type conversion or odd strides", SOURCE_CODE),
        word(r"elementwise_kernel\w*", "pointwise launcher for strided data", SOURCE_CODE),
        word(r"reduce_kernel", "PyTorch's reduction launcher", SOURCE_CODE),
        *_RULES.words(),
    ),
    lambda head: _inside(head) or _TOP_LEVEL.match(head),
)
