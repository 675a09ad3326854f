"""Gates of outpatient registration."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from uuid import UUID

from functions.organisation.structure.gates import UnitToClose
from functions.outpatient.registration.queries import visits as queries
from shared.gates import Gate, Objection
from shared.schemas import midnight
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class VisitToRegister:
    """A visit about to be registered; an emergency has no session."""

    patient_id: UUID
    unit_id: UUID
    clinic_id: UUID
    session_id: UUID | None
    day: date
    payer_kind: str


before_register: Gate[VisitToRegister] = Gate("outpatient/registration: before_register")
"""medical_affairs/insurance informs and warns of entitlement; outpatient/booking warns of a suspended booker;
consortium/referral informs of a referral (no second fee)."""


def answer_before_close_unit(tx: Tx, question: UnitToClose) -> Iterable[Objection]:
    """A unit stays open while a visit may still be seen there on the first day without it, or later."""
    since = midnight(question.closes_on)
    number = tx.session.first(queries.OPEN_VISIT_OF_UNIT, unit_id=question.unit_id, since=since)
    if number is not None:
        yield Objection(
            "block",
            "unit_has_visits",
            f"该科室在 {question.closes_on:%Y-%m-%d} 仍有未完成的就诊（如 {number}）",
            "请先完成就诊、退号或换号，或推迟关闭日期",
        )
