"""Which two layers a trace's ledger is about, where its recorder has compared two: a fact noted beside the trace.

It lies in the trace's metadata, ``profiler_kit`` → ``compared_layers``: ``slow`` and ``fast``, the name of the layer
whose convolution is asked about, and of the one whose matrix product it is compared with.
"""

from __future__ import annotations

from typing import Final

from profiler_kit.trace import Trace

PAIR_KEY: Final = "compared_layers"


def pair_note(slow: str, fast: str) -> dict[str, str]:
    """Return what goes into a trace's metadata under `PAIR_KEY`.

    Args:
        slow: Name of the slow side's layer in the trace.
        fast: Likewise of the fast side's.
    """
    return {"slow": slow, "fast": fast}


def noted_pair(trace: Trace) -> tuple[str, str] | None:
    """Return the names of the slow side's layer and the fast side's; None if the trace notes no two names."""
    noted = trace.recorder_facts.get(PAIR_KEY)
    slow, fast = (noted.get("slow"), noted.get("fast")) if isinstance(noted, dict) else (None, None)
    return (slow, fast) if isinstance(slow, str) and isinstance(fast, str) else None
