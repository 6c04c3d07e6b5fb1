"""What every JSON document of profiler_kit has in common."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import profiler_kit


def json_text(schema: str, schema_version: int, content: Mapping[str, Any]) -> str:
    """Write a document: what schema it follows and which version wrote it, then its content.

    Args:
        schema: Name of the schema.
        schema_version: Its version.
        content: The other fields, ready for JSON.

    Raises:
        ValueError: If the content holds NaN or infinity, which JSON has no words for.
    """
    head = {"schema": schema, "schema_version": schema_version, "profiler_kit_version": profiler_kit.__version__}
    return json.dumps({**head, **content}, indent=2, ensure_ascii=False, allow_nan=False) + "\n"
