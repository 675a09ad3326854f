"""What was read or typed about a person, checked and normalised before anything is written."""

import re
from datetime import date
from typing import Any, NamedTuple

from functions.patients.index import problems, rules
from functions.patients.index.rules.ages import ADULT_AT
from functions.patients.index.schemas.people import Demographics, DocumentRead, GuardianRead
from functions.patients.index.schemas.values import REGISTERED_BY, Address, IdentifierType, ReadBy
from shared.problems import Invalid
from shared.resident_id import normalise_id_number

_MOBILE = re.compile(r"1[3-9][0-9]{9}")
_LANDLINE = re.compile(r"0[0-9]{2,3}[0-9]{7,8}")
_DOCUMENT = re.compile(r"[0-9A-Z()\-一-鿿]{5,30}")
_EIGHTEEN_DIGITS = frozenset({IdentifierType.RESIDENT_ID, IdentifierType.HMT_RESIDENCE, IdentifierType.FOREIGN_PR})


class CheckedNumber(NamedTuple):
    """A number as it is stored; `resident` is what an 18-digit one says about its holder."""

    type: IdentifierType
    value: str
    resident: rules.ResidentId | None


def checked_number(kind: IdentifierType, value: str) -> CheckedNumber:
    """Normalise a number and check its form and check digit.

    A household book names a person by the citizen's number, so such a number is one person's whether the book or the
    card was read. Raises the problems of rules.parse_resident_id and DocumentFormat.
    """
    number = normalise_id_number(value)
    if kind is IdentifierType.HOUSEHOLD_BOOK and len(number) == 18:
        kind = IdentifierType.RESIDENT_ID
    if kind in _EIGHTEEN_DIGITS:
        resident = rules.parse_resident_id(number)
        if resident.kind.value != kind.value:
            raise rules.IdFormat("号码与所选证件类型不符，请核对证件类型后重新录入。", errors=_on("type", "与号码不符"))
        return CheckedNumber(kind, resident.number, resident)
    if kind is IdentifierType.WECHAT:
        return CheckedNumber(kind, value.strip(), None)
    if kind in REGISTERED_BY and not _DOCUMENT.fullmatch(number):
        raise problems.DocumentFormat("证件号码格式不符，请对照证件重新录入或读卡。", errors=_on("number", "格式不符"))
    return CheckedNumber(kind, number, None)


def checked_phone(phone: str | None) -> str | None:
    """A phone number as it is stored: digits only, without the country code. Raises PhoneFormat."""
    if phone is None:
        return None
    digits = re.sub(r"[^0-9]", "", phone.removeprefix("+86").removeprefix("0086"))
    if not (_MOBILE.fullmatch(digits) or _LANDLINE.fullmatch(digits)):
        raise problems.PhoneFormat("请录入11位手机号，或带区号的固定电话。", errors=_on("phone", "格式不符"))
    return digits


def is_mobile(phone: str | None) -> bool:
    """Whether messages can reach the number."""
    return phone is not None and _MOBILE.fullmatch(phone) is not None


class Described(NamedTuple):
    """A person as described at registration; sex and birth date may be unknown while an existing person is sought."""

    name: str
    sex: str | None
    birth_date: date | None
    phone: str | None


def described(
    name: str, sex: str | None, birth_date: date | None, phone: str | None, resident: rules.ResidentId | None, on: date
) -> Described:
    """Join what was said with what the number says. Raises what contradicts, and a birth date beyond reason."""
    if resident is not None:
        rules.check_consistency(resident, birth_date=birth_date, sex=sex)
        birth_date = resident.birth_date
        sex = resident.sex.value if sex in (None, rules.Sex.UNKNOWN, rules.Sex.UNSTATED) else sex
    if birth_date is not None:
        rules.check_birth_date(birth_date, on)
    text = rules.normalise_name(name)
    if not text:
        raise Invalid("姓名不能为空。", errors=_on("name", "不能为空"))
    return Described(text, sex, birth_date, checked_phone(phone))


def require_complete_read(document: DocumentRead, name: str, sex: str | None, birth_date: date | None) -> None:
    """A chip gives everything or was not read: a half read is put on the reader again. Raises CardReadIncomplete."""
    if document.read_by is ReadBy.CHIP and not (name and sex and birth_date):
        raise problems.CardReadIncomplete("读卡不完整，请重新放置证件后再读。")


def require_complete(
    person: Described, phone_missing_reason: str | None, guardian: GuardianRead | None, on: date
) -> tuple[str, date]:
    """What a new person must have: sex, birth date, a mobile number or why there is none, a guardian under 14.

    Returns sex and birth date. Raises IdentityIncomplete, GuardianRequired, PhoneRequired.
    """
    if person.sex is None or person.birth_date is None:
        missing = [field for field in ("sex", "birth_date") if getattr(person, field) is None]
        raise problems.IdentityIncomplete(
            "请补录性别和出生日期。", errors=[{"field": field, "message": "必填"} for field in missing]
        )
    if guardian is None and rules.needs_guardian(person.birth_date, on):
        raise problems.GuardianRequired("未满14周岁须登记监护人，请补录监护人姓名、关系和电话。")
    adult = rules.completed_years(person.birth_date, on) >= ADULT_AT
    if adult and phone_missing_reason is None and not is_mobile(person.phone):
        raise problems.PhoneRequired(
            "请录入手机号；没有手机号的请注明原因。", errors=_on("phone", "必填，或填写无手机号原因")
        )
    return person.sex, person.birth_date


def address(value: Address | None) -> dict[str, Any] | None:
    """An address as it is stored."""
    return None if value is None else value.model_dump(exclude_none=True)


def demographics(given: Demographics) -> dict[str, Any]:
    """The optional fields as they are stored, but the phone."""
    values = given.model_dump(include=set(Demographics.model_fields) - {"phone"})
    values["registered_address"] = address(given.registered_address)
    values["current_address"] = address(given.current_address)
    return values


def name_fields(name: str) -> dict[str, Any]:
    """A name with the keys it is found by."""
    keys = rules.name_keys(name)
    return {
        "name": name,
        "name_pinyin": keys.full,
        "name_initials": keys.initials,
        "name_keys": sorted(filter(None, rules.one_character_keys(name))),
    }


def _on(field: str, message: str) -> list[dict[str, str]]:
    return [{"field": field, "message": message}]
