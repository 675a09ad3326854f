"""Actors: who may do what, where."""

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.identity.actor import ALL_CAMPUSES, Actor, system_actor
from shared.identity.posts import PERMISSIONS, POSTS, permissions_of
from shared.identity.problems import CampusNotAllowed, FreshSignOnRequired, PermissionDenied, SecondFactorRequired
from shared.identity.rights import FRESH_SIGN_ON, Grant, templates_of

NOW = datetime(2026, 3, 2, 8, 0, tzinfo=UTC)
held_posts = st.dictionaries(
    st.sampled_from(["hq", "mch", "zx"]), st.frozensets(st.sampled_from(sorted(POSTS)), max_size=4), max_size=3
)


def staff(**posts: frozenset[str] | set[str]) -> Actor:
    return Actor(kind="staff", subject="s-1", name="王小明", staff_id=UUID(int=1), posts=posts)


def test_rights_hold_at_the_campus_of_the_post_only():
    actor = staff(hq={"registrar"}, mch={"price_officer"})
    assert actor.may("payments.cashier.write", "hq")
    assert not actor.may("payments.cashier.write", "mch")
    assert actor.may("catalogue.prices.write", "mch")
    assert not actor.may("catalogue.prices.write", "hq")
    assert not actor.may("catalogue.prices.write", "zx")
    assert actor.campuses == {"hq", "mch"}


def test_a_campus_without_post_is_refused_by_name_and_a_post_without_right_by_another():
    actor = staff(hq={"registrar"})
    actor.require("payments.cashier.write", "hq")
    with pytest.raises(CampusNotAllowed) as elsewhere:
        actor.require("payments.cashier.write", "mch")
    assert (elsewhere.value.status, elsewhere.value.code) == (403, "acting_campus")
    with pytest.raises(PermissionDenied) as here:
        actor.require("payments.billing.approve", "hq")
    assert (here.value.status, here.value.code) == (403, "permission_denied")


def test_a_campus_with_no_posts_left_is_no_campus():
    assert staff(hq={"registrar"}, mch=frozenset()).campuses == {"hq"}


def test_a_consortium_wide_post_reads_all_campuses_and_writes_where_it_is_held():
    actor = staff(hq={"consortium_finance", "schedule_clerk"})
    assert actor.readable_campuses == ALL_CAMPUSES
    assert actor.campuses == {"hq"}
    assert not actor.may("payments.billing.read", "mch")
    assert actor.readable_with("payments.billing.read") == ALL_CAMPUSES
    assert actor.readable_with("outpatient.schedule.read") == {"hq"}
    assert actor.readable_with("patients.index.read") == frozenset()


@given(held_posts)
def test_what_may_be_read_with_a_permission_is_never_wider_than_what_may_be_read(posts):
    actor = staff(**posts)
    for permission in PERMISSIONS:
        narrow, wide = actor.readable_with(permission), actor.readable_campuses
        assert wide == ALL_CAMPUSES or narrow <= wide
        assert narrow == ALL_CAMPUSES or narrow == {c for c in actor.campuses if actor.may(permission, c)}


def test_a_patient_does_what_patients_may_at_any_campus_and_nothing_of_staff():
    actor = Actor(kind="patient", subject="p-1", name="李四", patient_ids=frozenset({UUID(int=7)}))
    assert actor.may("outpatient.registration.self", "hq")
    assert actor.may("outpatient.registration.self", "mch")
    assert actor.campuses == actor.readable_campuses == frozenset()
    with pytest.raises(PermissionDenied):
        actor.require("patients.index.read", "hq")


def test_a_device_acts_at_its_own_campus_with_the_rights_of_its_kind():
    actor = Actor(
        kind="device", subject="d-1", name="device-mch-bridge", campus="mch", posts={"mch": {"device:bridge"}}
    )
    actor.require("organisation.structure.read", "mch")
    with pytest.raises(CampusNotAllowed):
        actor.require("organisation.structure.read", "hq")
    with pytest.raises(PermissionDenied):
        actor.require("outpatient.registration.write", "mch")
    assert actor.campuses == actor.readable_campuses == {"mch"}


def test_the_system_acts_at_the_campus_of_the_event_only():
    actor = system_actor("payments/billing", "mch")
    assert actor.kind == "system"
    assert actor.subject == "system:payments/billing"
    assert actor.may("payments.billing.write", "mch")
    assert not actor.may("payments.billing.write", "hq")
    assert actor.readable_with("payments.billing.read") == actor.campuses == {"mch"}


def test_an_actor_never_changes():
    posts = {"hq": {"registrar"}}
    actor = staff(**posts)
    posts["hq"].add("cashier_lead")
    posts["mch"] = {"finance"}
    assert actor.campuses == {"hq"}
    assert not actor.may("payments.billing.approve", "hq")
    with pytest.raises(TypeError):
        actor.posts["mch"] = frozenset({"finance"})
    with pytest.raises(FrozenInstanceError):
        actor.campus = "mch"
    assert hash(actor) == hash(staff(hq={"registrar"}))


def test_a_sign_on_of_six_minutes_ago_must_be_renewed():
    def signed_on(ago: timedelta | None) -> Actor:
        at = None if ago is None else NOW - ago
        return Actor(kind="staff", subject="s", name="n", staff_id=UUID(int=1), signed_on_at=at)

    signed_on(timedelta(minutes=5)).require_fresh_sign_on(NOW)
    for stale in (timedelta(minutes=5, seconds=1), timedelta(minutes=6), None):
        with pytest.raises(FreshSignOnRequired) as refusal:
            signed_on(stale).require_fresh_sign_on(NOW)
        assert "max_age" in refusal.value.headers["WWW-Authenticate"]


def test_a_check_inside_a_request_adds_up_the_posts_once():
    """What some posts may do together is remembered: a second check looks it up."""
    published = templates_of({"registrar": ["+patients.index.merge"]})
    actor = replace(staff(hq=frozenset(POSTS)), templates=published)
    assert actor.may("patients.index.merge", "hq")
    first = published.permissions_of(actor.posts_at("hq"))
    assert all(actor.may("payments.billing.write", "hq") for _ in range(3))
    assert published.permissions_of(actor.posts_at("hq")) is first
    assert permissions_of(actor.posts_at("hq")) is permissions_of(actor.posts_at("hq"))


def test_published_templates_replace_the_codes_and_wide_posts_stay_wide():
    published = templates_of({"registrar": ["-payments.cashier.write"], "consortium_finance": ["+patients.index.read"]})
    actor = replace(staff(hq={"registrar", "consortium_finance"}), templates=published)
    assert not actor.may("payments.cashier.write", "hq")
    assert actor.readable_with("patients.index.read") == ALL_CAMPUSES
    assert actor.readable_with("payments.billing.write") == {"hq"}


def test_a_single_grant_holds_at_its_campus_until_its_second():
    clock = [1_800_000_000.0]
    grant = Grant("hq", "patients.index.merge", 1_800_000_100)
    actor = replace(staff(hq={"registrar"}, mch={"registrar"}), grants=(grant,), clock=lambda: clock[0])
    assert actor.may("patients.index.merge", "hq")
    assert not actor.may("patients.index.merge", "mch")
    assert not replace(actor, posts={"mch": frozenset({"registrar"})}).may("patients.index.merge", "hq")
    clock[0] += 100
    assert not actor.may("patients.index.merge", "hq")


def test_a_privileged_right_needs_a_second_factor_where_the_realm_asks_for_one():
    weak = replace(staff(hq={"personnel", "registrar"}), asks_second_factor=True, methods=frozenset({"pwd"}))
    weak.require("payments.cashier.write", "hq")
    weak.require("platform.permissions.self", "hq")
    with pytest.raises(SecondFactorRequired):
        weak.require("organisation.structure.write_staff", "hq")
    for method in ("otp", "hwk", "x509"):
        replace(weak, methods=frozenset({"pwd", method})).require("organisation.structure.write_staff", "hq")
    replace(weak, asks_second_factor=False).require("organisation.structure.write_staff", "hq")


def test_what_weighs_asks_for_a_sign_on_of_the_last_five_minutes():
    for permission in FRESH_SIGN_ON:
        holder = next((post.code for post in POSTS.values() if permission in post.permissions), None)
        assert holder, permission
        signed_on = replace(staff(hq={holder}), clock=lambda: NOW.timestamp(), signed_on_at=NOW - timedelta(minutes=5))
        signed_on.require(permission, "hq")
        for moment in (NOW - timedelta(minutes=6), None):
            with pytest.raises(FreshSignOnRequired):
                replace(signed_on, signed_on_at=moment).require(permission, "hq")
