"""Questions that are asked of each name once."""

from __future__ import annotations

import numpy as np
import pandas as pd

from profiler_kit.analysis.work.coded_names import matching, told_by_name, used_codes

NAMES = ["aten::conv2d", None, "aten::add", "aten::conv2d", "Memcpy HtoD"]
CODED = pd.Series(pd.Categorical(NAMES, categories=["unused::conv", "aten::add", "Memcpy HtoD", "aten::conv2d"]))


def test_columns_of_categories_and_of_text_are_answered_alike() -> None:
    for names in (CODED, pd.Series(NAMES, dtype=object)):
        assert matching(names, r"conv\d").tolist() == [True, False, False, True, False]
        assert told_by_name(names, lambda name: name.startswith("aten")).tolist() == [True, False, True, True, False]


def test_each_name_is_looked_at_once_and_only_if_it_occurs() -> None:
    seen: list[str] = []
    told_by_name(CODED, lambda name: bool(seen.append(name)))
    assert sorted(seen) == ["Memcpy HtoD", "aten::add", "aten::conv2d"]


def test_no_names() -> None:
    assert matching(pd.Series(pd.Categorical([])), "x").tolist() == []
    assert used_codes(np.array([-1, -1], dtype=np.int8)).tolist() == []
    # The largest code of pandas' smallest type of codes.
    many = pd.Series(pd.Categorical([f"n{number}" for number in range(127)]))
    assert used_codes(many.cat.codes.to_numpy()).tolist() == list(range(127))
