"""Authorities by two people, revocation lists by file and by address, and what they change at registering."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from uuid import UUID, uuid4

import pytest

from functions import registry
from integrity.runner import run
from tests.platform.authority import Authority, Key, base64_of
from tests.platform.conftest import Consortium, ok, open_consortium, refused
from tests.support.hospital import cloned_hospital

SSO = "/api/platform/sso"
ANCHORS = f"{SSO}/trust-anchors"


@pytest.fixture(scope="module")
def consortium() -> Iterator[Consortium]:
    names = ("organisation/structure", "platform/permissions", "patients/index", "platform/sso")
    with cloned_hospital([registry.app(name) for name in names]) as hospital:
        yield open_consortium(hospital)


@pytest.fixture(scope="module")
def root(consortium: Consortium) -> Authority:
    """In force at hq only, with a list."""
    one = Authority("甲 根")
    in_force(consortium, one, "hq")
    return one


def sent(authority: Authority, *campuses: str, **more: Any) -> dict[str, Any]:
    return {"certificate": authority.pem, "campuses": list(campuses), **more}


def registered(consortium: Consortium, authority: Authority, *campuses: str, **more: Any) -> dict[str, Any]:
    return dict(ok(consortium.security.post(ANCHORS, sent(authority, *campuses, **more))))


def confirmed(consortium: Consortium, authority: Authority, row: dict[str, Any]) -> dict[str, Any]:
    body = {"fingerprint": authority.fingerprint, "version": row["version"]}
    return dict(ok(consortium.second_security.post(f"{ANCHORS}/{row['anchor_id']}/confirm", body)))


def in_force(consortium: Consortium, authority: Authority, *campuses: str, **more: Any) -> str:
    """Registered, confirmed, with a revocation list; its id."""
    row = confirmed(consortium, authority, registered(consortium, authority, *campuses, **more))
    ok(upload(consortium, row["anchor_id"], authority.list()))
    return str(row["anchor_id"])


def upload(consortium: Consortium, anchor_id: str, content: bytes) -> Any:
    path = f"{ANCHORS}/{anchor_id}/revocation-lists"
    return consortium.security.post(path, {"content": base64_of(content)})


def shown(consortium: Consortium, anchor_id: str) -> dict[str, Any]:
    found = ok(consortium.security.get(ANCHORS, limit=200))["items"]
    return next(one for one in found if one["anchor_id"] == anchor_id)


def bind(consortium: Consortium, person: UUID, key: Key) -> Any:
    body = {"certificate": key.pem, "key_place": "usb_key"}
    return consortium.security.post(f"{SSO}/staff/{person}/certificates", body)


def hand_out(consortium: Consortium, one: dict[str, Any]) -> Any:
    path = f"{SSO}/certificates/{one['certificate_id']}/hand-out"
    return consortium.second_security.post(path, {"version": one["version"]})


def test_two_people_and_the_authoritys_own_fingerprint_put_it_in_force(consortium: Consortium) -> None:
    hospital, one = consortium.hospital, Authority("乙 根")
    row = registered(consortium, one, "hq", crl_url="http://127.0.0.1:9/a.crl")
    assert (row["state"], row["campuses"], row["root"]) == ("registered", ["hq"], True)
    assert (row["revocation_list"], row["refused_from"]) == (None, None)
    both = registered(consortium, Authority("乙 双"), "mch", "hq", "mch")
    assert both["campuses"] == ["hq", "mch"]
    path = f"{ANCHORS}/{row['anchor_id']}"
    before = hospital.census()
    body = {"fingerprint": one.fingerprint, "version": 1}
    refused(consortium.security.post(f"{path}/confirm", body), 422, "same_person")
    refused(consortium.second_security.post(f"{path}/confirm", {**body, "version": 7}), 409, "version_conflict")
    refused(consortium.second_security.post(f"{path}/confirm", {**body, "fingerprint": "ab"}), 422, "invalid")
    refused(upload(consortium, row["anchor_id"], one.list()), 409, "anchor_state")
    refused(consortium.security.post(ANCHORS, sent(one, "hq")), 409, "anchor_known")
    refused(consortium.system.post(ANCHORS, sent(Authority("丙"), "hq")), 403, "permission_denied")
    refused(consortium.second_security.post(f"{ANCHORS}/{uuid4()}/confirm", body), 404, "anchor_not_found")
    assert hospital.census() == before
    wrong = {**body, "fingerprint": Authority("丙").fingerprint}
    refused(consortium.second_security.post(f"{path}/confirm", wrong), 422, "fingerprint_differs")
    tried = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'refused' AND detail ->> 'code' = %s"
    assert hospital.value(tried, ["fingerprint_differs"]) == 1
    done = confirmed(consortium, one, row)
    assert (done["state"], done["version"]) == ("in_force", 2)
    refused(consortium.second_security.post(f"{path}/confirm", {**body, "version": 2}), 409, "anchor_state")
    acts = hospital.rows(
        "SELECT action FROM kernel.audit_entries WHERE subject_id = %s ORDER BY at", [row["anchor_id"]]
    )
    assert [act["action"] for act in acts if act["action"] != "refused"] == ["anchor.registered", "anchor.confirmed"]
    end = {"reason": "试验结束", "version": 2}
    assert ok(consortium.security.post(f"{path}/end", end))["state"] == "ended"
    refused(consortium.security.post(f"{path}/end", {**end, "version": 3}), 409, "anchor_state")
    point = {"crl_url": None, "version": 3}
    refused(consortium.security.post(f"{path}/crl-source", point), 409, "anchor_state")


def test_what_is_no_authority_is_not_entered(consortium: Consortium) -> None:
    before = consortium.hospital.census()
    middle = Authority("丁 运营", Authority("丁 根"))
    for body, code, word in (
        (sent(Authority("丁", ca=False), "hq"), "anchor_unfit", "不是 CA 证书"),
        (sent(Authority("丁", days=1), "hq"), "anchor_unfit", "有效期"),
        (sent(middle, "hq"), "anchor_unfit", "上级 CA"),
        (sent(Authority("丁"), "nowhere"), "anchor_unfit", "没有这个院区"),
        (sent(Authority("丁"), "hq", crl_url="ldap://ca.example/x"), "revocation_list_unfit", "http"),
        (sent(Authority("丁")), "invalid", ""),
        ({**sent(Authority("丁"), "hq"), "certificate": "x" * 60}, "certificate_unreadable", "X.509"),
    ):
        assert word in refused(consortium.security.post(ANCHORS, body), 422, code)["detail"]
    assert consortium.hospital.census() == before


def test_an_intermediate_hangs_on_a_root_of_its_campuses(consortium: Consortium, root: Authority) -> None:
    middle = Authority("甲 运营", root, path_length=0)
    answer = refused(consortium.security.post(ANCHORS, sent(middle, "hq", "mch")), 422, "anchor_unfit")
    assert "本院区没有启用" in answer["detail"]
    in_force(consortium, middle, "hq")
    person = consortium.posted("outpatient_doctor", name="覃两级")
    assert ok(bind(consortium, person, middle.issue("覃两级")))["state"] == "bound"


def test_once_an_authority_is_in_force_only_its_certificates_are_registered(
    consortium: Consortium, root: Authority
) -> None:
    hospital, person = consortium.hospital, consortium.posted("outpatient_doctor", name="陆登记")
    anchor_id = in_force(consortium, other := Authority("戊 根"), "hq")
    gone, held, good = other.issue("陆登记"), other.issue("陆登记"), other.issue("陆登记")
    ok(upload(consortium, anchor_id, other.list(gone.serial, held=(held.serial,))))
    before = hospital.census()
    for key, cause in (
        (Authority("己 根").issue("陆登记"), "unknown_authority"),
        (gone, "revoked"),
        (held, "revoked"),
        (other.issue("陆登记", strange=True), "extension"),
    ):
        assert refused(bind(consortium, person, key), 422, "certificate_untrusted")["cause"] == cause
    assert hospital.census() == before
    one = ok(bind(consortium, person, good))
    ok(upload(consortium, anchor_id, other.list(gone.serial, good.serial)))
    before = hospital.census()
    assert refused(hand_out(consortium, one), 422, "certificate_untrusted")["cause"] == "revoked"
    assert hospital.census() == before
    assert ok(bind(consortium, person, held))["state"] == "bound", "the suspension is over"
    row = shown(consortium, anchor_id)
    body = {"reason": "换发新 CA", "version": row["version"]}
    ok(consortium.security.post(f"{ANCHORS}/{anchor_id}/end", body))
    refusal = refused(bind(consortium, person, other.issue("陆登记")), 422, "certificate_untrusted")
    assert refusal["cause"] == "unknown_authority", "ending one does not let everything in again"


def test_without_an_authority_of_the_campus_all_is_as_before(consortium: Consortium, root: Authority) -> None:
    person = consortium.posted("outpatient_doctor", campus="mch", name="黄照旧")
    officer = consortium.hospital.caller("security_admin", campus="mch")
    body = {"certificate": Authority("无名").issue("黄照旧").pem, "key_place": "usb_key"}
    assert ok(officer.post(f"{SSO}/staff/{person}/certificates", body))["state"] == "bound"


def test_what_the_authority_takes_back_is_revoked_in_the_register(consortium: Consortium, root: Authority) -> None:
    hospital, one = consortium.hospital, Authority("庚 根")
    anchor_id = in_force(consortium, one, "hq")
    person = consortium.posted("outpatient_doctor", name="蓝吊销")
    key, kept = one.issue("蓝吊销"), one.issue("蓝吊销")
    first, second = (ok(bind(consortium, person, each)) for each in (key, kept))
    ok(hand_out(consortium, first))
    ok(upload(consortium, anchor_id, one.list(key.serial, held=(kept.serial,))))
    hospital.minute("platform/sso")
    rows = {row["certificate_id"]: row for row in ok(consortium.security.get(f"{SSO}/certificates"))["items"]}
    assert (rows[first["certificate_id"]]["state"], rows[first["certificate_id"]]["end_reason"]) == (
        "revoked",
        "authority",
    )
    assert rows[second["certificate_id"]]["state"] == "bound", "a suspension may end"
    acts = "SELECT count(*) FROM kernel.audit_entries WHERE action = 'certificate.revoked' AND subject_id = %s"
    assert hospital.value(acts, [first["certificate_id"]]) == 1
    hospital.minute("platform/sso")
    assert hospital.value(acts, [first["certificate_id"]]) == 1
    assert "CA 机构已吊销" not in str(rows)  # a code in answers, the words on the form


def test_lists_are_taken_over_forwards_only(consortium: Consortium, root: Authority) -> None:
    hospital, one = consortium.hospital, Authority("辛 根")
    anchor_id = in_force(consortium, one, "hq")
    latest = one.list(0x11, 0x12, number=40)
    kept = ok(upload(consortium, anchor_id, latest))
    assert (kept["number"], kept["entries"], kept["source"]) == ("40", 2, "uploaded")
    old = datetime.now(UTC) - timedelta(days=3)
    before = hospital.census()
    for content, word in (
        (one.list(number=39), "不能退回"),
        (one.list(number=41, start=old), "不能退回"),
        (one.list(number=40), "内容不同"),
        (Authority("辛 根").list(number=99), "签名不正确"),
        (one.list(number=99, delta=True), "增量"),
        (one.list(number=99, start=old - timedelta(days=30)), "不能退回"),
        (b"nothing of the kind at all, no list", "不是有效的"),
    ):
        assert word in refused(upload(consortium, anchor_id, content), 422, "revocation_list_unfit")["detail"]
    assert hospital.census() == before
    assert ok(upload(consortium, anchor_id, latest))["list_id"] == kept["list_id"], "the same once more"
    lines = "SELECT serial FROM platform.revoked_certificates WHERE anchor_id = %s AND gone_at IS NULL ORDER BY serial"
    ok(upload(consortium, anchor_id, one.list(0x12, 0x13, number=10**40)))
    assert [row["serial"] for row in hospital.rows(lines, [anchor_id])] == ["12", "13"]
    path = f"{ANCHORS}/{anchor_id}/revocation-lists"
    first = ok(consortium.security.get(path, limit=2))
    assert [row["number"] for row in first["items"]] == [str(10**40), "40"]
    rest = ok(consortium.security.get(path, limit=2, cursor=first["next"]))
    assert ([row["number"] for row in rest["items"]], rest["next"]) == (["1"], None)


def test_two_lists_at_once_end_with_the_newer(consortium: Consortium, root: Authority) -> None:
    one = Authority("壬 根")
    anchor_id = in_force(consortium, one, "hq")
    offered, seen = [one.list(0x21, number=50), one.list(0x22, number=51)], []
    threads = [
        threading.Thread(target=lambda each=each: seen.append(upload(consortium, anchor_id, each).status_code))
        for each in offered
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert sorted(seen) in ([201, 201], [201, 422])
    assert shown(consortium, anchor_id)["revocation_list"]["number"] == "51"
    lines = "SELECT serial FROM platform.revoked_certificates WHERE anchor_id = %s AND gone_at IS NULL"
    assert [row["serial"] for row in consortium.hospital.rows(lines, [anchor_id])] == ["22"]


@contextmanager
def published() -> Iterator[tuple[str, dict[str, Any]]]:
    """Where an authority publishes its list; `what` is given."""
    what: dict[str, Any] = {"content": b"", "asked": 0, "status": 200, "to": ""}

    class Site(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            what["asked"] += 1
            self.send_response(what["status"])
            if what["to"]:
                self.send_header("location", what["to"])
            self.send_header("content-length", str(len(what["content"])))
            self.end_headers()
            self.wfile.write(what["content"])

        def log_message(self, format: str, *args: object) -> None:
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Site)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}/a.crl", what
    server.shutdown()
    thread.join(5)
    server.server_close()


def test_a_list_is_fetched_every_hour_and_a_bad_one_says_why(consortium: Consortium, root: Authority) -> None:
    hospital, one = consortium.hospital, Authority("癸 根")
    with published() as (url, what):
        what["content"] = one.list(0x31, number=1)
        row = confirmed(consortium, one, registered(consortium, one, "hq", crl_url=url))
        anchor_id = row["anchor_id"]
        hospital.minute("platform/sso")
        now = shown(consortium, anchor_id)
        assert (now["revocation_list"]["number"], now["revocation_list"]["source"]) == ("1", "fetched")
        assert (now["fetch_error"], what["asked"]) == (None, 1)
        hospital.minute("platform/sso")
        assert what["asked"] == 1, "not every minute"
        try:
            for hours, content, status, to, word in (
                (1.1, one.list(0x31, 0x32, number=2), 200, "", None),
                (2.2, one.list(number=1), 200, "", "不能退回"),
                (3.3, b"", 404, "", "没有给出"),
                (4.4, b"", 302, url, "没有给出"),
                (5.5, b"<html>portal</html>", 200, "", "不是有效的"),
                (6.6, one.list(0x31, 0x32, number=3), 200, "", None),
            ):
                hospital.clock.offset = timedelta(hours=hours)
                what.update(content=content, status=status, to=to, asked=0)
                hospital.minute("platform/sso")
                assert what["asked"] == 1
                error = shown(consortium, anchor_id)["fetch_error"]
                assert (word in error) if word else (error is None), error
        finally:
            hospital.clock.offset = timedelta()
        assert shown(consortium, anchor_id)["revocation_list"]["number"] == "3"
        point = {"crl_url": None, "version": shown(consortium, anchor_id)["version"]}
        changed = ok(consortium.security.post(f"{ANCHORS}/{anchor_id}/crl-source", point))
        assert changed["crl_url"] is None
        refused(consortium.security.post(f"{ANCHORS}/{anchor_id}/crl-source", point), 409, "version_conflict")


def test_a_list_that_has_run_out_is_told_of_once_and_refuses(consortium: Consortium, root: Authority) -> None:
    hospital, one = consortium.hospital, Authority("子 根")
    anchor_id = in_force(consortium, one, "hq")
    ok(upload(consortium, anchor_id, one.list(days=2)))
    person = consortium.posted("outpatient_doctor", name="农过期")

    def told() -> int:
        return sum(event["data"]["anchor_id"] == anchor_id for event in hospital.events("revocation_list_stale"))

    try:
        hospital.clock.offset = timedelta(days=2)  # run out, within the grace of a day
        hospital.minute("platform/sso")
        assert told() == 0
        ok(bind(consortium, person, one.issue("农过期")))
        hospital.clock.offset = timedelta(days=2, hours=23, minutes=30)
        for _ in range(2):
            hospital.minute("platform/sso")
        assert told() == 1
        before = hospital.census()
        assert (
            refused(bind(consortium, person, one.issue("农过期")), 422, "certificate_untrusted")["cause"]
            == "list_stale"
        )
        assert hospital.census() == before
        ok(upload(consortium, anchor_id, one.list(start=datetime.now(UTC) + timedelta(days=2))))
        ok(bind(consortium, person, one.issue("农过期")))
        hospital.minute("platform/sso")
        assert told() == 1
        hospital.clock.offset = timedelta(days=12)
        hospital.minute("platform/sso")
        assert told() == 2, "the next one that runs out"
    finally:
        hospital.clock.offset = timedelta()


def test_authorities_are_listed_in_windows_and_nobody_else_reads_them(consortium: Consortium, root: Authority) -> None:
    everything = ok(consortium.security.get(ANCHORS, limit=200))["items"]
    first = ok(consortium.security.get(ANCHORS, limit=2))
    rest = ok(consortium.security.get(ANCHORS, limit=200, cursor=first["next"]))
    assert [*first["items"], *rest["items"]] == everything
    assert everything == sorted(everything, key=lambda one: one["anchor_id"], reverse=True)
    refused(consortium.hospital.caller("registrar").get(ANCHORS), 403, "permission_denied")


def test_what_does_not_add_up_is_found(consortium: Consortium, root: Authority) -> None:
    hospital, one = consortium.hospital, Authority("丑 根")
    names = frozenset({"sso.signed_on_by_no_certificate", "sso.revoked_certificate_in_use"})

    def broken() -> set[str]:
        return {check.name for check in run(hospital.settings.auditor_database_url, names) if not check.holds}

    anchor_id = in_force(consortium, one, "hq")
    person = consortium.posted("outpatient_doctor", name="廖不符")
    row = ok(bind(consortium, person, key := one.issue("廖不符")))
    ok(upload(consortium, anchor_id, one.list(key.serial)))
    assert broken() == set()
    hospital.execute("UPDATE platform.revoked_certificates SET listed_at = listed_at - interval '1 hour'")
    assert "sso.revoked_certificate_in_use" in broken()
    hospital.minute("platform/sso")
    assert broken() == set()
    proof = (
        "INSERT INTO platform.session_proofs (realm_session, staff_id, certificate_id, methods, proved_at, until)"
        " VALUES ('by-hand-1', %s, %s, 'pwd+x509', now(), now() + interval '10 hours')"
    )
    for owner, certificate in ((person, row["certificate_id"]), (uuid4(), uuid4())):
        hospital.execute(proof, [owner, certificate])
        assert broken() == {"sso.signed_on_by_no_certificate"}
        hospital.execute("DELETE FROM platform.session_proofs")
    assert broken() == set()
