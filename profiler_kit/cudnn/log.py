"""cuDNN's API log: which engine ran which convolution, as cuDNN itself wrote it down.

The log is switched on before cuDNN is loaded, with ``CUDNN_LOGDEST_DBG=FILE`` and ``CUDNN_LOGLEVEL_DBG=3`` (cuDNN 9) or
``CUDNN_LOGINFO_DBG=1`` (8); both may be set. Each call is a block of lines: a heading, arguments indented by their
nesting, the time, and the process with its thread::

    I! CuDNN (v92800 42) function cudnnBackendExecute() called:
    i!     executionPlan: type=CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
    i!         engcfg: type=CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
    …
    i! Time: 2026-11-22T20:23:22.055302 (0d+0h+0m+1s since start)
    i! Process=4711; Thread=4711; GPU=0; Handle=0x55…; StreamId=0x0.

cuDNN 8 writes ``(v8204)`` in the heading, and some 9.0 logs have no ``I!`` and ``i!``. Reading is by line and by name
of the field, wherever in the block it is: nothing is known to hold for all versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any, Final, Literal

from profiler_kit.cudnn.plans import BEHAVIOR_NOTES, NUMERICAL_NOTES

Shape = tuple[int, ...]

LONGEST_BLOCK: Final = 4000
"""Lines of one call; what goes on beyond is a damaged log, and is left out."""

_HEADING: Final = re.compile(r"^\s*(?:[A-Z]! )?CuDNN \(v(\d+)[^)]*\) function (\w+)\(\) called:")
_ARGUMENT: Final = re.compile(r"^(?:[a-z]!)?( *)([\w.\[\] ]*?): type=([\w ]+?)(?:; val=(.*?))?[;:]?\s*$")
_TIME: Final = re.compile(r"Time: (\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d{1,6})?)")
_THREAD: Final = re.compile(r"Process=(\d+); Thread=(\d+)")

_EXECUTE: Final = "cudnnBackendExecute"
_FINALIZE: Final = "cudnnBackendFinalize"
_PLAN: Final = "CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR"
_LEGACY: Final = {
    "cudnnConvolutionForward": "fprop",
    "cudnnConvolutionBiasActivationForward": "fprop",
    "cudnnConvolutionBackwardData": "dgrad",
    "cudnnConvolutionBackwardFilter": "wgrad",
}
"""Calls of the older interface, and the pass that they compute."""

_OPERATIONS: Final = {
    "CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR": "fprop",
    "CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_DATA_DESCRIPTOR": "dgrad",
    "CUDNN_BACKEND_OPERATION_CONVOLUTION_BACKWARD_FILTER_DESCRIPTOR": "wgrad",
}

_DTYPES: Final = {
    "CUDNN_DATA_FLOAT": "float32",
    "CUDNN_DATA_DOUBLE": "float64",
    "CUDNN_DATA_HALF": "float16",
    "CUDNN_DATA_BFLOAT16": "bfloat16",
    "CUDNN_DATA_INT8": "int8",
}

_KNOB: Final = "CUDNN_KNOB_TYPE_"


@dataclass(frozen=True, slots=True, kw_only=True)
class LogRecord:
    """One call that ran a convolution, or made the plan for one.

    Attributes:
        call: The function.
        kind: ``execute`` (a plan ran), ``plan`` (a plan was made) or ``legacy`` (the older interface ran one).
        version: cuDNN's version number, as in the heading: 92800, 8204.
        time_ns: Time since the epoch; ``None`` if the log ends before it.
        process: Process number; ``None`` likewise.
        thread: Thread number, as operating system and trace have it; ``None`` likewise.
        operation: ``fprop``, ``dgrad``, ``wgrad``; ``None`` if the block doesn't say.
        engine: The engine's number.
        knobs: Its settings by name.
        notes: Numerical notes by name: true, false, ``None`` where the block doesn't list them at all.
        behaviour: Behaviour notes, likewise.
        algorithm: Name of the algorithm in the older interface: ``IMPLICIT_PRECOMP_GEMM``.
        input_shape: Shape of the forward pass's input, or of its gradient.
        weight_shape: Shape of the weight, or of its gradient.
        output_shape: Shape of the forward pass's output, or of its gradient.
        input_strides: Strides of the input in elements.
        dtype: Data type of the input by PyTorch's name.
        stride: Along each spatial dimension; so are the next two.
        padding: Padding.
        dilation: Dilation.
        complete: Whether the block is whole.
    """

    call: str
    kind: Literal["execute", "plan", "legacy"]
    version: int
    time_ns: int | None = None
    process: int | None = None
    thread: int | None = None
    operation: str | None = None
    engine: int | None = None
    knobs: Mapping[str, int] = field(default_factory=dict)
    notes: Mapping[str, bool | None] = field(default_factory=dict)
    behaviour: Mapping[str, bool | None] = field(default_factory=dict)
    algorithm: str | None = None
    input_shape: Shape | None = None
    weight_shape: Shape | None = None
    output_shape: Shape | None = None
    input_strides: Shape | None = None
    dtype: str | None = None
    stride: Shape | None = None
    padding: Shape | None = None
    dilation: Shape | None = None
    complete: bool = True

    def as_json(self) -> dict[str, Any]:
        """Return the fields as JSON can hold them."""
        return asdict(self)

    @classmethod
    def of_json(cls, fields: Mapping[str, Any]) -> LogRecord:
        """Return the record that :meth:`as_json` wrote.

        Raises:
            TypeError: It has other fields.
        """
        given: dict[str, Any] = {
            name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()
        }
        return cls(**given)


def read_log(path: Path, utc_offset: timedelta | None = None) -> Iterator[LogRecord]:
    """Read the records of a log file, one after the other.

    Args:
        path: The log.
        utc_offset: What the clock that wrote it was ahead of UTC, for the log has local time; by default this
            machine's time zone.
    """
    with path.open(encoding="utf-8", errors="replace") as lines:
        yield from log_records(lines, utc_offset)


def log_records(lines: Iterable[str], utc_offset: timedelta | None = None) -> Iterator[LogRecord]:
    """Read records from the lines of a log; see :func:`read_log`.

    Blocks of other calls are passed over, and so are the second blocks in which newer versions tell the status of a
    call. A block that is cut off (by the end of the log, or by another block) gives a record that isn't complete.
    """
    heading: re.Match[str] | None = None
    body: list[str] = []
    for line in lines:
        found = _HEADING.match(line)
        if found is None:
            if heading is not None and len(body) < LONGEST_BLOCK:
                body.append(line)
            continue
        if heading is not None and (record := _record(heading, body, utc_offset)) is not None:
            yield record
        heading, body = (found if _is_wanted(found[2]) else None), []
    if heading is not None and (record := _record(heading, body, utc_offset)) is not None:
        yield record


def _is_wanted(call: str) -> bool:
    return call in (_EXECUTE, _FINALIZE) or call in _LEGACY


@dataclass(slots=True)
class _Argument:
    """A line of a block with what is nested under it."""

    name: str
    kind: str
    value: str | None
    depth: int
    parts: list[_Argument] = field(default_factory=list)

    def find(self, *names: str) -> _Argument | None:
        """Return the first argument of one of these names, this one or nested in it, outermost first."""
        level = [self]
        while level:
            for one in level:
                if one.name in names:
                    return one
            level = [part for one in level for part in one.parts]
        return None

    def find_kind(self, kinds: Mapping[str, str]) -> str | None:
        """Return what stands for the first of these types that is met."""
        level = [self]
        while level:
            for one in level:
                if one.kind in kinds:
                    return kinds[one.kind]
            level = [part for one in level for part in one.parts]
        return None


def _tree(body: list[str]) -> _Argument:
    """Nest arguments by their indentation."""
    root = _Argument("", "", None, -1)
    path = [root]
    for line in body:
        found = _ARGUMENT.match(line)
        if found is None:
            continue
        one = _Argument(found[2].strip(), found[3], found[4], len(found[1]))
        while path[-1].depth >= one.depth:
            path.pop()
        path[-1].parts.append(one)
        path.append(one)
    return root


def _record(heading: re.Match[str], body: list[str], utc_offset: timedelta | None) -> LogRecord | None:
    """Read a block; ``None`` if it is about no convolution."""
    version, call = int(heading[1]), heading[2]
    if call == _FINALIZE and not any(_PLAN in line for line in body[:2]):
        return None
    tree = _tree(body)
    time_ns = next((_time_ns(found[1], utc_offset) for line in body if (found := _TIME.search(line))), None)
    thread = next((found for line in body if (found := _THREAD.search(line))), None)
    operation = _LEGACY.get(call) or tree.find_kind(_OPERATIONS)
    engine, algorithm = _number(tree.find("engine_id")), tree.find("algo")
    if operation is None or (engine is None and algorithm is None):
        return None  # the status of a call, or another operation
    x, w, y = tree.find("xDesc", "dxDesc"), tree.find("wDesc", "dwDesc"), tree.find("yDesc", "dyDesc")
    convolution = tree.find("convDesc")
    return LogRecord(
        call=call,
        kind="legacy" if call in _LEGACY else "execute" if call == _EXECUTE else "plan",
        version=version,
        time_ns=time_ns,
        process=None if thread is None else int(thread[1]),
        thread=None if thread is None else int(thread[2]),
        operation=operation,
        engine=engine,
        knobs=_knobs(tree),
        notes=_notes(tree.find("numericalNotes"), "CUDNN_NUMERICAL_NOTE_", NUMERICAL_NOTES),
        behaviour=_notes(tree.find("behaviorNotes"), "CUDNN_BEHAVIOR_NOTE_", BEHAVIOR_NOTES),
        algorithm=None if algorithm is None else _algorithm(algorithm.value),
        input_shape=_numbers(x, "dimA"),
        weight_shape=_numbers(w, "dimA"),
        output_shape=_numbers(y, "dimA"),
        input_strides=_numbers(x, "strideA"),
        dtype=_dtype(x),
        stride=_numbers(convolution, "strideA"),
        padding=_numbers(convolution, "lowerPadA", "padA"),
        dilation=_numbers(convolution, "dilationA"),
        complete=time_ns is not None and thread is not None,
    )


def _time_ns(text: str, utc_offset: timedelta | None) -> int | None:
    try:
        moment = datetime.fromisoformat(text)
        zoned = moment.astimezone() if utc_offset is None else moment.replace(tzinfo=timezone(utc_offset))
    except (ValueError, OverflowError, OSError):
        return None
    since = zoned - datetime(1970, 1, 1, tzinfo=timezone.utc)
    return ((since.days * 86400 + since.seconds) * 1_000_000 + since.microseconds) * 1000


def _number(argument: _Argument | None) -> int | None:
    value = None if argument is None else argument.value
    return int(value) if value is not None and re.fullmatch(r"-?\d{1,18}", value) else None


def _numbers(argument: _Argument | None, *names: str) -> Shape | None:
    """Read a list of numbers of a descriptor."""
    found = None if argument is None else argument.find(*names)
    if found is None or found.value is None or not re.fullmatch(r"\[-?\d+(?:, ?-?\d+)*\]", found.value):
        return None
    return tuple(int(part) for part in found.value[1:-1].split(","))


def _knobs(tree: _Argument) -> dict[str, int]:
    listed = tree.find("knobDesc")
    knobs = {}
    for part in listed.parts if listed is not None else ():
        value = _number(part)
        if part.name.startswith(_KNOB) and value is not None:
            knobs[part.name.removeprefix(_KNOB)] = value
    return knobs


def _notes(listed: _Argument | None, prefix: str, names: tuple[str, ...]) -> dict[str, bool | None]:
    """Read notes: cuDNN lists those that an engine has, and a null pointer where it has none."""
    if listed is None:
        return dict.fromkeys(names)
    true = {part.name.removeprefix(prefix) for part in listed.parts if part.value == "true"}
    return {name: name in true for name in names}


def _algorithm(value: str | None) -> str | None:
    """Read ``CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM (1)``."""
    name = (value or "").partition(" ")[0]
    return name.partition("_ALGO_")[2] or name or None


def _dtype(tensor: _Argument | None) -> str | None:
    found = None if tensor is None else next((one for one in tensor.parts if one.name in ("type", "dataType")), None)
    name = ((found.value if found else None) or "").partition(" ")[0]
    return _DTYPES.get(name, name) or None
