"""Prices change: unsettled lines follow at once, settled ones never; a corrected price leaves a list behind."""

from collections.abc import Sequence
from uuid import UUID

from events.catalogue import PriceCorrected, PricePublished, PricesBatchPublished
from functions.catalogue.prices import service as prices
from functions.payments.billing.models import Charge, PriceCorrection
from functions.payments.billing.problems import CorrectionUnknown
from functions.payments.billing.queries import prepayments as queries
from functions.payments.billing.queries import pricing
from functions.payments.billing.service.charges import charges_at_version
from functions.payments.billing.service.pricing import quote_open, reprice
from functions.payments.billing.service.unpacking import packages_again
from shared.tx import Tx

AT_ONCE = 200
"""Lines under rules quoted again when a price is told; the rest follows when it is shown or settled."""


def price_told(tx: Tx, event: PricePublished) -> None:
    """A price was published: what is unsettled of the item here costs the price in force now (已调价).

    A price that takes effect later, and lines of other campuses, follow when they are shown or settled: nothing is
    ever settled at another price than the one in force (spec 40).
    """
    count = _follow(tx, [event.code])
    if count:
        tx.audit("charges.repriced", "item", event.item_id, count=count)


def list_told(tx: Tx, event: PricesBatchPublished) -> None:
    """A part of a price list was published: as `price_told`, for its items of which something is unsettled here."""
    items = tx.session.send(pricing.OPEN_ITEMS, campus=tx.campus, codes=event.item_codes)
    shares = tx.session.all(pricing.OPEN_PACKAGES, campus=tx.campus, codes=event.item_codes, limit=AT_ONCE)
    count = _follow(tx, sorted({*items.all(), *(one.package_code for one in shares if one.package_code)}))
    if count:
        tx.audit("charges.repriced", "price_batch", event.batch_id, count=count)


def _follow(tx: Tx, codes: Sequence[str]) -> int:
    """How many unsettled lines took over the price in force."""
    items = prices.current_prices(tx, codes) if codes else {}
    asked = [
        tx.session.send(
            pricing.REPRICE_OPEN,
            campus=tx.campus,
            code=item.code,
            price=item.unit_price,
            price_version=item.version_id,
            at=tx.now,
        )
        for item in items.values()
    ]
    shares = tx.session.all(pricing.OPEN_PACKAGES, campus=tx.campus, codes=list(items), limit=AT_ONCE) if items else []
    ruled = tx.session.all(pricing.OPEN_BY_RULE, campus=tx.campus, codes=list(items), limit=AT_ONCE) if items else []
    open_shares = {charge.charge_id: charge for charge in shares}
    moved = [(open_shares[charge_id], new) for charge_id, new in packages_again(tx, shares, items).items()]
    return sum(len(one.all()) for one in asked) + len(
        [reprice(tx, charge, new, None) for charge, new in (*moved, *quote_open(tx, ruled))]
    )


def correction_told(tx: Tx, event: PriceCorrected) -> None:
    """A wrong price was corrected: settled lines at the wrong version wait for refund or waiver at each campus."""
    tx.session.execute(
        queries.KEEP_CORRECTION,
        correction_id=event.correction_id,
        campus=tx.campus,
        version=event.wrong_version_id,
        code=event.code,
        wrong=event.wrong_price,
        right=event.right_price,
        since=event.affected_from,
        until=event.affected_to,
        at=tx.now,
    )
    tx.audit("price_correction.told", "price_version", event.wrong_version_id, item=event.code)


def affected_lines(tx: Tx, correction_id: UUID, after: UUID, limit: int) -> tuple[PriceCorrection, list[Charge]]:
    """Settled lines of this campus at the wrong price (退费清单). CorrectionUnknown."""
    corrected = tx.session.first(queries.CORRECTION, correction_id=correction_id)
    if corrected is None:
        raise CorrectionUnknown("没有这次价格更正，请核对。")
    return corrected, charges_at_version(tx, corrected.version_id, after, limit)
