"""Applications over three desks, single grants with an end, freezing, reviews."""

from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from shared.identity.posts import PERMISSIONS, POSTS
from tests.platform.conftest import BASE, ORGANISATION, Consortium, ok, refused


def wish(consortium: Consortium, staff_id: UUID, code: str = "patients.index.merge", **fields) -> dict:
    return {
        "staff_id": str(staff_id),
        "kind": "permission",
        "code": code,
        "valid_to": consortium.moment(days=3),
        "ground": "代班",
        **fields,
    }


def test_an_application_for_a_post_ends_in_an_assignment_of_the_same_transaction(consortium: Consortium) -> None:
    person = consortium.posted("registrar")
    body = {"staff_id": str(person), "kind": "post", "code": "schedule_clerk", "ground": "兼任排班"}
    asked = ok(consortium.head.post(f"{BASE}/requests", body))
    path = f"{BASE}/requests/{asked['request_id']}"
    refused(consortium.security.post(f"{path}/carry-out", {"version": 1}), 409, "permission_state")
    agreed = ok(consortium.office.post(f"{path}/agree", {"version": 1}))
    done = ok(consortium.security.post(f"{path}/carry-out", {"version": agreed["version"]}))
    assert done["state"] == "approved"
    held = consortium.hospital.rows(
        "SELECT post, basis FROM organisation.post_assignments WHERE assignment_id = %s", [done["result_id"]]
    )
    assert held == [{"post": "schedule_clerk", "basis": "兼任排班"}]
    refused(consortium.security.post(f"{path}/carry-out", {"version": 3}), 409, "permission_state")


def test_a_post_that_may_not_meet_another_is_refused_and_nothing_is_kept(consortium: Consortium) -> None:
    """At the first desk, and at the last when it came between."""
    person = consortium.posted("schedule_clerk")
    body = {"staff_id": str(person), "kind": "post", "code": "cashier_lead", "ground": "顶班"}
    asked = ok(consortium.head.post(f"{BASE}/requests", body))
    path = f"{BASE}/requests/{asked['request_id']}"
    ok(consortium.office.post(f"{path}/agree", {"version": 1}))
    consortium.assign(str(person), "registrar")
    before = consortium.hospital.census()
    for answer in (
        consortium.security.post(f"{path}/carry-out", {"version": 2}),
        consortium.head.post(f"{BASE}/requests", body),
    ):
        assert answer.status_code == 422
        assert answer.json()["rule"] == "cashier_refund_approval"
    assert consortium.hospital.census() == before


def test_who_may_not_hold_a_post_hears_so_when_it_is_asked_for(consortium: Consortium) -> None:
    """No licence, one that is over, another campus: the number and the day are named, the attempt is kept."""
    person = consortium.posted("schedule_clerk")
    elsewhere = consortium.posted("schedule_clerk", campus="mch")
    body = {"staff_id": str(person), "kind": "post", "code": "outpatient_doctor", "ground": "出门诊"}
    tried = "SELECT count(*) FROM kernel.audit_entries WHERE detail ->> 'code' = 'request_without_licence'"
    before = consortium.hospital.census()
    refused(consortium.head.post(f"{BASE}/requests", body), 422, "request_without_licence")
    away = {**body, "staff_id": str(elsewhere), "code": "registrar"}
    assert consortium.head.post(f"{BASE}/requests", away).status_code == 422
    assert consortium.hospital.census() == before
    licence = consortium.licensed(str(person))
    over = (consortium.hospital.clock() - timedelta(days=2)).date()
    consortium.hospital.execute("UPDATE organisation.licences SET valid_to = %s WHERE licence_id = %s", [over, licence])
    number = consortium.hospital.value("SELECT number FROM organisation.licences WHERE licence_id = %s", [licence])
    before = consortium.hospital.census()
    problem = refused(consortium.head.post(f"{BASE}/requests", body), 422, "request_without_licence")
    assert (problem["reason_code"], number in problem["detail"]) == ("licence_expired", True)
    assert f"{over - timedelta(days=1):%Y-%m}" in problem["detail"]
    assert consortium.hospital.census() == before
    assert consortium.hospital.value(tried) == 2


@pytest.mark.parametrize("kind", ["post", "permission"])
def test_a_term_that_is_over_is_refused_at_either_desk(consortium: Consortium, kind: str) -> None:
    person = consortium.posted("registrar")
    code = "schedule_clerk" if kind == "post" else "patients.index.merge"
    body = {**wish(consortium, person, code), "kind": kind, "valid_to": consortium.moment(hours=1)}
    before = consortium.hospital.census()
    over = {**body, "valid_from": consortium.moment(days=-3), "valid_to": consortium.moment(days=-1)}
    refused(consortium.head.post(f"{BASE}/requests", over), 422, "invalid")
    assert consortium.hospital.census() == before
    path = f"{BASE}/requests/{ok(consortium.head.post(f'{BASE}/requests', body))['request_id']}"
    ok(consortium.office.post(f"{path}/agree", {"version": 1}))
    consortium.hospital.clock.move(hours=2)
    try:
        before = consortium.hospital.census()
        refused(consortium.security.post(f"{path}/carry-out", {"version": 2}), 409, "permission_state")
        assert consortium.hospital.census() == before
    finally:
        consortium.hospital.clock.offset = timedelta()


def test_a_single_grant_counts_at_its_campus_until_its_end(consortium: Consortium) -> None:
    person = consortium.posted("registrar")
    other = consortium.posted("registrar", campus="mch")
    consortium.granted(person, "patients.index.merge", valid_to=consortium.moment(hours=1))
    me = consortium.signed_on(person)
    assert "patients.index.merge" in ok(me.get(f"{BASE}/my/rights"))["permissions"]
    ended = consortium.signed_on(
        person, grants=[f"hq|patients.index.merge|{int(consortium.hospital.clock().timestamp()) - 1}"]
    )
    assert "patients.index.merge" not in ok(ended.get(f"{BASE}/my/rights"))["permissions"]
    refused(consortium.head.post(f"{BASE}/requests", wish(consortium, other)), 422, "campus_not_theirs")
    [event] = [
        row for row in consortium.hospital.events("extra_scope_granted") if row["data"]["staff_id"] == str(person)
    ]
    assert event["data"]["campus_code"] == "hq"
    again = ok(consortium.head.post(f"{BASE}/requests", wish(consortium, person)))
    path = f"{BASE}/requests/{again['request_id']}"
    ok(consortium.office.post(f"{path}/agree", {"version": 1}))
    refused(consortium.security.post(f"{path}/carry-out", {"version": 2}), 409, "grant_overlaps")


def test_ending_a_grant_refuses_the_tokens_that_carry_it(consortium: Consortium) -> None:
    person = consortium.posted("registrar")
    consortium.granted(person, "patients.index.merge")
    me = consortium.signed_on(person)
    grants = ok(consortium.security.get(f"{BASE}/grants"))["items"]
    grant = next(one for one in grants if one["staff_id"] == str(person))
    ok(consortium.security.post(f"{BASE}/grants/{grant['grant_id']}/end", {"reason": "任务完成"}))
    consortium.hospital.runtime.refresh_deny_list()
    refused(me.get(f"{BASE}/my/rights"), 401, "subject_denied")
    again = consortium.security.post(f"{BASE}/grants/{grant['grant_id']}/end", {"reason": "任务完成"})
    refused(again, 409, "permission_state")
    mch = consortium.hospital.caller("security_admin", campus="mch")
    refused(mch.post(f"{BASE}/grants/{grant['grant_id']}/end", {"reason": "x"}), 404, "grant_not_found")


def test_what_must_be_kept_apart_is_not_granted_either(consortium: Consortium) -> None:
    cashier = consortium.posted("registrar")
    before = consortium.hospital.census()
    answer = consortium.head.post(f"{BASE}/requests", wish(consortium, cashier, "payments.billing.approve"))
    assert refused(answer, 422, "separation_broken")["rule"] == "cashier_refund_approval"
    system = consortium.posted("registrar", "price_officer")
    answer = consortium.head.post(f"{BASE}/requests", wish(consortium, system, "catalogue.prices.approve"))
    assert refused(answer, 422, "separation_broken")["rule"] == "price_approval"
    requests = "platform.permission_requests"
    assert consortium.hospital.census()[requests] == before[requests]


@pytest.mark.parametrize(
    ("employment", "fields", "code"),
    [
        ("established", {"valid_to": None}, "end_date_missing"),
        ("established", {"days": 91}, "grant_too_long"),
        ("third_party", {"days": 8, "permission": "organisation.structure.assign_post"}, "grant_too_long"),
        ("third_party", {"days": 6, "permission": "organisation.structure.assign_post"}, "companion_missing"),
    ],
)
def test_terms_of_a_grant(consortium: Consortium, employment: str, fields: dict, code: str) -> None:
    person = consortium.posted("schedule_clerk", employment=employment)
    body = wish(consortium, person, fields.get("permission", "patients.index.merge"))
    body["valid_to"] = consortium.moment(days=fields["days"]) if "days" in fields else None
    refused(consortium.head.post(f"{BASE}/requests", body), 422, code)


def test_whoever_learns_here_holds_posts_with_an_end(consortium: Consortium) -> None:
    person = consortium.posted("schedule_clerk", employment="intern")
    body = {"staff_id": str(person), "kind": "post", "code": "price_officer", "ground": "实习"}
    refused(consortium.head.post(f"{BASE}/requests", body), 422, "end_date_missing")
    assert ok(consortium.head.post(f"{BASE}/requests", {**body, "valid_to": consortium.moment(days=30)}))["request_id"]


def test_the_same_person_does_not_stand_at_two_desks_and_two_decide_once(consortium: Consortium) -> None:
    person = consortium.posted("registrar")
    all_three = consortium.hospital.caller("department_head", "owner_office", "security_admin")
    asked = ok(all_three.post(f"{BASE}/requests", wish(consortium, person)))
    path = f"{BASE}/requests/{asked['request_id']}"
    refused(all_three.post(f"{path}/agree", {"version": 1}), 422, "same_person")
    ok(consortium.office.post(f"{path}/agree", {"version": 1}))
    refused(consortium.office.post(f"{path}/agree", {"version": 1}), 409, "permission_state")
    refused(all_three.post(f"{path}/carry-out", {"version": 2}), 422, "same_person")
    refused(consortium.security.post(f"{path}/carry-out", {"version": 1}), 409, "version_conflict")
    elsewhere = consortium.hospital.caller("owner_office", campus="mch")
    refused(elsewhere.post(f"{path}/refuse", {"version": 2, "reason": "x"}), 404, "request_not_found")
    ok(consortium.office.post(f"{path}/refuse", {"version": 2, "reason": "不需要"}))
    assert ok(consortium.office.get(f"{BASE}/requests", state="refused"))["items"][0]["refusal"] == "不需要"


def test_a_repeated_command_grants_once(consortium: Consortium) -> None:
    person = consortium.posted("registrar")
    body, key = wish(consortium, person), str(uuid4())
    first = consortium.head.post(f"{BASE}/requests", body, key=key)
    assert consortium.head.post(f"{BASE}/requests", body, key=key).json() == first.json()
    count = "SELECT count(*) FROM platform.permission_requests WHERE staff_id = %s"
    assert consortium.hospital.value(count, [person]) == 1


def test_nobody_freezes_himself_or_the_last_administrator(consortium: Consortium) -> None:
    person = consortium.posted("audit_admin")
    body = {"reason_code": "risk", "reason": "异常登录"}
    before = consortium.hospital.census()
    refused(consortium.security.post(f"{BASE}/staff/{person}/freeze", body), 409, "last_administrator")
    assert consortium.hospital.census() == before
    second = consortium.posted("audit_admin")
    ok(consortium.security.post(f"{BASE}/staff/{second}/freeze", body))
    assert str(second) in {one["staff_id"] for one in ok(consortium.security.get(f"{BASE}/freezes"))}
    refused(consortium.security.post(f"{BASE}/staff/{person}/freeze", body), 409, "last_administrator")
    me = consortium.signed_on(consortium.posted("security_admin"))
    refused(me.post(f"{BASE}/staff/{me.staff_id}/freeze", body), 422, "same_person")
    refused(me.post(f"{BASE}/staff/{uuid4()}/freeze", body), 404, "staff_not_found")


def test_the_last_administrator_is_neither_dismissed_nor_suspended_nor_let_go(consortium: Consortium) -> None:
    """Whichever door it is tried at: until a successor holds the post. The attempt is on record."""
    officer, hospital = consortium.personnel, consortium.hospital
    hospital.execute("UPDATE organisation.post_assignments SET valid_to = now() WHERE post = 'system_admin'")
    last = consortium.engage()
    post = consortium.assign(last["staff_id"], "system_admin")
    end = f"{ORGANISATION}/post-assignments/{post['assignment_id']}/end"
    person = f"{ORGANISATION}/staff/{last['staff_id']}"
    leaving = {"reason": "调离", "version": last["version"]}
    tried = "SELECT count(*) FROM kernel.audit_entries WHERE detail ->> 'code' = 'last_administrator' AND actor = %s"
    before = hospital.census()
    for path, body in ((end, {"reason": "换人"}), (f"{person}/suspend", leaving), (f"{person}/end", leaving)):
        problem = refused(officer.post(path, body), 409, "last_administrator")
        assert "系统管理员" in problem["detail"]
    assert hospital.census() == before
    assert hospital.value(tried, [officer.subject]) == 3
    consortium.posted("system_admin", campus="mch")
    ok(officer.post(end, {"reason": "换人"}))


def test_the_answer_after_a_fresh_sign_on_is_the_one_act_that_was_asked_for(consortium: Consortium) -> None:
    """Asked to sign on again, the person goes on with what was filled in: same key, same body, done once."""
    person = consortium.posted("security_admin")
    body = {"permissions": sorted(POSTS["finance"].permissions - {"payments.billing.manage"}), "reason": "精简"}
    body["dimension"] = POSTS["finance"].dimension
    path = f"{BASE}/templates/finance/versions"
    six_minutes_ago = int(consortium.hospital.clock().timestamp()) - 360
    old = consortium.signed_on(person, auth_time=six_minutes_ago)
    refused(old.post(path, body, key="one-decision-0001"), 401, "fresh_sign_on_required")
    fresh = consortium.signed_on(person)
    made = ok(fresh.post(path, body, key="one-decision-0001"))
    assert ok(fresh.post(path, body, key="one-decision-0001")) == made
    ok(fresh.post(f"{BASE}/template-versions/{made['template_id']}/withdraw", {"version": made["version"]}))


def test_granting_asks_for_a_fresh_sign_on(consortium: Consortium) -> None:
    old = consortium.signed_on(consortium.posted("security_admin"), auth_time=1)
    assert old.get(f"{BASE}/scopes").status_code == 200
    before = consortium.hospital.census()
    answer = old.post(f"{BASE}/templates/finance/versions", {"permissions": ["patients.index.read"], "reason": "x"})
    refused(answer, 401, "fresh_sign_on_required")
    assert "max_age" in answer.headers["www-authenticate"]
    assert consortium.hospital.census() == before


def test_a_department_head_reviews_the_department_and_what_is_struck_ends(consortium: Consortium) -> None:
    hospital = consortium.hospital
    unit = consortium.unit(name="儿科")
    head = consortium.posted("department_head", unit_id=unit)
    keeps, loses = (consortium.posted("schedule_clerk", unit_id=unit) for _ in range(2))
    hospital.execute("DELETE FROM platform.attestation_lines")
    hospital.execute("DELETE FROM platform.attestations")
    hospital.minute("platform/permissions")
    hospital.minute("platform/permissions")
    chief = consortium.signed_on(head)
    found = ok(chief.get(f"{BASE}/attestations", limit=200))["items"]
    [mine] = [one for one in found if one["unit_id"] == unit]
    sheet = ok(chief.get(f"{BASE}/attestations/{mine['attestation_id']}"))
    assert {line["staff_id"] for line in sheet["lines"]} == {str(head), str(keeps), str(loses)}
    verdicts = [
        {"line_id": line["line_id"], "verdict": "strike" if line["staff_id"] == str(loses) else "keep"}
        for line in sheet["lines"]
    ]
    path = f"{BASE}/attestations/{mine['attestation_id']}/answer"
    refused(chief.post(path, {"version": 1, "verdicts": verdicts[:1]}), 422, "attestation_incomplete")
    refused(consortium.head.post(path, {"version": 1, "verdicts": verdicts}), 404, "attestation_not_found")
    assert ok(chief.post(path, {"version": 1, "verdicts": verdicts}))["state"] == "answered"
    for person, posts in ((keeps, ["schedule_clerk"]), (loses, [])):
        rows = ok(consortium.personnel.get(f"{ORGANISATION}/staff/{person}/posts"))
        assert [row["post"] for row in rows] == posts
    refused(chief.post(path, {"version": 2, "verdicts": verdicts}), 409, "permission_state")
    hospital.clock.move(days=16)
    try:
        hospital.minute("platform/permissions")
        late = {row["data"]["unit_id"] for row in hospital.events("attestation_overdue")}
    finally:
        hospital.clock.offset = timedelta()
    assert late
    assert unit not in late


def test_a_review_nobody_answers_costs_an_office_its_single_grants_and_no_ward_anything(
    consortium: Consortium,
) -> None:
    hospital = consortium.hospital
    units = {kind: consortium.unit(name=f"复核{kind}", kind=kind) for kind in ("administrative", "nursing")}
    people = {kind: consortium.posted("schedule_clerk", unit_id=unit) for kind, unit in units.items()}
    for person in people.values():
        consortium.granted(person, "patients.index.merge", valid_to=consortium.moment(days=60))
    hospital.execute("DELETE FROM platform.attestation_lines")
    hospital.execute("DELETE FROM platform.attestations")
    hospital.minute("platform/permissions")

    def rights(kind: str) -> tuple[list[str], list[str]]:
        sheet = ok(consortium.security.get(f"{BASE}/staff/{people[kind]}/rights"))
        return [one["post"] for one in sheet["posts"]], [one["permission"] for one in sheet["grants"]]

    assert rights("administrative") == rights("nursing") == (["schedule_clerk"], ["patients.index.merge"])
    hospital.clock.move(days=15, seconds=1)
    try:
        hospital.minute("platform/permissions")
        hospital.minute("platform/permissions")
        assert rights("administrative") == (["schedule_clerk"], [])
        assert rights("nursing") == (["schedule_clerk"], ["patients.index.merge"])
    finally:
        hospital.clock.offset = timedelta()
    why = "SELECT end_reason FROM platform.extra_scopes WHERE staff_id = %s"
    assert "逾期" in hospital.value(why, [people["administrative"]])
    told = {row["data"]["unit_id"] for row in hospital.events("attestation_overdue")}
    assert set(units.values()) <= told


def test_every_permission_names_its_risk(consortium: Consortium) -> None:
    scopes = {one["code"]: one for one in ok(consortium.security.get(f"{BASE}/scopes"))}
    assert scopes.keys() == PERMISSIONS.keys()
    assert scopes["platform.permissions.grant"]["risk_label"] == "特权"
    assert scopes["payments.billing.approve"]["risk_label"] == "敏感"
    assert scopes["patients.index.read"]["risk_label"] == "普通"
