"""The examples run as a user would run them, and show the layers they are about."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"

RUNS = {
    "wrap_your_model.py": (["--batch", "2"], ["Conv2d", "Linear", "aten::convolution_backward"]),
    "wrap_your_model.py --channels-last": (["--batch", "2", "--channels-last"], ["Conv2d", "Linear"]),
    "dense_vs_conv.py": (["--steps", "2", "--batch", "2", "--image", "16"], ["dense", "conv"]),
}


@pytest.mark.parametrize("run", RUNS)
def test_example_runs_and_reports(run: str, tmp_path: Path) -> None:
    options, shown = RUNS[run]
    command = [sys.executable, str(EXAMPLES / run.split()[0]), "--logdir", str(tmp_path), *options]
    done = subprocess.run(command, capture_output=True, text=True, encoding="utf-8", timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert len(list(tmp_path.glob("*.pt.trace.json.gz"))) == 1
    for text in shown:
        assert text in done.stdout
