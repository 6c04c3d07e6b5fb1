from __future__ import annotations

from collections.abc import Iterator

import pytest

from profiler_kit.cudnn.oracle import Oracle, cudnn_library
from profiler_kit.cudnn.stand_in import StandInError, stand_in
from profiler_kit.errors import MissingExtraError


@pytest.fixture(scope="session")
def needs_cudnn() -> None:
    """Skip what asks the real library where it isn't installed, or nothing can stand in for the driver."""
    try:
        cudnn_library()
        stand_in()
    except (MissingExtraError, StandInError) as error:
        pytest.skip(str(error))


@pytest.fixture(scope="session")
def oracle(needs_cudnn: None) -> Iterator[Oracle]:
    with Oracle(1) as one:
        yield one
