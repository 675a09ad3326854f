"""Certificates staff sign with: read from the file, handed out by two, looked up by the moment of a signature."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import registry
from functions.platform.sso import rules_certificates as rules
from functions.platform.sso import service as sso
from functions.platform.sso.problems_certificates import CertificateUnreadable
from integrity.runner import run
from tests.platform import papers
from tests.platform.conftest import Consortium, ok, open_consortium, refused
from tests.shared.print_probe import text_of
from tests.support.hospital import cloned_hospital

SSO = "/api/platform/sso"


@pytest.fixture(scope="module")
def consortium() -> Iterator[Consortium]:
    names = ("organisation/structure", "platform/permissions", "patients/index", "platform/sso")
    with cloned_hospital([registry.app(name) for name in names]) as hospital:
        yield open_consortium(hospital)


def body(der: bytes, **fields: Any) -> dict[str, Any]:
    return {"certificate": papers.pem(der), "key_place": "usb_key", **fields}


def bound(consortium: Consortium, staff_id: UUID, der: bytes, **fields: Any) -> dict[str, Any]:
    return dict(ok(consortium.security.post(f"{SSO}/staff/{staff_id}/certificates", body(der, **fields))))


def handed_out(consortium: Consortium, staff_id: UUID, der: bytes) -> dict[str, Any]:
    one = bound(consortium, staff_id, der)
    path = f"{SSO}/certificates/{one['certificate_id']}/hand-out"
    return dict(ok(consortium.second_security.post(path, {"version": one["version"]})))


def holder(consortium: Consortium, serial: str, at: datetime | None = None) -> str | None:
    found = ok(consortium.security.get(f"{SSO}/certificate-holder", serial=serial, **({"at": at} if at else {})))
    return found["staff_id"]


def moment(consortium: Consortium, **later: float) -> datetime:
    return consortium.hospital.clock() + timedelta(**later)


def test_an_rsa_certificate_is_read_handed_out_by_another_and_then_counts(consortium: Consortium) -> None:
    person = consortium.posted("outpatient_doctor", name="覃签名")
    der = papers.paper("覃签名@450000", serial=0x0A1B2C3D4E5F)
    one = bound(consortium, person, der, medium_no="UK-0031")
    assert (one["serial"], one["algorithm"], one["key_bits"]) == ("0A1B2C3D4E5F", "rsa", 2048)
    assert "覃签名@450000" in one["subject"]
    assert (one["state"], one["handed_at"]) == ("bound", None)
    assert holder(consortium, one["serial"]) is None, "it lies in the office: nobody signs with it"

    path = f"{SSO}/certificates/{one['certificate_id']}"
    before = consortium.hospital.census()
    refused(consortium.security.post(f"{path}/hand-out", {"version": 1}), 422, "same_person")
    refused(consortium.second_security.post(f"{path}/hand-out", {"version": 9}), 409, "version_conflict")
    assert consortium.hospital.census() == before
    done = ok(consortium.second_security.post(f"{path}/hand-out", {"version": 1}))
    assert done["version"] == 2
    refused(consortium.second_security.post(f"{path}/hand-out", {"version": 2}), 409, "certificate_state")

    for written in ("0A1B2C3D4E5F", "0a:1b:2c:3d:4e:5f", "a1b2c3d4e5f"):
        assert holder(consortium, written) == str(person), "however the vendor writes it"
    assert holder(consortium, "0A1B2C3D4E60") is None
    with consortium.hospital.tx("mch") as tx:
        assert [row.serial for row in sso.signs_with(tx, person)] == [one["serial"]], "at every campus"
    kinds = consortium.hospital.rows(
        "SELECT action FROM kernel.audit_entries WHERE subject_id = %s ORDER BY at", [one["certificate_id"]]
    )
    assert [row["action"] for row in kinds][:2] == ["certificate.bound", "certificate.handed_out"]


def test_an_sm2_certificate_is_recognised_though_its_curve_is_not_computed(consortium: Consortium) -> None:
    person = consortium.posted("outpatient_doctor", name="韦国密")
    der = papers.paper("韦国密", kind="sm2")
    one = ok(
        consortium.security.post(
            f"{SSO}/staff/{person}/certificates",
            {"certificate": papers.base64_of(der), "key_place": "mobile"},
        )
    )
    assert (one["algorithm"], one["key_bits"], one["key_place"]) == ("sm2", 256, "mobile")
    kept = consortium.hospital.value("SELECT content FROM platform.ca_certificates WHERE serial = %s", [one["serial"]])
    assert bytes(kept) == der


def test_what_cannot_be_signed_with_is_refused_with_the_reason(consortium: Consortium) -> None:
    hospital = consortium.hospital
    person = consortium.posted("outpatient_doctor", name="陆拒收")
    path = f"{SSO}/staff/{person}/certificates"
    good = papers.paper("陆拒收")
    old = papers.paper("陆拒收", valid_from=datetime.now(UTC) - timedelta(days=400), days=365)
    before = hospital.census()
    for sent, code, word in (
        (body(papers.paper("陆拒收", kind="weak")), "certificate_unfit", "1024"),
        (body(papers.paper("陆拒收", kind="ec")), "certificate_unfit", "SM2"),
        (body(papers.paper("陆拒收", ca=True)), "certificate_unfit", "CA 机构的证书"),
        (body(papers.paper("陆拒收", signs=False)), "certificate_unfit", "加密证书"),
        (body(old), "certificate_unfit", "到期"),
        (body(papers.paper("覃别人")), "certificate_of_another", "姓名"),
        (body(good, certificate=papers.pem(good) * 2), "certificate_unreadable", "多张"),
        (body(good, certificate=papers.pem(good) + papers.KEY_PEM), "private_key_shown", "私钥"),
        (body(good, certificate=papers.base64_of(good)[:-40]), "certificate_unreadable", "X.509"),
        (body(good, certificate="这不是证书" * 20), "certificate_unreadable", "X.509"),
    ):
        answer = refused(consortium.security.post(path, sent), 422, code)
        assert word in answer["detail"], answer["detail"]
    assert hospital.census() == before
    refused(consortium.system.post(path, body(good)), 403, "permission_denied")
    mch = hospital.caller("security_admin", campus="mch")
    refused(mch.post(path, body(good)), 404, "account_not_here")
    assert hospital.census() == before
    tried = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'refused' AND detail ->> 'code' = %s"
    assert hospital.value(tried, ["private_key_shown"]) == 1
    assert papers.KEY_PEM[40:90] not in str(hospital.rows("SELECT * FROM kernel.audit_entries"))


def test_one_certificate_belongs_to_one_person_and_nobody_serves_himself(consortium: Consortium) -> None:
    first = consortium.posted("outpatient_doctor", name="黄同名")
    second = consortium.posted("outpatient_doctor", name="黄同名")
    der = papers.paper("黄同名")
    one = bound(consortium, first, der)
    before = consortium.hospital.census()
    refused(consortium.security.post(f"{SSO}/staff/{second}/certificates", body(der)), 409, "certificate_bound")
    assert consortium.hospital.census() == before
    path = f"{SSO}/certificates/{one['certificate_id']}"
    ok(consortium.security.post(f"{path}/revoke", {"reason": "wrong"}))
    again = handed_out(consortium, second, der)
    assert (again["staff_id"], again["serial"]) == (str(second), one["serial"])
    other = f"{SSO}/certificates/{again['certificate_id']}"
    refused(consortium.security.post(f"{other}/revoke", {"reason": "wrong"}), 409, "certificate_state")

    officer = consortium.signed_on(consortium.posted("security_admin", name="陆自办"))
    own = papers.paper("陆自办")
    refused(officer.post(f"{SSO}/staff/{officer.staff_id}/certificates", body(own)), 422, "same_person")
    mine = bound(consortium, officer.staff_id, own)
    refused(officer.post(f"{SSO}/certificates/{mine['certificate_id']}/hand-out", {"version": 1}), 422, "same_person")


def test_a_revoked_certificate_stays_the_holders_for_what_was_signed_before(consortium: Consortium) -> None:
    hospital = consortium.hospital
    person = consortium.posted("outpatient_doctor", name="韦遗失")
    one = handed_out(consortium, person, papers.paper("韦遗失"))
    hospital.clock.move(hours=2)
    me = consortium.signed_on(person)
    [mine] = ok(me.get(f"{SSO}/my/certificates"))
    assert mine["certificate_id"] == one["certificate_id"]
    stranger = consortium.signed_on(consortium.posted("outpatient_doctor"))
    path = f"{SSO}/my/certificates/{one['certificate_id']}/lost"
    refused(stranger.post(path), 404, "certificate_not_found")
    assert ok(me.post(path))["end_reason"] == "lost"
    refused(me.post(path), 409, "certificate_state")
    hospital.clock.move(hours=1)
    assert holder(consortium, one["serial"]) is None
    assert holder(consortium, one["serial"], moment(consortium, hours=-2)) == str(person)
    assert holder(consortium, one["serial"], moment(consortium, hours=-4)) is None, "before it was handed out"


def test_two_officers_at_once_hand_it_out_once(consortium: Consortium) -> None:
    person = consortium.posted("outpatient_doctor", name="陆同时")
    one = bound(consortium, person, papers.paper("陆同时"))
    path, seen = f"{SSO}/certificates/{one['certificate_id']}/hand-out", []
    officers = [consortium.hospital.caller("security_admin") for _ in range(4)]
    threads = [
        threading.Thread(target=lambda who=who: seen.append(who.post(path, {"version": 1}).status_code))
        for who in officers
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(30)
    assert sorted(seen) == [200, 409, 409, 409]
    handed = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'certificate.handed_out' AND subject_id = %s"
    assert consortium.hospital.value(handed, [one["certificate_id"]]) == 1


def test_what_ends_is_announced_once_a_month_before_and_ends_by_itself(consortium: Consortium) -> None:
    hospital = consortium.hospital
    person = consortium.posted("outpatient_doctor", name="覃到期")
    start = moment(consortium, days=-1)
    one = handed_out(consortium, person, papers.paper("覃到期", valid_from=start, days=60))

    def told() -> list[dict[str, Any]]:
        found = [event["data"] for event in hospital.events("certificate_expiring")]
        return [data for data in found if data["certificate_id"] == one["certificate_id"]]

    hospital.minute("platform/sso", "hq")
    assert told() == []
    hospital.clock.move(days=29, hours=1)
    hospital.minute("platform/sso", "mch")
    assert told() == [], "another campus's"
    hospital.minute("platform/sso", "hq")
    hospital.minute("platform/sso", "hq")
    [data] = told()
    assert (data["staff_id"], data["campus_code"]) == (str(person), "hq")
    assert holder(consortium, one["serial"]) == str(person)
    hospital.clock.move(days=31)
    assert holder(consortium, one["serial"]) is None, "over at its own moment, whenever the sweep comes"
    hospital.minute("platform/sso", "hq")
    row = hospital.rows("SELECT state, ended_by FROM platform.ca_certificates WHERE serial = %s", [one["serial"]])[0]
    assert row == {"state": "expired", "ended_by": None}
    assert holder(consortium, one["serial"], moment(consortium, days=-20)) == str(person)
    refused(
        consortium.security.post(f"{SSO}/certificates/{one['certificate_id']}/revoke", {"reason": "lost"}),
        409,
        "certificate_state",
    )


def test_a_leaver_signs_nothing_more(consortium: Consortium) -> None:
    hospital = consortium.hospital
    person = consortium.posted("outpatient_doctor", name="黄离职")
    one = handed_out(consortium, person, papers.paper("黄离职", valid_from=moment(consortium, days=-1)))
    from events.organisation import StaffLeft

    with hospital.tx("hq") as tx:
        tx.emit(StaffLeft(staff_id=person, campus_code="hq", left_at=tx.now))
    hospital.drain()
    hospital.clock.move(minutes=1)
    assert holder(consortium, one["serial"]) is None
    ended = "SELECT end_reason FROM platform.ca_certificates WHERE serial = %s"
    assert hospital.value(ended, [one["serial"]]) == "left"


def test_the_form_names_both_officers_and_the_list_is_of_one_campus(consortium: Consortium) -> None:
    hospital = consortium.hospital
    names = ("陆登记", "覃发放")
    officers = [hospital.caller("security_admin", name=name) for name in names]
    person = consortium.posted("outpatient_doctor", name="韦领用")
    der = papers.paper("韦领用", valid_from=moment(consortium, days=-1))
    one = ok(officers[0].post(f"{SSO}/staff/{person}/certificates", body(der, medium_no="UK-7")))
    path = f"{SSO}/certificates/{one['certificate_id']}"
    ok(officers[1].post(f"{path}/hand-out", {"version": 1}))
    answer = officers[0].get(f"{path}/form.pdf")
    assert answer.headers["content-type"] == "application/pdf"
    shown = "".join("".join(text_of(answer.content)).split())
    for word in ("CA证书领用登记表", *names, "韦领用", one["serial"], "USBKey", "UK-7", "RSA（2048位）"):
        assert word in shown, word
    mch = hospital.caller("security_admin", campus="mch")
    refused(mch.get(f"{path}/form.pdf"), 404, "certificate_not_found")
    refused(mch.post(f"{path}/revoke", {"reason": "lost"}), 404, "certificate_not_found")
    refused(officers[0].get(f"{SSO}/certificates/{uuid4()}/form.pdf"), 404, "certificate_not_found")

    seen: list[str] = []
    cursor: dict[str, Any] = {}
    while True:
        page = ok(officers[0].get(f"{SSO}/certificates", limit=2, **cursor))
        seen += [row["certificate_id"] for row in page["items"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    kept = hospital.rows("SELECT certificate_id FROM platform.ca_certificates ORDER BY certificate_id DESC")
    assert seen == [str(row["certificate_id"]) for row in kept]
    assert ok(mch.get(f"{SSO}/certificates"))["items"] == []


def test_the_database_itself_wants_two_people(consortium: Consortium) -> None:
    person = consortium.posted("outpatient_doctor", name="陆二人")
    one = bound(consortium, person, papers.paper("陆二人", valid_from=moment(consortium, days=-1)))
    with pytest.raises(psycopg.errors.CheckViolation, match="two_people"):
        consortium.hospital.execute(
            "UPDATE platform.ca_certificates SET handed_at = now(), handed_by = bound_by WHERE certificate_id = %s",
            [one["certificate_id"]],
        )


def test_the_checks_find_a_term_that_was_missed_and_an_issue_that_does_not_fit(consortium: Consortium) -> None:
    hospital, names = consortium.hospital, frozenset({"sso.certificate_not_ended", "sso.offline_session_issue"})

    def broken() -> set[str]:
        return {one.name for one in run(hospital.settings.auditor_database_url, names) if not one.holds}

    hospital.execute("DELETE FROM platform.ca_certificates")
    person = consortium.posted("outpatient_doctor", name="覃核对")
    bound(consortium, person, papers.paper("覃核对", valid_from=moment(consortium, days=-1)))
    assert broken() == set()
    hospital.execute(
        "UPDATE platform.ca_certificates SET valid_from = '2020-01-01', valid_to = now() - interval '1 hour'"
    )
    assert broken() == {"sso.certificate_not_ended"}
    hospital.execute("DELETE FROM platform.ca_certificates")
    issue, who = uuid4(), uuid4()
    hospital.execute(
        "INSERT INTO platform.verifier_issues (issue_id, campus_id, bridge, issued_at, valid_to, staff_ids)"
        " VALUES (%s, 'hq', 'b', now(), now() + interval '72 hours', %s)",
        [issue, [who]],
    )
    session = (
        "INSERT INTO platform.offline_sessions (session_id, campus_id, entry_id, staff_id, workstation, outcome,"
        " opened_at, ended_at, issue_id, bridge, received_at) VALUES (gen_random_uuid(), 'hq', gen_random_uuid(), %s,"
        " 'w', 'opened', now() + %s::interval, now() + interval '90 hours', %s, 'b', now())"
    )
    hospital.execute(session, [who, "1 hour", issue])
    assert broken() == set()
    hospital.execute(session, [who, "73 hours", issue])
    assert broken() == {"sso.offline_session_issue"}
    hospital.execute("DELETE FROM platform.offline_sessions WHERE opened_at > now() + interval '2 hours'")
    hospital.execute(session, [uuid4(), "1 hour", issue])
    assert broken() == {"sso.offline_session_issue"}


@given(st.integers(min_value=1, max_value=2**159), st.sampled_from(["{:x}", "{:X}", "00{:X}", " {:x} "]))
def test_a_serial_number_is_one_however_it_is_written(number: int, shape: str) -> None:
    plain = f"{number:X}"
    coloned = ":".join(plain.zfill(len(plain) + len(plain) % 2)[at : at + 2] for at in range(0, len(plain), 2))
    kept = rules.serial_of(plain)
    assert int(kept, 16) == number
    assert len(kept) % 2 == 0
    assert rules.serial_of(shape.format(number)) == rules.serial_of(coloned) == kept


@given(st.binary(min_size=1, max_size=400))
def test_any_other_file_is_refused_and_never_an_error(noise: bytes) -> None:
    with pytest.raises(CertificateUnreadable):
        rules.parse(papers.base64_of(noise))
