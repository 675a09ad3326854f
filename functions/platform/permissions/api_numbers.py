"""HTTP routes of rules of numbers (编号规则)."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.platform.permissions import service
from functions.platform.permissions.models import NumberRule
from functions.platform.permissions.schemas import Step
from functions.platform.permissions.schemas_numbers import (
    FormView,
    Mark,
    NumberPreviewView,
    NumberRuleView,
    NumberSeriesView,
    PlannedView,
    SetNumberRule,
    Width,
)
from shared.command import command, query
from shared.http import Router
from shared.numbers import NUMBERINGS, RESET_TITLES, Form, Reset
from shared.schemas import Page
from shared.tx import Tx

router = Router()
LAST = UUID(int=2**128 - 1)
SeriesName = Annotated[str, Path(pattern=r"^[a-z_.]{1,60}$")]


@router.get("/number-series")
@query("platform.permissions.packages")
def list_number_series(tx: Tx) -> list[NumberSeriesView]:
    """Every series of numbers of the acting campus with its form, its next number and what is planned (编号规则)."""
    return [
        NumberSeriesView(
            series=one.numbering.series,
            title=one.numbering.title,
            fixed=bool(one.numbering.fixed),
            why_fixed=one.numbering.fixed or None,
            risky=one.numbering.risky,
            declared=_form(one.numbering.form),
            form=_form(one.form),
            since=one.since,
            next=one.next,
            planned=[
                PlannedView(
                    rule_id=planned.rule.rule_id,
                    valid_from=planned.rule.valid_from,
                    form=_form(service.form_of(planned.rule)),
                    first=planned.first,
                )
                for planned in one.planned
            ],
        )
        for one in service.number_series(tx)
    ]


@router.get("/number-series/{series}/preview")
@query("platform.permissions.packages")
def preview_number(
    tx: Tx,
    series: SeriesName,
    mark: Annotated[Mark, Parameter()],
    reset: Reset,
    width: Annotated[Width, Parameter()],
    valid_from: date,
) -> NumberPreviewView:
    """The first number a rule would give, with every check of setting it (编号预览)."""
    found = service.preview_number(tx, series, Form(mark, reset, width), valid_from)
    return NumberPreviewView(
        series=series,
        title=found.numbering.title,
        now=found.now,
        valid_from=valid_from,
        first=found.first,
        risky=found.numbering.risky,
    )


@router.get("/number-series/{series}/history")
@query("platform.permissions.packages")
def number_rule_history(
    tx: Tx,
    series: SeriesName,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
    cursor: UUID | None = None,
) -> Page[NumberRuleView]:
    """Every rule a series of the acting campus was given, latest first (编号规则历史)."""
    found = service.number_rule_history(tx, series, cursor or LAST, limit)
    return Page[NumberRuleView](
        items=[_rule(row) for row in found], next=str(found[-1].rule_id) if len(found) == limit else None
    )


@router.post("/number-series/{series}/rules", status_code=201)
@command("platform.permissions.configure")
def set_number_rule(tx: Tx, series: SeriesName, body: SetNumberRule) -> NumberRuleView:
    """Have a series read otherwise from a day to come on; a risky one waits for a second person (设置编号规则)."""
    return _rule(service.set_number_rule(tx, series, body))


@router.get("/number-rules/waiting")
@query("platform.permissions.packages")
def list_waiting_number_rules(tx: Tx) -> list[NumberRuleView]:
    """Changes that wait for a second person (待复核编号规则)."""
    return [_rule(row) for row in service.waiting_number_rules(tx)]


@router.post("/number-rules/{rule_id}/approve")
@command("platform.permissions.approve")
def approve_number_rule(tx: Tx, rule_id: UUID, body: Step) -> NumberRuleView:
    """The second person agrees with a rule (复核编号规则)."""
    return _rule(service.approve_number_rule(tx, rule_id, body.version))


@router.post("/number-rules/{rule_id}/refuse")
@command("platform.permissions.approve")
def refuse_number_rule(tx: Tx, rule_id: UUID, body: Step) -> NumberRuleView:
    """A rule is not set (驳回编号规则)."""
    return _rule(service.refuse_number_rule(tx, rule_id, body.version))


def _form(form: Form) -> FormView:
    return FormView(mark=form.mark, reset=form.reset, reset_label=RESET_TITLES[form.reset], width=form.width)


def _rule(row: NumberRule) -> NumberRuleView:
    names = [name for name in NumberRuleView.model_fields if name not in {"title", "form"}]
    title = NUMBERINGS[row.series].title if row.series in NUMBERINGS else row.series
    return NumberRuleView(title=title, form=_form(service.form_of(row)), **{name: getattr(row, name) for name in names})
