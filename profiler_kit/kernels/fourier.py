"""cuFFT and rocFFT: ``regular_fft<1024u, …>``, ``vector_fft``, ``spRadix0064B::kernel1Mem``, ``fft_rtc_fwd_len…``."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from ._dtypes import dtype
from ._identity import MEDIUM, Facts
from ._words import INFERRED, Grammar, word

if TYPE_CHECKING:
    from ._names import Name

_CUFFT: Final = re.compile(
    r"^(?:cufft\w*::)?((?:regular|vector|composite_2way|multi_bluestein|bluestein|nonpow2|real)_?\w*fft\w*|(?:post|pre)process[CR]2[CR]\w*|"
    r"(?:[sdh]p)(?:Radix|Real|Vector)\w*|fft_internal\w*|cufft\w*)"
)
_REAL: Final = re.compile(r"(?<=[ ,<])(float|double|__half)(?=[,>])")
_ROCFFT: Final = re.compile(
    r"^(?:fft_rtc_|rocfft_|(?:fft|real2complex|complex2real|transpose)_(?:fwd|back|inv)_len)\w*"
)


def read(name: Name) -> Facts | None:
    """Read a Fourier transform's name."""
    head = name.head
    match = _CUFFT.match(head)
    if match:
        facts = Facts("cuFFT", "fft", match[1], MEDIUM)
        # Sizes are nested templates that stand before the type.
        kind = _REAL.search(name.text, len(name.head), len(name.head) + 400)
        if kind:
            facts.say("input_dtype", dtype(kind[1]), kind[1])
        elif match[1].startswith(("sp", "dp")):
            facts.say("input_dtype", "f32" if match[1].startswith("sp") else "f64", match[1][:2])
        facts.say("tensor_cores", "no", match[1])
        return facts
    match = _ROCFFT.match(head)
    if match:
        return Facts("other", "fft", match[0][:40], MEDIUM)
    return None


GRAMMAR: Final = Grammar(
    "Fourier transforms",
    read,
    (
        word(r"regular_fft|vector_fft|composite_2way_fft", "cuFFT's transform", INFERRED),
        word(r"([sdh])p(Radix|Real|Vector)\w*", "cuFFT's radix kernel, precision {0}", INFERRED),
        word(r"fft_rtc\w*", "rocFFT, compiled at run time", INFERRED),
    ),
    lambda head: _CUFFT.match(head) or _ROCFFT.match(head),
)
