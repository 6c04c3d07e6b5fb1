"""What a library chose for the same problem in two runs, in words."""

from __future__ import annotations

from typing import Any, Final

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from profiler_kit.analysis.passes.kernel_roles import LAYOUT_TRANSFORM, MAIN
from profiler_kit.analysis.runs.run_pieces import RunPieces, kernels_of_rows
from profiler_kit.kernels import identify
from profiler_kit.trace.joins import first_match

Rows = NDArray[np.int64]

_UNKNOWN: Final = (None, "unknown", "other")


def selection_changes(a: RunPieces, b: RunPieces, operators: pd.DataFrame) -> pd.DataFrame:
    """List the convolutions and matrix products that got other kernels in B than in A.

    Args:
        a: The first run.
        b: The second.
        operators: Their rows matched, with ``a_row`` and ``b_row`` (``<NA>`` where there is none).

    Returns:
        One row per matched row whose set of kernels differs, in the order of `operators`: ``row`` (of `operators`),
        ``a_words`` and ``b_words`` (what was chosen, e.g. "implicit gemm NCHW (cuDNN) + 2 layout transforms"),
        ``a_kernels`` and ``b_kernels`` (names, most time first).
    """
    both = operators[operators["a_row"].notna() & operators["b_row"].notna()]
    chosen = a.rows["is_call"].to_numpy()[both["a_row"].to_numpy(np.int64)]
    both = both[chosen]
    rows = [both[column].to_numpy(np.int64) for column in ("a_row", "b_row")]
    kernels = [kernels_of_rows(run, of_run) for run, of_run in zip((a, b), rows, strict=True)]
    both = both.iloc[_differing(rows, kernels)]
    sides = []
    for table, column in zip(kernels, ("a_row", "b_row"), strict=True):
        wanted = both[column].to_numpy(np.int64)
        table = table[table["row"].isin(wanted)]
        table = table.sort_values(["row", "total_ns"], ascending=[True, False], kind="stable")
        groups = {int(str(row)): group for row, group in table.groupby("row", sort=False)}
        sides.append([groups.get(row, table.head(0)) for row in wanted.tolist()])
    changed = []
    for place, (left, right) in zip(both.index.tolist(), zip(*sides, strict=True), strict=True):
        calls = (a.rows["calls"].iloc[both.loc[place, "a_row"]], b.rows["calls"].iloc[both.loc[place, "b_row"]])
        words = (kernel_words(left, int(calls[0])), kernel_words(right, int(calls[1])))
        changed.append((place, *words, tuple(left["name"]), tuple(right["name"])))
    return pd.DataFrame(changed, columns=["row", "a_words", "b_words", "a_kernels", "b_kernels"])


def _differing(rows: list[Rows], kernels: list[pd.DataFrame]) -> Rows:
    """Return the places of those pairs of rows whose sets of kernels differ.

    Args:
        rows: Rows of A and of B, in pairs.
        kernels: Their kernels: ``row``, ``name``.
    """
    code, names = pd.factorize(pd.concat([table["name"] for table in kernels], ignore_index=True))
    sets: list[Rows] = []
    for of_run, table, codes in zip(rows, kernels, np.split(code, [len(kernels[0])]), strict=True):
        pair = first_match(of_run, table["row"].to_numpy(np.int64))
        sets.append(np.unique(pair * len(names) + codes))
    in_one = np.setxor1d(sets[0], sets[1], assume_unique=True)
    return np.unique(in_one // max(len(names), 1))


def kernel_words(kernels: pd.DataFrame, calls: int) -> str:
    """Say in a few words what was launched for a problem.

    Args:
        kernels: Its kernels, most time first (:func:`profiler_kit.analysis.runs.run_pieces.kernels_of_rows`).
        calls: How often it was called.
    """
    if not len(kernels):
        return "nothing"
    main = kernels[kernels["role"].isin([MAIN]) & ~kernels["operation"].isin(["elementwise", "reduction"])]
    first = (main if len(main) else kernels).iloc[0]
    words = [_main_words(first["name"], first.to_dict())]
    transforms = kernels[kernels["role"] == LAYOUT_TRANSFORM]
    others = len(kernels) - len(transforms) - 1
    if first["role"] != LAYOUT_TRANSFORM and len(transforms):
        count = transforms["launches"].sum() / max(calls, 1)
        written = f"{count:.0f}" if abs(count - round(count)) < 0.05 else f"{count:.1f}"
        words.append(f"{written} layout transform{'s'[: written != '1']}")
    if others > 0:
        words.append(f"{others} other kernel{'s'[: others != 1]}")
    return " + ".join(words)


def _main_words(name: str, facts: dict[Any, Any]) -> str:
    """Name algorithm, layout, library and tensor cores of a kernel; its own name where nothing is known."""
    if facts["library"] is None:
        return name
    layout = identify(name).layout
    algorithm = facts["algorithm"] if facts["algorithm"] not in _UNKNOWN else facts["operation"]
    parts = [str(algorithm).replace("_", " ")] if algorithm not in _UNKNOWN else []
    if layout not in _UNKNOWN:
        parts.append(str(layout))
    library = facts["library"] if facts["library"] not in _UNKNOWN else None
    notes = [text for text in (library, "tensor cores" if facts["tensor_cores"] == "yes" else None) if text]
    if not parts:
        return name
    return " ".join(parts) + (f" ({', '.join(notes)})" if notes else "")
