"""The plugin that TensorBoard loads."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from functools import cache
from importlib import resources
from pathlib import Path
from threading import Thread
from typing import Any, Final

from tensorboard.compat import tf
from tensorboard.plugins import base_plugin
from werkzeug import wrappers, wsgi

from profiler_kit.errors import ProfilerKitError
from profiler_kit.formats import read_trace
from profiler_kit.report.kept_prediction import kept_prediction, stamp_of_prediction
from profiler_kit.report.page import timeline
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.compare import comparison
from profiler_kit.report.page.csv import block_csv
from profiler_kit.report.page.kernels import explanation
from profiler_kit.report.page.slices import slice_facts
from profiler_kit.report.page.views import has_view, index, view
from profiler_kit.tb_plugin import answering as a
from profiler_kit.tb_plugin.discovery import Discovery, TraceFile
from profiler_kit.tb_plugin.kept_pages import prepare_names
from profiler_kit.tb_plugin.shelf import FAILED, READING, READY, Page, Shelf, encoded, packed
from profiler_kit.trace import Ranks, Trace, UnreadableTrace

STATIC: Final = ("/static/index.js", "/static/charts.js")
"""Files of the page, all there are: no request becomes a path."""

_FIRST_VIEW: Final = "overview"
_WITH_PREDICTION: Final = "selection"
_BLOCK: Final = 1 << 18
_PASSING: Final = ("compare", "csv", "speedscope")
"""Answers that are not worth keeping, or are about two traces."""


class ProfilerKitPlugin(base_plugin.TBPlugin):  # type: ignore[misc] # TensorBoard has no types
    """Shows traces by layer, kernel and time.

    Args:
        context: What TensorBoard tells its plugins.
    """

    plugin_name = "profiler_kit"

    def __init__(self, context: base_plugin.TBContext) -> None:
        spec = getattr(context.flags, "logdir_spec", "") if context.flags is not None else ""
        self._discovery = Discovery(context.logdir or "", spec or "")
        # Naming kept pages takes a look at all code, which the first request should not wait for.
        Thread(target=prepare_names, name="profiler_kit names", daemon=True).start()
        self._shelf = Shelf(self._read, lambda answers: (index(answers), view(answers, _FIRST_VIEW)))

    def is_active(self) -> bool:
        """Tell whether there is anything to show. The tab is there in any case, and says what to record."""
        return bool(self._discovery.files())

    def frontend_metadata(self) -> base_plugin.FrontendMetadata:
        """Return where the page's module is, and what is written on the tab."""
        return base_plugin.FrontendMetadata(es_module_path="/static/index.js", tab_name="Profiler Kit")

    def get_plugin_apps(self) -> dict[str, Any]:
        """Return the routes."""
        routes = {
            "/runs": _runs,
            "/views": _views,
            "/view": _view,
            "/timeline": _timeline,
            "/timeline_data": _timeline_data,
            "/slice": _slice,
            "/compare": _compare,
            "/kernel": _kernel,
            "/csv": _csv,
            "/trace": _trace,
            "/speedscope": _speedscope,
            **dict.fromkeys(STATIC, _static),
        }
        return {path: handler(self) for path, handler in routes.items()}

    @property
    def discovery(self) -> Discovery:
        """The traces that there are."""
        return self._discovery

    @property
    def shelf(self) -> Shelf:
        """The traces that were read."""
        return self._shelf

    def _read(self, file: TraceFile, progress: Callable[[float], None]) -> Answers:
        """Read one trace, telling how far it is."""
        trace = read_trace(file.path, progress=lambda done, total: progress(done / total if total else 0.0))
        newest: dict[int, TraceFile] = {}
        for one in sorted(self._discovery.files(), key=lambda each: each.modified):
            if one.run == file.run and one.rank is not None:
                newest[one.rank] = one
        return Answers(
            trace,
            ranks=(lambda: _read_all(newest)) if len(newest) > 1 else None,
            prediction=lambda: kept_prediction(Path(file.path)),
        )


def _read_all(files: Mapping[int, TraceFile]) -> Ranks:
    """Read the traces of several ranks, as far as they can be read."""
    traces: dict[int, Trace] = {}
    unreadable: list[UnreadableTrace] = []
    for rank, file in sorted(files.items()):
        try:
            traces[rank] = read_trace(file.path)
        except ProfilerKitError as error:
            unreadable.append(UnreadableTrace(rank, str(error)))
    return Ranks(traces, unreadable=tuple(unreadable))


def _file(plugin: ProfilerKitPlugin, request: wrappers.Request, prefix: str = "") -> TraceFile:
    """Return the trace that a request names.

    Raises:
        RequestError: If discovery knows none of that name.
    """
    run, file = (a.parameter(request, f"{prefix}{name}") for name in ("run", "file"))
    found = plugin.discovery.find(run, file)
    if found is None:
        raise a.RequestError(404, "there is no such trace in the log directory")
    return found


def _answer(
    plugin: ProfilerKitPlugin,
    request: wrappers.Request,
    what: str,
    make: Callable[[Answers], bytes],
    mime: str = a.JSON,
    download: str = "",
) -> wrappers.Response:
    """Answer about the trace that the request names; with 202 while it is being read."""
    file = _file(plugin, request)
    # What a page says of other ranks depends on their files too.
    lasting = file.rank is None and not what.startswith(_PASSING)
    kept = plugin.shelf.page(file, what, make, lasting=lasting)
    if kept is None:
        return _reading(plugin, request, file)
    return a.page(request, kept, mime, download)


def _stamp(plugin: ProfilerKitPlugin, request: wrappers.Request, view_id: str) -> str:
    """Return what tells two answers of a view apart that shows more than the trace: a prediction may be newer."""
    if view_id != _WITH_PREDICTION:
        return ""
    return f" {stamp_of_prediction(Path(_file(plugin, request).path))}"


def _reading(plugin: ProfilerKitPlugin, request: wrappers.Request, file: TraceFile) -> wrappers.Response:
    progress = round(plugin.shelf.state(file).progress, 3)
    return a.document(request, {"state": READING, "progress": progress}, 202)


@a.route
def _runs(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    runs: dict[str, list[dict[str, Any]]] = {}
    for one in plugin.discovery.files():
        reading = plugin.shelf.state(one)
        runs.setdefault(one.run, []).append(
            {
                "file": one.file,
                "worker": one.worker,
                "rank": one.rank,
                "bytes": one.size,
                "modified": one.modified,
                "state": reading.state,
                "progress": round(reading.progress, 3),
                "error": reading.error if reading.state == FAILED else None,
            }
        )
    listed = [{"run": run, "files": files} for run, files in runs.items()]
    return a.document(request, {"version": 1, "runs": listed, "generation": plugin.discovery.generation})


@a.route
def _views(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    return _answer(plugin, request, "views", lambda answers: encoded({"state": READY, **index(answers)}))


@a.route
def _view(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    wanted = _known_view(a.parameter(request, "id"))
    what = f"view {wanted}{_stamp(plugin, request, wanted)}"
    return _answer(plugin, request, what, lambda answers: encoded(view(answers, wanted)))


@a.route
def _timeline(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    return _answer(plugin, request, "timeline", lambda answers: encoded(timeline.head(answers.timeline)))


@a.route
def _timeline_data(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    return _answer(plugin, request, "timeline_data", lambda answers: timeline.data(answers.timeline), a.BINARY)


@a.route
def _slice(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    text = a.parameter(request, "index")
    if not text.isascii() or not text.isdecimal() or len(text) > 12:
        raise a.RequestError(400, "the parameter index is no number")
    file = _file(plugin, request)
    answers = plugin.shelf.ask(file).answers
    if answers is None:
        return _reading(plugin, request, file)
    if int(text) >= len(answers.timeline.start_ns):
        raise a.RequestError(404, "there is no such slice")
    return a.document(request, slice_facts(answers, int(text)))


@a.route
def _compare(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    other = _file(plugin, request, "other_")
    answers = plugin.shelf.ask(other).answers
    if answers is None and plugin.shelf.state(other).state != FAILED:
        return _reading(plugin, request, other)
    if answers is None:
        raise a.RequestError(422, plugin.shelf.state(other).error or "the other trace cannot be read")
    theirs = answers
    what = f"compare {other.version}"
    return _answer(plugin, request, what, lambda mine: encoded(comparison(mine, theirs)))


@a.route
def _kernel(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    del plugin
    return a.document(request, explanation(a.parameter(request, "name")))


@a.route
def _csv(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    wanted, block = _known_view(a.parameter(request, "view")), a.parameter(request, "block")

    def make(answers: Answers) -> bytes:
        text = block_csv(view(answers, wanted), block)
        if text is None:
            raise a.RequestError(404, "there is no such table")
        return text.encode()

    what = f"csv {wanted} {block}{_stamp(plugin, request, wanted)}"
    return _answer(plugin, request, what, make, a.CSV, f"{wanted}-{block}.csv")


@a.route
def _speedscope(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    from profiler_kit.formats.speedscope import speedscope_json

    name = f"{_file(plugin, request).worker}.speedscope.json"
    return _answer(plugin, request, "speedscope", lambda answers: speedscope_json(answers.trace), a.JSON, name)


@a.route
def _trace(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    file = _file(plugin, request)
    mime = "application/gzip" if file.file.endswith(".gz") else "application/json"
    headers = [a.attachment(file.file), ("X-Content-Type-Options", "nosniff")]
    body = _blocks(file.path) if request.method == "GET" else []
    return wrappers.Response(wsgi.ClosingIterator(body), headers=headers, mimetype=mime, direct_passthrough=True)


def _blocks(path: str) -> Iterator[bytes]:
    with tf.io.gfile.GFile(path, "rb") as opened:
        while block := opened.read(_BLOCK):
            yield block


@a.route
def _static(plugin: ProfilerKitPlugin, request: wrappers.Request) -> wrappers.Response:
    del plugin
    path = next((one for one in STATIC if request.path.endswith(one)), None)
    if path is None:
        raise a.RequestError(404, "there is no such file")
    return a.page(request, _packed(path), a.SCRIPT)


@cache
def _packed(path: str) -> Page:
    return packed(resources.files("profiler_kit.tb_plugin").joinpath(path.lstrip("/")).read_bytes())


def _known_view(view_id: str) -> str:
    if not has_view(view_id):
        raise a.RequestError(404, "there is no such view")
    return view_id
