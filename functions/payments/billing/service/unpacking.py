"""Packages among the lines of an order: their members are charged, one by one.

A package that costs what its members cost leaves ordinary lines. One of an approved price of its own (单病种, 日间,
体检) leaves shares of that price: they add up to it to the cent, no rule between lines acts on them, each is done and
refunded for its share, and together they follow the package's price until they are settled.
"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import replace
from decimal import Decimal
from uuid import UUID

from functions.catalogue.prices import service as prices
from functions.catalogue.prices.service import Expanded, Origin, Person, PriceBook, PricedItem, QuotedLine
from functions.patients.index import service as patients
from functions.payments.billing.models import Charge
from functions.payments.billing.queries import pricing as queries
from functions.payments.billing.service.orders import ChargeLine, ChargeOrder
from functions.payments.billing.service.quoted import NewPrice, PackageOrdered, QuotedCharge
from shared.money import ZERO, line_amount
from shared.problems import Invalid
from shared.tx import Tx

PACKAGE = "package"
"""Kind of an item that stands for several."""


def unpack(tx: Tx, order: ChargeOrder, book: PriceBook) -> tuple[list[ChargeLine], list[QuotedCharge]]:
    """The lines of an order with the members of its packages instead of those, and the shares of packages that have a
    price of their own. Members of line 3 are 3.1, 3.2, and so on.

    Raises PackageUnusable, NoPrice; ExecutingUnitNotAllowed, RequestRequired for what a package itself may not.
    """
    person = person_of(tx, order.patient_id, emergency=order.emergency)
    packages = {line.source_line: line for line in order.lines if _is_package(book, line)}
    prices.require_origin(tx, book.items, origins(order, list(packages.values())))
    lines: list[ChargeLine] = []
    shares: list[QuotedCharge] = []
    for line in order.lines:
        if line.source_line not in packages:
            lines.append(line)
            continue
        quantity = quantity_of(line)
        for place, member in enumerate(prices.expand(tx, line.item_code, person, tx.now, quantity), 1):
            one = replace(
                line, source_line=f"{line.source_line}.{place}", item_code=member.item.code, quantity=member.quantity
            )
            if member.share is None:
                lines.append(one)
            else:
                package = PackageOrdered(book.items[line.item_code], line.source_line, quantity, member.refund_rule)
                shares.append(_share(one, member, package, emergency=order.emergency))
    return lines, shares


def _is_package(book: PriceBook, line: ChargeLine) -> bool:
    item = book.items.get(line.item_code)
    return item is not None and item.kind == PACKAGE


def _share(line: ChargeLine, member: Expanded, package: PackageOrdered, *, emergency: bool) -> QuotedCharge:
    unit_price, _ = prices.unit_price_of(member.amount, member.quantity)
    return QuotedCharge(
        line=line,
        item=member.item,
        quoted=QuotedLine(
            line_no=line.source_line,
            item_code=member.item.code,
            name=f"{member.item.name}（{package.item.name}）",
            quantity=quantity_of(line),
            unit_price=unit_price,
            amount=member.amount,
            version_id=package.item.version_id,
        ),
        list_price=member.item.unit_price,
        by_rule=False,
        emergency=emergency,
        package=package,
    )


def packages_again(tx: Tx, charges: Sequence[Charge], current: Mapping[str, PricedItem]) -> dict[UUID, NewPrice]:
    """Shares of packages whose price moved since they were posted, shared out anew as they were.

    A package of which something is settled, withdrawn or given back alone keeps its price. `current`: prices in force,
    by code.
    """
    moved = [
        one
        for one in charges
        if one.package_code is not None
        and one.package_code in current
        and current[one.package_code].version_id != one.price_version_id
    ]
    ours = {charge.charge_id for charge in charges if not charge.refunded_quantity}
    changed: dict[UUID, NewPrice] = {}
    for parts in package_parts(tx, moved):
        first = parts[0]
        if (
            first.package_code is None
            or first.package_quantity is None
            or not all(one.charge_id in ours for one in parts)
        ):
            continue
        item = current[first.package_code]
        total = line_amount(item.unit_price, first.package_quantity)
        if total == sum((one.amount for one in parts), ZERO):
            continue
        weights = [line_amount(one.list_price, one.quantity) for one in parts]
        for one, share in zip(parts, prices.share_out(total, weights), strict=True):
            unit_price, off = prices.unit_price_of(share, one.quantity)
            changed[one.charge_id] = NewPrice(one.list_price, unit_price, share, off, item.version_id)
    return changed


def package_parts(tx: Tx, charges: Sequence[Charge]) -> list[list[Charge]]:
    """The packages some shares belong to: everything ever charged of each, in order."""
    wanted = {(one.source_module, one.source_id, one.package_line) for one in charges}
    if not wanted:
        return []
    found: dict[tuple[str, str, str | None], list[Charge]] = defaultdict(list)
    for one in tx.session.all(
        queries.OF_SOURCES,
        modules=[module for module, _, _ in wanted],
        sources=[source for _, source, _ in wanted],
        campus=tx.campus,
    ):
        if (one.source_module, one.source_id, one.package_line) in wanted:
            found[one.source_module, one.source_id, one.package_line].append(one)
    return list(found.values())


def person_of(tx: Tx, patient_id: UUID, *, emergency: bool = False) -> Person:
    """Who a patient is, as rules and packages ask."""
    known = patients.access_patient(tx, patient_id)
    return Person(known.birth_date, known.sex, emergency)


def origins(order: ChargeOrder, lines: Sequence[ChargeLine]) -> list[Origin]:
    """Where lines of an order come from and who carries them out."""
    return [Origin(line.source_line, line.item_code, line.executing_unit_id, order.request_kind) for line in lines]


def quantity_of(line: ChargeLine) -> Decimal:
    """The quantity of a line. Raises Invalid unless it is more than nothing with at most four decimals."""
    quantity = Decimal(line.quantity)
    if quantity <= 0 or quantity != quantity.quantize(Decimal("0.0001")):
        raise Invalid("数量须大于零，且最多四位小数，请核对后重新录入。")
    return quantity
