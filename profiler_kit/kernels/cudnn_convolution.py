"""cuDNN's own convolution kernels: the C++ templates that predate the generators, and their helpers.

The engines carry the number of the legacy algorithm they were written for (``wgrad_alg0_engine``). NVIDIA documents
those of dgrad and wgrad, FFT and Winograd aside, as products with a matrix that is never formed: implicit_gemm.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from ._identity import MEDIUM, Facts, Statement
from ._words import BINARY, INFERRED, Grammar, Rule, RuleBook, rule, word

if TYPE_CHECKING:
    from ._names import Name


def _convolution(pattern: str, direction: str | None, algorithm: str | None, why: str, **more: Any) -> Rule:
    stated = {**({"algorithm": algorithm} if algorithm else {}), **more}
    return rule(pattern, "convolution", why, direction, **stated)


_BOUND: Final = r"(?:^|::|_)"
_RULES: Final = RuleBook(
    (
        # Winograd. The Forward kernels also run dgrad, with turned filters.
        _convolution(
            r"winograd_?(?:nonfused)?::winogradWgrad\w+|winogradWgrad\w*",
            "wgrad",
            "winograd_nonfused",
            "transform of a wgrad by non-fused Winograd; the product is a separate kernel",
            role="helper",
        ),
        _convolution(
            r"winogradForward\w*",
            None,
            "winograd_nonfused",
            "transform of a forward or dgrad convolution by non-fused Winograd",
            role="helper",
        ),
        _convolution(
            r"generateWinogradTilesKernel", None, "winograd", "prepares a fused Winograd kernel", role="helper"
        ),
        _convolution(
            r"winograd::winograd\w*Kernel|winograd\dx\dKernel",
            None,
            "winograd",
            "fused Winograd, forward or dgrad",
        ),
        # FFT: transforms around a batched complex product, in every pass.
        _convolution(
            r"(?:^|::)fft[123]d_(?:r2c|c2r|c2c)\w*",
            None,
            "fft",
            "transform of a convolution by FFT, any pass",
            role="helper",
        ),
        _convolution(
            r"DSE::(?:regular|vector)_fft\w*", None, "fft", "transform of a convolution by FFT, any pass", role="helper"
        ),
        _convolution(r"pointwise_mult_and_sum_complex", None, "fft", "complex product of a convolution by FFT"),
        _convolution(r"flip_filter", None, None, "turns the filter for dgrad by a forward method", role="helper"),
        # Helpers whose name states the pass or the algorithm.
        _convolution(
            r"compute\w*Wgrad\w*OffsetsKernel",
            "wgrad",
            "precomputed_implicit_gemm",
            "fills the index table of a wgrad kernel",
            role="helper",
        ),
        _convolution(
            r"compute\w*OffsetsKernel\w*",
            None,
            "precomputed_implicit_gemm",
            "fills the index table of the implicit product that follows; runs in every pass",
            role="helper",
        ),
        _convolution(
            r"kern_precompute_indices", None, "precomputed_implicit_gemm", "fills an index table", role="helper"
        ),
        _convolution(r"first_layer_fwd::transform_filter", "fprop", "first_layer", "reorders a filter", role="helper"),
        _convolution(
            r"wgrad\w*_(?:reduction|batch_reduc)_kernel", "wgrad", "direct", "sums partial wgrads", role="reduce"
        ),
        _convolution(r"reduce_wgrad_\w+", "wgrad", "implicit_gemm", "sums partial wgrads", role="reduce"),
        _convolution(
            r"compute_valid_masks_kernel", None, "precomputed_implicit_gemm", "prepares a convolution", role="helper"
        ),
        _convolution(r"scaleFilterNd_kernel", None, None, "scales a filter before accumulation", role="helper"),
        _convolution(
            r"computeBiasGradientKernel|calc_bias_diff\w*", None, None, "sums the bias gradient", role="helper"
        ),
        rule(
            r"im2(?:col|row)\w*",
            "im2col",
            "unrolls the image for an explicit product",
            algorithm="explicit_gemm",
            role="helper",
        ),
        rule(r"col2im\w*", "im2col", "folds the product back to an image", algorithm="explicit_gemm", role="helper"),
        # Products.
        _convolution(r"explicit_convolve_[sdhi]+gemm", "fprop", "explicit_gemm", "forward by an explicit product"),
        _convolution(
            r"precomputed_convolve_[sdhi]+gemm", "fprop", "precomputed_implicit_gemm", "forward, precomputed indices"
        ),
        _convolution(r"conv\dd_precomputed\w*", "fprop", "precomputed_implicit_gemm", "forward, precomputed indices"),
        _convolution(
            r"implicit_convolve(?:Nd)?_[sdhi]+gemm", "fprop", "implicit_gemm", "forward by an implicit product"
        ),
        _convolution(r"convolve_common_engine\w*", "fprop", "implicit_gemm", "forward by an implicit product"),
        _convolution(
            r"convolve(?:Nd)?_dgrad(?:Nd)?\w*_engine", "dgrad", "implicit_gemm", "dgrad by an implicit product"
        ),
        _convolution(
            r"convolve(?:Nd)?_wgrad(?:Nd)?\w*_engine", "wgrad", "implicit_gemm", "wgrad by an implicit product"
        ),
        _convolution(r"dgrad\d?d?_alg\d\w*", "dgrad", "implicit_gemm", "dgrad, legacy algorithm 0 or 1"),
        _convolution(r"wgrad\d?d?_alg3\w*", "wgrad", "precomputed_implicit_gemm", "wgrad, legacy algorithm 3"),
        _convolution(r"wgrad\d?d?_alg\d\w*", "wgrad", "implicit_gemm", "wgrad, legacy algorithm 0 or 1"),
        _convolution(r"dgrad_engine\w*", "dgrad", "implicit_gemm", "dgrad, legacy algorithm 1"),
        # Direct forms.
        _convolution(
            r"conv(?:\d|N)d_grouped_direct_kernel\w*", "fprop", "grouped_direct", "grouped convolution, direct sum"
        ),
        _convolution(
            r"dgrad(?:\d|N)d_grouped_direct_kernel\w*", "dgrad", "grouped_direct", "grouped dgrad, direct sum"
        ),
        _convolution(
            r"wgrad(?:\d|N)d_grouped_direct_kernel\w*", "wgrad", "grouped_direct", "grouped wgrad, direct sum"
        ),
        _convolution(_BOUND + r"conv\dd_c\d_k\d_\w+", "fprop", "depthwise", "one channel in, one out per group"),
        _convolution(_BOUND + r"dgrad\dd_c\d_k\d_\w+", "dgrad", "depthwise", "one channel in, one out per group"),
        _convolution(_BOUND + r"wgrad\dd_c\d_k\d_\w+", "wgrad", "depthwise", "one channel in, one out per group"),
        *(
            _convolution(
                rf"depthwise_n\w*_{direction}_kernel\w*", direction, "depthwise", "depthwise, channel by channel"
            )
            for direction in ("fprop", "dgrad", "wgrad")
        ),
        _convolution(r"wgrad\dd_shmem_tiling_kernel", "wgrad", "depthwise", "depthwise wgrad, tiles in shared memory"),
        _convolution(r"conv\dD_NC?H?W?\w*_wgrad\w*", "wgrad", "direct", "1-D wgrad, direct sum"),
        _convolution(r"dgrad\dd_filter\w+|Kernel_dgrad_\w+", "dgrad", "direct", "dgrad for one filter size and stride"),
        _convolution(r"(?<=cnn::)dgrad_\d+x\d+_stride\w*", "dgrad", "first_layer", "dgrad of the first-layer engine"),
        _convolution(r"(?:^|::)dgrad_\dd", "dgrad", "depthwise", "depthwise dgrad along one axis"),
    )
)
_FOREIGN: Final = ("at::", "ck::", "ck_tile::", "xmma", "cutlass", "miopen")
_SCALAR: Final = frozenset(
    ("implicit_gemm", "precomputed_implicit_gemm", "explicit_gemm", "grouped_direct", "depthwise")
)
_CONV1D: Final = re.compile(r"conv\dD_NC?H?W?(?:_general)?")
_ACCUMULATOR: Final = (("dgemm", "f64"), ("hhgemm", "f16"), ("sgemm", "f32"), ("float_engine", "f32"))
_LAYOUT: Final = re.compile(r"(?:_|^)(NHWC|NCHW|nhwc|nchw|ndhwc|ncdhw)(?:_|$)")


class _Kernel(NamedTuple):
    """What an identifier states.

    Attributes:
        operation: What is computed.
        token: The token that says so.
        stated: What counts before the types of the arguments.
        last: What counts behind them.
    """

    operation: str
    token: str
    stated: tuple[Statement, ...]
    last: tuple[Statement, ...]


def read(name: Name) -> Facts | None:
    """Read one of cuDNN's own convolution kernels."""
    head = name.head
    kernel = _kernel(head, name.closed)
    if kernel is None or (kernel.operation == "im2col" and "cudnn" not in name.text):
        return None
    token = kernel.token
    facts = Facts("cuDNN", kernel.operation, token)
    facts.say_all(kernel.stated)
    if "_alg" in token or "engine" in token:
        facts.confidence = MEDIUM
    _types(facts, name)
    facts.say_all(kernel.last)
    return facts


@lru_cache(maxsize=8192)
def _kernel(head: str, closed: bool) -> _Kernel | None:
    """Read an identifier; instances of one template share theirs."""
    if head.startswith(_FOREIGN):
        return None
    base = head.rpartition("::")[2]
    found = _RULES.find(head)
    if found is None:
        # The pass follows the layout in this family, so only an identifier that is known to end there has none.
        plain = _CONV1D.fullmatch(base) if closed else None
        if plain is None:
            return None
        found = {"operation": "convolution", "pass_": "fprop", "algorithm": "direct"}, plain[0]
    values, token = found
    last: list[Statement] = [("accumulate_dtype", kind, stem) for stem, kind in _ACCUMULATOR if stem in base]
    layout = _LAYOUT.search(base)
    if layout:
        last.append(("layout", "NHWC" if layout[1].lower().endswith("c") else "NCHW", layout[1]))
    if "role" not in values and values.get("algorithm") in _SCALAR and "_filter" not in token:
        # These templates predate matrix instructions or sum channel by channel.
        last.append(("tensor_cores", "no", token))
    stated = tuple([(key, value, token) for key, value in values.items() if key != "operation"])
    if "_int8" in base:
        # Four of them come packed in an int.
        stated = (*stated, ("input_dtype", "i8", "int8"))
    return _Kernel(values["operation"], token, stated, tuple(last))


def _types(facts: Facts, name: Name) -> None:
    read_from, written = name.pointers
    if read_from and facts.values["role"] != "reduce":
        # Templates name index and accumulator types too, in an order of their own; what is read is the input.
        facts.say("input_dtype", *read_from)
    elif name.data_types and "grouped_direct" not in name.base:
        facts.say("input_dtype", *name.data_types[0])
    if written:
        facts.say("output_dtype", *written)


GRAMMAR: Final = Grammar(
    "cuDNN convolution",
    read,
    (
        *_RULES.words(),
        word(r"conv\dD_NC?H?W?(?:_general)?", "forward convolution along one axis, direct sum", BINARY),
        word(r"cudnn|cnn|detail|engines_precompiled", "cuDNN's namespaces", BINARY),
        word(r"__half|float|double|__nv_bfloat16", "type of data or accumulator", INFERRED),
    ),
    lambda head: not head.startswith(_FOREIGN) and (_RULES.find(head) or _CONV1D.search(head)),
)
