"""The machine of random days can fail: mistakes somebody might make break a law within a few days."""

from functools import partial
from inspect import getmembers

import hypothesis.strategies as st
import psycopg
import pytest
from hypothesis import Phase
from hypothesis.stateful import RULE_MARKER, rule

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
    "a refund moves no money": (
        (paying_back, "_move_money", lambda *given: []),
        {"charge", "settle", "refund"},
    ),
    "a bill paid by a course leaves the course as it was": (
        (completing, "use_course", lambda *given: None),
        {"charge", "settle", "open_course"},
    ),
    "a surcharge stays when its line goes back": (
        (refunding, "_surcharges_of", lambda *given: []),
        {"charge", "settle", "refund"},
    ),
    "a float confirmed is no entry of the journal": (
        (floats, "book", lambda *given, **more: None),
        {"raise_float"},
    ),
    "who packed a bag may pack its slips again": (
        (bags, "BagSlip", partial(BagSlip, inside=False)),
        {"charge", "settle", "hand_in", "receive", "seal"},
    ),
    "what is given up is no entry of the journal": (
        (debts, "_exchange", lambda *given: None),
        {"charge", "settle", "write_off"},
    ),
}
"""What somebody might get wrong (module, function, what it would do instead), and the rules of days that show it."""


def days_of(only: set[str]) -> type[NarrowDay]:
    """Days on which nothing else is done."""
    rules = {name for name, _ in getmembers(NarrowDay, lambda found: hasattr(found, RULE_MARKER))}
    assert only <= rules
    return type("Day", (NarrowDay,), dict.fromkeys(rules - only))


@pytest.mark.parametrize("mistake", list(WRONG))
def test_a_mistake_is_found_by_a_random_day(monkeypatch: pytest.MonkeyPatch, mistake: str) -> None:
    """The machine can fail: each of these breaks a law within a few days, on books of its own."""
    wrong, only = WRONG[mistake]
    with cloned_hospital() as hospital:
        hall = Hall(hospital)
        put_under_rules(hall)
        monkeypatch.setattr(*wrong)
        with pytest.raises((AssertionError, psycopg.Error, ExceptionGroup)):
            run_days(days_of(only), hall, 40, derandomize=True, phases=[Phase.generate], database=None)
