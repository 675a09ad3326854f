"""What a token says of how a session was proved and of a password that is due, and what that shuts."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import pytest

from shared.identity.actor import Actor
from shared.identity.problems import PasswordDue, SecondFactorRequired, TokenInvalid
from shared.identity.rights import MAX_PROOFS
from shared.identity.tokens import actor_of

NOW = 1_790_000_000
SID = "5f0f4f1e-0000-4000-8000-000000000001"


def claims(**more: Any) -> Mapping[str, Any]:
    own = {
        "typ": "Bearer",
        "sub": str(uuid4()),
        "name": "覃小兰",
        "staff_id": str(uuid4()),
        "sid": SID,
        "posts": ["/hq/security_admin", "/hq/registrar"],
        "second_factor": "privileged",
    }
    return {**own, **more}


def actor(**more: Any) -> Actor:
    return actor_of(claims(**more), lambda: NOW)


def test_a_proof_counts_for_its_own_session_only() -> None:
    mine, other = f"{SID}|pwd+x509|{NOW}", f"{uuid4()}|pwd+x509|{NOW}"
    one = actor(proofs=[other, mine])
    assert one.methods == {"pwd", "x509"}
    assert one.signed_on_at == datetime.fromtimestamp(NOW, UTC)
    assert actor(proofs=[other]).methods == frozenset()
    assert actor(proofs=[other]).signed_on_at is None
    assert actor(proofs=[other], amr=["pwd"]).methods == {"pwd"}
    early = f"{SID}|x509|{NOW - 500}"
    assert actor(proofs=[early], auth_time=NOW).signed_on_at == datetime.fromtimestamp(NOW, UTC)


@pytest.mark.parametrize(
    "proofs",
    [
        "x509",
        [1],
        ["nonsense"],
        [f"{SID}|x509"],
        [f"{SID}|x509|{NOW}|more"],
        [f"{SID}|X509|{NOW}"],
        [f"{uuid4()}|x509|{NOW}" for _ in range(MAX_PROOFS + 1)],
    ],
)
def test_another_shape_is_refused_whole(proofs: object) -> None:
    with pytest.raises(TokenInvalid):
        actor(proofs=proofs)


def test_a_privileged_post_takes_the_password_with_something_beside_it() -> None:
    fresh = {"auth_time": NOW}
    for methods in ([], ["pwd"], ["x509"], ["otp"]):
        with pytest.raises(SecondFactorRequired):
            actor(amr=methods, **fresh).require("platform.sso.read", "hq")
        actor(amr=methods, **fresh).require("outpatient.registration.write", "hq")
    for methods in (["pwd", "x509"], ["pwd", "otp"], ["pwd", "hwk"]):
        actor(amr=methods, **fresh).require("platform.sso.read", "hq")


def test_a_password_that_is_due_shuts_what_is_privileged_and_a_given_one_everything() -> None:
    strong = {"auth_time": NOW, "amr": ["pwd", "otp"]}
    for due in ("short", "expired"):
        one = actor(password_due=due, **strong)
        with pytest.raises(PasswordDue):
            one.require("platform.sso.read", "hq")
        one.require("outpatient.registration.write", "hq")
        one.require("platform.sso.self", "hq")
    given = actor(password_due="initial", **strong)
    for permission in ("platform.sso.read", "outpatient.registration.write"):
        with pytest.raises(PasswordDue):
            given.require(permission, "hq")
    given.require("platform.sso.self", "hq")
    assert replace(given, password_due="").may("platform.sso.read", "hq")


def test_a_password_too_old_for_anybody_shuts_everything_for_who_signs_on_after_that() -> None:
    aged = f"aged:{NOW - 100}"
    for signed_on in ({"auth_time": NOW}, {}):
        late = actor(password_due=aged, amr=["pwd", "otp"], **signed_on)
        assert late.password_due == "aged"
        for permission in ("platform.sso.read", "outpatient.registration.write"):
            with pytest.raises((PasswordDue, SecondFactorRequired)):
                late.require(permission, "hq")
        late.require("platform.sso.self", "hq")
    early = actor(password_due=aged, amr=["pwd", "otp"], auth_time=NOW - 200)
    assert early.password_due == "expired"
    early.require("outpatient.registration.write", "hq")
    with pytest.raises(PasswordDue):
        early.require("platform.sso.read", "hq")
    for strange in ("aged:", "aged:soon", f"aged:{10**30}"):
        with pytest.raises(TokenInvalid):
            actor(password_due=strange, auth_time=NOW)
