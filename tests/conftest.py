from __future__ import annotations

from pathlib import Path

import pytest

SHARED = Path(__file__).resolve().parents[2] / "shared"


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder of real traces and reference figures that lies beside a checkout."""
    if not SHARED.is_dir():
        pytest.skip(f"the shared traces are not here ({SHARED.name}/ beside the repository)")
    return SHARED
