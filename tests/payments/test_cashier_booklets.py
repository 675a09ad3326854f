"""Paper receipts a cashier takes: numbers that can be, held by nobody else, changed without closing the shift."""

from typing import Any
from uuid import UUID

import pytest

from functions.payments.cashier.problems import ReceiptRangeInvalid
from functions.payments.cashier.rules import LONGEST_BOOKLET, require_booklet
from tests.payments.conftest import CASHIER, Cashier, Hall, refused
from tests.support.clinic import ok


def sign_in(hall: Hall, first: str | None, last: str | None, campus: str = "hq", counter: UUID | None = None) -> Any:
    body = {"counter_id": str(counter or hall.counter(campus)), "opening_float": "100.00"}
    given = {"receipt_from": first, "receipt_to": last}
    return hall.hospital.caller("registrar", campus=campus).post(
        f"{CASHIER}/shifts", body | {name: value for name, value in given.items() if value is not None}
    )


def take(hall: Hall, cashier: Cashier, first: str, last: str, version: int | None = None) -> Any:
    seen = version or hall.read_shift(cashier, hall.lead())["version"]
    body = {"version": seen, "receipt_from": first, "receipt_to": last}
    return cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/booklet", body)


@pytest.mark.parametrize(
    ("first", "last", "why"),
    [
        ("00012001", None, "同时填写"),
        (None, "00012001", "同时填写"),
        ("00012001", "0012100", "位数相同"),
        ("0001200A", "0001200B", "以数字结尾"),
        ("a0012001", "a0012100", "大写"),
        ("A0012001", "B0012100", "同一票据字轨"),
        ("00012100", "00012001", "大于止号"),
        ("00010000", "00020000", "10001 张"),
        ("1\n", "2\n", "以数字结尾"),
    ],
)
def test_a_range_that_cannot_be_is_refused(first: str | None, last: str | None, why: str) -> None:
    with pytest.raises(ReceiptRangeInvalid) as refusal:
        require_booklet(first, last)
    assert why in refusal.value.detail


@pytest.mark.parametrize(
    ("first", "last"),
    [(None, None), ("1", "1"), ("A0012001", "A0012100"), ("00010000", f"{9999 + LONGEST_BOOKLET:08d}")],
)
def test_a_range_that_can_be(first: str | None, last: str | None) -> None:
    require_booklet(first, last)


def test_a_wrong_range_is_told_at_sign_in_and_nothing_is_written(hall: Hall) -> None:
    counter = hall.counter()
    before = hall.hospital.census()
    refused(sign_in(hall, "00032100", "00032001", counter=counter), 422, "receipt_range_invalid")
    assert hall.hospital.census() == before


def test_no_two_cashiers_hold_one_number(hall: Hall) -> None:
    holder = ok(sign_in(hall, "00041001", "00041100"))
    shifts = hall.hospital.value("SELECT count(*) FROM payments.shifts")
    for first, last in (
        ("00041001", "00041100"),
        ("00041100", "00041200"),
        ("00040900", "00041001"),
        ("00041050", "00041060"),
        ("00041000", "00041999"),
    ):
        problem = refused(sign_in(hall, first, last), 409, "receipt_range_taken")
        assert problem["shift_no"] == holder["shift_no"]
        assert "00041001—00041100" in problem["detail"]
    assert hall.hospital.value("SELECT count(*) FROM payments.shifts") == shifts
    ok(sign_in(hall, "00041101", "00041200"))
    ok(sign_in(hall, "A0041001", "A0041100"))
    ok(sign_in(hall, "0041001", "0041100"))
    ok(sign_in(hall, "00041001", "00041100", campus="mch"))


def test_a_used_up_booklet_is_followed_by_another_without_closing(hall: Hall) -> None:
    cashier, other = hall.cashier(), hall.cashier()
    ok(take(hall, other, "00052001", "00052100"))
    version = cashier.shift["version"]
    census = hall.hospital.census()
    refused(take(hall, cashier, "00052100", "00052200"), 409, "receipt_range_taken")
    refused(take(hall, cashier, "00052200", "00052101"), 422, "receipt_range_invalid")
    path = f"{CASHIER}/shifts/{cashier.shift_id}/booklet"
    body = {"version": version, "receipt_from": "00052101", "receipt_to": "00052200"}
    refused(other.caller.post(path, body), 403, "not_your_shift")
    refused(hall.cashier("mch").caller.post(path, body), 404, "not_found")
    after = hall.hospital.census()
    assert after["payments.shifts"] == census["payments.shifts"] + 1, "only the other campus's sign-in"
    taken = ok(take(hall, cashier, "00052101", "00052200"))
    assert (taken["receipt_from"], taken["receipt_to"], taken["version"]) == ("00052101", "00052200", version + 1)
    refused(take(hall, cashier, "00052101", "00052300", version), 409, "version_conflict")
    own = ok(take(hall, cashier, "00052150", "00052250"))
    assert own["receipt_from"] == "00052150", "one's own former booklet is in nobody's way"
    detail = hall.hospital.value(
        "SELECT detail ->> 'before' FROM kernel.audit_entries WHERE action = 'shift.booklet_taken'"
        " AND detail ->> 'now' = '00052150-00052250'"
    )
    assert detail == "00052101-00052200"
    hall.start_count(cashier)
    refused(take(hall, cashier, "00053001", "00053100"), 409, "shift_not_open")
    ok(hall.count(cashier, "500.00"))
    ok(take(hall, other, "00052101", "00052200"))
