"""Numbers that identify a person: resident ID and its relatives, and the EMPI number.

Sources: GB 11643-1999 (citizen identification number), GB 11643-1989 (the 15-digit form it replaced),
GB/T 2261.1 (sex), GB/T 2260 (administrative divisions); 港澳台居民居住证申领发放办法 (国办发〔2018〕81号, address codes
810000, 820000, 830000); 外国人永久居留身份证 in the 18-digit form issued since 2023-12-01 (first digit 9).
"""

import re
from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from functions.patients.index.rules.ages import add_years
from shared.problems import Problem
from shared.resident_id import check_digit, normalise_id_number


class Sex(StrEnum):
    """Sex of a person, GB/T 2261.1."""

    UNKNOWN = "0"
    MALE = "1"
    FEMALE = "2"
    UNSTATED = "9"


class ResidentIdKind(StrEnum):
    """The three documents that carry an 18-digit number; the values are identifier types of the index."""

    CITIZEN = "resident_id"
    HMT_RESIDENCE = "hmt_residence"
    FOREIGN_PR = "foreign_pr"


class IdFormat(Problem):
    """The text is not an 18-digit number of one of the three documents."""

    status = 422
    code = "id_format"
    title = "证件号码格式不符"


class IdCheckDigit(Problem):
    """The last digit does not fit the others: a digit was mistyped or two were swapped (GB 11643-1999, 校验码)."""

    status = 422
    code = "id_check_digit"
    title = "证件号码校验位不符"


class IdBirthDate(Problem):
    """Digits 7 to 14 are not a day of the calendar."""

    status = 422
    code = "id_birth_date"
    title = "证件号码中的出生日期不存在"


class IdBirthDateMismatch(Problem):
    """The birth date entered is not the one in the number."""

    status = 422
    code = "id_birth_date_mismatch"
    title = "出生日期与证件号码不一致"


class IdSexMismatch(Problem):
    """The sex entered is not the one in the number (digit 17: odd male, even female)."""

    status = 422
    code = "id_sex_mismatch"
    title = "性别与证件号码不一致"


class BirthDateInFuture(Problem):
    status = 422
    code = "birth_date_in_future"
    title = "出生日期晚于今天"


class BirthDateTooEarly(Problem):
    status = 422
    code = "birth_date_too_early"
    title = "出生日期过早"


OLDEST_AGE = 130
"""Years back beyond which a birth date is taken for a typing error."""

_EIGHTEEN = re.compile(r"[1-9][0-9]{16}[0-9X]")
_FIFTEEN = re.compile(r"[1-9][0-9]{14}")

_PROVINCES = frozenset(
    (*range(11, 16), *range(21, 24), *range(31, 38), *range(41, 47), *range(50, 55), *range(61, 66), 71)
)
_HMT_REGIONS = frozenset(("810000", "820000", "830000"))


@dataclass(frozen=True, slots=True)
class ResidentId:
    """What an 18-digit number says about its holder.

    `number` is normalised (half-width, upper-case X). `region` is the GB/T 2260 code of first registration; a
    foreigner's card names only the province of application, so its region ends in 0000 and `nationality` holds the
    three-digit numeric country code (GB/T 2659). Region codes of abolished counties stay valid for life and are not
    looked up here.
    """

    number: str
    kind: ResidentIdKind
    region: str
    birth_date: date
    sex: Sex
    nationality: str | None = None


def parse_resident_id(number: str) -> ResidentId:
    """Read an 18-digit number of a citizen, a Hong Kong/Macau/Taiwan resident or a foreign permanent resident.

    Raises IdFormat, IdCheckDigit or IdBirthDate. A 15-digit number is refused: it identifies history only
    (see `upgrade_15_digit`).
    """
    text = normalise_id_number(number)
    if _FIFTEEN.fullmatch(text):
        raise IdFormat("15位旧证号只能作为历史证件登记，请输入18位号码。", errors=_on_number("旧证号"))
    if not _EIGHTEEN.fullmatch(text):
        raise IdFormat("证件号码应为18位，末位可为X，请重新输入或读卡。", errors=_on_number("应为18位"))
    kind, region, nationality = _issuer(text)
    if check_digit(text[:17]) != text[17]:
        raise IdCheckDigit("证件号码有误，请核对是否输错或颠倒了数字。", errors=_on_number("校验位不符"))
    return ResidentId(
        number=text,
        kind=kind,
        region=region,
        birth_date=_calendar_day(text[6:14]),
        sex=Sex.MALE if int(text[16]) % 2 else Sex.FEMALE,
        nationality=nationality,
    )


def upgrade_15_digit(number: str) -> ResidentId:
    """The 18-digit number a 15-digit one was replaced by, to find a person by an old record.

    GB 11643-1989 wrote two digits of the year; sequence numbers 996 to 999 were kept for people already a hundred
    years old, born in the 1800s. The result serves searching: it never becomes an active identifier by itself,
    because numbers given twice were corrected when the 18 digits came. Raises IdFormat or IdBirthDate.
    """
    text = normalise_id_number(number)
    if not _FIFTEEN.fullmatch(text):
        raise IdFormat("旧证号应为15位数字。", errors=_on_number("应为15位"))
    century = "18" if text[12:15] >= "996" else "19"
    body = text[:6] + century + text[6:]
    _calendar_day(body[6:14])
    return parse_resident_id(body + check_digit(body))


def check_consistency(resident: ResidentId, *, birth_date: date | None = None, sex: str | None = None) -> None:
    """Compare what was typed with what the number says.

    Sex 0 (unknown) and 9 (not stated) contradict nothing. Raises IdBirthDateMismatch or IdSexMismatch.
    """
    if birth_date is not None and birth_date != resident.birth_date:
        raise IdBirthDateMismatch(
            "录入的出生日期与证件号码不一致，请核对证件。",
            errors=[{"field": "birth_date", "message": "与证件号码不一致"}],
        )
    if sex in (Sex.MALE, Sex.FEMALE) and sex != resident.sex:
        raise IdSexMismatch(
            "录入的性别与证件号码不一致，请核对证件。", errors=[{"field": "sex", "message": "与证件号码不一致"}]
        )


def check_birth_date(birth_date: date, today: date) -> None:
    """A patient is born, and not more than 130 years ago. Raises BirthDateInFuture or BirthDateTooEarly."""
    if birth_date > today:
        raise BirthDateInFuture(
            "出生日期不能晚于今天，请核对。", errors=[{"field": "birth_date", "message": "晚于今天"}]
        )
    if add_years(birth_date, OLDEST_AGE) < today:
        raise BirthDateTooEarly(
            f"出生日期距今超过{OLDEST_AGE}年，请核对。", errors=[{"field": "birth_date", "message": "过早"}]
        )


LARGEST_EMPI_SEQUENCE = 999_999_999


def empi_number(sequence: int) -> str:
    """The consortium-wide patient number (EMPI 号): nine digits of a sequence and their Luhn check digit.

    ISO/IEC 7812-1 annex B. Raises ValueError outside 1 to 999,999,999.
    """
    if not 1 <= sequence <= LARGEST_EMPI_SEQUENCE:
        raise ValueError("an EMPI number is made of a sequence between 1 and 999,999,999")
    body = f"{sequence:09d}"
    return body + str(-_luhn_sum(body + "0") % 10)


def is_empi_number(text: str) -> bool:
    """Whether a scanned or typed text has the form and the check digit of an EMPI number."""
    return re.fullmatch(r"[0-9]{10}", text) is not None and int(text) > 9 and _luhn_sum(text) % 10 == 0


def _issuer(text: str) -> tuple[ResidentIdKind, str, str | None]:
    if text[0] == "9":
        return ResidentIdKind.FOREIGN_PR, text[1:3] + "0000", text[3:6]
    if text[0] == "8":
        if text[:6] not in _HMT_REGIONS:
            raise IdFormat("居住证号码应以810000、820000或830000开头，请核对。", errors=_on_number("地区代码不存在"))
        return ResidentIdKind.HMT_RESIDENCE, text[:6], None
    if int(text[:2]) not in _PROVINCES:
        raise IdFormat("证件号码的地区代码不存在，请核对。", errors=_on_number("地区代码不存在"))
    return ResidentIdKind.CITIZEN, text[:6], None


def _calendar_day(digits: str) -> date:
    try:
        return date(int(digits[:4]), int(digits[4:6]), int(digits[6:]))
    except ValueError:
        raise IdBirthDate("证件号码第7至14位不是真实日期，请核对。", errors=_on_number("出生日期不存在")) from None


def _on_number(message: str) -> list[dict[str, str]]:
    return [{"field": "number", "message": message}]


def _luhn_sum(digits: str) -> int:
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total
