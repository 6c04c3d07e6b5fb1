"""Files that are cut, corrupt or no traces at all."""

from __future__ import annotations

import contextlib
import gzip
import json
import pickle
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from profiler_kit.errors import ProfilerKitError, TraceFormatError
from profiler_kit.formats import read_trace
from tests.formats import mutation

OP = '{"ph":"X","cat":"cpu_op","name":"op%d","pid":1,"tid":2,"ts":%d,"dur":5,"args":{"Input Dims":[[1,2],[]]}}'


def ops(count: int) -> list[str]:
    return [OP % (n, n + 1) for n in range(count)]


WHOLE = ('{"schemaVersion": 1, "traceEvents": [\n' + ",\n".join(ops(20)) + '\n], "traceName": "x"}\n').encode()


@pytest.mark.parametrize("offset", range(0, len(WHOLE) + 1, 7))
def test_every_complete_event_before_a_cut_is_kept(reading, offset):
    complete = sum(WHOLE.index(op.encode()) + len(op) <= offset for op in ops(20))
    if offset <= WHOLE.index(b"["):
        with pytest.raises(TraceFormatError):
            reading(WHOLE[:offset])
        return
    trace = reading(WHOLE[:offset])
    assert len(trace.ops) == complete
    if offset < len(WHOLE.rstrip()):
        assert trace.health.cut_at is not None
        assert trace.health.cut_at <= offset
        assert any("cut short" in remark for remark in trace.health.remarks())
    else:
        assert trace.health.cut_at is None


def test_a_cut_file_says_where_complete_data_ends(reading):
    cut = WHOLE.index(b'"op7"')
    expected = WHOLE.index(ops(20)[7].encode())
    assert reading(WHOLE[:cut]).health.cut_at == expected


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "empty"),
        (b" \n\n", "empty"),
        (b"[]", "no trace"),
        (b"[1, 2, 3]", "no trace"),
        (b'{"a": 1}', "traceEvents"),
        (b'{"traceEvents": 5}', "traceEvents"),
        (b'{"traceEvents"', "traceEvents"),
        (b"5", "not JSON"),
        (b"hello", "not JSON"),
        (b"\x7fELF\x02\x01\x01" + bytes(100), "ELF"),
        (b"\x89PNG\r\n\x1a\n" + bytes(100), "PNG"),
        (pickle.dumps({"a": 1}), "pickle"),
        (b"\x28\xb5\x2f\xfd" + bytes(100), "zstd"),
        (b"PK\x03\x04" + bytes(100), "zip archive that is cut short"),
        (WHOLE.decode().encode("utf-16"), "UTF-16"),
        (WHOLE.decode().encode("utf-32"), "UTF-32"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 9\n", "git lfs pull"),
        (bytes(4096), "zero bytes"),
        (gzip.compress(gzip.compress(WHOLE, mtime=0), mtime=0), "compressed twice"),
        (b"\x1f\x8b\x07" + bytes(20), r"damaged \(Gzip"),
        (b"\x1f\x8b" + bytes(100), "gzip stream is damaged"),
        (gzip.compress(b"", mtime=0)[:12], "gzip stream ends early"),
        (b"\x1f", "not JSON"),
    ],
)
def test_files_that_are_no_traces(reading, content, reason):
    with pytest.raises(TraceFormatError, match=reason) as caught:
        reading(content)
    assert str(reading.file) in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "broken",
    [
        '{"ph":"X","cat":"cpu_op","name":"a',
        '{"ph":"X",,}',
        '{"ph":"X","cat":"cpu_op","name":"a","ts":1,"dur":01}',
        '{"ph":"X" "cat":"cpu_op"}',
        '{"a":' + "[" * 50_000 + "]" * 50_000 + "}",
    ],
)
def test_events_around_damage_are_kept(reading, broken):
    events = ops(20)
    trace = reading('{"traceEvents":[' + ",".join([*events[:10], broken, *events[10:]]) + "]}")
    assert len(trace.ops) >= 19  # an open quote may swallow the event behind it
    assert trace.ops.name.tolist()[:10] == [f"op{n}" for n in range(10)]
    assert trace.health.damaged_at == len('{"traceEvents":[' + ",".join(events[:10]) + ",")


@pytest.mark.parametrize(
    ("odd", "name"),
    [
        (b'"a\xffb"', "a�b"),
        (b'"a\x01b"', "a\x01b"),
        (b'"a\nb\tc"', "a\nb\tc"),
        (b'"a\\ud800b"', "a�d800b"),
        (b'"\\ud83d\\ude00"', "😀"),
        (b'"C:\\Users\\x"', None),
        (b'"C:\\Program\\data"', "C:\\Program\\data"),
        (b'"a\\u0000"', "a\x00"),
    ],
)
def test_odd_text(reading, odd, name):
    event = b'{"ph":"X","cat":"cpu_op","name":%s,"pid":1,"tid":2,"ts":0,"dur":5,"args":{"bytes":NaN}}'
    text = b'{"traceEvents":[' + ",".join(ops(3)).encode() + b"," + event % odd + b"]}"
    trace = reading(text)
    assert len(trace.ops) == 4
    if name is not None:
        assert trace.ops.name[0] == name
    assert trace.health.oddities
    trace.ops.name.astype(str).str.encode("utf-8")
    assert all(name.encode() for name in trace.ops.name.cat.categories)  # a lone surrogate has no UTF-8


def test_values_that_are_not_finite(reading):
    event = (
        '{"ph":"X","cat":"kernel","name":"k","ts":1,"dur":2,"args":{"est. achieved occupancy %%":%s,"grid":[1,%s,3]}}'
    )
    trace = reading("[" + ",".join(event % (v, v) for v in ("NaN", "-Infinity", "Infinity", "1e999", "4")) + "]")
    assert trace.kernels.occupancy_percent.isna().tolist() == [True, True, True, True, False]
    assert trace.kernels.grid_x.tolist() == [1, 1, 1, 1, 1] or trace.kernels.grid_x.isna().sum() == 1
    assert trace.health.oddities


def test_odd_times(reading):
    event = '{"ph":"X","cat":"cpu_op","name":"k","ts":%s,"dur":%s}'
    cases = [("1", "-5"), ("null", "1"), ("1e300", "1"), ("2", '"x"'), ("99999999999999999999", "1"), ("3", "4")]
    trace = reading("[" + ",".join(event % case for case in cases) + ',{"ph":"X","cat":"cpu_op","name":"k"}]')
    assert trace.ops[["start_ns", "duration_ns"]].to_numpy().tolist() == [[1000, 0], [3000, 4000]]
    assert trace.health.skipped["no start time or duration"] == 5
    assert trace.health.oddities == {"negative duration, read as 0": 1}


@pytest.mark.parametrize(
    ("events", "remark"),
    [
        ("", "The file holds no events."),
        ('{"ph":"X","cat":"cpu_op","name":"k","dur":1},' + ops(1)[0], "1 × no start time or duration, left out."),
        ("null,7," + ops(1)[0], "2 × not an object, left out."),
        (
            '{"ph":"X","cat":"gpu","name":"k","ts":1,"dur":1},{"ph":"M","name":"x"}',
            "None of the 2 events has a table; mostly: no table for category 'gpu' (phase X).",
        ),
    ],
)
def test_what_is_in_no_table_is_told(reading, events, remark):
    assert list(reading('{"traceEvents":[' + events + "]}").health.remarks()) == [remark]


@pytest.mark.parametrize(
    ("duration", "expected"),
    [
        ("100000000000000.5", 100_000_000_000_000_500),
        ("1e16", None),
        ("-1e300", None),
        ("9000000000000000", 9 * 10**18),
        ("1" * 400, None),
        ("-9223372036854775808", None),
    ],
)
def test_durations_beyond_what_floats_hold(reading, duration, expected):
    """The first of these once had the reader decode the same piece for ever."""
    event = '{"ph":"X","cat":"cpu_op","name":"k","ts":1.5,"dur":%s}'
    trace = reading("[" + event % duration + "," + event % 2 + "]")
    assert trace.ops.duration_ns.tolist() == ([2000] if expected is None else [expected, 2000])
    assert trace.health.skipped == ({"no start time or duration": 1} if expected is None else {})
    assert trace.health.damaged_at is None


def test_an_end_beyond_all_times_is_no_time(reading):
    event = '{"ph":"X","cat":"cpu_op","name":"k","ts":%d,"dur":%d}'
    trace = reading("[" + ",".join(event % case for case in ((9 * 10**15, 9 * 10**15), (9 * 10**15, 2))) + "]")
    assert trace.ops[["start_ns", "duration_ns"]].to_numpy().tolist() == [[9 * 10**18, 2000]]
    assert trace.health.skipped == {"no start time or duration": 1}


@pytest.mark.parametrize("tail", [b"rubbish", WHOLE, b"\n\n  {}", b"\x00\x00"])
@pytest.mark.parametrize("form", ["object", "list"])
def test_what_follows_the_trace_is_not_dropped_in_silence(reading, form, tail):
    text = WHOLE.rstrip() if form == "object" else ("[" + ",".join(ops(20)) + "]").encode()
    trace = reading(text + tail)
    assert len(trace.ops) == 20
    assert trace.health.damaged_at == len(text) + len(tail) - len(tail.lstrip(b" \n"))
    assert trace.health.oddities == {"something else follows the trace, left out": 1}
    assert reading(text + b"\r\n \t").health.damaged_at is None


def test_duplicate_keys_the_last_wins(reading):
    trace = reading('[{"ph":"X","cat":"cpu_op","name":"a","name":"b","ts":1,"ts":2,"dur":1}]')
    assert (trace.ops.name[0], trace.ops.start_ns[0]) == ("b", 2000)


def test_two_lists_of_events_are_read_and_told(reading):
    trace = reading('{"traceEvents":[' + ",".join(ops(3)) + '],"a":1,"traceEvents":[' + ",".join(ops(4)) + '],"a":2}')
    assert len(trace.ops) == 7
    assert trace.metadata["a"] == 2
    assert trace.health.oddities == {
        'further "traceEvents", read like the first': 1,
        "key of the file given again, the last value is kept": 1,
    }
    assert reading('{"a":1,"traceEvents":[' + ",".join(ops(3)) + '],"b":1}').health.oddities == {}


def test_elements_that_are_no_events(reading):
    trace = reading("[" + ",".join(["null", ops(1)[0], "5", '"x"', "[1,2]", "{}", ops(1)[0]]) + ",]")
    assert len(trace.ops) == 2
    assert trace.health.skipped["not an object"] == 4


@pytest.mark.parametrize("cut", [1, 8, 100, -3])
def test_gzip_cut_short(reading, cut):
    text = ("[" + ",".join(ops(500)) + "]").encode()
    stored = gzip.compress(text, 1)
    cut = cut if cut < 0 else -len(stored) * cut // 200
    trace = reading(stored[:cut])
    assert trace.health.compression_damage == "the gzip stream ends early"
    expected = text[: len(mutation.decompressed(stored[:cut]))].count(b"}}")
    assert len(trace.ops) == expected
    assert trace.health.cut_at is not None or expected == 500


def test_gzip_damaged_in_the_middle_gives_what_is_before(reading):
    text = ("[" + ",".join(ops(5000)) + "]").encode()
    stored = bytearray(gzip.compress(text, 6))
    stored[len(stored) // 2] ^= 0xFF
    trace = reading(bytes(stored))
    intact = mutation.common_prefix(mutation.decompressed(bytes(stored)), text)
    assert len(trace.ops) >= text[:intact].count(b"}}") > 0
    assert trace.health.compression_damage is not None


@pytest.mark.parametrize("kept", [0.3, 0.6, 0.95, 1])
def test_gzip_damaged_after_much_text_gives_each_event_once(tmp_path, kept):
    """What was read before the damage was met is not read again where reading goes on with more care."""
    text = ("[" + ",".join(ops(30_000)) + "]").encode()
    stored = bytearray(gzip.compress(text, 6))
    del stored[int(len(stored) * kept) :]
    if kept == 1:
        stored[-8] ^= 0xFF  # of the checksum
    file = tmp_path / "t.json.gz"
    file.write_bytes(stored)
    progress: list[int] = []
    trace = read_trace(file, cache=False, progress=lambda done, _: progress.append(done))
    whole = text[: len(mutation.decompressed(bytes(stored)))].count(b"}}") if kept < 1 else 30_000
    assert whole > 5_000
    assert trace.ops["start_ns"].tolist() == [1000 * (n + 1) for n in range(whole)]
    assert trace.health.compression_damage is not None
    assert progress == sorted(set(progress))


def test_gzip_of_two_members_and_padding(reading):
    text = ("[" + ",".join(ops(50)) + "]").encode()
    stored = gzip.compress(text[:1000]) + gzip.compress(text[1000:])
    assert len(reading(stored).ops) == 50
    assert reading(stored).health.compression_damage is None
    assert len(reading(stored + bytes(100)).ops) == 50
    assert "no gzip" in reading(stored + b"rubbish").health.compression_damage


def test_a_single_huge_line_and_white_space_do_not_fill_memory(reading):
    bomb = gzip.compress(b"[" + b" " * (200 << 20) + ops(1)[0].encode() + b"]")
    tracemalloc.start()
    try:
        assert len(reading(bomb).ops) == 1
        assert tracemalloc.get_traced_memory()[1] < 20 << 20
    finally:
        tracemalloc.stop()


def test_memory_does_not_grow_with_the_escapes_of_one_string(reading, monkeypatch):
    from profiler_kit.formats import cutting

    monkeypatch.setattr(cutting, "MAX_VALUE_BYTES", 4 << 20)
    text = b'{"traceEvents":[{"ph":"X","name":"' + b"\\" * (8 << 20)
    tracemalloc.start()
    try:
        assert reading(text).health.cut_at == 16
        assert tracemalloc.get_traced_memory()[1] < 64 << 20
    finally:
        tracemalloc.stop()


@pytest.mark.parametrize("count", [0, 1, 2, 63, 64, 65, 128, 129, 1000, 1001])
@pytest.mark.parametrize("quoted", ["", '\\"'])
def test_where_a_string_ends(count, quoted):
    from profiler_kit.formats.cutting import value_end

    value = '{"a":"' + quoted + "x" * 3 + "\\" * count + '","b":[1]}'
    expected = len(value) if count % 2 == 0 else -1
    assert value_end((value + ',{"c":1').encode(), 0) == expected


def test_a_huge_value_before_the_events_is_named(reading, monkeypatch):
    from profiler_kit.formats import cutting

    monkeypatch.setattr(cutting, "MAX_VALUE_BYTES", 1 << 20)
    with pytest.raises(TraceFormatError, match=r"byte 5.*MiB"):
        reading(b'{"x":"' + b"x" * (8 << 20) + b'", ' + WHOLE[1:])


def test_one_event_beyond_all_bounds_is_damage(reading, monkeypatch):
    from profiler_kit.formats import cutting

    monkeypatch.setattr(cutting, "MAX_VALUE_BYTES", 1 << 20)
    huge = '{"ph":"X","cat":"cpu_op","name":"' + "x" * (8 << 20) + '"}'
    trace = reading("[" + ",".join([*ops(3), huge, *ops(3)]) + "]")
    assert len(trace.ops) == 3
    assert trace.health.cut_at == len("[" + ",".join(ops(3)) + ",")
    assert any("MiB" in oddity for oddity in trace.health.oddities)


def test_an_unreadable_file(tmp_path: Path):
    with pytest.raises(ProfilerKitError, match="no such file"):
        read_trace(tmp_path / "missing.json")
    with pytest.raises(ProfilerKitError, match="directory"):
        read_trace(tmp_path)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=8,
)
KEYS = st.sampled_from(
    [
        *(
            "ph",
            "cat",
            "name",
            "pid",
            "tid",
            "ts",
            "dur",
            "id",
            "args",
            "correlation",
            "External id",
            "device",
            "stream",
        ),
        *(
            "grid",
            "block",
            "Input Dims",
            "Input type",
            "bytes",
            "Python id",
            "blocks per SM",
            "Bytes",
            "wait_on_stream",
        ),
    ]
)
VALUES = (
    st.sampled_from(["X", "s", "f", "M", "i", "cpu_op", "kernel", "cuda_sync", "gpu_memcpy", "ac2g", "[memory]", "1.5"])
    | st.integers(-(2**70), 2**70)
    | JSON
)
EVENTS = st.dictionaries(KEYS, VALUES | st.dictionaries(KEYS, VALUES, max_size=5), max_size=9)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(EVENTS, min_size=1, max_size=6), st.integers(0, 3))
def test_any_json_is_read_or_rejected(reading, events, indent):
    try:
        trace = reading(json.dumps({"traceEvents": events}, indent=indent or None).encode())
    except ProfilerKitError:
        raise AssertionError("every list of objects is an event list") from None
    assert trace.health.events == len(events)
    assert sum(trace.health.kept.values()) + sum(trace.health.skipped.values()) == len(events)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.integers(0, len(WHOLE) - 1), st.integers(0, 30), st.binary(max_size=20))
def test_any_damage_spares_the_events_before_it(reading, place, length, junk):
    before = sum(WHOLE.index(op.encode()) + len(op) <= place for op in ops(20))
    try:
        trace = reading(WHOLE[:place] + junk + WHOLE[place + length :])
    except TraceFormatError:
        assert before == 0
        return
    assert [f"op{n}" for n in range(before)] == [n for n in trace.ops.name if n in {f"op{i}" for i in range(before)}]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.binary(max_size=300), st.sampled_from([b"", b"[", b"{", b'{"traceEvents":[', b"\x1f\x8b\x08"]))
def test_any_bytes_are_read_or_rejected(reading, content, head):
    with contextlib.suppress(TraceFormatError):
        reading(head + content)


def test_mutants_of_real_traces(shared, tmp_path):
    results = mutation.run(2000, seed=1, directory=tmp_path)
    assert results.total() == 2000
