"""What turns by itself, minute by minute. Each part does a bounded amount of work and finds nothing the second time."""

from functions.catalogue.codes import service as codes
from functions.catalogue.prices.queries import wubi as queries
from functions.catalogue.prices.service.monitoring import watch_yesterday
from functions.catalogue.prices.service.special import watch_share
from functions.organisation.structure import service as organisation
from shared.tx import Tx

FILLED_AT_ONCE = 2000


def each_minute(tx: Tx) -> None:
    """A minute at a campus."""
    watch_yesterday(tx)
    watch_share(tx)
    fill_wubi(tx)


def fill_wubi(tx: Tx) -> None:
    """Items and names written before there was wubi get theirs, at the head hospital, which keeps the list."""
    if not organisation.campus(tx).is_head:
        return
    items = tx.session.send(queries.ITEMS_WITHOUT, most=FILLED_AT_ONCE)
    names = tx.session.all(queries.ALIASES_WITHOUT, most=FILLED_AT_ONCE)
    if lacking := items.all():
        keys = [item.item_id for item in lacking]
        tx.session.execute(queries.FILL_ITEMS, keys=keys, wubi=[codes.wubi(item.name) for item in lacking])
    if names:
        tx.session.execute(queries.FILL_ALIASES, keys=names, wubi=[codes.wubi(name) for name in names])
