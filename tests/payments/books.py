"""The books a machine of random days keeps beside the hospital's own, and the windows it works at."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from functions.payments.billing.service import ChargeInfo
from functions.payments.cashier import service as cashier
from functions.payments.cashier.schemas.shifts import ChangeShift, Denomination, GiveCount, OpenShift
from functions.payments.cashier.schemas.shifts import HandIn as HandInCommand
from shared.identity.actor import Actor
from shared.money import ZERO
from tests.payments.conftest import Hall, pieces, staff
from tests.support.clinic import ok

ITEMS = ("exam250", "lab50", "drug", "herb", "tablet", "third", "free", "m_first", "m_second", "m_extra", "m_capped")
UNDER_RULES = {
    "m_first": ("手术甲", "06", "200.0000"),
    "m_second": ("手术乙", "06", "133.3300"),
    "m_extra": ("夜间换药", "05", "7.7700"),
    "m_capped": ("监护", "05", "4.0100"),
}
"""Items whose price depends on what stands beside them: the second at a third, a surcharge, a cap of the day."""


@dataclass(eq=False)
class Line:
    """A charge in the machine's own books, with the surcharges that go where it goes."""

    charge: ChargeInfo
    source: str
    executed: Decimal = ZERO
    refunded: Decimal = ZERO
    extras: list[ChargeInfo] = field(default_factory=list)

    @property
    def amount(self) -> Decimal:
        return self.charge.amount + sum((one.amount for one in self.extras), ZERO)

    @property
    def refundable(self) -> Decimal:
        return self.charge.quantity - self.executed - self.refunded


@dataclass(eq=False)
class Bill:
    """A completed settlement in the machine's own books."""

    settlement_id: UUID
    total: Decimal
    lines: list[Line]
    debt_id: UUID | None = None
    owed: Decimal = ZERO
    course: Course | None = None
    written_off: bool = False
    refunded: Decimal = ZERO


@dataclass(eq=False)
class Course:
    """A course of treatment: what is in it, and how much of that a channel would take back."""

    course_id: UUID
    balance: Decimal
    electronic: Decimal = ZERO


@dataclass(eq=False)
class Window:
    """A cashier, the counter, the shift and what the drawer must hold."""

    actor: Actor
    counter_id: UUID
    shift_id: UUID
    drawer: Decimal = field(default=Decimal("100.00"))
    change: Decimal = field(default=Decimal("100.00"))
    """The float among it."""


def person(name: str, post: str, at: Any) -> Actor:
    return Actor(kind="staff", subject=str(uuid4()), name=name, posts={"hq": frozenset({post})}, signed_on_at=at)


def put_under_rules(hall: Hall) -> None:
    """Prices that depend on what stands beside them."""
    hall.publish(UNDER_RULES)
    officer, checker = hall.hospital.caller("price_officer"), hall.hospital.caller("price_checker")
    for kind, subjects, params in (
        ("reduce_pct_after_first", ["m_first", "m_second"], {"percent": "33.333", "scope": "request"}),
        ("surcharge_fixed", ["m_extra"], {"amount": "1.23"}),
        ("cap_per_day", ["m_capped"], {"amount": "50.00"}),
    ):
        body = {"kind": kind, "title": kind, "params": params, "subjects": subjects, "basis_document": "试验"}
        drafted = ok(officer.post("/api/catalogue/prices/rules", body))
        ok(checker.post(f"/api/catalogue/prices/rules/{drafted['rule_id']}/check"))


class CounterDay(RuleBasedStateMachine):
    """A day of two windows: they sign in, hand in cash and close, and their drawers hold what they must."""

    hall: ClassVar[Hall]

    @initialize()
    def open_windows(self) -> None:
        self.open: list[Line] = []
        self.bills: list[Bill] = []
        self.courses: list[Course] = []
        self.patient = self.hall.patient()
        self.approver = staff(self.hall.hospital)
        self.windows = [self._sign_in(person("收费员", "registrar", None), self.hall.counter()) for _ in range(2)]

    def _as(self, actor: Actor) -> Any:
        return self.hall.hospital.tx("hq", actor)

    def _sign_in(self, actor: Actor, counter_id: UUID) -> Window:
        with self._as(actor) as tx:
            shift = cashier.open_shift(tx, OpenShift(counter_id=counter_id, opening_float=Decimal("100.00")))
        return Window(actor, counter_id, shift.shift_id)

    # -- shifts

    @rule(place=st.integers(0, 1))
    def hand_in(self, place: int) -> None:
        window = self.windows[place]
        amount = min(window.drawer, Decimal("50.00"))
        if amount:
            lines = [Denomination(**one) for one in pieces(str(amount))]
            with self._as(window.actor) as tx:
                slip = cashier.hand_in(tx, window.shift_id, HandInCommand(amount=amount, denominations=lines))
            window.drawer -= amount
            self.brought(window, slip.hand_in_id, amount)

    @rule(place=st.integers(0, 1))
    def close_and_sign_in_again(self, place: int) -> None:
        window = self.windows[place]
        with self._as(window.actor) as tx:
            version = cashier.find_shift(tx, window.shift_id).version
            counting = cashier.start_count(tx, window.shift_id, ChangeShift(version=version))
        with self._as(window.actor) as tx:
            lines = [Denomination(**one) for one in pieces(str(window.drawer))]
            closed = cashier.give_count(tx, window.shift_id, GiveCount(version=counting.version, denominations=lines))
        assert (closed.state, closed.difference) == ("closed", 0), "the drawer holds what the machine thinks"
        self.closed(window)
        self.windows[place] = self._sign_in(window.actor, window.counter_id)

    def brought(self, window: Window, hand_in_id: UUID, amount: Decimal) -> None:
        """Cash left a drawer on a slip."""

    def closed(self, window: Window) -> None:
        """A shift was counted and closed."""

    # -- laws

    @invariant()
    def drawers_agree(self) -> None:
        for window in getattr(self, "windows", []):
            with self._as(window.actor) as tx:
                shift = cashier.find_shift(tx, window.shift_id)
            assert (shift.cash_due, shift.float_now) == (window.drawer, window.change)
