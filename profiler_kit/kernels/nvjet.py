"""nvjet: matrix products that cuBLAS 12.5 and later generates at run time, so no binary lists them.

``nvjet_sm90_tst_128x256_64x4_2x1_v_bz_coopA_bias_TNT``: design, type letters, tile M×N, K tile × stages, cluster,
raster order, epilogue form, options, transposes and output order. For consumer Blackwell, which has no warpgroup
instructions, ``nvjet_sm120_tst_mma_64x64x128_3_32x32x128_tmaAB_alignCD4_bz_TNNN``: tile M×N×K, stages, tile of a warp.
"""

# ruff: noqa: S105 – a token here is a piece of a name, never a secret
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import UNKNOWN, Facts
from ._words import INFERRED, TRACE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_START: Final = re.compile(
    r"(?:^|_)nvjet_(?:(sm\d{2,3}[a-z]?)_)?(?:([a-z]{3,6})(?:_|$))?(?:(\d+x\d+)_)?(?:(\d+)x(\d+)_)?(?:(\d+x\d+)_)?"
)
_WARP_LEVEL: Final = re.compile(r"mma_(\d+x\d+x\d+)_(?:(\d+)_)?")
_LETTERS: Final = {"h": "f16", "t": "bf16", "s": "f32", "q": "fp8", "d": "f64", "b": "i8", "i": "i32"}
_TRANSPOSES: Final = re.compile(r"[TN]{3,4}")


def read(name: Name) -> Facts | None:
    """Read an nvjet name."""
    if "nvjet" not in name.head:
        return None
    start = _START.search(name.head)
    if start is None:
        return Facts("cuBLAS", "gemm", "nvjet", "low") if name.head.startswith("nvjet") else None
    design, letters, tile, depth, stages, cluster = start.groups()
    facts = Facts("cuBLAS", "gemm", "nvjet")
    facts.matrix_unit("tensor core", "nvjet")
    if design:
        facts.say("design_arch", design, design)
    warp_level = _WARP_LEVEL.match(name.head, start.end())
    # A cut name may have lost letters; the whole word is followed by the tile.
    if letters and (tile or warp_level):
        _types(facts, letters)
    if warp_level:
        facts.say("tile", warp_level[1], warp_level[1])
        if warp_level[2]:
            facts.say("stages", int(warp_level[2]), warp_level[2])
    if tile:
        facts.say("tile", f"{tile}x{depth}" if depth else tile, f"{tile}_{depth}x{stages}" if depth else tile)
    if stages:
        facts.say("stages", int(stages), f"{depth}x{stages}")
    if cluster:
        facts.say("cluster", f"{cluster}x1", cluster)
    _options(facts, name.head[start.end() :].split("_"))
    return facts


def _options(facts: Facts, tokens: list[str]) -> None:
    for token in tokens:
        if token == "splitK":
            facts.say("split_k", "split_k", token)
        elif token in ("bias", "relu", "gelu", "badd"):
            facts.say("epilogue", token, token)
        elif _TRANSPOSES.fullmatch(token):
            facts.say("transposes", token.lower(), token)


def _types(facts: Facts, letters: str) -> None:
    """Three letters are input, accumulator, output; five are A, B, C, accumulator, D."""
    facts.say("input_dtype", _LETTERS.get(letters[0], UNKNOWN), letters)
    facts.say("accumulate_dtype", _LETTERS.get(letters[-2], UNKNOWN), letters)
    facts.say("output_dtype", _LETTERS.get(letters[-1], UNKNOWN), letters)


GRAMMAR: Final = Grammar(
    "nvjet",
    read,
    (
        word(r"nvjet", "cuBLAS' run-time generated matrix products: tensor cores", TRACE),
        word(r"sm(\d+)[a-z]?", "designed for compute capability {0}", INFERRED),
        word(r"([htsqdbiu]{3})", "input, accumulator, output: h f16, t bf16, s f32, q fp8, b int8", INFERRED),
        word(r"mma", "warp-level matrix instructions: tile M×N×K, stages, tile of a warp", INFERRED),
        word(r"(\d+x\d+x\d+)", "tile M×N×K: of the block, then of a warp", INFERRED),
        word(r"(\d{1,2})", "{0} stages of the software pipeline", INFERRED),
        word(r"tma(\w+)", "operands {0} are loaded by the tensor memory accelerator", INFERRED),
        word(r"align(\w+)(\d+)", "alignment of {0}: {1}", INFERRED),
        word(r"([htsqdbiu]{4,6})", "A, B, C, accumulator, D: h f16, t bf16, s f32, q fp8", INFERRED),
        word(r"(\d+x\d+)", "in order: tile M×N, K tile × stages, cluster", INFERRED),
        word(r"(\d)cta", "{0} blocks work on one tile", INFERRED),
        word(r"([hv])", "order in which tiles are visited (horizontal or vertical)", INFERRED),
        word(r"bz|badd|bx", "how the existing output is combined", INFERRED),
        word(r"coopA", "warpgroups share operand A", INFERRED),
        word(r"bias", "bias fused into the epilogue", INFERRED),
        word(r"splitK", "K is split over blocks", INFERRED),
        word(r"([TN]{3,4})", "transposes of A, B and the output's order", INFERRED),
        word(r"algo(\d+)", "variant {0}", INFERRED),
    ),
    lambda head: "nvjet" in head,
)
