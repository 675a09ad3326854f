"""The edge of a transaction: first answers, refusals that write nothing, races, and a small pool under a crowd."""

import contextlib
import hashlib
import hmac
import threading
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import httpx
import pytest
from prometheus_client import REGISTRY
from sqlalchemy import bindparam, select, update

from shared.command import command, query
from shared.database.query import Query
from shared.function import FunctionApp
from shared.http import Router
from shared.money import PositiveMoney
from shared.numbers import Series
from shared.problems import Conflict
from shared.schemas import Input, Text, View
from shared.tables import NumberSeries
from shared.tx import Tx
from tests.support.hospital import Hospital, cloned_hospital
from tests.support.server import listening

router = Router()
THINGS = Series("thing", daily=False)
SECOND = Series("second", daily=False)
BUMP = Query(
    int,
    update(NumberSeries)
    .where(NumberSeries.series == bindparam("name"))
    .values(last_value=NumberSeries.last_value + 1)
    .returning(NumberSeries.last_value),
)
LAST = Query(int, select(NumberSeries.last_value).where(NumberSeries.series == bindparam("name")))
meeting = threading.Barrier(2, timeout=2)


class Make(Input):
    name: Text
    amount: PositiveMoney


class Made(View):
    number: int
    name: str
    version: int


@router.post("/things", status_code=201)
@command("outpatient.registration.write")
def make(tx: Tx, body: Make) -> Made:
    """Make a thing."""
    tx.audit("thing.made", "thing", body.name)
    return Made(number=tx.number(THINGS), name=body.name, version=3)


@router.post("/refusals")
@command("outpatient.registration.write")
def refuse(tx: Tx, body: Make) -> Made:
    """Write, then refuse."""
    tx.number(THINGS)
    raise Conflict("不行")


@router.post("/crossings")
@command("outpatient.registration.write")
def cross(tx: Tx, body: Make) -> Made:
    """Lock two rows in the order the name says; two of these in opposite order deadlock once."""
    first, second = ("thing", "second") if body.name == "forward" else ("second", "thing")
    tx.session.one(BUMP, name=first)
    with contextlib.suppress(threading.BrokenBarrierError):
        meeting.wait()
    return Made(number=tx.session.one(BUMP, name=second), name=body.name, version=1)


@router.get("/things")
@query("outpatient.registration.read")
def count(tx: Tx) -> int:
    """The last number."""
    return tx.session.first(LAST, name="thing") or 0


@router.get("/failures")
@query("outpatient.registration.read")
def fail(tx: Tx) -> int:
    """A programming error whose text holds what nobody may see."""
    raise ValueError("secret 450223199003074516")


PROBE = FunctionApp("outpatient/probe", module=0, title="探针", router=router)
PATH = "/api/outpatient/probe"
BODY = {"name": "笔", "amount": "3.10"}


def sent(body: dict[str, str]) -> bytes:
    """What a request for a thing at hq is known by: where it goes, at which campus, and its body."""
    return b"\0".join((f"POST {PATH}/things?".encode(), b"hq", httpx.Request("POST", PATH, json=body).content))


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([PROBE]) as one:
        with one.tx("hq") as tx:
            tx.number(THINGS)
            tx.number(SECOND)
        yield one


def test_same_key_same_answer_one_effect(hospital: Hospital) -> None:
    caller = hospital.caller("registrar")
    key = str(uuid.uuid4())
    first = caller.post(f"{PATH}/things", BODY, key=key)
    again = caller.post(f"{PATH}/things", BODY, key=key)
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    assert again.headers["idempotent-replayed"] == "true"
    assert first.headers["etag"] == '"3"'
    assert caller.get(f"{PATH}/things").json() == first.json()["number"]


def test_same_key_other_body_is_refused(hospital: Hospital) -> None:
    caller = hospital.caller("registrar")
    key = str(uuid.uuid4())
    caller.post(f"{PATH}/things", BODY, key=key)
    before = hospital.census()
    other = caller.post(f"{PATH}/things", {**BODY, "amount": "3.11"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert hospital.census() == before


def test_neither_key_nor_request_can_be_found_by_guessing_from_what_is_kept(hospital: Hospital) -> None:
    caller, key = hospital.caller("registrar"), str(uuid.uuid4())
    assert caller.post(f"{PATH}/things", BODY, key=key).status_code == 201
    [kept] = hospital.rows("SELECT * FROM kernel.idempotent_answers WHERE subject = %s", [caller.subject])
    request = sent(BODY)
    assert bytes(kept["request_hash"]) == hmac.new(key.encode(), request, hashlib.sha256).digest()
    assert key not in str(kept)


def test_a_command_of_the_release_before_is_known_again(hospital: Hospital) -> None:
    caller, key = hospital.caller("registrar"), str(uuid.uuid4())
    request = sent(BODY)
    hospital.execute(
        "INSERT INTO kernel.idempotent_answers (campus_id, subject, key, request_hash, status, body, created_at)"
        " VALUES ('hq', %(subject)s, %(key)s, %(request)s, 201, '{\"number\": 7}', now())",
        {"subject": caller.subject, "key": key, "request": hashlib.sha256(request).digest()},
    )
    again = caller.post(f"{PATH}/things", BODY, key=key)
    assert (again.status_code, again.json()) == (201, {"number": 7})
    other = caller.post(f"{PATH}/things", {**BODY, "amount": "3.11"}, key=key)
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")


def test_same_key_of_two_people_are_two_commands(hospital: Hospital) -> None:
    key = str(uuid.uuid4())
    one = hospital.caller("registrar").post(f"{PATH}/things", BODY, key=key)
    two = hospital.caller("registrar").post(f"{PATH}/things", BODY, key=key)
    assert one.json()["number"] + 1 == two.json()["number"]


def test_a_refusal_writes_nothing_and_keeps_no_gap(hospital: Hospital) -> None:
    caller = hospital.caller("registrar")
    number = caller.get(f"{PATH}/things").json()
    before = hospital.census()
    refused = caller.post(f"{PATH}/refusals", BODY)
    assert (refused.status_code, refused.json()["code"]) == (409, "conflict")
    assert refused.headers["content-type"] == "application/problem+json"
    assert hospital.census() == before
    assert caller.post(f"{PATH}/things", BODY).json()["number"] == number + 1


@pytest.mark.parametrize(
    ("body", "status", "field"),
    [
        ({"name": "x", "amount": "1.234"}, 422, "amount"),
        ({"name": "x", "amount": "-1"}, 422, "amount"),
        ({"name": "x", "amount": "0"}, 422, "amount"),
        ({"name": "x", "amount": "NaN"}, 422, "amount"),
        ({"name": "x", "amount": "1e400"}, 422, "amount"),
        ({"name": "", "amount": "1"}, 422, "name"),
        ({"name": "a\x00b", "amount": "1"}, 422, "name"),
        ({"name": "x" * 500, "amount": "1"}, 422, "name"),
        ({"name": "x"}, 422, "amount"),
        ({"name": "x", "amount": "1", "nmae": 1}, 422, "nmae"),
    ],
)
def test_bad_fields_are_named(hospital: Hospital, body: dict, status: int, field: str) -> None:
    before = hospital.census()
    answer = hospital.caller("registrar").post(f"{PATH}/things", body)
    assert answer.status_code == status
    assert field in {error["field"] for error in answer.json()["errors"]}
    assert all(error["message"] != "" for error in answer.json()["errors"])
    assert hospital.census() == before


def test_unreadable_bodies(hospital: Hospital) -> None:
    headers = hospital.caller("registrar").headers() | {"content-type": "application/json"}
    for content, status in ((b"{", 400), (b"\xff\xfe", 400), (b"x" * 10_000_000, 413), (b"[]", 422), (b"", 422)):
        answer = hospital.client.post(f"{PATH}/things", content=content, headers=headers)
        assert answer.status_code == status, content[:10]
        assert answer.json()["code"] in {"unreadable", "body_too_large", "invalid"}
    plain = headers | {"content-type": "text/plain"}
    assert hospital.client.post(f"{PATH}/things", content=b"{}", headers=plain).status_code == 400


def test_missing_headers(hospital: Hospital) -> None:
    caller = hospital.caller("registrar")
    for missing, status, code in (
        ("authorization", 401, "token_missing"),
        ("x-campus", 400, "campus_missing"),
        ("idempotency-key", 400, "idempotency_key_missing"),
    ):
        headers = {name: value for name, value in caller.headers().items() if name != missing}
        answer = hospital.client.post(f"{PATH}/things", json=BODY, headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (status, code)


def test_foreign_and_odd_campus(hospital: Hospital) -> None:
    caller = hospital.caller("registrar")
    assert caller.at("mch").post(f"{PATH}/things", BODY).status_code == 403
    assert caller.at("HQ'; --").post(f"{PATH}/things", BODY).status_code == 400


def test_without_the_permission(hospital: Hospital) -> None:
    before = hospital.census()
    answer = hospital.caller("price_officer").post(f"{PATH}/things", BODY)
    assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    assert hospital.census() == before


def test_unknown_places(hospital: Hospital) -> None:
    caller = hospital.caller("registrar")
    assert caller.get("/api/outpatient/probe/nothing").json()["code"] == "not_found"
    assert caller.get("/api/outpatient/probe/refusals").json()["code"] == "method_not_allowed"


def test_an_unexpected_error_tells_nothing(hospital: Hospital, caplog: pytest.LogCaptureFixture) -> None:
    answer = hospital.caller("registrar").get(f"{PATH}/failures")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert "450223" not in answer.text
    assert answer.json()["trace_id"]


def test_a_trace_is_continued(hospital: Hospital) -> None:
    caller = hospital.caller("registrar")
    trace = "0af7651916cd43dd8448eb211c80319c"
    answer = caller.post(f"{PATH}/refusals", BODY, traceparent=f"00-{trace}-b7ad6b7169203331-01")
    assert answer.json()["trace_id"] == trace


def test_a_deadlock_is_run_again(hospital: Hospital) -> None:
    meeting.reset()
    caller = hospital.caller("registrar")
    retries = _retries()
    with listening(hospital) as address, ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda name: httpx.post(
                    f"{address}{PATH}/crossings",
                    json={"name": name, "amount": "1"},
                    headers=caller.headers(),
                    timeout=30,
                ),
                ("forward", "backward"),
            )
        )
    assert [answer.status_code for answer in answers] == [200, 200]
    assert _retries() > retries


def _retries() -> float:
    return REGISTRY.get_sample_value("his_transaction_retries_total", {"function": PROBE.name}) or 0


def test_a_crowd_on_a_pool_of_five_is_answered(hospital: Hospital) -> None:
    """100 at once, 600 in all, over five connections: slower, every one answered, every number once."""
    caller = hospital.caller("registrar")
    start = caller.get(f"{PATH}/things").json()
    with (
        listening(hospital) as address,
        httpx.Client(base_url=address, timeout=60, limits=httpx.Limits(max_connections=100)) as client,
        ThreadPoolExecutor(100) as pool,
    ):
        answers = list(
            pool.map(lambda _: client.post(f"{PATH}/things", json=BODY, headers=caller.headers()), range(600))
        )
    assert {answer.status_code for answer in answers} == {201}
    assert sorted(answer.json()["number"] for answer in answers) == list(range(start + 1, start + 601))


def test_the_same_key_at_once_has_one_effect(hospital: Hospital) -> None:
    caller = hospital.caller("registrar")
    key = str(uuid.uuid4())
    start = caller.get(f"{PATH}/things").json()
    with (
        listening(hospital) as address,
        httpx.Client(base_url=address, timeout=30) as client,
        ThreadPoolExecutor(20) as pool,
    ):
        answers = list(
            pool.map(
                lambda _: client.post(f"{PATH}/things", json=BODY, headers=caller.headers(key)),
                range(20),
            )
        )
    assert {answer.status_code for answer in answers} <= {201, 409}
    assert {answer.json()["code"] for answer in answers if answer.status_code == 409} <= {"command_still_running"}
    assert len({answer.content for answer in answers if answer.status_code == 201}) == 1
    assert caller.get(f"{PATH}/things").json() == start + 1


def test_a_broken_constraint_among_gathered_writes_is_the_answer(hospital: Hospital) -> None:
    """However many writes follow the broken one, its own refusal leaves, nothing is written, the pool stays sound."""
    before = hospital.census()

    def break_it() -> None:
        with hospital.tx("hq") as tx:
            for _ in range(3):
                tx.session.add(NumberSeries(campus_id="hq", series="thing", period="-", last_value=1))
            tx.audit("after", "thing", "1")

    for _ in range(12):
        with pytest.raises(Conflict):
            break_it()
    assert hospital.census() == before
    with hospital.tx("hq") as tx:
        tx.number(THINGS)
