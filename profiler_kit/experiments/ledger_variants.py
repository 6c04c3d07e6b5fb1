"""What is measured besides the changes of a layer, because statements of a ledger are tested by it."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from profiler_kit.analysis.ledger.ledger_claims import longer_side
from profiler_kit.analysis.ledger.ledger_factors import MEMORY_BOUND
from profiler_kit.analysis.ledger.side_components import waits_for_memory
from profiler_kit.analysis.measured.claims_on_trial import smallest_needed, variants_needed
from profiler_kit.analysis.measured.experiment import (
    DOUBLED_OTHER,
    EQUAL_DENSE,
    LIBRARY_LAYOUT,
    OTHER_LAYER,
    SMALLEST_IN_LAYOUT,
    SMALLEST_LAYER,
    SMALLEST_OTHER,
)
from profiler_kit.analysis.measured.factor_tests import value_of
from profiler_kit.experiments.convolution_variants import smallest_in_library_layout, smallest_like
from profiler_kit.experiments.subject import (
    NotPossibleHereError,
    Subject,
    Variant,
    as_given,
    batch_of,
    describe,
    reference_output,
)
from profiler_kit.experiments.variants import builders

if TYPE_CHECKING:
    from collections.abc import Callable

    from profiler_kit.analysis.ledger.explanation import Explanation


def comparisons(
    subject: Subject, against: tuple[nn.Module, Any], fast: str, told: Explanation | None
) -> dict[str, Callable[[Subject], Variant]]:
    """Return what makes the variants that a ledger's statements are tested by, whatever else is measured."""
    makers: dict[str, Callable[[Subject], Variant]] = {}
    makers[fast] = builders()[EQUAL_DENSE] if fast == EQUAL_DENSE else partial(_other_layer, other=against)
    if told is None:
        return makers
    known = builders()
    makers |= {name: known[name] for name in variants_needed(told) if name in known}
    if smallest_needed(told):
        makers[SMALLEST_LAYER] = partial(smallest_like, name=SMALLEST_LAYER, like=subject.layer)
        makers[SMALLEST_OTHER] = partial(smallest_like, name=SMALLEST_OTHER, like=against[0])
        if LIBRARY_LAYOUT in variants_needed(told):
            makers[SMALLEST_IN_LAYOUT] = smallest_in_library_layout
    wanted = [claim.batch for claim in told.claims if claim.batch is not None]
    waits = {claim.factor: value_of(told, claim) for claim in told.claims}.get(MEMORY_BOUND)
    if waits is not None and waits_for_memory(longer_side(told.slow, told.fast, waits)):
        if waits < 1:
            makers[DOUBLED_OTHER] = partial(_doubled, other=against)
        else:
            wanted.append(2 * batch_of(subject.input))
    return makers | {name: make for name, make in builders(tuple(wanted)).items() if name.startswith("batch ")}


def _other_layer(subject: Subject, *, other: tuple[nn.Module, Any]) -> Variant:
    layer, own_input = other
    return replace(
        as_given(subject),
        name=OTHER_LAYER,
        change=f"another layer: {describe(layer)}",
        call=lambda: layer(own_input),
        expected=reference_output(layer, own_input),
        samples=batch_of(own_input),
    )


def _doubled(subject: Subject, *, other: tuple[nn.Module, Any]) -> Variant:
    layer, own_input = other
    if own_input.dim() < 2:
        raise NotPossibleHereError("its input has no batch dimension")
    twice = torch.cat([own_input, own_input])
    return replace(
        as_given(subject),
        name=DOUBLED_OTHER,
        change="the layer that it is compared with, on twice the samples",
        call=lambda: layer(twice),
        expected=reference_output(layer, twice),
        samples=batch_of(twice),
    )
