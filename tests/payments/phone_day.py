"""A random day with a channel that loses and doubles answers: bills, debts and courses of treatment paid by phone."""

from __future__ import annotations

from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis.stateful import precondition, rule

from functions.payments.billing import service as billing
from functions.payments.billing.problems import PaymentUnderway
from functions.payments.billing.schemas import (
    CancelSettlement,
    CloseCourse,
    PayCourse,
    PayDebt,
    StartSettlement,
    TenderInput,
)
from functions.payments.gateway.problems import ChannelPausedProblem
from infra.simulators.wire import Fault
from shared.money import ZERO
from tests.payments.books import Bill, Course, Line, Window
from tests.payments.market import Market
from tests.payments.money_day import MoneyDay

FAULTS = [None, None, *Fault]


class PhoneDay(MoneyDay):
    """A day of two windows with a channel behind them."""

    market: ClassVar[Market]

    def _start(self, window: Window, lines: list[Line], total: Decimal) -> UUID:
        ids = [line.charge.charge_id for line in lines]
        with self._as(window.actor) as tx:
            command = StartSettlement(charge_ids=ids, expected_total=total)
            return billing.start_settlement(tx, command).settlement.settlement_id

    def _row(self, settlement_id: UUID) -> dict[str, Any]:
        found = self.hall.hospital.rows(
            "SELECT state, total, tendered, version FROM payments.settlements WHERE settlement_id = %s", [settlement_id]
        )
        return dict(found[0])

    def _cash(self, window: Window, settlement_id: UUID, amount: Decimal) -> None:
        with self._as(window.actor) as tx:
            billing.add_tender(tx, settlement_id, TenderInput(method="cash", amount=amount))
        window.drawer += amount

    # -- a channel that misbehaves

    @precondition(lambda self: self.open)
    @rule(
        data=st.data(),
        place=st.integers(0, 1),
        on_order=st.sampled_from(FAULTS),
        on_query=st.sampled_from(FAULTS),
        refuses=st.booleans(),
        qr=st.booleans(),
    )
    def pay_by_phone(
        self, data: st.DataObject, place: int, on_order: Any, on_query: Any, refuses: bool, qr: bool
    ) -> None:
        window, town = self.windows[place], self.market.town
        lines, total = self._choose(data)
        if not total:
            return
        part = Decimal(data.draw(st.integers(1, int(total * 100)))) / 100
        settlement_id = self._start(window, lines, total)
        if on_order:
            town.wechat.faults.plan("order", on_order)
        if on_query:
            town.wechat.faults.plan("query", on_query)
        tender = TenderInput(method="wechat", amount=part, **self._shown(refuses, qr))
        pending = self._ask(window, settlement_id, tender)
        if pending is None:
            return
        self._carry_out(pending.payment_id, pending.reference, pays=qr and not refuses)
        self._until_known(settlement_id)
        self._end(window, settlement_id, lines, total)

    def _ask(self, window: Window, settlement_id: UUID, tender: TenderInput) -> Any:
        """The pending tender; None when the gateway has paused the channel, and the patient goes away."""
        try:
            with self._as(window.actor) as tx:
                pending = billing.add_tender(tx, settlement_id, tender).pending
        except ChannelPausedProblem:
            with self._as(window.actor) as tx:
                command = CancelSettlement(version=self._row(settlement_id)["version"], reason="渠道停用")
                billing.cancel_settlement(tx, settlement_id, command)
            self.market.town.wechat.faults.clear()
            return None
        assert pending is not None
        return pending

    def _until_known(self, settlement_id: UUID) -> None:
        """Letters, events (each twice) and minutes go by until nobody waits for a channel."""
        waiting = "SELECT count(*) FROM payments.tenders WHERE settlement_id = %s AND state = 'pending'"
        for _ in range(40):
            self.market.news()
            if not self.hall.hospital.value(waiting, [settlement_id]):
                break
            self.market.town.minute()
            self.hall.hospital.minute("payments/billing")
        assert self.hall.hospital.value(waiting, [settlement_id]) == 0, "every payment ends"
        self.market.town.wechat.faults.clear()

    def _end(self, window: Window, settlement_id: UUID, lines: list[Line], total: Decimal) -> None:
        row = self._row(settlement_id)
        if row["state"] == "paying":
            self._cash(window, settlement_id, row["total"] - row["tendered"])
            row = self._row(settlement_id)
        assert row["state"] in ("completed", "cancelled")
        if row["state"] == "completed":
            self.bills.append(Bill(settlement_id, total, lines))
            self.open = [line for line in self.open if line not in lines]

    @precondition(lambda self: self.open)
    @rule(data=st.data(), place=st.integers(0, 1), on_refund=st.sampled_from(FAULTS))
    def give_up_after_a_part(self, data: st.DataObject, place: int, on_refund: Any) -> None:
        """A part is paid by phone, the rest is not: the part goes back."""
        window, town = self.windows[place], self.market.town
        lines, total = self._choose(data)
        if total <= Decimal("0.01"):
            return
        settlement_id = self._start(window, lines, total)
        cent = TenderInput(method="wechat", amount=Decimal("0.01"), auth_code=self.market.code())
        pending = self._ask(window, settlement_id, cent)
        if pending is None:
            return
        billing.carry_out_payment(town.steps(), pending.payment_id)
        if on_refund:
            town.wechat.faults.plan("refund", on_refund)
        with self._as(window.actor) as tx:
            command = CancelSettlement(version=self._row(settlement_id)["version"], reason="不付了")
            cancelled, waits_for = billing.cancel_settlement(tx, settlement_id, command)
        assert (cancelled.state, waits_for) == ("cancelled", None)
        town.minute()
        self.market.news()
        town.wechat.faults.clear()

    # -- a debt paid by phone

    @precondition(lambda self: any(bill.owed for bill in self.bills))
    @rule(
        data=st.data(),
        place=st.integers(0, 1),
        on_order=st.sampled_from(FAULTS),
        refuses=st.booleans(),
        qr=st.booleans(),
        meanwhile=st.booleans(),
    )
    def pay_debt_by_phone(
        self, data: st.DataObject, place: int, on_order: Any, refuses: bool, qr: bool, meanwhile: bool
    ) -> None:
        """While the channel is awaited nobody else takes money for the debt; a refund may lower it below what comes."""
        window, other = self.windows[place], self.windows[1 - place]
        bill = data.draw(st.sampled_from([bill for bill in self.bills if bill.owed]))
        amount = Decimal(data.draw(st.integers(1, int(bill.owed * 100)))) / 100
        if on_order:
            self.market.town.wechat.faults.plan("order", on_order)
        command = PayDebt(amount=amount, method="wechat", **self._shown(refuses, qr))
        try:
            with self._as(window.actor) as tx:
                pending = billing.pay_debt(tx, bill.debt_id, command).pending
        except ChannelPausedProblem:
            self.market.town.wechat.faults.clear()
            return
        assert pending is not None
        with pytest.raises(PaymentUnderway), self._as(other.actor) as tx:
            billing.pay_debt(tx, bill.debt_id, PayDebt(amount=Decimal("0.01")))
        back = [line for line in bill.lines if line.refundable]
        if meanwhile and back:
            line = data.draw(st.sampled_from(back))
            self.give_back(bill, line, line.refundable, place, reject=False)
        self._carry_out(pending.payment_id, pending.reference, pays=qr and not refuses)
        self._until_known(bill.settlement_id)
        ended = self.hall.hospital.value("SELECT state FROM payments.tenders WHERE tender_id = %s", [pending.tender_id])
        assert ended in ("received", "cancelled")
        if ended == "received":
            bill.owed -= amount

    def _shown(self, refuses: bool, qr: bool) -> dict[str, Any]:
        return {"product": "qr"} if qr else {"auth_code": self.market.code(refuses="NOTENOUGH" if refuses else "")}

    def _carry_out(self, payment_id: UUID, order_no: str | None, *, pays: bool) -> None:
        billing.carry_out_payment(self.market.town.steps(), payment_id)
        if pays:
            self.market.town.wechat.pay(order_no)

    # -- a course paid by phone

    @precondition(lambda self: len(self.courses) < 4)
    @rule(
        place=st.integers(0, 1),
        amount=st.integers(1, 40000),
        on_order=st.sampled_from(FAULTS),
        refuses=st.booleans(),
        qr=st.booleans(),
    )
    def open_course_by_phone(self, place: int, amount: int, on_order: Any, refuses: bool, qr: bool) -> None:
        window, town, money = self.windows[place], self.market.town, Decimal(amount) / 100
        if on_order:
            town.wechat.faults.plan("order", on_order)
        try:
            with self._as(window.actor) as tx:
                command = self.prepayment(money, method="wechat", **self._shown(refuses, qr))
                opened = billing.take_prepayment(tx, command)
        except ChannelPausedProblem:
            town.wechat.faults.clear()
            return
        course = Course(opened.course.course_id, ZERO)
        self.courses.append(course)
        self._await_course(course, opened.pending, money, pays=qr and not refuses)

    @precondition(lambda self: self.courses)
    @rule(
        data=st.data(),
        place=st.integers(0, 1),
        amount=st.integers(1, 5000),
        on_order=st.sampled_from(FAULTS),
        refuses=st.booleans(),
        qr=st.booleans(),
    )
    def pay_course_by_phone(
        self, data: st.DataObject, place: int, amount: int, on_order: Any, refuses: bool, qr: bool
    ) -> None:
        """More for a course; nothing else is done with it while the channel is awaited."""
        course, window, money = data.draw(st.sampled_from(self.courses)), self.windows[place], Decimal(amount) / 100
        before = self._course(course)
        if before["state"] != "open":
            return
        if on_order:
            self.market.town.wechat.faults.plan("order", on_order)
        try:
            with self._as(window.actor) as tx:
                command = PayCourse(amount=money, method="wechat", **self._shown(refuses, qr))
                paid = billing.pay_course(tx, course.course_id, command)
        except ChannelPausedProblem:
            self.market.town.wechat.faults.clear()
            return
        with pytest.raises(PaymentUnderway), self._as(window.actor) as tx:
            billing.close_course(tx, course.course_id, CloseCourse(version=self._course(course)["version"]))
        self._await_course(course, paid.pending, money, pays=qr and not refuses)

    def _await_course(self, course: Course, pending: Any, money: Decimal, *, pays: bool) -> None:
        assert pending is not None
        self._carry_out(pending.payment_id, pending.order_no, pays=pays)
        state = "SELECT state FROM payments.course_payments WHERE course_payment_id = %s"
        for _ in range(40):
            self.market.news()
            if self.hall.hospital.value(state, [pending.course_payment_id]) != "pending":
                break
            self.market.town.minute()
        self.market.town.wechat.faults.clear()
        ended = self.hall.hospital.value(state, [pending.course_payment_id])
        assert ended in ("received", "cancelled")
        if ended == "received":
            course.balance += money
            course.electronic += money

    @rule()
    def a_minute_passes(self) -> None:
        self.market.town.minute()
        self.hall.hospital.minute("payments/billing")
        self.hall.hospital.minute("payments/cashier")

    def teardown(self) -> None:
        for _ in range(6):
            self.market.news()
            self.market.town.minute()
        self.market.news()
        self.market.assert_sound()
