"""xmma: the flat names of NVIDIA's cask kernels in cuDNN (since 8) and cuBLAS (since 11).

``sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x64x32_stage3_warpsize2x2x1_g1_tensor16x8x8_…``
is, in order: design, pass or BLAS routine, method, types ``{in,out}_{math,accumulator}_{epilogue}``, layouts or
transposes, tile, pipeline, warps, groups, matrix instruction, options, entry point, library.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ._dtypes import ATOM, dtype, type_run
from ._identity import MEDIUM, UNKNOWN, Facts, Statement
from ._words import INFERRED, TRACE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_START: Final = re.compile(r"(?:^|_)(sm\d{2,3}[a-z]?)_xmma_([a-z0-9]+)")
_PASSES: Final = frozenset(("fprop", "dgrad", "wgrad"))
# Matrix–matrix routines of BLAS 3; all of them are one product with a constraint on an operand or on the result.
_PRODUCTS: Final = frozenset(["gemm", "symm", "hemm", "trmm", "syrk", "herk", "syrkx", "herkx", "syr2k", "her2k"])
# The first of these words that stands in the opening decides.
_ALGORITHMS: Final = (
    ("depthwise_convolution", "depthwise"),
    ("depthwise", "depthwise"),
    ("first_layer", "first_layer"),
    ("winograd", "winograd"),
    ("indexed_implicit_gemm", "implicit_gemm"),
    ("implicit_gemm", "implicit_gemm"),
)
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


class _Work(NamedTuple):
    """What is computed, by which library if the name does not say, the token, and what else the opening states."""

    operation: str
    library: str
    token: str
    stated: tuple[Statement, ...]


class _Part(NamedTuple):
    """What one half of a name states.

    Attributes:
        stated: Sizes, layouts, transposes and alignment.
        runs: Tokens made of types, with these types; behind a tile they are those of an auxiliary output.
        unit: The first token that names the arithmetic, and whether matrix units do it.
        epilogue: The words of the epilogue.
        entry: How the kernel is entered.
    """

    stated: tuple[Statement, ...]
    runs: tuple[tuple[str, tuple[str, ...]], ...]
    unit: tuple[str, str] | None
    epilogue: tuple[str, ...]
    entry: tuple[Statement, ...]


def read(name: Name) -> Facts | None:
    """Read an xmma name."""
    head = name.head
    if "_xmma_" not in head:
        return None
    start = _START.search(head)
    if start is None:
        return None
    # Thousands of names share what stands before the tile, and what follows; each half is read once.
    opening, tile, ending = head[start.start(2) :].partition("_tile")
    facts = _begin(_work(opening), head)
    facts.say("design_arch", start[1], start[1])
    before = _part(opening)
    if tile:
        behind = _part(f"tile{ending}")
        before = _Part(
            before.stated + behind.stated,
            before.runs + behind.runs,
            before.unit or behind.unit,
            before.epilogue + behind.epilogue,
            behind.entry,
        )
    facts.say_all(before.stated)
    facts.say_all(_types(before.runs[:3]))
    if before.epilogue:
        facts.say("epilogue", "_".join(before.epilogue), ", ".join(before.epilogue))
    facts.say_all(before.entry)
    _tensor_cores(facts, before.unit)
    return facts


def _begin(work: _Work, head: str) -> Facts:
    """Name the library: a suffix or prefix states it; without one the kind of work suggests it."""
    library, token = _suffix_library(head[-24:]) or _suffix_library(head[:12]) or (work.library, "")
    facts = Facts("cuDNN" if work.operation == "normalization" else library, work.operation, work.token)
    facts.say_all(work.stated)
    if token:
        facts.evidence["library"] = token
    if not token or work.operation == UNKNOWN:
        facts.confidence = MEDIUM
    return facts


@lru_cache(maxsize=4096)
def _work(opening: str) -> _Work:
    tokens = opening.split("_", 3)[:3]
    first = tokens[0]
    direction = next((token for token in tokens if token in _PASSES), None)
    if direction or first in ("depthwise", "deconv", "conv"):
        stated: list[Statement] = [("pass_", direction, direction)] if direction else []
        algorithm = next(((found, token) for token, found in _ALGORITHMS if token in opening), None)
        if algorithm:
            stated.append(("algorithm", *algorithm))
        return _Work("convolution", "cuDNN", direction or first, tuple(stated))
    if first in _PRODUCTS:
        return _Work("gemm", "cuBLAS", first, ())
    return _Work("normalization" if first.startswith("bn") else UNKNOWN, "cuBLAS", first, ())


@lru_cache(maxsize=4096)
def _suffix_library(tail: str) -> tuple[str, str] | None:
    if "cudnn" in tail:
        return "cuDNN", tail[tail.find("cudnn") :]
    if "cublas" in tail:
        return "cuBLAS", "cublas"
    return ("other", "trt") if tail.endswith("trt") else None


@lru_cache(maxsize=4096)
def _types(runs: tuple[tuple[str, tuple[str, ...]], ...]) -> tuple[Statement, ...]:
    """Read ``{in,out}_{math,acc}_{epilogue}``; fp8 pairs list A, B and the result in one token."""
    if not runs:
        return ()
    stated: list[Statement] = []
    token, run = runs[0]
    source = dtype(run[0])
    # First-layer names state {in,out types} and one accumulator, then the output.
    if len(runs) > 2 and len(runs[1][1]) == 1:
        stated.append(("output_dtype", dtype(runs[2][1][-1]), runs[2][0]))
    elif len(run) > 1:
        stated.append(("output_dtype", dtype(run[-1]), token))
    if len(runs) > 1:
        math_token, math = runs[1]
        stated.append(("accumulate_dtype", dtype(math[-1]), math_token))
        if math[0] == "tf32" and source == "f32":
            source, token = "tf32", math_token
    return *stated, ("input_dtype", source, token)


@lru_cache(maxsize=8192)
def _part(text: str) -> _Part:
    """Read types, sizes, layouts, transposes, alignment, epilogue and the token that names the arithmetic."""
    said: list[Statement] = []
    epilogue: list[str] = []
    runs: list[tuple[str, tuple[str, ...]]] = []
    unit: tuple[str, str] | None = None
    tokens = text.split("_")
    tiled = False
    for token, after in zip(tokens, [*tokens[1:], ""], strict=True):
        run = type_run(token)
        if run:
            if not tiled:
                runs.append((token, run))
            continue
        stated = _parameter(token)
        if stated is None:
            continue
        key, value = stated
        if key == "unit":
            unit = unit or (token, str(value))
        elif key == "epilogue":
            epilogue.append(token)
        else:
            said.append((key, value, f"{token}_{after}" if key == "layout" and after in _OUTPUT_LAYOUT else token))
            tiled = tiled or key == "tile"
            unit = unit or ((token, "yes") if token.startswith(("warpgroupsize", "cgasize")) else None)
    return _Part(tuple(said), tuple(runs), unit, tuple(epilogue), _entry_point(tokens))


@lru_cache(maxsize=4096)
def _parameter(token: str) -> tuple[str, str | int] | None:
    """Read one token as a parameter: its field and value."""
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


def _entry_point(tokens: list[str]) -> tuple[Statement, ...]:
    """Read how the kernel is entered: split_k_kernel is the reduction that follows its namesake."""
    tail = "_".join(tokens[-9:])
    if "split_k_kernel" in tail:
        return ("role", "reduce", "split_k_kernel"), ("split_k", "split_k", "split_k_kernel")
    for words, token in (("helper_kernel", "helper"), ("pre_execute", "pre_execute"), ("post_execute", "post_execute")):
        if words in tail:
            return (("role", "helper", token),)
    if "segment_k_on" in tail:
        return (("split_k", "segment_k", "segment_k_on"),)
    return (("split_k", "off", "segment_k_off"),) if "segment_k_off" in tail else ()


def _tensor_cores(facts: Facts, unit: tuple[str, str] | None) -> None:
    # The reduction and the helpers carry the main kernel's tokens, but run none of its products.
    if facts.values["role"] in ("reduce", "helper"):
        return
    if facts.values["algorithm"] == "depthwise":
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
