"""A host killed in the middle of the morning: nothing is lost or doubled, and what was in flight is asked again."""

import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import psycopg
import pytest

from integrity.runner import run
from tests.support import tokens
from tests.support.clinic import FEE, Desk, ok, open_hospital, open_shift, put_on_sale, register_person, resident_id
from tests.support.hospital import Caller, Hospital
from tests.support.processes import HostProcess, key_server

VISITS = "/api/outpatient/registration/visits"
SETTLEMENTS = "/api/payments/billing/settlements"
_WORKSTATIONS = httpx.Client(timeout=10, trust_env=False)


@pytest.fixture(scope="module")
def desk(hospital: Hospital) -> Desk:
    desk = open_hospital(hospital)["hq"]
    open_shift(desk)
    return desk


@pytest.fixture(scope="module")
def host(hospital: Hospital) -> Iterator[HostProcess]:
    with key_server() as keys:
        process = HostProcess(hospital.settings, keys)
        process.issuer = f"{keys}/realms/consortium"  # type: ignore[attr-defined]
        process.start()
        yield process
        if process.process is not None and process.process.poll() is None:
            process.stop()


def token_for(caller: Caller, host: HostProcess) -> str:
    """The same person's token from the issuer the host trusts."""
    import jwt

    claims = jwt.decode(caller.token, options={"verify_signature": False})
    return tokens.sign({**claims, "iss": host.issuer})  # type: ignore[attr-defined]


def insist(host: HostProcess, token: str, path: str, body: Any, key: str) -> Any:
    """Ask until answered, always with the same key, as a workstation does."""
    headers = {"authorization": f"Bearer {token}", "x-campus": "hq", "idempotency-key": key}
    deadline = time.monotonic() + 240
    while time.monotonic() < deadline:
        try:
            answer = _WORKSTATIONS.post(f"{host.address}{path}", json=body, headers=headers)
        except httpx.TransportError:
            threading.Event().wait(0.1)
            continue
        if answer.status_code in {502, 503} or answer.json().get("code") == "command_still_running":
            threading.Event().wait(0.1)
            continue
        return ok(answer)
    raise TimeoutError(path)


def test_kill_during_a_rush(hospital: Hospital, desk: Desk, host: HostProcess) -> None:
    """Thirty patients register and pay while the host is killed and started again twice."""
    session = put_on_sale(hospital, desk, numbers=30)
    people = [register_person(desk.registrar, resident_id(n, born="19800101")) for n in range(30)]
    token = token_for(desk.registrar, host)

    def come(person: str) -> str:
        body = {"patient_id": person, "session_id": session["session_id"]}
        visit = insist(host, token, VISITS, body, f"register-{person}")
        payment = {
            "charge_ids": [charge["charge_id"] for charge in visit["charges"]],
            "expected_total": visit["fee"],
            "tenders": [{"method": "cash", "amount": visit["fee"], "received": visit["fee"]}],
        }
        settled = insist(host, token, SETTLEMENTS, payment, f"pay-{person}")
        assert settled["total"] == visit["fee"]
        return str(visit["encounter_id"])

    with ThreadPoolExecutor(8) as pool:
        coming = [pool.submit(come, person) for person in people]
        for _ in range(2):
            threading.Event().wait(0.4)
            host.kill()
            host.start()
        visits = [one.result() for one in coming]
    assert len(set(visits)) == 30
    counted = hospital.rows(
        "SELECT count(*) AS visits, count(DISTINCT patient_id) AS people FROM outpatient.visits WHERE session_id = %s",
        [session["session_id"]],
    )
    assert counted == [{"visits": 30, "people": 30}]
    assert hospital.value("SELECT count(*) FROM payments.settlements WHERE state = 'completed'") == 30
    assert (
        hospital.value("SELECT sum(amount) FROM payments.money_movements WHERE kind = 'settlement'") == 30 * FEE["hq"]
    )
    assert hospital.value("SELECT last_value FROM kernel.number_series WHERE series = 'visit'") == 30
    assert {r.name: r.count for r in run(hospital.settings.auditor_database_url) if r.count} == {}


def test_kill_in_mid_transaction(hospital: Hospital, desk: Desk, host: HostProcess) -> None:
    """The host dies while its transaction waits, everything written but the commit: nothing of it stays."""
    session = put_on_sale(hospital, desk, numbers=1, desk_no=2)
    person = register_person(desk.registrar, resident_id(1, born="19810101"))
    token = token_for(desk.registrar, host)
    before = {name: count for name, count in hospital.census().items() if name.startswith(("outpatient", "payments"))}
    with psycopg.connect(hospital.server.superuser_dsn(hospital.database)) as blocker:
        blocker.execute("SELECT 1 FROM kernel.number_series WHERE series = 'visit' FOR UPDATE")
        with ThreadPoolExecutor(1) as pool:
            body = {"patient_id": person, "session_id": session["session_id"]}
            asked = pool.submit(insist, host, token, VISITS, body, "mid-transaction-1")
            deadline = time.monotonic() + 20
            while not hospital.value("SELECT count(*) FROM pg_locks WHERE NOT granted AND database IS NOT NULL"):
                if time.monotonic() > deadline:
                    raise TimeoutError("the registration never waited")
                if not hospital.value(
                    "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
                ):
                    threading.Event().wait(0.01)
                    continue
                break
            host.kill()
            blocker.rollback()
            deadline = time.monotonic() + 20
            while hospital.value(
                "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND usename = 'his_app'"
                " AND state <> 'idle' AND pid <> pg_backend_pid()"
            ):
                assert time.monotonic() < deadline
                threading.Event().wait(0.05)
            after = {name: hospital.census()[name] for name in before}
            assert after == before
            host.start()
            visit = asked.result()
    assert visit["slot_number"] == 1
    assert hospital.value("SELECT count(*) FROM outpatient.visits WHERE patient_id = %s", [person]) == 1


def test_a_host_drains_before_it_ends(hospital: Hospital, desk: Desk, host: HostProcess) -> None:
    """SIGTERM: unready at once, and the request in flight is answered."""
    session = put_on_sale(hospital, desk, numbers=1, desk_no=3)
    person = register_person(desk.registrar, resident_id(2, born="19810101"))
    token = token_for(desk.registrar, host)
    with psycopg.connect(hospital.server.superuser_dsn(hospital.database)) as blocker, ThreadPoolExecutor(2) as pool:
        blocker.execute("SELECT 1 FROM kernel.number_series WHERE series = 'visit' FOR UPDATE")
        headers = {"authorization": f"Bearer {token}", "x-campus": "hq", "idempotency-key": "drain-000001"}
        body = {"patient_id": person, "session_id": session["session_id"]}
        asked = pool.submit(httpx.post, f"{host.address}{VISITS}", json=body, headers=headers, timeout=30)
        deadline = time.monotonic() + 20
        while not hospital.value(
            "SELECT 1 FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
        ):
            assert time.monotonic() < deadline
            threading.Event().wait(0.01)
        ended = pool.submit(host.stop)
        threading.Event().wait(0.5)
        blocker.rollback()
        assert asked.result().status_code == 201
        assert ended.result() == 0
