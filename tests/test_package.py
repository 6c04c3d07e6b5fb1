"""The package as a whole: what importing it costs, and its public names."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

import profiler_kit

PROBE = """
import json, sys, time
start = time.perf_counter()
import profiler_kit
print(json.dumps({"seconds": time.perf_counter() - start, "modules": sorted(sys.modules)}))
"""
HEAVY = {"torch", "pandas", "numpy", "tensorboard", "rich", "msgspec"}


def test_import_loads_nothing_heavy() -> None:
    result = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)
    assert HEAVY.isdisjoint(json.loads(result.stdout)["modules"])


def test_reading_and_reporting_need_no_torch() -> None:
    probe = (
        "import sys; sys.modules['torch'] = None; import profiler_kit as pk; pk.read_trace, pk.make_report, pk.Trace"
    )
    subprocess.run([sys.executable, "-c", probe], check=True)


def test_without_torch_recording_names_the_extra() -> None:
    probe = "import sys; sys.modules['torch'] = None; import profiler_kit as pk; pk.profile"
    result = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True)
    assert result.stderr.splitlines()[-1].endswith("recording needs torch: pip install 'profiler-kit[torch]'")


def test_public_names_are_sorted_and_exist() -> None:
    assert profiler_kit.__all__ == sorted(profiler_kit.__all__)
    for name in profiler_kit.__all__:
        assert getattr(profiler_kit, name).__doc__
    assert set(profiler_kit.__all__) <= set(dir(profiler_kit))


def test_unknown_names_raise() -> None:
    with pytest.raises(AttributeError, match="no attribute 'nothing'"):
        profiler_kit.nothing  # noqa: B018
