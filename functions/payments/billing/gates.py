"""Gates of billing: what it asks before a settlement, and what it answers to others."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from uuid import UUID

from functions.organisation.structure.gates import UnitToClose
from functions.outpatient.schedule.gates import SessionToStop
from functions.patients.index.gates import PatientsToMerge
from functions.payments.billing.queries import charges as queries
from shared.gates import Gate, Objection
from shared.money import round_money
from shared.tx import Tx

VISITS = "outpatient/registration"
"""Source of the fees of visits; the visit is their source id."""


@dataclass(frozen=True, slots=True)
class LineToSettle:
    """A line about to be settled."""

    charge_id: UUID
    encounter_id: UUID | None
    source_module: str
    source_id: str
    source_line: str
    item_code: str
    amount: Decimal


@dataclass(frozen=True, slots=True)
class SettlementToStart:
    """Lines of a patient about to be settled; `methods` are the means of payment already named."""

    patient_id: UUID
    lines: tuple[LineToSettle, ...]
    total: Decimal
    methods: tuple[str, ...]


before_settlement: Gate[SettlementToStart] = Gate("payments/billing: before_settlement")
"""medical_affairs/insurance blocks identity disputes and unmapped items marked insured; outpatient/doctor blocks a
prescription under review or expired."""


def answer_before_merge(tx: Tx, question: PatientsToMerge) -> Iterable[Objection]:
    """A patient whose bill is being settled just now is merged after that."""
    if tx.session.one(queries.BEING_SETTLED, patients=list(question.record_ids)):
        yield Objection("block", "settlement_open", "患者有正在办理的结算", "请完成或取消该结算后再合并")


def answer_stop_considered(tx: Tx, question: SessionToStop) -> Iterable[Objection]:
    """What the visits of a session paid for their numbers and would get back."""
    sources = [str(visit) for visit in question.visit_ids]
    paid = round_money(tx.session.one(queries.PAID_OF_SOURCES, source_module=VISITS, source_ids=sources))
    if paid:
        yield Objection("inform", "visits_paid", f"挂号患者已缴 {paid} 元", "停诊后原路退回")


def answer_before_close_unit(tx: Tx, question: UnitToClose) -> Iterable[Objection]:
    """A unit stays open while somebody has still to pay for what it ordered or did."""
    if tx.session.first(queries.UNSETTLED_OF_UNIT, unit_id=question.unit_id) is not None:
        yield Objection("block", "unit_has_unsettled_money", "该科室还有未结清的费用", "请先收费、作废或结清欠费")
