"""Pictures of people and scans of licences, with a real object store."""

import base64
import hashlib
from typing import Any

import pytest

from functions.organisation.structure import client
from functions.organisation.structure.service import pictures
from shared.storage import StorageUnavailable
from tests.organisation.conftest import BASE, Consortium
from tests.shared.storage_probe import pdf, png

pytestmark = pytest.mark.usefixtures("pictures_store")


def photograph(consortium: Consortium, staff: str, picture: bytes, **fields: Any) -> Any:
    body = {"picture": base64.b64encode(picture).decode(), "content_type": "image/png"}
    return consortium.personnel.post(f"{BASE}/staff/{staff}/photo", body, **fields)


def scan(consortium: Consortium, licence: str, page: bytes, title: str = "正本", **fields: Any) -> Any:
    body = {"page": base64.b64encode(page).decode(), "content_type": "application/pdf", "title": title, **fields}
    return consortium.personnel.post(f"{BASE}/licences/{licence}/scans", body)


def test_a_photo_is_kept_and_the_next_takes_its_place(consortium: Consortium) -> None:
    staff = consortium.engage()["staff_id"]
    path = f"{BASE}/staff/{staff}/photo"
    none = consortium.admin.get(path)
    assert (none.status_code, none.json()["code"]) == (404, "staff_picture_not_found")
    first, second = png(), png() + b""
    made = photograph(consortium, staff, first)
    assert (made.status_code, made.json()["state"], made.json()["kind"]) == (201, "kept", "photo"), made.text
    assert made.json()["sha256"] == hashlib.sha256(first).hexdigest()
    assert photograph(consortium, staff, second).json()["staff_file_id"] != made.json()["staff_file_id"]
    shown = consortium.admin.get(path)
    assert (shown.headers["content-type"], shown.content) == ("image/png", second)
    kept = "SELECT count(*) FROM organisation.staff_files WHERE staff_id = %s AND retired_at IS {} NULL"
    counts = [consortium.hospital.value(kept.format(word), [staff]) for word in ("", "NOT")]
    assert counts == [1, 1], "the one before stays as a retired row"
    assert consortium.mch_admin.get(path).status_code == 404, "kept by the home campus"


def test_what_is_no_picture_or_too_large_is_not_kept(consortium: Consortium) -> None:
    staff = consortium.engage()["staff_id"]
    wrong = photograph(consortium, staff, pdf())
    assert (wrong.status_code, wrong.json()["code"]) == (415, "file_content_mismatch")
    large = photograph(consortium, staff, png() + bytes(pictures.LARGEST["photo"]))
    assert (large.status_code, large.json()["code"]) == (422, "staff_picture_invalid")
    assert "300 KB" in large.json()["detail"]
    assert consortium.hospital.value("SELECT count(*) FROM organisation.staff_files WHERE staff_id = %s", [staff]) == 0
    elsewhere = consortium.mch_personnel.post(
        f"{BASE}/staff/{staff}/photo", {"picture": base64.b64encode(png()).decode(), "content_type": "image/png"}
    )
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "staff_not_found")


def test_a_store_out_of_reach_leaves_the_photo_before(consortium: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    staff = consortium.engage()["staff_id"]
    assert photograph(consortium, staff, png()).status_code == 201

    def away() -> Any:
        raise StorageUnavailable("对象存储暂不可用，请稍后再试。")

    with monkeypatch.context() as cut:
        cut.setattr(client, "object_store", away)
        assert photograph(consortium, staff, png()).status_code == 503
    assert consortium.admin.get(f"{BASE}/staff/{staff}/photo").content == png()


def test_pages_of_a_licence_are_read_by_those_who_judge_it(consortium: Consortium) -> None:
    staff = consortium.engage(category="doctor")["staff_id"]
    licence = consortium.licensed(staff)
    made = scan(consortium, licence, pdf())
    assert (made.status_code, made.json()["licence_id"], made.json()["title"]) == (201, licence, "正本"), made.text
    second = scan(consortium, licence, png(), "变更注册页", content_type="image/png")
    assert second.status_code == 201, second.text
    medical = consortium.hospital.caller("medical_affairs")
    listed = medical.get(f"{BASE}/licences/{licence}/scans").json()
    assert [one["title"] for one in listed] == ["正本", "变更注册页"]
    page = medical.get(f"{BASE}/licence-scans/{made.json()['staff_file_id']}")
    assert (page.headers["content-type"], page.content) == ("application/pdf", pdf())
    for path in (f"{BASE}/licences/{licence}/scans", f"{BASE}/licence-scans/{made.json()['staff_file_id']}"):
        assert consortium.admin.get(path).status_code == 403, "not everybody who reads the directory"
    foreign = consortium.hospital.caller("medical_affairs", campus="mch")
    assert foreign.get(f"{BASE}/licences/{licence}/scans").json() == []
    assert foreign.get(f"{BASE}/licence-scans/{made.json()['staff_file_id']}").status_code == 404
    reads = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'licence_scan.read' AND subject_id = %s"
    assert consortium.hospital.value(reads, [staff]) == 1


def test_a_page_entered_by_mistake_is_retired_and_stays(consortium: Consortium) -> None:
    licence = consortium.licensed(consortium.engage(category="doctor")["staff_id"])
    page = scan(consortium, licence, pdf()).json()
    path = f"{BASE}/licence-scans/{page['staff_file_id']}"
    elsewhere = consortium.mch_personnel.post(f"{path}/retire", {"reason": "x"})
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "staff_picture_not_found")
    retired = consortium.personnel.post(f"{path}/retire", {"reason": "传错人"})
    assert (retired.status_code, retired.json()["state"]) == (200, "retired")
    assert consortium.personnel.post(f"{path}/retire", {"reason": "传错人"}).status_code == 404
    assert consortium.personnel.get(path).content == pdf()


def test_a_scan_belongs_to_a_licence_of_the_own_campus(consortium: Consortium) -> None:
    licence = consortium.licensed(consortium.engage(category="doctor")["staff_id"])
    body = {"page": base64.b64encode(pdf()).decode(), "content_type": "application/pdf", "title": "正本"}
    elsewhere = consortium.mch_personnel.post(f"{BASE}/licences/{licence}/scans", body)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "staff_picture_not_found")
    unknown = consortium.personnel.post(f"{BASE}/licences/00000000-0000-7000-8000-000000000000/scans", body)
    assert (unknown.status_code, unknown.json()["code"]) == (404, "licence_not_found")
