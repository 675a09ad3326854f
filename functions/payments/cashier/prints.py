"""Printed forms of the cashier: what stands on them. They are drawn after the transaction."""

from decimal import Decimal

from functions.organisation.structure import service as organisation
from functions.payments.cashier import service
from functions.payments.cashier.models import CashBag, CashCollection, CashHandIn
from shared.command import Document
from shared.money import round_money
from shared.printing import render
from shared.printing.published import layout_in_force
from shared.tx import Tx

HAND_IN_SLIP, COLLECTION_SLIP = "hand_in_slip", "collection_slip"
KINDS = {"mid_shift": "班中缴款", "closing": "日结缴款"}


def hand_in_slip(tx: Tx, row: CashHandIn) -> Document:
    """The hand-in slip (缴款单), A5."""
    shift = service.find_shift(tx, row.shift_id)
    campus = organisation.campus(tx, row.campus_id)
    layout = layout_in_force(tx, HAND_IN_SLIP)
    copies = service.copies_printed(tx, HAND_IN_SLIP, row.hand_in_id)
    received = shift.state == "received"
    data = {
        "hospital": campus.name,
        "campus": campus.short_name,
        "hand_in_no": row.hand_in_no,
        "kind": KINDS[row.kind],
        "shift_no": shift.shift_no,
        "cashier": row.handed_in_by_name,
        "cashier_no": shift.cashier_no or "—",
        "counter": shift.counter_name,
        "handed_in_at": row.handed_in_at,
        "denominations": denomination_lines(row.denominations),
        "amount": row.amount,
        "receiver": shift.received_by_name if received else None,
        "received_at": shift.received_at if received else None,
        "bank_slip_no": shift.bank_slip_no if received else None,
        "remark": row.remark,
        "printed_at": tx.now,
    }
    return Document(
        lambda: render(layout, data, reprint=max(0, copies - 1)), "application/pdf", f"缴款单-{row.hand_in_no}.pdf"
    )


def collection_slip(tx: Tx, collection: CashCollection, bags: list[CashBag]) -> Document:
    """The slip of bags handed to the bank's courier (现金交接单), A4, with two signatures."""
    campus = organisation.campus(tx, collection.campus_id)
    layout = layout_in_force(tx, COLLECTION_SLIP)
    copies = service.copies_printed(tx, COLLECTION_SLIP, collection.collection_id)
    data = {
        "hospital": campus.name,
        "campus": campus.short_name,
        "collection_no": collection.collection_no,
        "company": collection.company,
        "courier": collection.courier_name,
        "courier_no": collection.courier_no,
        "handed_over_by": collection.handed_over_by_name,
        "handed_over_at": collection.handed_over_at,
        "bags": [
            {"seal_no": bag.seal_no, "slips": bag.slip_count, "sealed_by": bag.sealed_by_name, "amount": bag.amount}
            for bag in bags
        ],
        "bag_count": collection.bag_count,
        "amount": collection.amount,
        "printed_at": tx.now,
        "printed_by": tx.actor.name,
    }
    name = f"现金交接单-{collection.collection_no}.pdf"
    return Document(lambda: render(layout, data, reprint=max(0, copies - 1)), "application/pdf", name)


def denomination_lines(denominations: dict[str, int]) -> list[dict[str, object]]:
    """Notes and coins as a form lists them."""
    return [
        {"face": face, "count": pieces, "amount": round_money(Decimal(face) * pieces)}
        for face, pieces in denominations.items()
    ]
