"""The resident ID number (公民身份号码), GB 11643-1999: how it is written, and the digit that shows a slip."""

import unicodedata
from operator import mul

WEIGHTS = (7, 9, 10, 5, 8, 4, 2, 1, 6, 3, 7, 9, 10, 5, 8, 4, 2)
"""Weight of each of the first 17 digits (ISO 7064 MOD 11-2)."""
_CHECK = "10X98765432"


def normalise_id_number(text: str) -> str:
    """Half-width, without blanks, upper-case: how an identity number is stored and compared."""
    return "".join(unicodedata.normalize("NFKC", text).split()).upper()


def check_digit(first_17: str) -> str:
    """Check digit of the first 17 digits."""
    if len(first_17) != len(WEIGHTS):
        raise ValueError("a check digit is that of 17 digits")
    total = sum(map(mul, map(int, first_17), WEIGHTS))
    return _CHECK[total % 11]
