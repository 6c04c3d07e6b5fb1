"""Predictions kept for a trace: what comes back is what was kept, whatever else happened to the files."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from profiler_kit import read_trace
from profiler_kit.report import kept_prediction as module
from profiler_kit.report.kept_prediction import keep_prediction, kept_prediction, stamp_of_prediction
from profiler_kit.report.predict import predict_json, predict_sections
from profiler_kit.user_cache import user_cache
from tests.predictions import conv_trace, prediction_by_hand


@pytest.fixture(autouse=True)
def _own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return conv_trace(tmp_path / "worker.pt.trace.json")


def test_what_is_kept_comes_back_whole(file: Path) -> None:
    made = prediction_by_hand(read_trace(file))
    assert kept_prediction(file) is None
    assert keep_prediction(file, made)
    back = kept_prediction(file)
    assert back is not None
    assert back.table.dtypes.to_dict() == made.table.dtypes.to_dict()
    assert predict_json(back, "x") == predict_json(made, "x")
    assert predict_sections(back, 50) == predict_sections(made, 50)
    assert back.left_out == made.left_out != ()


def test_it_is_found_where_the_trace_is_copied_to_and_not_for_another(file: Path, tmp_path: Path) -> None:
    keep_prediction(file, prediction_by_hand(read_trace(file)))
    copy = tmp_path / "elsewhere.json"
    copy.write_bytes(file.read_bytes())
    assert kept_prediction(copy) is not None
    other = conv_trace(tmp_path / "other.pt.trace.json", "layer: other (Conv2d) #1")
    assert kept_prediction(other) is None
    assert stamp_of_prediction(other) == ""


def test_the_last_one_counts_and_has_another_stamp(file: Path) -> None:
    trace = read_trace(file)
    keep_prediction(file, prediction_by_hand(trace))
    first = stamp_of_prediction(file)
    keep_prediction(file, prediction_by_hand(trace, ["B200"]))
    back = kept_prediction(file)
    assert back is not None
    assert set(back.table["gpu"]) == {"B200"}
    assert "" != first != stamp_of_prediction(file)


def test_an_empty_prediction_is_kept_too(file: Path) -> None:
    made = prediction_by_hand(read_trace(file), [])
    keep_prediction(file, made)
    back = kept_prediction(file)
    assert back is not None
    assert predict_sections(back, 5) == predict_sections(made, 5)


@pytest.mark.parametrize("damage", [b"", b"no gzip", b"\x1f\x8b\x08\x00cut"])
def test_a_damaged_file_is_as_good_as_none(file: Path, damage: bytes) -> None:
    keep_prediction(file, prediction_by_hand(read_trace(file)))
    directory = user_cache("predictions")
    assert directory is not None
    (kept,) = directory.iterdir()
    kept.write_bytes(damage)
    assert kept_prediction(file) is None


def test_what_is_no_file_has_none(tmp_path: Path) -> None:
    for place in (tmp_path, tmp_path / "missing", Path("s3:/bucket/x.json"), Path("-")):
        assert kept_prediction(place) is None
        assert stamp_of_prediction(place) == ""


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_cache_that_cannot_be_written_costs_nothing(file: Path, tmp_path: Path) -> None:
    (tmp_path / "cache").mkdir(mode=0o500)
    assert not keep_prediction(file, prediction_by_hand(read_trace(file)))


def test_the_oldest_make_room(file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "LIMIT_BYTES", 1)
    other = conv_trace(tmp_path / "other.pt.trace.json", "layer: other (Conv2d) #1")
    for each in (file, other):
        keep_prediction(each, prediction_by_hand(read_trace(each)))
    assert kept_prediction(file) is None
    assert kept_prediction(other) is not None
