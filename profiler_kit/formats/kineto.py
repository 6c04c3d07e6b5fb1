"""Kineto's Chrome-trace JSON, in all the dialects that PyTorch has written since 1.8."""

from __future__ import annotations

from profiler_kit.errors import TraceFormatError
from profiler_kit.formats.assembly import Assembly
from profiler_kit.formats.document import Document, EventsReader, TextBuffer
from profiler_kit.formats.parallel import ParallelReader, processes_for
from profiler_kit.formats.quantities import integers
from profiler_kit.formats.source import Source
from profiler_kit.formats.stream import SequentialReader
from profiler_kit.formats.workers import Workers
from profiler_kit.trace import Health, Trace, build_trace
from profiler_kit.trace.dialect import FRACTIONAL_US, LONG_FRACTIONAL_US, WHOLE_US, Dialect


def read(source: Source, workers: int | None = None) -> Trace:
    """Read a Kineto trace.

    Args:
        source: The file.
        workers: Processes that decode, this one included; by default chosen by the size of the file and the number of
            cores; 0 or 1 to start none.

    Raises:
        TraceFormatError: If the file is no trace.
    """
    if workers is None:
        workers = processes_for(source.text_size())
    with Workers(workers - 1) as others:  # which they end while the tables are made
        document, assembly = read_columns(source, others)
        found = assembly.finish()
        base = int(integers([document.metadata.get("baseTimeNanoseconds", 0)])[0])
        return build_trace(
            source.name,
            metadata=document.metadata,
            epoch_ns=max(base, 0),
            health=Health(
                assembly.events,
                skipped=dict(assembly.skipped),
                oddities=dict(assembly.oddities + document.oddities),
                cut_at=document.cut_at,
                damaged_at=document.damaged_at,
                compression_damage=source.damage,
            ),
            names=found.names,
            tables=found.tables,
            signatures=found.signatures,
            threads=found.threads,
            dialect=_dialect(source, document, assembly),
        )


def read_columns(source: Source, workers: Workers | None = None) -> tuple[Document, Assembly]:
    """Read a Kineto trace as far as its columns.

    Args:
        source: The file.
        workers: Processes that decode beside this one; they are stopped when there is nothing left for them.

    Raises:
        TraceFormatError: If the file is no trace.
    """
    assembly, document = Assembly(), Document(source.name)
    try:
        document.read(TextBuffer(source.blocks()), _events_reader(assembly, workers))
    except TraceFormatError as error:
        if source.damage is None:
            raise
        raise TraceFormatError(error.path, f"{source.damage}; nothing can be read", error.offset) from None
    if document.form == "list" and assembly.events == 0:
        raise TraceFormatError(source.name, "a JSON list without events is no trace")
    return document, assembly


def _events_reader(assembly: Assembly, workers: Workers | None) -> EventsReader:
    if workers:
        return ParallelReader(assembly.add, assembly.learn, workers)
    return SequentialReader(assembly.add)


def _dialect(source: Source, document: Document, assembly: Assembly) -> Dialect:
    categories = assembly.categories
    times = (form for form in (LONG_FRACTIONAL_US, FRACTIONAL_US) if form in assembly.facts)
    older = "2022" if categories & {"Kernel", "Runtime", "Memcpy", "Memset"} else "current"
    return Dialect(
        form=document.form,
        compression="gzip" if source.compressed else "none",
        time=next(times, WHOLE_US),
        has_base_time="baseTimeNanoseconds" in document.metadata,
        categories="2021" if "Operator" in categories else older,
        external_id_key=next((fact for fact in assembly.facts if fact == "external id"), "External id"),
        external_ids="unknown",
        flows=(),
    )
