"""The moment a settlement is complete: number, journal, debt, receipt and the fact told, in one transaction.

The entries booked here add up to the total of the settlement, so every completed settlement balances by itself.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from uuid import UUID

from events.payments import ChargesSettled, DebtOpened, Payment, SettledLine
from functions.payments.billing.models import Charge, Debt, Receipt, Tender
from functions.payments.billing.service import receipts
from functions.payments.billing.service.prepayments import use_course
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Sale:
    """What is being completed."""

    settlement_id: UUID
    patient_id: UUID
    encounter_id: UUID | None
    total: Money
    charges: Sequence[Charge]
    tenders: Sequence[Tender]

    @property
    def owed(self) -> Money:
        """What the hospital agreed to wait for."""
        return sum((tender.amount for tender in self.tenders if tender.method == "debt"), ZERO)

    @property
    def wants_receipt(self) -> bool:
        """A receipt is issued for what is paid; a debt gets one when it is settled."""
        return self.total > ZERO and not self.owed


def numbers(tx: Tx, sale: Sale) -> tuple[int, int | None]:
    """Settlement and (when there is one) receipt number."""
    wanted = [receipts.SETTLEMENTS, *([receipts.RECEIPTS] if sale.wants_receipt else [])]
    taken = receipts.take_numbers(tx, *wanted)
    return taken[receipts.SETTLEMENTS], taken.get(receipts.RECEIPTS)


def book(
    tx: Tx,
    sale: Sale,
    shift: ShiftInfo,
    settlement_no: str,
    receipt_number: int | None,
    *,
    announce: bool = True,
) -> Receipt | None:
    """Write everything that follows from a completed settlement whose row and tenders stand.

    Not announced is one that takes the place of a reversed one: its lines were paid before.
    """
    for tender in sale.tenders:
        cashier.book(
            tx,
            shift,
            "in" if tender.amount > ZERO else "out",
            tender.method,
            abs(tender.amount),
            kind="settlement",
            subject_id=sale.settlement_id,
            ref_id=tender.tender_id,
        )
        if tender.method == "debt":
            _open_debt(tx, sale, tender)
        if tender.method == "course":
            use_course(tx, UUID(tender.reference), sale.patient_id, tender.amount, sale.settlement_id, shift)
    if announce:
        _tell(tx, sale, shift, settlement_no)
    tx.audit(
        "settlement.completed",
        "settlement",
        sale.settlement_id,
        patient_id=sale.patient_id,
        total=str(sale.total),
        number=settlement_no,
    )
    if receipt_number is None:
        return None
    return receipts.issue(tx, shift, sale.settlement_id, sale.total, receipt_number)


def _tell(tx: Tx, sale: Sale, shift: ShiftInfo, settlement_no: str) -> None:
    tx.emit(
        ChargesSettled(
            settlement_id=sale.settlement_id,
            settlement_no=settlement_no,
            patient_id=sale.patient_id,
            encounter_id=sale.encounter_id,
            shift_id=shift.shift_id,
            business_day=tx.today,
            total=sale.total,
            owed=sale.owed,
            payments=[Payment(method=tender.method, amount=tender.amount) for tender in sale.tenders],
            lines=list(_lines(sale.charges)),
            settled_at=tx.now,
        )
    )


def _lines(charges: Iterable[Charge]) -> Iterable[SettledLine]:
    for charge in charges:
        yield SettledLine(
            charge_id=charge.charge_id,
            source_module=charge.source_module,
            source_id=charge.source_id,
            source_line=charge.source_line,
            item_code=charge.item_code,
            quantity=charge.remaining_quantity,
            amount=charge.worth,
            base_charge_id=charge.base_charge_id,
        )


def _open_debt(tx: Tx, sale: Sale, tender: Tender) -> None:
    debt = Debt(
        debt_id=new_id(),
        campus_id=tx.campus,
        settlement_id=sale.settlement_id,
        tender_id=tender.tender_id,
        patient_id=sale.patient_id,
        encounter_id=sale.encounter_id,
        amount=tender.amount,
        paid=ZERO,
        reduced=ZERO,
        outstanding=tender.amount,
        reason=tender.note or "",
        approved_by=UUID(tender.reference),
        state="open",
        opened_at=tx.now,
        opened_by=tx.actor.subject,
    )
    tx.session.add(debt)
    tx.emit(
        DebtOpened(
            debt_id=debt.debt_id,
            settlement_id=sale.settlement_id,
            patient_id=sale.patient_id,
            amount=debt.amount,
        )
    )
