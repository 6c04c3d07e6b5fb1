"""Damages real traces at random and checks what the reader makes of them.

Nothing but a ProfilerKitError may come out, and every event that was complete before the first changed byte must be in
its table. Run it with a number of mutants: ``python tests/formats/mutation.py 100000``.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import sys
import tempfile
import time
import zlib
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from profiler_kit.errors import ProfilerKitError, TraceFormatError
from profiler_kit.formats import kineto, read_trace
from profiler_kit.formats.places import open_source

SHARED = Path(__file__).resolve().parents[3] / "shared" / "traces"
FILES = ("event_sync_multi_stream", "a100_alexnet_inference", "a100_alexnet_cupti_counters", "h100_vit_falconsai_bf16")

TABLE_OF_CATEGORY = {
    "cpu_op": "ops",
    "cuda_runtime": "launches",
    "cuda_driver": "launches",
    "kernel": "kernels",
    "gpu_memcpy": "copies",
    "gpu_memset": "copies",
    "user_annotation": "annotations",
    "gpu_user_annotation": "annotations",
    "python_function": "python_functions",
}

Row = tuple[str, int, int]


@dataclass(frozen=True)
class Original:
    """An undamaged trace: its text, and for every event that has a table where it ends and what row it gives."""

    name: str
    text: bytes
    ends: list[int]
    rows: list[Row]

    @classmethod
    def load(cls, name: str, events: int) -> Original:
        """Read a shared trace with nothing but `json`, shortened to its first events."""
        text = gzip.decompress((SHARED / f"{name}.pt.trace.json.gz").read_bytes()).decode()
        place = text.index("[", text.index('"traceEvents"')) + 1
        decoder, ends, rows = json.JSONDecoder(), [], []
        for _ in range(events):
            while text[place] in ", \n":
                place += 1
            if text[place] == "]":
                break
            event, place = decoder.raw_decode(text, place)
            table = TABLE_OF_CATEGORY.get(event.get("cat", ""))
            if table is not None and event["ph"] == "X":
                ends.append(len(text[:place].encode()))
                rows.append((table, round(event["ts"] * 1000), round(event["dur"] * 1000)))
        tail = text[text.index("]", place) :] if text[place:].lstrip()[0] == "]" else "]}"
        return cls(name, (text[:place] + tail).encode(), ends, rows)

    def rows_before(self, offset: int) -> Counter[Row]:
        """Return the rows of all events that end at or before an offset."""
        return Counter(row for end, row in zip(self.ends, self.rows, strict=True) if end <= offset)


def damage(text: bytes, chance: random.Random) -> tuple[bytes, int]:
    """Return the text damaged in one way, and the offset of the first byte that differs."""
    kind = chance.randrange(6)
    place = chance.randrange(len(text))
    size = 1 + chance.randrange(200)
    if kind == 0:
        return text[:place], place
    if kind == 1:
        return text[:place] + bytes([text[place] ^ 1 << chance.randrange(8)]) + text[place + 1 :], place
    if kind == 2:
        return text[:place] + text[place + size :], place
    if kind == 3:
        return text[: place + size] + text[place:], min(place + size, len(text))
    if kind == 4:
        junk = chance.choice(
            (b'"', b"{", b"}", b"[", b"]", b",", b"\\", b"\x00", b"\xff", b"NaN", b"1e999", b"[" * 5000)
        )
        return text[:place] + junk + text[place:], place
    other = chance.randrange(len(text))
    return text[:place] + text[other : other + size] + text[place + size :], place


def decompressed(stored: bytes) -> bytes:
    """Return what zlib gets out of damaged gzip data, byte by byte."""
    stream, parts = zlib.decompressobj(31), []
    try:
        for start in range(0, len(stored), 64):
            step = stored[start : start + 64]
            saved = stream.copy()
            try:
                parts.append(stream.decompress(step))
            except zlib.error:
                stream = saved
                for place in range(len(step)):
                    parts.append(stream.decompress(step[place : place + 1]))  # noqa: PERF401 - each step may raise
            if stream.eof:
                break
    except zlib.error:
        pass
    return b"".join(parts)


def common_prefix(a: bytes, b: bytes) -> int:
    """Return how many leading bytes are the same."""
    length = min(len(a), len(b))
    if a[:length] == b[:length]:
        return length
    return next(i for i in range(length) if a[i] != b[i])


def read_rows(file: Path, whole: bool) -> Counter[Row]:
    """Return the rows of all tables, from the finished trace or from the columns it is made of, which is faster."""
    rows: Counter[Row] = Counter()
    if whole:
        trace = read_trace(file, cache=False)
        tables = {table: getattr(trace, table) for table in set(TABLE_OF_CATEGORY.values())}
    else:
        tables = kineto.read_columns(open_source(file))[1].finish().tables
    for table in sorted(set(tables) & set(TABLE_OF_CATEGORY.values())):
        columns = tables[table]
        both = zip(columns["start_ns"].tolist(), columns["duration_ns"].tolist(), strict=True)
        rows.update((table, start, duration) for start, duration in both)
    return rows


def check(original: Original, stored: bytes, intact: int, file: Path, whole: bool) -> str:
    """Read a damaged trace.

    Args:
        original: What it was made from.
        stored: The damaged file.
        intact: Bytes of the text before the damage.
        file: Where to write it.
        whole: Whether to make the whole trace of it.

    Returns:
        ``read`` or ``rejected``.

    Raises:
        AssertionError: If an event before the damage is missing.
    """
    file.write_bytes(stored)
    expected = original.rows_before(intact)
    try:
        rows = read_rows(file, whole)
    except TraceFormatError as error:
        if expected:
            raise AssertionError(f"rejected in spite of {expected.total()} events before the damage") from error
        return "rejected"
    except ProfilerKitError:
        raise AssertionError("only TraceFormatError is right for a damaged file") from None
    expected -= rows
    assert not expected, f"{expected.total()} events before byte {intact} are missing, e.g. {next(iter(expected))}"
    return "read"


def run(mutants: int, seed: int, directory: Path, events: int = 60, report: bool = False) -> Counter[str]:
    """Check many mutants.

    Raises:
        AssertionError: With seed and number of the first mutant that is read wrongly.
    """
    originals = [Original.load(name, events) for name in FILES]
    compressed = [gzip.compress(o.text, mtime=0) for o in originals]
    results: Counter[str] = Counter()
    began = time.monotonic()
    for number in range(mutants):
        chance = random.Random(f"{seed}/{number}")
        which = chance.randrange(len(originals))
        original = originals[which]
        if chance.random() < 0.15:
            stored, _ = damage(compressed[which], chance)
            is_gzip = stored[:2] == b"\x1f\x8b"
            intact = common_prefix(decompressed(stored), original.text) if is_gzip else 0
        else:
            stored, intact = damage(original.text, chance)
        try:
            results[check(original, stored, intact, directory / "mutant.json", number % 10 == 0)] += 1
        except BaseException as error:
            error.add_note(f"mutant {number} of seed {seed}, made from {original.name}") if hasattr(
                error, "add_note"
            ) else None
            raise
        if report and number % 1000 == 999:
            print(f"{number + 1:,} mutants, {dict(results)}, {time.monotonic() - began:.0f} s", flush=True)
    return results


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("mutants", type=int)
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as directory:
        results = run(arguments.mutants, arguments.seed, Path(directory), report=True)
    print(f"{results.total():,} mutants: {results['read']:,} read, {results['rejected']:,} rejected, nothing lost")


if __name__ == "__main__":
    sys.exit(main())
