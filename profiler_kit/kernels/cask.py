"""Hand-scheduled kernels named after their architecture, in cuDNN and cuBLAS.

``[cudnn_infer_]volta_fp16_s884cudnn_fp16_128x128_ldg8_relu_f2f_exp_small_nhwc_tn_v1``: library, architecture, output
type, accumulator letter with the MMA shape, input type, tile, loads, options, size class, layout, transposes, version.
Digits after the letter are the shape of the matrix instruction; without them the kernel runs FFMA, DFMA or DP4A.
"""

# ruff: noqa: S105 – a token here is a piece of a name, never a secret
from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ._dtypes import dtype
from ._identity import MEDIUM, Facts, Statement
from ._words import INFERRED, TRACE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_ARCHITECTURES: Final = "kepler|maxwell|pascal|volta|turing|ampere|ada|hopper|blackwell"
_ARCHITECTURE: Final = re.compile(rf"(?:{_ARCHITECTURES}|Volta|Turing|Ampere)_")
_START: Final = re.compile(
    rf"(?:^|_)({_ARCHITECTURES})_(?:(u?int8x4|u?int8x32|u?int8|int32|fp16|bf16|fp32|fp64|tf32)_)?"
    r"(g?[shdczi])(\d*)(gemm|cudnn)(?:_|$)"
)
_FIRST_LAYER: Final = re.compile(rf"(?:^|_)({_ARCHITECTURES})_(first_layer)_filter\d+x\d+_([a-z]+)")
_FUSED: Final = re.compile(
    r"^(Volta|Turing|Ampere)_((?:[a-z]+_)*?)(hmma|imma)_(implicit_gemm)_(fprop|dgrad|wgrad)(?:_|$)"
)
_ACCUMULATOR: Final = {"s": "f32", "h": "f16", "d": "f64", "c": "f32", "z": "f64", "i": "i32"}
_TILE: Final = re.compile(r"\d{1,4}x\d{1,4}(?:x\d{1,4})?")
_OPTIONS: Final = {
    "relu": ("epilogue", "relu"),
    "splitK": ("split_k", "split_k"),
    "nhwc": ("layout", "NHWC"),
    "nhwc2nchw": ("layout", "NHWC"),
    "nchw": ("layout", "NCHW"),
}
_TRANSPOSES: Final = re.compile(r"[ntch]{2}")
_PASS_WORD: Final = {"fprop": "fprop", "fwd": "fprop", "dgrad": "dgrad", "wgrad": "wgrad"}
_INPUT: Final = frozenset(
    ["fp16", "bf16", "tf32", "fp32", "fp64", "int8", "uint8", "int8x4", "uint8x4", "int8x32", "uint8x32"]
)


def read(name: Name) -> Facts | None:
    """Read an architecture-named kernel."""
    head = name.head
    start = _START.search(head)
    if start is None:
        return _first_layer(head) or _fused(head)
    architecture, written, letter, shape, kind = start.groups()
    tail = head[start.end() :]
    tokens = tail.split("_") if tail else []
    core = f"{letter}{shape}{kind}"
    convolution = kind == "cudnn"
    facts = Facts(
        "cuDNN" if convolution or "cudnn" in head else "cuBLAS", "convolution" if convolution else "gemm", core
    )
    facts.say("design_arch", architecture, architecture)
    _types(facts, written, letter, shape, core, tokens)
    facts.say_all(_parameters(tail))
    if shape:
        facts.matrix_unit("tensor core", core)
    else:
        facts.say("tensor_cores", "no", core)
    if convolution:
        _convolution(facts, tokens, core)
    return facts


def _types(facts: Facts, written: str | None, letter: str, shape: str, core: str, tokens: list[str]) -> None:
    accumulator = _ACCUMULATOR[letter[-1]]
    facts.say("accumulate_dtype", accumulator, core)
    # The word int32 in sgemm_int32_… is the index type, so only types that can be multiplied count as input.
    stated = next((token for token in tokens[:4] if token in _INPUT), None)
    if stated:
        facts.say("input_dtype", dtype(stated), stated)
    elif not shape and letter[-1] in "shdcz":
        facts.say("input_dtype", accumulator, core)
    elif letter == "h":
        facts.say("input_dtype", "f16", core)
    if written:
        facts.say("output_dtype", dtype(written), written)
    elif letter != "i" and tokens:
        facts.say("output_dtype", accumulator, core)


@lru_cache(maxsize=8192)
def _parameters(tail: str) -> tuple[Statement, ...]:
    """Read what follows the kernel word; names of different architectures share it."""
    facts: dict[str, tuple[str | int, str]] = {}
    tokens = tail.split("_")
    for token, after in zip(tokens, [*tokens[1:], ""], strict=True):
        if "tile" not in facts and _TILE.fullmatch(token):
            facts["tile"] = token, token
        elif token == "stages" and _TILE.fullmatch(after):
            # The K tile stands with the number of stages.
            depth, _, stages = after.partition("x")
            facts.setdefault("stages", (int(stages.partition("x")[0]), f"stages_{after}"))
            if "tile" in facts:
                tile = facts["tile"][1].partition(",")[0]
                facts["tile"] = f"{tile}x{depth}", f"{tile}, {after}"
        elif token in _OPTIONS:
            key, value = _OPTIONS[token]
            facts.setdefault(key, (value, token))
        elif len(token) == 2 and _TRANSPOSES.fullmatch(token):
            facts.setdefault("transposes", (token, token))
    return tuple([(key, *fact) for key, fact in facts.items()])


def _convolution(facts: Facts, tokens: list[str], core: str) -> None:
    if "winograd" in tokens[:1]:
        # Runs forward and as dgrad with turned filters: the name cannot tell.
        facts.say("algorithm", "winograd", "winograd")
        return
    # computeOffsetsKernel fills the index table right before these kernels in every trace.
    facts.say("algorithm", "precomputed_implicit_gemm", core)
    facts.confidence = MEDIUM
    for token in tokens:
        if token in _PASS_WORD:
            facts.say("pass_", _PASS_WORD[token], token)
            return
    if "stridedB" in tokens:
        after = tokens[tokens.index("stridedB") + 1 :]
        if "splitK" in after:
            facts.say("pass_", "wgrad", "stridedB_splitK")
        # A name cut right behind stridedB might have gone on with splitK, which would make it wgrad.
        elif after and after[0] and not "splitK".startswith(after[0]):
            facts.say("pass_", "dgrad", "stridedB")


def _first_layer(head: str) -> Facts | None:
    start = _FIRST_LAYER.search(head)
    if start is None:
        return None
    facts = Facts("cuDNN", "convolution", "first_layer")
    facts.say("algorithm", "first_layer", "first_layer")
    facts.say("design_arch", start[1], start[1])
    if start[3] in _PASS_WORD:
        facts.say("pass_", _PASS_WORD[start[3]], start[3])
    if "RSKC_to_KRSC" in head:
        facts.say("role", "helper", "RSKC_to_KRSC")
    return facts


def _fused(head: str) -> Facts | None:
    """Read cuDNN 8's fused scale–bias–activation convolutions: ``Volta_scale_bias_relu_hmma_implicit_gemm_fprop_…``."""
    start = _FUSED.match(head)
    if start is None:
        return None
    facts = Facts("cuDNN", "convolution", f"{start[4]}_{start[5]}")
    facts.say("pass_", start[5], start[5])
    facts.say("algorithm", start[4], start[4])
    facts.say("design_arch", start[1].lower(), start[1])
    facts.matrix_unit("tensor core", start[3])
    if start[2]:
        facts.say("epilogue", start[2].strip("_"), start[2].strip("_"))
    tokens = head[start.end() :].split("_")
    # hmma multiplies f16 on Volta; the fpNN that follows the pass is the accumulator.
    if start[1] == "Volta":
        facts.say("input_dtype", "f16", start[3])
    for token in tokens:
        if token in ("fp16", "fp32"):
            facts.say("accumulate_dtype", dtype(token), token)
        elif token in ("nhwc", "nchw"):
            facts.say("layout", token.upper(), token)
        elif _TILE.fullmatch(token):
            facts.say("tile", token, token)
    return facts


GRAMMAR: Final = Grammar(
    "architecture-named",
    read,
    (
        word(rf"({_ARCHITECTURES})", "designed for {0} (not the device it ran on)"),
        word(
            r"(g?[shdczi])(\d+)(gemm|cudnn)",
            "{2} kernel, accumulator {0}, matrix instruction {1}: tensor cores",
            INFERRED,
        ),
        word(r"(g?[shdczi])(gemm|cudnn)", "{1} kernel, accumulator {0}, scalar arithmetic: no tensor cores", INFERRED),
        word(r"cudnn|infer|train|5x", "shipped in cuDNN"),
        word(r"stages", "next: depth of the K tile × stages of the pipeline"),
        word(r"(\d+x\d+)", "output tile M×N"),
        word(r"sliced(\d+x\d+)", "K shared by {0} warps of one block"),
        word(r"ldg(\d+)", "global loads of {0} elements"),
        word(r"stridedB", "B is read with a stride: dgrad, or wgrad together with splitK", TRACE),
        word(r"splitK", "K is split over blocks"),
        word(r"winograd", "Winograd convolution, forward or dgrad", TRACE),
        word(r"(small|medium|large|interior)", "size class of the problem: {0}", INFERRED),
        word(r"nhwc2nchw", "reads NHWC, writes NCHW"),
        word(r"(nhwc|nchw)", "layout {0}"),
        word(r"([ntch]{2})", "transposes of A and B"),
        word(
            r"(fp16|bf16|fp32|int8|uint8|int8x4|uint8x4|int32)",
            "type {0}: before the kernel word written, after it read",
        ),
        word(r"relu", "ReLU can be fused"),
        word(r"xregs", "uses more registers", INFERRED),
        word(r"v(\d+)", "version {0}"),
    ),
    _ARCHITECTURE.search,
)
