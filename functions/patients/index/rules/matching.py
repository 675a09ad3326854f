"""How alike two patient records are. A score only proposes a pair to the steward; it never merges.

Weights and limits are data, versioned; with one version the score of a pair is the same whenever and in whichever
order it is computed. Source: specification of the patient index, match score.
"""

from collections.abc import Mapping
from dataclasses import dataclass, fields
from datetime import date
from decimal import Decimal
from enum import StrEnum
from typing import Any

from functions.patients.index.rules.identifiers import Sex
from functions.patients.index.rules.names import is_unknown_person_name, normalise_name, one_character_apart


class Suspicion(StrEnum):
    """What the steward has to do with a pair."""

    HIGH = "high"
    LIKELY = "likely"
    NONE = "none"

    @property
    def label(self) -> str:
        return {"high": "疑似高", "likely": "疑似", "none": "不提示"}[self.value]


@dataclass(frozen=True, slots=True)
class MatchWeights:
    """One version of the points given for each likeness and of the limits of suspicion."""

    version: str = "1"
    name_equal: Decimal = Decimal(6)
    name_same_pinyin: Decimal = Decimal(3)
    name_one_character: Decimal = Decimal(1)
    name_different: Decimal = Decimal(-4)
    birth_equal: Decimal = Decimal(5)
    birth_near: Decimal = Decimal(1)
    birth_different: Decimal = Decimal(-5)
    sex_equal: Decimal = Decimal("0.5")
    sex_different: Decimal = Decimal(-4)
    phone_equal: Decimal = Decimal(4)
    village_equal: Decimal = Decimal(2)
    guardian_equal: Decimal = Decimal(3)
    insurance_equal: Decimal = Decimal(8)
    high_from: Decimal = Decimal(12)
    likely_from: Decimal = Decimal(8)

    @classmethod
    def from_row(cls, row: Mapping[str, Any]) -> "MatchWeights":
        """Weights as a table or a form holds them; a missing or unknown name is a KeyError, not a default."""
        names = [field.name for field in fields(cls)]
        unknown = set(row) - set(names)
        if unknown:
            raise KeyError(f"no such weight: {', '.join(sorted(unknown))}")
        return cls(str(row["version"]), *(Decimal(str(row[name])) for name in names[1:]))


REVIEW_WORKING_DAYS: Mapping[Suspicion, int] = {Suspicion.HIGH: 1, Suspicion.LIKELY: 7}
"""Days within which the steward decides: working days for 疑似高, calendar days for 疑似."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What is compared of one patient; None means not known and counts neither way.

    `pinyin` is the full key of `name_keys`. `birth_date` is None unless known to the day. `village` is the address
    down to the village, as code or normalised text. `guardian_document` is the guardian's document number.
    `mother_id` and `birth_order` are recorded for newborns.
    """

    name: str
    pinyin: str
    birth_date: date | None
    sex: str
    phone: str | None = None
    village: str | None = None
    guardian_document: str | None = None
    insurance_no: str | None = None
    mother_id: object | None = None
    birth_order: int | None = None


@dataclass(frozen=True, slots=True)
class Comparison:
    """Score of a pair, the points it is made of (fields that count, in the order of the form), and what follows."""

    score: Decimal
    points: tuple[tuple[str, Decimal], ...]
    suspicion: Suspicion
    weights_version: str


def compare(left: Identity, right: Identity, weights: MatchWeights) -> Comparison:
    """Compare two records. Children of one multiple birth are never suspected, however alike."""
    found = {
        "name": _name_points(left, right, weights),
        "birth_date": _birth_points(left.birth_date, right.birth_date, weights),
        "sex": _sex_points(left.sex, right.sex, weights),
        "phone": _equal_points(left.phone, right.phone, weights.phone_equal),
        "village": _equal_points(left.village, right.village, weights.village_equal),
        "guardian_document": _equal_points(left.guardian_document, right.guardian_document, weights.guardian_equal),
        "insurance_no": _equal_points(left.insurance_no, right.insurance_no, weights.insurance_equal),
    }
    score = sum(found.values(), Decimal(0))
    siblings = are_of_one_birth(left, right)
    return Comparison(
        score=score,
        points=tuple((field, points) for field, points in found.items() if points),
        suspicion=Suspicion.NONE if siblings else classify(score, weights),
        weights_version=weights.version,
    )


def match_score(left: Identity, right: Identity, weights: MatchWeights) -> Decimal:
    """Points of a pair; symmetric."""
    return compare(left, right, weights).score


def classify(score: Decimal, weights: MatchWeights) -> Suspicion:
    """疑似高 from 12 points, 疑似 from 8, below that nothing (limits are data)."""
    if score >= weights.high_from:
        return Suspicion.HIGH
    return Suspicion.LIKELY if score >= weights.likely_from else Suspicion.NONE


def are_of_one_birth(left: Identity, right: Identity) -> bool:
    """Whether two records are different children of one mother by their recorded order of birth (twins and more)."""
    return (
        left.mother_id is not None
        and left.mother_id == right.mother_id
        and left.birth_order is not None
        and right.birth_order is not None
        and left.birth_order != right.birth_order
    )


def _name_points(left: Identity, right: Identity, weights: MatchWeights) -> Decimal:
    mine, other = normalise_name(left.name).casefold(), normalise_name(right.name).casefold()
    if not mine or not other or is_unknown_person_name(left.name) or is_unknown_person_name(right.name):
        return Decimal(0)
    if mine == other:
        return weights.name_equal
    if left.pinyin and left.pinyin == right.pinyin:
        return weights.name_same_pinyin
    return weights.name_one_character if one_character_apart(mine, other) else weights.name_different


def _birth_points(left: date | None, right: date | None, weights: MatchWeights) -> Decimal:
    if left is None or right is None:
        return Decimal(0)
    if left == right:
        return weights.birth_equal
    swapped = (left.year, left.month, left.day) == (right.year, right.day, right.month)
    digits = sum(a != b for a, b in zip(f"{left:%Y%m%d}", f"{right:%Y%m%d}", strict=True))
    return weights.birth_near if swapped or digits == 1 else weights.birth_different


def _sex_points(left: str, right: str, weights: MatchWeights) -> Decimal:
    known = (Sex.MALE, Sex.FEMALE)
    if left not in known or right not in known:
        return Decimal(0)
    return weights.sex_equal if left == right else weights.sex_different


def _equal_points(left: str | None, right: str | None, points: Decimal) -> Decimal:
    return points if left and left == right else Decimal(0)
