"""The two campuses of the demo as plain data: departments, prices, staff and one morning's sessions.

Everything is read from the tables beside this module; names of staff are made by seed. Item codes and names in
prices.csv follow 全国医疗服务价格项目规范 (2001 edition with its 2007 supplement). The prices are made up to look like
a county in Guangxi at the three price levels and are no official tariff: before real use each is taken from the list
of the autonomous region's 医疗保障局. Rows with `verify` still need their code or name compared with that list too.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from functools import cache
from random import Random

from loadtests.population.people import REFERENCE_DAY, Person, people
from loadtests.population.tables import read
from shared.identity.posts import POSTS
from shared.resident_id import check_digit
from shared.schemas import SHANGHAI

LEVELS = ("tertiary", "secondary", "primary")
"""Price levels 三级, 二级, 一级."""

FEE_CLASSES = {
    "01": "床位费",
    "02": "诊察费",
    "03": "检查费",
    "04": "化验费",
    "05": "治疗费",
    "06": "手术费",
    "07": "护理费",
    "08": "卫生材料费",
    "09": "西药费",
    "10": "中药饮片费",
    "11": "中成药费",
    "12": "一般诊疗费",
    "13": "挂号费",
    "14": "其他费用",
}
"""Fee classes of the medical receipt (财政票据) and of insurance (med_chrgitm_type)."""

GRADES = {"general": "普通", "associate": "副主任医师", "chief": "主任医师", "emergency": "急诊"}
"""Grades of a clinic; a doctor's title opens the grade of the same name, attending doctors hold general clinics."""

TITLES = {"chief": ("231", "主任医师"), "associate": ("232", "副主任医师"), "attending": ("233", "主治医师")}
"""Professional titles, GB/T 8561."""


@dataclass(frozen=True, slots=True)
class Campus:
    """`price_level` is one of LEVELS; `letter` begins visit numbers and names of unidentified people."""

    code: str
    letter: str
    name: str
    short_name: str
    price_level: str
    insurance_code: str
    county: str
    address: str


@dataclass(frozen=True, slots=True)
class Clinic:
    """A grade of outpatient clinic and the charge item of its fee."""

    grade: str
    name: str
    fee_item: str


@dataclass(frozen=True, slots=True)
class Department:
    """`kind` is clinical, medtech, nursing, pharmacy or administrative; `subject_code` is of 医疗机构诊疗科目名录."""

    campus: str
    code: str
    name: str
    kind: str
    subject_code: str
    building: str
    floor: int
    clinics: tuple[Clinic, ...]


@dataclass(frozen=True, slots=True)
class ChargeItem:
    """One line of the price list. `code` is unique; variants of one national item share its nine digits.

    `kind` is registration, service, bed or consumable; `prices` holds yuan by price level; `verify` marks rows whose
    national code or name is not yet confirmed. A consumable has no national service code.
    """

    code: str
    national_code: str
    name: str
    content: str
    excluded: str
    unit: str
    fee_class: str
    kind: str
    prices: dict[str, Decimal]
    note: str
    verify: bool


@dataclass(frozen=True, slots=True)
class StaffMember:
    """A person who signs on. `title` is empty for posts without a professional title; `licence_no` has 15 digits
    (医师执业证书) for doctors, else it is empty."""

    staff_no: str
    campus: str
    department: str
    post: str
    post_title: str
    name: str
    sex: str
    birth_date: date
    id_number: str
    phone: str
    title_code: str
    title: str
    licence_no: str


@dataclass(frozen=True, slots=True)
class Band:
    """A time band of a session and how many numbers it holds."""

    start: datetime
    end: datetime
    numbers: int


@dataclass(frozen=True, slots=True)
class Session:
    """One doctor's clinic of one morning. `quotas` divides the numbers among window, elder and mini."""

    campus: str
    department: str
    grade: str
    fee_item: str
    staff_no: str
    room: str
    start: datetime
    end: datetime
    bands: tuple[Band, ...]
    quotas: dict[str, int]

    @property
    def numbers(self) -> int:
        return sum(band.numbers for band in self.bands)


@dataclass(frozen=True, slots=True)
class Hospital:
    """All of it, in the order in which it can be entered."""

    campuses: tuple[Campus, ...]
    departments: tuple[Department, ...]
    charge_items: tuple[ChargeItem, ...]
    staff: tuple[StaffMember, ...]
    sessions: tuple[Session, ...]


def hospital(seed: int, day: date) -> Hospital:
    """The demo hospital with the sessions of the morning of that day."""
    members = staff(seed)
    return Hospital(campuses(), departments(), charge_items(), members, sessions(day, members))


@cache
def campuses() -> tuple[Campus, ...]:
    return tuple(Campus(**row) for row in read("campuses"))


@cache
def departments() -> tuple[Department, ...]:
    return tuple(
        Department(
            **{field: row[field] for field in ("campus", "code", "name", "kind", "subject_code", "building")},
            floor=int(row["floor"]),
            clinics=tuple(_clinics(row)),
        )
        for row in read("departments")
    )


@cache
def charge_items() -> tuple[ChargeItem, ...]:
    texts = ("code", "national_code", "name", "content", "excluded", "unit", "fee_class", "kind", "note")
    return tuple(
        ChargeItem(
            **{field: row[field] for field in texts},
            prices={level: Decimal(row[f"price_{level}"]) for level in LEVELS},
            verify=row["verify"] == "1",
        )
        for row in read("prices")
    )


@cache
def staff(seed: int) -> tuple[StaffMember, ...]:
    """Everybody who works in the demo; the same seed gives the same names. Numbers (工号) begin 1 at hq and 2 at mch.

    Their ID numbers are of a district nobody of the population comes from, so the two never meet.
    """
    random = Random(seed)
    grown_ups = _grown_ups(seed + _STAFF_SEED)
    places = {campus.code: place for place, campus in enumerate(campuses(), 1)}
    counts: dict[str, int] = {}
    members: list[StaffMember] = []
    for row in read("staffing"):
        for _ in range(int(row["count"])):
            campus = row["campus"]
            counts[campus] = counts.get(campus, 0) + 1
            number = len(members) + 1
            members.append(_member(random, row, next(grown_ups), f"{places[campus]}{counts[campus]:04d}", number))
    return tuple(members)


def sessions(day: date, members: tuple[StaffMember, ...]) -> tuple[Session, ...]:
    """One session for each doctor on the morning of that day: 08:00 to 11:30 in seven bands of half an hour.

    The emergency department sees people without numbers and has none.
    """
    units = {(unit.campus, unit.code): unit for unit in departments()}
    found: list[Session] = []
    rooms: dict[tuple[str, str, int], int] = {}
    for member in members:
        unit = units[member.campus, member.department]
        clinic = _clinic_of(unit, member)
        if clinic is None:
            continue
        floor = unit.campus, unit.building, unit.floor
        rooms[floor] = rooms.get(floor, 0) + 1
        found.append(_session(day, unit, clinic, member, f"{unit.building}{unit.floor}{rooms[floor]:02d}诊室"))
    return tuple(found)


_STAFF_REGION = "450204"
_STAFF_SEED = 45_0204
_BAND = timedelta(minutes=30)
_NUMBERS_PER_BAND = {"general": 6, "associate": 4, "chief": 4}


def _clinics(row: dict[str, str]) -> Iterator[Clinic]:
    for entry in row["clinics"].split():
        grade, _, item = entry.partition("=")
        yield Clinic(grade, f"{row['name']}{GRADES[grade]}门诊", item)


def _grown_ups(seed: int) -> Iterator[Person]:
    oldest, youngest = REFERENCE_DAY.year - 59, REFERENCE_DAY.year - 24
    return (person for person in people(seed, 20_000) if oldest <= person.birth_date.year <= youngest)


def _member(random: Random, row: dict[str, str], person: Person, staff_no: str, number: int) -> StaffMember:
    title_code, title = TITLES.get(row["title"], ("", ""))
    serial = 2 * number + (person.sex == "1")
    digits = f"{_STAFF_REGION}{person.birth_date:%Y%m%d}{serial:03d}"
    return StaffMember(
        staff_no=staff_no,
        campus=row["campus"],
        department=row["department"],
        post=row["post"],
        post_title=POSTS[row["post"]].title,
        name=person.name,
        sex=person.sex,
        birth_date=person.birth_date,
        id_number=digits + check_digit(digits),
        phone=person.phone,
        title_code=title_code,
        title=title,
        licence_no=f"11045{random.randrange(10**10):010d}" if title else "",
    )


def _clinic_of(unit: Department, member: StaffMember) -> Clinic | None:
    if not member.title:
        return None
    titles = {title: grade for grade, (_, title) in TITLES.items()}
    grade = titles[member.title]
    wanted = "general" if grade == "attending" else grade
    return next((clinic for clinic in unit.clinics if clinic.grade == wanted), None)


def _session(day: date, unit: Department, clinic: Clinic, member: StaffMember, room: str) -> Session:
    start = datetime.combine(day, time(8), SHANGHAI)
    bands = tuple(
        Band(start + _BAND * place, start + _BAND * (place + 1), _NUMBERS_PER_BAND[clinic.grade]) for place in range(7)
    )
    numbers = sum(band.numbers for band in bands)
    # A fifth is kept for old people and those who come in person without a phone (44, no. 17).
    elder = -(-numbers // 5)
    mini = numbers * 4 // 7
    return Session(
        campus=unit.campus,
        department=unit.code,
        grade=clinic.grade,
        fee_item=clinic.fee_item,
        staff_no=member.staff_no,
        room=room,
        start=start,
        end=bands[-1].end,
        bands=bands,
        quotas={"mini": mini, "elder": elder, "window": numbers - mini - elder},
    )
