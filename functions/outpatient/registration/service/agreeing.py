"""A fee nobody pays at the counter: owed under the green channel (欠费), put to a contract unit's account (记账)."""

from typing import TYPE_CHECKING, Any
from uuid import UUID

from events.outpatient import GreenChannelOpened
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.queries import records
from functions.outpatient.registration.service.fees import fee_lines
from functions.outpatient.registration.service.reading import own_visit
from functions.payments.billing import service as billing
from shared.money import Money
from shared.tx import Tx

if TYPE_CHECKING:
    from functions.payments.billing.service import ChargeInfo


def owe_green_channel(tx: Tx, event: GreenChannelOpened) -> None:
    """The green channel of a visit is open: its fee becomes a debt the approving doctor answers for (自动登记欠费).

    Told by the event and not done at the desk, because an emergency waits neither for a cashier's shift nor for money.
    What is paid, owed or being settled stays as it is, and so does the fee of an insured patient, whom the insurance
    has to be asked for; a redelivery finds nothing unpaid.
    """
    visit = own_visit(tx, event.encounter_id)
    if visit.payer_kind in ("resident", "employee"):
        return
    green = tx.session.one(records.GREEN_CHANNEL, encounter_id=event.encounter_id)
    unpaid = [line.charge_id for line in fee_lines(tx, visit) if line.status == "open"]
    debt = {"method": "debt", "approved_by": green.approved_by, "note": f"绿色通道：{green.reason}"}
    settled = _settle(tx, visit, unpaid, debt)
    if settled:
        tx.audit("visit.fee_owed", "visit", visit.encounter_id, patient_id=visit.patient_id, amount=str(settled))


def bill_contract_unit(
    tx: Tx, visit: Visit, charges: "list[ChargeInfo]", unit: str | None, confirmed: tuple[str, ...]
) -> "list[ChargeInfo]":
    """Put the fee of a visit to a contract unit's account while it is registered; the charges as they are then.

    Without a unit they stay unpaid. Raises NoOpenShift, ShiftLocked and what else refuses a settlement.
    """
    unpaid = [line.charge_id for line in charges if line.status == "open"]
    if unit is None or not _settle(tx, visit, unpaid, {"method": "contract", "reference": unit}, confirmed):
        return charges
    tx.audit("visit.fee_on_account", "visit", visit.encounter_id, patient_id=visit.patient_id)
    return fee_lines(tx, visit)


def _settle(
    tx: Tx, visit: Visit, unpaid: list[UUID], tender: dict[str, Any], confirmed: tuple[str, ...] = ()
) -> Money | None:
    """Settle unpaid lines of a visit by one means; what it came to, None when there was nothing to settle."""
    if not unpaid:
        return None
    _, _, priced = billing.preview(tx, unpaid)
    if not priced.total:
        return None
    command = billing.Settle(
        charge_ids=unpaid,
        expected_total=priced.total,
        tenders=(billing.TenderInput.model_validate({**tender, "amount": priced.total}),),
        confirmed=confirmed,
        payer_kind=visit.payer_kind,
    )
    billing.settle(tx, command)
    return priced.total
