"""Fused attention: FlashAttention 2 and 3, CUTLASS' memory-efficient attention, TensorRT-LLM's fmha.

``pytorch_flash::flash_fwd_kernel<pytorch_flash::Flash_fwd_kernel_traits<64, 128, 128, 4, …, cutlass::bfloat16_t, …>>``:
head size, rows and columns of the tile, warps. ``fmha_cutlassF_bf16_aligned_64x64_rf_sm80(…)``.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._dtypes import dtype
from ._identity import MEDIUM, UNKNOWN, Facts
from ._words import SOURCE_CODE, TRACE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_FLASH: Final = re.compile(
    r"(?:^|::|_)(flash_(?:fwd|bwd)\w*)$|(?:^|<|::)(FlashAttn(?:Fwd|Bwd)\w*)|^flash::(FlashAttention\w*)"
)
_CUTLASS: Final = re.compile(r"^fmha_cutlass([FB])_(bf16|f16|f32)_(?:aligned|notaligned)(?:_(\d+x\d+))?(?:_|$)")
_DESIGN: Final = re.compile(r"_(sm\d{2,3})(?:_|$)")
_TRAITS: Final = re.compile(r"kernel_traits<(\d+), (\d+), (\d+), (\d+)")
_ELEMENT: Final = re.compile(r"cutlass::(half_t|bfloat16_t|float_e4m3_t|float_e5m2_t)")
_TRTLLM: Final = re.compile(r"^fmhaSm(\d+)([a-z]?)Kernel_(?:Qkv|Q)(E4m3|Bfloat16|Fp16|E2m1)\w*?O(E4m3|Bfloat16|Fp16)?")
_FMHA: Final = re.compile(
    r"^fmha_v\d_\w+|^(?:fmha|flash)_\w*(?:kernel|attention)\w*|(?:Single|Batch)(?:Prefill|Decode)With\w+Kernel|\w*paged_attention\w*|mha_\w*kernel\w*"
)
_HELPERS: Final = re.compile(
    r"combine|dot_do_o|convert_d[qk]|preprocess|clear_d[qk]|reduce|Combine|Preprocess|Postprocess|prepare"
)


def read(name: Name) -> Facts | None:
    """Read a fused attention kernel."""
    head = name.head
    match = _CUTLASS.match(head)
    if match:
        return _memory_efficient(match, head)
    match = _TRTLLM.match(head)
    if match:
        return _trtllm(match)
    flash = _FLASH.search(head) or (
        _FLASH.search(name.text[:600]) if head.startswith("cutlass::device_kernel") else None
    )
    if flash:
        return _flash(flash[1] or flash[2] or flash[3], name)
    other = _FMHA.search(name.base)
    if other and not head.startswith(("at::", "cudnn", "ck", "fmha::", "fmha_cw", "fmha_fprop", "fmha_dgrad")):
        return Facts("other", "attention", other[0], MEDIUM)
    return None


def _flash(token: str, name: Name) -> Facts:
    facts = Facts("FlashAttention", "attention", token)
    helper = _HELPERS.search(token) or _HELPERS.search(name.base)
    text = name.text[:1500]
    element = _ELEMENT.search(text)
    if element:
        facts.say("input_dtype", dtype(element[1]), element[0])
    traits = _TRAITS.search(text)
    if traits:
        facts.say("tile", f"{traits[2]}x{traits[3]}x{traits[1]}", traits[0])
        facts.say("warps", traits[4], traits[0])
    if helper:
        facts.say("role", "reduce" if "ombine" in helper[0] else "helper", helper[0])
    elif name.closed:
        # Every version multiplies f16, bf16 or fp8 by matrix instructions; there is no other code path.
        facts.matrix_unit("tensor core", token)
    return facts


def _memory_efficient(match: re.Match[str], head: str) -> Facts:
    direction, kind, tile = match.groups()
    stated = _DESIGN.search(head)
    design = stated[1] if stated else None
    facts = Facts("CUTLASS", "attention", f"fmha_cutlass{direction}")
    facts.say("input_dtype", kind, kind)
    if tile:
        facts.say("tile", tile, tile)
    if design:
        facts.say("design_arch", design, design)
        # sm50 and sm60 have no matrix instructions; f32 runs on them only from sm80 on.
        number = int(design[2:])
        if number < 70:
            facts.say("tensor_cores", "no", design)
        elif kind != "f32":
            facts.matrix_unit("tensor core", f"{kind}, {design}")
    return facts


def _trtllm(match: re.Match[str]) -> Facts:
    facts = Facts("other", "attention", "fmhaSm")
    facts.say("design_arch", f"sm{match[1]}{match[2]}", f"Sm{match[1]}{match[2]}")
    source = {"Fp16": "f16"}.get(match[3]) or dtype(match[3])
    if source != UNKNOWN:
        facts.say("input_dtype", source, match[3])
    if match[4]:
        facts.say("output_dtype", {"Fp16": "f16"}.get(match[4]) or dtype(match[4]), match[4])
    facts.matrix_unit("tensor core", f"Sm{match[1]}")
    facts.confidence = MEDIUM
    return facts


GRAMMAR: Final = Grammar(
    "fused attention",
    read,
    (
        word(r"(?:pytorch_)?flash", "FlashAttention's namespace", SOURCE_CODE),
        word(r"flash_fwd\w*", "FlashAttention, forward", SOURCE_CODE),
        word(r"flash_bwd\w*", "FlashAttention, backward", SOURCE_CODE),
        word(r"FlashAttn(Fwd|Bwd)\w*", "FlashAttention 3, {0}", SOURCE_CODE),
        word(r"cutlass([FB])", "CUTLASS' memory-efficient attention: F forward, B backward", SOURCE_CODE),
        word(r"fmhaSm(\d+\w?)Kernel", "TensorRT-LLM's attention, designed for sm{0}", TRACE),
    ),
    lambda head: "mha" in head or "lash" in head or "ttention" in head or "cutlass" in head or "With" in head,
)
