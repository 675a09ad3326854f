"""Every check of money and numbers finds the very harm it is there for, and nothing else on sound books."""

from decimal import Decimal
from uuid import UUID, uuid4

import psycopg
import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.service import Executed, InsuranceAnswer
from integrity.runner import load, run
from tests.payments.conftest import BILLING, CASHIER, SOURCE, Cashier, Hall, cash, pieces, staff
from tests.support.clinic import ok

SETTLEMENT = "(SELECT settlement_id FROM payments.settlements WHERE state = 'completed' AND total > 100 LIMIT 1)"
CHARGE = "(SELECT charge_id FROM payments.charges WHERE status = 'paid' AND amount > 10 LIMIT 1)"
OWED = "(SELECT charge_id FROM payments.charges WHERE status = 'owed' LIMIT 1)"
DEBT = "(SELECT debt_id FROM payments.debts WHERE state = 'open' LIMIT 1)"
REFUND = "(SELECT refund_id FROM payments.refunds WHERE state = 'executed' LIMIT 1)"
SHIFT = "(SELECT shift_id FROM payments.shifts WHERE cash_in > 0 AND state = 'open' LIMIT 1)"
CLOSED = "(SELECT shift_id FROM payments.shifts WHERE state = 'closed' AND kind = 'counter' LIMIT 1)"


def update(table: str, change: str, where: str) -> str:
    return f"UPDATE {table} SET {change} WHERE {where}"


def money(table: str, change: str, where: str) -> str:
    return update(f"payments.{table}", change, where)


def series(name: str) -> str:
    return update("kernel.number_series", "last_value = last_value + 1", f"series = 'payments.{name}'")


DEBT_PAID = money("debts", "paid = paid + 1, outstanding = outstanding - 1", f"debt_id = {DEBT}")
SECOND_LINE = f"""
INSERT INTO payments.settlement_lines
    (campus_id, settlement_id, charge_id, fee_class, item_kind, quantity, amount)
SELECT l.campus_id, s.settlement_id, l.charge_id, l.fee_class, l.item_kind, l.quantity, l.amount
FROM payments.settlement_lines l, payments.settlements s
WHERE l.charge_id = {CHARGE} AND s.settlement_id <> l.settlement_id LIMIT 1
"""
AFTER_CLOSING = f"""
UPDATE payments.money_movements m SET at = s.closed_at + interval '1 minute'
FROM payments.shifts s WHERE s.shift_id = m.shift_id AND s.shift_id = {CLOSED}
"""
APPROVED_BY_NOBODY = "level = 'lead', approver = 'somebody', executor = applicant"
ELECTRONIC = "(SELECT tender_id FROM payments.tenders WHERE method = 'cash' AND returned = 0 LIMIT 1)"
COURSE = "(SELECT course_id FROM payments.course_prepayments LIMIT 1)"
COURSE_PAID = f"""
INSERT INTO payments.course_payments
    (course_payment_id, campus_id, course_id, method, amount, returned, state, payment_id, order_no, channel, asked_at,
     asked_by)
SELECT gen_random_uuid(), campus_id, course_id, 'wechat', 10, 0, 'received', gen_random_uuid(), 'X1', 'window', now(),
    'x'
FROM payments.course_prepayments WHERE course_id = {COURSE}
"""
OF_SETTLEMENT = f"settlement_id = {SETTLEMENT}"
OF_SUBJECT = f"subject_id = {SETTLEMENT}"

HARM = {
    "money.settlement_total": money("settlements", "total = total + 1, tendered = tendered + 1", OF_SETTLEMENT),
    "money.settlement_balance": money("settlements", "refunded = refunded + 0.01", OF_SETTLEMENT),
    "money.paid_owed_refunded": DEBT_PAID,
    "money.debt_balance": DEBT_PAID,
    "money.settlement_journal": f"DELETE FROM payments.money_movements WHERE {OF_SUBJECT}",
    "money.campus_day": money("money_movements", "amount = amount + 0.01", OF_SUBJECT),
    "money.cashier_float": money("float_changes", "amount = amount + 1", "state = 'confirmed'"),
    "money.cashier_bag": money("cash_bags", "amount = amount + 1", "state = 'sealed'"),
    "money.cashier_collection": money("cash_collections", "amount = amount + 1", "amount > 0"),
    "money.cashier_bag_underway": money("cash_bags", "sealed_at = now() - interval '4 days'", "state = 'sealed'"),
    "money.cashier_bag_difference": money(
        "cash_bags", "counted_at = now() - interval '4 days', explained_at = NULL", "difference <> 0"
    ),
    "numbers.cashier_collections": series("collection"),
    "money.shift_cash": money("shifts", "cash_in = cash_in + 0.01", f"shift_id = {SHIFT}"),
    "money.closed_shift": AFTER_CLOSING,
    "money.shift_counted": f"DELETE FROM payments.shift_counts WHERE shift_id = {CLOSED}",
    "money.charge_amount": money("charges", "unit_price = unit_price + 1", f"charge_id = {CHARGE}"),
    "money.charge_surcharge": money(
        "charges", f"base_charge_id = charge_id, rule_id = {CHARGE}, by_rule = true", f"charge_id = {CHARGE}"
    ),
    "money.closing_slip": money("cash_hand_ins", "amount = amount + 1", "kind = 'closing'"),
    "money.course_payment": COURSE_PAID,
    "money.settled_line": money("settlement_lines", "amount = amount + 1", f"charge_id = {CHARGE}"),
    "money.charge_state": money("charges", "status = 'locked'", f"charge_id = {CHARGE}"),
    "money.charge_owed": money("charges", "status = 'paid'", f"charge_id = {OWED}"),
    "money.charge_refunds": money("charges", "refunded_quantity = 0.5, refunded_amount = 1", f"charge_id = {CHARGE}"),
    "money.refund_parts": money("refund_parts", "amount = amount + 0.01", f"refund_id = {REFUND}"),
    "money.refund_regrouped": money("refund_lines", "amount = -amount", f"refund_id = {REFUND}"),
    "money.refund_duties": money("refunds", APPROVED_BY_NOBODY, f"refund_id = {REFUND}"),
    "money.receipt_amount": money("receipts", "amount = amount + 1", OF_SETTLEMENT),
    "money.paid_twice": SECOND_LINE,
    "money.unfinished_settlement": money("settlements", "started_at = now() - interval '1 hour'", "state = 'draft'"),
    "money.unreceived_shift": money("shifts", "closed_at = now() - interval '4 days'", f"shift_id = {CLOSED}"),
    "money.replacement": money(
        "settlement_lines", "reversed_amount = reversed_amount + 1", "reversed_amount IS NOT NULL"
    ),
    "money.channel_money": money(
        "tenders", "payment_id = gen_random_uuid(), returned = 0.01", f"tender_id = {ELECTRONIC}"
    ),
    "money.course_balance": money("course_movements", "amount = amount + 0.01", f"course_id = {COURSE}"),
    "money.debt_journal": money("money_movements", "amount = amount + 0.01", "method = 'debt'"),
    "money.course_journal": money("money_movements", "amount = amount + 0.01", "method = 'course'"),
    "money.receipt_waiting": money("receipt_jobs", "queued_at = now() - interval '2 days'", "state = 'queued'"),
    "numbers.courses": series("course"),
    "numbers.settlements": money("settlements", "settlement_no = 'H26010199999'", OF_SETTLEMENT),
    "numbers.refunds": money("refunds", "refund_no = refund_no || '0'", f"refund_id = {REFUND}"),
    "numbers.receipts": series("receipt"),
    "numbers.shifts": series("shift"),
    "numbers.hand_ins": series("hand_in"),
    "events.outbox_late": update("kernel.outbox", "created_at = now() - interval '1 hour'", "closed_at IS NULL"),
    "campus.strangers": money("charges", "campus_id = 'nowhere'", f"charge_id = {CHARGE}"),
}
"""Check -> what somebody did to the books behind everyone's back."""

GUARDS = [
    "ALTER TABLE payments.refunds DROP CONSTRAINT ck_refunds_separated",
    "DROP INDEX payments.uq_settlement_lines_charge",
    "ALTER TABLE payments.shifts DISABLE TRIGGER closed_shift_stays",
    "ALTER TABLE payments.charges DROP CONSTRAINT ck_charges_price",
]
"""What else stands in the way of such harm: constraints of the database, taken away for the demonstration."""


@pytest.fixture(scope="module")
def books(hall: Hall) -> Hall:
    """A day with everything in it."""
    cashier, source = hall.cashier(), str(uuid4())
    hall.sold(cashier, ("exam250", 1), ("lab50", 1), total="300.00", source_id=source)
    small = hall.sold(cashier, ("lab50", 2), total="100.00")
    ok(hall.refund(cashier.caller, small, (0, 1)))
    owed = {"method": "debt", "amount": "50.00", "note": "绿色通道", "approved_by": str(staff(hall.hospital))}
    ok(hall.settle(cashier, hall.post(hall.patient(), ("lab50", 2)), "100.00", owed, cash("50.00")))
    hall.refund(hall.hospital.caller("registrar"), small, (0, 1))
    hand_in = {"amount": "20.00", "denominations": pieces("20.00")}
    ok(cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins", hand_in))
    floats_and_bags(hall)
    done = hall.cashier()
    hall.sold(done, ("lab50", 1), total="50.00")
    hall.close(done)
    insured_and_prepaid(hall, cashier)
    waiting = hall.post(hall.patient(), ("lab50", 1))
    body = {"charge_ids": [str(waiting[0].charge_id)], "expected_total": "50.00"}
    ok(cashier.caller.post(f"{BILLING}/settlements/start", body))
    with hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(1))])
    return hall


def floats_and_bags(hall: Hall) -> None:
    """A float raised; one bag on the table, one the bank counted otherwise than the slips say."""
    cashier, lead, finance = hall.cashier(), hall.lead(), hall.finance()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    twenty = {"amount": "20.00", "denominations": pieces("20.00")}
    change = ok(lead.post(f"{path}/float-raises", twenty | {"reason": "零钱不足"}))
    ok(cashier.caller.post(f"{CASHIER}/float-raises/{change['change_id']}/confirm", {"version": 1, "amount": "20.00"}))
    bags = []
    for seal_no in ("FQ-1", "FQ-2"):
        slip = ok(cashier.caller.post(f"{path}/hand-ins", twenty))
        packed = {"seal_no": seal_no, "amount": "20.00", "hand_in_ids": [slip["hand_in_id"]]}
        bags.append(ok(lead.post(f"{CASHIER}/bags", packed)))
    courier = {"company": "农行", "courier_name": "韦志强", "courier_no": "317"}
    ok(lead.post(f"{CASHIER}/collections", {"bags": [{"bag_id": bags[0]["bag_id"], "version": 1}], **courier}))
    counted = {"version": 2, "counted_amount": "19.00", "bank_receipt_no": "NY-7"}
    ok(finance.post(f"{CASHIER}/bags/{bags[0]['bag_id']}/count", counted))
    ok(finance.post(f"{CASHIER}/bags/{bags[0]['bag_id']}/explain", {"version": 3, "explanation": "残币"}))


def insured_and_prepaid(hall: Hall, cashier: Cashier) -> None:
    """An insured settlement of which a line went back, an electronic tender, a course of treatment."""
    patient = hall.patient()
    charges = hall.post(patient, ("exam250", 1), ("lab50", 1))
    body = {"charge_ids": [str(one.charge_id) for one in charges], "expected_total": "300.00"}
    started = ok(cashier.caller.post(f"{BILLING}/settlements/start", body))
    settlement_id = UUID(started["settlement_id"])
    with hall.hospital.tx("hq") as tx:
        billing.begin_insurance(tx, settlement_id, "msg-1", "resident")
        billing.record_insurance_tender(tx, settlement_id, InsuranceAnswer("setl-1", Decimal("200.00")))
    sold = ok(cashier.caller.post(f"{BILLING}/settlements/{settlement_id}/tenders", cash("100.00")))
    refund = hall.approved_refund(sold, (0, 1))
    with hall.hospital.tx("hq") as tx:
        billing.begin_reversal(tx, UUID(refund["refund_id"]))
        undone = billing.insurance_reversed(tx, UUID(refund["refund_id"]), "msg-2")
    assert undone.successor is not None
    with hall.hospital.tx("hq") as tx:
        billing.record_insurance_tender(
            tx, undone.successor.settlement_id, InsuranceAnswer("setl-2", undone.successor.total - Decimal("10.00"))
        )
    ok(hall.cashier().caller.post(f"{BILLING}/settlements/{undone.successor.settlement_id}/complete"))
    prepaid = {
        "patient_id": str(patient),
        "course": "dialysis",
        "amount": "100.00",
        "plan": "透析一月",
        "doctor_id": str(staff(hall.hospital)),
        "planned": "500.00",
    }
    ok(cashier.caller.post(f"{BILLING}/course-prepayments", prepaid))


def test_sound_books_have_no_findings(books: Hall) -> None:
    results = run(books.hospital.settings.auditor_database_url)
    assert {result.name: result.rows for result in results if not result.holds} == {}


def test_every_check_of_money_and_numbers_has_its_harm() -> None:
    ours = {check.name for check in load() if check.name.partition(".")[0] in {"money", "numbers"}}
    assert ours - {"numbers.visits", "money.visit_fee"} <= HARM.keys(), "those two are registration's"


@pytest.mark.parametrize("name", sorted(HARM))
def test_a_check_finds_its_harm(books: Hall, name: str) -> None:
    check = next(check for check in load() if check.name == name)
    dsn = books.hospital.server.superuser_dsn(books.hospital.database)
    with psycopg.connect(dsn) as connection:
        for guard in GUARDS:
            connection.execute(guard)
        assert connection.execute(HARM[name]).rowcount > 0, "the harm was done"
        assert connection.execute(check.detail, check.parameters).fetchall() != []
        connection.rollback()
