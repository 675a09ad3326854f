"""Rules of the patient index: identity numbers, EMPI numbers and ages."""

from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from functions.patients.index import rules
from functions.patients.index.rules import BirthPrecision, Sex
from shared.problems import Problem
from shared.resident_id import check_digit
from shared.schemas import SHANGHAI

days = st.dates(date(1880, 1, 1), date(2026, 12, 31))


@st.composite
def resident_numbers(draw: st.DrawFn) -> str:
    region = draw(st.sampled_from(("450223", "450102", "110105", "451324", "810000", "820000", "830000", "945840")))
    body = f"{region}{draw(days):%Y%m%d}{draw(st.integers(0, 999)):03d}"
    return body + check_digit(body)


# ---------------------------------------------------------------- resident ID


@pytest.mark.case("P-patient-index", 1)
def test_case_1_a_number_is_accepted_and_refused_for_the_right_reason() -> None:
    resident = rules.parse_resident_id("11010519491231002X")
    assert (resident.birth_date, resident.sex, resident.region) == (date(1949, 12, 31), Sex.FEMALE, "110105")
    rules.check_consistency(resident, birth_date=date(1949, 12, 31), sex="2")

    with pytest.raises(rules.IdCheckDigit) as refused:
        rules.parse_resident_id("110105194912310021")
    assert (refused.value.code, refused.value.status) == ("id_check_digit", 422)

    with pytest.raises(rules.IdSexMismatch) as contradicted:
        rules.check_consistency(resident, birth_date=date(1949, 12, 31), sex="1")
    assert contradicted.value.code == "id_sex_mismatch"
    assert contradicted.value.errors[0]["field"] == "sex"


@given(resident_numbers())
def test_a_number_tells_its_birth_date_sex_and_region(number: str) -> None:
    resident = rules.parse_resident_id(number)
    assert f"{resident.birth_date:%Y%m%d}" == number[6:14]
    assert resident.sex == ("1" if number[16] in "13579" else "2")
    assert resident.number == number
    assert resident.region[:2] == (number[1:3] if number[0] == "9" else number[:2])


@given(resident_numbers())
def test_lower_case_full_width_and_blanks_are_the_same_number(number: str) -> None:
    typed = f" {number[:6]} {number[6:14]} {number[14:].lower()} "
    wide = typed.translate({ord(digit): chr(ord(digit) - ord("0") + ord("０")) for digit in "0123456789"})
    assert rules.parse_resident_id(typed) == rules.parse_resident_id(wide) == rules.parse_resident_id(number)


@given(resident_numbers(), st.integers(6, 17), st.sampled_from("0123456789X"))
def test_one_wrong_digit_never_passes(number: str, place: int, digit: str) -> None:
    assume(number[place] != digit)
    with pytest.raises(Problem) as refused:
        rules.parse_resident_id(number[:place] + digit + number[place + 1 :])
    assert refused.value.code in {"id_check_digit", "id_format"}


@given(resident_numbers(), st.integers(6, 15))
def test_two_neighbouring_digits_swapped_never_pass(number: str, place: int) -> None:
    assume(number[place] != number[place + 1])
    swapped = number[:place] + number[place + 1] + number[place] + number[place + 2 :]
    with pytest.raises(rules.IdCheckDigit):
        rules.parse_resident_id(swapped)


@given(st.text(max_size=25))
def test_any_text_is_read_or_refused_by_a_problem_of_its_own(text: str) -> None:
    try:
        resident = rules.parse_resident_id(text)
    except (rules.IdFormat, rules.IdCheckDigit, rules.IdBirthDate):
        return
    assert len(resident.number) == 18


@pytest.mark.parametrize("text", ["", "45022319900307451", "4502231990030745166", "45022319900307451A", "٤" * 18])
def test_not_eighteen_digits_is_a_format_error(text: str) -> None:
    with pytest.raises(rules.IdFormat):
        rules.parse_resident_id(text)


@pytest.mark.parametrize("region", ["160105", "550223", "000000", "811234", "840000"])
def test_a_region_that_no_document_carries_is_refused(region: str) -> None:
    body = region + "19900307451"
    with pytest.raises(rules.IdFormat):
        rules.parse_resident_id(body + check_digit(body))


@pytest.mark.parametrize("day", ["19900230", "19901301", "19900010", "20230229", "00000101"])
def test_a_day_that_is_not_in_the_calendar_is_refused(day: str) -> None:
    body = "450223" + day + "451"
    with pytest.raises(rules.IdBirthDate) as refused:
        rules.parse_resident_id(body + check_digit(body))
    assert refused.value.code == "id_birth_date"


def test_the_kind_of_document_follows_from_the_first_digits() -> None:
    def parsed(body: str) -> rules.ResidentId:
        return rules.parse_resident_id(body + check_digit(body))

    assert parsed("45022319900307451").kind == "resident_id"
    assert parsed("83000019900307451").kind == "hmt_residence"
    foreign = parsed("94584019900307451")
    assert (foreign.kind, foreign.region, foreign.nationality) == ("foreign_pr", "450000", "840")


def test_a_fifteen_digit_number_is_history_only() -> None:
    with pytest.raises(rules.IdFormat):
        rules.parse_resident_id("450223900307451")
    upgraded = rules.upgrade_15_digit("450223900307451")
    assert upgraded.number.startswith("45022319900307451")
    assert rules.parse_resident_id(upgraded.number) == upgraded
    assert rules.upgrade_15_digit("450223900307998").birth_date == date(1890, 3, 7)
    with pytest.raises(rules.IdFormat):
        rules.upgrade_15_digit("450223199003074516")
    with pytest.raises(rules.IdBirthDate):
        rules.upgrade_15_digit("450223900230451")


def test_what_was_typed_must_agree_with_the_number() -> None:
    resident = rules.parse_resident_id("11010519491231002X")
    with pytest.raises(rules.IdBirthDateMismatch):
        rules.check_consistency(resident, birth_date=date(1949, 12, 30), sex="2")
    for unstated in ("0", "9", None):
        rules.check_consistency(resident, sex=unstated)


def test_birth_dates_lie_between_today_and_130_years_back() -> None:
    today = date(2026, 3, 2)
    for accepted in (today, date(1896, 3, 2)):
        rules.check_birth_date(accepted, today)
    with pytest.raises(rules.BirthDateInFuture):
        rules.check_birth_date(date(2026, 3, 3), today)
    with pytest.raises(rules.BirthDateTooEarly):
        rules.check_birth_date(date(1896, 3, 1), today)


# ---------------------------------------------------------------- EMPI number


def test_empi_numbers_have_ten_digits_and_a_luhn_check_digit() -> None:
    assert rules.empi_number(1) == "0000000018"
    assert rules.empi_number(123_456_789) == "1234567897"
    for wrong in (0, -1, 1_000_000_000):
        with pytest.raises(ValueError, match="sequence"):
            rules.empi_number(wrong)
    for text in ("", "0000000000", "123456789", "12345678970", "123456789X", "１２３４５６７８９７"):
        assert not rules.is_empi_number(text)


@given(st.integers(1, 999_999_999), st.integers(0, 9), st.integers(1, 9))
def test_empi_numbers_are_distinct_and_show_a_wrong_digit(sequence: int, place: int, shift: int) -> None:
    number = rules.empi_number(sequence)
    assert len(number) == 10
    assert int(number[:9]) == sequence
    assert rules.is_empi_number(number)
    changed = str((int(number[place]) + shift) % 10)
    assert not rules.is_empi_number(number[:place] + changed + number[place + 1 :])


# ---------------------------------------------------------------- ages


BORN = datetime(2026, 1, 31, 23, 30, tzinfo=SHANGHAI)


@pytest.mark.parametrize(
    ("at", "text"),
    [
        (BORN, "0小时"),
        (BORN + timedelta(hours=23, minutes=59), "23小时"),
        (BORN + timedelta(hours=24), "1天"),
        (BORN + timedelta(days=27, hours=23), "27天"),
        (BORN + timedelta(days=28), "1月0天"),
        (datetime(2026, 3, 15, 8, 0, tzinfo=SHANGHAI), "1月15天"),
        (datetime(2027, 1, 30, 12, 0, tzinfo=SHANGHAI), "11月30天"),
        (datetime(2027, 1, 31, 0, 0, tzinfo=SHANGHAI), "1岁0月"),
        (datetime(2032, 1, 30, 23, 59, tzinfo=SHANGHAI), "5岁11月"),
        (datetime(2032, 1, 31, 0, 0, tzinfo=SHANGHAI), "6岁"),
        (datetime(2126, 2, 1, 0, 0, tzinfo=SHANGHAI), "100岁"),
    ],
)
def test_age_is_printed_by_its_bands(at: datetime, text: str) -> None:
    assert rules.age_text(BORN, at) == text
    assert rules.age_text(BORN.astimezone(UTC), at.astimezone(UTC)) == text


def test_age_says_no_more_than_is_known_of_the_birth() -> None:
    born = datetime(2026, 1, 31, tzinfo=SHANGHAI)
    at = datetime(2026, 1, 31, 9, 0, tzinfo=SHANGHAI)
    assert rules.age_text(born, at, BirthPrecision.DAY) == "0天"
    assert rules.age_text(born, at + timedelta(days=27), BirthPrecision.DAY) == "27天"
    assert rules.age_text(born, at, BirthPrecision.MONTH) == "0月"
    assert rules.age_text(born, at.replace(year=2028), BirthPrecision.MONTH) == "2岁0月"
    assert rules.age_text(born, at.replace(year=2071), BirthPrecision.YEAR) == "45岁"


@pytest.mark.parametrize("precision", BirthPrecision)
def test_nobody_has_an_age_before_birth(precision: BirthPrecision) -> None:
    with pytest.raises(ValueError, match="before birth"):
        rules.age_text(BORN, BORN - timedelta(days=400), precision)


moments = st.datetimes(datetime(1900, 1, 1), datetime(2099, 12, 31), timezones=st.just(SHANGHAI))  # noqa: DTZ001


@given(moments, moments)
def test_age_text_has_the_form_of_its_band(one: datetime, other: datetime) -> None:
    born, at = min(one, other), max(one, other)
    text, lived = rules.age_text(born, at), at - born
    years = rules.completed_years(born.date(), at.date())
    if lived < timedelta(days=1):
        assert text == f"{int(lived.total_seconds() // 3600)}小时"
    elif lived < timedelta(days=28):
        assert text == f"{lived.days}天"
    elif years < 1:
        months, rest = text.removesuffix("天").split("月")
        assert rules.add_months(born.date(), int(months)) + timedelta(days=int(rest)) == at.date()
        assert 0 <= int(rest) <= 30
    else:
        assert text.startswith(f"{years}岁")
        assert text.endswith("月" if years < 6 else "岁")


@given(days, st.integers(0, 1500))
def test_months_of_life_are_counted_up_to_the_day_that_completes_them(birth: date, months: int) -> None:
    day = rules.add_months(birth, months)
    assert rules.completed_months(birth, day) == months
    if months:
        assert rules.completed_months(birth, day - timedelta(days=1)) == months - 1


def test_a_leap_day_birthday_falls_on_the_last_day_of_february() -> None:
    assert rules.add_years(date(2008, 2, 29), 18) == date(2026, 2, 28)
    assert rules.completed_years(date(2008, 2, 29), date(2026, 2, 27)) == 17
    assert rules.completed_years(date(2008, 2, 29), date(2026, 2, 28)) == 18


def test_guardians_are_needed_below_14_and_act_until_18() -> None:
    born = date(2012, 3, 2)
    assert rules.needs_guardian(born, date(2026, 3, 1))
    assert not rules.needs_guardian(born, date(2026, 3, 2))
    assert rules.guardian_authority_ends(born) == date(2030, 3, 2)
    assert rules.guardian_has_authority(born, date(2030, 3, 1))
    assert not rules.guardian_has_authority(born, date(2030, 3, 2))
