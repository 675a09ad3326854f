"""What the people of the county want from the two campuses on one day, minute by minute."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from functools import cache
from itertools import pairwise
from random import Random

from functions.patients.index.rules import completed_years
from loadtests.population.people import Person
from loadtests.population.tables import Choice, read
from shared.schemas import SHANGHAI

DEMO_VISITS: Mapping[str, int] = {"hq": 1000, "mch": 360}
"""Visits a day that the demo's doctors can see; full size is 1,500 and 500."""

RETURNS = 0.04
"""Share of visits of which money is asked back."""

MORNING_ENDS = time(12)

_BANDS = (0, 1, 6, 14, 18, 30, 45, 60, 75)
_GRADES = {"general": 70, "associate": 20, "chief": 10, "emergency": 100}


@dataclass(frozen=True, slots=True)
class Order:
    """Something the doctor will ask for: code of prices.csv and how many."""

    item: str
    quantity: int


@dataclass(frozen=True, slots=True)
class VisitWish:
    """One person's plan for one visit.

    `patient` and `companion` are numbers of people (the companion acts for a child under 14). `channel` is window,
    kiosk or mini (mini-program); `booked` tells that the number was taken beforehand. `first_visit` people are not in
    the index yet. `payer` is 310 职工, 390 城乡居民 or empty for 自费; `pays_by` is cash, wechat, alipay, bank_card or
    ecny. `returns` is empty, `registration` (退号 before the doctor, so nothing was ordered) or `item` (the last order
    is not used and paid back).
    """

    arrives: datetime
    campus: str
    department: str
    grade: str
    patient: int
    companion: int | None
    channel: str
    booked: bool
    first_visit: bool
    payer: str
    pays_by: str
    orders: tuple[Order, ...]
    returns: str


def clinic_day(
    seed: int, population: Sequence[Person], day: date, visits: Mapping[str, int] = DEMO_VISITS
) -> list[VisitWish]:
    """The wishes of one day in the order of arrival; nobody comes twice.

    `population` is the beginning of `people(...)` as of that day or earlier, so that a person's number is the place in
    the list; about ten people for each visit suffice. Raises ValueError when a department finds nobody of the age and
    sex it needs.
    """
    random = Random(seed)
    crowd = _Crowd(random, population, day)
    wishes = [
        _wish(random, population, crowd, _tables(), campus, day)
        for campus, count in visits.items()
        for _ in range(count)
    ]
    return sorted(wishes, key=lambda wish: (wish.arrives, wish.patient))


def clinic_morning(
    seed: int, population: Sequence[Person], day: date, visits: Mapping[str, int] = DEMO_VISITS
) -> list[VisitWish]:
    """Those of a day who arrive before noon."""
    return [wish for wish in clinic_day(seed, population, day, visits) if wish.arrives.time() < MORNING_ENDS]


@dataclass(frozen=True, slots=True)
class _Demand:
    department: str
    female: float
    ages: Choice[int]
    grades: Choice[str]
    arrivals: Choice[tuple[int, int]]
    orders: tuple[tuple[Order, float], ...]


@dataclass(frozen=True, slots=True)
class _Tables:
    demand: Mapping[str, Choice[_Demand]]


@cache
def _tables() -> _Tables:
    grades = {
        (row["campus"], row["code"]): [clinic.partition("=")[0] for clinic in row["clinics"].split()]
        for row in read("departments")
    }
    orders: dict[tuple[str, str], list[tuple[Order, float]]] = {}
    for row in read("orders"):
        order = Order(row["item"], int(row["quantity"]))
        orders.setdefault((row["campus"], row["department"]), []).append((order, int(row["share"]) / 100))
    curves = _curves()
    demand: dict[str, list[tuple[_Demand, int]]] = {}
    for row in read("demand"):
        key = row["campus"], row["department"]
        one = _Demand(
            department=row["department"],
            female=int(row["female"]) / 100,
            ages=Choice(range(len(_BANDS)), [int(row[f"a{start}"]) for start in _BANDS]),
            grades=Choice(grades[key], [_GRADES[grade] for grade in grades[key]]),
            arrivals=curves["emergency" if row["department"] == "emergency" else "clinic"],
            orders=tuple(orders[key]),
        )
        demand.setdefault(row["campus"], []).append((one, int(row["share"])))
    return _Tables(
        {campus: Choice([one for one, _ in rows], [share for _, share in rows]) for campus, rows in demand.items()}
    )


def _curves() -> dict[str, Choice[tuple[int, int]]]:
    rows = read("arrivals")
    minutes = [int(row["start"][:2]) * 60 + int(row["start"][3:]) for row in rows]
    spans = list(pairwise(minutes))
    return {name: Choice([*spans], [int(row[name]) for row in rows[:-1]]) for name in ("clinic", "emergency")}


class _Crowd:
    """Everybody who may still come today, by sex and band of age, in random order."""

    def __init__(self, random: Random, population: Sequence[Person], day: date) -> None:
        self._waiting: dict[tuple[str, int], list[Person]] = {}
        for person in population:
            if person.birth_date <= day:
                age = completed_years(person.birth_date, day)
                band = max(index for index, start in enumerate(_BANDS) if start <= age)
                self._waiting.setdefault((person.sex, band), []).append(person)
        for people in self._waiting.values():
            random.shuffle(people)

    def call(self, sex: str, band: int) -> Person:
        people = self._waiting.get((sex, band))
        if not people:
            raise ValueError(f"the population is too small: nobody of sex {sex} from {_BANDS[band]} years is left")
        return people.pop()


def _wish(
    random: Random, population: Sequence[Person], crowd: _Crowd, tables: _Tables, campus: str, day: date
) -> VisitWish:
    demand = tables.demand[campus].take(random)
    patient = crowd.call("2" if random.random() < demand.female else "1", demand.ages.take(random))
    age = completed_years(patient.birth_date, day)
    payer_age = age if patient.guardian is None else completed_years(population[patient.guardian].birth_date, day)
    emergency = demand.department == "emergency"
    channel, booked = ("window", False) if emergency else _channel(random, payer_age)
    orders = tuple(order for order, share in demand.orders if random.random() < share)
    returns = ""
    if random.random() < RETURNS:
        returns = "item" if orders and (emergency or random.random() < 0.65) else "registration"
    return VisitWish(
        arrives=_arrival(random, demand, day),
        campus=campus,
        department=demand.department,
        grade=demand.grades.take(random),
        patient=patient.number,
        companion=patient.guardian,
        channel=channel,
        booked=booked,
        first_visit=random.random() < 0.3,
        payer=patient.payer,
        pays_by=_payment(random, payer_age, channel),
        orders=() if returns == "registration" else orders,
        returns=returns,
    )


def _arrival(random: Random, demand: _Demand, day: date) -> datetime:
    start, end = demand.arrivals.take(random)
    midnight = datetime.combine(day, time(), SHANGHAI)
    return midnight + timedelta(seconds=int(60 * (start + random.random() * (end - start))))


_CHANNELS: Mapping[str, Choice[tuple[str, bool]]] = {
    "old": Choice((("window", False), ("kiosk", False), ("mini", True), ("window", True)), (70, 8, 14, 8)),
    "young": Choice((("window", False), ("kiosk", False), ("mini", True), ("mini", False)), (34, 22, 34, 10)),
}
_PAYMENTS: Mapping[str, Choice[str]] = {
    "old": Choice(("cash", "wechat", "alipay", "bank_card", "ecny"), (42, 42, 6, 10, 0)),
    "young": Choice(("cash", "wechat", "alipay", "bank_card", "ecny"), (6, 71, 17, 4, 2)),
    "online": Choice(("wechat", "alipay", "ecny"), (86, 11, 3)),
}


def _channel(random: Random, age: int) -> tuple[str, bool]:
    return _CHANNELS["old" if age >= 60 else "young"].take(random)


def _payment(random: Random, age: int, channel: str) -> str:
    habits = "online" if channel != "window" else "old" if age >= 60 else "young"
    return _PAYMENTS[habits].take(random)


def needed(wishes: Sequence[VisitWish]) -> Iterator[int]:
    """Numbers of the people a list of wishes speaks of, patients and companions, each once, in order."""
    yield from sorted({wish.patient for wish in wishes} | {w.companion for w in wishes if w.companion is not None})
