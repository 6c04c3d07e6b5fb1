"""One plain statement about a trace."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

WORTH_SAYING: Final = 0.02
"""Shares below this are left to the tables."""


@dataclass(frozen=True)
class Finding:
    """One statement.

    Attributes:
        title: The statement, a short sentence.
        evidence: The figures behind it and where they come from.
        advice: What to try.
        gain_ns: The most that the advice can save, derived from the evidence; None where the trace cannot tell.
    """

    title: str
    evidence: str
    advice: str
    gain_ns: int | None


def milliseconds(ns: int) -> str:
    """Write a time of a finding."""
    return f"{ns / 1e6:,.3f} ms"
