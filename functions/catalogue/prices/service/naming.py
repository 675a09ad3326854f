"""Other names of charge items (项目别名): what people say instead of the official name."""

from functions.catalogue.codes import service as codes
from functions.catalogue.prices import rules
from functions.catalogue.prices.queries import aliases as queries
from functions.catalogue.prices.schemas import NameItem
from functions.catalogue.prices.service.items import known, require_head
from shared.problems import Stale
from shared.tx import Tx


def name_item(tx: Tx, code: str, command: NameItem) -> list[str]:
    """The other names an item is searched by from now on, all of them; those left out are taken back.

    Raises ConsortiumList, ItemUnknown, Stale when another officer named it since.
    """
    require_head(tx)
    item = known(tx, code)
    wanted = sorted(set(command.aliases) - {item.name})
    before = tx.session.all(queries.ALIASES_OF, code=code)
    if sorted(command.seen) != sorted(before):
        raise Stale("该项目的别名已被他人修改，请对照现值后再操作。", current=before)
    if gone := sorted(set(before) - set(wanted)):
        tx.session.execute(queries.RETIRE_ALIASES, code_=code, aliases=gone, now=tx.now)
    if new := sorted(set(wanted) - set(before)):
        tx.session.execute(
            queries.ADD_ALIASES,
            code=code,
            aliases=new,
            initials=[rules.initials(alias) for alias in new],
            wubi=[codes.wubi(alias) for alias in new],
            now=tx.now,
            by=tx.actor.subject,
        )
    tx.audit("charge_item.named", "charge_item", item.item_id, added=len(new), retired=len(gone))
    return wanted


def aliases_of(tx: Tx, code: str) -> list[str]:
    """The other names of an item. Raises ItemUnknown."""
    known(tx, code)
    return tx.session.all(queries.ALIASES_OF, code=code)
