"""Search words: what a term is found by when somebody types its pinyin, its wubi or a part of it. Pure."""

import re
from typing import NamedTuple

SEPARATOR = "\x1f"
"""Stands between the grams of a code on their way into the database; no text contains it."""
LONGEST_WUBI = 100
"""Letters of a wubi a list may bring of its own."""


class SearchWords(NamedTuple):
    """What one text is found by. `grams`: what a part of it is found by."""

    initials: str
    wubi: str
    grams: list[str]


def search_words(text: str, own: str | None = None) -> SearchWords:
    """Search words of a text; `own`: the wubi its official list gives it, which goes before the one worked out."""
    letters, shape = initials(text), own or wubi(text)
    return SearchWords(letters, shape, grams(text, letters, shape))


def initials(text: str) -> str:
    """First letters of the pinyin of a text; letters and digits stand as they are."""
    from pypinyin import Style, lazy_pinyin

    return re.sub(r"[^a-z0-9]", "", "".join(lazy_pinyin(text, style=Style.FIRST_LETTER)).lower())


def wubi(text: str) -> str:
    """First letters of the wubi (五笔 86) of a text; a character with several codes goes by its full one. Letters and
    digits stand as they are."""
    from pywubi import single_wubi  # a table of 0.3 MB, which only the writers of texts pay

    return re.sub(r"[^a-z0-9]", "", "".join(single_wubi(character)[0] for character in text).lower())


def own_wubi(cell: str | None) -> str | None:
    """The wubi a list gives of its own; None for a cell that is none, such as a dash."""
    typed = re.sub(r"\s+", "", cell or "").lower()
    return typed if re.fullmatch(rf"[a-z0-9]{{1,{LONGEST_WUBI}}}", typed) else None


def grams(text: str, *typed: str) -> list[str]:
    """Characters and pairs of a text, and pairs of what is typed for it: what a part of it is found by."""
    text = text.lower()
    found = {character for character in text if not character.isascii()}
    for word in (text, *typed):
        found |= {word[place : place + 2] for place in range(len(word) - 1)}
    return sorted(found - {" "})


def wanted_grams(token: str) -> list[str]:
    """The grams every text that contains the token has; none for a single ASCII letter."""
    if len(token) == 1:
        return [] if token.isascii() else [token]
    return sorted({token[place : place + 2] for place in range(len(token) - 1)})
