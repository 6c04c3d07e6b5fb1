"""``profiler-kit identify``: arguments, standard input, JSON lines and the explanation of one name."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

from profiler_kit.cli import main

XMMA = "sm80_xmma_fprop_implicit_gemm_tf32f32_tf32f32_f32_nhwckrsc_nhwc_tilesize128x128x16_stage4_warpsize2x2x1_g1_tensor16x8x8_kernel_cudnn"  # noqa: E501
KEYS = [
    "name", "demangled", "library", "operation", "pass", "algorithm", "role", "tensor_cores", "input_dtype",
    "accumulate_dtype", "output_dtype", "layout", "tile", "stages", "cluster", "warps", "alignment", "transposes",
    "split_k", "epilogue", "design_arch", "evidence", "confidence",
]  # fmt: skip


def run(*arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    command = [sys.executable, "-m", "profiler_kit", "identify", *arguments]
    return subprocess.run(command, input=given, capture_output=True, timeout=60)


def test_json_lines_have_every_key_and_the_evidence() -> None:
    (line,) = run("--format", "jsonl", XMMA).stdout.splitlines()
    facts = json.loads(line)
    assert set(KEYS) <= set(facts)
    assert (facts["library"], facts["operation"], facts["pass"]) == ("cuDNN", "convolution", "fprop")
    assert (facts["algorithm"], facts["tensor_cores"], facts["input_dtype"]) == ("implicit_gemm", "yes", "tf32")
    assert (facts["layout"], facts["tile"], facts["stages"]) == ("NHWC", "128x128x16", 4)
    assert all(facts[key] is not None for key in facts["evidence"])


def test_one_answer_a_line_of_standard_input() -> None:
    given = XMMA.encode() + b"\n\n\xff\xfe\x00rubbish\r\nvolta_sgemm_64x64_nt"
    answers = [json.loads(line) for line in run("--format", "jsonl", given=given).stdout.splitlines()]
    assert [answer["library"] for answer in answers] == ["cuDNN", "unknown", "unknown", "cuBLAS"]


@pytest.mark.parametrize("name", ["", "\x1b[31m", "x" * 60_000])
def test_rubbish_is_unknown_and_harmless(name: str) -> None:
    result = run(name)
    assert result.returncode == 0
    assert b"unknown" in result.stdout
    assert b"\x1b" not in result.stdout


def test_without_names_there_is_a_hint_and_no_empty_table() -> None:
    result = run()
    assert (result.returncode, result.stdout) == (2, b"")
    assert result.stderr.decode().count("\n") == 1
    assert "profiler-kit identify NAME" in result.stderr.decode()


def test_the_explanation_names_every_token() -> None:
    text = run("--explain", XMMA, "--width", "140").stdout.decode()
    for token in ("sm80", "fprop", "tf32f32", "nhwckrsc", "tilesize128x128x16", "stage4", "tensor16x8x8"):
        assert token in text
    assert "design arch" in text


def test_a_table_fits_its_width() -> None:
    text = run(XMMA, "volta_sgemm_64x64_nt", "--width", "80").stdout.decode()
    assert max(map(len, text.splitlines())) <= 80
    assert "volta_sgemm_64x64_nt" in text


@pytest.mark.parametrize("more", [["another"], ["--format", "jsonl"]])
def test_what_explain_leaves_unanswered_is_refused(capsys: pytest.CaptureFixture[str], more: list[str]) -> None:
    assert main(["identify", "--explain", "volta_sgemm_128x64_nn", *more]) == 2
    assert "--explain takes one name apart" in capsys.readouterr().err


def test_closed_standard_input(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", None)
    assert main(["identify"]) == 2
    assert "no names" in capsys.readouterr().err
