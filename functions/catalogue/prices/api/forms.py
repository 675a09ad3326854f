"""Routes of what the price office prints."""

from datetime import date
from uuid import UUID

from functions.catalogue.prices import service
from functions.catalogue.prices.api.routing import router
from shared.command import Document, query
from shared.database.engine import REPORT
from shared.tx import Tx


@router.get("/batches/{batch_id}/notice.pdf")
@query("catalogue.prices.read", REPORT)
def price_notice(tx: Tx, batch_id: UUID) -> Document:
    """What a published list changes, for the departments (调价通知单)."""
    return service.price_notice(tx, batch_id)


@router.get("/applications/{application_id}/form.pdf")
@query("catalogue.prices.read")
def application_form(tx: Tx, application_id: UUID) -> Document:
    """An application with costs and decisions (新增项目申报表)."""
    return service.application_form(tx, application_id)


@router.get("/complaints/{complaint_id}/form.pdf")
@query("catalogue.prices.write")
def complaint_form(tx: Tx, complaint_id: UUID) -> Document:
    """A complaint and its answer (价格投诉登记表)."""
    return service.complaint_form(tx, complaint_id)


@router.get("/inspection.pdf")
@query("catalogue.prices.write", REPORT)
def inspection_report(tx: Tx, first: date, last: date) -> Document:
    """What monitoring found over some days and what became of it (价格自查报告)."""
    return service.inspection_report(tx, first, last)


@router.get("/units/{unit_id}/book.pdf")
@query("catalogue.prices.read", REPORT)
def unit_price_book(tx: Tx, unit_id: UUID) -> Document:
    """What a department charges, at the prices of now (科室收费项目手册)."""
    return service.unit_price_book(tx, unit_id)
