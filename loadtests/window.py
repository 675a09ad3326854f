"""One registrar at one counter, from signing in to the count.

What a window believes it took is kept here, apart from the hospital's own books, and is what it gives as its blind
count: the two agree or a cent was lost.
"""

import math
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from loadtests.desk import Desk, Refused
from loadtests.population import Person, VisitWish
from loadtests.preparing import ORGANISATION, SCHEDULE, all_items, clinic_code

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


class Till:
    """A counter with its shift: opened, taking money, counted blind and closed."""

    def __init__(self, desk: Desk, counter: str, tally: Tally) -> None:
        self._desk = desk
        self._counter = counter
        self._tally = tally
        self._shift_id = ""

    def open(self) -> None:
        """Sign in at the counter; a shift left over by a run that was cut off is closed first."""
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
        self._tally.shift_no, self._shift_id = shift["shift_no"], shift["shift_id"]

    def collect(self, charges: list[Any]) -> None:
        """Take cash for charges and give change."""
        fee = sum((Decimal(charge["amount"]) for charge in charges), Decimal(0))
        if fee == 0:
            return
        received = Decimal(math.ceil(fee / 10) * 10)
        settlement = self._desk.post(
            f"{BILLING}/settlements",
            {
                "charge_ids": [charge["charge_id"] for charge in charges],
                "expected_total": str(fee),
                "tenders": [{"method": "cash", "amount": str(fee), "received": str(received)}],
            },
        )
        if Decimal(settlement["change"]) != received - fee:
            self._tally.failures.append(f"change {settlement['change']} of {received} for {fee}")
        self._tally.settlements += 1
        self._tally.cash_in += fee

    def close(self, miscount: Decimal = Decimal("0.00")) -> None:
        """Count what the drawer must hold by the till's own books, less `miscount`, and close."""
        drawer = FLOAT + self._tally.cash_in - self._tally.cash_out
        path = f"{CASHIER}/shifts/{self._shift_id}"
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

    def _finish_left_over(self) -> None:
        """The books of a run that was cut off are gone; its drawer counts as its float."""
        shift = self._desk.get(f"{CASHIER}/shifts/current")
        path = f"{CASHIER}/shifts/{shift['shift_id']}"
        if shift["state"] == "open":
            shift = self._desk.post(f"{path}/start-count", {"version": shift["version"]})
        if not shift["counts_given"]:
            body = {"version": shift["version"], "denominations": denominations(FLOAT)}
            shift = self._desk.post(f"{path}/count", body)
        if shift["state"] == "counting":
            self._desk.post(f"{path}/close", {"version": shift["version"], "difference_reason": "演示中断，重新开班"})


class Window(Till):
    """A registrar's window: people are found or filed, registered, cashed up, given their slip."""

    def __init__(self, desk: Desk, counter: str, tally: Tally, crowd: Mapping[int, Person], day: date) -> None:
        super().__init__(desk, counter, tally)
        self._people = crowd
        self._day = day

    def serve(self, wish: VisitWish, pay_elsewhere: Callable[[Any], bool] = lambda visit: False) -> None:
        """One patient from greeting to slip. `pay_elsewhere` takes the visits whose fee another window collects."""
        try:
            visit = self._register(wish, self._identify(wish))
            if not pay_elsewhere(visit):
                self.collect(visit["charges"])
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
