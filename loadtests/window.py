"""One registrar at one counter, from signing in to the count.

What a window believes it took is kept here, apart from the hospital's own books, and is what it gives as its blind
count: the two agree or a cent was lost.
"""

import math
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date
from decimal import Decimal
from typing import Any

from loadtests.desk import Desk, Refused
from loadtests.population import Person, VisitWish
from loadtests.preparing import GATEWAY, ORGANISATION, SCHEDULE, all_items, clinic_code
from loadtests.town import CHANNELS, Takings, Town

PATIENTS = "/api/patients/index"
REGISTRATION = "/api/outpatient/registration"
BILLING = "/api/payments/billing"
CASHIER = "/api/payments/cashier"
FLOAT = Decimal("500.00")
NOTES = [Decimal(face) for face in ("100", "50", "20", "10", "5", "1", "0.5", "0.1")]
PDF_EVERY = 25
"""Every so many slips are also drawn as PDF, as a printer would ask for all of them."""
CASH_INSTEAD = {"payment_channel_not_open", "payment_channel_paused"}
"""Refusals of a channel after which the patient pays in cash."""
ASKS, DROP_AFTER = 20, 3
"""How often a window asks, every two seconds, what became of a payment; every so many times it gives it up instead.

An order whose sender was killed may never have reached its channel: nobody guesses, so it stays open until its time is
over (minutes), and its patient goes away unserved."""


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
    scanned_in: Takings = field(default_factory=lambda: defaultdict(Decimal))
    """By payment code, channel by channel."""
    scanned_out: Takings = field(default_factory=lambda: defaultdict(Decimal))
    difference: Decimal | None = None
    refusals: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)


class Till:
    """A counter with its shift: opened, taking money, counted blind and closed."""

    def __init__(self, desk: Desk, counter: str, tally: Tally, town: Town) -> None:
        self._desk = desk
        self._town = town
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

    def collect(self, charges: list[Any], pays_by: str = "cash") -> str:
        """Take the money for charges as the patient wishes to pay; gives what it was paid by: `cash` or a channel.

        Where the town has no channels, or the channel takes nothing, it is cash.
        """
        fee = sum((Decimal(charge["amount"]) for charge in charges), Decimal(0))
        if fee == 0:
            return "cash"
        bill = {"charge_ids": [charge["charge_id"] for charge in charges], "expected_total": str(fee)}
        channel = CHANNELS.get(pays_by) if self._town.is_open else None
        if channel is None:
            cash = _cash(fee)
            self._take_cash(fee, cash, self._desk.post(f"{BILLING}/settlements", {**bill, "tenders": [cash]}))
            return "cash"
        started = self._desk.post(f"{BILLING}/settlements/start", bill)
        path = f"{BILLING}/settlements/{started['settlement_id']}"
        if self._scan(path, channel, fee):
            self._tally.settlements += 1
            self._tally.scanned_in[channel] += fee
            return channel
        cash = _cash(fee)
        self._take_cash(fee, cash, self._desk.post(f"{path}/tenders", cash))
        return "cash"

    def _take_cash(self, fee: Decimal, cash: dict[str, str], settlement: Any) -> None:
        change = Decimal(cash["received"]) - fee
        if settlement["state"] != "completed" or Decimal(settlement["change"]) != change:
            told = f"{settlement['state']}, change {settlement['change']}"
            self._tally.failures.append(f"{told} of {cash['received']} for {fee}")
        self._tally.settlements += 1
        self._tally.cash_in += fee

    def _scan(self, path: str, channel: str, fee: Decimal) -> bool:
        """Scan the patient's payment code; False when the channel takes nothing and never will."""
        tender = {"method": channel, "amount": str(fee), "auth_code": self._town.code(channel)}
        try:
            settlement = self._desk.post(f"{path}/tenders", tender)
        except Refused as refused:
            if refused.code not in CASH_INSTEAD:
                raise
            self._tally.refusals[refused.code] += 1
            return False
        for asked in range(ASKS):
            waiting = [one for one in settlement["tenders"] if one["state"] == "pending"]
            if not waiting:
                return bool(settlement["state"] == "completed")
            self._ask(path, waiting[0], give_up=asked % DROP_AFTER == DROP_AFTER - 1)
            settlement = self._desk.get(path)
        raise Refused(409, {"code": "payment_never_settled", "detail": f"{channel} says nothing of {path}"})

    def _ask(self, path: str, tender: Any, *, give_up: bool) -> None:
        """An answer was lost: ask what became of the payment (查询支付结果), in the end give it up (取消该笔支付)."""
        time.sleep(2)
        try:
            if give_up:
                self._desk.post(f"{path}/tenders/{tender['tender_id']}/drop")
            else:
                self._desk.post(f"{GATEWAY}/payments/{tender['payment_id']}/query")
        except Refused as refused:
            if refused.status >= 500:  # else it was settled meanwhile, as the settlement shows
                raise

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

    def __init__(
        self, desk: Desk, counter: str, tally: Tally, town: Town, crowd: Mapping[int, Person], day: date
    ) -> None:
        super().__init__(desk, counter, tally, town)
        self._people = crowd
        self._day = day

    def serve(self, wish: VisitWish, pay_elsewhere: Callable[[Any, str], bool] = lambda visit, pays_by: False) -> None:
        """One patient from greeting to slip.

        `pay_elsewhere` takes the visits whose fee another window collects, with the means the patient wishes to pay by.
        """
        try:
            visit = self._register(wish, self._identify(wish))
            if not pay_elsewhere(visit, wish.pays_by):
                paid_by = self.collect(visit["charges"], wish.pays_by)
                visit["version"] = self._print(visit)
                if wish.returns == "registration":
                    self._give_back(visit, paid_by)
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

    def _give_back(self, visit: Any, paid_by: str) -> None:
        """Cancel a visit; the fee goes back as it came (原路退回), out of the drawer or through the channel."""
        cancelled = self._desk.post(
            f"{REGISTRATION}/visits/{visit['encounter_id']}/cancel", {"version": visit["version"], "reason": "patient"}
        )
        self._tally.cancelled += 1
        if paid_by == "cash":
            self._tally.cash_out += Decimal(cancelled["refunded"])
        else:
            self._tally.scanned_out[paid_by] += Decimal(cancelled["refunded"])
        if Decimal(cancelled["refunded"]) != Decimal(visit["fee"]):
            self._tally.failures.append(f"refunded {cancelled['refunded']} of {visit['fee']}")


def _cash(fee: Decimal) -> dict[str, str]:
    """A tender of notes of ten."""
    return {"method": "cash", "amount": str(fee), "received": str(math.ceil(fee / 10) * 10)}


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
