"""Use cases of the charge catalogue, and the price look-ups every charging module calls."""

from functions.catalogue.prices.problems import ItemStopped, ItemUnknown, NoPrice, QuantityNotAllowed
from functions.catalogue.prices.queries import PricedItem
from functions.catalogue.prices.service.items import (
    change_item,
    define_unit,
    draft_item,
    item_card,
    resume_item,
    stop_item,
    units,
)
from functions.catalogue.prices.service.lists import (
    add_rows,
    batches,
    discard_batch,
    fix_row,
    import_list,
    publish_batch,
    read_batch,
    set_aside,
)
from functions.catalogue.prices.service.lookups import (
    check_quantity,
    current_prices,
    price_at,
    prices_at,
    public_list,
    search,
)
from functions.catalogue.prices.service.pricing import cancel_price, check_price, draft_price, waiting_prices

__all__ = [
    "ItemStopped",
    "ItemUnknown",
    "NoPrice",
    "PricedItem",
    "QuantityNotAllowed",
    "add_rows",
    "batches",
    "cancel_price",
    "change_item",
    "check_price",
    "check_quantity",
    "current_prices",
    "define_unit",
    "discard_batch",
    "draft_item",
    "draft_price",
    "fix_row",
    "import_list",
    "item_card",
    "price_at",
    "prices_at",
    "public_list",
    "publish_batch",
    "read_batch",
    "resume_item",
    "search",
    "set_aside",
    "stop_item",
    "units",
    "waiting_prices",
]
