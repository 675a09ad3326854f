"""Packages, mappings, applications, complaints, and what the night finds."""

from datetime import timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.payments import ChargesPosted, ChargesVoided, PostedLine
from functions.catalogue.prices import service
from functions.catalogue.prices.bill import Person
from functions.catalogue.prices.service import ItemUnmapped, PackageUnusable
from functions.catalogue.prices.service.complaining import last_of
from functions.catalogue.prices.service.monitoring import keep_posted, keep_voided
from functions.organisation.structure import service as organisation
from shared.ids import new_id
from shared.schemas import SHANGHAI
from tests.catalogue.conftest import BASE, Catalogue
from tests.support.clinic import ok


def priced(catalogue: Catalogue, price: str, **fields: Any) -> str:
    code = str(catalogue.item(**fields)["code"])
    catalogue.price(code, price)
    return code


# -- packages


def test_a_package_costs_what_its_members_cost(catalogue: Catalogue) -> None:
    blood, female, male = priced(catalogue, "20.00"), priced(catalogue, "80.00"), priced(catalogue, "60.00")
    first, second = priced(catalogue, "5.00"), priced(catalogue, "7.00")
    package = str(catalogue.item(kind="package", name="婚前检查", unit="套")["code"])
    members = [
        {"member_code": blood, "quantity": "2"},
        {"member_code": female, "quantity": "1", "sex": "2"},
        {"member_code": male, "quantity": "1", "sex": "1"},
        {"member_code": first, "quantity": "1", "choice": "needle"},
        {"member_code": second, "quantity": "1", "choice": "needle"},
    ]
    drafted = ok(catalogue.officer.post(f"{BASE}/packages/{package}/versions", {"members": members}))
    with catalogue.hospital.tx() as tx, pytest.raises(PackageUnusable):
        service.expand(tx, package, Person(None, "2"))
    ok(catalogue.checker.post(f"{BASE}/package-versions/{drafted['package_version_id']}/check"))
    catalogue.hospital.clock.move(seconds=1)
    woman = ok(catalogue.reader.get(f"{BASE}/packages/{package}/expanded", sex="2"))
    assert [line["item_code"] for line in woman["lines"]] == [blood, female, first]
    assert woman["total"] == "125.00"
    assert ok(catalogue.reader.get(f"{BASE}/packages/{package}/expanded", sex="1"))["total"] == "105.00"
    stop = {"version": 2, "reason": "停"}
    ok(catalogue.checker.post(f"{BASE}/items/{first}/stop", stop))
    catalogue.hospital.clock.move(seconds=1)
    other = ok(catalogue.reader.get(f"{BASE}/packages/{package}/expanded", sex="2"))
    assert [line["item_code"] for line in other["lines"]] == [blood, female, second], (
        "the alternative that can be charged"
    )
    ok(catalogue.checker.post(f"{BASE}/items/{blood}/stop", stop))
    catalogue.hospital.clock.move(seconds=1)
    unusable = catalogue.reader.get(f"{BASE}/packages/{package}/expanded", sex="2")
    assert (unusable.status_code, unusable.json()["code"], unusable.json()["member_code"]) == (
        422,
        "package_unusable",
        blood,
    )
    told = [
        one["data"] for one in catalogue.hospital.events("package_changed") if one["data"]["package_code"] == package
    ]
    assert [one["usable"] for one in told] == [True, False, False]
    faults = ok(catalogue.reader.get(f"{BASE}/faults"))
    assert {(one["kind"], one["code"], one["detail"]) for one in faults} >= {
        ("package_member_stopped", package, blood),
        ("package_member_stopped", package, first),
    }


def test_a_package_follows_its_successor(catalogue: Catalogue) -> None:
    one, two = priced(catalogue, "1.00"), priced(catalogue, "2.00")
    package = str(catalogue.item(kind="package", name="套餐", unit="套")["code"])
    for member in (one, two):
        body = {"members": [{"member_code": member, "quantity": "1"}]}
        made = ok(catalogue.officer.post(f"{BASE}/packages/{package}/versions", body))
        ok(catalogue.checker.post(f"{BASE}/package-versions/{made['package_version_id']}/check"))
        catalogue.hospital.clock.move(seconds=1)
    versions = ok(catalogue.reader.get(f"{BASE}/packages/{package}/versions"))
    assert [version["members"][0]["member_code"] for version in versions] == [two, one]
    assert (versions[0]["valid_to"], versions[1]["valid_to"]) == (None, versions[0]["valid_from"])
    plain = catalogue.officer.post(
        f"{BASE}/packages/{one}/versions", {"members": [{"member_code": two, "quantity": "1"}]}
    )
    assert (plain.status_code, plain.json()["code"]) == (422, "package_unusable")


# -- mappings


def map_items(catalogue: Catalogue, scheme: str, *rows: tuple[str, str]) -> Any:
    body = {
        "scheme": scheme,
        "rows": [{"item_code": code, "target": target, "target_name": f"医保{target}"} for code, target in rows],
    }
    drafted = ok(catalogue.officer.post(f"{BASE}/mappings", body))
    catalogue.hospital.clock.move(seconds=1)
    return catalogue.checker.post(f"{BASE}/mappings/check", {"mapping_ids": [row["mapping_id"] for row in drafted]})


def test_insurance_codes_are_one_to_one_and_nothing_is_unmapped_silently(catalogue: Catalogue) -> None:
    one, other = priced(catalogue, "1.00"), priced(catalogue, "2.00")
    code = f"0011{uuid4().int % 10**11:011d}"
    with catalogue.hospital.tx() as tx:
        with pytest.raises(ItemUnmapped, match="未对照"):
            service.category_of(tx, one, "insurance")
        assert service.category_of(tx, one, "fee_class") == "05"
    unmapped: set[str] = set()
    cursor: str | None = ""
    while cursor is not None:
        page = ok(catalogue.reader.get(f"{BASE}/unmapped", scheme="insurance", cursor=cursor))
        unmapped |= {row["code"] for row in page["items"]}
        cursor = page["next"]
    assert {one, other} <= unmapped
    ok(map_items(catalogue, "insurance", (one, code)))
    taken = map_items(catalogue, "insurance", (other, code))
    assert (taken.status_code, taken.json()["code"]) == (409, "insurance_code_taken")
    ok(map_items(catalogue, "account", (one, "4001"), (other, "4001")))
    ok(map_items(catalogue, "insurance", (one, f"{code}9")))
    ok(map_items(catalogue, "insurance", (other, code)))
    catalogue.hospital.clock.move(seconds=1)
    with catalogue.hospital.tx() as tx:
        assert service.category_of(tx, one, "insurance") == f"{code}9"
        assert {key: row.target for key, row in service.mapped_at(tx, [one, other], "insurance").items()} == {
            one: f"{code}9",
            other: code,
        }
    history = ok(catalogue.reader.get(f"{BASE}/items/{one}/mappings"))
    assert [row["target"] for row in history if row["scheme"] == "insurance"] == [code, f"{code}9"]
    told = [
        event["data"] for event in catalogue.hospital.events("mapping_changed") if event["data"]["item_code"] == one
    ]
    assert [event["target"] for event in told] == [code, "4001", f"{code}9"]


# -- applications


def test_an_application_goes_through_its_steps(catalogue: Catalogue) -> None:
    doctor = catalogue.hospital.caller("outpatient_doctor", campus="mch", name="科主任")
    director = catalogue.hospital.caller("vice_president")
    body = {
        "name": "经皮耳穴迷走神经刺激",
        "content": "含电极",
        "charge_unit": "次",
        "costs": {"人力": "30.50", "耗材": "12.00"},
        "comparables": [{"place": "柳州", "price": "60"}],
        "proposed_price": "58",
        "basis_document": "科室申请〔2026〕1号",
    }
    made = ok(doctor.post(f"{BASE}/applications", body))
    assert (made["state"], made["cost"], made["campus_id"]) == ("committee", "42.50", "mch")
    path = f"{BASE}/applications/{made['application_id']}/decisions"
    skipped = director.post(path, {"step": "province", "passed": True, "opinion": "同意"})
    assert (skipped.status_code, skipped.json()["code"]) == (409, "item_application_state_wrong")
    for step in ("committee", "consortium"):
        ok(director.post(path, {"step": step, "passed": True, "opinion": "同意"}))
    numberless = director.post(path, {"step": "province", "passed": True, "opinion": "批复"})
    assert (numberless.status_code, numberless.json()["code"]) == (422, "item_application_wrong")
    ok(
        director.post(
            path, {"step": "province", "passed": True, "opinion": "批复", "approval_no": "桂医保函〔2026〕8号"}
        )
    )
    code = priced(catalogue, "58.00", name=body["name"])
    day = catalogue.hospital.clock().astimezone(SHANGHAI).date()
    publication = {"step": "publication", "passed": True, "opinion": "发布", "item_code": code}
    too_long = director.post(path, {**publication, "trial_until": (day + timedelta(days=3 * 365)).isoformat()})
    assert (too_long.status_code, too_long.json()["code"]) == (422, "item_application_wrong")
    last = (day + timedelta(days=300)).isoformat()
    done = ok(director.post(path, {**publication, "trial_until": last}))
    assert (done["state"], len(done["decisions"])) == ("published", 4)
    trials = ok(catalogue.reader.get(f"{BASE}/trials", until=last))
    assert (code, last) in {(one["code"], one["trial_until"]) for one in trials}
    over = doctor.post(f"{BASE}/applications/{made['application_id']}/withdraw", {"reason": "不做了"})
    assert (over.status_code, over.json()["code"]) == (409, "item_application_state_wrong")
    listed = ok(catalogue.reader.get(f"{BASE}/applications"))["items"]
    assert made["application_id"] in {one["application_id"] for one in listed}, "hq reads the branch's applications"


def test_a_refused_application_is_over(catalogue: Catalogue) -> None:
    doctor = catalogue.hospital.caller("outpatient_doctor")
    body = {
        "name": "无依据项目",
        "content": "无",
        "charge_unit": "次",
        "costs": {"人力": "1"},
        "proposed_price": "999",
        "basis_document": "无",
    }
    made = ok(doctor.post(f"{BASE}/applications", body))
    path = f"{BASE}/applications/{made['application_id']}"
    elsewhere = catalogue.hospital.caller("outpatient_doctor").post(f"{path}/withdraw", {"reason": "别人"})
    assert elsewhere.status_code == 404
    branch = catalogue.hospital.caller("vice_president", campus="mch")
    refused = branch.post(f"{path}/decisions", {"step": "committee", "passed": True, "opinion": "越权"})
    assert (refused.status_code, refused.json()["code"]) == (403, "consortium_price_list")
    director = catalogue.hospital.caller("vice_president")
    turned = ok(director.post(f"{path}/decisions", {"step": "committee", "passed": False, "opinion": "不同意"}))
    assert turned["state"] == "refused"
    again = director.post(f"{path}/decisions", {"step": "consortium", "passed": True, "opinion": "再议"})
    assert (again.status_code, again.json()["code"]) == (409, "item_application_state_wrong")


# -- complaints


def test_a_complaint_is_answered_in_five_working_days(catalogue: Catalogue) -> None:
    code = priced(catalogue, "3.00")
    body = {"channel": "phone", "content": "采血收了两次", "item_codes": [code]}
    made = ok(catalogue.officer.post(f"{BASE}/complaints", body))
    today = catalogue.hospital.clock().astimezone(SHANGHAI).date()
    with catalogue.hospital.tx("hq") as tx:
        ahead = organisation.calendar(tx, today + timedelta(days=1), today + timedelta(days=20))
    workdays = [one.day for one in ahead if one.workday]
    assert made["due_on"] == workdays[4].isoformat()
    assert last_of(5, workdays[:4], today) == today, "a month of holidays"
    assert ok(catalogue.mch_officer.get(f"{BASE}/complaints"))["items"] == []
    path = f"{BASE}/complaints/{made['complaint_id']}/answer"
    answer = {"version": 1, "founded": True, "answer": "已退费", "refund_id": str(uuid4())}
    assert catalogue.mch_officer.post(path, answer).status_code == 404
    done = ok(catalogue.officer.post(path, answer))
    assert (done["status"], done["founded"], done["overdue"]) == ("answered", True, False)
    again = catalogue.officer.post(path, {**answer, "version": 2})
    assert (again.status_code, again.json()["code"]) == (409, "price_case_closed")


# -- monitoring


def charge(
    catalogue: Catalogue, campus: str, patient: UUID, *lines: tuple[str, str, str], unit: UUID | None = None
) -> list[UUID]:
    """Billing tells of charges: item, quantity, price."""
    ids = [new_id() for _ in lines]
    event = ChargesPosted(
        source_module="tests/source",
        source_id=str(new_id()),
        patient_id=patient,
        encounter_id=None,
        lines=[
            PostedLine(
                charge_id=charge_id,
                source_line=str(place),
                item_code=code,
                fee_class="05",
                quantity=Decimal(quantity),
                unit_price=Decimal(price),
                amount=Decimal(quantity) * Decimal(price),
                price_version_id=new_id(),
                ordering_unit_id=None,
                executing_unit_id=unit,
            )
            for place, (charge_id, (code, quantity, price)) in enumerate(zip(ids, lines, strict=True))
        ],
    )
    with catalogue.hospital.tx(campus) as tx:
        keep_posted(tx, event)
    return ids


def test_the_night_finds_what_the_day_did(catalogue: Catalogue) -> None:
    hospital = catalogue.hospital
    hourly, blood, kit = (priced(catalogue, "4.00", name=name) for name in ("监护", "血常规", "套件"))
    parts = [priced(catalogue, "10.00", name=f"肝功{number}") for number in range(3)]
    rules = [
        {"kind": "over_quantity", "title": "一日超过24小时", "item_codes": [hourly], "quantity": "24"},
        {"kind": "duplicate", "title": "一日重复", "item_codes": [blood], "times": 1},
        {"kind": "beside", "title": "不得与套件同收", "item_codes": [blood], "others": [kit]},
        {"kind": "many_lines", "title": "肝功能分解", "item_codes": parts, "times": 3},
    ]
    for rule in rules:
        ok(catalogue.officer.post(f"{BASE}/monitor-rules", {**rule, "basis_document": "文"}))
    bad = catalogue.officer.post(
        f"{BASE}/monitor-rules", {"kind": "many_lines", "title": "x", "item_codes": parts, "basis_document": "文"}
    )
    assert (bad.status_code, bad.json()["code"]) == (422, "monitor_rule_wrong")
    unit, patient, clean = uuid4(), uuid4(), uuid4()
    charge(catalogue, "hq", patient, (hourly, "20", "4.00"), unit=unit)
    charge(catalogue, "hq", patient, (hourly, "5", "4.00"))
    doubled = charge(catalogue, "hq", patient, (blood, "1", "20.00"), (kit, "1", "9.00"))
    doubled += charge(catalogue, "hq", patient, (blood, "1", "20.00"))
    voided = charge(catalogue, "hq", clean, (blood, "1", "20.00"), (blood, "1", "20.00"))
    charge(catalogue, "hq", patient, *((part, "1", "10.00") for part in parts))
    charge(catalogue, "mch", patient, (hourly, "30", "4.00"))
    with hospital.tx("hq") as tx:
        keep_voided(
            tx,
            ChargesVoided(source_module="t", source_id="t", patient_id=clean, charge_ids=voided[:1], reason="误记"),
        )
    evening = hospital.clock()
    hospital.clock.set((evening + timedelta(days=1)).astimezone(SHANGHAI).replace(hour=1))
    hospital.minute("catalogue/prices", campus="hq")
    assert hospital.value("SELECT count(*) FROM catalogue.price_findings") == 0, "not before two o'clock"
    hospital.clock.move(hours=2)
    for _ in range(2):
        hospital.minute("catalogue/prices", campus="hq")
    doctor = hospital.caller("outpatient_doctor")
    found = ok(doctor.get(f"{BASE}/findings"))["items"]
    assert {(one["item_code"], one["message"].partition("：")[0], one["amount"]) for one in found} == {
        (hourly, "一日超过24小时", "4.00"),
        (blood, "一日重复", "20.00"),
        (blood, "不得与套件同收", "40.00"),
        (min(parts), "肝功能分解", "30.00"),
    }
    assert {one["patient_id"] for one in found} == {str(patient)}
    assert next(one["unit_id"] for one in found if one["item_code"] == hourly) == str(unit)
    repeated = next(one for one in found if one["message"].startswith("一日重复"))
    assert repeated["charge_ids"] == sorted(str(one) for one in doubled if one != doubled[1])
    assert len(hospital.events("finding_opened")) == 4
    assert ok(hospital.caller("outpatient_doctor", campus="mch").get(f"{BASE}/findings"))["items"] == []

    path = f"{BASE}/findings/{repeated['finding_id']}"
    early = catalogue.officer.post(f"{path}/close", {"version": 1})
    assert (early.status_code, early.json()["code"]) == (409, "price_case_closed")
    answered = ok(doctor.post(f"{path}/answer", {"version": 1, "answer": "重复记账", "refund_proposed": "20.00"}))
    assert (answered["status"], answered["refund_proposed"]) == ("answered", "20.00")
    twice = doctor.post(f"{path}/answer", {"version": 2, "answer": "又"})
    assert (twice.status_code, twice.json()["code"]) == (409, "price_case_closed")
    assert ok(catalogue.officer.post(f"{path}/close", {"version": 2}))["status"] == "closed"

    hospital.minute("catalogue/prices", campus="mch")
    assert hospital.value("SELECT count(*) FROM catalogue.price_findings WHERE campus_id = 'mch'") == 1
