"""Messages of the channels: sealed where they stand, read by whoever might before, sealed anew after a rotation."""

import base64
import threading
from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest
from psycopg.types.json import Jsonb

from functions.payments.gateway.service import messages
from integrity.runner import run
from shared.column_cipher import ColumnKeysMissing, key_of
from tests.payments.gateway_town import GATEWAY, Town, open_town, settle_the_books
from tests.support.clinic import ok

FIRST, SECOND, OTHER = (
    f"{name}:{base64.b64encode(bytes([fill] * 32)).decode()}" for name, fill in (("a", 1), ("b", 2), ("a", 3))
)
USUAL = "test:" + base64.b64encode(bytes(range(32))).decode()
CLEAR, LATE = "channels.gateway_messages_clear", "channels.gateway_keys"
ATTEMPTS = "SELECT * FROM payments.gateway_attempts ORDER BY attempt_id"
NOTICES = "SELECT * FROM payments.gateway_notifications ORDER BY notification_id"

Keys = Callable[[str], None]


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), "hq", "mch") as one:
        yield one


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, town: Town) -> Iterator[Keys]:
    """Give this process other keys; at the end everything is sealed with the usual one again."""

    def give(text: str) -> None:
        monkeypatch.setenv("HIS_COLUMN_KEYS", text)
        messages.KEYS.forget()

    yield give
    give(f"{USUAL},{FIRST},{SECOND}")
    for campus in ("hq", "mch"):
        town.minute(campus)
    monkeypatch.undo()
    messages.KEYS.forget()


def used(town: Town) -> set[str | None]:
    return {row["key_id"] for row in [*town.hospital.rows(ATTEMPTS), *town.hospital.rows(NOTICES)]}


def unsealed(town: Town, *, campus: str = "hq") -> None:
    """Every message of a campus as the release before wrote it."""
    execute = town.hospital.execute
    execute("ALTER TABLE payments.gateway_attempts DISABLE TRIGGER exchange_stays")
    for row in town.hospital.rows(ATTEMPTS):
        if row["campus_id"] == campus and row["sealed"]:
            opened = messages._open(row["sealed"], messages.ATTEMPTS, row["attempt_id"])
            execute(
                "UPDATE payments.gateway_attempts SET sealed = NULL, key_id = NULL, request = %s, answer = %s,"
                " started_at = now() - interval '2 days' WHERE attempt_id = %s",
                [Jsonb(opened[name]) for name in ("request", "answer")] + [row["attempt_id"]],
            )
    for row in town.hospital.rows(NOTICES):
        if row["campus_id"] == campus and row["sealed"]:
            opened = messages._open(row["sealed"], messages.NOTIFICATIONS, row["notification_id"])
            execute(
                "UPDATE payments.gateway_notifications SET sealed = NULL, key_id = NULL, content = content || %s"
                " WHERE notification_id = %s",
                [Jsonb(opened), row["notification_id"]],
            )
    execute("ALTER TABLE payments.gateway_attempts ENABLE TRIGGER exchange_stays")


def shown(town: Town, payment_id: object) -> dict[str, Any]:
    return dict(ok(town.registrar().get(f"{GATEWAY}/payments/{payment_id}")))


def test_nothing_that_was_said_stands_in_clear_and_the_desk_reads_it(town: Town) -> None:
    payment = town.paid("31.00")
    town.give_back(payment.payment_id, "1.00")
    merchant = town.merchants["wechat", "hq"]
    town.hospital.client.post(f"{GATEWAY}/notifications/wechat/{merchant}", content=b'{"forged": "never said"}')
    town.clock.move(seconds=1)
    timeline = shown(town, payment.payment_id)
    assert {one["unreadable"] for one in [*timeline["attempts"], *timeline["notifications"]]} == {None}
    order = next(one for one in timeline["attempts"] if one["operation"] == "order")
    assert payment.order_no in str(order["request"])
    assert order["answer"]
    [notice] = timeline["notifications"]
    assert notice["content"]["order_no"] == payment.order_no
    assert notice["content"]["says"]["transaction_id"] == payment.channel_no
    [refused] = ok(town.finance().get(f"{GATEWAY}/merchants/{merchant}/refused-notifications"))
    assert refused["content"]["body"] == {"forged": "never said"}
    for row in town.hospital.rows(ATTEMPTS):
        assert (row["request"], row["answer"]) == ({}, None)
        assert key_of(row["sealed"]) == row["key_id"] == "test"
    for row in town.hospital.rows(NOTICES):
        assert set(row["content"]) <= {"order_no", "refund_no", "bytes"}
        assert "never said" not in str(row)
        assert payment.channel_no not in str(row)
    assert town.registrar("mch").get(f"{GATEWAY}/payments/{payment.payment_id}").status_code == 404


def test_a_message_moved_to_another_row_is_said_to_be_altered(town: Town) -> None:
    first, second = town.start("32.00"), town.start("33.00")
    execute = town.hospital.execute
    execute("ALTER TABLE payments.gateway_attempts DISABLE TRIGGER exchange_stays")
    execute(
        "UPDATE payments.gateway_attempts SET sealed = (SELECT sealed FROM payments.gateway_attempts"
        " WHERE payment_id = %s LIMIT 1) WHERE payment_id = %s",
        [second.payment_id, first.payment_id],
    )
    execute("ALTER TABLE payments.gateway_attempts ENABLE TRIGGER exchange_stays")
    [attempt] = shown(town, first.payment_id)["attempts"]
    assert (attempt["request"], attempt["answer"]) == ({}, None)
    assert "不符" in attempt["unreadable"]
    execute("DELETE FROM payments.gateway_attempts WHERE payment_id = %s", [first.payment_id])


def test_the_application_changes_a_seal_and_nothing_else(town: Town) -> None:
    payment = town.start("34.00")
    with psycopg.connect(town.hospital.settings.database_url, autocommit=True) as connection:
        connection.execute("SELECT set_config('his.campus', 'hq', false), set_config('his.readable', 'hq', false)")
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("UPDATE payments.gateway_attempts SET outcome = 'succeeded'")
        with pytest.raises(psycopg.errors.CheckViolation, match="does not change"):
            connection.execute(
                "UPDATE payments.gateway_attempts SET sealed = 'test:x' WHERE payment_id = %s", [payment.payment_id]
            )


def test_what_stands_in_clear_is_sealed_by_the_minute_and_bounded(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    payment = town.paid("35.00")
    before = shown(town, payment.payment_id)
    unsealed(town)
    assert None in used(town)
    meanwhile = shown(town, payment.payment_id)
    assert meanwhile["notifications"] == before["notifications"], "read as it stands meanwhile"
    assert [one["answer"] for one in meanwhile["attempts"]] == [one["answer"] for one in before["attempts"]]
    auditor = town.hospital.settings.auditor_database_url
    assert [one.holds for one in run(auditor, frozenset({CLEAR}))] == [False]
    clear = "SELECT count(*) FROM payments.gateway_attempts WHERE key_id IS NULL"
    many = town.hospital.value(clear)
    assert many > 4
    monkeypatch.setattr(messages, "BATCH", 2)
    monkeypatch.setattr(messages, "BATCHES_A_MINUTE", 2)
    town.minute()
    assert town.hospital.value(clear) == many - 4
    monkeypatch.setattr(messages, "BATCH", 500)
    monkeypatch.setattr(messages, "BATCHES_A_MINUTE", 20)
    town.minute("mch")
    assert town.hospital.value(clear) == many - 4, "each campus seals its own"
    town.minute()
    assert used(town) == {"test"}
    assert [one.holds for one in run(auditor, frozenset({CLEAR}))] == [True]
    after = shown(town, payment.payment_id)
    assert [one["request"] for one in after["attempts"]] == [one["request"] for one in before["attempts"]]
    assert after["notifications"] == before["notifications"]
    rows = town.hospital.rows(ATTEMPTS)
    town.minute()
    assert town.hospital.rows(ATTEMPTS)[: len(rows)] == rows, "what is done is left alone"


def test_two_minutes_at_once_share_the_rows(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    town.paid("36.00")
    unsealed(town)
    monkeypatch.setattr(messages, "BATCH", 1)
    monkeypatch.setattr(messages, "BATCHES_A_MINUTE", 500)
    failures: list[BaseException] = []

    def minute() -> None:
        try:
            town.hospital.minute("payments/gateway")
        except BaseException as failure:
            failures.append(failure)

    both = [threading.Thread(target=minute) for _ in range(2)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert (failures, used(town)) == ([], {"test"})


def test_a_new_key_takes_over_and_the_old_one_may_go(town: Town, keys: Keys) -> None:
    payment = town.paid("37.00")
    before = shown(town, payment.payment_id)
    auditor = town.hospital.settings.auditor_database_url
    keys(f"{FIRST},{USUAL}")
    later = town.paid("38.00")
    town.hospital.execute("UPDATE payments.message_keys SET first_used_at = now() - interval '2 days'")
    town.hospital.execute(
        "UPDATE payments.message_keys SET first_used_at = now() - interval '3 days' WHERE key_id <> 'a'"
    )
    assert [one.holds for one in run(auditor, frozenset({LATE}))] == [False]
    for campus in ("hq", "mch"):
        town.minute(campus)
    assert used(town) == {"a"}
    assert [one.holds for one in run(auditor, frozenset({LATE}))] == [True]
    keys(FIRST)
    after = shown(town, payment.payment_id)
    assert [one["request"] for one in after["attempts"]] == [one["request"] for one in before["attempts"]]
    assert shown(town, later.payment_id)["notifications"][0]["content"]["order_no"] == later.order_no


def test_a_row_that_does_not_open_stays_and_the_others_go_on(town: Town, keys: Keys) -> None:
    broken, good = town.paid("39.00"), town.paid("40.00")
    execute = town.hospital.execute
    execute("ALTER TABLE payments.gateway_attempts DISABLE TRIGGER exchange_stays")
    execute("UPDATE payments.gateway_attempts SET sealed = 'test:AAAA' WHERE payment_id = %s", [broken.payment_id])
    execute("ALTER TABLE payments.gateway_attempts ENABLE TRIGGER exchange_stays")
    keys(f"{FIRST},{USUAL}")
    town.minute()
    of = "SELECT DISTINCT key_id FROM payments.gateway_attempts WHERE payment_id = %s"
    assert town.hospital.value(of, [broken.payment_id]) == "test"
    assert town.hospital.value(of, [good.payment_id]) == "a"
    execute("DELETE FROM payments.gateway_attempts WHERE payment_id = %s", [broken.payment_id])


@pytest.mark.parametrize("wrong", ["", OTHER, "a:short"], ids=["none", "another", "unreadable"])
def test_without_the_right_key_nothing_is_said_and_nothing_is_written(town: Town, keys: Keys, wrong: str) -> None:
    started = town.start("41.00")
    keys(f"{FIRST},{USUAL}")
    for campus in ("hq", "mch"):
        town.minute(campus)
    keys(wrong)
    assert town.wechat.pay(started.order_no)
    letters = town.channels.take_letters()
    calls = len(town.wechat.calls)
    before = town.hospital.census()
    with pytest.raises(ColumnKeysMissing, match="HIS_COLUMN_KEYS"):
        town.intend("42.00")
    assert town.deliver(letters) == [503], "the channel hears no success and sends it again"
    asked = town.registrar().post(f"{GATEWAY}/payments/{started.payment_id}/query")
    assert (asked.status_code, asked.json()["code"]) == (503, "column_keys_missing")
    town.minute()
    after = town.hospital.census()
    assert {name for name in after if after[name] != before[name]} <= {"kernel.outbox", "kernel.idempotent_answers"}
    assert len(town.wechat.calls) == calls, "no channel was asked"
    assert town.read(started.payment_id).state == "paying"
    if wrong != OTHER:
        attempts = shown(town, started.payment_id)["attempts"]
        assert all(one["request"] == {} and one["unreadable"] for one in attempts)
    keys(f"{FIRST},{USUAL}")
    assert town.deliver(letters) == [200]
    assert town.read(started.payment_id).state == "succeeded"
    settle_the_books(town)
