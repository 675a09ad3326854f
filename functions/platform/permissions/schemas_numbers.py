"""Inputs and outputs of rules of numbers (编号规则)."""

from datetime import date
from typing import Annotated
from uuid import UUID

from pydantic import Field, StringConstraints

from shared.numbers import Reset
from shared.schemas import Input, Moment, Text, View

Mark = Annotated[str, StringConstraints(pattern=r"^[A-Za-z]{1,4}$", to_upper=True)]
Width = Annotated[int, Field(ge=1, le=8)]


class SetNumberRule(Input):
    """Another form of a series at the acting campus, from a day to come on."""

    mark: Mark
    reset: Reset
    width: Width
    valid_from: date
    reason: Text


class FormView(View):
    """How a number reads: letters behind the campus letter, when it starts again at 1, digits."""

    mark: str
    reset: str
    reset_label: str
    width: int


class PlannedView(View):
    """A rule that begins later, and its first number."""

    rule_id: UUID
    valid_from: date
    form: FormView
    first: str


class NumberSeriesView(View):
    """A series of the acting campus: its form today and the number it gives next."""

    series: str
    title: str
    fixed: bool
    why_fixed: str | None
    risky: bool
    declared: FormView
    form: FormView
    since: date | None
    """Null: the program's own form."""
    next: str
    planned: list[PlannedView]


class NumberPreviewView(View):
    """What a rule would do: the number that is next today, and the first one of the rule."""

    series: str
    title: str
    now: str
    valid_from: date
    first: str
    risky: bool


class NumberRuleView(View):
    rule_id: UUID
    series: str
    title: str
    form: FormView
    valid_from: date
    state: str
    reason: str
    asked_at: Moment
    asked_name: str
    decided_at: Moment | None
    decided_name: str | None
    superseded_at: Moment | None
    version: int
