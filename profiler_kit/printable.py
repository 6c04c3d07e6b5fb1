"""Making untrusted text harmless where it is shown as plain text.

Names out of traces, and of files, may hold escape sequences for a terminal, line breaks, or marks that reverse the
writing direction of what follows.
"""

from __future__ import annotations


def printable(text: str) -> str:
    """Replace whatever does not print (controls, direction marks, line breaks) by its escaped code point."""
    if text.isprintable():
        return text
    return "".join(char if char.isprintable() else f"\\u{ord(char):04x}" for char in text)
