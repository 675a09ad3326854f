"""Migration of an old index: every row ends as new, linked, suspected or rejected, and a second run changes nothing."""

from collections import Counter
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from functions.patients.index.rules.legacy import is_old_number, read_day, read_sex
from loadtests.population import people
from tests.patients.conftest import BASE, Desks, resident_id
from tests.support.hospital import Caller, Hospital, cloned_hospital

IMPORTS = f"{BASE}/legacy-imports"
OUTCOMES = ("new", "linked", "suspected", "rejected")


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital() as one:
        yield one


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> Desks:
    return Desks(hospital)


def ok(answer: httpx.Response) -> Any:
    assert answer.status_code < 300, answer.text
    return answer.json()


def sent(caller: Caller, rows: list[dict[str, str]], source: str = "旧系统") -> dict[str, Any]:
    """A file announced and sent in chunks."""
    opened = ok(caller.post(IMPORTS, {"source": source, "rows": len(rows)}))
    for first in range(0, len(rows), 2000):
        body = {"first": first + 1, "people": rows[first : first + 2000]}
        opened = ok(caller.post(f"{IMPORTS}/{opened['import_id']}/rows", body))
    assert opened["received"] == len(rows)
    return opened


def signed_on(hospital: Hospital, caller: Caller) -> Caller:
    """A steward of the same campus who has just signed on: a token lasts five minutes, a migration may last longer."""
    return hospital.caller("index_steward", campus=caller.campus)


def moved(caller: Caller, current: dict[str, Any], verb: str) -> dict[str, Any]:
    return ok(caller.post(f"{IMPORTS}/{current['import_id']}/{verb}", {"version": current["version"]}))


def finished(hospital: Hospital, caller: Caller, current: dict[str, Any]) -> dict[str, Any]:
    """As the minutes pass: slice by slice until the phase is over."""
    caller = signed_on(hospital, caller)
    while (now := ok(caller.get(f"{IMPORTS}/{current['import_id']}")))["status"] in {"checking", "loading"}:
        hospital.minute("patients/index", caller.campus)
    assert sum(now[outcome] for outcome in OUTCOMES) == now["done"] == now["rows"]
    return now


def migrated(hospital: Hospital, caller: Caller, rows: list[dict[str, str]]) -> tuple[dict[str, Any], dict[str, Any]]:
    """Dry run and load; both reports."""
    checked = finished(hospital, caller, moved(caller, sent(caller, rows), "check"))
    return checked, finished(hospital, caller, moved(signed_on(hospital, caller), checked, "load"))


def counts(report: dict[str, Any]) -> tuple[int, ...]:
    return tuple(report[outcome] for outcome in OUTCOMES)


def row(no: str, name: str, **cells: str) -> dict[str, str]:
    return {"legacy_no": no, "name": name, **cells}


def test_each_row_is_judged_and_loaded(hospital: Hospital, desks: Desks) -> None:
    known, twice, fresh = resident_id(), resident_id(), resident_id("19550707", "2")
    registered = ok(desks.registrar.post(f"{BASE}/patients", desks.card("莫志强", known)))
    twin = desks.card("黄秀英", resident_id("19601212", "2"))
    suspect = ok(desks.registrar.post(f"{BASE}/patients", {**twin, "phone": "13977712345"}))
    rows = [
        row("A1", "莫志强", document_no=known),
        row("A2", "覃小花", document_no=known),
        row("A3", "韦建国", document_no=twice, phone="12"),
        row("A4", "韦建国", document_no=twice.lower()),
        row("A5", "黄秀英", sex="女", birth_date="1960年12月12日", phone="13977712345"),
        row("A6", "陆爱华", sex="2", birth_date="1949-10-01", document_no="450223491001002"),
        row("A7", "农丽娟", document_no=fresh[:-1] + ("0" if fresh[-1] != "0" else "1")),
        row("A8", "梁某"),
        row("", "无编号", sex="1", birth_date="19800101"),
        row("A9", "", sex="1", birth_date="19800101"),
    ]
    checked, loaded = migrated(hospital, desks.steward, rows)
    assert counts(checked) == counts(loaded) == (2, 2, 1, 5)
    listed = ok(desks.steward.get(f"{IMPORTS}/{loaded['import_id']}/rows", outcome="rejected"))["items"]
    assert [(one["row_no"], bool(one["reason"])) for one in listed] == [
        (2, True),
        (7, True),
        (8, True),
        (9, True),
        (10, True),
    ]
    linked = ok(desks.steward.get(f"{IMPORTS}/{loaded['import_id']}/rows", outcome="linked"))["items"]
    assert linked[0]["patient_id"] == registered["patient_id"]
    found = ok(desks.registrar.post(f"{BASE}/patients/find", {"text": "A3"}))["items"]
    assert [hit["name"] for hit in found] == ["韦**"]
    assert found[0]["patient_id"] == linked[1]["patient_id"]
    pairs = ok(desks.steward.get(f"{BASE}/duplicates"))["items"]
    assert suspect["patient_id"] in {pair[side] for pair in pairs for side in ("first_id", "second_id")}
    assert (
        hospital.value("SELECT count(*) FROM patients.identifiers WHERE type = 'legacy' AND issuer_campus_id = 'hq'")
        == 5
    )


def test_the_same_file_again_changes_nothing(hospital: Hospital, desks: Desks) -> None:
    rows = [row(f"S{place}", "苏明", document_no=resident_id()) for place in range(3)]
    _, loaded = migrated(hospital, desks.steward, rows)
    before = hospital.rows("SELECT count(*), max(version) FROM patients.patients")
    again = moved(desks.steward, sent(desks.steward, rows), "check")
    assert (again["status"], counts(again), again["digest"]) == ("unchanged", counts(loaded), loaded["digest"])
    assert hospital.rows("SELECT count(*), max(version) FROM patients.patients") == before


def test_the_same_people_in_another_file_are_known(hospital: Hospital, desks: Desks) -> None:
    rows = [row("T1", "谭勇", document_no=resident_id()), row("T2", "谭勇", sex="1", birth_date="1977-01-01")]
    migrated(hospital, desks.steward, rows)
    before = hospital.value("SELECT count(*) FROM patients.patients")
    _, loaded = migrated(hospital, desks.steward, [rows[1], rows[0]])
    assert counts(loaded) == (0, 2, 0, 0)
    assert hospital.value("SELECT count(*) FROM patients.patients") == before


def test_the_other_campus_gives_its_own_numbers(hospital: Hospital, desks: Desks) -> None:
    number = resident_id()
    migrated(hospital, desks.steward, [row("1001", "岑小明", document_no=number)])
    _, loaded = migrated(
        hospital,
        desks.second_steward,
        [row("1001", "蓝天", sex="1", birth_date="1990-05-05"), row("7", "岑小明", document_no=number)],
    )
    assert counts(loaded) == (1, 1, 0, 0)


def test_an_import_is_its_campus_own(hospital: Hospital, desks: Desks) -> None:
    opened = ok(desks.steward.post(IMPORTS, {"source": "旧系统", "rows": 2}))
    before = hospital.census()
    path = f"{IMPORTS}/{opened['import_id']}"
    assert desks.second_steward.get(path).status_code == 404
    assert desks.second_steward.post(f"{path}/rows", {"first": 1, "people": [row("1", "甲")]}).status_code == 404
    assert desks.registrar.get(IMPORTS).status_code == 403
    assert desks.steward.post(IMPORTS, {"source": "又一份", "rows": 1}).json()["code"] == "legacy_import_open"
    beyond = desks.steward.post(f"{path}/rows", {"first": 2, "people": [row("1", "甲"), row("2", "乙")]})
    assert (beyond.status_code, beyond.json()["code"]) == (422, "legacy_rows_beyond")
    missing = desks.steward.post(f"{path}/check", {"version": opened["version"]})
    assert (missing.status_code, missing.json()["code"]) == (409, "legacy_rows_missing")
    early = desks.steward.post(f"{path}/load", {"version": opened["version"]})
    assert (early.status_code, early.json()["code"]) == (409, "legacy_import_state")
    assert hospital.census() == before
    dropped = moved(desks.steward, opened, "drop")
    assert dropped["status"] == "dropped"
    assert desks.steward.post(f"{path}/check", {"version": opened["version"]}).status_code == 409


def test_a_chunk_sent_twice_counts_once(hospital: Hospital, desks: Desks) -> None:
    opened = ok(desks.steward.post(IMPORTS, {"source": "旧系统", "rows": 2}))
    path = f"{IMPORTS}/{opened['import_id']}"
    body = {"first": 1, "people": [row("D1", "甲一", sex="1", birth_date="1990-01-01")]}
    assert [ok(desks.steward.post(f"{path}/rows", body))["received"] for _ in range(2)] == [1, 1]
    moved(desks.steward, ok(desks.steward.get(path)), "drop")


@pytest.mark.parametrize(
    ("cell", "day"),
    [
        ("1986-03-15", "1986-03-15"),
        ("19860315", "1986-03-15"),
        ("1986/3/5 00:00:00", "1986-03-05"),
        ("1986年3月5日", "1986-03-05"),
        ("1986-02-30", None),
        ("860315", None),
        ("", None),
    ],
)
def test_days_of_old_systems(cell: str, day: str | None) -> None:
    found = read_day(cell)
    assert (found.isoformat() if found else None) == day


def test_sex_and_old_numbers() -> None:
    assert [read_sex(cell) for cell in ("男", "2", "f", "未知")] == ["1", "2", "2", None]
    assert is_old_number("450223491001002")
    assert not is_old_number("45022319491001002X")


def test_the_card_in_the_hand_opens_the_record_on_the_first_day(hospital: Hospital, desks: Desks) -> None:
    number = resident_id("19740404")
    known = ok(desks.registrar.post(f"{BASE}/patients", desks.card("玉天宝", number)))
    rows = [
        row("K1", "玉天宝", document_no=number, visit_card_no="old-001", health_card_no="JKK0000001"),
        row("K2", "石小凤", sex="2", birth_date="19910101", visit_card_no="OLD-002", social_card_no="S1"),
        row("K3", "石大凤", sex="2", birth_date="19810101", visit_card_no="OLD-002", phone="1"),
        row("K4", "玉天宝", document_no=number, visit_card_no="OLD-001"),
    ]
    checked, loaded = migrated(hospital, desks.steward, rows)
    assert counts(checked) == counts(loaded) == (2, 2, 0, 0)
    (hit,) = ok(desks.registrar.post(f"{BASE}/patients/find", {"text": "OLD-001"}))["items"]
    assert hit["patient_id"] == known["patient_id"]
    assert (
        ok(desks.mch_registrar.post(f"{BASE}/patients/find", {"text": "JKK0000001"}))["items"][0]["patient_id"]
        == (known["patient_id"])
    )
    new = ok(desks.steward.get(f"{IMPORTS}/{loaded['import_id']}/rows", outcome="new"))["items"]
    assert [one["reason"] for one in new] == [
        "原社保卡号无效，未导入",
        "原电话号码无效，未导入；就诊卡号已属于他人，未导入",
    ]
    (owner,) = ok(desks.registrar.post(f"{BASE}/patients/find", {"text": "OLD-002"}))["items"]
    assert owner["patient_id"] == new[0]["patient_id"]
    issued = (
        "SELECT DISTINCT issuer_campus_id FROM patients.identifiers WHERE type = 'visit_card' AND value LIKE 'OLD-%'"
    )
    assert [one["issuer_campus_id"] for one in hospital.rows(issued)] == ["hq"]


@pytest.mark.case("P-patient-index", 11)
def test_180_000_rows_add_up_and_a_second_run_changes_nothing(hospital: Hospital, desks: Desks) -> None:
    def cells(person: Any) -> dict[str, str]:
        return {
            "legacy_no": f"M{person.number}",
            "name": person.name,
            "sex": "男" if person.sex == "1" else "女",
            "birth_date": person.birth_date.strftime("%Y%m%d"),
            "document_no": "" if person.number % 9 == 0 else person.id_number,
            "phone": person.phone or "",
        }

    rows = [cells(person) for person in people(3, 170_000)]
    rows += [{**one, "legacy_no": f"R{one['legacy_no']}"} for one in rows[::17]]
    rows = rows[:180_000]
    for place in range(0, len(rows), 500):
        rows[place] = {**rows[place], "document_no": "123456789012345678"}
    assert len(rows) == 180_000
    before = hospital.value("SELECT count(*) FROM patients.patients")
    checked, loaded = migrated(hospital, signed_on(hospital, desks.second_steward), rows)
    assert sum(counts(loaded)) == 180_000
    assert all(counts(loaded)), counts(loaded)
    assert (checked["linked"], checked["rejected"]) == (loaded["linked"], loaded["rejected"])
    created = hospital.value("SELECT count(*) FROM patients.patients") - before
    assert created == loaded["new"] + loaded["suspected"]
    judged = Counter(
        {
            one["outcome"]: one["count"]
            for one in hospital.rows(
                "SELECT outcome, count(*) FROM patients.legacy_rows WHERE import_id = %s GROUP BY outcome",
                [loaded["import_id"]],
            )
        }
    )
    assert judged == Counter(dict(zip(OUTCOMES, counts(loaded), strict=True)))
    steward = signed_on(hospital, desks.second_steward)
    again = moved(steward, sent(steward, rows), "check")
    assert (again["status"], counts(again)) == ("unchanged", counts(loaded))
    assert hospital.value("SELECT count(*) FROM patients.patients") == before + created
