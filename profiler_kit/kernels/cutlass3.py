"""CUTLASS 3 and 4: flat names in cuDNN 9 and cuBLAS 12, and the template names of direct use.

``cutlass3x_sm100_tensorop_s128x128x16implicit_gemm_fprop_f16_f16_f32_f16_f16_f32_128x128x64_dyn_cga_ndhwc_…_2sm``:
design, math unit, accumulator letter with the MMA shape and the operation, types of A, B, accumulator, C and D
(and of the epilogue), tile, cluster, stages (0: automatic), layouts or transposes, alignment, options.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ._dtypes import dtype, type_run
from ._identity import MEDIUM, UNKNOWN, Facts, Statement
from ._words import BINARY, CUTLASS_DOC, INFERRED, Grammar, word
from .cutlass2 import library_of

if TYPE_CHECKING:
    from ._names import Name

_START: Final = re.compile(
    r"cutlass(?<![^<(: _]cutlass)(?:3x)?_(sm\d{2,3}[a-z]?)_(tensorop|bstensorop|sptensorop|simt)_"
    r"(?:([shdczi])((?:\d+x\d+x\d+|\d+)?)(?:_?(9xbf16|tf32|bf16|f16)?))?(gemm|implicit_gemm|_?conv\dd|_)"
)
_LAYER: Final = re.compile(r"^cutlass_(tensorop|simt)_(first_layer)_(fprop|dgrad|wgrad)_(\w+)")
_PASS: Final = re.compile(r"(?:^|_)(fprop|dgrad|wgrad)(?:_|$)")
_TILE: Final = re.compile(r"\d+x\d+x\d+")
_TILE_WORD: Final = re.compile(r"_(\d+x\d+x\d+)(?:_|$)")
_PAIRS: Final = {("dyn", "cga"): ("cluster", "dynamic"), ("stream", "k"): ("split_k", "stream_k")}
_SIZED: Final = re.compile(r"(align|stage|tilesize|warpsize)(\d[\dx]{0,20})")
_TRANSPOSES: Final = re.compile(r"[ntch]{3}")
_EPILOGUE: Final = frozenset(
    [
        "bias",
        "relu",
        "gelu",
        "drelu",
        "dgelu",
        "silu",
        "aux",
        "scaled",
        "scalemax",
        "bgrada",
        "bgradb",
        "valpha",
        "vbeta",
        "vbias",
    ]
)
_LAYOUT: Final = re.compile(r"n(d?h?wc|cd?h?w)(?:n\1)?")
_TEMPLATE: Final = re.compile(r"(cutlass\w*)::(?:device_kernel$|gemm::)")
_STATIC_TILE: Final = re.compile(r"tuple<cute::C<(\d+)>, cute::C<(\d+)>, cute::C<(\d+)>")
_MAINLOOP: Final = re.compile(r"(?:Sm(\d{2,3}))\w{0,60}?(?:Gmma|Umma|WarpSpecialized|Mma)")
_ELEMENT: Final = re.compile(
    r"(?<![A-Za-z])(tfloat32_t|bfloat16_t|half_t|float_e[45]m[23]_t|float_e2m1_t|int8_t|float|double)(?=[,>])"
)


def read(name: Name) -> Facts | None:
    """Read a CUTLASS 3 name, flat or inside a template."""
    if "cutlass" not in name.text[:64]:
        return None
    head = name.head
    template = _TEMPLATE.match(head) if "::" in head else None
    inner = name.text[len(head) :][:4000] if template else head
    match = _START.search(inner)
    if match:
        return _flat(match, inner[match.end() :], template[1] if template else None)
    layer = _LAYER.match(head)
    if layer:
        return _first_layer(layer)
    if template and name.closed:
        return _template(name, template[1])
    return None


def _flat(match: re.Match[str], rest: str, space: str | None) -> Facts:
    design, unit, _letter, _shape, math, work = match.groups()
    tail = work + rest.partition(">")[0].partition("::")[0]
    parts = _parts(tail)
    direction = _direction(parts[0]) or _direction(parts[2])
    convolution = direction is not None or "conv" in work or "implicit" in work
    # Flat names live in NVIDIA's libraries: convolutions in cuDNN, products in cuBLAS. Direct use has a namespace.
    library = library_of(space) if space else ("cuDNN" if convolution else "cuBLAS")
    operation = "convolution" if convolution else "gemm" if "gemm" in tail else UNKNOWN
    facts = Facts(library, operation, work.strip("_"), MEDIUM if space is None else "high")
    facts.evidence["library"] = space or "cutlass"
    facts.say("design_arch", design, design)
    if convolution:
        facts.say("algorithm", "implicit_gemm", "implicit_gemm" if "implicit" in work else work.strip("_"))
        if direction:
            facts.say("pass_", direction, direction)
    _parameters(facts, parts, math)
    last = tail.rstrip("_").rpartition("_")[2]
    if last in ("assistant", "reduce"):
        facts.say("role", "helper" if last == "assistant" else "reduce", last)
    elif unit == "simt":
        facts.say("tensor_cores", "no", unit)
    else:
        facts.matrix_unit("tensor core", unit)
    return facts


def _parts(tail: str) -> tuple[str, str, str]:
    """Split at the tile: thousands of names share what stands before it, and what follows."""
    tile = _TILE_WORD.search(tail)
    return (tail[: tile.start()], tile[1], tail[tile.end() :]) if tile else (tail, "", "")


@lru_cache(maxsize=4096)
def _direction(text: str) -> str | None:
    direction = _PASS.search(text)
    return direction[1] if direction else None


def _parameters(facts: Facts, parts: tuple[str, str, str], math: str | None) -> None:
    """Read types, sizes, layouts, transposes, alignment and epilogue."""
    opening, tile, ending = parts
    facts.say_all(_types(opening, math) or _types(ending, math))
    stated, epilogue = _options(opening, False)
    facts.say_all(stated)
    if tile:
        facts.say("cluster" if "tile" in facts.evidence else "tile", tile, tile)
        stated, more = _options(ending, True)
        facts.say_all(stated)
        epilogue += more
    if epilogue:
        facts.say("epilogue", "_".join(epilogue), ", ".join(epilogue))


@lru_cache(maxsize=4096)
def _types(text: str, math: str | None) -> tuple[Statement, ...]:
    """Read A, B, accumulator, C, D; two-word forms pack {A,B}{…} as xmma does."""
    words: list[tuple[str, str]] = []
    for token in text.split("_"):
        run = type_run(token)
        if run:
            words.extend((dtype(part), token) for part in run)
        elif words:
            break
    if not words:
        return ()
    stated: list[Statement] = []
    source = words[0][0]
    if math and source == "f32":
        # f32 data, multiplied as TF32 (or in pieces of BF16, which is emulated f32 and stays f32).
        stated.append(("input_dtype", "tf32" if math == "tf32" else source, math))
    stated.append(("input_dtype", *words[0]))
    if len(words) > 2:
        stated.append(("accumulate_dtype", *words[2]))
    if len(words) > 4:
        stated.append(("output_dtype", *words[4]))
    return tuple(stated)


@lru_cache(maxsize=8192)
def _options(text: str, tiled: bool) -> tuple[tuple[Statement, ...], tuple[str, ...]]:
    """Read part of a name: what its options state, behind a tile or before it, and the words of the epilogue."""
    said: list[Statement] = []
    epilogue: list[str] = []
    tokens = text.split("_")
    for token, after in zip(tokens, [*tokens[1:], ""], strict=True):
        if (token, after) in _PAIRS:
            said.append((*_PAIRS[token, after], f"{token}_{after}"))
            continue
        stated = _option(token)
        if stated is None:
            continue
        key, value = stated
        if key == "epilogue":
            epilogue.append(token)
        else:
            said.append(("cluster" if key == "tile" and tiled else key, value, token))
            tiled = tiled or key == "tile"
    return tuple(said), tuple(epilogue)


@lru_cache(maxsize=4096)
def _option(token: str) -> tuple[str, str | int] | None:
    """Read one token as an option: its field and value."""
    if token in _EPILOGUE:
        return "epilogue", token
    if _TILE.fullmatch(token):
        return "tile", token
    if _TRANSPOSES.fullmatch(token):
        return "transposes", token
    if _LAYOUT.fullmatch(token):
        return "layout", "NHWC" if token.endswith("c") else "NCHW"
    sized = _SIZED.fullmatch(token)
    if sized is None:
        return None
    kind, value = sized.groups()
    if kind in ("align", "stage"):
        return ("alignment" if kind == "align" else "stages", int(value)) if value.isdigit() else None
    return "tile" if kind == "tilesize" else "warps", value


def _first_layer(match: re.Match[str]) -> Facts:
    unit, algorithm, direction, rest = match.groups()
    facts = Facts("cuDNN", "convolution", direction)
    facts.evidence["library"] = algorithm
    facts.say("pass_", direction, direction)
    facts.say("algorithm", "first_layer", algorithm)
    _parameters(facts, _parts(rest), None)
    if unit == "simt":
        facts.say("tensor_cores", "no", unit)
    else:
        facts.matrix_unit("tensor core", unit)
    return facts


def _template(name: Name, space: str) -> Facts | None:
    """Read ``cutlass::device_kernel<cutlass::gemm::kernel::GemmUniversal<…>>``."""
    text = name.text
    if "lash" in text[:300] or "fmha" in text[:300].lower():
        return None
    # cuBLAS keeps old CUTLASS generations under versioned names.
    library = "cuBLAS" if space in ("cutlass1x", "cutlass3x") else library_of(space)
    operation = "convolution" if "::conv::" in text else "gemm" if "gemm" in text.lower() else UNKNOWN
    facts = Facts(library, operation, "conv" if operation == "convolution" else "gemm", MEDIUM)
    facts.evidence["library"] = space
    if operation == "convolution":
        facts.say("algorithm", "implicit_gemm", "conv")
        direction = re.search(r"Operator::k(Fprop|Dgrad|Wgrad)", text)
        if direction:
            facts.say("pass_", direction[1].lower(), direction[0])
    for shape in _STATIC_TILE.finditer(text):
        # Clusters are written like tiles, but span a handful of blocks.
        tile = max(map(int, shape.groups())) > 16
        facts.say("tile" if tile else "cluster", "x".join(shape.groups()), shape[0])
    element = _ELEMENT.search(text)
    if element:
        facts.say("input_dtype", dtype(element[1]), element[1])
    mainloop = _MAINLOOP.search(text)
    if mainloop and int(mainloop[1]) >= 90:
        facts.say("design_arch", f"sm{mainloop[1]}", mainloop[0])
        facts.matrix_unit("tensor core", mainloop[0])
    return facts


GRAMMAR: Final = Grammar(
    "CUTLASS 3",
    read,
    (
        word(r"cutlass3x|cutlass", "CUTLASS 3 or later", CUTLASS_DOC),
        word(r"sm(\d+)[a-z]?", "designed for compute capability {0}", CUTLASS_DOC),
        word(r"(bs|sp)?tensorop", "matrix instructions ({0}: block-scaled bs, sparse sp): tensor cores", CUTLASS_DOC),
        word(r"simt", "scalar instructions: no tensor cores", CUTLASS_DOC),
        word(r"([shci])(\d+x\d+x\d+)?(\w*)", "accumulator {0}, matrix instruction {1}, {2}", CUTLASS_DOC),
        word(r"implicit|gemm|conv(\d)d", "the operation", CUTLASS_DOC),
        word(r"(fprop|dgrad|wgrad)", "convolution pass {0}", CUTLASS_DOC),
        word(r"strided", "dgrad of a strided convolution", BINARY),
        word(r"(\d+x\d+x\d+)", "tile M×N×K; a second one is the cluster", CUTLASS_DOC),
        word(r"dyn|cga", "cluster shape chosen at launch", BINARY),
        word(r"(ndhwc|nhwc|ncdhw|nchw)", "layout of A, B, C in turn", CUTLASS_DOC),
        word(r"([ntch]{3})", "transposes of A and B, layout of C", CUTLASS_DOC),
        word(r"align(\d+)", "channels (or leading dimensions) must be multiples of {0}", CUTLASS_DOC),
        word(r"([12])sm", "one tile spans {0} SM(s)", CUTLASS_DOC),
        word(r"stream|k", "stream-K work sharing", CUTLASS_DOC),
        word(
            r"(void|f\d+|bf16|tf32|e\dm\d|s8|s32|cf\d+|ue\w+)",
            "type, in the order A, B, accumulator, C, D: {0}",
            CUTLASS_DOC,
        ),
        word(
            r"(bias|relu|gelu|drelu|dgelu|aux|scaled|scalemax|valpha|vbeta|vbias)",
            "fused into the epilogue: {0}",
            INFERRED,
        ),
        word(r"assistant", "helper of the kernel named main", INFERRED),
    ),
    lambda head: "cutlass" in head and ("_sm" in head or _TEMPLATE.match(head) or _LAYER.match(head)),
)
