"""Events coming in: believed by the outbox, handled once, refused without a trace when they are not what they seem."""

from __future__ import annotations

import dataclasses
import json
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import httpx
import pytest

from events import dead_letters, wire
from events.envelope import Event
from events.wire import Delivery
from shared.database.engine import Database
from shared.function import FunctionApp
from shared.http import Router
from shared.ids import new_id
from shared.problems import Conflict
from shared.tx import Tx
from tests.support import tokens
from tests.support.hospital import Hospital, cloned_hospital, delivery_of


class Weighed(Event, type="testing.ward.weighed", subject="baby_id"):
    """A newborn was weighed."""

    baby_id: UUID
    grams: int


class Renamed(Event, type="testing.ward.renamed", subject="baby_id"):
    """Told in an old shape that its subscriber cannot read."""

    baby_id: UUID


class RenamedToday(Renamed):
    given_name_id: UUID


class Unheard(Event, type="testing.ward.unheard", subject="baby_id"):
    """Nobody cares."""

    baby_id: UUID


refusing = threading.Event()


def chart(tx: Tx, event: Weighed) -> None:
    tx.audit("weight.charted", "baby", event.baby_id, grams=event.grams)
    tx.emit(Unheard(baby_id=event.baby_id))
    tx.session.flush()
    if refusing.is_set():
        raise Conflict("尚未建档。")


def read_name(tx: Tx, event: RenamedToday) -> None:
    raise AssertionError("cannot be called")


CHART = FunctionApp("testing/chart", module=0, title="图表", router=Router(), on={Weighed: chart})
NAMES = FunctionApp("testing/names", module=0, title="姓名", router=Router(), on={})
NAMES.handlers[Renamed.event_type] = (RenamedToday, read_name)
PATH = "/events/testing/chart"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([CHART, NAMES]) as one:
        yield one


@pytest.fixture(autouse=True)
def _nobody_refuses() -> Iterator[None]:
    yield
    refusing.clear()


def told(hospital: Hospital, event: Event | None = None) -> Delivery:
    """An event that really happened."""
    with hospital.tx() as tx:
        tx.emit(event or Weighed(baby_id=new_id(), grams=3250))
    return delivery_of(hospital.rows("SELECT * FROM kernel.outbox ORDER BY seq DESC LIMIT 1")[0])


def send(
    hospital: Hospital, delivery: Delivery, path: str = PATH, mode: Any = wire.binary, **headers: str
) -> httpx.Response:
    sent, body = mode(delivery)
    return hospital.client.post(path, content=body, headers={**sent, **headers})


def effects(hospital: Hospital, delivery: Delivery) -> int:
    baby = delivery.data["baby_id"]
    return hospital.value("SELECT count(*) FROM kernel.audit_entries WHERE subject_id = %s", [baby])


def failures(hospital: Hospital, delivery: Delivery) -> list[tuple[str, int, str]]:
    rows = hospital.rows("SELECT * FROM kernel.delivery_failures WHERE event_id = %s", [delivery.id])
    return [(row["subscriber"], row["attempts"], row["reason"]) for row in rows]


# -- what happened is handled, once


@pytest.mark.parametrize("mode", [wire.binary, wire.structured])
@pytest.mark.parametrize("path", ["/events", PATH])
def test_an_event_is_handled_and_answered_without_a_body(hospital: Hospital, mode: Any, path: str) -> None:
    event = told(hospital)
    answer = send(hospital, event, path, mode)
    assert (answer.status_code, answer.content) == (204, b"")
    assert effects(hospital, event) == 1
    assert hospital.rows("SELECT source, subscriber, campus_id FROM kernel.inbox WHERE event_id = %s", [event.id]) == [
        {"source": "/testing/ward", "subscriber": "testing/chart", "campus_id": "hq"}
    ]


def test_a_redelivery_changes_nothing(hospital: Hospital) -> None:
    event = told(hospital)
    send(hospital, event)
    before = hospital.census()
    for mode in (wire.binary, wire.structured):
        assert send(hospital, event, mode=mode).status_code == 204
    assert hospital.census() == before
    assert effects(hospital, event) == 1


def test_deliveries_at_the_same_moment_take_effect_once(hospital: Hospital) -> None:
    event = told(hospital)
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: send(hospital, event).status_code, range(8)))
    assert answers == [204] * 8
    assert effects(hospital, event) == 1


def test_the_web_hook_handshake(hospital: Hospital) -> None:
    for path in ("/events", PATH):
        answer = hospital.client.options(path, headers={"webhook-request-origin": "bridge.mch"})
        assert answer.status_code == 200
        assert answer.headers["webhook-allowed-origin"] == "bridge.mch"
        assert int(answer.headers["webhook-allowed-rate"]) > 0
        assert "POST" in answer.headers["allow"]
        assert "webhook-allowed-origin" not in hospital.client.options(path).headers


# -- what did not happen is refused, and leaves nothing


def refused(hospital: Hospital, delivery: Delivery, **headers: str) -> httpx.Response:
    before = hospital.census(), hospital.value("SELECT count(*) FROM kernel.audit_entries")
    answer = send(hospital, delivery, **headers)
    assert (hospital.census(), hospital.value("SELECT count(*) FROM kernel.audit_entries")) == before
    assert answer.headers["content-type"] == "application/problem+json"
    return answer


def forged(**changes: Any) -> Delivery:
    baby = str(new_id())
    event = Delivery(
        id=str(new_id()),
        type=Weighed.event_type,
        source=Weighed.event_source,
        subject=baby,
        campus="hq",
        time=datetime.now(UTC),
        data={"baby_id": baby, "grams": 3250},
    )
    return dataclasses.replace(event, **changes)


@pytest.mark.parametrize("changes", [{}, {"id": "lab-7"}, {"campus": "mch"}], ids=str)
def test_a_forged_event_is_refused(hospital: Hospital, changes: dict[str, Any]) -> None:
    answer = refused(hospital, forged(**changes))
    assert answer.status_code == 401
    assert answer.json()["code"] == "event_not_believed"


@pytest.mark.parametrize(
    "changes",
    [
        {"source": "/testing/other"},
        {"subject": str(UUID(int=5))},
        {"campus": "mch"},
        {"data": {"grams": 9999}},
        {"data": {"extra": True}},
    ],
    ids=str,
)
def test_a_tampered_event_is_refused(hospital: Hospital, changes: dict[str, Any]) -> None:
    event = told(hospital)
    if "data" in changes:
        changes = {"data": event.data | changes["data"]}
    assert refused(hospital, dataclasses.replace(event, **changes)).status_code == 401
    assert send(hospital, event).status_code == 204
    assert effects(hospital, event) == 1


def test_another_type_than_the_true_one_is_refused(hospital: Hospital) -> None:
    event = told(hospital, Unheard(baby_id=new_id()))
    assert refused(hospital, dataclasses.replace(event, type=Weighed.event_type)).status_code == 401


@pytest.mark.parametrize("path", ["/events", PATH, "/events/testing/nobody"])
def test_a_type_nobody_here_subscribed_is_refused(hospital: Hospital, path: str) -> None:
    event = told(hospital, Unheard(baby_id=new_id()))
    assert send(hospital, event, path).status_code == 404


def test_a_body_that_is_no_event_is_refused(hospital: Hospital) -> None:
    for headers, body in (
        ({"content-type": "application/json"}, b"{}"),
        ({"content-type": "application/cloudevents+json"}, b"[" * 300_000),
        ({"content-type": "application/cloudevents-batch+json"}, b"[]"),
        ({}, b""),
    ):
        answer = hospital.client.post(PATH, content=body, headers=headers)
        assert answer.status_code == 400
        assert answer.json()["code"] == "not_a_cloud_event"
    headers, _ = wire.binary(forged())
    assert hospital.client.post(PATH, content=b"x" * 2_000_000, headers=headers).status_code == 413


# -- what cannot be handled is counted


def test_a_failing_handler_leaves_only_its_count(hospital: Hospital) -> None:
    event = told(hospital)
    refusing.set()
    before = hospital.value("SELECT count(*) FROM kernel.outbox")
    for attempt in (1, 2):
        answer = send(hospital, event)
        assert answer.status_code == 503
        assert answer.json()["code"] == "event_not_handled"
        assert failures(hospital, event) == [("testing/chart", attempt, "conflict")]
    assert effects(hospital, event) == 0
    assert hospital.value("SELECT count(*) FROM kernel.outbox") == before
    refusing.clear()
    assert send(hospital, event).status_code == 204
    assert effects(hospital, event) == 1


def test_data_the_subscriber_cannot_read_is_counted(hospital: Hospital) -> None:
    event = told(hospital, Renamed(baby_id=new_id()))
    assert send(hospital, event, "/events/testing/names").status_code == 503
    assert failures(hospital, event) == [("testing/names", 1, "event_data_mismatch")]


def test_a_dead_letter_is_not_delivered_until_it_is_replayed(hospital: Hospital) -> None:
    event = told(hospital)
    hospital.execute(
        "INSERT INTO kernel.dead_letters (campus_id, event_id, subscriber, type, subject, reason, attempts, died_at)"
        " VALUES ('hq', %s, 'testing/chart', %s, %s, 'conflict', 10, now())",
        [event.id, event.type, event.subject],
    )
    worker = Database(hospital.settings.worker_database_url, 1)
    for closed in ("NULL", "now()"):
        hospital.execute(f"UPDATE kernel.outbox SET closed_at = {closed} WHERE event_id = %s", [event.id])
        assert send(hospital, event).status_code == 204
        assert effects(hospital, event) == 0
    assert dead_letters.replay(worker, UUID(event.id), "testing/other") == []
    assert dead_letters.replay(worker, UUID(event.id), "testing/chart") == ["testing/chart"]
    assert send(hospital, event).status_code == 204
    assert effects(hospital, event) == 1
    assert dead_letters.replay(worker, UUID(event.id)) == []
    worker.close()


# -- devices


@pytest.fixture
def device(monkeypatch: pytest.MonkeyPatch) -> Any:
    """Tokens of bridges; for this test a bridge may send to the chart."""
    monkeypatch.setattr(
        "shared.identity.rights.permissions_of",
        lambda posts: {"testing.chart.receive"} if posts & {"device:bridge", "nurse"} else set(),
    )

    def token(subject: str = "bridge-1", kind: str = "bridge", campus: str = "hq") -> dict[str, str]:
        signed = tokens.sign({"sub": subject, "azp": f"device-{subject}", "device": kind, "campus": campus})
        return {"authorization": f"Bearer {signed}"}

    return token


def test_a_device_tells_what_happened_outside(hospital: Hospital, device: Any) -> None:
    event = forged(id="scale-17/42", source="/scale-17")
    for _ in range(2):
        assert send(hospital, event, **device()).status_code == 204
    assert effects(hospital, event) == 1
    actor = hospital.value("SELECT actor FROM kernel.audit_entries WHERE subject_id = %s", [event.subject])
    assert actor == "bridge-1"


def test_two_devices_may_choose_the_same_id(hospital: Hospital, device: Any) -> None:
    first, second = forged(id="1", source="/scale"), forged(id="1", source="/scale")
    assert send(hospital, first, **device("bridge-1")).status_code == 204
    assert send(hospital, second, **device("bridge-2")).status_code == 204
    assert effects(hospital, first) == effects(hospital, second) == 1


def test_a_device_cannot_take_the_place_of_an_event_of_ours(hospital: Hospital, device: Any) -> None:
    event = told(hospital)
    assert send(hospital, dataclasses.replace(event, data=event.data | {"grams": 1}), **device()).status_code == 204
    assert send(hospital, event).status_code == 204
    grams = hospital.rows(
        "SELECT detail FROM kernel.audit_entries WHERE subject_id = %s ORDER BY entry_id", [event.subject]
    )
    assert [row["detail"]["grams"] for row in grams] == [1, 3250]


@pytest.mark.parametrize(
    ("token", "changes", "status"),
    [
        ({"campus": "mch"}, {}, 403),
        ({"kind": "signage"}, {}, 403),
        ({}, {"campus": "mch"}, 403),
        ({}, {"data": {"grams": 1}}, 400),
    ],
    ids=str,
)
def test_a_device_without_the_right_is_refused(
    hospital: Hospital, device: Any, token: dict[str, str], changes: dict[str, Any], status: int
) -> None:
    assert refused(hospital, forged(source="/scale", **changes), **device(**token)).status_code == status


def test_a_refusal_of_the_handler_is_told_to_the_device(hospital: Hospital, device: Any) -> None:
    refusing.set()
    answer = refused(hospital, forged(source="/scale"), **device())
    assert (answer.status_code, answer.json()["detail"]) == (409, "尚未建档。")


def test_staff_send_no_events(hospital: Hospital, device: Any) -> None:
    nurse = hospital.caller("nurse")
    assert refused(hospital, forged(), authorization=f"Bearer {nurse.token}").status_code == 403


def test_a_bad_token_is_refused_before_the_body_is_read(hospital: Hospital) -> None:
    answer = hospital.client.post(PATH, content=json.dumps({}), headers={"authorization": "Bearer x.y.z"})
    assert answer.status_code == 401
    assert answer.json()["code"] == "token_invalid"
