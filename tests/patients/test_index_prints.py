"""What the index prints: card face, wristbands, the form of a change, the form of a merge."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import httpx
import pytest

from functions.patients.index import service
from functions.patients.index.rules import Sex
from shared.printing import shipped_layouts
from shared.printing.review import review
from tests.patients.conftest import BASE, Desks, refused, resident_id
from tests.shared.print_probe import text_of
from tests.support.hospital import Hospital

FORMS = ("visit_card", "wristband", "newborn_wristband", "change_application", "merge_approval")


def paper(answer: httpx.Response) -> str:
    """The text of a printed form without blanks."""
    assert answer.status_code == 200, answer.text
    assert answer.headers["content-type"] == "application/pdf"
    return "".join("".join(text_of(answer.content)).split())


def path(person: dict[str, Any], name: str) -> str:
    return f"{BASE}/patients/{person['patient_id']}/{name}.pdf"


@pytest.mark.parametrize("form", FORMS)
def test_the_layouts_stand_up_to_review(form: str) -> None:
    for layout in shipped_layouts(form):
        review(layout)


def test_the_face_of_a_card_is_of_the_card_in_use_here(desks: Desks) -> None:
    person = desks.register("欧阳明远")
    refused(desks.registrar.get(path(person, "visit-card")), 409, "no_visit_card")
    numbers = f"{BASE}/patients/{person['patient_id']}/identifiers"
    assert desks.mch_registrar.post(numbers, {"type": "visit_card", "value": "M20260001"}).status_code == 201
    refused(desks.registrar.get(path(person, "visit-card")), 409, "no_visit_card")
    assert desks.registrar.post(numbers, {"type": "visit_card", "value": "H20260001"}).status_code == 201
    face = paper(desks.registrar.get(path(person, "visit-card")))
    assert "欧阳明远" in face
    assert f"主索引号{person['empi_no']}" in face
    assert "卡号H20260001" in face
    assert "M20260001" in paper(desks.mch_registrar.get(path(person, "visit-card")))


def test_a_wristband_says_who_and_how_sure(desks: Desks, hospital: Hospital) -> None:
    person = desks.register("蓝天明", resident_id("19810404"))
    band = paper(desks.doctor.get(path(person, "wristband"), number="H26030200187"))
    assert "蓝天明男" in band
    assert "号码H26030200187" in band
    assert "身份未核实" not in band
    unnamed = {"sex": "2", "estimated_age": 30, "finder_kind": "police", "finder": "城关派出所"}
    nameless = desks.registrar.post(f"{BASE}/patients/unidentified", unnamed).json()
    band = paper(desks.doctor.get(path(nameless, "wristband")))
    assert nameless["name"] in band
    assert "身份未核实" in band
    assert f"号码{nameless['empi_no']}" in band
    assert desks.doctor.get(path(person, "wristband"), number="韦" * 3).status_code == 422
    printed = hospital.value(
        "SELECT count(*) FROM kernel.audit_entries WHERE action = 'patient.wristband_printed' AND patient_id = %s",
        [person["patient_id"]],
    )
    assert printed == 1


def test_a_newborns_band_names_the_mother(desks: Desks, hospital: Hospital) -> None:
    mother = desks.register("吴秀珍", resident_id("19940404", "2"))
    with hospital.tx("hq") as tx:
        child = service.create_newborn(
            tx,
            service.CreateNewborn(
                mother_id=UUID(mother["patient_id"]),
                sex=Sex.FEMALE,
                birth_datetime=tx.now - timedelta(hours=2),
                birth_order=2,
                births=2,
            ),
        )
    where = f"{BASE}/patients/{child.patient_id}/wristband.pdf"
    band = paper(desks.doctor.get(where))
    assert "母亲吴秀珍" in band
    assert "吴秀珍之二女双胎之二" in band
    hospital.clock.move(days=29)
    try:
        assert "母亲" not in paper(desks.doctor.get(where))
    finally:
        hospital.clock.move(days=-29)


def test_bands_made_beforehand_leave_room_for_the_name(hospital: Hospital) -> None:
    with hospital.tx("hq") as tx:
        document = service.blank_wristbands(tx, ["H26030200201", "H26030200202"])
    pages = text_of(bytes(document.response().body))
    text = "".join("".join(pages).split())
    assert text.count("姓名") == 2
    assert "H26030200201" in text
    assert "H26030200202" in text


def test_a_restricted_person_is_printed_with_a_reason(desks: Desks) -> None:
    person = desks.register("受限者")
    restricted = {"version": desks.version(person["patient_id"]), "restricted": True, "ground": "staff"}
    answer = desks.privacy.post(f"{BASE}/patients/{person['patient_id']}/confidentiality", restricted)
    assert answer.status_code == 200, answer.text
    refused(desks.doctor.get(path(person, "wristband")), 422, "opening_reason_required")
    assert "受限者" in paper(desks.doctor.get(path(person, "wristband"), reason="treatment"))


def test_the_form_of_a_change_shows_old_and_new(desks: Desks) -> None:
    person = desks.register("兰天明", resident_id("19820505"))
    desks.treat(person["patient_id"])
    body = {
        "version": desks.version(person["patient_id"]),
        "changes": {"name": "蓝天明", "phone": "13977700000"},
        "evidence": "card_read",
        "reason": "原登记姓名有误",
    }
    asked = desks.registrar.post(f"{BASE}/patients/{person['patient_id']}/corrections", body).json()
    assert asked["status"] == "pending"
    where = f"{BASE}/corrections/{asked['correction_id']}/application.pdf"
    form = paper(desks.registrar.get(where))
    assert "待核对" in form
    assert "姓名兰天明蓝天明" in form
    assert "电话1387720123413977700000" in form
    assert desks.colleague.post(f"{BASE}/corrections/{asked['correction_id']}/confirm").status_code == 200
    form = paper(desks.registrar.get(where))
    assert "已变更" in form
    assert "姓名兰天明蓝天明" in form
    assert "电话1387720123413977700000" in form


def test_the_form_of_a_merge_shows_both_as_they_were(desks: Desks) -> None:
    kept = desks.register("岑玉凤", resident_id("19830606", "2"))
    other = {
        "why": "forgotten",
        "name": "岑玉风",
        "sex": "2",
        "birth_date": "1983-06-06",
        "phone": "13977799999",
    }
    given = desks.registrar.post(f"{BASE}/patients/undocumented", other).json()
    merge = desks.merge(kept, given, chosen=["phone"]).json()
    assert merge["status"] == "done"
    form = paper(desks.steward.get(f"{BASE}/merges/{merge['merge_id']}/approval.pdf"))
    assert "已合并" in form
    assert "姓名岑玉凤岑玉风" in form
    assert "电话1387720123413977799999" in form, "the survivor's phone before it was taken over"
    assert "取用并入档案的电话" in form
    assert "身份核实已看证件未核实" in form


def test_who_may_not_print(desks: Desks) -> None:
    person = desks.register("权限者")
    nothing = UUID(int=9)
    refused(desks.doctor.get(path(person, "visit-card")), 403, "permission_denied")
    refused(desks.registrar.get(f"{BASE}/merges/{nothing}/approval.pdf"), 403, "permission_denied")
    refused(desks.steward.get(f"{BASE}/merges/{nothing}/approval.pdf"), 404, "not_found")
    refused(desks.registrar.get(f"{BASE}/corrections/{nothing}/application.pdf"), 404, "not_found")
    refused(desks.doctor.get(f"{BASE}/patients/{nothing}/wristband.pdf"), 404, "not_found")
