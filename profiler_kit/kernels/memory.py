"""Copies and fills by the driver, which CUPTI and roctracer name like kernels: ``Memcpy HtoD (Pageable -> Device)``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._identity import Facts
from ._words import TRACE, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_COPY: Final = re.compile(
    r"^(Memcpy|memcpy|CopyHostToDevice|CopyDeviceToHost|CopyDeviceToDevice|hipMemcpy|\[CUDA memcpy)"
)
_FILL: Final = re.compile(r"^(Memset|memset(?!\w*[Kk]ernel)|FillBuffer|hipMemset|\[CUDA memset)")


def read(name: Name) -> Facts | None:
    """Read a copy or fill by the driver."""
    text = name.text
    copy = _COPY.match(text)
    if copy and not text.startswith(("memcpy2DWith", "memcpyWith")):
        return Facts("other", "copy", copy[1])
    fill = _FILL.match(text)
    return Facts("other", "memset", fill[1]) if fill else None


GRAMMAR: Final = Grammar(
    "driver copies",
    read,
    (
        word(r"Memcpy|CopyHostToDevice|CopyDeviceToHost", "a copy by the driver", TRACE),
        word(r"(HtoD|DtoH|DtoD|HtoH|PtoP)", "direction {0}", TRACE),
        word(r"Pageable", "host memory that is not page-locked, so the copy blocks", TRACE),
        word(r"Pinned", "page-locked host memory", TRACE),
        word(r"Memset", "a fill by the driver", TRACE),
    ),
    lambda head: _COPY.match(head) or _FILL.match(head),
)
