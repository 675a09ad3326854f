"""Settlements: previewed, settled in one step, or started, tendered and completed in several."""

from collections.abc import Sequence
from uuid import UUID

from functions.payments.billing import rules
from functions.payments.billing.models import Charge, Settlement, Tender
from functions.payments.billing.problems import CashComesLast, InsuranceUnderway, TendersDiffer
from functions.payments.billing.queries import charges, settlements
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.schemas import Settle, StartSettlement, TenderInput
from functions.payments.billing.service import completing
from functions.payments.billing.service.beginning import unpaid
from functions.payments.billing.service.carrying import carry_over
from functions.payments.billing.service.claiming import (
    ask_gate,
    one_encounter,
    one_patient,
    refuse_missing,
    settle_at_price_now,
)
from functions.payments.billing.service.completing import Sale
from functions.payments.billing.service.finishing import Settled, finish, lock_started, require_holder
from functions.payments.billing.service.paying import ask_payment, require_nothing_pending
from functions.payments.billing.service.pricing import Priced, price_now
from functions.payments.billing.service.tendering import (
    cash_of,
    check_tenders,
    received_and_change,
    rounding_for,
    rounding_row,
    tender_row,
)
from functions.payments.cashier import service as cashier
from shared.ids import new_id
from shared.money import ZERO, Money
from shared.tx import Tx


def preview(tx: Tx, charge_ids: Sequence[UUID]) -> tuple[UUID, list[Charge], Priced]:
    """What open charges of one patient cost now (预结算): patient, lines, prices."""
    wanted = sorted(set(charge_ids))
    found = tx.session.all(charges.WITH_SURCHARGES, ids=wanted, campus=tx.campus)
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
    rounding = rounding_for(tx, command.tenders, total)
    methods = [tender.method.value for tender in command.tenders]
    notices = ask_gate(tx, patient_id, lines, total, methods, command.confirmed)

    tenders = [tender_row(tx, settlement_id, tender) for tender in command.tenders]
    tenders += rounding_row(tx, settlement_id, rounding)
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
        payer_kind=command.payer_kind,
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
    settlement = unpaid(
        tx,
        held_in,
        settlement_id=settlement_id,
        patient_id=patient_id,
        encounter_id=encounter_id,
        encounter_no=encounter_no,
        state="draft",
        total=total,
        payer_kind=command.payer_kind,
    )
    tx.session.add(settlement)
    tx.session.execute(settlements.KEEP_LINES, settlement=settlement_id)
    tx.audit("settlement.started", "settlement", settlement_id, patient_id=patient_id, total=str(total))
    return Settled(settlement, lines, [], None, notices)


def add_tender(tx: Tx, settlement_id: UUID, tender: TenderInput) -> Settled:
    """Add a means of payment to a started settlement; with the last cent it completes.

    Cash comes last and completes it (CashComesLast), so that no cash lies in the drawer for an unfinished settlement.
    Electronic money is asked for here and comes when the channel says so: the tender is `pending` until then.
    """
    electronic = tender.method.value in rules.ELECTRONIC
    if not electronic:
        check_tenders(tx, [tender])
    cash = cash_of([tender])
    till = cashier.open_till(tx, cash_in=cash)
    settlement = lock_started(tx, settlement_id)
    require_holder(tx, settlement)
    before = tx.session.all(tender_queries.TENDERS, settlement_id=settlement_id)
    shift = till.shift()
    _require_payable(settlement, before)
    if settlement.predecessor_id is not None:
        settlement = carry_over(tx, settlement, shift)
        before = tx.session.all(tender_queries.TENDERS, settlement_id=settlement_id)
    due = settlement.total - settlement.tendered
    if electronic:
        return _ask_payment(tx, settlement, before, tender, due)
    rounding = ZERO
    if cash and cash != due:
        rounding = _last_cash(tx, tender, due)
    elif tender.amount > due:
        raise TendersDiffer(f"尚应收 {due} 元，本笔 {tender.amount} 元超出，请核对金额。", due=str(due))
    if tender.method is rules.Method.DEBT and any(other.method == "debt" for other in before):
        raise TendersDiffer("一张结算单只登记一笔欠费，请取消结算后合并金额重新办理。")
    rows = [tender_row(tx, settlement_id, tender), *rounding_row(tx, settlement_id, rounding)]
    tx.session.add(*rows)
    changed = tx.session.one(settlements.ADD_TENDER, id_=settlement_id, came=tender.amount + rounding)
    tx.audit(
        "settlement.tendered",
        "settlement",
        settlement_id,
        patient_id=settlement.patient_id,
        method=tender.method.value,
    )
    tenders = [*before, *rows]
    if changed.tendered == changed.total:
        return finish(tx, changed, shift, tenders, tender)
    lines = tx.session.all(charges.OF_SETTLEMENT, settlement_id=settlement_id)
    return Settled(changed, lines, tenders, None, [])


def _last_cash(tx: Tx, tender: TenderInput, due: Money) -> Money:
    try:
        return rounding_for(tx, [tender], due)
    except TendersDiffer:
        if tender.amount > due:
            raise
        raise CashComesLast(f"尚应收 {due} 元：请先录入其他支付方式，现金最后一次收齐。", due=str(due)) from None


def _require_payable(settlement: Settlement, tenders: Sequence[Tender]) -> None:
    require_nothing_pending(list(tenders))
    if settlement.state == "insurance_pending":
        raise InsuranceUnderway("医保结算结果待确认，请先查询或冲正，再收取其余费用。")


def _ask_payment(tx: Tx, settlement: Settlement, before: Sequence[Tender], tender: TenderInput, due: Money) -> Settled:
    if tender.amount > due:
        raise TendersDiffer(f"尚应收 {due} 元，本笔 {tender.amount} 元超出，请核对金额。", due=str(due))
    row = ask_payment(tx, settlement, tender)
    changed = tx.session.one(settlements.AWAIT_PAYMENT, id_=settlement.settlement_id)
    lines = tx.session.all(charges.OF_SETTLEMENT, settlement_id=settlement.settlement_id)
    return Settled(changed, lines, [*before, row], None, [])


def complete_settlement(tx: Tx, settlement_id: UUID) -> Settled:
    """Complete a started settlement that needs no further tender: one of 0.00 yuan, or one settled anew after the
    insurer's reversal that what the patient had paid covers."""
    till = cashier.open_till(tx)
    settlement = lock_started(tx, settlement_id)
    require_holder(tx, settlement)
    shift = till.shift()
    if settlement.predecessor_id is not None and settlement.state != "insurance_pending":
        settlement = carry_over(tx, settlement, shift)
    due = settlement.total - settlement.tendered
    if due:
        raise TendersDiffer(f"尚应收 {due} 元，请先录入支付方式。", due=str(due))
    tenders = tx.session.all(tender_queries.TENDERS, settlement_id=settlement_id)
    require_nothing_pending(tenders)
    return finish(tx, settlement, shift, tenders, None)


def _claim(tx: Tx, wanted: Sequence[UUID], settlement_id: UUID, to: str) -> list[Charge]:
    return tx.session.all(
        charges.CLAIM, ids=list(wanted), campus=tx.campus, now=tx.now, to=to, settlement=settlement_id
    )
