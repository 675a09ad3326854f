"""Packages charged as their members; one of an approved price as shares of it, to the cent, refunded one by one."""

from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, Executed
from integrity.runner import run
from shared.money import ZERO, round_money
from shared.problems import Problem
from tests.payments.conftest import BILLING, SOURCE, Hall, cash, refused
from tests.payments.test_billing_quotes import SERIAL, amounts, items, order, post, refusal, reprice, rule
from tests.support.clinic import ok

PRICES = "/api/catalogue/prices"


def package(hall: Hall, price: str | None, *members: tuple[str, str], **fields: Any) -> str:
    """A package of these members, with an approved price unless that is None."""
    officer, checker = hall.hospital.caller("price_officer"), hall.hospital.caller("price_checker")
    code = f"pack{next(SERIAL)}"
    item = {
        "code": code,
        "name": "日间手术套餐",
        "unit": "套",
        "kind": "package",
        "fee_class": "06",
        "basis_document": "桂医保发〔2026〕9号",
        **fields,
    }
    ok(officer.post(f"{PRICES}/items", item))
    own = {"own_price": "day_case", "approval_no": "桂医保函〔2026〕9号"} if price is not None else {}
    body = {"members": [{"member_code": one, "quantity": many} for one, many in members], **own}
    made = ok(officer.post(f"{PRICES}/packages/{code}/versions", body))
    ok(checker.post(f"{PRICES}/package-versions/{made['package_version_id']}/check"))
    if price is not None:
        set_price(hall, code, price)
    return code


def set_price(hall: Hall, code: str, price: str) -> str:
    officer, checker = hall.hospital.caller("price_officer"), hall.hospital.caller("price_checker")
    body = {"item_code": code, "level": "tertiary", "unit_price": price, "basis_document": "桂医保函〔2026〕9号"}
    drafted = ok(officer.post(f"{PRICES}/prices", body))
    ok(checker.post(f"{PRICES}/prices/{drafted['version_id']}/check"))
    return str(drafted["version_id"])


def kept(hall: Hall, charges: list[ChargeInfo]) -> list[dict[str, Any]]:
    return hall.hospital.rows(
        "SELECT item_code, package_code, package_line, package_quantity, list_price, unit_price, amount, taken_off,"
        " price_version_id, fee_class FROM payments.charges WHERE charge_id = ANY(%s) ORDER BY charge_id",
        [[one.charge_id for one in charges]],
    )


def test_a_package_of_its_own_price_is_charged_as_shares_of_it(hall: Hall) -> None:
    first, second, third = items(hall, "100.00", "200.00", "33.33")
    code = package(hall, "250.00", (first, "1"), (second, "1"), (third, "3"))
    (beside,) = items(hall, "5.00")
    posted = post(hall, order(hall.patient(), (code, 1), (beside, 2)))
    assert [one.source_line for one in posted] == ["2", "1.1", "1.2", "1.3"]
    shares = posted[1:]
    assert sum((one.amount for one in shares), ZERO) == Decimal("250.00")
    assert amounts(shares) == ["62.50", "125.00", "62.50"]
    rows = kept(hall, shares)
    assert {(row["package_code"], row["package_line"], row["package_quantity"]) for row in rows} == {
        (code, "1", Decimal(1))
    }
    assert [row["list_price"] for row in rows] == [Decimal("100"), Decimal("200"), Decimal("33.33")]
    assert len({row["price_version_id"] for row in rows}) == 1, "the price of the package decides"
    assert all("日间手术套餐" in one.name for one in shares)
    hall.assert_balanced()


def test_a_package_of_its_members_costs_what_they_cost_under_the_rules(hall: Hall) -> None:
    first, second = items(hall, "30.00", "20.00")
    rule(hall, "cap_per_day", [first, second], amount="40.00")
    code = package(hall, None, (first, "1"), (second, "1"))
    posted = post(hall, order(hall.patient(), (code, 1)))
    assert [(one.source_line, one.item_code, str(one.amount)) for one in posted] == [
        ("1.1", first, "30.00"),
        ("1.2", second, "10.00"),
    ]
    assert {row["package_code"] for row in kept(hall, posted)} == {None}


def test_rules_between_lines_leave_the_approved_price_alone_but_count_it(hall: Hall) -> None:
    (dressing,) = items(hall, "30.00")
    rule(hall, "cap_per_day", [dressing], amount="40.00")
    code = package(hall, "25.00", (dressing, "1"))
    patient = hall.patient()
    assert amounts(post(hall, order(patient, (code, 1)))) == ["25.00"]
    assert amounts(post(hall, order(patient, (dressing, 1)))) == ["15.00"], "25.00 of the day's 40.00 are charged"
    assert amounts(post(hall, order(patient, (code, 1)))) == ["25.00"]


def test_shares_are_done_and_refunded_one_by_one(hall: Hall) -> None:
    first, second, third = items(hall, "100.00", "200.00", "33.33")
    code = package(hall, "250.00", (first, "1"), (second, "1"), (third, "3"))
    source, cashier = str(uuid4()), hall.cashier()
    posted = post(hall, order(hall.patient(), (code, 1), source=source))
    sold = dict(ok(hall.settle(cashier, posted, "250.00")))
    with hall.hospital.tx("hq") as tx:
        billing.begin_execution(tx, SOURCE, source, ["1.1"])
        billing.record_execution(tx, SOURCE, source, [Executed("1.1", Decimal(1))])
    places = {line["charge_id"]: place for place, line in enumerate(sold["lines"])}
    done = places[str(posted[0].charge_id)]
    refused(hall.refund(cashier.caller, sold, (done, 1)), 422, "line_executed")
    part = ok(hall.refund(cashier.caller, sold, (places[str(posted[2].charge_id)], 1)))
    assert part["amount"] == "20.83", "a third of the share of 62.50"
    rest = ok(hall.refund(cashier.caller, sold, (places[str(posted[2].charge_id)], 2)))
    assert rest["amount"] == "41.67"
    assert ok(hall.refund(cashier.caller, sold, (places[str(posted[1].charge_id)], 1)))["amount"] == "125.00"
    left = hall.hospital.value(
        "SELECT sum(amount - refunded_amount) FROM payments.charges WHERE source_id = %s", [source]
    )
    assert left == Decimal("62.50"), "what was done"
    hall.assert_balanced()


def test_an_unpaid_package_follows_its_price_and_not_its_members(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    code = package(hall, "250.00", (first, "1"), (second, "1"))
    cashier = hall.cashier()
    posted = post(hall, order(hall.patient(), (code, 1)))
    reprice(hall, {first: "300.00"})
    hall.hospital.drain()
    assert amounts_now(hall, posted) == ["83.33", "166.67"], "members' prices are none of its business"
    version = set_price(hall, code, "301.00")
    hall.hospital.drain()
    assert amounts_now(hall, posted) == ["100.33", "200.67"]
    assert {str(row["price_version_id"]) for row in kept(hall, posted)} == {version}
    latest = set_price(hall, code, "310.00")
    changed = hall.settle(cashier, posted, "301.00")
    assert (changed.status_code, changed.json()["total"]) == (409, "310.00"), "nobody told yet"
    sold = ok(hall.settle(cashier, posted, "310.00"))
    assert sold["total"] == "310.00"
    with hall.hospital.tx("hq") as tx:
        listed = billing.charges_at_version(tx, UUID(latest), UUID(int=0), 10)
    assert {one.charge_id for one in listed} == {one.charge_id for one in posted}, "whom a correction concerns"
    hall.assert_balanced()


def amounts_now(hall: Hall, charges: list[ChargeInfo]) -> list[str]:
    return [str(row["amount"]) for row in kept(hall, charges)]


def test_a_package_half_paid_keeps_its_price(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    code = package(hall, "150.00", (first, "1"), (second, "1"))
    cashier = hall.cashier()
    posted = post(hall, order(hall.patient(), (code, 1)))
    ok(hall.settle(cashier, posted[:1], "50.00"))
    set_price(hall, code, "300.00")
    hall.hospital.drain()
    assert ok(hall.settle(cashier, posted[1:], "100.00"))["total"] == "100.00"
    hall.assert_balanced()


def test_a_package_at_the_window_is_entered_and_withdrawn_whole(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    code = package(hall, "150.00", (first, "1"), (second, "1"), direct_entry=True)
    cashier, patient = hall.cashier(), hall.patient()
    body = {"patient_id": str(patient), "lines": [{"item_code": code, "quantity": "1"}]}
    shown = ok(cashier.caller.post(f"{BILLING}/charges/quote", body))
    assert (shown["total"], len(shown["lines"])) == ("150.00", 2)
    entered = ok(cashier.caller.post(f"{BILLING}/charges", body))
    void = {"version": entered[0]["version"], "reason": "开错"}
    ok(cashier.caller.post(f"{BILLING}/charges/{entered[0]['charge_id']}/void", void))
    states = hall.hospital.rows("SELECT status FROM payments.charges WHERE patient_id = %s", [patient])
    assert [row["status"] for row in states] == ["voided", "voided"]
    again = ok(cashier.caller.post(f"{BILLING}/charges", body))
    ok(hall.settle(cashier, [again[0]["charge_id"]], "50.00", cash("50.00")))
    census = hall.hospital.census()
    void = {"version": again[1]["version"], "reason": "开错"}
    kept_whole = cashier.caller.post(f"{BILLING}/charges/{again[1]['charge_id']}/void", void)
    refused(kept_whole, 409, "charge_not_voidable")
    assert hall.hospital.census()["payments.charges"] == census["payments.charges"]
    closed = package(hall, "150.00", (first, "1"))
    body = {"patient_id": str(patient), "lines": [{"item_code": closed, "quantity": "1"}]}
    refused(cashier.caller.post(f"{BILLING}/charges", body), 422, "not_direct_entry")


def test_a_package_of_a_stopped_member_is_not_charged(hall: Hall) -> None:
    (first,) = items(hall, "100.00")
    code = package(hall, "150.00", (first, "1"))
    checker = hall.hospital.caller("price_checker")
    version = ok(checker.get(f"{PRICES}/items/{first}"))["item"]["version"]
    ok(checker.post(f"{PRICES}/items/{first}/stop", {"version": version, "reason": "停"}))
    problem = refusal(hall, order(hall.patient(), (code, 1)))
    assert (problem.code, problem.extra["member_code"]) == ("package_unusable", first)


def test_a_fraction_of_a_package_no_line_can_hold_is_refused(hall: Hall) -> None:
    (first,) = items(hall, "100.00")
    code = package(hall, "90.00", (first, "0.3333"))
    assert refusal(hall, order(hall.patient(), (code, "0.3333"))).code == "invalid"


def test_a_branch_without_the_approved_price_is_refused(hall: Hall) -> None:
    (first,) = items(hall, "100.00")
    code = package(hall, "90.00", (first, "1"))
    with pytest.raises(Problem) as told, hall.hospital.tx("mch") as tx:
        billing.post_charges(tx, order(hall.patient("mch"), (code, 1)))
    assert told.value.code == "no_price"


def shares_broken(hall: Hall) -> int:
    names = frozenset({"catalogue.prices_package_shares"})
    [found] = run(hall.hospital.settings.auditor_database_url, names)
    return found.count


def test_the_check_of_shares_finds_a_lost_cent(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    code = package(hall, "99.99", (first, "1"), (second, "1"))
    posted = post(hall, order(hall.patient(), (code, 1)))
    assert shares_broken(hall) == 0, "every package of this file adds up"
    change = (
        "UPDATE payments.charges SET amount = amount {0} 0.01, unit_price = unit_price {0} 0.01 WHERE charge_id = %s"
    )
    hall.hospital.execute(change.format("+"), [posted[0].charge_id])
    assert shares_broken(hall) == 1
    hall.hospital.execute(change.format("-"), [posted[0].charge_id])


def test_many_of_a_package_add_up_too(hall: Hall) -> None:
    first, second = items(hall, "33.33", "66.67")
    code = package(hall, "77.77", (first, "7"), (second, "0.3333"))
    posted = post(hall, order(hall.patient(), (code, 130)))
    assert sum((one.amount for one in posted), ZERO) == Decimal("10110.10")
    assert [one.quantity for one in posted] == [Decimal(910), Decimal("43.329")]
    rows = kept(hall, posted)
    assert [row["amount"] + row["taken_off"] for row in rows] == [
        round_money(row["unit_price"] * one.quantity) for row, one in zip(rows, posted, strict=True)
    ]
