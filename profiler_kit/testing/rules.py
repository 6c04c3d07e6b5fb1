"""Files of rules and baselines.

A rules file is TOML. Every table is a rule: a measure of :data:`profiler_kit.analysis.findings.checks.MEASURES` with
``min``, ``max`` or both, or ``kernels`` with a baseline file, whose place is relative to the rules file::

    [layout_transforms]
    max = 0

    [tensor_core_share]
    min = 0.5

    [kernels]
    baseline = "kernels.baseline.json"

A baseline is JSON, made to be committed: schema ``profiler_kit.baseline`` version 1, whose the names are under ``of``
("GPU", "CPU libraries" or "operators"), and one name a line, sorted, under ``kernels``.
"""

from __future__ import annotations

import difflib
import json
import math
import sys
from collections.abc import Mapping
from os import PathLike
from pathlib import Path
from typing import Any, Final

from profiler_kit.analysis.findings.checks import KERNELS, MEASURES, KernelSet, Rule, is_share
from profiler_kit.errors import ProfilerKitError

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

BASELINE_SCHEMA: Final = "profiler_kit.baseline"
BASELINE_VERSION: Final = 1

_HOW: Final = "write one with profiler-kit check TRACE --write-baseline FILE"


class RulesError(ProfilerKitError):
    """A rules or baseline file is not what it should be; the message names file, key and what to do."""


def read_rules(path: str | PathLike[str]) -> list[Rule]:
    """Read a rules file.

    Raises:
        RulesError: If it is not there, no TOML, or holds something that is no rule.
    """
    file = Path(path)
    try:
        text = file.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise RulesError(f"{path}: no such rules file") from None
    except OSError as error:
        raise RulesError(f"{path}: cannot be read ({error.strerror})") from None
    except UnicodeDecodeError as error:
        raise RulesError(f"{path}: cannot be read ({error})") from None
    try:
        content = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise RulesError(f"{path}: not TOML: {error}") from None
    return parse_rules(content, source=str(path), folder=file.parent)


def parse_rules(content: Mapping[str, Any], *, source: str = "rules", folder: Path | None = None) -> list[Rule]:
    """Turn the content of a rules file into rules.

    Args:
        content: Rule → its settings.
        source: What errors call it.
        folder: Where baseline files are looked for, by default the current directory.

    Raises:
        RulesError: If something in it is no rule.
    """
    if not content:
        raise RulesError(f"{source}: no rules in it; write for example [layout_transforms] and below it max = 0")
    return [_rule(name, settings, source, folder or Path()) for name, settings in content.items()]


def _rule(name: str, settings: Any, source: str, folder: Path) -> Rule:
    if name != KERNELS and name not in MEASURES:
        known = [*MEASURES, KERNELS]
        close = difflib.get_close_matches(name, known, 1)
        fix = f"did you mean {close[0]}?" if close else f"known are {', '.join(known)}"
        raise RulesError(f"{source}: {name}: no such rule; {fix}")
    allowed = ("baseline",) if name == KERNELS else ("min", "max")
    if not isinstance(settings, Mapping):
        raise RulesError(f"{source}: {name}: write [{name}] and below it {' = … or '.join(allowed)} = …")
    for key in settings:
        if key not in allowed:
            raise RulesError(f"{source}: {name}.{key}: no such setting; use {' or '.join(allowed)}")
    if not settings:
        raise RulesError(f"{source}: {name}: empty; add {' or '.join(allowed)}")
    if name == KERNELS:
        return Rule(name, baseline=_baseline(settings["baseline"], source, folder))
    limits = {key: _limit(settings[key], name, f"{source}: {name}.{key}") for key in settings}
    low, high = limits.get("min"), limits.get("max")
    if low is not None and high is not None and low > high:
        raise RulesError(f"{source}: {name}: min {low:g} is greater than max {high:g}; nothing can pass")
    return Rule(name, minimum=low, maximum=high)


def _limit(value: Any, measure: str, place: str) -> float:
    """Return a limit that the measure can reach: any other would never fail, or never pass."""
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        raise RulesError(f"{place}: {value!r} is not a number; write one without quotes")
    if is_share(measure) and not 0 <= value <= 1:
        fix = f"; write {value / 100:g} for {value:g} %" if 1 < value <= 100 else ""
        raise RulesError(f"{place}: {value:g} is not a share from 0 to 1{fix}")
    if value < 0:
        raise RulesError(f"{place}: {value:g} is negative; {measure} is a count")
    return value


def _baseline(value: Any, source: str, folder: Path) -> KernelSet:
    if not isinstance(value, (str, PathLike)):
        raise RulesError(f"{source}: {KERNELS}.baseline: {value!r} is not the name of a file; write it in quotes")
    return read_baseline(folder / value)


def read_baseline(path: str | PathLike[str]) -> KernelSet:
    """Read a baseline file.

    Raises:
        RulesError: If it is not there or not a baseline.
    """
    try:
        content = json.loads(Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise RulesError(f"{path}: no such baseline; {_HOW}") from None
    except (OSError, ValueError) as error:
        raise RulesError(f"{path}: not a baseline ({error}); {_HOW}") from None
    if not isinstance(content, dict) or content.get("schema") != BASELINE_SCHEMA:
        raise RulesError(f"{path}: not a baseline: its schema is not {BASELINE_SCHEMA!r}; {_HOW}")
    if content.get("schema_version") != BASELINE_VERSION:
        raise RulesError(f"{path}: schema_version is not {BASELINE_VERSION}; {_HOW}")
    names, of = content.get("kernels"), content.get("of")
    if not isinstance(names, list) or not all(isinstance(name, str) for name in names) or not isinstance(of, str):
        raise RulesError(f"{path}: kernels is not a list of names, or of is missing; {_HOW}")
    return KernelSet(of, frozenset(names))


def write_baseline(path: str | PathLike[str], kernels: KernelSet) -> None:
    """Write a baseline file.

    Raises:
        OSError: If it cannot be written.
    """
    content = {
        "schema": BASELINE_SCHEMA,
        "schema_version": BASELINE_VERSION,
        "of": kernels.of,
        "kernels": sorted(kernels.names),
    }
    Path(path).write_text(json.dumps(content, indent=2, ensure_ascii=True) + "\n", encoding="utf-8")
