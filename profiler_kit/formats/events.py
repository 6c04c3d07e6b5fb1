"""What is read of one trace event: msgspec decodes straight into these, everything else in the text is skipped.

Values are typed as loosely as JSON itself, since writers differ (``"tid": "7"``, ``"correlation": "12"``); the columns
are made strict later, all values of a column at once (:mod:`profiler_kit.formats.quantities`).
"""

from __future__ import annotations

from enum import IntEnum
from functools import lru_cache
from typing import Any, Final, Literal, NamedTuple, cast

import msgspec
from msgspec import Raw, field

MISSING: Final = -(2**63)
"""Stands for a missing integer until the tables are built. No id, size or time of a trace can have this value."""

NOTHING: Final = Raw(b"")

DECODE_ERRORS: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
"""What msgspec raises for text that is no JSON of the wanted type (ValidationError is a DecodeError)."""

_NAN: Final = float("nan")


class PythonArguments(msgspec.Struct, gc=False, frozen=True):
    """``args`` of calls of Python functions."""

    python_parent_id: Any = field(default=MISSING, name="Python parent id")
    python_id: Any = field(default=MISSING, name="Python id")
    python_module_id: Any = field(default=MISSING, name="Python module id")


class Arguments(PythonArguments, gc=False, frozen=True):
    """`PythonArguments` and those of the other events that make up the bulk of a trace."""

    external_id: Any = field(default=MISSING, name="External id")
    concrete_inputs: Raw = field(default=NOTHING, name="Concrete Inputs")
    input_types: Raw = field(default=NOTHING, name="Input type")
    input_strides: Raw = field(default=NOTHING, name="Input Strides")
    input_dims: Raw = field(default=NOTHING, name="Input Dims")
    sequence: Any = field(default=MISSING, name="Sequence number")
    forward_thread: Any = field(default=MISSING, name="Fwd thread id")
    correlation: Any = MISSING
    name: Any = None
    # As PyTorch 1.8 spelled them.
    external_id_2021: Any = field(default=MISSING, name="external id")
    input_dims_2021: Raw = field(default=NOTHING, name="Input dims")


class DeviceArguments(Arguments, gc=False, frozen=True):
    """`Arguments` and those of kernels and copies."""

    device: Any = MISSING
    stream: Any = MISSING
    registers_per_thread: Any = field(default=MISSING, name="registers per thread")
    shared_memory_bytes: Any = field(default=MISSING, name="shared memory")
    blocks_per_sm: Any = field(default=_NAN, name="blocks per SM")
    warps_per_sm: Any = field(default=_NAN, name="warps per SM")
    grid: Any = (MISSING, MISSING, MISSING)
    block: Any = (MISSING, MISSING, MISSING)
    occupancy_percent: Any = field(default=_NAN, name="est. achieved occupancy %")
    bytes: Any = MISSING
    # Of kernels of collectives, as PyTorch's ParamCommsUtils writes them.
    collective: Any = field(default=None, name="Collective name")
    collective_dtype: Any = field(default=None, name="dtype")
    collective_elements: Any = field(default=MISSING, name="In msg nelems")
    group_size: Any = field(default=MISSING, name="Group size")
    group_ranks: Any = field(default=None, name="Process Group Ranks")


class RareArguments(DeviceArguments, gc=False, frozen=True):
    """`DeviceArguments` and those of the rarer kinds of event."""

    memory_device_type: Any = field(default=MISSING, name="Device Type")
    memory_device: Any = field(default=MISSING, name="Device Id")
    memory_address: Any = field(default=MISSING, name="Addr")
    memory_bytes: Any = field(default=MISSING, name="Bytes")
    total_allocated_bytes: Any = field(default=MISSING, name="Total Allocated")
    total_reserved_bytes: Any = field(default=MISSING, name="Total Reserved")
    waits_for_stream: Any = field(default=MISSING, name="wait_on_stream")
    waits_for_correlation: Any = field(default=MISSING, name="wait_on_cuda_event_record_corr_id")
    # As the recorder writes the kernels of oneDNN and MKL.
    library: Any = None
    primitive: Any = None
    propagation: Any = None
    algorithm: Any = None
    layouts: Any = None
    attributes: Any = None
    shapes: Any = None
    start_from: Any = None
    # The whole `args` of an event whose keys are names of hardware counters, as text.
    counters: Any = None


NO_ARGUMENTS: Final = RareArguments()


class Detail(IntEnum):
    """Which arguments are decoded: every further key costs time on every event."""

    PYTHON = 0
    BULK = 1
    DEVICE = 2
    RARE = 3
    COUNTERS = 4


# An `args` that is no object at all must not cost the whole event.
_NO_OBJECT = list[Any] | str | int | float | bool | None
_ARGUMENTS: Final = {
    Detail.PYTHON: PythonArguments | _NO_OBJECT,
    Detail.BULK: Arguments | _NO_OBJECT,
    Detail.DEVICE: DeviceArguments | _NO_OBJECT,
    Detail.RARE: RareArguments | _NO_OBJECT,
    # Which keys there are is only known once the category is; see `with_counters`.
    Detail.COUNTERS: Raw,
}
_DECODE_RARE: Final = msgspec.json.Decoder(_ARGUMENTS[Detail.RARE]).decode

COUNTER_CATEGORY: Final = "cuda_profiler_range"

_Phase = Literal["", "X", "s", "f", "M", "i", "I", "t", "C", "B", "E"]
_Category = Literal[
    "",
    "cpu_op",
    "python_function",
    "cuda_runtime",
    "cuda_driver",
    "kernel",
    "gpu_memcpy",
    "gpu_memset",
    "ac2g",
    "fwdbwd",
    "user_annotation",
    "gpu_user_annotation",
    "cpu_instant_event",
    "cuda_sync",
    "cuda_profiler_range",
    "overhead",
    "Trace",
    "Operator",
    "Runtime",
    "Kernel",
    "Memcpy",
    "Memset",
    "async",
    "async_gpu",
    "async_cpu_to_gpu",
    "cpu_kernel",
]


class Event(msgspec.Struct, gc=False, frozen=True, kw_only=True):
    """One element of ``traceEvents``."""

    ph: Any = ""
    cat: Any = ""
    name: Any = ""
    pid: Any = ""
    tid: Any = ""
    ts: Any = None
    dur: Any = None
    id: Any = MISSING
    args: Any = NO_ARGUMENTS


class Alike(NamedTuple):
    """What all events of a piece have in common; all of them are complete events.

    Attributes:
        category: Their category.
        track: Process and thread, None if they are on several, or if these are no numbers of 64 bits.
    """

    category: str
    track: tuple[int, int] | None


@lru_cache(maxsize=64)
def event_type(detail: Detail, *, exact: bool, usual: bool, alike: Alike | None = None) -> type[Event]:
    """Return the kind of `Event` to decode.

    Args:
        detail: Which arguments to decode.
        exact: Leave ``ts`` as text, for timestamps with more digits than float64 has.
        usual: Take only phases and categories that are well known, which is faster; others are a ValidationError.
        alike: Take only events like these: then nobody has to look again at what is the same in all.
    """
    fields: dict[str, tuple[Any, ...]] = {"args": (_ARGUMENTS[detail], NO_ARGUMENTS)}
    if exact:
        fields["ts"] = Raw, NOTHING
    if alike is not None:  # without defaults: an event that does not say is not like the others
        fields |= {"ph": (Literal["X"],), "cat": (Literal[alike.category],)}
        if alike.track is not None:
            fields |= {"pid": (Literal[alike.track[0]],), "tid": (Literal[alike.track[1]],)}
    elif usual:
        fields |= {"ph": (_Phase, ""), "cat": (_Category, "")}
    own = [(name, *kind) for name, kind in fields.items()]
    return cast("type[Event]", msgspec.defstruct("Event", own, bases=(Event,), gc=False, frozen=True, kw_only=True))


def with_counters(event: Event) -> Event:
    """Decode the arguments of an event that was decoded with `Detail.COUNTERS`; counters stay text.

    Raises:
        msgspec.DecodeError: If they cannot be read.
        UnicodeDecodeError: Likewise.
    """
    if not isinstance(event.args, Raw):
        return event
    if event.cat == COUNTER_CATEGORY:
        args: Any = msgspec.structs.replace(NO_ARGUMENTS, counters=str(bytes(event.args), "utf-8"))
    else:
        args = _DECODE_RARE(event.args)
    return msgspec.structs.replace(event, args=args)
