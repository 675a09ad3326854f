"""Staff accounts on the real Keycloak follow what organisation says."""

from dataclasses import replace
from uuid import UUID, uuid4

import pytest

from infra.local.login import LoginRefused
from shared.identity.accounts import StaffAccount, sync_staff
from tests.conformance.realm import PASSWORD


def test_keeping_accounts_is_idempotent_and_follows_the_posts(realm):
    person = realm.person(posts={"hq": ["registrar"], "mch": ["registrar"]})
    assert sync_staff(realm.admin, [person]).changes == []
    tokens = realm.login(person)
    moved = replace(person, name="王大明", posts={"mch": ["schedule_clerk"]})
    report = sync_staff(realm.admin, [moved])
    assert set(report.removed) == {f"post /{campus}/registrar of {person.staff_no}" for campus in ("hq", "mch")}
    assert report.created == [f"post /mch/schedule_clerk of {person.staff_no}"]
    assert report.updated == [f"account {person.staff_no}"]
    actor = realm.verifier().verify(realm.refresh(tokens).access)
    assert (actor.name, actor.posts) == ("王大明", {"mch": {"schedule_clerk"}})


@pytest.mark.case("41", 4)
def test_a_post_given_by_hand_is_taken_back(realm):
    person = realm.person(posts={"hq": ["registrar"]})
    lead = realm.admin.get_group_by_path("/hq/cashier_lead")
    realm.admin.group_user_add(str(person.staff_id), lead["id"])
    assert sync_staff(realm.admin, [person]).removed == [f"post /hq/cashier_lead of {person.staff_no}"]
    assert sync_staff(realm.admin, [person]).changes == []


@pytest.mark.case("42", 4)
def test_a_leaver_is_out_at_once_and_remains_on_record(realm):
    person = realm.person(posts={"hq": ["registrar"]})
    tokens = realm.login(person)
    left = replace(person, enabled=False, posts={})
    assert sync_staff(realm.admin, [left]).updated == [f"account {person.staff_no}"]
    with pytest.raises(LoginRefused):
        realm.refresh(tokens)
    with pytest.raises(LoginRefused):
        realm.login(person)
    assert realm.admin.get_sessions(str(person.staff_id)) == []
    assert realm.admin.get_user(str(person.staff_id))["enabled"] is False
    assert sync_staff(realm.admin, [left]).changes == []
    assert sync_staff(realm.admin, [person]).updated == [f"account {person.staff_no}"]
    assert realm.login(person).access


def test_somebody_who_left_before_having_an_account_gets_none(realm):
    number = uuid4()
    never = StaffAccount(f"N{number.hex[:10]}", "未到岗", number, enabled=False)
    report = sync_staff(realm.admin, [never])
    assert (report.changes, report.unchanged) == ([], 1)
    assert realm.admin.get_users({"username": never.username}) == []


def test_a_weak_initial_password_is_refused_and_the_others_go_on(realm):
    def new(password: str) -> StaffAccount:
        number = uuid4()
        return StaffAccount(f"W{number.hex[:10]}", "新人", number, initial_password=password)

    weak = ["Short-1", "alllowercaseletters", "lowercase4242424", f"Ab1-{'x' * 3}"]
    people = [*map(new, weak), new(PASSWORD), new("三类字符Ab-and-so-on")]
    people.append(StaffAccount("W4242424242", "同名", uuid4(), initial_password="Xx-w4242424242-Xx"))
    report = sync_staff(realm.admin, people)
    assert [line.split(":")[0] for line in report.refused] == [
        f"account {person.staff_no}" for person in (*people[:4], people[-1])
    ]
    assert report.created == [f"account {person.staff_no}" for person in people[4:6]]
    assert "Short-1" not in repr(people)


def test_the_initial_password_must_be_changed_at_the_first_sign_on(realm):
    person = realm.person(must_change_password=True)
    with pytest.raises(LoginRefused, match="required-action"):
        realm.login(person)


def test_a_post_the_realm_does_not_know_stops_everything_before_it_starts(realm):
    number = uuid4()
    good = StaffAccount(f"G{number.hex[:10]}", "甲", number)
    bad = StaffAccount("S-bad", "乙", UUID(int=1), {"hq": ["emperor"]})
    with pytest.raises(ValueError, match="/hq/emperor"):
        sync_staff(realm.admin, [good, bad])
    assert realm.admin.get_users({"username": good.username}) == []


def test_a_whole_staff_is_compared_in_bulk_with_the_same_outcome(realm):
    numbers = [uuid4() for _ in range(45)]
    people = [StaffAccount(f"B{n.hex[:10]}", f"职工{i}", n, {"hq": ["registrar"]}) for i, n in enumerate(numbers)]
    assert len(sync_staff(realm.admin, people).created) == 45
    again = sync_staff(realm.admin, people)
    assert (again.changes, again.unchanged) == ([], 45)
    moved = [replace(people[0], posts={"mch": ["registrar"]}), replace(people[1], name="改名"), *people[2:]]
    report = sync_staff(realm.admin, moved)
    assert report.created == [f"post /mch/registrar of {people[0].staff_no}"]
    assert report.removed == [f"post /hq/registrar of {people[0].staff_no}"]
    assert report.updated == [f"account {people[1].staff_no}"]
    assert sync_staff(realm.admin, moved[:2]).changes == []
