"""ID numbers of staff as people write them and as they are shown."""

import re

from shared.resident_id import check_digit, normalise_id_number


def read_id_number(text: str) -> str:
    """A resident ID number (公民身份号码, GB 11643: ISO 7064 MOD 11-2) as it is kept: 18 characters, X in upper case.

    Raises ValueError without repeating what was typed.
    """
    number = normalise_id_number(text)
    if not re.fullmatch(r"[1-9]\d{16}[\dX]", number, re.ASCII):
        raise ValueError("身份证号须为 18 位")
    if check_digit(number[:17]) != number[17]:
        raise ValueError("身份证号校验位不正确，请核对证件")
    return number


def mask_id_number(number: str) -> str:
    """What is shown of a number to those who need not know it whole: region of three digits and the last four."""
    return f"{number[:3]}***********{number[-4:]}"
