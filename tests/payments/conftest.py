"""A cashier's hall: both campuses open, items with awkward prices, cashiers in their shifts, patients with bills."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import count
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid4

import httpx
import pytest

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import CreatePlace, PlaceKind
from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo, ChargeLine, ChargeOrder
from integrity.runner import load, run
from tests.support.clinic import Desk, ok, open_hospital, register_person, resident_id
from tests.support.hospital import Caller, Hospital, cloned_hospital

if TYPE_CHECKING:
    from tests.payments.market import Market

BILLING = "/api/payments/billing"
CASHIER = "/api/payments/cashier"
SOURCE = "tests/source"

ITEMS = {
    "exam250": ("增强CT", "03", "250.0000"),
    "lab50": ("血脂四项", "04", "50.0000"),
    "drug": ("阿司匹林肠溶片", "09", "12.3450"),
    "herb": ("丹参饮片", "10", "0.0333"),
    "tablet": ("头孢拉定胶囊", "09", "0.8500"),
    "third": ("换药", "05", "3.3333"),
    "free": ("健康宣教", "14", "0.0000"),
    "big": ("介入手术", "06", "1500.0000"),
    "fee": ("挂号费", "13", "1.0000"),
    "booklet": ("病历手册", "14", "1.0000"),
}
"""code -> name, fee class, price at hq; mch pays a tenth less. `booklet` may be entered at the window."""


@dataclass
class Cashier:
    """Somebody at a counter with an open shift."""

    caller: Caller
    shift: dict[str, Any]
    counter_id: UUID

    @property
    def shift_id(self) -> str:
        return str(self.shift["shift_id"])


class Hall:
    """What the tests of payments share."""

    def __init__(self, hospital: Hospital) -> None:
        self.hospital = hospital
        self.desks: dict[str, Desk] = open_hospital(hospital)
        self._serial = count(1)
        self.publish(ITEMS)

    # -- prices

    def publish(self, items: dict[str, tuple[str, str, str]]) -> None:
        officer, checker = self.hospital.caller("price_officer"), self.hospital.caller("price_checker")
        rows = [
            {
                "code": code,
                "name": name,
                "unit": "次",
                "kind": "registration" if fee_class == "13" else "service",
                "fee_class": fee_class,
                "price_tertiary": price,
                "price_secondary": str((Decimal(price) * Decimal("0.9")).quantize(Decimal("0.0001"))),
                "direct_entry": "1" if code == "booklet" else "0",
            }
            for code, (name, fee_class, price) in items.items()
        ]
        batch = ok(
            officer.post("/api/catalogue/prices/batches", {"title": "试验", "basis_document": "依据", "rows": rows})
        )
        ok(checker.post(f"/api/catalogue/prices/batches/{batch['batch_id']}/publish", {"version": 1}))

    def change_price(self, code: str, price: str) -> None:
        name, fee_class, _ = ITEMS[code]
        self.publish({code: (name, fee_class, price)})

    # -- people

    def counter(self, campus: str = "hq") -> UUID:
        """A new counter."""
        code = f"k{next(self._serial)}"
        with self.hospital.tx(campus) as tx:
            place = organisation.create_place(tx, CreatePlace(kind=PlaceKind.COUNTER, code=code, name=f"{code}号窗口"))
        return place.place_id

    def cashier(self, campus: str = "hq", amount: str = "500.00", name: str = "刘晓燕") -> Cashier:
        """A new cashier at a new counter, signed in."""
        caller = self.hospital.caller("registrar", campus=campus, name=name)
        return self.sign_in(caller, self.counter(campus), amount)

    def sign_in(self, caller: Caller, counter_id: UUID, amount: str = "500.00") -> Cashier:
        shift = ok(caller.post(f"{CASHIER}/shifts", {"counter_id": str(counter_id), "opening_float": amount}))
        return Cashier(caller, shift, counter_id)

    def lead(self, campus: str = "hq") -> Caller:
        return self.hospital.caller("cashier_lead", campus=campus, name="王秀兰")

    def finance(self, campus: str = "hq") -> Caller:
        return self.hospital.caller("finance", campus=campus, name="周建国")

    def patient(self, campus: str = "hq") -> UUID:
        """A new person."""
        serial = next(self._serial)
        number = resident_id(serial % 50, born=f"19{50 + serial // 50 % 50:02d}0{1 + serial // 2500 % 9}15")
        return UUID(register_person(self.desks[campus].registrar, number))

    # -- bills

    def post(
        self,
        patient_id: UUID,
        *items: tuple[str, str | int],
        campus: str = "hq",
        source_id: str | None = None,
        encounter_id: UUID | None = None,
        **line: Any,
    ) -> list[ChargeInfo]:
        """Charge items to a patient, as a prescription would."""
        order = ChargeOrder(
            patient_id=patient_id,
            encounter_id=encounter_id,
            source_module=SOURCE,
            source_id=source_id or str(uuid4()),
            lines=[
                ChargeLine(str(number), code, Decimal(quantity), **line)
                for number, (code, quantity) in enumerate(items, 1)
            ],
        )
        with self.hospital.tx(campus) as tx:
            return billing.post_charges(tx, order)

    def settle(
        self,
        cashier: Cashier | Caller,
        charges: Sequence[ChargeInfo | str],
        total: str,
        *tenders: dict[str, Any],
        key: str | None = None,
        **more: Any,
    ) -> httpx.Response:
        """POST /settlements; in cash without tenders given."""
        caller = cashier.caller if isinstance(cashier, Cashier) else cashier
        given = list(tenders) or ([cash(total)] if Decimal(total) else [])
        body = {
            "charge_ids": [charge if isinstance(charge, str) else str(charge.charge_id) for charge in charges],
            "expected_total": total,
            "tenders": given,
            **more,
        }
        return caller.post(f"{BILLING}/settlements", body, key=key)

    def sold(self, cashier: Cashier, *items: tuple[str, str | int], total: str, **more: Any) -> dict[str, Any]:
        """Charge items to a new patient and settle them in cash."""
        charges = self.post(self.patient(cashier.caller.campus), *items, campus=cashier.caller.campus, **more)
        return dict(ok(self.settle(cashier, charges, total)))

    def refund(
        self, caller: Caller, settlement: dict[str, Any], *lines: tuple[int, str | int], **more: Any
    ) -> httpx.Response:
        """Ask for a refund of so much of lines by their place in the settlement."""
        body = {
            "settlement_id": settlement["settlement_id"],
            "lines": [
                {"charge_id": settlement["lines"][place]["charge_id"], "quantity": str(quantity)}
                for place, quantity in lines
            ],
            "reason_code": "patient",
            "reason": "患者要求退费",
            **more,
        }
        return caller.post(f"{BILLING}/refunds", body)

    def approved_refund(
        self, settlement: dict[str, Any], *lines: tuple[int, str | int], large: bool = False, **more: Any
    ) -> dict[str, Any]:
        """A refund asked for by one person and approved by another."""
        campus = settlement["campus_id"]
        asked = ok(self.refund(self.hospital.caller("registrar", campus=campus), settlement, *lines, **more))
        decider = self.finance(campus) if large else self.lead(campus)
        path = f"{BILLING}/refunds/{asked['refund_id']}/approve{'-large' if large else ''}"
        return dict(ok(decider.post(path, {"version": asked["version"]})))

    def execute(self, cashier: Cashier, refund: dict[str, Any]) -> httpx.Response:
        return cashier.caller.post(f"{BILLING}/refunds/{refund['refund_id']}/execute", {"version": refund["version"]})

    # -- shifts

    def read_shift(self, cashier: Cashier, caller: Caller | None = None) -> dict[str, Any]:
        return dict(ok((caller or cashier.caller).get(f"{CASHIER}/shifts/{cashier.shift_id}")))

    def start_count(self, cashier: Cashier) -> dict[str, Any]:
        version = self.read_shift(cashier)["version"]
        return dict(ok(cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/start-count", {"version": version})))

    def count(self, cashier: Cashier, amount: str, **more: Any) -> httpx.Response:
        version = self.read_shift(cashier)["version"]
        body = {"version": version, "denominations": pieces(amount), **more}
        return cashier.caller.post(f"{CASHIER}/shifts/{cashier.shift_id}/count", body)

    def close(self, cashier: Cashier) -> dict[str, Any]:
        """Count what must be there and close."""
        self.start_count(cashier)
        due = self.hospital.value(
            "SELECT opening_float + float_added - float_returned + cash_in - cash_out - handed_in FROM payments.shifts"
            " WHERE shift_id = %s",
            [cashier.shift_id],
        )
        return dict(ok(self.count(cashier, str(due))))

    # -- the laws

    def assert_balanced(self) -> None:
        """Every integrity check of money and numbers finds nothing."""
        assert broken_checks(self.hospital) == []


def broken_checks(hospital: Hospital) -> list[str]:
    """Names of the checks of money and numbers that find something wrong."""
    names = frozenset(check.name for check in load() if check.name.partition(".")[0] in {"money", "numbers"})
    results = run(hospital.settings.auditor_database_url, names)
    return [result.name for result in results if not result.holds and result.severity != "warning"]


def cash(amount: str, received: str | None = None) -> dict[str, Any]:
    return {"method": "cash", "amount": amount, **({"received": received} if received else {})}


def pieces(amount: str) -> list[dict[str, Any]]:
    """Notes and coins that make up an amount."""
    left, found = Decimal(amount), []
    for face in ("100", "50", "20", "10", "5", "1", "0.5", "0.1", "0.05", "0.01"):
        number = int(left // Decimal(face))
        if number:
            found.append({"face": face, "count": number})
            left -= number * Decimal(face)
    return found


def refused(answer: httpx.Response, status: int, code: str) -> dict[str, Any]:
    """The problem document of a refusal."""
    assert (answer.status_code, answer.json().get("code")) == (status, code), answer.text
    return dict(answer.json())


def staff(hospital: Hospital, campus: str = "hq") -> UUID:
    """Somebody who exists in the directory."""
    return UUID(str(hospital.value("SELECT staff_id FROM organisation.staff WHERE campus_id = %s", [campus])))


@pytest.fixture(scope="module")
def hall() -> Iterator[Hall]:
    with cloned_hospital() as hospital:
        yield Hall(hospital)


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> "Iterator[Market]":
    from tests.payments.market import open_market  # which stands on this file

    with open_market(tmp_path_factory.mktemp("secrets")) as one:
        yield one
