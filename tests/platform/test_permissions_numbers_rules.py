"""What numbers look like is declared once, and no choice of a campus makes two of them alike."""

import ast
import re
from datetime import date, timedelta
from pathlib import Path
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.outpatient.registration import rules as registration
from functions.payments.billing import rules as billing
from functions.platform.permissions import rules_numbers
from shared.numbers import NUMBERINGS, Form
from shared.problems import Problem

ROOT = Path(__file__).resolve().parents[2]
REQUESTS = "platform.permission_request"


# -- what is declared is what is printed


@pytest.mark.parametrize(
    ("name", "written"),
    [
        ("visit", registration.visit_number),
        ("payments.settlement", billing.settlement_number),
        ("payments.refund", billing.refund_number),
        ("payments.receipt", billing.receipt_number),
    ],
)
def test_the_declared_form_is_what_the_module_writes(name: str, written: Any) -> None:
    for number in (1, 17, 99_999, 100_000):
        on = date(2026, 3, 2)
        assert NUMBERINGS[name].form.text("H", on, number) == written("H", on, number)


def test_every_series_of_the_code_is_declared_and_only_what_follows_its_rule_may_be_changed() -> None:
    counted: dict[str, bool] = {}
    by_rule: set[str] = set()
    for path in ROOT.glob("functions/**/*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            match node:
                case ast.Call(func=ast.Name(id="Series"), args=[ast.Constant(value=name)], keywords=[daily]):
                    counted[name] = cast(ast.Constant, daily.value).value
                case ast.Subscript(value=ast.Name(id="NUMBERINGS"), slice=ast.Constant(value=name)):
                    by_rule.add(name)
    assert counted.keys() | by_rule == NUMBERINGS.keys(), "declare it in shared/numbers.py: no campus may take its mark"
    assert not counted.keys() & by_rule
    assert {name for name, one in NUMBERINGS.items() if not one.fixed} == by_rule
    assert {name: NUMBERINGS[name].form.reset == "day" for name in counted} == counted


def test_declared_marks_leave_room_for_chosen_ones() -> None:
    marks = [one.form.mark for one in NUMBERINGS.values() if one.form.mark]
    assert len(set(marks)) == len(marks)
    assert all(len(mark) == 1 for mark in marks)


# -- never twice, whatever two campuses choose in whatever order

Choice = tuple[str, str, str, Form, int]
CHOICES = st.lists(
    st.tuples(
        st.sampled_from("HM"),
        st.sampled_from(["payments.shift", "payments.hand_in", REQUESTS]),
        st.sampled_from(["set", "set", "wait"]),
        st.builds(
            Form,
            st.sampled_from(["SA", "SB", "SC", "ABC", "Q", "B", "J"]),
            st.sampled_from(["day", "month", "year", "never"]),
            st.integers(3, 8),
        ),
        st.integers(1, 40),
    ),
    max_size=25,
)


class Ledger:
    """Two campuses with their rules, and every mark anybody ever chose."""

    def __init__(self) -> None:
        self.today = date(2026, 11, 23)
        self.used: list[rules_numbers.UsedMark] = []
        self.rules: dict[tuple[str, str], list[tuple[date, Form]]] = {}

    def choose(self, campus: str, name: str, form: Form, later: int) -> None:
        """Set a rule, unless it is refused."""
        try:
            rules_numbers.check_form(NUMBERINGS[name], form, campus, self.used)
        except Problem:
            return
        self.used.append(rules_numbers.UsedMark(campus, name, form.mark, form.reset))
        self.rules.setdefault((campus, name), []).append((self.today + timedelta(days=later), form))

    def form(self, campus: str, name: str) -> Form:
        begun = [(start, turn, form) for turn, (start, form) in enumerate(self.rules.get((campus, name), ()))]
        return max((one for one in begun if one[0] <= self.today), default=(None, 0, NUMBERINGS[name].form))[2]

    def read(self, text: str) -> tuple[str, str, str, int]:
        """Campus, series, period and value, from nothing but the number and who owns which mark."""
        found = re.fullmatch(r"([A-Z])([A-Z]*)([0-9]+)", text)
        assert found, text
        campus, mark, digits = found.groups()
        declared = {(one.series, one.form.reset) for one in NUMBERINGS.values() if one.form.mark == mark}
        chosen = {(use.series, use.reset) for use in self.used if (use.at_campus, use.mark) == (campus, mark)}
        [(name, reset)] = declared | chosen
        width = {"day": 6, "month": 4, "year": 2, "never": 0}[reset]
        stamp = f"20{digits[:width]}" if width else "-"
        own = NUMBERINGS[name].form.mark == mark
        return campus, name, stamp if own else f"{stamp}/{mark}", int(digits[width:])


@given(CHOICES, st.lists(st.integers(1, 10**9), min_size=1, max_size=3))
def test_a_number_tells_its_campus_series_period_and_place_whatever_was_chosen(
    choices: list[Choice], values: list[int]
) -> None:
    """Two numbers of one text are therefore one number of one counter, and a counter only grows."""
    ledger = Ledger()
    for campus, name, act, form, later in choices:
        if act == "set":
            ledger.choose(campus, name, form, later)
        else:
            ledger.today += timedelta(days=later)
        for letter in "HM":
            for one in ("payments.shift", "payments.hand_in", REQUESTS):
                now = ledger.form(letter, one)
                period = NUMBERINGS[one].period(now, ledger.today)
                for value in values:
                    assert ledger.read(now.text(letter, ledger.today, value)) == (letter, one, period, value)
