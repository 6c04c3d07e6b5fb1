from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

# Threads of torch that wait for one another would keep a core busy meanwhile, which the other tests' processes need.
# OpenMP asks once, when torch is imported: so this stands before any test is.
os.environ.setdefault("OMP_WAIT_POLICY", "passive")

# Where the environment keeps Python from writing bytecode, every process that a test starts would compile the package
# anew, and pytest every test.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session", autouse=True)
def _cache_of_its_own(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Tests neither read nor write the user's cache of parsed traces; processes that they start inherit that."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real traces and reference figures that lies beside a checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared traces are not here ({SHARED.name}/ beside the repository)")
    return SHARED
