"""The cashier: shifts from 签到 to 收款确认, the drawer, the blind count."""

from decimal import Decimal
from uuid import UUID

import psycopg
import pytest

from functions.payments.cashier import service as cashier_service
from shared.identity.actor import Actor
from tests.payments.conftest import BILLING, CASHIER, Hall, pieces, refused
from tests.support.clinic import ok

FIVE = Decimal("5.00")


def test_a_shift_is_opened_counted_and_closed(hall: Hall) -> None:
    cashier = hall.cashier()
    shift = cashier.shift
    assert shift["state"] == "open"
    assert shift["shift_no"].startswith("HB")
    assert shift["opening_float"] == "500.00"
    assert shift["cash"] is None, "the cashier counts blind"
    hall.sold(cashier, ("lab50", 2), total="100.00")
    counting = hall.start_count(cashier)
    assert counting["state"] == "counting"
    assert counting["cash"] is None
    closed = ok(hall.count(cashier, "600.00"))
    assert (closed["state"], closed["difference"]) == ("closed", "0.00")
    assert closed["cash"]["due"] == "600.00"
    assert closed["float_kept"] == "500.00"
    told = hall.hospital.events("shift_closed")[-1]["data"]
    assert (told["shift_id"], told["cash_in"], told["counted"]) == (cashier.shift_id, "100.00", "600.00")
    assert told["methods"] == [
        {"method": "cash", "in_count": 1, "in_amount": "100.00", "out_count": 0, "out_amount": "0.00"}
    ]
    hall.assert_balanced()


def test_one_unfinished_shift_per_cashier_and_counter(hall: Hall) -> None:
    cashier = hall.cashier()
    other = hall.hospital.caller("registrar")
    body = {"counter_id": str(hall.counter()), "opening_float": "100.00"}
    census = hall.hospital.census()
    refused(cashier.caller.post(f"{CASHIER}/shifts", body), 409, "shift_already_open")
    occupied = {"counter_id": str(cashier.counter_id), "opening_float": "100.00"}
    refused(other.post(f"{CASHIER}/shifts", occupied), 409, "counter_occupied")
    assert hall.hospital.census() == census
    hall.close(cashier)
    ok(cashier.caller.post(f"{CASHIER}/shifts", body))
    ok(other.post(f"{CASHIER}/shifts", occupied))


def test_only_a_counter_of_the_campus_is_signed_in_at(hall: Hall) -> None:
    caller = hall.hospital.caller("registrar")
    room = {"counter_id": str(hall.desks["hq"].room_id), "opening_float": "0.00"}
    refused(caller.post(f"{CASHIER}/shifts", room), 422, "not_a_counter")
    foreign = {"counter_id": str(hall.counter("mch")), "opening_float": "0.00"}
    refused(caller.post(f"{CASHIER}/shifts", foreign), 422, "not_a_counter")


def test_a_repeated_sign_in_gives_the_first_answer(hall: Hall) -> None:
    caller, counter = hall.hospital.caller("registrar"), hall.counter()
    body = {"counter_id": str(counter), "opening_float": "100.00"}
    first = ok(caller.post(f"{CASHIER}/shifts", body, key="sign-in-once"))
    again = ok(caller.post(f"{CASHIER}/shifts", body, key="sign-in-once"))
    assert first == again
    assert hall.hospital.value("SELECT count(*) FROM payments.shifts WHERE counter_id = %s", [counter]) == 1


def test_cash_is_handed_in_during_the_shift(hall: Hall) -> None:
    cashier = hall.cashier()
    hall.sold(cashier, ("exam250", 2), total="500.00")
    path = f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins"
    body = {"amount": "300.00", "denominations": pieces("300.00")}
    census = hall.hospital.census()
    refused(cashier.caller.post(path, body | {"amount": "301.00"}), 422, "hand_in_amount_differs")
    wrong = {"amount": "3.00", "denominations": [{"face": "3", "count": 1}]}
    refused(cashier.caller.post(path, wrong), 422, "denomination_unknown")
    too_much = {"amount": "1000.01", "denominations": pieces("1000.01")}
    refused(cashier.caller.post(path, too_much), 422, "cash_insufficient")
    refused(hall.hospital.caller("registrar").post(path, body), 403, "not_your_shift")
    assert hall.hospital.census() == census
    slip = ok(cashier.caller.post(path, body))
    assert slip["hand_in_no"].startswith("HJ")
    assert hall.hospital.value(
        "SELECT handed_in FROM payments.shifts WHERE shift_id = %s", [cashier.shift_id]
    ) == pytest.approx(300)
    assert census["payments.cash_hand_ins"] + 1 == hall.hospital.census()["payments.cash_hand_ins"]
    listed = ok(cashier.caller.get(path))
    assert [one["hand_in_id"] for one in listed] == [slip["hand_in_id"]]
    hall.assert_balanced()


@pytest.mark.case("01", 7)
def test_closing_short_and_the_refund_that_comes_too_late(hall: Hall) -> None:
    """Float 500, cash in 3,210.50, refunds 120.00, handed in 2,000.00: due 1,590.50, counted 1,580.50."""
    cashier = hall.cashier()
    hall.publish({"case7": ("试验项目", "03", "3090.5000"), "case7r": ("退费项目", "03", "120.0000")})
    hall.sold(cashier, ("case7", 1), total="3090.50")
    small = hall.sold(cashier, ("case7r", 1), total="120.00")
    ok(hall.refund(cashier.caller, small, (0, 1)))
    ok(
        cashier.caller.post(
            f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins",
            {"amount": "2000.00", "denominations": pieces("2000.00")},
        )
    )
    late = hall.sold(hall.cashier(), ("lab50", 1), total="50.00")
    refund = hall.approved_refund(late, (0, 1))

    hall.start_count(cashier)
    refused(hall.execute(cashier, refund), 409, "shift_not_open")
    first = ok(hall.count(cashier, "1580.50"))
    assert (first["state"], first["difference"], first["cash"]["due"]) == ("counting", "-10.00", "1590.50")
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    refused(cashier.caller.post(f"{path}/close", {"version": first["version"]}), 422, "difference_reason_missing")
    body = {"version": first["version"], "difference_reason": "找零误差"}
    closed = ok(cashier.caller.post(f"{path}/close", body))
    assert (closed["state"], closed["difference"], closed["difference_reason"]) == ("closed", "-10.00", "找零误差")
    found = hall.hospital.events("cash_difference_found")[-1]["data"]
    assert (found["shift_id"], found["difference"]) == (cashier.shift_id, "-10.00")

    before = hall.hospital.rows("SELECT * FROM payments.shifts WHERE shift_id = %s", [cashier.shift_id])
    refused(hall.execute(cashier, refund), 409, "no_open_shift")
    following = hall.sign_in(cashier.caller, cashier.counter_id)
    done = ok(hall.execute(following, refund))
    assert done["state"] == "executed"
    booked = hall.hospital.value("SELECT shift_id FROM payments.refunds WHERE refund_id = %s", [refund["refund_id"]])
    assert str(booked) == following.shift_id
    assert hall.hospital.rows("SELECT * FROM payments.shifts WHERE shift_id = %s", [cashier.shift_id]) == before
    hall.assert_balanced()


def test_a_recount_is_allowed_once_and_both_stay(hall: Hall) -> None:
    cashier = hall.cashier()
    refused(hall.count(cashier, "500.00"), 409, "shift_not_counting")
    hall.start_count(cashier)
    assert ok(hall.count(cashier, "490.00"))["difference"] == "-10.00"
    assert ok(hall.count(cashier, "499.00"))["difference"] == "-1.00"
    refused(hall.count(cashier, "500.00"), 409, "no_more_counts")
    counts = hall.hospital.rows(
        "SELECT attempt, counted FROM payments.shift_counts WHERE shift_id = %s ORDER BY attempt", [cashier.shift_id]
    )
    assert [(row["attempt"], str(row["counted"])) for row in counts] == [(1, "490.00"), (2, "499.00")]


def test_closing_needs_a_count(hall: Hall) -> None:
    cashier = hall.cashier()
    path = f"{CASHIER}/shifts/{cashier.shift_id}/close"
    refused(cashier.caller.post(path, {"version": 1}), 409, "shift_not_counting")
    counting = hall.start_count(cashier)
    refused(cashier.caller.post(path, {"version": counting["version"]}), 409, "count_first")


def test_finance_receives_by_bank_slip(hall: Hall) -> None:
    cashier = hall.cashier()
    hall.sold(cashier, ("exam250", 1), total="250.00")
    ok(
        cashier.caller.post(
            f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins",
            {"amount": "100.00", "denominations": pieces("100.00")},
        )
    )
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    finance = hall.finance()
    open_body = {"version": 1, "amount": "250.00", "bank_slip_no": "6217-118"}
    refused(finance.post(f"{path}/receive", open_body), 409, "shift_not_open")
    hall.start_count(cashier)
    short = ok(hall.count(cashier, "645.00"))
    closed = ok(cashier.caller.post(f"{path}/close", {"version": short["version"], "difference_reason": "少收 5 元"}))
    body = {"version": closed["version"], "amount": "245.00", "bank_slip_no": "6217-118"}
    refused(finance.post(f"{path}/receive", body), 409, "difference_unconfirmed")
    refused(cashier.caller.post(f"{path}/receive", body), 403, "permission_denied")
    confirmed = ok(hall.lead().post(f"{path}/confirm-difference", {"version": closed["version"], "note": "已查看监控"}))
    body["version"] = confirmed["version"]
    refused(finance.post(f"{path}/receive", body | {"amount": "250.00"}), 422, "received_amount_differs")
    refused(finance.post(f"{path}/receive", body | {"version": 1}), 409, "version_conflict")
    received = ok(finance.post(f"{path}/receive", body))
    assert (received["state"], received["received_amount"]) == ("received", "245.00")
    assert hall.hospital.events("shift_received")[-1]["data"]["bank_slip_no"] == "6217-118"
    refused(finance.post(f"{path}/receive", body), 409, "shift_not_open")
    hall.assert_balanced()


def test_a_difference_is_not_confirmed_by_who_counted(hall: Hall) -> None:
    cashier, lead = hall.cashier(), hall.lead()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    taken = ok(lead.post(f"{path}/take-over", {"version": 1, "reason": "收费员急病离岗"}))
    counted = ok(lead.post(f"{path}/take-over/count", {"version": taken["version"], "denominations": pieces("499.00")}))
    closed = ok(lead.post(f"{path}/take-over/close", {"version": counted["version"], "difference_reason": "原因待查"}))
    body = {"version": closed["version"], "note": "核对"}
    refused(lead.post(f"{path}/confirm-difference", body), 422, "same_person")
    ok(hall.lead().post(f"{path}/confirm-difference", body))
    refused(hall.lead().post(f"{path}/confirm-difference", body), 409, "version_conflict")


def test_a_supervisor_takes_over_an_absent_cashiers_shift(hall: Hall) -> None:
    cashier, lead = hall.cashier(), hall.lead()
    charges = hall.post(hall.patient(), ("lab50", 1))
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    refused(cashier.caller.post(f"{path}/take-over", {"version": 1, "reason": "x"}), 403, "permission_denied")
    taken = ok(lead.post(f"{path}/take-over", {"version": 1, "reason": "收费员急病离岗"}))
    assert (taken["state"], taken["taken_over_name"], taken["cash"]) == ("counting", "王秀兰", None)
    refused(hall.settle(cashier, charges, "50.00"), 409, "shift_not_open")
    body = {"version": taken["version"], "denominations": pieces("500.00")}
    refused(cashier.caller.post(f"{path}/count", body), 403, "not_your_shift")
    closed = ok(lead.post(f"{path}/take-over/count", body))
    assert (closed["state"], closed["closed_by_name"]) == ("closed", "王秀兰")
    ok(hall.sign_in(cashier.caller, cashier.counter_id).caller.get(f"{CASHIER}/shifts/current"))


def test_a_locked_counter_takes_no_money(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    locked = ok(cashier.caller.post(f"{path}/lock", {"version": 1, "reason": "离开窗口"}))
    census = hall.hospital.census()
    refused(hall.settle(cashier, charges, "50.00"), 423, "shift_locked")
    handed = {"amount": "20.00", "denominations": pieces("20.00")}
    refused(cashier.caller.post(f"{path}/hand-ins", handed), 423, "shift_locked")
    assert hall.hospital.census() == census
    refused(hall.cashier().caller.post(f"{path}/unlock", {"version": 2}), 403, "not_your_shift")
    ok(cashier.caller.post(f"{path}/unlock", {"version": locked["version"]}))
    ok(hall.settle(cashier, charges, "50.00"))
    ok(cashier.caller.post(f"{path}/hand-ins", handed))


def test_the_drawer_never_pays_what_it_does_not_hold(hall: Hall) -> None:
    seller, poor = hall.cashier(), hall.cashier(amount="10.00")
    settlement = hall.sold(seller, ("lab50", 1), total="50.00")
    refund = hall.approved_refund(settlement, (0, 1))
    census = hall.hospital.census()
    refused(hall.execute(poor, refund), 422, "cash_insufficient")
    assert hall.hospital.census() == census
    ok(hall.execute(hall.cashier(), refund))


def test_blindness_ends_with_the_count(hall: Hall) -> None:
    cashier = hall.cashier()
    hall.sold(cashier, ("lab50", 1), total="50.00")
    report = f"{BILLING}/reports/shifts/{cashier.shift_id}"
    today = f"{BILLING}/reports/days/{cashier.shift['business_day']}"
    blind = ok(cashier.caller.get(report))
    assert blind["cash"] is None
    assert blind["methods"] == []
    assert blind["net_by_class"] is None
    refused(cashier.caller.get(today), 409, "count_first")
    overseer = hall.read_shift(cashier, hall.lead())
    assert overseer["cash"]["due"] == "550.00"
    hall.close(cashier)
    assert ok(cashier.caller.get(report))["cash"]["due"] == "550.00"
    ok(cashier.caller.get(today))


def test_another_campus_sees_and_changes_nothing(hall: Hall) -> None:
    cashier = hall.cashier()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    foreign_lead, foreign_finance = hall.lead("mch"), hall.finance("mch")
    refused(foreign_lead.get(path), 404, "not_found")
    refused(foreign_lead.post(f"{path}/take-over", {"version": 1, "reason": "接管"}), 404, "not_found")
    receive = {"version": 1, "amount": "0.00", "bank_slip_no": "1"}
    refused(foreign_finance.post(f"{path}/receive", receive), 404, "not_found")
    overview = hall.hospital.caller("consortium_finance")
    shift = hall.read_shift(hall.cashier("mch"), overview)
    assert shift["campus_id"] == "mch", "the consortium's finance reads every campus"
    refused(overview.post(f"{path}/receive", receive), 403, "permission_denied")


def test_lists_of_shifts(hall: Hall) -> None:
    campus = "mch"
    one, two = hall.cashier(campus), hall.cashier(campus)
    reader = hall.lead(campus)
    unfinished = ok(reader.get(f"{CASHIER}/shifts", unfinished="true", limit=200))["items"]
    assert {one.shift_id, two.shift_id} <= {shift["shift_id"] for shift in unfinished}
    page = ok(reader.get(f"{CASHIER}/shifts", limit=1))
    assert page["next"] is not None
    following = ok(reader.get(f"{CASHIER}/shifts", limit=1, cursor=page["next"]))
    assert following["items"][0]["shift_id"] < page["items"][0]["shift_id"]


def test_channels_have_a_shift_a_day_and_take_no_cash(hall: Hall) -> None:
    with hall.hospital.tx("mch") as tx:
        shift = cashier_service.current_shift(tx)
        again = cashier_service.current_shift(tx)
    assert (shift.kind, shift.channel, shift.cashier) == ("virtual", "system", None)
    assert shift == again
    with pytest.raises(Exception, match="不办理现金"), hall.hospital.tx("mch") as tx:
        cashier_service.open_till(tx, cash_in=FIVE)
    try:
        hall.hospital.clock.move(days=1)
        with hall.hospital.tx("mch") as tx:
            assert cashier_service.close_channel_shifts(tx) == 1
            assert cashier_service.close_channel_shifts(tx) == 0
            assert cashier_service.current_shift(tx).shift_id != shift.shift_id
    finally:
        hall.hospital.clock.move(days=-1)
    state = hall.hospital.value("SELECT state FROM payments.shifts WHERE shift_id = %s", [shift.shift_id])
    assert state == "closed"


def test_record_money_refuses_a_shift_that_is_not_open(hall: Hall) -> None:
    cashier = hall.cashier()
    shift_id = UUID(cashier.shift_id)
    with hall.hospital.tx("hq") as tx:
        cashier_service.record_money(tx, shift_id, "in", "cash", FIVE)
        cashier_service.record_money(tx, shift_id, "out", "wechat", FIVE)
    hall.close(cashier)
    for method in ("cash", "wechat"):
        with pytest.raises(Exception, match="已点款或日结"), hall.hospital.tx("hq") as tx:
            cashier_service.record_money(tx, shift_id, "in", method, FIVE)
    hall.assert_balanced()


def test_the_database_keeps_a_closed_shift_as_it_is(hall: Hall) -> None:
    cashier = hall.cashier()
    hall.close(cashier)
    with pytest.raises(psycopg.errors.CheckViolation):
        hall.hospital.execute(
            "UPDATE payments.shifts SET cash_in = cash_in + 1, counted = counted + 1 WHERE shift_id = %s",
            [cashier.shift_id],
        )


def test_hand_in_slip_counts_its_copies(hall: Hall) -> None:
    cashier = hall.cashier()
    body = {"amount": "20.00", "denominations": pieces("20.00")}
    row = ok(cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins", body))
    path = f"{CASHIER}/hand-ins/{row['hand_in_id']}"
    assert [ok(cashier.caller.post(f"{path}/slips"))["copy_number"] for _ in range(2)] == [1, 2]
    answer = cashier.caller.get(f"{path}/slip.pdf")
    assert answer.status_code == 200
    assert answer.content.startswith(b"%PDF")
    refused(hall.cashier("mch").caller.get(f"{path}/slip.pdf"), 404, "not_found")


def test_channel_shifts_close_by_themselves(hall: Hall) -> None:
    """The first minute of a new day closes what machines and the system took the day before."""
    kiosk = Actor(
        kind="device", subject="device:kiosk-9", name="自助机9", campus="hq", posts={"hq": frozenset({"device:kiosk"})}
    )
    with hall.hospital.tx("hq", kiosk) as tx:
        shift = cashier_service.current_shift(tx)
    state = "SELECT state FROM payments.shifts WHERE shift_id = %s"
    hall.hospital.minute("payments/cashier")
    assert hall.hospital.value(state, [shift.shift_id]) == "open"
    try:
        hall.hospital.clock.move(days=1)
        hall.hospital.minute("payments/cashier")
        assert hall.hospital.value(state, [shift.shift_id]) == "closed"
        told = [event["data"]["shift_id"] for event in hall.hospital.events("shift_closed")]
        hall.hospital.minute("payments/cashier")
        again = [event["data"]["shift_id"] for event in hall.hospital.events("shift_closed")]
        assert again == told
        assert told.count(str(shift.shift_id)) == 1
    finally:
        hall.hospital.clock.move(days=-1)
