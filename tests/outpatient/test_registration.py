"""Registration, the model module: its happy journey, each refusal, the other campus, repeats, races, redelivery."""

from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal

import httpx
import pytest

from shared.ids import new_id
from shared.problems import Problem
from tests.outpatient.registering import REGISTRATION, VISITS, at_once, refused, register_by_phone
from tests.support import tokens
from tests.support.clinic import (
    FEE,
    Desk,
    ok,
    open_shift,
    pay_cash,
    put_on_sale,
    register_person,
    register_visit,
    resident_id,
)
from tests.support.hospital import Caller, Hospital
from tests.support.server import listening


@pytest.fixture
def session(hospital: Hospital, desks: dict[str, Desk]) -> Iterator[dict]:
    made = put_on_sale(hospital, desks["hq"])
    yield made
    hospital.execute("UPDATE outpatient.sessions SET status = 'closed' WHERE session_id = %s", [made["session_id"]])


@pytest.fixture(scope="module")
def patient(desks: dict[str, Desk]) -> str:
    return register_person(desks["hq"].registrar, resident_id(1))


@pytest.fixture(scope="module")
def shift(hospital: Hospital, desks: dict[str, Desk]) -> dict:
    return open_shift(desks["hq"])


# -- the journey


def test_register_pay_print_and_refund(
    hospital: Hospital, desks: dict[str, Desk], session: dict, patient: str, shift: dict
) -> None:
    registrar = desks["hq"].registrar
    visit = register_visit(registrar, patient, session)
    assert visit["status"] == "registered"
    assert Decimal(visit["fee"]) == FEE["hq"]
    assert visit["visit_no"].startswith("H")
    assert visit["first_visit"] is True
    assert [event["data"]["encounter_id"] for event in hospital.events("visit_registered")][-1] == visit["encounter_id"]

    paid = pay_cash(registrar, visit)
    assert Decimal(paid["total"]) == FEE["hq"]

    slip = ok(registrar.post(f"{VISITS}/{visit['encounter_id']}/slips"))
    again = ok(registrar.post(f"{VISITS}/{visit['encounter_id']}/slips"))
    assert (slip["copy_number"], again["copy_number"]) == (1, 2)
    pdf = registrar.get(f"{VISITS}/{visit['encounter_id']}/slip.pdf")
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.content.startswith(b"%PDF")

    cancelled = ok(registrar.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": again["version"]}))
    assert cancelled["status"] == "cancelled"
    assert cancelled["slot_returned"] is True
    assert Decimal(cancelled["refunded"]) == FEE["hq"]
    assert (
        hospital.value(
            "SELECT status FROM outpatient.slots WHERE session_id = %s AND number = 1", [session["session_id"]]
        )
        == "free"
    )
    second = register_visit(registrar, patient, session)
    assert second["slot_number"] == 1
    assert second["first_visit"] is True, "a cancelled visit is no earlier visit"
    ok(registrar.post(f"{VISITS}/{second['encounter_id']}/cancel", {"version": second["version"]}))


def test_unpaid_fees_are_voided(hospital: Hospital, desks: dict[str, Desk], session: dict, patient: str) -> None:
    registrar = desks["hq"].registrar
    visit = register_visit(registrar, patient, session)
    cancelled = ok(registrar.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": visit["version"]}))
    assert Decimal(cancelled["refunded"]) == 0
    assert (
        hospital.value("SELECT status FROM payments.charges WHERE charge_id = %s", [visit["charges"][0]["charge_id"]])
        == "voided"
    )


def test_the_price_of_each_campus_is_its_own(hospital: Hospital, desks: dict[str, Desk]) -> None:
    made = put_on_sale(hospital, desks["mch"])
    registrar = desks["mch"].registrar
    person = register_person(registrar, resident_id(2))
    visit = register_visit(registrar, person, made)
    assert Decimal(visit["fee"]) == FEE["mch"]
    assert visit["visit_no"].startswith("M")


def test_the_list_of_the_day(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    registrar = desks["hq"].registrar
    made = [register_visit(registrar, register_person(registrar, resident_id(30 + n)), session) for n in range(3)]
    first = ok(registrar.get(VISITS, limit=2))
    second = ok(registrar.get(VISITS, limit=2, cursor=first["next"]))
    seen = [item["encounter_id"] for item in [*first["items"], *second["items"]]]
    assert seen[:3] == [visit["encounter_id"] for visit in reversed(made)]
    assert ok(registrar.get(VISITS, status="cancelled", limit=1))["items"][0]["status"] == "cancelled"
    assert ok(registrar.get(f"{VISITS}/{made[0]['encounter_id']}"))["visit_no"] == made[0]["visit_no"]


# -- refusals: each writes nothing


def test_the_same_patient_twice_in_a_session(
    hospital: Hospital, desks: dict[str, Desk], session: dict, patient: str
) -> None:
    registrar = desks["hq"].registrar
    visit = register_visit(registrar, patient, session)
    body = {"patient_id": patient, "session_id": session["session_id"]}
    refused(hospital, registrar, VISITS, body, 409, "already_registered")
    ok(registrar.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": visit["version"]}))


def test_a_clinic_for_women_and_grown_ups(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    clerk = hospital.caller("schedule_clerk")
    clinic = ok(
        clerk.post(
            "/api/outpatient/schedule/clinics",
            {
                **{name: desk.clinic[name] for name in ("name", "unit_id", "grade", "fee_item_code")},
                "code": "gynaecology-general",
                "standard_code": "gynaecology-general",
                "sex_limit": "2",
                "age_from": 14,
            },
        )
    )
    made = put_on_sale(hospital, Desk(**{**desk.__dict__, "clinic": clinic}), desk_no=5)
    man = register_person(desk.registrar, resident_id(3, sex=1), name="覃志强")
    girl = register_person(
        desk.registrar,
        resident_id(3, born="20200101"),
        name="覃小妹",
        guardian={"name": "韦春兰", "relation": "mother", "phone": "13800001111"},
    )
    for person, code in ((man, "clinic_sex_limit"), (girl, "clinic_age_limit")):
        body = {"patient_id": person, "session_id": made["session_id"]}
        refused(hospital, desk.registrar, VISITS, body, 422, code)


def test_a_full_session_names_the_alternatives(hospital: Hospital, desks: dict[str, Desk], patient: str) -> None:
    full = put_on_sale(hospital, desks["hq"], numbers=1, desk_no=11)
    other = put_on_sale(hospital, desks["mch"], numbers=2, desk_no=12)
    registrar = desks["hq"].registrar
    register_visit(registrar, register_person(registrar, resident_id(4)), full)
    body = {"patient_id": patient, "session_id": full["session_id"]}
    problem = refused(hospital, registrar, VISITS, body, 409, "session_full")
    assert other["session_id"] in {item["session_id"] for item in problem["alternatives"]}


def test_unknown_people_and_sessions(hospital: Hospital, desks: dict[str, Desk], session: dict, patient: str) -> None:
    registrar = desks["hq"].registrar
    nobody = "00000000-0000-7000-8000-000000000000"
    for body in (
        {"patient_id": nobody, "session_id": session["session_id"]},
        {"patient_id": patient, "session_id": nobody},
    ):
        answer = registrar.post(VISITS, body)
        assert answer.status_code == 404, answer.text


def test_a_stale_cancellation(hospital: Hospital, desks: dict[str, Desk], session: dict, patient: str) -> None:
    registrar = desks["hq"].registrar
    visit = register_visit(registrar, patient, session)
    path = f"{VISITS}/{visit['encounter_id']}/cancel"
    problem = refused(hospital, registrar, path, {"version": 7}, 409, "version_conflict")
    assert problem["current_version"] == 1
    ok(registrar.post(path, {"version": 1}))
    refused(hospital, registrar, path, {"version": 2}, 409, "visit_not_cancellable")


def test_without_a_shift_no_cash_is_taken(
    hospital: Hospital, desks: dict[str, Desk], session: dict, patient: str
) -> None:
    other = hospital.caller("registrar")
    visit = register_visit(other, patient, session)
    body = {
        "charge_ids": [visit["charges"][0]["charge_id"]],
        "expected_total": visit["fee"],
        "tenders": [{"method": "cash", "amount": visit["fee"], "received": visit["fee"]}],
    }
    before = hospital.census()
    answer = other.post("/api/payments/billing/settlements", body)
    assert answer.status_code == 409, answer.text
    assert hospital.census() == before
    ok(other.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": 1}))


# -- the other campus


def test_the_other_campus_sees_and_changes_nothing(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    registrar = desks["hq"].registrar
    person = register_person(registrar, resident_id(6))
    visit = register_visit(registrar, person, session)
    stranger = hospital.caller("registrar", campus="mch")
    before = hospital.census()
    assert stranger.get(f"{VISITS}/{visit['encounter_id']}").status_code == 404
    assert stranger.post(f"{VISITS}/{visit['encounter_id']}/cancel", {"version": 1}).status_code == 404
    assert stranger.post(f"{VISITS}/{visit['encounter_id']}/slips").status_code == 404
    assert ok(stranger.get(VISITS))["items"] == [] or visit["encounter_id"] not in stranger.get(VISITS).text
    assert ok(stranger.get(VISITS, patient_id=person))["items"] == []
    assert hospital.census() == before


@pytest.mark.case("P-patient-index", 7)
def test_treating_a_patient_opens_the_record_for_a_time(
    hospital: Hospital, desks: dict[str, Desk], session: dict
) -> None:
    """mch reads hq's visit after registering the patient, never writes it, and stops reading when the grant ends."""
    registrar = desks["hq"].registrar
    person = register_person(registrar, resident_id(7))
    visit = register_visit(registrar, person, session)
    doctor = hospital.caller("registrar", campus="mch")
    path = f"{VISITS}/{visit['encounter_id']}"
    assert doctor.get(path).status_code == 404
    register_visit(doctor, person, put_on_sale(hospital, desks["mch"], desk_no=13))
    assert ok(doctor.get(path))["visit_no"] == visit["visit_no"]
    assert doctor.post(f"{path}/cancel", {"version": 1}).status_code == 404
    hospital.execute(
        "UPDATE kernel.access_grants SET valid_to = now() - interval '1 second' WHERE reader_campus_id = 'mch'"
    )
    assert doctor.get(path).status_code == 404


# -- repeats and races


def test_a_double_click_is_one_visit(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    registrar = desks["hq"].registrar
    person = register_person(registrar, resident_id(8))
    body = {"patient_id": person, "session_id": session["session_id"]}
    first = registrar.post(VISITS, body, key="double-click-1")
    again = registrar.post(VISITS, body, key="double-click-1")
    assert first.content == again.content
    assert hospital.value("SELECT count(*) FROM outpatient.visits WHERE patient_id = %s", [person]) == 1


@pytest.mark.case("01", 1)
def test_one_number_left_and_a_hundred_want_it(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """Over windows, machines and phones at once: one visit, 99 clean refusals, no number left."""
    made = put_on_sale(hospital, desks["hq"], numbers=1, desk_no=14)
    registrar = desks["hq"].registrar
    machine = Caller(
        hospital.client, tokens.sign({"sub": "kiosk-3", "device": "kiosk", "campus": "hq"}), "hq", "kiosk-3", new_id()
    )
    people = [
        register_person(registrar, resident_id(n % 50, born=f"19{40 + n // 50}0510"), name="黄大山") for n in range(100)
    ]
    with (
        listening(hospital) as address,
        httpx.Client(base_url=address, timeout=120) as client,
        ThreadPoolExecutor(50) as pool,
    ):

        def register(number: int) -> str:
            body = {"patient_id": people[number], "session_id": made["session_id"]}
            if number % 3 == 2:
                try:
                    return register_by_phone(hospital, people[number], made["session_id"]).status
                except Problem as refusal:
                    return refusal.code
            caller, path = ((registrar, VISITS), (machine, f"{REGISTRATION}/self/visits"))[number % 3]
            answer = client.post(path, json=body, headers=caller.headers())
            return str(answer.json()["status" if answer.status_code == 201 else "code"])

        outcomes = Counter(pool.map(register, range(100)))
    assert outcomes == {"registered": 1, "session_full": 99}
    states = hospital.rows("SELECT status FROM outpatient.slots WHERE session_id = %s", [made["session_id"]])
    assert states == [{"status": "taken"}]
    assert hospital.value("SELECT count(*) FROM outpatient.visits WHERE session_id = %s", [made["session_id"]]) == 1


def test_a_hundred_patients_for_the_last_ten_numbers_of_both_campuses(
    hospital: Hospital, desks: dict[str, Desk]
) -> None:
    """The same hundred people want the last ten numbers of hq and of mch at once: ten each, nobody's number twice."""
    made = {code: put_on_sale(hospital, desk, numbers=10, desk_no=15) for code, desk in desks.items()}
    registrar = desks["hq"].registrar
    people = [
        register_person(registrar, resident_id(n % 50, born=f"19{60 + n // 50}0510"), name="黄大山") for n in range(100)
    ]
    with (
        listening(hospital) as address,
        httpx.Client(base_url=address, timeout=120) as client,
        ThreadPoolExecutor(50) as pool,
    ):

        def register(wish: tuple[str, str]) -> httpx.Response:
            code, person = wish
            body = {"patient_id": person, "session_id": made[code]["session_id"]}
            return client.post(VISITS, json=body, headers=desks[code].registrar.headers())

        wishes = [(code, person) for person in people for code in made]
        answers = list(zip(wishes, pool.map(register, wishes), strict=True))
    lost = [answer for _, answer in answers if answer.status_code != 201]
    assert {answer.json()["code"] for answer in lost} == {"session_full"}
    for code, session in made.items():
        won = [answer.json() for (at, _), answer in answers if at == code and answer.status_code == 201]
        assert sorted(visit["slot_number"] for visit in won) == list(range(1, 11))
        numbers = sorted(int(visit["visit_no"][-5:]) for visit in won)
        assert numbers == list(range(numbers[0], numbers[0] + 10)), "visit numbers have no gap"
        assert {visit["visit_no"][0] for visit in won} == {"H" if code == "hq" else "M"}
        states = hospital.rows(
            "SELECT status, count(*) AS n, count(DISTINCT owner_id) AS owners FROM outpatient.slots"
            " WHERE session_id = %s GROUP BY 1",
            [session["session_id"]],
        )
        assert states == [{"status": "taken", "n": 10, "owners": 10}]


def test_two_windows_register_the_same_patient_at_once(hospital: Hospital, desks: dict[str, Desk]) -> None:
    made = put_on_sale(hospital, desks["hq"], numbers=5, desk_no=16)
    registrar, other = desks["hq"].registrar, hospital.caller("registrar")
    person = register_person(registrar, resident_id(12))
    body = {"patient_id": person, "session_id": made["session_id"]}
    answers = at_once(hospital, [registrar, other], VISITS, body)
    assert sorted(answer.status_code for answer in answers) == [201, 409]
    assert [one.json()["code"] for one in answers if one.status_code == 409] == ["already_registered"]
    states = hospital.rows(
        "SELECT status, count(*) AS n FROM outpatient.slots WHERE session_id = %s GROUP BY 1 ORDER BY 1",
        [made["session_id"]],
    )
    assert states == [{"status": "free", "n": 4}, {"status": "taken", "n": 1}]
    assert hospital.value("SELECT count(*) FROM payments.charges WHERE patient_id = %s", [person]) == 1


def test_two_windows_cancel_at_once(hospital: Hospital, desks: dict[str, Desk], session: dict, shift: dict) -> None:
    registrar = desks["hq"].registrar
    visit = register_visit(registrar, register_person(registrar, resident_id(9)), session)
    pay_cash(registrar, visit)
    answers = at_once(hospital, [registrar, registrar], f"{VISITS}/{visit['encounter_id']}/cancel", {"version": 1})
    assert sorted(answer.status_code for answer in answers) == [200, 409]
    assert (
        hospital.value(
            "SELECT sum(l.amount) FROM payments.refund_lines l JOIN payments.charges c USING (charge_id)"
            " WHERE c.encounter_id = %s",
            [visit["encounter_id"]],
        )
        == FEE["hq"]
    )


# -- budget


def test_a_registration_is_few_statements(hospital: Hospital, desks: dict[str, Desk], session: dict) -> None:
    from functions.outpatient.registration import service
    from functions.outpatient.registration.schemas import RegisterVisit

    person = register_person(desks["hq"].registrar, resident_id(10))
    with hospital.tx("hq") as tx:
        service.register_visit(tx, RegisterVisit(patient_id=person, session_id=session["session_id"]))
        tx.session.send_gathered()
        assert tx.session.statements <= 17
