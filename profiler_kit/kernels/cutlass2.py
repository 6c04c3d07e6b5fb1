"""CUTLASS 2: procedural names and template names, in cuDNN, in cuBLAS and used directly.

``cutlass::Kernel2<cutlass_80_tensorop_f16_s16816gemm_relu_f16_128x128_32x5_tn_align8>``: architecture, math unit,
output type, accumulator letter with the MMA shape and the operation, options, input type, tile, K tile × stages,
layout or transposes, alignment. CUTLASS' own generator leaves the architecture out; cuBLAS always writes it.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final, NamedTuple

from ._dtypes import dtype
from ._identity import MEDIUM, UNKNOWN, Facts, Statement
from ._words import BINARY, CUTLASS_DOC, INFERRED, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_SPACE: Final = re.compile(r"^(cutlass\w*)::")
# The search runs fast because a literal comes first; what may stand before it is looked up afterwards.
_PROCEDURAL: Final = re.compile(
    r"cutlass_(?<![^<(: _]cutlass_)(?:(\d{2,3})_)?(wmma_)?(tensorop|sptensorop|bstensorop|simt)_(?:([a-z]+\d+)_)?"
    r"(g?[shdczi])(\d*)(tf32|bf16|f16)?(gemm|fprop|dgrad|wgrad|deconv|trmm|symm|hemm|syrk|herk|syr2k|her2k)(?:_(\w*)|$|[>:,(])"
)
_ACCUMULATOR: Final = {"s": "f32", "h": "f16", "d": "f64", "c": "f32", "z": "f64", "i": "i32"}
_TILE: Final = re.compile(r"\d{1,4}x\d{1,4}")
_ALIGN: Final = re.compile(r"align(\d{1,4})")
_TRANSPOSES: Final = re.compile(r"[ntch]{2}")
_EPILOGUE: Final = frozenset(["relu", "gelu", "drelu", "dgelu", "bias", "silu", "swish", "bgrada", "bgradb"])
_PASS: Final = re.compile(r"(?:Conv\dd|Depthwise\w{0,20}?|Operator::k)(Fprop|Dgrad|Wgrad)")
_LAYOUT: Final = re.compile(r"layout::Tensor(ND?HWC|NCD?HW)")
_SHAPE: Final = re.compile(r"GemmShape<(\d+), (\d+), (\d+)>")
_ELEMENT: Final = re.compile(
    r"(?<![A-Za-z])(tfloat32_t|bfloat16_t|half_t|float_e4m3_t|float_e5m2_t|int8_t|float|double)(?=[,>])"
)
_MATRIX_MATH: Final = re.compile(r"OpClassTensorOp|MmaTensorOp|DefaultMmaTensorOp|TensorOpMultiplicand")
_SCALAR_MATH: Final = re.compile(r"OpClassSimt|MmaSimt")


def read(name: Name) -> Facts | None:
    """Read a CUTLASS 2 name."""
    head = name.head
    if "cutlass" not in name.text[:64]:
        return None
    space = _SPACE.match(head)
    inner = name.text[len(head) :][:4000] if space else head
    match = _PROCEDURAL.search(inner)
    if match:
        return _procedural(match, space[1] if space else "")
    if space and name.base.rstrip("0123456789") == "Kernel":
        return _template(name, space[1])
    return None


def library_of(space: str) -> str:
    """Name the library that a CUTLASS namespace belongs to: vendors rename it to keep their copy apart."""
    if "cudnn" in space:
        return "cuDNN"
    return "cuBLAS" if "cublas" in space else "CUTLASS"


def _procedural(match: re.Match[str], space: str) -> Facts:
    *opening, rest = match.groups()
    core = _core(space, *opening)
    facts = Facts(core.library, core.operation, core.token)
    facts.evidence["library"] = core.library_token
    facts.say_all(core.stated)
    facts.say_all(_options(rest or ""))
    facts.say_all(core.last)
    return facts


class _Core(NamedTuple):
    """What a name states up to its operation.

    Attributes:
        library: The library.
        library_token: The token that names it.
        operation: What is computed.
        token: The token that says so.
        stated: What counts before the options behind the operation.
        last: What counts behind them.
    """

    library: str
    library_token: str
    operation: str
    token: str
    stated: tuple[Statement, ...]
    last: tuple[Statement, ...]


@lru_cache(maxsize=4096)
def _core(
    space: str,
    architecture: str | None,
    wmma: str | None,
    unit: str,
    written: str | None,
    letter: str,
    shape: str,
    math: str | None,
    work: str,
) -> _Core:
    """Read the opening of a procedural name; thousands of names share each."""
    core = f"{letter}{shape}{math or ''}{work}"
    library, token = library_of(space), space
    if library == "CUTLASS" and architecture:
        # 6,690 of these are in cuBLAS' binaries; CUTLASS' generator never writes the architecture here.
        library, token = "cuBLAS", f"cutlass_{architecture}"
    convolution = work in ("fprop", "dgrad", "wgrad", "deconv")
    stated: list[Statement] = [("design_arch", f"sm{architecture}", architecture)] if architecture else []
    last: list[Statement] = []
    accumulator = _ACCUMULATOR[letter[-1]]
    stated.append(("accumulate_dtype", accumulator, core))
    stated.append(("output_dtype", dtype(written) if written else accumulator, written or core))
    if math:
        # s16816bf16gemm: f32 data, rounded to the named type for the multiplication.
        stated.append(("input_dtype", dtype(math), core))
    elif implied := _implied_input(letter, shape, unit):
        last.append(("input_dtype", implied, core))
    if unit == "simt":
        last.append(("tensor_cores", "no", "simt"))
    else:
        last += [("tensor_cores", "yes", f"{wmma or ''}{unit}"), ("unit", "tensor core", f"{wmma or ''}{unit}")]
    if convolution:
        last.append(("algorithm", "implicit_gemm", core))
        if work != "deconv":
            last.append(("pass_", work, work))
    operation = "convolution" if convolution else "gemm"
    return _Core(library, token or "cutlass", operation, core, tuple(stated), tuple(last))


def _implied_input(letter: str, shape: str, unit: str) -> str | None:
    """Give the input type that the core implies where no later token states one."""
    if letter[-1] in "dz" or letter == "h" or (unit == "simt" and letter[-1] in "sc"):
        return _ACCUMULATOR[letter[-1]]
    # The generator omits the element type when it equals the output's: f32 data on TF32 instructions.
    return "tf32" if letter[-1] in "sc" and shape in ("1688", "884") and unit == "tensorop" else None


@lru_cache(maxsize=8192)
def _options(rest: str) -> tuple[Statement, ...]:
    """Read what follows the operation; names of different types and designs share it."""
    facts: dict[str, tuple[str | int, str]] = {}
    epilogue: list[str] = []
    for token in rest.split("_"):
        stated = _option(token)
        if stated is None:
            continue
        key, value = stated
        if key == "epilogue":
            epilogue.append(token)
        elif key != "tile":
            # A type behind the tile belongs to the epilogue.
            if key != "input_dtype" or "tile" not in facts:
                facts.setdefault(key, (value, token))
        elif "tile" not in facts:
            facts["tile"] = token, token
        elif "stages" not in facts:
            (tile, _), (depth, _, stages) = facts["tile"], token.partition("x")
            facts["tile"] = f"{tile}x{depth}", f"{tile}_{token}"
            facts["stages"] = int(stages), token
    if epilogue:
        facts["epilogue"] = "_".join(epilogue), ", ".join(epilogue)
    return tuple([(key, *fact) for key, fact in facts.items()])


@lru_cache(maxsize=4096)
def _option(token: str) -> tuple[str, str | int] | None:
    """Read one token behind the operation: its field and value."""
    if token in _EPILOGUE:
        return "epilogue", token
    if _TILE.fullmatch(token):
        return "tile", token
    if token in ("nhwc", "nchw"):
        return "layout", token.upper()
    if _TRANSPOSES.fullmatch(token):
        return "transposes", token
    if _ALIGN.fullmatch(token):
        return "alignment", int(token[5:])
    if token in ("splitK", "parallel"):
        return "split_k", "split_k"
    return ("input_dtype", dtype(token)) if dtype(token) != UNKNOWN else None


def _template(name: Name, space: str) -> Facts:
    text, library = name.text, library_of(space)
    if "reduction::kernel::ReduceSplitK" in text[:200]:
        facts = Facts(library, "convolution" if library == "cuDNN" else "gemm", "ReduceSplitK")
        facts.evidence["library"] = space
        facts.say("role", "reduce", "ReduceSplitK")
        facts.say("split_k", "split_k", "ReduceSplitK")
        facts.say("tensor_cores", "no", "ReduceSplitK")
        if library == "cuDNN":
            facts.say("algorithm", "implicit_gemm", "ReduceSplitK")
        return facts
    convolution = "::conv::" in text or "ImplicitGemmConv" in text
    attention = "FMHA" in text or "AttentionKernel" in text
    operation = "convolution" if convolution else "attention" if attention else "gemm" if "emm" in text else UNKNOWN
    word_seen = {"convolution": "ImplicitGemmConvolution", "attention": "Attention", "gemm": "Gemm"}.get(operation, "")
    facts = Facts(library, operation, word_seen, MEDIUM)
    facts.evidence["library"] = space
    if convolution:
        facts.say("algorithm", "implicit_gemm", "ImplicitGemmConvolution")
        direction = _PASS.search(text)
        if direction:
            facts.say("pass_", direction[1].lower(), direction[0])
    stored = _LAYOUT.search(text)
    if stored and convolution:
        facts.say("layout", "NHWC" if stored[1].endswith("C") else "NCHW", stored[0])
    shape = _SHAPE.search(text)
    if shape:
        facts.say("tile", "x".join(shape.groups()), shape[0])
    element = _ELEMENT.search(text)
    if element:
        facts.say("input_dtype", dtype(element[1]), element[1])
    matrix, scalar = _MATRIX_MATH.search(text), _SCALAR_MATH.search(text)
    if matrix and not scalar:
        facts.matrix_unit("tensor core", matrix[0])
    elif scalar and not matrix:
        facts.say("tensor_cores", "no", scalar[0])
    return facts


GRAMMAR: Final = Grammar(
    "CUTLASS 2",
    read,
    (
        word(r"cutlass__5x_cudnn|cutlass_cudnn\w*", "CUTLASS compiled into cuDNN"),
        word(r"cutlass", "CUTLASS, NVIDIA's template library", CUTLASS_DOC),
        word(r"(\d{2})", "designed for compute capability {0}; written by cuBLAS", BINARY),
        word(r"wmma", "matrix instructions through the WMMA interface: tensor cores", CUTLASS_DOC),
        word(r"tensorop", "matrix instructions: tensor cores", CUTLASS_DOC),
        word(r"simt", "scalar instructions: no tensor cores", CUTLASS_DOC),
        word(
            r"(g?[shdczi])(\d*)((?:tf32|bf16|f16)?)(gemm|fprop|dgrad|wgrad|trmm|symm|hemm|syrk|herk|syr2k|her2k)",
            "{3}, accumulator {0}, matrix instruction {1} {2}",
            CUTLASS_DOC,
        ),
        word(r"optimized", "precomputes address increments", CUTLASS_DOC),
        word(r"analytic", "computes every address", CUTLASS_DOC),
        word(r"(\d+x\d+)", "output tile M×N, then K tile × stages", CUTLASS_DOC),
        word(r"(nhwc|nchw)", "layout {0}", CUTLASS_DOC),
        word(r"align(\d+)", "channels (or leading dimensions) must be multiples of {0}", CUTLASS_DOC),
        word(r"unity|stride", "stride 1 only", CUTLASS_DOC),
        word(r"([ntch]{2})", "transposes of A and B", CUTLASS_DOC),
        word(
            r"(f16|bf16|tf32|f32|f64|s8|u8|i8|s32)",
            "type {0}: before the operation written, after it read",
            CUTLASS_DOC,
        ),
        word(r"(relu|gelu|drelu|dgelu|bias|bgrada|bgradb)", "fused into the epilogue: {0}", INFERRED),
        word(r"Kernel2?", "CUTLASS' entry point", CUTLASS_DOC),
    ),
    lambda head: "cutlass" in head,
)
