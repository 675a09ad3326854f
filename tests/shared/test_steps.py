"""Work that leaves the database in between, and attempts that stay on record though they were refused."""

import threading
import uuid
from collections.abc import Iterator

import pytest

from shared.command import Onward, command
from shared.function import FunctionApp
from shared.http import Router
from shared.numbers import Series
from shared.problems import Conflict
from shared.schemas import Input, Text, View
from shared.steps import Steps
from shared.tx import Tx
from tests.support.hospital import Hospital, cloned_hospital

router = Router()
INTENTS = Series("intent", daily=False)
BOOKINGS = Series("booking", daily=False)
channel_down = threading.Event()


class Watched(Conflict):
    code = "watched_refusal"
    title = "不可"
    traced = True


class Order(Input):
    what: Text


class Ordered(View):
    state: str
    version: int


@router.post("/orders", status_code=201)
@command("outpatient.registration.write")
def order(tx: Tx, body: Order) -> Ordered:
    """Write the intent, call the channel, book its answer."""
    tx.number(INTENTS)

    def call_and_book(steps: Steps) -> Ordered:
        if channel_down.is_set():
            raise Conflict("渠道没有应答，正在确认结果。")
        steps.step(lambda tx: tx.number(BOOKINGS))
        return Ordered(state="booked", version=2)

    return Onward(Ordered(state="under way", version=1), call_and_book)  # type: ignore[return-value]


@router.post("/watched")
@command("outpatient.registration.write")
def refuse(tx: Tx, body: Order) -> Ordered:
    """Refuse, and keep who tried."""
    tx.number(INTENTS)
    raise Watched("此项已执行，不能退费。")


PROBE = FunctionApp("outpatient/probe", module=0, title="探针", router=router)
PATH = "/api/outpatient/probe"
BODY = {"what": "CT"}


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([PROBE]) as one:
        yield one


@pytest.fixture(autouse=True)
def channel_up() -> Iterator[None]:
    yield
    channel_down.clear()


def counted(hospital: Hospital, series: Series) -> int:
    return hospital.value("SELECT last_value FROM kernel.number_series WHERE series = %s", [series.name]) or 0


def refusals(hospital: Hospital) -> list[tuple[str, str, str, str]]:
    rows = hospital.rows(
        "SELECT campus_id, actor, subject_id, detail FROM kernel.audit_entries WHERE action = 'refused'"
    )
    return [(row["campus_id"], row["actor"], row["subject_id"], row["detail"]["code"]) for row in rows]


def test_the_answer_is_that_of_the_last_step_and_a_repeat_that_of_the_first(hospital: Hospital) -> None:
    caller, key = hospital.caller("registrar"), str(uuid.uuid4())
    first = caller.post(f"{PATH}/orders", BODY, key=key)
    assert (first.status_code, first.json()["state"], first.headers["etag"]) == (201, "booked", '"2"')
    again = caller.post(f"{PATH}/orders", BODY, key=key)
    assert (again.status_code, again.json()["state"]) == (201, "under way")
    assert again.headers["idempotent-replayed"] == "true"
    assert (counted(hospital, INTENTS), counted(hospital, BOOKINGS)) == (1, 1)


def test_what_was_begun_stands_when_the_channel_fails(hospital: Hospital) -> None:
    intents, bookings = counted(hospital, INTENTS), counted(hospital, BOOKINGS)
    channel_down.set()
    caller, key = hospital.caller("registrar"), str(uuid.uuid4())
    failed = caller.post(f"{PATH}/orders", BODY, key=key)
    assert (failed.status_code, failed.json()["detail"]) == (409, "渠道没有应答，正在确认结果。")
    assert (counted(hospital, INTENTS), counted(hospital, BOOKINGS)) == (intents + 1, bookings)
    assert caller.post(f"{PATH}/orders", BODY, key=key).json()["state"] == "under way"
    assert counted(hospital, INTENTS) == intents + 1


def test_a_watched_refusal_leaves_the_attempt_and_nothing_else(hospital: Hospital) -> None:
    caller, before, intents = hospital.caller("registrar"), hospital.census(), counted(hospital, INTENTS)
    answer = caller.post(f"{PATH}/watched?name=陈守信", BODY)  # a query may name somebody, the record must not
    assert (answer.status_code, answer.json()["code"]) == (409, "watched_refusal")
    assert hospital.census() == before
    assert counted(hospital, INTENTS) == intents
    assert ("hq", caller.subject, f"POST {PATH}/watched", "watched_refusal") in refusals(hospital)


def test_who_is_refused_for_lack_of_rights_is_on_record_where_they_may_act(hospital: Hospital) -> None:
    caller = hospital.caller("price_officer")
    assert caller.post(f"{PATH}/orders", BODY).status_code == 403
    assert caller.at("mch").post(f"{PATH}/orders", BODY).status_code == 403
    found = [(campus, code) for campus, actor, _, code in refusals(hospital) if actor == caller.subject]
    assert found == [("hq", "permission_denied"), ("hq", "acting_campus")]
