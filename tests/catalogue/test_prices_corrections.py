"""A wrong price is put right by three people, and billing knows whom it touched."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any

import pytest

from tests.catalogue.conftest import BASE
from tests.payments.conftest import Hall
from tests.support.clinic import ok
from tests.support.hospital import Caller, Hospital, cloned_hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    """Every function: a correction passes from the catalogue to billing."""
    with cloned_hospital() as one:
        yield one


@pytest.fixture(scope="module")
def hall(hospital: Hospital) -> Hall:
    return Hall(hospital)


class Offices:
    """The three who approve, and the officer who proposes."""

    def __init__(self, hospital: Hospital) -> None:
        self.officer = hospital.caller("price_officer")
        self.price = hospital.caller("price_checker")
        self.finance = hospital.caller("consortium_finance", at={"hq": ["consortium_finance"]})
        self.director = hospital.caller("vice_president")


@pytest.fixture(scope="module")
def offices(hospital: Hospital) -> Offices:
    return Offices(hospital)


def price_version(hospital: Hospital, code: str, level: str = "tertiary") -> Any:
    return hospital.value(
        "SELECT v.version_id FROM catalogue.price_versions v JOIN catalogue.charge_items i USING (item_id)"
        " WHERE i.code = %s AND v.level = %s AND v.status = 'checked' AND v.valid_to IS NULL",
        [code, level],
    )


def propose(officer: Caller, version_id: Any, price: str) -> dict[str, Any]:
    body = {
        "version_id": str(version_id),
        "right_price": price,
        "reason": "小数点录错",
        "basis_document": "更正〔2026〕1号",
    }
    return dict(ok(officer.post(f"{BASE}/corrections", body)))


def approve(correction: dict[str, Any], caller: Caller, office: str, **more: Any) -> Any:
    path = f"{BASE}/corrections/{correction['correction_id']}/{office}-approval"
    return caller.post(path, {"version": correction["version"], **more})


@pytest.mark.case("40", 10)
def test_a_price_wrong_for_six_days_lists_what_billing_charged_at_it(
    hospital: Hospital, hall: Hall, offices: Offices
) -> None:
    right_before = hall.sold(hall.cashier(), ("lab50", 1), total="50.00")
    hall.publish({"lab50": ("血脂四项", "04", "500.0000")})
    wrong = price_version(hospital, "lab50")
    sold: list[dict[str, Any]] = []
    for _ in range(6):
        hospital.clock.move(days=1)
        sold.append(hall.sold(hall.cashier(), ("lab50", 1), ("third", 2), total="506.67"))
    branch = hall.sold(hall.cashier("mch"), ("lab50", 1), total="450.00")
    unpaid = hall.post(hall.patient(), ("lab50", 2))
    hospital.drain()

    step = propose(offices.officer, wrong, "50.00")
    assert (step["status"], step["wrong_price"]) == ("proposed", "500.0000")
    step = ok(approve(step, offices.price, "price"))
    step = ok(approve(step, offices.director, "director"))
    assert step["status"] == "proposed"
    step = ok(approve(step, offices.finance, "finance"))
    assert step["status"] == "effective"
    told = [event["data"] for event in hospital.events("price_corrected")]
    assert [(one["wrong_version_id"], one["wrong_price"], one["right_price"]) for one in told] == [
        (str(wrong), "500.0000", "50.0000")
    ]
    hospital.drain()

    finance = hall.finance()
    listed = ok(finance.get(f"/api/payments/billing/price-corrections/{step['correction_id']}/charges"))
    rows = hospital.rows(
        "SELECT charge_id, amount FROM payments.charges WHERE price_version_id = %s ORDER BY charge_id", [wrong]
    )
    assert [line["charge_id"] for line in listed["items"]] == [str(row["charge_id"]) for row in rows]
    assert len(rows) == 6
    assert {str(row["charge_id"]) for row in rows} == {
        line["charge_id"] for bill in sold for line in bill["lines"] if line["item_code"] == "lab50"
    }
    others = {line["charge_id"] for bill in (right_before, branch) for line in bill["lines"]}
    assert not others & {str(row["charge_id"]) for row in rows}
    followed = hospital.rows(
        "SELECT price_version_id, amount FROM payments.charges WHERE charge_id = %s", [unpaid[0].charge_id]
    )[0]
    assert (str(followed["price_version_id"]), followed["amount"]) == (step["right_version_id"], Decimal("100.00"))
    card = ok(offices.officer.get(f"{BASE}/items/lab50"))
    prices = {one["version_id"]: one for one in card["prices"]}
    assert (prices[str(wrong)]["unit_price"], prices[str(wrong)]["valid_to"] is None) == ("500.0000", False)
    assert hospital.clock() - timedelta(minutes=5) < hospital.value(
        "SELECT affected_to FROM catalogue.price_corrections WHERE correction_id = %s", [step["correction_id"]]
    )


def test_nobody_approves_twice_or_their_own(hospital: Hospital, hall: Hall, offices: Offices) -> None:
    step = propose(offices.officer, price_version(hospital, "drug"), "12.0000")
    everything = hospital.caller(
        campus="hq", at={"hq": ["price_checker", "consortium_finance", "vice_president"]}, name="一人"
    )
    step = ok(approve(step, everything, "price"))
    before = hospital.census()
    for office in ("finance", "director"):
        refused = approve(step, everything, office)
        assert (refused.status_code, refused.json()["code"]) == (422, "same_person")
    again = approve(step, offices.price, "price")
    assert (again.status_code, again.json()["code"]) == (409, "price_correction_state_wrong")
    stale = approve({**step, "version": 1}, offices.finance, "finance")
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    double = offices.officer.post(
        f"{BASE}/corrections",
        {"version_id": step["wrong_version_id"], "right_price": "1", "reason": "再", "basis_document": "文"},
    )
    assert (double.status_code, double.json()["code"]) == (409, "price_correction_open")
    assert hospital.census() == before
    turned = ok(approve(step, offices.director, "director", passed=False))
    assert turned["status"] == "rejected"
    closed = approve(turned, offices.finance, "finance")
    assert (closed.status_code, closed.json()["code"]) == (409, "price_correction_state_wrong")


def test_a_planned_successor_still_follows_the_right_price(hospital: Hospital, hall: Hall, offices: Offices) -> None:
    wrong = price_version(hospital, "herb")
    later = (hospital.clock() + timedelta(days=10)).isoformat()
    draft = offices.officer.post(
        f"{BASE}/prices",
        {"item_code": "herb", "level": "tertiary", "unit_price": "0.05", "valid_from": later, "basis_document": "文"},
    )
    ok(offices.price.post(f"{BASE}/prices/{ok(draft)['version_id']}/check"))
    step = propose(offices.officer, wrong, "0.0300")
    for caller, office in ((offices.price, "price"), (offices.finance, "finance"), (offices.director, "director")):
        step = ok(approve(step, caller, office))
    prices = hospital.rows(
        "SELECT unit_price, valid_to FROM catalogue.price_versions v JOIN catalogue.charge_items i USING (item_id)"
        " WHERE i.code = 'herb' AND level = 'tertiary' ORDER BY valid_from"
    )
    assert [row["unit_price"] for row in prices] == [Decimal("0.0333"), Decimal("0.0300"), Decimal("0.0500")]
    assert prices[1]["valid_to"] == hospital.value("SELECT %s::timestamptz", [later])


def test_what_is_no_correction(hospital: Hospital, hall: Hall, offices: Offices) -> None:
    body = {
        "version_id": str(price_version(hospital, "tablet")),
        "right_price": "0.8500",
        "reason": "同价",
        "basis_document": "文",
    }
    before = hospital.census()
    same = offices.officer.post(f"{BASE}/corrections", body)
    assert (same.status_code, same.json()["code"]) == (422, "price_correction_wrong")
    branch = hospital.caller("price_officer", campus="mch")
    refused = branch.post(f"{BASE}/corrections", {**body, "right_price": "0.8000"})
    assert (refused.status_code, refused.json()["code"]) == (403, "consortium_price_list")
    assert hospital.census() == before
