"""Printed forms of billing: what stands on them. They are drawn after the transaction."""

from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from typing import Any
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.patients.index import service as patients
from functions.payments.billing import rules
from functions.payments.billing.models import Charge, Debt, Refund, RefundLine, RefundPart, Settlement
from functions.payments.billing.problems import RefundNotWaiting, SettlementNotOpen
from functions.payments.billing.queries import charges, refunds, settlements
from functions.payments.billing.queries import receipts as receipt_queries
from functions.payments.billing.queries import tenders as tender_queries
from functions.payments.billing.rules import FEE_CLASSES, METHOD_NAMES, PAYER_KINDS, REASONS
from functions.payments.billing.service.part_packages import at_list_prices
from functions.payments.billing.service.reports import shift_report
from functions.payments.cashier import service as cashier
from functions.payments.cashier.service import CountFirst
from shared.command import Document
from shared.money import ZERO, line_amount, round_money
from shared.printing import render
from shared.printing.published import layout_in_force
from shared.schemas import SHANGHAI
from shared.tx import Tx

PAYMENT_SLIP, REFUND_SLIP, SHIFT_REPORT = "payment_slip", "refund_slip", "shift_report"
FEE_LIST, DEBT_AGREEMENT = "fee_list", "debt_agreement"
DONE_SINGLY, BACK_SINGLY = SINGLY = ("（已做，按单价计）", "（按单价计）")
SEX_NAMES = {"1": "男", "2": "女"}
NO_NUMBER = "—"


def payment_slip(tx: Tx, settlement: Settlement) -> Document:
    """The notice of a payment (收费凭证告知单), 80 mm."""
    if settlement.settlement_no is None or settlement.completed_at is None:
        raise SettlementNotOpen("结算尚未完成，完成后再打印。", state=settlement.state)
    sent_tenders = tx.session.send(tender_queries.TENDERS, settlement_id=settlement.settlement_id)
    sent_receipt = tx.session.send(receipt_queries.VALID_RECEIPT, settlement_id=settlement.settlement_id)
    lines = tx.session.all(settlements.LINES, settlement_id=settlement.settlement_id)
    receipt = sent_receipt.first()
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    worth: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line in lines:
        groups[line.fee_class].append(
            {"name": line.name, "quantity": line.quantity, "unit": line.unit, "amount": line.amount}
        )
        worth[line.fee_class] += line.amount
    platform = receipt is not None and receipt.platform_number is not None
    data = {
        **_heading(tx, settlement.campus_id),
        **_person(tx, settlement),
        "settlement_no": settlement.settlement_no,
        "settled_at": settlement.completed_at,
        "counter": settlement.counter_name or NO_NUMBER,
        "cashier": settlement.cashier_name or NO_NUMBER,
        "fee_classes": [
            {"name": FEE_CLASSES[code], "amount": worth[code], "lines": groups[code]} for code in sorted(groups)
        ],
        "total": settlement.total,
        "tenders": [
            {"name": METHOD_NAMES[tender.method], "amount": tender.amount}
            for tender in sent_tenders.all()
            if tender.debt_id is None and tender.state == "received"
        ]
        or [{"name": "免收", "amount": ZERO}],
        "receipt": {
            "code": receipt.platform_code,
            "number": receipt.platform_number,
            "check_code": receipt.platform_check_code,
            "url": receipt.platform_url or receipt.platform_number,
        }
        if receipt is not None and platform
        else None,
    }
    if settlement.cash_received is not None:
        data |= {"cash_received": settlement.cash_received, "change": settlement.change}
    return _document(tx, PAYMENT_SLIP, settlement.settlement_id, data, f"收费凭证-{settlement.settlement_no}.pdf")


def refund_slip(tx: Tx, refund: Refund) -> Document:
    """The refund slip (退费单), A5, with the hands of who asked, approved and paid."""
    if refund.refund_no is None or refund.executed_at is None:
        raise RefundNotWaiting("退费尚未执行，执行后再打印。", state=refund.state)
    sent_settlement = tx.session.send(settlements.SETTLEMENT, settlement_id=refund.settlement_id)
    sent_parts = tx.session.send(refunds.PARTS, refund_id=refund.refund_id)
    sent_receipts = tx.session.send(receipt_queries.RECEIPTS, settlement_id=refund.settlement_id)
    lines = tx.session.all(refunds.LINES, refund_id=refund.refund_id)
    by_id = {
        charge.charge_id: charge for charge in tx.session.all(charges.CHARGES, ids=[line.charge_id for line in lines])
    }
    settlement = sent_settlement.one()
    reversed_no, new_no = receipts_of(refund, sent_receipts.all())
    data = {
        **_heading(tx, refund.campus_id),
        **_person(tx, settlement),
        "refund_no": refund.refund_no,
        "refunded_at": refund.executed_at,
        "settlement_no": settlement.settlement_no,
        "settled_at": settlement.completed_at,
        "reason": f"{REASONS.get(refund.reason_code, '其他')}：{refund.reason}",
        "lines": [
            {
                "name": by_id[line.charge_id].name + _how(by_id[line.charge_id], line),
                "fee_class": FEE_CLASSES[line.fee_class],
                "price": by_id[line.charge_id].list_price
                if _how(by_id[line.charge_id], line) in SINGLY
                else by_id[line.charge_id].unit_price,
                "quantity": line.quantity,
                "unit": by_id[line.charge_id].unit,
                "amount": line.amount,
            }
            for line in lines
        ],
        "total": refund.amount,
        "routes": [
            {"name": METHOD_NAMES[method], "amount": amount} for method, amount in parts_by_method(sent_parts.all())
        ]
        or [{"name": "免收", "amount": ZERO}],
        "reversed_receipt": reversed_no,
        "new_receipt": new_no,
        "applicant": refund.applicant_name,
        "applied_at": refund.requested_at,
        "executor": refund.executor_name,
    }
    if refund.approver_name is not None:
        data |= {"approver": refund.approver_name, "approved_at": refund.decided_at}
    return _document(tx, REFUND_SLIP, refund.refund_id, data, f"退费单-{refund.refund_no}.pdf")


def _how(charge: Charge, line: RefundLine) -> str:
    """What is said of a line besides its name: of a package refunded at list prices, that it goes or stays by them."""
    if not at_list_prices(charge):
        return "" if line.quantity else "（同组重算）"
    if not line.quantity:
        return DONE_SINGLY
    return "" if line.amount == line_amount(charge.unit_price, line.quantity) else BACK_SINGLY


def fee_list(tx: Tx, settlement: Settlement) -> Document:
    """The list of a settlement's charges (费用清单), A4: every item with its codes, price, quantity and amount, and the
    insurer's level and share where the insurer has told them."""
    sent_tenders = tx.session.send(tender_queries.TENDERS, settlement_id=settlement.settlement_id)
    lines = tx.session.all(settlements.LINES, settlement_id=settlement.settlement_id)
    by_id = {
        charge.charge_id: charge for charge in tx.session.all(charges.CHARGES, ids=[line.charge_id for line in lines])
    }
    days = [by_id[line.charge_id].posted_at.astimezone(SHANGHAI).date() for line in lines]
    units = [charge.ordering_unit_id for charge in by_id.values() if charge.ordering_unit_id is not None]
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    worth: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for line, day in zip(lines, days, strict=True):
        groups[line.fee_class].append(
            {
                "date": day,
                "name": line.name,
                "code": line.item_code,
                "national_code": by_id[line.charge_id].national_code,
                "insurance_level": by_id[line.charge_id].insurance_level,
                "self_pay_ratio": _percent(by_id[line.charge_id].self_pay_ratio),
                "price": line.unit_price,
                "quantity": line.quantity,
                "unit": line.unit,
                "amount": line.amount,
                "taken_off": line.taken_off or None,
            }
        )
        worth[line.fee_class] += line.amount
    levels = rules.by_insurance_level(
        (by_id[line.charge_id].insurance_level, by_id[line.charge_id].self_pay_ratio, line.amount) for line in lines
    )
    paid: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for tender in sent_tenders.all():
        if tender.state == "received" and tender.debt_id is None:
            paid[tender.method] += tender.amount
    insurer = paid["insurance_fund"] + paid["medical_aid"] + paid["insurance_account"]
    data = {
        **_heading(tx, settlement.campus_id),
        **_person(tx, settlement),
        "department": _department(tx, settlement.campus_id, units),
        "settlement_no": settlement.settlement_no,
        "period_from": min(days),
        "period_to": max(days),
        "groups": [
            {"name": FEE_CLASSES[code], "amount": worth[code], "lines": groups[code]} for code in sorted(groups)
        ],
        "levels": [{"name": f"{level}类", "amount": amount} for level, amount in levels.amounts.items()] or None,
        "self_paid_first": levels.self_paid_first if levels.amounts else None,
        "total": settlement.total,
        "insurance": {
            "fund": paid["insurance_fund"] + paid["medical_aid"],
            "account": paid["insurance_account"],
            "patient": settlement.total - insurer,
        }
        if insurer
        else None,
        "printed_by": tx.actor.name,
    }
    name = f"费用清单-{settlement.settlement_no or settlement.settlement_id}.pdf"
    return _document(tx, FEE_LIST, settlement.settlement_id, data, name)


def _percent(ratio: Decimal | None) -> str | None:
    return None if ratio is None else f"{(ratio * 100).normalize():f}%"


def _department(tx: Tx, campus: str, units: list[UUID]) -> str:
    if len(set(units)) != 1:
        return "多科室" if units else NO_NUMBER
    return next((one.name for one in organisation.unit_tree(tx, campus) if one.unit_id == units[0]), NO_NUMBER)


def debt_agreement(tx: Tx, debt: Debt) -> Document:
    """The agreement on a debt (欠费协议), A4: what is owed for what, who answers for it, two signatures."""
    settlement = tx.session.one(settlements.SETTLEMENT, settlement_id=debt.settlement_id)
    lines = tx.session.all(settlements.LINES, settlement_id=debt.settlement_id)
    patient = patients.access_patient(tx, debt.patient_id)
    approver = organisation.staff_member(tx, debt.approved_by)
    data = {
        **_heading(tx, debt.campus_id),
        **_person(tx, settlement),
        "settlement_no": settlement.settlement_no,
        "opened_at": debt.opened_at,
        "phone": patient.phone,
        "reason": debt.reason,
        "approver": approver.name,
        "cashier": settlement.cashier_name or NO_NUMBER,
        "lines": [{"name": line.name, "amount": line.amount} for line in lines],
        "total": settlement.total,
        "paid": settlement.total - debt.amount,
        "owed": debt.amount,
        "outstanding": debt.outstanding,
    }
    return _document(tx, DEBT_AGREEMENT, debt.debt_id, data, f"欠费协议-{settlement.settlement_no}.pdf")


def parts_by_method(parts: Iterable[RefundPart]) -> list[tuple[str, Decimal]]:
    """What really went back by each means, the receipt's order of means kept."""
    sums: dict[str, Decimal] = defaultdict(lambda: ZERO)
    for part in parts:
        sums[part.method] += part.amount
    return [(method, sums[method]) for method in METHOD_NAMES if sums.get(method)]


def receipts_of(refund: Refund, receipts: list[Any]) -> tuple[str | None, str | None]:
    """Numbers of the receipt a refund reversed and of the one issued in its place."""
    if refund.executed_at is None:
        return None, None
    gone = next((one for one in receipts if one.reversed_at == refund.executed_at), None)
    new = next((one for one in receipts if one.issued_at == refund.executed_at), None)
    return (gone.receipt_no if gone else None), (new.receipt_no if new else None)


def shift_form(tx: Tx, shift_id: UUID) -> Document:
    """The cashier's report (交款日报表), A4. Printed when the drawer is counted (CountFirst)."""
    shift = cashier.find_shift(tx, shift_id)
    if shift.closed_at is None or shift.kind == "virtual":
        raise CountFirst("班次日结后才能打印交款日报表。")
    report = shift_report(tx, shift_id)
    last = cashier.last_count(tx, shift_id)
    cash = report.cash
    if cash is None or last is None:
        raise CountFirst("班次日结后才能打印交款日报表。")
    data = {
        **_heading(tx, shift.campus_id),
        "shift_no": report.shift_no,
        "cashier": report.cashier_name,
        "cashier_no": report.cashier_no or NO_NUMBER,
        "counter": report.counter_name,
        "opened_at": report.opened_at,
        "closed_at": report.closed_at,
        "counts": report.model_dump(include={"visits", "visits_cancelled", "settlements", "refunds"}),
        "tenders": [one.model_dump(exclude={"method"}) for one in report.methods],
        "tender_total": {
            "in_count": sum(one.in_count for one in report.methods),
            "in_amount": sum((one.in_amount for one in report.methods), ZERO),
            "out_count": sum(one.out_count for one in report.methods),
            "out_amount": sum((one.out_amount for one in report.methods), ZERO),
            "net": sum((one.net for one in report.methods), ZERO),
        },
        "fee_classes": [one.model_dump() for one in report.fee_classes],
        "fee_class_total": {
            "charged": sum((one.charged for one in report.fee_classes), ZERO),
            "refunded": sum((one.refunded for one in report.fee_classes), ZERO),
            "net": sum((one.net for one in report.fee_classes), ZERO),
        },
        "cash": {
            "float": cash.opening_float,
            "float_added": cash.float_added or None,
            "float_returned": cash.float_returned or None,
            "received": cash.received,
            "refunded": cash.paid_out,
            "handed_in": cash.handed_in,
            "due": cash.due,
            "counted": cash.counted,
            "difference": cash.difference,
            "reason": cash.reason,
        },
        "denominations": [
            {"face": face, "count": pieces, "amount": round_money(Decimal(face) * pieces)}
            for face, pieces in last.denominations.items()
        ],
        "number_ranges": [one.model_dump() for one in report.number_ranges],
        "voided_numbers": [one.model_dump() for one in report.voided_numbers],
    }
    return _document(tx, SHIFT_REPORT, shift_id, data, f"交款日报表-{report.shift_no}.pdf")


def _heading(tx: Tx, campus_id: str) -> dict[str, Any]:
    campus = organisation.campus(tx, campus_id)
    return {"hospital": campus.name, "campus": campus.short_name, "printed_at": tx.now}


def _person(tx: Tx, settlement: Settlement) -> dict[str, Any]:
    patient = patients.access_patient(tx, settlement.patient_id)
    return {
        "visit_no": settlement.encounter_no or NO_NUMBER,
        "patient_name": patients.printed_name(tx, settlement.patient_id),
        "sex": SEX_NAMES.get(patient.sex, "未说明"),
        "age": patients.age_text(patient, settlement.started_at),
        "payer_kind": PAYER_KINDS.get(settlement.payer_kind, "其他"),
    }


def _document(tx: Tx, form: str, subject_id: UUID, data: dict[str, Any], filename: str) -> Document:
    layout = layout_in_force(tx, form)
    copies = cashier.copies_printed(tx, form, subject_id)
    tx.audit("form.read", form, subject_id)
    return Document(lambda: render(layout, data, reprint=max(0, copies - 1)), "application/pdf", filename)
