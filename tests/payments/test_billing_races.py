"""Two people do the same thing at the same moment: one wins, the other learns why, nothing is lost or doubled.

Interleavings are made by running one side in the middle of the other, with a lock between; nothing sleeps.
"""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from typing import Any
from unittest.mock import patch
from uuid import uuid4

import httpx
import pytest

from functions.payments.billing import service as billing
from functions.payments.billing.service import Executed, completing, settling
from functions.payments.cashier import service as cashier_service
from tests.payments.conftest import BILLING, CASHIER, SOURCE, Hall, pieces, refused
from tests.payments.test_billing_debts import debt_of, owe, pay
from tests.support.clinic import ok


def at_once(*acts: Callable[[], Any]) -> list[Any]:
    """Run acts in threads that start together."""
    gate = threading.Barrier(len(acts))

    def run(act: Callable[[], Any]) -> Any:
        gate.wait()
        return act()

    with ThreadPoolExecutor(len(acts)) as pool:
        return [future.result() for future in [pool.submit(run, act) for act in acts]]


def before(target: Any, name: str, act: Callable[[], Any]) -> Any:
    """Run `act` once in another thread, to its end, just before a named function first runs."""
    real, done = getattr(target, name), []

    def first(*arguments: Any, **named: Any) -> Any:
        if not done:
            done.append(True)
            with ThreadPoolExecutor(1) as pool:
                done.append(pool.submit(act).result())
        return real(*arguments, **named)

    return patch.object(target, name, first)


@pytest.mark.parametrize("_round", range(3))
def test_windows_settle_the_same_charges_at_once(hall: Hall, _round: int) -> None:
    cashiers = [hall.cashier() for _ in range(4)]
    charges = hall.post(hall.patient(), ("lab50", 1), ("drug", 1))
    answers = at_once(*[lambda who=who: hall.settle(who, charges, "62.35") for who in cashiers])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"charge_not_open"}
    hall.assert_balanced()


def test_overlapping_bills_in_opposite_order(hall: Hall) -> None:
    """Neither deadlocks: charges are locked in the order of their ids, whatever the order they were ticked in."""
    one, two = hall.cashier(), hall.cashier()
    charges = hall.post(hall.patient(), *[("lab50", 1)] * 6)
    answers = at_once(
        lambda: hall.settle(one, charges[:4], "200.00"), lambda: hall.settle(two, charges[:1:-1], "200.00")
    )
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    hall.assert_balanced()


def test_phone_and_window_start_at_once(hall: Hall) -> None:
    cashiers = [hall.cashier() for _ in range(3)]
    charges = hall.post(hall.patient(), ("lab50", 1))
    body = {"charge_ids": [str(charges[0].charge_id)], "expected_total": "50.00"}
    answers = at_once(*[lambda who=who: who.caller.post(f"{BILLING}/settlements/start", body) for who in cashiers])
    assert sorted(answer.status_code for answer in answers) == [201, 423, 423]
    winner = next(answer.json() for answer in answers if answer.status_code == 201)
    losers = [answer.json() for answer in answers if answer.status_code == 423]
    assert {problem["settlement_id"] for problem in losers} == {winner["settlement_id"]}
    assert {problem["code"] for problem in losers} == {"charge_held"}
    hall.assert_balanced()


def test_a_bill_is_taken_while_a_window_waits_for_it(hall: Hall) -> None:
    """The other one commits between this one's shift and its charges: this one loses cleanly."""
    mine, theirs = hall.cashier(), hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    with before(settling, "_claim", lambda: hall.settle(theirs, charges, "50.00")):
        refused(hall.settle(mine, charges, "50.00"), 409, "charge_not_open")
    drawers = [
        hall.hospital.value("SELECT cash_in FROM payments.shifts WHERE shift_id = %s", [who.shift_id])
        for who in (mine, theirs)
    ]
    assert drawers == [Decimal("0.00"), Decimal("50.00")], "the loser's drawer is as it was"
    hall.assert_balanced()


def test_the_same_request_twice_at_once_sells_once(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    answers = at_once(*[lambda: hall.settle(cashier, charges, "50.00", key="double-click") for _ in range(3)])
    codes = sorted(answer.status_code for answer in answers)
    assert codes.count(201) >= 1
    assert set(codes) <= {201, 409}
    for answer in answers:
        if answer.status_code == 409:
            assert answer.json()["code"] == "command_still_running"
    sold = {answer.json()["settlement_id"] for answer in answers if answer.status_code == 201}
    assert len(sold) == 1
    hall.assert_balanced()


def test_two_refunds_of_one_line_at_once(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 1), total="50.00")
    clerks = [hall.hospital.caller("registrar") for _ in range(3)]
    answers = at_once(*[lambda who=who: hall.refund(who, sold, (0, 1)) for who in clerks])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} == {"line_being_refunded"}
    hall.assert_balanced()


def test_small_refunds_at_once_never_exceed_the_line(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("lab50", 3), total="150.00")
    answers = at_once(*[lambda: hall.refund(cashier.caller, sold, (0, 2)) for _ in range(3)])
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422]
    hall.assert_balanced()


def test_two_cashiers_pay_one_approved_refund(hall: Hall) -> None:
    sold = hall.sold(hall.cashier(), ("exam250", 1), total="250.00")
    refund = hall.approved_refund(sold, (0, 1))
    payers = [hall.cashier() for _ in range(2)]
    answers = at_once(*[lambda who=who: hall.execute(who, refund) for who in payers])
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    hall.assert_balanced()


def test_an_approval_and_a_withdrawal_at_once(hall: Hall) -> None:
    cashier = hall.cashier()
    sold = hall.sold(cashier, ("exam250", 1), total="250.00")
    asked = ok(hall.refund(cashier.caller, sold, (0, 1)))
    path, lead = f"{BILLING}/refunds/{asked['refund_id']}", hall.lead()
    answers = at_once(
        lambda: lead.post(f"{path}/approve", {"version": 1}),
        lambda: cashier.caller.post(f"{path}/withdraw", {"version": 1}),
    )
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    hall.assert_balanced()


def test_a_line_is_done_while_its_refund_is_asked_for(hall: Hall) -> None:
    """Either the drug is handed out or its money goes back, never both."""
    cashier, source = hall.cashier(), str(uuid4())
    sold = hall.sold(cashier, ("tablet", 12), total="10.20", source_id=source)

    def hand_out() -> None:
        with hall.hospital.tx("hq") as tx:
            billing.record_execution(tx, SOURCE, source, [Executed("1", Decimal(12))])

    with before(cashier_service, "open_till", hand_out):
        refused(hall.refund(cashier.caller, sold, (0, 12)), 422, "line_executed")
    hall.assert_balanced()


def test_a_sale_while_the_shift_closes(hall: Hall) -> None:
    """A sale under way is in the count; one that comes after the count began is refused. None falls between."""
    cashier = hall.cashier()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    charges = [hall.post(hall.patient(), ("lab50", 1)) for _ in range(3)]
    answers = at_once(
        *[lambda one=one: hall.settle(cashier, one, "50.00") for one in charges],
        lambda: cashier.caller.post(f"{path}/start-count", {"version": 1}),
    )
    sold = sum(answer.status_code == 201 for answer in answers[:3])
    for answer in answers[:3]:
        if answer.status_code != 201:
            refused(answer, 409, "shift_not_open")
    assert answers[3].status_code == 200
    due = Decimal("500.00") + 50 * sold
    closed = ok(hall.count(cashier, str(due)))
    assert (closed["state"], closed["difference"]) == ("closed", "0.00")
    hall.assert_balanced()


def test_counting_begins_in_the_middle_of_a_sale(hall: Hall) -> None:
    """Counting waits for a sale that has its shift; the money of the sale is in what is due."""
    cashier = hall.cashier()
    path = f"{CASHIER}/shifts/{cashier.shift_id}"
    charges = hall.post(hall.patient(), ("lab50", 1))
    started: list[Any] = []
    real = completing.numbers

    def count_now(*arguments: Any) -> Any:
        counting = threading.Thread(
            target=lambda: started.append(cashier.caller.post(f"{path}/start-count", {"version": 1}))
        )
        counting.start()
        waits_for_lock(hall, counting)
        started.append(counting)
        return real(*arguments)

    with patch.object(completing, "numbers", count_now):
        ok(hall.settle(cashier, charges, "50.00"))
    started[0].join()
    assert started[1].status_code == 200
    closed = ok(hall.count(cashier, "550.00"))
    assert (closed["state"], closed["difference"]) == ("closed", "0.00")
    hall.assert_balanced()


def waits_for_lock(hall: Hall, thread: threading.Thread) -> None:
    """Until the database says somebody of this hospital waits for a lock."""
    waiting = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND wait_event_type = 'Lock' AND state = 'active'"
    )
    while not hall.hospital.value(waiting, [hall.hospital.database]):
        assert thread.is_alive(), "it did not wait"


def test_hand_ins_at_once_never_empty_the_drawer_twice(hall: Hall) -> None:
    cashier = hall.cashier(amount="100.00")
    path = f"{CASHIER}/shifts/{cashier.shift_id}/hand-ins"
    body = {"amount": "60.00", "denominations": pieces("60.00")}
    answers = at_once(*[lambda: cashier.caller.post(path, body) for _ in range(3)])
    assert sorted(answer.status_code for answer in answers) == [201, 422, 422]
    hall.assert_balanced()


def test_two_people_sign_in_at_one_counter(hall: Hall) -> None:
    counter = hall.counter()
    callers = [hall.hospital.caller("registrar") for _ in range(3)]
    body = {"counter_id": str(counter), "opening_float": "0.00"}
    answers = at_once(*[lambda who=who: who.post(f"{CASHIER}/shifts", body) for who in callers])
    assert sorted(answer.status_code for answer in answers) == [201, 409, 409]
    hall.assert_balanced()


def test_a_debt_is_paid_at_two_windows(hall: Hall) -> None:
    one, two = hall.cashier(), hall.cashier()
    debt = debt_of(hall, owe(hall, one, ("exam250", 1), total="250.00"))
    answers = at_once(*[lambda who=who: pay(who, debt, "150.00") for who in (one, two)])
    assert sorted(answer.status_code for answer in answers) == [201, 422]
    hall.assert_balanced()


def test_a_cancelled_settlement_is_not_completed(hall: Hall) -> None:
    cashier = hall.cashier()
    charges = hall.post(hall.patient(), ("lab50", 1))
    body = {"charge_ids": [str(charges[0].charge_id)], "expected_total": "50.00"}
    started = ok(cashier.caller.post(f"{BILLING}/settlements/start", body))
    path = f"{BILLING}/settlements/{started['settlement_id']}"
    answers = at_once(
        lambda: cashier.caller.post(f"{path}/tenders", {"method": "cash", "amount": "50.00"}),
        lambda: cashier.caller.post(f"{path}/cancel", {"version": 1, "reason": "不付了"}),
    )
    assert sorted(answer.status_code for answer in answers) in ([200, 409], [201, 409])
    hall.assert_balanced()


def test_many_windows_sell_and_refund_at_once(hall: Hall) -> None:
    """Numbers have no gap and no cent is lost when everybody works at the same time."""
    cashiers = [hall.cashier() for _ in range(4)]
    bills = [[hall.post(hall.patient(), ("lab50", 1), ("third", 3)) for _ in range(5)] for _ in cashiers]

    def work(place: int) -> list[httpx.Response]:
        sold = [ok(hall.settle(cashiers[place], charges, "60.00")) for charges in bills[place]]
        return [hall.refund(cashiers[place].caller, one, (1, 1)) for one in sold]

    refunds = at_once(*[lambda place=place: work(place) for place in range(4)])
    assert {answer.status_code for answers in refunds for answer in answers} == {201}
    hall.assert_balanced()
