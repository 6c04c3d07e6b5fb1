"""Tensile: the generator behind rocBLAS and hipBLASLt; its names list every parameter of the solution.

``Cijk_Alik_Bljk_BBS_BH_…_MT256x128x64_MI16x16x1_SN_…_GSU4_…_ISA942_…``: index order of C, A and B (which gives the
transposes), types of data, output and computation, macro tile, matrix instruction, split along K, design.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import UNKNOWN, Facts
from ._words import SOURCE_CODE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_START: Final = re.compile(r"^(?:Custom_)?Cijkl?_(?:(A[il]+[jk]?[ijkl]*)_(B[jl]+[ijkl]*)_)?")
_TYPE_LETTERS: Final = {
    "S": "f32",
    "H": "f16",
    "B": "bf16",
    "D": "f64",
    "C": "f32",
    "Z": "f64",
    "I": "i32",
    "X": "tf32",
}
_TYPES: Final = re.compile(r"(?:(F8B8|B8F8|F8|B8|I8|4xi8|[SHBDCZIX])_?)(?:(F8|B8|I8|[SHBDCZI]))?_?([SDIHCZX])?(?:_|$)")
_TILE: Final = re.compile(r"_MT(\d+x\d+x\d+)")
_INSTRUCTION: Final = re.compile(r"_(MI\d+x\d+x\d+(?:x\d+)?)_")
_DESIGN: Final = re.compile(r"_ISA(\d{3,4})(?:_|$)")
_SPLIT: Final = re.compile(r"_(GSU(\d+))(?:_|$)")


def read(name: Name) -> Facts | None:
    """Read a Tensile solution's name."""
    head = name.head
    start = _START.match(head)
    if start is None:
        return None
    facts = Facts("Tensile", "gemm", "Cijk")
    if start[1]:
        transposes = ("n" if start[1].startswith("Ai") else "t") + ("n" if start[2].startswith("Bl") else "t")
        facts.say("transposes", transposes, f"{start[1]}_{start[2]}")
    _types(facts, head[start.end() :])
    tile = _TILE.search(head)
    if tile:
        facts.say("tile", tile[1], f"MT{tile[1]}")
    design = _DESIGN.search(head)
    if design:
        facts.say("design_arch", f"gfx{design[1]}", f"ISA{design[1]}")
    _role(facts, head, tile is not None)
    _unit(facts, head, design[1] if design else "")
    return facts


def _types(facts: Facts, rest: str) -> None:
    match = _TYPES.match(rest)
    if match is None:
        return
    data, output, compute = match.groups()
    if compute is None and output in ("S", "D", "I"):
        # Data and computation; the output then has the data's type.
        output, compute = None, output
    elif compute is None and output == "B":
        # A lone B behind the data type says that C is scaled by beta.
        output = None
    token = match[0].strip("_")
    facts.say("input_dtype", _letter(data), token)
    facts.say("output_dtype", _letter(output or data), token)
    facts.say("accumulate_dtype", _letter(compute or data), token)


def _letter(letters: str) -> str:
    if "F8" in letters or "B8" in letters:
        return "fp8"
    return "i8" if letters in ("I8", "4xi8") else _TYPE_LETTERS.get(letters, UNKNOWN)


def _role(facts: Facts, head: str, product: bool) -> None:
    if "PostGSU" in head:
        facts.say("role", "reduce", "PostGSU")
    elif "BetaOnly" in head or (not product and re.search(r"_GA?B?$|_GA_", head)):
        facts.say("role", "helper", head[:40])
    split = _SPLIT.search(head)
    if split and int(split[2]) > 1:
        facts.say("split_k", "split_k", split[1])


def _unit(facts: Facts, head: str, design: str) -> None:
    if facts.values["role"] != "main":
        return
    instruction = _INSTRUCTION.search(head)
    if instruction:
        # gfx11 and gfx12 are RDNA, whose matrix instruction is WMMA; the others are CDNA.
        facts.matrix_unit("WMMA" if len(design) == 4 and design[:2] in ("11", "12") else "MFMA", instruction[1])
        return
    without = re.search(r"MT\d+x\d+x\d+_(?!M)[A-Z]\w{0,8}?_", head)
    if without:
        # The instruction follows the tile at once; another whole token there means that there is none.
        facts.say("tensor_cores", "no", without[0].strip("_"))


GRAMMAR: Final = Grammar(
    "Tensile",
    read,
    (
        word(r"Cijkl?", "C's indices: a (batched) matrix product", SOURCE_CODE),
        word(r"A(\w+)|B(\w+)", "an operand's index order; l is summed over", SOURCE_CODE),
        word(r"([SHBDCZI]{1,3})", "types: data, output, computation (S f32, H f16, B bf16, D f64)", SOURCE_CODE),
        word(r"MT(\d.*)", "macro tile {0}", SOURCE_CODE),
        word(r"MI(\d.*)", "matrix instruction {0}", SOURCE_CODE),
        word(r"GSU(\d+)", "K split {0} times over blocks", SOURCE_CODE),
        word(r"ISA(\d+)", "designed for gfx{0}", SOURCE_CODE),
        word(r"(BH|HPA|HA)", "high-precision accumulation", SOURCE_CODE),
        word(r"Bias", "bias fused into the epilogue", SOURCE_CODE),
        word(r"PostGSU\w*", "sums the split products", SOURCE_CODE),
        word(r"([A-Z][A-Za-z]*)(\d\S*)", "solution parameter {0} = {1}", SOURCE_CODE),
    ),
    _START.match,
)
