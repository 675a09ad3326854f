"""Events of the catalogue area."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from events.envelope import Event


class ItemPublished(Event, type="catalogue.prices.item_published", subject="item_id"):
    """A charge item (收费项目) may be used from now on. Insurance looks for its national code."""

    item_id: UUID
    code: str
    national_code: str | None
    kind: str
    fee_class: str


class ItemSuspended(Event, type="catalogue.prices.item_suspended", subject="item_id"):
    """A charge item can no longer be charged from a moment on; what is already charged stands."""

    item_id: UUID
    code: str
    stopped_from: datetime
    withdrawn: bool
    replacement_code: str | None


class PricePublished(Event, type="catalogue.prices.price_published", subject="item_id"):
    """A price was checked and takes effect at a moment. Billing prices unsettled lines again from then on."""

    item_id: UUID
    code: str
    version_id: UUID
    level: str
    payer_class: str
    campus_code: str | None
    """Null for the price of all campuses of the level."""
    old_price: Decimal | None
    new_price: Decimal
    effective_at: datetime


class PricesBatchPublished(Event, type="catalogue.prices.prices_batch_published", subject="batch_id"):
    """A whole price list was published in one transaction; each of its prices has its own `price_published`."""

    batch_id: UUID
    items: int
    prices: int
    effective_at: datetime
