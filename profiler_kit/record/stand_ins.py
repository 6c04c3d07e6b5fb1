"""Another function in the place of one of PyTorch's, for as long as a recording needs it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable


def stand_in(owner: Any, name: str, function: Callable[..., Any]) -> Callable[[], None]:
    """Put a function in the place of a class's or module's own one; return what puts that back.

    If somebody else has taken the place in the meantime, it stays theirs.
    """
    original = vars(owner)[name]
    setattr(owner, name, function)

    def put_back() -> None:
        if vars(owner).get(name) is function:
            setattr(owner, name, original)

    return put_back
