"""What other modules tell the index, each told twice: pregnancies, birth certificates, blood groups, revoked deaths."""

from datetime import date, timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest

from events.diagnostics import BloodGroupConfirmed
from events.envelope import Event
from events.maternal_child import (
    CertificateIssued,
    DeliveryRecorded,
    EddChanged,
    PregnancyClosed,
    PregnancyRegistered,
)
from events.reporting import DeathCertificateRevoked
from functions.patients.index import service
from functions.patients.index.main import app
from functions.patients.index.problems import IdentifierInUse
from functions.patients.index.rules import Sex
from functions.patients.index.schemas.care import RecordAlert
from shared.deliveries import handle
from tests.patients.conftest import BASE, Desks, numbers_of, resident_id
from tests.support.hospital import Hospital, delivery_of

EXPECTED, CORRECTED = date(2027, 5, 20), date(2027, 5, 28)


def told(hospital: Hospital, event: Event, campus: str = "mch") -> None:
    """Deliver an event twice; the second delivery must change nothing."""
    with hospital.tx(campus) as tx:
        tx.emit(event)
    row = hospital.events()[-1]
    assert row["type"] == event.event_type
    assert handle(app, delivery_of(row), hospital.runtime) == "handled"
    before = hospital.census()
    assert handle(app, delivery_of(row), hospital.runtime) == "repeated"
    assert hospital.census() == before
    hospital.execute("UPDATE kernel.outbox SET closed_at = now() WHERE event_id = %s", [row["event_id"]])


def banner(desks: Desks, person: dict[str, Any]) -> dict[str, Any]:
    return dict(desks.doctor.get(f"{BASE}/patients/{person['patient_id']}/banner").json())


def pregnancies(desks: Desks, person: dict[str, Any]) -> list[str]:
    return [alert["expected_date"] for alert in banner(desks, person)["alerts"] if alert["kind"] == "pregnancy"]


@pytest.fixture
def woman(desks: Desks) -> dict[str, Any]:
    return desks.register("覃美玲", resident_id("19950505", "2"))


# -- pregnancy


def test_a_pregnancy_file_warns_from_registration_to_delivery(
    desks: Desks, hospital: Hospital, woman: dict[str, Any]
) -> None:
    who, file = UUID(woman["patient_id"]), uuid4()
    with hospital.tx("hq") as tx:
        service.record_alert(tx, who, RecordAlert(kind="pregnancy", expected_date=date(2027, 6, 1)))
    told(hospital, PregnancyRegistered(pregnancy_id=file, patient_id=who, expected_date=EXPECTED))
    assert pregnancies(desks, woman) == [str(EXPECTED)]
    told(hospital, EddChanged(pregnancy_id=file, patient_id=who, expected_date=CORRECTED))
    assert pregnancies(desks, woman) == [str(CORRECTED)]
    for _ in ("大", "二"):
        born = DeliveryRecorded(
            pregnancy_id=file, patient_id=who, delivery_id=uuid4(), delivered_at=hospital.clock() - timedelta(hours=1)
        )
        told(hospital, born)
    told(hospital, PregnancyClosed(pregnancy_id=file, patient_id=who, reason="delivered"))
    assert pregnancies(desks, woman) == []
    reasons = hospital.rows(
        "SELECT end_reason, recorded_campus_id FROM patients.alerts WHERE patient_id = %s ORDER BY alert_id", [who]
    )
    assert [tuple(row.values()) for row in reasons] == [
        ("pregnancy_registered", "hq"),
        ("edd_changed", "mch"),
        ("delivery_recorded", "mch"),
    ]
    changes = [event["data"]["active"] for event in hospital.events("alert_changed") if event["subject"] == str(who)]
    assert changes == [True, False, True, False, True, False]


def test_a_late_word_of_an_earlier_pregnancy_leaves_the_present_one(
    desks: Desks, hospital: Hospital, woman: dict[str, Any]
) -> None:
    who, earlier, present = UUID(woman["patient_id"]), uuid4(), uuid4()
    told(hospital, PregnancyRegistered(pregnancy_id=earlier, patient_id=who, expected_date=date(2026, 1, 1)))
    told(hospital, PregnancyRegistered(pregnancy_id=present, patient_id=who, expected_date=EXPECTED))
    told(hospital, EddChanged(pregnancy_id=earlier, patient_id=who, expected_date=date(2026, 1, 9)))
    told(hospital, PregnancyClosed(pregnancy_id=earlier, patient_id=who, reason="delivered"))
    assert pregnancies(desks, woman) == [str(EXPECTED)]


def test_the_warning_stands_at_the_survivor(desks: Desks, hospital: Hospital, woman: dict[str, Any]) -> None:
    retired = desks.register("覃美玲", phone="13900000001", type="passport", number="G12345678", sex="2",
                             birth_date="1995-05-05")  # fmt: skip
    assert desks.merge(woman, retired).status_code == 201
    file = uuid4()
    told(
        hospital,
        PregnancyRegistered(pregnancy_id=file, patient_id=UUID(retired["patient_id"]), expected_date=EXPECTED),
    )
    assert pregnancies(desks, woman) == [str(EXPECTED)]
    told(hospital, PregnancyClosed(pregnancy_id=file, patient_id=UUID(woman["patient_id"]), reason="miscarriage"))
    assert pregnancies(desks, woman) == []


# -- birth certificates


@pytest.mark.case("P-patient-index", 5)
def test_certificates_name_the_twins(desks: Desks, hospital: Hospital) -> None:
    mother = desks.register("卢金花", resident_id("19960606", "2"))
    with hospital.tx("mch") as tx:
        night = tx.now.replace(hour=0, minute=0, second=0, microsecond=0) - timedelta(days=1)
        twins = [
            service.create_newborn(
                tx,
                service.CreateNewborn(
                    mother_id=UUID(mother["patient_id"]),
                    sex=Sex.FEMALE,
                    birth_datetime=night + timedelta(hours=3, minutes=minute),
                    birth_order=order,
                    births=2,
                ),
            )
            for order, minute in ((1, 10), (2, 14))
        ]
    assert [twin.name for twin in twins] == ["卢金花之大", "卢金花之二"]
    for order, (twin, name) in enumerate(zip(twins, ("卢晨曦", "卢晨光"), strict=True)):
        told(hospital, certificate(twin.patient_id, mother, f"Y45000{order:04d}", name))
        path = f"{BASE}/patients/{twin.patient_id}"
        child = desks.registrar.get(path).json()
        assert child["name"] == name
        assert [one["type"] for one in child["identifiers"]] == ["birth_certificate"]
        history = desks.registrar.get(f"{path}/history").json()["items"]
        assert [(one["field"], one["old_value"], one["new_value"]) for one in history] == [("name", twin.name, name)]
        assert desks.doctor.get(f"{path}/banner").json()["earlier_names"] == [twin.name]
        assert [one["patient_id"] for one in desks.find(text=f"Y45000{order:04d}")] == [str(twin.patient_id)]
    pairs = "SELECT count(*) FROM patients.match_candidates WHERE first_id = ANY(%(ids)s) OR second_id = ANY(%(ids)s)"
    assert hospital.value(pairs, {"ids": [twin.patient_id for twin in twins]}) == 0


def certificate(child: UUID, mother: dict[str, Any], number: str, name: str) -> CertificateIssued:
    return CertificateIssued(
        certificate_id=uuid4(),
        certificate_no=number,
        newborn_id=child,
        mother_id=UUID(mother["patient_id"]),
        registered_name=name,
        issued_at="2026-11-20T02:00:00+00:00",
    )


def test_the_newest_certificate_counts_and_no_two_children_share_one(desks: Desks, hospital: Hospital) -> None:
    mother = desks.register("蒙玉兰", resident_id("19970707", "2"))
    with hospital.tx("mch") as tx:
        children = [
            service.create_newborn(
                tx,
                service.CreateNewborn(
                    mother_id=UUID(mother["patient_id"]), sex=Sex.MALE, birth_datetime=tx.now - timedelta(days=days)
                ),
            )
            for days in (400, 1)
        ]
    first, second = (child.patient_id for child in children)
    told(hospital, certificate(first, mother, "Z450000001", "蒙小山"))
    told(hospital, certificate(first, mother, "Z450000002", "蒙小山"))
    numbers = [(one["number"], one["status"]) for one in numbers_of(hospital, first)]
    assert numbers == [("Z450000001", "replaced"), ("Z450000002", "active")]
    with hospital.tx("mch") as tx:
        tx.emit(certificate(second, mother, "Z450000002", "蒙小海"))
    row = hospital.events()[-1]
    with pytest.raises(IdentifierInUse):
        handle(app, delivery_of(row), hospital.runtime)
    hospital.execute("UPDATE kernel.outbox SET closed_at = now() WHERE event_id = %s", [row["event_id"]])
    assert hospital.value("SELECT name FROM patients.patients WHERE patient_id = %s", [second]) == "蒙玉兰之子"


# -- blood group


def test_a_confirmed_blood_group_shows_at_every_campus(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("输血者")
    who = UUID(person["patient_id"])
    told(hospital, BloodGroupConfirmed(patient_id=who, abo="B", rh="negative", report_id=uuid4()), "hq")
    seen = banner(desks, person)
    assert (seen["abo"], seen["rh"], seen["blood_group_status"]) == ("B", "negative", "confirmed")
    version = desks.version(person["patient_id"])
    told(hospital, BloodGroupConfirmed(patient_id=who, abo="B", rh="negative", report_id=uuid4()), "mch")
    assert desks.version(person["patient_id"]) == version, "the same group again is no change"
    fields = [event["data"]["fields"] for event in hospital.events("patient_updated") if event["subject"] == str(who)]
    assert fields == [["abo", "blood_group_status", "rh"]]


# -- death certificates


def dead(desks: Desks, hospital: Hospital, name: str, number: str) -> dict[str, Any]:
    person = desks.register(name)
    body = {"died_at": hospital.clock().isoformat(), "certificate_no": number}
    assert desks.steward.post(f"{BASE}/patients/{person['patient_id']}/death", body).status_code == 200
    return person


def revoked(person: dict[str, Any], number: str, *, alive: bool) -> DeathCertificateRevoked:
    return DeathCertificateRevoked(
        certificate_id=uuid4(),
        certificate_no=number,
        patient_id=UUID(person["patient_id"]),
        alive=alive,
        reason="开具对象有误",
    )


def standing(hospital: Hospital, person: dict[str, Any]) -> tuple[Any, ...]:
    (row,) = hospital.rows(
        "SELECT status, death_certificate_no, deceased_at IS NULL FROM patients.patients WHERE patient_id = %s",
        [person["patient_id"]],
    )
    return tuple(row.values())


def test_a_death_recorded_by_mistake_is_taken_back(desks: Desks, hospital: Hospital) -> None:
    person = dead(desks, hospital, "误登者", "D2026101")
    told(hospital, revoked(person, "D2026999", alive=True), "hq")
    assert standing(hospital, person) == ("deceased", "D2026101", False), "another certificate says nothing here"
    told(hospital, revoked(person, "D2026101", alive=True), "hq")
    assert standing(hospital, person) == ("active", None, True)
    ends = [event["data"]["reversed"] for event in hospital.events("patient_deceased")]
    assert ends[-2:] == [False, True]
    told(hospital, revoked(person, "D2026101", alive=True), "hq")
    assert standing(hospital, person) == ("active", None, True)


def test_a_wrong_paper_takes_back_its_number_only(desks: Desks, hospital: Hospital) -> None:
    person = dead(desks, hospital, "换证者", "D2026102")
    told(hospital, revoked(person, "D2026102", alive=False), "hq")
    assert standing(hospital, person) == ("deceased", None, False)
