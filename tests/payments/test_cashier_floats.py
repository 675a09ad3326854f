"""Floats raised and lowered during a shift: two persons, the drawer, the forms, the refusals."""

from typing import Any

import psycopg
import pytest

from tests.payments.conftest import BILLING, CASHIER, Cashier, Hall, pieces, refused
from tests.shared.print_probe import text_of
from tests.support.clinic import ok
from tests.support.hospital import Caller


def offer(amount: str, **more: Any) -> dict[str, Any]:
    return {"amount": amount, "denominations": pieces(amount), "reason": "零钱不足", **more}


def raised(hall: Hall, cashier: Cashier, amount: str, lead: Caller | None = None) -> dict[str, Any]:
    """A supervisor hands change and the cashier takes it."""
    path = f"{CASHIER}/shifts/{cashier.shift_id}/float-raises"
    change = ok((lead or hall.lead()).post(path, offer(amount)))
    return dict(ok(cashier.caller.post(f"{CASHIER}/float-raises/{change['change_id']}/confirm", confirm(change))))


def returned(cashier: Cashier, amount: str) -> dict[str, Any]:
    """A cashier hands change back; nobody has confirmed it yet."""
    return dict(ok(cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/float-returns", offer(amount))))


def confirm(change: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"version": change["version"], "amount": change["amount"], **more}


def test_a_float_is_raised_and_lowered_by_two_persons(hall: Hall) -> None:
    cashier, lead = hall.cashier(amount="100.00"), hall.lead()
    change = ok(lead.post(f"{CASHIER}/shifts/{cashier.shift_id}/float-raises", offer("50.00")))
    assert (change["state"], change["direction_label"], change["handed_by_name"]) == ("offered", "增加", "王秀兰")
    assert hall.read_shift(cashier, lead)["cash"]["due"] == "100.00", "nothing moves until it is confirmed"
    done = ok(cashier.caller.post(f"{CASHIER}/float-raises/{change['change_id']}/confirm", confirm(change)))
    assert (done["state"], done["ended_by_name"], done["denominations"]) == ("confirmed", "刘晓燕", {"50": 1})
    hall.sold(cashier, ("lab50", 1), total="50.00")
    back = returned(cashier, "120.00")
    ok(lead.post(f"{CASHIER}/float-returns/{back['change_id']}/confirm", confirm(back)))
    shift = hall.read_shift(cashier, lead)
    assert (shift["opening_float"], shift["float_now"]) == ("100.00", "30.00")
    assert shift["cash"] == {
        "opening_float": "100.00",
        "float_added": "50.00",
        "float_returned": "120.00",
        "received": "50.00",
        "paid_out": "0.00",
        "handed_in": "0.00",
        "due": "80.00",
    }
    changes = ok(cashier.caller.get(f"{CASHIER}/shifts/{cashier.shift_id}/float-changes"))
    assert [(one["direction"], one["amount"], one["state"]) for one in changes] == [
        ("raise", "50.00", "confirmed"),
        ("lower", "120.00", "confirmed"),
    ]
    hall.start_count(cashier)
    closed = ok(hall.count(cashier, "80.00"))
    assert (closed["state"], closed["difference"]) == ("closed", "0.00")
    assert closed["float_kept"] == "30.00", "without another word the float of the shift stays"
    told = hall.hospital.events("shift_closed")[-1]["data"]
    assert (told["float_added"], told["float_returned"], told["opening_float"]) == ("50.00", "120.00", "100.00")
    hall.assert_balanced()


def test_the_cashiers_report_shows_what_the_float_became(hall: Hall) -> None:
    cashier = hall.cashier(amount="100.00")
    raised(hall, cashier, "50.00")
    back = returned(cashier, "20.00")
    ok(hall.lead().post(f"{CASHIER}/float-returns/{back['change_id']}/confirm", confirm(back)))
    hall.sold(cashier, ("lab50", 1), total="50.00")
    hall.start_count(cashier)
    ok(hall.count(cashier, "180.00"))
    report = ok(cashier.caller.get(f"{BILLING}/reports/shifts/{cashier.shift_id}"))
    assert report["net_by_method"] == report["net_by_class"] == "50.00", "a float is no takings"
    assert [one["net"] for one in report["methods"]] == ["50.00"]
    form = cashier.caller.get(f"{BILLING}/reports/shifts/{cashier.shift_id}/report.pdf")
    text = "".join("".join(text_of(form.content)).split())
    assert "加：班中领用备用金50.00" in text
    assert "减：班中退还备用金20.00" in text
    assert "应有现金180.00" in text


def test_one_person_alone_moves_no_float(hall: Hall) -> None:
    both = hall.hospital.caller("registrar", "cashier_lead", name="兼岗")
    cashier = hall.sign_in(both, hall.counter())
    census = hall.hospital.census()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    refused(both.post(f"{path}/float-raises", offer("50.00")), 422, "same_person")
    assert hall.hospital.census() == census
    back = returned(cashier, "50.00")
    census = hall.hospital.census()
    refused(both.post(f"{CASHIER}/float-returns/{back['change_id']}/confirm", confirm(back)), 422, "same_person")
    assert hall.hospital.census() == census
    with pytest.raises(psycopg.errors.CheckViolation):
        hall.hospital.execute(
            "UPDATE payments.float_changes SET state = 'confirmed', ended_by = handed_by, ended_at = now()"
            " WHERE change_id = %s",
            [back["change_id"]],
        )


def test_refusals_leave_the_drawer_as_it_was(hall: Hall) -> None:
    cashier, lead, other = hall.cashier(amount="100.00"), hall.lead(), hall.cashier()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    census = hall.hospital.census()
    refused(lead.post(f"{path}/float-raises", offer("50.00") | {"amount": "60.00"}), 422, "hand_in_amount_differs")
    refused(cashier.caller.post(f"{path}/float-raises", offer("50.00")), 403, "permission_denied")
    refused(other.caller.post(f"{path}/float-returns", offer("50.00")), 403, "not_your_shift")
    refused(hall.lead("mch").post(f"{path}/float-raises", offer("50.00")), 404, "not_found")
    too_much = refused(cashier.caller.post(f"{path}/float-returns", offer("100.01")), 422, "float_too_small")
    assert "100.00" in too_much["detail"]
    assert hall.hospital.census() == census
    change = ok(lead.post(f"{path}/float-raises", offer("50.00")))
    take = f"{CASHIER}/float-raises/{change['change_id']}/confirm"
    census = hall.hospital.census()
    refused(lead.post(f"{path}/float-raises", offer("10.00")), 409, "float_change_waiting")
    refused(cashier.caller.post(take, confirm(change, amount="49.00")), 422, "float_amount_differs")
    refused(cashier.caller.post(take, confirm(change, version=2)), 409, "version_conflict")
    refused(other.caller.post(take, confirm(change)), 403, "not_your_shift")
    wrong_way = f"{CASHIER}/float-returns/{change['change_id']}/confirm"
    refused(hall.lead().post(wrong_way, confirm(change)), 404, "not_found")
    refused(cashier.caller.post(f"{path}/start-count", {"version": 1}), 409, "float_change_waiting")
    assert hall.hospital.census() == census
    ok(cashier.caller.post(take, confirm(change)))
    census = hall.hospital.census()
    refused(cashier.caller.post(take, confirm(change)), 409, "float_change_ended")
    assert hall.hospital.census() == census
    hall.assert_balanced()


def test_a_drawer_that_holds_less_gives_no_float_back(hall: Hall) -> None:
    """A refund took the cash meanwhile; what is asked for and what is confirmed are both looked at."""
    seller, payer, lead = hall.cashier(), hall.cashier(amount="60.00"), hall.lead()
    settlement = hall.sold(seller, ("lab50", 1), total="50.00")
    refund = hall.approved_refund(settlement, (0, 1))
    back = returned(payer, "60.00")
    ok(hall.execute(payer, refund))
    path = f"{CASHIER}/float-returns/{back['change_id']}/confirm"
    census = hall.hospital.census()
    refused(lead.post(path, confirm(back)), 422, "cash_insufficient")
    assert hall.hospital.census() == census
    ok(
        payer.caller.post(
            f"{CASHIER}/float-changes/{back['change_id']}/withdraw", {"version": 1, "reason": "已用于退费"}
        )
    )
    census = hall.hospital.census()
    again = payer.caller.post(f"{CASHIER}/shifts/{payer.shift_id}/float-returns", offer("60.00"))
    refused(again, 422, "cash_insufficient")
    assert hall.hospital.census() == census
    hall.assert_balanced()


def test_a_shift_that_is_not_open_has_no_float_moved(hall: Hall) -> None:
    cashier, lead = hall.cashier(), hall.lead()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    change = ok(lead.post(f"{path}/float-raises", offer("50.00")))
    taken = ok(hall.lead().post(f"{path}/take-over", {"version": 1, "reason": "急病离岗"}))
    taker = hall.lead()
    census = hall.hospital.census()
    refused(taker.post(f"{path}/float-raises", offer("50.00")), 409, "shift_not_open")
    take = f"{CASHIER}/float-raises/{change['change_id']}/confirm"
    refused(cashier.caller.post(take, confirm(change)), 403, "not_your_shift")
    refused(
        taker.post(f"{path}/take-over/count", {"version": taken["version"], "denominations": []}), 403, "not_your_shift"
    )
    assert hall.hospital.census() == census
    recalled = ok(lead.post(f"{CASHIER}/float-changes/{change['change_id']}/recall", {"version": 1, "reason": "离岗"}))
    assert (recalled["state"], recalled["withdraw_reason"]) == ("withdrawn", "离岗")
    hall.assert_balanced()


def test_a_shift_is_not_closed_over_a_float_that_waits(hall: Hall) -> None:
    cashier, lead, taker = hall.cashier(), hall.lead(), hall.lead()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    change = ok(lead.post(f"{path}/float-raises", offer("50.00")))
    taken = ok(taker.post(f"{path}/take-over", {"version": 1, "reason": "急病离岗"}))
    body = {"version": taken["version"], "denominations": pieces("500.00")}
    census = hall.hospital.census()
    refused(taker.post(f"{path}/take-over/count", body), 409, "float_change_waiting")
    assert hall.hospital.census() == census
    ok(taker.post(f"{CASHIER}/float-changes/{change['change_id']}/recall", {"version": 1, "reason": "收回"}))
    refused(
        taker.post(f"{CASHIER}/float-changes/{change['change_id']}/recall", {"version": 2, "reason": "再收"}),
        409,
        "float_change_ended",
    )
    assert ok(taker.post(f"{path}/take-over/count", body))["state"] == "closed"


def test_floats_that_wait_are_listed_by_campus(hall: Hall) -> None:
    lead = hall.lead("mch")
    offered = []
    for _ in range(3):
        cashier = hall.cashier("mch")
        change = ok(lead.post(f"{CASHIER}/shifts/{cashier.shift_id}/float-raises", offer("10.00")))
        offered.append(change["change_id"])
    page = ok(lead.get(f"{CASHIER}/float-changes", limit=2))
    assert [one["change_id"] for one in page["items"]] == offered[:2]
    rest = ok(lead.get(f"{CASHIER}/float-changes", limit=2, cursor=page["next"]))
    assert ([one["change_id"] for one in rest["items"]], rest["next"]) == (offered[2:], None)
    elsewhere = {one["change_id"] for one in ok(hall.lead().get(f"{CASHIER}/float-changes", limit=200))["items"]}
    assert elsewhere.isdisjoint(offered)


def test_a_repeated_confirmation_moves_the_drawer_once(hall: Hall) -> None:
    cashier, lead = hall.cashier(amount="0.00"), hall.lead()
    change = ok(lead.post(f"{CASHIER}/shifts/{cashier.shift_id}/float-raises", offer("50.00")))
    path = f"{CASHIER}/float-raises/{change['change_id']}/confirm"
    first = ok(cashier.caller.post(path, confirm(change), key="take-the-fifty"))
    assert ok(cashier.caller.post(path, confirm(change), key="take-the-fifty")) == first
    assert hall.read_shift(cashier, lead)["cash"]["due"] == "50.00"
    hall.assert_balanced()
