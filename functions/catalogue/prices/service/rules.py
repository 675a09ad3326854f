"""Rules between lines: drafted by one officer, in force when another has checked them; never edited."""

from uuid import UUID

from functions.catalogue.prices import rulebook
from functions.catalogue.prices.models import PriceRule, PriceRuleItem
from functions.catalogue.prices.problems import ItemUnknown, RuleCycle, RuleStateWrong, RuleWrong
from functions.catalogue.prices.queries import rules as queries
from functions.catalogue.prices.queries.rules import Contradiction, FullRule
from functions.catalogue.prices.rules import require_future
from functions.catalogue.prices.schemas.rules import DraftRule, EndRule
from functions.catalogue.prices.service.items import require_head
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx

INCLUDED = "included_in"


def draft_rule(tx: Tx, command: DraftRule) -> FullRule:
    """A rule to be checked by a second officer. Raises RuleWrong, RuleCycle, ItemUnknown, ConsortiumList."""
    require_head(tx)
    params = command.params.model_dump(mode="json", exclude_none=True)
    faults = rulebook.params_faults(command.kind.value, params, command.subjects, command.others)
    if faults:
        raise RuleWrong("；".join(faults) + "。", faults=faults)
    for moment in (command.valid_from, command.valid_to):
        if moment is not None:
            require_future(moment, tx.now)
    roles = [(code, "subject") for code in dict.fromkeys(command.subjects)]
    roles += [(code, "other") for code in dict.fromkeys(command.others)]
    require_known(tx, {code for code, _ in roles})
    if command.kind.value == INCLUDED:
        _require_no_circle(tx, command.subjects, command.others)
    rule = PriceRule(
        rule_id=new_id(),
        kind=command.kind.value,
        title=command.title,
        params=params,
        basis_document=command.basis_document,
        valid_from=command.valid_from or tx.now,
        valid_to=command.valid_to,
        maker=tx.actor.subject,
        made_at=tx.now,
    )
    tx.session.add(rule, *(PriceRuleItem(rule_id=rule.rule_id, item_code=code, role=role) for code, role in roles))
    tx.audit("price_rule.drafted", "price_rule", rule.rule_id, kind=rule.kind, items=len(roles))
    return tx.session.one(queries.RULE, rule_id=rule.rule_id)


def check_rule(tx: Tx, rule_id: UUID) -> FullRule:
    """Put a rule in force (复核), by somebody else than its maker; never backwards in time."""
    rule = _locked(tx, rule_id)
    if rule.status != "draft":
        raise RuleStateWrong("该规则已复核或已撤销，请刷新后核对。", current_status=rule.status)
    tx.assert_distinct([rule.maker], "规则的经办与复核须由不同人员办理。")
    start = max(rule.valid_from, tx.now)
    if rule.valid_to is not None:
        require_future(rule.valid_to, start)
    if rule.kind == INCLUDED:
        full = tx.session.one(queries.RULE, rule_id=rule_id)
        _require_no_circle(tx, full.subjects, full.others)
    tx.session.execute(queries.CHECK_RULE, id_=rule_id, who=tx.actor.subject, now=tx.now, start=start)
    tx.audit("price_rule.checked", "price_rule", rule_id)
    return tx.session.one(queries.RULE, rule_id=rule_id)


def end_rule(tx: Tx, rule_id: UUID, command: EndRule) -> FullRule:
    """End a rule from a moment on; what was charged under it stands. A draft is dropped."""
    rule = _locked(tx, rule_id)
    tx.check_version(rule.version, command.version)
    if rule.status == "dropped":
        raise RuleStateWrong("该规则已撤销，请刷新后核对。", current_status=rule.status)
    until = max(command.valid_to or tx.now, rule.valid_from)
    to, end = ("dropped", rule.valid_to)
    if rule.status == "checked" and rule.valid_from < until:
        require_future(until, tx.now)
        to, end = "checked", until
    if tx.session.first(queries.END_RULE, id_=rule_id, seen=rule.version, to=to, until=end) is None:
        raise Stale("该规则刚被他人修改，请刷新后再操作。")
    tx.audit("price_rule.ended", "price_rule", rule_id, reason=command.reason)
    return tx.session.one(queries.RULE, rule_id=rule_id)


def rules_list(tx: Tx, after: UUID, limit: int) -> list[FullRule]:
    """Drafts and checked rules, oldest first."""
    return tx.session.all(queries.RULES, after=after, limit=limit)


def rules_of(tx: Tx, code: str) -> list[FullRule]:
    """Drafts and checked rules that speak of an item."""
    return tx.session.all(queries.RULES_OF_ITEM, code=code)


def catalogue_faults(tx: Tx) -> list[Contradiction]:
    """What contradicts itself now: package members and rules in force that name stopped items (the first 200 each)."""
    members = tx.session.send(queries.STOPPED_MEMBERS, at=tx.now)
    of_rules = tx.session.all(queries.RULES_OF_STOPPED, at=tx.now)
    return [*members.all(), *of_rules]


def require_known(tx: Tx, codes: set[str]) -> None:
    """Every code is an item of the catalogue. Raises ItemUnknown with the first that is not."""
    found: list[str] = tx.session.all(queries.KNOWN_CODES, codes=sorted(codes))
    missing = sorted(codes.difference(found))
    if missing:
        raise ItemUnknown(
            f"没有代码为“{missing[0]}”的收费项目，请核对后重新选择。", item_code=missing[0], missing=missing[:50]
        )


def _require_no_circle(tx: Tx, parts: list[str], wholes: list[str]) -> None:
    known = tx.session.all(queries.INCLUSIONS, at=tx.now)
    circle = rulebook.includes_itself([*known, *((part, whole) for part in parts for whole in wholes)])
    if circle:
        raise RuleCycle(f"包含关系成环：{' → '.join(circle)}，请删去其中一条。", circle=circle)


def _locked(tx: Tx, rule_id: UUID) -> PriceRule:
    require_head(tx)
    rule = tx.session.first(queries.LOCK_RULE, rule_id=rule_id)
    if rule is None:
        raise NotFound("没有这条规则，请刷新后重试。")
    return rule
