"""People of a county in Guangxi, made up household by household, the same for the same seed.

Resident ID numbers are well formed (GB 11643) and unique within one run; names, ages, addresses and phones follow
tables of shares. Nobody is meant: a number or a phone may exist by chance, so demo data never meets a live message
channel or an identity service.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date
from functools import cache
from random import Random
from typing import NamedTuple

from functions.patients.index.rules import Sex, add_years, name_keys
from loadtests.population.tables import Choice, read
from shared.resident_id import WEIGHTS

REFERENCE_DAY = date(2026, 1, 1)
"""Day on which the people have the ages of the tables, unless told otherwise."""

LARGEST_POPULATION = 3_000_000
"""Beyond this the ID numbers of single days of birth would run out."""

_OLDEST = 103


class Person(NamedTuple):
    """One person. `number` counts from 0 in the order made; `guardian` is the number of the parent who acts for a
    child under 14, else None.

    sex GB/T 2261.1, ethnic_group GB/T 3304, county and township GB/T 2260; `payer` is the insurance type 310 职工,
    390 城乡居民 or empty for 自费; `village` is the village or community of the current address.
    """

    number: int
    name: str
    pinyin: str
    initials: str
    sex: str
    birth_date: date
    id_number: str
    ethnic_group: str
    phone: str
    county: str
    township: str
    village: str
    address: str
    payer: str
    household: int
    guardian: int | None


def people(seed: int, n: int, *, as_of: date = REFERENCE_DAY) -> Iterator[Person]:
    """The first n people of the county of this seed; a smaller n gives the beginning of the same list."""
    if not 0 <= n <= LARGEST_POPULATION:
        raise ValueError(f"a population has at most {LARGEST_POPULATION:,} people")
    maker = _Maker(Random(seed), as_of)
    while True:
        for person in maker.household():
            if person.number >= n:
                return
            yield person


def copy_text(rows: Iterable[tuple[object, ...]], block: int = 1 << 16) -> Iterator[bytes]:
    """Rows in the text format of PostgreSQL COPY, in blocks of about that many characters.

    None becomes NULL; everything else is written as str() gives it, with tab, line ends and backslash escaped.
    """
    lines: list[str] = []
    size = 0
    for row in rows:
        line = "\t".join(["\\N" if value is None else str(value).translate(_ESCAPES) for value in row])
        lines.append(line)
        size += len(line) + 1
        if size >= block:
            yield ("\n".join(lines) + "\n").encode()
            lines, size = [], 0
    if lines:
        yield ("\n".join(lines) + "\n").encode()


_ESCAPES = str.maketrans({"\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"})

_CHECK = "10X98765432"


class _Word(NamedTuple):
    text: str
    pinyin: str
    initials: str


class _Place(NamedTuple):
    county: str
    township: str
    village: str
    address: str
    urban: bool


@dataclass(frozen=True, slots=True)
class _Tables:
    surnames: dict[str, Choice[_Word]]
    given: dict[tuple[str, int], Choice[_Word]]
    ethnic_groups: Choice[str]
    regions: Choice[int]
    region_codes: list[str]
    region_of: dict[str, int]
    places: Choice[_Place]
    phones: Choice[str]


@cache
def _tables() -> _Tables:
    surnames = read("surnames")
    regions = read("regions")
    phones = [
        (prefix, int(row["share"]) / len(row["prefixes"].split()))
        for row in read("phones")
        for prefix in row["prefixes"].split()
    ]
    words = [_word(row["surname"]) for row in surnames]
    return _Tables(
        surnames={mix: Choice(words, [int(row[mix]) for row in surnames]) for mix in ("zhuang", "han", "other")},
        given={(row["sex"], int(row["decade"])): _given_names(row) for row in read("given_names")},
        ethnic_groups=Choice(("08", "01", "13", "06", "12", "32"), (47, 46, 3, 2, 1, 1)),
        regions=Choice(range(len(regions)), [int(row["weight"]) for row in regions]),
        region_codes=[row["code"] for row in regions],
        region_of={row["code"]: index for index, row in enumerate(regions)},
        places=_places(),
        phones=Choice([prefix for prefix, _ in phones], [share for _, share in phones]),
    )


def _word(text: str) -> _Word:
    keys = name_keys(text)
    return _Word(text, keys.full, keys.initials)


def _given(text: str) -> _Word:
    keys = name_keys("王" + text)
    return _Word(text, keys.full.removeprefix("wang"), keys.initials[1:])


def _given_names(row: dict[str, str]) -> Choice[_Word]:
    singles, firsts, seconds = (row[field].split() for field in ("singles", "firsts", "seconds"))
    weights: dict[str, float] = {}
    for rank, single in enumerate(singles):
        weights[single] = 1 / (rank + 4)
    scale = int(row["single_share"]) / sum(weights.values())
    weights = {name: weight * scale for name, weight in weights.items()}
    doubles = {
        first + second: 1 / ((i + 5) * (j + 5))
        for i, first in enumerate(firsts)
        for j, second in enumerate(seconds)
        if first != second
    }
    scale = (100 - int(row["single_share"])) / sum(doubles.values())
    weights |= {name: weight * scale for name, weight in doubles.items()}
    return Choice([_given(name) for name in weights], list(weights.values()))


_VILLAGE_ENDS = "上下新老寨门里外头尾中口边背"
_VILLAGE_FIRST = "古那板六弄大新石龙长罗百思上下东西南高平"
_VILLAGE_SECOND = "塘岭江洞田山河坡湾坪龙良楼桥兰峒"
_STREETS = ("建设路", "人民路", "解放路", "新兴路", "民族路", "城南路", "城北路", "桂香路", "河堤路", "教育路")


def _places() -> Choice[_Place]:
    regions = {row["code"]: row for row in read("regions")}
    places: list[_Place] = []
    weights: list[float] = []
    for row in read("townships"):
        region = regions[row["county_code"]]
        head = f"广西{region['prefecture']}{region['county']}{row['township']}"
        found = _streets() if _is_town(row) else []
        found += _villages(row["code"], 6 if found else 14)
        for village, road, urban in found:
            places.append(_Place(row["county_code"], row["code"], village, head + road, urban))
            weights.append(int(row["weight"]) / len(found))
    return Choice(places, weights)


def _is_town(row: dict[str, str]) -> bool:
    return row["township"].endswith("街道") or row["code"] == "450223100"


def _streets() -> list[tuple[str, str, bool]]:
    return [(f"{street[:-1]}社区", street, True) for street in _STREETS]


def _villages(code: str, count: int) -> list[tuple[str, str, bool]]:
    names = [first + second for first in _VILLAGE_FIRST for second in _VILLAGE_SECOND if first != second]
    chosen = Random(code).sample(names, count)
    return [(f"{name}村", f"{name}村{name[0]}{end}屯", False) for name, end in zip(chosen, _VILLAGE_ENDS, strict=False)]


class _Home(NamedTuple):
    group: str
    mix: str
    place: _Place
    address: str


class _Maker:
    """Makes one household after the other from one stream of random numbers."""

    def __init__(self, random: Random, as_of: date) -> None:
        self._random = random
        self._tables = _tables()
        self._today = as_of.toordinal()
        self._first_day = self._today - int((_OLDEST + 1) * 365.2425)
        self._days = [_day(ordinal) for ordinal in range(self._first_day, self._today + 1)]
        self._serials = [(f"{serial:03d}", _weighted(f"{serial:03d}", 14)) for serial in range(1000)]
        self._region_sums = [_weighted(code, 0) for code in self._tables.region_codes]
        self._taken = bytearray(2 * len(self._days) * len(self._region_sums))
        self._fourteen = add_years(as_of, -14)
        self._numbers = 0
        self._households = 0

    def household(self) -> list[Person]:
        """People who live together: adults first, so that a child's guardian has a smaller number."""
        random = self._random
        self._households += 1
        group = self._tables.ethnic_groups.take(random)
        mix = "zhuang" if group == "08" else "han" if group == "01" else "other"
        place = self._tables.places.take(random)
        home = _Home(group, mix, place, f"{place.address}{1 + int(random.random() * 180)}号")
        surname = self._surname(home)
        kind = random.random()
        if kind < 0.14:
            return self._old_couple(home, surname)
        if kind < 0.28:
            age = 60 + int(random.random() ** 1.6 * 38) if kind < 0.18 else 18 + int(random.random() * 42)
            return [self._adult(home, surname, "1" if random.random() < 0.5 else "2", age)]
        return self._family(home, surname, with_children=kind > 0.62)

    def _surname(self, home: _Home) -> _Word:
        return self._tables.surnames[home.mix].take(self._random)

    def _old_couple(self, home: _Home, surname: _Word) -> list[Person]:
        age = 58 + int(self._random.random() ** 1.5 * 34)
        wife = max(50, age - 4 + int(self._random.random() * 6))
        return [self._adult(home, surname, "1", age), self._adult(home, self._surname(home), "2", wife)]

    def _family(self, home: _Home, surname: _Word, *, with_children: bool) -> list[Person]:
        random = self._random
        age = 22 + int(random.random() * 25) if with_children else 24 + int(random.random() ** 0.6 * 36)
        father = self._adult(home, surname, "1", age + int(random.random() * 5))
        mother = self._adult(home, self._surname(home), "2", age)
        members = [father, mother]
        if random.random() < 0.3:
            older = min(_OLDEST, age + 22 + int(random.random() * 12))
            members.append(self._adult(home, surname, "1" if random.random() < 0.42 else "2", older))
        if with_children:
            for _ in range((1, 1, 2, 2, 2, 3)[int(random.random() * 6)]):
                members.append(self._offspring(home, surname, age, mother if random.random() < 0.7 else father))
        return members

    def _offspring(self, home: _Home, surname: _Word, mother_age: int, guardian: Person) -> Person:
        random = self._random
        age = mother_age - 20 - int(random.random() * 17)
        if age < 0:
            age = int(random.random() * min(6, mother_age - 17))
        sex = "1" if random.random() < 0.53 else "2"
        if age >= 16:
            return self._adult(home, surname, sex, age)
        payer = "390" if random.random() < 0.97 else ""
        region = self._tables.region_of[home.place.county]
        return self._person(home, surname, sex, age, region, guardian.phone, payer, guardian.number)

    def _adult(self, home: _Home, surname: _Word, sex: str, age: int) -> Person:
        random = self._random
        phone = f"{self._tables.phones.take(random)}{int(random.random() * 1e8):08d}"
        luck = random.random()
        payer = "310" if luck < _employed(age, urban=home.place.urban) else "390" if luck < 0.96 else ""
        return self._person(home, surname, sex, age, self._tables.regions.take(random), phone, payer, None)

    def _person(
        self,
        home: _Home,
        surname: _Word,
        sex: str,
        age: int,
        region: int,
        phone: str,
        payer: str,
        guardian: int | None,
    ) -> Person:
        random = self._random
        birth, id_number = self._identity(region, sex, self._today - int((age + random.random()) * 365.2425))
        given = self._tables.given[sex, min(2020, birth.year // 10 * 10) if birth.year >= 1950 else 1930].take(random)
        number = self._numbers
        self._numbers = number + 1
        return Person(
            number,
            surname.text + given.text,
            surname.pinyin + given.pinyin,
            surname.initials + given.initials,
            sex,
            birth,
            id_number,
            home.group,
            phone,
            home.place.county,
            home.place.township,
            home.place.village,
            home.address,
            payer,
            self._households,
            guardian if birth > self._fourteen else None,
        )

    def _identity(self, region: int, sex: str, ordinal: int) -> tuple[date, str]:
        """A birth date at or before the day asked for and an ID number nobody in this run has yet."""
        day = max(0, ordinal - self._first_day)
        male = sex == Sex.MALE
        while True:
            slot = 2 * (region * len(self._days) + day) + male
            count = self._taken[slot]
            if count < 250:
                break
            day = day - 1 if day else len(self._days) - 1
        self._taken[slot] = count + 1
        # 37 and 500 have no common divisor, so the serial numbers of a day wander and never meet again.
        serial, serial_sum = self._serials[2 * ((count * 37 + day * 11) % 500) + male]
        birth, digits, day_sum = self._days[day]
        check = _CHECK[(self._region_sums[region] + day_sum + serial_sum) % 11]
        return birth, self._tables.region_codes[region] + digits + serial + check


def _employed(age: int, *, urban: bool) -> float:
    """Share insured as employees (职工医保), which goes on after retirement."""
    if age >= 60:
        return 0.34 if urban else 0.04
    return 0.42 if urban else 0.1


def _day(ordinal: int) -> tuple[date, str, int]:
    day = date.fromordinal(ordinal)
    digits = day.strftime("%Y%m%d")
    return day, digits, _weighted(digits, 6)


def _weighted(digits: str, start: int) -> int:
    """The part of the check sum (GB 11643) that these digits add, standing at that place of the number."""
    return sum(int(digit) * weight for digit, weight in zip(digits, WEIGHTS[start:], strict=False))
