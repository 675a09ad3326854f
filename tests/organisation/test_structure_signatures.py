"""Signature specimens with a real object store, and the forms of people's rights."""

import base64
import hashlib
from typing import Any
from uuid import UUID, uuid4

import pypdfium2
import pytest

from functions.organisation.structure import client
from shared.storage import StorageUnavailable
from tests.organisation.conftest import BASE, Consortium
from tests.shared.storage_probe import Bucket, pdf, png

pytestmark = pytest.mark.usefixtures("pictures_store")


def register(consortium: Consortium, staff: str, picture: bytes, *, key: str | None = None, **fields: Any) -> Any:
    body = {"picture": base64.b64encode(picture).decode(), "certificate_serial": "0A1B2C", **fields}
    return consortium.personnel.post(f"{BASE}/staff/{staff}/signature", body, key=key)


def text_of(content: bytes) -> str:
    """The text of a form without the blanks of its layout."""
    pages = (page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(content))
    return "".join("".join(pages).split())


def test_a_specimen_is_stored_hashed_and_shown(consortium: Consortium, bucket: Bucket) -> None:
    staff = consortium.engage(category="doctor")["staff_id"]
    path = f"{BASE}/staff/{staff}/signature"
    none = consortium.admin.get(path)
    assert (none.status_code, none.json()["code"]) == (404, "signature_not_found")
    made = register(consortium, staff, png())
    assert (made.status_code, made.json()["state"]) == (201, "registered"), made.text
    assert made.json()["sha256"] == hashlib.sha256(png()).hexdigest()
    assert made.json()["certificate_serial"] == "0a1b2c"
    picture = consortium.admin.get(f"{path}.png")
    assert (picture.headers["content-type"], picture.content) == ("image/png", png())
    stored = bucket.keys()
    assert [key.split("/")[:2] for key in stored] == [["hq", "signature-specimen"]]
    elsewhere = consortium.mch_admin.get(path)
    assert (elsewhere.status_code, elsewhere.json()["code"]) == (404, "signature_not_found"), "filed campus by campus"


def test_the_new_one_takes_the_place_of_the_old_and_the_past_stays(consortium: Consortium) -> None:
    staff = consortium.engage(category="doctor")["staff_id"]
    path = f"{BASE}/staff/{staff}/signature"
    first = register(consortium, staff, png()).json()
    then = consortium.moment()
    consortium.hospital.clock.move(minutes=5)
    try:
        second = register(consortium, staff, png() + b"").json()
        assert second["specimen_id"] != first["specimen_id"]
        assert consortium.admin.get(path).json()["specimen_id"] == second["specimen_id"]
        assert consortium.admin.get(path, at=then).json()["specimen_id"] == first["specimen_id"]
        retired = consortium.personnel.post(f"{path}/retire", {"reason": "遗失印章"})
        assert (retired.status_code, retired.json()["state"]) == (200, "retired")
        assert consortium.admin.get(path).status_code == 404
        assert consortium.admin.get(path, at=then).json()["specimen_id"] == first["specimen_id"]
        again = consortium.personnel.post(f"{path}/retire", {"reason": "再"})
        assert (again.status_code, again.json()["code"]) == (404, "signature_not_found")
    finally:
        consortium.hospital.clock.move(minutes=-5)


@pytest.mark.parametrize(
    ("picture", "code"),
    [(pdf(), "file_content_mismatch"), (png() + b"\0" * 205_000, "signature_invalid"), (b"", "file_empty")],
    ids=["a PDF", "too large", "empty"],
)
def test_what_is_no_picture_registers_nothing(consortium: Consortium, picture: bytes, code: str) -> None:
    staff = consortium.engage(category="doctor")["staff_id"]
    refused = register(consortium, staff, picture)
    assert refused.json()["code"] == code, refused.text
    count = "SELECT count(*) FROM organisation.signature_specimens WHERE staff_id = %s"
    assert consortium.hospital.value(count, [staff]) == 0
    assert consortium.admin.get(f"{BASE}/staff/{staff}/signature").status_code == 404


def test_a_store_out_of_reach_leaves_the_old_specimen(consortium: Consortium, monkeypatch: pytest.MonkeyPatch) -> None:
    staff = consortium.engage(category="doctor")["staff_id"]
    first = register(consortium, staff, png()).json()

    def gone() -> None:
        raise StorageUnavailable("文件存储暂时无法访问，请稍后重试。")

    with monkeypatch.context() as patch:
        patch.setattr(client, "object_store", gone)
        assert register(consortium, staff, png()).status_code == 503
    assert consortium.admin.get(f"{BASE}/staff/{staff}/signature").json()["specimen_id"] == first["specimen_id"]


def test_who_may_register_whom(consortium: Consortium) -> None:
    staff = consortium.engage(category="doctor")["staff_id"]
    before = consortium.hospital.census()
    body = {"picture": base64.b64encode(png()).decode()}
    path = f"{BASE}/staff/{staff}/signature"
    assert consortium.admin.post(path, body).json()["code"] == "permission_denied"
    assert consortium.mch_personnel.post(path, body).json()["code"] == "staff_not_found"
    assert consortium.personnel.post(f"{BASE}/staff/{uuid4()}/signature", body).json()["code"] == "staff_not_found"
    assert consortium.hospital.census() == before


def test_leaving_retires_the_specimen(consortium: Consortium) -> None:
    staff = consortium.engage(category="doctor")["staff_id"]
    register(consortium, staff, png())
    assert consortium.personnel.post(f"{BASE}/staff/{staff}/end", {"reason": "辞职", "version": 1}).is_success
    assert consortium.admin.get(f"{BASE}/staff/{staff}/signature").status_code == 404
    late = register(consortium, staff, png())
    assert (late.status_code, late.json()["code"]) == (409, "staff_not_active")


def test_the_register_of_privileges_names_licence_and_specimen(consortium: Consortium) -> None:
    doctor = consortium.engage(name="覃签名", category="doctor", title_code="232")
    staff = doctor["staff_id"]
    number = f"{uuid4().int % 10**15:015d}"
    paper = {"kind": "physician", "number": number, "category": "clinical", "valid_from": "2020-01-01"}
    assert consortium.personnel.post(f"{BASE}/staff/{staff}/licences", paper).status_code == 201
    affairs = consortium.hospital.caller("medical_affairs", campus="hq")
    nobody = affairs.get(f"{BASE}/privileges/teleconsultation/record.pdf")
    assert (nobody.status_code, nobody.json()["code"]) == (404, "not_found")
    granted = affairs.post(
        f"{BASE}/staff/{staff}/privileges", {"kind": "prescribing", "level": 0, "evidence": "考核合格"}
    )
    assert granted.status_code == 201, granted.text
    register(consortium, staff, png())
    form = affairs.get(f"{BASE}/privileges/prescribing/record.pdf")
    assert form.status_code == 200, form.text
    shown = text_of(form.content)
    for part in ("处方权签名留样备案表", "覃签名", number, hashlib.sha256(png()).hexdigest()[:16]):
        assert part in shown, shown


def test_a_post_list_and_a_secondment_notice(consortium: Consortium) -> None:
    doctor = consortium.engage(name="韦派驻", category="management")
    staff = doctor["staff_id"]
    assert consortium.assign(staff, "schedule_clerk").status_code == 201
    posts = consortium.personnel.get(f"{BASE}/posts/schedule_clerk/holders.pdf")
    assert "韦派驻" in text_of(posts.content)
    assert consortium.personnel.get(f"{BASE}/posts/audit_admin/holders.pdf").status_code == 404
    wish = {
        "staff_id": staff,
        "receiving_campus": "mch",
        "unit_id": consortium.tree("mch")["root"]["unit_id"],
        "kind": "management",
        "posts": ["schedule_clerk"],
        "mode": "weekdays",
        "weekdays": [1, 3],
        "from_day": consortium.today(1),
        "to_day": consortium.today(90),
        "cost_share": "30",
    }
    proposed = consortium.personnel.post(f"{BASE}/secondments", wish).json()
    path = f"{BASE}/secondments/{proposed['secondment_id']}"
    early = consortium.personnel.get(f"{path}/notice.pdf")
    assert (early.status_code, early.json()["code"]) == (404, "not_found")
    hr = consortium.hospital.caller("personnel", campus="hq", staff_id=UUID(int=7))
    assert consortium.mch_personnel.post(f"{path}/approve", {"side": "receiving", "version": 1}).is_success
    assert hr.post(f"{path}/approve", {"side": "hr", "version": 2}).is_success
    notice = consortium.mch_personnel.get(f"{path}/notice.pdf")
    assert notice.status_code == 200, notice.text
    shown = text_of(notice.content)
    assert "派驻通知书" in shown
    assert "韦派驻" in shown
    assert "周一" in shown
