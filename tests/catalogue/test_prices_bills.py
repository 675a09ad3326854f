"""Laws of a bill: the whole is the sum of its parts, order changes nothing, every line is rounded once."""

from datetime import date, datetime, timedelta
from decimal import Decimal
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from functions.catalogue.prices.bill import BillLine, Person, Quote, Rule
from functions.catalogue.prices.quoting import quote
from functions.catalogue.prices.service import (
    ItemStopped,
    ItemUnknown,
    LimitsBroken,
    NoPrice,
    QuantityNotAllowed,
    Wanted,
    check_limits,
)
from functions.catalogue.prices.service import quote as quote_here
from shared.money import ZERO, line_amount, round_money
from tests.catalogue.conftest import APRIL, Catalogue

CENT = Decimal("0.01")
CHILD, ADULT = Person(date(2022, 5, 1), "2"), Person(date(1990, 5, 1), "2", emergency=True)


def rule(number: int, kind: str, subjects: str, others: str = "", **params: Any) -> Rule:
    return Rule(UUID(int=number), kind, f"{kind} {number}", params, frozenset(subjects), frozenset(others))


BY_REQUEST = [
    rule(1, "surcharge_pct", "ab", percent="30", age_below=7),
    rule(2, "surcharge_fixed", "b", amount="1.23", emergency=True),
    rule(3, "extension_pct", "c", percent="112.5"),
    rule(4, "reduce_pct_after_first", "bcd", percent="33.333", scope="request"),
    rule(5, "first_n_free", "d", quantity="1.5", scope="request"),
    rule(6, "cap_per_request", "de", amount="50.00"),
    rule(7, "cap_per_request", "ab", quantity="3", each=True),
    rule(8, "time_unit_rounding", "e", first="1", step="0.5"),
]
FORBIDDING = [
    rule(20, "max_quantity", "ab", quantity="6", scope="request"),
    rule(21, "max_quantity", "cd", quantity="4", scope="request", each=True),
    rule(22, "mutually_exclusive", "ef", scope="request"),
    rule(23, "included_in", "a", "f", scope="request"),
]


@st.composite
def bills(draw: st.DrawFn, most: int = 10) -> list[BillLine]:
    """Lines of a few items under a few requests on two days."""
    count = draw(st.integers(0, most))
    return [
        BillLine(
            line_no=f"l{number}",
            item_code=draw(st.sampled_from("abcdefg")),
            name="项目",
            unit="次",
            quantity=draw(st.decimals("0.0001", "9.9999", places=4)),
            unit_price=draw(st.decimals("0", "999.9999", places=4)),
            at=APRIL + timedelta(days=draw(st.integers(0, 1))),
            request=draw(st.sampled_from("xyz")),
        )
        for number in range(count)
    ]


def amounts(bill: Quote) -> dict[str, Decimal]:
    return {one.line_no: one.amount for one in bill.lines}


@given(bills(), st.sampled_from((CHILD, ADULT)), st.randoms(use_true_random=False))
def test_the_order_of_the_lines_changes_nothing(lines: list[BillLine], person: Person, chance: Any) -> None:
    shuffled = lines[:]
    chance.shuffle(shuffled)
    one, other = (quote(some, [*BY_REQUEST, *FORBIDDING], person) for some in (lines, shuffled))
    assert amounts(one) == amounts(other)
    assert [line.line_no for line in other.lines if line.base_line is None] == [line.line_no for line in shuffled]
    found = [{(breach.rule_id, frozenset(breach.lines)) for breach in bill.breaches} for bill in (one, other)]
    assert found[0] == found[1]


@given(bills(), st.sampled_from((CHILD, ADULT)))
def test_requests_charged_apart_cost_what_they_cost_together(lines: list[BillLine], person: Person) -> None:
    together = quote(lines, BY_REQUEST, person)
    apart = [quote([one for one in lines if one.request == request], BY_REQUEST, person) for request in "xyz"]
    assert together.total == sum((bill.total for bill in apart), ZERO)
    assert amounts(together) == {number: amount for bill in apart for number, amount in amounts(bill).items()}


@given(bills())
def test_without_rules_a_bill_is_the_sum_of_its_rounded_lines(lines: list[BillLine]) -> None:
    bill = quote(lines, [], CHILD)
    assert bill.total == sum((line_amount(one.unit_price, one.quantity) for one in lines), ZERO)
    assert all(abs(one.amount - one.unit_price * one.quantity) <= CENT / 2 for one in bill.lines)


@given(bills(), st.sampled_from((CHILD, ADULT)))
def test_every_line_is_whole_cents_and_says_what_was_taken_off(lines: list[BillLine], person: Person) -> None:
    bill = quote(lines, BY_REQUEST, person)
    numbers = {one.line_no for one in lines}
    for one in bill.lines:
        assert one.amount == round_money(one.amount) >= 0
        assert one.amount + sum((off.amount for off in one.taken_off), ZERO) == line_amount(
            one.unit_price, one.quantity
        )
        assert all(off.amount > 0 for off in one.taken_off)
        assert (one.base_line in numbers) == (one.rule_id is not None), "a surcharge points to its line"
    assert bill.total + sum((-one.amount for one in bill.lines), ZERO) == 0


@given(st.decimals("0.01", "999.99", places=2), st.integers(1, 99), st.lists(st.integers(1, 5), min_size=1, max_size=6))
def test_a_reduction_is_exact_to_half_a_cent(price: Decimal, percent: int, quantities: list[int]) -> None:
    reduce = rule(1, "reduce_pct_after_first", "a", percent=str(percent))
    lines = [
        BillLine(str(number), "a", "手术", "次", Decimal(quantity), price, APRIL)
        for number, quantity in enumerate(quantities)
    ]
    bill = quote(lines, [reduce], ADULT)
    exact = price + price * (sum(quantities) - 1) * percent / 100
    assert abs(bill.total - exact) <= CENT / 2 * len(lines)
    one = quote([BillLine("all", "a", "手术", "次", Decimal(sum(quantities)), price, APRIL)], [reduce], ADULT)
    assert abs(one.total - exact) <= CENT / 2


@settings(max_examples=50)
@given(st.lists(st.decimals("0.01", "40.00", places=2), min_size=1, max_size=12), st.integers(0, 12))
def test_a_capped_day_never_passes_its_cap_however_it_is_posted(prices: list[Decimal], first: int) -> None:
    cap = rule(1, "cap_per_day", "a", amount="50.00")
    child = rule(2, "surcharge_pct", "a", percent="30", age_below=7)

    def line(number: int, price: Decimal, charged: Decimal | None = None) -> BillLine:
        return BillLine(str(number), "a", "检查", "部位", Decimal(1), price, APRIL, charged=charged)

    lines = [line(number, price) for number, price in enumerate(prices)]
    morning = quote(lines[:first], [cap, child], CHILD)
    came_to = {one.line_no: ZERO for one in lines}
    for one in morning.lines:
        came_to[one.base_line or one.line_no] += one.amount
    past = [line(number, price, came_to[str(number)]) for number, price in enumerate(prices[:first])]
    evening = quote(lines[first:], [cap, child], CHILD, past)
    at_once = quote(lines, [cap, child], CHILD)
    assert morning.total + evening.total == at_once.total <= Decimal("50.00")


def test_each_item_may_count_by_itself() -> None:
    def line(code: str, hours: int) -> BillLine:
        return BillLine(code, code, code, "小时", Decimal(hours), Decimal("4.00"), APRIL)

    lines = [line("a", 24), line("b", 20)]
    together, each = (
        rule(1, "max_quantity", "ab", quantity="24"),
        rule(2, "max_quantity", "ab", quantity="24", each=True),
    )
    assert [one.lines for one in quote(lines, [together], ADULT).breaches] == [("a", "b")]
    assert quote(lines, [each], ADULT).breaches == ()
    assert [one.lines for one in quote([line("a", 25), lines[1]], [each], ADULT).breaches] == [("a",)]
    capped = quote(lines, [rule(3, "cap_per_day", "ab", quantity="22", each=True)], ADULT)
    assert amounts(capped) == {"a": Decimal("88.00"), "b": Decimal("80.00")}
    assert amounts(quote(lines, [rule(4, "cap_per_day", "ab", quantity="22")], ADULT)) == {
        "a": Decimal("88.00"),
        "b": Decimal("0.00"),
    }


def test_two_lines_of_one_number_are_a_mistake_of_the_caller() -> None:
    line = BillLine("1", "a", "a", "次", Decimal(1), Decimal(1), datetime(2026, 4, 1, tzinfo=APRIL.tzinfo))
    with pytest.raises(ValueError, match="one number"):
        quote([line, line], [], ADULT)


# -- refusals, line by line


def test_a_refused_bill_names_every_item_that_cannot_be_charged(catalogue: Catalogue) -> None:
    good = str(catalogue.item(name="可收项目")["code"])
    catalogue.price(good, "5.00")
    stopped = str(catalogue.item(name="停用项目")["code"])
    catalogue.price(stopped, "5.00")
    assert catalogue.checker.post(
        f"/api/catalogue/prices/items/{stopped}/stop", {"version": 2, "reason": "停"}
    ).is_success
    secondary = str(catalogue.item(name="二级项目")["code"])
    catalogue.price(secondary, "5.00", level="secondary")

    def wanted(*codes: str) -> list[Wanted]:
        return [Wanted(str(number), code, Decimal(1)) for number, code in enumerate(codes)]

    with catalogue.hospital.tx("hq") as tx:
        for codes, kind in (
            ((good, stopped, "nosuch"), ItemStopped),
            ((good, "nosuch", stopped), ItemUnknown),
            ((secondary, stopped), NoPrice),
        ):
            with pytest.raises(kind) as refused:
                quote_here(tx, wanted(*codes), ADULT)
            named = [one["item_code"] for one in refused.value.extra["refused"]]
            assert named == [code for code in codes if code != good]
            assert all(one["message"].endswith("。") for one in refused.value.extra["refused"])


def test_limits_are_refused_line_by_line(catalogue: Catalogue) -> None:
    few = str(catalogue.item(name="限量项目", max_quantity="2", quantity_step="1")["code"])
    men = str(catalogue.item(name="男性项目", limits={"sex": "1"})["code"])
    for code in (few, men):
        catalogue.price(code, "5.00")
    with catalogue.hospital.tx("hq") as tx:
        with pytest.raises(QuantityNotAllowed) as refused:
            check_limits(
                tx,
                [
                    Wanted("fits", few, Decimal(1)),
                    Wanted("many", few, Decimal(3)),
                    Wanted("half", few, Decimal("0.5")),
                    Wanted("man", men, Decimal(1)),
                ],
                ADULT,
            )
        lines = refused.value.extra["lines"]
        assert [(one["line_no"], one["code"]) for one in lines] == [
            ("many", "quantity_not_allowed"),
            ("half", "quantity_not_allowed"),
            ("man", "price_limits_broken"),
        ]
        assert [
            "一次最多 2" in lines[0]["message"],
            "整数倍" in lines[1]["message"],
            "男性" in lines[2]["message"],
        ] == [True] * 3
        with pytest.raises(LimitsBroken):
            check_limits(tx, [Wanted("man", men, Decimal(1))], ADULT)
        before = tx.session.statements
        check_limits(tx, [Wanted(str(number), few, Decimal(1)) for number in range(200)], ADULT)
        assert tx.session.statements - before == 2, "one exchange for any number of lines"
