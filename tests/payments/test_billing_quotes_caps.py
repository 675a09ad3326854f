"""A cap holds the surcharges of what was charged before: however a day is split and ordered, it is never passed."""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID, uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from functions.payments.billing import service as billing
from functions.payments.billing.service import ChargeInfo
from integrity.runner import load, run
from shared.money import ZERO
from tests.payments.conftest import BILLING, SOURCE, Hall, refused
from tests.payments.test_billing_quotes import SERIAL, amounts, child, items, order, post, reprice, rule
from tests.support.clinic import ok

CAP = Decimal("30.00")


def surcharged(hall: Hall, price: str, **params: Any) -> str:
    """An item that costs a child a third more, at most 30.00 a day with it."""
    (code,) = items(hall, price)
    rule(hall, "surcharge_pct", [code], percent="30", age_below=18, **params)
    rule(hall, "cap_per_day", [code], amount=str(CAP))
    return code


def worth(hall: Hall, patient: UUID) -> Decimal:
    """What a patient's charges come to now."""
    value = hall.hospital.value(
        "SELECT coalesce(sum(amount - refunded_amount), 0) FROM payments.charges"
        " WHERE patient_id = %s AND status <> 'voided'",
        [patient],
    )
    return Decimal(value)


def passed_caps(hall: Hall) -> list[str]:
    names = frozenset(check.name for check in load() if check.name == "catalogue.prices_cap_passed")
    assert names, "the check exists"
    return [one.name for one in run(hall.hospital.settings.auditor_database_url, names) if not one.holds]


def test_the_surcharges_of_an_earlier_request_count(hall: Hall) -> None:
    code = surcharged(hall, "10.00")
    patient = child(hall)
    first = post(hall, order(patient, (code, 2)))
    assert amounts(first) == ["20.00", "6.00"]
    second = post(hall, order(patient, (code, 2)))
    assert amounts(second) == ["4.00", "0.00"], "26.00 of 30.00 were charged, 6.00 of them as a surcharge"
    assert amounts(post(hall, order(patient, (code, 1)))) == ["0.00", "0.00"]
    assert worth(hall, patient) == CAP
    hall.assert_balanced()


def test_two_first_requests_at_once_are_priced_one_after_another(hall: Hall) -> None:
    code = surcharged(hall, "10.00")
    patient = child(hall)
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
    with ThreadPoolExecutor(1) as pool:
        with hall.hospital.tx("hq") as tx:
            first = billing.post_charges(tx, order(patient, (code, 2)))
            tx.session.flush()
            other = pool.submit(post, hall, order(patient, (code, 2)))
            while not hall.hospital.value(waiting):
                assert not other.done(), "the second did not wait for the first"
        assert amounts(first) == ["20.00", "6.00"]
        assert amounts(other.result(10)) == ["4.00", "0.00"]
    assert worth(hall, patient) == CAP


def test_a_surcharge_charged_as_another_item_counts_too(hall: Hall) -> None:
    (extra,) = items(hall, "0.0100")
    code = surcharged(hall, "20.00", charge_code=extra)
    patient = child(hall)
    first = post(hall, order(patient, (code, 1)))
    assert [(one.item_code, str(one.amount)) for one in first] == [(code, "20.00"), (extra, "6.00")]
    assert amounts(post(hall, order(patient, (code, 1)))) == ["4.00", "0.00"]


def test_an_unpaid_request_makes_room_when_it_is_withdrawn(hall: Hall) -> None:
    code = surcharged(hall, "10.00")
    patient, source = child(hall), str(uuid4())
    post(hall, order(patient, (code, 2), source=source))
    later = post(hall, order(patient, (code, 2)))
    assert amounts(later) == ["4.00", "0.00"]
    with hall.hospital.tx("hq") as tx:
        billing.void_source(tx, SOURCE, source, "开错")
    assert worth(hall, patient) == Decimal("26.00"), "the later request costs what it would alone"
    assert ok(hall.settle(hall.cashier(), later[:1], "26.00"))["total"] == "26.00"


def test_a_refund_of_the_first_leaves_the_second_at_what_it_was_charged(hall: Hall) -> None:
    code, cashier = surcharged(hall, "10.00"), hall.cashier()
    patient = child(hall)
    sold = dict(ok(hall.settle(cashier, post(hall, order(patient, (code, 2)))[:1], "26.00")))
    other = dict(ok(hall.settle(cashier, post(hall, order(patient, (code, 2)))[:1], "4.00")))
    done = ok(hall.refund(cashier.caller, sold, (0, 2)))
    assert done["amount"] == "26.00"
    named = {(one["settlement_id"], one["amount"]) for one in done["differences"]}
    assert named == {(other["settlement_id"], "16.00"), (other["settlement_id"], "6.00")}, "for the price officer"
    assert worth(hall, patient) == Decimal("4.00")
    hall.assert_balanced()


def test_a_refund_of_one_request_paid_with_the_other_gives_back_what_the_rest_does_not_fill(hall: Hall) -> None:
    code, cashier = surcharged(hall, "10.00"), hall.cashier()
    patient = child(hall)
    first = post(hall, order(patient, (code, 2)))
    second = post(hall, order(patient, (code, 2)))
    sold = dict(ok(hall.settle(cashier, [first[0], second[0]], "30.00")))
    line = next(at for at, one in enumerate(sold["lines"]) if one["charge_id"] == str(first[0].charge_id))
    assert ok(hall.refund(cashier.caller, sold, (line, 2)))["amount"] == "4.00", "26.00 of the second stay"
    rest = next(at for at, one in enumerate(sold["lines"]) if one["charge_id"] == str(second[0].charge_id))
    assert ok(hall.refund(cashier.caller, sold, (rest, 2)))["amount"] == "26.00"
    assert worth(hall, patient) == ZERO
    hall.assert_balanced()


def test_a_part_of_the_first_goes_back_with_its_surcharge(hall: Hall) -> None:
    code, cashier = surcharged(hall, "10.00"), hall.cashier()
    patient = child(hall)
    sold = dict(ok(hall.settle(cashier, post(hall, order(patient, (code, 2)))[:1], "26.00")))
    [base, extra] = post(hall, order(patient, (code, 2)))
    assert ok(hall.refund(cashier.caller, sold, (0, 1)))["amount"] == "13.00"
    refused(hall.settle(cashier, [base], "4.00"), 409, "price_changed")
    assert ok(hall.settle(cashier, [base, extra], "17.00"))["total"] == "17.00", "13.00 stay of the first"
    hall.assert_balanced()


def test_two_requests_whose_price_rises_do_not_pass_the_cap(hall: Hall) -> None:
    """Each alone would fit at the new price; what the first comes to counts for the second."""
    code, cashier = surcharged(hall, "5.00"), hall.cashier()
    patient = child(hall)
    first = post(hall, order(patient, (code, 2)))
    second = post(hall, order(patient, (code, 2)))
    assert worth(hall, patient) == Decimal("26.00")
    reprice(hall, {code: "10.00"})
    hall.hospital.drain()
    assert worth(hall, patient) == CAP
    assert ok(hall.settle(cashier, [first[0], second[0]], "30.00"))["total"] == "30.00"
    hall.assert_balanced()


def test_a_rise_finds_no_room_beside_what_was_charged_later(hall: Hall) -> None:
    (early,) = items(hall, "5.00")
    (late,) = items(hall, "20.00")
    rule(hall, "cap_per_day", [early, late], amount=str(CAP))
    patient, cashier = hall.patient(), hall.cashier()
    waiting = post(hall, order(patient, (early, 2)))
    ok(hall.settle(cashier, post(hall, order(patient, (late, 1))), "20.00"))
    reprice(hall, {early: "12.00"})
    hall.hospital.drain()
    assert worth(hall, patient) == CAP
    assert ok(hall.settle(cashier, waiting, "10.00"))["total"] == "10.00"
    hall.assert_balanced()


# -- the law


@cache
def capped(hall: Hall) -> tuple[str, ...]:
    """Three items with surcharges of several kinds under one cap of a day."""
    codes = items(hall, "3.3300", "7.7500", "12.0100")
    rule(hall, "surcharge_pct", codes[:2], percent="33.333")
    rule(hall, "surcharge_fixed", codes[1:], amount="1.23")
    rule(hall, "cap_per_day", codes, amount=str(CAP))
    return tuple(codes)


REQUESTS = st.lists(
    st.lists(st.tuples(st.integers(0, 2), st.integers(1, 3)), min_size=1, max_size=2), min_size=1, max_size=4
)


def test_whatever_the_requests_and_their_order_the_day_costs_the_same_and_never_more_than_the_cap(hall: Hall) -> None:
    codes, cashier = capped(hall), hall.cashier(amount="9000.00")

    def charged(patient: UUID, requests: Sequence[Sequence[tuple[int, int]]]) -> list[list[ChargeInfo]]:
        return [post(hall, order(patient, *[(codes[item], many) for item, many in one])) for one in requests]

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
    @given(requests=REQUESTS, data=st.data())
    def law(requests: list[list[tuple[int, int]]], data: st.DataObject) -> None:
        patient, other = hall.patient(), hall.patient()
        posted = charged(patient, requests)
        charged(other, data.draw(st.permutations(requests)))
        together = post(hall, order(hall.patient(), *[(codes[item], many) for one in requests for item, many in one]))
        whole = sum((one.amount for one in together), ZERO)
        assert worth(hall, patient) == worth(hall, other) == whole <= CAP
        paid = data.draw(st.integers(0, len(posted) - 1))
        total = sum((one.amount for one in posted[paid]), ZERO)
        bases = [one for one in posted[paid] if one.base_charge_id is None]
        sold = dict(ok(hall.settle(cashier, bases, str(total))))
        body = {
            "settlement_id": sold["settlement_id"],
            "lines": [{"charge_id": str(bases[0].charge_id), "quantity": "1"}],
            "reason_code": "patient",
            "reason": "患者要求退费",
        }
        ok(cashier.caller.post(f"{BILLING}/refunds", body))
        assert worth(hall, patient) <= CAP, "what goes back makes room, and no more"
        post(hall, order(patient, (codes[data.draw(st.integers(0, 2))], 3)))
        assert worth(hall, patient) <= CAP

    law()
    assert passed_caps(hall) == []
    hall.assert_balanced()


def test_the_check_finds_a_passed_cap(hall: Hall) -> None:
    (code,) = items(hall, "40.00")
    patient = hall.patient()
    post(hall, order(patient, (code, 1)))
    rule(hall, "cap_per_day", [code], title=f"封顶{next(SERIAL)}", amount="30.00")
    assert passed_caps(hall) == [], "charged before the rule"
    hall.hospital.execute(
        "UPDATE catalogue.price_rules SET valid_from = valid_from - interval '1 hour',"
        " checked_at = checked_at - interval '1 hour'"
        " WHERE rule_id = (SELECT rule_id FROM catalogue.price_rule_items WHERE item_code = %s)",
        [code],
    )
    assert passed_caps(hall) == ["catalogue.prices_cap_passed"]
    hall.hospital.execute(
        "UPDATE catalogue.price_rules SET valid_from = valid_from + interval '1 hour',"
        " checked_at = checked_at + interval '1 hour'"
        " WHERE rule_id = (SELECT rule_id FROM catalogue.price_rule_items WHERE item_code = %s)",
        [code],
    )


@pytest.fixture(scope="module", autouse=True)
def _forget() -> Any:
    yield
    capped.cache_clear()
