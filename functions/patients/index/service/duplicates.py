"""The steward's list of likely duplicates (疑似重复)."""

from datetime import datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from functions.patients.index import problems
from functions.patients.index.models import MatchCandidate, Patient
from functions.patients.index.queries import people, search, stewardship
from functions.patients.index.schemas.stewardship import (
    DecideNotSame,
    PairDetails,
    PairView,
    ProposePair,
    SideView,
)
from functions.patients.index.service import matching
from functions.patients.index.service.numbers import number_of
from functions.patients.index.service.read import resolve
from shared.problems import NotFound
from shared.tx import Tx

COMPARED = ("name", "sex", "birth_date", "phone", "address", "identity_level", "identifiers")


def propose_pair(tx: Tx, command: ProposePair) -> PairView:
    """A registrar takes two records for one person. The score stands beside, and decides nothing.

    Raises SameRecord, NotFound; PairDecided when a steward found two people and nothing has changed.
    """
    survivors = resolve(tx, (command.first_id, command.second_id))
    if len(survivors) < len({command.first_id, command.second_id}):
        raise NotFound("没有这位患者，请重新查询后选择。")
    ids = sorted(set(survivors.values()))
    if len(ids) < 2:
        raise problems.SameRecord("两份档案已是同一人，无需再次提交。")
    points = tx.session.send(search.POINTS, now=tx.now)
    one, other = tx.session.all(search.COMPARABLES, ids=ids)
    sent = matching.put_forward(tx, one, other, matching.weights_of(points.first()), tx.actor.subject)
    pair = sent.first() if sent else None
    if pair is None:
        pair = tx.session.one(stewardship.PAIR_OF, first_id=ids[0], second_id=ids[1])
        if pair.status != "open":
            raise problems.PairDecided("主索引管理员已判定这两份档案不是同一人。")
    else:
        matching.tell(tx, pair, ids[0])
    tx.audit("duplicate.proposed", "match_candidate", pair.candidate_id, patient_id=ids[0])
    return pair_view(pair)


def pairs(tx: Tx, status: str, after: tuple[datetime, UUID], limit: int) -> list[MatchCandidate]:
    """Pairs in the order in which they must be decided."""
    return tx.session.all(stewardship.PAIRS, status=status, after_due=after[0], after_id=after[1], limit=limit)


def pair_details(tx: Tx, candidate_id: UUID) -> PairDetails:
    """Both records of a pair side by side, unmasked for the steward; the reading is logged for both."""
    pair = tx.session.first(stewardship.PAIR, candidate_id=candidate_id)
    if pair is None:
        raise NotFound("没有这对疑似重复档案，请刷新后重新选择。")
    sides = [_side(tx, patient_id) for patient_id in (pair.first_id, pair.second_id)]
    for side in sides:
        tx.audit("duplicate.read", "match_candidate", candidate_id, patient_id=side.patient_id, reason_code="duplicate")
    return PairDetails(
        pair=pair_view(pair),
        first=sides[0],
        second=sides[1],
        differing=[field for field in COMPARED if getattr(sides[0], field) != getattr(sides[1], field)],
    )


def _side(tx: Tx, patient_id: UUID) -> SideView:
    numbers = tx.session.send(people.IDENTIFIERS_OF_RECORD, patient_id=patient_id)
    patient: Patient = tx.session.one(people.RECORD, patient_id=patient_id)
    address: dict[str, Any] = patient.current_address or {}
    return SideView(
        patient_id=patient.patient_id,
        survivor_id=patient.survivor_id,
        empi_no=patient.empi_no,
        name=patient.name,
        sex=patient.sex,
        birth_date=patient.birth_date,
        phone=patient.phone,
        address=address.get("text"),
        identity_level=patient.identity_level,
        identifiers=[f"{one.type}:{number_of(one)}" for one in numbers.all()],
        created_campus_id=patient.created_campus_id,
        created_at=patient.created_at,
        version=patient.version,
    )


def mark_not_same(tx: Tx, candidate_id: UUID, command: DecideNotSame) -> PairView:
    """Two people: the pair is not proposed again unless an identifying field changes. Raises PairDecided."""
    row = tx.session.first(
        stewardship.DECIDE_PAIR,
        id_=candidate_id,
        to="not_same",
        at=tx.now,
        by=tx.actor.subject,
        why=command.reason,
    )
    if row is None:
        raise problems.PairDecided("该对档案不存在或已有结论，请刷新后核对。")
    for patient_id in (row.first_id, row.second_id):
        tx.audit("duplicate.not_same", "match_candidate", candidate_id, patient_id=patient_id)
    return pair_view(row)


def pair_view(pair: MatchCandidate) -> PairView:
    return PairView(
        candidate_id=pair.candidate_id,
        first_id=pair.first_id,
        second_id=pair.second_id,
        score=pair.score,
        suspicion=pair.suspicion,
        points={field: Decimal(points) for field, points in pair.points.items()},
        status=pair.status,
        proposed_at=pair.proposed_at,
        due_at=pair.due_at,
    )
