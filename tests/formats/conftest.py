from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from profiler_kit.formats import read_trace
from profiler_kit.trace import Trace


@pytest.fixture(autouse=True)
def cache_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Keep tests out of the user's cache."""
    home = tmp_path_factory.mktemp("cache")
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    return home


class Reading:
    """Writes a text to a file and reads it as a trace."""

    def __init__(self, directory: Path) -> None:
        self.file = directory / "t.json"

    def __call__(self, content: Any) -> Trace:
        if not isinstance(content, bytes):
            content = content.encode() if isinstance(content, str) else json.dumps(content).encode()
        self.file.write_bytes(content)
        return read_trace(self.file, cache=False)


@pytest.fixture
def reading(tmp_path: Path) -> Reading:
    return Reading(tmp_path)
