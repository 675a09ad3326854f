"""The tables of the demo population: CSV files beside this module, UTF-8 with a header line.

Regions and townships are those of GB/T 2260 for Guangxi; names of villages and streets, shares and frequencies are
made up to look like a county there. No row is about a real person.
"""

import csv
from bisect import bisect
from collections.abc import Sequence
from itertools import accumulate
from pathlib import Path
from random import Random
from typing import Generic, TypeVar

T = TypeVar("T")

_FOLDER = Path(__file__).parent


def read(name: str) -> list[dict[str, str]]:
    """The rows of a table by its name without ending."""
    with (_FOLDER / f"{name}.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines, strict=True))


class Choice(Generic[T]):
    """A weighted choice that costs one random number; options of weight zero are never taken."""

    __slots__ = ("_limits", "_options")

    def __init__(self, options: Sequence[T], weights: Sequence[float]) -> None:
        taken = [(option, weight) for option, weight in zip(options, weights, strict=True) if weight > 0]
        if not taken:
            raise ValueError("a choice needs an option with a weight")
        self._options = [option for option, _ in taken]
        self._limits = list(accumulate(weight for _, weight in taken))

    def take(self, random: Random) -> T:
        return self._options[bisect(self._limits, random.random() * self._limits[-1], 0, len(self._limits) - 1)]
