"""Random days with everything in them: channels that lose and double answers, insurers that undo, stays that take over.

On top of the day at the window (money_day) and the channel that misbehaves (phone_day) this one settles with an
insurer, gives insured lines back by undoing the whole, and moves bills to inpatient accounts. At the end the books
balance, and the journal holds of the channel exactly what the channel holds of ours.
"""

from __future__ import annotations

import os
from decimal import Decimal
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import precondition, rule, run_state_machine_as_test

from functions.payments.billing import service as billing
from functions.payments.billing.schemas import (
    ChangeRefund,
    DecideRefund,
    RefundQuantity,
    RequestRefund,
    TenderInput,
)
from functions.payments.billing.service import InsuranceAnswer
from functions.payments.cashier.problems import CashInsufficient
from shared.money import ZERO
from shared.problems import Problem
from tests.payments.books import Bill, Line, Window, person, put_under_rules
from tests.payments.market import Market
from tests.payments.phone_day import PhoneDay

EXAMPLES = int(os.environ.get("HIS_MONEY_EXAMPLES", "3"))
STEPS = int(os.environ.get("HIS_MONEY_STEPS", "25"))


class WholeDay(PhoneDay):
    """A day of two windows with a channel, an insurer and a ward behind them."""

    @property
    def insured(self) -> list[Bill]:
        if not hasattr(self, "_insured"):
            self._insured: list[Bill] = []
        return self._insured

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
        self.read_again()
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
        worth = bill.total - bill.refunded
        ids = [line.charge.charge_id for line in lines]
        if bill.written_off and self._given_up(bill):
            with pytest.raises(Problem, match="核销"), self.hall.hospital.tx("hq") as tx:
                billing.move_to_inpatient(tx, ids, "ZY-1")
            return
        with self.hall.hospital.tx("hq") as tx:
            moved = billing.move_to_inpatient(tx, ids, "ZY-1")
        assert (moved.amount, moved.paid) == (worth, worth - bill.owed)
        for line in lines:
            line.executed, line.refunded = ZERO, line.charge.quantity
        bill.owed, bill.refunded = ZERO, bill.total
        self.read_again()

    def _given_up(self, bill: Bill) -> bool:
        value = self.hall.hospital.value(
            "SELECT coalesce(sum(amount - returned), 0) FROM payments.tenders WHERE settlement_id = %s"
            " AND method = 'bad_debt'",
            [bill.settlement_id],
        )
        return bool(value)


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
