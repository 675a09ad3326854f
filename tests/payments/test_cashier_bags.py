"""Sealed bags of cash: packed, handed to the bank's courier, counted by the bank, explained; and what is refused."""

from concurrent.futures import ThreadPoolExecutor
from itertools import count
from typing import Any

import pytest

from tests.payments.conftest import CASHIER, Cashier, Hall, pieces, refused
from tests.shared.print_probe import text_of
from tests.support.clinic import ok
from tests.support.hospital import Caller

SEALS = count(1)


def seal() -> str:
    return f"FQ{next(SEALS):06d}"


def slip(hall: Hall, cashier: Cashier, amount: str = "20.00") -> dict[str, Any]:
    body = {"amount": amount, "denominations": pieces(amount)}
    return dict(ok(cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins", body)))


def packing(*slips: dict[str, Any], amount: str, seal_no: str | None = None) -> dict[str, Any]:
    return {"seal_no": seal_no or seal(), "amount": amount, "hand_in_ids": [one["hand_in_id"] for one in slips]}


def handing(*bags: dict[str, Any]) -> dict[str, Any]:
    return {
        "bags": [{"bag_id": bag["bag_id"], "version": bag["version"]} for bag in bags],
        "company": "农业银行安和县支行",
        "courier_name": "韦志强",
        "courier_no": "YY-0317",
    }


def counting(bag: dict[str, Any], amount: str, **more: Any) -> dict[str, Any]:
    return {"version": bag["version"], "counted_amount": amount, "bank_receipt_no": "NY-20260302-7", **more}


def read(caller: Caller, bag: dict[str, Any]) -> dict[str, Any]:
    return dict(ok(caller.get(f"{CASHIER}/bags/{bag['bag_id']}")))


def sent(hall: Hall, lead: Caller, *slips: dict[str, Any], amount: str) -> dict[str, Any]:
    """A bag with the bank's courier."""
    bag = ok(lead.post(f"{CASHIER}/bags", packing(*slips, amount=amount)))
    ok(lead.post(f"{CASHIER}/collections", handing(bag)))
    return read(lead, bag)


def test_a_bag_goes_to_the_bank_and_is_counted(hall: Hall) -> None:
    cashier, lead, finance = hall.cashier(), hall.lead(), hall.finance()
    one, two = slip(hall, cashier, "20.00"), slip(hall, cashier, "50.50")
    waiting = ok(lead.get(f"{CASHIER}/slips-to-bag"))["items"]
    assert [row["hand_in_no"] for row in waiting[:2]] == [two["hand_in_no"], one["hand_in_no"]]
    bag = ok(lead.post(f"{CASHIER}/bags", packing(one, two, amount="70.50")))
    assert (bag["state_label"], bag["amount"], bag["slip_count"], bag["days_underway"]) == ("已封袋", "70.50", 2, 0)
    left = {row["hand_in_id"] for row in ok(lead.get(f"{CASHIER}/slips-to-bag"))["items"]}
    assert left.isdisjoint({one["hand_in_id"], two["hand_in_id"]})
    collection = ok(lead.post(f"{CASHIER}/collections", handing(bag)))
    assert collection["collection_no"].startswith("HS")
    assert (collection["bag_count"], collection["amount"]) == (1, "70.50")
    bag = read(lead, bag)
    assert (bag["state"], bag["collection_id"]) == ("handed_over", collection["collection_id"])
    assert [row["hand_in_no"] for row in bag["slips"]] == [one["hand_in_no"], two["hand_in_no"]]
    path = f"{CASHIER}/bags/{bag['bag_id']}"
    counted = ok(finance.post(f"{path}/count", counting(bag, "70.50")))
    assert (counted["state"], counted["difference"], counted["days_underway"]) == ("counted", "0.00", None)
    refused(
        finance.post(f"{path}/explain", {"version": counted["version"], "explanation": "无"}), 409, "nothing_to_explain"
    )
    hall.assert_balanced()


def test_a_bag_is_counted_once(hall: Hall) -> None:
    lead, finance = hall.lead(), hall.finance()
    bag = sent(hall, lead, slip(hall, hall.cashier()), amount="20.00")
    path = f"{CASHIER}/bags/{bag['bag_id']}/count"
    callers = [hall.finance(), hall.finance()]
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda caller: caller.post(path, counting(bag, "20.00")), callers))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    census = hall.hospital.census()
    again = refused(finance.post(path, counting(bag, "19.00", version=bag["version"] + 1)), 409, "bag_counted")
    assert "20.00" in again["detail"]
    assert hall.hospital.census() == census
    assert read(lead, bag)["counted_amount"] == "20.00"


def test_a_difference_is_explained_by_finance(hall: Hall) -> None:
    lead, finance = hall.lead(), hall.finance()
    bag = sent(hall, lead, slip(hall, hall.cashier()), amount="20.00")
    path = f"{CASHIER}/bags/{bag['bag_id']}"
    counted = ok(finance.post(f"{path}/count", counting(bag, "15.00")))
    assert counted["difference"] == "-5.00"
    explanation = {"version": counted["version"], "explanation": "银行退回5元残币一张"}
    refused(lead.post(f"{path}/explain", explanation), 403, "permission_denied")
    refused(finance.post(f"{path}/explain", explanation | {"version": 1}), 409, "version_conflict")
    explained = ok(finance.post(f"{path}/explain", explanation))
    assert (explained["explanation"], explained["explained_by_name"]) == ("银行退回5元残币一张", "周建国")
    census = hall.hospital.census()
    again = explanation | {"version": explained["version"]}
    refused(finance.post(f"{path}/explain", again), 409, "nothing_to_explain")
    assert hall.hospital.census() == census


def test_who_packs_or_hands_over_does_not_record_the_banks_count(hall: Hall) -> None:
    both = hall.hospital.caller("cashier_lead", "finance")
    bag = sent(hall, both, slip(hall, hall.cashier()), amount="20.00")
    census = hall.hospital.census()
    path = f"{CASHIER}/bags/{bag['bag_id']}"
    refused(both.post(f"{path}/count", counting(bag, "20.00")), 422, "same_person")
    assert hall.hospital.census() == census
    packer, carrier = hall.lead(), hall.hospital.caller("cashier_lead", "finance")
    other = ok(packer.post(f"{CASHIER}/bags", packing(slip(hall, hall.cashier()), amount="20.00")))
    ok(carrier.post(f"{CASHIER}/collections", handing(other)))
    refused(
        carrier.post(f"{CASHIER}/bags/{other['bag_id']}/count", counting(read(packer, other), "20.00")),
        422,
        "same_person",
    )
    counted = ok(hall.finance().post(f"{CASHIER}/bags/{other['bag_id']}/count", counting(read(packer, other), "21.00")))
    explain = {"version": counted["version"], "explanation": "多一元"}
    refused(carrier.post(f"{CASHIER}/bags/{other['bag_id']}/explain", explain), 422, "same_person")


def test_packing_is_refused_with_nothing_written(hall: Hall) -> None:
    cashier, lead = hall.cashier(), hall.lead()
    one, two = slip(hall, cashier), slip(hall, cashier)
    first = ok(lead.post(f"{CASHIER}/bags", packing(one, amount="20.00")))
    census = hall.hospital.census()
    refused(lead.post(f"{CASHIER}/bags", packing(one, two, amount="40.00")), 409, "slip_bagged")
    refused(lead.post(f"{CASHIER}/bags", packing(two, amount="40.00")), 422, "bag_amount_differs")
    refused(lead.post(f"{CASHIER}/bags", packing(two, amount="20.00", seal_no=first["seal_no"])), 409, "seal_used")
    refused(hall.lead("mch").post(f"{CASHIER}/bags", packing(two, amount="20.00")), 404, "not_found")
    refused(cashier.caller.post(f"{CASHIER}/bags", packing(two, amount="20.00")), 403, "permission_denied")
    assert hall.hospital.census() == census


def test_an_opened_bag_frees_its_slips(hall: Hall) -> None:
    lead = hall.lead()
    row = slip(hall, hall.cashier())
    bag = ok(lead.post(f"{CASHIER}/bags", packing(row, amount="20.00")))
    opening = {"version": bag["version"], "reason": "封签破损"}
    opened = ok(lead.post(f"{CASHIER}/bags/{bag['bag_id']}/open", opening))
    assert (opened["state"], opened["open_reason"]) == ("opened", "封签破损")
    census = hall.hospital.census()
    gone = opening | {"version": opened["version"]}
    refused(lead.post(f"{CASHIER}/bags/{bag['bag_id']}/open", gone), 409, "bag_not_ready")
    refused(lead.post(f"{CASHIER}/collections", handing(opened)), 409, "bag_not_ready")
    refused(
        hall.finance().post(f"{CASHIER}/bags/{bag['bag_id']}/count", counting(opened, "20.00")), 409, "bag_not_ready"
    )
    assert hall.hospital.census() == census
    again = sent(hall, lead, row, amount="20.00")
    census = hall.hospital.census()
    refused(
        lead.post(f"{CASHIER}/bags/{again['bag_id']}/open", opening | {"version": again["version"]}),
        409,
        "bag_not_ready",
    )
    refused(lead.post(f"{CASHIER}/collections", handing(again)), 409, "bag_not_ready")
    assert hall.hospital.census() == census
    hall.assert_balanced()


def test_a_bag_changed_meanwhile_is_not_handed_over(hall: Hall) -> None:
    lead = hall.lead()
    bag = ok(lead.post(f"{CASHIER}/bags", packing(slip(hall, hall.cashier()), amount="20.00")))
    census = hall.hospital.census()
    refused(lead.post(f"{CASHIER}/collections", handing(bag | {"version": 9})), 409, "version_conflict")
    refused(hall.lead("mch").post(f"{CASHIER}/collections", handing(bag)), 404, "not_found")
    assert hall.hospital.census() == census
    refused(hall.lead("mch").get(f"{CASHIER}/bags/{bag['bag_id']}"), 404, "not_found")


def test_finance_receives_no_shift_whose_bag_is_underway(hall: Hall) -> None:
    cashier, lead, finance = hall.cashier(amount="100.00"), hall.lead(), hall.finance()
    row = slip(hall, cashier, "20.00")
    closed = hall.close(cashier)
    assert closed["float_kept"] == "80.00"
    bag = sent(hall, lead, row, amount="20.00")
    path = f"{CASHIER}/shifts/{cashier.shift_id}/receive"
    body = {"version": closed["version"], "amount": "20.00", "bank_slip_no": "NY-1"}
    census = hall.hospital.census()
    assert bag["seal_no"] in refused(finance.post(path, body), 409, "bag_unsettled")["detail"]
    assert hall.hospital.census() == census
    counted = ok(finance.post(f"{CASHIER}/bags/{bag['bag_id']}/count", counting(bag, "19.00")))
    refused(finance.post(path, body), 409, "bag_unsettled")
    explain = {"version": counted["version"], "explanation": "假币没收一元"}
    ok(finance.post(f"{CASHIER}/bags/{bag['bag_id']}/explain", explain))
    assert ok(finance.post(path, body))["state"] == "received"
    late = hall.cashier(amount="100.00")
    loose = slip(hall, late, "20.00")
    done = hall.close(late)
    ok(
        finance.post(
            f"{CASHIER}/shifts/{late.shift_id}/receive",
            {"version": done["version"], "amount": "20.00", "bank_slip_no": "NY-2"},
        )
    )
    refused(lead.post(f"{CASHIER}/bags", packing(loose, amount="20.00")), 409, "slip_received")
    hall.assert_balanced()


def test_bags_underway_for_days_are_listed(hall: Hall) -> None:
    lead, cashier = hall.lead("mch"), hall.cashier("mch")
    bags = [ok(lead.post(f"{CASHIER}/bags", packing(slip(hall, cashier), amount="20.00"))) for _ in range(3)]
    ok(lead.post(f"{CASHIER}/collections", handing(bags[0])))
    everything = [bag["bag_id"] for bag in reversed(bags)]
    assert ok(lead.get(f"{CASHIER}/bags/underway", days=2))["items"] == []
    try:
        hall.hospital.clock.move(days=2)
        late = hall.lead("mch")
        page = ok(late.get(f"{CASHIER}/bags/underway", days=2, limit=2))
        assert [bag["bag_id"] for bag in page["items"]] == everything[:2]
        assert {bag["days_underway"] for bag in page["items"]} == {2}
        rest = ok(late.get(f"{CASHIER}/bags/underway", days=2, limit=2, cursor=page["next"]))
        assert [bag["bag_id"] for bag in rest["items"]] == everything[2:]
    finally:
        hall.hospital.clock.move(days=-2)
    sealed = ok(lead.get(f"{CASHIER}/bags", state="sealed", limit=1))
    assert [bag["bag_id"] for bag in sealed["items"]] == everything[:1]
    assert [bag["bag_id"] for bag in ok(lead.get(f"{CASHIER}/bags", state="handed_over"))["items"]] == everything[2:]
    assert ok(hall.hospital.caller("cashier_lead").get(f"{CASHIER}/bags/underway", limit=200))["items"] is not None
    slips = ok(lead.get(f"{CASHIER}/slips-to-bag", limit=1))
    assert slips == {"items": [], "next": None}


def test_the_slip_lists_every_bag_for_two_signatures(hall: Hall) -> None:
    cashier, lead = hall.cashier("mch"), hall.lead("mch")
    bags = [
        ok(lead.post(f"{CASHIER}/bags", packing(slip(hall, cashier, amount), amount=amount)))
        for amount in ("20.00", "30.50")
    ]
    collection = ok(lead.post(f"{CASHIER}/collections", handing(*bags)))
    path = f"{CASHIER}/collections/{collection['collection_id']}"
    assert {bag["seal_no"] for bag in ok(lead.get(path))["bags"]} == {bag["seal_no"] for bag in bags}
    assert [ok(lead.post(f"{path}/slips"))["copy_number"] for _ in range(2)] == [1, 2]
    answer = lead.get(f"{path}/slip.pdf")
    text = "".join("".join(text_of(answer.content)).split())
    for said in (collection["collection_no"], *[bag["seal_no"] for bag in bags], "50.50", "YY-0317", "补打"):
        assert said in text
    assert "移交人（王秀兰）签字" in text
    assert "收款员（韦志强）签字" in text
    assert [one["collection_no"] for one in ok(lead.get(f"{CASHIER}/collections", limit=1))["items"]] == [
        collection["collection_no"]
    ]
    refused(hall.lead().get(path), 404, "not_found")
    refused(hall.lead().post(f"{path}/slips"), 404, "not_found")


@pytest.mark.parametrize("wrong", [{"bags": []}, {"courier_no": "证 件"}])
def test_a_call_of_the_courier_says_who_came(hall: Hall, wrong: dict[str, Any]) -> None:
    lead = hall.lead()
    bag = ok(lead.post(f"{CASHIER}/bags", packing(slip(hall, hall.cashier()), amount="20.00")))
    assert lead.post(f"{CASHIER}/collections", handing(bag) | wrong).status_code == 422
