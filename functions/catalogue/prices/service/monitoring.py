"""Monitoring (价格行为监测): charges are followed as billing tells of them and looked at the night after."""

from datetime import date, time, timedelta
from typing import Any
from uuid import UUID

from events.catalogue import FindingOpened
from events.payments import ChargesPosted, ChargesVoided
from functions.catalogue.prices.models import MonitoredDay, MonitorRule, PriceFinding
from functions.catalogue.prices.monitoring import Watch, look
from functions.catalogue.prices.problems import CaseClosed, MonitorRuleWrong
from functions.catalogue.prices.queries import procedures as queries
from functions.catalogue.prices.schemas.procedures import (
    AnswerFinding,
    CloseFinding,
    DefineMonitorRule,
    MonitorKind,
    StopMonitorRule,
)
from functions.catalogue.prices.service.items import require_head
from functions.catalogue.prices.service.rules import require_known
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.schemas import SHANGHAI
from shared.tx import Tx

ANSWER_DAYS = 7
NIGHT = time(2)
"""After this hour of Asia/Shanghai the day before is looked at."""
MOST_FINDINGS = 2000
"""Findings of one day at one campus: more mean a rule that is wrong."""


def keep_posted(tx: Tx, event: ChargesPosted) -> None:
    """Follow charges as they are posted; the day is that of the news, minutes after the charge at most.

    A surcharge (加收) is no item charged twice: its line is the one that counts.
    """
    day = tx.now.astimezone(SHANGHAI).date()
    for line in event.lines:
        if line.base_charge_id is not None:
            continue
        tx.session.execute(
            queries.KEEP_LINES,
            charge_id=line.charge_id,
            campus_id=tx.campus,
            patient_id=event.patient_id,
            encounter_id=event.encounter_id,
            item_code=line.item_code,
            quantity=line.quantity,
            unit_price=line.unit_price,
            amount=line.amount,
            source_module=event.source_module,
            source_id=event.source_id,
            executing_unit_id=line.executing_unit_id,
            day=day,
        )


def keep_voided(tx: Tx, event: ChargesVoided) -> None:
    """Voided lines count no more."""
    tx.session.execute(queries.VOID_LINES, ids=event.charge_ids)


def define_monitor_rule(tx: Tx, command: DefineMonitorRule) -> MonitorRule:
    """A rule that is applied from the next night on, at every campus. Raises MonitorRuleWrong, ItemUnknown."""
    require_head(tx)
    params: dict[str, Any] = {}
    match command.kind:
        case MonitorKind.DUPLICATE:
            params["times"] = command.times or 1
        case MonitorKind.OVER_QUANTITY:
            if command.quantity is None:
                raise MonitorRuleWrong("请写明每日最多数量。")
            params["quantity"] = str(command.quantity)
        case MonitorKind.BESIDE:
            if not command.others:
                raise MonitorRuleWrong("请写明不应同日收取的另一项目。")
            params["others"] = command.others
        case MonitorKind.MANY_LINES:
            if command.times is None or not 2 <= command.times <= len(command.item_codes):
                raise MonitorRuleWrong("请写明同日出现几个项目视为分解收费，至少 2 个且不多于所列项目。")
            params["times"] = command.times
    require_known(tx, {*command.item_codes, *command.others})
    rule = MonitorRule(
        rule_id=new_id(),
        kind=command.kind.value,
        title=command.title,
        item_codes=command.item_codes,
        params=params,
        basis_document=command.basis_document,
        made_at=tx.now,
        made_by=tx.actor.subject,
    )
    tx.session.add(rule)
    tx.audit("monitor_rule.defined", "monitor_rule", rule.rule_id, kind=rule.kind)
    return rule


def stop_monitor_rule(tx: Tx, rule_id: UUID, command: StopMonitorRule) -> MonitorRule:
    """Apply a rule no more; its findings stand."""
    require_head(tx)
    rule = tx.session.first(queries.MONITOR_RULE, rule_id=rule_id)
    if rule is None:
        raise NotFound("没有这条监测规则，请刷新后重试。")
    tx.check_version(rule.version, command.version)
    stopped = tx.session.first(queries.STOP_MONITOR_RULE, id_=rule_id, seen=rule.version)
    if stopped is None:
        raise Stale("该规则已停用，请刷新后核对。")
    tx.audit("monitor_rule.stopped", "monitor_rule", rule_id)
    return stopped


def monitor_rules(tx: Tx) -> list[MonitorRule]:
    """Rules that are applied."""
    return tx.session.all(queries.MONITOR_RULES)


def watch_yesterday(tx: Tx) -> None:
    """Once a night: look at the charges of yesterday. A night missed is made up for the day before it only."""
    local = tx.now.astimezone(SHANGHAI)
    if local.time() >= NIGHT:
        look_at_day(tx, local.date() - timedelta(days=1))


def look_at_day(tx: Tx, day: date) -> list[PriceFinding]:
    """Apply every rule to a day of this campus, once."""
    if tx.session.first(queries.LOOKED_AT, campus=tx.campus, day=day) is not None:
        return []
    watches = [
        Watch(rule.rule_id, rule.kind, rule.title, frozenset(rule.item_codes), rule.params)
        for rule in tx.session.all(queries.MONITOR_RULES)
    ]
    codes = sorted({code for watch in watches for code in watch.codes})
    lines = tx.session.all(queries.PATIENT_DAYS, campus=tx.campus, day=day, codes=codes) if codes else []
    found = [one for watch in watches for one in look(watch, lines)][:MOST_FINDINGS]
    due = tx.now.astimezone(SHANGHAI).date() + timedelta(days=ANSWER_DAYS)
    ids = sorted(new_id() for _ in found)
    rows = [
        PriceFinding(
            finding_id=finding_id,
            campus_id=tx.campus,
            rule_id=one.rule_id,
            day=day,
            patient_id=one.patient_id,
            item_code=one.item_code,
            charge_ids=list(one.charge_ids),
            unit_id=one.unit_id,
            message=one.message,
            amount=one.amount,
            due_on=due,
            opened_at=tx.now,
        )
        for finding_id, one in zip(ids, found, strict=True)
    ]
    tx.session.add(MonitoredDay(campus_id=tx.campus, day=day, findings=len(rows), looked_at=tx.now), *rows)
    for row in rows:
        tx.emit(
            FindingOpened(
                finding_id=row.finding_id,
                rule_id=row.rule_id,
                item_code=row.item_code,
                charge_ids=row.charge_ids,
                unit_id=row.unit_id,
                amount=row.amount,
                due_on=row.due_on,
            )
        )
    return rows


def findings(tx: Tx, status: str, after: UUID, limit: int) -> list[PriceFinding]:
    """Findings of this campus in a state, oldest first."""
    tx.audit("price_findings.read", "campus", tx.campus, status=status)
    return tx.session.all(queries.FINDINGS, campus=tx.campus, status=status, after=after, limit=limit)


def answer_finding(tx: Tx, finding_id: UUID, command: AnswerFinding) -> PriceFinding:
    """The department's answer (自查整改), with the refund it proposes. Raises CaseClosed, Stale."""
    found = _finding(tx, finding_id, command.version)
    answered = tx.session.first(
        queries.ANSWER_FINDING,
        id_=finding_id,
        seen=found.version,
        text=command.answer,
        at=tx.now,
        who=tx.actor.subject,
        refund=command.refund_proposed,
    )
    return _done(tx, answered, "answered")


def close_finding(tx: Tx, finding_id: UUID, command: CloseFinding) -> PriceFinding:
    """The price office accepts an answer; not whoever gave it."""
    found = _finding(tx, finding_id, command.version)
    tx.assert_distinct([found.answered_by], "答复与销号须由不同人员办理。")
    closed = tx.session.first(
        queries.CLOSE_FINDING, id_=finding_id, seen=found.version, at=tx.now, who=tx.actor.subject
    )
    return _done(tx, closed, "closed")


def _finding(tx: Tx, finding_id: UUID, version: int) -> PriceFinding:
    found = tx.session.first(queries.FINDING, finding_id=finding_id)
    if found is None or found.campus_id != tx.campus:
        raise NotFound("本院区没有这个自查问题，请刷新后核对。")
    tx.check_version(found.version, version)
    return found


def _done(tx: Tx, row: PriceFinding | None, what: str) -> PriceFinding:
    if row is None:
        raise CaseClosed("该自查问题不在这一步，请刷新后核对。")
    tx.audit(f"price_finding.{what}", "price_finding", row.finding_id, patient_id=row.patient_id)
    return row
