"""The share of special-need services is read from what billing really settled and gave back, to the cent."""

from collections.abc import Iterator
from decimal import Decimal

import pytest

from integrity.runner import run
from shared.schemas import SHANGHAI
from tests.payments.conftest import Hall
from tests.support.clinic import ok
from tests.support.hospital import cloned_hospital

PRICES = "/api/catalogue/prices"
CHECKS = frozenset({"catalogue.prices_billed_months", "catalogue.prices_billed_settlements"})


@pytest.fixture(scope="module")
def hall() -> Iterator[Hall]:
    with cloned_hospital() as hospital:
        yield Hall(hospital)


def test_what_was_settled_and_given_back_adds_up_to_the_cent(hall: Hall) -> None:
    officer = hall.hospital.caller("price_officer")
    version = ok(officer.get(f"{PRICES}/items/exam250"))["item"]["version"]
    marked = {"version": version, "reason": "特需", "market_priced": True, "special_need": True}
    ok(officer.patch(f"{PRICES}/items/exam250", marked))
    cashier = hall.cashier()
    vip = hall.sold(cashier, ("exam250", 2), ("lab50", 1), ("third", 3), total="560.00")
    hall.sold(cashier, ("drug", 3), ("tablet", 7), total="42.99")
    asked = hall.approved_refund(vip, (0, 1))
    assert hall.execute(cashier, asked).status_code == 200
    hall.hospital.drain()
    today = hall.hospital.clock().astimezone(SHANGHAI)
    month = ok(officer.get(f"{PRICES}/special-need/months/{today:%Y-%m}"))
    sums = month["month"]
    given_back = hall.hospital.value("SELECT sum(refunded) FROM payments.settlements")
    total = hall.hospital.value("SELECT sum(total) FROM payments.settlements WHERE state = 'completed'")
    assert Decimal(sums["total_amount"]) == total - given_back
    assert sums["special_amount"] == "250.00"
    assert [(one["item_code"], one["amount"]) for one in month["items"]] == [("exam250", "250.00")]
    assert (sums["special_times"], sums["service_times"]) == (1, 4), "a part that went back leaves the service done"
    auditor = hall.hospital.settings.auditor_database_url
    assert {one.name for one in run(auditor, CHECKS) if one.holds} == CHECKS
    hall.hospital.execute("UPDATE catalogue.billed_lines SET amount = amount + 0.01 WHERE amount > 0")
    assert {one.name for one in run(auditor, CHECKS) if one.holds} == set()
