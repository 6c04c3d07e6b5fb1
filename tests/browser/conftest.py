"""A real TensorBoard and a real headless Chromium, each started once."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.browser.page import CHROMEDRIVER, CHROMIUM, Page, start_browser
from tests.browser.runs import write_runs
from tests.conftest import SHARED
from tests.tensorboard_server import Server


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    pytest.importorskip("selenium", reason="browser tests need selenium")
    pytest.importorskip("tensorboard", reason="the page is TensorBoard's")
    if not all(map(shutil.which, (CHROMIUM, CHROMEDRIVER))):
        pytest.skip(f"{CHROMIUM} or {CHROMEDRIVER} is not installed (apt-get install chromium chromium-driver)")
    driver = start_browser()
    yield driver
    driver.quit()


@pytest.fixture(scope="session")
def logdir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log directory with a run of every class; those of the shared traces only where these are."""
    directory = tmp_path_factory.mktemp("browser") / "runs"
    write_runs(directory, SHARED / "traces")
    return directory


@pytest.fixture(scope="session")
def servers(logdir: Path, browser: Any) -> Iterator[tuple[Server, Server]]:
    """Two TensorBoards on the same directory: as it is started usually, and below a path."""
    plain = Server(logdir, alone=True)
    below = Server(logdir, "--logdir", str(logdir), "--path_prefix", "/some/where", alone=True)
    yield plain, below
    plain.stop()
    below.stop()


@pytest.fixture
def page(browser: Any, servers: tuple[Server, Server]) -> Page:
    return Page(browser, servers[0].address)


@pytest.fixture
def page_below(browser: Any, servers: tuple[Server, Server]) -> Page:
    return Page(browser, servers[1].address)
