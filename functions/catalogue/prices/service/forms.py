"""Forms of the price office: 调价通知单, 新增项目申报表, 价格投诉登记表, 价格自查报告, 科室收费项目手册."""

from datetime import date, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

from functions.catalogue.prices import queries as catalogue
from functions.catalogue.prices.problems import FormTooLong
from functions.catalogue.prices.queries import procedures as queries
from functions.catalogue.prices.service.applying import application
from functions.catalogue.prices.service.lists import read_batch_line
from functions.catalogue.prices.service.lookups import current_prices
from functions.catalogue.prices.service.publishing import listed_prices
from functions.organisation.structure import service as organisation
from shared.command import Document
from shared.problems import Invalid, NotFound
from shared.tx import Tx

LONGEST = 3000
"""Lines of a form at most."""
BOOK_DAYS = 365
"""What a department charged within so many days stands in its book."""
LEVELS = {"tertiary": "三级", "secondary": "二级", "primary": "一级"}
_CHANNELS = {"window": "窗口", "phone": "电话", "letter": "来信", "online": "网络"}
_STEPS = {
    "committee": "价格管理委员会",
    "consortium": "医共体",
    "province": "省级批复",
    "publication": "发布",
    "withdrawal": "科室撤回",
}


def price_notice(tx: Tx, batch_id: UUID) -> Document:
    """调价通知单 of a published list. Raises NotFound for one that is not, FormTooLong."""
    batch = read_batch_line(tx, batch_id)
    if batch.status != "published" or batch.published_at is None:
        raise NotFound("该批次尚未发布或已撤回，没有调价通知单。")
    listed = listed_prices(tx, batch_id)
    _require_short(len(listed))
    codes = {one.code for one in listed}
    changed = {one.code for one in listed if one.old_price is not None}
    data = {
        "batch_title": batch.title,
        "basis": batch.basis_document,
        "effective_at": min((one.effective_at for one in listed), default=batch.effective_at or batch.published_at),
        "status": "已发布",
        "new_items": len(codes - changed),
        "changed_items": len(changed),
        "rows": [
            {
                "code": one.code,
                "name": one.name,
                "unit": one.unit,
                "level": LEVELS[one.level],
                "old": _yuan(one.old_price),
                "new": _yuan(one.new_price),
            }
            for one in listed
        ],
    }
    tx.audit("price_notice.printed", "price_batch", batch_id)
    return organisation.office_form(tx, "price_notice", data, f"调价通知单-{batch.title}.pdf")


def application_form(tx: Tx, application_id: UUID) -> Document:
    """新增项目申报表 of an application with its cost sheet and what was decided. Raises NotFound."""
    found = application(tx, application_id)
    row = found.application
    unit = organisation.unit(tx, row.unit_id).name if row.unit_id is not None else "—"
    data = {
        "name": row.name,
        "unit": unit,
        "applied_at": row.applied_at,
        "charge_unit": row.charge_unit,
        "proposed": _yuan(row.proposed_price),
        "content": row.content,
        "basis": row.basis_document,
        "cost": f"{found.cost:f}",
        "costs": [{"name": name, "amount": _yuan(Decimal(str(amount)))} for name, amount in row.costs.items()],
        "comparables": [{"place": one["place"], "price": _yuan(Decimal(str(one["price"])))} for one in row.comparables],
        "decisions": [
            {
                "step": _STEPS[one.step],
                "result": "通过" if one.passed else "不通过" if one.step != "withdrawal" else "撤回",
                "opinion": one.opinion,
                "number": one.approval_no or one.item_code,
                "at": one.decided_at,
            }
            for one in found.decisions
        ],
    }
    tx.audit("item_application.printed", "item_application", application_id)
    return organisation.office_form(tx, "item_application", data, f"新增项目申报表-{row.name}.pdf")


def complaint_form(tx: Tx, complaint_id: UUID) -> Document:
    """价格投诉登记表 of a complaint of this campus, with what its items cost when it came in. Raises NotFound."""
    row = tx.session.first(queries.COMPLAINT, complaint_id=complaint_id)
    if row is None or row.campus_id != tx.campus:
        raise NotFound("本院区没有这件投诉，请刷新后核对。")
    priced = {
        item.code: item
        for item in tx.session.all(
            catalogue.PRICES_AT, codes=row.item_codes, campus=tx.campus, at=row.received_at, payer="all"
        )
    }
    data = {
        "number": str(row.complaint_id),
        "channel": _CHANNELS[row.channel],
        "received_at": row.received_at,
        "due_on": row.due_on,
        "content": row.content,
        "result": "待答复" if row.founded is None else "属实" if row.founded else "不属实",
        "answer": row.answer,
        "answered_at": row.answered_at,
        "refund": str(row.refund_id) if row.refund_id else None,
        "items": [
            {"code": code, "name": item.name, "unit": item.unit, "price": _yuan(item.unit_price)}
            for code in row.item_codes
            if (item := priced.get(code)) is not None
        ],
    }
    tx.audit("price_complaint.printed", "price_complaint", complaint_id, patient_id=row.patient_id)
    return organisation.office_form(tx, "price_complaint", data, f"价格投诉登记表-{row.received_at:%Y%m%d}.pdf")


def inspection_report(tx: Tx, first: date, last: date) -> Document:
    """价格自查报告 of this campus over some days: what each monitoring rule found and what became of it."""
    if not first <= last or (last - first).days > 400:
        raise Invalid("自查期间须从前到后，最长 400 天。")
    days = tx.session.send(queries.DAYS_LOOKED_AT, campus=tx.campus, first=first, last=last)
    found = tx.session.all(queries.INSPECTED, campus=tx.campus, first=first, last=last, today=tx.today)
    rows: list[dict[str, Any]] = [
        {**one._asdict(), "amount": f"{one.amount:f}", "refund": f"{one.refund:f}"} for one in found
    ]
    data = {
        "first": first,
        "last": last,
        "days": days.one(),
        "amount": f"{sum((one.amount for one in found), Decimal('0.00')):f}",
        "refund": f"{sum((one.refund for one in found), Decimal('0.00')):f}",
        **{name: sum(row[name] for row in rows) for name in ("found", "closed", "waiting", "overdue")},
        "rows": rows,
    }
    tx.audit("price_inspection.printed", "campus", tx.campus, first=first.isoformat(), last=last.isoformat())
    return organisation.office_form(tx, "price_inspection", data, f"价格自查报告-{first}至{last}.pdf")


def unit_price_book(tx: Tx, unit_id: UUID) -> Document:
    """科室收费项目手册: what a department charged within a year, at the prices of now. Raises NotFound, FormTooLong."""
    unit = organisation.unit(tx, unit_id)
    since = tx.today - timedelta(days=BOOK_DAYS)
    codes = tx.session.all(queries.CHARGED_BY_UNIT, campus=tx.campus, unit=unit_id, since=since, most=LONGEST + 1)
    _require_short(len(codes))
    priced = current_prices(tx, codes)
    if not priced:
        raise NotFound(f"{unit.name}近一年没有执行过收费项目。")
    texts = {row.code: row for row in tx.session.all(catalogue.ITEMS_OF, ids=[one.item_id for one in priced.values()])}
    data = {
        "unit": unit.name,
        "count": len(priced),
        "at": tx.now,
        "rows": [
            {
                "code": code,
                "national": priced[code].national_code,
                "name": priced[code].name,
                "unit": priced[code].unit,
                "price": _yuan(priced[code].unit_price),
                "content": texts[code].content or None,
                "excluded": texts[code].excluded or None,
            }
            for code in sorted(priced)
        ],
    }
    tx.audit("unit_price_book.printed", "unit", unit_id, items=len(priced))
    return organisation.office_form(tx, "unit_price_book", data, f"科室收费项目手册-{unit.name}.pdf")


def _require_short(lines: int) -> None:
    if lines > LONGEST:
        raise FormTooLong(f"共 {lines} 行，超过一张表 {LONGEST} 行；请导出价格公示表。", lines=lines)


def _yuan(price: Decimal | None) -> str | None:
    """A price as people write it: two decimals, more only where it has them."""
    if price is None:
        return None
    short = price.quantize(Decimal("0.01"))
    return f"{short:f}" if short == price else f"{price.normalize():f}"
