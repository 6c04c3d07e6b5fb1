"""What a trace file says about its writer."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

WHOLE_US: Final = "integer µs"
FRACTIONAL_US: Final = "fractional µs"
LONG_FRACTIONAL_US: Final = "fractional µs, more digits than float64"

DIALECT_KEY: Final = "profiler_kit.dialect"
"""Key of a trace's metadata under which the dialect stands as a plain dictionary."""


class Dialect(NamedTuple):
    """How a trace file is written, as found while reading it.

    Attributes:
        form: ``object`` (the events under ``traceEvents``) or ``list`` (nothing but events).
        compression: ``gzip`` or ``none``.
        time: `WHOLE_US`, `FRACTIONAL_US` or `LONG_FRACTIONAL_US`.
        has_base_time: True if times count from ``baseTimeNanoseconds``.
        categories: ``2021`` (Operator, Kernel), ``2022`` (cpu_op, Kernel) or ``current`` (cpu_op, kernel).
        external_id_key: Spelling of the key on GPU activity, ``External id`` or ``external id``.
        external_ids: ``honest`` where they name the launching operator, ``misleading`` where they do not, ``unknown``
            where the trace gives nothing to compare.
        flows: Names of the kinds of arrow, e.g. ``ac2g``, ``fwdbwd``.
    """

    form: str
    compression: str
    time: str
    has_base_time: bool
    categories: str
    external_id_key: str
    external_ids: str
    flows: tuple[str, ...]

    def as_metadata(self) -> dict[str, Any]:
        """Return the same as JSON has it."""
        return self._asdict() | {"flows": list(self.flows)}
