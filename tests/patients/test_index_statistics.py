"""Figures of the index: duplicates per ten thousand, verified share by campus and registrar, unresolved 无名氏."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any

from functions.patients.index.queries import statistics
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support.hospital import Hospital
from tests.support.plans import plan

NAMELESS = {"sex": "1", "estimated_age": 45, "finder_kind": "police", "finder": "城关派出所"}


def figures(desks: Desks, since: date | None = None, until: date | None = None) -> dict[str, Any]:
    today = (desks.hospital.clock() + timedelta(hours=8)).date()
    answer = desks.steward.get(f"{BASE}/statistics", since=str(since or today), until=str(until or today))
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def nameless(desks: Desks, **page: Any) -> dict[str, Any]:
    answer = desks.steward.get(f"{BASE}/nameless", **page)
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


def test_nothing_yet(desks: Desks) -> None:
    empty = figures(desks)
    assert (empty["people"], empty["duplicates_per_10000"], empty["campuses"]) == (0, "0", [])


def test_what_is_verified_and_what_is_suspected(desks: Desks) -> None:
    for year, name in enumerate(("何秀梅", "梁志强", "黎明"), 1951):
        desks.register(name, resident_id(f"{year}0101"), phone=f"1390000{year}")
    desks.register("陶大海", resident_id("19610101"), read_by="stated", phone="13900001961")
    desks.register("苏小燕", resident_id("19710101"), by=desks.mch_registrar, phone="13900001971")
    twice = desks.register("麦建华", resident_id("19660606"), type="resident_id")
    forgotten = {
        "why": "forgotten",
        "name": "麦建华",
        "sex": "1",
        "birth_date": "1966-06-06",
        "phone": "13877201234",
    }
    assert desks.colleague.post(f"{BASE}/patients/undocumented", forgotten).status_code == 201
    seen = figures(desks)
    assert (seen["people"], seen["merged_records"]) == (7, 0)
    assert (seen["suspected_high"], seen["suspected_likely"], seen["overdue"]) == (1, 0, 0)
    assert seen["duplicates_per_10000"] == str((Decimal(10_000) / 7).quantize(Decimal("0.01")))
    by_campus = {one["campus_id"]: one for one in seen["campuses"]}
    assert (by_campus["hq"]["registered"], by_campus["hq"]["verified"]) == (6, 4)
    assert by_campus["hq"]["verified_share"] == "0.6667"
    assert by_campus["mch"]["verified_share"] == "1.0000"
    registrars = {one["registrar"]: (one["registered"], one["verified"]) for one in by_campus["hq"]["registrars"]}
    assert registrars == {desks.registrar.subject: (5, 4), desks.colleague.subject: (1, 0)}
    assert {one["registrar_name"] for one in by_campus["hq"]["registrars"]} == {None}, "nobody engaged stands behind"
    yesterday = (desks.hospital.clock() + timedelta(hours=8)).date() - timedelta(days=1)
    assert figures(desks, yesterday, yesterday)["campuses"] == []

    (pair,) = desks.steward.get(f"{BASE}/duplicates").json()["items"]
    other = next(pair[side] for side in ("first_id", "second_id") if pair[side] != twice["patient_id"])
    assert desks.merge(twice, {"patient_id": other}).status_code == 201
    merged = figures(desks)
    assert (merged["people"], merged["merged_records"], merged["suspected_high"]) == (6, 1, 0)
    assert merged["duplicates_per_10000"] == "0.00"


def test_a_registrar_stands_with_the_name(desks: Desks, hospital: Hospital) -> None:
    engaged = hospital.rows("SELECT staff_id, name FROM organisation.staff WHERE name = '韦建国' LIMIT 1")[0]
    hospital.execute(
        "UPDATE patients.patients SET created_by = %s WHERE created_by = %s",
        [str(engaged["staff_id"]), desks.registrar.subject],
    )
    hq = next(one for one in figures(desks)["campuses"] if one["campus_id"] == "hq")
    named = {one["registrar"]: one["registrar_name"] for one in hq["registrars"]}
    assert named[str(engaged["staff_id"])] == "韦建国"


def test_a_pair_past_its_day_is_overdue(desks: Desks) -> None:
    desks.register("覃志明", resident_id("19710707"), phone="13877201235")
    again = {"why": "forgotten", "name": "覃志明", "sex": "1", "birth_date": "1971-07-07", "phone": "13877201235"}
    assert desks.registrar.post(f"{BASE}/patients/undocumented", again).status_code == 201
    desks.hospital.clock.move(days=8)
    try:
        assert figures(desks)["overdue"] == 1
    finally:
        desks.hospital.clock.move(days=-8)


def test_who_is_still_nameless(desks: Desks, hospital: Hospital) -> None:
    people = []
    for _ in range(3):
        answer = desks.registrar.post(f"{BASE}/patients/unidentified", NAMELESS)
        assert answer.status_code == 201, answer.text
        people.append(answer.json())
        hospital.clock.move(seconds=1)
    hospital.clock.move(days=2)
    first = nameless(desks, limit=2)
    rest = nameless(desks, limit=2, cursor=first["next"])
    listed = [*first["items"], *rest["items"]]
    assert [one["patient_id"] for one in listed] == [one["patient_id"] for one in reversed(people)]
    assert {one["days"] for one in listed} == {2}
    assert rest["next"] is None
    assert figures(desks)["nameless"] == 3

    known = desks.register("蓝天明", resident_id("19810404"))
    assert desks.merge(known, people[0]).status_code == 201
    named = {
        "version": desks.version(people[1]["patient_id"]),
        "changes": {"name": "罗有福"},
        "evidence": "card_read",
        "reason": "家属送来身份证",
    }
    corrected = desks.registrar.post(f"{BASE}/patients/{people[1]['patient_id']}/corrections", named)
    assert corrected.status_code in (200, 201), corrected.text
    assert [one["patient_id"] for one in nameless(desks)["items"]] == [people[2]["patient_id"]]
    assert figures(desks)["nameless"] == 1


def test_what_is_refused(desks: Desks) -> None:
    day = {"since": "2026-01-01", "until": "2026-01-31"}
    refused(desks.registrar.get(f"{BASE}/statistics", **day), 403, "permission_denied")
    refused(desks.registrar.get(f"{BASE}/nameless"), 403, "permission_denied")
    for until in ("2025-12-31", "2027-06-01"):
        answer = desks.steward.get(f"{BASE}/statistics", since="2026-01-01", until=until)
        assert answer.status_code == 422, answer.text


def test_lists_are_found_by_index(hospital: Hospital) -> None:
    with hospital.tx("hq") as tx:
        tx.session._connection.execute("SET LOCAL enable_seqscan = off")
        assert "ix_patients_arrival" in plan(tx, statistics.NAMELESS, before=tx.now, limit=50)
        assert "ix_patients_created_at" in plan(
            tx, statistics.REGISTRATIONS, since=tx.now - timedelta(days=1), until=tx.now
        )
