"""Rules between lines: a whole bill at its price, whatever its order."""

import random
from datetime import date, datetime, timedelta
from decimal import Decimal
from itertools import pairwise, permutations
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalogue.prices import quoting, rulebook
from functions.catalogue.prices.bill import BillLine, Person, Rule, age_in_years, birthday, reverse
from functions.catalogue.prices.service import LimitsBroken, Wanted, check_limits, quote
from shared.money import ZERO, line_amount
from shared.schemas import SHANGHAI
from tests.catalogue.conftest import APRIL, BASE, Catalogue


def line(number: str, code: str, price: str, quantity: str = "1", at: datetime = APRIL, request: str = "r") -> BillLine:
    return BillLine(number, code, code, "次", Decimal(quantity), Decimal(price), at, request)


def rule(number: int, kind: str, subjects: str, others: str = "", **params: Any) -> Rule:
    return Rule(UUID(int=number), kind, kind, params, frozenset(subjects), frozenset(others))


def make_rule(catalogue: Catalogue, kind: str, subjects: list[str], **fields: Any) -> dict[str, Any]:
    """A rule in force."""
    body = {
        "kind": kind,
        "title": "规则",
        "params": {},
        "subjects": subjects,
        "basis_document": "桂价〔2026〕3号",
        **fields,
    }
    drafted = catalogue.officer.post(f"{BASE}/rules", body)
    assert drafted.status_code == 201, drafted.text
    checked = catalogue.checker.post(f"{BASE}/rules/{drafted.json()['rule_id']}/check")
    assert checked.status_code == 200, checked.text
    return dict(checked.json())


def priced(catalogue: Catalogue, price: str, **fields: Any) -> str:
    code = str(catalogue.item(**fields)["code"])
    catalogue.price(code, price)
    return code


def ask(catalogue: Catalogue, lines: list[dict[str, Any]], **fields: Any) -> dict[str, Any]:
    answer = catalogue.reader.post(f"{BASE}/quote", {"lines": lines, **fields})
    assert answer.status_code == 200, answer.text
    return dict(answer.json())


# -- the cases of the specification


@pytest.mark.case("40", 2)
def test_a_child_pays_the_surcharge_until_the_seventh_birthday(catalogue: Catalogue) -> None:
    code = priced(catalogue, "8.00", name="静脉输液")
    made = make_rule(catalogue, "surcharge_pct", [code], title="儿童加收", params={"percent": "30", "age_below": 7})
    day = catalogue.hospital.clock().astimezone(SHANGHAI).date()
    wanted = [{"line_no": "1", "item_code": code, "quantity": "1"}]
    eve = ask(catalogue, wanted, birth_date=(birthday(day, -7) + timedelta(days=1)).isoformat())
    assert [(one["amount"], one["base_line"]) for one in eve["lines"]] == [("8.00", None), ("2.40", "1")]
    assert (eve["lines"][1]["rule_id"], eve["total"]) == (made["rule_id"], "10.40")
    seventh = ask(catalogue, wanted, birth_date=birthday(day, -7).isoformat())
    assert [one["amount"] for one in seventh["lines"]] == ["8.00"]
    unknown = ask(catalogue, wanted)
    assert [one["amount"] for one in unknown["lines"]] == ["8.00"]


@pytest.mark.case("40", 3)
def test_second_and_later_operations_cost_half_whatever_the_order(catalogue: Catalogue) -> None:
    prices = {priced(catalogue, price, name=f"手术{price}"): price for price in ("2000", "1500", "900")}
    make_rule(
        catalogue,
        "reduce_pct_after_first",
        list(prices),
        params={"percent": "50", "scope": "request"},
        title="第二术式减收",
    )
    for order in permutations(prices):
        lines = [
            {"line_no": str(place), "item_code": code, "quantity": "1", "request": "one anaesthesia"}
            for place, code in enumerate(order)
        ]
        bill = ask(catalogue, lines)
        amounts = {prices[one["item_code"]]: one["amount"] for one in bill["lines"]}
        assert amounts == {"2000": "2000.00", "1500": "750.00", "900": "450.00"}
        assert bill["total"] == "3200.00"
    apart = ask(
        catalogue,
        [{"line_no": code, "item_code": code, "quantity": "1", "request": code} for code in prices],
    )
    assert apart["total"] == "4400.00", "each under its own anaesthesia"


@pytest.mark.case("40", 4)
def test_an_hourly_item_stops_at_the_day(catalogue: Catalogue) -> None:
    code = priced(catalogue, "4.00", name="心电监护", unit="小时", max_per_day="24")
    make_rule(catalogue, "cap_per_day", [code], title="每日封顶", params={"quantity": "24"})
    make_rule(catalogue, "max_quantity", [code], title="一日不超过24小时", params={"quantity": "24"})
    day = ask(catalogue, [{"line_no": "1", "item_code": code, "quantity": "25"}])
    assert (day["total"], day["lines"][0]["taken_off"][0]["amount"]) == ("96.00", "4.00"), "24 hours at their price"
    assert [(one["kind"], one["lines"]) for one in day["breaches"]] == [("max_quantity", ["1"])]
    with catalogue.hospital.tx("hq") as tx:
        assert check_limits(tx, [Wanted("1", code, Decimal(24))], Person()).total == Decimal("96.00")
        with pytest.raises(LimitsBroken) as refused:
            check_limits(tx, [Wanted("1", code, Decimal(25))], Person())
        assert refused.value.extra["breaches"][0]["title"] == "一日不超过24小时"
        with pytest.raises(LimitsBroken):
            check_limits(tx, [Wanted("2", code, Decimal(1))], Person(), [Wanted("1", code, Decimal(24))])


@pytest.mark.case("40", 5)
def test_ten_thousand_bills_add_up_to_the_cent() -> None:
    assert line_amount(Decimal("0.3333"), Decimal(3)) == Decimal("1.00")
    chance = random.Random(40)
    rules = [
        rule(1, "surcharge_pct", "abc", percent="30", age_below=7),
        rule(2, "reduce_pct_after_first", "bcd", percent="33.333", scope="request"),
        rule(3, "cap_per_day", "de", amount="50.00"),
        rule(4, "first_n_free", "e", quantity="1.5"),
        rule(5, "extension_pct", "f", percent="112.5", emergency=True),
    ]
    for _ in range(10_000):
        person = Person(date(chance.choice((2022, 1990)), 5, 1), emergency=chance.random() < 0.5)
        lines = [
            line(
                str(number),
                chance.choice("abcdefg"),
                f"{chance.randrange(0, 9_999_999) / 10_000:.4f}",
                f"{chance.randrange(1, 99_999) / 10_000:.4f}",
                request=chance.choice("xy"),
            )
            for number in range(chance.randrange(1, 12))
        ]
        bill = quoting.quote(lines, rules, person)
        assert all(one.amount == one.amount.quantize(Decimal("0.01")) and one.amount >= 0 for one in bill.lines)
        assert bill.total == sum((one.amount for one in bill.lines), ZERO)
        for one in bill.lines:
            gross = line_amount(one.unit_price, one.quantity)
            assert one.amount == gross - sum((off.amount for off in one.taken_off), ZERO)
        refund = reverse(bill)
        assert bill.total + sum((one.amount for one in refund), ZERO) == 0
        shuffled = lines[:]
        chance.shuffle(shuffled)
        again = quoting.quote(shuffled, rules, person)
        assert {one.line_no: one.amount for one in again.lines} == {one.line_no: one.amount for one in bill.lines}


@pytest.mark.case("40", 11)
def test_an_exclusive_pair_names_both_lines_and_the_rule(catalogue: Catalogue) -> None:
    one, other = priced(catalogue, "30.00", name="血常规"), priced(catalogue, "50.00", name="全血细胞计数")
    made = make_rule(catalogue, "mutually_exclusive", [one, other], title="血常规与血细胞计数不得同时收取")
    lines = [{"line_no": "7", "item_code": one, "quantity": "1"}, {"line_no": "9", "item_code": other, "quantity": "1"}]
    bill = ask(catalogue, lines)
    assert len(bill["breaches"]) == 1
    breach = bill["breaches"][0]
    assert (breach["rule_id"], breach["title"]) == (made["rule_id"], "血常规与血细胞计数不得同时收取")
    assert sorted(breach["lines"]) == ["7", "9"]
    assert "“血常规”与“全血细胞计数”" in breach["message"]
    earlier = ask(catalogue, lines[:1], history=[{**lines[1], "at": catalogue.moment(hours=-2)}])
    assert sorted(earlier["breaches"][0]["lines"]) == ["7", "9"]
    yesterday = ask(catalogue, lines[:1], history=[{**lines[1], "at": catalogue.moment(days=-1)}])
    assert yesterday["breaches"] == []


# -- further rules


def test_what_is_included_is_not_charged_beside(catalogue: Catalogue) -> None:
    part, whole = priced(catalogue, "2.00", name="备皮"), priced(catalogue, "900.00", name="阑尾切除术")
    make_rule(catalogue, "included_in", [part], others=[whole], title="手术费已含备皮")
    lines = [{"line_no": code, "item_code": code, "quantity": "1"} for code in (part, whole)]
    assert [one["lines"] for one in ask(catalogue, lines)["breaches"]] == [[part, whole]]
    assert ask(catalogue, lines[:1])["breaches"] == []
    before = catalogue.hospital.census()
    body = {
        "kind": "included_in",
        "title": "反向",
        "params": {},
        "subjects": [whole],
        "others": [part],
        "basis_document": "文",
    }
    refused = catalogue.officer.post(f"{BASE}/rules", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "price_rule_cycle")
    assert set(refused.json()["circle"]) == {part, whole}
    assert catalogue.hospital.census() == before


def test_two_drafts_that_close_a_circle_together_stop_at_the_check(catalogue: Catalogue) -> None:
    one, other = priced(catalogue, "1.00"), priced(catalogue, "2.00")
    base = {"kind": "included_in", "title": "包含", "params": {}, "basis_document": "文"}
    drafts = [
        catalogue.officer.post(f"{BASE}/rules", {**base, "subjects": [part], "others": [whole]}).json()["rule_id"]
        for part, whole in ((one, other), (other, one))
    ]
    assert catalogue.checker.post(f"{BASE}/rules/{drafts[0]}/check").status_code == 200
    refused = catalogue.checker.post(f"{BASE}/rules/{drafts[1]}/check")
    assert (refused.status_code, refused.json()["code"]) == (422, "price_rule_cycle")
    assert (
        catalogue.hospital.value("SELECT status FROM catalogue.price_rules WHERE rule_id = %s", [drafts[1]]) == "draft"
    )


def test_a_rule_needs_two_people_and_ends_when_told(catalogue: Catalogue) -> None:
    code = priced(catalogue, "10.00")
    both = catalogue.hospital.caller(campus="hq", at={"hq": ["price_officer", "price_checker"]})
    body = {
        "kind": "surcharge_fixed",
        "title": "夜间加收",
        "params": {"amount": "5.00", "night_from": "22:00", "night_to": "08:00"},
        "subjects": [code],
        "basis_document": "文",
    }
    mine = both.post(f"{BASE}/rules", body).json()
    refused = both.post(f"{BASE}/rules/{mine['rule_id']}/check")
    assert (refused.status_code, refused.json()["code"]) == (422, "same_person")
    made = catalogue.checker.post(f"{BASE}/rules/{mine['rule_id']}/check").json()
    night = catalogue.hospital.clock().astimezone(SHANGHAI).replace(hour=23).isoformat()
    wanted = [{"line_no": "1", "item_code": code, "quantity": "2", "at": night}]
    assert ask(catalogue, wanted)["total"] == "30.00"
    again = catalogue.checker.post(f"{BASE}/rules/{made['rule_id']}/check")
    assert (again.status_code, again.json()["code"]) == (409, "price_rule_state_wrong")
    ended = catalogue.checker.post(f"{BASE}/rules/{made['rule_id']}/end", {"version": made["version"], "reason": "停"})
    assert ended.status_code == 200, ended.text
    catalogue.hospital.clock.move(seconds=1)
    assert ask(catalogue, wanted)["total"] == "20.00"
    assert [one["rule_id"] for one in catalogue.reader.get(f"{BASE}/items/{code}/rules").json()] == [made["rule_id"]]


@pytest.mark.parametrize(
    ("kind", "params", "others"),
    [
        ("surcharge_pct", {}, False),
        ("surcharge_pct", {"percent": "30", "night_from": "22:00"}, False),
        ("cap_per_day", {"amount": "1", "quantity": "1"}, False),
        ("cap_per_day", {}, False),
        ("included_in", {}, False),
        ("max_quantity", {"quantity": "1", "percent": "2"}, False),
        ("mutually_exclusive", {}, False),
        ("max_quantity", {"quantity": "1"}, True),
    ],
)
def test_an_incomplete_rule_is_refused(catalogue: Catalogue, kind: str, params: dict[str, Any], others: bool) -> None:
    code = priced(catalogue, "1.00")
    before = catalogue.hospital.census()
    body = {
        "kind": kind,
        "title": "规则",
        "params": params,
        "subjects": [code],
        "others": [code] if others else [],
        "basis_document": "文",
    }
    refused = catalogue.officer.post(f"{BASE}/rules", body)
    assert (refused.status_code, refused.json()["code"]) == (422, "price_rule_wrong"), refused.text
    assert catalogue.hospital.census() == before


def test_a_branch_makes_no_rules(catalogue: Catalogue) -> None:
    code = priced(catalogue, "1.00")
    body = {
        "kind": "max_quantity",
        "title": "规则",
        "params": {"quantity": "1"},
        "subjects": [code],
        "basis_document": "文",
    }
    refused = catalogue.mch_officer.post(f"{BASE}/rules", body)
    assert (refused.status_code, refused.json()["code"]) == (403, "consortium_price_list")
    unknown = catalogue.officer.post(f"{BASE}/rules", {**body, "subjects": ["nothing"]})
    assert (unknown.status_code, unknown.json()["code"]) == (404, "charge_item_unknown")


def test_who_an_item_is_for(catalogue: Catalogue) -> None:
    limits = {"sex": "2", "age_min": 18, "age_max": 49, "per_visit": "2"}
    code = priced(catalogue, "60.00", name="胎心监护", limits=limits)
    woman = Person(date(1996, 1, 1), "2")
    with catalogue.hospital.tx("hq") as tx:
        assert check_limits(tx, [Wanted("1", code, Decimal(2))], woman).total == Decimal("120.00")
        for person, quantity in (
            (Person(date(1996, 1, 1), "1"), 1),
            (Person(date(2015, 1, 1), "2"), 1),
            (Person(date(1960, 1, 1), "2"), 1),
            (woman, 3),
        ):
            with pytest.raises(LimitsBroken):
                check_limits(tx, [Wanted("1", code, Decimal(quantity))], person)


def test_a_bill_of_two_hundred_lines_is_two_statements(catalogue: Catalogue) -> None:
    code = priced(catalogue, "1.00")
    with catalogue.hospital.tx("hq") as tx:
        before = tx.session.statements
        bill = quote(tx, [Wanted(str(number), code, Decimal(1)) for number in range(200)], Person())
        assert tx.session.statements - before == 2
    assert bill.total == Decimal("200.00")


def test_time_is_rounded_as_the_item_says() -> None:
    rules = [rule(1, "time_unit_rounding", "a", first="1", step="0.5")]
    for given_hours, charged in (("0.3", "1"), ("1", "1"), ("1.2", "1.5"), ("2.5", "2.5"), ("2.6", "3")):
        bill = quoting.quote([line("1", "a", "10", given_hours)], rules, Person())
        assert bill.lines[0].quantity == Decimal(charged), given_hours


def test_a_reduction_and_a_cap_take_the_surcharge_along() -> None:
    rules = [
        rule(1, "surcharge_pct", "ab", percent="30", age_below=7),
        rule(2, "reduce_pct_after_first", "ab", percent="50", scope="request"),
        rule(3, "cap_per_request", "ab", amount="1500.00"),
    ]
    bill = quoting.quote([line("1", "a", "1000"), line("2", "b", "500")], rules, Person(date(2020, 1, 1)))
    assert [one.amount for one in bill.lines] == [Decimal(x) for x in ("1000.00", "300.00", "200.00", "0.00")]
    assert bill.total == Decimal("1500.00")


@given(st.dates(date(1900, 1, 1), date(2026, 1, 1)), st.integers(0, 120))
def test_a_birthday_is_the_first_day_of_a_year_of_age(born: date, years: int) -> None:
    day = birthday(born, years)
    assert age_in_years(born, day) == years
    assert age_in_years(born, day - timedelta(days=1)) == years - 1


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.sampled_from("abcdef")), max_size=12))
def test_circles_are_found_and_nothing_else(edges: list[tuple[str, str]]) -> None:
    def reaches(start: str, goal: str) -> bool:
        seen: set[str] = set()
        todo = [start]
        while todo:
            item = todo.pop()
            new = {whole for part, whole in edges if part == item} - seen
            seen |= new
            todo += new
        return goal in seen

    circle = rulebook.includes_itself(edges)
    assert bool(circle) == any(reaches(item, item) for item in "abcdef")
    if circle:
        assert all((part, whole) in edges for part, whole in pairwise(circle))
        assert circle[0] == circle[-1]
