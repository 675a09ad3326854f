"""Whether a chain holds and a revocation list may be taken over: with real certificates, and no hospital."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import UUID, uuid4

import pytest
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from hypothesis import given
from hypothesis import strategies as st

from functions.platform.sso import rules_revocation as lists
from functions.platform.sso import rules_trust as rules
from functions.platform.sso import sm2
from functions.platform.sso.authorities import client
from functions.platform.sso.problems_certificates import CertificateUnreadable, PrivateKeyShown
from functions.platform.sso.problems_trust import AnchorUnfit, CertificateUntrusted, ListUnfit
from shared.identity.rights import Proof, proof_of
from tests.platform.authority import CLIENT, SERVER, Authority, Sm2Authority, base64_of, pem_of

NOW = datetime.now(UTC)
ROOT = Authority("甲 根")
MIDDLE = Authority("甲 运营", ROOT, path_length=0)


def anchor(authority: Authority, *campuses: str, until: datetime | None = NOW + timedelta(days=7)) -> rules.Anchor:
    return rules.Anchor(uuid4(), authority.der, frozenset(campuses or ("hq",)), until, "all")


ANCHORS = [anchor(ROOT), anchor(MIDDLE)]


def cause(der: bytes, *, anchors: list[rules.Anchor] = ANCHORS, campus: str = "hq", now: datetime = NOW) -> str:
    with pytest.raises(CertificateUntrusted) as refused:
        rules.chain_of(der, anchors, campus, now, "sign_on")
    assert refused.value.detail.endswith(("。", "）"))
    return str(refused.value.extra["cause"])


def test_a_chain_climbs_to_a_registered_root() -> None:
    key = MIDDLE.issue("覃登录", purposes=[CLIENT])
    links = rules.chain_of(key.der, ANCHORS, "hq", NOW, "sign_on")
    assert [link.anchor.content for link in links] == [MIDDLE.der, ROOT.der]
    assert [link.authority for link in links] == [False, True]
    assert int(links[0].serial, 16) == key.serial


def test_what_breaks_a_chain_is_named() -> None:
    good = MIDDLE.issue("覃登录")
    twin = Authority("甲 运营", ROOT)
    assert cause(Authority("乙 根").issue("覃登录").der) == "unknown_authority"
    assert cause(twin.issue("覃登录").der) == "signature", "the same name, another key"
    assert cause(good.der, anchors=[anchor(MIDDLE)]) == "unknown_authority", "the root is not registered"
    assert cause(good.der, anchors=[anchor(ROOT, "mch"), anchor(MIDDLE)]) == "campus"
    assert cause(good.der, campus="mch") == "campus"
    assert cause(MIDDLE.issue("覃登录", days=1, start=NOW - timedelta(days=2)).der) == "expired"
    assert cause(MIDDLE.issue("覃登录", start=NOW + timedelta(days=1)).der) == "expired"
    assert cause(good.der, now=NOW + timedelta(days=3650)) == "expired"
    assert cause(MIDDLE.issue("覃登录", signs=False).der) == "usage"
    assert cause(MIDDLE.issue("覃登录", purposes=[SERVER]).der) == "usage"
    assert cause(MIDDLE.der) == "usage", "an authority is nobody"
    assert cause(MIDDLE.issue("覃登录", strange=True).der) == "extension"
    assert cause(good.der[:-4] + bytes([good.der[-4] ^ 1]) + good.der[-3:]) == "signature"


def test_an_authority_that_may_not_issue_breaks_the_chain() -> None:
    no_ca = Authority("丙 假", ROOT, ca=False)
    assert cause(no_ca.issue("覃登录").der, anchors=[*ANCHORS, anchor(no_ca)]) == "usage"
    odd = Authority("丙 怪", ROOT, strange=True)
    assert cause(odd.issue("覃登录").der, anchors=[*ANCHORS, anchor(odd)]) == "extension"
    below = Authority("丙 下级", MIDDLE)
    assert cause(below.issue("覃登录").der, anchors=[*ANCHORS, anchor(below)]) == "path_length"
    short = Authority("丙 短", ROOT, days=3)
    late = NOW + timedelta(days=2)
    assert cause(short.issue("覃登录").der, anchors=[*ANCHORS, anchor(short)], now=late) == "expired"


def test_a_certificate_that_only_commits_signs_documents_and_nobody_on() -> None:
    key = MIDDLE.issue("覃签名", signs=False)
    assert rules.chain_of(key.der, ANCHORS, "hq", NOW, "signing")


def test_a_list_that_is_missing_run_out_or_partial_refuses() -> None:
    der, day = MIDDLE.issue("覃登录").der, timedelta(days=1)

    def judged(root: rules.Anchor, middle: rules.Anchor) -> str:
        links = rules.chain_of(der, [root, middle], "hq", NOW, "sign_on")
        try:
            rules.check_lists(links, NOW, day)
        except CertificateUntrusted as refusal:
            return str(refusal.extra["cause"])
        return "fine"

    assert judged(anchor(ROOT), anchor(MIDDLE)) == "fine"
    assert judged(anchor(ROOT), anchor(MIDDLE, until=NOW - day / 2)) == "fine", "within the grace"
    assert judged(anchor(ROOT), anchor(MIDDLE, until=NOW - day)) == "list_stale"
    assert judged(anchor(ROOT, until=NOW - day), anchor(MIDDLE)) == "list_stale", "of every link"
    assert judged(anchor(ROOT), anchor(MIDDLE, until=None)) == "list_missing"
    assert judged(anchor(ROOT), anchor(MIDDLE)._replace(scope="authorities")) == "list_missing"
    assert judged(anchor(ROOT)._replace(scope="users"), anchor(MIDDLE)) == "list_missing"
    assert judged(anchor(ROOT)._replace(scope="authorities"), anchor(MIDDLE)._replace(scope="users")) == "fine"


def test_a_challenge_is_signed_by_this_key_and_over_this_text() -> None:
    key, other = MIDDLE.issue("覃登录"), MIDDLE.issue("覃登录")
    signature = key.private.sign(b"text", *padding())
    assert rules.signed_challenge(key.der, b"text", signature)
    assert not rules.signed_challenge(key.der, b"text!", signature)
    assert not rules.signed_challenge(other.der, b"text", signature)
    assert not rules.signed_challenge(key.der, b"text", signature[:-1])


def padding() -> tuple[object, object]:
    from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
    from cryptography.hazmat.primitives.hashes import SHA256

    return PKCS1v15(), SHA256()


def test_sm2_goes_the_whole_way(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ca = Sm2Authority(tmp_path)
    der = ca.issue("韦国密")
    later = datetime.now(UTC) + timedelta(minutes=1)  # the program dates certificates from this second on
    root = rules.read_authority(pem_of(ca.der), later)
    assert (root.algorithm, root.root) == ("sm2", True)
    anchors = [rules.Anchor(UUID(int=1), ca.der, frozenset({"hq"}), later, "all")]
    assert len(rules.chain_of(der, anchors, "hq", later, "sign_on")) == 1
    forged = der[:-3] + bytes([der[-3] ^ 1]) + der[-2:]
    assert cause(forged, anchors=anchors, now=later) == "signature"
    signature = ca.sign("text")
    assert rules.signed_challenge(der, b"text", signature)
    r, s = decode_dss_signature(signature)
    assert rules.signed_challenge(der, b"text", r.to_bytes(32) + s.to_bytes(32)), "as some controls give it"
    assert not rules.signed_challenge(der, b"text!", signature)
    assert not rules.signed_challenge(der, b"text", b"\x30\x00")
    found = lists.read_list(ca.list(), ca.der, later)
    assert (found.number, found.lines) == (1, {})
    with pytest.raises(ListUnfit):
        lists.read_list(ca.list(), ROOT.der, later)

    def missing() -> None:
        raise sm2.Sm2Missing

    monkeypatch.setattr(sm2, "_openssl", missing)
    assert cause(der, anchors=anchors, now=later) == "algorithm"


def test_only_an_authority_becomes_one() -> None:
    assert rules.read_authority(MIDDLE.pem, NOW).root is False
    assert rules.read_authority(base64_of(ROOT.der), NOW).fingerprint == rules.fingerprint_of(ROOT.fingerprint)
    forged = Authority("甲 根", key=ROOT.key, above=Authority("甲 根"))
    for text, kind in (
        (MIDDLE.issue("覃登录").pem, AnchorUnfit),
        (Authority("丁", ca=False).pem, AnchorUnfit),
        (Authority("丁", strange=True).pem, AnchorUnfit),
        (Authority("丁", days=1).pem, AnchorUnfit),
        (forged.pem, AnchorUnfit),
        (ROOT.pem * 2, CertificateUnreadable),
        ("不是证书" * 20, CertificateUnreadable),
        (ROOT.pem + "-----BEGIN PRIVATE KEY-----", PrivateKeyShown),
    ):
        with pytest.raises(kind):
            rules.read_authority(text, NOW)


def test_a_list_says_what_was_taken_back() -> None:
    found = lists.read_list(MIDDLE.list(0x0A, held=(0x0B,), number=7), MIDDLE.der, NOW)
    assert (found.number, found.scope) == (7, "all")
    assert {line.serial: line.suspended for line in found.lines.values()} == {"0A": False, "0B": True}
    assert lists.read_list(ROOT.list(only_authorities=True), ROOT.der, NOW).scope == "authorities"
    again = lists.read_list(base64_of(MIDDLE.list(number=8)).encode(), MIDDLE.der, NOW)
    assert again.number == 8


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (lambda: ROOT.list(), "不属于这个 CA"),
        (lambda: MIDDLE.list(signer=ROOT.key), "签名不正确"),
        (lambda: MIDDLE.list(delta=True), "增量"),
        (lambda: MIDDLE.list(start=NOW + timedelta(hours=1)), "在将来"),
        (lambda: b"\x30\x03\x02\x01\x00", "不是有效的"),
        (lambda: "不是列表".encode(), "不是有效的"),
    ],
)
def test_a_list_of_somebody_else_or_of_half_is_refused(content: object, word: str) -> None:
    with pytest.raises(ListUnfit, match=word):
        lists.read_list(content(), MIDDLE.der, NOW)  # type: ignore[operator]


def test_an_authority_that_signs_no_lists_has_none() -> None:
    mute = Authority("戊", crl_sign=False)
    with pytest.raises(ListUnfit, match="用途"):
        lists.read_list(mute.list(), mute.der, NOW)


@given(st.integers(0, 10**48), st.integers(0, 10**48), st.integers(-5, 5))
def test_lists_never_go_back(kept: int, offered: int, hours: int) -> None:
    at = NOW + timedelta(hours=hours)
    found = lists.ReadList(offered, at, at + timedelta(days=1), "all", {}, b"")
    try:
        lists.check_newer(found, kept, NOW)
        assert offered > kept
        assert at >= NOW
    except ListUnfit:
        assert offered <= kept or at < NOW


def test_a_list_without_a_number_is_judged_by_its_time_and_takes_no_numbers_place() -> None:
    found = lists.ReadList(None, NOW, NOW + timedelta(days=1), "all", {}, b"")
    lists.check_newer(found, None, NOW - timedelta(hours=1))
    for number, at in ((None, NOW + timedelta(hours=1)), (3, NOW - timedelta(hours=1))):
        with pytest.raises(ListUnfit):
            lists.check_newer(found, number, at)


@pytest.mark.parametrize(
    ("url", "fine"),
    [
        ("http://crl.ca.example/a.crl", True),
        ("https://crl.ca.example:8443/a.crl?x=1", True),
        ("ldap://crl.ca.example/cn=a", False),
        ("file:///etc/passwd", False),
        ("http://user:" + "pass@crl.ca.example/a", False),
        ("http:///a", False),
        ("http://crl.ca.example:99999/a", False),
        ("http://crl.ca.example/a b", False),
        ("http://[::1/a", False),
    ],
)
def test_lists_are_fetched_by_http_only(url: str, fine: bool) -> None:
    if fine:
        assert client.check_url(url) == url
        return
    with pytest.raises(ListUnfit):
        client.check_url(url)


@given(st.from_regex(r"[A-Za-z0-9_-]{8,64}", fullmatch=True), st.booleans(), st.integers(10**9, 10**10 - 1))
def test_a_proof_is_read_as_it_was_written(session: str, password: bool, at: int) -> None:
    proof = Proof(session, frozenset({"x509", *(("pwd",) if password else ())}), at)
    assert proof_of(str(proof)) == proof


@pytest.mark.parametrize("text", ["", "a|x509|1", "abcdefgh|X509|1790000000", "abcdefgh|x509|1790000000|", "a b"])
def test_another_shape_is_no_proof(text: str) -> None:
    with pytest.raises(ValueError, match=r".*"):
        proof_of(text)
