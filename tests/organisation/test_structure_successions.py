"""Units split and merged: people and beds go along, figures are told both ways without losing one."""

from collections import Counter
from collections.abc import Iterator
from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID, uuid4

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions import registry
from functions.organisation.structure import service
from functions.organisation.structure.problems.wards import SuccessionInvalid
from functions.organisation.structure.rules import successions as rules
from functions.organisation.structure.rules.successions import ONE, Succession
from shared.schemas import SHANGHAI
from tests.organisation.conftest import BASE, Consortium
from tests.support.hospital import Hospital, cloned_hospital


@pytest.fixture(scope="module")
def hospital() -> Iterator[Hospital]:
    """It is June 2026 here, and the campuses have been open since March."""
    with cloned_hospital([registry.app("organisation/structure")]) as one:
        one.clock.set(datetime(2026, 3, 1, 9, tzinfo=SHANGHAI))
        yield one


@pytest.fixture(autouse=True)
def _june(consortium: Consortium) -> None:
    consortium.hospital.clock.set(datetime(2026, 6, 10, 9, tzinfo=SHANGHAI))


def old_unit(consortium: Consortium, name: str, kind: str = "clinical") -> dict[str, Any]:
    consortium.hospital.clock.set(datetime(2026, 3, 1, 9, tzinfo=SHANGHAI))
    made = consortium.unit(name=name, kind=kind, subject_code="03" if kind == "clinical" else None)
    consortium.hospital.clock.set(datetime(2026, 6, 10, 9, tzinfo=SHANGHAI))
    return made


def split(consortium: Consortium, unit: dict[str, Any], *into: dict[str, Any], **fields: Any) -> Any:
    body = {
        "into": [{"code": f"s{uuid4().hex[:8]}", **one} for one in into],
        "effective_on": "2026-07-01",
        "version": unit["version"],
        "reason": "学科发展",
        **fields,
    }
    return consortium.admin.post(f"{BASE}/units/{unit['unit_id']}/split", body)


def visits(consortium: Consortium, structure_of: date, seen: list[tuple[UUID, date]]) -> dict[str, int]:
    """A report of visits by unit, as records and insight make it: in the structure of one day."""
    counted = [(unit, day, count) for (unit, day), count in Counter(seen).items()]
    with consortium.hospital.tx("hq") as tx:
        told = service.retell(tx, counted, structure_of)
        return {service.unit(tx, unit, structure_of).name: count for unit, count in told.items()}


@pytest.mark.case("P-organisation", 5)
def test_a_split_unit_is_reported_both_ways_without_losing_a_visit(consortium: Consortium) -> None:
    old = old_unit(consortium, "内一科")
    made = split(consortium, old, {"name": "心内科", "share": "0.6"}, {"name": "呼吸科", "share": "0.4"})
    assert made.status_code == 201, made.text
    heart, lungs = (UUID(unit["unit_id"]) for unit in made.json())
    first = UUID(old["unit_id"])

    june = {name for name in names(consortium, "2026-06-30") if name in {"内一科", "心内科", "呼吸科"}}
    july = {name for name in names(consortium, "2026-07-01") if name in {"内一科", "心内科", "呼吸科"}}
    assert (june, july) == ({"内一科"}, {"心内科", "呼吸科"})

    seen = [(first, date(2026, 6, 1) + timedelta(days=n % 30)) for n in range(101)]
    assert visits(consortium, date(2026, 6, 30), seen) == {"内一科": 101}, "the June report shows one"
    later = [(heart if n % 3 else lungs, date(2026, 7, 1) + timedelta(days=n % 31)) for n in range(90)]
    assert visits(consortium, date(2026, 7, 31), later) == {"心内科": 60, "呼吸科": 30}, "July shows two"

    year = seen + later
    assert visits(consortium, date(2026, 6, 30), year) == {"内一科": 191}, "the year in the old structure"
    new = visits(consortium, date(2026, 12, 31), year)
    assert new == {"心内科": 60 + 61, "呼吸科": 30 + 40}, "the year in the new structure, by the shares"
    assert sum(new.values()) == len(year)
    told = consortium.admin.get(f"{BASE}/units/{heart}/told-on", day="2026-06-30", seen_on="2026-07-15").json()
    assert told["shares"] == [{"unit_id": str(first), "share": "1.000000"}]
    told = consortium.mch_admin.get(f"{BASE}/units/{first}/told-on", day="2026-07-01", seen_on="2026-06-30").json()
    assert {one["unit_id"]: Decimal(one["share"]) for one in told["shares"]} == {
        str(heart): Decimal("0.6"),
        str(lungs): Decimal("0.4"),
    }
    mine = [row for row in consortium.admin.get(f"{BASE}/successions").json() if row["from_unit_id"] == str(first)]
    assert len(mine) == 2


def names(consortium: Consortium, day: str) -> list[str]:
    return [unit["name"] for unit in consortium.tree(at=day).values()]


def test_people_posts_beds_and_units_below_go_along(consortium: Consortium) -> None:
    old = old_unit(consortium, "外科病区", "nursing")
    nursing = consortium.hospital.caller("nursing_office", campus="hq")
    below = consortium.unit(name="外科诊区", kind="clinic_area", parent_id=old["unit_id"])
    stays, goes = (consortium.engage(unit_id=old["unit_id"])["staff_id"] for _ in range(2))
    for staff in (stays, goes):
        assert consortium.assign(staff, "schedule_clerk").status_code == 201
    beds = [
        nursing.post(f"{BASE}/beds", {"ward_id": old["unit_id"], "number": number}).json()["bed_id"]
        for number in ("1", "2")
    ]
    made = split(consortium, old, {"name": "普外病区"}, {"name": "骨科病区", "staff_ids": [goes], "bed_ids": [beds[1]]})
    assert made.status_code == 201, made.text
    first, second = (unit["unit_id"] for unit in made.json())
    at = "2026-07-01T00:00:00+08:00"
    for unit, staff, bed in ((first, stays, beds[0]), (second, goes, beds[1])):
        members = consortium.admin.get(f"{BASE}/units/{unit}/staff", at="2026-07-01").json()["items"]
        assert [member["staff_id"] for member in members] == [staff]
        posts = consortium.admin.get(f"{BASE}/staff/{staff}/posts", at=at).json()
        assert [(post["unit_id"], post["post"], post["is_main"]) for post in posts] == [(unit, "schedule_clerk", True)]
        assert [row["bed_id"] for row in nursing.get(f"{BASE}/wards/{unit}/beds", at=at).json()] == [bed]
    today = consortium.admin.get(f"{BASE}/units/{old['unit_id']}/staff").json()["items"]
    assert {member["staff_id"] for member in today} == {stays, goes}
    assert len(nursing.get(f"{BASE}/wards/{old['unit_id']}/beds").json()) == 2
    moved = consortium.admin.get(f"{BASE}/units/{below['unit_id']}", at="2026-07-01").json()
    assert moved["parent_id"] == first
    shares = [row["share"] for row in consortium.admin.get(f"{BASE}/successions").json() if row["to_unit_id"] == second]
    assert shares == ["0.500000"]


def test_units_merge_and_are_told_apart_again(consortium: Consortium) -> None:
    one, two = old_unit(consortium, "检验科"), old_unit(consortium, "血库")
    both = consortium.engage(unit_id=one["unit_id"])["staff_id"]
    joined = consortium.personnel.post(f"{BASE}/staff/{both}/units", {"unit_id": two["unit_id"]})
    assert joined.status_code == 201
    body = {
        "units": [
            {"unit_id": one["unit_id"], "version": 1, "back_share": "0.75"},
            {"unit_id": two["unit_id"], "version": 1, "back_share": "0.25"},
        ],
        "code": "labor",
        "name": "医学检验中心",
        "kind": "medtech",
        "effective_on": "2026-07-01",
        "reason": "整合",
    }
    made = consortium.admin.post(f"{BASE}/units/merge", body)
    assert made.status_code == 201, made.text
    new = made.json()["unit_id"]
    members = consortium.admin.get(f"{BASE}/units/{new}/staff", at="2026-07-01").json()["items"]
    assert [(member["staff_id"], member["is_primary"]) for member in members] == [(both, True)]
    with consortium.hospital.tx("hq") as tx:
        back = service.retell(tx, [(UUID(new), date(2026, 7, 5), 10)], date(2026, 6, 30))
        forward = service.retell(tx, [(UUID(two["unit_id"]), date(2026, 6, 5), 7)], date(2026, 8, 1))
    assert sorted(back.values()) == [2, 8]
    assert forward == {UUID(new): 7}


@pytest.mark.parametrize(
    ("into", "fields", "status", "code"),
    [
        ([{"name": "甲", "share": "0.6"}, {"name": "乙", "share": "0.6"}], {}, 422, "succession_invalid"),
        ([{"name": "甲", "share": "0.6"}, {"name": "乙"}], {}, 422, "succession_invalid"),
        ([{"name": "甲"}], {}, 422, "invalid"),
        ([{"name": "甲"}, {"name": "乙"}], {"effective_on": "2026-06-01"}, 422, "past_change"),
        ([{"name": "甲"}, {"name": "乙"}], {"version": 9}, 409, "version_conflict"),
        ([{"name": "甲", "code": "root"}, {"name": "乙"}], {}, 409, "unit_code_taken"),
        ([{"name": "甲"}, {"name": "乙", "staff_ids": [str(uuid4())]}], {}, 422, "succession_invalid"),
    ],
)
def test_refused_splits_change_nothing(
    consortium: Consortium, into: list[dict[str, Any]], fields: dict[str, Any], status: int, code: str
) -> None:
    old = old_unit(consortium, "儿科")
    before = consortium.hospital.census()
    refused = split(consortium, old, *into, **fields)
    assert (refused.status_code, refused.json()["code"]) == (status, code), refused.text
    assert consortium.hospital.census() == before


def test_only_the_own_campus_splits_and_never_the_root(consortium: Consortium) -> None:
    old = old_unit(consortium, "妇科")
    root = consortium.tree()["root"]
    before = consortium.hospital.census()
    body = {
        "into": [{"code": "fa", "name": "甲"}, {"code": "fb", "name": "乙"}],
        "effective_on": "2026-07-01",
        "version": 1,
        "reason": "越权",
    }
    foreign = consortium.mch_admin.post(f"{BASE}/units/{old['unit_id']}/split", body)
    assert (foreign.status_code, foreign.json()["code"]) == (404, "unit_not_found")
    assert split(consortium, root, {"name": "甲"}, {"name": "乙"}).json()["code"] == "succession_invalid"
    assert consortium.hospital.census() == before


# -- the arithmetic

UNITS = [UUID(int=n) for n in range(1, 8)]
DAY = date(2026, 1, 1)


@st.composite
def histories(draw: st.DrawFn) -> tuple[list[Succession], list[UUID]]:
    """A chain of splits and mergers, and the units alive at its end."""
    fresh = iter(UUID(int=n) for n in range(100, 200))
    alive = list(UNITS)
    found: list[Succession] = []
    for step in range(draw(st.integers(0, 5))):
        day = DAY + timedelta(days=10 * (step + 1))
        if draw(st.booleans()) and len(alive) > 2:
            olds = [alive.pop(draw(st.integers(0, len(alive) - 1))) for _ in range(2)]
            new = next(fresh)
            shares = rules.equal_shares(2)
            found += [Succession(day, old, new, ONE, share) for old, share in zip(olds, shares, strict=True)]
            alive.append(new)
        else:
            old = alive.pop(draw(st.integers(0, len(alive) - 1)))
            news = [next(fresh) for _ in range(draw(st.integers(2, 4)))]
            shares = rules.equal_shares(len(news))
            found += [Succession(day, old, new, share, ONE) for new, share in zip(news, shares, strict=True)]
            alive += news
    return found, alive


@given(histories(), st.lists(st.tuples(st.sampled_from(UNITS), st.integers(0, 1000)), max_size=8))
def test_no_visit_is_lost_or_doubled(history: tuple[list[Succession], list[UUID]], seen: list[Any]) -> None:
    successions, alive = history
    end = DAY + timedelta(days=100)
    told = rules.retell([(unit, DAY, count) for unit, count in seen], successions, end)
    assert sum(told.values()) == sum(count for _, count in seen)
    assert set(told) <= set(alive)
    back = rules.retell([(unit, end, count) for unit, count in told.items()], successions, DAY)
    assert sum(back.values()) == sum(told.values())
    assert set(back) <= set(UNITS)


@given(histories(), st.sampled_from(UNITS))
def test_shares_of_one_unit_are_one_whole(history: tuple[list[Succession], list[UUID]], unit: UUID) -> None:
    shares = rules.told_on(history[0], unit, DAY + timedelta(days=100), DAY)
    assert sum(shares.values()) == ONE
    assert rules.told_on(history[0], unit, DAY, DAY) == {unit: ONE}


def test_shares_are_one_whole() -> None:
    assert sum(rules.equal_shares(3)) == ONE
    with pytest.raises(SuccessionInvalid):
        rules.check_shares([Decimal("0.5"), Decimal("0.4")])
