"""Electronic money at the window: asked for, waited for, found again when an answer is lost, given back as it came."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from threading import Barrier
from typing import Any
from uuid import UUID

import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.problems import ChargeHeld
from functions.payments.billing.schemas import StartSettlement, TenderInput
from infra.simulators.wire import Fault
from shared.identity.actor import Actor
from tests.payments.conftest import refused
from tests.payments.market import SETTLEMENTS, Market
from tests.support.clinic import ok


@pytest.fixture(autouse=True)
def _sound(market: Market) -> Iterator[None]:
    yield
    market.come_to_rest()


# -- paying


def test_a_payment_code_is_scanned(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    done = ok(market.tender(cashier, started, "50.00"))
    assert (done["state"], done["tendered"], done["pending"], done["payment"]) == ("completed", "50.00", "0.00", None)
    assert [(one["method"], one["state"]) for one in done["tenders"]] == [("wechat", "received")]
    assert done["receipt_no"] is not None
    shift = market.hospital.value(
        "SELECT shift_id FROM payments.settlements WHERE settlement_id = %s", [done["settlement_id"]]
    )
    assert str(shift) == cashier.shift_id
    market.news()
    assert market.read(cashier.caller, done)["settlement_no"] == done["settlement_no"], "told twice more, booked once"


def test_the_channel_is_told_from_the_code(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    done = ok(market.tender(cashier, started, "50.00", method="wechat", auth_code=market.code("alipay")))
    assert [one["method"] for one in done["tenders"]] == ["alipay"]


@pytest.mark.case("01", 2)
def test_wechat_makes_up_the_last_cent(market: Market) -> None:
    """37.27 = relief 20.00 + contract 10.00 + WeChat 7.27; 7.26 does not complete it, 7.28 is refused."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "37.27", ("drug", 3), ("herb", 7))
    path = f"{SETTLEMENTS}/{started['settlement_id']}"
    ok(cashier.caller.post(f"{path}/tenders", {"method": "relief", "amount": "20.00", "reference": "JM-1"}))
    ok(cashier.caller.post(f"{path}/tenders", {"method": "contract", "amount": "10.00", "reference": "水务局"}))
    refused(market.tender(cashier, started, "7.28"), 422, "tenders_differ")
    part = ok(market.tender(cashier, started, "7.26"))
    assert (part["state"], part["due"]) == ("paying", "0.01")
    assert ok(market.tender(cashier, started, "0.01"))["state"] == "completed"


def test_a_payer_without_money(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    answer = ok(market.tender(cashier, started, "50.00", auth_code=market.code(refuses="NOTENOUGH")))
    assert (answer["state"], answer["tendered"], answer["payment"]) == ("paying", "0.00", None)
    assert [one["state"] for one in answer["tenders"]] == ["cancelled"]
    done = ok(
        cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", {"method": "cash", "amount": "50.00"})
    )
    assert (done["state"], [one["method"] for one in done["tenders"]]) == ("completed", ["wechat", "cash"])


def test_a_qr_code_is_paid_later(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    assert (waiting["state"], waiting["pending"], waiting["due"]) == ("paying", "50.00", "50.00")
    assert waiting["payment"]["code_url"].startswith("weixin://")
    problem = refused(market.tender(cashier, started, "50.00"), 409, "payment_underway")
    assert problem["order_no"] == waiting["payment"]["order_no"]
    body = {"method": "cash", "amount": "50.00"}
    refused(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", body), 409, "payment_underway")
    market.scan_and_pay(waiting)
    done = market.read(cashier.caller, started)
    assert (done["state"], done["due"], done["payment"]) == ("completed", "0.00", None)


def test_money_that_comes_after_the_shift_was_closed(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    market.hall.close(cashier)
    before = market.hall.read_shift(cashier)
    market.scan_and_pay(waiting)
    assert market.read(cashier.caller, started)["state"] == "completed"
    assert market.hall.read_shift(cashier) == before, "after closing nothing changes"
    shift = market.hospital.rows(
        "SELECT h.kind, h.channel FROM payments.shifts h JOIN payments.settlements s USING (shift_id)"
        " WHERE s.settlement_id = %s",
        [started["settlement_id"]],
    )
    assert shift == [{"kind": "virtual", "channel": "system"}]


def test_money_that_comes_in_the_next_shift(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    market.hall.close(cashier)
    following = market.hall.sign_in(cashier.caller, cashier.counter_id)
    market.scan_and_pay(waiting)
    shift = market.hospital.value(
        "SELECT shift_id FROM payments.settlements WHERE settlement_id = %s", [started["settlement_id"]]
    )
    assert str(shift) == following.shift_id


# -- giving up


def test_waiting_is_given_up_for_cash(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    path = f"{SETTLEMENTS}/{started['settlement_id']}/tenders/{waiting['tenders'][0]['tender_id']}/drop"
    dropped = ok(cashier.caller.post(path))
    assert (dropped["state"], dropped["payment"], dropped["tenders"][0]["state"]) == ("paying", None, "cancelled")
    refused(cashier.caller.post(path), 409, "tender_not_pending")
    assert not market.town.wechat.pay(waiting["payment"]["order_no"]), "the code no longer works"
    body = {"method": "cash", "amount": "50.00"}
    assert ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/tenders", body))["state"] == "completed"


def test_the_patient_had_paid_when_waiting_was_given_up(market: Market) -> None:
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    market.scan_and_pay(waiting, told=False)
    path = f"{SETTLEMENTS}/{started['settlement_id']}/tenders/{waiting['tenders'][0]['tender_id']}/drop"
    assert ok(cashier.caller.post(path))["state"] == "completed"


@pytest.mark.parametrize("paid", [False, True])
def test_a_cancelled_settlement_asks_the_channel_first(market: Market, paid: bool) -> None:
    """Unpaid it is given up and its lines are open again; paid it completes: never both paid and unbooked."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    if paid:
        market.scan_and_pay(waiting, told=False)
    body = {"version": waiting["version"], "reason": "患者不付了"}
    ended = ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/cancel", body))
    assert ended["state"] == ("completed" if paid else "cancelled")
    status = market.hospital.value(
        "SELECT status FROM payments.charges WHERE charge_id = %s", [UUID(started["lines"][0]["charge_id"])]
    )
    assert status == ("paid" if paid else "open")


def test_money_of_a_settlement_given_up_goes_back(market: Market) -> None:
    cashier = market.hall.cashier()
    before = market.kept()
    started = market.start(cashier, "300.00", ("exam250", 1), ("lab50", 1))
    part = ok(market.tender(cashier, started, "200.00"))
    assert market.kept() == before + 200
    body = {"version": part["version"], "reason": "余款不付"}
    assert ok(cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/cancel", body))["state"] == "cancelled"
    assert market.kept() == before
    market.news()
    rows = market.hospital.rows(
        "SELECT cause, amount, state FROM payments.channel_refunds WHERE settlement_id = %s", [started["settlement_id"]]
    )
    assert rows == [{"cause": "cancelled", "amount": Decimal("200.00"), "state": "succeeded"}]


@pytest.mark.parametrize("paid", [False, True])
def test_the_minute_asks_the_channel_what_happened(market: Market, paid: bool) -> None:
    """The window's browser died: after five minutes the settlement is completed or given up, whatever is true."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    if paid:
        market.scan_and_pay(waiting, told=False)
    market.town.clock.move(minutes=4)
    market.hospital.minute("payments/billing")
    assert market.read(cashier.caller, started)["state"] == "paying", "not stale yet"
    market.town.clock.move(minutes=1)
    market.hospital.minute("payments/billing")
    assert market.read(cashier.caller, started)["state"] == ("completed" if paid else "cancelled")
    market.hospital.minute("payments/billing")


def test_a_part_that_was_paid_goes_back_with_the_minute_that_gives_up(market: Market) -> None:
    cashier, before = market.hall.cashier(), market.kept()
    started = market.start(cashier, "62.35", ("lab50", 1), ("drug", 1))
    assert ok(market.tender(cashier, started, "50.00"))["state"] == "paying"
    assert market.kept() == before + 50
    market.town.clock.move(minutes=5)
    market.hospital.minute("payments/billing")
    assert market.read(cashier.caller, started)["state"] == "cancelled"
    assert market.kept() == before, "asked for at once, not a minute later"


def test_the_answer_of_a_scan_is_lost(market: Market) -> None:
    """The money moved and nobody heard: the settlement waits, and the minute finds the truth."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    market.town.wechat.faults.plan("order", Fault.LOST_ANSWER)
    answer = ok(market.tender(cashier, started, "50.00"))
    if answer["state"] != "completed":
        assert answer["payment"] is not None
        for _ in range(10):
            market.town.minute()
            market.news()
    assert market.read(cashier.caller, started)["state"] == "completed"


def test_the_process_dies_before_the_channel_is_called(market: Market) -> None:
    """Intent before call: what is written is found again and ended by the clock."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    actor = Actor(kind="staff", subject=cashier.caller.subject, name="刘晓燕", posts={"hq": frozenset({"registrar"})})
    with market.hospital.tx("hq", actor) as tx:
        tender = TenderInput(method="wechat", amount=Decimal("50.00"), product="qr")
        settled = billing.add_tender(tx, UUID(started["settlement_id"]), tender)
    assert settled.pending is not None
    market.town.clock.move(minutes=6)
    market.hospital.minute("payments/billing")
    for _ in range(12):
        market.town.minute()
        market.news()
        market.hospital.minute("payments/billing")
    assert market.read(cashier.caller, started)["state"] == "cancelled"


# -- races


def test_machine_and_window_want_the_same_bill(market: Market) -> None:
    """One starts; the other learns who, where and since when."""
    cashier, patient = market.hall.cashier(), market.hall.patient()
    charges = market.hall.post(patient, ("lab50", 1))
    ids = [charges[0].charge_id]
    kiosk = Actor(
        kind="device", subject="device:kiosk-3", name="自助机3", campus="hq", posts={"hq": frozenset({"device:kiosk"})}
    )
    gate = Barrier(2)

    def at_machine() -> Any:
        gate.wait()
        try:
            with market.hospital.tx("hq", kiosk) as tx:
                command = StartSettlement(charge_ids=ids, expected_total=Decimal("50.00"))
                return billing.start_settlement(tx, command).settlement.channel
        except ChargeHeld as held:
            return held

    def at_window() -> Any:
        gate.wait()
        body = {"charge_ids": [str(ids[0])], "expected_total": "50.00"}
        return cashier.caller.post(f"{SETTLEMENTS}/start", body)

    with ThreadPoolExecutor(2) as pool:
        machine_answer, window_answer = [one.result() for one in (pool.submit(at_machine), pool.submit(at_window))]
    if window_answer.status_code == 201:
        assert isinstance(machine_answer, ChargeHeld)
        assert machine_answer.extra["channel"] == "window"
    else:
        problem = refused(window_answer, 423, "charge_held")
        assert (machine_answer, problem["channel"]) == ("kiosk", "kiosk")
        assert "自助机" in problem["detail"]


def test_the_answer_and_the_event_arrive_at_once(market: Market) -> None:
    """Two transactions book one payment: it is booked once."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    market.scan_and_pay(waiting, told=False)
    market.town.deliver()
    payment_id = UUID(waiting["payment"]["payment_id"])
    gate = Barrier(4)

    def book() -> None:
        gate.wait()
        market.town.steps().step(lambda tx: billing.book_payment(tx, payment_id))

    with ThreadPoolExecutor(4) as pool:
        for one in [pool.submit(book) for _ in range(4)]:
            one.result()
    assert market.read(cashier.caller, started)["state"] == "completed"
    entries = market.hospital.value(
        "SELECT count(*) FROM payments.money_movements WHERE subject_id = %s", [UUID(started["settlement_id"])]
    )
    assert entries == 1


def test_a_cancellation_and_the_money_meet(market: Market) -> None:
    """Whoever is first, the bill is paid and booked, or open with its money back."""
    cashier = market.hall.cashier()
    started = market.start(cashier, "50.00", ("lab50", 1))
    waiting = market.qr(cashier, started, "50.00")
    market.scan_and_pay(waiting, told=False)
    payment_id = UUID(waiting["payment"]["payment_id"])
    body = {"version": waiting["version"], "reason": "取消"}
    gate = Barrier(2)

    def cancel() -> int:
        gate.wait()
        return cashier.caller.post(f"{SETTLEMENTS}/{started['settlement_id']}/cancel", body).status_code

    def book() -> None:
        market.town.deliver()
        gate.wait()
        market.town.steps().step(lambda tx: billing.book_payment(tx, payment_id))

    with ThreadPoolExecutor(2) as pool:
        cancelled, booked = pool.submit(cancel), pool.submit(book)
        booked.result()
        assert cancelled.result() in (200, 409)
    assert market.read(cashier.caller, started)["state"] == "completed"
