"""The machine of random days can fail: mistakes somebody might make break a law within a few days."""

from functools import partial

import hypothesis.strategies as st
import psycopg
import pytest
from hypothesis import Phase
from hypothesis.stateful import rule

from functions.payments.billing.service import completing, debts, paying_back, refunding
from functions.payments.cashier.models import BagSlip
from functions.payments.cashier.service import bags, floats
from tests.payments.books import put_under_rules
from tests.payments.conftest import Hall
from tests.payments.money_day import MoneyDay, run_days
from tests.support.hospital import cloned_hospital


class NarrowDay(MoneyDay):
    """A day of few items, so that what is wrong with one of them shows soon."""

    @rule(quantity=st.sampled_from(["1", "2"]))
    def charge(self, quantity: str) -> None:
        self.put_on_the_bill([("m_extra", quantity), ("lab50", "1")])


WRONG = {
    "a refund moves no money": (paying_back, "_move_money", lambda *given: []),
    "a bill paid by a course leaves the course as it was": (completing, "use_course", lambda *given: None),
    "a surcharge stays when its line goes back": (refunding, "_surcharges_of", lambda *given: []),
    "a float confirmed is no entry of the journal": (floats, "book", lambda *given, **more: None),
    "who packed a bag may pack its slips again": (bags, "BagSlip", partial(BagSlip, inside=False)),
    "what is given up is no entry of the journal": (debts, "_exchange", lambda *given: None),
}
"""What somebody might get wrong: module, function, what it would do instead."""


@pytest.mark.parametrize("mistake", list(WRONG))
def test_a_mistake_is_found_by_a_random_day(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    """The machine can fail: each of these breaks a law, most within a few days, on books of its own.

    What Hypothesis tries depends on which modules are loaded; 300 days are enough in any company.
    """
    with cloned_hospital() as hospital:
        hall = Hall(hospital)
        put_under_rules(hall)
        monkeypatch.setattr(*WRONG[mistake])
        with pytest.raises((AssertionError, psycopg.Error, ExceptionGroup)):
            run_days(NarrowDay, hall, 300, derandomize=True, phases=[Phase.generate], database=None)
