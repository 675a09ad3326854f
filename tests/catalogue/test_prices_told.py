"""A published list reaches billing as a few events, and unsettled lines follow it at once."""

from tests.payments.conftest import BILLING, Hall, hall
from tests.support.clinic import ok

__all__ = ["hall"]
"""The fixture of the payments area: billing and the price list together."""


def test_unsettled_lines_follow_a_published_list(hall: Hall) -> None:
    hall.publish({"moving": ("将调价项目", "05", "10.0000"), "staying": ("不调价项目", "05", "7.0000")})
    cashier = hall.cashier()
    moving, staying = hall.post(hall.patient(), ("moving", 3), ("staying", 1))
    hall.hospital.drain()
    hall.hospital.clock.move(minutes=1)
    hall.publish({"moving": ("将调价项目", "05", "11.0000"), "staying": ("不调价项目", "05", "7.0000")})
    told = [one for one in hall.hospital.events("prices_batch_published") if one["closed_at"] is None]
    assert [one["data"]["item_codes"] for one in told] == [["moving"]], "what stays is not told of"
    hall.hospital.clock.move(minutes=1)
    assert hall.hospital.drain() > 0
    after = ok(cashier.caller.get(f"{BILLING}/charges/{moving.charge_id}"))
    assert (after["unit_price"], after["amount"]) == ("11.0000", "33.00")
    repriced = after["repriced_at"]
    assert repriced is not None
    untouched = ok(cashier.caller.get(f"{BILLING}/charges/{staying.charge_id}"))
    assert (untouched["unit_price"], untouched["repriced_at"]) == ("7.0000", None)
    row = hall.hospital.rows(
        "SELECT detail FROM kernel.audit_entries WHERE action = 'charges.repriced' ORDER BY entry_id DESC LIMIT 1"
    )
    assert row[0]["detail"]["count"] == 1
