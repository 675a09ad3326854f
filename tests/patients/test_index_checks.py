"""Identity checks with the police: asked outside transactions, waiting while nobody answers, in nobody's way."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from functions.patients.index import client
from infra.simulators.police import PoliceSimulator
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.support.hospital import Hospital

KEY = "shared-by-both"


@pytest.fixture
def police(monkeypatch: pytest.MonkeyPatch) -> Iterator[PoliceSimulator]:
    with PoliceSimulator("hospital", KEY) as simulator:
        monkeypatch.setenv("HIS_IDENTITY_CHECK_URL", simulator.url)
        monkeypatch.setenv("HIS_IDENTITY_CHECK_APP_ID", "hospital")
        monkeypatch.setenv("HIS_IDENTITY_CHECK_KEY", KEY)
        yield simulator


def path(person: dict[str, Any], *rest: str) -> str:
    return "/".join((BASE, "patients", person["patient_id"], *rest))


def carded(desks: Desks, name: str, number: str) -> dict[str, Any]:
    return desks.register(name, number, read_by="chip", sex="1", birth_date="1990-03-07")


def level(desks: Desks, person: dict[str, Any]) -> str:
    return str(desks.registrar.get(path(person)).json()["identity_level"])


def listed(desks: Desks, status: str) -> list[str]:
    items = desks.registrar.get(f"{BASE}/police-checks", status=status, limit=200).json()["items"]
    return [one["patient_id"] for one in items]


def checked(desks: Desks, person: dict[str, Any]) -> dict[str, Any]:
    answer = desks.registrar.post(path(person, "police-check"))
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def test_a_match_raises_the_level_and_anything_else_does_not(
    desks: Desks, hospital: Hospital, police: PoliceSimulator
) -> None:
    numbers = [resident_id() for _ in range(3)]
    known, other, stranger = (
        carded(desks, name, number) for name, number in zip(("蓝正明", "蓝正光", "蓝正大"), numbers, strict=True)
    )
    police.knows(numbers[0], "蓝正明")
    police.knows(numbers[1], "蓝振光")
    answers = [checked(desks, person) for person in (known, other, stranger)]
    assert [one["status"] for one in answers] == ["matched", "mismatched", "unknown"]
    assert all(one["serial"] and one["answered_at"] for one in answers)
    assert [level(desks, one) for one in (known, other, stranger)] == ["police_verified", "chip_read", "chip_read"]
    verified = hospital.events("identity_verified")[-1]["data"]
    assert (verified["patient_id"], verified["level"]) == (known["patient_id"], "police_verified")
    assert listed(desks, "mismatched") == [other["patient_id"]]
    refused(desks.registrar.post(path(known, "police-check")), 409, "identity_check_needless")
    again = checked(desks, other)
    assert again["check_id"] != answers[1]["check_id"], "a mismatch may be asked about again"


def test_while_nobody_answers_the_question_waits_and_the_patient_is_usable(
    desks: Desks, hospital: Hospital, police: PoliceSimulator
) -> None:
    number = resident_id()
    person = carded(desks, "银河东", number)
    police.knows(number, "银河东")
    for mode in ("silent", "busy", "forged"):
        police.mode = mode
        if mode == "silent":
            assert checked(desks, person)["status"] == "waiting"
        else:
            hospital.clock.move(hours=2)
            hospital.minute("patients/index")
        assert level(desks, person) == "chip_read"
        assert person["patient_id"] in listed(desks, "waiting")
    refused(desks.registrar.post(path(person, "police-check")), 409, "identity_check_waiting")
    police.mode = "answers"
    asked = len(police.asked)
    hospital.minute("patients/index")
    assert len(police.asked) == asked, "not before its pause is over"
    hospital.clock.move(hours=2)
    hospital.minute("patients/index", campus="mch")
    assert len(police.asked) == asked, "the campus that asked goes on asking"
    hospital.minute("patients/index")
    hospital.minute("patients/index")
    assert len(police.asked) == asked + 1
    assert len({one["request_id"] for one in police.asked}) == 1, "one question, however often it was asked"
    assert level(desks, person) == "police_verified"
    assert listed(desks, "waiting") == []
    assert desks.mch_registrar.get(f"{BASE}/police-checks", status="matched").json()["items"] == []


def test_a_typed_number_is_checked_by_itself_and_a_card_is_not(
    desks: Desks, hospital: Hospital, police: PoliceSimulator
) -> None:
    typed, of_card = resident_id(), resident_id()
    person = desks.register("施小军", typed, read_by="stated")
    carded(desks, "施大军", of_card)
    police.knows(typed, "施小军")
    assert police.asked == [], "nobody waits at the counter for the police"
    hospital.minute("patients/index")
    assert [one["number"] for one in police.asked] == [typed]
    assert level(desks, person) == "police_verified"


def test_an_answer_about_a_name_of_yesterday_is_none(
    desks: Desks, hospital: Hospital, police: PoliceSimulator, monkeypatch: pytest.MonkeyPatch
) -> None:
    number = resident_id()
    person = desks.register("苏晓明", number, read_by="stated")
    police.knows(number, "苏晓明")
    ask = client.ask

    def corrected_meanwhile(question: client.Question, at: client.IdentityCheck, now: datetime) -> client.Verdict:
        verdict = ask(question, at, now)
        if question.name != "苏晓明":
            return verdict
        body = {"version": 1, "changes": {"name": "苏小明"}, "evidence": "card_read", "reason": "录错"}
        assert desks.registrar.post(path(person, "corrections"), body).status_code == 200
        return verdict

    monkeypatch.setattr(client, "ask", corrected_meanwhile)
    hospital.minute("patients/index")
    assert level(desks, person) == "unverified"
    hospital.minute("patients/index")
    assert [one["name"] for one in police.asked if one["number"] == number] == ["苏晓明", "苏小明"]
    assert person["patient_id"] in listed(desks, "mismatched")
    assert level(desks, person) == "unverified"


def test_without_a_service_nothing_is_asked(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("韩无核", read_by="stated")
    with desks.unchanged():
        refused(desks.registrar.post(path(person, "police-check")), 409, "identity_check_off")
    hospital.minute("patients/index")
    assert (
        hospital.value("SELECT count(*) FROM patients.police_checks WHERE patient_id = %s", [person["patient_id"]]) == 0
    )


def test_a_level_is_claimed_on_what_proves_it_only(desks: Desks) -> None:
    person = desks.register("等级者", read_by="stated")
    claim = path(person, "identity-level")
    with desks.unchanged():
        scanned = {"level": "chip_read", "evidence": "scanned_document"}
        refused(desks.registrar.post(claim, scanned), 422, "evidence_required")
        refused(
            desks.registrar.post(claim, {"level": "police_verified", "evidence": "card_read"}), 422, "evidence_required"
        )
        refused(desks.doctor.post(path(person, "police-check")), 403, "permission_denied")
