"""Price lists from spreadsheets and from a percentage; lists taken back; what a list would mean."""

from datetime import date, timedelta
from decimal import ROUND_HALF_UP, Decimal
from typing import NamedTuple
from uuid import UUID

from functions.catalogue.codes import service as codes
from functions.catalogue.prices import queries as catalogue
from functions.catalogue.prices import rules, sheets
from functions.catalogue.prices.models import ImportBatch
from functions.catalogue.prices.problems import BatchStateWrong, BatchTooLong, ListUnreadable
from functions.catalogue.prices.queries import lists as queries
from functions.catalogue.prices.queries import procedures
from functions.catalogue.prices.queries.rules import Difference
from functions.catalogue.prices.schemas.procedures import AdjustPrices, ImportFile, UndoBatch
from functions.catalogue.prices.service.items import require_head
from functions.catalogue.prices.service.lists import Batch, numbered, open_batch, read_batch, take_rows, touch
from functions.catalogue.prices.service.lookups import EVERYBODY, current_prices
from functions.catalogue.prices.service.publishing import listed_prices, tell_list
from functions.organisation.structure import service as organisation
from shared.database.engine import REPORT
from shared.money import ZERO, Money, round_money
from shared.problems import NotFound, Problem, Stale
from shared.schemas import SHANGHAI
from shared.steps import Steps
from shared.tx import Tx

HUNDRED = Decimal(100)
VOLUME_DAYS = 365


# -- spreadsheets


def start_file(tx: Tx, command: ImportFile) -> Batch:
    """A batch for a received spreadsheet; `read_file` fills it, outside this transaction."""
    file = codes.received(tx, command.file_id)
    covers = [kind.value for kind in command.covers]
    batch = open_batch(
        tx, command.title, command.basis_document, command.effective_at, file_id=file.file_id, covers=covers
    )
    tx.audit("price_batch.started", "price_batch", batch.batch_id, file=str(file.file_id))
    return Batch(batch, [])


def read_file(steps: Steps, started: ImportBatch) -> Batch:
    """Read the spreadsheet of a batch, keep the original with its hash, judge every row.

    A batch whose file cannot be read is discarded.
    """
    assert started.file_id is not None  # noqa: S101  a batch that was started from a file
    try:
        file, content = codes.content_of(steps, started.file_id)
        sheet = sheets.read_list(codes.read_rows(content, file.name), codes.plain)
    except Problem:
        steps.step(lambda tx: touch(tx, started, "discarded"))
        raise

    def fill(tx: Tx) -> Batch:
        batch = tx.session.first(queries.BATCH, batch_id=started.batch_id)
        if batch is None or batch.status != "open":
            raise BatchStateWrong("该批次已作废，请重新导入。")
        taken = take_rows(tx, batch, sheet.rows)
        return Batch(tx.session.one(queries.SET_IGNORED, id_=batch.batch_id, count=sheet.ignored), taken.rows)

    return steps.step(fill, REPORT)


# -- adjustments


def adjust_prices(tx: Tx, command: AdjustPrices) -> Batch:
    """A batch with every chosen item's new price (批量调价): its rows are the dry run, its publication the adjustment.

    Raises ListUnreadable when nothing is chosen or priced, BatchTooLong, ItemUnknown.
    """
    batch = open_batch(tx, command.title, command.basis_document, command.effective_at)
    chosen = tx.session.all(
        queries.ADJUSTABLE,
        all_codes=not command.item_codes,
        codes=command.item_codes,
        all_kinds=not command.kinds,
        kinds=[kind.value for kind in command.kinds],
        all_classes=not command.fee_classes,
        classes=command.fee_classes,
    )
    if len(chosen) > rules.BATCH_ROWS:
        raise BatchTooLong(f"所选项目超过 {rules.BATCH_ROWS} 个，请缩小范围。")
    step = Decimal(1).scaleb(-command.places)
    levels = {level.value for level in command.levels}
    rows: dict[str, dict[str, str | None]] = {}
    for known in tx.session.all(queries.KNOWN, codes=chosen, at=command.effective_at):
        if known.level in levels and known.unit_price is not None:
            price = (known.unit_price * command.percent / HUNDRED).quantize(step, ROUND_HALF_UP)
            row = rows.setdefault(
                known.code, _described(known.code, known.name, known.unit, known.kind, known.fee_class)
            )
            row[f"price_{known.level}"] = str(price)
    if not rows:
        raise ListUnreadable("所选范围内没有可调价的项目，请核对项目、类别与等级。")
    return take_rows(tx, batch, numbered([rows[code] for code in sorted(rows)]))


def _described(code: str, name: str, unit: str, kind: str, fee_class: str) -> dict[str, str | None]:
    return {"code": code, "name": name, "unit": unit, "kind": kind, "fee_class": fee_class}


# -- taking back


def roll_back_batch(tx: Tx, batch_id: UUID, command: UndoBatch) -> Batch:
    """Take a published list back, whole, until an hour before it takes effect; what it would have ended goes on.

    By another person than who published it. Raises BatchStateWrong afterwards: then `reverse_batch`.
    """
    batch = _published(tx, batch_id, command.version)
    tx.assert_distinct([batch.checker], "价格目录的发布与撤回须由不同人员办理。")
    prices = tx.session.all(queries.OF_BATCH, batch_id=batch_id)
    if any(price.valid_from - rules.CANCEL_UNTIL < tx.now for price in prices):
        raise BatchStateWrong("该批价格已生效或一小时内即将生效，不能撤回；请生成恢复原价的批次。")
    priced = tx.session.send(catalogue.ITEMS_OF, ids=sorted({price.item_id for price in prices}))
    resumed = tx.session.all(queries.RESUME_STOPPED, batch=batch_id)
    codes_of = sorted({*resumed, *(item.code for item in priced.all())})
    tx.session.execute(queries.CANCEL_BATCH, batch=batch_id, who=tx.actor.subject)
    tx.session.execute(queries.REOPEN_BATCH, batch=batch_id)
    ended = tx.session.first(queries.END_BATCH, id_=batch_id, seen=batch.version)
    if ended is None:
        raise Stale("该批次刚被他人修改，请刷新后再操作。")
    start = min((price.valid_from for price in prices), default=tx.now)
    tell_list(tx, batch_id, codes_of, len(prices), start, new_codes=frozenset(resumed), rolled_back=True)
    tx.audit("price_batch.rolled_back", "price_batch", batch_id, prices=len(prices), reason=command.reason)
    return Batch(ended, read_batch(tx, batch_id).rows)


def reverse_batch(tx: Tx, batch_id: UUID, command: UndoBatch) -> Batch:
    """A new batch that puts back what items cost before a published one, to be published by a second officer."""
    batch = _published(tx, batch_id, command.version)
    rows: dict[str, dict[str, str | None]] = {}
    for one in listed_prices(tx, batch_id):
        if one.old_price is not None:
            row = rows.setdefault(one.code, _described(one.code, one.name, one.unit, one.kind, one.fee_class))
            row[f"price_{one.level}"] = str(one.old_price)
    if not rows:
        raise BatchStateWrong("该批次没有替换过原价格，无可恢复的内容。")
    made = open_batch(tx, f"恢复：{batch.title}"[:200], batch.basis_document, None, undoes=batch_id)
    tx.audit("price_batch.reversed", "price_batch", batch_id, reason=command.reason)
    return take_rows(tx, made, numbered([rows[code] for code in sorted(rows)]))


def _published(tx: Tx, batch_id: UUID, version: int) -> ImportBatch:
    require_head(tx)
    batch = tx.session.first(queries.BATCH, batch_id=batch_id)
    if batch is None:
        raise NotFound("没有这个导入批次，请刷新后重试。")
    tx.check_version(batch.version, version)
    if batch.status != "published":
        raise BatchStateWrong("只有已发布的批次可以撤回或恢复，请刷新后核对。", current_status=batch.status)
    return batch


# -- what a change means


class Effect(NamedTuple):
    """Volume of the last twelve months here times the difference of price."""

    item_code: str
    quantity: Decimal
    old_price: Decimal | None
    new_price: Decimal

    @property
    def difference(self) -> Money:
        return round_money(self.quantity * (self.new_price - self.old_price)) if self.old_price is not None else ZERO


def effect_of_batch(tx: Tx, batch_id: UUID) -> list[Effect]:
    """What a list means at this campus, dearest difference first (收入影响测算)."""
    batch, rows = read_batch(tx, batch_id)
    column = f"price_{organisation.campus(tx).price_level}"
    new = {
        str(row.content["code"]): rules.price_of(str(row.content[column]))
        for row in rows
        if not row.set_aside and not row.faults and row.change == "changed" and row.content.get(column)
    }
    start = batch.effective_at or batch.published_at or tx.now
    old = current_prices(tx, sorted(new), start - timedelta(microseconds=1))
    volumes = _volumes(tx, sorted(new), tx.today - timedelta(days=VOLUME_DAYS), tx.today + timedelta(days=1))
    effects = [
        Effect(code, volumes.get(code, Decimal(0)), old[code].unit_price if code in old else None, price)
        for code, price in new.items()
    ]
    return sorted(effects, key=lambda one: (-abs(one.difference), one.item_code))


class PriceEffect(NamedTuple):
    """What one price means here: volume times the difference to the price before it, a year ahead of it and since."""

    item_code: str
    old_price: Decimal | None
    new_price: Decimal
    yearly_quantity: Decimal
    since_quantity: Decimal

    @property
    def yearly_difference(self) -> Money:
        return self._difference(self.yearly_quantity)

    @property
    def since_difference(self) -> Money:
        return self._difference(self.since_quantity)

    def _difference(self, quantity: Decimal) -> Money:
        return round_money(quantity * (self.new_price - self.old_price)) if self.old_price is not None else ZERO


def effect_of_price(tx: Tx, version_id: UUID) -> PriceEffect:
    """What a draft would mean at this campus, or what a price has meant since it holds (调价效果). Raises NotFound."""
    rows = tx.session.all(catalogue.PRICES_BY_ID, version_ids=[version_id])
    if not rows or rows[0].campus_id not in (None, tx.campus):
        raise NotFound("没有这条价格，请刷新后重试。")
    price = rows[0]
    item = tx.session.one(catalogue.ITEM_OF, item_id=price.item_id)
    old = tx.session.first(
        queries.PRICE_BEFORE,
        item=price.item_id,
        level_=price.level,
        payer=price.payer_class,
        campus_=price.campus_id,
        at=price.valid_from,
        itself=version_id,
    )
    start = min(price.valid_from.astimezone(SHANGHAI).date(), tx.today + timedelta(days=1))
    end = price.valid_to.astimezone(SHANGHAI).date() if price.valid_to else tx.today + timedelta(days=1)
    before = _volumes(tx, [item.code], start - timedelta(days=VOLUME_DAYS), start)
    since = _volumes(tx, [item.code], start, end) if price.status == "checked" else {}
    nothing = Decimal(0)
    return PriceEffect(item.code, old, price.unit_price, before.get(item.code, nothing), since.get(item.code, nothing))


def _volumes(tx: Tx, codes_of: list[str], since: date, until: date) -> dict[str, Decimal]:
    """Quantity charged here of items from a day on and before another."""
    found = tx.session.all(procedures.VOLUMES, campus=tx.campus, codes=codes_of, since=since, until=until)
    return {one.item_code: one.quantity for one in found}


def differences(tx: Tx, other: str, after: str, limit: int) -> tuple[list[Difference], str | None]:
    """Items whose price differs between this campus and another, among the next `limit` items in order of code."""
    page = tx.session.all(queries.CODES_AFTER, after=after, limit=limit)
    here = tx.session.send(catalogue.PRICES_AT, codes=page, campus=tx.campus, at=tx.now, payer=EVERYBODY)
    there = tx.session.all(catalogue.PRICES_AT, codes=page, campus=other, at=tx.now, payer=EVERYBODY)
    prices = {item.code: item.unit_price for item in there}
    found = [
        Difference(item.code, item.name, item.unit_price, prices.get(item.code))
        for item in sorted(here.all(), key=lambda item: item.code)
        if item.unit_price != prices.get(item.code)
    ]
    return found, page[-1] if len(page) == limit else None
