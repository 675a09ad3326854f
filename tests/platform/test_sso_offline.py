"""Signing on at a campus's bridge while the line is down: who may, for how long, and what is told afterwards."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.platform.sso import rules, rules_offline
from functions.platform.sso.service import offline
from shared.command import kept_as
from shared.ids import new_id
from tests.platform.beyond import SSO, badge, enrolled, signed_on
from tests.platform.conftest import BASE, ORGANISATION, ok, refused
from tests.platform.realm import World
from tests.support.hospital import Caller

ISSUES, SESSIONS = f"{SSO}/verifier-issues", f"{SSO}/offline-sessions"


@pytest.fixture(scope="module")
def bridges(world: World) -> dict[str, Caller]:
    return {
        campus: signed_on(world, set(), enrolled(world, set(), "bridge-a", "bridge", campus))
        for campus in ("hq", "mch")
    }


def worked(world: World, staff_id: UUID, campus: str = "hq") -> None:
    """The person does a day's work: signs on by password and looks something up."""
    me = world.signed_on(staff_id, campus)
    ok(me.get(f"{ORGANISATION}/staff/{staff_id}"))
    world.hospital.runtime.uses.write(world.hospital.runtime.database)


def carded(world: World, pin: str, *posts: str, works: bool = True, **fields: Any) -> tuple[UUID, str]:
    person, card = world.person(*(posts or ("registrar",)), **fields), f"CARD{uuid4().hex[:10]}"
    badge(world, set(), person, card, pin)
    if works:
        worked(world, person)
    return person, card


def people(issue: dict[str, Any]) -> dict[str, dict[str, Any]]:
    assert issue["state"] == "done"
    return {one["staff_id"]: one for one in issue["people"]}


def sign_on(person: UUID, opened_at: datetime, **fields: Any) -> dict[str, Any]:
    return {
        "entry_id": str(new_id()),
        "staff_id": str(person),
        "workstation": "window-1",
        "outcome": "opened",
        "opened_at": opened_at.isoformat(),
        "ended_at": (opened_at + timedelta(minutes=1)).isoformat(),
        **fields,
    }


def test_the_bridge_recognises_card_and_pin_of_who_works_here(world: World, bridges: dict[str, Caller]) -> None:
    hospital = world.hospital
    cashier, card = carded(world, "258031", name="覃离线")
    by_card, second = carded(world, "370462", works=False)
    absent, _ = carded(world, "614905", works=False)
    uncarded = world.person("registrar")
    worked(world, uncarded)
    station = signed_on(world, set(), enrolled(world, set(), "ward-7", "workstation"))
    ok(station.post(f"{SSO}/switches", {"card_no": second, "pin": "370462"}))

    key = "first-refresh-1"
    issue = ok(bridges["hq"].post(ISSUES, key=key))
    found = people(issue)
    assert {str(cashier), str(by_card)} <= found.keys()
    assert not {str(absent), str(uncarded)} & found.keys(), "not here within a week; no card"
    one = found[str(cashier)]
    assert (one["name"], one["posts"]) == ("覃离线", ["registrar"])
    assert one["verifier"].startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    salt = bytes.fromhex(one["pin_salt"])
    assert rules_offline.verifies(one["verifier"], salt, card, "258031")
    assert not rules_offline.verifies(one["verifier"], salt, card, "258032")
    assert not rules_offline.verifies(one["verifier"], salt, second, "258031"), "a PIN with another card opens nothing"
    assert one["card_hint"] == rules.card_hash(card)[:2].hex()
    assert card not in str(issue)
    assert rules.card_hash(card).hex() not in str(issue)

    valid = datetime.fromisoformat(issue["valid_to"]) - datetime.fromisoformat(issue["issued_at"])
    assert valid == timedelta(hours=72)
    row = hospital.rows("SELECT * FROM platform.verifier_issues WHERE issue_id = %s", [issue["issue_id"]])[0]
    assert (row["campus_id"], {str(one) for one in row["staff_ids"]}) == ("hq", set(found))
    audited = (
        "SELECT detail ->> 'people' FROM kernel.audit_entries WHERE action = 'verifiers.issued' AND subject_id = %s"
    )
    assert hospital.value(audited, [issue["issue_id"]]) == str(len(found))
    assert ok(bridges["hq"].post(ISSUES, key=key)) == {
        "state": "pending",
        "issue_id": None,
        "issued_at": None,
        "valid_to": None,
        "waiting": 0,
        "people": [],
    }, "a repeated answer holds no verifiers: they are in no kept answer"
    kept = hospital.rows("SELECT body FROM kernel.idempotent_answers WHERE key = %s", [kept_as(key)])
    assert kept
    assert b"argon2" not in bytes(kept[0]["body"])


def test_only_the_campus_own_bridge_is_given_them(world: World, bridges: dict[str, Caller]) -> None:
    here, _ = carded(world, "258041")
    station = signed_on(world, set(), enrolled(world, set(), "ward-8", "workstation"))
    before = world.hospital.census()
    refused(bridges["mch"].at("hq").post(ISSUES), 403, "acting_campus")
    batch = {"sessions": [sign_on(here, world.hospital.clock() - timedelta(minutes=5))]}
    refused(bridges["mch"].at("hq").post(SESSIONS, batch), 403, "acting_campus")
    refused(station.post(ISSUES), 403, "permission_denied")
    refused(world.consortium.security.post(ISSUES), 403, "permission_denied")
    assert world.hospital.census() == before
    assert str(here) not in people(ok(bridges["mch"].post(ISSUES)))
    assert str(here) in people(ok(bridges["hq"].post(ISSUES)))


def test_who_is_shut_out_is_not_in_the_next_issue(world: World, bridges: dict[str, Caller]) -> None:
    hospital, bridge = world.hospital, bridges["hq"]
    stays, _ = carded(world, "258051")
    frozen, _ = carded(world, "258052")
    leaver, _ = carded(world, "258053")
    lost, _ = carded(world, "258054")
    guessed, card = carded(world, "258057")
    everybody = {str(one) for one in (stays, frozen, leaver, lost, guessed)}
    assert everybody <= people(ok(bridge.post(ISSUES))).keys()
    body = {"reason_code": "risk", "reason": "账号异常"}
    ok(world.consortium.security.post(f"{BASE}/staff/{frozen}/freeze", body))
    hospital.execute("UPDATE organisation.staff SET status = 'left' WHERE staff_id = %s", [leaver])
    ok(world.consortium.security.post(f"{SSO}/staff/{lost}/badge/end"))
    station = signed_on(world, set(), enrolled(world, set(), "ward-9", "workstation"))
    for _ in range(5):
        station.post(f"{SSO}/switches", {"card_no": card, "pin": "999111"})
    assert everybody & people(ok(bridge.post(ISSUES))).keys() == {str(stays)}


def test_a_card_given_anew_gets_another_verifier_and_a_known_one_is_not_made_again(
    world: World, bridges: dict[str, Caller], monkeypatch: pytest.MonkeyPatch
) -> None:
    person, _ = carded(world, "258061")
    other, _ = carded(world, "258064")
    first = people(ok(bridges["hq"].post(ISSUES)))
    ok(world.consortium.security.post(f"{SSO}/staff/{person}/badge/end"))
    badge(world, set(), person, f"CARD{uuid4().hex[:10]}", "258062")
    monkeypatch.setattr(offline, "MADE_AT_ONCE", 0)
    short = ok(bridges["hq"].post(ISSUES))
    assert str(person) not in people(short)
    assert short["waiting"] == 1, "its verifier is not made yet, and the bridge is told so"
    monkeypatch.undo()
    second = people(ok(bridges["hq"].post(ISSUES)))
    assert second[str(person)]["verifier"] != first[str(person)]["verifier"]
    assert second[str(other)]["verifier"] == first[str(other)]["verifier"]


def test_what_happened_offline_is_audited_under_the_right_name_and_counts_once(
    world: World, bridges: dict[str, Caller]
) -> None:
    hospital, bridge = world.hospital, bridges["hq"]
    person, _ = carded(world, "258071")
    before_issue = hospital.clock() - timedelta(minutes=1)
    assert str(person) in people(ok(bridge.post(ISSUES)))
    try:
        hospital.clock.move(hours=3)
        at = hospital.clock() - timedelta(hours=2)
        done = sign_on(person, at)
        early = sign_on(person, before_issue - timedelta(days=1))
        batch = [
            done,
            early,
            sign_on(person, at, outcome="refused", ended_at=None),
            sign_on(person, at, outcome="locked", ended_at=None),
        ]
        assert ok(bridge.post(SESSIONS, {"sessions": batch})) == {"received": 4, "repeated": 0, "not_issued": 1}
        counted = hospital.census()
        again = ok(bridge.post(SESSIONS, {"sessions": batch}, key="sent-again-01"))
        assert again == {"received": 0, "repeated": 4, "not_issued": 0}
        after = hospital.census()
        changed = {name: after[name] - counted[name] for name in after if after[name] != counted[name]}
        assert changed == {"kernel.idempotent_answers": 1}
    finally:
        hospital.clock.offset = timedelta()
    rows = hospital.rows(
        "SELECT detail FROM kernel.audit_entries WHERE action = 'session.offline' AND subject_id = %s", [str(person)]
    )
    assert len(rows) == 4
    audited = {row["detail"]["entry_id"]: row["detail"] for row in rows}
    assert audited[done["entry_id"]]["offline"] is True
    assert audited[done["entry_id"]]["workstation"] == "window-1"
    assert datetime.fromisoformat(audited[done["entry_id"]]["opened_at"]) == datetime.fromisoformat(done["opened_at"])
    assert audited[done["entry_id"]]["issue_id"] is not None
    assert audited[early["entry_id"]]["issue_id"] is None
    risks = [one["data"] for one in hospital.events("login_risk_found") if one["data"]["cause"] == "offline_not_issued"]
    assert [one["staff_id"] for one in risks] == [str(person)]
    assert sum(one["data"]["account_id"] == str(person) for one in hospital.events("logged_in")) == 2
    failed = [one["data"] for one in hospital.events("login_failed") if one["data"]["account_id"] == str(person)]
    assert sorted(one["reason"] for one in failed) == ["locked", "wrong_pin"]


def test_a_journal_that_was_changed_or_cannot_be_is_refused_whole(world: World, bridges: dict[str, Caller]) -> None:
    hospital, bridge = world.hospital, bridges["hq"]
    person, _ = carded(world, "258081")
    now = hospital.clock()
    known = sign_on(person, now - timedelta(minutes=30))
    ok(bridge.post(SESSIONS, {"sessions": [known]}))
    fresh = sign_on(person, now - timedelta(minutes=20))
    before = hospital.census()
    changed = {**known, "staff_id": str(uuid4())}
    refused(bridge.post(SESSIONS, {"sessions": [fresh, changed]}), 409, "offline_entry_differs")
    late = sign_on(person, now + timedelta(minutes=10))
    backwards = sign_on(person, now - timedelta(hours=1), ended_at=(now - timedelta(hours=2)).isoformat())
    open_still = sign_on(person, now - timedelta(hours=1), ended_at=None)
    failed = sign_on(person, now - timedelta(hours=1), outcome="refused")
    for wrong in (late, backwards, open_still, failed):
        answer = refused(bridge.post(SESSIONS, {"sessions": [fresh, wrong]}), 422, "invalid")
        assert answer["errors"][0]["field"].startswith("sessions.1")
    refused(bridge.post(SESSIONS, {"sessions": [fresh, fresh]}), 422, "invalid")
    assert hospital.census() == before
    tried = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'refused' AND detail ->> 'code' = %s"
    assert hospital.value(tried, ["offline_entry_differs"]) == 1


def test_security_reads_issues_and_sign_ons_of_the_own_campus_page_by_page(
    world: World, bridges: dict[str, Caller]
) -> None:
    person, _ = carded(world, "258091")
    for _ in range(3):
        ok(bridges["hq"].post(ISSUES))
        at = world.hospital.clock() - timedelta(minutes=5)
        ok(bridges["hq"].post(SESSIONS, {"sessions": [sign_on(person, at)]}))
    mch = world.hospital.caller("security_admin", campus="mch")
    for path, table, key in (
        (ISSUES, "platform.verifier_issues", "issue_id"),
        (SESSIONS, "platform.offline_sessions", "session_id"),
    ):
        seen: list[str] = []
        cursor: dict[str, Any] = {}
        while cursor.get("cursor", "") is not None:
            page = ok(world.consortium.security.get(path, limit=2, **cursor))
            seen += [row[key] for row in page["items"]]
            cursor = {"cursor": page["next"]}
            if page["next"] is None:
                break
        kept = world.hospital.rows(f"SELECT {key} FROM {table} WHERE campus_id = 'hq' ORDER BY {key} DESC")
        assert len(seen) >= 3
        assert seen == [str(row[key]) for row in kept]
        others = {row[key] for row in ok(mch.get(path, limit=200))["items"]}
        assert not others & set(seen)
        refused(world.consortium.system.get(path), 403, "permission_denied")


START = datetime(2026, 3, 2, 8, tzinfo=UTC)
WHO, OTHER = uuid4(), uuid4()


def issued(hours: float, *staff: UUID, bridge: str = "a") -> rules_offline.Issue:
    at = START + timedelta(hours=hours)
    return rules_offline.Issue(uuid4(), bridge, at, at + rules_offline.VALID, frozenset(staff))


def test_the_last_issue_a_bridge_had_decides() -> None:
    first, second = issued(0, WHO, OTHER), issued(5, OTHER)

    def by(hours: float, *issues: rules_offline.Issue) -> UUID | None:
        return rules_offline.allowed_by(issues, WHO, START + timedelta(hours=hours))

    assert by(-1, first, second) is None
    assert by(4, first, second) == first.issue_id
    assert by(6, first, second) is None, "left out of the next issue"
    assert by(72, first) is None, "72 hours and no longer"
    assert by(71.9, first) == first.issue_id
    standby = issued(1, WHO, bridge="b")
    assert by(6, first, second, standby) == standby.issue_id, "the other box was not refreshed since"


@given(st.lists(st.tuples(st.floats(0, 100), st.booleans()), max_size=8), st.floats(0, 200))
def test_nobody_comes_in_by_an_issue_without_him(made: list[tuple[float, bool]], at: float) -> None:
    issues = [issued(hours, *((WHO,) if there else (OTHER,))) for hours, there in made]
    found = rules_offline.allowed_by(issues, WHO, START + timedelta(hours=at))
    if found is not None:
        one = next(issue for issue in issues if issue.issue_id == found)
        assert WHO in one.staff_ids
        assert one.issued_at <= START + timedelta(hours=at) < one.valid_to
