"""The page within other pages: as notebooks show TensorBoard, and as they show an HTML file.

``%tensorboard`` puts TensorBoard into a frame: of its own port, which is another origin than the notebook's; of a path
below the notebook's address, where jupyter-server-proxy forwards it; or of a proxy's host, in Colab. JupyterLab shows
HTML files in a frame that may run scripts and nothing else.
"""

from __future__ import annotations

import html
import threading
import urllib.request
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from profiler_kit.cli import main
from tests.browser.page import Page
from tests.browser.runs import CPU
from tests.browser.test_views import trace_file
from tests.tensorboard_server import Server

COLAB = "allow-downloads allow-forms allow-pointer-lock allow-popups allow-same-origin allow-scripts"
"""What Colab lets the frame of an output do."""

PROXY = "/user/somebody/proxy/6006/"


class Notebook:
    """A server on another origin than TensorBoard's, which also forwards a path to it as jupyter-server-proxy does."""

    def __init__(self, target: str) -> None:
        self.pages: dict[str, bytes] = {}
        notebook = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.startswith(PROXY):
                    return self.forward(None)
                body = notebook.pages.get(self.path)
                return self.answer(200 if body else 404, [("Content-Type", "text/html; charset=utf-8")], body or b"")

            def do_POST(self) -> None:
                self.forward(self.rfile.read(int(self.headers["Content-Length"] or 0)))

            def forward(self, body: bytes | None) -> None:
                given = {name: self.headers[name] for name in ("Content-Type",) if self.headers[name]}
                asked = urllib.request.Request(target + self.path.removeprefix(PROXY), body, given)
                with urllib.request.urlopen(asked, timeout=60) as answer:
                    self.answer(answer.status, answer.headers.items(), answer.read())

            def answer(self, status: int, headers: Any, body: bytes) -> None:
                self.send_response(status)
                for name, value in headers:
                    if name.lower() not in ("connection", "transfer-encoding", "content-length", "server", "date"):
                        self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self._server.server_port}"

    def with_frame(self, attributes: str) -> str:
        """Serve a notebook whose output is a frame; returns its address."""
        self.pages["/favicon.ico"] = b" "
        self.pages["/notebook"] = f'<!DOCTYPE html><p>In [1]:</p><iframe id="output" {attributes}></iframe>'.encode()
        return f"{self.address}/notebook"

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()


class Framed(Page):
    """A page one frame further in: TensorBoard in a notebook, or the HTML file in it."""

    plugin = True

    def enter(self) -> None:
        def frame() -> Any:
            self.driver.switch_to.default_content()
            self.driver.switch_to.frame(self.driver.find_element("id", "output"))
            if not self.plugin:
                return True
            frames = self.driver.find_elements("css selector", "iframe")
            return next((one for one in frames if "name=profiler_kit" in (one.get_attribute("src") or "")), None)

        found = self.until(frame, "the frame")
        if self.plugin:
            self.driver.switch_to.frame(found)


@pytest.fixture
def notebook(servers: tuple[Server, Server]) -> Iterator[Notebook]:
    made = Notebook(servers[0].address)
    yield made
    made.close()


@pytest.mark.parametrize("where", ["port", "proxy", "path", "colab"])
def test_tensorboard_in_a_notebook(
    browser: Any, servers: tuple[Server, Server], notebook: Notebook, logdir: Path, where: str
) -> None:
    plain, below = servers
    source = {
        "port": plain.address,
        "proxy": f"{notebook.address}{PROXY}",
        "path": below.address,
        "colab": f"{plain.address}?tensorboardColab=true",
    }[where]
    sandbox = f'sandbox="{COLAB}"' if where in ("colab", "path") else ""
    link = f"#profiler_kit&view=overview&run=cpu&file={trace_file(logdir, 'cpu')}"
    page = Framed(browser, notebook.with_frame(f'width="1200" height="700" {sandbox} src="{source}{link}"'))
    page._go(page.address)
    page.enter()
    assert page.wait_for_view("overview") == "ready"
    page.click('[data-testid="tab-dense_vs_conv"]')
    assert page.wait_for_view("dense_vs_conv") == "ready"
    page.one('[data-block="waterfall"] svg')
    page.click('[data-testid="tab-timeline"]')
    page.one('[data-testid="timeline-canvas"][data-state="ready"]')
    # Dark mode and the address are those of TensorBoard's own frame.
    page.driver.execute_script("parent.document.body.classList.add('dark-mode')")
    page.until(lambda: page.attributes("html", "data-theme") == ["dark"], "the dark theme")
    # Pages in a frame of another origin may not open dialogs: what Perfetto is stands in the menu.
    page.click('[data-testid="downloads"] summary')
    page.click("[aria-controls=pk-perfetto]")
    assert page.one('#pk-perfetto a[href="https://ui.perfetto.dev/"]').is_displayed()
    assert page.complaints() == []
    origins = (notebook.address, plain.address, below.address)
    assert [url for url in page.requests() if not url.startswith((*origins, "data:", "blob:", "about:"))] == []


@pytest.mark.parametrize("how", ["src", "srcdoc"])
def test_the_file_in_a_frame_that_may_only_run_scripts(
    browser: Any, notebook: Notebook, tmp_path: Path, how: str
) -> None:
    (trace,) = CPU.glob("*.gz")
    file = tmp_path / "page.html"
    assert main(["report", str(trace), "--format", "html", "-o", str(file)]) == 0
    notebook.pages["/page.html"] = file.read_bytes()
    content = html.escape(file.read_text(encoding="utf-8"))
    source = 'src="/page.html"' if how == "src" else f'srcdoc="{content}"'
    page = Framed(browser, notebook.with_frame(f'width="1200" height="700" sandbox="allow-scripts" {source}'))
    page.plugin = False
    page._go(page.address)
    page.enter()
    for view in ("overview", "dense_vs_conv", "layers", "timeline"):
        page.click(f'[data-testid="tab-{view}"]')
        assert page.wait_for_view(view) == "ready"
    page.one('[data-testid="timeline-canvas"][data-state="ready"]')
    page.click('[aria-label="Switch between light and dark"]')
    assert page.attributes("html", "data-theme") == ["dark"]
    assert page.complaints() == []
