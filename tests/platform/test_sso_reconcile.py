"""A whole staff compared with the real realm: nothing differs, and one planted post is found among all."""

from collections.abc import Iterator

import pytest

from shared.identity.posts import POSTS
from tests.platform.realm import World, opened_world

PEOPLE = 1560

STAFF = """
INSERT INTO organisation.staff (staff_id, campus_id, staff_no, sign_on_name, name, initials, category, employment,
    engaged_on, status, version)
SELECT gen_random_uuid(), CASE WHEN n %% 4 = 0 THEN 'mch' ELSE 'hq' END, 'N' || lpad(n::text, 5, '0'),
    'n' || lpad(n::text, 5, '0'), '职工' || n, 'zg', 'management', 'established', current_date - 1, 'active', 1
FROM generate_series(1, %(people)s) AS n
"""
POSTED = """
INSERT INTO organisation.post_assignments (assignment_id, campus_id, staff_id, post, unit_id, is_main, valid_from,
    basis, assigned_at, assigned_by)
SELECT gen_random_uuid(), s.campus_id, s.staff_id,
    (%(posts)s::text[])[1 + (row_number() OVER (ORDER BY s.staff_no))::int %% array_length(%(posts)s::text[], 1)],
    v.unit_id, true, now() - interval '1 day', '', now(), 'tests'
FROM organisation.staff s
JOIN organisation.unit_versions v ON v.campus_id = s.campus_id AND v.parent_id IS NULL
WHERE s.staff_no ~ '^N[0-9]{5}$'
"""


@pytest.fixture(scope="module")
def world(keycloak) -> Iterator[World]:
    with opened_world(keycloak) as one:
        posts = sorted(code for code, post in POSTS.items() if not post.privileged)
        assert one.hospital.execute(STAFF, {"people": PEOPLE}) == PEOPLE
        assert one.hospital.execute(POSTED, {"posts": posts}) == PEOPLE
        yield one


@pytest.mark.case("41", 11)
def test_everybody_is_as_the_hospital_says_and_one_planted_post_is_found(world: World) -> None:
    first = world.reconcile()
    assert (first["outcome"], first["differences"]) == ("clean", 0)
    assert first["changes"] >= PEOPLE
    again = world.reconcile()
    assert (again["outcome"], again["people"] >= PEOPLE) == ("clean", True)
    assert (again["differences"], again["changes"]) == (0, 0)
    victim = world.hospital.rows("SELECT staff_no, campus_id FROM organisation.staff WHERE staff_no = 'N00777'")[0]
    account = world.admin.get_user_id("n00777")
    held = {group["name"] for group in world.admin.get_user_groups(account)}
    planted = next(code for code in sorted(POSTS) if code not in held)
    group = world.admin.get_group_by_path(f"/{victim['campus_id']}/{planted}")
    world.admin.group_user_add(account, group["id"])
    found = world.reconcile()
    assert (found["outcome"], found["differences"]) == ("repaired", 1)
    assert found["lines"] == [f"post /{victim['campus_id']}/{planted} of N00777"]
    assert {one["name"] for one in world.admin.get_user_groups(account)} == held
    assert world.hospital.events("drift_repaired")[-1]["data"]["differences"] == 1
    assert world.reconcile()["outcome"] == "clean"
