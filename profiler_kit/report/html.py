"""A report as one HTML file: the page with its data inside, which needs neither a server nor a network."""

from __future__ import annotations

import base64
import gzip
import hashlib
import html
import json
import re
from importlib import resources
from typing import Any, Final

import profiler_kit
from profiler_kit.errors import ProfilerKitError
from profiler_kit.printable import printable
from profiler_kit.report.page import timeline
from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.headline import headline
from profiler_kit.report.page.views import VIEWS, index, view

_MODULES: Final = ("tb_plugin/static/charts.js", "tb_plugin/static/index.js")
"""The page's modules, the same as in TensorBoard. Charts come first: the page, once it runs, finds them there."""

_ESCAPES: Final = str.maketrans(
    {"<": "\\u003c", ">": "\\u003e", "&": "\\u0026", "\u2028": "\\u2028", "\u2029": "\\u2029"}
)
"""JSON in a script element must hold nothing that HTML or old JavaScript takes for markup or a line's end."""

_TEMPLATE: Final = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{policy}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="generator" content="profiler_kit {version}">
<title>{title}</title>
</head>
<body>
<noscript>This page needs JavaScript, which it has inside; it asks no server for anything.</noscript>
<script type="application/json" id="profiler-kit-data">{data}</script>
{modules}
</body>
</html>
"""

_POLICY: Final = (
    "default-src 'none'; script-src {digests}; style-src 'unsafe-inline'; img-src data: blob:; "
    "base-uri 'none'; form-action 'none'"
)
"""Only the page's own scripts run, and nothing is loaded from anywhere."""

_ENDS_SCRIPT: Final = re.compile(r"</script|<!--", re.IGNORECASE)


def render(answers: Answers) -> str:
    """Render the whole page about one trace.

    Args:
        answers: Answers about the trace.

    Raises:
        ProfilerKitError: If this installation lacks the built page.
    """
    modules = [_module(name) for name in _MODULES]
    data = json.dumps(page_document(answers), ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    return _TEMPLATE.format(
        policy=_POLICY.format(digests=" ".join(map(_digest, modules))),
        version=profiler_kit.__version__,
        title=html.escape(printable(f"{headline(answers)[0]} – profiler_kit")),
        data=data.translate(_ESCAPES),
        modules="\n".join(f'<script type="module">{module}</script>' for module in modules),
    )


def page_document(answers: Answers) -> dict[str, Any]:
    """Return everything that the page shows of one trace: what the plugin's routes would answer."""
    given = answers.timeline
    packed = gzip.compress(timeline.data(given), mtime=0)
    return {
        "views": {"state": "ready", **index(answers, alone=True)},
        "view": {one.id: view(answers, one.id) for one in VIEWS if not one.kind},
        "timeline": timeline.head(given),
        "timeline_data": base64.b64encode(packed).decode(),
        "timeline_encoding": "gzip",
    }


def _digest(module: str) -> str:
    """Return what the policy calls a script by."""
    return f"'sha256-{base64.b64encode(hashlib.sha256(module.encode()).digest()).decode()}'"


def _module(name: str) -> str:
    file = resources.files("profiler_kit").joinpath(name)
    if not file.is_file():
        raise ProfilerKitError(f"{name} is not in this installation; build it (see CONTRIBUTING.md) or reinstall")
    text = file.read_text(encoding="utf-8")
    if _ENDS_SCRIPT.search(text):
        raise ProfilerKitError(f"{name} cannot stand inside an HTML file: it holds </script or <!--")
    return text
