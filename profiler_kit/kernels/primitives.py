"""CUB, Thrust and rocPRIM: the parallel primitives under PyTorch's sorts, scans and selections."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import Facts
from ._words import SOURCE_CODE, Grammar, RuleBook, rule, state, word

if TYPE_CHECKING:
    from ._names import Name

_START: Final = re.compile(r"(?:^|::)(cub|thrust|rocprim|hipcub)(?=::)")
_RULES: Final = RuleBook(
    (
        rule(
            r"Radix\w*|radix_sort\w*|MergeSort\w*|merge_sort\w*|SegmentedSort\w*|block_sort\w*|sort\w*", "other", "sort"
        ),
        rule(r"ReduceByKey\w*|reduce_by_key\w*|__reduce\w*", "reduction", "reduction by key"),
        rule(r"\w*Scan\w*|\w*scan\w*", "other", "prefix scan"),
        rule(r"\w*Reduce\w*|reduce\w*", "reduction", "reduction"),
        rule(
            r"Select\w*|Partition\w*|partition\w*|select\w*|Unique\w*|unique\w*|RunLength\w*|CompactInit\w*",
            "copy",
            "selection",
        ),
        rule(
            r"Histogram\w*|histogram\w*|[Mm]erge\w*|lower_bound\w*|upper_bound\w*|binary_search\w*",
            "other",
            "histogram or search",
        ),
        rule(
            r"transform_\w+|Transform\w*|for_each\w*|parallel_for|__parallel_for\w*|ForEach\w*",
            "elementwise",
            "pointwise",
        ),
        rule(r"copy\w*|__copy\w*|BatchMemcpy\w*|gather\w*|scatter\w*", "copy", "moves data"),
        rule(r"EmptyKernel|Init\w*|init_\w+", "other", "bookkeeping", role="helper"),
    )
)


def read(name: Name) -> Facts | None:
    """Read a kernel of the parallel primitives."""
    start = _START.search(name.head)
    if start is None:
        return None
    text = name.text
    # rocPRIM's trampoline and Thrust's agent are one function for everything; the work is in the arguments.
    shared = name.base in ("trampoline_kernel", "_kernel_agent", "kernel", "static_kernel")
    subject = text[len(name.head) : len(name.head) + 400] if shared else name.base
    if shared and start[1] == "thrust":
        subject = subject.replace("thrust::cuda_cub", "")
    found = _RULES.find(subject)
    library = "cub" if start[1] in ("cub", "thrust") else "other"
    if found is None:
        return Facts(library, "other", start[1], "low")
    values, token = found
    facts = state(Facts(library, values["operation"], token), values, token)
    facts.evidence["library"] = start[1]
    return facts


GRAMMAR: Final = Grammar(
    "parallel primitives",
    read,
    (word(r"cub|thrust|rocprim|hipcub", "library of parallel primitives", SOURCE_CODE), *_RULES.words()),
    _START.search,
)
