"""Templates of posts: two desks, separation, whom a change touches, and that it takes effect."""

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.organisation.structure.rules import ADMINISTRATORS
from functions.platform.permissions import rules
from functions.platform.permissions.problems import TemplateBreaksSeparation
from functions.platform.permissions.service import template
from shared.identity.posts import EVERY_POST, PERMISSIONS, POSTS
from shared.identity.rights import CODE, claim_of, templates_of
from shared.identity.separation import SEPARATION_RULES
from tests.platform.conftest import BASE, Consortium, ok, refused


def body(post: str, *add: str, remove: tuple[str, ...] = ()) -> dict:
    return {
        "permissions": sorted((POSTS[post].permissions | set(add)) - set(remove)),
        "dimension": POSTS[post].dimension,
        "reason": "门诊部要求",
    }


@pytest.mark.case("41", 2)
def test_a_template_with_charging_and_refund_approval_is_refused_naming_the_rule(consortium: Consortium) -> None:
    before = consortium.hospital.census()
    answer = consortium.security.post(
        f"{BASE}/templates/registrar/versions", body("registrar", "payments.billing.approve")
    )
    problem = refused(answer, 422, "template_breaks_separation")
    assert problem["rule"] == "cashier_refund_approval"
    assert "收费与退费审批不相容" in problem["detail"]
    assert consortium.hospital.census() == before


@given(st.frozensets(st.sampled_from(sorted(PERMISSIONS))))
def test_a_template_is_refused_exactly_when_a_rule_is_broken(permissions: frozenset[str]) -> None:
    broken = any(rule.broken_by(permissions) for rule in SEPARATION_RULES)
    if broken:
        with pytest.raises(TemplateBreaksSeparation):
            rules.check_template(permissions)
    else:
        rules.check_template(permissions)


@given(st.dictionaries(st.sampled_from(sorted(POSTS)), st.frozensets(st.sampled_from(sorted(PERMISSIONS)))))
def test_what_the_token_carries_means_what_was_published(contents: dict[str, frozenset[str]]) -> None:
    carried = templates_of(claim_of(contents))
    for post in POSTS:
        assert carried.of(post) == contents.get(post, POSTS[post].permissions) | EVERY_POST
    assert templates_of(None) is CODE


@pytest.mark.case("41", 8)
def test_a_change_touches_as_many_holders_as_the_preview_says(consortium: Consortium) -> None:
    people = [consortium.posted("schedule_clerk") for _ in range(3)]
    people.append(consortium.posted("schedule_clerk", campus="mch"))
    ended = consortium.engage()
    row = consortium.assign(ended["staff_id"], "schedule_clerk")
    ok(
        consortium.personnel.post(
            f"/api/organisation/structure/post-assignments/{row['assignment_id']}/end", {"reason": "调岗"}
        )
    )
    draft = ok(
        consortium.security.post(
            f"{BASE}/templates/schedule_clerk/versions", body("schedule_clerk", "patients.index.read")
        )
    )
    path = f"{BASE}/template-versions/{draft['template_id']}"
    before = ok(consortium.office.get(f"{path}/preview"))
    assert (before["holders"], before["holders_by_campus"]) == (4, {"hq": 3, "mch": 1})
    assert (before["added"], before["removed"]) == (["patients.index.read"], [])
    may = [consortium.signed_on(one) for one in people]
    assert not any("patients.index.read" in ok(one.get(f"{BASE}/my/rights"))["permissions"] for one in may[:3])
    ok(consortium.office.post(f"{path}/review", {"version": 1}))
    after = ok(consortium.security.post(f"{path}/publish", {"version": 2}))
    assert after["holders"] == before["holders"]
    changed = [
        one
        for one in ok(consortium.security.get(f"{BASE}/holders", permission="patients.index.read"))["items"]
        if one["by"] == "schedule_clerk"
    ]
    assert {one["staff_id"] for one in changed} == {str(one) for one in people}
    renewed = consortium.signed_on(people[0])
    assert "patients.index.read" in ok(renewed.get(f"{BASE}/my/rights"))["permissions"]
    [event] = consortium.hospital.events("template_changed")
    assert (event["data"]["post"], event["data"]["holders"]) == ("schedule_clerk", 4)


def test_who_drafts_does_not_agree_and_nobody_publishes_unagreed(consortium: Consortium) -> None:
    both = consortium.hospital.caller("security_admin", "owner_office")
    draft = ok(both.post(f"{BASE}/templates/finance/versions", body("finance", "patients.index.merge")))
    path = f"{BASE}/template-versions/{draft['template_id']}"
    refused(both.post(f"{path}/review", {"version": 1}), 422, "same_person")
    refused(consortium.security.post(f"{path}/publish", {"version": 1}), 409, "permission_state")
    again = consortium.security.post(f"{BASE}/templates/finance/versions", body("finance", "patients.index.unmerge"))
    refused(again, 409, "template_draft_open")
    ok(consortium.office.post(f"{path}/review", {"version": 1}))
    refused(consortium.security.post(f"{path}/publish", {"version": 1}), 409, "version_conflict")
    ok(consortium.security.post(f"{path}/withdraw", {"version": 2}))
    refused(consortium.security.post(f"{path}/withdraw", {"version": 3}), 409, "permission_state")


def test_two_publish_at_once_and_one_is_told_to_look_again(consortium: Consortium) -> None:
    draft = ok(
        consortium.security.post(
            f"{BASE}/templates/price_officer/versions", body("price_officer", "patients.index.read")
        )
    )
    path = f"{BASE}/template-versions/{draft['template_id']}"
    ok(consortium.office.post(f"{path}/review", {"version": 1}))
    with ThreadPoolExecutor(2) as pool:
        answers = list(pool.map(lambda one: one.post(f"{path}/publish", {"version": 2}), [consortium.security] * 2))
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    with consortium.hospital.tx("hq") as tx:
        assert template(tx, "price_officer").version_no == 1


def test_a_version_nobody_could_hold_beside_his_other_post_is_not_published(consortium: Consortium) -> None:
    person = consortium.posted("price_officer", "schedule_approver")
    row = ok(
        consortium.security.post(
            f"{BASE}/templates/schedule_approver/versions", body("schedule_approver", "catalogue.prices.approve")
        )
    )
    path = f"{BASE}/template-versions/{row['template_id']}"
    ok(consortium.office.post(f"{path}/review", {"version": 1}))
    [conflict] = ok(consortium.office.get(f"{path}/preview"))["conflicts"]
    assert (conflict["staff_id"], conflict["rule"]) == (str(person), "price_approval")
    refused(consortium.security.post(f"{path}/publish", {"version": 2}), 422, "template_breaks_separation")
    ok(consortium.security.post(f"{path}/withdraw", {"version": 2}))


def test_nothing_new_unknown_and_far_are_refused(consortium: Consortium) -> None:
    path = f"{BASE}/templates/personnel/versions"
    refused(consortium.security.post(path, body("personnel")), 422, "template_unchanged")
    strange = {**body("personnel"), "permissions": ["a.b.c"]}
    refused(consortium.security.post(path, strange), 422, "unknown_permission")
    refused(
        consortium.security.post(f"{BASE}/templates/emperor/versions", body("personnel")), 404, "template_not_found"
    )


def test_a_past_template_can_be_asked_for(consortium: Consortium) -> None:
    early = consortium.hospital.clock().astimezone(UTC) - timedelta(days=1)
    consortium.published("campus_admin", add=("patients.index.read",))
    now = {one["post"]: one for one in ok(consortium.security.get(f"{BASE}/templates"))}
    then = {one["post"]: one for one in ok(consortium.security.get(f"{BASE}/templates", at=datetime.isoformat(early)))}
    assert (now["campus_admin"]["version_no"], then["campus_admin"]["version_no"]) == (1, 0)
    assert "patients.index.read" not in then["campus_admin"]["permissions"]


@pytest.mark.case("41", 10)
def test_three_administrators_are_three_people_with_three_powers(consortium: Consortium) -> None:
    person = consortium.posted("registrar")
    ask = {"staff_id": str(person), "kind": "post", "code": "finance", "ground": "x"}
    for one in (consortium.auditor, consortium.system):
        for path in (f"{BASE}/requests", f"{BASE}/staff/{person}/freeze", f"{BASE}/templates/finance/versions"):
            refused(one.post(path, ask), 403, "permission_denied")
    for one in (consortium.auditor, consortium.security):
        refused(one.post(f"{BASE}/parameters/platform.sso.idle_office/values", {}), 403, "permission_denied")
    refused(consortium.auditor.get(f"{BASE}/scopes"), 403, "permission_denied")
    held = {name: POSTS[name].permissions for name in ADMINISTRATORS}
    assert "operations.audit.read" not in held["system_admin"] | held["security_admin"]
    assert "platform.permissions.grant" not in held["system_admin"] | held["audit_admin"]
    assert held["audit_admin"] - EVERY_POST == {"operations.audit.read"}
    with consortium.hospital.tx("hq") as tx:
        rows = tx.session._connection.execute(
            "SELECT has_table_privilege('kernel.audit_entries', 'UPDATE, DELETE, TRUNCATE')"
        ).fetchone()
    assert rows == (False,)
    first = consortium.engage()["staff_id"]
    for place, campus in enumerate(("hq", "hq")):
        post = ("audit_admin", "system_admin")[place]
        answer = consortium.personnel.post(
            "/api/organisation/structure/post-assignments",
            {"staff_id": first, "post": post, "is_main": False, "unit_id": consortium.root(campus)},
        )
        assert (answer.status_code == 201) == (place == 0), answer.text
    assert answer.json()["rule"] == "three_administrators"
