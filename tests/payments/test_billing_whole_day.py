"""Random days with everything in them: channels that lose and double answers, insurers that undo, stays that take over.

On top of the day at the window (test_billing_machine) this one pays by WeChat through a channel that misbehaves,
settles with an insurer, gives insured lines back by undoing the whole, and moves bills to inpatient accounts. At the
end the books balance, and the journal holds of the channel exactly what the channel holds of ours.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from decimal import Decimal
from typing import Any, ClassVar
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from functions.payments.billing import service as billing
from functions.payments.billing.schemas import (
    CancelSettlement,
    ChangeRefund,
    DecideRefund,
    RefundQuantity,
    RequestRefund,
    StartSettlement,
    TenderInput,
)
from functions.payments.billing.service import InsuranceAnswer
from functions.payments.cashier.problems import CashInsufficient
from functions.payments.gateway.problems import ChannelPausedProblem
from infra.simulators.wire import Fault
from shared.money import ZERO
from shared.problems import Problem
from tests.payments.market import Market, open_market
from tests.payments.test_billing_machine import Bill, Course, Line, MoneyDay, Window, person, put_under_rules

EXAMPLES = int(os.environ.get("HIS_MONEY_EXAMPLES", "3"))
STEPS = int(os.environ.get("HIS_MONEY_STEPS", "25"))
FAULTS = [None, None, *Fault]


class WholeDay(MoneyDay):
    """A day of two windows with a channel, an insurer and a ward behind them."""

    market: ClassVar[Market]

    @property
    def insured(self) -> list[Bill]:
        if not hasattr(self, "_insured"):
            self._insured: list[Bill] = []
        return self._insured

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
        given = {"product": "qr"} if qr else {"auth_code": self.market.code(refuses="NOTENOUGH" if refuses else "")}
        pending = self._ask(window, settlement_id, TenderInput(method="wechat", amount=part, **given))
        if pending is None:
            return
        billing.carry_out_payment(town.steps(), pending.payment_id)
        if qr and not refuses:
            town.wechat.pay(pending.reference)
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

    # -- an insurer that undoes

    @precondition(lambda self: self.open)
    @rule(data=st.data(), place=st.integers(0, 1))
    def settle_insured(self, data: st.DataObject, place: int) -> None:
        window = self.windows[place]
        lines, total = self._choose(data)
        if not total:
            return
        fund = Decimal(data.draw(st.integers(1, int(total * 100)))) / 100
        settlement_id = self._start(window, lines, total)
        with self._as(window.actor) as tx:
            billing.begin_insurance(tx, settlement_id, f"msg-{uuid4().hex[:8]}", "resident")
        with self._as(window.actor) as tx:
            billing.record_insurance_tender(tx, settlement_id, InsuranceAnswer(f"setl-{uuid4().hex[:8]}", fund))
        if total > fund:
            self._cash(window, settlement_id, total - fund)
        self.insured.append(Bill(settlement_id, total, lines))
        self.open = [line for line in self.open if line not in lines]

    @precondition(lambda self: any(line.refundable for bill in self.insured for line in bill.lines))
    @rule(data=st.data(), refused=st.booleans())
    def give_an_insured_line_back(self, data: st.DataObject, refused: bool) -> None:
        """2208 on the whole, 2207 on the rest; the patient pays or gets the difference in cash."""
        bill = data.draw(st.sampled_from([one for one in self.insured if any(line.refundable for line in one.lines)]))
        line = data.draw(st.sampled_from([line for line in bill.lines if line.refundable]))
        part = min(line.refundable, Decimal(data.draw(st.sampled_from(["0.25", "1", "9"]))))
        asking, window = self.windows
        refund_id = self._approved(asking, bill, line, part)
        paid = self._patients_money(bill.settlement_id)
        with self._as(window.actor) as tx:
            billing.begin_reversal(tx, refund_id)
        try:
            with self._as(window.actor) as tx:
                undone = billing.insurance_reversed(tx, refund_id, f"msg-{uuid4().hex[:8]}")
        except CashInsufficient:
            with self._as(window.actor) as tx:
                billing.reversal_refused(tx, refund_id)
            with self._as(asking.actor) as tx:
                billing.withdraw_refund(tx, refund_id, self._seen(refund_id))
            return
        line.refunded += part
        line.refunded_amount += undone.refund.amount
        if undone.successor is None:
            self.insured.remove(bill)
            window.drawer -= paid
            return
        self._settle_anew(data, window, bill, undone.successor.settlement_id, undone.successor.total, paid, refused)

    def _settle_anew(
        self,
        data: st.DataObject,
        window: Window,
        bill: Bill,
        successor_id: UUID,
        total: Decimal,
        paid: Decimal,
        refused: bool,
    ) -> None:
        fund = ZERO if refused else Decimal(data.draw(st.integers(0, int(total * 100)))) / 100
        with self._as(window.actor) as tx:
            if refused:
                billing.insurance_refused(tx, successor_id)
            else:
                billing.record_insurance_tender(tx, successor_id, InsuranceAnswer(f"setl-{uuid4().hex[:8]}", fund))
        if paid > total - fund + window.drawer:
            self._fill_drawer(window, paid)
        if self._row(successor_id)["state"] != "completed":
            due = total - fund - paid
            if due > ZERO:
                self._cash_for_the_rest(window, successor_id, due)
            else:
                with self._as(window.actor) as tx:
                    billing.complete_settlement(tx, successor_id)
        assert self._row(successor_id)["state"] == "completed"
        window.drawer += total - fund - paid
        bill.settlement_id, bill.total = successor_id, total
        if refused:
            self.insured.remove(bill)

    def _cash_for_the_rest(self, window: Window, settlement_id: UUID, due: Decimal) -> None:
        with self._as(window.actor) as tx:
            billing.add_tender(tx, settlement_id, TenderInput(method="cash", amount=due))

    def _fill_drawer(self, window: Window, amount: Decimal) -> None:
        """A sale that brings enough cash to pay the difference out."""
        pieces = int(amount // 250) + 1
        with self.hall.hospital.tx("hq") as tx:
            line = billing.ChargeLine("1", "exam250", pieces)
            order = billing.ChargeOrder(self.patient, None, "tests/source", str(uuid4()), [line])
            charges = billing.post_charges(tx, order)
        total = charges[0].amount
        settlement_id = self._start(window, [Line(charges[0], "")], total)
        self._cash(window, settlement_id, total)

    def _approved(self, asking: Window, bill: Bill, line: Line, part: Decimal) -> UUID:
        command = RequestRefund(
            settlement_id=bill.settlement_id,
            lines=[RefundQuantity(charge_id=line.charge.charge_id, quantity=part)],
            reason_code="patient",
            reason="试验",
        )
        with self._as(asking.actor) as tx:
            asked, paid = billing.request_refund(tx, command)
        assert paid is None, "an insured settlement is never paid back in part"
        finance = asked.level == "finance"
        decider = person("审批人", "finance" if finance else "cashier_lead", self.hall.hospital.clock())
        with self._as(decider) as tx:
            billing.approve_refund(tx, asked.refund_id, DecideRefund(version=asked.version), as_finance=finance)
        return asked.refund_id

    def _seen(self, refund_id: UUID) -> ChangeRefund:
        version = self.hall.hospital.value("SELECT version FROM payments.refunds WHERE refund_id = %s", [refund_id])
        return ChangeRefund(version=version)

    def _patients_money(self, settlement_id: UUID) -> Decimal:
        value = self.hall.hospital.value(
            "SELECT coalesce(sum(amount - returned), 0) FROM payments.tenders WHERE settlement_id = %s"
            " AND state = 'received' AND method NOT IN ('insurance_fund', 'insurance_account', 'medical_aid')",
            [settlement_id],
        )
        return Decimal(value)

    # -- a ward that takes over

    @precondition(lambda self: self.bills)
    @rule(data=st.data())
    def move_to_a_ward(self, data: st.DataObject) -> None:
        bill = data.draw(st.sampled_from(self.bills))
        lines = [line for line in bill.lines if line.refunded < line.charge.quantity]
        if not lines:
            return
        worth = sum((line.amount - line.refunded_amount for line in lines), ZERO)
        ids = [line.charge.charge_id for line in lines]
        if bill.written_off and self._given_up(bill):
            with pytest.raises(Problem, match="核销"), self.hall.hospital.tx("hq") as tx:
                billing.move_to_inpatient(tx, ids, "ZY-1")
            return
        with self.hall.hospital.tx("hq") as tx:
            moved = billing.move_to_inpatient(tx, ids, "ZY-1")
        assert (moved.amount, moved.paid) == (worth, worth - bill.owed)
        for line in lines:
            line.executed, line.refunded, line.refunded_amount = ZERO, line.charge.quantity, line.amount
        bill.owed = ZERO

    def _given_up(self, bill: Bill) -> bool:
        value = self.hall.hospital.value(
            "SELECT coalesce(sum(amount - returned), 0) FROM payments.tenders WHERE settlement_id = %s"
            " AND method = 'bad_debt'",
            [bill.settlement_id],
        )
        return bool(value)

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
        given = {"product": "qr"} if qr else {"auth_code": self.market.code(refuses="NOTENOUGH" if refuses else "")}
        try:
            with self._as(window.actor) as tx:
                opened = billing.take_prepayment(tx, self.prepayment(money, method="wechat", **given))
        except ChannelPausedProblem:
            town.wechat.faults.clear()
            return
        assert opened.pending is not None
        billing.carry_out_payment(town.steps(), opened.pending.payment_id)
        if qr and not refuses:
            town.wechat.pay(opened.pending.order_no)
        state = "SELECT state FROM payments.course_payments WHERE course_id = %s"
        for _ in range(40):
            self.market.news()
            if self.hall.hospital.value(state, [opened.course.course_id]) != "pending":
                break
            town.minute()
        town.wechat.faults.clear()
        ended = self.hall.hospital.value(state, [opened.course.course_id])
        assert ended in ("received", "cancelled")
        came = money if ended == "received" else ZERO
        self.courses.append(Course(opened.course.course_id, came, came))

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


@pytest.fixture(scope="module")
def market(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Market]:
    with open_market(tmp_path_factory.mktemp("secrets")) as one:
        yield one


@pytest.mark.case("01", 12)
def test_random_days_with_channels_and_insurers_keep_every_cent(market: Market) -> None:
    """Post, settle, partial refund, re-settle, transfer to inpatient: tenders less refunds are the valid lines."""
    put_under_rules(market.hall)
    day = type("Day", (WholeDay,), {"market": market, "hall": market.hall})
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
