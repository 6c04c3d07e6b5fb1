"""xmma: the flat names of NVIDIA's cask kernels in cuDNN (since 8) and cuBLAS (since 11).

``sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x64x32_stage3_warpsize2x2x1_g1_tensor16x8x8_…``
is, in order: design, pass or BLAS routine, method, types ``{in,out}_{math,accumulator}_{epilogue}``, layouts or
transposes, tile, pipeline, warps, groups, matrix instruction, options, entry point, library.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ._dtypes import ATOM, dtype, type_run
from ._identity import MEDIUM, Facts
from ._words import INFERRED, TRACE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_START: Final = re.compile(r"(?:^|_)(sm\d{2,3}[a-z]?)_xmma_([a-z0-9]+)")
_PASSES: Final = frozenset(("fprop", "dgrad", "wgrad"))
# Matrix–matrix routines of BLAS 3; all of them are one product with a constraint on an operand or on the result.
_PRODUCTS: Final = frozenset(["gemm", "symm", "hemm", "trmm", "syrk", "herk", "syrkx", "herkx", "syr2k", "her2k"])
_TRANSPOSES: Final = re.compile(r"[ntch]{2}")
_LAYOUT: Final = re.compile(r"n(d?h?wc|cd?h?w)k(?:t?r?sc|ct?r?s)")
_OUTPUT_LAYOUT: Final = frozenset(["nhwc", "nchw", "ndhwc", "ncdhw", "nwc", "ncw"])
_SIZED: Final = re.compile(r"(tilesize|tile|stage|warpsize|warpgroupsize|cgasize|aligna)(\d[\dx]{0,20})")
_SIZES: Final = {
    "tilesize": "tile",
    "tile": "tile",
    "stage": "stages",
    "warpsize": "warps",
    "cgasize": "cluster",
    "aligna": "alignment",
}
_EPILOGUE: Final = frozenset(["bias", "relu", "gelu", "drelu", "dgelu", "swish", "silu", "aux", "bgrada", "bgradb"])
# Types that only matrix instructions multiply in this family: every scalar design of the binaries has math f32 or f64.
_MATRIX_MATH: Final = frozenset(("f16", "bf16", "tf32", "fp8", "fp4"))


def read(name: Name) -> Facts | None:
    """Read an xmma name."""
    head = name.head
    if "_xmma_" not in head:
        return None
    start = _START.search(head)
    if start is None:
        return None
    tokens = head[start.start(2) :].split("_")
    facts = _work(tokens, head)
    facts.say("design_arch", start[1], start[1])
    unit = _parameters(facts, tokens)
    _entry_point(facts, tokens)
    _tensor_cores(facts, unit)
    return facts


def _work(tokens: list[str], head: str) -> Facts:
    first = tokens[0]
    direction = next((token for token in tokens[:3] if token in _PASSES), None)
    convolution = direction is not None or first in ("depthwise", "deconv", "conv")
    library, token, sure = _library(head, "cuDNN" if convolution else "cuBLAS")
    if convolution:
        facts = Facts(library, "convolution", direction or first)
        if direction:
            facts.say("pass_", direction, direction)
        _algorithm(facts, head)
    elif first in _PRODUCTS:
        facts = Facts(library, "gemm", first)
    elif first.startswith("bn"):
        facts = Facts("cuDNN", "normalization", first)
    else:
        facts = Facts(library, "unknown", first, MEDIUM)
    if token:
        facts.evidence["library"] = token
    if not sure:
        facts.confidence = MEDIUM
    return facts


@lru_cache(maxsize=4096)
def _suffix_library(tail: str) -> tuple[str, str] | None:
    if "cudnn" in tail:
        return "cuDNN", tail[tail.find("cudnn") :]
    if "cublas" in tail:
        return "cuBLAS", "cublas"
    return ("other", "trt") if tail.endswith("trt") else None


def _library(head: str, otherwise: str) -> tuple[str, str | None, bool]:
    """Name the library: a suffix or prefix states it; without one the kind of work suggests it."""
    stated = _suffix_library(head[-24:]) or _suffix_library(head[:12])
    return (*stated, True) if stated else (otherwise, None, False)


def _algorithm(facts: Facts, head: str) -> None:
    if "depthwise" in head:
        facts.say("algorithm", "depthwise", "depthwise_convolution" if "depthwise_conv" in head else "depthwise")
    elif "first_layer" in head:
        facts.say("algorithm", "first_layer", "first_layer")
    elif "winograd" in head:
        facts.say("algorithm", "winograd", "winograd")
    elif "indexed_implicit_gemm" in head:
        facts.say("algorithm", "implicit_gemm", "indexed_implicit_gemm")
    elif "implicit_gemm" in head:
        facts.say("algorithm", "implicit_gemm", "implicit_gemm")


def _types(facts: Facts, runs: list[tuple[str, tuple[str, ...]]]) -> None:
    """Read ``{in,out}_{math,acc}_{epilogue}``; fp8 pairs list A, B and the result in one token."""
    token, run = runs[0]
    source = dtype(run[0])
    if len(run) > 1:
        facts.say("output_dtype", dtype(run[-1]), token)
    if len(runs) > 1:
        math_token, math = runs[1]
        facts.say("accumulate_dtype", dtype(math[-1]), math_token)
        if math[0] == "tf32" and source == "f32":
            source, token = "tf32", math_token
        # First-layer names state {in,out types} and one accumulator, then the output.
        if len(math) == 1 and len(runs) > 2:
            facts.correct("output_dtype", dtype(runs[2][1][-1]), runs[2][0])
    facts.say("input_dtype", source, token)


def _parameters(facts: Facts, tokens: list[str]) -> tuple[str, str] | None:
    """Read types, sizes, layouts, transposes, alignment and epilogue; give the token that names the arithmetic."""
    epilogue: list[str] = []
    runs: list[tuple[str, tuple[str, ...]]] = []
    unit = None
    for position, token in enumerate(tokens):
        stated = _parameter(token)
        if stated is None:
            continue
        key, value = stated
        if key == "type":
            # Types of an auxiliary output follow much later.
            if len(runs) < 3 and "tile" not in facts.values:
                runs.append((token, value))  # type: ignore[arg-type]
        elif key == "unit":
            unit = unit or (token, str(value))
        elif key == "epilogue":
            epilogue.append(token)
        else:
            after = tokens[position + 1] if position + 1 < len(tokens) else ""
            proof = f"{token}_{after}" if key == "layout" and after in _OUTPUT_LAYOUT else token
            facts.say(key, value, proof)  # type: ignore[arg-type]
            unit = unit or ((token, "yes") if token.startswith(("warpgroupsize", "cgasize")) else None)
    if runs:
        _types(facts, runs)
    if epilogue:
        facts.say("epilogue", "_".join(epilogue), ", ".join(epilogue))
    return unit


@lru_cache(maxsize=4096)
def _parameter(token: str) -> tuple[str, str | int | tuple[str, ...]] | None:
    """Read one token as a parameter: its field and value."""
    run = type_run(token)
    if run:
        return "type", run
    if token.startswith(("ffma", "dfma", "hfma")):
        return "unit", "no"
    if token.startswith("tensor") or token in ("hmma", "imma", "dmma", "qmma"):
        return "unit", "yes"
    if token in _EPILOGUE:
        return "epilogue", token
    if _TRANSPOSES.fullmatch(token):
        return "transposes", token
    layout = _LAYOUT.fullmatch(token)
    if layout:
        return "layout", "NHWC" if layout[1].endswith("c") else "NCHW"
    sized = _SIZED.fullmatch(token)
    if sized is None:
        return None
    kind, value = sized.groups()
    if kind == "warpgroupsize":
        return "warps", f"{value} warpgroups"
    if kind in ("stage", "aligna"):
        return (_SIZES[kind], int(value)) if value.isdigit() else None
    return _SIZES[kind], value


def _entry_point(facts: Facts, tokens: list[str]) -> None:
    """Read how the kernel is entered: split_k_kernel is the reduction that follows its namesake."""
    tail = "_".join(tokens[-9:])
    if "split_k_kernel" in tail:
        facts.say("role", "reduce", "split_k_kernel")
        facts.say("split_k", "split_k", "split_k_kernel")
    elif "helper_kernel" in tail or "pre_execute" in tail or "post_execute" in tail:
        part = next(token for token in ("helper", "pre", "post") if token in tokens)
        facts.say("role", "helper", part if part == "helper" else f"{part}_execute")
    elif "segment_k_on" in tail:
        facts.say("split_k", "segment_k", "segment_k_on")
    elif "segment_k_off" in tail:
        facts.say("split_k", "off", "segment_k_off")


def _tensor_cores(facts: Facts, unit: tuple[str, str] | None) -> None:
    # The reduction and the helpers carry the main kernel's tokens, but run none of its products.
    if facts.values.get("role") in ("reduce", "helper"):
        return
    if facts.values.get("algorithm") == "depthwise":
        facts.say("tensor_cores", "no", "depthwise")
        return
    if facts.values["operation"] not in ("convolution", "gemm"):
        return
    if unit:
        if unit[1] == "no":
            facts.say("tensor_cores", "no", unit[0])
        else:
            facts.matrix_unit("tensor core", unit[0])
        return
    math = facts.evidence.get("accumulate_dtype")
    run = type_run(math) if math else None
    if run and len(run) > 1 and dtype(run[0]) in _MATRIX_MATH:
        facts.matrix_unit("tensor core", math or "")
        facts.confidence = MEDIUM


GRAMMAR: Final = Grammar(
    "xmma",
    read,
    (
        word(r"sm(\d+)[a-z]?", "designed for compute capability {0} (not the device it ran on)"),
        word(r"xmma", "NVIDIA's xmma kernel generator"),
        word(r"(fprop|dgrad|wgrad)", "convolution pass {0}"),
        word(r"implicit|gemm", "product of matrices; with implicit, the convolution's matrix is never written out"),
        word(r"indexed", "addresses come from an index table"),
        word(r"(symm|hemm|trmm|syrk|herk|syrkx|herkx|syr2k|her2k)", "BLAS 3 routine {0}"),
        word(r"tilesize(\d.*)", "output tile and depth M×N×K: {0}"),
        word(r"stage(\d+)", "{0} stages of software pipeline"),
        word(r"warpsize(\d.*)", "warps along M×N×K: {0}"),
        word(r"warpgroupsize(\d.*)", "warpgroups along M×N×K: {0}; wgmma, so tensor cores", INFERRED),
        word(r"cgasize(\d.*)", "thread-block cluster {0}", INFERRED),
        word(rf"({ATOM})", "type of the epilogue's arithmetic, or of an auxiliary tensor: {0}"),
        word(rf"((?:{ATOM}){{2,}})", "types: input and output first, then math and accumulator: {0}"),
        word(r"g(\d+)", "group size the kernel is specialised for: {0}", INFERRED),
        word(r"tensor(\d.*)", "matrix instruction of shape {0}: tensor cores"),
        word(r"ffma", "scalar fused multiply–add: no tensor cores"),
        word(r"(nhwckrsc|nchwkcrs|nchwkrsc)", "layout of input and filter"),
        word(r"(nhwc|nchw|ndhwc|ncdhw)", "layout of the output"),
        word(r"align([ac])(\d+)", "operand {0} aligned to {1} elements"),
        word(r"([ntch]{2})", "transposes of A and B"),
        word(r"t(\d+)r(\d+)s(\d+)", "specialised for the filter {0}×{1}×{2}"),
        word(
            r"split|k|segment|on|off",
            "part of the K-sharing: split_k_kernel is the reduction after its namesake",
            TRACE,
        ),
        word(r"execute|kernel", "entry point"),
        word(r"(bias|relu|gelu|drelu|dgelu|aux|bgrada|bgradb)", "fused into the epilogue: {0}"),
        word(r"cudnn|cublas|5x|infer|train", "the library that ships the kernel"),
    ),
    lambda head: "_xmma_" in head,
)
