"""Settlements: previewed, paid in one step or in several, refused without a trace."""

import re
from decimal import Decimal
from uuid import uuid4

import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.problems import ChargeHeld
from functions.payments.billing.rules import ACCEPTED, Method
from functions.payments.billing.schemas import Settle, TenderInput
from functions.payments.billing.service import ChargeInfo
from functions.payments.cashier.problems import CashNotTaken
from shared.identity.actor import Actor
from shared.schemas import SHANGHAI
from tests.payments.conftest import BILLING, SOURCE, Hall, cash, refused, staff
from tests.payments.measuring import measured_sale
from tests.support.clinic import ok

SETTLEMENTS = f"{BILLING}/settlements"


def test_a_cash_sale_in_one_request(hall: Hall) -> None:
    cashier, patient, encounter = hall.cashier(), hall.patient(), uuid4()
    charges = hall.post(patient, ("drug", 3), ("lab50", 1), encounter_id=encounter)
    sold = ok(hall.settle(cashier, charges, "87.04", cash("87.04", received="100.00")))
    day = f"{hall.hospital.clock().astimezone(SHANGHAI):%y%m%d}"
    assert (sold["state"], sold["total"], sold["due"]) == ("completed", "87.04", "0.00")
    assert (sold["cash_received"], sold["change"]) == ("100.00", "12.96")
    assert re.fullmatch(rf"H{day}\d{{5}}", sold["settlement_no"])
    assert re.fullmatch(rf"HP{day}\d{{5}}", sold["receipt_no"])
    assert sold["encounter_id"] == str(encounter)
    assert {line["status"] for line in sold["lines"]} == {"paid"}
    stored = ok(cashier.caller.get(f"{SETTLEMENTS}/{sold['settlement_id']}"))
    assert stored == sold
    told = hall.hospital.events("charges_settled")[-1]["data"]
    assert (told["settlement_no"], told["total"], told["owed"]) == (sold["settlement_no"], "87.04", "0.00")
    assert {line["source_id"] for line in told["lines"]} == {
        row["source_id"]
        for row in hall.hospital.rows("SELECT source_id FROM payments.charges WHERE encounter_id = %s", [encounter])
    }
    assert hall.hospital.events("receipt_issued")[-1]["data"]["amount"] == "87.04"
    hall.assert_balanced()


def test_a_repeated_sale_gives_the_first_answer(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    first = ok(hall.settle(cashier, charges, "50.00", key="sale-0001"))
    census = hall.hospital.census()
    again = hall.settle(cashier, charges, "50.00", key="sale-0001")
    assert ok(again) == first
    assert again.headers["idempotent-replayed"] == "true"
    refused(
        hall.settle(cashier, charges, "50.00", cash("50.00", "60.00"), key="sale-0001"), 422, "idempotency_key_reused"
    )
    assert hall.hospital.census() == census
    refused(hall.settle(cashier, charges, "50.00"), 409, "charge_not_open")


@pytest.mark.case("01", 2)
def test_tenders_must_add_up_to_the_cent(hall: Hall) -> None:
    """12.345 x 3 and 0.0333 x 7 make 37.27; relief 20.00 + contract 10.00 + cash 7.27 complete; 7.26 does not."""
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("drug", 3), ("herb", 7))
    assert [str(charge.amount) for charge in charges] == ["37.04", "0.23"]
    others = (
        {"method": "relief", "amount": "20.00", "reference": "JM2026-0031"},
        {"method": "contract", "amount": "10.00", "reference": "县水务局"},
    )
    census = hall.hospital.census()
    problem = refused(hall.settle(cashier, charges, "37.27", *others, cash("7.26")), 422, "tenders_differ")
    assert (problem["due"], problem["given"]) == ("37.27", "37.26")
    refused(hall.settle(cashier, charges, "37.27", *others, cash("7.28")), 422, "tenders_differ")
    assert hall.hospital.census() == census
    sold = ok(hall.settle(cashier, charges, "37.27", *others, cash("7.27")))
    assert (sold["state"], sold["tendered"]) == ("completed", "37.27")
    hall.assert_balanced()


@pytest.mark.case("01", 2)
def test_the_same_bill_in_steps(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("drug", 3), ("herb", 7))
    started = start(hall, cashier, charges, "37.27")
    path = f"{SETTLEMENTS}/{started['settlement_id']}"
    assert (started["state"], started["due"], started["settlement_no"]) == ("draft", "37.27", None)
    paying = ok(cashier.caller.post(f"{path}/tenders", {"method": "relief", "amount": "20.00", "reference": "JM-1"}))
    assert (paying["state"], paying["due"]) == ("paying", "17.27")
    ok(cashier.caller.post(f"{path}/tenders", {"method": "contract", "amount": "10.00", "reference": "水务局"}))
    refused(cashier.caller.post(f"{path}/tenders", cash("7.26")), 422, "cash_comes_last")
    refused(cashier.caller.post(f"{path}/tenders", cash("7.28")), 422, "tenders_differ")
    assert ok(cashier.caller.get(path))["state"] == "paying"
    done = ok(cashier.caller.post(f"{path}/tenders", cash("7.27", received="10.00")))
    assert (done["state"], done["due"], done["change"]) == ("completed", "0.00", "2.73")
    assert done["receipt_no"] is not None
    refused(cashier.caller.post(f"{path}/tenders", cash("1.00")), 409, "settlement_not_open")
    hall.assert_balanced()


@pytest.mark.parametrize("method", sorted(set(Method) - ACCEPTED))
def test_means_a_single_request_cannot_prove(hall: Hall, method: str) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    census = hall.hospital.census()
    tender = {"method": method, "amount": "50.00"}
    assert refused(hall.settle(cashier, charges, "50.00", tender), 422, "tender_elsewhere")["method"] == method
    assert hall.hospital.census() == census


def test_tenders_say_all_they_must(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    census = hall.hospital.census()
    fifty = {"amount": "50.00"}
    for tender in (
        {"method": "contract"},
        {"method": "relief"},
        {"method": "debt"},
        {"method": "debt", "note": "绿色通道"},
        {"method": "debt", "note": "绿色通道", "approved_by": str(cashier.caller.staff_id)},
        {"method": "relief", "reference": "JM-1", "received": "60.00"},
    ):
        answer = hall.settle(cashier, charges, "50.00", tender | fifty)
        assert answer.status_code in (404, 422), answer.text
    refused(hall.settle(cashier, charges, "50.00", cash("50.00", received="49.99")), 422, "cash_short")
    refused(hall.settle(cashier, charges, "50.00", cash("20.00"), cash("30.00")), 422, "tender_incomplete")
    assert hall.hospital.census() == census


def test_no_sale_without_an_open_shift(hall: Hall) -> None:
    caller = hall.hospital.caller("registrar")
    charges = hall.post(hall.patient(), ("lab50", 1))
    census = hall.hospital.census()
    refused(hall.settle(caller, charges, "50.00"), 409, "no_open_shift")
    assert hall.hospital.census() == census
    kiosk = hall.hospital.caller("registrar", campus="mch")
    refused(hall.settle(kiosk, charges, "50.00"), 409, "no_open_shift")


def test_bills_of_several_people_are_not_joined(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1)) + hall.post(hall.patient(), ("lab50", 1))
    refused(hall.settle(cashier, charges, "100.00"), 422, "several_patients")


def test_unknown_and_foreign_charges(hall: Hall) -> None:
    cashier = hall.cashier()
    foreign = hall.post(hall.patient(), ("lab50", 1), campus="mch")
    census = hall.hospital.census()
    refused(hall.settle(cashier, foreign, "45.00"), 404, "charge_unknown")
    refused(hall.settle(cashier, [str(uuid4())], "45.00"), 404, "charge_unknown")
    assert hall.hospital.census() == census


def test_the_total_is_what_the_patient_was_told(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1), ("drug", 1))
    census = hall.hospital.census()
    problem = refused(hall.settle(cashier, charges, "60.00"), 409, "price_changed")
    assert problem["total"] == "62.35"
    assert hall.hospital.census() == census
    shown = ok(cashier.caller.post(f"{SETTLEMENTS}/preview", {"charge_ids": [str(one.charge_id) for one in charges]}))
    assert (shown["total"], shown["fingerprint"]) == ("62.35", problem["fingerprint"])
    refused(hall.settle(cashier, charges, "62.35", cash("62.35"), fingerprint="0" * 24), 409, "price_changed")
    ok(hall.settle(cashier, charges, "62.35", cash("62.35"), fingerprint=shown["fingerprint"]))


def test_a_new_price_before_the_settlement(hall: Hall) -> None:
    hall.publish({"moving": ("将调价项目", "05", "10.0000")})
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("moving", 3))
    ids = {"charge_ids": [str(charges[0].charge_id)]}
    before = ok(cashier.caller.post(f"{SETTLEMENTS}/preview", ids))
    assert (before["total"], before["repriced"]) == ("30.00", [])
    hall.hospital.clock.move(minutes=1)
    hall.publish({"moving": ("将调价项目", "05", "11.0000")})
    hall.hospital.clock.move(minutes=1)
    census = hall.hospital.census()
    problem = refused(hall.settle(cashier, charges, "30.00"), 409, "price_changed")
    assert problem["title"] == "价格已变"
    assert hall.hospital.census() == census
    after = ok(cashier.caller.post(f"{SETTLEMENTS}/preview", ids))
    assert (after["total"], after["repriced"]) == ("33.00", ids["charge_ids"])
    assert after["charges"][0]["unit_price"] == "11.0000"
    sold = ok(hall.settle(cashier, charges, "33.00", cash("33.00"), fingerprint=after["fingerprint"]))
    assert sold["lines"][0]["amount"] == "33.00"
    assert ok(cashier.caller.get(f"{BILLING}/charges/{charges[0].charge_id}"))["repriced_at"] is not None
    hall.assert_balanced()


def test_preview_refuses_what_cannot_be_settled(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 1), total="50.00")
    preview = f"{SETTLEMENTS}/preview"
    ids = {"charge_ids": [sold["lines"][0]["charge_id"]]}
    refused(cashier.caller.post(preview, ids), 409, "charge_not_open")
    refused(hall.cashier("mch").caller.post(preview, ids), 404, "charge_unknown")


def test_a_bill_of_nothing_is_settled_without_money(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = ok(hall.settle(cashier, hall.post(hall.patient(), ("free", 1)), "0.00"))
    assert (sold["state"], sold["receipt_no"], sold["tenders"]) == ("completed", None, [])
    started = start(hall, cashier, hall.post(hall.patient(), ("free", 1)), "0.00")
    done = ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/complete"))
    assert done["state"] == "completed"
    unpaid = start(hall, cashier, hall.post(hall.patient(), ("lab50", 1)), "50.00")
    refused(cashier.caller.post(f"{SETTLEMENTS}/{unpaid['settlement_id']}/complete"), 422, "tenders_differ")
    hall.assert_balanced()


def test_a_started_settlement_holds_its_lines(hall: Hall) -> None:
    cashier, other = hall.cashier(), hall.cashier(name="黄秋月")
    charges = hall.post(hall.patient(), ("lab50", 1))
    started = start(hall, cashier, charges, "50.00")
    path = f"{SETTLEMENTS}/{started['settlement_id']}"
    problem = refused(hall.settle(other, charges, "50.00"), 423, "charge_held")
    assert (problem["holder_name"], problem["settlement_id"]) == ("刘晓燕", started["settlement_id"])
    assert problem["held_since"]
    assert "刘晓燕" in problem["detail"]
    refused(other.caller.post(f"{path}/tenders", cash("50.00")), 423, "settlement_held")
    refused(other.caller.post(f"{path}/cancel", {"version": 1, "reason": "抢单"}), 423, "settlement_held")
    refused(cashier.caller.post(f"{path}/cancel", {"version": 7, "reason": "不付了"}), 409, "version_conflict")
    unfinished = ok(cashier.caller.get(f"{SETTLEMENTS}/unfinished"))
    assert started["settlement_id"] in {one["settlement_id"] for one in unfinished}
    source = hall.hospital.value("SELECT source_id FROM payments.charges WHERE charge_id = %s", [charges[0].charge_id])
    with pytest.raises(ChargeHeld, match="刘晓燕"), hall.hospital.tx("hq") as tx:
        billing.void_source(tx, SOURCE, source, "取消")
    assert ok(cashier.caller.post(f"{path}/cancel", {"version": 1, "reason": "不付了"}))["state"] == "cancelled"
    refused(cashier.caller.post(f"{path}/tenders", cash("50.00")), 409, "settlement_not_open")
    ok(hall.settle(other, charges, "50.00"))
    hall.assert_balanced()


def test_a_cancelled_settlement_gives_its_tenders_up(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    started = start(hall, cashier, charges, "50.00")
    path = f"{SETTLEMENTS}/{started['settlement_id']}"
    paying = ok(cashier.caller.post(f"{path}/tenders", {"method": "relief", "amount": "5.00", "reference": "JM-2"}))
    ok(cashier.caller.post(f"{path}/cancel", {"version": paying["version"], "reason": "改日再付"}))
    assert [tender["state"] for tender in ok(cashier.caller.get(path))["tenders"]] == ["cancelled"]
    ok(hall.settle(cashier, charges, "50.00"))
    hall.assert_balanced()


def test_stale_settlements_are_swept(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    started = start(hall, cashier, charges, "50.00")
    with hall.hospital.tx("hq") as tx:
        billing.cancel_stale_settlements(tx)
    path = f"{SETTLEMENTS}/{started['settlement_id']}"
    assert ok(cashier.caller.get(path))["state"] == "draft"
    try:
        hall.hospital.clock.move(minutes=5)
        assert ok(cashier.caller.get(path))["stale"] is True
        with hall.hospital.tx("mch") as tx:
            assert billing.cancel_stale_settlements(tx) == []
        with hall.hospital.tx("hq") as tx:
            assert billing.cancel_stale_settlements(tx) != []
            assert billing.cancel_stale_settlements(tx) == []
    finally:
        hall.hospital.clock.move(minutes=-5)
    assert ok(cashier.caller.get(path))["state"] == "cancelled"
    ok(hall.settle(cashier, charges, "50.00"))


def test_anybody_cancels_a_stale_settlement(hall: Hall) -> None:
    cashier, other = hall.cashier(), hall.cashier()
    started = start(hall, cashier, hall.post(hall.patient(), ("lab50", 1)), "50.00")
    try:
        hall.hospital.clock.move(minutes=6)
        body = {"version": 1, "reason": "无人办理"}
        ok(other.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/cancel", body))
    finally:
        hall.hospital.clock.move(minutes=-6)


@pytest.mark.case("01", 9)
def test_campuses_are_walled(hall: Hall) -> None:
    sold = hall.sold(hall.cashier("mch"), ("lab50", 1), total="45.00")
    path = f"{SETTLEMENTS}/{sold['settlement_id']}"
    cashier = hall.cashier("hq")
    refused(cashier.caller.get(path), 404, "settlement_unknown")
    refused(cashier.caller.get(f"{path}/slip.pdf"), 404, "settlement_unknown")
    census = hall.hospital.census()
    refused(hall.refund(cashier.caller, sold, (0, 1)), 404, "settlement_unknown")
    overview = hall.hospital.caller("consortium_finance")
    assert ok(overview.get(path))["settlement_no"] == sold["settlement_no"]
    refused(hall.refund(overview, sold, (0, 1)), 403, "permission_denied")
    both = hall.hospital.caller(at={"hq": ["consortium_finance", "registrar"]})
    refused(hall.refund(both, sold, (0, 1)), 404, "settlement_unknown")
    assert hall.hospital.census() == census


def test_settlements_are_found_by_number_and_listed(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 1), total="50.00")
    for number in (sold["settlement_no"], sold["receipt_no"]):
        found = ok(cashier.caller.get(SETTLEMENTS, number=number))["items"]
        assert [one["settlement_id"] for one in found] == [sold["settlement_id"]]
    assert ok(hall.cashier("mch").caller.get(SETTLEMENTS, number=sold["settlement_no"]))["items"] == []
    of_patient = ok(cashier.caller.get(SETTLEMENTS, patient_id=sold["patient_id"]))["items"]
    assert [one["settlement_id"] for one in of_patient] == [sold["settlement_id"]]
    page = ok(cashier.caller.get(SETTLEMENTS, limit=1))
    assert page["items"][0]["settlement_id"] == sold["settlement_id"]
    assert page["next"] == sold["settlement_id"]


def test_the_slip_counts_its_copies(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 1), ("drug", 2), total="74.69")
    path = f"{SETTLEMENTS}/{sold['settlement_id']}"
    assert [ok(cashier.caller.post(f"{path}/slips"))["copy_number"] for _ in range(2)] == [1, 2]
    answer = cashier.caller.get(f"{path}/slip.pdf")
    assert answer.status_code == 200, answer.text
    assert answer.content.startswith(b"%PDF")
    started = start(hall, cashier, hall.post(hall.patient(), ("lab50", 1)), "50.00")
    refused(cashier.caller.get(f"{SETTLEMENTS}/{started['settlement_id']}/slip.pdf"), 409, "settlement_not_open")


def test_a_debt_tender_needs_who_answers_for_it(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    tender = {"method": "debt", "amount": "50.00", "note": "绿色通道", "approved_by": str(staff(hall.hospital))}
    sold = ok(hall.settle(cashier, charges, "50.00", tender))
    assert (sold["owed"], sold["receipt_no"], sold["lines"][0]["status"]) == ("50.00", None, "owed")
    unknown = tender | {"approved_by": str(uuid4())}
    assert hall.settle(cashier, hall.post(hall.patient(), ("lab50", 1)), "50.00", unknown).status_code == 404


def test_a_machine_works_in_its_channels_shift_and_takes_no_cash(hall: Hall) -> None:
    kiosk = Actor(
        kind="device", subject="device:kiosk-7", name="自助机7", campus="hq", posts={"hq": frozenset({"device:kiosk"})}
    )
    bill, nothing = hall.post(hall.patient(), ("lab50", 1)), hall.post(hall.patient(), ("free", 1))

    def command(charges: list[ChargeInfo], total: str, *tenders: TenderInput) -> Settle:
        ids = [charge.charge_id for charge in charges]
        return Settle(charge_ids=ids, expected_total=Decimal(total), tenders=tenders)

    fifty = TenderInput(method=Method.CASH, amount=Decimal("50.00"))
    with pytest.raises(CashNotTaken), hall.hospital.tx("hq", kiosk) as tx:
        billing.settle(tx, command(bill, "50.00", fifty))
    with hall.hospital.tx("hq", kiosk) as tx:
        settled = billing.settle(tx, command(nothing, "0.00"))
    assert (settled.settlement.channel, settled.settlement.counter_name) == ("kiosk", "自助机")
    shift = hall.hospital.rows(
        "SELECT kind, channel, state FROM payments.shifts WHERE shift_id = %s", [settled.settlement.shift_id]
    )
    assert shift == [{"kind": "virtual", "channel": "kiosk", "state": "open"}]
    hall.assert_balanced()


def test_statements_and_rounds_of_a_cash_sale(hall: Hall) -> None:
    """The budget of the commonest act at a window: measured, so that nobody adds a query per line unseen."""
    one = measured_sale(hall, 1)
    twenty = measured_sale(hall, 20)
    assert one.rounds == twenty.rounds <= 5
    assert one.statements <= 18
    assert twenty.statements == one.statements, "no statement per line"


def start(hall: Hall, cashier, charges, total: str) -> dict:
    body = {"charge_ids": [str(one.charge_id) for one in charges], "expected_total": total}
    return ok(cashier.caller.post(f"{SETTLEMENTS}/start", body))
