"""One kernel name, token by token."""

from __future__ import annotations

from collections.abc import Sequence

from profiler_kit.kernels import KernelIdentity, Token
from profiler_kit.report.layout import ROOMY, Column, Section, Table


def explanation_sections(identity: KernelIdentity, tokens: Sequence[Token]) -> list[Section]:
    """Lay out one name: its tokens with their meaning, then the facts that follow from them."""
    split = Table(
        (Column("token"), Column("meaning", wrap=True), Column("source", from_width=ROOMY)),
        [(one.text, one.meaning, one.source) for one in tokens],
    )
    facts = identity.to_dict()
    evidence = facts.pop("evidence")
    for key in ("name", "demangled"):
        facts.pop(key)
    rows = [(key.replace("_", " "), value, evidence.get(key)) for key, value in facts.items()]
    concluded = Table((Column("fact"), Column("value"), Column("told by")), rows)
    lead = "unknown: the name does not tell; a dash: the question does not apply, or no token speaks of it."
    return [Section("Tokens", table=split), Section("Facts", lead, table=concluded)]
