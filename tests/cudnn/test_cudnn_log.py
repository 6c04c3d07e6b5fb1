"""The log's reader: on a log that cuDNN writes here without a GPU, and on logs by hand after other versions'."""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from profiler_kit.cudnn.description import target_of_device
from profiler_kit.cudnn.log import LONGEST_BLOCK, LogRecord, log_records, read_log
from profiler_kit.cudnn.oracle import Oracle
from profiler_kit.cudnn.plans import NUMERICAL_NOTES
from profiler_kit.cudnn.problem import OPERATIONS, conv_problem
from profiler_kit.devices import find_device

UTC = timedelta(0)


def test_a_real_log_tells_what_was_asked_and_answered(needs_cudnn: None, tmp_path: Path) -> None:
    file = tmp_path / "cudnn.log"
    shapes = ((8, 64, 28, 28), (64, 32, 3, 3))
    problems = [
        conv_problem(operation, *shapes, memory_format=memory_format, padding=1, stride=2, groups=2, dtype="bfloat16")
        for operation in OPERATIONS
        for memory_format in ("NCHW", "NHWC")
    ]
    target = target_of_device(find_device("H100"))
    before = datetime.now(timezone.utc)
    # Four hours behind UTC, whatever this machine's clock says: the log has local time.
    environment = {"CUDNN_LOGDEST_DBG": str(file), "CUDNN_LOGLEVEL_DBG": "3", "TZ": "XYZ4"}
    with Oracle(1, environment=environment) as oracle:
        answers = oracle.predict([(problem, target) for problem in problems])
    after = datetime.now(timezone.utc)
    records = list(read_log(file, timedelta(hours=-4)))
    made = [record for record in records if record.complete]
    assert {record.kind for record in made} == {"plan"}
    # A plan that doesn't finalize is logged, too; the one that was taken is the last of its problem.
    for problem, answer in zip(problems, answers, strict=True):
        mine = [
            record
            for record in made
            if record.operation == problem.operation and record.input_strides == problem.input_strides
        ]
        assert answer.plan is not None
        record = mine[-1]
        assert record.engine == answer.plan.engine
        assert record.knobs == answer.plan.knobs
        assert record.notes == answer.plan.notes
        assert (record.input_shape, record.weight_shape) == shapes
        assert record.output_shape == problem.output_shape
        assert (record.stride, record.padding, record.dilation) == ((2, 2), (1, 1), (1, 1))
        assert record.dtype == "bfloat16"
        assert record.version // 10000 == int(answer.cudnn_version.split(".")[0])
        assert record.time_ns is not None
        assert before.timestamp() - 1 <= record.time_ns / 1e9 <= after.timestamp() + 1
    assert len({record.thread for record in made}) == 1


TENSOR = """\
{p}{i}{name}: type=CUDNN_BACKEND_TENSOR_DESCRIPTOR:
{p}{i}    type: type=cudnnDataType_t; val={dtype};
{p}{i}    dimA: type=int; val=[{dims}];
{p}{i}    strideA: type=int; val=[{strides}];
"""


def execute(
    prefix: str = "i!", heading: str = "I! CuDNN (v92800 42)", thread: int = 77, engine: int = 22, at: str = "22.055302"
) -> str:
    """A run of a plan; the layout of the block is that of real logs of plans."""
    p, i = prefix, " " * 20
    x = TENSOR.format(p=p, i=i, name="xDesc", dtype="CUDNN_DATA_HALF (2)", dims="4,3,8,8", strides="192,64,8,1")
    w = TENSOR.format(p=p, i=i, name="wDesc", dtype="CUDNN_DATA_HALF (2)", dims="6,3,3,3", strides="27,9,3,1")
    y = TENSOR.format(p=p, i=i, name="yDesc", dtype="CUDNN_DATA_HALF (2)", dims="4,6,8,8", strides="384,64,8,1")
    return f"""{heading} function cudnnBackendExecute() called:
{p}     handle: type=cudnnHandle_t; streamId=0x0;
{p}     executionPlan: type=CUDNN_BACKEND_EXECUTION_PLAN_DESCRIPTOR:
{p}         engcfg: type=CUDNN_BACKEND_ENGINECFG_DESCRIPTOR:
{p}             engine: type=CUDNN_BACKEND_ENGINE_DESCRIPTOR:
{p}                 operation: type=CUDNN_BACKEND_OPERATION_CONVOLUTION_FORWARD_DESCRIPTOR:
{x}{w}{y}{p}{i}convDesc: type=CUDNN_BACKEND_CONVOLUTION_DESCRIPTOR:
{p}{i}    lowerPadA: type=int; val=[1,1];
{p}{i}    strideA: type=int; val=[1,1];
{p}{i}    dilationA: type=int; val=[1,1];
{p}                 engine_id: type=int; val={engine};
{p}                 knobDesc: type=cudnnBackendDescriptor_t:
{p}                     CUDNN_KNOB_TYPE_SPLIT_K_SLC: type=int; val=2;
{p}                 numericalNotes: type=cudnnBackendDescriptor_t:
{p}                     CUDNN_NUMERICAL_NOTE_TENSOR_CORE: type=bool; val=true;
{p}                 behaviorNotes: type=cudnnBackendDescriptor_t; val=NULL_PTR;
{p} Time: 2026-11-22T20:23:{at} (0d+0h+0m+1s since start)
{p} Process=4711; Thread={thread}; GPU=0; Handle=0x55; StreamId=0x0.

"""


STATUS = """I! CuDNN (v92800 42) function cudnnBackendExecute() called:
i!     status: type=cudnnStatus_t; val=CUDNN_STATUS_SUCCESS (0);
i! Time: 2026-11-22T20:23:22.055400 (0d+0h+0m+1s since start)
i! Process=4711; Thread=77; GPU=0; Handle=0x55; StreamId=0x0.

"""

LEGACY = """I! CuDNN (v8005) function cudnnConvolutionForward() called:
i!     handle: type=cudnnHandle_t; streamId=(nil) (defaultStream);
i!     alpha: type=CUDNN_DATA_FLOAT; val=1.000000;
i!     xDesc: type=cudnnTensorDescriptor_t:
i!         dataType: type=cudnnDataType_t; val=CUDNN_DATA_HALF (2);
i!         nbDims: type=int; val=4;
i!         dimA: type=int; val=[32,896,1,832];
i!         strideA: type=int; val=[745472,832,832,1];
i!     xData: location=dev; addr=0x7f1f48d80000;
i!     wDesc: type=cudnnFilterDescriptor_t:
i!         dataType: type=cudnnDataType_t; val=CUDNN_DATA_HALF (2);
i!         dimA: type=int; val=[1792,896,1,19];
i!     convDesc: type=cudnnConvolutionDescriptor_t:
i!         mathType: type=cudnnMathType_t; val=CUDNN_TENSOR_OP_MATH (1);
i!         padA: type=int; val=[0,9];
i!         strideA: type=int; val=[1,2];
i!         dilationA: type=int; val=[1,1];
i!     algo: type=cudnnConvolutionFwdAlgo_t; val=CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_PRECOMP_GEMM (1);
i!     workSpaceSizeInBytes: type=size_t; val=1048576;
i! Time: 2021-04-19T10:00:00.000001 (0d+0h+0m+1s since start)
i! Process=9; Thread=10; GPU=0; Handle=0x55; StreamId=(nil) (defaultStream).
"""


def read(text: str) -> list[LogRecord]:
    return list(log_records(text.splitlines(keepends=True), UTC))


@pytest.mark.parametrize(
    ("prefix", "heading", "version"),
    [
        ("i!", "I! CuDNN (v92800 42)", 92800),
        ("i!", "I! CuDNN (v8204)", 8204),
        ("", "CuDNN (v90000 1)", 90000),
    ],
)
def test_versions_write_their_headings_differently(prefix: str, heading: str, version: int) -> None:
    (record,) = read(execute(prefix, heading))
    assert (record.kind, record.version, record.operation, record.engine) == ("execute", version, "fprop", 22)
    assert record.knobs == {"SPLIT_K_SLC": 2}
    assert record.notes == {name: name == "TENSOR_CORE" for name in NUMERICAL_NOTES}
    assert set(record.behaviour.values()) == {False}
    assert (record.process, record.thread) == (4711, 77)
    assert (record.input_shape, record.weight_shape, record.output_shape) == ((4, 3, 8, 8), (6, 3, 3, 3), (4, 6, 8, 8))
    moment = datetime(2026, 11, 22, 20, 23, 22, 55302, tzinfo=timezone.utc)
    assert record.time_ns == int(moment.timestamp()) * 10**9 + 55302000


def test_the_older_interface_names_its_algorithm() -> None:
    (record,) = read(LEGACY)
    assert (record.kind, record.operation, record.engine) == ("legacy", "fprop", None)
    assert record.algorithm == "IMPLICIT_PRECOMP_GEMM"
    assert (record.input_shape, record.weight_shape) == ((32, 896, 1, 832), (1792, 896, 1, 19))
    assert (record.padding, record.stride, record.dtype) == ((0, 9), (1, 2), "float16")
    assert set(record.notes.values()) == {None}


def test_statuses_and_other_calls_are_passed_over() -> None:
    other = execute().replace("cudnnBackendExecute", "cudnnBackendSetAttribute")
    normalization = execute().replace("OPERATION_CONVOLUTION_FORWARD", "OPERATION_NORM_FORWARD")
    assert len(read(execute() + STATUS + other + normalization + STATUS)) == 1


def test_threads_and_times_are_kept_apart() -> None:
    text = execute(thread=1, engine=5, at="01.000001") + execute(thread=2, engine=6, at="01.000002")
    one, two = read(text)
    assert (one.thread, one.engine, two.thread, two.engine) == (1, 5, 2, 6)
    assert two.time_ns - one.time_ns == 1000


def test_a_log_is_read_as_it_comes() -> None:
    def endless() -> Iterator[str]:
        for engine in itertools.count():
            yield from execute(engine=engine).splitlines(keepends=True)

    first = list(itertools.islice(log_records(endless(), UTC), 3))
    assert [record.engine for record in first] == [0, 1, 2]


@pytest.mark.parametrize("lines", range(29))
def test_a_cut_off_tail_never_loses_what_came_before(lines: int) -> None:
    tail = "".join(execute(engine=99).splitlines(keepends=True)[:lines])
    first, *rest = read(execute() + tail)
    assert first == read(execute())[0]
    assert all(record.engine == 99 and not record.complete for record in rest if record.time_ns is None)


def test_a_block_cut_off_by_the_next_one() -> None:
    half = execute(engine=3).partition("i! Time")[0]
    cut, whole = read(half + execute())
    assert (cut.engine, cut.complete, cut.time_ns) == (3, False, None)
    assert whole == read(execute())[0]


def test_a_block_without_an_end_is_bounded() -> None:
    flood = itertools.repeat("i!     x: type=int; val=1;\n", 3 * LONGEST_BLOCK)
    lines = itertools.chain(execute().splitlines(keepends=True), flood, execute().splitlines(keepends=True))
    assert len(list(log_records(lines, UTC))) == 2


@settings(deadline=None, max_examples=200)
@given(st.data())
def test_damage_never_raises(data: st.DataObject) -> None:
    text = execute() + LEGACY + STATUS
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(start + 200, len(text))))
    for record in read(text[:start] + data.draw(st.text(max_size=40)) + text[end:]):
        assert LogRecord.of_json(record.as_json()) == replace(record)


def test_binary_rubbish_is_no_log(tmp_path: Path) -> None:
    file = tmp_path / "log"
    file.write_bytes(bytes(range(256)) * 100 + b"\n" + execute().encode())
    assert [record.engine for record in read_log(file, UTC)] == [22]
