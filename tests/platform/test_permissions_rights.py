"""Who may do what and why; the state of any past moment; every scope has its route."""

import random
from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from functions import registry
from functions.platform.permissions import service
from functions.platform.permissions.menus import ENTRIES
from shared.identity.posts import EVERY_POST, PERMISSIONS, POSTS
from tests.architecture.test_generated import FOR_LATER
from tests.platform.conftest import BASE, ORGANISATION, Consortium, ok, open_consortium, refused
from tests.support.hospital import Hospital, cloned_hospital


def test_the_chain_names_post_template_and_grant(consortium: Consortium) -> None:
    person = consortium.posted("registrar")
    path = f"{BASE}/staff/{person}/why"
    yes = ok(consortium.security.get(path, permission="payments.cashier.write"))
    assert yes["allowed"] is True
    assert [link["kind"] for link in yes["chain"]] == ["post", "template"]
    no = ok(consortium.security.get(path, permission="patients.index.merge"))
    assert no["allowed"] is False
    assert "不含" in no["chain"][1]["text"]
    consortium.granted(person, "patients.index.merge")
    granted = ok(consortium.security.get(path, permission="patients.index.merge"))
    assert (granted["allowed"], granted["chain"][-1]["kind"]) == (True, "grant")
    elsewhere = ok(consortium.security.get(path, permission="payments.cashier.write", campus="mch"))
    assert (elsewhere["allowed"], elsewhere["chain"][0]["text"]) == (False, "此时在该院区没有岗位或派驻")
    ok(consortium.security.post(f"{BASE}/staff/{person}/freeze", {"reason_code": "risk", "reason": "x"}))
    frozen = ok(consortium.security.get(path, permission="payments.cashier.write"))
    assert (frozen["allowed"], frozen["chain"][0]["kind"]) == (False, "freeze")
    refused(consortium.security.get(path, permission="a.b.c"), 422, "unknown_permission")


def test_menus_follow_from_permissions(consortium: Consortium) -> None:
    for post, meant in POSTS.items():
        mine = ok(consortium.hospital.caller(post).get(f"{BASE}/my/rights"))
        shown = {entry["code"] for entry in mine["menu"]}
        assert shown == {entry.code for entry in ENTRIES if entry.permission in meant.permissions}
        assert mine["home"] in shown | {None}
    assert {entry.permission for entry in ENTRIES} <= PERMISSIONS.keys()
    cashier = ok(consortium.hospital.caller("registrar").get(f"{BASE}/my/rights"))
    assert cashier["home"] == "registration"


def test_whose_rows_follows_from_posts_and_units(consortium: Consortium) -> None:
    ward = consortium.unit(name="内科一病区")
    head = consortium.posted("department_head", unit_id=ward)
    chief = consortium.signed_on(head)
    scope = ok(chief.get(f"{BASE}/my/data-scope", permission="platform.permissions.attest"))
    assert (scope["kind"], scope["unit_ids"]) == ("department", [ward])
    doctor = consortium.signed_on(
        consortium.posted("outpatient_doctor", unit_id=ward, category="doctor", title_code="232")
    )
    own = ok(doctor.get(f"{BASE}/my/data-scope", permission="patients.index.record_safety"))
    assert (own["kind"], own["unit_ids"]) == ("own", [])
    none = ok(doctor.get(f"{BASE}/my/data-scope", permission="payments.billing.write"))
    assert none["kind"] == "none"
    clerk = consortium.signed_on(consortium.posted("registrar"))
    assert ok(clerk.get(f"{BASE}/my/data-scope", permission="payments.billing.write"))["kind"] == "campus"


def test_the_sheet_shows_posts_grants_and_broken_rules(consortium: Consortium) -> None:
    person = consortium.posted("registrar", "schedule_clerk")
    consortium.granted(person, "patients.index.merge")
    sheet = ok(consortium.security.get(f"{BASE}/staff/{person}/rights"))
    assert {post["post"] for post in sheet["posts"]} == {"registrar", "schedule_clerk"}
    assert "patients.index.merge" in sheet["permissions"]["hq"]
    assert sheet["conflicts"] == []
    before = (consortium.hospital.clock() - timedelta(hours=1)).isoformat()
    assert ok(consortium.security.get(f"{BASE}/staff/{person}/rights", at=before))["posts"] == []


def test_the_sheet_and_the_chain_show_licences_and_clinical_privileges(consortium: Consortium) -> None:
    """A doctor asks why a prescription was refused: one sheet has the posts, the papers, and what was suspended."""
    hospital, affairs = consortium.hospital, consortium.hospital.caller("medical_affairs")
    doctor = consortium.posted("outpatient_doctor", category="doctor", title_code="232")
    made = ok(
        affairs.post(
            f"{ORGANISATION}/staff/{doctor}/privileges", {"kind": "antibiotic", "level": 3, "evidence": "考核合格"}
        )
    )
    sheet, why = f"{BASE}/staff/{doctor}/rights", f"{BASE}/staff/{doctor}/why"

    def papers(**params) -> list[tuple[str, str, list[str], str]]:
        found = ok(consortium.security.get(sheet, **params))["credentials"]
        return [(one["kind"], one["title"], one["campuses"], one["state"]) for one in found]

    licence = ("licence", "医师执业证书", ["hq"], "valid")
    title = "抗菌药物处方权（特殊使用级）"
    assert papers() == [licence, ("privilege", title, ["hq"], "valid")]
    before = hospital.clock()
    hospital.clock.move(seconds=30)
    try:
        ok(affairs.post(f"{ORGANISATION}/privileges/{made['privilege_id']}/suspend", {"reason": "点评不合格"}))
        assert papers() == [licence, ("privilege", title, ["hq"], "suspended")]
        assert papers(at=before.isoformat()) == [licence, ("privilege", title, ["hq"], "valid")]
        chain = ok(consortium.security.get(why, permission="patients.index.record_safety"))["chain"]
        assert [(link["kind"], link["holds"]) for link in chain] == [
            ("post", True),
            ("template", True),
            ("licence", True),
        ]
        [paper] = ok(consortium.personnel.get(f"{ORGANISATION}/staff/{doctor}/licences"))
        ok(consortium.personnel.post(f"{ORGANISATION}/licences/{paper['licence_id']}/end", {"reason": "吊销"}))
        link = ok(consortium.security.get(why, permission="patients.index.record_safety"))["chain"][-1]
        assert (link["kind"], link["holds"], link["row_id"]) == ("licence", False, paper["licence_id"])
        assert "到期" in link["text"]
        assert "会被拒绝" in link["text"]
        assert [one[0] for one in papers()] == ["privilege"]
    finally:
        hospital.clock.offset = timedelta()


# -- the state of any past moment


ASKED = {
    f"{ORGANISATION}/staff": "organisation.structure.read",
    f"{BASE}/scopes": "platform.permissions.read",
    f"{BASE}/attestations": "platform.permissions.read",
    f"{ORGANISATION}/post-assignments/ending": "organisation.structure.assign_post",
}
DAY_POSTS = ("schedule_clerk", "department_head", "price_officer", "finance", "personnel")


@pytest.fixture(scope="module")
def day() -> Iterator[Consortium]:
    """A hospital of its own, whose day is random."""
    names = ("organisation/structure", "platform/permissions")
    with cloned_hospital([registry.app(name) for name in names]) as one:
        yield open_consortium(one)


class Day:
    """A random day of one person: appointed, ended, granted, frozen, templates changed, and asking for things."""

    def __init__(self, consortium: Consortium, seed: int) -> None:
        self.consortium, self.hospital = consortium, consortium.hospital
        self.chance = random.Random(seed)
        self.person = UUID(consortium.engage()["staff_id"])
        self.assigned: dict[str, str] = {}
        self.frozen = False
        self.decided: list[tuple[datetime, str, bool]] = []

    def run(self, steps: int) -> None:
        for _ in range(steps):
            self.hospital.clock.move(minutes=self.chance.randint(1, 40))
            self.chance.choice(
                (self.appoint, self.dismiss, self.grant, self.freeze, self.lift, self.change, self.ask, self.ask)
            )()
        self.ask()

    def appoint(self) -> None:
        post = self.chance.choice(DAY_POSTS)
        if post not in self.assigned:
            body = {"staff_id": str(self.person), "post": post, "is_main": False}
            answer = self.consortium.personnel.post(f"{ORGANISATION}/post-assignments", body)
            if answer.status_code == 201:
                self.assigned[post] = answer.json()["assignment_id"]

    def dismiss(self) -> None:
        if self.assigned:
            post = self.chance.choice(sorted(self.assigned))
            path = f"{ORGANISATION}/post-assignments/{self.assigned.pop(post)}/end"
            ok(self.consortium.personnel.post(path, {"reason": "调岗"}))

    def grant(self) -> None:
        if self.assigned and not self.frozen:
            code = self.chance.choice(sorted(set(ASKED.values())))
            body = {
                "staff_id": str(self.person),
                "kind": "permission",
                "code": code,
                "valid_to": self.consortium.moment(minutes=self.chance.randint(30, 300)),
                "ground": "x",
            }
            asked = self.consortium.head.post(f"{BASE}/requests", body)
            if asked.status_code == 201:
                path = f"{BASE}/requests/{asked.json()['request_id']}"
                ok(self.consortium.office.post(f"{path}/agree", {"version": 1}))
                self.consortium.security.post(f"{path}/carry-out", {"version": 2})

    def freeze(self) -> None:
        if not self.frozen:
            body = {"reason_code": "risk", "reason": "x"}
            ok(self.consortium.security.post(f"{BASE}/staff/{self.person}/freeze", body))
            self.frozen = True

    def lift(self) -> None:
        if self.frozen:
            ok(self.consortium.security.post(f"{BASE}/staff/{self.person}/ask-lift"))
            ok(self.consortium.second_security.post(f"{BASE}/staff/{self.person}/lift"))
            self.frozen = False

    def change(self) -> None:
        post = self.chance.choice(DAY_POSTS)
        code = self.chance.choice(sorted(set(ASKED.values())))
        with self.hospital.tx("hq") as tx:
            held = service.template(tx, post).permissions
        change: dict[str, Any] = {"remove": (code,)} if code in held else {"add": (code,)}
        self.consortium.published(post, **change)

    def ask(self) -> None:
        """Ask for something with the token the realm would give now; the answer stands in the audit."""
        path = self.chance.choice(sorted(ASKED))
        self.hospital.execute("DELETE FROM kernel.denied_subjects WHERE issued_before IS NOT NULL")
        self.hospital.runtime.refresh_deny_list()
        at = self.hospital.clock()
        answer = self.consortium.signed_on(self.person).get(path)
        assert answer.status_code in {200, 401, 403}, answer.text
        self.decided.append((at, ASKED[path], answer.status_code == 200))


@pytest.mark.case("41", 9)
def test_the_state_of_any_moment_is_what_was_decided_then(day: Consortium) -> None:
    """Decisions were taken from tokens; the history, asked afterwards, gives the same, and the audit agrees."""
    decided = [_random_day(day, seed) for seed in range(5)]
    allowed, refused_ones = (sum(answers.count(kind) for answers in decided) for kind in (True, False))
    assert min(allowed, refused_ones) >= 5


def _random_day(day: Consortium, seed: int) -> list[bool]:
    one = Day(day, seed)
    try:
        one.run(40)
        with day.hospital.tx("hq") as tx:
            rebuilt = [
                permission in service.sheet(tx, one.person, at).permissions("hq") for at, permission, _ in one.decided
            ]
        assert rebuilt == [allowed for _, _, allowed in one.decided]
        traced = day.hospital.rows(
            "SELECT at FROM kernel.audit_entries WHERE actor = %s AND action = 'refused' ORDER BY at", [str(one.person)]
        )
        assert len(traced) <= rebuilt.count(False)
        with day.hospital.tx("hq") as tx:
            for row in traced:
                held = service.sheet(tx, one.person, row["at"]).permissions("hq")
                assert any(permission not in held for permission in ASKED.values())
    finally:
        day.hospital.clock.offset = timedelta()
        day.hospital.execute(
            "UPDATE platform.template_versions SET state = 'withdrawn', valid_from = NULL, valid_to = NULL"
        )
    return rebuilt


@pytest.mark.case("41", 12)
def test_every_permission_has_its_route_or_names_the_module_that_will_ask() -> None:
    asked = set().union(*(app.permissions() for app in registry.all_apps()))
    assert PERMISSIONS.keys() - asked <= FOR_LATER.keys()
    assert asked - {""} <= PERMISSIONS.keys()
    assert asked >= EVERY_POST


def test_a_head_sees_the_reviews_of_the_own_ward_and_of_one_delegated_while_it_lasts(consortium: Consortium) -> None:
    """Nothing runs in between: the period itself decides."""
    hospital = consortium.hospital
    first, second = consortium.unit(name="内科一病区"), consortium.unit(name="内科二病区")
    head, _ = (consortium.posted("department_head", unit_id=unit) for unit in (first, second))
    hospital.execute("DELETE FROM platform.attestation_lines")
    hospital.execute("DELETE FROM platform.attestations")
    hospital.minute("platform/permissions")
    chief = consortium.signed_on(head)

    def wards() -> set[str]:
        return {one["unit_id"] for one in ok(chief.get(f"{BASE}/attestations"))["items"]}

    assert wards() == {first}
    assert {first, second} <= {
        one["unit_id"] for one in ok(consortium.hospital.caller("owner_office").get(f"{BASE}/attestations"))["items"]
    }
    body = {
        "staff_id": str(head),
        "post": "department_head",
        "unit_id": second,
        "valid_to": consortium.moment(days=3),
        "reason": "外出学习",
    }
    ok(consortium.personnel.post(f"{ORGANISATION}/delegations", body))
    assert wards() == {first, second}
    hospital.clock.move(days=4)
    try:
        assert wards() == {first}
    finally:
        hospital.clock.offset = timedelta()


def test_a_process_of_its_own_needs_no_realm(hospital: Hospital) -> None:
    """Decisions are taken from the token: with permissions and sign-on not served at all, others go on."""
    with cloned_hospital([registry.app("organisation/structure")]) as alone:
        person = alone.caller("registrar")
        assert person.get(f"{ORGANISATION}/posts").status_code == 200
        assert person.get(f"{BASE}/my/rights").status_code == 404
