"""The follow-up without fee (续诊号, 一次挂号管三天)."""

from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest

from functions.outpatient.registration import service
from tests.outpatient.registering import VISITS, at, charges_of, clinic_of, refused, see
from tests.support.clinic import FEE, Desk, ok, open_hospital, put_on_sale, register_person, register_visit, resident_id
from tests.support.hospital import Hospital

MONDAY, TUESDAY, WEDNESDAY, THURSDAY = "2027-03-01", "2027-03-02", "2027-03-03", "2027-03-04"
CT = "imaging:CT-1"


@pytest.fixture(scope="module")
def desks(hospital: Hospital) -> dict[str, Desk]:
    at(hospital, f"{MONDAY} 06:00")
    return open_hospital(hospital)


@pytest.fixture(scope="module")
def surgery(hospital: Hospital, desks: dict[str, Desk]) -> Desk:
    """The general clinic of another department."""
    from functions.organisation.structure import service as organisation
    from functions.organisation.structure.service import CreateUnit, UnitKind

    with hospital.tx("hq") as tx:
        unit = organisation.create_unit(tx, CreateUnit(code="surgery", name="外科", kind=UnitKind.CLINICAL))
    return clinic_of(hospital, desks["hq"], "surgery-general", unit_id=str(unit.unit_id))


def on_sale(hospital: Hospital, desk: Desk, day: str, desk_no: int = 1) -> dict[str, Any]:
    """A session of the desk's clinic at nine in the morning of a day, which it is now."""
    at(hospital, f"{day} 09:00")
    return put_on_sale(hospital, desk, desk_no=desk_no)


def first_visit(
    hospital: Hospital, desk: Desk, session: dict[str, Any], person: str, report: str = CT
) -> dict[str, Any]:
    """A visit with a report that is not ready when the patient leaves."""
    visit = register_visit(desk.registrar, person, session)
    with hospital.tx(desk.campus) as tx:
        if report:
            assert service.expect_report(tx, UUID(visit["encounter_id"]), report)
    see(hospital, visit, hospital.caller("outpatient_doctor").staff_id)
    return dict(visit)


@pytest.mark.case("01", 5)
def test_a_pending_report_gives_one_visit_within_three_days(
    hospital: Hospital, desks: dict[str, Desk], surgery: Desk
) -> None:
    desk = desks["hq"]
    one, two, three = [register_person(desk.registrar, resident_id(n, born="19810101")) for n in range(3)]
    monday = on_sale(hospital, desk, MONDAY)
    firsts = {person: first_visit(hospital, desk, monday, person) for person in (one, two, three)}

    wednesday = on_sale(hospital, desk, WEDNESDAY)
    elsewhere = put_on_sale(hospital, surgery, desk_no=2)
    visit = register_visit(desk.registrar, three, elsewhere)
    assert (visit["kind"], Decimal(visit["fee"])) == ("general", FEE["hq"]), "another department"

    visit = register_visit(desk.registrar, one, wednesday)
    assert (visit["kind"], visit["fee"], visit["charges"]) == ("follow_up", "0.00", [])
    assert visit["follow_up_of"] == firsts[one]["encounter_id"]
    assert visit["first_visit"] is False
    assert charges_of(hospital, visit) == []

    again = put_on_sale(hospital, desk, desk_no=3)
    visit = register_visit(desk.registrar, one, again)
    assert (visit["kind"], Decimal(visit["fee"])) == ("general", FEE["hq"]), "the second return"

    thursday = on_sale(hospital, desk, THURSDAY)
    visit = register_visit(desk.registrar, two, thursday)
    assert (visit["kind"], Decimal(visit["fee"])) == ("general", FEE["hq"]), "after three days"


def test_a_closed_clinic_keeps_the_right_until_its_next_opening(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """Friday's patient finds the clinic closed on Sunday: Monday is in time, Tuesday is not."""
    desk = clinic_of(hospital, desks["hq"], "weekday-general")
    one, two = [register_person(desk.registrar, resident_id(n, born="19820101")) for n in range(2)]
    friday = on_sale(hospital, desk, "2027-03-05")
    for person in (one, two):
        first_visit(hospital, desk, friday, person)
    monday = on_sale(hospital, desk, "2027-03-08")
    assert register_visit(desk.registrar, one, monday)["kind"] == "follow_up"
    tuesday = on_sale(hospital, desk, "2027-03-09")
    visit = register_visit(desk.registrar, two, tuesday)
    assert (visit["kind"], Decimal(visit["fee"])) == ("general", FEE["hq"])


def test_without_a_report_there_is_no_right(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """No report, one ready while the patient was still there, one withdrawn: each pays."""
    desk = desks["hq"]
    people = [register_person(desk.registrar, resident_id(n, born="19830101")) for n in range(3)]
    session = on_sale(hospital, desk, "2027-03-15")
    none, ready, dropped = [register_visit(desk.registrar, person, session) for person in people]
    with hospital.tx("hq") as tx:
        for visit in (ready, dropped):
            service.expect_report(tx, UUID(visit["encounter_id"]), CT)
        service.report_ready(tx, UUID(ready["encounter_id"]), CT)
        service.drop_report(tx, UUID(dropped["encounter_id"]), CT)
    for visit in (none, ready, dropped):
        see(hospital, visit, hospital.caller("outpatient_doctor").staff_id)
    again = on_sale(hospital, desk, "2027-03-16")
    for person in people:
        assert Decimal(register_visit(desk.registrar, person, again)["fee"]) == FEE["hq"]


def test_a_report_that_came_after_the_visit_gives_the_right(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(1, born="19840101"))
    visit = first_visit(hospital, desk, on_sale(hospital, desk, "2027-03-17"), person)
    at(hospital, "2027-03-17 15:00")
    with hospital.tx("hq") as tx:
        assert service.report_ready(tx, UUID(visit["encounter_id"]), CT)
        assert service.report_ready(tx, UUID(visit["encounter_id"]), CT), "told twice"
        assert not service.report_ready(tx, UUID(visit["encounter_id"]), "another")
    again = on_sale(hospital, desk, "2027-03-18")
    assert register_visit(desk.registrar, person, again)["kind"] == "follow_up"


def test_only_a_visit_of_this_campus_expects_reports(hospital: Hospital, desks: dict[str, Desk]) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(2, born="19840101"))
    visit = register_visit(desk.registrar, person, on_sale(hospital, desk, "2027-03-19"))
    with hospital.tx("mch") as tx:
        assert not service.expect_report(tx, UUID(visit["encounter_id"]), CT)
        assert not service.expect_report(tx, UUID(int=7), CT)
    with hospital.tx("hq") as tx:
        assert service.expect_report(tx, UUID(visit["encounter_id"]), CT)
        assert service.expect_report(tx, UUID(visit["encounter_id"]), CT), "asked twice"
    assert hospital.value("SELECT count(*) FROM outpatient.expected_reports WHERE patient_id = %s", [person]) == 1


def test_asked_for_by_name_it_is_refused_with_the_reason(
    hospital: Hospital, desks: dict[str, Desk], surgery: Desk
) -> None:
    desk = desks["hq"]
    person = register_person(desk.registrar, resident_id(3, born="19840101"))
    stranger = register_person(desk.registrar, resident_id(4, born="19840101"))
    monday = on_sale(hospital, desk, "2027-03-22")
    visit = first_visit(hospital, desk, monday, person)
    same_day = put_on_sale(hospital, desk, desk_no=4)

    def ask(session: dict[str, Any], who: str = person) -> dict[str, Any]:
        return {"patient_id": who, "session_id": session["session_id"], "follow_up_of": visit["encounter_id"]}

    def reason(session: dict[str, Any]) -> str:
        problem = refused(hospital, desk.registrar, VISITS, ask(session), 409, "follow_up_refused")
        return str(problem["reason"])

    assert reason(same_day) == "still_valid"
    tuesday = on_sale(hospital, desk, "2027-03-23")
    assert reason(put_on_sale(hospital, surgery, desk_no=5)) == "other_unit"
    expert = clinic_of(hospital, desk, "internal-expert", grade="chief", fee_item_code="110200002")
    assert reason(put_on_sale(hospital, expert, desk_no=6)) == "not_general"
    refused(hospital, desk.registrar, VISITS, ask(tuesday, stranger), 404, "not_found")

    taken = ok(desk.registrar.post(VISITS, ask(tuesday)))
    assert taken["kind"] == "follow_up"
    assert reason(put_on_sale(hospital, desk, desk_no=7)) == "used"
    ok(desk.registrar.post(f"{VISITS}/{taken['encounter_id']}/cancel", {"version": 1}))
    wednesday = on_sale(hospital, desk, "2027-03-24")
    assert reason(on_sale(hospital, desk, "2027-03-25")) == "late"
    at(hospital, "2027-03-24 09:00")
    assert ok(desk.registrar.post(VISITS, ask(wednesday)))["kind"] == "follow_up", "a cancelled one gave the right back"


def test_a_right_belongs_to_the_person_not_to_one_record(hospital: Hospital, desks: dict[str, Desk]) -> None:
    """After two records were merged the follow-up of the one is given to the other."""
    desk = desks["hq"]
    kept = register_person(desk.registrar, resident_id(5, born="19840101"))
    double = register_person(desk.registrar, resident_id(6, born="19840101"))
    visit = first_visit(hospital, desk, on_sale(hospital, desk, "2027-03-29"), double)
    hospital.execute(
        "UPDATE patients.patients SET survivor_id = %s, status = 'merged' WHERE patient_id = %s", [kept, double]
    )
    session = on_sale(hospital, desk, "2027-03-30")
    body = {"patient_id": kept, "session_id": session["session_id"], "follow_up_of": visit["encounter_id"]}
    again = ok(desk.registrar.post(VISITS, body))
    assert (again["kind"], again["patient_id"]) == ("follow_up", kept)
    listed = ok(desk.registrar.get(VISITS, patient_id=kept))["items"]
    assert {item["encounter_id"] for item in listed} == {visit["encounter_id"], again["encounter_id"]}
