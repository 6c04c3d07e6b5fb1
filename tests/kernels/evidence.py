"""What a kernel's name says, read by plain substring rules that share no code with the package.

The rules are written down from the naming grammars and from the names themselves. Each returns None where the name
does not say, so that a check compares only what can be known.
"""

from __future__ import annotations

import re

CONVOLUTION = re.compile(
    r"fprop|dgrad|wgrad|convolve|conv\dd|convNd|conv\dD|winograd|fft[123]d_|DSE::|scudnn|hcudnn|icudnn|\d{3,5}cudnn"
    r"|first_layer|OffsetsKernel|ImplicitGemmConvolution|im2col"
)
NOT_CONVOLUTION = re.compile(r"fmha|sdpa|LSTM|RNN|dropout_mask|reorder|print_")


def direction(name: str) -> str | None:
    """Give the pass that a token states, or None; two different tokens state none."""
    text = name.partition("(")[0] if "::" not in name.partition("(")[0] else name.partition(">(")[0]
    lowered = text.lower()
    found = {word for word in ("fprop", "dgrad", "wgrad") if word in lowered}
    if "fmha" in lowered or "print_dropout" in lowered:
        return None
    if found:
        return found.pop() if len(found) == 1 else None
    if "stridedB_splitK" in text:
        return "wgrad"
    if re.search(r"stridedB_(?!splitK)", text):
        return "dgrad"
    if "_fwd_execute" in text:
        return "fprop"
    return None


def tells_no_direction(name: str) -> bool:
    """Say whether the name is one of those that run forward and backward alike."""
    if direction(name):
        return False
    return bool(
        re.search(
            r"winogradForward|fft[123]d_|DSE::|::compute(?:B)?OffsetsKernel|scudnn_winograd|generateWinograd", name
        )
        or re.search(
            r"(?:cudnn_|volta_|turing_|ampere_|maxwell_)[sh]?\w*cudnn_\w*(?:small|medium|large|interior)", name
        )
    )


_XMMA = re.compile(
    r"_xmma_.*?_((?:c?[a-z]+\d[a-z0-9]*)+?)_([a-z0-9]+)_([a-z0-9]+)_(nhwc|nchw|nn|nt|tn|tt|cc|cn|ct|nc|tc)"
)
_FIRST = (
    ("tf32", "tf32"),
    ("bf16", "bf16"),
    ("cbf16", "bf16"),
    ("f16", "f16"),
    ("cf16", "f16"),
    ("f32", "f32"),
    ("cf32", "f32"),
)
_MORE = (("f64", "f64"), ("cf64", "f64"), ("i8", "i8"), ("u8", "i8"), ("ci8", "i8"), ("e4m3", "fp8"), ("e5m2", "fp8"))
_CPP = {
    "__half": "f16",
    "__half2": "f16",
    "float": "f32",
    "double": "f64",
    "__nv_bfloat16": "bf16",
    "signed char": "i8",
    **dict.fromkeys(("unsigned char", "char", "char4", "uchar4", "char32"), "i8"),
    "float2": "f32",
    "double2": "f64",
}


def input_type(name: str) -> str | None:
    """Give the input type that the first type token states."""
    xmma = _XMMA.search(name)
    if xmma:
        if "tf32" in xmma[2] and xmma[1].startswith(("f32", "tf32", "cf32")):
            return "tf32"
        return next((kind for word, kind in _FIRST + _MORE if xmma[1].startswith(word)), None)
    arch = re.search(r"(?:s|h|i)\d*(?:cudnn|gemm)_(fp16|bf16|int8|uint8|int8x4|uint8x4)_", name)
    if arch and "cutlass" not in name and "xmma" not in name:
        return {"fp16": "f16", "bf16": "bf16"}.get(arch[1], "i8")
    flat = re.search(r"cutlass3x_\w*?_(f16|bf16|f32|s8|e4m3|e5m2|f8|cf32|cf16|cbf16)_\w+", name)
    if flat and "block_scaled" not in name:
        if "tf32" in name.partition(flat[1] + "_")[0]:
            return "tf32"
        table = {"s8": "i8", "e4m3": "fp8", "e5m2": "fp8", "f8": "fp8", "cf32": "f32", "cf16": "f16", "cbf16": "bf16"}
        return table.get(flat[1], flat[1])
    if "VectorizedConvert" in name:
        return None
    operand = re.search(r"cublasGemvTensor\w*<(__half|float|double|__nv_bfloat16|signed char) const>", name)
    if operand:
        return _CPP[operand[1]]
    # What a convolution's template reads is its first pointer to constant data; its arguments name other types, too.
    read = re.search(r"(?:conv|dgrad|wgrad|fft)\w*<[^()]*>\([^()]*?\b((?:un)?(?:signed )?\w+) const ?\*", name)
    if read and "reduction" not in name:
        return "i8" if "_int8" in name else _CPP.get(read[1])
    template = re.match(r"void [\w:]*<(?:int, ){0,2}(__half|float|double|__nv_bfloat16|signed char)[,>]", name)
    return _CPP[template[1]] if template else None


def layout(name: str) -> str | None:
    """Give the layout in which a token says that the input is read."""
    text = name.partition("(")[0]
    word = re.search(r"(n(?:d?hwc|cd?hw)|n(?:hwc|chw)(?=k))", text.lower())
    if not word or "RNN" in text or "DSE" in text:
        return None
    return "NHWC" if word[1].endswith("c") else "NCHW"


def tile(name: str) -> str | None:
    """Give the output tile that a token states, without its depth."""
    sized = re.search(r"tilesize(\d+x\d+)x\d+", name)
    if sized:
        return sized[1]
    if re.search(r"cutlass3x_", name):
        shape = re.search(r"_(\d+x\d+)x\d+_", name)
        return shape[1] if shape else None
    named = re.search(r"(?:gemm|cudnn|fprop|dgrad|wgrad)\w*?_(\d+x\d+)_", name.partition("(")[0])
    return named[1] if named else None


def tensor_cores(name: str) -> str | None:
    """Give what the arithmetic's token says, for kernels that run the product themselves."""
    if re.search(
        r"split_k_kernel|reduc|ReduceSplitK|helper|pre_execute|post_execute|assistant|depthwise|bn_stats", name
    ):
        return None
    if re.search(r"_ffma|_simt_|[sdc]gemm_\d|_scudnn_|_hcudnn_|_icudnn_|_FMA\b|ffma_", name):
        return "no"
    if re.search(
        r"tensorop|_tensor\d|s\d{3,5}(?:gemm|cudnn)|h\d{3,5}(?:gemm|cudnn)|i\d{3,5}(?:gemm|cudnn)|warpgroupsize|nvjet|_HMMA",
        name,
    ):
        return "yes"
    return None
