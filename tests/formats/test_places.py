"""Everywhere that traces are read from."""

from __future__ import annotations

import gzip
import io
import json
import os
import sys
import threading
import zipfile
from types import SimpleNamespace

import pytest

from profiler_kit.errors import MissingExtraError, ProfilerKitError, TraceFormatError, TraceNotFoundError
from profiler_kit.formats import find_traces, newest_trace, read_ranks, read_trace

OP = {"ph": "X", "cat": "cpu_op", "name": "a", "pid": 1, "tid": 1, "ts": 1, "dur": 1}
TEXT = json.dumps({"traceEvents": [OP]}).encode()


def with_info(info: object) -> bytes:
    return json.dumps({"traceEvents": [OP], "distributedInfo": info}).encode()


def test_directories_are_searched_and_ordered_by_time(tmp_path):
    for number, name in enumerate(
        ["b.pt.trace.json", "a.pt.trace.json.gz", "sub/c.pt.trace.json", ".hidden.pt.trace.json"]
    ):
        file = tmp_path / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(gzip.compress(TEXT) if name.endswith("gz") else TEXT)
        os.utime(file, (number, number))
    (tmp_path / "notes.json").write_text("{}")
    assert [p.name for p in find_traces(tmp_path)] == ["b.pt.trace.json", "a.pt.trace.json.gz", "c.pt.trace.json"]
    assert newest_trace(tmp_path).name == "c.pt.trace.json"
    assert [p.name for p in find_traces(f"{tmp_path}/*.gz")] == ["a.pt.trace.json.gz"]
    assert len(find_traces(f"{tmp_path}/**/*.json")) == 3
    (empty := tmp_path / "empty").mkdir()
    with pytest.raises(TraceNotFoundError, match="no file matches"):
        find_traces(f"{tmp_path}/x*")
    with pytest.raises(TraceNotFoundError, match="no traces here"):
        find_traces(empty)


@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT, mtime=0)], ids=["plain", "gzip"])
def test_the_name_does_not_matter(tmp_path, content):
    file = tmp_path / "whatever[1].bin"
    file.write_bytes(content)
    assert find_traces(file) == [file]
    assert len(read_trace(file).ops) == 1


def test_archives(tmp_path):
    archive = tmp_path / "runs.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED) as opened:
        opened.writestr("x/one.pt.trace.json.gz", gzip.compress(TEXT))
        opened.writestr("two.pt.trace.json", TEXT)
        opened.writestr("notes.json", "{}")
    found = find_traces(archive)
    assert sorted(p.name for p in found) == ["one.pt.trace.json.gz", "two.pt.trace.json"]
    for place in found:
        trace = read_trace(place)
        assert len(trace.ops) == 1
        assert trace.source == str(place)
    with pytest.raises(TraceFormatError, match="2 traces"):
        read_trace(archive)
    with pytest.raises(TraceNotFoundError, match="no member"):
        read_trace(archive / "three.json")


def test_an_archive_of_one_trace_and_a_damaged_one(tmp_path):
    archive = tmp_path / "run.zip"
    with zipfile.ZipFile(archive, "w") as opened:
        opened.writestr("trace.json", TEXT)
    assert len(read_trace(archive).ops) == 1
    content = bytearray(archive.read_bytes())
    place = content.index(b'"dur"')
    content[place : place + 5] = b'"xur"'
    archive.write_bytes(content)
    with pytest.raises(TraceFormatError, match="archive is damaged"):
        read_trace(archive)
    archive.write_bytes(content[:60] + content[-22:])
    with pytest.raises(ProfilerKitError):
        read_trace(archive)


@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT, mtime=0)], ids=["plain", "gzip"])
def test_standard_input(monkeypatch, content):
    stream = io.BytesIO(content)
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(buffer=stream))
    assert [str(p) for p in find_traces("-")] == ["-"]
    assert read_trace("-").source == "standard input"
    assert not stream.closed


def test_standard_input_that_is_closed(monkeypatch):
    monkeypatch.setattr(sys, "stdin", None)
    with pytest.raises(TraceNotFoundError, match="standard input is closed"):
        read_trace("-")


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("content", [TEXT, gzip.compress(TEXT, mtime=0)], ids=["plain", "gzip"])
def test_a_pipe(tmp_path, content):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    assert find_traces(pipe) == [pipe]
    writer = threading.Thread(target=pipe.write_bytes, args=(content,))
    writer.start()
    assert len(read_trace(pipe).ops) == 1
    writer.join()


def test_file_urls(tmp_path):
    file = tmp_path / "t.json"
    file.write_bytes(TEXT)
    for url in (file.as_uri(), f"file:{file}"):
        assert find_traces(url) == [file]
        assert len(read_trace(url).ops) == 1


@pytest.mark.parametrize(
    ("path", "reason"),
    [("", "empty"), ("x" * 5000, "too long"), ("x" * 5000 + "*", "too long"), ("a\0b", "no such file")],
)
def test_names_that_no_file_has(path, reason):
    for function in (find_traces, read_trace):
        with pytest.raises(TraceNotFoundError, match=reason):
            function(path)


def test_an_archive_whose_compression_is_damaged(tmp_path):
    archive = tmp_path / "run.zip"
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_LZMA) as opened:
        opened.writestr("trace.json", TEXT)
    content = bytearray(archive.read_bytes())
    content[60] ^= 0xFF
    archive.write_bytes(content)
    with pytest.raises(TraceFormatError, match="archive is damaged"):
        read_trace(archive)


def test_urls():
    fsspec = pytest.importorskip("fsspec")
    memory = fsspec.filesystem("memory")
    memory.pipe("/places/rank0.pt.trace.json", TEXT)
    memory.pipe("/places/rank1.pt.trace.json.gz", gzip.compress(TEXT))
    memory.pipe("/places/notes.txt", b"")
    for url in ("memory://places", "memory://places/*.json*"):
        found = find_traces(url)
        assert [p.name for p in found] == ["rank0.pt.trace.json", "rank1.pt.trace.json.gz"]
        assert [len(read_trace(p).ops) for p in found] == [1, 1]
    assert read_trace("memory://places/rank0.pt.trace.json").source == "memory://places/rank0.pt.trace.json"
    assert list(read_ranks("memory://places")) == [0, 1]
    with pytest.raises(TraceNotFoundError, match="memory://places/none"):
        read_trace("memory://places/none")
    with pytest.raises(ProfilerKitError, match="nonsense"):
        read_trace("nonsense://x")


def test_urls_without_fsspec_name_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "fsspec", None)
    with pytest.raises(MissingExtraError, match=r"profiler-kit\[remote\]"):
        read_trace("s3://bucket/key")


@pytest.mark.parametrize(
    ("info", "name", "rank", "origin"),
    [
        ({"rank": 3, "backend": "nccl"}, "rank9.json", 3, "distributedInfo"),
        ('{"rank": 3}', "x.json", 3, "distributedInfo"),
        ("{'rank': 3, 'world_size': 8}", "x.json", 3, "distributedInfo"),
        ("nonsense(", "rank-4.json", 4, "file name"),
        (None, "worker5.1623212756351.json", 5, "file name"),
        ({"rank": "x"}, "host_123.456.json", 0, "order of files"),
        ({"rank": -1}, "plain.json", 0, "order of files"),
    ],
)
def test_where_the_rank_is_from(tmp_path, info, name, rank, origin):
    file = tmp_path / name
    file.write_bytes(with_info(info))
    ranks = read_ranks(file)
    assert (list(ranks), dict(ranks.origins)) == ([rank], {rank: origin})


def test_ranks_of_a_directory(tmp_path):
    for number, (name, info) in enumerate(
        [("b.pt.trace.json", {"rank": 2}), ("a.pt.trace.json", {"rank": 0}), ("c.pt.trace.json", {"rank": 2})]
    ):
        (tmp_path / name).write_bytes(with_info(info))
        os.utime(tmp_path / name, (number, number))
    ranks = read_ranks(tmp_path)
    assert list(ranks) == [0, 2]
    assert ranks[2].source.endswith("c.pt.trace.json")
    assert [s.endswith("b.pt.trace.json") for s in ranks.superseded] == [True]


def test_eight_ranks(shared):
    ranks = read_ranks(shared / "traces" / "a100x8_megatron_tp8")
    assert list(ranks) == list(range(8))
    assert all(len(trace.kernels) == 690 for trace in ranks.values())
    assert set(ranks.origins.values()) <= {"distributedInfo", "file name"}


def test_progress(tmp_path):
    file = tmp_path / "t.json.gz"
    file.write_bytes(gzip.compress(json.dumps([OP] * 20_000).encode(), 1))
    calls: list[tuple[int, int | None]] = []
    read_trace(file, cache=False, progress=lambda done, total: calls.append((done, total)))
    size = file.stat().st_size
    assert calls[-1] == (size, size)
    assert calls == sorted(calls)
