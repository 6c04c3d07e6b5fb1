"""The page as a user has it: a driver around a headless Chromium."""

from __future__ import annotations

import json
import time
import urllib.parse
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

CHROMIUM, CHROMEDRIVER = "chromium", "chromedriver"

PATIENCE_S = 60.0

_ARGUMENTS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--window-size=1280,720",
    "--force-device-scale-factor=1",
)  # fmt: skip

_OF_TENSORBOARD = ("Three.js", "WebGL", "swiftshader", "/font-roboto/")
"""Said on pages of TensorBoard, whatever the plugins do; below a path it does not find its own fonts."""


def start_browser() -> Any:
    """Start Chromium; logs of its console and of its network are kept."""
    import shutil

    from selenium import webdriver
    from selenium.webdriver.chrome.service import Service

    options = webdriver.ChromeOptions()
    options.binary_location = str(shutil.which(CHROMIUM))
    for argument in _ARGUMENTS:
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=Service(str(shutil.which(CHROMEDRIVER))))
    driver.set_script_timeout(PATIENCE_S)
    return driver


class Page:
    """The plugin's tab, or an HTML file that holds the page."""

    def __init__(self, driver: Any, address: str) -> None:
        self.driver = driver
        self.address = address

    def open(self, view: str = "overview", **state: str) -> Page:
        """Open a view by its link, as if it had been sent by a colleague; waits until it is there."""
        given = {"view": view, **state}
        if self.is_file:
            self._go(f"{self.address}#profiler_kit&{urllib.parse.urlencode(given, quote_via=urllib.parse.quote)}")
        else:
            self._go(f"{self.address}#profiler_kit&{urllib.parse.urlencode(given, quote_via=urllib.parse.quote)}")
            self.enter()
        self.wait_for_view(view)
        return self

    @property
    def is_file(self) -> bool:
        return self.address.startswith("file:")

    def _go(self, address: str) -> None:
        self.driver.switch_to.default_content()
        self.driver.get("about:blank")
        self.driver.get_log("browser")
        self.driver.get_log("performance")
        self.driver.get(address)

    def enter(self) -> None:
        """Go into the plugin's frame."""

        def frame() -> Any:
            self.driver.switch_to.default_content()
            frames = self.driver.find_elements("css selector", "iframe")
            return next((one for one in frames if "name=profiler_kit" in (one.get_attribute("src") or "")), None)

        self.driver.switch_to.frame(self.until(frame, "the plugin's frame"))

    def until(self, ask: Callable[[], Any], what: str) -> Any:
        """Ask until there is an answer."""
        from selenium.common.exceptions import StaleElementReferenceException

        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            try:
                if answer := ask():
                    return answer
            except StaleElementReferenceException:
                pass
            time.sleep(0.05)
        return pytest.fail(f"waited {PATIENCE_S:.0f} s for {what}; the page says:\n{self.text()[:2000]}")

    def wait_for_view(self, view: str) -> str:
        """Wait until a view is there; returns its state: ready, missing or error."""
        states = ("ready", "missing", "error")
        return str(
            self.until(
                lambda: next(
                    (state for state in states if self.all(f'[data-view="{view}"][data-state="{state}"]')), None
                ),
                f"the view {view}",
            )
        )

    def all(self, selector: str) -> list[Any]:
        return list(self.driver.find_elements("css selector", selector))

    def one(self, selector: str) -> Any:
        return self.until(lambda: next(iter(self.all(selector)), None), selector)

    def text(self) -> str:
        return str(self.driver.execute_script("return document.body.innerText"))

    def click(self, selector: str) -> None:
        self.driver.execute_script("arguments[0].click()", self.one(selector))

    def raw(self, block: str, key: str) -> list[str]:
        """Return the raw values of a table's column, of the rows that are drawn."""
        return self.attributes(f'[data-block="{block}"] tbody td[data-key="{key}"]', "data-raw")

    def attributes(self, selector: str, name: str) -> list[str]:
        """Return an attribute of all elements, asked for at once."""
        script = "return [...document.querySelectorAll(arguments[0])].map(e => e.getAttribute(arguments[1]))"
        return [str(value) for value in self.driver.execute_script(script, selector, name)]

    def tabs(self) -> list[str]:
        found = self.until(lambda: self.all('[data-testid^="tab-"]'), "tabs")
        return [str(tab.get_attribute("data-testid")).removeprefix("tab-") for tab in found]

    def complaints(self) -> list[str]:
        """Return what the console has said since the page was opened, except what TensorBoard itself always says."""
        return [
            entry["message"]
            for entry in self.driver.get_log("browser")
            if entry["level"] in ("SEVERE", "WARNING")
            and not any(known in entry["message"] for known in _OF_TENSORBOARD)
        ]

    def requests(self) -> list[str]:
        """Return the addresses that were asked for since the page was opened."""
        messages = (json.loads(entry["message"])["message"] for entry in self.driver.get_log("performance"))
        return [one["params"]["request"]["url"] for one in messages if one["method"] == "Network.requestWillBeSent"]

    def external_requests(self) -> list[str]:
        """Return those that went anywhere but to where the page is from."""
        origin = urllib.parse.urlsplit(self.address)
        same = self.address if self.is_file else f"{origin.scheme}://{origin.netloc}/"
        return [url for url in self.requests() if not url.startswith((same, "data:", "blob:", "about:"))]

    def screenshot(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self.driver.save_screenshot(str(path))
