"""Posts and separation of duties (岗位, 不相容岗位)."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.identity.posts import (
    DEVICES,
    PATIENT,
    PERMISSIONS,
    POSTS,
    consortium_wide_permissions,
    permissions_of,
)
from shared.identity.separation import SEPARATION_RULES, conflicts, incompatible_pairs
from shared.identity.tokens import GROUP_PATH

ALL_TEMPLATES = [*POSTS.values(), PATIENT, *DEVICES.values()]
some_posts = st.frozensets(st.sampled_from(sorted(POSTS)), max_size=6)


def test_every_permission_of_a_post_is_declared_and_every_declared_one_is_granted():
    granted = frozenset().union(*(post.permissions for post in ALL_TEMPLATES))
    assert granted == PERMISSIONS.keys()
    assert all(re.fullmatch(r"[a-z_]+\.[a-z_]+\.[a-z_]+", code) for code in PERMISSIONS)


def test_permission_and_post_titles_are_distinct():
    assert len(set(PERMISSIONS.values())) == len(PERMISSIONS)
    assert len({post.title for post in ALL_TEMPLATES}) == len(ALL_TEMPLATES)


def test_only_posts_of_people_can_be_named_by_a_group_path():
    assert all(GROUP_PATH.fullmatch(f"/hq/{code}") for code in POSTS)
    assert not any(GROUP_PATH.fullmatch(f"/hq/{code}") for code in DEVICES)
    assert PATIENT.code not in POSTS


@pytest.mark.parametrize("post", ALL_TEMPLATES, ids=lambda post: post.code)
@pytest.mark.parametrize("rule", SEPARATION_RULES, ids=lambda rule: rule.code)
def test_no_template_breaks_a_separation_rule(post, rule):
    assert not rule.broken_by(post.permissions)


@pytest.mark.parametrize("rule", SEPARATION_RULES, ids=lambda rule: rule.code)
def test_a_template_with_both_sides_of_a_rule_would_be_refused(rule):
    holders = [[post for post in POSTS.values() if side & post.permissions] for side in rule.sides]
    assert all(holders), "a side that no post stands on protects nothing"
    for index, posts in enumerate(holders):
        others = holders[:index] + holders[index + 1 :]
        assert all(rule.broken_by(posts[0].permissions | other[0].permissions) for other in others)


def test_cashier_and_refund_approval_meet_at_no_campus_but_may_at_two():
    [first, second] = conflicts({"mch": ["registrar", "cashier_lead", "schedule_clerk"]})
    assert {first.rule.code, second.rule.code} == {"cashier_refund_approval", "cashier_receipt"}
    assert first.campus == second.campus == "mch"
    assert first.posts == second.posts == {"registrar", "cashier_lead"}
    assert conflicts({"mch": ["registrar"], "hq": ["cashier_lead"]}) == []


@pytest.mark.parametrize(
    "posts", [("system_admin", "audit_admin"), ("security_admin", "audit_admin"), ("system_admin", "security_admin")]
)
def test_the_three_administrators_are_three_people_over_all_campuses(posts):
    first, second = posts
    [conflict] = conflicts({"hq": [first], "mch": [second]})
    assert conflict.rule.code == "three_administrators"
    assert conflict.campus is None
    assert conflict.posts == {first, second}
    assert conflicts({"hq": [first], "mch": [first]}) == []


def test_the_pairs_the_specification_names_are_incompatible():
    pairs = incompatible_pairs()
    for pair in (
        ("cashier_lead", "registrar"),
        ("finance", "registrar"),
        ("price_checker", "price_officer"),
        ("audit_admin", "system_admin"),
    ):
        assert pair in pairs
    assert ("cashier_lead", "finance") not in pairs


@given(some_posts)
def test_posts_of_one_campus_conflict_exactly_when_a_pair_of_them_does(posts):
    by_pair = {pair for pair in incompatible_pairs() if posts.issuperset(pair)}
    assert bool(conflicts({"hq": posts})) == bool(by_pair)


@given(some_posts, some_posts)
def test_another_post_never_heals_a_conflict(held, more):
    before = {(conflict.rule.code, conflict.campus) for conflict in conflicts({"hq": held})}
    after = {(conflict.rule.code, conflict.campus) for conflict in conflicts({"hq": held | more})}
    assert before <= after


@given(some_posts, some_posts)
def test_rights_are_a_union_without_negative_rules(held, more):
    assert permissions_of(held | more) == permissions_of(held) | permissions_of(more)
    assert consortium_wide_permissions(held) <= permissions_of(held)


def test_an_unknown_post_grants_nothing():
    assert permissions_of(frozenset({"emperor", "patient"})) == frozenset()
    assert permissions_of(frozenset({"emperor", "audit_admin"})) == POSTS["audit_admin"].permissions
