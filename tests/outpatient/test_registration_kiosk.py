"""What a patient does alone at a machine: register, collect, print. Nothing else, and nobody else than a machine."""

from uuid import UUID, uuid4

from functions.outpatient.schedule import service as schedule
from shared.ids import new_id
from tests.outpatient.registering import REGISTRATION, VISITS, refused, visit_row
from tests.support import tokens
from tests.support.clinic import Desk, ok, put_on_sale, register_person, register_visit, resident_id
from tests.support.hospital import Caller, Hospital

SELF = f"{REGISTRATION}/self/visits"


def machine(hospital: Hospital, campus: str = "hq") -> Caller:
    token = tokens.sign({"sub": f"kiosk-{campus}", "device": "kiosk", "campus": campus})
    return Caller(hospital.client, token, campus, f"kiosk-{campus}", new_id())


def test_a_patient_registers_and_prints_alone(hospital: Hospital, desks: dict[str, Desk]) -> None:
    kiosk, desk = machine(hospital), desks["hq"]
    session = put_on_sale(hospital, desk, numbers=2, quotas={"kiosk": 1, "window": 1})
    person = register_person(desk.registrar, resident_id(1))
    visit = ok(kiosk.post(SELF, {"patient_id": person, "session_id": session["session_id"], "payer_kind": "resident"}))
    assert (visit["status"], visit["payer_kind"], visit["insutype"]) == ("registered", "resident", "390")
    assert visit_row(hospital, visit)["channel"] == "kiosk"
    path = f"{SELF}/{visit['encounter_id']}"
    refused_slip = kiosk.get(f"{path}/slip.pdf")
    assert (refused_slip.status_code, refused_slip.json()["code"]) == (409, "slip_not_recorded")
    assert ok(kiosk.post(f"{path}/slips"))["copy_number"] == 1
    assert kiosk.get(f"{path}/slip.pdf").content.startswith(b"%PDF")
    mine = ok(kiosk.get(f"{REGISTRATION}/self/patients/{person}/visits"))
    assert [one["encounter_id"] for one in mine] == [visit["encounter_id"]]
    other = register_person(desk.registrar, resident_id(2))
    refused(hospital, kiosk, SELF, {"patient_id": other, "session_id": session["session_id"]}, 409, "session_full")


def test_a_patient_collects_a_booked_number_alone(hospital: Hospital, desks: dict[str, Desk]) -> None:
    kiosk, desk = machine(hospital), desks["hq"]
    session = put_on_sale(hospital, desk, numbers=1, desk_no=2)
    person, booking = register_person(desk.registrar, resident_id(3)), uuid4()
    with hospital.tx("hq") as tx:
        slot = schedule.take_slot(tx, UUID(session["session_id"]), "window", booking, owner_kind="booking")
    body = {"patient_id": person, "slot_id": str(slot.slot_id), "booking_id": str(booking)}
    assert ok(kiosk.post(f"{SELF}/collect", body))["status"] == "registered"
    refused(hospital, kiosk, f"{SELF}/collect", body, 409, "number_collected")


def test_everything_else_is_for_the_window(hospital: Hospital, desks: dict[str, Desk]) -> None:
    kiosk, desk = machine(hospital), desks["hq"]
    session = put_on_sale(hospital, desk, numbers=2, desk_no=3)
    person = register_person(desk.registrar, resident_id(4))
    visit = register_visit(desk.registrar, person, session)
    body = {"patient_id": person, "session_id": session["session_id"]}
    before = hospital.census()
    for path, sent in (
        (VISITS, body),
        (f"{VISITS}/{visit['encounter_id']}/cancel", {"version": 1}),
        (f"{VISITS}/{visit['encounter_id']}/payer", {"version": 1}),
        (f"{REGISTRATION}/emergencies", {"clinic_id": str(uuid4()), "triage_level": 1, "patient_id": person}),
    ):
        answer = kiosk.post(path, sent)
        assert (answer.status_code, answer.json()["code"]) == (403, "permission_denied")
    for wrong in ({"payer_kind": "contract"}, {"age_consent_by": str(uuid4())}):
        assert kiosk.post(SELF, {**body, **wrong}).status_code == 422
    assert hospital.census() == before


def test_only_a_machine_uses_what_is_made_for_it(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(5))
    session = put_on_sale(hospital, desk, numbers=1, desk_no=4)
    body = {"patient_id": person, "session_id": session["session_id"]}
    patient = Caller(
        hospital.client,
        tokens.sign({"sub": "patient-1", "name": "患者", "patient_ids": [person]}),
        "hq",
        "patient",
        new_id(),
    )
    answer = patient.post(SELF, body)
    assert (answer.status_code, answer.json()["code"]) == (403, "only_at_machine")
    assert desk.registrar.post(SELF, body).json()["code"] == "permission_denied"
    there = machine(hospital, "mch")
    assert there.post(SELF, body).status_code == 404
    assert there.at("hq").post(SELF, body).status_code == 403
