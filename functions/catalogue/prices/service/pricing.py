"""Price versions: made by one officer, checked by another, in force by their period alone."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from events.catalogue import PricePublished
from functions.catalogue.prices import queries, rules
from functions.catalogue.prices.models import PriceVersion
from functions.catalogue.prices.problems import CampusPriceNotAllowed, PackagePriceNotAllowed, PriceStateWrong
from functions.catalogue.prices.queries import WaitingPrice
from functions.catalogue.prices.queries.rules import OWN_PRICE_OF
from functions.catalogue.prices.schemas import DraftPrice
from functions.catalogue.prices.service.items import known, require_head, tell_item
from functions.catalogue.prices.service.requiring import require_mapped
from shared.ids import new_id
from shared.problems import NotFound
from shared.tx import Tx


def draft_price(tx: Tx, command: DraftPrice) -> PriceVersion:
    """A price made by one officer (经办), for a second to check (复核).

    The price of all campuses is made at the head hospital; a campus makes its own for market-priced items only. A
    ceiling once given holds until another is given. Raises ConsortiumList, CampusPriceNotAllowed, PriceAboveCeiling,
    PriceBackDated, MarketPriceTooSoon, ItemUnknown; PackagePriceNotAllowed for a package without approval.
    """
    item = known(tx, command.item_code)
    if item.kind == "package" and tx.session.first(OWN_PRICE_OF, code=item.code) is None:
        raise PackagePriceNotAllowed(
            f"“{item.name}”按所含项目收费；只有登记了批准文号的单病种、日间、体检套餐才能有自己的价格，请先编制套餐组成。",
            item_code=item.code,
        )
    if command.campus_id is None:
        require_head(tx)
    elif command.campus_id != tx.campus:
        raise CampusPriceNotAllowed("院区价格只能由本院区的物价员制定，请切换院区后办理。")
    elif not item.market_priced:
        raise CampusPriceNotAllowed(f"“{item.name}”不是市场调节价项目，执行统一价格，不能另定院区价格。")
    ceiling = command.ceiling
    if ceiling is None:
        ceiling = tx.session.first(queries.LAST_CEILING, item_id=item.item_id, level=command.level.value)
    rules.require_ceiling(command.unit_price, ceiling)
    if command.valid_from is not None:
        rules.require_future(command.valid_from, tx.now)
        if command.campus_id is not None:
            rules.require_notice(command.valid_from, tx.now)
    if command.valid_to is not None:
        rules.require_future(command.valid_to, tx.now)
    price = PriceVersion(
        version_id=new_id(),
        item_id=item.item_id,
        level=command.level.value,
        payer_class=command.payer_class,
        campus_id=command.campus_id,
        valid_from=command.valid_from or tx.now,
        valid_to=command.valid_to,
        unit_price=command.unit_price,
        ceiling=ceiling,
        basis_document=command.basis_document,
        maker=tx.actor.subject,
        made_at=tx.now,
    )
    tx.session.add(price)
    tx.audit("price.drafted", "price_version", price.version_id, item=item.code, price=str(price.unit_price))
    return price


def waiting_prices(tx: Tx, after: UUID, limit: int) -> list[tuple[WaitingPrice, PriceVersion]]:
    """Prices that wait for their second officer, oldest first."""
    waiting = tx.session.all(queries.DRAFTS, after=after, limit=limit)
    rows = tx.session.all(queries.PRICES_BY_ID, version_ids=[one.version_id for one in waiting])
    by_id = {row.version_id: row for row in rows}
    return [(one, by_id[one.version_id]) for one in waiting]


def check_price(tx: Tx, version_id: UUID) -> PriceVersion:
    """Check a price (复核): it takes effect by its period alone, and the open-ended price before it ends there.

    A draft whose moment has passed takes effect now; a campus's own, announced by its check, a week from now at the
    earliest. Raises SamePerson for its own maker, PricePeriodOverlaps with the price it would meet, PriceStateWrong,
    ItemMappingsMissing for an item's first price while mappings it needs are not there.
    """
    price = _locked(tx, version_id)
    if price.status != "draft":
        raise PriceStateWrong("该价格已复核或已取消，请刷新后核对。", current_status=price.status)
    tx.assert_distinct([price.maker], "价格的经办与复核须由不同人员办理。")
    start = max(price.valid_from, tx.now + rules.MARKET_NOTICE if price.campus_id is not None else tx.now)
    if price.valid_to is not None:
        rules.require_future(price.valid_to, start)
    item = tx.session.one(queries.ITEM_OF, item_id=price.item_id)
    if item.status == "withdrawn":
        raise PriceStateWrong("该项目已废止，不能再定价。", current_status=item.status)
    if item.status == "draft":
        require_mapped(tx, item, start)
    periods = tx.session.all(
        queries.PERIODS,
        item=price.item_id,
        level_=price.level,
        payer=price.payer_class,
        campus_=price.campus_id,
        since=start,
    )
    old = rules.predecessor(periods, start, price.valid_to)
    if old is not None:
        tx.session.execute(queries.END_PRICE, id_=old.version_id, until=start, successor=version_id)
    checked = tx.session.one(queries.CHECK_PRICE, id_=version_id, who=tx.actor.subject, start=start, now=tx.now)
    published = tx.session.first(queries.PUBLISH_ITEM, id_=price.item_id)
    if published is not None:
        tell_item(tx, published)
    tell_price(tx, checked, item.code, old.unit_price if old else None, start)
    tx.audit("price.checked", "price_version", version_id, price=str(checked.unit_price))
    return checked


def cancel_price(tx: Tx, version_id: UUID) -> PriceVersion:
    """Withdraw a price that is not yet checked, or a checked one until an hour before it takes effect.

    The price it would have followed goes on as if nothing had been planned.
    """
    price = _locked(tx, version_id)
    if price.status not in {"draft", "checked"}:
        raise PriceStateWrong("该价格已取消，请刷新后核对。", current_status=price.status)
    if price.status == "checked" and price.valid_from - rules.CANCEL_UNTIL < tx.now:
        raise PriceStateWrong("已生效或一小时内即将生效的价格不能取消，请另定新价。", current_status=price.status)
    item = tx.session.one(queries.ITEM_OF, item_id=price.item_id)
    cancelled = tx.session.one(queries.CANCEL_PRICE, id_=version_id, from_=price.status, who=tx.actor.subject)
    if price.status == "checked":
        reopened = tx.session.first(
            queries.REOPEN_PRICE,
            item=price.item_id,
            level_=price.level,
            payer=price.payer_class,
            campus_=price.campus_id,
            successor=version_id,
        )
        if reopened is not None:
            tell_price(tx, reopened, item.code, price.unit_price, price.valid_from)
    tx.audit("price.cancelled", "price_version", version_id)
    return cancelled


def tell_price(tx: Tx, price: PriceVersion, code: str, old: Decimal | None, effective_at: datetime) -> None:
    """Tell that from a moment on an item costs this."""
    tx.emit(
        PricePublished(
            item_id=price.item_id,
            code=code,
            version_id=price.version_id,
            level=price.level,
            payer_class=price.payer_class,
            campus_code=price.campus_id,
            old_price=old,
            new_price=price.unit_price,
            effective_at=effective_at,
        )
    )


def _locked(tx: Tx, version_id: UUID) -> PriceVersion:
    """A draft or price that may be decided on here: a campus's own by that campus, the others by the head hospital."""
    price = tx.session.first(queries.PRICE, version_id=version_id)
    if price is None:
        raise NotFound("没有这条价格，请刷新后重试。")
    if price.campus_id is None:
        require_head(tx)
    return price
