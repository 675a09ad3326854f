"""Posts: who holds which, where, when; and which never meet."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions.organisation.structure import service
from functions.organisation.structure.problems import IncompatiblePosts
from functions.organisation.structure.queries.posts import ASSIGNMENTS_SINCE
from shared.identity.posts import POSTS
from tests.organisation.conftest import BASE, Consortium


@pytest.fixture
def person(consortium: Consortium) -> dict[str, Any]:
    return consortium.engage()


def held(consortium: Consortium, staff_id: str) -> dict[str, frozenset[str]]:
    return dict(consortium.accounts()[UUID(staff_id)].posts)


def test_a_post_is_held_in_the_primary_unit(consortium: Consortium, person: dict[str, Any]) -> None:
    made = consortium.assign(person["staff_id"], "registrar", basis="人事〔2026〕12号")
    assert made.status_code == 201, made.text
    assert (made.json()["post_title"], made.json()["is_main"]) == ("挂号收费员", True)
    assert made.json()["unit_id"] == consortium.tree()["root"]["unit_id"]
    assert held(consortium, person["staff_id"]) == {"hq": frozenset({"registrar"})}
    listed = consortium.mch_admin.get(f"{BASE}/staff/{person['staff_id']}/posts").json()
    assert [post["post"] for post in listed] == ["registrar"]
    event = consortium.hospital.events("post_assigned")[-1]["data"]
    assert (event["post"], event["staff_id"], event["valid_to"]) == ("registrar", person["staff_id"], None)


@pytest.mark.case("P-organisation", 6)
def test_incompatible_posts_never_meet_at_one_campus(consortium: Consortium) -> None:
    mch = consortium.engage(consortium.mch_personnel)
    assert consortium.assign(mch["staff_id"], "registrar", consortium.mch_personnel).status_code == 201
    before = consortium.hospital.census()
    refused = consortium.assign(mch["staff_id"], "cashier_lead", consortium.mch_personnel, is_main=False)
    assert (refused.status_code, refused.json()["code"]) == (422, "incompatible_posts")
    assert refused.json()["rule"] == "cashier_refund_approval"
    assert "收费组长" in refused.json()["detail"]
    assert consortium.hospital.census() == before

    day = consortium.today()
    secondment = {
        "staff_id": mch["staff_id"],
        "receiving_campus": "hq",
        "unit_id": consortium.tree()["root"]["unit_id"],
        "kind": "support",
        "posts": ["schedule_clerk"],
        "mode": "full_time",
        "from_day": day,
        "to_day": day,
    }
    proposed = consortium.personnel.post(f"{BASE}/secondments", secondment).json()
    hr = consortium.hospital.caller("personnel", campus="hq")
    for version, (side, caller) in enumerate([("home", consortium.mch_personnel), ("hr", hr)], 1):
        path = f"{BASE}/secondments/{proposed['secondment_id']}/approve"
        assert caller.post(path, {"side": side, "version": version}).status_code == 200
    elsewhere = consortium.assign(mch["staff_id"], "cashier_lead", is_main=False)
    assert elsewhere.status_code == 201, elsewhere.text
    assert held(consortium, mch["staff_id"]) == {
        "mch": frozenset({"registrar"}),
        "hq": frozenset({"schedule_clerk", "cashier_lead"}),
    }

    pharmacist = consortium.engage(category="pharmacist", title_code="243")["staff_id"]
    before = consortium.hospital.census()
    missing = consortium.assign(pharmacist, "outpatient_pharmacist")
    assert (missing.status_code, missing.json()["code"]) == (422, "licence_missing")
    assert "门诊药师" in missing.json()["detail"]
    assert "药师资格或执业药师注册证" in missing.json()["detail"]
    assert consortium.hospital.census() == before
    paper = {"kind": "pharmacist", "number": "PH450223001", "valid_from": "2020-01-01"}
    assert consortium.personnel.post(f"{BASE}/staff/{pharmacist}/licences", paper).status_code == 201
    assert consortium.assign(pharmacist, "outpatient_pharmacist").status_code == 201


def test_an_appointment_called_off_before_it_began_stands_in_nobodys_way(
    consortium: Consortium, person: dict[str, Any]
) -> None:
    begin = consortium.moment(days=2)
    planned = consortium.assign(person["staff_id"], "schedule_clerk", valid_from=begin)
    assert planned.status_code == 201, planned.text
    twice = consortium.assign(person["staff_id"], "schedule_clerk", is_main=False)
    assert (twice.status_code, twice.json()["code"]) == (409, "post_held_already")
    second = consortium.assign(person["staff_id"], "price_officer")
    assert (second.status_code, second.json()["code"]) == (409, "second_main_post")
    path = f"{BASE}/post-assignments/{planned.json()['assignment_id']}/end"
    assert consortium.personnel.post(path, {"reason": "计划取消"}).status_code == 200
    assert consortium.assign(person["staff_id"], "schedule_clerk").status_code == 201


def test_who_signs_prescriptions_is_a_physician_registered_at_that_campus(consortium: Consortium) -> None:
    doctor = consortium.engage(category="doctor", title_code="232")["staff_id"]
    missing = consortium.assign(doctor, "outpatient_doctor")
    assert (missing.status_code, missing.json()["code"], missing.json()["reason_code"]) == (
        422,
        "licence_missing",
        "licence_missing",
    )
    assert "医师执业证书" in missing.json()["detail"]
    licence = consortium.licensed(doctor)
    assert consortium.assign(doctor, "outpatient_doctor").status_code == 201
    # Lapsed: the post can't be given anew, and the answer says since when.
    ended = consortium.personnel.post(
        f"{BASE}/licences/{licence}/end", {"reason": "注销", "last_day": consortium.today(-1)}
    )
    assert ended.status_code == 200, ended.text
    again = consortium.assign(doctor, "outpatient_doctor", is_main=False)
    assert (again.status_code, again.json()["reason_code"]) == (422, "licence_expired")
    assert consortium.today(-1) in again.json()["detail"]


def test_posts_may_follow_each_other(consortium: Consortium, person: dict[str, Any]) -> None:
    """Incompatible posts one after the other are no conflict; a later start inside the first one is."""
    end = consortium.moment(days=30)
    assert consortium.assign(person["staff_id"], "registrar", valid_to=end).status_code == 201
    overlapping = consortium.assign(
        person["staff_id"], "cashier_lead", valid_from=consortium.moment(days=29), is_main=False
    )
    assert overlapping.json()["code"] == "incompatible_posts"
    assert consortium.assign(person["staff_id"], "cashier_lead", valid_from=end).status_code == 201


def test_three_administrators_are_apart_over_all_campuses(consortium: Consortium, person: dict[str, Any]) -> None:
    assert consortium.assign(person["staff_id"], "system_admin").status_code == 201
    refused = consortium.assign(person["staff_id"], "audit_admin", is_main=False)
    assert (refused.json()["code"], refused.json()["rule"]) == ("incompatible_posts", "three_administrators")


def test_two_appointments_at_once_join_no_incompatible_posts(consortium: Consortium, person: dict[str, Any]) -> None:
    hospital = consortium.hospital
    staff = UUID(person["staff_id"])

    def assign(post: str) -> None:
        with hospital.tx("hq") as tx:
            service.assign_post(tx, service.AssignPost(staff_id=staff, post=post, is_main=False))

    with ThreadPoolExecutor(2) as threads:
        outcomes = [
            future.exception(10)
            for future in [threads.submit(assign, "price_officer"), threads.submit(assign, "price_checker")]
        ]
    assert sorted(type(outcome).__name__ for outcome in outcomes) == [IncompatiblePosts.__name__, "NoneType"]
    assert len(held(consortium, person["staff_id"])["hq"]) == 1


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"post": "wizard"}, 422, "unknown_post"),
        ({"post": "schedule_clerk"}, 409, "second_main_post"),
        ({"post": "registrar", "is_main": False}, 409, "post_held_already"),
        ({"post": "finance", "valid_from": "2020-01-01T00:00:00+08:00"}, 422, "past_change"),
        (
            {"post": "campus_admin", "valid_to": "2099-01-01T00:00:00+08:00", "is_main": False},
            422,
            "privileged_too_long",
        ),
        ({"post": "finance", "unit_id": "other", "is_main": False}, 422, "unit_not_theirs"),
        ({"post": "finance", "staff_id": "00000000-0000-7000-8000-000000000000"}, 404, "staff_not_found"),
    ],
)
def test_refusals_appoint_nobody(
    consortium: Consortium, person: dict[str, Any], fields: dict[str, Any], status: int, code: str
) -> None:
    assert consortium.assign(person["staff_id"], "registrar").status_code == 201
    body = {"staff_id": person["staff_id"], **fields}
    if body.get("unit_id") == "other":
        body["unit_id"] = consortium.unit()["unit_id"]
    before = consortium.hospital.census()
    refused = consortium.personnel.post(f"{BASE}/post-assignments", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert consortium.hospital.census() == before


def test_nobody_appoints_himself_or_another_campus(consortium: Consortium, person: dict[str, Any]) -> None:
    own = consortium.hospital.caller("personnel", campus="hq", staff_id=UUID(person["staff_id"]))
    before = consortium.hospital.census()
    assert consortium.assign(person["staff_id"], "registrar", own).json()["code"] == "same_person"
    foreign = consortium.assign(person["staff_id"], "registrar", consortium.mch_personnel)
    assert (foreign.status_code, foreign.json()["code"]) == (422, "unit_not_theirs")
    assert consortium.assign(person["staff_id"], "registrar", consortium.admin).json()["code"] == "permission_denied"
    assert consortium.hospital.census() == before


def test_a_privileged_post_ends_within_a_year(consortium: Consortium, person: dict[str, Any]) -> None:
    made = consortium.assign(person["staff_id"], "campus_admin").json()
    assert POSTS["campus_admin"].privileged
    assert made["valid_to"][:10] == consortium.today(366)
    ending = consortium.personnel.get(f"{BASE}/post-assignments/ending", days=366).json()
    assert made["assignment_id"] in {post["assignment_id"] for post in ending}
    soon = consortium.personnel.get(f"{BASE}/post-assignments/ending", days=30).json()
    assert made["assignment_id"] not in {post["assignment_id"] for post in soon}


def test_ending_a_post(consortium: Consortium, person: dict[str, Any]) -> None:
    made = consortium.assign(person["staff_id"], "registrar").json()
    path = f"{BASE}/post-assignments/{made['assignment_id']}/end"
    before = consortium.hospital.census()
    foreign = consortium.mch_personnel.post(path, {"reason": "调离"})
    assert (foreign.status_code, foreign.json()["code"]) == (404, "assignment_not_found")
    assert consortium.hospital.census() == before
    ended = consortium.personnel.post(path, {"reason": "调离", "immediate": True})
    assert ended.status_code == 200, ended.text
    assert held(consortium, person["staff_id"]) == {}
    denied = consortium.hospital.rows(
        "SELECT issued_before FROM kernel.denied_subjects WHERE subject = %s", [person["staff_id"]]
    )
    assert len(denied) == 1
    assert denied[0]["issued_before"] is not None
    again = consortium.personnel.post(path, {"reason": "调离"})
    assert (again.status_code, again.json()["code"]) == (409, "assignment_over")
    assert consortium.assign(person["staff_id"], "registrar").status_code == 201
    with pytest.raises(Exception, match="is not rewritten"):
        consortium.hospital.execute(
            "UPDATE organisation.post_assignments SET valid_to = NULL WHERE assignment_id = %s", [made["assignment_id"]]
        )


def test_who_held_a_post_then(consortium: Consortium) -> None:
    """The answer about a past moment does not change with what happened since (audits)."""
    window = consortium.unit(name="急诊收费处")
    first = consortium.engage(unit_id=window["unit_id"], name="甲")
    second = consortium.engage(unit_id=window["unit_id"], name="乙")
    hospital = consortium.hospital
    made = consortium.assign(first["staff_id"], "registrar").json()
    then = consortium.moment()
    hospital.clock.move(hours=1)
    try:
        assert (
            consortium.personnel.post(
                f"{BASE}/post-assignments/{made['assignment_id']}/end", {"reason": "轮换"}
            ).status_code
            == 200
        )
        assert consortium.assign(second["staff_id"], "registrar").status_code == 201
        path = f"{BASE}/posts/registrar/holders"
        at_then = consortium.admin.get(path, unit_id=window["unit_id"], at=then).json()
        now = consortium.admin.get(path, unit_id=window["unit_id"]).json()
        assert [[holder["name"] for holder in holders] for holders in (at_then, now)] == [["甲"], ["乙"]]
        assert consortium.mch_admin.get(path, unit_id=window["unit_id"]).json() == []
        naive = consortium.admin.get(path, at="2026-03-02T08:00:00")
        assert (naive.status_code, naive.json()["code"]) == (422, "invalid")
    finally:
        hospital.clock.move(hours=-1)


def test_a_repeated_command_appoints_once(consortium: Consortium, person: dict[str, Any]) -> None:
    body = {"staff_id": person["staff_id"], "post": "registrar"}
    first = consortium.personnel.post(f"{BASE}/post-assignments", body, key="appoint-once-1")
    again = consortium.personnel.post(f"{BASE}/post-assignments", body, key="appoint-once-1")
    assert (first.status_code, again.json()) == (201, first.json())


def test_accounts_are_read_in_few_statements(consortium: Consortium) -> None:
    with consortium.hospital.tx("hq") as tx:
        before = tx.session.statements
        accounts = service.staff_accounts(tx)
        assert tx.session.statements - before == 4
    assert len(accounts) == consortium.hospital.value("SELECT count(*) FROM organisation.staff")


def test_the_moment_of_a_post_is_half_open(consortium: Consortium, person: dict[str, Any]) -> None:
    start, end = consortium.moment(days=1), consortium.moment(days=2)
    assert consortium.assign(person["staff_id"], "registrar", valid_from=start, valid_to=end).status_code == 201
    hospital = consortium.hospital
    with hospital.tx("hq") as tx:
        rows = tx.session.all(ASSIGNMENTS_SINCE, staff_id=UUID(person["staff_id"]), at=tx.now)
        begin, stop = rows[0].valid_from, rows[0].valid_to
        assert stop is not None
        staff = UUID(person["staff_id"])
        tick = timedelta(microseconds=1)
        counts = [len(service.posts_of(tx, staff, at)) for at in (begin - tick, begin, stop - tick, stop)]
        assert counts == [0, 1, 1, 0]
