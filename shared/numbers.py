"""Numbers people read: per-campus series without gaps.

The next number is one guarded UPDATE whose row lock lasts to the commit, so take it last: everything that can be
refused comes before it. A rolled-back transaction gives its number back by rolling back.

`Series` counts. `NUMBERINGS` says how the number of a document reads (编号规则): campus letter, mark, stamp of the
period, digits. A campus may have one of them read otherwise from a day on (platform/permissions administers that); the
rule of the day is found by the statement that counts, so that it costs no round trip:

    shift_no = tx.document_number(NUMBERINGS["payments.shift"], campus.letter)

Why no number is ever given twice, whatever a campus changes and whenever: the letter is the campus's alone, marks hold
letters only and everything behind them is digits, so a number tells its campus and its mark. A mark belongs to one
series for ever, and at a campus to one way of starting again, so the digits tell the period; and within a period the
counter only grows. Width adds zeros and nothing else.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date, datetime
from types import MappingProxyType
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import CheckConstraint, Date, Index, Text, bindparam
from sqlalchemy import text as sql
from sqlalchemy.dialects.postgresql import ExcludeConstraint, insert
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import Model
from shared.database.query import Query
from shared.schemas import SHANGHAI
from shared.tables import KERNEL, NumberSeries


@dataclass(frozen=True, slots=True)
class Series:
    """A series of a campus; a daily one starts at 1 each day (Asia/Shanghai)."""

    name: str
    daily: bool

    def period(self, now: datetime) -> str:
        return now.astimezone(SHANGHAI).strftime("%Y%m%d") if self.daily else "-"


_NEXT = (
    insert(NumberSeries)
    .values(campus_id=bindparam("campus_id"), series=bindparam("series"), period=bindparam("period"), last_value=1)
    .on_conflict_do_update(
        index_elements=["campus_id", "series", "period"],
        set_={"last_value": NumberSeries.last_value + 1},
    )
    .returning(NumberSeries.last_value)
)
TAKE_NUMBER = Query(int, _NEXT)
"""The next value of (campus_id, series, period)."""


# -- how the number of a document reads

Reset = Literal["day", "month", "year", "never"]
RESET_TITLES: Mapping[Reset, str] = MappingProxyType(
    {"day": "每日归零", "month": "每月归零", "year": "每年归零", "never": "不归零"}
)
_STAMPS: Mapping[Reset, str] = MappingProxyType({"day": "%y%m%d", "month": "%y%m", "year": "%y", "never": ""})
_PERIODS: Mapping[Reset, str] = MappingProxyType({"day": "%Y%m%d", "month": "%Y%m", "year": "%Y", "never": "-"})


class Form(NamedTuple):
    """What a campus may choose of a number: the letters after its own, when it starts again at 1, how many digits."""

    mark: str
    reset: Reset
    width: int

    def text(self, letter: str, day: date, value: int) -> str:
        """The number as people read it, such as `HB26112300017`; a value too long for the width takes more digits."""
        return f"{letter}{self.mark}{day.strftime(_STAMPS[self.reset])}{value:0{self.width}d}"


@dataclass(frozen=True, slots=True)
class Numbering:
    """How the numbers of one series of documents read, as the program declares it.

    fixed: why no campus may have it otherwise, in Chinese; empty where it may. risky: two people change it.
    """

    series: str
    title: str
    form: Form
    fixed: str = ""
    risky: bool = False

    def period(self, form: Form, day: date) -> str:
        """The counter that a form draws from on a day: one for each mark and period."""
        period = day.strftime(_PERIODS[form.reset])
        return period if form.mark == self.form.mark else f"{period}/{form.mark}"


_FISCAL = "号码已送财政电子票据平台、医保结算和支付渠道，改号会对不上账"

NUMBERINGS: Mapping[str, Numbering] = MappingProxyType(
    {
        one.series: one
        for one in (
            Numbering(
                "visit", "就诊号", Form("", "day", 5), fixed="号码已印在腕带、条码和医保登记上，扫码程序按此识别"
            ),
            Numbering("payments.settlement", "结算单号", Form("", "day", 5), fixed=_FISCAL),
            Numbering("payments.refund", "退费单号", Form("T", "day", 5), fixed=_FISCAL),
            Numbering("payments.receipt", "票据号", Form("P", "day", 5), fixed=_FISCAL),
            Numbering("payments.course", "疗程预交号", Form("L", "day", 5), risky=True),
            Numbering("payments.hand_in", "缴款单号", Form("J", "day", 5), risky=True),
            Numbering("payments.collection", "钱袋交接单号", Form("S", "day", 5), risky=True),
            Numbering("payments.shift", "班次号", Form("B", "day", 3), risky=True),
            Numbering("platform.parameter_change", "参数变更单号", Form("C", "year", 5)),
            Numbering("platform.permission_request", "权限申请编号", Form("Q", "year", 5)),
        )
    }
)
"""Every series of documents, here together because a number read aloud must say what it is of. Declared marks have one
letter at most; a campus chooses marks of two to four, so that a later release can declare more."""


class NumberRule(Model):
    """How a campus has a series read from a day on (编号规则); asked, then effective, never rewritten.

    The latest that has begun counts. One of several for the same day counts: the others are superseded.
    """

    __tablename__ = "number_rules"
    __table_args__ = (
        Index(
            "uq_number_rules_start",
            "at_campus",
            "series",
            "valid_from",
            unique=True,
            postgresql_where=sql("state = 'effective' AND superseded_at IS NULL"),
        ),
        Index("uq_number_rules_asked", "at_campus", "series", unique=True, postgresql_where=sql("state = 'asked'")),
        Index(None, "at_campus", "series", "rule_id"),
        Index(None, "mark"),
        ExcludeConstraint(
            ("mark", "="), ("series", "<>"), name="ex_number_rules_one_series", where=sql("state <> 'refused'")
        ),
        ExcludeConstraint(
            ("at_campus", "="),
            ("mark", "="),
            ("reset", "<>"),
            name="ex_number_rules_one_reset",
            where=sql("state <> 'refused'"),
        ),
        CheckConstraint("mark ~ '^[A-Z]{0,4}$'", name="mark"),
        CheckConstraint("reset IN ('day', 'month', 'year', 'never')", name="reset"),
        CheckConstraint("width BETWEEN 3 AND 8", name="width"),
        CheckConstraint("state IN ('asked', 'effective', 'refused')", name="state"),
        CheckConstraint("decided_by <> asked_by", name="two_people"),
        CheckConstraint("state = 'asked' OR decided_at IS NOT NULL", name="decided"),
        {"schema": KERNEL},
    )

    rule_id: Mapped[UUID] = mapped_column(primary_key=True)
    at_campus: Mapped[str] = mapped_column(Text)
    series: Mapped[str] = mapped_column(Text)
    mark: Mapped[str] = mapped_column(Text)
    reset: Mapped[str] = mapped_column(Text)
    width: Mapped[int]
    valid_from: Mapped[date] = mapped_column(Date)
    """The first day (Asia/Shanghai), always one to come when it is decided."""
    state: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    asked_by: Mapped[str] = mapped_column(Text)
    asked_name: Mapped[str] = mapped_column(Text)
    decided_at: Mapped[datetime | None]
    """When it was agreed or refused; when it was asked, where one person is enough."""
    decided_by: Mapped[str | None] = mapped_column(Text)
    """The second person; nobody where one is enough."""
    decided_name: Mapped[str | None] = mapped_column(Text)
    superseded_at: Mapped[datetime | None] = mapped_column(default=None)
    """Set when it was replaced before it began."""
    version: Mapped[int] = mapped_column(default=1)


class Taken(NamedTuple):
    """A number just taken, and the form that was in force."""

    value: int
    mark: str
    reset: Reset
    width: int

    def text(self, letter: str, day: date) -> str:
        return Form(self.mark, self.reset, self.width).text(letter, day, self.value)


TAKE_DOCUMENT_NUMBER = Query(
    Taken,
    sql(
        "WITH form AS ("
        "SELECT coalesce(rule.mark, :mark) AS mark, coalesce(rule.reset, :reset) AS reset,"
        " coalesce(rule.width, :width) AS width FROM (SELECT 1) AS always LEFT JOIN ("
        "SELECT mark, reset, width FROM kernel.number_rules WHERE at_campus = :campus AND series = :series"
        " AND state = 'effective' AND superseded_at IS NULL AND valid_from <= CAST(:day AS date)"
        " ORDER BY valid_from DESC LIMIT 1) AS rule ON true"
        "), taken AS ("
        "INSERT INTO kernel.number_series (campus_id, series, period, last_value)"
        " SELECT :campus, :series, CASE reset WHEN 'day' THEN to_char(CAST(:day AS date), 'YYYYMMDD')"
        " WHEN 'month' THEN to_char(CAST(:day AS date), 'YYYYMM') WHEN 'year' THEN to_char(CAST(:day AS date), 'YYYY')"
        " ELSE '-' END || CASE WHEN mark = :mark THEN '' ELSE '/' || mark END, 1 FROM form"
        " ON CONFLICT (campus_id, series, period) DO UPDATE SET last_value = number_series.last_value + 1"
        " RETURNING last_value"
        ") SELECT taken.last_value, form.mark, form.reset, form.width FROM taken CROSS JOIN form"
    ),
)
"""The next number of a series of documents with the form in force on the day, in one statement."""


def asked(numbering: Numbering, campus: str, day: date) -> dict[str, object]:
    """What `TAKE_DOCUMENT_NUMBER` wants."""
    return {"campus": campus, "series": numbering.series, "day": day, **numbering.form._asdict()}
