"""Rules of the charge catalogue as properties."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.catalogue.prices import rules
from functions.catalogue.prices.problems import PriceAboveCeiling, PricePeriodOverlaps, QuantityNotAllowed

NOW = datetime(2026, 4, 1, tzinfo=UTC)
hours = st.integers(0, 60).map(lambda n: NOW + timedelta(hours=n))


@pytest.mark.case("40", 9)
@given(
    st.lists(st.tuples(hours, st.none() | st.integers(1, 20)), max_size=15), st.lists(hours, min_size=1, max_size=10)
)
def test_accepted_prices_never_meet(wishes: list[tuple[datetime, int | None]], looked: list[datetime]) -> None:
    """Whatever is asked for in whatever order, at every instant at most one accepted price holds."""
    accepted: list[rules.Period] = []
    for number, (start, length) in enumerate(wishes):
        end = None if length is None else start + timedelta(hours=length)
        after_start = [one for one in accepted if one.valid_to is None or one.valid_to > start]
        try:
            ended = rules.predecessor(after_start, start, end)
        except PricePeriodOverlaps:
            continue
        if ended is not None:
            accepted.remove(ended)
            accepted.append(rules.Period(ended.version_id, ended.unit_price, ended.valid_from, start))
        accepted.append(rules.Period(UUID(int=number), Decimal(number), start, end))
    assert accepted or not wishes
    for moment in [*looked, NOW + timedelta(days=900)]:
        held = [one for one in accepted if one.valid_from <= moment and (one.valid_to is None or moment < one.valid_to)]
        assert len(held) <= 1


@given(hours, st.integers(1, 40))
def test_an_open_price_gives_way_to_its_successor(start: datetime, later: int) -> None:
    first = rules.Period(UUID(int=1), Decimal(1), start, None)
    assert rules.predecessor([first], start + timedelta(hours=later), None) == first
    assert rules.predecessor([first], start - timedelta(hours=later), start) is None
    with pytest.raises(PricePeriodOverlaps):
        rules.predecessor([first], start, None)


@given(st.decimals(0, 99999, places=4, allow_nan=False, allow_infinity=False))
def test_prices_are_read_as_they_are_written(price: Decimal) -> None:
    assert rules.price_of(str(price)) == price
    assert rules.price_of(f"{price:f}") == price


@pytest.mark.parametrize("text", ["", "十", "NaN", "Infinity", "-0.01", "1.00001", "1e30", "1,000", "１２x", "0x10"])
def test_what_is_no_price(text: str) -> None:
    with pytest.raises(ValueError, match=r"须为|最多"):
        rules.price_of(text)


@given(st.decimals(0, 1000, places=2), st.none() | st.decimals(0, 1000, places=2))
def test_a_price_is_at_most_its_ceiling(price: Decimal, ceiling: Decimal | None) -> None:
    if ceiling is not None and price > ceiling:
        with pytest.raises(PriceAboveCeiling):
            rules.require_ceiling(price, ceiling)
    else:
        rules.require_ceiling(price, ceiling)


@given(
    st.decimals("0.25", 50, places=2),
    st.decimals(0, 50, places=2),
    st.none() | st.decimals(1, 30, places=0),
    st.none() | st.decimals(1, 30, places=0),
    st.none() | st.sampled_from([Decimal("0.5"), Decimal(1)]),
)
def test_quantities(
    quantity: Decimal, already: Decimal, most: Decimal | None, day: Decimal | None, step: Decimal | None
) -> None:
    allowed = (
        (most is None or quantity <= most)
        and (day is None or quantity + already <= day)
        and (step is None or (quantity / step) == (quantity / step).to_integral_value())
    )
    if allowed:
        rules.check_quantity("监护", "小时", quantity, already, most=most, most_per_day=day, step=step)
    else:
        with pytest.raises(QuantityNotAllowed):
            rules.check_quantity("监护", "小时", quantity, already, most=most, most_per_day=day, step=step)


cells = st.dictionaries(
    st.sampled_from([*rules.COLUMNS, "other"]),
    st.none() | st.text(max_size=12) | st.sampled_from(["次", "05", "service", "A1", "10.00"]),
    max_size=12,
)


@given(st.lists(cells, max_size=8))
def test_every_row_is_good_or_says_why(rows: list[dict[str, str | None]]) -> None:
    verdicts = rules.judge_rows(list(enumerate(rows, 1)), {"次"}, {})
    assert len(verdicts) == len(rows)
    for verdict in verdicts:
        assert (verdict.item is None) == bool(verdict.faults)
        assert bool(verdict.change) == (not verdict.faults)
    codes = [verdict.item.code for verdict in verdicts if verdict.item is not None]
    assert len(codes) == len(set(codes))


@pytest.mark.parametrize(
    ("name", "expected"),
    [("血细胞分析（五分类）", "xxbfxwfl"), ("CT平扫", "ctps"), ("Ⅰ级护理", "jhl"), ("3D打印", "3ddy")],
)
def test_initials(name: str, expected: str) -> None:
    assert rules.initials(name) == expected
