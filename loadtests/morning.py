"""A clinic morning at every campus: sessions opened, registrars at their windows, patients served, money counted.

Each window (loadtests/window.py) is one thread with its own registrar, token and shift.
"""

import threading
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from functools import partial

from loadtests.front_desk import FrontDesk
from loadtests.numbers import put_on_sale
from loadtests.population import REFERENCE_DAY, Person, VisitWish, clinic_morning, needed, people
from loadtests.preparing import all_items, holder, registrars
from loadtests.town import Takings, Town
from loadtests.window import CASHIER, Tally, Window
from shared.schemas import SHANGHAI


@dataclass
class CampusMorning:
    """One campus: who waits and what its windows did."""

    campus: str
    waiting: deque[VisitWish]
    tallies: list[Tally] = field(default_factory=list)


@dataclass
class Result:
    """The morning in numbers."""

    campuses: list[CampusMorning]
    seconds: float
    timings: dict[str, list[float]]
    town: Town
    held: Takings
    """What the channels held before the morning."""


class Morning:
    """Plays one morning. The same seed brings the same people with the same wishes."""

    def __init__(self, front: FrontDesk, *, patients: int, seed: int, now: datetime) -> None:
        self._front = front
        self._town = Town(front.settings)
        self._now = now
        self._day = now.astimezone(SHANGHAI).date()
        share = {"hq": round(patients * 0.73), "mch": patients - round(patients * 0.73)}
        crowd = max(4000, patients * 12)
        population = list(people(seed, crowd))
        # A whole day's wishes, of which the morning's are kept: more than half come before noon.
        wishes = clinic_morning(seed, population, REFERENCE_DAY, {code: count * 2 for code, count in share.items()})
        self._campuses = [
            CampusMorning(code, deque([wish for wish in wishes if wish.campus == code][:count]))
            for code, count in share.items()
        ]
        wanted = needed([wish for campus in self._campuses for wish in campus.waiting])
        self._people: dict[int, Person] = {number: population[number] for number in wanted}

    def play(self) -> Result:
        """Open, serve, close. Returns what happened; nothing is judged here."""
        for campus in self._campuses:
            put_on_sale(self._front, campus.campus, self._now, campus.waiting)
        held = self._town.kept()
        started = datetime.now(SHANGHAI)
        threads = []
        for campus in self._campuses:
            for number, registrar in enumerate(registrars(campus.campus), 1):
                tally = Tally(f"{campus.campus} {number}号窗口")
                campus.tallies.append(tally)
                desk = self._front.desk(registrar.staff_no, campus.campus)
                window = Window(desk, f"counter-{number}", tally, self._town, self._people, self._day)
                # Window 1 at each campus miscounts by ten yuan: somebody always does.
                miscount = Decimal("10.00") if number == 1 else Decimal("0.00")
                work = partial(_work, window, campus.waiting, tally, miscount)
                threads.append(threading.Thread(target=work, name=tally.window))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for campus in self._campuses:
            receive_shifts(self._front, campus.campus, {tally.shift_no for tally in campus.tallies})
        seconds = (datetime.now(SHANGHAI) - started).total_seconds()
        return Result(self._campuses, seconds, dict(self._front.timings), self._town, held)


def _work(window: Window, waiting: deque[VisitWish], tally: Tally, miscount: Decimal) -> None:
    try:
        window.open()
        while waiting:
            try:
                wish = waiting.popleft()
            except IndexError:  # another window was quicker
                break
            window.serve(wish)
        window.close(miscount)
    except Exception as error:
        tally.failures.append(f"{type(error).__name__}: {error}")


def receive_shifts(front: FrontDesk, campus: str, shifts: Collection[str]) -> None:
    """The lead confirms differences, finance takes the cash of these closed shifts to the bank."""
    finance = front.desk(holder(campus, "finance").staff_no, campus)
    lead = front.desk(holder(campus, "cashier_lead").staff_no, campus)
    for shift in all_items(finance, f"{CASHIER}/shifts"):
        if shift["shift_no"] not in shifts or shift["state"] != "closed":
            continue
        if Decimal(shift["difference"] or "0") != 0 and shift["confirmed_at"] is None:
            shift = lead.post(
                f"{CASHIER}/shifts/{shift['shift_id']}/confirm-difference",
                {"version": shift["version"], "note": "已核对录像与票据，收费员点款差错"},
            )
        finance.post(
            f"{CASHIER}/shifts/{shift['shift_id']}/receive",
            {
                "version": shift["version"],
                "amount": str(Decimal(shift["counted"]) - Decimal(shift["float_kept"] or "0")),
                "bank_slip_no": f"YH{shift['shift_no']}",
            },
        )
