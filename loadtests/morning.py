"""A clinic morning at every campus: sessions opened, registrars at their windows, patients served, money counted.

Each window is one thread with its own registrar, token and shift. What a window believes it took is kept here, apart
from the hospital's own books, and is what it gives as its blind count: the two agree or the morning has lost a cent.
"""

import math
import threading
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from loadtests.desk import Desk, Refused
from loadtests.founding import SEED
from loadtests.front_desk import FrontDesk
from loadtests.population import REFERENCE_DAY, Person, VisitWish, clinic_morning, needed, people
from loadtests.population.hospital import departments, sessions, staff
from loadtests.preparing import (
    ORGANISATION,
    SCHEDULE,
    all_items,
    clinic_code,
    holder,
    registrars,
    room_code,
)
from shared.schemas import SHANGHAI

PATIENTS = "/api/patients/index"
REGISTRATION = "/api/outpatient/registration"
BILLING = "/api/payments/billing"
CASHIER = "/api/payments/cashier"
FLOAT = Decimal("500.00")
NOTES = [Decimal(face) for face in ("100", "50", "20", "10", "5", "1", "0.5", "0.1")]
PDF_EVERY = 25
"""Every so many slips are also drawn as PDF, as a printer would ask for all of them."""


@dataclass
class Tally:
    """What one window did, in its own books."""

    window: str
    shift_no: str = ""
    served: int = 0
    new_people: int = 0
    visits: int = 0
    settlements: int = 0
    slips: int = 0
    cancelled: int = 0
    cash_in: Decimal = Decimal("0.00")
    cash_out: Decimal = Decimal("0.00")
    difference: Decimal | None = None
    refusals: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


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


class Morning:
    """Plays one morning. The same seed brings the same people with the same wishes."""

    def __init__(self, front: FrontDesk, *, patients: int, seed: int, now: datetime) -> None:
        self._front = front
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
            self._open_sessions(campus.campus, len(campus.waiting))
        started = datetime.now(SHANGHAI)
        threads = []
        for campus in self._campuses:
            for number, registrar in enumerate(registrars(campus.campus), 1):
                tally = Tally(f"{campus.campus} {number}号窗口")
                campus.tallies.append(tally)
                desk = self._front.desk(registrar.staff_no, campus.campus)
                window = Window(desk, f"counter-{number}", tally, campus.waiting, self._people, self._day)
                threads.append(threading.Thread(target=window.work, name=tally.window))
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        for campus in self._campuses:
            self._receive(campus.campus)
        seconds = (datetime.now(SHANGHAI) - started).total_seconds()
        return Result(self._campuses, seconds, dict(self._front.timings))

    def _open_sessions(self, campus: str, patients: int) -> None:
        clerk = self._front.desk(holder(campus, "schedule_clerk").staff_no, campus)
        office = self._front.desk(holder(campus, "schedule_approver").staff_no, campus)
        clinics = {clinic["code"]: clinic for clinic in all_items(clerk, f"{SCHEDULE}/clinics")}
        places = {place["code"]: place["place_id"] for place in all_items(clerk, f"{ORGANISATION}/places")}
        doctors = {row["staff_no"]: row["staff_id"] for row in all_items(clerk, f"{ORGANISATION}/staff")}
        start = self._now.replace(second=0, microsecond=0) - timedelta(minutes=1)
        for session in sessions(REFERENCE_DAY, staff(SEED)):
            if session.campus == campus:
                self._put_on_sale(
                    clerk,
                    office,
                    clinics[clinic_code(session.department, session.grade)]["clinic_id"],
                    doctors[session.staff_no],
                    places[room_code(session.room)],
                    [(start + (band.start - session.start), band.numbers) for band in session.bands],
                )
        for department in departments():
            if department.campus == campus and any(clinic.grade == "emergency" for clinic in department.clinics):
                code = clinic_code(department.code, "emergency")
                bands = [(start + timedelta(minutes=30 * place), 30) for place in range(7)]
                room = places[f"room-{department.code}"]
                self._put_on_sale(clerk, office, clinics[code]["clinic_id"], None, room, bands)

    def _put_on_sale(
        self,
        clerk: Desk,
        office: Desk,
        clinic_id: str,
        doctor_id: str | None,
        room_id: str,
        bands: list[tuple[datetime, int]],
    ) -> None:
        total = sum(count for _, count in bands)
        elder = math.ceil(total / 5)
        body = {
            "clinic_id": clinic_id,
            "doctor_id": doctor_id,
            "room_id": room_id,
            "day": bands[0][0].astimezone(SHANGHAI).date().isoformat(),
            "part": "morning",
            "bands": [
                {
                    "starts_at": start.isoformat(),
                    "ends_at": (start + timedelta(minutes=30)).isoformat(),
                    "count": count,
                }
                for start, count in bands
            ],
            "quotas": {"elder": elder, "window": total - elder},
        }
        session = clerk.post(f"{SCHEDULE}/sessions", body)
        session = clerk.post(f"{SCHEDULE}/sessions/{session['session_id']}/submit", {"version": session["version"]})
        session = office.post(f"{SCHEDULE}/sessions/{session['session_id']}/approve", {"version": session["version"]})
        try:
            office.post(f"{SCHEDULE}/sessions/{session['session_id']}/publish", {"version": session["version"]})
        except Refused as refused:
            # An earlier demonstration's session of the doctor or the room is still on sale: patients take that one.
            if refused.code not in {"doctor_session_overlap", "room_session_overlap"}:
                raise

    def _receive(self, campus: str) -> None:
        finance = self._front.desk(holder(campus, "finance").staff_no, campus)
        lead = self._front.desk(holder(campus, "cashier_lead").staff_no, campus)
        mine = {tally.shift_no for one in self._campuses if one.campus == campus for tally in one.tallies}
        for shift in all_items(finance, f"{CASHIER}/shifts"):
            if shift["shift_no"] not in mine or shift["state"] != "closed":
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


class Window:
    """One registrar at one counter, from signing in to the count."""

    def __init__(
        self, desk: Desk, counter: str, tally: Tally, waiting: deque[VisitWish], crowd: dict[int, Person], day: Any
    ) -> None:
        self._desk = desk
        self._counter = counter
        self._tally = tally
        self._waiting = waiting
        self._people = crowd
        self._day = day

    def work(self) -> None:
        """Open the shift, serve until nobody waits, close the shift."""
        try:
            shift = self._open()
            while True:
                try:
                    wish = self._waiting.popleft()
                except IndexError:
                    break
                self._serve(wish)
            self._close(shift)
        except Exception as error:
            self._tally.failures.append(f"{type(error).__name__}: {error}")

    def _open(self) -> Any:
        counters = {
            place["code"]: place["place_id"]
            for place in all_items(self._desk, f"{ORGANISATION}/places", kind="counter")
        }
        opening = {"counter_id": counters[self._counter], "opening_float": str(FLOAT)}
        try:
            shift = self._desk.post(f"{CASHIER}/shifts", opening)
        except Refused as refused:
            if refused.code != "shift_already_open":
                raise
            self._finish_left_over()
            shift = self._desk.post(f"{CASHIER}/shifts", opening)
        self._tally.shift_no = shift["shift_no"]
        return shift

    def _finish_left_over(self) -> None:
        """Close the shift of a demonstration that was cut off: its books are gone; the drawer counts as its float."""
        shift = self._desk.get(f"{CASHIER}/shifts/current")
        path = f"{CASHIER}/shifts/{shift['shift_id']}"
        if shift["state"] == "open":
            shift = self._desk.post(f"{path}/start-count", {"version": shift["version"]})
        if not shift["counts_given"]:
            body = {"version": shift["version"], "denominations": denominations(FLOAT)}
            shift = self._desk.post(f"{path}/count", body)
        if shift["state"] == "counting":
            self._desk.post(f"{path}/close", {"version": shift["version"], "difference_reason": "演示中断，重新开班"})

    def _serve(self, wish: VisitWish) -> None:
        try:
            patient_id = self._identify(wish)
            visit = self._register(wish, patient_id)
            self._collect(visit)
            visit["version"] = self._print(visit)
            if wish.returns == "registration":
                self._give_back(visit)
            self._tally.served += 1
        except Refused as refused:
            self._tally.refusals[refused.code] += 1
            if refused.status >= 500 or refused.code in {"invalid", "unreadable", "not_found"}:
                self._tally.failures.append(str(refused))

    def _identify(self, wish: VisitWish) -> str:
        person = self._people[wish.patient]
        found = self._desk.post(f"{PATIENTS}/patients/find", {"text": person.id_number})["items"]
        if found:
            return str(found[0]["patient_id"])
        guardian = self._people.get(wish.companion) if wish.companion is not None else None
        body: dict[str, Any] = {
            "document": {"type": "resident_id", "number": person.id_number, "read_by": "chip"},
            "name": person.name,
            "sex": person.sex,
            "birth_date": person.birth_date.isoformat(),
            "phone": person.phone or (guardian.phone if guardian else None),
            "ethnic_group": person.ethnic_group,
            "current_address": {
                "region": person.county,
                "township": person.township,
                "village": person.village,
                "text": person.address,
            },
        }
        if guardian is not None:
            body["guardian"] = {
                "name": guardian.name,
                "relation": "mother" if guardian.sex == "2" else "father",
                "phone": guardian.phone,
                "document_type": "resident_id",
                "document_no": guardian.id_number,
            }
        self._tally.new_people += 1
        return str(self._desk.post(f"{PATIENTS}/patients", body)["patient_id"])

    def _register(self, wish: VisitWish, patient_id: str) -> Any:
        code = clinic_code(wish.department, wish.grade)
        page = self._desk.get(f"{SCHEDULE}/availability", day=self._day.isoformat(), standard_code=code)
        on_sale = [session for session in page["items"] if session["status"] in {"published", "open"}]
        on_sale.sort(key=lambda session: -sum(session["remaining"].values()))
        if not on_sale:
            raise Refused(409, {"code": "no_session", "detail": f"no session of {code} at {self._desk.campus}"})
        visit = self._desk.post(
            f"{REGISTRATION}/visits",
            {
                "patient_id": patient_id,
                "session_id": on_sale[0]["session_id"],
                "payer_kind": {"310": "employee", "390": "resident"}.get(wish.payer, "self_pay"),
            },
        )
        self._tally.visits += 1
        return visit

    def _collect(self, visit: Any) -> None:
        fee = Decimal(visit["fee"])
        if fee == 0:
            return
        received = Decimal(math.ceil(fee / 10) * 10)
        settlement = self._desk.post(
            f"{BILLING}/settlements",
            {
                "charge_ids": [charge["charge_id"] for charge in visit["charges"]],
                "expected_total": str(fee),
                "tenders": [{"method": "cash", "amount": str(fee), "received": str(received)}],
            },
        )
        if Decimal(settlement["change"]) != received - fee:
            self._tally.failures.append(f"change {settlement['change']} of {received} for {fee}")
        self._tally.settlements += 1
        self._tally.cash_in += fee

    def _print(self, visit: Any) -> int:
        slip = self._desk.post(f"{REGISTRATION}/visits/{visit['encounter_id']}/slips")
        self._tally.slips += 1
        if self._tally.slips % PDF_EVERY == 0:
            pdf = self._desk.file(f"{REGISTRATION}/visits/{visit['encounter_id']}/slip.pdf")
            if not pdf.startswith(b"%PDF"):
                self._tally.failures.append("the slip is no PDF")
        return int(slip["version"])

    def _give_back(self, visit: Any) -> None:
        cancelled = self._desk.post(
            f"{REGISTRATION}/visits/{visit['encounter_id']}/cancel", {"version": visit["version"], "reason": "patient"}
        )
        self._tally.cancelled += 1
        self._tally.cash_out += Decimal(cancelled["refunded"])
        if Decimal(cancelled["refunded"]) != Decimal(visit["fee"]):
            self._tally.failures.append(f"refunded {cancelled['refunded']} of {visit['fee']}")

    def _close(self, shift: Any) -> None:
        """Count what the drawer must hold by the window's own books. Window 1 at each campus miscounts by 10 yuan."""
        drawer = FLOAT + self._tally.cash_in - self._tally.cash_out
        miscount = Decimal("10.00") if self._counter == "counter-1" and drawer > 10 else Decimal("0.00")
        path = f"{CASHIER}/shifts/{shift['shift_id']}"
        shift = self._desk.get(path)
        shift = self._desk.post(f"{path}/start-count", {"version": shift["version"]})
        shift = self._desk.post(
            f"{path}/count",
            {
                "version": shift["version"],
                "denominations": denominations(drawer - miscount),
                "float_kept": str(min(FLOAT, drawer - miscount)),
            },
        )
        self._tally.difference = Decimal(shift["difference"])
        if self._tally.difference != -miscount:
            self._tally.failures.append(f"the hospital says {self._tally.difference}, the window {-miscount}")
        if shift["state"] == "counting":
            reason = "点款差错，找零时多付一张十元"
            self._desk.post(f"{path}/close", {"version": shift["version"], "difference_reason": reason})


def denominations(amount: Decimal) -> list[dict[str, Any]]:
    """Notes and coins that make up an amount."""
    found: list[dict[str, Any]] = []
    rest = amount
    for face in NOTES:
        count = int(rest // face)
        if count:
            found.append({"face": str(face), "count": count})
            rest -= face * count
    if rest:
        raise ValueError(f"{amount} cannot be paid in notes and coins")
    return found
