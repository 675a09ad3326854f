"""A settlement as it begins, with nothing paid of it yet."""

from uuid import UUID

from functions.payments.billing.models import Settlement
from functions.payments.cashier.service import ShiftInfo
from shared.money import ZERO, Money
from shared.tx import Tx


def unpaid(
    tx: Tx,
    shift: ShiftInfo,
    *,
    settlement_id: UUID,
    patient_id: UUID,
    encounter_id: UUID | None,
    encounter_no: str | None,
    state: str,
    total: Money,
    payer_kind: str,
    predecessor_id: UUID | None = None,
    insurance_ref: str | None = None,
) -> Settlement:
    """Held by the acting person at the counter of a shift; number, day and shift come when it is completed."""
    return Settlement(
        settlement_id=settlement_id,
        campus_id=tx.campus,
        settlement_no=None,
        patient_id=patient_id,
        encounter_id=encounter_id,
        encounter_no=encounter_no,
        state=state,
        channel=shift.channel,
        total=total,
        tendered=ZERO,
        refunded=ZERO,
        cash_received=None,
        change=None,
        holder=tx.actor.subject,
        holder_name=tx.actor.name,
        started_at=tx.now,
        completed_at=None,
        business_day=None,
        shift_id=None,
        counter_name=shift.counter_name,
        cashier_name=shift.cashier_name,
        predecessor_id=predecessor_id,
        payer_kind=payer_kind,
        insurance_ref=insurance_ref,
    )
