"""Comparing people and putting likely duplicates (疑似重复) before the steward."""

import hashlib
import json
from calendar import SATURDAY
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from events.patients import DuplicateSuspected
from functions.patients.index import rules
from functions.patients.index.models import MatchCandidate, MatchPoints
from functions.patients.index.queries import stewardship
from functions.patients.index.queries.search import Comparable
from functions.patients.index.service.numbers import guardian_number
from shared.database.session import Pending
from shared.ids import new_id
from shared.schemas import SHANGHAI
from shared.tx import Tx

SYSTEM = "system"


def near_birth_dates(born: date) -> list[date]:
    """Dates the match score takes for slips of one: day and month swapped, or one digit of YYYYMMDD another."""
    digits = f"{born:%Y%m%d}"
    texts = {digits[:4] + digits[6:] + digits[4:6]}
    texts |= {digits[:place] + digit + digits[place + 1 :] for place in range(8) for digit in "0123456789"}
    return sorted(day for text in texts - {digits} if (day := _day(text)) is not None)


def _day(text: str) -> date | None:
    try:
        return date(int(text[:4]), int(text[4:6]), int(text[6:]))
    except ValueError:
        return None


def likely_parameters(
    fields: dict[str, Any], born: date | None, phone: str | None, known: UUID | None
) -> dict[str, Any]:
    """Parameters of queries.LIKELY_DUPLICATES for a person with these name fields."""
    return {
        "name": fields["name"],
        "pinyin": fields["name_pinyin"],
        "keys": fields["name_keys"],
        "born": born,
        "near": near_birth_dates(born) if born else [],
        "phone": phone,
        "known_id": known,
    }


def weights_of(points: MatchPoints | None) -> rules.MatchWeights:
    """The points in force; the specification's when none were entered yet."""
    if points is None:
        return rules.MatchWeights()
    return rules.MatchWeights.from_row({**points.points, "version": points.version})


def identity_of(record: Comparable) -> rules.Identity:
    """What is compared of a record. Only a birth date known to the day counts."""
    exact = record.birth_precision in (rules.BirthPrecision.MINUTE, rules.BirthPrecision.DAY)
    return rules.Identity(
        name=record.name,
        pinyin=record.name_pinyin,
        birth_date=record.birth_date if exact else None,
        sex=record.sex,
        phone=record.phone,
        village=_village(record.current_address),
        guardian_document=guardian_number(record.guardian_document),
        insurance_no=record.insurance_no,
        mother_id=record.mother_id,
        birth_order=record.birth_order,
    )


def _village(address: dict[str, Any] | None) -> str | None:
    if not address or not address.get("village"):
        return None
    return "/".join(str(address.get(part, "")) for part in ("region", "township", "village"))


def fingerprint(left: rules.Identity, right: rules.Identity) -> str:
    """Hash of what was compared, the same in either order. Of a guardian's number what screens show of it: nobody is to
    find the whole number by hashing guesses."""
    sides = sorted(
        json.dumps(
            [
                one.name,
                str(one.birth_date),
                one.sex,
                one.phone,
                one.village,
                one.guardian_document and rules.mask_identity_number(one.guardian_document),
                one.insurance_no,
            ],
            ensure_ascii=False,
        )
        for one in (left, right)
    )
    return hashlib.sha256("\n".join(sides).encode()).hexdigest()


def due(suspicion: rules.Suspicion, now: datetime) -> datetime:
    """When the steward must have decided: the next working day for 疑似高, else seven days."""
    if suspicion is not rules.Suspicion.HIGH:
        return now + timedelta(days=7)
    moment = now + timedelta(days=1)
    while moment.astimezone(SHANGHAI).weekday() >= SATURDAY:
        moment += timedelta(days=1)
    return moment


def put_forward(
    tx: Tx, one: Comparable, other: Comparable, weights: rules.MatchWeights, proposed_by: str = SYSTEM
) -> Pending[MatchCandidate] | None:
    """Propose a pair when its score says so (or a person does); the answer tells whether it now stands open."""
    left, right = identity_of(one), identity_of(other)
    compared = rules.compare(left, right, weights)
    if compared.suspicion is rules.Suspicion.NONE and proposed_by == SYSTEM:
        return None
    first, second = sorted((one.patient_id, other.patient_id))
    suspicion = rules.Suspicion.LIKELY if compared.suspicion is rules.Suspicion.NONE else compared.suspicion
    return tx.session.send(
        stewardship.PROPOSE,
        candidate_id=new_id(),
        first_id=first,
        second_id=second,
        score=compared.score,
        suspicion=suspicion.value,
        points={field: str(points) for field, points in compared.points},
        weights_version=compared.weights_version,
        fingerprint=fingerprint(left, right),
        status="open",
        proposed_at=tx.now,
        proposed_by=proposed_by,
        due_at=due(suspicion, tx.now),
    )


def propose_all(
    tx: Tx, one: Comparable, others: Iterable[Comparable], weights: rules.MatchWeights
) -> list[MatchCandidate]:
    """Propose every likely duplicate of a person and tell of those that are new."""
    sent = [put_forward(tx, one, other, weights) for other in others]
    opened = [row for pending in sent if pending is not None and (row := pending.first()) is not None]
    for pair in opened:
        tell(tx, pair, one.patient_id)
    return opened


def tell(tx: Tx, pair: MatchCandidate, about: UUID) -> None:
    """Announce a pair that stands open now."""
    tx.emit(
        DuplicateSuspected(
            patient_id=about,
            other_id=pair.second_id if pair.first_id == about else pair.first_id,
            candidate_id=pair.candidate_id,
            score=pair.score,
            suspicion=pair.suspicion,
        )
    )
