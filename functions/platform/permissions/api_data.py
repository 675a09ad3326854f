"""HTTP routes of the rules over data: masks, purposes, sensitive classes, exports, break-glass (数据规则)."""

from collections.abc import Mapping
from typing import Annotated, Any
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.platform.permissions import service
from functions.platform.permissions.models import DataRule
from functions.platform.permissions.schemas import Step
from functions.platform.permissions.schemas_data import (
    AskRule,
    ChoiceView,
    MyFieldView,
    RuleChoicesView,
    RuleView,
    SensitiveClassView,
)
from shared.command import command, query
from shared.http import Router
from shared.identity import data_rules
from shared.identity.data_rules import FIELDS, FORMS, KINDS, LEVELS, PURPOSES, SENSITIVE
from shared.identity.posts import POSTS
from shared.schemas import Moment, Page
from shared.tx import Tx

router = Router()
LAST = UUID(int=2**128 - 1)
KINDS_PATTERN = "^(mask|purpose|sensitive|export|break_glass)$"
KindPath = Annotated[str, Path(pattern=KINDS_PATTERN)]
KeyPath = Annotated[str, Path(pattern=r"^[a-z0-9_.*]{1,60}$")]
Icd = Annotated[str, Parameter(pattern=r"^[A-Z][0-9]{2}[0-9A-Z.+*]{0,12}$", description="ICD-10 诊断编码")]


@router.get("/data-rules")
@query("platform.permissions.read")
def list_rules(
    tx: Tx, kind: Annotated[str, Parameter(pattern=f"^$|{KINDS_PATTERN}")] = "", at: Moment | None = None
) -> list[RuleView]:
    """The rules over data that count at the acting campus, now or at a past moment (现行数据规则)."""
    return [_rule(row) for row in service.rules_at(tx, kind, at)]


@router.get("/data-rules/choices")
@query("platform.permissions.read")
def list_choices(tx: Tx) -> RuleChoicesView:
    """What a rule may name: fields, forms, purposes, classes (数据规则可选项)."""
    return RuleChoicesView(
        kinds=_choices(KINDS),
        fields=_choices(FIELDS),
        forms=_choices(FORMS),
        purposes=_choices(PURPOSES),
        classes=_choices(SENSITIVE),
        levels=[ChoiceView(code=str(level), title=title) for level, title in LEVELS.items()],
    )


@router.get("/data-rules/waiting")
@query("platform.permissions.read")
def list_waiting_rules(tx: Tx) -> list[RuleView]:
    """Changes that wait for the owner office (待审数据规则)."""
    return [_rule(row) for row in service.waiting_rules(tx)]


@router.get("/data-rules/{kind}/{key}/history")
@query("platform.permissions.read")
def rule_history(
    tx: Tx,
    kind: KindPath,
    key: KeyPath,
    limit: Annotated[int, Parameter(ge=1, le=200)] = 50,
    cursor: UUID | None = None,
) -> Page[RuleView]:
    """Every version of a rule, latest first (数据规则历史)."""
    found = service.rule_history(tx, kind, key, cursor or LAST, limit)
    return Page[RuleView](
        items=[_rule(row) for row in found], next=str(found[-1].rule_id) if len(found) == limit else None
    )


@router.post("/data-rules", status_code=201)
@command("platform.permissions.grant")
def ask_rule(tx: Tx, body: AskRule) -> RuleView:
    """Ask for another rule over data, or for one to be lifted (拟订数据规则)."""
    return _rule(service.ask_rule(tx, body))


@router.post("/data-rules/{rule_id}/approve")
@command("platform.permissions.approve")
def approve_rule(tx: Tx, rule_id: UUID, body: Step) -> RuleView:
    """The owner office agrees; the rule counts from now (审批数据规则)."""
    return _rule(service.approve_rule(tx, rule_id, body.version))


@router.post("/data-rules/{rule_id}/refuse")
@command("platform.permissions.approve")
def refuse_rule(tx: Tx, rule_id: UUID, body: Step) -> RuleView:
    """The owner office says no (驳回数据规则)."""
    return _rule(service.refuse_rule(tx, rule_id, body.version))


@router.get("/my/fields")
@query("platform.permissions.self")
def my_fields(tx: Tx) -> list[MyFieldView]:
    """What I see of each field at the acting campus (我的字段可见范围)."""
    masks = data_rules.ask_masks(tx)()
    return [
        MyFieldView(field=field, title=title, form=masks.form(field), form_label=FORMS[masks.form(field)])
        for field, title in FIELDS.items()
    ]


@router.get("/sensitive-class")
@query("platform.permissions.self")
def sensitive_class(tx: Tx, code: Annotated[list[Icd], Parameter(min_length=1, max_length=50)]) -> SensitiveClassView:
    """The strictest sensitive class of some diagnoses (诊断敏感分级)."""
    found = data_rules.in_force(tx, "sensitive").class_of(code)
    if found is None:
        return SensitiveClassView(sensitivity=None, title=None, level=None, level_label=None)
    return SensitiveClassView(
        sensitivity=found[0], title=SENSITIVE[found[0]], level=found[1], level_label=LEVELS[found[1]]
    )


# -- views


def _choices(titles: Mapping[Any, str]) -> list[ChoiceView]:
    return [ChoiceView(code=str(code), title=title) for code, title in titles.items()]


def _key_label(row: DataRule) -> str:
    match row.kind:
        case "mask":
            return FIELDS.get(row.key, row.key)
        case "purpose":
            return PURPOSES.get(row.key, row.key)
        case "sensitive":
            return SENSITIVE.get(row.key, row.key)
        case "export":
            return POSTS[row.key].title if row.key in POSTS else "全部岗位"
    return "紧急调阅"


def _rule(row: DataRule) -> RuleView:
    names = [name for name in RuleView.model_fields if not name.endswith("_label")]
    return RuleView(
        kind_label=KINDS[row.kind], key_label=_key_label(row), **{name: getattr(row, name) for name in names}
    )
