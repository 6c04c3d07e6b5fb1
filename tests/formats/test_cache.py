"""Kept tables are used only if they are surely the right ones."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import numpy as np
import pytest

from profiler_kit.formats import cache as cache_module
from profiler_kit.formats import kineto, read_trace
from tests.formats.tables import assert_same_tables
from tests.formats.test_dialects import activity


@pytest.fixture
def trace_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(cache_module, "SMALLEST_BYTES", 0)
    file = tmp_path / "t.json"
    file.write_text(json.dumps({"traceEvents": activity(1, 1, 1, grid=[1, 2, 3]), "x": {"y": [1, None]}}))
    return file


def kept(home: Path) -> list[Path]:
    return sorted((home / "profiler-kit" / "traces").glob("*"))


def never_parse(*_: object) -> None:
    raise AssertionError("parsed again")


def test_the_second_reading_does_not_parse(trace_file, cache_home, monkeypatch):
    first = read_trace(trace_file)
    (file,) = kept(cache_home)
    monkeypatch.setattr(kineto, "read", never_parse)
    second = read_trace(trace_file)
    assert_same_tables(first, second)
    assert (first.health, first.dialect, first.metadata) == (second.health, second.dialect, second.metadata)
    assert [p.name for p in file.parent.iterdir()] == [file.name]


def test_another_path_with_the_same_content(trace_file, tmp_path, monkeypatch):
    read_trace(trace_file)
    monkeypatch.setattr(kineto, "read", never_parse)
    other = tmp_path / "other.json"
    other.write_bytes(trace_file.read_bytes())
    assert read_trace(other).source == str(other)


def test_changed_content_with_the_same_size_and_time_is_read_anew(trace_file):
    assert read_trace(trace_file).kernels.name[0] == "sgemm"
    before = trace_file.stat()
    trace_file.write_text(trace_file.read_text().replace("sgemm", "hgemm"))
    os.utime(trace_file, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert read_trace(trace_file).kernels.name[0] == "hgemm"


def test_a_changed_reader_does_not_use_old_files(trace_file, cache_home, monkeypatch):
    read_trace(trace_file)
    monkeypatch.setattr(cache_module, "reader_fingerprint", lambda: b"another version")
    read_trace(trace_file)
    assert len(kept(cache_home)) == 2


@pytest.mark.parametrize("damage", ["cut", "empty", "foreign", "pickle", "other npz", "flip", "flip end"])
def test_a_damaged_file_is_ignored_and_replaced(trace_file, cache_home, damage):
    expected = read_trace(trace_file)
    (file,) = kept(cache_home)
    content = file.read_bytes()
    middle = len(content) // 2
    file.write_bytes(
        {
            "cut": content[:middle],
            "empty": b"",
            "foreign": b"PK\x03\x04 something else",
            "pickle": b"\x80\x04cos\nsystem\n(S'exit'\ntR.",
            "other npz": content,
            "flip": content[:middle] + bytes([content[middle] ^ 1]) + content[middle + 1 :],
            "flip end": content[:-300] + bytes([content[-300] ^ 1]) + content[-299:],
        }[damage]
    )
    if damage == "other npz":
        with file.open("wb") as opened:
            np.savez(opened, facts=np.array([object()], dtype=object), columns=np.zeros(3))
    assert_same_tables(expected, read_trace(trace_file))
    assert file.read_bytes() == content


def test_flipping_any_byte_never_gives_wrong_tables(trace_file, cache_home):
    expected = read_trace(trace_file)
    (file,) = kept(cache_home)
    content = file.read_bytes()
    kept_cache = cache_module.Cache(file)
    for place in range(0, len(content), 11):
        file.write_bytes(content[:place] + bytes([content[place] ^ 4]) + content[place + 1 :])
        trace = kept_cache.load("x")
        if trace is not None:
            assert_same_tables(expected, trace)


@pytest.mark.skipif(sys.platform == "win32" or not hasattr(os, "geteuid"), reason="permissions")
@pytest.mark.parametrize("home", ["/proc/nowhere", "file"])
def test_where_nothing_can_be_written_there_is_no_cache(trace_file, monkeypatch, tmp_path, home):
    if home == "file":
        (tmp_path / "file").write_text("")
        home = str(tmp_path / "file")
    monkeypatch.setenv("XDG_CACHE_HOME", home)
    assert len(read_trace(trace_file).kernels) == 1


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes")
@pytest.mark.parametrize("kind", ["pipe", "directory", "endless", "dangling"])
def test_what_is_no_file_is_no_cache(trace_file, cache_home, kind):
    expected = read_trace(trace_file)
    (file,) = kept(cache_home)
    file.unlink()
    {
        "pipe": lambda: os.mkfifo(file),
        "directory": file.mkdir,
        "endless": lambda: file.symlink_to("/dev/zero"),
        "dangling": lambda: file.symlink_to("/nowhere"),
    }[kind]()
    assert_same_tables(expected, read_trace(trace_file))


def test_a_relative_cache_home_is_ignored(trace_file, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.setenv("XDG_CACHE_HOME", "here")
    read_trace(trace_file)
    assert not (tmp_path / "here").exists()


def test_no_cache(trace_file, cache_home):
    read_trace(trace_file, cache=False)
    assert kept(cache_home) == []


def test_small_files_are_not_worth_it(trace_file, cache_home, monkeypatch):
    monkeypatch.setattr(cache_module, "SMALLEST_BYTES", 10_000)
    read_trace(trace_file)
    assert kept(cache_home) == []


def test_the_least_recently_used_files_make_room(trace_file, cache_home, monkeypatch):
    monkeypatch.setattr(cache_module, "LIMIT_BYTES", 13_000)
    for number in range(6):
        trace_file.write_text(json.dumps(activity(number, 1, 1)))
        read_trace(trace_file)
    files = kept(cache_home)
    assert 1 <= len(files) < 6
    assert sum(f.stat().st_size for f in files) <= 13_000


def test_what_a_killed_process_left_goes(trace_file, cache_home):
    directory = cache_home / "profiler-kit" / "traces"
    directory.mkdir(parents=True)
    abandoned, under_way = directory / ".abandoned.tmp", directory / ".under_way.tmp"
    for file in (abandoned, under_way):
        file.touch()
    os.utime(abandoned, (0, 0))
    read_trace(trace_file)
    assert (abandoned.exists(), under_way.exists()) == (False, True)
