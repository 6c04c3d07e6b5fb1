"""What changes between variants of a prediction, in sentences: which layers, which copies, what they cost at least."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, Final

import pandas as pd

from profiler_kit.analysis.problems.problem_names import problem_name
from profiler_kit.analysis.selection.predicted_selection import NO_PLAN, OWN_KERNEL, PredictedSelection
from profiler_kit.report.layers import short_layer
from profiler_kit.report.layout import Item
from profiler_kit.report.quantities import MISSING, is_missing, with_unit

CHANNELS_LAST: Final = "NHWC (channels_last)"

_MOST_NAMES: Final = 4
"""Places that are named before "n more"; half as many where one line stands for one of several variants."""

_FIXED: Final = ("gpu", "dtype", "memory_format")
Pair = Mapping[Any, Any]


def change_items(result: PredictedSelection) -> list[Item]:
    """Write what changes between variants that differ in one thing, and what is worth knowing about any of them."""
    return [*_comparisons(result), *_remarks(result)]


def names(layers: Sequence[str], source: str) -> str:
    """Name the first layer and say how many more there are."""
    if not layers:
        return MISSING
    first = short_layer(layers[0], source)
    return first if len(layers) == 1 else f"{first} and {len(layers) - 1} more"


def copied(row: Mapping[Any, Any]) -> str:
    """Name the tensors that a plan copies, and what their channels are padded to."""
    if not row["copied"]:
        return MISSING
    padded = "" if is_missing(row["channels_padded_to"]) else f", channels padded to {row['channels_padded_to']}"
    doubled = ", doubled" if row["copies_doubled"] else ""
    return " + ".join(row["copied"]) + doubled + padded


def _comparisons(result: PredictedSelection) -> list[Item]:
    """Write an item for each kind of change; a line in it for each variant that it happens to."""
    kinds: dict[tuple[Any, ...], list[Pair]] = {}
    for pair in result.pairs.to_dict("records"):
        kinds.setdefault((pair["axis"], pair["before"], pair["after"]), []).append(pair)
    return [_one(result, pairs[0]) if len(pairs) == 1 else _several(result, pairs) for pairs in kinds.values()]


def _one(result: PredictedSelection, pair: Pair) -> Item:
    """Write a change that happens to one variant, with a line for each of its sides."""
    changes = _changes_of(result, pair)
    name = f"{_fixed(pair)}: {_change(pair)}"
    if not len(changes):
        return Item(f"{name}: {_same(result, pair)}")
    changed, passes = pair["class_changes"], pair["passes"]
    what = f"{changed} of {passes} passes compute with something else" if changed else "computes with the same"
    if copies := _copies(pair):
        what += f"; {copies}"
    details = [("changes", text) for text in _class_changes(result, changes, passes, _MOST_NAMES)]
    if pair["engine_changes"]:
        details.append(("engines", f"another one in {pair['engine_changes']} of {passes} passes"))
    if pair["axis"] in ("memory_format", "tf32"):
        had, has = (changes[f"copies_{when}"].fillna(0) > 0 for when in ("before", "after"))
        for label, some in (("go", changes[had & ~has]), ("come", changes[has & ~had])):
            if len(some):
                details.append(("copies", f"{label} in {_where(result, some, passes)}"))
        if told := _cost(pair):
            details.append(("cost", f"reading and writing the copies takes at least {told} (modelled)"))
    return Item(f"{name}: {what}", details)


def _several(result: PredictedSelection, pairs: Sequence[Pair]) -> Item:
    """Write a change that happens to several variants; those with the same words share a line."""
    lines: dict[str, list[str]] = {}
    for pair in pairs:
        lines.setdefault(_sentence(result, pair), []).append(_fixed(pair))
    return Item(_change(pairs[0]), [("for", f"{'; '.join(variants)}: {text}") for text, variants in lines.items()])


def _sentence(result: PredictedSelection, pair: Pair) -> str:
    changes = _changes_of(result, pair)
    if not len(changes):
        return _same(result, pair)
    parts = _class_changes(result, changes, pair["passes"], _MOST_NAMES // 2) or ["computes with the same"]
    if pair["engine_changes"] and not pair["class_changes"]:
        parts.append(f"another engine in {pair['engine_changes']} of {pair['passes']} passes")
    if copies := _copies(pair):
        cost = _cost(pair) if pair["axis"] in ("memory_format", "tf32") else ""
        parts.append(f"{copies} (at least {cost})" if cost else copies)
    return "; ".join(parts)


def _same(result: PredictedSelection, pair: Pair) -> str:
    """Say what doesn't change: plans, or that there are none."""
    both = result.table[result.table[pair["axis"]].isin([pair["before"], pair["after"]])]
    for column in (*_FIXED, "tf32"):
        if not is_missing(pair[column]):
            both = both[both[column] == pair[column]]
    return "no plan either way" if (both["class"] == NO_PLAN).all() else "the same plans and copies"


def _changes_of(result: PredictedSelection, pair: Pair) -> pd.DataFrame:
    mine = result.changes
    for column in ("axis", "before", "after", *_FIXED, "tf32"):
        mine = mine[mine[column].isna() if is_missing(pair[column]) else mine[column] == pair[column]]
    return mine


def _fixed(pair: Pair) -> str:
    """Name what the two variants share."""
    fixed = [str(pair[name]) for name in _FIXED if not is_missing(pair[name])]
    if not is_missing(pair["tf32"]):
        fixed.append(f"TF32 {pair['tf32']}")
    return ", ".join(fixed)


def _change(pair: Pair) -> str:
    """Name what they differ in."""
    before, after = (str(pair[when]).replace("NHWC", CHANNELS_LAST) for when in ("before", "after"))
    return f"{'TF32 ' if pair['axis'] == 'tf32' else ''}{before} → {after}"


def _copies(pair: Pair) -> str:
    before, after = (with_unit("bytes", pair[f"copies_{when}"]) for when in ("before", "after"))
    return f"copies {before} → {after}" if before != after else ""


def _cost(pair: Pair) -> str:
    times = [pair[f"copies_ns_{when}"] for when in ("before", "after")]
    if not any(not is_missing(ns) and ns for ns in times):
        return ""
    return " → ".join(with_unit("duration", ns) for ns in times)


def _class_changes(result: PredictedSelection, changes: pd.DataFrame, passes: int, most: int) -> list[str]:
    other = changes[changes["class_before"] != changes["class_after"]]
    return [
        f"{before} → {after} in {_where(result, some, passes, most)}"
        for (before, after), some in other.groupby(["class_before", "class_after"], sort=False)
    ]


def _where(result: PredictedSelection, rows: pd.DataFrame, of: int = 0, most: int = _MOST_NAMES) -> str:
    """Name the passes of some rows, unless they are all: by layers where these are known, else by problems."""
    if len(rows) == of:
        return f"all {of} passes" if of > 1 else "the one pass"
    first = result.table.drop_duplicates("convolution").set_index("convolution")
    places: dict[str, list[str]] = {}
    for row in rows.to_dict("records"):
        place = first.loc[row["convolution"]]
        name = names(place["layers"], result.layer_source) if place["layers"] else problem_name(place.to_dict())
        places.setdefault(name, []).append(row["pass"])
    listed = [f"{name} ({', '.join(dict.fromkeys(which))})" for name, which in places.items()]
    more = f"; {len(listed) - most} more" if len(listed) > most else ""
    return f"{len(rows)} pass{'es'[: 2 * (len(rows) != 1)]}: {'; '.join(listed[:most])}{more}"


def _remarks(result: PredictedSelection) -> list[Item]:
    """Write items about padding, Winograd and FFT, PyTorch's own kernels, and what has no plan."""
    table = result.table
    varies = table[true(table["nondeterministic"])]
    passed_over = table[table["removed"].map(len).gt(0) & (table["class"] != NO_PLAN)]
    found: tuple[tuple[str, pd.DataFrame, Callable[[Mapping[Any, Any]], str]], ...] = (
        ("Channels are padded", table[table["channels_padded_to"].notna()], copied),
        ("Winograd or FFT is in play", table[true(table["winograd"]) | true(table["fft"])], lambda row: row["class"]),
        ("PyTorch uses its own kernels", table[table["class"] == OWN_KERNEL], lambda row: row["own_kernel"]),
        ("There is no plan", table[table["class"] == NO_PLAN], _why_none),
        ("PyTorch passes over the plans that come first", passed_over, _rules),
        ("Results may vary from run to run", varies, lambda row: ", ".join(row["notes"])),
    )
    return [Item(f"{title}: {_count(rows)}", _by_variant(result, rows, say)) for title, rows, say in found if len(rows)]


def _why_none(row: Mapping[Any, Any]) -> str:
    """Say why there is no plan: in cuDNN's words, or by what removed those that there are."""
    return _rules(row) if is_missing(row["error"]) else str(row["error"])


def _rules(row: Mapping[Any, Any]) -> str:
    """Name the rules that removed plans, without how many each."""
    return ", ".join(text.partition(" × ")[2] for text in row["removed"])


def true(column: pd.Series) -> pd.Series:
    """Return where a three-valued column is yes."""
    return column.map(lambda value: not is_missing(value) and bool(value)).astype(bool)


def _count(rows: pd.DataFrame) -> str:
    count = len(set(rows["convolution"]))
    return f"{count} convolution{'s'[: count != 1]}"


def _by_variant(
    result: PredictedSelection, rows: pd.DataFrame, say: Callable[[Mapping[Any, Any]], str]
) -> list[tuple[str, str]]:
    """Say where by variant, variants with the same text together."""
    texts: dict[str, list[str]] = {}
    for key, some in rows.fillna({"tf32": ""}).groupby([*_FIXED, "tf32"], sort=False):
        gpu, dtype, memory_format, tf32 = key
        reasons = ", ".join(_distinct(say(row) for row in some.to_dict("records")))
        label = f"{gpu}, {dtype}, {memory_format}{f', TF32 {tf32}' if tf32 else ''}"
        texts.setdefault(f"{_where(result, some)} [{reasons}]", []).append(label)
    return [("where", f"{'; '.join(labels)}: {text}") for text, labels in texts.items()]


def _distinct(words: Iterable[str]) -> list[str]:
    return list(dict.fromkeys(words))
