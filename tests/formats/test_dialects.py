"""Ways of writing that vary by value; those that vary by generation are in ``dialects/``, one tiny file each."""

from __future__ import annotations

import json
from typing import Any

import pytest

from profiler_kit.trace.dialect import DIALECT_KEY

OP = {"ph": "X", "cat": "cpu_op", "name": "aten::mm", "pid": 1, "tid": 2, "ts": 10, "dur": 5, "args": {}}
LAUNCH = {"ph": "X", "cat": "cuda_runtime", "name": "cudaLaunchKernel", "pid": 1, "tid": 2, "ts": 11, "dur": 1}
KERNEL = {"ph": "X", "cat": "kernel", "name": "sgemm", "pid": 0, "tid": 7, "ts": 20, "dur": 3}


def activity(op: int, launch: int, kernel: int, **kernel_args: Any) -> list[dict[str, Any]]:
    return [
        OP | {"args": {"External id": op}},
        LAUNCH | {"args": {"External id": launch, "correlation": 9}},
        KERNEL | {"args": {"External id": kernel, "correlation": 9, "device": 0, "stream": 7} | kernel_args},
    ]


def test_signatures_differ_in_meaning_not_in_white_space(reading):
    text = """[{"ph":"X","cat":"cpu_op","name":"a","ts":1,"dur":1,"args":{"Input Dims":[[1,2]]}},
               {"ph":"X","cat":"cpu_op","name":"a","ts":2,"dur":1,"args":{"Input Dims": [ [1, 2] ]}},
               {"ph":"X","cat":"cpu_op","name":"a","ts":3,"dur":1,"args":{"Input Dims":[[[1],[2,3]],[]]}},
               {"ph":"X","cat":"cpu_op","name":"a","ts":4,"dur":1,"args":{"Input Dims":"odd"}}]"""
    trace = reading(text)
    assert trace.ops.signature.tolist()[:3] == [0, 0, 1]
    assert trace.ops.signature.isna().tolist() == [False, False, False, True]
    assert trace.signatures.input_dims.tolist() == [((1, 2),), (((1,), (2, 3)), ())]


@pytest.mark.parametrize("tid", [7, "7", 7.0])
def test_thread_ids_are_one_thread_however_written(reading, tid):
    trace = reading({"traceEvents": [OP | {"tid": 7}, OP | {"tid": tid, "ts": 30}]})
    assert trace.threads[["pid", "tid"]].to_numpy().tolist() == [["1", "7"]]


@pytest.mark.parametrize("tid", [7, "7", "stream 7"])
def test_stream_from_the_track_where_the_arguments_do_not_say(reading, tid):
    trace = reading({"traceEvents": [KERNEL | {"tid": tid, "pid": 3}]})
    assert trace.kernels[["device", "stream"]].to_numpy().tolist() == [[3, 7]]


def test_device_and_stream_of_the_arguments_win(reading):
    trace = reading({"traceEvents": [KERNEL | {"pid": 1, "tid": 1, "args": {"device": 5, "stream": 6}}]})
    assert trace.kernels[["device", "stream"]].to_numpy().tolist() == [[5, 6]]


@pytest.mark.parametrize(
    ("ts", "dur", "time", "expected"),
    [
        ("1610366662254362", "4", "integer µs", (1610366662254362000, 4000)),
        ("5590677567805.544", "1321.588", "fractional µs", (5590677567805544, 1321588)),
        ("1712195495519689.047", "0.5", "fractional µs, more digits than float64", (1712195495519689047, 500)),
        ("1712195495519689.1", "61.460", "fractional µs, more digits than float64", (1712195495519689100, 61460)),
        ("1.712195495519689e15", "1e1", "fractional µs, more digits than float64", (1712195495519689000, 10000)),
        ('"1610366662254362.25"', '"4"', "integer µs", (1610366662254362250, 4000)),
    ],
)
def test_times_are_exact(reading, ts, dur, time, expected):
    event = '{"ph":"X","cat":"cpu_op","name":"a","pid":1,"tid":1,"ts":%s,"dur":%s}'
    trace = reading(('{"traceEvents":[' + event + "]}") % (ts, dur))
    assert (trace.ops.start_ns[0], trace.ops.duration_ns[0]) == expected
    assert trace.dialect.time == time


@pytest.mark.parametrize(
    "text",
    [
        '{"traceEvents":[%s],"schemaVersion":1,"deviceProperties":[{"id":0},{"id":1}]}',
        '{"schemaVersion":1,"deviceProperties":[{"id":0},{"id":1}],"traceEvents":[%s]}',
        (
            '\ufeff\n{\n "schemaVersion" : 1 ,\n "deviceProperties":[{"id":0}, {"id":1}],\n'
            ' "traceEvents" : [\n  %s\n ]\n}\n'
        ),
    ],
)
def test_metadata_before_and_after_the_events(reading, text):
    event = '{"args": {"l": [{"a": 1}, {"b": 2}]}, "dur": 5, "ts": 1, "name": "}, {\\"x", "cat": "cpu_op", "ph": "X"}'
    trace = reading(text % ",\n".join([event] * 3))
    assert trace.metadata == {
        "schemaVersion": 1,
        "deviceProperties": [{"id": 0}, {"id": 1}],
        DIALECT_KEY: trace.dialect._asdict() | {"flows": []},
    }
    assert trace.ops.name.tolist() == ['}, {"x'] * 3
    assert (trace.health.cut_at, trace.health.damaged_at) == (None, None)
    assert trace.dialect.form == "object"


def test_kernels_without_launch_and_launches_without_operator_are_counted(reading):
    events = [LAUNCH | {"args": {"correlation": 1}}]
    events += [KERNEL | {"args": {"correlation": c}} for c in (1, 1, 2)] + [
        KERNEL | {"ts": 5, "args": {"correlation": 1}}
    ]
    health = reading({"traceEvents": events}).health
    assert (health.kernels_without_launch, health.launches_without_op, health.gpu_before_launch) == (1, 1, 1)


def test_steps(reading):
    step = {"ph": "X", "cat": "user_annotation", "ts": 1, "dur": 1}
    events = [step | {"name": f"ProfilerStep#{n}"} for n in (10, 9, 9)]
    assert reading({"traceEvents": events}).health.steps == (9, 10)


def test_memory_events(reading):
    args = {"Device Type": 1, "Device Id": 0, "Addr": 2**64 - 16, "Bytes": -512, "Total Allocated": 4}
    trace = reading([{"ph": "i", "name": "[memory]", "pid": 1, "tid": 1, "ts": 5, "args": args}])
    assert trace.allocations.address.tolist() == [-16]
    assert trace.allocations["bytes"].tolist() == [-512]
    assert trace.allocations.total_reserved_bytes.isna().all()


def test_hardware_counters_and_what_stands_beside_them(reading):
    counted = {"smsp__sass_thread_inst_executed_op_ffma_pred_on.sum": 12, "dram__bytes.sum": 3.5}
    range_ = {"ph": "X", "cat": "cuda_profiler_range", "name": "sgemm", "pid": 3, "tid": 0, "ts": 9, "dur": 4}
    trace = reading([*activity(5, 5, 5), range_ | {"args": counted}, OP | {"args": 7}, range_ | {"args": [1]}])
    assert [json.loads(text) for text in trace.counters.metrics] == [counted, [1]]
    columns = ["name", "device", "start_ns", "duration_ns"]
    assert trace.counters[columns].to_numpy().tolist() == [["sgemm", 3, 9000, 4000]] * 2
    assert trace.kernels.correlation.tolist() == [9]
    assert trace.ops.external_id.isna().tolist() == [False, True]


@pytest.mark.parametrize("odd", [None, [1], "text", 5, {}])
def test_arguments_that_are_no_object(reading, odd):
    trace = reading([OP | {"args": odd}, KERNEL | {"args": odd}])
    assert (len(trace.ops), len(trace.kernels)) == (1, 1)


def test_numbers_as_text_and_text_as_numbers(reading):
    events = activity(1, 1, 1)
    events[1]["args"]["correlation"] = "9"
    events[2]["args"] |= {"correlation": 9.0, "grid": ["2", 3, 4.0], "registers per thread": 10**30}
    events[0]["name"] = None
    trace = reading(events)
    assert trace.kernels.op.tolist() == [0]
    assert trace.kernels[["grid_x", "grid_y", "grid_z"]].to_numpy().tolist() == [[2, 3, 4]]
    assert trace.kernels.registers_per_thread.isna().all()
    assert trace.ops.name.tolist() == [""]


@pytest.mark.parametrize("key", ["pid", "tid", "name", "cat", "ph"])
@pytest.mark.parametrize("odd", [[1], {"a": 1}, True, 1.5, None])
def test_values_of_the_wrong_type(reading, key, odd):
    trace = reading([OP, OP | {key: odd}, OP])
    assert len(trace.ops) >= 2
    assert trace.health.events == 3
