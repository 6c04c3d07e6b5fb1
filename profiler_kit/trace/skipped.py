"""Why an event that a reader met is in no table although it should be."""

from __future__ import annotations

from typing import Final

NO_TIME: Final = "no start time or duration"
NOT_AN_OBJECT: Final = "not an object"
