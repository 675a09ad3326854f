"""Offline verification of tokens: what passes, and everything that must not."""

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime
from uuid import UUID

import jwt
import pytest
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding
from hypothesis import given, settings
from hypothesis import strategies as st
from jwt.algorithms import RSAAlgorithm

from shared.identity.problems import TokenExpired, TokenInvalid, TokenMissing
from shared.identity.tokens import MAX_TOKEN_BYTES, bearer_token
from tests.shared.identity_realm import (
    AUDIENCE,
    DEVICE,
    OTHER_RSA_KEY,
    PATIENT,
    RSA_KEY,
    STAFF,
    STAFF_ID,
    START,
    Clock,
    Realm,
    make_verifier,
)


def segment(value) -> str:
    raw = value if isinstance(value, bytes) else json.dumps(value).encode()
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


# What passes


def test_a_staff_token_becomes_an_actor(verifier, realm):
    actor = verifier.verify(realm.token())
    assert actor.kind == "staff"
    assert (actor.subject, actor.staff_id, actor.name) == (STAFF_ID, UUID(STAFF_ID), "王小明")
    assert actor.posts == {"hq": {"registrar"}, "mch": {"registrar", "schedule_clerk"}}
    assert (actor.session_id, actor.client, actor.acr) == ("session-1", "his-web", "1")
    assert actor.signed_on_at == datetime.fromtimestamp(START - 60, UTC)
    assert actor.may("outpatient.schedule.write", "mch")
    assert not actor.may("outpatient.schedule.write", "hq")


def test_an_elliptic_curve_signature_and_a_list_of_audiences_pass(verifier, realm):
    assert verifier.verify(realm.token(kid="ec-1", aud=["account", AUDIENCE])).kind == "staff"


def test_a_patient_token_names_the_persons_it_is_bound_to(verifier, realm):
    actor = verifier.verify(realm.token(PATIENT))
    assert (actor.kind, actor.patient_ids, actor.staff_id) == ("patient", {UUID(STAFF_ID)}, None)


def test_a_device_token_is_bound_to_its_campus(verifier, realm):
    actor = verifier.verify(realm.token(DEVICE))
    assert (actor.kind, actor.campus, actor.campuses) == ("device", "mch", {"mch"})
    assert actor.may("organisation.structure.read", "mch")


def test_a_person_without_any_post_signs_on_and_may_do_nothing(verifier, realm):
    actor = verifier.verify(realm.token(posts=...))
    assert (actor.kind, actor.campuses) == ("staff", frozenset())


def test_a_post_of_a_later_release_grants_nothing_and_hurts_nobody(verifier, realm):
    actor = verifier.verify(realm.token(posts=["/hq/registrar", "/hq/time_traveller"]))
    assert actor.may("patients.index.read", "hq")
    assert actor.posts["hq"] == {"registrar", "time_traveller"}


@pytest.mark.parametrize("changes", [{"exp": START - 29}, {"iat": START + 29}, {"nbf": START + 29}])
def test_clocks_may_differ_by_less_than_thirty_seconds(verifier, realm, changes):
    assert verifier.verify(realm.token(**changes)).kind == "staff"


# What must not pass: every case is the good token with one thing wrong


def forged_with_public_key(realm):
    """Key confusion: HS256 with the published RSA key as its secret."""
    public = RSA_KEY.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    signed = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{segment(STAFF)}"
    return f"{signed}.{segment(hmac.new(public, signed.encode(), hashlib.sha256).digest())}"


def unsigned(realm, alg="none"):
    return f"{segment({'alg': alg, 'typ': 'JWT', 'kid': 'rsa-1'})}.{segment(STAFF)}."


def named_otherwise_than_signed(realm):
    """A true RS256 signature under a header that says ES256, also an allowed algorithm."""
    signed = f"{segment({'alg': 'ES256', 'typ': 'JWT', 'kid': 'rsa-1'})}.{segment(STAFF)}"
    return f"{signed}.{segment(RSA_KEY.sign(signed.encode(), padding.PKCS1v15(), hashes.SHA256()))}"


def with_own_key_in_header(realm):
    own = RSAAlgorithm.to_jwk(OTHER_RSA_KEY.public_key(), as_dict=True)
    return realm.token(key=OTHER_RSA_KEY, headers={"jwk": own})


def claims_replaced(realm):
    header, _, signature = realm.token().split(".")
    return f"{header}.{segment({**STAFF, 'posts': ['/hq/consortium_admin']})}.{signature}"


@pytest.mark.case("42", 3)
@pytest.mark.parametrize(
    "forge",
    [
        pytest.param(lambda realm: realm.token(iss="https://evil.example/realms/consortium"), id="other issuer"),
        pytest.param(lambda realm: realm.token(aud="account"), id="wrong audience"),
        pytest.param(lambda realm: realm.token(aud=["account", "his-web"]), id="wrong audiences"),
        pytest.param(lambda realm: realm.token(aud=...), id="no audience"),
        pytest.param(unsigned, id="alg none"),
        pytest.param(lambda realm: unsigned(realm, "NONE"), id="alg NONE"),
        pytest.param(forged_with_public_key, id="HS256 with the public key"),
        pytest.param(named_otherwise_than_signed, id="alg of the header not that of the key"),
        pytest.param(lambda realm: realm.token(algorithm="RS512"), id="alg not pinned"),
        pytest.param(lambda realm: realm.token(algorithm="PS256"), id="alg of another family"),
        pytest.param(lambda realm: realm.token(kid="ec-1", key=RSA_KEY), id="key of another kind"),
        pytest.param(lambda realm: realm.token(key=OTHER_RSA_KEY), id="foreign key, known kid"),
        pytest.param(lambda realm: realm.token(kid="rsa-9", key=OTHER_RSA_KEY), id="unknown kid"),
        pytest.param(lambda realm: realm.token(kid="enc-RSA-OAEP", key=OTHER_RSA_KEY), id="encryption key"),
        pytest.param(
            lambda realm: realm.token(kid="enc-RS256", key=OTHER_RSA_KEY), id="encryption key of our algorithm"
        ),
        pytest.param(lambda realm: realm.token(kid=None, key=RSA_KEY), id="no kid"),
        pytest.param(with_own_key_in_header, id="key in the header"),
        pytest.param(claims_replaced, id="claims replaced"),
        pytest.param(lambda realm: realm.token(headers={"crit": ["b64"], "b64": False}), id="critical header"),
        pytest.param(lambda realm: realm.token() + "==", id="padded"),
        pytest.param(lambda realm: realm.token() + "\n", id="line feed"),
        pytest.param(lambda realm: realm.token() + ".x", id="four parts"),
        pytest.param(lambda realm: realm.token().rsplit(".", 1)[0] + ".", id="signature cut off"),
        pytest.param(lambda realm: realm.token(ballast="x" * MAX_TOKEN_BYTES), id="too long"),
        pytest.param(lambda realm: "not a token", id="not a token"),
        pytest.param(lambda realm: "令牌.令牌.令牌", id="not ascii"),
        pytest.param(lambda realm: f"{segment([])}.{segment(STAFF)}.{segment(b'x')}", id="header no object"),
        pytest.param(lambda realm: realm.token(iat=START + 31), id="issued in the future"),
        pytest.param(lambda realm: realm.token(nbf=START + 31), id="not yet valid"),
    ],
)
def test_a_forged_token_is_refused(verifier, realm, forge):
    assert verifier.verify(realm.token()).kind == "staff"
    forged = forge(realm)
    with pytest.raises(TokenInvalid) as refusal:
        verifier.verify(forged)
    assert not verifier.remembers(forged)
    assert (refusal.value.status, refusal.value.code) == (401, "token_invalid")
    assert "invalid_token" in refusal.value.headers["WWW-Authenticate"]


@pytest.mark.parametrize("name", ["iss", "aud", "sub", "exp", "iat", "typ", "name", "staff_id"])
def test_a_token_lacking_a_claim_is_refused(verifier, realm, name):
    with pytest.raises(TokenInvalid):
        verifier.verify(realm.token(**{name: ...}))


@pytest.mark.parametrize("typ", ["ID", "Refresh", "Logout", "Offline", "", None, 1])
def test_only_access_tokens_open_doors(verifier, realm, typ):
    with pytest.raises(TokenInvalid):
        verifier.verify(realm.token(typ=typ))


@pytest.mark.parametrize(
    ("claims", "changes"),
    [
        (STAFF, {"staff_id": "1001"}),
        (STAFF, {"staff_id": None}),
        (STAFF, {"staff_id": [STAFF_ID]}),
        (STAFF, {"patient_ids": [STAFF_ID]}),
        (STAFF, {"device": "bridge", "campus": "mch"}),
        (STAFF, {"posts": "/hq/registrar"}),
        (STAFF, {"posts": {"hq": ["registrar"]}}),
        (STAFF, {"posts": [1]}),
        (STAFF, {"posts": ["/hq"]}),
        (STAFF, {"posts": ["hq/registrar"]}),
        (STAFF, {"posts": ["/hq/registrar/deputy"]}),
        (STAFF, {"posts": ["/hq/device:kiosk"]}),
        (STAFF, {"posts": ["/HQ/registrar"]}),
        (STAFF, {"posts": ["/*/registrar"]}),
        (STAFF, {"posts": ["/hq/registrar\n"]}),
        (STAFF, {"name": ""}),
        (STAFF, {"name": 5}),
        (STAFF, {"sid": 5}),
        (STAFF, {"acr": 1}),
        (STAFF, {"exp": str(START + 300)}),
        (STAFF, {"exp": START + 300.5}),
        (STAFF, {"exp": True}),
        (STAFF, {"exp": 10**30}),
        (STAFF, {"iat": None}),
        (STAFF, {"nbf": "soon"}),
        (STAFF, {"auth_time": 10**15}),
        (STAFF, {"auth_time": -1}),
        (PATIENT, {"patient_ids": ["7"]}),
        (PATIENT, {"patient_ids": STAFF_ID}),
        (PATIENT, {"posts": ["/hq/registrar"]}),
        (DEVICE, {"device": "tank"}),
        (DEVICE, {"device": ["bridge"]}),
        (DEVICE, {"campus": "*"}),
        (DEVICE, {"campus": ...}),
        (DEVICE, {"azp": ...}),
        (DEVICE, {"posts": ["/hq/registrar"]}),
        (DEVICE, {"device": ...}),
    ],
)
def test_claims_of_another_shape_are_refused(verifier, realm, claims, changes):
    assert verifier.verify(realm.token(claims))
    with pytest.raises(TokenInvalid):
        verifier.verify(realm.token(claims, **changes))


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=6,
)


@settings(max_examples=150, deadline=None)
@given(base=st.sampled_from([STAFF, PATIENT, DEVICE]), changes=st.data())
def test_whatever_the_realm_may_sign_is_an_actor_or_a_refusal(base, changes):
    names = sorted({*STAFF, *PATIENT, *DEVICE, "nbf", "jti"})
    over = changes.draw(st.dictionaries(st.sampled_from(names), json_values, max_size=4))
    realm, clock = Realm(), Clock()
    signed = jwt.PyJWS().encode(json.dumps({**base, **over}).encode(), RSA_KEY, "RS256", headers={"kid": "rsa-1"})
    try:
        actor = make_verifier(realm, clock).verify(signed)
    except (TokenInvalid, TokenExpired):
        return
    assert actor.kind in {"staff", "patient", "device"}
    assert actor.subject


GOOD = Realm().token()


@settings(max_examples=400, deadline=None)
@given(st.data())
def test_no_mutation_of_a_token_verifies(data):
    kind = data.draw(st.sampled_from(["replace", "delete", "insert", "swap", "cut", "repeat"]))
    at = data.draw(st.integers(0, len(GOOD) - 1))
    mark = data.draw(st.sampled_from("ABCXYZabcxyz0189-_=.+/ \n\x00") | st.characters(max_codepoint=255))
    end = data.draw(st.integers(at, len(GOOD)))
    header, payload, signature = GOOD.split(".")
    mutant = {
        "replace": GOOD[:at] + mark + GOOD[at + 1 :],
        "delete": GOOD[:at] + GOOD[end:],
        "insert": GOOD[:at] + mark + GOOD[at:],
        "swap": f"{payload}.{header}.{signature}",
        "cut": GOOD[:at],
        "repeat": GOOD[:end] + GOOD[at:],
    }[kind]
    verifier = make_verifier(Realm(), Clock())
    if mutant == GOOD:
        assert verifier.verify(mutant).kind == "staff"
    else:
        with pytest.raises((TokenInvalid, TokenMissing)):
            verifier.verify(mutant)


# What is no token, and what else it says


@pytest.mark.parametrize("missing", [None, ""])
def test_no_token_at_all_is_said_so(verifier, missing):
    with pytest.raises(TokenMissing) as refusal:
        verifier.verify(missing)
    assert refusal.value.code == "token_missing"


@pytest.mark.parametrize("header", [None, "", "Bearer", "Bearer ", "Basic dXNlcjpwYXNz", "Token abc"])
def test_a_header_without_bearer_token_is_a_missing_token(header):
    with pytest.raises(TokenMissing):
        bearer_token(header)


def test_the_bearer_scheme_is_read_in_any_case():
    assert bearer_token("bearer abc.def.ghi") == bearer_token("Bearer  abc.def.ghi") == "abc.def.ghi"


@pytest.mark.parametrize(
    "claims",
    [
        {"grants": "hq|patients.index.merge|1800000000"},
        {"grants": ["hq|patients.index.merge"]},
        {"grants": ["hq|patients.index.merge|99"]},
        {"grants": ["hq|patients.index.merge|1800000000"] * 21},
        {"templates": ["registrar"]},
        {"templates": {"registrar": "patients.index.merge"}},
        {"templates": {"registrar": ["patients.index.merge"]}},
        {"amr": "otp"},
        {"amr": [1]},
        {"patient": "wechat"},
    ],
)
def test_what_the_realm_would_not_write_is_refused(verifier, realm, claims):
    with pytest.raises(TokenInvalid):
        verifier.verify(realm.token(**claims))


def test_rights_beyond_posts_and_the_way_of_signing_on_are_read(verifier, realm):
    token = realm.token(
        grants=["hq|patients.index.merge|1800000100"],
        templates={"registrar": ["-payments.cashier.write"]},
        amr=["pwd", "otp"],
        second_factor="privileged",
    )
    actor = verifier.verify(token)
    assert actor.may("patients.index.merge", "hq")
    assert not actor.may("payments.cashier.write", "hq")
    assert (actor.methods, actor.asks_second_factor) == ({"pwd", "otp"}, True)


def test_a_patient_nobody_is_bound_to_yet_is_a_patient(verifier, realm):
    claims = {key: value for key, value in PATIENT.items() if key != "patient_ids"} | {"patient": "wechat"}
    actor = verifier.verify(realm.token(claims))
    assert (actor.kind, actor.patient_ids) == ("patient", frozenset())
