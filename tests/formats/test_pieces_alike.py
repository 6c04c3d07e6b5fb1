"""Events are decoded by what the pieces before had in common, which must never be seen in what comes out."""

from __future__ import annotations

import json
import random
from pathlib import Path
from typing import Any

import pytest

from profiler_kit.formats import cutting, pieces, read_trace
from profiler_kit.trace import Trace

from .tables import assert_same_tables

PYTHON = {"ph": "X", "cat": "python_function", "name": "a.py(1): f", "pid": 7, "tid": 7, "args": {"Python id": 3}}
OPERATOR = {"ph": "X", "cat": "cpu_op", "name": "aten::add", "pid": 7, "tid": 8, "args": {"External id": 5}}
LAUNCH = {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 7, "tid": 8, "args": {"correlation": 9}}
KERNEL = {"ph": "X", "cat": "kernel", "name": "k", "pid": 0, "tid": 7, "args": {"correlation": 9, "grid": [1, 2, 3]}}
USUAL = (PYTHON, OPERATOR, LAUNCH, KERNEL)


def without(event: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in event.items() if name != key}


ODD = (
    *(without(event, key) for event in (PYTHON, OPERATOR) for key in ("ph", "cat", "pid", "tid", "name", "args")),
    *(PYTHON | {"tid": tid} for tid in (8, "7", 7.0, 7.5, True, None, [7], {"a": 7}, 2**70, -(2**63))),
    *(PYTHON | {"pid": pid} for pid in ("7", None, 2**63)),
    *(PYTHON | {"ph": ph} for ph in ("B", "i", "", None, 1)),
    *(PYTHON | {"cat": cat} for cat in ("PYTHON_FUNCTION", "cpu_op", "new", "", None, 1, ["cpu_op"])),
    *(PYTHON | {"args": args} for args in (None, 1, "x", [], {}, {"Python id": "12", "Python module id": 4})),
    {"ph": "M", "name": "thread_name", "pid": 7, "tid": 7, "args": {"name": "main"}},
    {"ph": "s", "cat": "ac2g", "name": "ac2g", "id": 9, "pid": 7, "tid": 8},
    {"ph": "f", "cat": "fwdbwd", "name": "fwdbwd", "id": 9, "pid": 7, "tid": 8},
    {"ph": "i", "cat": "cpu_instant_event", "name": "[memory]", "pid": 7, "tid": 7, "args": {"Bytes": 64}},
    OPERATOR | {"args": {"External id": 5, "Input Dims": [[1, 2]], "Input type": ["float"]}},
    OPERATOR | {"args": {"external id": 5, "Sequence number": 2, "Fwd thread id": 1}},
    {"ph": "X", "cat": "cuda_profiler_range", "name": "k", "pid": 0, "tid": 0, "args": {"smsp__cycles": 1.5}},
)


def read_both(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, piece_bytes: int) -> tuple[Trace, set[Any]]:
    """Read a text in pieces, the same as when nothing is counted on; return what was counted on, too."""
    file = tmp_path / "t.json"
    file.write_text(text)
    counted_on: set[Any] = set()
    event_type = pieces.event_type

    def noted(*args: Any, alike: Any = None, **options: Any) -> Any:
        counted_on.add(alike)
        return event_type(*args, alike=alike, **options)

    monkeypatch.setattr(cutting, "PIECE_BYTES", piece_bytes)
    monkeypatch.setattr(pieces, "event_type", noted)
    found = read_trace(file, cache=False, workers=1)
    met = set(counted_on)
    counted_on.clear()
    monkeypatch.setattr(pieces, "_common", lambda _one, _other: None)
    plain = read_trace(file, cache=False, workers=1)
    assert counted_on <= {None}
    assert_same_tables(plain, found)
    assert plain.health == found.health
    return found, met - {None}


def timed(events: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [{"ts": place, "dur": 1, **event} for place, event in enumerate(events)]


@pytest.mark.parametrize("odd", ODD, ids=lambda odd: json.dumps(odd)[:60].replace("/", ""))
def test_one_odd_event_among_many_alike(tmp_path, monkeypatch, odd):
    usual = OPERATOR if odd.get("cat") == "cpu_op" and "External id" in str(odd) else PYTHON
    events = [usual] * 400
    events[300] = odd
    _, met = read_both(tmp_path, monkeypatch, json.dumps({"traceEvents": timed(events)}), 4096)
    assert any(alike.track == (usual["pid"], usual["tid"]) for alike in met)


@pytest.mark.parametrize("damage", ["NaN", "Infinity", '"\\ud800"', "\x01", "{", "]", "1e999"])
def test_damage_among_events_alike(tmp_path, monkeypatch, damage):
    lines = [json.dumps(event) for event in timed([PYTHON] * 600)]
    lines[400] = lines[400].replace('"dur": 1', f'"dur": {damage}')
    found, met = read_both(tmp_path, monkeypatch, '{"traceEvents": [' + ",\n".join(lines) + "]}", 4096)
    assert met
    assert len(found.python_functions) >= (599 if damage != "]" else 400)


@pytest.mark.parametrize("seed", range(12))
def test_runs_of_events_of_all_kinds(tmp_path, monkeypatch, seed):
    chance = random.Random(seed)
    events: list[dict[str, Any]] = []
    for _ in range(chance.randint(2, 14)):
        kinds = chance.choices(USUAL, k=chance.choice((1, 1, 1, 2)))
        events += chance.choices(kinds, k=chance.choice((3, 60, 200, 400)))
        if chance.random() < 0.3:
            events.append(chance.choice(ODD))
    text = json.dumps({"traceEvents": timed(events)})
    found, _ = read_both(tmp_path, monkeypatch, text, chance.choice((1024, 4096, 16384)))
    assert found.health.events == len(events)
