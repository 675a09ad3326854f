"""A surcharge (加收) is a line of its own that is paid, done, refunded and withdrawn with the line it belongs to."""

from decimal import Decimal
from uuid import uuid4

from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, Executed
from shared.money import ZERO
from tests.payments.conftest import BILLING, SOURCE, Hall
from tests.payments.test_billing_quotes import child, items, order, post, rule
from tests.payments.test_billing_refunds import acting
from tests.support.clinic import ok


def surcharged(hall: Hall, source: str | None = None) -> list[ChargeInfo]:
    """Four units at 8.00 and their surcharge of 2.40 each, of a child."""
    (infusion,) = items(hall, "8.00")
    rule(hall, "surcharge_pct", [infusion], percent="30", age_below=18)
    return post(hall, order(child(hall), (infusion, 4), source=source))


def test_a_surcharge_is_paid_with_its_line_and_never_alone(hall: Hall) -> None:
    cashier = hall.cashier()
    base, extra = surcharged(hall)
    alone = hall.settle(cashier, [extra], "9.60")
    assert (alone.status_code, alone.json()["code"]) == (409, "charge_not_open")
    preview = ok(cashier.caller.post(f"{BILLING}/settlements/preview", {"charge_ids": [str(base.charge_id)]}))
    assert (preview["total"], len(preview["charges"])) == ("41.60", 2)
    short = hall.settle(cashier, [base], "32.00")
    assert (short.status_code, short.json()["code"], short.json()["total"]) == (409, "price_changed", "41.60")
    sold = ok(hall.settle(cashier, [base], "41.60"))
    assert [(line["charge_id"], line["base_charge_id"]) for line in sold["lines"]] == [
        (str(base.charge_id), None),
        (str(extra.charge_id), str(base.charge_id)),
    ]
    hall.assert_balanced()


def test_a_refund_takes_the_surcharge_quantity_by_quantity(hall: Hall) -> None:
    cashier = hall.cashier()
    base, _ = surcharged(hall)
    sold = ok(hall.settle(cashier, [base], "41.60"))
    part = ok(hall.refund(cashier.caller, sold, (0, 1)))
    assert (part["amount"], len(part["lines"])) == ("10.40", 2)
    rest = ok(hall.refund(cashier.caller, sold, (0, 3)))
    assert (rest["amount"], rest["state"]) == ("31.20", "executed")
    hall.assert_balanced()


def test_what_is_done_is_done_with_its_surcharge(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    base, extra = surcharged(hall, source)
    sold = ok(hall.settle(cashier, [base], "41.60"))
    with hall.hospital.tx("hq") as tx:
        billing.begin_execution(tx, SOURCE, source, ["1"])
        done = billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(3))])
    assert [(one.charge_id, one.executed_quantity) for one in done] == [
        (base.charge_id, Decimal(3)),
        (extra.charge_id, Decimal(3)),
    ]
    refused = hall.refund(cashier.caller, sold, (0, 2))
    assert (refused.status_code, refused.json()["code"]) == (422, "line_executed")
    with hall.hospital.tx("hq") as tx:
        back = billing.record_return(tx, SOURCE, source, [Executed("1", Decimal(1))])
    assert {one.executed_quantity for one in back} == {Decimal(2)}
    assert ok(hall.refund(hall.hospital.caller("registrar"), sold, (0, 2)))["amount"] == "20.80"


def test_a_source_is_withdrawn_and_refunded_whole(hall: Hall) -> None:
    cashier, source = hall.cashier(), str(uuid4())
    surcharged(hall, source)
    with hall.hospital.tx("hq") as tx:
        assert len(billing.void_source(tx, SOURCE, source, "取消")) == 2
    again = str(uuid4())
    base, _ = surcharged(hall, again)
    ok(hall.settle(cashier, [base], "41.60"))
    with acting(hall, cashier) as tx:
        assert billing.refund_source(tx, SOURCE, again, "patient", "取消").amount == Decimal("41.60")
        assert billing.source_amount(tx, SOURCE, again) == ZERO
    hall.assert_balanced()


def test_charges_move_to_an_account_with_their_surcharges(hall: Hall) -> None:
    cashier = hall.cashier()
    base, extra = surcharged(hall)
    ok(hall.settle(cashier, [base], "41.60"))
    with acting(hall, cashier) as tx:
        moved = billing.move_to_inpatient(tx, [base.charge_id], "ZY2026001")
    assert (moved.amount, moved.paid) == (Decimal("41.60"), Decimal("41.60"))
    assert [line.base_charge_id for line in moved.lines] == [None, base.charge_id]
    assert extra.charge_id in {line.charge_id for line in moved.lines}
    hall.assert_balanced()
