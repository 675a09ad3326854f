"""Beds: set up, changed, out of service, retired; counted at midnight."""

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import date, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions import registry
from functions.organisation.structure import service
from functions.organisation.structure.gates import BedToEmpty, before_empty_bed
from functions.organisation.structure.problems.wards import BedRetired
from shared import gates as kernel_gates
from shared.gates import Objection
from shared.schemas import SHANGHAI
from shared.tx import Tx
from tests.organisation.conftest import BASE, Consortium
from tests.support.hospital import Caller, Hospital, cloned_hospital


class Occupancy:
    """Who lies where: what inpatient/adt knows and answers at the gate."""

    def __init__(self) -> None:
        self.taken: set[UUID] = set()

    def answer(self, tx: Tx, question: BedToEmpty) -> Iterable[Objection]:
        if question.bed_id in self.taken:
            yield Objection("block", "bed_occupied", "该床还有住院患者", "请先办理转床或出院")


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    with cloned_hospital([registry.app("organisation/structure")]) as one:
        one.clock.set(datetime(2026, 3, 2, 9, tzinfo=SHANGHAI))
        yield one


@pytest.fixture(autouse=True)
def _monday(consortium: Consortium) -> None:
    consortium.hospital.clock.set(datetime(2026, 3, 2, 9, tzinfo=SHANGHAI))


@pytest.fixture
def occupancy(monkeypatch: pytest.MonkeyPatch) -> Occupancy:
    known = Occupancy()

    def answers(name: str) -> tuple[Callable[[Tx, Any], Iterable[Objection]], ...]:
        return (known.answer,) if name == before_empty_bed.name else ()

    monkeypatch.setattr(kernel_gates, "_answers", answers)
    return known


@pytest.fixture(scope="module")
def nursing(consortium: Consortium) -> Caller:
    return consortium.hospital.caller("nursing_office", campus="hq")


@pytest.fixture
def ward(consortium: Consortium) -> str:
    return str(consortium.unit(name="内科病区", kind="nursing", valid_from=consortium.today())["unit_id"])


def make(nursing: Caller, ward: str, number: str = "12", **fields: Any) -> dict[str, Any]:
    answer = nursing.post(f"{BASE}/beds", {"ward_id": ward, "number": number, **fields})
    assert answer.status_code == 201, answer.text
    return dict(answer.json())


def counts(nursing: Caller, ward: str, day: str) -> dict[str, int]:
    found = nursing.get(f"{BASE}/bed-counts", day=day).json()
    return next((row for row in found if row["ward_id"] == ward), {"open": 0, "total": 0})


@pytest.mark.case("P-organisation", 8)
def test_a_bed_with_a_patient_stays_and_an_empty_one_is_retired(
    consortium: Consortium, nursing: Caller, ward: str, occupancy: Occupancy
) -> None:
    twelve = make(nursing, ward, "12")
    make(nursing, ward, "13")
    occupancy.taken.add(UUID(twelve["bed_id"]))
    before = consortium.hospital.census()
    path = f"{BASE}/beds/{twelve['bed_id']}/retire"
    refused = nursing.post(path, {"version": 1, "reason": "病区调整"})
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_blocked")
    assert "请先办理转床或出院" in refused.json()["detail"]
    assert consortium.hospital.census() == before
    assert counts(nursing, ward, "2026-03-02")["open"] == 2

    consortium.hospital.clock.move(days=1)
    occupancy.taken.clear()  # transferred
    retired = nursing.post(path, {"version": 1, "reason": "病区调整"})
    assert (retired.status_code, retired.json()) == (200, [])
    with pytest.raises(BedRetired), consortium.hospital.tx("hq") as tx:
        service.take_bed(tx, UUID(twelve["bed_id"]))
    figures = [counts(nursing, ward, day)["open"] for day in ("2026-03-01", "2026-03-02", "2026-03-03", "2026-03-04")]
    assert figures == [0, 2, 1, 1], "from 24:00 of the day it is retired it counts no more"
    consortium.hospital.clock.move(days=2)
    days = nursing.get(f"{BASE}/bed-days", first="2026-03-01", last="2026-03-31").json()
    assert [row["days"] for row in days if row["ward_id"] == ward] == [2 + 1 + 1]
    told = [event["data"]["change"] for event in consortium.hospital.events("bed_changed")]
    assert told[-1] == "retired"
    again = nursing.post(path, {"version": 2, "reason": "再"})
    assert (again.status_code, again.json()["code"]) == (409, "bed_retired")
    assert make(nursing, ward, "12")["bed_id"] != twelve["bed_id"], "the number is free again"
    history = nursing.get(f"{BASE}/beds/{twelve['bed_id']}/history").json()
    assert [row["valid_to"][:10] for row in history] == ["2026-03-03"]


def test_a_bed_taken_and_one_retired_at_once_do_not_both_succeed(
    consortium: Consortium, nursing: Caller, ward: str, occupancy: Occupancy
) -> None:
    """inpatient/adt takes the bed by `take_bed`; the retirement waits for its commit and then sees the patient."""
    made = make(nursing, ward)
    bed = UUID(made["bed_id"])
    with ThreadPoolExecutor(1) as thread:
        with consortium.hospital.tx("hq") as tx:
            assert service.take_bed(tx, bed).number == "12"
            retiring = thread.submit(nursing.post, f"{BASE}/beds/{bed}/retire", {"version": 1, "reason": "调整"})
            occupancy.taken.add(bed)
        refused = retiring.result(20)
    assert (refused.status_code, refused.json()["code"]) == (409, "gate_blocked")


def test_what_counts_as_open(consortium: Consortium, nursing: Caller, ward: str, occupancy: Occupancy) -> None:
    beds = [make(nursing, ward, str(number)) for number in range(1, 4)]
    make(nursing, ward, "+1", bed_class="extra", established=False, open=False)
    make(nursing, ward, "y1", bed_class="cot", established=False, open=False)
    day = "2026-03-02"
    figure = counts(nursing, ward, day)
    assert (figure["established"], figure["open"], figure["extra"], figure["total"]) == (3, 3, 1, 5)
    out = f"{BASE}/beds/{beds[0]['bed_id']}/out-of-service"
    body = {"version": 1, "cause": "disinfection", "reason": "终末消毒"}
    assert nursing.post(out, body).json()["status"] == "out_of_service"
    assert counts(nursing, ward, day)["open"] == 3, "a disinfected bed still counts"
    twice = nursing.post(out, {**body, "version": 2})
    assert (twice.status_code, twice.json()["code"]) == (422, "bed_invalid")
    body = {"version": 1, "cause": "rebuilding", "reason": "改扩建"}
    assert nursing.post(f"{BASE}/beds/{beds[1]['bed_id']}/out-of-service", body).status_code == 200
    figure = counts(nursing, ward, day)
    assert (figure["open"], figure["out_of_service"]) == (2, 2)
    with pytest.raises(Exception, match="停用"), consortium.hospital.tx("hq") as tx:
        service.take_bed(tx, UUID(beds[1]["bed_id"]))
    back = nursing.post(f"{BASE}/beds/{beds[1]['bed_id']}/in-service", {"version": 2, "reason": "竣工"})
    assert (back.json()["status"], back.json()["out_cause"]) == ("in_service", None)
    with consortium.hospital.tx("hq") as tx:
        assert service.open_beds(tx, date(2026, 3, 2)) >= 3
    occupancy.taken.add(UUID(beds[2]["bed_id"]))
    held = nursing.post(f"{BASE}/beds/{beds[2]['bed_id']}/out-of-service", {**body, "version": 1})
    assert held.json()["code"] == "gate_blocked"


def test_changes_keep_the_past(consortium: Consortium, nursing: Caller, ward: str, occupancy: Occupancy) -> None:
    bed = make(nursing, ward, "1")
    path = f"{BASE}/beds/{bed['bed_id']}"
    then = consortium.moment()
    consortium.hospital.clock.move(hours=3)
    changed = nursing.patch(path, {"version": 1, "reason": "升级", "bed_class": "intensive", "gender": "2"})
    assert (changed.status_code, changed.json()["bed_class"], changed.json()["version"]) == (200, "intensive", 2)
    assert nursing.get(path, at=then).json()["bed_class"] == "normal"
    assert [row["bed_class"] for row in nursing.get(f"{BASE}/wards/{ward}/beds").json()] == ["intensive"]
    stale = nursing.patch(path, {"version": 1, "reason": "旧", "number": "9"})
    assert (stale.status_code, stale.json()["code"]) == (409, "version_conflict")
    extra = nursing.patch(path, {"version": 2, "reason": "改加床", "bed_class": "extra"})
    assert (extra.status_code, extra.json()["code"]) == (422, "bed_invalid")
    other = consortium.unit(name="外科病区", kind="nursing")["unit_id"]
    occupancy.taken.add(UUID(bed["bed_id"]))
    held = nursing.patch(path, {"version": 2, "reason": "移床", "ward_id": other})
    assert held.json()["code"] == "gate_blocked"
    occupancy.taken.clear()
    moved = nursing.patch(path, {"version": 2, "reason": "移床", "ward_id": other})
    assert (moved.status_code, moved.json()["ward_id"]) == (200, other)
    assert nursing.get(f"{BASE}/wards/{ward}/beds").json() == []
    log = consortium.admin.get(f"{BASE}/changes", kind="bed", subject_id=bed["bed_id"]).json()["items"]
    assert log[0]["after"]["ward_id"] == other


@pytest.mark.parametrize(
    ("fields", "status", "code"),
    [
        ({"number": "1"}, 409, "bed_number_taken"),
        ({"ward_id": "root"}, 422, "not_a_ward"),
        ({"ward_id": "mch"}, 404, "unit_not_found"),
        ({"ward_id": "none"}, 404, "unit_not_found"),
        ({"room_id": "none"}, 404, "place_not_found"),
        ({"bed_class": "extra"}, 422, "invalid"),
        ({"bed_class": "throne"}, 422, "invalid"),
    ],
)
def test_refusals_set_no_bed_up(
    consortium: Consortium,
    nursing: Caller,
    ward: str,
    occupancy: Occupancy,
    fields: dict[str, Any],
    status: int,
    code: str,
) -> None:
    make(nursing, ward, "1")
    body = {"ward_id": ward, "number": "2", **fields}
    known = {"root": consortium.tree()["root"]["unit_id"], "mch": consortium.tree("mch")["root"]["unit_id"]}
    body["ward_id"] = known.get(body["ward_id"], str(uuid4()) if body["ward_id"] == "none" else body["ward_id"])
    if "room_id" in body:
        body["room_id"] = str(uuid4())
    before = consortium.hospital.census()
    refused = nursing.post(f"{BASE}/beds", body)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert consortium.hospital.census() == before


def test_established_beds_stay_within_the_licence(consortium: Consortium) -> None:
    opened = consortium.opener.get(f"{BASE}/campuses/mch").json()
    body = {"version": opened["version"], "licensed_beds": 1}
    assert consortium.opener.patch(f"{BASE}/campuses/mch", body).json()["licensed_beds"] == 1
    nursing = consortium.hospital.caller("nursing_office", campus="mch")
    ward = consortium.unit(consortium.mch_admin, kind="nursing")["unit_id"]
    first = make(nursing, ward, "1")
    before = consortium.hospital.census()
    refused = nursing.post(f"{BASE}/beds", {"ward_id": ward, "number": "2"})
    assert (refused.status_code, refused.json()["code"]) == (422, "beds_beyond_licence")
    assert consortium.hospital.census() == before
    second = make(nursing, ward, "2", established=False)
    body = {"version": 1, "reason": "转编制", "established": True}
    assert nursing.patch(f"{BASE}/beds/{second['bed_id']}", body).json()["code"] == "beds_beyond_licence"
    body["established"] = False
    assert nursing.patch(f"{BASE}/beds/{first['bed_id']}", body).status_code == 200
    body["established"] = True
    assert nursing.patch(f"{BASE}/beds/{second['bed_id']}", body).status_code == 200


def test_beds_of_another_campus(consortium: Consortium, nursing: Caller, ward: str, occupancy: Occupancy) -> None:
    bed = make(nursing, ward)
    elsewhere = consortium.hospital.caller("nursing_office", campus="mch")
    before = consortium.hospital.census()
    path = f"{BASE}/beds/{bed['bed_id']}"
    for attempt in (
        elsewhere.get(path),
        elsewhere.patch(path, {"version": 1, "reason": "改", "number": "9"}),
        elsewhere.post(f"{path}/retire", {"version": 1, "reason": "撤"}),
    ):
        assert (attempt.status_code, attempt.json()["code"]) == (404, "bed_not_found")
    assert elsewhere.get(f"{BASE}/wards/{ward}/beds").json() == []
    assert consortium.admin.post(f"{BASE}/beds", {"ward_id": ward, "number": "3"}).json()["code"] == "permission_denied"
    assert consortium.hospital.census() == before


def test_a_ward_with_beds_stays_open(consortium: Consortium, nursing: Caller, ward: str, occupancy: Occupancy) -> None:
    bed = make(nursing, ward)
    unit = consortium.admin.get(f"{BASE}/units/{ward}").json()
    body = {"closes_on": consortium.today(), "version": unit["version"], "reason": "撤并"}
    refused = consortium.admin.post(f"{BASE}/units/{ward}/close", body)
    assert (refused.status_code, refused.json()["holds"]) == (409, ["床位：12"])
    assert nursing.post(f"{BASE}/beds/{bed['bed_id']}/retire", {"version": 1, "reason": "撤"}).status_code == 200
    assert consortium.admin.post(f"{BASE}/units/{ward}/close", body).status_code == 200


def test_a_repeated_command_sets_up_one_bed(
    consortium: Consortium, nursing: Caller, ward: str, occupancy: Occupancy
) -> None:
    body = {"ward_id": ward, "number": "7"}
    first = nursing.post(f"{BASE}/beds", body, key="bed-once-0001")
    again = nursing.post(f"{BASE}/beds", body, key="bed-once-0001")
    assert (first.status_code, again.json()) == (201, first.json())
    assert len(nursing.get(f"{BASE}/wards/{ward}/beds").json()) == 1


def test_bed_head_labels(consortium: Consortium, nursing: Caller, ward: str, occupancy: Occupancy) -> None:
    empty = nursing.get(f"{BASE}/wards/{ward}/bed-labels.pdf")
    assert (empty.status_code, empty.json()["code"]) == (404, "not_found")
    make(nursing, ward)
    labels = nursing.get(f"{BASE}/wards/{ward}/bed-labels.pdf")
    assert (labels.status_code, labels.headers["content-type"]) == (200, "application/pdf")
    assert labels.content.startswith(b"%PDF")
