"""How bad a flaw is: the word its advisory gives, or the base score of its CVSS 3 vector (FIRST, CVSS v3.1, 7.1)."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

LEVELS = ("none", "low", "medium", "high", "critical")
UNRATED = "high"
"""What a flaw counts as that nobody has rated: bad until somebody has looked."""

_WORDS = {"moderate": "medium", "important": "high"}
_WEIGHTS: dict[str, dict[str, float]] = {
    "AV": {"N": 0.85, "A": 0.62, "L": 0.55, "P": 0.2},
    "AC": {"L": 0.77, "H": 0.44},
    "UI": {"N": 0.85, "R": 0.62},
    "C": {"H": 0.56, "L": 0.22, "N": 0},
    "I": {"H": 0.56, "L": 0.22, "N": 0},
    "A": {"H": 0.56, "L": 0.22, "N": 0},
}
_PRIVILEGES = {"U": {"N": 0.85, "L": 0.62, "H": 0.27}, "C": {"N": 0.85, "L": 0.68, "H": 0.5}}


def level(advisory: Mapping[str, Any]) -> str:
    """`critical`, `high`, `medium`, `low` or `none`; of several ratings the worst."""
    found = []
    word = str(advisory.get("database_specific", {}).get("severity", "")).lower()
    word = _WORDS.get(word, word)
    if word in LEVELS:
        found.append(word)
    for severity in advisory.get("severity", []):
        if severity.get("type") == "CVSS_V3" and (score := base_score(severity.get("score", ""))) is not None:
            found.append(_named(score))
    return max(found, key=LEVELS.index, default=UNRATED)


def base_score(vector: str) -> float | None:
    """The base score 0.0 to 10.0 of a vector such as `CVSS:3.1/AV:N/AC:L/...`, or None when it is none."""
    given = dict(part.split(":", 1) for part in vector.split("/") if ":" in part)
    try:
        value = {metric: weights[given[metric]] for metric, weights in _WEIGHTS.items()}
        privileges = _PRIVILEGES[given["S"]][given["PR"]]
    except KeyError:
        return None
    base = 1 - (1 - value["C"]) * (1 - value["I"]) * (1 - value["A"])
    changed = given["S"] == "C"
    impact = 7.52 * (base - 0.029) - 3.25 * (base - 0.02) ** 15 if changed else 6.42 * base
    if impact <= 0:
        return 0.0
    exploitability = 8.22 * value["AV"] * value["AC"] * privileges * value["UI"]
    return _round_up(min((1.08 if changed else 1.0) * (impact + exploitability), 10.0))


def _round_up(score: float) -> float:
    """To one place upwards, as the standard spells it out so that every language agrees."""
    whole = round(score * 100_000)
    return whole / 100_000 if whole % 10_000 == 0 else (math.floor(whole / 10_000) + 1) / 10


def _named(score: float) -> str:
    for name, least in (("critical", 9.0), ("high", 7.0), ("medium", 4.0), ("low", 0.1)):
        if score >= least:
            return name
    return "none"
