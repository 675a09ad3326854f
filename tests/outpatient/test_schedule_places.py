"""Who may hold a session where: grade, leave, secondment and the road between campuses; what the branch may do."""

from datetime import timedelta
from uuid import UUID

import pytest

from functions.organisation.structure import service as organisation
from functions.organisation.structure.schemas.people import ApproveSecondment
from functions.organisation.structure.service import ProposeSecondment, RecordLicence
from shared.identity.actor import Actor
from tests.outpatient.test_schedule_scene import (
    MONDAY,
    PATH,
    Office,
    engage,
    moment,
    plan,
    states,
)
from tests.support.clinic import Desk, ok
from tests.support.hospital import Hospital

NEXT = MONDAY + timedelta(days=7)
BEGINS = moment(MONDAY, "05:00")
pytestmark = pytest.mark.usefixtures("monday")


def test_a_doctor_below_the_grade_or_on_leave_is_refused(hospital: Hospital, office: Office) -> None:
    body = {
        "code": "chief",
        "name": "内科主任门诊",
        "unit_id": str(office.desk.unit_id),
        "grade": "chief",
        "fee_item_code": "110200002",
        "standard_code": "internal-chief",
    }
    clinic = ok(office.clerk.post(f"{PATH}/clinics", body))["clinic_id"]
    for title, answer in (("232", "grade_above_title"), ("231", None)):
        made = office.approved(NEXT, clinic_id=clinic, doctor_id=engage(hospital, office.desk, title))
        got = office.step(office.approver, made, "publish", 3)
        if answer is None:
            assert got.status_code == 200
        else:
            assert (got.status_code, got.json()["findings"][0]["code"]) == (409, answer)
            assert states(hospital, made["session_id"]) == {}
    doctor = engage(hospital, office.desk)
    asked = ok(
        office.clerk.post(
            f"{PATH}/leaves",
            {
                "kind": "leave",
                "doctor_id": str(doctor),
                "starts_at": moment(NEXT, "00:00").isoformat(),
                "ends_at": moment(NEXT, "23:59").isoformat(),
                "reason": "年休",
            },
        )
    )
    ok(office.head.post(f"{PATH}/leaves/{asked['leave_id']}/decide", {"version": 1, "approve": True}))
    made = office.approved(NEXT, doctor_id=doctor)
    refused = office.step(office.approver, made, "publish", 3)
    assert refused.json()["findings"][0]["code"] == "doctor_on_leave"


def second_to_branch(hospital: Hospital, desks: dict[str, Desk], doctor: UUID, weekdays: list[int]) -> None:
    """A secondment of a doctor of hq to mch on some weekdays, all three sides agreed."""

    def person(campus: str) -> Actor:
        token = hospital.caller("personnel", campus=campus)
        return Actor(
            kind="staff",
            subject=token.subject,
            staff_id=token.staff_id,
            name="人事",
            posts={campus: frozenset({"personnel"})},
            patient_ids=(),
            campus=None,
        )

    with hospital.tx("hq", person("hq")) as tx:
        physician = {"kind": "physician", "number": f"{doctor.int % 10**15:015d}", "category": "clinical"}
        organisation.record_licence(tx, doctor, RecordLicence(**physician, valid_from=MONDAY - timedelta(days=9)))
        row, _ = organisation.propose_secondment(
            tx,
            ProposeSecondment(
                staff_id=doctor,
                receiving_campus="mch",
                unit_id=desks["mch"].unit_id,
                kind="technical",
                posts=["outpatient_doctor"],
                mode="weekdays",
                weekdays=weekdays,
                from_day=MONDAY,
                to_day=MONDAY + timedelta(days=60),
                practice_filed=True,
            ),
        )
    for campus, side, version in (("mch", "receiving", 1), ("hq", "hr", 2)):
        with hospital.tx(campus, person(campus)) as tx:
            command = ApproveSecondment(side=side, version=version)
            organisation.approve_secondment(tx, row.secondment_id, command)


@pytest.mark.case("44", 4)
def test_a_seconded_doctor_needs_the_day_and_the_road(
    hospital: Hospital, desks: dict[str, Desk], office: Office, branch: Office
) -> None:
    doctor = engage(hospital, desks["hq"])
    second_to_branch(hospital, desks, doctor, [1])
    # hq ends 11:30, mch begins 11:00: they overlap.
    office.published(NEXT, "08:00", number=7, doctor_id=doctor)
    there = branch.approved(NEXT, "11:00", doctor_id=doctor)
    refused = branch.step(branch.approver, there, "publish", 3)
    assert (refused.status_code, refused.json()["code"]) == (409, "doctor_session_overlap")
    # hq ends 10:00 a week later: an hour for 45 minutes of road.
    week = NEXT + timedelta(days=7)
    office.published(week, "08:00", number=4, doctor_id=doctor)
    assert branch.published(week, "11:00", doctor_id=doctor)["status"] == "published"
    # 30 minutes between them are too few, whichever is published first.
    third = NEXT + timedelta(days=14)
    branch.published(third, "10:30", doctor_id=doctor)
    late = office.approved(third, "08:00", number=4, doctor_id=doctor)
    refused = office.step(office.approver, late, "publish", 3)
    assert (refused.status_code, refused.json()["code"]) == (409, "doctor_travel_too_short")
    found = ok(office.clerk.get(f"{PATH}/check", since=third, until=third))
    assert "doctor_travel_too_short" in {item["code"] for item in found if item["session_id"] == late["session_id"]}
    # A secondment without Monday.
    tuesday_only = engage(hospital, desks["hq"])
    second_to_branch(hospital, desks, tuesday_only, [2])
    there = branch.approved(NEXT, "14:00", doctor_id=tuesday_only)
    refused = branch.step(branch.approver, there, "publish", 3)
    assert (refused.status_code, refused.json()["code"]) == (409, "schedule_has_errors")
    assert refused.json()["findings"][0]["code"] == "practice_place"
    assert branch.published(NEXT + timedelta(days=1), "14:00", doctor_id=tuesday_only)["status"] == "published"


@pytest.mark.case("44", 11)
def test_the_branch_changes_nothing_of_hq_and_sees_what_is_left(
    hospital: Hospital, desks: dict[str, Desk], office: Office, branch: Office
) -> None:
    day = NEXT + timedelta(days=3)
    draft = office.draft(day)
    office.published(day, number=1, each=5)
    branch.published(day, number=1, each=7)
    body = {**plan(hospital, desks["hq"], day), "version": 1}
    path = f"{PATH}/sessions/{draft['session_id']}"
    before = hospital.census()
    acting_there = branch.clerk.at("hq").put(path, body)
    assert (acting_there.status_code, acting_there.json()["code"]) == (403, "acting_campus")
    from_home = branch.clerk.put(path, body)
    assert (from_home.status_code, from_home.json()["code"]) == (404, "not_found")
    assert hospital.census() == before
    shown = ok(branch.clerk.get(f"{PATH}/compare", day=day, standard_code="internal-general"))
    assert {one["campus_id"]: one["remaining"] for one in shown} == {"hq": 5, "mch": 7}
