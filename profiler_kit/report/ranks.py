"""The ranks of a job side by side, laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.ranks``, version 1. Times are in µs in fields that end in ``_us``, a missing value is
``null``. ``rows`` (one a rank), ``steps``, ``late`` and ``collectives`` are the tables of
:class:`profiler_kit.analysis.ranks.rank_times.RankTimes`, ``missing_ranks`` and ``unreadable`` (``rank``, ``reason``)
what its fields ``missing`` and ``unreadable`` are, ``clocks`` that of
:class:`profiler_kit.analysis.ranks.rank_collectives.RankCollectives`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.ranks.rank_times import RankTimes
from profiler_kit.report.document import json_text
from profiler_kit.report.layout import ROOMY, WIDE, Column, Item, Section, Table
from profiler_kit.report.microseconds import rows_in_microseconds, to_csv
from profiler_kit.report.quantities import is_missing, with_unit

SCHEMA: Final = "profiler_kit.ranks"
SCHEMA_VERSION: Final = 1

_KEYS: Final = (
    "rank",
    "source",
    "span_us",
    "compute_us",
    "copy_us",
    "transfer_us",
    "waiting_us",
    "other_communication_us",
    "idle_us",
    "communication_us",
    "hidden_us",
    "kernels",
)


def ranks_document(result: RankTimes) -> dict[str, Any]:
    """Return what JSON says of the ranks."""
    return {
        "world_size": result.world_size,
        "missing_ranks": list(result.missing),
        "unreadable": [file._asdict() for file in result.unreadable],
        "unmatched_communication_kernels": result.matching.unmatched,
        "rows": rows_in_microseconds(result.ranks),
        "steps": rows_in_microseconds(result.steps),
        "late": rows_in_microseconds(result.late),
        "collectives": rows_in_microseconds(result.collectives),
        "clocks": rows_in_microseconds(result.matching.clocks),
    }


def ranks_json(result: RankTimes, source: str) -> str:
    """Render the ranks as JSON text."""
    content = {
        "source": source,
        **ranks_document(result),
    }
    return json_text(SCHEMA, SCHEMA_VERSION, content)


def ranks_csv(result: RankTimes) -> str:
    """Render the table of ranks as CSV."""
    return to_csv(rows_in_microseconds(result.ranks), _KEYS)


NO_DEVICE: Final = "No GPU activity in these traces, so there is nothing to compare."


def ranks_sections(result: RankTimes, rows: int) -> list[Section]:
    """Lay out the ranks.

    Args:
        result: The ranks.
        rows: Most rows of each table.
    """
    if not result.ranks["span_ns"].any():
        return [Section("Ranks", NO_DEVICE, notes=[*left_out(result)])]
    sections = [_ranks(result), _stragglers(result, rows), _collectives(result, rows), _clocks(result)]
    return [section for section in sections if section is not None]


def ranks_facts(result: RankTimes) -> list[tuple[str, str]]:
    """Return what stands above the sections, as (label, text)."""
    read = len(result.ranks)
    of = f" of {result.world_size}" if result.world_size and result.world_size != read else ""
    missing = f"; missing: {_in_ranges(result.missing)}" if result.missing else ""
    return [("ranks", f"{read}{of}{missing}")]


def left_out(result: RankTimes) -> Iterator[str]:
    """Return one line for each file that could not be read."""
    for file in result.unreadable:
        yield f"left out: {file.reason}"


def _in_ranges(numbers: Sequence[int]) -> str:
    """Write ascending numbers like 2, 5–7."""
    ranges: list[list[int]] = []
    for number in numbers:
        if ranges and ranges[-1][1] == number - 1:
            ranges[-1][1] = number
        else:
            ranges.append([number, number])
    return ", ".join(str(first) if first == last else f"{first}–{last}" for first, last in ranges)


def _ranks(result: RankTimes) -> Section:
    other = bool(result.ranks["other_communication_ns"].any())
    columns = [
        Column("rank"),
        Column("span", "duration", same_unit="time"),
        Column("compute", "duration", same_unit="time"),
        Column("copies", "duration", same_unit="time", from_width=ROOMY),
        Column("transfer", "duration", same_unit="time"),
        Column("waiting", "duration", same_unit="time"),
        *([Column("other comm.", "duration", same_unit="time")] if other else []),
        Column("idle", "duration", same_unit="time"),
        Column("hidden comm.", "duration", from_width=WIDE, same_unit="time"),
    ]
    keys = ["rank", "span_ns", "compute_ns", "copy_ns", "transfer_ns", "waiting_ns"]
    keys += [*(["other_communication_ns"] if other else []), "idle_ns", "hidden_ns"]
    data = [tuple(row[key] for key in keys) for row in result.ranks.to_dict("records")]
    lead = (
        "Each rank from its first to its last device activity. Transfer and waiting are collectives beside which "
        "nothing else ran: waiting lasts until the last rank has started, transfer is the rest (derived)."
    )
    notes = ["Compute + copies + transfer + waiting" + (" + other comm." if other else "") + " + idle = span."]
    if other:
        notes.append("Other comm.: communication that could not be matched between the ranks, so not divided.")
    return Section("Ranks", lead, table=Table(columns, data), notes=[*notes, *left_out(result)])


def _stragglers(result: RankTimes, rows: int) -> Section | None:
    if not len(result.steps):
        why = "Nothing could be matched between ranks, so nothing is said of who waited for whom."
        return Section("Who was waited for", why if len(result.ranks) > 1 else "This is one rank: give all of a job.")
    items = [_item(row, result.late) for row in result.steps.head(rows).to_dict("records")]
    sums = result.late.groupby("rank")[["late", "late_ns", "waited_ns"]].sum().reset_index()
    sums = sums.sort_values("waited_ns", ascending=False, kind="stable")
    total = int(sums["waited_ns"].sum())
    data = [
        (row["rank"], row["late"], row["late_ns"], row["waited_ns"], row["waited_ns"] / total if total else 0.0)
        for row in sums.head(rows).to_dict("records")
    ]
    columns = (
        Column("rank"),
        Column("last to start", "count"),
        Column("later by", "duration", same_unit="time"),
        Column("waited for it", "duration", same_unit="time"),
        Column("share", "share"),
    )
    lead = "Waited for it: time of the other ranks, summed. Later by: than the rank that started before it."
    table = Table(columns, data, max(len(sums) - rows, 0), bars="share")
    return Section("Who was waited for", lead, items=items, table=table)


ALSO_NAMED: Final = 0.1
"""Share of a step's waiting from which on a rank is named beside the one that most is waited for."""


def _item(row: Mapping[Any, Any], late: pd.DataFrame) -> Item:
    """Write down one step's straggler, and the other ranks that were waited for long."""
    where = "Outside steps" if is_missing(row["step"]) else f"Step {row['step']}"
    waited = with_unit("duration", row["waited_ns"])
    evidence = (
        f"last to start in {row['late']} of {row['collectives']} collectives, {with_unit('duration', row['late_ns'])} "
        f"after the rank before it; all ranks together wait {waited}"
    )
    of_step = late[late["step"].isna() if is_missing(row["step"]) else late["step"] == row["step"]]
    others = of_step[(of_step["rank"] != row["straggler"]) & (of_step["waited_ns"] >= ALSO_NAMED * row["waited_ns"])]
    details = [("evidence", evidence), ("cause", _cause(row))]
    details += [
        ("also", f"rank {one['rank']}, for {with_unit('duration', one['waited_ns'])}: {_cause(one)}")
        for one in others.sort_values("waited_ns", ascending=False, kind="stable").to_dict("records")
    ]
    return Item(f"{where}: rank {row['straggler']} is waited for most.", details)


def _cause(row: Mapping[Any, Any]) -> str:
    """Say why a rank was late, and by how much."""
    return str(row["cause"]) + (f", {with_unit('duration', row['cause_ns'])} more" if row["cause_ns"] else "")


def _collectives(result: RankTimes, rows: int) -> Section | None:
    table = result.collectives
    if not len(table):
        return Section("Collectives", "No communication kernels in these traces.")
    columns = (
        Column("collective"),
        Column("type"),
        Column("size", "bytes"),
        Column("ranks", "count", from_width=WIDE),
        Column("calls", "count"),
        Column("waiting", "duration", same_unit="time", from_width=ROOMY),
        Column("transfer", "duration", same_unit="time", from_width=ROOMY),
        Column("a call", "duration"),
        Column("rate", "bytes_per_s", same_unit="rate", from_width=WIDE),
        Column("bus", "bytes_per_s", same_unit="rate"),
    )
    keys = (
        "collective", "dtype", "bytes", "ranks", "calls", "waiting_ns", "transfer_ns", "median_transfer_ns",
        "bytes_per_s", "bus_bytes_per_s",
    )  # fmt: skip
    data = [tuple(row[key] for key in keys) for row in table.head(rows).to_dict("records")]
    notes = []
    if table["bytes"].isna().any():
        notes.append("Where no size is given, shapes were not recorded (record_shapes=True).")
    notes += _volume(table)
    lead = (
        "Waiting and transfer are summed over ranks; a call: median time of the rank that starts last. Rate is size by "
        "that time, bus the rate on the links by the factors of nccl-tests."
    )
    return Section("Collectives", lead, table=Table(columns, data, max(len(table) - rows, 0)), notes=notes)


def _volume(table: pd.DataFrame) -> list[str]:
    """Say how much each kind of collective moved, all calls together."""
    known = table[table["bytes"].notna()]
    volume = (known["bytes"] * known["calls"]).groupby(known["collective"], sort=False).sum()
    if not len(volume):
        return []
    return [
        "Volume of a rank: " + ", ".join(f"{name} {with_unit('bytes', int(size))}" for name, size in volume.items())
    ]


def _clocks(result: RankTimes) -> Section | None:
    clocks = result.matching.clocks
    if not clocks["matched"].any():
        return None
    corrected = clocks[clocks["corrected_ns"] != 0]
    far = clocks.sort_values("ahead_ns", key=abs, ascending=False, kind="stable").iloc[0]
    if not len(corrected):
        text = (
            f"By the ends of {int(clocks['matched'].max())} collectives no clock is ahead by more than they spread "
            f"(most: rank {far['rank']}, {with_unit('duration', far['ahead_ns'])} ± "
            f"{with_unit('duration', far['spread_ns'])}), so nothing was corrected."
        )
        return Section("Clocks", notes=(*_unmatched(result), text))
    columns = (
        Column("rank"),
        Column("matched", "count"),
        Column("ahead", "duration"),
        Column("spread", "duration"),
        Column("corrected", "duration"),
    )
    keys = ("rank", "matched", "ahead_ns", "spread_ns", "corrected_ns")
    data = [tuple(row[key] for key in keys) for row in clocks.to_dict("records")]
    lead = "How much each rank's clock is ahead, by the ends of the collectives that all take part in."
    return Section("Clocks", lead, table=Table(columns, data), notes=_unmatched(result))


def _unmatched(result: RankTimes) -> tuple[str, ...]:
    count = result.matching.unmatched
    if not count:
        return ()
    why = "the ranks have different numbers of them in a step, or they do not run at the same time"
    return (f"{count} communication kernels could not be matched: {why}.",)
