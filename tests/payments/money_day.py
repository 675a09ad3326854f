"""A random day at the window: whatever is charged, paid, owed, refunded, counted, every cent is kept.

The machine works through the service functions on the real database and keeps its own books; at every step the drawers
agree, and at the end of a day every integrity check of money and numbers does.
"""

from __future__ import annotations

import os
from decimal import Decimal
from typing import Any
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import (
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from functions.payments.billing import service as billing
from functions.payments.billing.schemas import (
    CancelSettlement,
    ChangeRefund,
    CloseCourse,
    DecideRefund,
    DecideWriteOff,
    PayCourse,
    PayDebt,
    RefundQuantity,
    RequestRefund,
    RequestWriteOff,
    Settle,
    StartSettlement,
    TakePrepayment,
    TenderInput,
)
from functions.payments.billing.service import (
    ChargeLine,
    ChargeOrder,
    Executed,
)
from functions.payments.cashier.problems import CashInsufficient
from shared.identity.actor import Actor
from shared.money import ZERO
from shared.problems import Problem
from tests.payments.bank_day import BankDay
from tests.payments.books import ITEMS, Bill, Course, Line, Window, person
from tests.payments.conftest import SOURCE, Hall, broken_checks

STEPS = int(os.environ.get("HIS_MONEY_STEPS", "25"))


class MoneyDay(BankDay):
    """A day of two windows, a lead and finance."""

    # -- charging

    @rule(
        items=st.lists(
            st.tuples(st.sampled_from(ITEMS), st.sampled_from(["1", "2", "3", "7", "0.5"])), min_size=1, max_size=3
        )
    )
    def charge(self, items: list[tuple[str, str]]) -> None:
        self.put_on_the_bill(items)

    def put_on_the_bill(self, items: list[tuple[str, str]]) -> None:
        source = str(uuid4())
        lines = [ChargeLine(str(number), code, Decimal(quantity)) for number, (code, quantity) in enumerate(items)]
        with self.hall.hospital.tx("hq") as tx:
            charges = billing.post_charges(tx, ChargeOrder(self.patient, None, SOURCE, source, lines))
        self.open += [
            Line(charge, source, extras=[one for one in charges if one.base_charge_id == charge.charge_id])
            for charge in charges
            if charge.base_charge_id is None
        ]

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
        gone = [line for line in self.open if line.source == source]
        assert voided == {one.charge_id for line in gone for one in (line.charge, *line.extras)}
        self.open = [line for line in self.open if line.source != source]
        self.read_again()

    def read_again(self) -> None:
        """What went back or was withdrawn may have reduced what is unpaid beside it: that costs what it costs alone."""
        for line in self.open:
            with self.hall.hospital.tx("hq") as tx:
                found = {one.charge_id: one for one in billing.source_charges(tx, SOURCE, line.source)}
            line.charge = found[line.charge.charge_id]
            line.extras = [found[one.charge_id] for one in line.extras]

    # -- settling

    def _tenders(self, data: st.DataObject, total: Decimal) -> list[TenderInput]:
        """Cash, perhaps after a part by contract, relief, debt or a course of treatment."""
        kind = data.draw(st.sampled_from(["cash", "contract", "relief", "debt", "course"]))
        course = next((one for one in self.courses if one.balance), None) if kind == "course" else None
        part, most = ZERO, min(total, course.balance) if course else total
        if kind != "cash" and most and (kind != "course" or course):
            part = Decimal(data.draw(st.integers(1, int(most * 100)))) / 100
        tenders = [] if part == total else [TenderInput(method="cash", amount=total - part, received=total)]
        if part:
            more: dict[str, Any] = {"approved_by": self.approver} if kind == "debt" else {"reference": "JM-1"}
            if course is not None:
                more = {"course_id": course.course_id}
            tenders.insert(0, TenderInput(method=kind, amount=part, note="试验", **more))
        return tenders

    def _choose(self, data: st.DataObject) -> tuple[list[Line], Decimal]:
        chosen = data.draw(st.lists(st.sampled_from(self.open), min_size=1, max_size=6, unique=True))
        return chosen, sum((line.amount for line in chosen), ZERO)

    def _sold(self, window: Window, lines: list[Line], settled: billing.Settled) -> None:
        assert settled.settlement.state == "completed"
        owed = sum((tender.amount for tender in settled.tenders if tender.method == "debt"), ZERO)
        debt_id = None
        if owed:
            debt_id = self.hall.hospital.value(
                "SELECT debt_id FROM payments.debts WHERE settlement_id = %s", [settled.settlement.settlement_id]
            )
        window.drawer += sum((tender.amount for tender in settled.tenders if tender.method == "cash"), ZERO)
        bill = Bill(settled.settlement.settlement_id, settled.settlement.total, lines, debt_id, owed)
        for tender in settled.tenders:
            if tender.method == "course":
                bill.course = next(one for one in self.courses if str(one.course_id) == tender.reference)
                bill.course.balance -= tender.amount
        self.bills.append(bill)
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

    @precondition(lambda self: any(bill.owed for bill in self.bills))
    @rule(data=st.data(), reject=st.booleans())
    def write_off(self, data: st.DataObject, reject: bool) -> None:
        """Three persons give up what nobody will pay; one of them may say no."""
        bill = data.draw(st.sampled_from([bill for bill in self.bills if bill.owed]))
        now = self.hall.hospital.clock()
        asking, lead, finance = (
            person("甲", "registrar", now),
            person("乙", "cashier_lead", now),
            person("丙", "finance", now),
        )
        with self._as(asking) as tx:
            asked = billing.request_write_off(tx, bill.debt_id, RequestWriteOff(reason="无力支付", evidence="证明"))
        assert asked.amount == bill.owed
        with self._as(lead) as tx:
            half = billing.approve_write_off_first(tx, asked.write_off_id, DecideWriteOff(version=asked.version))
        command = DecideWriteOff(version=half.version)
        with self._as(finance) as tx:
            if reject:
                billing.reject_write_off(tx, asked.write_off_id, command)
                return
            done = billing.approve_write_off_second(tx, asked.write_off_id, command)
        assert done.written_off == bill.owed
        bill.owed, bill.written_off = ZERO, True

    # -- courses of treatment

    @precondition(lambda self: len(self.courses) < 3)
    @rule(place=st.integers(0, 1), amount=st.integers(1, 40000))
    def open_course(self, place: int, amount: int) -> None:
        window, money = self.windows[place], Decimal(amount) / 100
        with self._as(window.actor) as tx:
            opened = billing.take_prepayment(tx, self.prepayment(money)).course
        window.drawer += money
        self.courses.append(Course(opened.course_id, money))

    def prepayment(self, amount: Decimal, **more: Any) -> TakePrepayment:
        return TakePrepayment(
            patient_id=self.patient,
            course="dialysis",
            plan="透析",
            doctor_id=self.approver,
            planned=Decimal("100000.00"),
            amount=amount,
            **more,
        )

    @precondition(lambda self: self.courses)
    @rule(data=st.data(), place=st.integers(0, 1), amount=st.integers(1, 5000))
    def pay_course(self, data: st.DataObject, place: int, amount: int) -> None:
        course = data.draw(st.sampled_from(self.courses))
        if self._course(course)["state"] != "open":
            return
        window, money = self.windows[place], Decimal(amount) / 100
        with self._as(window.actor) as tx:
            billing.pay_course(tx, course.course_id, PayCourse(amount=money))
        window.drawer += money
        course.balance += money

    @precondition(lambda self: self.courses)
    @rule(data=st.data(), place=st.integers(0, 1))
    def close_course(self, data: st.DataObject, place: int) -> None:
        course, window = data.draw(st.sampled_from(self.courses)), self.windows[place]
        row = self._course(course)
        if row["state"] != "open":
            return
        back = min(course.balance, course.electronic)
        try:
            with self._as(window.actor) as tx:
                done = billing.close_course(tx, course.course_id, CloseCourse(version=row["version"]))
        except CashInsufficient:
            assert window.drawer < course.balance - back
            return
        assert sum((one.amount for one in done.sent), ZERO) == back
        window.drawer -= course.balance - back
        course.balance, course.electronic = ZERO, course.electronic - back

    def _course(self, course: Course) -> dict[str, Any]:
        found = self.hall.hospital.rows(
            "SELECT state, balance, version FROM payments.course_prepayments WHERE course_id = %s", [course.course_id]
        )
        return dict(found[0])

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
        self.give_back(bill, line, part, asks, reject)

    def give_back(self, bill: Bill, line: Line, part: Decimal, asks: int, reject: bool) -> None:
        """Ask for so much of a line, decide and pay it, by as many persons as it takes."""
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
        bill.refunded += amount
        assert bill.refunded == bill.total or any(one.refunded < one.charge.quantity for one in bill.lines)
        self.read_again()
        window.drawer -= sum((one.amount for one in paid.parts if one.method == "cash"), ZERO)
        bill.owed -= sum((one.amount for one in paid.parts if one.method == "debt"), ZERO)
        if bill.course is not None:
            bill.course.balance += sum((one.amount for one in paid.parts if one.method == "course"), ZERO)

    # -- laws

    @invariant()
    def courses_agree(self) -> None:
        for course in getattr(self, "courses", []):
            assert self._course(course)["balance"] == course.balance

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
            worth = bill.total - bill.refunded
            assert row["worth"] == worth
            assert (row["paid"] or ZERO) == worth - bill.owed

    def teardown(self) -> None:
        assert broken_checks(self.hall.hospital) == []


def run_days(day: type[MoneyDay], hall: Hall, examples: int, **more: Any) -> None:
    run_state_machine_as_test(
        type("Day", (day,), {"hall": hall}),
        settings=settings(
            max_examples=examples,
            stateful_step_count=STEPS,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            **more,
        ),
    )
