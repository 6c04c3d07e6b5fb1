"""NCCL and RCCL device kernels: collective, reduction, type, algorithm and protocol are spelled out.

Since 2.19 ``ncclDevKernel_AllReduce_Sum_f16_RING_LL(…)``, before ``ncclKernel_AllReduce_RING_LL_Sum_half(…)``. AMD
compiles the same sources into RCCL; only its generic entry points and MSCCL kernels differ by name.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._dtypes import dtype
from ._identity import MEDIUM, UNKNOWN, Facts
from ._words import SOURCE_CODE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_NCCL: Final = re.compile(r"^(?:\w*?_)?(nccl\w*?(?:Kernel|DevFunc)\w*?)_(\w+)")
_RCCL: Final = re.compile(r"^(?:rccl\w*|mscclKernel\w*|ncclDevKernel_Generic_\d+\w*|ncclKernel_Generic_\d+)")
_PEER: Final = re.compile(
    r"(?:cross_device_reduce|all_reduce_kernel|allreduce|all_?reduce_fusion|nvshmem\w*|deep_ep)\w*"
)


def read(name: Name) -> Facts | None:
    """Read a collective communication kernel."""
    head = name.head
    rccl = _RCCL.match(head)
    if rccl:
        return Facts("RCCL", "communication", rccl[0], MEDIUM)
    match = _NCCL.match(head)
    if match:
        facts = Facts("NCCL", "communication", match[1])
        _type(facts, match[2].split("_"))
        return facts
    if name.base == "oneRankReduce":
        return Facts("NCCL", "communication", name.base, MEDIUM)
    peer = _PEER.search(name.base)
    if peer and not head.startswith("at::"):
        return Facts("other", "communication", peer[0], MEDIUM)
    return None


def _type(facts: Facts, tokens: list[str]) -> None:
    for position, token in enumerate(tokens):
        # int8_t and friends were split at their underscore.
        whole = f"{token}_t" if tokens[position + 1 : position + 2] == ["t"] else token
        kind = dtype(whole)
        if kind != UNKNOWN:
            facts.say("input_dtype", kind, whole)
            facts.say("output_dtype", kind, whole)
            return


GRAMMAR: Final = Grammar(
    "collectives",
    read,
    (
        word(r"nccl\w*", "NCCL device kernel", SOURCE_CODE),
        word(r"oneRankReduce", "NCCL's reduction in a group of one rank", SOURCE_CODE),
        word(r"(AllReduce|AllGather|ReduceScatter|Broadcast|Reduce|SendRecv)", "collective {0}", SOURCE_CODE),
        word(r"(Sum|Prod|Max|Min|MinMax|PreMulSum|SumPostDiv)", "reduction {0}", SOURCE_CODE),
        word(r"(RING|TREE|NVLS|COLLNET\w*|PAT)", "algorithm {0}", SOURCE_CODE),
        word(r"LL128|LL|SIMPLE", "protocol: low latency (LL, LL128) or high bandwidth (SIMPLE)", SOURCE_CODE),
        word(r"(f16|bf16|f32|f64|u8|i8|u32|i32|u64|i64|float|half|int8|t)", "type {0}", SOURCE_CODE),
        word(r"mscclKernel\w*|rccl\w*|Generic", "RCCL, AMD's build of NCCL", SOURCE_CODE),
    ),
    lambda head: "ccl" in head or head.endswith("oneRankReduce") or _PEER.search(head),
)
