"""A part of a group under rules goes back: the rest costs what the rules say of it alone, to the cent."""

from decimal import Decimal
from functools import cache
from typing import Any
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from functions.payments.billing import service as billing
from tests.payments.conftest import BILLING, Cashier, Hall, cash, refused, staff
from tests.payments.test_billing_quotes import items, order, post, rule
from tests.support.clinic import ok

ZERO = Decimal("0.00")


@cache
def operations(hall: Hall) -> tuple[str, ...]:
    """Three operations under one anaesthesia: the second and later at half (spec 40 no. 3)."""
    codes = items(hall, "2000.0000", "1500.0000", "900.0000", fee_class="06")
    rule(hall, "reduce_pct_after_first", codes, percent="50", scope="request")
    return tuple(codes)


def worth(hall: Hall, settlement: dict[str, Any]) -> dict[str, Decimal]:
    """By item: what each line of a settlement is worth now."""
    rows = hall.hospital.rows(
        "SELECT item_code, amount - refunded_amount AS worth FROM payments.charges WHERE settlement_id = %s",
        [settlement["settlement_id"]],
    )
    return {row["item_code"]: row["worth"] for row in rows}


def place(settlement: dict[str, Any], code: str) -> int:
    return next(at for at, line in enumerate(settlement["lines"]) if line["item_code"] == code)


def paid_back(hall: Hall, settlement: dict[str, Any], code: str, *, large: bool = True) -> dict[str, Any]:
    """Refund one line by the three persons it takes."""
    asked = hall.approved_refund(settlement, (place(settlement, code), 1), large=large)
    return dict(ok(hall.execute(hall.cashier(amount="9000.00"), asked)))


def test_the_dearest_goes_back_and_the_next_is_the_first(hall: Hall) -> None:
    first, second, third = operations(hall)
    cashier = hall.cashier()
    sold = hall.sold(cashier, (first, 1), (second, 1), (third, 1), total="3200.00")
    asked = hall.approved_refund(sold, (place(sold, first), 1), large=True)
    assert asked["amount"] == "1250.00", "2,000 less what the second costs more when it is the first"
    done = ok(hall.execute(hall.cashier(amount="9000.00"), asked))
    assert {(one["quantity"], one["amount"]) for one in done["lines"]} == {("1.0000", "2000.00"), ("0.0000", "-750.00")}
    assert worth(hall, sold) == {first: ZERO, second: Decimal("1500.00"), third: Decimal("450.00")}
    assert (done["differences"], done["new_receipt_no"] is not None) == ([], True)
    hall.assert_balanced()
    rest = paid_back(hall, sold, second)
    assert rest["amount"] == "1050.00", "1,500 less what the third costs more alone"
    assert paid_back(hall, sold, third)["amount"] == "900.00"
    assert set(worth(hall, sold).values()) == {ZERO}
    hall.assert_balanced()


def test_a_reduced_one_goes_back_for_what_it_cost(hall: Hall) -> None:
    first, second, third = operations(hall)
    sold = hall.sold(hall.cashier(), (first, 1), (second, 1), (third, 1), total="3200.00")
    assert paid_back(hall, sold, second)["amount"] == "750.00"
    assert worth(hall, sold) == {first: Decimal("2000.00"), second: ZERO, third: Decimal("450.00")}


def test_below_a_cap_nothing_goes_back_while_the_rest_fills_it(hall: Hall) -> None:
    code, other, third = items(hall, "20.0000", "20.0000", "5.0000")
    rule(hall, "cap_per_day", [code, other, third], amount="30")
    cashier = hall.cashier()
    sold = hall.sold(cashier, (code, 1), (other, 1), (third, 1), total="30.00")
    full = next(line["item_code"] for line in sold["lines"] if line["amount"] == "20.00")
    asked = ok(hall.refund(cashier.caller, sold, (place(sold, full), 1)))
    assert (asked["state"], asked["amount"]) == ("executed", "5.00"), "20 and 5 stay: 25 of 30"
    assert sum(worth(hall, sold).values()) == Decimal("25.00")
    hall.assert_balanced()


def test_the_first_is_free_again_when_the_free_one_goes_back(hall: Hall) -> None:
    free, paid = items(hall, "20.0000", "8.0000")
    rule(hall, "first_n_free", [free, paid], quantity="1", scope="day")
    cashier = hall.cashier()
    sold = hall.sold(cashier, (free, 1), (paid, 1), total="8.00")
    done = ok(hall.refund(cashier.caller, sold, (place(sold, free), 1)))
    assert (done["state"], done["amount"]) == ("executed", "8.00")
    assert worth(hall, sold) == {free: ZERO, paid: ZERO}
    hall.assert_balanced()


def test_what_changed_since_it_was_asked_for_is_asked_for_again(hall: Hall) -> None:
    first, second, third = operations(hall)
    sold = hall.sold(hall.cashier(), (first, 1), (second, 1), (third, 1), total="3200.00")
    early = hall.approved_refund(sold, (place(sold, first), 1), large=True)
    assert paid_back(hall, sold, second)["amount"] == "750.00"
    cashier = hall.cashier(amount="9000.00")
    refused(hall.execute(cashier, early), 409, "refund_changed")
    assert worth(hall, sold)[first] == Decimal("2000.00"), "nothing moved"
    applicant = hall.hospital.value("SELECT applicant FROM payments.refunds WHERE refund_id = %s", [early["refund_id"]])
    decider = hall.finance()
    reject = {"version": early["version"]}
    refused(decider.post(f"{BILLING}/refunds/{early['refund_id']}/reject-large", reject), 409, "refund_not_waiting")
    assert applicant
    hall.assert_balanced()


def test_an_executed_operation_that_stays_costs_its_full_price(hall: Hall) -> None:
    first, second, _ = operations(hall)
    source = "op-done"
    charges = hall.post(hall.patient(), (first, 1), (second, 1), source_id=source)
    sold = dict(ok(hall.settle(hall.cashier(), charges, "2750.00")))
    with hall.hospital.tx("hq") as tx:
        billing.record_execution(tx, "tests/source", source, [billing.Executed(charges[1].source_line, Decimal(1))])
    assert paid_back(hall, sold, first)["amount"] == "1250.00"
    hall.assert_balanced()


def test_a_debt_falls_by_the_difference_alone(hall: Hall) -> None:
    first, second, _ = operations(hall)
    charges = hall.post(hall.patient(), (first, 1), (second, 1))
    more = {"note": "绿色通道", "approved_by": str(staff(hall.hospital))}
    sold = dict(
        ok(
            hall.settle(
                hall.cashier(), charges, "2750.00", {"method": "debt", "amount": "2000.00", **more}, cash("750")
            )
        )
    )
    assert paid_back(hall, sold, first)["amount"] == "1250.00"
    debt = hall.hospital.value(
        "SELECT outstanding FROM payments.debts WHERE settlement_id = %s", [sold["settlement_id"]]
    )
    assert debt == Decimal("750.00")
    hall.assert_balanced()


# -- what is beside it elsewhere


def test_what_is_unpaid_beside_it_is_quoted_again(hall: Hall) -> None:
    dear, cheap = items(hall, "100.0000", "80.0000")
    rule(hall, "reduce_pct_after_first", [dear, cheap], percent="50", scope="day")
    patient, cashier = hall.patient(), hall.cashier()
    sold = dict(ok(hall.settle(cashier, hall.post(patient, (dear, 1)), "100.00")))
    [later] = hall.post(patient, (cheap, 1))
    assert later.amount == Decimal("40.00")
    done = ok(hall.refund(cashier.caller, sold, (0, 1)))
    assert (done["amount"], done["differences"]) == ("100.00", [])
    refused(hall.settle(cashier, [later], "40.00"), 409, "price_changed")
    ok(hall.settle(cashier, [later], "80.00"))
    hall.assert_balanced()


def test_a_withdrawn_line_reduces_its_neighbour_no_more(hall: Hall) -> None:
    first, second, third = operations(hall)
    patient = hall.patient()
    hall.post(patient, (first, 1), source_id="gone")
    kept = hall.post(patient, (second, 1), (third, 1))
    assert [one.amount for one in kept] == [Decimal("1500.00"), Decimal("450.00")], "another request, another group"
    day_one, day_two = items(hall, "60.0000", "50.0000")
    rule(hall, "reduce_pct_after_first", [day_one, day_two], percent="50", scope="day")
    hall.post(patient, (day_one, 1), source_id="first-of-day")
    [later] = hall.post(patient, (day_two, 1))
    with hall.hospital.tx("hq") as tx:
        billing.void_source(tx, "tests/source", "first-of-day", "开错")
    ok(hall.settle(hall.cashier(), [later], "50.00"))
    hall.assert_balanced()


def test_a_line_settled_elsewhere_is_named_not_touched(hall: Hall) -> None:
    dear, cheap = items(hall, "100.0000", "80.0000")
    rule(hall, "reduce_pct_after_first", [dear, cheap], percent="50", scope="day")
    patient, cashier = hall.patient(), hall.cashier()
    sold = dict(ok(hall.settle(cashier, hall.post(patient, (dear, 1)), "100.00")))
    other = dict(ok(hall.settle(cashier, hall.post(patient, (cheap, 1)), "40.00")))
    done = ok(hall.refund(cashier.caller, sold, (0, 1)))
    assert done["amount"] == "100.00"
    named = [(one["settlement_id"], one["item_code"], one["amount"]) for one in done["differences"]]
    assert named == [(other["settlement_id"], cheap, "40.00")]
    assert worth(hall, other) == {cheap: Decimal("40.00")}
    path = f"{BILLING}/refund-differences"
    listed = ok(hall.finance().get(path, limit=1))
    assert listed["items"] == done["differences"]
    seen = ok(hall.finance().get(path, cursor=listed["next"]))["items"]
    assert done["differences"][0] not in seen
    assert ok(hall.finance("mch").get(path))["items"] == []
    refused(hall.finance().get(path, cursor="x"), 400, "unreadable")
    hall.assert_balanced()


# -- the law: what was charged is what the rules say of what stays, plus what went back


@cache
def mixed(hall: Hall) -> tuple[str, ...]:
    codes = items(hall, "33.3300", "20.0500", "7.7700", "12.3400", "5.0000", "9.9900")
    rule(hall, "reduce_pct_after_first", codes[:3], percent="33.333", scope="request")
    rule(hall, "cap_per_day", codes[2:5], amount="31.00")
    rule(hall, "first_n_free", codes[4:], quantity="1", scope="day")
    rule(hall, "surcharge_fixed", codes[1:4], amount="1.23")
    return tuple(codes)


def priced_alone(hall: Hall, left: list[tuple[str, Decimal]]) -> Decimal:
    """What these lines would cost somebody who was never charged anything else."""
    if not left:
        return ZERO
    with hall.hospital.tx("hq") as tx:
        quoted = billing.quote_charges(tx, order(hall.patient(), *[(code, str(many)) for code, many in left]))
    return sum((one.quoted.amount for one in quoted), ZERO)


LINES = st.lists(st.tuples(st.integers(0, 5), st.integers(1, 3)), min_size=1, max_size=5)


def test_whatever_goes_back_in_whatever_order_the_rest_costs_what_it_would_alone(hall: Hall) -> None:
    codes, cashier = mixed(hall), hall.cashier(amount="9000.00")

    @settings(
        max_examples=12, deadline=None, suppress_health_check=list(HealthCheck), print_blob=True, derandomize=True
    )
    @given(wanted=LINES, data=st.data())
    def law(wanted: list[tuple[int, int]], data: st.DataObject) -> None:
        patient = hall.patient()
        charges = post(hall, order(patient, *[(codes[item], many) for item, many in wanted]))
        total = sum((one.amount for one in charges), ZERO)
        sold = dict(ok(hall.settle(cashier, charges, str(total))))
        left = {one.charge_id: [one.item_code, one.quantity] for one in charges if one.base_charge_id is None}
        assert priced_alone(hall, _standing(left)) == total
        back = ZERO
        while _standing(left):
            charge_id = data.draw(st.sampled_from([one for one, (_, many) in left.items() if many]))
            part = data.draw(st.integers(1, int(left[charge_id][1])))
            back += refund(hall, cashier, sold, charge_id, part)
            left[charge_id][1] -= part
            rest = priced_alone(hall, _standing(left))
            assert total == rest + back, "charged = what stays + what went back"
            assert paid_and_owed(hall, sold) == rest
            assert sum(worth(hall, sold).values()) == rest or len(worth(hall, sold)) < len(charges)
        assert back == total

    law()
    hall.assert_balanced()


def _standing(left: dict[UUID, list[Any]]) -> list[tuple[str, Decimal]]:
    return [(code, many) for code, many in left.values() if many]


def refund(hall: Hall, cashier: Cashier, sold: dict[str, Any], charge_id: UUID, part: int) -> Decimal:
    body = {
        "settlement_id": sold["settlement_id"],
        "lines": [{"charge_id": str(charge_id), "quantity": str(part)}],
        "reason_code": "patient",
        "reason": "患者要求退费",
    }
    done = ok(cashier.caller.post(f"{BILLING}/refunds", body))
    assert done["state"] == "executed", done
    return Decimal(done["amount"])


def paid_and_owed(hall: Hall, sold: dict[str, Any]) -> Decimal:
    return Decimal(
        hall.hospital.value(
            "SELECT sum(amount - returned) FROM payments.tenders WHERE settlement_id = %s", [sold["settlement_id"]]
        )
        or ZERO
    )


@pytest.fixture(scope="module", autouse=True)
def _forget() -> Any:
    yield
    operations.cache_clear()
    mixed.cache_clear()
