"""Numbers of certificates (证件号码): sealed where they are written, opened where somebody may read them whole.

The database keeps a number as `shared.column_cipher` seals it and, to find it by, a mark: `#` and a keyed hash. With
the day of birth and the region the last four digits would be the whole number, so no part of it stands in clear: a
masked number is an opened one. Numbers written before all this, or by a process of the release before, are read as they
are until the minute's work (service.sealing) has come to them.
"""

import base64
import logging
from collections.abc import Sequence
from typing import Any, NamedTuple, Protocol
from uuid import UUID

from functions.patients.index import rules
from functions.patients.index.models import Correction, LegacyRow, Relation
from functions.patients.index.queries import sealing
from functions.patients.index.schemas.values import DOCUMENT_CODES
from shared.column_cipher import Cipher, ColumnKeysMissing, SealBroken, cipher
from shared.sealing import KeyRing
from shared.tx import Tx

COLUMN = "patients.identifiers.value"
TAILS = "patients.identifiers.tail"
RELATIONS = "patients.relations.document_no"
CORRECTIONS = "patients.corrections.document_no"
LEGACY = "patients.legacy_rows.document_no"
SEALED = frozenset(kind.value for kind in DOCUMENT_CODES)
MARK = "#"
TAIL = 4
"""Characters at the end of an 18-digit number that have a mark of their own; what stands before them is a birthday."""
UNREADABLE = "******"
"""Shown for a number this process has no key to."""
_EIGHTEEN_DIGITS = frozenset(kind.value for kind in rules.ResidentIdKind)
KEYS = KeyRing(sealing.NUMBER_KEYS, sealing.ADD_NUMBER_KEY, "证件号码", logging.getLogger("his.patients"))


class Kept(Protocol):
    """A row of patients.identifiers, as far as its number goes."""

    @property
    def identifier_id(self) -> UUID: ...
    @property
    def value(self) -> str: ...
    @property
    def sealed(self) -> str | None: ...


class Written(NamedTuple):
    """How a number is written into patients.identifiers."""

    value: str
    sealed: str | None = None
    key_id: str | None = None
    tail: int | None = None


# -- keys


def keys(tx: Tx, *, writing: bool = False) -> Cipher:
    """The cipher of this process, once it is known to be the database's: with another key a look-up would find nobody,
    and the person would be registered again. Raises ColumnKeysMissing."""
    return KEYS.cipher(tx, writing=writing)


# -- writing and finding


def written(seals: Cipher | None, kind: str, number: str, identifier_id: UUID) -> Written:
    """A number as a row keeps it; `seals` may be missing for what isn't sealed."""
    if kind not in SEALED or seals is None:
        return Written(number)
    return Written(
        mark(seals, number),
        seals.seal(number, f"{COLUMN}:{identifier_id}"),
        seals.newest,
        tail_mark(seals.index(number[-TAIL:], TAILS)) if kind in _EIGHTEEN_DIGITS else None,
    )


def mark(seals: Cipher, number: str) -> str:
    """What a number is found by and kept unique by, as the writing key makes it."""
    return _text(seals.index(number, COLUMN))


def forms(seals: Cipher, number: str, *, in_clear: bool = True) -> list[str]:
    """Everything a row may have this number as: the mark of each key, the writing one's first, and in clear."""
    marks = [_text(one) for one in seals.indexes(number, COLUMN)]
    return [*marks, number] if in_clear else marks


def forms_of(tx: Tx, kind: str, number: str) -> list[str]:
    """The same for a number of some kind; a card's is itself."""
    return forms(keys(tx), number) if kind in SEALED else [number]


def tail_marks(seals: Cipher, tail: str) -> list[int]:
    """What the last four characters may be marked as."""
    return [tail_mark(one) for one in seals.indexes(tail, TAILS)]


def tail_mark(index: bytes) -> int:
    return int.from_bytes(index[:8], "big", signed=True)


def _text(index: bytes) -> str:
    return MARK + base64.urlsafe_b64encode(index[:18]).decode()


# -- reading


def number_of(row: Kept) -> str:
    """The number of a row. Raises ColumnKeysMissing, SealBroken."""
    return row.value if row.sealed is None else cipher().open(row.sealed, f"{COLUMN}:{row.identifier_id}")


def masked(row: Kept) -> str:
    """The number as screens show it; without the key that there is one."""
    try:
        return rules.mask_identity_number(number_of(row))
    except (ColumnKeysMissing, SealBroken):
        return UNREADABLE


def masked_hit(document: str | None) -> str | None:
    """The same for a certificate as the searches give it: `identifier_id/sealed or clear`."""
    if document is None:
        return None
    try:
        return rules.mask_identity_number(_beside(document, COLUMN))
    except (ColumnKeysMissing, SealBroken):
        return UNREADABLE


def guardian_number(document: str | None) -> str | None:
    """A guardian's number as queries.search compares it: `relation_id/sealed or clear`, or as it was just read."""
    return document if document is None or "/" not in document else _beside(document, RELATIONS)


def number_of_relation(row: Relation) -> str | None:
    """The document number of somebody related. Raises ColumnKeysMissing, SealBroken."""
    if row.document_no is None or row.key_id is None:
        return row.document_no
    return cipher().open(row.document_no, f"{RELATIONS}:{row.relation_id}")


def document_fields(tx: Tx, row_id: UUID, number: str | None, column: str = RELATIONS) -> dict[str, Any]:
    """The columns of a number that is only read again, never looked for: of a relation, of a correction."""
    if number is None:
        return {"document_no": None, "key_id": None}
    seals = keys(tx, writing=True)
    return {"document_no": seals.seal(number, f"{column}:{row_id}"), "key_id": seals.newest}


def opened_correction(correction: Correction) -> str | None:
    """The document number a correction asks for. Raises ColumnKeysMissing, SealBroken."""
    if correction.document_no is None or correction.key_id is None:
        return correction.document_no
    return cipher().open(correction.document_no, f"{CORRECTIONS}:{correction.correction_id}")


def changes_of(correction: Correction) -> dict[str, Any]:
    """What a correction asks for, the document number among it. Raises ColumnKeysMissing, SealBroken."""
    number = opened_correction(correction)
    if number is None:
        return correction.changes
    return correction.changes | {"document": {**correction.changes["document"], "number": number}}


def about_row(import_id: UUID, row_no: int) -> str:
    """What the document number of an old system's row is sealed for."""
    return f"{LEGACY}:{import_id}:{row_no}"


def number_of_row(row: LegacyRow) -> str:
    """The document number an old system sent, empty for none. Raises ColumnKeysMissing, SealBroken."""
    if row.document_no is None or row.key_id is None:
        return row.document_no or str(row.person.get("document_no", ""))
    return cipher().open(row.document_no, about_row(row.import_id, row.row_no))


def _beside(text: str, column: str) -> str:
    row_id, _, number = text.partition("/")
    return cipher().open(number, f"{column}:{row_id}") if ":" in number else number


def typed_forms(seals: Cipher | None, texts: Sequence[str]) -> list[str]:
    """What a text typed into a search box may stand as, whatever kind of number it is. A mark is nobody's number."""
    plain = [text for text in texts if not text.startswith(MARK)]
    marks = [] if seals is None else [_text(one) for text in plain for one in seals.indexes(text, COLUMN)]
    return sorted({*plain, *marks})
