"""Rules over data: two people to each, in force at once in the very screens they are about, never rewritten."""

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from functions import registry
from functions.patients.index import service as patients
from functions.platform.permissions import service
from shared.identity import data_rules
from shared.identity.actor import Actor
from tests.patients.conftest import BASE as PATIENTS
from tests.patients.conftest import Desks, resident_id
from tests.platform.conftest import BASE, Consortium, ok, refused
from tests.support.hospital import Hospital, cloned_hospital

RULES = f"{BASE}/data-rules"


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    names = ("organisation/structure", "platform/permissions", "patients/index")
    with cloned_hospital([registry.app(name) for name in names]) as one:
        yield one


@pytest.fixture(scope="module")
def desks(consortium: Consortium, hospital: Hospital) -> Desks:
    return Desks(hospital)


def ask(consortium: Consortium, kind: str, key: str, content: Any, **fields: Any) -> dict[str, Any]:
    body = {"kind": kind, "key": key, "content": content, "everywhere": True, "reason": "制度要求", **fields}
    return dict(ok(consortium.security.post(RULES, body)))


def rule(consortium: Consortium, kind: str, key: str, content: Any, **fields: Any) -> dict[str, Any]:
    """A rule in force, through both desks."""
    asked = ask(consortium, kind, key, content, **fields)
    return dict(ok(consortium.office.post(f"{RULES}/{asked['rule_id']}/approve", {"version": 1})))


def test_a_mask_counts_in_lists_and_details_once_two_people_agree(consortium: Consortium, desks: Desks) -> None:
    person = desks.register("蒙遮盖", resident_id("19800101"), phone="13977110001")
    path = f"{PATIENTS}/patients/{person['patient_id']}"
    ok(
        desks.registrar.post(
            f"{path}/relations",
            {"kind": "spouse", "name": "蒙亲属", "phone": "13977110002", "is_emergency_contact": True},
        )
    )
    asked = ask(consortium, "mask", "patient.phone", {"posts": {"registrar": "masked", "outpatient_doctor": "hidden"}})
    assert ok(desks.registrar.get(f"{path}/details"))["phone"] == "13977110001", "asked is not agreed"
    assert [one["rule_id"] for one in ok(consortium.office.get(f"{RULES}/waiting"))] == [asked["rule_id"]]
    ok(consortium.office.post(f"{RULES}/{asked['rule_id']}/approve", {"version": 1}))
    rule(consortium, "mask", "patient.contact", {"posts": {}, "others": "hidden"})
    rule(consortium, "mask", "patient.document", {"posts": {"outpatient_doctor": "hidden"}, "others": "masked"})

    seen = ok(desks.registrar.get(f"{path}/details"))
    assert (seen["phone"], seen["relations"][0]["phone"]) == ("139****0001", None)
    assert [one["value"][6:14] for one in seen["identifiers"]] == ["********"]
    assert ok(desks.registrar.get(path))["phone"] == "139****0001", "a list is masked as before"
    assert desks.find(text="13977110001")[0]["phone"] == "139****0001"
    assert ok(desks.steward.get(f"{path}/details"))["phone"] == "13977110001"
    [hit] = desks.find(by=desks.doctor, text="13977110001")
    assert (hit["phone"], hit["document"]) == (None, None)
    shown = ok(desks.doctor.get(path))
    assert (shown["phone"], [one["value"] for one in shown["identifiers"]]) == (None, ["****"])
    both = consortium.hospital.caller("outpatient_doctor", "index_steward")
    assert ok(both.get(f"{path}/details"))["phone"] == "13977110001", "of several posts the one that sees most"
    mine = {one["field"]: one["form"] for one in ok(desks.doctor.get(f"{BASE}/my/fields"))}
    assert (mine["patient.phone"], mine["patient.address"]) == ("hidden", "reveal")
    own = desks.patient_account(person["patient_id"])
    assert ok(own.get(f"{PATIENTS}/self/{person['patient_id']}"))["phone"] == "139****0001", "the patient's own view"


def test_a_campus_has_its_own_rule_until_it_is_lifted(consortium: Consortium, desks: Desks) -> None:
    person = desks.register("班址", current_address={"text": "广西柳州市鹿寨县中渡镇大兆村3号"})
    path = f"{PATIENTS}/patients/{person['patient_id']}/details"
    rule(consortium, "mask", "patient.address", {"posts": {"registrar": "masked"}})
    mch = consortium.hospital.caller("security_admin", campus="mch")
    office = consortium.hospital.caller("owner_office", campus="mch")
    body = {"kind": "mask", "key": "patient.address", "content": {"posts": {}}, "reason": "随访需要"}
    refused(mch.post(RULES, {**body, "everywhere": True}), 422, "data_rule_level")
    own = ok(mch.post(RULES, body))
    refused(consortium.office.post(f"{RULES}/{own['rule_id']}/approve", {"version": 1}), 404, "data_rule_not_found")
    ok(office.post(f"{RULES}/{own['rule_id']}/approve", {"version": 1}))
    assert ok(desks.mch_registrar.get(path))["current_address"]["text"].endswith("3号")
    assert ok(desks.registrar.get(path))["current_address"]["text"] == "广西柳州市鹿寨县中渡镇****"
    before = consortium.hospital.clock()
    lifted = ok(mch.post(RULES, {**body, "content": None}))
    ok(office.post(f"{RULES}/{lifted['rule_id']}/approve", {"version": 1}))
    assert ok(desks.mch_registrar.get(path))["current_address"]["text"].endswith("****")
    then = ok(mch.get(RULES, kind="mask", at=before.isoformat()))
    now = ok(mch.get(RULES, kind="mask"))
    there = [{one["at_campus"] for one in found if one["key"] == "patient.address"} for found in (then, now)]
    assert there == [{"", "mch"}, {""}], "the state of a past moment stays"
    history = ok(mch.get(f"{RULES}/mask/patient.address/history"))["items"]
    assert [(one["at_campus"], one["content"] is None) for one in history] == [
        ("mch", True),
        ("mch", False),
        ("", False),
    ]
    told = [row["data"] for row in consortium.hospital.events("data_rule_changed")][-1]
    assert (told["campus_code"], told["lifted"]) == ("mch", True)


def test_refused_rules_write_nothing(consortium: Consortium) -> None:
    whole = {"kind": "export", "key": "registrar", "content": {"most": 10}, "everywhere": True, "reason": "x"}
    before = consortium.hospital.census()
    refused(consortium.security.post(RULES, {**whole, "key": "no_such_post"}), 422, "invalid")
    refused(consortium.security.post(RULES, {**whole, "content": None}), 422, "data_rule_unchanged")
    refused(consortium.security.post(RULES, {**whole, "content": {"most": 0}}), 422, "invalid")
    purpose = {"kind": "purpose", "key": "quality", "everywhere": True, "reason": "x"}
    unknown = {"posts": ["department_head"], "permissions": ["no.such.thing"]}
    refused(consortium.security.post(RULES, {**purpose, "content": unknown}), 422, "unknown_permission")
    level = {"kind": "sensitive", "key": "hiv", "everywhere": True, "reason": "x"}
    refused(consortium.security.post(RULES, {**level, "content": {"level": 2}}), 422, "invalid")
    refused(consortium.system.post(RULES, whole), 403, "permission_denied")
    assert consortium.hospital.census() == before
    both = consortium.hospital.caller("security_admin", "owner_office")
    asked = ok(both.post(RULES, whole))
    refused(consortium.security.post(RULES, {**whole, "content": {"most": 11}}), 409, "data_rule_waits")
    path = f"{RULES}/{asked['rule_id']}"
    refused(both.post(f"{path}/approve", {"version": 1}), 422, "same_person")
    refused(consortium.office.post(f"{path}/approve", {"version": 2}), 409, "version_conflict")
    assert ok(consortium.office.post(f"{path}/refuse", {"version": 1}))["state"] == "refused"
    refused(consortium.office.post(f"{path}/approve", {"version": 2}), 409, "permission_state")
    assert "registrar" not in {one["key"] for one in ok(consortium.security.get(RULES, kind="export"))}


def test_a_sensitive_record_opens_by_its_level(consortium: Consortium, desks: Desks) -> None:
    person = desks.register("戴敏感", resident_id("19910102"))
    path = f"{PATIENTS}/patients/{person['patient_id']}"
    ok(desks.privacy.post(f"{path}/confidentiality", {"version": 1, "restricted": True, "ground": "hiv"}))
    assert desks.registrar.get(path, reason="registration").status_code == 200, "without a rule level one"
    rule(consortium, "sensitive", "hiv", {"level": 2, "posts": ["privacy_officer"], "prefixes": ["B20", "Z21"]})
    assert refused(desks.registrar.get(path, reason="registration"), 403, "sensitive_record_closed")["level"] == 2
    refused(desks.privacy.get(path), 422, "opening_reason_required")
    assert desks.privacy.get(path, reason="complaint").status_code == 200
    tried = "SELECT count(*) FROM kernel.audit_entries WHERE detail ->> 'code' = 'sensitive_record_closed'"
    assert consortium.hospital.value(tried) == 1
    rule(consortium, "sensitive", "hiv", {"level": 3, "prefixes": ["B20", "Z21"]})
    refused(desks.privacy.get(path, reason="complaint"), 403, "sensitive_record_closed")
    desks.treat(person["patient_id"])
    assert desks.doctor.get(path).status_code == 200, "treated here"
    found = ok(desks.doctor.get(f"{BASE}/sensitive-class", code=["J18.900", "B20.101"]))
    assert (found["sensitivity"], found["level"]) == ("hiv", 3)
    assert ok(desks.doctor.get(f"{BASE}/sensitive-class", code=["J18.900"]))["level"] is None
    other = desks.register("戴旧档", resident_id("19910103"))
    there = f"{PATIENTS}/patients/{other['patient_id']}"
    ok(desks.privacy.post(f"{there}/confidentiality", {"version": 1, "restricted": True, "ground": "vip"}))
    assert desks.registrar.get(there, reason="registration").status_code == 200, "another class, another level"


def test_a_merged_person_stays_as_closed_as_either_record_was(consortium: Consortium, desks: Desks) -> None:
    kept = desks.register("冯保一", resident_id("19830111"))
    other = desks.register(
        "冯保一", "E" + resident_id()[9:], type="passport", sex="1", birth_date="1983-01-11", phone="13800000012"
    )
    path = f"{PATIENTS}/patients/{other['patient_id']}/confidentiality"
    ok(desks.privacy.post(path, {"version": other["version"], "restricted": True, "ground": "staff"}))
    assert desks.merge(kept, other).json()["status"] == "done"
    column = "SELECT confidentiality || ' ' || sensitivity FROM patients.patients WHERE patient_id = %s"
    assert consortium.hospital.value(column, [kept["patient_id"]]) == "restricted staff"


def test_reading_beyond_the_department_has_a_purpose_a_rule_and_a_trace(consortium: Consortium) -> None:
    hospital, unit = consortium.hospital, consortium.unit(name="质控病区")
    me = consortium.signed_on(consortium.posted("department_head", unit_id=unit))
    path, scope = f"{BASE}/my/data-scope", {"permission": "outpatient.schedule.read"}
    assert ok(me.get(path, **scope))["unit_ids"] == [unit]
    refused(me.get(path, **scope, purpose="quality"), 403, "purpose_not_allowed")
    content = {"posts": ["department_head"], "permissions": ["outpatient.schedule.read"]}
    rule(consortium, "purpose", "quality", content)
    assert ok(me.get(path, **scope, purpose="quality"))["kind"] == "campus"
    refused(me.get(path, **scope, purpose="research"), 403, "purpose_not_allowed")
    refused(me.get(path, permission="organisation.structure.read", purpose="quality"), 403, "purpose_not_allowed")
    [kept] = hospital.rows("SELECT * FROM kernel.audit_entries WHERE action = 'data.read_beyond'")
    assert (kept["actor"], kept["subject_id"]) == (me.subject, "quality")
    assert kept["detail"] == {"permission": "outpatient.schedule.read"}


def test_the_policy_of_break_glass_is_the_hospital_s(consortium: Consortium, desks: Desks) -> None:
    person = desks.register("急策略")
    path = f"{PATIENTS}/patients/{person['patient_id']}/break-glass"
    policy = {"reasons": [{"code": "mass_casualty", "title": "群体伤"}], "hours": 2, "review_working_days": 1}
    rule(consortium, "break_glass", "policy", policy | {"shortest_reason": 12})
    old = {"reason_code": "rescue", "reason": "车祸多发伤意识不清，需查既往史"}
    problem = refused(desks.doctor.post(path, old), 422, "break_glass_reason_missing")
    assert "群体伤" in problem["errors"][0]["message"]
    short = {"reason_code": "mass_casualty", "reason": "车祸多发伤意识不清了"}
    assert "12" in refused(desks.doctor.post(path, short), 422, "break_glass_reason_missing")["detail"]
    opened = ok(desks.doctor.post(path, {**old, "reason_code": "mass_casualty"}))
    row = consortium.hospital.rows(
        "SELECT * FROM patients.break_glass_openings WHERE opening_id = %s", [opened["opening_id"]]
    )
    assert row[0]["valid_to"] - row[0]["opened_at"] == timedelta(hours=2)
    assert timedelta(days=1) <= row[0]["review_due_at"] - row[0]["opened_at"] <= timedelta(days=3)
    rule(consortium, "break_glass", "policy", None)
    refused(desks.doctor.post(path, {**old, "reason_code": "mass_casualty"}), 422, "break_glass_reason_missing")
    assert ok(desks.doctor.post(path, old))["reason_code"] == "rescue"


def test_rules_come_in_one_statement_with_the_other_reads(consortium: Consortium, desks: Desks) -> None:
    person = UUID(desks.register("计数者")["patient_id"])
    actor = Actor(kind="staff", subject="x", name="x", staff_id=person, posts={"hq": frozenset({"registrar"})})
    with consortium.hospital.tx("hq", actor) as tx:
        masks = data_rules.ask_masks(tx)
        assert tx.session.statements == 1
        assert masks().form("patient.phone") == "masked"
        before = tx.session.statements
        patients.view(tx, person)
        assert tx.session.statements - before == 5, "the four reads of before, and the rules beside them"
        before = tx.session.statements
        assert service.data_scope(tx, "patients.index.read").kind == "campus"
        assert tx.session.statements - before == 1
    system = consortium.hospital.tx("hq")
    with system as tx:
        assert data_rules.ask_masks(tx)() is data_rules.OPEN
        assert tx.session.statements == 0


def test_an_export_keeps_within_the_post_s_limit(consortium: Consortium) -> None:
    rule(consortium, "export", "*", {"most": 100})
    rule(consortium, "export", "index_steward", {"most": 200})
    posts = {"hq": frozenset({"registrar", "index_steward"}), "mch": frozenset({"registrar"})}
    actor = Actor(kind="staff", subject="x", name="x", posts=posts)
    with consortium.hospital.tx("hq", actor) as tx:
        data_rules.check_export(tx, 200)
        with pytest.raises(data_rules.ExportTooLarge, match="200"):
            data_rules.check_export(tx, 201)
    with consortium.hospital.tx("mch", actor) as tx, pytest.raises(data_rules.ExportTooLarge, match="100"):
        data_rules.check_export(tx, 101)
