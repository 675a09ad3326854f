"""Keys of sealed numbers: turned over while people work; a wrong or missing one is told and loses nothing."""

import base64
import threading
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from functions.patients.index.schemas.people import RegisterPatient
from functions.patients.index.service import numbers, sealing
from functions.patients.index.service.register import register_patient
from integrity.runner import run
from shared.column_cipher import Cipher, cipher, key_of
from tests.patients.conftest import BASE, Desks, numbers_of, refused, resident_id
from tests.patients.test_index_legacy import migrated, row
from tests.patients.test_index_sealing import ids
from tests.support.hospital import Caller, Hospital

FIRST, SECOND, OTHER = (
    f"{name}:{base64.b64encode(bytes([fill] * 32)).decode()}" for name, fill in (("a", 1), ("b", 2), ("a", 3))
)
PATIENTS = f"{BASE}/patients"
LATE = "patients.column_keys"

Keys = Callable[[str], None]


@pytest.fixture
def keys(monkeypatch: pytest.MonkeyPatch, hospital: Hospital) -> Iterator[Keys]:
    """Give this process other keys; at the end everything is sealed with the usual one again."""
    usual = cipher()

    def give(text: str) -> None:
        monkeypatch.setenv("HIS_COLUMN_KEYS", text)
        numbers.KEYS.forget()

    written = "test:" + base64.b64encode(bytes(range(32))).decode()
    assert Cipher.read(written).proofs() == usual.proofs()
    give(f"{FIRST},{SECOND},{written}")
    hospital.minute("patients/index")
    yield give
    give(f"{written},{FIRST},{SECOND}")
    hospital.minute("patients/index")
    monkeypatch.undo()
    numbers.KEYS.forget()


def keys_in_use(hospital: Hospital) -> set[str]:
    found = hospital.rows(
        "SELECT key_id FROM patients.identifiers WHERE sealed IS NOT NULL"
        " UNION SELECT key_id FROM patients.relations WHERE document_no IS NOT NULL"
        " UNION SELECT key_id FROM patients.corrections WHERE document_no IS NOT NULL"
        " UNION SELECT key_id FROM patients.legacy_rows WHERE document_no IS NOT NULL"
    )
    return {str(one["key_id"]) for one in found}


def test_keys_are_turned_over_while_people_work(
    desks: Desks, hospital: Hospital, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys(f"{FIRST},{SECOND}")
    mother, asked, old = resident_id("19600607", "2"), resident_id("19710101"), resident_id("19710303")
    people = [(desks.register(f"轮换{place}", number), number) for place in "甲乙丙丁戊" for number in [resident_id()]]
    said = {"name": "轮换母", "relation": "mother", "document_type": "resident_id", "document_no": mother}
    desks.register("轮小换", resident_id("20200102"), guardian=said | {"phone": "13877205558"})
    person = desks.register("轮更正", resident_id("19710101"))
    desks.treat(person["patient_id"])
    change = {"document": {"type": "resident_id", "number": asked}}
    body = {"version": 1, "changes": change, "evidence": "card_read", "reason": "证件换发"}
    correction = desks.registrar.post(f"{PATIENTS}/{person['patient_id']}/corrections", body).json()["correction_id"]
    migrated(hospital, desks.steward, [row("R1", "轮老换", document_no=old)])
    hospital.minute("patients/index")
    assert keys_in_use(hospital) == {"a"}

    keys(f"{SECOND},{FIRST}")
    monkeypatch.setattr(sealing, "BATCH", 2)
    monkeypatch.setattr(sealing, "BATCHES_A_MINUTE", 200)
    failures: list[Any] = []
    busy = threading.Event()

    def window(caller: Caller, newcomers: list[str]) -> None:
        busy.set()
        try:
            for number in newcomers:
                for one, known in people:
                    again = caller.post(PATIENTS, desks.card(one["name"], known)).json()
                    assert again["patient_id"] == one["patient_id"], again
                answer = caller.post(PATIENTS, desks.card("同时来", number))
                assert answer.status_code == 200, answer.text
        except BaseException as failure:
            failures.append(failure)

    newcomers = [resident_id("19720101") for _ in range(4)]
    windows = [threading.Thread(target=window, args=(one, newcomers)) for one in (desks.registrar, desks.colleague)]
    for one in windows:
        one.start()
    busy.wait(10)
    hospital.minute("patients/index")
    for one in windows:
        one.join()
    hospital.minute("patients/index")
    assert (failures, keys_in_use(hospital)) == ([], {"b"})

    keys(SECOND)
    for one, number in people:
        assert ids(desks.find(text=number)) == ids(desks.find(text=number[-8:])) == [one["patient_id"]]
        assert [held["number"] for held in numbers_of(hospital, one["patient_id"])] == [number]
    assert all(len(desks.find(text=number)) == 1 for number in newcomers), "registered once"
    assert desks.colleague.post(f"{BASE}/corrections/{correction}/confirm").status_code == 200
    assert ids(desks.find(text=asked)) == [person["patient_id"]]
    guardian = desks.register("轮换母", mother)
    assert guardian["patient_id"]
    again, loaded = migrated(hospital, desks.steward, [row("R1", "轮老换", document_no=old)])
    assert (again["linked"], loaded["linked"], loaded["new"]) == (1, 1, 0)


def test_two_windows_that_write_with_different_keys_make_one_person(
    desks: Desks, hospital: Hospital, keys: Keys, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the minutes of a release some processes write with the new key and some with the old one."""
    keys(f"{FIRST},{SECOND}")
    old, new = Cipher.read(f"{FIRST},{SECOND}"), Cipher.read(f"{SECOND},{FIRST}")
    mine = threading.local()
    monkeypatch.setattr(numbers, "cipher", lambda: getattr(mine, "cipher", old))
    results: dict[str, set[str]] = {}
    wanted = [resident_id("19730101") for _ in range(6)]
    meet = threading.Barrier(2)

    def window(seals: Cipher) -> None:
        for number in wanted:
            with hospital.tx() as tx:
                mine.cipher = seals
                meet.wait(20)
                view = register_patient(tx, RegisterPatient.model_validate(desks.card("新旧并", number)))
            results.setdefault(number, set()).add(str(view.patient_id))

    both = [threading.Thread(target=window, args=(seals,)) for seals in (old, new)]
    for one in both:
        one.start()
    for one in both:
        one.join()
    assert {number: len(found) for number, found in results.items()} == dict.fromkeys(wanted, 1)


@pytest.mark.parametrize("wrong", [OTHER, SECOND, ""], ids=["another under its name", "an unknown one", "none"])
def test_a_wrong_key_is_told_and_loses_nothing(desks: Desks, hospital: Hospital, keys: Keys, wrong: str) -> None:
    keys(FIRST + "," + SECOND)
    hospital.minute("patients/index")
    number = resident_id("19740101")
    person = desks.register("错钥匙", number, phone="13877209999")
    hospital.minute("patients/index")
    keys(FIRST)
    hospital.minute("patients/index")
    keys(wrong)
    path = f"{PATIENTS}/{person['patient_id']}"
    with desks.unchanged():
        told = refused(desks.registrar.post(PATIENTS, desks.card("错钥匙", number)), 503, "column_keys_missing")
        assert "HIS_COLUMN_KEYS" in told["detail"]
        assert number not in str(told)
        refused(desks.registrar.post(f"{PATIENTS}/find", {"text": number}), 503, "column_keys_missing")
        passport = {"type": "passport", "value": "PX7700001"}
        refused(desks.registrar.post(f"{path}/identifiers", passport), 503, "column_keys_missing")
        hospital.minute("patients/index")
    by_phone = desks.find(text="13877209999")
    assert person["patient_id"] in ids(by_phone), "who has a telephone is found"
    assert {one["document"] for one in by_phone} == {numbers.UNREADABLE}
    assert [one["value"] for one in desks.registrar.get(path).json()["identifiers"]] == [numbers.UNREADABLE]
    card = desks.registrar.post(f"{path}/identifiers", {"type": "visit_card", "value": f"W{number[-6:]}"})
    assert card.status_code == 201, "a card needs no key"
    keys(FIRST)
    assert ids(desks.find(text=number)) == [person["patient_id"]]
    assert numbers_of(hospital, person["patient_id"])[0]["number"] == number


def test_the_check_tells_what_an_old_key_still_holds(desks: Desks, hospital: Hospital, keys: Keys) -> None:
    keys(f"{FIRST},{SECOND}")
    person = desks.register("旧钥匙", resident_id("19750101"))["patient_id"]
    (before,) = numbers_of(hospital, person)
    hospital.execute("UPDATE patients.number_keys SET first_used_at = now() - interval '9 days' WHERE key_id <> 'b'")
    keys(f"{SECOND},{FIRST}")
    desks.register("新钥匙", resident_id("19750102"))
    hospital.execute("UPDATE patients.number_keys SET first_used_at = now() - interval '2 days' WHERE key_id = 'b'")
    late = run(hospital.settings.auditor_database_url, frozenset({LATE}))
    assert [(one.name, one.holds) for one in late] == [(LATE, False)]
    hospital.minute("patients/index")
    (after,) = numbers_of(hospital, person)
    assert (key_of(str(after["sealed"])), after["number"]) == ("b", before["number"])
    assert all(one.holds for one in run(hospital.settings.auditor_database_url, frozenset({LATE})))
