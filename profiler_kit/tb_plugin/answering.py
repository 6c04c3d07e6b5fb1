"""Requests and answers of the plugin: parameters with limits, errors as JSON, compression, 304 for what is known."""

from __future__ import annotations

import functools
import logging
import re
from collections.abc import Callable
from typing import Any, Final

from tensorboard.backend import http_util
from werkzeug import wrappers

from profiler_kit.errors import ProfilerKitError
from profiler_kit.printable import printable
from profiler_kit.tb_plugin.shelf import BusyError, Page, encoded

_logger = logging.getLogger(__name__)

JSON: Final = "application/json; charset=utf-8"
BINARY: Final = "application/octet-stream"
SCRIPT: Final = "text/javascript; charset=utf-8"
CSV: Final = "text/csv; charset=utf-8"

LONGEST_QUERY: Final = 1 << 15
"""Characters of a whole query; a kernel's name is the longest thing that is asked for."""

LONGEST_PARAMETER: Final[dict[str, int]] = {"name": 1 << 14}
LONGEST_OTHER: Final = 1024

_UNSAFE_IN_FILE_NAMES: Final = re.compile(r"[^A-Za-z0-9._-]+")

Handler = Callable[[Any, wrappers.Request], wrappers.Response]


class RequestError(Exception):
    """A request that cannot be answered.

    Args:
        status: HTTP status.
        message: One line.
    """

    def __init__(self, status: int, message: str) -> None:
        self.status = status
        super().__init__(message)


def route(handler: Handler) -> Callable[[Any], Any]:
    """Make a WSGI application of a method: GET only, with errors as JSON and never a traceback."""

    def answer(plugin: Any, request: wrappers.Request) -> wrappers.Response:
        try:
            if request.method not in ("GET", "HEAD"):
                raise RequestError(405, "only GET and HEAD are answered")
            if len(request.query_string) > LONGEST_QUERY:
                raise RequestError(414, "the query is too long")
            return handler(plugin, request)
        except RequestError as error:
            return failure(request, error.status, str(error))
        except BusyError:
            return failure(request, 503, "many traces wait to be read; try again in a while")
        except ProfilerKitError as error:
            return failure(request, 422, str(error))
        except Exception:
            _logger.exception("%s failed", request.path)
            return failure(request, 500, "this failed inside profiler_kit; TensorBoard's log says why")

    @functools.wraps(handler)
    def bound(plugin: Any) -> Any:
        def application(environ: dict[str, Any], start_response: Any) -> Any:
            return answer(plugin, wrappers.Request(environ))(environ, start_response)

        return application

    return bound


def parameter(request: wrappers.Request, name: str, default: str | None = None) -> str:
    """Return a parameter.

    Raises:
        RequestError: If it is missing and there is no default, or if it is too long.
    """
    value = request.args.get(name, default)
    if value is None:
        raise RequestError(400, f"the parameter {name} is missing")
    if len(value) > LONGEST_PARAMETER.get(name, LONGEST_OTHER):
        raise RequestError(400, f"the parameter {name} is too long")
    return str(value)


def failure(request: wrappers.Request, status: int, message: str) -> wrappers.Response:
    """Answer with an error: one line, as JSON."""
    return _respond(request, encoded({"error": printable(message)}), JSON, code=status)


def document(request: wrappers.Request, content: dict[str, Any], status: int = 200) -> wrappers.Response:
    """Answer with a JSON document that is not kept."""
    return _respond(request, encoded(content), JSON, code=status)


def page(request: wrappers.Request, kept: Page, mime: str, download: str = "") -> wrappers.Response:
    """Answer with a page, or with 304 if the browser has it already.

    Args:
        request: The request.
        kept: The page.
        mime: Its MIME type.
        download: Name of the file under which to save it, if that is what it is for.
    """
    headers = [("ETag", f'"{kept.etag}"'), ("Vary", "Accept-Encoding")]
    if request.if_none_match.contains_weak(kept.etag):
        return wrappers.Response(status=304, headers=headers)
    if download:
        headers.append(attachment(download))
    return _respond(request, kept.body, mime, content_encoding="gzip", headers=headers)


def attachment(name: str) -> tuple[str, str]:
    """Return the header that makes a browser save an answer under a name, made harmless."""
    return "Content-Disposition", f'attachment; filename="{_UNSAFE_IN_FILE_NAMES.sub("_", name)[:128]}"'


def _respond(request: wrappers.Request, content: bytes, mime: str, **options: Any) -> wrappers.Response:
    answer: wrappers.Response = http_util.Respond(request, content, mime, **options)
    return answer
