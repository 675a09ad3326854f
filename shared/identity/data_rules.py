"""Rules over data (数据规则): what a post sees of a field, who reads beyond the own department and why, which records
are sensitive, how much may be exported, how an emergency opens a record.

platform/permissions administers them, two people to each change; every module reads them here, in one statement that
travels with the caller's other reads:

    masks = data_rules.ask_masks(tx)                  # beside the other reads
    shown = masks().show("patient.phone", phone, rules.mask_phone)

A rule of a campus goes before the one for all. Without a rule the program's own behaviour counts.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any, Literal, NamedTuple, TypeVar
from uuid import UUID

from sqlalchemy import CheckConstraint, DateTime, Index, Text, and_, bindparam, func, null, or_, select, text
from sqlalchemy.dialects.postgresql import JSONB, ExcludeConstraint
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import Model
from shared.database.query import Query, among, constant
from shared.database.session import Pending
from shared.identity.actor import Actor
from shared.problems import Problem
from shared.record_access import BREAK_GLASS
from shared.tables import KERNEL
from shared.tx import Tx

T = TypeVar("T")

Kind = Literal["mask", "purpose", "sensitive", "export", "break_glass"]
KINDS: Mapping[str, str] = MappingProxyType(
    {
        "mask": "字段遮盖",
        "purpose": "跨科阅读",
        "sensitive": "敏感档案分级",
        "export": "导出限量",
        "break_glass": "紧急调阅策略",
    }
)
Form = Literal["reveal", "masked", "hidden"]
FORMS: Mapping[Form, str] = MappingProxyType(
    {"reveal": "列表遮盖，点开可看全值", "masked": "只见遮盖值", "hidden": "不显示"}
)
_ORDER: tuple[Form, ...] = ("hidden", "masked", "reveal")
FIELDS: Mapping[str, str] = MappingProxyType(
    {
        "patient.document": "证件及卡号",
        "patient.phone": "联系电话",
        "patient.address": "住址",
        "patient.employer": "工作单位",
        "patient.contact": "亲属联系电话",
    }
)
"""Fields a mask rule may name; a module that shows another one adds a line."""
PURPOSES: Mapping[str, str] = MappingProxyType(
    {
        "consultation": "会诊",
        "records": "病案",
        "quality": "质控",
        "infection": "院感",
        "public_health": "公卫",
        "insurance": "医保审核",
        "research": "科研",
    }
)
SENSITIVE: Mapping[str, str] = MappingProxyType(
    {
        "staff": "本院职工",
        "vip": "重要人物",
        "hiv": "艾滋病及性病",
        "mental_health": "精神卫生",
        "minor": "未成年人生殖健康",
        "domestic_violence": "家庭暴力",
        "other": "其他受限",
    }
)
LEVELS: Mapping[int, str] = MappingProxyType(
    {1: "一级：注明原因可打开", 2: "二级：仅指定岗位注明原因可打开", 3: "三级：仅诊治期间可打开"}
)
EVERYBODY = "*"
POLICY = "policy"
MOST_ROWS = 5_000
"""Rows of one export with personal data, where no rule says otherwise."""


class DataRule(Model):
    """One version of a rule over data: asked by one person, in force when a second has agreed, never rewritten.

    `content` is null when the rule is lifted: the one for all campuses, or the program's own, counts again.
    """

    __tablename__ = "data_rules"
    __table_args__ = (
        ExcludeConstraint(
            ("kind", "="),
            ("key", "="),
            ("at_campus", "="),
            (func.tstzrange(text("valid_from"), text("valid_to")), "&&"),
            name="ex_data_rules_period",
            where=text("state = 'effective'"),
        ),
        Index("uq_data_rules_asked", "kind", "key", "at_campus", unique=True, postgresql_where=text("state = 'asked'")),
        Index(None, "kind", "valid_to"),
        Index(None, "kind", "key", "rule_id"),
        CheckConstraint("kind IN ('mask', 'purpose', 'sensitive', 'export', 'break_glass')", name="kind"),
        CheckConstraint("state IN ('asked', 'effective', 'refused')", name="state"),
        CheckConstraint("(state = 'effective') = (valid_from IS NOT NULL)", name="period"),
        CheckConstraint("(state = 'asked') = (decided_by IS NULL) AND decided_by <> asked_by", name="two_people"),
        {"schema": KERNEL},
    )

    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    key: Mapped[str] = mapped_column(Text)
    """A field, a purpose, a class, a post or `*`, or `policy`."""
    at_campus: Mapped[str] = mapped_column(Text)
    """'' for all campuses."""
    content: Mapped[dict[str, Any] | None] = mapped_column(JSONB(none_as_null=True))
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None] = mapped_column(default=None)
    decided_by: Mapped[str | None] = mapped_column(Text, default=None)
    valid_from: Mapped[datetime | None] = mapped_column(default=None)
    valid_to: Mapped[datetime | None] = mapped_column(default=None)
    version: Mapped[int] = mapped_column(default=1)


class PurposeNotAllowed(Problem):
    """Somebody wanted to read beyond the own department for a purpose no rule allows the post."""

    status = 403
    code = "purpose_not_allowed"
    title = "该岗位不能以此目的跨科阅读"
    traced = True


class SensitiveClosed(Problem):
    """A sensitive record whose class is closed to this post, whatever the reason."""

    status = 403
    code = "sensitive_record_closed"
    title = "该敏感档案不对本岗位开放"
    traced = True


class ExportTooLarge(Problem):
    """More rows of personal data than the post may export at once."""

    code = "export_too_large"
    title = "超过导出限量"
    traced = True


class InForce(NamedTuple):
    """A rule that counts at the acting campus."""

    kind: str
    key: str
    at_campus: str
    content: dict[str, Any] | None


_AT = bindparam("at", type_=DateTime(timezone=True))
IN_FORCE = Query(
    InForce,
    select(DataRule.kind, DataRule.key, DataRule.at_campus, DataRule.content).where(
        among(DataRule.kind, "kinds"),
        DataRule.state == constant("effective"),
        or_(DataRule.at_campus == constant(""), DataRule.at_campus == bindparam("campus")),
        and_(DataRule.valid_from <= _AT, or_(DataRule.valid_to.is_(null()), DataRule.valid_to > _AT)),
    ),
)


@dataclass(frozen=True, slots=True)
class Masks:
    """What an actor sees of each field at most."""

    forms: Mapping[str, Form]

    def form(self, field: str) -> Form:
        """reveal, masked or hidden."""
        return self.forms.get(field, "reveal")

    def hides(self, field: str) -> bool:
        """Whether nothing of a field is shown, not even masked."""
        return self.form(field) == "hidden"

    def show(self, field: str, value: T | None, mask: Callable[[T], T | None]) -> T | None:
        """A value on a screen that would reveal it: whole, masked or not at all."""
        if value is None or self.form(field) == "reveal":
            return value
        return None if self.hides(field) else mask(value)


OPEN = Masks({})
"""Nothing held back beyond what the screen masks by itself."""


class BreakGlassPolicy(NamedTuple):
    """How an emergency opens a record (紧急调阅): for which reasons, how long, until when it is reviewed."""

    reasons: Mapping[str, str]
    lasts: timedelta
    review_working_days: int
    shortest_reason: int
    """Characters of the written reason."""


DEFAULT_POLICY = BreakGlassPolicy(
    MappingProxyType({"rescue": "抢救", "emergency": "急诊", "consultation": "急会诊", "other": "其他"}),
    BREAK_GLASS,
    3,
    10,
)


class Rules:
    """Rules that count at a campus now."""

    __slots__ = ("_found",)

    def __init__(self, rows: Iterable[InForce]) -> None:
        self._found: dict[tuple[str, str], Mapping[str, Any]] = {}
        for row in sorted(rows, key=lambda one: one.at_campus):  # '' first: the campus's own replaces it
            if row.content is not None:
                self._found[row.kind, row.key] = row.content

    def of(self, kind: Kind, key: str) -> Mapping[str, Any] | None:
        """The content of one rule, or None where the program's own behaviour counts."""
        return self._found.get((kind, key))

    def masks(self, actor: Actor, campus: str) -> Masks:
        """What the actor sees of each field: of several posts the one that sees most counts."""
        posts = actor.posts_at(campus)
        forms: dict[str, Form] = {}
        for (kind, field), content in self._found.items():
            if kind == "mask":
                named = content["posts"]
                seen = {named.get(post, content["others"]) for post in posts} or {content["others"]}
                forms[field] = max(seen, key=_ORDER.index)
        return Masks(forms)

    def policy(self) -> BreakGlassPolicy:
        """How an emergency opens a record."""
        found = self.of("break_glass", POLICY)
        if found is None:
            return DEFAULT_POLICY
        return BreakGlassPolicy(
            MappingProxyType({one["code"]: one["title"] for one in found["reasons"]}),
            timedelta(hours=found["hours"]),
            found["review_working_days"],
            found["shortest_reason"],
        )

    def most_rows(self, actor: Actor, campus: str) -> int:
        """Rows the actor may export at once: the post that may export most counts."""
        general = self.of("export", EVERYBODY)
        most = MOST_ROWS if general is None else int(general["most"])
        own = [found["most"] for post in actor.posts_at(campus) if (found := self.of("export", post)) is not None]
        return max(own) if own else most

    def class_of(self, codes: Iterable[str]) -> tuple[str, int] | None:
        """The strictest sensitive class of diagnosis codes (ICD-10) and its level; None when none is sensitive."""
        wanted = [code.upper() for code in codes]
        found = [
            (int(content["level"]), key)
            for (kind, key), content in self._found.items()
            if kind == "sensitive" and any(code.startswith(tuple(content["prefixes"])) for code in wanted)
        ]
        return None if not found else (max(found)[1], max(found)[0])


def send(tx: Tx, *kinds: Kind) -> Pending[InForce]:
    """Ask for the rules of some kinds; they come back with whatever else was sent."""
    return tx.session.send(IN_FORCE, kinds=list(kinds), campus=tx.campus, at=tx.now)


def ask_masks(tx: Tx) -> Callable[[], Masks]:
    """Ask what the actor sees of each field; the answer comes back with whatever else was sent. Staff only."""
    if tx.actor.kind != "staff":
        return lambda: OPEN
    asked = send(tx, "mask")
    return lambda: Rules(asked.all()).masks(tx.actor, tx.campus)


def in_force(tx: Tx, *kinds: Kind) -> Rules:
    """The rules of some kinds that count at the acting campus, in one statement."""
    return Rules(send(tx, *kinds).all())


def read_beyond(tx: Tx, purpose: str, permission: str) -> None:
    """Let the actor read under a permission beyond the own department for a purpose, and keep that it was for that.

    Raises PurposeNotAllowed.
    """
    found = in_force(tx, "purpose").of("purpose", purpose)
    allowed = found is not None and permission in found["permissions"]
    if not allowed or tx.actor.posts_at(tx.campus).isdisjoint(found["posts"] if found else ()):
        title = PURPOSES.get(purpose, purpose)
        raise PurposeNotAllowed(f"没有规则允许您的岗位以“{title}”跨科阅读；工作需要的，请归口管理部门设置数据规则。")
    tx.audit("data.read_beyond", "purpose", purpose, permission=permission)


def check_sensitive(tx: Tx, sensitivity: str | None) -> None:
    """Whether the actor may open a record of a sensitive class with a reason, not treating the person now.

    Raises SensitiveClosed.
    """
    found = in_force(tx, "sensitive").of("sensitive", sensitivity or "other")
    level = 1 if found is None else int(found["level"])
    if level == 1 or tx.actor.kind != "staff":
        return
    if level == 2 and found is not None and not tx.actor.posts_at(tx.campus).isdisjoint(found["posts"]):
        return
    way = "请由指定岗位办理" if level == 2 else "仅诊治期间可打开"
    raise SensitiveClosed(f"该档案为{level}级敏感档案，{way}；抢救时可用紧急调阅。本次尝试已留痕。", level=level)


def check_export(tx: Tx, rows: int) -> None:
    """Refuse an export of more rows of personal data than the post may take at once. Raises ExportTooLarge."""
    most = in_force(tx, "export").most_rows(tx.actor, tx.campus)
    if rows > most:
        raise ExportTooLarge(f"本次导出 {rows} 行，您的岗位每次最多导出 {most} 行，请缩小范围分次导出。", most=most)
