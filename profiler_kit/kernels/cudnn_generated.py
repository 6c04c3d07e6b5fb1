"""cuDNN's run-time fusion engine: kernels generated per graph, so no binary lists them.

``cudnn_generated_fort_native_sdpa_sm80_flash_fprop_wmma_f16_knob_6_128x64x64_4x1x1_cga1x1x1_kernel0_0``: generator,
the graph's operations, design, method, instruction, type, knobs, tile, warps, cluster, part.
"""

# ruff: noqa: S105 – a token here is a piece of a name, never a secret
from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import LOW, MEDIUM, UNKNOWN, Facts
from ._words import INFERRED, TRACE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_OPERATIONS: Final = (
    (re.compile(r"convBwdFilter|conv_?(?:\dd)?_?wgrad"), "convolution", "wgrad"),
    (re.compile(r"convBwdData|conv_?(?:\dd)?_?dgrad"), "convolution", "dgrad"),
    (re.compile(r"convFwd|convolutionFwd|conv_?(?:\dd)?_?fprop"), "convolution", "fprop"),
    (re.compile(r"sdpa|[fm]mha|attention"), "attention", None),
    (re.compile(r"(?:^|_)(?:matmul|gemm)"), "gemm", None),
    (re.compile(r"[Nn]orm(?:Fwd|Bwd)?|genStats|bnFinalize|(?:^|_)(?:rms|layer)_?norm"), "normalization", None),
    (re.compile(r"[Ss]oftmax"), "softmax", None),
    (re.compile(r"[Rr]eduction"), "reduction", None),
    (re.compile(r"resample"), "pooling", None),
    (re.compile(r"pointwise"), "elementwise", None),
)
_PASS: Final = re.compile(r"(?:^|_)(fprop|dgrad|wgrad)(?:_|$)")
_SHAPE: Final = re.compile(r"\d+x\d+(?:x\d+)?")
_DESIGN: Final = re.compile(r"sm\d{2,3}[a-z]?")


def read(name: Name) -> Facts | None:
    """Read a run-time generated cuDNN kernel."""
    head = name.head
    at = head.find("cudnn_generated")
    if at < 0 and not head.startswith("generatedNative"):
        return None
    text = head[at + len("cudnn_generated") :] if at >= 0 else head
    facts = None
    for pattern, operation, direction in _OPERATIONS:
        match = pattern.search(text)
        if match:
            facts = Facts("cuDNN", operation, match[0].strip("_"))
            if direction:
                facts.say("pass_", direction, match[0].strip("_"))
            break
    if facts is None:
        facts = Facts("cuDNN", UNKNOWN, "cudnn_generated", LOW)
    facts.evidence["library"] = "cudnn_generated"
    tokens = text.split("_")
    _tokens(facts, tokens, text)
    _tensor_cores(facts, tokens)
    return facts


def _tokens(facts: Facts, tokens: list[str], text: str) -> None:
    direction = _PASS.search(text)
    if direction:
        facts.say("pass_", direction[1], direction[1])
    for token in tokens:
        if _DESIGN.fullmatch(token):
            facts.say("design_arch", token, token)
        elif token.startswith("cga") and _SHAPE.fullmatch(token[3:]):
            facts.say("cluster", token[3:], token)
        elif _SHAPE.fullmatch(token):
            facts.say("tile" if "tile" not in facts.evidence else "warps", token, token)
        elif token in ("f16", "bf16", "fp8", "e4m3", "tf32", "f32"):
            # The generator writes f16 for both 16-bit types of attention.
            ambiguous = token == "f16" and facts.values["operation"] == "attention"
            if not ambiguous:
                facts.say("input_dtype", {"e4m3": "fp8"}.get(token, token), token)


def _tensor_cores(facts: Facts, tokens: list[str]) -> None:
    if facts.values["operation"] not in ("attention", "convolution", "gemm"):
        return
    for token in tokens:
        if token in ("wmma", "mma", "wgmma", "umma", "hmma", "tensorop"):
            facts.matrix_unit("tensor core", token)
            return
    if "flash" in tokens and "design_arch" in facts.evidence:
        facts.matrix_unit("tensor core", "flash")
        facts.confidence = MEDIUM


GRAMMAR: Final = Grammar(
    "cuDNN run-time fusion",
    read,
    (
        word(r"cudnn|generated|fort|native|oss", "cuDNN's run-time fusion engine and its generator", TRACE),
        word(r"sdpa", "scaled dot-product attention", INFERRED),
        word(r"flash", "FlashAttention's method", INFERRED),
        word(r"(fprop|bprop|dgrad|wgrad)", "pass {0}", INFERRED),
        word(r"wmma|wgmma|umma", "matrix instructions: tensor cores", INFERRED),
        word(r"f16", "16-bit data; in attention f16 or bf16", TRACE),
        word(r"sm(\d+)", "designed for compute capability {0}", INFERRED),
        word(
            r"(convFwd|convBwdData|convBwdFilter|pointwise|genStats|reduction|matmul)",
            "node of the fused graph: {0}",
            INFERRED,
        ),
        word(r"cga(\d.*)", "thread-block cluster {0}", INFERRED),
        word(r"(\d+x\d+x\d+)", "tile, then warps", INFERRED),
    ),
    lambda head: "cudnn_generated" in head or head.startswith("generatedNative"),
)
