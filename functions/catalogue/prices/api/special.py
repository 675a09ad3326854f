"""Routes of special-need services and their share."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.catalogue.prices import marks, service
from functions.catalogue.prices.api.routing import LAST, CodeCursor, Limit, router
from functions.catalogue.prices.models import BilledMonth
from functions.catalogue.prices.schemas import ItemView
from functions.catalogue.prices.schemas.special import (
    ShareView,
    SpecialItemView,
    SpecialMonthView,
    SpecialReportView,
    SpecialWarningView,
)
from shared.command import query
from shared.database.engine import REPORT
from shared.schemas import Page
from shared.tx import Tx

Campus = Annotated[str | None, Parameter(pattern=r"^[a-z][a-z0-9]{1,9}$", description="缺省为当前院区")]
MonthPath = Annotated[str, Path(pattern=r"^20[0-9]{2}-(0[1-9]|1[0-2])$")]


@router.get("/special-need/items")
@query("catalogue.prices.read")
def special_items(tx: Tx, limit: Limit = 100, cursor: CodeCursor = None) -> Page[ItemView]:
    """Items that are special-need services (特需服务项目), in order of code."""
    found = service.special_items(tx, cursor or "", limit)
    return Page[ItemView](
        items=[ItemView.model_validate(item) for item in found], next=found[-1].code if len(found) == limit else None
    )


@router.get("/special-need/months")
@query("catalogue.prices.read")
def special_months(
    tx: Tx, campus: Campus = None, limit: Limit = 24, cursor: date | None = None
) -> Page[SpecialMonthView]:
    """Share of special-need services month by month (特需服务比例), latest first."""
    found = service.special_months(tx, campus or tx.campus, cursor or date.max, limit)
    return Page[SpecialMonthView](
        items=[month_view(row) for row in found], next=str(found[-1].month) if len(found) == limit else None
    )


@router.get("/special-need/months/{month}")
@query("catalogue.prices.read", REPORT)
def special_month(tx: Tx, month: MonthPath, campus: Campus = None) -> SpecialReportView:
    """A month with what each special-need service brought (特需服务月报)."""
    found = service.special_month(tx, campus or tx.campus, date.fromisoformat(f"{month}-01"))
    return SpecialReportView(
        month=month_view(found.month),
        items=[
            SpecialItemView(**item._asdict(), part=marks.share(item.amount, found.month.special_amount))
            for item in found.items
        ],
    )


@router.get("/special-need/warnings")
@query("catalogue.prices.read")
def special_warnings(
    tx: Tx, campus: Campus = None, limit: Limit = 50, cursor: UUID | None = None
) -> Page[SpecialWarningView]:
    """Months whose share went above the limit (特需服务超比例预警), newest first."""
    found = service.special_warnings(tx, campus or tx.campus, cursor or LAST, limit)
    return Page[SpecialWarningView](
        items=[
            SpecialWarningView(
                **{name: getattr(row, name) for name in SpecialWarningView.model_fields if hasattr(row, name)},
                measure_name=marks.MEASURES[row.measure],
                limit=marks.LIMIT,
            )
            for row in found
        ],
        next=str(found[-1].warning_id) if len(found) == limit else None,
    )


def month_view(row: BilledMonth) -> SpecialMonthView:
    """A month with its shares."""
    fields = {name: getattr(row, name) for name in SpecialMonthView.model_fields if hasattr(row, name)}
    return SpecialMonthView(
        **fields,
        total_amount=row.special_amount + row.service_amount + row.goods_amount,
        limit=marks.LIMIT,
        shares=[
            ShareView(
                measure=measure,
                measure_name=marks.MEASURES[measure],
                special=special,
                services=services,
                share=marks.share(special, services),
                over=marks.is_over(special, services),
            )
            for measure, (special, services) in service.measured(row).items()
        ],
    )
