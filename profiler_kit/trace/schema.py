"""The one place that says which tables a trace has, and the name, dtype, unit and meaning of every column.

Conventions: times are int64 nanoseconds on the trace's own clock (see :attr:`profiler_kit.trace.Trace.epoch_ns`),
a missing value is ``<NA>``, every quantity that is not a time carries its unit in its name. Text is interned: columns
of dtype ``category`` share one name table per trace. A column that points into another table holds row numbers.
Rows are ordered by ``start_ns``, then longest first, then as in the file, so an enclosing range comes before what it
encloses.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table.

    Attributes:
        name: Column name in the DataFrame.
        dtype: pandas dtype; the capitalised ones (``Int64``) may hold ``<NA>``.
        meaning: What a value says, with its unit where the name does not carry it.
        derived: True if the column is joined from other tables rather than read from the file.
    """

    name: str
    dtype: str
    meaning: str
    derived: bool = False


_START = Column("start_ns", "int64", "start on the trace's clock")
_DURATION = Column("duration_ns", "int64", "length; the end is start_ns + duration_ns")
_THREAD = Column("thread", "int32", "host thread, a row of `threads`")
_EXTERNAL = Column("external_id", "Int64", "External id as written; a cross-check only, never joined on")
_CORRELATION = Column("correlation", "Int64", "joins GPU activity to the call that launched it")
_DEVICE = Column("device", "Int64", "device index; the pid of its track where the event does not say")
_STREAM = Column("stream", "Int64", "stream number on the device")
_LAUNCH = Column("launch", "Int64", "row of `launches` with the same correlation", derived=True)
_OP = Column("op", "Int64", "row of `ops`: innermost operator that encloses the call on its thread", derived=True)

TABLES: Final[dict[str, tuple[Column, ...]]] = {
    "ops": (
        Column("name", "category", "operator, e.g. aten::conv2d"),
        _THREAD,
        _START,
        _DURATION,
        Column("signature", "Int64", "row of `signatures`: shapes, types, strides and scalar arguments"),
        Column("sequence", "Int64", "autograd sequence number: a backward operator has its forward operator's"),
        Column("forward_thread", "Int64", "on backward operators, the autograd number of the forward thread"),
        _EXTERNAL,
        Column("parent", "Int64", "row of `ops`: innermost enclosing operator on the same thread", derived=True),
    ),
    "launches": (
        Column("name", "category", "runtime or driver call, e.g. cudaLaunchKernel"),
        _THREAD,
        _START,
        _DURATION,
        _CORRELATION,
        _EXTERNAL,
        _OP,
    ),
    "kernels": (
        Column("name", "category", "kernel name as written"),
        _DEVICE,
        _STREAM,
        _START,
        _DURATION,
        _CORRELATION,
        _EXTERNAL,
        Column("grid_x", "Int64", "CTAs in x"),
        Column("grid_y", "Int64", "CTAs in y"),
        Column("grid_z", "Int64", "CTAs in z"),
        Column("block_x", "Int64", "threads of a CTA in x"),
        Column("block_y", "Int64", "threads of a CTA in y"),
        Column("block_z", "Int64", "threads of a CTA in z"),
        Column("registers_per_thread", "Int64", "registers per thread"),
        Column("shared_memory_bytes", "Int64", "static and dynamic shared memory of a CTA"),
        Column("blocks_per_sm", "Float64", "CTAs / SMs, as computed by Kineto"),
        Column("warps_per_sm", "Float64", "warps / SMs, as computed by Kineto"),
        Column("occupancy_percent", "Float64", "estimated achieved occupancy, as computed by Kineto"),
        Column("collective", "category", "of communication kernels: what they are for, e.g. _allgather_base"),
        Column("collective_dtype", "category", "type of the elements as PyTorch writes it, e.g. BFloat16"),
        Column("collective_elements", "Int64", "elements that this rank gives"),
        Column("group_size", "Int64", "ranks of the process group"),
        Column("group_ranks", "category", "the ranks of the process group, e.g. [0, 1]"),
        _LAUNCH,
        _OP,
    ),
    "copies": (
        Column("name", "category", "e.g. Memcpy HtoD (Pageable -> Device)"),
        Column("kind", "category", "memcpy or memset"),
        _DEVICE,
        _STREAM,
        _START,
        _DURATION,
        _CORRELATION,
        _EXTERNAL,
        Column("bytes", "Int64", "bytes moved or set"),
        _LAUNCH,
        _OP,
    ),
    "cpu_kernels": (
        Column("name", "category", "oneDNN's implementation, e.g. jit:avx2, or MKL's function, e.g. SGEMM"),
        Column("library", "category", "oneDNN or MKL"),
        Column("primitive", "category", "what it computes, e.g. convolution, reorder; for MKL the function"),
        Column("propagation", "category", "oneDNN's kind, e.g. forward_training, backward_data, backward_weights"),
        Column("algorithm", "category", "oneDNN's, e.g. convolution_direct"),
        Column("layouts", "category", "type and layout of every tensor, as oneDNN writes them"),
        Column("attributes", "category", "further settings, as the library writes them"),
        Column("shapes", "category", "the problem as the library writes it; of an MKL call its arguments"),
        Column("start_from", "category", "timestamp: the start is the library's; line: the latest that it can be"),
        Column("thread", "int32", "the library's own track, a row of `threads`; which host thread it was is not known"),
        _START,
        _DURATION,
        Column("op", "Int64", "row of `ops`: innermost operator around it, if it can be only one", derived=True),
    ),
    "counters": (
        Column("name", "category", "kernel that was counted, as written; __missing__ where the writer lost it"),
        _DEVICE,
        _START,
        _DURATION,
        Column("metrics", "category", "JSON object: name of the hardware counter → its value"),
    ),
    "annotations": (
        Column("name", "category", "text of the range, e.g. ProfilerStep#3"),
        Column("kind", "category", "user_annotation (host) or gpu_user_annotation (its shadow on the GPU)"),
        _THREAD,
        _START,
        _DURATION,
        Column("signature", "Int64", "row of `signatures`; of nccl:… the tensor that is communicated"),
        _EXTERNAL,
    ),
    "layers": (
        Column("layer", "category", 'fully qualified module name; the root module is ""'),
        Column("type", "category", "class name of the module"),
        Column("call", "Int64", "number of this call of this module, from 1"),
        _THREAD,
        _START,
        _DURATION,
    ),
    "python_functions": (
        Column("name", "category", "file(line): function, or nn.Module: Type_n"),
        _THREAD,
        _START,
        _DURATION,
        Column("python_id", "Int64", "Python id as written"),
        Column("python_parent_id", "Int64", "Python id of the caller"),
        Column("python_module_id", "Int64", "for nn.Module calls: number of the module object"),
    ),
    "allocations": (
        _THREAD,
        Column("start_ns", "int64", "time of the event"),
        Column("device_type", "Int64", "0 CPU, 1 CUDA (c10::DeviceType)"),
        Column("device", "Int64", "device index"),
        Column("address", "Int64", "address of the block, as a signed 64-bit number"),
        Column("bytes", "Int64", "allocated, negative when freed"),
        Column("total_allocated_bytes", "Int64", "allocated on the device after the event"),
        Column("total_reserved_bytes", "Int64", "reserved by the caching allocator after the event"),
    ),
    "flows": (
        Column("name", "category", "ac2g (host to GPU; older names are kept as written) or fwdbwd"),
        Column("id", "Int64", "the two ends of an arrow have the same name and id"),
        Column("end", "bool", "False where the arrow starts, True where it ends"),
        _THREAD,
        Column("start_ns", "int64", "time of this end"),
    ),
    "syncs": (
        Column("name", "category", "kind of wait, e.g. Stream Wait Event, Event Sync, Context Sync"),
        _DEVICE,
        Column("stream", "Int64", "stream that waits; -1 where the host waits"),
        _START,
        _DURATION,
        Column("correlation", "Int64", "the call that waits"),
        Column("waits_for_stream", "Int64", "stream that is waited for, -1 for none"),
        Column("waits_for_correlation", "Int64", "the cudaEventRecord call that is waited for, -1 for none"),
    ),
}
"""Table name → its columns, in order."""

MAY_BE_EMPTY: Final = frozenset(
    {
        *("collective", "collective_dtype", "group_ranks"),
        *("propagation", "algorithm", "layouts", "attributes", "shapes"),
    }
)
"""Columns of text of which an empty one, as readers find it, says that there is nothing: it becomes ``<NA>``."""

SIGNATURE_COLUMNS: Final[tuple[Column, ...]] = (
    Column("input_dims", "object", "tuple of shapes (tuples of int), one per input; () for a scalar or None"),
    Column("input_types", "object", "tuple of type names as PyTorch writes them, e.g. c10::Half"),
    Column("input_strides", "object", "tuple of strides in elements, one tuple per input"),
    Column("concrete_inputs", "object", "tuple of scalar arguments as text, '' for tensors"),
)
"""Columns of `signatures`: one row per distinct combination; None where the trace does not say."""

THREAD_COLUMNS: Final[tuple[Column, ...]] = (
    Column("pid", "object", "process id as written, as text"),
    Column("tid", "object", "thread id as written, as text"),
    Column("name", "object", "name of the track, None if the trace gives none"),
)
"""Columns of `threads`: one row per track (host thread or GPU stream) that has events."""
