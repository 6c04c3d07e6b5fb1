"""Imports msgspec without what only types need that traces do not have: a fifth of the time until a worker can decode.

For worker processes only, before anything else imports msgspec. Modules that others need are real ones afterwards.
"""

from __future__ import annotations

import sys
from contextlib import suppress
from importlib import import_module
from types import ModuleType
from typing import Any

_UNUSED = ("decimal", "uuid", "msgspec.inspect", "msgspec._json_schema", "msgspec.toml", "msgspec.yaml")


class _Unused(ModuleType):
    """Stands for a module; has whatever it is asked for."""

    def __getattr__(self, name: str) -> Any:
        return type(name, (), {"unknown": None})  # `SafeUUID.unknown` is looked up, too


def import_msgspec() -> None:
    """Import msgspec."""
    stand_ins: dict[str, ModuleType] = {name: _Unused(name) for name in _UNUSED}
    with suppress(ImportError):
        stand_ins["datetime"] = import_module("_datetime")  # what is written in C is enough
    sys.modules.update(stand_ins)
    sys.modules["typing_extensions"] = None  # type: ignore[assignment]
    import_module("msgspec")  # which makes do without typing_extensions
    for name in stand_ins:
        del sys.modules[name]
