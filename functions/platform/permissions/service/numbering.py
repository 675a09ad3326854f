"""Rules of numbers (编号规则): how a campus has its documents numbered from a day to come on.

Never backwards and never so that a number could be given twice; to go back is a further change. Where money or the
auditor hangs on the number two people change it.
"""

from collections.abc import Iterable
from datetime import date, timedelta
from typing import NamedTuple, cast
from uuid import UUID

from events.platform import ParameterChanged
from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries_numbers as queries
from functions.platform.permissions import rules_numbers as rules
from functions.platform.permissions.models import NumberRule
from functions.platform.permissions.problems import NumberRuleNotFound, NumberRuleUnchanged, WrongState
from functions.platform.permissions.schemas_numbers import SetNumberRule
from shared.ids import new_id
from shared.numbers import NUMBERINGS, Form, Numbering, Reset
from shared.problems import Stale
from shared.schemas import midnight
from shared.tx import Tx


class Planned(NamedTuple):
    """A rule that begins later, and its first number."""

    rule: NumberRule
    first: str


class SeriesHere(NamedTuple):
    """A series of the acting campus as it stands today."""

    numbering: Numbering
    form: Form
    since: date | None
    next: str
    planned: list[Planned]


class NumberPreview(NamedTuple):
    """The number that is next today, and the first one under another form."""

    numbering: Numbering
    now: str
    first: str


class CarriedForm(NamedTuple):
    """A form a configuration package brings, or brings back, for a campus."""

    campus: str
    series: str
    form: Form
    reason: str
    asked_by: str
    approved_by: str


def number_series(tx: Tx) -> list[SeriesHere]:
    """Every series of the acting campus: its form, the number it gives next, what is planned."""
    letter = organisation.campus(tx).letter
    chosen: dict[str, list[NumberRule]] = {}
    for row in tx.session.all(queries.RULES_HERE, campus=tx.campus):
        chosen.setdefault(row.series, []).append(row)
    periods = set()
    for known in NUMBERINGS.values():
        periods.add(known.period(known.form, tx.today))
        periods |= {known.period(form_of(row), max(row.valid_from, tx.today)) for row in chosen.get(known.series, ())}
    last = _last(tx, list(NUMBERINGS), periods)
    found = []
    for known in NUMBERINGS.values():
        rows = chosen.get(known.series, [])
        now = next((row for row in rows if row.valid_from <= tx.today), None)
        form = known.form if now is None else form_of(now)
        planned = [
            Planned(row, _next(known, form_of(row), row.valid_from, letter, last))
            for row in reversed(rows)
            if row.valid_from > tx.today
        ]
        since = None if now is None else now.valid_from
        found.append(SeriesHere(known, form, since, _next(known, form, tx.today, letter, last), planned))
    return found


def preview_number(tx: Tx, series: str, form: Form, valid_from: date) -> NumberPreview:
    """The first number a form would give at the acting campus.

    Raises SeriesUnknown, SeriesFixed, NumberRuleInvalid, NumberMarkTaken, NumberMarkReset, NumberRuleTooLate.
    """
    known = rules.changeable(series)
    rules.check_start(valid_from, tx.today)
    rules.check_form(known, form, tx.campus, tx.session.all(queries.USES_OF_MARK, mark=form.mark))
    now = form_on(tx, known, tx.campus, tx.today)
    last = _last(tx, [series], {known.period(now, tx.today), known.period(form, valid_from)})
    letter = organisation.campus(tx).letter
    return NumberPreview(known, _next(known, now, tx.today, letter, last), _next(known, form, valid_from, letter, last))


def set_number_rule(tx: Tx, series: str, command: SetNumberRule) -> NumberRule:
    """Have a series of the acting campus read otherwise from a day on; where it is risky a second person agrees first.

    Raises SeriesUnknown, SeriesFixed, NumberRuleInvalid, NumberMarkTaken, NumberMarkReset, NumberRuleTooLate,
    NumberRuleUnchanged, NumberRuleWaits.
    """
    known = rules.changeable(series)
    form = Form(command.mark, command.reset, command.width)
    rules.check_start(command.valid_from, tx.today)
    rules.check_form(known, form, tx.campus, tx.session.all(queries.USES_OF_MARK, mark=form.mark))
    if form_on(tx, known, tx.campus, command.valid_from) == form:
        raise NumberRuleUnchanged(f"“{known.title}”从该日起已是这样编号，无需更改。")
    row = NumberRule(
        rule_id=new_id(),
        at_campus=tx.campus,
        series=series,
        mark=form.mark,
        reset=form.reset,
        width=form.width,
        valid_from=command.valid_from,
        state="asked" if known.risky else "effective",
        reason=command.reason,
        asked_at=tx.now,
        asked_by=tx.actor.subject,
        asked_name=tx.actor.name,
        decided_at=None if known.risky else tx.now,
        decided_by=None,
        decided_name=None,
    )
    if known.risky:
        tx.session.add(row)
        tx.audit("number_rule.asked", "number_rule", row.rule_id, series=series, mark=form.mark)
        return row
    _supersede(tx, row)
    tx.session.add(row)
    _told(tx, row)
    return row


def approve_number_rule(tx: Tx, rule_id: UUID, version: int) -> NumberRule:
    """The second person agrees, before the day has come.

    Raises SamePerson, NumberRuleNotFound, WrongState, NumberRuleTooLate, Stale.
    """
    row = _asked(tx, rule_id)
    rules.check_start(row.valid_from, tx.today)
    _supersede(tx, row)
    after = _decide(tx, row, version, "effective")
    _told(tx, after)
    return after


def refuse_number_rule(tx: Tx, rule_id: UUID, version: int) -> NumberRule:
    """The second person says no; its mark is free again. Raises SamePerson, NumberRuleNotFound, WrongState, Stale."""
    row = _asked(tx, rule_id)
    after = _decide(tx, row, version, "refused")
    tx.audit("number_rule.refused", "number_rule", rule_id, series=row.series)
    return after


def waiting_number_rules(tx: Tx) -> list[NumberRule]:
    """Changes at the acting campus that wait for a second person."""
    return tx.session.all(queries.ASKED, campus=tx.campus)


def number_rule_history(tx: Tx, series: str, before: UUID, limit: int) -> list[NumberRule]:
    """Every rule of a series at the acting campus, latest first. Raises SeriesUnknown."""
    rules.numbering(series)
    return tx.session.all(queries.HISTORY, campus=tx.campus, series=series, before=before, limit=limit)


def form_of(row: NumberRule) -> Form:
    """The form a rule sets."""
    return Form(row.mark, cast(Reset, row.reset), row.width)


def form_on(tx: Tx, known: Numbering, campus: str, day: date) -> Form:
    """How a series reads at a campus on a day."""
    row = tx.session.first(queries.RULE_ON, campus=campus, series=known.series, day=day)
    return known.form if row is None else form_of(row)


def chosen_forms(tx: Tx, day: date) -> dict[tuple[str, str], Form]:
    """Campus and series -> the form that counts on a day, where it is not the program's own."""
    found = {(row.at_campus, row.series): form_of(row) for row in tx.session.all(queries.RULES_EVERYWHERE, day=day)}
    return {
        (campus, series): form
        for (campus, series), form in found.items()
        if series in NUMBERINGS and form != NUMBERINGS[series].form
    }


def check_carried(tx: Tx, campus: str, series: str, form: Form, beside: Iterable[rules.UsedMark] = ()) -> None:
    """Whether a package may bring a form, `beside` others of its own.

    Raises SeriesUnknown, SeriesFixed, NumberRuleInvalid, NumberMarkTaken, NumberMarkReset.
    """
    used = tx.session.all(queries.USES_OF_MARK, mark=form.mark)
    rules.check_form(rules.changeable(series), form, campus, [*used, *beside])


def carry_form(tx: Tx, carried: CarriedForm) -> NumberRule:
    """Have a series read as a package says from tomorrow on; two people have agreed on the package.

    Raises what `check_carried` refuses.
    """
    check_carried(tx, carried.campus, carried.series, carried.form)
    row = NumberRule(
        rule_id=new_id(),
        at_campus=carried.campus,
        series=carried.series,
        mark=carried.form.mark,
        reset=carried.form.reset,
        width=carried.form.width,
        valid_from=tx.today + timedelta(days=1),
        state="effective",
        reason=carried.reason,
        asked_at=tx.now,
        asked_by=carried.asked_by,
        asked_name="配置包",
        decided_at=tx.now,
        decided_by=carried.approved_by,
        decided_name="配置包",
    )
    _supersede(tx, row)
    tx.session.add(row)
    _told(tx, row)
    return row


# -- inside


def _last(tx: Tx, series: list[str], periods: set[str]) -> dict[tuple[str, str], int]:
    rows = tx.session.all(queries.COUNTERS, campus=tx.campus, series=series, periods=sorted(periods))
    return {(row.series, row.period): row.last_value for row in rows}


def _next(known: Numbering, form: Form, day: date, letter: str, last: dict[tuple[str, str], int]) -> str:
    return form.text(letter, day, last.get((known.series, known.period(form, day)), 0) + 1)


def _supersede(tx: Tx, row: NumberRule) -> None:
    tx.session.execute(queries.SUPERSEDE, campus=row.at_campus, series=row.series, day=row.valid_from, now=tx.now)


def _asked(tx: Tx, rule_id: UUID) -> NumberRule:
    row = tx.session.first(queries.RULE, rule_id=rule_id)
    if row is None or row.at_campus != tx.campus:
        raise NumberRuleNotFound("本院区没有这条编号规则，请刷新后核对。")
    if row.state != "asked":
        raise WrongState("该编号规则已办理，请刷新后核对。", state_now=row.state)
    tx.assert_distinct([row.asked_by], "该编号规则须由两人办理，请由另一人复核。")
    return row


def _decide(tx: Tx, row: NumberRule, version: int, to: str) -> NumberRule:
    after = tx.session.first(
        queries.DECIDE,
        id_=row.rule_id,
        seen=version,
        to=to,
        now=tx.now,
        by=tx.actor.subject,
        name=tx.actor.name,
    )
    if after is None:
        raise Stale("该编号规则已由他人办理，请刷新后再操作。", current_version=row.version)
    return after


def _told(tx: Tx, row: NumberRule) -> None:
    tx.audit(
        "number_rule.set",
        "number_rule",
        row.rule_id,
        series=row.series,
        mark=row.mark,
        reset=row.reset,
        width=row.width,
        valid_from=row.valid_from.isoformat(),
    )
    key = f"number.{row.series}"
    tx.emit(ParameterChanged(key=key, level="campus", level_id=row.at_campus, valid_from=midnight(row.valid_from)))
