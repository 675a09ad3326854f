"""Routes of what everybody may know: the public price list for boards, kiosks, the counter, and patients."""

from datetime import datetime
from typing import Annotated

from fastapi import Query as Parameter

from functions.catalogue.prices import exports, service
from functions.catalogue.prices.api.routing import CodeCursor, Limit, router
from functions.catalogue.prices.queries import PublicPrice
from functions.catalogue.prices.schemas import ComingPriceView, PublicPriceView
from shared.command import Document, query
from shared.database.engine import REPORT
from shared.problems import Unreadable
from shared.schemas import Page
from shared.tx import Tx

SearchText = Annotated[str | None, Parameter(min_length=1, max_length=40, pattern=r"^[^\x00]+$")]
Days = Annotated[int, Parameter(ge=1, le=400)]
TimeCursor = Annotated[str | None, Parameter(max_length=90, pattern=r"^[^\x00]*$")]


@router.get("/public")
@query("catalogue.prices.read")
def public_list(tx: Tx, limit: Limit = 100, cursor: CodeCursor = None) -> Page[PublicPriceView]:
    """The effective price list of this campus (价格公示)."""
    return _page(service.public_list(tx, cursor or "", limit), limit)


@router.get("/public.xlsx")
@query("catalogue.prices.read", REPORT)
def public_spreadsheet(tx: Tx) -> Document:
    """The effective price list of this campus as a spreadsheet (医疗服务价格公示表)."""
    items = service.whole_public_list(tx)
    at, campus = tx.now, tx.campus
    return Document(lambda: exports.public_list(items, campus, at), exports.XLSX, f"价格公示表-{campus}.xlsx")


@router.get("/self/prices")
@query("catalogue.prices.public")
def prices_for_patients(
    tx: Tx, text: SearchText = None, limit: Limit = 50, cursor: CodeCursor = None
) -> Page[PublicPriceView]:
    """Patients look prices up: by code, pinyin, wubi or name, or the whole list page by page (患者价格查询)."""
    if text is not None:
        found = service.public_search(tx, text, limit)
        return Page[PublicPriceView](items=[PublicPriceView.model_validate(one) for one in found], next=None)
    return _page(service.public_list(tx, cursor or "", limit), limit)


@router.get("/public/coming")
@query("catalogue.prices.read")
def coming_prices(tx: Tx, days: Days = 31, limit: Limit = 100, cursor: TimeCursor = None) -> Page[ComingPriceView]:
    """Prices that take effect within some days, in order of time (即将执行的价格、市场调节价公示)."""
    since, after = _place(cursor) if cursor else (None, "")
    found = service.coming_prices(tx, days, since, after, limit)
    last = found[-1] if len(found) == limit else None
    return Page[ComingPriceView](
        items=[ComingPriceView.model_validate(one) for one in found],
        next=f"{last.effective_at.isoformat()} {last.code}" if last else None,
    )


def _place(cursor: str) -> tuple[datetime, str]:
    moment, _, code = cursor.partition(" ")
    try:
        since = datetime.fromisoformat(moment)
    except ValueError:
        since = None
    if since is None or since.tzinfo is None or not code:
        raise Unreadable("翻页位置无效，请从第一页重新查询。")
    return since, code


def _page(found: list[PublicPrice], limit: int) -> Page[PublicPriceView]:
    return Page[PublicPriceView](
        items=[PublicPriceView.model_validate(item) for item in found],
        next=found[-1].code if len(found) == limit else None,
    )
