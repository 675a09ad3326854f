"""Packages refunded at list prices (按单价退费): what was done costs its single price, the remainder goes back."""

from decimal import Decimal
from types import SimpleNamespace
from typing import Any, cast
from uuid import uuid4

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings

from functions.catalogue.prices.service import share_out
from functions.payments.billing import service as billing
from functions.payments.billing.models import Charge
from functions.payments.billing.service import ChargeInfo, Executed
from functions.payments.billing.service.part_packages import worths
from shared.money import ZERO, line_amount
from tests.payments.conftest import BILLING, SOURCE, Hall, cash, refused, staff
from tests.payments.test_billing_quotes import SERIAL, items, order, post, reprice
from tests.payments.test_billing_quotes_packages import PRICES, package, set_price
from tests.support.clinic import ok


def contract(hall: Hall, price: str, *members: tuple[str, str]) -> str:
    """A package of its own price that is refunded at list prices."""
    officer, checker = hall.hospital.caller("price_officer"), hall.hospital.caller("price_checker")
    code = f"single{next(SERIAL)}"
    item = {"code": code, "name": "产检套餐", "unit": "套", "kind": "package", "fee_class": "03"}
    ok(officer.post(f"{PRICES}/items", {**item, "basis_document": "桂医保发〔2026〕9号"}))
    body = {
        "members": [{"member_code": one, "quantity": many} for one, many in members],
        "own_price": "checkup",
        "approval_no": "桂医保函〔2026〕9号",
        "refund_rule": "list_price",
    }
    made = ok(officer.post(f"{PRICES}/packages/{code}/versions", body))
    assert made["refund_rule"] == "list_price"
    ok(checker.post(f"{PRICES}/package-versions/{made['package_version_id']}/check"))
    set_price(hall, code, price)
    return code


def bought(hall: Hall, price: str, *members: tuple[str, str]) -> tuple[dict[str, Any], list[ChargeInfo], str]:
    """A package paid in cash: its settlement, its lines and its source."""
    source = str(uuid4())
    posted = post(hall, order(hall.patient(), (contract(hall, price, *members), 1), source=source))
    assert sum((one.amount for one in posted), ZERO) == Decimal(price)
    return dict(ok(hall.settle(hall.cashier(), posted, price))), posted, source


def done(hall: Hall, source: str, *lines: tuple[str, str]) -> None:
    with hall.hospital.tx("hq") as tx:
        billing.begin_execution(tx, SOURCE, source, [line for line, _ in lines])
        billing.record_execution(tx, SOURCE, source, [Executed(line, Decimal(many)) for line, many in lines])


def quoted(hall: Hall, sold: dict[str, Any], *lines: tuple[ChargeInfo, str], caller: Any = None) -> Any:
    body = {
        "settlement_id": sold["settlement_id"],
        "lines": [{"charge_id": str(one.charge_id), "quantity": many} for one, many in lines],
    }
    return (caller or hall.cashier().caller).post(f"{BILLING}/refunds/quote", body)


def places(sold: dict[str, Any], *lines: tuple[ChargeInfo, str]) -> list[tuple[int, str]]:
    where = {line["charge_id"]: place for place, line in enumerate(sold["lines"])}
    return [(where[str(one.charge_id)], many) for one, many in lines]


def paid_back(hall: Hall, sold: dict[str, Any], *lines: tuple[ChargeInfo, str]) -> dict[str, Any]:
    """Refund lines by the three persons it takes."""
    asked = hall.approved_refund(sold, *places(sold, *lines), large=True)
    return dict(ok(hall.execute(hall.cashier(amount="90000.00"), asked)))


def left(hall: Hall, posted: list[ChargeInfo]) -> list[str]:
    rows = hall.hospital.rows(
        "SELECT amount - refunded_amount AS worth FROM payments.charges WHERE charge_id = ANY(%s) ORDER BY charge_id",
        [[one.charge_id for one in posted]],
    )
    return [str(row["worth"]) for row in rows]


def test_what_was_done_costs_its_single_price_and_the_rest_goes_back(hall: Hall) -> None:
    first, second, third = items(hall, "100.00", "200.00", "33.33")
    sold, posted, source = bought(hall, "250.00", (first, "1"), (second, "1"), (third, "3"))
    assert left(hall, posted) == ["62.50", "125.00", "62.50"]
    done(hall, source, ("1.1", "1"))
    shown = ok(quoted(hall, sold, (posted[1], "1"), (posted[2], "3")))
    assert (shown["amount"], shown["remaining"]) == ("150.00", "100.00")
    assert {
        line["charge_id"]: (line["quantity"], line["amount"], line["remaining_amount"], line["single_price"])
        for line in shown["lines"]
    } == {
        str(posted[0].charge_id): ("0.00", "-37.50", "100.00", "100.0000"),
        str(posted[1].charge_id): ("1", "125.00", "0.00", "200.0000"),
        str(posted[2].charge_id): ("3", "62.50", "0.00", "33.3300"),
    }
    assert {line["priced_by"] for line in shown["lines"]} == {"list_price"}
    assert shown["parts"] == [{"method": "cash", "method_name": "现金", "amount": "150.00"}]
    assert left(hall, posted) == ["62.50", "125.00", "62.50"], "nothing moved"
    back = paid_back(hall, sold, (posted[1], "1"), (posted[2], "3"))
    assert back["amount"] == "150.00"
    assert left(hall, posted) == ["100.00", "0.00", "0.00"]
    assert sum(Decimal(line["amount"]) for line in back["lines"]) == Decimal("150.00")
    receipt = hall.hospital.value(
        "SELECT amount FROM payments.receipts WHERE settlement_id = %s AND reversed_at IS NULL", [sold["settlement_id"]]
    )
    assert receipt == Decimal("100.00"), "the receipt is for what was done"
    hall.assert_balanced()


def slip(hall: Hall, refund: dict[str, Any]) -> str:
    import pypdfium2

    printed = hall.cashier().caller.get(f"{BILLING}/refunds/{refund['refund_id']}/slip.pdf")
    document = pypdfium2.PdfDocument(printed.content)
    return "".join(page.get_textpage().get_text_range() for page in document).replace("\r\n", " ")


def test_the_slip_shows_what_was_done_at_its_single_price(hall: Hall) -> None:
    first, second, third = items(hall, "100.00", "200.00", "50.00")
    sold, posted, source = bought(hall, "250.00", (first, "1"), (second, "1"), (third, "2"))
    assert left(hall, posted) == ["62.50", "125.00", "62.50"]
    done(hall, source, ("1.1", "1"))
    printed = slip(hall, paid_back(hall, sold, (posted[1], "1")))
    assert printed.count("（已做，按单价计）") == 2, "the one that was done, and the one that still may be"
    assert "125.00" in printed
    assert "-37.50" in printed
    later = paid_back(hall, sold, (posted[2], "1"))
    assert later["amount"] == "50.00", "at its single price, which it costs since the first refund"
    assert "（按单价计）" in slip(hall, later)
    by_shares = package(hall, "150.00", (first, "1"), (second, "1"))
    plain = post(hall, order(hall.patient(), (by_shares, 1)))
    shared = dict(ok(hall.settle(hall.cashier(), plain, "150.00")))
    assert "按单价" not in slip(hall, paid_back(hall, shared, (plain[0], "1")))


def test_never_more_than_was_paid_nor_less_than_nothing(hall: Hall) -> None:
    """A deep discount: the two dear ones alone would cost more than the package."""
    dear, dearer, cheap = items(hall, "300.00", "400.00", "10.00")
    sold, posted, source = bought(hall, "355.00", (dear, "1"), (dearer, "1"), (cheap, "1"))
    done(hall, source, ("1.1", "1"), ("1.2", "1"))
    shown = ok(quoted(hall, sold, (posted[2], "1")))
    assert (shown["amount"], shown["remaining"]) == ("0.00", "355.00")
    back = paid_back(hall, sold, (posted[2], "1"))
    assert (back["amount"], back["parts"]) == ("0.00", [])
    assert left(hall, posted) == [str(one) for one in (*share_out(Decimal(355), [Decimal(300), Decimal(400)]), ZERO)]
    hall.assert_balanced()


def test_all_of_it_goes_back_for_all_that_was_paid(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    sold, posted, _ = bought(hall, "250.00", (first, "1"), (second, "1"))
    assert paid_back(hall, sold, (posted[0], "1"), (posted[1], "1"))["amount"] == "250.00"
    assert left(hall, posted) == ["0.00", "0.00"]
    hall.assert_balanced()


def test_what_was_agreed_holds_whatever_the_list_says_later(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    sold, posted, source = bought(hall, "250.00", (first, "1"), (second, "1"))
    reprice(hall, {first: "180.00"})
    done(hall, source, ("1.1", "1"))
    assert ok(quoted(hall, sold, (posted[1], "1")))["amount"] == "150.00"


def test_a_package_agreed_by_shares_stays_so(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    source = str(uuid4())
    code = package(hall, "150.00", (first, "1"), (second, "1"))
    posted = post(hall, order(hall.patient(), (code, 1), source=source))
    sold = dict(ok(hall.settle(hall.cashier(), posted, "150.00")))
    shown = ok(quoted(hall, sold, (posted[1], "1")))
    assert (shown["amount"], [line["priced_by"] for line in shown["lines"]]) == ("100.00", ["share"])


def test_a_package_paid_in_two_settlements_goes_back_by_its_shares(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    posted = post(hall, order(hall.patient(), (contract(hall, "150.00", (first, "1"), (second, "1")), 1)))
    cashier = hall.cashier()
    ok(hall.settle(cashier, posted[:1], "50.00"))
    sold = dict(ok(hall.settle(cashier, posted[1:], "100.00")))
    back = ok(hall.refund(cashier.caller, sold, (0, 1)))
    assert (back["state"], back["amount"]) == ("executed", "100.00")
    hall.assert_balanced()


def test_another_amount_than_was_shown_is_refused(hall: Hall) -> None:
    first, second = items(hall, "100.00", "50.00")
    sold, posted, _ = bought(hall, "120.00", (first, "1"), (second, "1"))
    cashier = hall.cashier().caller
    census = hall.hospital.census()
    wrong = hall.refund(cashier, sold, *places(sold, (posted[1], "1")), expected="40.00")
    refused(wrong, 409, "refund_changed")
    assert wrong.json()["amount"] == "20.00"
    assert hall.hospital.census() == census
    right = ok(hall.refund(cashier, sold, *places(sold, (posted[1], "1")), expected="20.00"))
    assert right["amount"] == "20.00"


def test_two_requests_at_once_are_priced_one_after_the_other(hall: Hall) -> None:
    first, second, third = items(hall, "100.00", "80.00", "60.00")
    sold, posted, _ = bought(hall, "180.00", (first, "1"), (second, "1"), (third, "1"))
    early = hall.approved_refund(sold, *places(sold, (posted[0], "1")), large=True)
    late = hall.approved_refund(sold, *places(sold, (posted[1], "1")), large=True)
    assert (early["amount"], late["amount"]) == ("40.00", "20.00")
    ok(hall.execute(hall.cashier(amount="9000.00"), early))
    refused(hall.execute(hall.cashier(amount="9000.00"), late), 409, "refund_changed")
    assert left(hall, posted) == ["0.00", "80.00", "60.00"]
    hall.assert_balanced()


def test_the_rule_belongs_to_an_approved_price(hall: Hall) -> None:
    officer = hall.hospital.caller("price_officer")
    (member,) = items(hall, "100.00")
    code = package(hall, None, (member, "1"))
    census = hall.hospital.census()
    body = {"members": [{"member_code": member, "quantity": "1"}], "refund_rule": "list_price"}
    refused(officer.post(f"{PRICES}/packages/{code}/versions", body), 422, "invalid")
    assert hall.hospital.census() == census
    shown = ok(officer.get(f"{PRICES}/packages/{code}/versions"))
    assert {one["refund_rule"] for one in shown} == {"share"}


def test_only_a_cashier_of_the_campus_sees_a_quote(hall: Hall) -> None:
    first, second = items(hall, "100.00", "200.00")
    sold, posted, source = bought(hall, "250.00", (first, "1"), (second, "1"))
    other = quoted(hall, sold, (posted[0], "1"), caller=hall.cashier("mch").caller)
    refused(other, 404, "settlement_unknown")
    assert quoted(hall, sold, (posted[0], "1"), caller=hall.hospital.caller("price_officer")).status_code == 403
    done(hall, source, ("1.1", "1"))
    refused(quoted(hall, sold, (posted[0], "1")), 422, "line_executed")


# -- random packages

PARTS = st.lists(
    st.tuples(
        st.decimals("0.01", "999.99", places=2), st.integers(1, 4), st.lists(st.integers(0, 4), min_size=3, max_size=3)
    ),
    min_size=1,
    max_size=5,
)


@given(PARTS, st.decimals("0.01", "3000.00", places=2))
@settings(max_examples=300, deadline=None)
def test_steps_come_to_the_same_as_one_and_never_pass_what_was_paid(
    parts: list[tuple[Decimal, int, list[int]]], price: Decimal
) -> None:
    shares = share_out(price, [line_amount(one, Decimal(many)) for one, many, _ in parts])
    lines = [
        cast(Charge, SimpleNamespace(list_price=one, quantity=Decimal(many), amount=share))
        for (one, many, _), share in zip(parts, shares, strict=True)
    ]
    stays = [line.quantity for line in lines]
    now = worths(lines, stays)
    assert now == shares
    refunded = ZERO
    for step in range(3):
        stays = [max(ZERO, many - part[2][step]) for many, part in zip(stays, parts, strict=True)]
        after = worths(lines, stays)
        going = sum(now, ZERO) - sum(after, ZERO)
        assert going >= ZERO
        assert all(one >= ZERO for one in after)
        assert all(one == ZERO for one, many in zip(after, stays, strict=True) if not many)
        refunded, now = refunded + going, after
    assert refunded == price - sum(worths(lines, stays), ZERO), "as in one step"
    assert sum(now, ZERO) + refunded == price, "to the cent"


@given(st.data())
@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@pytest.mark.filterwarnings("ignore")
def test_random_packages_balance(hall: Hall, data: st.DataObject) -> None:
    """charged = paid + owed - refunded, line by line, whatever is done and given back, in cash and on debt."""
    prices = data.draw(st.lists(st.decimals("0.01", "300.00", places=2), min_size=2, max_size=4))
    many = [data.draw(st.integers(1, 3)) for _ in prices]
    total = data.draw(st.decimals("1.00", "500.00", places=2))
    codes = items(hall, *(f"{one}" for one in prices))
    code = contract(hall, f"{total}", *((one, str(count)) for one, count in zip(codes, many, strict=True)))
    source = str(uuid4())
    posted = post(hall, order(hall.patient(), (code, 1), source=source))
    owed = data.draw(st.decimals("0.00", total, places=2))
    more = {"note": "绿色通道", "approved_by": str(staff(hall.hospital))}
    tenders = [{"method": "debt", "amount": f"{owed}", **more}] if owed else []
    tenders += [cash(f"{total - owed}")] if total - owed else []
    sold = dict(ok(hall.settle(hall.cashier(), posted, f"{total}", *tenders)))
    remaining = dict(enumerate(many))
    for place in remaining:
        if finished := data.draw(st.integers(0, remaining[place])):
            done(hall, source, (posted[place].source_line, str(finished)))
            remaining[place] -= finished
    refunded = ZERO
    for _ in range(2):
        parts = {place: data.draw(st.integers(0, most)) for place, most in remaining.items()}
        wanted = [(posted[place], f"{part}") for place, part in parts.items() if part]
        if not wanted:
            continue
        shown = ok(quoted(hall, sold, *wanted))
        back = paid_back(hall, sold, *wanted)
        assert back["amount"] == shown["amount"]
        refunded += Decimal(back["amount"])
        remaining = {place: most - parts[place] for place, most in remaining.items()}
    [row] = hall.hospital.rows(
        "SELECT s.total, s.refunded, coalesce(d.outstanding, 0) AS owed,"
        " (SELECT sum(amount - refunded_amount) FROM payments.charges c WHERE c.settlement_id = s.settlement_id)"
        " AS charged,"
        " (SELECT sum(amount - returned) FROM payments.tenders t WHERE t.settlement_id = s.settlement_id"
        "  AND method <> 'debt') AS paid"
        " FROM payments.settlements s LEFT JOIN payments.debts d USING (settlement_id) WHERE s.settlement_id = %s",
        [sold["settlement_id"]],
    )
    assert row["refunded"] == refunded
    assert row["charged"] == row["total"] - row["refunded"] == (row["paid"] or ZERO) + row["owed"]
    with hall.hospital.tx("hq") as tx:
        from functions.payments.billing.queries import charges as queries

        rows = tx.session.all(queries.CHARGES, ids=[one.charge_id for one in posted])
    assert [one.worth for one in rows] == worths(rows, [one.remaining_quantity for one in rows]), "as in one step"
    hall.assert_balanced()
