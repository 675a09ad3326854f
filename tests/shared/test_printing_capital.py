"""大写金额 against the rule's own examples and, for every amount, against a reader of its own."""

from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.printing.capital import capital_amount

DIGITS = {sign: value for value, sign in enumerate("零壹贰叁肆伍陆柒捌玖")}
UNITS = {"拾": 10, "佰": 100, "仟": 1000}


def read(text: str) -> Decimal:
    """Read capital figures back, by the meaning of the signs alone."""
    negative = text.startswith("负")
    total = group = digit = cents = 0
    for sign in text.removeprefix("负"):
        if sign in DIGITS:
            digit = DIGITS[sign]
        elif sign in UNITS:
            group, digit = group + digit * UNITS[sign], 0
        elif sign == "万":
            total, group, digit = total + (group + digit) * 10_000, 0, 0
        elif sign == "亿":
            total, group, digit = (total + group + digit) * 100_000_000, 0, 0
        elif sign == "元":
            total, group, digit = total + group + digit, 0, 0
        elif sign == "角":
            cents, digit = cents + digit * 10, 0
        elif sign == "分":
            cents, digit = cents + digit, 0
    amount = Decimal(total) + Decimal(cents) / 100
    return -amount if negative else amount


@pytest.mark.parametrize(
    ("amount", "capital"),
    [
        ("123.45", "壹佰贰拾叁元肆角伍分"),
        # Examples of 《正确填写票据和结算凭证的基本规定》, in the form chosen where it leaves two.
        ("1409.50", "壹仟肆佰零玖元伍角整"),
        ("6007.14", "陆仟零柒元壹角肆分"),
        ("1680.32", "壹仟陆佰捌拾元叁角贰分"),
        ("107000.53", "壹拾万柒仟元伍角叁分"),
        ("16409.02", "壹万陆仟肆佰零玖元零贰分"),
        ("325.04", "叁佰贰拾伍元零肆分"),
        ("0.00", "零元整"),
        ("0.05", "伍分"),
        ("0.50", "伍角整"),
        ("10.00", "壹拾元整"),
        ("100000.00", "壹拾万元整"),
        ("10001000.00", "壹仟万壹仟元整"),
        ("10000100.00", "壹仟万零壹佰元整"),
        ("100005000.00", "壹亿零伍仟元整"),
        ("100050000.00", "壹亿零伍万元整"),
        ("1230000000000.00", "壹万贰仟叁佰亿元整"),
        ("1000000000001.01", "壹万亿零壹元零壹分"),
        ("-86.35", "负捌拾陆元叁角伍分"),
    ],
)
def test_known_amounts(amount: str, capital: str) -> None:
    assert capital_amount(Decimal(amount)) == capital


AMOUNTS = st.integers(min_value=-(10**18) + 1, max_value=10**18 - 1).map(lambda cents: Decimal(cents).scaleb(-2))
COUNTER_AMOUNTS = st.integers(min_value=0, max_value=10**9).map(lambda cents: Decimal(cents).scaleb(-2))


@given(st.one_of(AMOUNTS, COUNTER_AMOUNTS))
def test_reads_back_as_the_same_amount(amount: Decimal) -> None:
    assert read(capital_amount(amount)) == amount


@given(st.one_of(AMOUNTS, COUNTER_AMOUNTS))
def test_is_written_as_a_voucher_wants_it(amount: Decimal) -> None:
    text = capital_amount(amount)
    assert "零零" not in text
    assert not any(unit + end in text for unit in "零" for end in "拾佰仟万亿角分")
    assert "零元" not in text or text == "零元整"
    assert text.endswith(("整", "分"))
    assert not text.removeprefix("负").startswith("零") or text == "零元整"


@given(st.lists(COUNTER_AMOUNTS, min_size=2, max_size=2, unique=True))
def test_two_amounts_are_never_written_alike(pair: list[Decimal]) -> None:
    assert capital_amount(pair[0]) != capital_amount(pair[1])


@pytest.mark.parametrize("amount", ["0.001", "10000000000000000", "NaN", "Infinity"])
def test_what_no_voucher_can_carry_is_refused(amount: str) -> None:
    with pytest.raises(ValueError, match="no amount"):
        capital_amount(Decimal(amount))
