"""Debian's order of versions, as deb-version(7) defines it: `1:2.0~rc1-1` before `1:2.0-1`, both after `3.0`."""

from __future__ import annotations

import re
from functools import total_ordering
from itertools import zip_longest

_END = 0
"""Where the end of a text stands in the order: after `~`, before everything else."""


@total_ordering
class DebianVersion:
    """A version that compares as dpkg compares it."""

    def __init__(self, text: str) -> None:
        epoch, colon, rest = text.partition(":")
        if not colon:
            epoch, rest = "0", text
        upstream, dash, revision = rest.rpartition("-")
        if not dash:
            upstream, revision = rest, ""
        self.text = text
        self._key = (int(epoch), _parts(upstream), _parts(revision))

    def __eq__(self, other: object) -> bool:
        return isinstance(other, DebianVersion) and not self < other and not other < self

    def __lt__(self, other: DebianVersion) -> bool:
        if self._key[0] != other._key[0]:
            return self._key[0] < other._key[0]
        for mine, theirs in zip(self._key[1:], other._key[1:], strict=True):
            for (text, number), (text2, number2) in zip_longest(mine, theirs, fillvalue=((), 0)):
                weights = next((pair for pair in zip_longest(text, text2, fillvalue=_END) if pair[0] != pair[1]), None)
                if weights is not None:
                    return weights[0] < weights[1]
                if number != number2:
                    return number < number2
        return False

    def __hash__(self) -> int:
        raise TypeError("versions that are written differently may be equal; they have no hash")


def _parts(text: str) -> list[tuple[tuple[int, ...], int]]:
    """Runs of other characters and numbers in turn, the characters as weights."""
    return [
        (tuple(_weight(character) for character in letters), int(digits or "0"))
        for letters, digits in re.findall(r"(\D*)(\d*)", text)
        if letters or digits
    ]


def _weight(character: str) -> int:
    if character == "~":
        return -1
    return ord(character) if character.isalpha() else ord(character) + 256
