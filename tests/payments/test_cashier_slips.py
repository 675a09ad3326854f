"""The slip of what a cashier brings to finance when the shift closes (日结缴款单)."""

from typing import Any

from tests.payments.conftest import CASHIER, Cashier, Hall, refused
from tests.shared.print_probe import text_of
from tests.support.clinic import ok


def closing(hall: Hall, cashier: Cashier) -> dict[str, Any]:
    slips = ok(cashier.caller.get(f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins"))
    (slip,) = [one for one in slips if one["kind"] == "closing"]
    return dict(slip)


def test_a_closed_shift_has_its_deposit_slip(hall: Hall) -> None:
    cashier = hall.cashier(amount="100.00")
    hall.sold(cashier, ("lab50", 3), total="150.00")
    assert ok(cashier.caller.get(f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins")) == []
    hall.start_count(cashier)
    pieces_of = [{"face": "50", "count": 4}, {"face": "10", "count": 4}, {"face": "5", "count": 2}]
    version = hall.read_shift(cashier)["version"]
    path = f"{CASHIER}/shifts/{cashier.shift_id}/count"
    body = {"version": version, "denominations": pieces_of}
    more = [{"face": "10", "count": 5}]
    refused(cashier.caller.post(path, body | {"kept": more}), 422, "float_pieces_differ")
    stays = [{"face": "50", "count": 1}, {"face": "10", "count": 4}, {"face": "5", "count": 2}]
    refused(cashier.caller.post(path, body | {"kept": stays, "float_kept": "90.00"}), 422, "float_pieces_differ")
    closed = ok(cashier.caller.post(path, body | {"kept": stays}))
    assert (closed["state"], closed["float_kept"]) == ("closed", "100.00")
    slip = closing(hall, cashier)
    assert (slip["amount"], slip["denominations"]) == ("150.00", {"50": 3})
    assert slip["remark"] == "留存备用金 100.00 元"
    text = "".join(text_of(cashier.caller.get(f"{CASHIER}/hand-ins/{slip['hand_in_id']}/slip.pdf").content))
    assert "日结缴款" in text
    assert slip["hand_in_no"] in text
    received = hall.finance().post(
        f"{CASHIER}/shifts/{cashier.shift_id}/receive",
        {"version": closed["version"], "amount": slip["amount"], "bank_slip_no": "NY-1"},
    )
    assert ok(received)["state"] == "received"
    hall.assert_balanced()


def test_a_slip_without_the_floats_pieces_says_what_stays(hall: Hall) -> None:
    cashier = hall.cashier(amount="100.00")
    hall.sold(cashier, ("lab50", 1), total="50.00")
    hall.close(cashier)
    slip = closing(hall, cashier)
    assert (slip["amount"], slip["remark"]) == ("50.00", "券别为点款合计 150.00 元；留存备用金 100.00 元")


def test_a_drawer_that_stays_whole_has_no_slip(hall: Hall) -> None:
    cashier = hall.cashier(amount="100.00")
    hall.close(cashier)
    assert ok(cashier.caller.get(f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins")) == []


def test_a_slip_of_a_difference_is_written_when_the_shift_closes(hall: Hall) -> None:
    cashier = hall.cashier(amount="100.00")
    hall.sold(cashier, ("lab50", 1), total="50.00")
    hall.start_count(cashier)
    counted = ok(hall.count(cashier, "140.00"))
    assert (counted["state"], counted["difference"]) == ("counting", "-10.00")
    assert ok(cashier.caller.get(f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins")) == []
    body = {"version": counted["version"], "difference_reason": "找零差错"}
    ok(cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/close", body))
    assert closing(hall, cashier)["amount"] == "40.00"
    hall.assert_balanced()
