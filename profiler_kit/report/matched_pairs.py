"""Matched pairs of convolutions and dense layers laid out for readers, and as JSON and CSV.

JSON schema ``profiler_kit.matched_pairs``, version 1. Times are in µs in fields that end in ``_us``; a measured time or
ratio is ``{median, low, high, samples}``, where ``low`` and ``high`` enclose the median with a probability of at least
``level``; a missing value is ``null``.

| key | value |
|---|---|
| schema, schema_version, profiler_kit_version | as everywhere |
| device, load, batch, rounds, seconds, preemptions, level | where and how it was measured |
| peaks | flops_per_s, bytes_per_s, cached_bytes_per_s (by size in bytes), dispatch_us, source |
| layers | [size, match (``null`` for the convolution), layer, flops, bytes, parameters, call_us, ratio (time of the |
|  | convolution / of this layer), winner, bounds_us, bound, attainable_share, flops_per_s, kernels, why] |
| left_out | [layer, reason] |
| first_calls | ``null`` if not measured, else processes, clock_us, and ``layers`` [layer, cold_us, later_us, |
|  | once_a_process_us, once_a_layer_us, second_us, steady_us, dispatch_us, noise_low_us, noise_high_us, |
|  | told_ratio, true_ratio] |
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from profiler_kit.analysis.measured.first_calls import FirstCall, FirstCalls
from profiler_kit.analysis.measured.matched_pairs import MATCHES, MatchedPairs, Peaks, SweptLayer, overview
from profiler_kit.analysis.measured.timing_statistics import LEVEL, MedianInterval
from profiler_kit.report import markdown, terminal
from profiler_kit.report.document import json_text
from profiler_kit.report.experiment import measured_text
from profiler_kit.report.json import plain
from profiler_kit.report.layout import ROOMY, VERY_WIDE, WIDE, Column, Item, Section, Table
from profiler_kit.report.microseconds import microseconds, to_csv
from profiler_kit.report.names import short_kernel
from profiler_kit.report.quantities import MISSING, with_unit
from profiler_kit.report.trial import interval_text

SCHEMA: Final = "profiler_kit.matched_pairs"
SCHEMA_VERSION: Final = 1

_TITLE: Final = "profiler_kit compare: convolution against dense"


@dataclass(frozen=True)
class MatchedPairsReport:
    """Matched pairs and the cold measurement, ready to be rendered.

    Attributes:
        pairs: The sweep.
        first_calls: Cold calls taken apart, None if they were not measured.
    """

    pairs: MatchedPairs
    first_calls: FirstCalls | None = None

    def to_text(self, *, width: int, color: bool = False) -> str:
        """Render for a terminal of the given width."""
        return terminal.render_sections(_TITLE, self._facts(), self.sections(), width=width, color=color)

    def to_markdown(self) -> str:
        """Render as Markdown."""
        return markdown.render_sections(_TITLE, self._facts(), self.sections())

    def to_json(self) -> str:
        """Render as JSON; this module documents the schema."""
        return json_text(SCHEMA, SCHEMA_VERSION, self.to_dict())

    def to_csv(self) -> str:
        """Render the layers of the sweep as CSV, the ends of the intervals in columns of their own."""
        return to_csv([_flat(row) for row in self.to_dict()["layers"]], _CSV_COLUMNS)

    def to_dict(self) -> dict[str, Any]:
        """Return the JSON document without its head."""
        pairs = self.pairs
        return {
            "device": pairs.device,
            "load": pairs.load,
            "batch": pairs.batch,
            "rounds": pairs.rounds,
            "seconds": pairs.seconds,
            "preemptions": pairs.preemptions,
            "level": LEVEL,
            "peaks": {
                "flops_per_s": pairs.peaks.flops_per_s,
                "bytes_per_s": pairs.peaks.bytes_per_s,
                "cached_bytes_per_s": {str(size): rate for size, rate in pairs.peaks.cached_bytes_per_s.items()},
                "dispatch_us": microseconds(pairs.peaks.dispatch_ns),
                "source": pairs.peaks.source,
            },
            "layers": [_layer_document(one) for one in pairs.layers],
            "left_out": [{"layer": layer, "reason": reason} for layer, reason in pairs.left_out],
            "first_calls": None if self.first_calls is None else _first_calls_document(self.first_calls),
        }

    def sections(self) -> list[Section]:
        """Lay the sweep out, and the cold measurement."""
        parts = [_winners_section(self.pairs), *(_match_section(self.pairs, match) for match in MATCHES)]
        parts.append(_convolutions_section(self.pairs))
        if self.first_calls is not None:
            parts.append(first_calls_section(self.first_calls))
        return parts

    def _facts(self) -> list[tuple[str, str]]:
        return [
            ("device", self.pairs.device),
            ("load", self.pairs.load),
            ("batch", str(self.pairs.batch)),
            ("peaks", peaks_text(self.pairs.peaks)),
            ("layers", "forward, float32, with bias"),
            ("measured", measured_text(self.pairs.rounds, self.pairs.seconds, self.pairs.preemptions)),
        ]


def peaks_text(peaks: Peaks) -> str:
    """Write the rates of the machine in one line."""
    known = [
        with_unit("flops_per_s", peaks.flops_per_s) if peaks.flops_per_s else "",
        with_unit("bytes_per_s", peaks.bytes_per_s) if peaks.bytes_per_s else "",
        f"{with_unit('duration', peaks.dispatch_ns)} for the shortest call" if peaks.dispatch_ns else "",
    ]
    return ", ".join(text for text in known if text) or peaks.source


def first_calls_section(calls: FirstCalls) -> Section:
    """Lay out what the usual cold measurement contains."""
    columns = (
        Column("layer"),
        Column("one cold\ncall", "duration", same_unit="a call"),
        Column("once a\nprocess", "duration", same_unit="a call"),
        Column("once a\nlayer", "duration", same_unit="a call"),
        Column("steady\nmedian", "duration", same_unit="a call"),
        Column("of it\ndispatch", "duration", same_unit="a call"),
        Column("second\ncall", "duration", same_unit="a call", from_width=VERY_WIDE),
        Column("single calls\n5 % – 95 %", from_width=VERY_WIDE),
        Column("/ dense,\ncold", "ratio", from_width=ROOMY),
        Column("/ dense,\nsteady", "ratio", from_width=ROOMY),
    )
    rows = [
        (
            one.layer,
            one.cold_ns,
            one.once_a_process_ns,
            one.once_a_layer_ns,
            one.steady_ns.median,
            one.dispatch_ns,
            one.second_ns,
            f"{one.noise_low_ns / 1000:,.0f}–{one.noise_high_ns / 1000:,.0f} µs",
            calls.told_ratio[one.layer],
            calls.true_ratio[one.layer],
        )
        for one in calls.layers
    ]
    lead = (
        "Linear on (1,1024) and two convolutions on (1,3,32,32), each called once in a fresh process and timed with "
        "time.time(). One cold call = what the first layer of a process pays + what every layer's first call pays + a "
        "steady call; dispatch is the time of a layer with one value. The inputs are not even of the same size."
    )
    notes = [_first_call_note(one) for one in calls.layers]
    notes.append(
        f"{calls.processes} processes, each layer first in one of them; a negative part is noise of single calls. "
        f"time.time() resolves {with_unit('duration', calls.clock_ns)} here."
    )
    return Section("What one cold time.time() contains", lead, table=Table(columns, rows), notes=notes)


def _first_call_note(one: FirstCall) -> str:
    share = one.steady_ns.median / one.cold_ns
    low, high = (with_unit("duration", ns) for ns in (one.noise_low_ns, one.noise_high_ns))
    return (
        f"{one.layer}: {share:.1%} of the cold call is what the layer takes from then on; nine in ten single calls "
        f"take {low} to {high}."
    )


def _winners_section(pairs: MatchedPairs) -> Section:
    items = []
    for match, winners in overview(pairs.layers).items():
        parts = [
            f"{who} at {', '.join(f'{size}×{size}' for size in winners[who])}"
            for who in ("convolution", "dense", "undecided")
            if who in winners
        ]
        items.append(Item(f"Equal {match}: {'; '.join(parts)}"))
    notes = [f"Left out: {layer}: {reason}." for layer, reason in pairs.left_out]
    lead = (
        "Who is faster, beyond the noise, at each size of image. Every size has one convolution and the dense layers "
        "that equal it in one respect; ratios are of times in the same round."
    )
    return Section("Who wins", lead, items=items, notes=notes)


def _match_section(pairs: MatchedPairs, match: str) -> Section:
    columns = (
        Column("size", "count"),
        Column("dense layer"),
        Column("time", "duration"),
        Column("conv time\n/ dense", "ratio"),
        Column("interval\n95 %"),
        Column("work", "flops", from_width=WIDE),
        Column("rate", "flops_per_s", from_width=WIDE),
        Column("conv work\n/ dense", "ratio", from_width=ROOMY),
        Column("why", from_width=VERY_WIDE, wrap=True),
    )
    convolutions = {one.size: one for one in pairs.layers if one.match is None}
    dense = [one for one in pairs.layers if one.match == match]
    rows = [
        (
            one.size,
            one.layer,
            one.call_ns.median,
            None if one.ratio is None else one.ratio.median,
            interval_text(one.ratio),
            one.flops,
            one.flops / one.call_ns.median * 1e9,
            convolutions[one.size].flops / one.flops,
            one.why,
        )
        for one in dense
    ]
    notes = [f"{sizes}: {reason}." for sizes, reason in _reasons(dense)]
    return Section(f"Equal {match}", table=Table(columns, rows), notes=notes)


def _reasons(dense: Sequence[SweptLayer]) -> list[tuple[str, str]]:
    """Write each reason once, with the sizes it holds for."""
    found: dict[str, list[str]] = {}
    for one in dense:
        found.setdefault(one.why, []).append(f"{one.size}×{one.size}")
    return [(", ".join(sizes), reason) for reason, sizes in found.items()]


def _convolutions_section(pairs: MatchedPairs) -> Section:
    columns = (
        Column("size", "count"),
        Column("convolution"),
        Column("time", "duration"),
        Column("work", "flops"),
        Column("rate", "flops_per_s"),
        Column("of what is\nattainable", "share"),
        Column("bound by", from_width=ROOMY),
        Column("kernels", from_width=WIDE),
    )
    rows = [
        (
            one.size,
            one.layer.rpartition(" on ")[0],
            one.call_ns.median,
            one.flops,
            one.flops / one.call_ns.median * 1e9,
            one.attainable_share,
            one.bound or MISSING,
            " → ".join(short_kernel(name) for name in one.kernels) or MISSING,
        )
        for one in pairs.layers
        if one.match is None
    ]
    lead = (
        "Attainable is the longest of: FLOPs by the peak rate, least bytes by the bandwidth, and the shortest call. A "
        "bound that the measured time undercuts is left out: the data come from a cache."
    )
    return Section("The convolutions", lead, table=Table(columns, rows))


def _interval_us(interval: MedianInterval) -> dict[str, Any]:
    document: dict[str, Any] = plain(interval)
    return {key: value / 1000 if key != "samples" and value is not None else value for key, value in document.items()}


def _layer_document(one: SweptLayer) -> dict[str, Any]:
    return {
        "size": one.size,
        "match": one.match,
        "layer": one.layer,
        "flops": one.flops,
        "bytes": one.bytes,
        "parameters": one.parameters,
        "call_us": _interval_us(one.call_ns),
        "ratio": plain(one.ratio),
        "winner": one.winner,
        "bounds_us": {name: ns / 1000 for name, ns in one.bounds_ns.items()},
        "bound": one.bound,
        "attainable_share": one.attainable_share,
        "flops_per_s": one.flops / one.call_ns.median * 1e9,
        "kernels": list(one.kernels),
        "why": one.why or None,
    }


def _first_calls_document(calls: FirstCalls) -> dict[str, Any]:
    layers = []
    for one in calls.layers:
        document = plain(one)
        row = {
            f"{key.removesuffix('_ns')}_us" if key.endswith("_ns") else key: microseconds(value)
            if key.endswith("_ns") and not isinstance(value, dict)
            else value
            for key, value in document.items()
        }
        row["steady_us"] = _interval_us(one.steady_ns)
        ratios = {"told_ratio": calls.told_ratio[one.layer], "true_ratio": calls.true_ratio[one.layer]}
        layers.append({**row, **ratios})
    return {"processes": calls.processes, "clock_us": calls.clock_ns / 1000, "layers": layers}


_CSV_COLUMNS: Final = (
    *("size", "match", "layer", "flops", "bytes", "parameters", "call_us", "call_us_low", "call_us_high"),
    *("ratio", "ratio_low", "ratio_high", "winner", "bound", "attainable_share", "flops_per_s", "kernels", "why"),
)


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    flat = dict(row)
    for key in ("call_us", "ratio"):
        told = row[key] or {"median": None, "low": None, "high": None}
        flat |= {key: told["median"], f"{key}_low": told["low"], f"{key}_high": told["high"]}
    return flat
