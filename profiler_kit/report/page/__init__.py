"""The page: answers as blocks that the front end shows, in TensorBoard and in one HTML file alike."""

from profiler_kit.report.page.answers import Answers
from profiler_kit.report.page.views import VIEWS, index, view

__all__ = ["VIEWS", "Answers", "index", "view"]
