"""What a PCI Express link can carry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

_TRANSFERS_PER_S: Final[Mapping[int, float]] = {3: 8e9, 4: 16e9, 5: 32e9}
"""Of one lane, a bit each, by generation."""


@dataclass(frozen=True, slots=True)
class PcieLink:
    """A link of the third to the fifth generation.

    Attributes:
        generation: Of PCI Express.
        lanes: Lanes, each with a pair of wires for either direction.
    """

    generation: int
    lanes: int

    @property
    def name(self) -> str:
        """As data sheets write it: ``PCIe 3.0 x16``."""
        return f"PCIe {self.generation}.0 x{self.lanes}"

    @property
    def bytes_per_s(self) -> float:
        """Peak of one direction: transfers a second and lane, a bit each, by lanes, less the line coding.

        From these generations on, 128 bits of content go as 130. Source: PCI Express Base Specification 3.0 (2010), 4.0
        (2017) and 5.0 (2019), physical layer; read again at https://hpc-notes.pages.dev/reference/pcie (15.7, 31.5 and
        63.0 GB/s for 16 lanes). Packets take a part of it for their headers, which no copy gets. Data sheets round up
        and add both directions: "PCIe Gen4: 64 GB/s" are 31.5 GB/s each way.
        """
        return _TRANSFERS_PER_S[self.generation] * self.lanes * (128 / 130) / 8
