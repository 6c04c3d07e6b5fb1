"""The pytest plugin in a pytest of its own, and what starting it costs."""

from __future__ import annotations

import subprocess
import sys
import textwrap
from importlib.metadata import entry_points
from pathlib import Path

import pytest

from profiler_kit.testing import check_trace
from tests.builders import TraceBuilder

PLUGIN = "profiler_kit.testing.plugin"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    b = TraceBuilder()
    b.op("aten::relu", 0, 10)
    b.kernel("relu", 20, 5, launched_at=1)
    b.write(tmp_path / "a.pt.trace.json")
    (tmp_path / "test_it.py").write_text(
        textwrap.dedent(
            """
            import sys
            from pathlib import Path

            HERE = Path(__file__).parent
            HEAVY = {"torch", "pandas", "numpy"} & set(sys.modules)

            def test_nothing_heavy_was_imported():
                assert not HEAVY

            def test_rules(profiler_check):
                rules = {"operator_coverage": {"min": 1}, "pageable_copies": {"max": 0}}
                profiler_check(HERE / "a.pt.trace.json", rules)

            def test_rules_fail(profiler_check):
                profiler_check(HERE / "a.pt.trace.json", {"tensor_core_share": {"min": 0.5}})

            def test_baseline(profiler_check):
                profiler_check(HERE / "a.pt.trace.json", baseline=HERE / "base" / "kernels.json")
            """
        )
    )
    return tmp_path


def pytest_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [
        sys.executable,
        "-m",
        "pytest",
        "-p",
        PLUGIN,
        "-p",
        "no:cacheprovider",
        "--rootdir",
        str(folder),
        *arguments,
    ]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=120)


def test_the_fixture_fails_with_a_table_and_renews_baselines(folder: Path) -> None:
    result = pytest_in(folder)
    assert "2 failed, 2 passed" in result.stdout
    assert "tensor_core_share" in result.stdout
    assert "at least 50.0%" in result.stdout
    assert "no such baseline; write one with" in result.stdout
    renewed = pytest_in(folder, "-k", "baseline", "--profiler-kit-write-baselines")
    assert "1 passed" in renewed.stdout
    assert '"relu"' in (folder / "base" / "kernels.json").read_text()


def test_the_plugin_is_declared() -> None:
    found = [point for point in entry_points(group="pytest11") if point.value == PLUGIN]
    if not found:
        pytest.skip("installed before the plugin was declared: install anew")
    assert found[0].name == PLUGIN  # so that -p and the entry point are one plugin


def test_the_same_without_pytest(folder: Path) -> None:
    assert check_trace(folder, {"pageable_copies": {"max": 0}}).passed
    (folder / "rules.toml").write_text("[operator_coverage]\nmin = 1\n")
    assert check_trace(folder / "a.pt.trace.json", folder / "rules.toml").passed
