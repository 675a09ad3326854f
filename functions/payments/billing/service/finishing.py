"""A started settlement reaches its end: completed in a shift, or given up with every cent going back."""

from collections.abc import Sequence
from dataclasses import dataclass
from uuid import UUID

from functions.payments.billing import rules
from functions.payments.billing.models import Charge, Receipt, Settlement, Tender
from functions.payments.billing.problems import SettlementHeld, SettlementNotOpen, SettlementUnknown
from functions.payments.billing.queries import charges, settlements
from functions.payments.billing.schemas import TenderInput
from functions.payments.billing.service import carrying, completing
from functions.payments.billing.service.completing import Sale
from functions.payments.billing.service.tendering import received_and_change
from functions.payments.cashier.service import ShiftInfo
from shared.gates import Objection
from shared.money import ZERO, Money
from shared.schemas import SHANGHAI
from shared.tx import Tx

STARTED = ("draft", "insurance_pending", "insurance_done", "paying")


@dataclass(frozen=True, slots=True)
class Settled:
    """A settlement with everything a screen or slip shows of it."""

    settlement: Settlement
    charges: Sequence[Charge]
    tenders: Sequence[Tender]
    receipt: Receipt | None
    notices: Sequence[Objection]

    @property
    def pending(self) -> Tender | None:
        """The tender whose channel is awaited."""
        return next((tender for tender in self.tenders if tender.state == "pending"), None)


def lock_started(tx: Tx, settlement_id: UUID) -> Settlement:
    """A settlement of this campus that is not finished, locked."""
    settlement = tx.session.first(settlements.LOCK_SETTLEMENT, settlement_id=settlement_id, campus=tx.campus)
    if settlement is None:
        raise SettlementUnknown("本院区没有这张结算单，请核对。")
    if settlement.state not in STARTED:
        raise SettlementNotOpen("该结算已完成或已取消，请刷新后核对。", state=settlement.state)
    return settlement


def require_holder(tx: Tx, settlement: Settlement) -> None:
    """Only who started a settlement works on it; the next cashier takes one over that was settled anew."""
    if settlement.holder == tx.actor.subject or settlement.predecessor_id is not None:
        return
    since = settlement.started_at.astimezone(SHANGHAI)
    raise SettlementHeld(
        f"该结算由{settlement.holder_name}办理（{since:%H:%M} 开始），请等其完成或取消。",
        holder_name=settlement.holder_name,
        held_since=since.isoformat(),
    )


def finish(
    tx: Tx, settlement: Settlement, shift: ShiftInfo, tenders: Sequence[Tender], last: TenderInput | None
) -> Settled:
    """Complete a settlement whose tenders make up its total, in the shift that books it."""
    received_tenders = [tender for tender in tenders if tender.state == "received"]
    owed: Money = sum((tender.amount for tender in received_tenders if tender.method == "debt"), ZERO)
    lines = sorted(
        tx.session.all(charges.SETTLE, settlement=settlement.settlement_id, to="owed" if owed else "paid"),
        key=lambda charge: charge.charge_id,
    )
    sale = Sale(
        settlement.settlement_id,
        settlement.patient_id,
        settlement.encounter_id,
        settlement.total,
        lines,
        received_tenders,
    )
    number, receipt_number = completing.numbers(tx, sale)
    received, change = received_and_change([last] if last else [])
    completed = tx.session.one(
        settlements.COMPLETE,
        id_=settlement.settlement_id,
        number=rules.settlement_number(shift.letter, tx.today, number),
        at=tx.now,
        day=tx.today,
        shift=shift.shift_id,
        counter=shift.counter_name,
        cashier=shift.cashier_name,
        received=received,
        back=change,
    )
    replaces = completed.predecessor_id is not None
    receipt = completing.book(tx, sale, shift, completed.settlement_no or "", receipt_number, announce=not replaces)
    if replaces:
        carrying.tell_replaced(tx, completed, received_tenders)
    return Settled(completed, lines, tenders, receipt, [])
