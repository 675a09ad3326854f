"""Masking of personal data (脱敏): one rule for all screens, lists and logs.

GB/T 39725-2020 and 个人信息保护法 art. 51 ask for de-identification where the full value is not needed; the forms
are those of the patient index specification. Full values are read by an act that is logged.
"""

import re

from functions.patients.index.rules.names import UNKNOWN_PERSON, normalise_name, split_name
from shared.resident_id import normalise_id_number

HIDDEN = "****"

_DOWN_TO_COUNTY = re.compile(
    r"(?:[^省市县区]{2,6}?(?:自治区|特别行政区|省))?"
    r"(?:[^市县区盟]{1,10}?(?:自治州|地区|盟|市))?"
    r"(?:[^县区旗市镇乡]{1,10}?(?:自治县|自治旗|林区|县|旗|区|市))?"
)
_TOWNSHIP = re.compile(r"(?:[^0-9号路村]|村(?=[镇乡])){1,10}?(?:街道|苏木|镇|乡)")


def mask_name(name: str) -> str:
    """Surname kept, each character of the given name starred: 王*, 张**, 欧阳**.

    A name of one character is starred whole. A name with a middle dot or in Latin letters keeps the first letter of
    each part. The placeholder of an unidentified person is nobody's name and stays.
    """
    text = normalise_name(name)
    if text.startswith(UNKNOWN_PERSON):
        return text
    surname, given = split_name(text)
    if surname:
        return surname + "*" * len(given) if given else "*"
    return re.sub(r"(?<=[^\s·])[^\s·]", "*", text) if len(text) > 1 else "*"


def mask_identity_number(number: str) -> str:
    """18 digits keep the first six and the last four (6 + 8 masked + 4), 15 digits likewise.

    Other documents (passport, permit, officer's card) keep two characters at each end; five characters and fewer are
    starred whole.
    """
    text = normalise_id_number(number)
    if len(text) >= 15:
        return _starred(text, 6, 4)
    return _starred(text, 2, 2) if len(text) > 5 else "*" * len(text)


def mask_phone(phone: str) -> str:
    """Eleven digits keep three and four (3 + 4 masked + 4); a landline keeps its last four; short ones are starred."""
    text = "".join(phone.split())
    mobile = re.fullmatch(r"(\+?86)?-?(1[0-9]{10})", text)
    if mobile:
        return _starred(mobile[2], 3, 4)
    return _starred(text, 0, 4) if len(text) > 6 else "*" * len(text)


def mask_address(address: str) -> str:
    """An address down to the township (乡镇, 街道); village, house and room are hidden.

    Without a township what follows the county is hidden, without a county everything.
    """
    text = "".join(address.split())
    found = _DOWN_TO_COUNTY.match(text)
    county = found.end() if found else 0
    township = _TOWNSHIP.match(text, county)
    end = township.end() if township else county
    return text if end == len(text) else text[:end] + HIDDEN


def _starred(text: str, head: int, tail: int) -> str:
    return text[:head] + "*" * (len(text) - head - tail) + text[len(text) - tail :]
