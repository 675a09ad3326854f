"""A clinic day in fast motion, shared by all users of one load test: who waits where, and the books of every till.

Patients arrive as on a real day (40 % of them between 08:00 and 10:00), `speed` times faster. Users serve whoever
waits; a user that finds nobody looks again a moment later.
"""

import json
from collections import Counter, deque
from collections.abc import Callable
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from functools import partial
from typing import Any

from loadtests.desk import Desk, Timing
from loadtests.front_desk import FrontDesk
from loadtests.morning import receive_shifts
from loadtests.numbers import put_on_sale
from loadtests.population import REFERENCE_DAY, Person, VisitWish, clinic_day, needed, people
from loadtests.population.hospital import campuses
from loadtests.preparing import holder, prepare_hospital
from loadtests.town import Takings, Town, held_against
from loadtests.window import Tally
from shared.schemas import SHANGHAI
from shared.settings import Settings

Arrival = tuple[float, VisitWish]


class ClinicDay:
    """The day. `waiting` and `owing` are queues by campus; `tallies` the books of every till.

    Who owes stands with the means they wish to pay by.
    """

    def __init__(self, settings: Settings, *, visits: int, begins: time, ends: time, speed: float, seed: int) -> None:
        self.front = FrontDesk(settings)
        self.settings = settings
        self.town = Town(settings)
        self.held: Takings = {}
        self.speed = speed
        self.tallies: list[Tally] = []
        self.waiting: dict[str, deque[VisitWish]] = {campus.code: deque() for campus in campuses()}
        self.owing: dict[str, deque[Any]] = {campus.code: deque() for campus in campuses()}
        self.unreached: Counter[str] = Counter()
        share = {"hq": round(visits * 0.73), "mch": visits - round(visits * 0.73)}
        population = list(people(seed, max(4000, visits * 12)))
        day = clinic_day(seed, population, REFERENCE_DAY, share)
        self._arrivals = deque(
            (_seconds(wish.arrives.time(), begins) / speed, wish)
            for wish in day
            if begins <= wish.arrives.time() < ends
        )
        self.patients = len(self._arrivals)
        self.seconds = _seconds(ends, begins) / speed
        self.people: dict[int, Person] = {
            number: population[number] for number in needed([w for _, w in self._arrivals])
        }
        self.today = datetime.now(SHANGHAI).date()
        self._free: Counter[tuple[str, str]] = Counter()

    def prepare(self) -> None:
        """Fill in the hospital where something is missing and put the day's numbers on sale."""
        from infra.his.identity import synchronise

        prepare_hospital(self.front, partial(synchronise, self.settings))
        for campus in self.waiting:
            put_on_sale(self.front, campus, datetime.now(UTC), [wish for _, wish in self._arrivals])
        self.held = self.town.kept()

    def admit(self, elapsed: float) -> None:
        """Let those in who have arrived `elapsed` seconds after the doors opened."""
        while self._arrivals and self._arrivals[0][0] <= elapsed:
            _, wish = self._arrivals.popleft()
            self.waiting[wish.campus].append(wish)

    def over(self) -> bool:
        """Everybody came and nobody waits."""
        return not self._arrivals and not any(self.waiting.values()) and not any(self.owing.values())

    def next_at(self, post: str) -> tuple[str, int]:
        """Where the next user of a post sits: campus and place, the branch getting one of four."""
        campus = ("hq", "mch", "hq", "hq")[self._free[post, "all"] % 4]
        self._free[post, "all"] += 1
        self._free[post, campus] += 1
        return campus, self._free[post, campus]

    def desk(self, staff_no: str, campus: str, watch: Callable[[Timing], None]) -> Desk:
        """A desk whose every answer is counted by the load test."""
        return self.front.desk(staff_no, campus, watch)

    def receive(self) -> None:
        """After the day: differences confirmed, cash taken to the bank."""
        for campus in self.waiting:
            shifts = {tally.shift_no for tally in self.tallies if tally.shift_no and tally.window.startswith(campus)}
            receive_shifts(self.front, campus, shifts)

    def holder(self, post: str, campus: str) -> str:
        """Staff number of somebody who holds a post at a campus."""
        return holder(campus, post).staff_no


def faults(day: ClinicDay) -> list[str]:
    """What a till saw go wrong: a drawer or channel that differs, an answer without sense, patients sent away."""
    found = [f"{tally.window}: {failure}" for tally in day.tallies for failure in tally.failures]
    found += [f"{tally.window}: drawer differs by {tally.difference}" for tally in day.tallies if tally.difference]
    found += held_against(day.town, day.held, day.tallies)
    served = sum(tally.served for tally in day.tallies)
    if not served:
        found.append("nobody was served: see what they were refused for")
    refused = sum(sum(tally.refusals.values()) for tally in day.tallies)
    if served + refused + sum(day.unreached.values()) != day.patients:
        found.append(f"{day.patients} came, {served} served, {refused} refused, {sum(day.unreached.values())} cut off")
    return found


def summary(day: ClinicDay) -> str:
    """The day in one line of JSON."""
    money = sum((tally.cash_in - tally.cash_out for tally in day.tallies), Decimal(0))
    scanned = sum(
        (sum(tally.scanned_in.values()) - sum(tally.scanned_out.values()) for tally in day.tallies), Decimal(0)
    )
    return json.dumps(
        {
            "patients": day.patients,
            "served": sum(tally.served for tally in day.tallies),
            "refused": dict(sum((tally.refusals for tally in day.tallies), Counter[str]())),
            "cut_off": dict(day.unreached),
            "cash": str(money),
            "scanned": str(scanned),
        },
        ensure_ascii=False,
    )


def _seconds(moment: time, since: time) -> float:
    day = datetime(2000, 1, 1, tzinfo=UTC)
    gap: timedelta = datetime.combine(day, moment) - datetime.combine(day, since)
    return gap.total_seconds()
