"""Share of special-need services (特需服务比例): billing's lines counted month by month, watched against the limit.

Counted is what was settled less what was given back, each in the month of its business day, by what the item was when
it was settled. Drugs and consumables are no services; surcharges go with the line they belong to.
"""

from collections.abc import Mapping, Sequence
from datetime import date, time, timedelta
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from events.catalogue import SpecialShareExceeded
from events.payments import ChargesRefunded, ChargesSettled
from functions.catalogue.prices import marks
from functions.catalogue.prices.models import BilledMonth, ChargeItem, SpecialShareWarning
from functions.catalogue.prices.queries import special as queries
from functions.catalogue.prices.queries.special import ItemShare, Kind
from shared.ids import new_id
from shared.money import ZERO
from shared.problems import NotFound
from shared.schemas import SHANGHAI
from shared.tx import Tx

GOODS = frozenset({"drug", "consumable"})
NIGHT = time(2)
"""After this hour of Asia/Shanghai the month of the day before is judged."""


class _Counted(NamedTuple):
    charge_id: UUID
    item_code: str
    category: str
    amount: Decimal
    times: int


def keep_settled(tx: Tx, event: ChargesSettled) -> None:
    """Count what a settlement billed."""
    items = {line.charge_id: line.item_code for line in event.lines}
    counted_by = {
        line.charge_id: items.get(line.base_charge_id or line.charge_id, line.item_code) for line in event.lines
    }
    kinds = {one.code: one for one in tx.session.all(queries.KINDS, codes=sorted(set(counted_by.values())))}
    counted = []
    for line in event.lines:
        code = counted_by[line.charge_id]
        category = _category(kinds, code)
        once = line.base_charge_id is None and category != "goods"
        counted.append(_Counted(line.charge_id, code, category, line.amount, 1 if once else 0))
    _keep(tx, event.settlement_id, event.business_day, counted)


def keep_refunded(tx: Tx, event: ChargesRefunded) -> None:
    """Count what a refund took back, as what it was counted when it was settled. What was settled before there was a
    count is not taken from it."""
    whose = {line.charge_id: line.base_charge_id or line.charge_id for line in event.lines}
    found = tx.session.all(queries.BILLED, charges=sorted(set(whose.values())), campus=tx.campus)
    billed = {one.charge_id: one for one in found}
    counted = []
    for line in event.lines:
        was = billed.get(whose[line.charge_id])
        if was is None:
            continue
        whole = line.base_charge_id is None and line.quantity > 0 and line.remaining == 0 and was.category != "goods"
        counted.append(_Counted(line.charge_id, was.item_code, was.category, -line.amount, -1 if whole else 0))
    _keep(tx, event.refund_id, event.business_day, counted)


def _category(kinds: Mapping[str, Kind], code: str) -> str:
    item = kinds.get(code)
    if item is None:
        return "service"
    return "goods" if item.kind in GOODS else "special" if item.special_need else "service"


def _keep(tx: Tx, document_id: UUID, day: date, counted: Sequence[_Counted]) -> None:
    month = day.replace(day=1)
    kept = tx.session.all(
        queries.KEEP,
        document=document_id,
        campus=tx.campus,
        month=month,
        charges=[one.charge_id for one in counted],
        codes=[one.item_code for one in counted],
        categories=[one.category for one in counted],
        amounts=[one.amount for one in counted],
        times=[one.times for one in counted],
    )
    if not kept:
        return
    amounts = dict.fromkeys(("special", "service", "goods"), ZERO)
    times = {"special": 0, "service": 0, "goods": 0}
    for one in kept:
        amounts[one.category] += one.amount
        times[one.category] += one.times
    tx.session.execute(
        queries.ADD,
        campus_id=tx.campus,
        month=month,
        special_amount=amounts["special"],
        service_amount=amounts["service"],
        goods_amount=amounts["goods"],
        special_times=times["special"],
        service_times=times["service"],
    )


# -- watching


def watch_share(tx: Tx) -> None:
    """Judge the month of yesterday; a month above the limit is told once by each measure."""
    local = tx.now.astimezone(SHANGHAI)
    if local.time() < NIGHT:
        return
    month = (local.date() - timedelta(days=1)).replace(day=1)
    row = tx.session.first(queries.OF_MONTH, campus=tx.campus, month=month)
    if row is None:
        return
    for measure, (special, services) in measured(row).items():
        if marks.is_over(special, services):
            _warn(tx, row, measure, special, services)


def measured(row: BilledMonth) -> dict[str, tuple[Decimal, Decimal]]:
    """By measure: special-need services, and all medical services."""
    return {
        "amount": (row.special_amount, row.special_amount + row.service_amount),
        "times": (Decimal(row.special_times), Decimal(row.special_times + row.service_times)),
    }


def _warn(tx: Tx, row: BilledMonth, measure: str, special: Decimal, services: Decimal) -> None:
    due = SpecialShareWarning(
        warning_id=new_id(),
        campus_id=tx.campus,
        month=row.month,
        measure=measure,
        special=special,
        services=services,
        share=marks.share(special, services),
        raised_at=tx.now,
    )
    warned = tx.session.first(queries.WARN, **{name: getattr(due, name) for name in queries.WARNING_COLUMNS})
    if warned is None:
        return
    tx.emit(
        SpecialShareExceeded(
            warning_id=warned.warning_id,
            month=warned.month,
            measure=measure,
            special=special,
            services=services,
            share=warned.share,
            limit=marks.LIMIT,
        )
    )
    tx.audit("special_share.warned", "special_share_warning", warned.warning_id, month=str(row.month), measure=measure)


# -- reading


class MonthReport(NamedTuple):
    """A month of a campus with what each special-need service brought; the items sum up to the month."""

    month: BilledMonth
    items: list[ItemShare]


def special_items(tx: Tx, after: str, limit: int) -> list[ChargeItem]:
    """Items that are special-need services, in order of code."""
    return tx.session.all(queries.ITEMS, after=after, limit=limit)


def special_months(tx: Tx, campus: str, before: date, limit: int) -> list[BilledMonth]:
    """Months of a campus, the latest first. Another campus's are seen by who oversees it."""
    tx.audit("special_share.read", "campus", campus)
    return tx.session.all(queries.MONTHS, campus=campus, before=before, limit=limit)


def special_month(tx: Tx, campus: str, month: date) -> MonthReport:
    """One month with its items. NotFound where nothing was billed, or of a campus one does not oversee."""
    items = tx.session.send(queries.BY_ITEM, campus=campus, month=month)
    row = tx.session.first(queries.OF_MONTH, campus=campus, month=month)
    if row is None:
        raise NotFound("该院区这个月没有结算数据，请重新选择月份或院区。")
    tx.audit("special_share.read", "campus", campus, month=str(month))
    return MonthReport(row, items.all())


def special_warnings(tx: Tx, campus: str, before: UUID, limit: int) -> list[SpecialShareWarning]:
    """Warnings of a campus, the newest first."""
    tx.audit("special_share_warnings.listed", "campus", campus)
    return tx.session.all(queries.WARNINGS, campus=campus, before=before, limit=limit)
