"""Card terminals and bank transfers: what people and bridges enter is held against the bank's own ledger."""

from collections.abc import Iterator
from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from infra.simulators.bank import Slip
from integrity.runner import load, run
from tests.payments.gateway_town import GATEWAY, Town, open_town
from tests.support.clinic import ok


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    channels = ("wechat", "bank_card", "transfer")
    with open_town(tmp_path_factory.mktemp("secrets"), "hq", "mch", channels=channels) as one:
        yield one


def refused(answer: Any, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code), answer.text


def swipe(town: Town, amount: str = "50.00", terminal: str = "T1") -> tuple[UUID, Slip]:
    """A card is charged at a terminal; nothing is entered yet."""
    payment = town.start(amount, "bank_card")
    assert payment.state == "paying"
    return payment.payment_id, town.channels.bank.sale(terminal, payment.order_no, int(Decimal(amount) * 100))


def enter(town: Town, payment_id: UUID, campus: str = "hq", **result: Any) -> Any:
    return town.registrar(campus).post(f"{GATEWAY}/payments/{payment_id}/terminal-result", result)


def sold(town: Town, amount: str = "50.00", terminal: str = "T1") -> tuple[UUID, Slip]:
    payment_id, slip = swipe(town, amount, terminal)
    ok(enter(town, payment_id, **slip.shown()))
    return payment_id, slip


def test_a_card_payment_is_booked_from_its_slip_once(town: Town) -> None:
    payment_id, slip = swipe(town)
    first = ok(enter(town, payment_id, **slip.shown()))
    again = ok(enter(town, payment_id, **slip.shown()))
    assert (first["state"], again["version"]) == ("succeeded", first["version"])
    assert first["channel_no"] == f"T1-{slip.reference_no}"
    [event] = town.events("payment_succeeded", payment_id)
    assert event["channel"] == "bank_card"
    other, _ = swipe(town)
    refused(enter(town, other, **slip.shown()), 409, "payment_channel_number_taken")
    refused(enter(town, payment_id, outcome="declined"), 409, "payment_not_open")
    refused(enter(town, payment_id, **{**slip.shown(), "reference_no": "other"}), 409, "payment_not_open")


def test_slips_that_do_not_fit_are_refused(town: Town) -> None:
    payment_id, slip = swipe(town)
    before = town.hospital.census()
    shown = slip.shown()
    refused(enter(town, payment_id, **{**shown, "card": "6222021234567890"}), 422, "card_not_masked")
    refused(enter(town, payment_id, **{**shown, "amount": "50.01"}), 422, "payment_result_differs")
    refused(enter(town, payment_id, **{**shown, "batch_no": None}), 422, "payment_order_invalid")
    old = (slip.at - timedelta(days=1)).isoformat()
    refused(enter(town, payment_id, **{**shown, "paid_at": old}), 422, "payment_order_invalid")
    assert enter(town, payment_id, "mch", **shown).status_code == 404
    wechat = town.start("1.00")
    refused(enter(town, wechat.payment_id, **shown), 422, "not_a_terminal_payment")
    after = town.hospital.census()
    assert {name for name in after if after[name] != before[name]} <= {
        "kernel.outbox",
        "payments.gateway_payments",
        "payments.gateway_attempts",
    }
    assert town.read(payment_id).state == "paying"
    assert "6222021234567890" not in str(town.said())


def test_a_declined_card_fails(town: Town) -> None:
    payment = town.start("50.00", "bank_card")
    declined = ok(enter(town, payment.payment_id, outcome="declined", reason="余额不足"))
    assert (declined["state"], declined["reason"]) == ("closed", "余额不足")
    assert len(town.events("payment_failed", payment.payment_id)) == 1


def test_a_silent_terminal_is_not_guessed_and_a_late_slip_counts(town: Town) -> None:
    payment_id, slip = swipe(town)
    town.minute(times=30)
    waiting = town.read(payment_id)
    assert waiting.state == "unknown"
    shown = ok(town.registrar().get(f"{GATEWAY}/payments", unfinished=True))["items"]
    assert [item["trouble"] for item in shown if item["payment_id"] == str(payment_id)] == ["terminal_silent"]
    assert ok(enter(town, payment_id, **slip.shown()))["state"] == "succeeded"


def test_a_refund_is_done_at_the_terminal(town: Town) -> None:
    payment_id, slip = sold(town, "80.00")
    refund = town.give_back(payment_id, "30.00")
    assert refund.state == "requested"
    town.minute(times=5)
    assert town.read_refund(refund.channel_refund_id).state == "requested", "no sweep can do it"
    back = town.channels.bank.refund("T1", slip.reference_no, 3000)
    path = f"{GATEWAY}/refunds/{refund.channel_refund_id}/terminal-result"
    body = {
        "outcome": "approved",
        "reference_no": back.reference_no,
        "terminal": back.terminal,
        "batch_no": back.batch_no,
        "done_at": back.at.isoformat(),
    }
    desk = town.registrar()
    refused(desk.post(path, {"outcome": "approved"}), 422, "payment_order_invalid")
    assert town.registrar("mch").post(path, body).status_code == 404
    done = ok(desk.post(path, body))
    assert ok(desk.post(path, body))["version"] == done["version"]
    assert (done["state"], town.read(payment_id).state) == ("succeeded", "part_refunded")
    refused(desk.post(path, {"outcome": "declined"}), 409, "payment_refund_not_here")
    another = town.give_back(payment_id, "50.00")
    path = f"{GATEWAY}/refunds/{another.channel_refund_id}/terminal-result"
    assert ok(desk.post(path, {"outcome": "declined", "reason": "卡已注销"}))["state"] == "rejected"
    assert town.read(payment_id).refunding == 0


def test_the_day_of_a_terminal_is_settled_beside_ours(town: Town) -> None:
    _, first = sold(town, "10.00", "T9")
    payment_id, _ = sold(town, "20.00", "T9")
    refund = town.give_back(payment_id, "5.00")
    back = town.channels.bank.refund("T9", town.channels.bank.terminals["T9"].slips[1].reference_no, 500)
    body = {"outcome": "approved", "reference_no": back.reference_no, "terminal": "T9", "batch_no": back.batch_no}
    ok(town.registrar().post(f"{GATEWAY}/refunds/{refund.channel_refund_id}/terminal-result", body))
    desk = town.registrar()
    totals = town.channels.bank.settle("T9")
    batch = ok(desk.post(f"{GATEWAY}/terminals/T9/settle", totals))
    assert (batch["our_sales"], batch["our_refunds"], batch["difference"]) == ("30.00", "5.00", "0.00")
    refused(desk.post(f"{GATEWAY}/terminals/T9/settle", totals), 409, "terminal_batch_settled")
    swipe(town, "7.00", "T9")  # the window forgot to enter this one
    short = ok(desk.post(f"{GATEWAY}/terminals/T9/settle", town.channels.bank.settle("T9")))
    assert short["difference"] == "7.00"
    listed = ok(town.finance().get(f"{GATEWAY}/terminal-batches", limit=1))
    assert (listed["items"][0]["batch_id"], listed["next"] is not None) == (short["batch_id"], True)
    assert first.batch_no == "000001"
    assert "channels.gateway_terminal" in broken(town)


def test_a_line_of_the_bank_statement_is_booked_once(town: Town) -> None:
    today = (town.clock() + timedelta(hours=8)).date()
    body = {
        "purpose": "checkup",
        "ref_module": "checkup/groups",
        "ref_id": "group-7",
        "amount": "12000.00",
        "bank_reference": "N2026030200001",
        "arrived_on": today.isoformat(),
        "payer_account_tail": "7788",
    }
    finance = town.finance()
    paid = ok(finance.post(f"{GATEWAY}/transfers", body))
    assert (paid["state"], paid["channel_no"], paid["amount"]) == ("succeeded", "N2026030200001", "12000.00")
    [event] = town.events("payment_succeeded", UUID(paid["payment_id"]))
    assert (event["channel"], event["purpose"]) == ("transfer", "checkup")
    before = town.hospital.census()
    again = {**body, "ref_id": "group-8"}
    refused(finance.post(f"{GATEWAY}/transfers", again), 409, "payment_channel_number_taken")
    tomorrow = {**again, "bank_reference": "N2", "arrived_on": (today + timedelta(days=1)).isoformat()}
    refused(finance.post(f"{GATEWAY}/transfers", tomorrow), 422, "payment_order_invalid")
    assert town.registrar().post(f"{GATEWAY}/transfers", body).status_code == 403
    assert town.hospital.census() == before


HARMS = {
    "channels.gateway_refunds": "UPDATE payments.gateway_payments SET refunding = 1 WHERE state = 'succeeded'",
    "channels.gateway_told_once": (
        "UPDATE kernel.outbox SET subject = 'x' WHERE type = 'cn.consortium.payments.gateway.payment_succeeded.v1';"
        "UPDATE payments.gateway_payments SET booked_at = now() WHERE state = 'succeeded'"
    ),
    "channels.gateway_open": "UPDATE payments.gateway_payments SET expires_at = '2020-01-01' WHERE state = 'paying'",
    "channels.gateway_trouble": (
        "UPDATE payments.gateway_payments SET trouble = 'amount_differs' WHERE state = 'paying'"
    ),
    "channels.gateway_refund_age": (
        "UPDATE payments.gateway_refunds SET requested_at = '2020-01-01' WHERE state = 'requested'"
    ),
    "channels.gateway_certificates": (
        "INSERT INTO payments.certificate_downloads"
        " (merchant_id, campus_id, is_on, next_at, started_by, started_by_name, started_at, failures, version)"
        " SELECT merchant_id, campus_id, true, now(), 'x', 'x', now(), 0, 1 FROM payments.merchants"
        " WHERE channel = 'bank_card' AND state = 'active'"
    ),
    "channels.gateway_key_expiring": "UPDATE payments.merchant_keys SET expires_on = current_date + 7, valid_to = NULL",
    "channels.gateway_number_campus": "UPDATE payments.gateway_payments SET order_no = 'zz' || order_no"
    " WHERE state = 'closed'",
    "channels.gateway_forged": (
        "INSERT INTO payments.gateway_notifications (notification_id, campus_id, merchant_id, channel, message_id,"
        " content, state, received_at, times, tries) SELECT gen_random_uuid(), 'hq', m.merchant_id, 'wechat', 'm',"
        " '{}', 'refused', now(), 1, 0 FROM payments.merchants m, generate_series(1, 3) WHERE m.channel = 'wechat'"
    ),
    "channels.gateway_messages_clear": (
        "ALTER TABLE payments.gateway_attempts DISABLE TRIGGER exchange_stays;"
        "UPDATE payments.gateway_attempts SET sealed = NULL, key_id = NULL;"
        "ALTER TABLE payments.gateway_attempts ENABLE TRIGGER exchange_stays"
    ),
    "channels.gateway_keys": "INSERT INTO payments.message_keys VALUES ('zz', 'x', now() - interval '2 days')",
    "channels.gateway_terminal": "UPDATE payments.terminal_batches SET difference = 1, settled_at = now()",
}


def broken(town: Town) -> set[str]:
    names = frozenset(check.name for check in load() if check.name.startswith("channels.gateway"))
    # The town lives in 2026; checks that look back from now are shown its days as today's.
    shift = "UPDATE payments.terminal_batches SET settled_at = now()"
    town.hospital.execute(shift)
    return {item.name for item in run(town.hospital.settings.auditor_database_url, names) if not item.holds}


@pytest.mark.parametrize("name", sorted(HARMS))
def test_every_check_finds_the_harm_it_is_there_for(town: Town, name: str) -> None:
    town.start("1.00")
    payment_id, _ = sold(town)
    town.give_back(payment_id, "1.00")
    town.hospital.execute("DELETE FROM payments.terminal_batches WHERE difference <> 0")
    town.hospital.execute(
        "UPDATE payments.gateway_payments SET expires_at = now() + interval '1 day'"
        " WHERE state IN ('paying', 'unknown')"
    )
    town.hospital.execute(
        "UPDATE payments.gateway_refunds SET requested_at = now() WHERE state IN ('requested', 'processing')"
    )
    assert name not in broken(town)
    if name == "channels.gateway_terminal":
        ok(town.registrar().post(f"{GATEWAY}/terminals/T1/settle", town.channels.bank.settle("T1")))
    for statement in HARMS[name].split(";"):
        town.hospital.execute(statement)
    assert name in broken(town)
    repair(town, name)


def repair(town: Town, name: str) -> None:
    """What the next harm must not find."""
    mends = {
        "channels.gateway_refunds": "UPDATE payments.gateway_payments SET refunding = 0 WHERE state = 'succeeded'"
        " AND payment_id NOT IN (SELECT payment_id FROM payments.gateway_refunds)",
        "channels.gateway_trouble": "UPDATE payments.gateway_payments SET trouble = NULL",
        "channels.gateway_number_campus": "UPDATE payments.gateway_payments SET order_no = substr(order_no, 3)"
        " WHERE order_no LIKE 'zz%'",
        "channels.gateway_key_expiring": "UPDATE payments.merchant_keys SET expires_on = NULL",
        "channels.gateway_forged": "DELETE FROM payments.gateway_notifications WHERE state = 'refused'",
        "channels.gateway_certificates": "UPDATE payments.certificate_downloads SET is_on = false",
        "channels.gateway_messages_clear": "DELETE FROM payments.gateway_attempts WHERE key_id IS NULL",
        "channels.gateway_keys": "DELETE FROM payments.message_keys WHERE key_id = 'zz'",
    }
    if name in mends:
        town.hospital.execute(mends[name])


def test_every_check_has_a_harm() -> None:
    assert {check.name for check in load() if check.name.startswith("channels.gateway")} == set(HARMS)
