"""Rules over data (数据规则): asked by security, agreed by the owner office, in force at that moment, never rewritten.

Everybody reads them through the kernel (shared.identity.data_rules).
"""

from datetime import datetime
from uuid import UUID

from events.platform import DataRuleChanged
from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries_data as queries
from functions.platform.permissions import rules
from functions.platform.permissions.models import DataRule
from functions.platform.permissions.problems import RuleLevel, RuleNotFound, RuleUnchanged, WrongState
from functions.platform.permissions.schemas_data import (
    AskExport,
    AskMask,
    AskPurpose,
    AskRule,
    AskSensitive,
)
from shared.identity.data_rules import EVERYBODY
from shared.identity.posts import POSTS
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.tx import Tx


def ask_rule(tx: Tx, command: AskRule) -> DataRule:
    """Ask for another rule, or for one to be lifted; it counts when a second person has agreed.

    Raises RuleLevel, RuleUnchanged, RuleWaits, UnknownPermission, Invalid for an unknown post.
    """
    at_campus = _level(tx, everywhere=command.everywhere)
    check_names(command)
    content = None if command.content is None else command.content.model_dump(mode="json")
    now = tx.session.first(queries.LOCK_RULE, kind=command.kind, key=command.key, at_campus=at_campus)
    if (None if now is None else now.content) == content:
        raise RuleUnchanged("新规则与现行规则相同，请先修改。" if content else "现在没有这条规则，无需取消。")
    row = DataRule(
        rule_id=new_id(),
        kind=command.kind,
        key=command.key,
        at_campus=at_campus,
        content=content,
        state="asked",
        reason=command.reason,
        asked_at=tx.now,
        asked_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("data_rule.asked", "data_rule", row.rule_id, kind=row.kind, key=row.key, at_campus=at_campus)
    return row


def approve_rule(tx: Tx, rule_id: UUID, version: int) -> DataRule:
    """The owner office agrees; from this moment the rule counts in every function.

    Raises SamePerson, RuleNotFound, WrongState, Stale.
    """
    row = _asked(tx, rule_id)
    for former in tx.session.all(queries.LOCK_RULE, kind=row.kind, key=row.key, at_campus=row.at_campus):
        tx.session.execute(queries.END_RULE, id_=former.rule_id, until=tx.now)
    after = _decide(tx, row, version, "effective")
    tx.audit("data_rule.approved", "data_rule", rule_id, kind=row.kind, key=row.key, at_campus=row.at_campus)
    tx.emit(
        DataRuleChanged(
            rule_id=rule_id, kind=row.kind, key=row.key, campus_code=row.at_campus, lifted=row.content is None
        )
    )
    return after


def refuse_rule(tx: Tx, rule_id: UUID, version: int) -> DataRule:
    """The owner office says no. Raises SamePerson, RuleNotFound, WrongState, Stale."""
    row = _asked(tx, rule_id)
    after = _decide(tx, row, version, "refused")
    tx.audit("data_rule.refused", "data_rule", rule_id, kind=row.kind, key=row.key)
    return after


def rules_at(tx: Tx, kind: str = "", at: datetime | None = None) -> list[DataRule]:
    """The rules that counted at the acting campus at a moment."""
    return tx.session.all(queries.RULES_AT, kind=kind, campus=tx.campus, at=at or tx.now)


def waiting_rules(tx: Tx) -> list[DataRule]:
    """Changes that wait for the owner office."""
    return tx.session.all(queries.RULES_ASKED, campus=tx.campus)


def rule_history(tx: Tx, kind: str, key: str, before: UUID, limit: int) -> list[DataRule]:
    """Every version of a rule, latest first."""
    return tx.session.all(queries.RULE_HISTORY, kind=kind, key=key, campus=tx.campus, before=before, limit=limit)


def check_names(command: AskRule) -> None:
    """Refuse a rule that names a post or a permission there is not. Raises Invalid, UnknownPermission."""
    posts: set[str] = set()
    if command.content is None:
        return
    match command:
        case AskMask():
            posts |= command.content.posts.keys()
        case AskPurpose():
            posts |= set(command.content.posts)
            rules.known(command.content.permissions)
        case AskSensitive():
            posts |= set(command.content.posts)
        case AskExport():
            posts |= {command.key} - {EVERYBODY}
    if strangers := sorted(posts - POSTS.keys()):
        raise Invalid(
            f"没有岗位：{'、'.join(strangers)}，请从岗位表中选择。",
            errors=[{"field": "content.posts", "message": f"没有岗位“{one}”"} for one in strangers],
        )


# -- inside


def _level(tx: Tx, *, everywhere: bool) -> str:
    if not everywhere:
        return tx.campus
    if not organisation.campus(tx).is_head:
        raise RuleLevel("适用全部院区的规则由总院设置；本院区可另设本院区规则。")
    return ""


def _asked(tx: Tx, rule_id: UUID) -> DataRule:
    row = tx.session.first(queries.RULE, rule_id=rule_id)
    if row is None or row.at_campus not in {"", tx.campus}:
        raise RuleNotFound("本院区没有这条数据规则，请刷新后核对。")
    if row.at_campus == "":
        _level(tx, everywhere=True)
    if row.state != "asked":
        raise WrongState("该规则变更已办理，请刷新后核对。", state_now=row.state)
    tx.assert_distinct([row.asked_by], "数据规则须由两人办理，请由另一人审批。")
    return row


def _decide(tx: Tx, row: DataRule, version: int, to: str) -> DataRule:
    after = tx.session.first(
        queries.DECIDE_RULE,
        id_=row.rule_id,
        seen=version,
        to=to,
        now=tx.now,
        by=tx.actor.subject,
        since=tx.now if to == "effective" else None,
    )
    if after is None:
        raise Stale("该规则变更已由他人办理，请刷新后再操作。", current_version=row.version)
    return after
