"""Rules of billing and of the drawer as properties."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from itertools import pairwise
from uuid import UUID

import hypothesis.strategies as st
import pytest
from hypothesis import given

from functions.payments.billing import rules
from functions.payments.billing.rules import PricedLine, RefundCase, Source
from functions.payments.cashier import rules as drawer
from functions.payments.cashier.problems import DenominationUnknown, FloatPieces
from shared.money import CENT, ZERO, line_amount

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
prices = st.decimals("0", "99999.9999", places=4)
quantities = st.decimals("0.0001", "9999.9999", places=4)
cents = st.integers(0, 5_000_000).map(lambda number: Decimal(number) * CENT)
methods = st.sampled_from([method.value for method in rules.Method if method.value != "rounding"])


@st.composite
def splits(draw: st.DrawFn) -> tuple[Decimal, list[Decimal]]:
    """A quantity and parts of it, in ten-thousandths, that add up to it."""
    whole = draw(st.integers(1, 50_000))
    cuts = sorted(draw(st.lists(st.integers(0, whole), max_size=6)))
    edges = [0, *cuts, whole]
    parts = [Decimal(high - low) / 10_000 for low, high in pairwise(edges) if high > low]
    return Decimal(whole) / 10_000, parts


@given(price=prices, split=splits())
def test_parts_of_a_line_add_up_to_what_was_paid(price: Decimal, split: tuple[Decimal, list[Decimal]]) -> None:
    quantity, parts = split
    amount = line_amount(price, quantity)
    given_back = gone = ZERO
    for part in parts:
        worth = rules.part_amount(amount, quantity, gone, part)
        assert worth >= ZERO
        given_back += worth
        gone += part
    assert given_back == amount


@given(price=prices, quantity=quantities)
def test_a_part_is_never_worth_more_than_a_cent_off_its_share(price: Decimal, quantity: Decimal) -> None:
    amount = line_amount(price, quantity)
    half = (quantity / 2).quantize(Decimal("0.0001"))
    if half:
        worth = rules.part_amount(amount, quantity, ZERO, half)
        assert abs(worth - amount * half / quantity) <= CENT


sources = st.lists(st.tuples(methods, cents.filter(bool)), min_size=1, max_size=6).map(
    lambda pairs: [Source(UUID(int=number + 1), method, left) for number, (method, left) in enumerate(pairs)]
)


@given(sources, st.data())
def test_a_refund_is_split_exactly_and_within_each_tender(found: list[Source], data: st.DataObject) -> None:
    whole = sum((source.remaining for source in found), ZERO)
    amount = Decimal(data.draw(st.integers(0, int(whole * 100)))) * CENT
    routes = rules.refund_routes(found, amount)
    assert sum((route.amount for route in routes), ZERO) == amount
    left = {source.tender_id: source.remaining for source in found}
    for route in routes:
        assert ZERO < route.amount <= left[route.tender_id]
        left[route.tender_id] -= route.amount
    by_id = {source.tender_id: source.method for source in found}
    assert all(route.method == by_id[route.tender_id] for route in routes)
    again = [Source(source.tender_id, source.method, left[source.tender_id]) for source in found]
    rest = rules.refund_routes(again, whole - amount)
    for route in rest:
        left[route.tender_id] -= route.amount
    assert set(left.values()) == {ZERO}


def test_more_than_was_paid_is_never_split() -> None:
    with pytest.raises(ValueError, match="more refunded"):
        rules.refund_routes([Source(UUID(int=1), "cash", Decimal("1.00"))], Decimal("1.01"))


@pytest.mark.case("01", 3)
def test_electronic_money_goes_back_before_cash() -> None:
    wechat, money = UUID(int=1), UUID(int=2)
    paid = [Source(money, "cash", Decimal("100.00")), Source(wechat, "wechat", Decimal("200.00"))]
    routes = rules.refund_routes(paid, Decimal("250.00"))
    assert [(route.tender_id, route.method, route.amount) for route in routes] == [
        (wechat, "wechat", Decimal("200.00")),
        (money, "cash", Decimal("50.00")),
    ]
    instead = rules.refund_routes(paid, Decimal("250.00"), cash_instead=True)
    assert {route.method for route in instead} == {"cash"}


def test_a_debt_falls_before_money_moves() -> None:
    owed, money = UUID(int=1), UUID(int=2)
    paid = [Source(money, "cash", Decimal("100.00")), Source(owed, "debt", Decimal("40.00"))]
    routes = rules.refund_routes(paid, Decimal("50.00"))
    assert [(route.method, route.amount) for route in routes] == [
        ("debt", Decimal("40.00")),
        ("cash", Decimal("10.00")),
    ]


def case(**changes: object) -> RefundCase:
    fields = {
        "amount": Decimal("200.00"),
        "own_shift": True,
        "untouched": True,
        "settled_at": NOW,
        "cash_instead": False,
    }
    return RefundCase(**{**fields, **changes})  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, "cashier"),
        ({"amount": Decimal("200.01")}, "lead"),
        ({"own_shift": False}, "lead"),
        ({"untouched": False}, "lead"),
        ({"amount": Decimal("2000.00")}, "lead"),
        ({"amount": Decimal("2000.01")}, "finance"),
        ({"settled_at": NOW - timedelta(days=30)}, "cashier"),
        ({"settled_at": NOW - timedelta(days=30, seconds=1)}, "finance"),
        ({"cash_instead": True}, "finance"),
    ],
)
def test_who_approves(changes: dict[str, object], level: str) -> None:
    assert rules.refund_level(case(**changes), NOW) == level


LEVELS = ["cashier", "lead", "finance"]


@given(st.booleans(), st.booleans(), st.booleans(), st.integers(0, 60), cents, cents)
def test_a_larger_refund_never_needs_less(
    own: bool, untouched: bool, instead: bool, days: int, one: Decimal, other: Decimal
) -> None:
    low, high = sorted((one, other))
    levels = [
        rules.refund_level(RefundCase(amount, own, untouched, NOW - timedelta(days=days), instead), NOW)
        for amount in (low, high)
    ]
    assert LEVELS.index(levels[0]) <= LEVELS.index(levels[1])


lines = st.lists(
    st.tuples(st.uuids(), quantities, prices).map(
        lambda line: PricedLine(line[0], line[1], line[2], line_amount(line[2], line[1]))
    ),
    min_size=1,
    max_size=5,
    unique_by=lambda line: line.charge_id,
)


@given(lines, st.randoms())
def test_a_fingerprint_is_of_the_lines_not_of_their_order(found: list[PricedLine], random: object) -> None:
    shuffled = list(found)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    assert rules.fingerprint(shuffled) == rules.fingerprint(found)


@given(lines)
def test_a_fingerprint_changes_with_any_price(found: list[PricedLine]) -> None:
    first = found[0]
    dearer = PricedLine(first.charge_id, first.quantity, first.unit_price + Decimal("0.0001"), first.amount)
    assert rules.fingerprint([dearer, *found[1:]]) != rules.fingerprint(found)


@pytest.mark.parametrize(
    ("statuses", "state"),
    [
        ([], "none"),
        (["open", "open"], "open"),
        (["open", "voided"], "open"),
        (["voided", "voided"], "voided"),
        (["paid", "refunded"], "paid"),
        (["refunded", "voided"], "mixed"),
        (["paid", "open"], "mixed"),
    ],
)
def test_state_of_a_source(statuses: list[str], state: str) -> None:
    assert rules.source_state(statuses) == state


@pytest.mark.parametrize(
    ("channel", "minutes", "stale"),
    [
        ("window", 4, False),
        ("window", 5, True),
        ("kiosk", 5, True),
        ("miniprogram", 14, False),
        ("miniprogram", 15, True),
    ],
)
def test_when_a_settlement_is_stale(channel: str, minutes: int, stale: bool) -> None:
    assert rules.stale(channel, NOW - timedelta(minutes=minutes), NOW) is stale


def test_every_means_and_reason_has_a_name() -> None:
    assert set(rules.METHOD_NAMES) - {"legacy", "bank_transfer"} == {method.value for method in rules.Method}
    assert len(rules.FEE_CLASSES) == 14


@given(
    st.lists(
        st.tuples(
            st.sampled_from([None, "甲", "乙", "丙"]),
            st.none() | st.decimals("0", "1", places=4),
            st.decimals("0", "9999", places=2),
        ),
        max_size=12,
    )
)
def test_levels_add_up_to_what_was_told(lines: list[tuple[str | None, Decimal | None, Decimal]]) -> None:
    summed = rules.by_insurance_level(lines)
    assert sum(summed.amounts.values(), ZERO) == sum((amount for level, _, amount in lines if level), ZERO)
    assert list(summed.amounts) == [level for level in "甲乙丙" if any(one[0] == level for one in lines)]
    assert ZERO <= summed.self_paid_first <= sum(summed.amounts.values(), ZERO)


def test_a_share_is_rounded_line_by_line() -> None:
    told = [("乙", Decimal("0.15"), Decimal("0.10")), ("乙", Decimal("0.15"), Decimal("0.10")), (None, None, CENT)]
    assert rules.by_insurance_level(told).self_paid_first == Decimal("0.04")


# -- the drawer


@pytest.mark.parametrize(
    ("kept", "told", "float_kept"),
    [({"10": 2}, None, "20.00"), ({"10": 2, "0.5": 1}, "20.50", "20.50"), ({}, None, "0.00"), ({"10": 3}, None, None)],
)
def test_a_float_stays_by_pieces_that_were_counted(kept: dict[str, int], told: str | None, float_kept: str) -> None:
    counted = {"10": 2, "0.5": 4}
    if float_kept is None:
        with pytest.raises(FloatPieces):
            drawer.float_by_pieces(counted, kept, None)
        return
    assert drawer.float_by_pieces(counted, kept, Decimal(told) if told else None) == Decimal(float_kept)
    with pytest.raises(FloatPieces):
        drawer.float_by_pieces(counted, kept, Decimal("999.00"))


@given(st.lists(st.tuples(st.sampled_from(drawer.FACES), st.integers(0, 200)), max_size=20))
def test_a_count_is_the_sum_of_its_pieces(counted: list[tuple[Decimal, int]]) -> None:
    pieces = drawer.denominations_by_face(counted)
    assert drawer.denomination_sum(pieces) == sum((face * count for face, count in counted), ZERO)
    assert all(count > 0 for count in pieces.values())
    faces = [Decimal(face) for face in pieces]
    assert faces == sorted(faces, reverse=True)
    assert len(set(faces)) == len(faces)


@pytest.mark.parametrize("face", ["3", "200", "0.25"])
def test_no_other_money_exists(face: str) -> None:
    with pytest.raises(DenominationUnknown):
        drawer.denomination_sum({face: 1})
