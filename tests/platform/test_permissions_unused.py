"""What nobody uses is told; what nobody reviews in an office is suspended until its head answers."""

import asyncio
from datetime import date, timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.platform.permissions import rules
from shared.identity.actor import Actor
from shared.identity.uses import UseLog
from tests.platform.conftest import BASE, ORGANISATION, Consortium, ok


def uses(consortium: Consortium, staff_id: UUID) -> dict[str, Any]:
    rows = consortium.hospital.rows("SELECT * FROM kernel.permission_uses WHERE staff_id = %s", [staff_id])
    return {f"{row['campus_id']} {row['permission']}": (row["first_used"], row["last_used"]) for row in rows}


def test_a_use_is_noted_once_a_day_without_a_statement_of_its_own(consortium: Consortium) -> None:
    hospital = consortium.hospital
    me = consortium.signed_on(consortium.posted("security_admin"))
    today = (hospital.clock() + timedelta(hours=8)).date()
    for _ in range(2):
        ok(me.get(f"{BASE}/scopes"))
    ok(me.get(f"{BASE}/my/rights"))
    hospital.runtime.uses.write(hospital.runtime.database)
    assert uses(consortium, me.staff_id) == {"hq platform.permissions.read": (today, today)}
    assert me.post(f"{BASE}/packages/export", {"note": "x"}).status_code == 403
    hospital.clock.move(days=1)
    try:
        hospital.runtime.uses.note(
            Actor(kind="staff", subject="x", name="x", staff_id=me.staff_id),
            "hq",
            "platform.permissions.read",
            hospital.clock(),
        )
        hospital.runtime.uses.write(hospital.runtime.database)
    finally:
        hospital.clock.offset = timedelta()
    assert uses(consortium, me.staff_id) == {"hq platform.permissions.read": (today, today + timedelta(days=1))}


def test_no_request_waits_for_its_use_to_be_written(consortium: Consortium) -> None:
    """The last byte of the answer leaves before the use is written, and the next answers write nothing again."""
    hospital, me = consortium.hospital, consortium.signed_on(consortium.posted("security_admin"))
    hospital.runtime.uses = UseLog()
    seen: list[tuple[str, int]] = []

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: dict[str, Any]) -> None:
        seen.append((message["type"], len(uses(consortium, me.staff_id))))

    def ask(path: str) -> None:
        headers = [(name.encode(), value.encode()) for name, value in me.headers().items()]
        scope = {
            "type": "http",
            "asgi": {"version": "3.0"},
            "http_version": "1.1",
            "method": "GET",
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "headers": headers,
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        asyncio.run(hospital.api(scope, receive, send))  # type: ignore[arg-type]

    ask(f"{BASE}/scopes")
    assert [kind for kind, _ in seen][-1] == "http.response.body"
    assert {written for _, written in seen} == {0}
    assert list(uses(consortium, me.staff_id)) == ["hq platform.permissions.read"]
    ask(f"{BASE}/packages")
    assert list(uses(consortium, me.staff_id)) == ["hq platform.permissions.read"], "it gathers for a while"


def test_what_cannot_be_written_waits_and_costs_nobody_anything(consortium: Consortium) -> None:
    log, person = UseLog(), consortium.posted("registrar")
    actor = Actor(kind="staff", subject="x", name="x", staff_id=person)
    log.note(actor, "hq", "patients.index.read", consortium.hospital.clock())
    log.write(None)  # type: ignore[arg-type]  a database out of reach
    assert uses(consortium, person) == {}
    log.write(consortium.hospital.runtime.database)
    assert list(uses(consortium, person)) == ["hq patients.index.read"]


def test_posts_and_grants_nobody_uses_are_listed(consortium: Consortium) -> None:
    hospital = consortium.hospital
    idle, busy = (consortium.posted("schedule_clerk") for _ in range(2))
    hospital.execute("DELETE FROM kernel.permission_uses")
    assert ok(consortium.security.get(f"{BASE}/unused"))["items"] == []
    try:
        hospital.clock.move(days=69)
        consortium.granted(idle, "patients.index.merge", valid_to=consortium.moment(days=60))
        hospital.clock.move(days=31)
        _a_hundred_days_on(consortium, idle, busy, consortium.posted("schedule_clerk"))
    finally:
        hospital.clock.offset = timedelta()


def _a_hundred_days_on(consortium: Consortium, idle: UUID, busy: UUID, young: UUID) -> None:
    hospital = consortium.hospital

    def note(staff_id: UUID, first: int, last: int) -> None:
        day = (hospital.clock() + timedelta(hours=8)).date()
        hospital.execute(
            "INSERT INTO kernel.permission_uses (campus_id, staff_id, permission, first_used, last_used)"
            " VALUES ('hq', %s, 'outpatient.schedule.write', %s, %s)",
            [staff_id, day - timedelta(days=first), day - timedelta(days=last)],
        )

    hospital.execute("DELETE FROM kernel.permission_uses")
    note(idle, 40, 35)
    early = ok(consortium.security.get(f"{BASE}/unused"))
    assert [(one["staff_id"], one["kind"]) for one in early["items"]] == [(str(idle), "grant")]
    assert not early["complete"], "the record is forty days old: of posts it can't tell"
    assert ok(consortium.security.get(f"{BASE}/unused/permissions")) == []
    hospital.execute("DELETE FROM kernel.permission_uses")
    note(idle, 200, 95)
    note(busy, 200, 3)
    found = ok(consortium.security.get(f"{BASE}/unused", limit=200))
    assert found["complete"]
    mine = {(one["staff_id"], one["kind"], one["code"]) for one in found["items"]}
    assert (str(idle), "post", "schedule_clerk") in mine
    assert (str(idle), "grant", "patients.index.merge") in mine
    assert not {str(busy), str(young)} & {staff for staff, _, _ in mine}
    window = ok(consortium.security.get(f"{BASE}/unused", limit=1))
    assert (len(window["items"]), window["next"]) == (1, "1")
    unasked = {(one["post"], one["permission"]) for one in ok(consortium.security.get(f"{BASE}/unused/permissions"))}
    assert ("schedule_clerk", "outpatient.schedule.quota") in unasked
    assert ("schedule_clerk", "outpatient.schedule.write") not in unasked, "one holder used it"
    assert consortium.security.get(f"{BASE}/unused.xlsx").content[:2] == b"PK"
    elsewhere = hospital.caller("security_admin", campus="mch")
    assert ok(elsewhere.get(f"{BASE}/unused"))["items"] == [], "another campus, another record"


def posts(consortium: Consortium, staff_id: UUID) -> list[str]:
    rows = ok(consortium.personnel.get(f"{ORGANISATION}/staff/{staff_id}/posts"))
    return sorted(row["post"] for row in rows)


def reviewed_late(consortium: Consortium) -> None:
    consortium.hospital.execute("DELETE FROM platform.attestation_lines")
    consortium.hospital.execute("DELETE FROM platform.attestations")
    consortium.hospital.minute("platform/permissions")
    consortium.hospital.clock.move(days=15, seconds=1)
    for _ in range(3):
        consortium.hospital.minute("platform/permissions")


def test_an_office_without_an_answer_is_suspended_until_its_head_answers(consortium: Consortium) -> None:
    hospital = consortium.hospital
    office, orphan = (consortium.unit(name=name, kind="administrative") for name in ("设备科", "档案室"))
    ward = consortium.unit(name="内三病区", kind="nursing")
    head = consortium.posted("department_head", "schedule_clerk", unit_id=office)
    keeps, loses = (consortium.posted("schedule_clerk", unit_id=office) for _ in range(2))
    unheaded = consortium.posted("schedule_clerk", unit_id=orphan)
    consortium.posted("department_head", unit_id=ward)
    nurse = consortium.posted("schedule_clerk", unit_id=ward)
    try:
        reviewed_late(consortium)
        assert posts(consortium, keeps) == posts(consortium, loses) == []
        assert posts(consortium, head) == ["department_head"], "who answers keeps that post"
        assert posts(consortium, unheaded) == posts(consortium, nurse) == ["schedule_clerk"]
        chief = consortium.signed_on(head, auth_time=int(hospital.clock().timestamp()))
        found = ok(consortium.office.get(f"{BASE}/attestations", limit=200))["items"]
        mine = next(one for one in found if one["unit_id"] == office)
        lines = "SELECT line_id, staff_id, code FROM platform.attestation_lines WHERE attestation_id = %s"
        verdicts = [
            {"line_id": str(row["line_id"]), "verdict": "strike" if row["staff_id"] == loses else "keep"}
            for row in hospital.rows(lines, [mine["attestation_id"]])
        ]
        assert mine["state"] == "overdue"
        body = {"version": mine["version"], "verdicts": verdicts}
        ok(chief.post(f"{BASE}/attestations/{mine['attestation_id']}/answer", body))
        assert (posts(consortium, keeps), posts(consortium, loses)) == (["schedule_clerk"], [])
        kept = hospital.rows("SELECT * FROM kernel.audit_entries WHERE action = 'attestation.not_restored'")
        assert [row["subject_id"] for row in kept] == [str(head)], "nobody gives himself a post"
        assert kept[0]["detail"]["code"] == "same_person"
    finally:
        hospital.clock.offset = timedelta()


def test_the_last_administrator_stays_whoever_forgets_the_form(consortium: Consortium) -> None:
    hospital = consortium.hospital
    office = consortium.unit(name="信息科", kind="administrative")
    consortium.posted("department_head", unit_id=office)
    hospital.execute("UPDATE organisation.post_assignments SET valid_to = now() WHERE post = 'audit_admin'")
    last = consortium.posted("audit_admin", unit_id=office)
    try:
        reviewed_late(consortium)
        assert posts(consortium, last) == ["audit_admin"]
    finally:
        hospital.clock.offset = timedelta()


@pytest.mark.parametrize(
    ("month", "periods"), [(1, ["2026Q1"]), (2, ["2026Q1", "2026M02"]), (10, ["2026Q4"]), (12, ["2026Q4", "2026M12"])]
)
def test_the_quarter_reviews_everything_and_the_month_what_is_privileged(month: int, periods: list[str]) -> None:
    assert rules.periods_of(date(2026, month, 9)) == periods
    assert rules.is_privileged("security_admin")
    assert rules.is_privileged("platform.permissions.grant")
    assert not rules.is_privileged("registrar")
    assert not rules.is_privileged("patients.index.read")
