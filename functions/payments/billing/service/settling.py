"""Settlements: previewed, settled in one step, or started, tendered and completed in several."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from functions.payments.billing import rules
from functions.payments.billing.models import Charge, Receipt, Settlement, Tender
from functions.payments.billing.problems import (
    CashComesLast,
    SettlementHeld,
    SettlementNotOpen,
    SettlementUnknown,
    TendersDiffer,
)
from functions.payments.billing.queries import charges, settlements
from functions.payments.billing.schemas import CancelSettlement, Settle, StartSettlement, TenderInput
from functions.payments.billing.service import completing
from functions.payments.billing.service.claiming import (
    ask_gate,
    one_encounter,
    one_patient,
    refuse_missing,
    settle_at_price_now,
)
from functions.payments.billing.service.completing import Sale
from functions.payments.billing.service.pricing import Priced, price_now
from functions.payments.billing.service.tendering import (
    cash_of,
    check_tenders,
    received_and_change,
    require_sum,
    tender_row,
)
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import ShiftInfo
from shared.gates import Objection
from shared.ids import new_id
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


def preview(tx: Tx, charge_ids: Sequence[UUID]) -> tuple[UUID, list[Charge], Priced]:
    """What open charges of one patient cost now (预结算): patient, lines, prices."""
    wanted = sorted(set(charge_ids))
    found = [charge for charge in tx.session.all(charges.CHARGES, ids=wanted) if charge.campus_id == tx.campus]
    open_ones = [
        charge
        for charge in found
        if charge.status == "open" and (charge.payable_until is None or charge.payable_until > tx.now)
    ]
    refuse_missing(tx, wanted, open_ones)
    return one_patient(tx, open_ones), open_ones, price_now(tx, open_ones)


def settle(tx: Tx, command: Settle) -> Settled:
    """Settle charges in one step (收费): claim, price, pay, number, journal, receipt in one transaction.

    Refuses without an open shift (NoOpenShift); charges somebody else holds (ChargeHeld) or that are not open; a total
    other than the patient was told (PriceChanged); tenders that don't add up (TendersDiffer) or can't be recorded here.
    """
    check_tenders(tx, command.tenders)
    wanted = sorted(set(command.charge_ids))
    settlement_id = new_id()
    owed = any(tender.method is rules.Method.DEBT for tender in command.tenders)
    till = cashier.open_till(tx, cash_in=cash_of(command.tenders))
    claimed = _claim(tx, wanted, settlement_id, "owed" if owed else "paid")
    shift = till.shift()
    refuse_missing(tx, wanted, claimed)
    patient_id = one_patient(tx, claimed)
    lines, total = settle_at_price_now(tx, settlement_id, claimed, command.expected_total, command.fingerprint)
    require_sum(command.tenders, total)
    methods = [tender.method.value for tender in command.tenders]
    notices = ask_gate(tx, patient_id, lines, total, methods, command.confirmed)

    tenders = [tender_row(tx, settlement_id, tender) for tender in command.tenders]
    encounter_id, encounter_no = one_encounter(lines)
    sale = Sale(settlement_id, patient_id, encounter_id, total, lines, tenders)
    number, receipt_number = completing.numbers(tx, sale)
    received, change = received_and_change(command.tenders)
    settlement = Settlement(
        settlement_id=settlement_id,
        campus_id=tx.campus,
        settlement_no=rules.settlement_number(shift.letter, tx.today, number),
        patient_id=patient_id,
        encounter_id=encounter_id,
        encounter_no=encounter_no,
        state="completed",
        channel=shift.channel,
        total=total,
        tendered=total,
        refunded=ZERO,
        cash_received=received,
        change=change,
        holder=tx.actor.subject,
        holder_name=tx.actor.name,
        started_at=tx.now,
        completed_at=tx.now,
        business_day=tx.today,
        shift_id=shift.shift_id,
        counter_name=shift.counter_name,
        cashier_name=shift.cashier_name,
    )
    tx.session.add(settlement)
    tx.session.execute(settlements.KEEP_LINES, settlement=settlement_id)
    tx.session.add(*tenders)
    receipt = completing.book(tx, sale, shift, settlement.settlement_no or "", receipt_number)
    return Settled(settlement, lines, tenders, receipt, notices)


def start_settlement(tx: Tx, command: StartSettlement) -> Settled:
    """Lock charges for a settlement paid in steps. Of several who try at once one wins, the others learn who."""
    wanted = sorted(set(command.charge_ids))
    settlement_id = new_id()
    shift = cashier.open_till(tx)
    claimed = _claim(tx, wanted, settlement_id, "locked")
    held_in = shift.shift()
    refuse_missing(tx, wanted, claimed)
    patient_id = one_patient(tx, claimed)
    lines, total = settle_at_price_now(tx, settlement_id, claimed, command.expected_total, command.fingerprint)
    notices = ask_gate(tx, patient_id, lines, total, (), command.confirmed)
    encounter_id, encounter_no = one_encounter(lines)
    settlement = Settlement(
        settlement_id=settlement_id,
        campus_id=tx.campus,
        settlement_no=None,
        patient_id=patient_id,
        encounter_id=encounter_id,
        encounter_no=encounter_no,
        state="draft",
        channel=held_in.channel,
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
        counter_name=held_in.counter_name,
        cashier_name=held_in.cashier_name,
    )
    tx.session.add(settlement)
    tx.session.execute(settlements.KEEP_LINES, settlement=settlement_id)
    tx.audit("settlement.started", "settlement", settlement_id, patient_id=patient_id, total=str(total))
    return Settled(settlement, lines, [], None, notices)


def add_tender(tx: Tx, settlement_id: UUID, tender: TenderInput) -> Settled:
    """Add a means of payment to a started settlement; with the last cent it completes.

    Cash comes last and completes it (CashComesLast), so that no cash lies in the drawer for an unfinished settlement.
    """
    check_tenders(tx, [tender])
    cash = cash_of([tender])
    till = cashier.open_till(tx, cash_in=cash)
    settlement = _lock(tx, settlement_id)
    _require_holder(tx, settlement)
    before = tx.session.all(settlements.TENDERS, settlement_id=settlement_id)
    shift = till.shift()
    due = settlement.total - settlement.tendered
    if tender.amount > due:
        raise TendersDiffer(f"尚应收 {due} 元，本笔 {tender.amount} 元超出，请核对金额。", due=str(due))
    if cash and tender.amount != due:
        raise CashComesLast(f"尚应收 {due} 元：请先录入其他支付方式，现金最后一次收齐。", due=str(due))
    if tender.method is rules.Method.DEBT and any(other.method == "debt" for other in before):
        raise TendersDiffer("一张结算单只登记一笔欠费，请取消结算后合并金额重新办理。")
    row = tender_row(tx, settlement_id, tender)
    tx.session.add(row)
    changed = tx.session.one(settlements.ADD_TENDER, id_=settlement_id, came=tender.amount)
    tx.audit("settlement.tendered", "settlement", settlement_id, patient_id=settlement.patient_id, method=row.method)
    tenders = [*before, row]
    if changed.tendered == changed.total:
        return _complete(tx, changed, shift, tenders, tender)
    lines = tx.session.all(charges.OF_SETTLEMENT, settlement_id=settlement_id)
    return Settled(changed, lines, tenders, None, [])


def complete_settlement(tx: Tx, settlement_id: UUID) -> Settled:
    """Complete a started settlement that needs no further tender: one of 0.00 yuan."""
    till = cashier.open_till(tx)
    settlement = _lock(tx, settlement_id)
    _require_holder(tx, settlement)
    shift = till.shift()
    due = settlement.total - settlement.tendered
    if due:
        raise TendersDiffer(f"尚应收 {due} 元，请先录入支付方式。", due=str(due))
    tenders = tx.session.all(settlements.TENDERS, settlement_id=settlement_id)
    return _complete(tx, settlement, shift, tenders, None)


def cancel_settlement(tx: Tx, settlement_id: UUID, command: CancelSettlement) -> Settlement:
    """Give up a started settlement: its holder at any time, anybody once it is stale. The charges are open again."""
    settlement = _lock(tx, settlement_id)
    tx.check_version(settlement.version, command.version)
    if not rules.stale(settlement.channel, settlement.started_at, tx.now):
        _require_holder(tx, settlement)
    return _cancel(tx, settlement, command.reason)


def cancel_stale_settlements(tx: Tx) -> int:
    """Cancel started settlements nobody finished in time; one that awaits a channel's or insurer's answer is left.

    Called every minute for each campus. Settlements being worked on at this moment are skipped.
    """
    stale = tx.session.all(
        settlements.STALE,
        campus=tx.campus,
        window_since=tx.now - timedelta(minutes=rules.WINDOW_MINUTES),
        online_since=tx.now - timedelta(minutes=rules.ONLINE_MINUTES),
    )
    for settlement in stale:
        _cancel(tx, settlement, "超时未完成，系统取消")
    return len(stale)


def _claim(tx: Tx, wanted: Sequence[UUID], settlement_id: UUID, to: str) -> list[Charge]:
    return tx.session.all(
        charges.CLAIM, ids=list(wanted), campus=tx.campus, now=tx.now, to=to, settlement=settlement_id
    )


def _lock(tx: Tx, settlement_id: UUID) -> Settlement:
    settlement = tx.session.first(settlements.LOCK_SETTLEMENT, settlement_id=settlement_id, campus=tx.campus)
    if settlement is None:
        raise SettlementUnknown("本院区没有这张结算单，请核对。")
    if settlement.state not in STARTED:
        raise SettlementNotOpen("该结算已完成或已取消，请刷新后核对。", state=settlement.state)
    return settlement


def _require_holder(tx: Tx, settlement: Settlement) -> None:
    if settlement.holder == tx.actor.subject:
        return
    since = settlement.started_at.astimezone(SHANGHAI)
    raise SettlementHeld(
        f"该结算由{settlement.holder_name}办理（{since:%H:%M} 开始），请等其完成或取消。",
        holder_name=settlement.holder_name,
        held_since=since.isoformat(),
    )


def _complete(
    tx: Tx, settlement: Settlement, shift: ShiftInfo, tenders: Sequence[Tender], last: TenderInput | None
) -> Settled:
    owed: Money = sum((tender.amount for tender in tenders if tender.method == "debt"), ZERO)
    lines = sorted(
        tx.session.all(charges.SETTLE, settlement=settlement.settlement_id, to="owed" if owed else "paid"),
        key=lambda charge: charge.charge_id,
    )
    sale = Sale(
        settlement.settlement_id, settlement.patient_id, settlement.encounter_id, settlement.total, lines, tenders
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
    receipt = completing.book(tx, sale, shift, completed.settlement_no or "", receipt_number)
    return Settled(completed, lines, tenders, receipt, [])


def _cancel(tx: Tx, settlement: Settlement, reason: str) -> Settlement:
    tx.session.execute(charges.RELEASE, settlement=settlement.settlement_id)
    tx.session.execute(settlements.RELEASE_LINES, settlement=settlement.settlement_id, at=tx.now)
    tx.session.execute(settlements.CANCEL_TENDERS, settlement=settlement.settlement_id)
    cancelled = tx.session.one(
        settlements.CANCEL, id_=settlement.settlement_id, at=tx.now, who=tx.actor.subject, why=reason
    )
    tx.audit("settlement.cancelled", "settlement", settlement.settlement_id, patient_id=settlement.patient_id)
    return cancelled
