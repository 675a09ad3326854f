"""Payments found by what the help desk knows: patient, visit, number, amount and day; here only, page by page."""

import importlib
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from shared.ids import new_id
from tests.payments.conftest import staff
from tests.payments.gateway_town import GATEWAY
from tests.payments.market import Market, open_market
from tests.support.clinic import ok
from tests.support.hospital import Caller

PAYMENTS = f"{GATEWAY}/payments"


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with open_market(tmp_path_factory.mktemp("secrets")) as one:
        one.town.open_merchant("wechat", "mch")
        yield one


def desk(market: Market, campus: str = "hq") -> Caller:
    return market.hospital.caller("registrar", campus=campus)


def numbers(found: dict[str, Any]) -> list[str]:
    return [one["order_no"] for one in found["items"]]


def start(market: Market, patient: UUID, *items: tuple[str, int], total: str, **more: Any) -> dict[str, Any]:
    """A bill with a QR code on the screen."""
    cashier = market.hall.cashier()
    charges = market.hall.post(patient, *items, **more)
    body = {"charge_ids": [str(one.charge_id) for one in charges], "expected_total": total}
    settlement = ok(cashier.caller.post("/api/payments/billing/settlements/start", body))
    return market.qr(cashier, settlement, total)


def merge(market: Market, survivor: UUID, retired: UUID) -> None:
    """Two records are one person since, as the index writes it."""
    market.hospital.execute(
        "UPDATE patients.patients SET status = 'merged', survivor_id = %s WHERE patient_id = %s", [survivor, retired]
    )


def searched(market: Market, patient: UUID, action: str = "payments.found") -> int:
    return int(
        market.hospital.value(
            "SELECT count(*) FROM kernel.audit_entries WHERE action = %s AND patient_id = %s", [action, patient]
        )
    )


def test_by_patient_and_by_visit(market: Market) -> None:
    patient, other, visit = market.hall.patient(), market.hall.patient(), new_id()
    first = start(market, patient, ("lab50", 1), total="50.00", encounter_id=visit)["payment"]["order_no"]
    second = start(market, patient, ("lab50", 2), total="100.00")["payment"]["order_no"]
    start(market, other, ("lab50", 1), total="50.00")
    found = ok(desk(market).get(f"{PAYMENTS}/of-patient/{patient}"))
    assert numbers(found) == [second, first]
    assert {one["patient_id"] for one in found["items"]} == {str(patient)}
    assert searched(market, patient, "payments.searched") == 1
    of_visit = ok(desk(market).get(f"{PAYMENTS}/of-encounter/{visit}"))
    assert numbers(of_visit) == [first]
    assert of_visit["items"][0]["encounter_id"] == str(visit)
    assert searched(market, patient) == 1
    assert ok(desk(market).get(f"{PAYMENTS}/of-patient/{uuid4()}"))["items"] == []
    assert ok(desk(market, "mch").get(f"{PAYMENTS}/of-patient/{patient}"))["items"] == []
    assert ok(desk(market, "mch").get(f"{PAYMENTS}/of-encounter/{visit}"))["items"] == []


def test_payments_of_a_merged_person_are_found_under_the_survivor(market: Market) -> None:
    survivor, retired = market.hall.patient(), market.hall.patient()
    mine = start(market, survivor, ("lab50", 1), total="50.00")["payment"]["order_no"]
    earlier = start(market, retired, ("lab50", 1), total="50.00")["payment"]["order_no"]
    assert numbers(ok(desk(market).get(f"{PAYMENTS}/of-patient/{survivor}"))) == [mine]
    merge(market, survivor, retired)
    for asked in (survivor, retired):
        assert numbers(ok(desk(market).get(f"{PAYMENTS}/of-patient/{asked}"))) == [earlier, mine]
    market.hospital.execute(
        "UPDATE patients.patients SET status = 'active', survivor_id = patient_id WHERE patient_id = %s", [retired]
    )


def test_by_patient_page_by_page(market: Market) -> None:
    patient = market.hall.patient()
    orders = [start(market, patient, ("lab50", 1), total="50.00")["payment"]["order_no"] for _ in range(3)]
    caller, found, cursor = desk(market), [], None
    for _ in range(4):
        page = ok(caller.get(f"{PAYMENTS}/of-patient/{patient}", limit=1, **({"cursor": cursor} if cursor else {})))
        found += numbers(page)
        cursor = page["next"]
        if cursor is None:
            break
    assert found == orders[::-1]


def test_the_money_of_a_course_is_found_by_its_patient(market: Market) -> None:
    rows = market.hospital.rows("SELECT patient_id FROM payments.course_prepayments")
    patient = market.hall.patient()
    cashier = market.hall.cashier()
    body = {
        "patient_id": str(patient),
        "course": "dialysis",
        "plan": "康复训练 10 次",
        "doctor_id": str(staff(market.hospital)),
        "planned": "500.00",
        "amount": "200.00",
        "method": "wechat",
        "product": "qr",
    }
    answer = cashier.caller.post("/api/payments/billing/course-prepayments", body)
    assert answer.status_code in (200, 201), answer.text
    assert len(market.hospital.rows("SELECT 1 FROM payments.course_prepayments")) == len(rows) + 1
    found = ok(desk(market).get(f"{PAYMENTS}/of-patient/{patient}"))
    assert [one["amount"] for one in found["items"]] == ["200.00"]


def test_by_the_channels_number_of_the_patients_bill(market: Market) -> None:
    patient = market.hall.patient()
    waiting = start(market, patient, ("lab50", 1), total="50.00")
    market.scan_and_pay(waiting)
    number = market.hospital.value(
        "SELECT channel_no FROM payments.gateway_payments WHERE order_no = %s", [waiting["payment"]["order_no"]]
    )
    [found] = ok(desk(market).get(f"{PAYMENTS}/search", number=number))
    assert (found["order_no"], found["patient_id"]) == (waiting["payment"]["order_no"], str(patient))
    assert searched(market, patient) == 1
    assert ok(desk(market, "mch").get(f"{PAYMENTS}/search", number=number)) == []
    assert searched(market, patient) == 1


def test_by_amount_and_day(market: Market) -> None:
    town = market.town
    town.clock.move(days=2)
    town.clock.set(town.clock().replace(hour=15, minute=58, second=0))  # 23:58 in Shanghai
    eve = town.clock().date()
    late = town.start("77.70")
    town.clock.move(seconds=150)
    assert town.wechat.pay(late.order_no)
    town.deliver()
    next_day = town.start("77.70")
    town.start("77.71")
    theirs = town.start("77.70", campus="mch")
    caller = desk(market)

    def by(day: Any, amount: str = "77.70", who: Caller | None = None, **more: Any) -> list[str]:
        return numbers(ok((who or caller).get(f"{PAYMENTS}/by-amount", amount=amount, day=str(day), **more)))

    assert by(eve) == [late.order_no]
    assert by(eve + timedelta(days=1)) == [next_day.order_no, late.order_no], "ordered before midnight, paid after it"
    assert by(eve - timedelta(days=1)) == []
    assert by(eve + timedelta(days=1), who=desk(market, "mch")) == [theirs.order_no]
    first = ok(caller.get(f"{PAYMENTS}/by-amount", amount="77.70", day=str(eve + timedelta(days=1)), limit=1))
    assert numbers(first) == [next_day.order_no]
    assert by(eve + timedelta(days=1), limit=1, cursor=first["next"]) == [late.order_no]
    for wrong in ({"amount": "0"}, {"amount": "1.001"}, {"amount": "-5"}):
        assert caller.get(f"{PAYMENTS}/by-amount", day=str(eve), **wrong).status_code == 422
    assert caller.get(f"{PAYMENTS}/by-amount", amount="1.00", day="2031-01-01").status_code == 404
    assert market.hospital.caller("nurse", campus="hq").get(
        f"{PAYMENTS}/by-amount", amount="1.00", day=str(eve)
    ).status_code in (401, 403)


def test_what_was_paid_before_the_upgrade_gets_its_patient(market: Market) -> None:
    patient, visit = market.hall.patient(), new_id()
    order = start(market, patient, ("lab50", 1), total="50.00", encounter_id=visit)["payment"]["order_no"]
    whose = "SELECT patient_id, encounter_id FROM payments.gateway_payments WHERE order_no = %s"
    market.hospital.execute("UPDATE payments.gateway_payments SET patient_id = NULL, encounter_id = NULL")
    market.hospital.execute(importlib.import_module("infra.migrations.versions.0044_messages_and_shares").WHOSE)
    assert market.hospital.rows(whose, [order]) == [{"patient_id": patient, "encounter_id": visit}]
    left = market.hospital.value(
        "SELECT count(*) FROM payments.gateway_payments JOIN payments.tenders USING (payment_id)"
        " WHERE gateway_payments.patient_id IS NULL"
    )
    assert left == 0
