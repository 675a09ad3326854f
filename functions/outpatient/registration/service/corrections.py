"""Fees set right by the system (诊查费更正), each visit in a transaction of its own.

What causes one (a stopped session, a doctor of lower grade, a patient who did not come) writes it down in its own
transaction; then each is carried out by itself. A bill that is just being paid, or a refund under way, makes that one
wait for the next minute and nobody else.
"""

import logging
from collections.abc import Iterable, Sequence
from uuid import UUID

from functions.outpatient.registration import rules
from functions.outpatient.registration.models import FeeCorrection, Visit
from functions.outpatient.registration.queries import corrections as queries
from functions.outpatient.registration.service.fees import give_back, lower_fee, withdraw
from shared.ids import new_id
from shared.money import Money
from shared.problems import Problem
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.registration")

AT_ONCE = 100
"""Corrections tried in a minute at one campus."""


def ask_corrections(
    tx: Tx,
    visits: Iterable[Visit],
    kind: str,
    reason_code: str,
    reason: str,
    *,
    price: Money | None = None,
    item_code: str | None = None,
    doctor_id: UUID | None = None,
) -> list[UUID]:
    """Write down what is to be done about the fees of visits, in one round trip; those without one need nothing."""
    asked = [
        tx.session.send(
            queries.ASK,
            correction=new_id(),
            campus=tx.campus,
            visit=visit.encounter_id,
            patient=visit.patient_id,
            what=kind,
            code=reason_code,
            why=reason,
            to_price=price,
            item=item_code,
            doctor=doctor_id,
            now=tx.now,
        )
        for visit in visits
        if visit.fee_module is not None and visit.fee_source is not None
    ]
    return [one.one() for one in asked]


def due_corrections(tx: Tx) -> list[UUID]:
    """What is to be tried now at this campus, the oldest first."""
    return tx.session.all(queries.DUE, campus=tx.campus, now=tx.now, limit=AT_ONCE)


def settle(steps: Steps, ids: Sequence[UUID]) -> None:
    """Carry corrections out, one transaction each. What cannot be done now keeps the reason and is tried again."""
    for correction_id in ids:
        try:
            steps.step(lambda tx, one=correction_id: _carry_out(tx, one))  # type: ignore[misc]
        except Problem as refusal:
            _note(steps, correction_id, refusal.detail)
        except Exception as error:
            log.exception("fee not corrected", extra={"fields": {"correction": str(correction_id)}})
            _note(steps, correction_id, f"系统错误（{type(error).__name__}），请联系信息科。")


def _note(steps: Steps, correction_id: UUID, why: str) -> None:
    steps.step(lambda tx: tx.session.execute(queries.FAILED, id_=correction_id, now=tx.now, why=why))


def waiting_corrections(tx: Tx, after: UUID, limit: int) -> list[FeeCorrection]:
    """Fees that are still to be set right at the acting campus, with what stood against it, the oldest first."""
    found = tx.session.all(queries.WAITING, campus=tx.campus, after=after, limit=limit)
    tx.audit("fee_corrections.listed", "campus", tx.campus, count=len(found))
    return found


def _carry_out(tx: Tx, correction_id: UUID) -> None:
    asked = tx.session.first(queries.LOCK, correction_id=correction_id)
    if asked is None:
        return
    visit = tx.session.one(queries.LOCK_VISIT, encounter_id=asked.encounter_id)
    outcome = "done"
    if asked.kind == "give_back":
        give_back(tx, visit, asked.reason_code, asked.reason)
    elif asked.kind == "withdraw":
        withdraw(tx, visit, asked.reason_code)
    elif visit.status not in rules.CANCELLABLE:
        outcome = "seen" if visit.status in rules.BEGUN else "done"
    elif asked.price is not None and asked.item_code is not None and asked.doctor_id is not None:
        lower_fee(tx, visit, asked.item_code, asked.price, asked.doctor_id)
    tx.session.execute(queries.DONE, id_=correction_id, now=tx.now, how=outcome)
    tx.audit("fee.corrected", "visit", visit.encounter_id, patient_id=visit.patient_id, kind=asked.kind)
