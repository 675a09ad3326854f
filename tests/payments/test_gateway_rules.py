"""Rules of the gateway without a database: fen, numbers, payment codes, back-off, masks, health."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.payments.gateway import rules
from functions.payments.gateway.problems import AmountInvalid, PaymentCodeUnknown

FENS = st.integers(1, 10**11)
MOMENTS = st.integers(0, 2 * 10**9).map(lambda seconds: datetime(2020, 1, 1, tzinfo=UTC) + timedelta(seconds=seconds))
CAMPUSES = st.from_regex(r"[a-z][a-z0-9]{1,9}", fullmatch=True)
IDS = st.uuids()


@given(FENS)
def test_yuan_and_fen_are_the_same_money(cents: int) -> None:
    assert rules.fen(rules.yuan(cents)) == cents


@given(st.decimals(allow_nan=True, allow_infinity=True, places=4, min_value=None, max_value=None))
def test_fen_is_exact_or_refused(amount: Decimal) -> None:
    try:
        cents = rules.fen(amount)
    except AmountInvalid:
        return
    assert Decimal(cents) == amount * 100
    assert cents > 0


@pytest.mark.parametrize("amount", ["7.275", "0.001", "0", "-0.01", "NaN", "Infinity"])
def test_what_is_no_amount_is_refused(amount: str) -> None:
    with pytest.raises(AmountInvalid):
        rules.fen(Decimal(amount))


@given(CAMPUSES, MOMENTS, IDS)
def test_numbers_fit_the_channels_and_check_themselves(campus: str, at: datetime, identity: UUID) -> None:
    order, refund = rules.order_number(campus, at, identity), rules.refund_number(campus, at, identity)
    assert (len(order), len(refund)) == (31, 32)
    assert order.replace("_", "").isalnum()
    assert order.startswith(campus)
    assert rules.is_number(order)
    assert rules.is_number(refund)


@given(MOMENTS, IDS, st.integers(10, 30), st.integers(1, 9))
def test_one_wrong_digit_is_found(at: datetime, identity: UUID, place: int, more: int) -> None:
    number = rules.order_number("hq", at, identity)
    wrong = number[:place] + str((int(number[place]) + more) % 10) + number[place + 1 :]
    assert not rules.is_number(wrong)


@given(st.integers(0, 10**16 - 1), st.sampled_from(["10", "11", "12", "13", "14", "15"]))
def test_wechat_codes(serial: int, prefix: str) -> None:
    assert rules.channel_of_code(f"{prefix}{serial:016d}") == "wechat"


@given(st.integers(14, 22).flatmap(lambda size: st.text("0123456789", min_size=size, max_size=size)))
def test_alipay_codes(serial: str) -> None:
    assert {rules.channel_of_code(f"{prefix}{serial}") for prefix in (25, 26, 27, 28, 29, 30)} == {"alipay"}


@pytest.mark.parametrize(
    "code",
    ["", "16" + "0" * 16, "13" + "0" * 15, "13" + "0" * 17, "24" + "0" * 16, "31" + "0" * 16, "13000000000000000x"],
)
def test_other_codes_are_refused(code: str) -> None:
    with pytest.raises(PaymentCodeUnknown):
        rules.channel_of_code(code)


@given(
    MOMENTS, st.timedeltas(timedelta(0), timedelta(hours=3)), st.timedeltas(timedelta(minutes=1), timedelta(hours=2))
)
def test_an_open_payment_is_asked_about_from_five_seconds_to_ten_minutes(
    begun: datetime, waited: timedelta, lasts: timedelta
) -> None:
    now, ends = begun + waited, begun + lasts
    following = rules.next_check(now, begun, ends)
    assert following <= now + timedelta(minutes=10)
    assert following >= min(now + timedelta(seconds=5), ends)
    if now < ends:
        assert following <= ends, "it is asked about at its expiry at the latest"
    elif now < ends + timedelta(minutes=10):
        assert following <= now + timedelta(minutes=2)


@given(
    st.recursive(
        st.none() | st.integers() | st.text(max_size=5),
        lambda inner: (
            st.lists(inner, max_size=3)
            | st.dictionaries(st.sampled_from(["auth_code", "openid", "payer", "amount", "sign"]), inner, max_size=4)
        ),
        max_leaves=10,
    )
)
def test_masking_keeps_the_shape_and_hides_the_secrets(document: object) -> None:
    def check(before: object, after: object) -> None:
        if isinstance(before, dict):
            assert isinstance(after, dict)
            assert before.keys() == after.keys()
            for key, value in before.items():
                if key in ("auth_code", "sign"):
                    assert after[key] == "***"
                elif key == "openid" and isinstance(value, str):
                    assert after[key] == f"***{value[-4:]}"
                else:
                    check(value, after[key])
        elif isinstance(before, list):
            for one, other in zip(before, after, strict=True):  # type: ignore[call-overload]
                check(one, other)
        else:
            assert before == after

    check(document, rules.masked(document))


@pytest.mark.parametrize(("card", "masked"), [("622202******7890", True), ("6222021234567890", False), ("****", False)])
def test_cards_are_masked(card: str, masked: bool) -> None:
    assert rules.is_masked_card(card) is masked


@given(st.integers(0, 200), st.integers(0, 200))
def test_a_channel_fails_above_a_fifth_of_five_calls(calls: int, errors: int) -> None:
    assert rules.is_failing(calls, errors) is (calls >= 5 and errors / calls > 0.2)


@given(st.integers(0, 50))
def test_probes_grow_rarer_to_a_quarter_of_an_hour(probes: int) -> None:
    assert timedelta(minutes=1) <= rules.probe_after(probes) <= rules.probe_after(probes + 1) <= timedelta(minutes=15)


def test_every_product_has_its_name_and_time() -> None:
    products = {product for known in rules.PRODUCTS.values() for product in known}
    assert products == set(rules.PRODUCT_NAMES) == set(rules.EXPIRES)
    assert set(rules.PRODUCTS) == set(rules.CHANNELS)
