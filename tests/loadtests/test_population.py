"""The demo population: repeatable, well formed, with the shares it promises."""

import hashlib
import os
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from random import Random

import pytest

from functions.patients.index import rules
from loadtests.population import (
    DEMO_VISITS,
    REFERENCE_DAY,
    Hospital,
    Person,
    VisitWish,
    clinic_day,
    clinic_morning,
    copy_text,
    hospital,
    needed,
    people,
)
from loadtests.population.hospital import FEE_CLASSES, LEVELS
from loadtests.population.people import _Maker
from loadtests.population.tables import Choice, read
from shared.identity.posts import POSTS
from shared.identity.separation import conflicts

MONDAY = date(2026, 3, 2)
ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def county() -> Sequence[Person]:
    return list(people(1, 20_000))


@pytest.fixture(scope="module")
def day(county: Sequence[Person]) -> Sequence[VisitWish]:
    return clinic_day(1, county, MONDAY)


@pytest.fixture(scope="module")
def demo() -> Hospital:
    return hospital(1, MONDAY)


def share(found: int, total: int) -> float:
    return found / total


def age(person: Person, on: date = REFERENCE_DAY) -> int:
    return rules.completed_years(person.birth_date, on)


# ---------------------------------------------------------------- people


def test_the_same_seed_gives_the_same_people_and_another_seed_others(county: Sequence[Person]) -> None:
    assert list(people(1, 20_000)) == county
    assert list(people(1, 777)) == county[:777]
    assert list(people(2, 777)) != county[:777]


def test_another_process_makes_the_same_people(county: Sequence[Person]) -> None:
    script = (
        "import hashlib; from loadtests.population import copy_text, people;"
        "print(hashlib.sha256(b''.join(copy_text(people(1, 2000)))).hexdigest())"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "4502"}
    told = subprocess.run(
        [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, cwd=ROOT
    )
    assert told.stdout.strip() == hashlib.sha256(b"".join(copy_text(county[:2000]))).hexdigest()
    assert [person.number for person in county] == list(range(20_000))


def test_id_numbers_are_valid_distinct_and_agree_with_the_person(county: Sequence[Person]) -> None:
    regions = {row["code"] for row in read("regions")}
    for person in county:
        resident = rules.parse_resident_id(person.id_number)
        rules.check_consistency(resident, birth_date=person.birth_date, sex=person.sex)
        rules.check_birth_date(person.birth_date, REFERENCE_DAY)
        assert resident.region in regions
    assert len({person.id_number for person in county}) == len(county)


def test_a_full_birthday_flows_over_into_the_day_before() -> None:
    maker = _Maker(Random(1), REFERENCE_DAY)
    born = date(1990, 3, 7)
    made = [maker._identity(0, "2", born.toordinal()) for _ in range(600)]
    assert {birth for birth, _ in made} == {born, date(1990, 3, 6), date(1990, 3, 5)}
    assert len({number for _, number in made}) == 600
    assert all(rules.parse_resident_id(number).birth_date == birth for birth, number in made)


def test_numbers_stay_distinct_as_the_county_grows() -> None:
    assert len({person.id_number for person in people(3, 60_000)}) == 60_000


def test_the_whole_population_has_a_limit() -> None:
    with pytest.raises(ValueError, match="at most"):
        next(people(1, 3_000_001))
    assert list(people(1, 0)) == []


def test_pinyin_is_that_of_the_index(county: Sequence[Person]) -> None:
    for person in county[:3_000]:
        assert rules.name_keys(person.name) == rules.NameKeys(person.pinyin, person.initials)


def test_children_have_a_guardian_of_their_household(county: Sequence[Person]) -> None:
    for person in county:
        assert (person.guardian is not None) == (age(person) < 14)
        if person.guardian is not None:
            guardian = county[person.guardian]
            assert guardian.household == person.household
            assert guardian.phone == person.phone
            assert age(guardian) >= age(person) + 14


def test_ages_names_and_places_are_those_of_a_guangxi_county(county: Sequence[Person]) -> None:
    total = len(county)
    assert share(sum(age(person) < 14 for person in county), total) == pytest.approx(0.20, abs=0.03)
    assert share(sum(age(person) >= 60 for person in county), total) == pytest.approx(0.165, abs=0.03)
    assert share(sum(person.sex == "2" for person in county), total) == pytest.approx(0.50, abs=0.02)
    assert share(sum(person.ethnic_group == "08" for person in county), total) == pytest.approx(0.47, abs=0.03)
    assert share(sum(person.county == "450223" for person in county), total) == pytest.approx(0.88, abs=0.03)
    assert share(sum(person.payer == "" for person in county), total) == pytest.approx(0.04, abs=0.01)
    surnames = Counter(rules.split_name(person.name)[0] for person in county)
    assert {surname for surname, _ in surnames.most_common(3)} == {"黄", "韦", "覃"}
    zhuang = Counter(rules.split_name(person.name)[0] for person in county if person.ethnic_group == "08")
    assert share(zhuang["韦"] + zhuang["覃"], zhuang.total()) > 0.18


def test_given_names_follow_the_decade_of_birth(county: Sequence[Person]) -> None:
    def given(decade: int, sex: str) -> Counter[str]:
        return Counter(
            character
            for person in county
            if person.birth_date.year // 10 * 10 == decade and person.sex == sex
            for character in rules.split_name(person.name)[1]
        )

    assert given(1950, "2")["英"] > given(2010, "2")["英"]
    assert given(2010, "1")["轩"] > 0 == given(1950, "1")["轩"]


def test_phones_have_eleven_digits_of_a_known_prefix(county: Sequence[Person]) -> None:
    prefixes = {prefix for row in read("phones") for prefix in row["prefixes"].split()}
    for person in county:
        assert re.fullmatch(r"1[0-9]{10}", person.phone)
        assert person.phone[:3] in prefixes


def test_addresses_go_down_to_the_house_and_mask_to_the_township(county: Sequence[Person]) -> None:
    townships = {row["code"]: row["township"] for row in read("townships")}
    for person in county[:3_000]:
        assert person.township.startswith(person.county)
        assert rules.mask_address(person.address).endswith(townships[person.township] + "****")
        assert re.search(r"[0-9]+号$", person.address)


# ---------------------------------------------------------------- COPY


def test_copy_text_is_what_postgresql_reads() -> None:
    rows = [(1, None, "a\tb\\c\nd\re"), (2, MONDAY, "覃")]
    assert b"".join(copy_text(rows)).decode() == "1\t\\N\ta\\tb\\\\c\\nd\\re\n2\t2026-03-02\t覃\n"
    assert list(copy_text([])) == []


def test_copy_text_comes_in_blocks_of_whole_lines(county: Sequence[Person]) -> None:
    blocks = list(copy_text(county[:1_000], block=4_096))
    assert len(blocks) > 10
    assert all(block.endswith(b"\n") for block in blocks)
    lines = b"".join(blocks).decode().splitlines()
    assert len(lines) == 1_000
    assert all(line.count("\t") == len(Person._fields) - 1 for line in lines)


# ---------------------------------------------------------------- visits


def test_a_day_is_repeatable_and_has_the_visits_asked_for(county: Sequence[Person], day: Sequence[VisitWish]) -> None:
    assert clinic_day(1, county, MONDAY) == day
    assert clinic_day(2, county, MONDAY) != day
    assert Counter(wish.campus for wish in day) == DEMO_VISITS
    assert [wish.arrives for wish in day] == sorted(wish.arrives for wish in day)
    assert {wish.arrives.date() for wish in day} == {MONDAY}


def test_two_fifths_of_the_day_arrive_between_eight_and_ten(county: Sequence[Person]) -> None:
    full = clinic_day(5, county, MONDAY, {"hq": 1_500, "mch": 500})
    early = sum(8 <= wish.arrives.hour < 10 for wish in full)
    assert share(early, len(full)) == pytest.approx(0.40, abs=0.04)
    morning = clinic_morning(5, county, MONDAY, {"hq": 1_500, "mch": 500})
    assert morning == [wish for wish in full if wish.arrives.hour < 12]


def test_departments_see_the_people_they_are_for(county: Sequence[Person], day: Sequence[VisitWish]) -> None:
    for wish in day:
        patient = county[wish.patient]
        years = age(patient, MONDAY)
        if wish.department in {"gynaecology", "obstetrics", "breast"}:
            assert patient.sex == "2"
            assert years >= 14
        if wish.department == "obstetrics":
            assert 18 <= years < 45
        if wish.department in {"paediatrics", "child_health"}:
            assert years < 14
        assert wish.companion == patient.guardian
        assert wish.payer == patient.payer


def test_departments_have_their_shares(county: Sequence[Person]) -> None:
    full = clinic_day(7, county, MONDAY, {"hq": 1_500, "mch": 500})
    found = Counter((wish.campus, wish.department) for wish in full)
    totals = Counter(wish.campus for wish in full)
    for row in read("demand"):
        key = row["campus"], row["department"]
        assert share(found[key], totals[row["campus"]]) == pytest.approx(int(row["share"]) / 100, abs=0.05), key


def test_nobody_comes_twice_on_one_day(day: Sequence[VisitWish]) -> None:
    assert len({wish.patient for wish in day}) == len(day)


def test_some_money_is_asked_back(county: Sequence[Person]) -> None:
    full = clinic_day(11, county, MONDAY, {"hq": 1_500, "mch": 500})
    returned = [wish for wish in full if wish.returns]
    assert share(len(returned), len(full)) == pytest.approx(0.04, abs=0.015)
    for wish in returned:
        assert bool(wish.orders) == (wish.returns == "item")


def test_people_pay_as_their_age_and_channel_let_them(county: Sequence[Person], day: Sequence[VisitWish]) -> None:
    def cash(wishes: list[VisitWish]) -> float:
        return share(sum(wish.pays_by == "cash" for wish in wishes), len(wishes))

    at_window = [wish for wish in day if wish.channel == "window"]
    old = [wish for wish in at_window if age(county[wish.patient], MONDAY) >= 60]
    young = [wish for wish in at_window if 18 <= age(county[wish.patient], MONDAY) < 60]
    assert cash(old) > 0.25 > 0.15 > cash(young)
    assert all(wish.pays_by not in {"cash", "bank_card"} for wish in day if wish.channel != "window")


def test_a_population_too_small_is_refused() -> None:
    with pytest.raises(ValueError, match="too small"):
        clinic_day(1, list(people(1, 200)), MONDAY)


def test_needed_people_include_the_guardians(county: Sequence[Person], day: Sequence[VisitWish]) -> None:
    numbers = list(needed(day))
    assert numbers == sorted(set(numbers))
    assert {wish.patient for wish in day} <= set(numbers)
    assert {county[number].guardian for number in numbers} - {None} <= set(numbers)


def test_a_choice_takes_what_has_a_weight() -> None:
    with pytest.raises(ValueError, match="weight"):
        Choice(("a",), (0,))


# ---------------------------------------------------------------- hospital


def test_price_list_has_the_shape_of_the_official_one(demo: Hospital) -> None:
    codes = [item.code for item in demo.charge_items]
    assert len(codes) == len(set(codes)) >= 150
    for item in demo.charge_items:
        assert item.fee_class in FEE_CLASSES
        assert item.kind in {"registration", "service", "bed", "consumable"}
        assert item.name
        assert item.unit
        if item.kind == "consumable":
            assert item.national_code == ""
        else:
            assert re.fullmatch(r"[1-4][0-9]{8}", item.national_code)
            assert item.code.partition("-")[0] == item.national_code
        prices = [item.prices[level] for level in LEVELS]
        assert all(price > 0 and price == price.quantize(Decimal("0.01")) for price in prices)
        assert prices == sorted(prices, reverse=True)


def test_everyday_items_are_in_the_price_list(demo: Hospital) -> None:
    names = {item.code: item.name for item in demo.charge_items}
    assert names["110200001"] == "普通门诊诊查费"
    assert names["110200005"] == "住院诊查费"
    assert names["120400006"] == "静脉输液"
    assert names["250101015"] == "血细胞分析"
    assert names["310701001"] == "常规心电图检查"
    assert names["331400012"] == "剖宫产术"


def test_tables_refer_to_each_other_without_a_gap(demo: Hospital) -> None:
    items = {item.code for item in demo.charge_items}
    units = {(unit.campus, unit.code) for unit in demo.departments}
    assert len(units) == len(demo.departments)
    assert {unit.campus for unit in demo.departments} == {campus.code for campus in demo.campuses} == set(DEMO_VISITS)
    assert {clinic.fee_item for unit in demo.departments for clinic in unit.clinics} <= items
    for table in ("demand", "orders", "staffing"):
        assert {(row["campus"], row["department"]) for row in read(table)} <= units
    assert {row["item"] for row in read("orders")} <= items
    assert {row["county_code"] for row in read("townships")} <= {row["code"] for row in read("regions")}
    assert all(campus.price_level in LEVELS for campus in demo.campuses)


def test_staff_hold_known_posts_and_are_themselves_only(demo: Hospital, county: Sequence[Person]) -> None:
    assert {member.post for member in demo.staff} <= set(POSTS)
    assert len({member.staff_no for member in demo.staff}) == len(demo.staff)
    ids = {member.id_number for member in demo.staff}
    assert len(ids) == len(demo.staff)
    assert ids.isdisjoint(person.id_number for person in county)
    for member in demo.staff:
        resident = rules.parse_resident_id(member.id_number)
        rules.check_consistency(resident, birth_date=member.birth_date, sex=member.sex)
        assert not conflicts({member.campus: [member.post]})
    doctors = Counter(member.campus for member in demo.staff if member.post == "outpatient_doctor")
    assert doctors == {"hq": 27, "mch": 12}
    assert Counter(m.campus for m in demo.staff if m.post == "registrar") == {"hq": 8, "mch": 3}
    for post in ("system_admin", "security_admin", "audit_admin"):
        assert sum(member.post == post for member in demo.staff) == 2


def test_each_clinic_has_a_doctor_and_each_doctor_one_session(demo: Hospital) -> None:
    assert hospital(1, MONDAY) == demo
    held = Counter(session.staff_no for session in demo.sessions)
    doctors = {m.staff_no for m in demo.staff if m.post == "outpatient_doctor" and m.department != "emergency"}
    assert held == dict.fromkeys(doctors, 1)
    offered = {(s.campus, s.department, s.grade) for s in demo.sessions}
    wanted = {(unit.campus, unit.code, clinic.grade) for unit in demo.departments for clinic in unit.clinics}
    assert wanted - offered == {("hq", "emergency", "emergency")}
    assert offered <= wanted
    assert len({(s.campus, s.room) for s in demo.sessions}) == len(demo.sessions)
    for session in demo.sessions:
        assert sum(session.quotas.values()) == session.numbers
        assert all(count > 0 for count in session.quotas.values())
        assert (session.bands[0].start, session.bands[-1].end) == (session.start, session.end)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_morning_fits_into_the_sessions(demo: Hospital, county: Sequence[Person], seed: int) -> None:
    room: Counter[tuple[str, str]] = Counter()
    for session in demo.sessions:
        room[session.campus, session.department] += session.numbers
    wishes = Counter(
        (wish.campus, wish.department)
        for wish in clinic_morning(seed, county, MONDAY)
        if wish.department != "emergency"
    )
    assert {unit: (count, room[unit]) for unit, count in wishes.items() if count > room[unit]} == {}
