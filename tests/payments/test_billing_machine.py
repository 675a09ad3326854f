"""Random days at the window: whatever is charged, paid, owed, refunded, counted, every cent is kept.

The machine works through the service functions on the real database and keeps its own books; at every step the drawers
agree, and at the end of a day every integrity check of money and numbers does.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions.payments.billing import service as billing
from functions.payments.billing.schemas import (
    CancelSettlement,
    ChangeRefund,
    DecideRefund,
    PayDebt,
    RefundQuantity,
    RequestRefund,
    Settle,
    StartSettlement,
    TenderInput,
)
from functions.payments.billing.service import ChargeInfo, ChargeLine, ChargeOrder, Executed
from functions.payments.cashier import service as cashier
from functions.payments.cashier.problems import CashInsufficient
from functions.payments.cashier.schemas import ChangeShift, Denomination, GiveCount, OpenShift
from functions.payments.cashier.schemas import HandIn as HandInCommand
from shared.identity.actor import Actor
from shared.money import ZERO
from shared.problems import Problem
from tests.payments.conftest import SOURCE, Hall, broken_checks, pieces, staff

EXAMPLES = int(os.environ.get("HIS_MONEY_EXAMPLES", "4"))
STEPS = int(os.environ.get("HIS_MONEY_STEPS", "25"))
ITEMS = ("exam250", "lab50", "drug", "herb", "tablet", "third", "free")


orders = st.lists(
    st.tuples(st.sampled_from(ITEMS), st.sampled_from(["1", "2", "3", "7", "0.5"])), min_size=1, max_size=3
)


@dataclass(eq=False)
class Line:
    """A charge in the machine's own books."""

    charge: ChargeInfo
    source: str
    executed: Decimal = ZERO
    refunded: Decimal = ZERO
    refunded_amount: Decimal = ZERO

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


@dataclass(eq=False)
class Window:
    """A cashier, the counter, the shift and what the drawer must hold."""

    actor: Actor
    counter_id: UUID
    shift_id: UUID
    drawer: Decimal = field(default=Decimal("100.00"))


def person(name: str, post: str, at: Any) -> Actor:
    return Actor(kind="staff", subject=str(uuid4()), name=name, posts={"hq": frozenset({post})}, signed_on_at=at)


class MoneyDay(RuleBasedStateMachine):
    """A day of two windows, a lead and finance."""

    hall: ClassVar[Hall]

    @initialize()
    def open_windows(self) -> None:
        self.open: list[Line] = []
        self.bills: list[Bill] = []
        self.patient = uuid4()
        self.approver = staff(self.hall.hospital)
        self.windows = [self._sign_in(person("收费员", "registrar", None), self.hall.counter()) for _ in range(2)]

    def _as(self, actor: Actor) -> Any:
        return self.hall.hospital.tx("hq", actor)

    def _sign_in(self, actor: Actor, counter_id: UUID) -> Window:
        with self._as(actor) as tx:
            shift = cashier.open_shift(tx, OpenShift(counter_id=counter_id, opening_float=Decimal("100.00")))
        return Window(actor, counter_id, shift.shift_id)

    # -- charging

    @rule(
        items=st.lists(
            st.tuples(st.sampled_from(ITEMS), st.sampled_from(["1", "2", "3", "7", "0.5"])), min_size=1, max_size=3
        )
    )
    def charge(self, items: list[tuple[str, str]]) -> None:
        source = str(uuid4())
        lines = [ChargeLine(str(number), code, Decimal(quantity)) for number, (code, quantity) in enumerate(items)]
        with self.hall.hospital.tx("hq") as tx:
            charges = billing.post_charges(tx, ChargeOrder(self.patient, None, SOURCE, source, lines))
        self.open += [Line(charge, source) for charge in charges]

    @precondition(lambda self: self.open)
    @rule(data=st.data())
    def withdraw(self, data: st.DataObject) -> None:
        source = data.draw(st.sampled_from(self.open)).source
        if any(line.executed for line in self.open if line.source == source):
            with pytest.raises(Problem, match="已执行"), self.hall.hospital.tx("hq") as tx:
                billing.void_source(tx, SOURCE, source, "取消")
            return
        with self.hall.hospital.tx("hq") as tx:
            voided = {charge.charge_id for charge in billing.void_source(tx, SOURCE, source, "取消")}
        assert voided == {line.charge.charge_id for line in self.open if line.source == source}
        self.open = [line for line in self.open if line.source != source]

    # -- settling

    def _tenders(self, data: st.DataObject, total: Decimal) -> list[TenderInput]:
        """Cash, perhaps after a part by contract, relief or debt."""
        kind = data.draw(st.sampled_from(["cash", "contract", "relief", "debt"]))
        part = ZERO
        if kind != "cash" and total:
            part = Decimal(data.draw(st.integers(1, int(total * 100)))) / 100
        tenders = [] if part == total else [TenderInput(method="cash", amount=total - part, received=total)]
        if part:
            more = {"approved_by": self.approver} if kind == "debt" else {"reference": "JM-1"}
            tenders.insert(0, TenderInput(method=kind, amount=part, note="试验", **more))
        return tenders

    def _choose(self, data: st.DataObject) -> tuple[list[Line], Decimal]:
        chosen = data.draw(st.lists(st.sampled_from(self.open), min_size=1, max_size=6, unique=True))
        return chosen, sum((line.charge.amount for line in chosen), ZERO)

    def _sold(self, window: Window, lines: list[Line], settled: billing.Settled) -> None:
        assert settled.settlement.state == "completed"
        owed = sum((tender.amount for tender in settled.tenders if tender.method == "debt"), ZERO)
        debt_id = None
        if owed:
            debt_id = self.hall.hospital.value(
                "SELECT debt_id FROM payments.debts WHERE settlement_id = %s", [settled.settlement.settlement_id]
            )
        window.drawer += sum((tender.amount for tender in settled.tenders if tender.method == "cash"), ZERO)
        self.bills.append(Bill(settled.settlement.settlement_id, settled.settlement.total, lines, debt_id, owed))
        self.open = [line for line in self.open if line not in lines]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), place=st.integers(0, 1))
    def settle(self, data: st.DataObject, place: int) -> None:
        window = self.windows[place]
        lines, total = self._choose(data)
        command = Settle(
            charge_ids=[line.charge.charge_id for line in lines],
            expected_total=total,
            tenders=tuple(self._tenders(data, total)),
        )
        with self._as(window.actor) as tx:
            settled = billing.settle(tx, command)
        self._sold(window, lines, settled)

    @precondition(lambda self: self.open)
    @rule(data=st.data(), place=st.integers(0, 1), finish=st.booleans())
    def settle_in_steps(self, data: st.DataObject, place: int, finish: bool) -> None:
        window = self.windows[place]
        lines, total = self._choose(data)
        command = StartSettlement(charge_ids=[line.charge.charge_id for line in lines], expected_total=total)
        with self._as(window.actor) as tx:
            settled = billing.start_settlement(tx, command)
        settlement_id = settled.settlement.settlement_id
        tenders = self._tenders(data, total)
        for tender in tenders if finish else tenders[:-1]:
            with self._as(window.actor) as tx:
                settled = billing.add_tender(tx, settlement_id, tender)
        if finish and not total:
            with self._as(window.actor) as tx:
                settled = billing.complete_settlement(tx, settlement_id)
        if finish:
            self._sold(window, lines, settled)
            return
        with self._as(window.actor) as tx:
            command = CancelSettlement(version=settled.settlement.version, reason="改日再付")
            billing.cancel_settlement(tx, settlement_id, command)

    @precondition(lambda self: any(bill.owed for bill in self.bills))
    @rule(data=st.data(), place=st.integers(0, 1))
    def pay_debt(self, data: st.DataObject, place: int) -> None:
        window = self.windows[place]
        bill = data.draw(st.sampled_from([bill for bill in self.bills if bill.owed]))
        amount = Decimal(data.draw(st.integers(1, int(bill.owed * 100)))) / 100
        with self._as(window.actor) as tx:
            paid = billing.pay_debt(tx, bill.debt_id, PayDebt(amount=amount))
        bill.owed -= amount
        window.drawer += amount
        assert paid.debt.outstanding == bill.owed
        assert (paid.receipt is not None) == (bill.owed == 0)

    # -- executing

    @precondition(lambda self: any(self._lines()))
    @rule(data=st.data(), back=st.booleans())
    def execute_or_return(self, data: st.DataObject, back: bool) -> None:
        line = data.draw(st.sampled_from(list(self._lines())))
        most = line.executed if back else line.refundable
        if not most:
            return
        part = min(most, Decimal(data.draw(st.sampled_from(["0.25", "1", "2", "9"]))))
        with self.hall.hospital.tx("hq") as tx:
            step = billing.record_return if back else billing.record_execution
            step(tx, SOURCE, line.source, [Executed(line.charge.source_line, part)])
        line.executed += -part if back else part

    def _lines(self) -> list[Line]:
        return [*self.open, *(line for bill in self.bills for line in bill.lines if line.refundable or line.executed)]

    # -- refunding

    @precondition(lambda self: any(line.refundable for bill in self.bills for line in bill.lines))
    @rule(data=st.data(), asks=st.integers(0, 1), reject=st.booleans())
    def refund(self, data: st.DataObject, asks: int, reject: bool) -> None:
        bill = data.draw(st.sampled_from([bill for bill in self.bills if any(line.refundable for line in bill.lines)]))
        line = data.draw(st.sampled_from([line for line in bill.lines if line.refundable]))
        part = min(line.refundable, Decimal(data.draw(st.sampled_from(["0.25", "1", "2", "9"]))))
        command = RequestRefund(
            settlement_id=bill.settlement_id,
            lines=[RefundQuantity(charge_id=line.charge.charge_id, quantity=part)],
            reason_code="patient",
            reason="试验",
        )
        window = self.windows[asks]
        try:
            with self._as(window.actor) as tx:
                asked, paid = billing.request_refund(tx, command)
        except CashInsufficient:
            return
        if paid is None:
            window = self.windows[1 - asks]
            paid = self._decide_and_pay(asked, window, reject)
        if paid is not None:
            self._refunded(bill, line, part, asked.amount, window, paid)

    def _decide_and_pay(self, asked: Any, window: Window, reject: bool) -> billing.PaidBack | None:
        finance = asked.level == "finance"
        decider = person("审批人", "finance" if finance else "cashier_lead", self.hall.hospital.clock())
        decide = billing.reject_refund if reject else billing.approve_refund
        with self._as(decider) as tx:
            decided = decide(tx, asked.refund_id, DecideRefund(version=asked.version), as_finance=finance)
        if reject:
            return None
        try:
            with self._as(window.actor) as tx:
                _, paid = billing.execute_refund(tx, asked.refund_id, ChangeRefund(version=decided.version))
        except CashInsufficient:
            with self._as(self._actor(asked.applicant)) as tx:
                billing.withdraw_refund(tx, asked.refund_id, ChangeRefund(version=decided.version))
            return None
        return paid

    def _actor(self, subject: str) -> Actor:
        return next(window.actor for window in self.windows if window.actor.subject == subject)

    def _refunded(
        self, bill: Bill, line: Line, part: Decimal, amount: Decimal, window: Window, paid: billing.PaidBack
    ) -> None:
        line.refunded += part
        line.refunded_amount += amount
        assert (line.refunded_amount == line.charge.amount) or line.refunded < line.charge.quantity
        window.drawer -= sum((one.amount for one in paid.parts if one.method == "cash"), ZERO)
        bill.owed -= sum((one.amount for one in paid.parts if one.method == "debt"), ZERO)

    # -- shifts

    @rule(place=st.integers(0, 1))
    def hand_in(self, place: int) -> None:
        window = self.windows[place]
        amount = min(window.drawer, Decimal("50.00"))
        if amount:
            lines = [Denomination(**one) for one in pieces(str(amount))]
            with self._as(window.actor) as tx:
                cashier.hand_in(tx, window.shift_id, HandInCommand(amount=amount, denominations=lines))
            window.drawer -= amount

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
        self.windows[place] = self._sign_in(window.actor, window.counter_id)

    # -- laws

    @invariant()
    def drawers_agree(self) -> None:
        for window in getattr(self, "windows", []):
            with self._as(window.actor) as tx:
                assert cashier.find_shift(tx, window.shift_id).cash_due == window.drawer

    @invariant()
    def bills_agree(self) -> None:
        for bill in getattr(self, "bills", [])[-3:]:
            row = self.hall.hospital.rows(
                """
                SELECT total - refunded AS worth,
                       (SELECT sum(amount - returned) FROM payments.tenders t
                        WHERE t.settlement_id = s.settlement_id AND t.method <> 'debt'
                          AND t.state = 'received') AS paid
                FROM payments.settlements s WHERE settlement_id = %s
                """,
                [bill.settlement_id],
            )[0]
            worth = bill.total - sum((line.refunded_amount for line in bill.lines), ZERO)
            assert row["worth"] == worth
            assert (row["paid"] or ZERO) == worth - bill.owed

    def teardown(self) -> None:
        assert broken_checks(self.hall.hospital) == []


@pytest.mark.case("01", 12)
def test_random_days_keep_every_cent(hall: Hall) -> None:
    """HIS_MONEY_EXAMPLES and HIS_MONEY_STEPS make it as long as one likes."""
    day = type("Day", (MoneyDay,), {"hall": hall})
    run_state_machine_as_test(
        day,
        settings=settings(
            max_examples=EXAMPLES,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            print_blob=True,
        ),
    )
