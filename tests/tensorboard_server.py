"""A real TensorBoard on a free port, for tests."""

from __future__ import annotations

import json
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path
from typing import Any

import pytest

STARTS_WITHIN_S = 90


_ALONE = """
import sys
from tensorboard import default, main_lib, program
from profiler_kit.tb_plugin.plugin import ProfilerKitPlugin

main_lib.global_init()
server = program.TensorBoard(default.get_static_plugins() + [ProfilerKitPlugin])
server.configure(sys.argv)
sys.exit(server.main())
"""
"""TensorBoard as it is, without what other packages add: torch-tb-profiler's tab reads all traces at the start."""


class Server:
    """A TensorBoard on a free port of this machine.

    `options` stand instead of ``--logdir``; `alone` leaves other packages' plugins out.
    """

    def __init__(self, logdir: Path, *options: str, alone: bool = False) -> None:
        program = ("-c", _ALONE) if alone else ("-m", "tensorboard.main")
        where = options or ("--logdir", str(logdir))
        loader = () if any(option.startswith("--load_fast") for option in options) else ("--load_fast=false",)
        command = [sys.executable, *program, *where, "--port", "0", *loader]
        self._log = (logdir.parent / f"tensorboard-{abs(hash(options))}.log").open("w+", encoding="utf-8")
        self._process = subprocess.Popen(command, stdout=self._log, stderr=subprocess.STDOUT)
        self._address: str | None = None

    @property
    def address(self) -> str:
        """Where it answers, with a slash at the end."""
        if self._address is None:
            self._address = str(self._wait(self._find_address))
        return self._address

    def request(self, path: str, headers: dict[str, str] | None = None, method: str = "GET", **query: str) -> Any:
        """Ask for a path below ``data/``; returns (status, headers, body) whatever the status is."""
        url = f"{self.address}data/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        asked = urllib.request.Request(url, headers=headers or {}, method=method)
        try:
            with urllib.request.urlopen(asked, timeout=60) as answer:
                return answer.status, answer.headers, answer.read()
        except urllib.error.HTTPError as error:
            return error.code, error.headers, error.read()

    def get(self, path: str, **query: str) -> Any:
        url = f"{self.address}data/{path}" + (f"?{urllib.parse.urlencode(query)}" if query else "")
        with urllib.request.urlopen(url, timeout=30) as answer:
            return json.loads(answer.read())

    def wait_for(self, path: str, wanted: Any, **query: str) -> Any:
        """Ask until the answer is as wanted: TensorBoard loads runs in the background."""

        def ask() -> Any:
            try:
                answer = self.get(path, **query)
            except (urllib.error.URLError, ConnectionError):
                return None
            return answer if wanted(answer) else None

        return self._wait(ask)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(timeout=30)
        self._log.close()

    def _find_address(self) -> str | None:
        self._log.seek(0)
        words = self._log.read().split()
        return next((word for word in words if word.startswith("http://localhost:")), None)

    def _wait(self, ask: Any) -> Any:
        deadline = time.monotonic() + STARTS_WITHIN_S
        while time.monotonic() < deadline:
            if (answer := ask()) is not None:
                return answer
            if self._process.poll() is not None:
                break
            time.sleep(0.1)
        self._log.seek(0)
        pytest.fail(f"TensorBoard did not answer as expected; its output:\n{self._log.read()}")
