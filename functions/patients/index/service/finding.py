"""Finding people (检索): one box that takes a scan, a card read or typing."""

import re
import unicodedata
from collections.abc import Iterable
from contextlib import suppress
from enum import StrEnum
from typing import Any
from uuid import UUID

from functions.patients.index import problems, rules
from functions.patients.index.queries import holding, search
from functions.patients.index.queries.holding import StoppedNumber
from functions.patients.index.queries.search import Hit
from functions.patients.index.schemas.people import (
    FindPatients,
    FoundPatient,
    FoundPatients,
    Resolved,
    ResolvedIdentifier,
    ResolveIds,
)
from functions.patients.index.service import masks, numbers
from functions.patients.index.service.facts import checked_number
from functions.patients.index.service.read import resolve, resolve_numbers
from functions.patients.index.service.views import age_text, masked_address, masked_phone
from shared.column_cipher import Cipher, ColumnKeysMissing
from shared.database.query import Query
from shared.database.session import Pending
from shared.identity import data_rules
from shared.resident_id import normalise_id_number
from shared.tx import Tx

MOST = 50
_MATCH = ("exact", "phonetic", "similar")


class Way(StrEnum):
    """How a text is looked for; one text may be looked for in several ways at once."""

    EMPI = "empi"
    IDENTIFIER = "identifier"
    PHONE = "phone"
    TAIL = "tail"
    PINYIN = "pinyin"
    NAME = "name"
    MOTHER = "mother"


def ways(text: str) -> list[Way]:
    """What a text can be, from its form. Last digits are four to eight, of a phone or an ID number (X included)."""
    if re.search(r"[一-鿿㐀-䶿𠀀-𳎯〇]", text):
        return [Way.NAME]
    if re.fullmatch(r"[A-Za-z][A-Za-z '\-·.]*", text):
        return [Way.PINYIN]
    compact = text.replace(" ", "")
    found = [Way.IDENTIFIER]
    if rules.is_empi_number(compact):
        found.insert(0, Way.EMPI)
    if re.fullmatch(r"(\+?86)?1[3-9][0-9]{9}|0[0-9]{9,11}", compact.replace("-", "")):
        found.append(Way.PHONE)
    if re.fullmatch(r"[0-9]{4,8}|[0-9]{3,7}[Xx]", compact):
        found.append(Way.TAIL)
    return found


def find(tx: Tx, wanted: FindPatients) -> FoundPatients:
    """Find people, at most 50, masked, exact before same-sounding before one character apart.

    Raises SearchEmpty, NameTooShort, and IdentifierStopped for a card that is lost, replaced or revoked. Every search
    is logged with its kind and number of hits; what was typed is not.
    """
    held_back = data_rules.ask_masks(tx)
    hits, kinds = hits_of(tx, wanted)
    by_name_alone = set(kinds) <= {Way.NAME, Way.PINYIN} and wanted.birth_date is None
    tx.audit(
        "patients.searched_by_name" if by_name_alone else "patients.searched",
        "search",
        "+".join(kinds),
        hits=len(hits),
        narrowed=[name for name in ("birth_date", "sex") if getattr(wanted, name) is not None],
    )
    seen = held_back()
    return FoundPatients(
        items=[masks.of_found(seen, _found(tx, hit, match)) for hit, match in hits[: wanted.limit]],
        more=len(hits) > wanted.limit,
    )


def hits_of(tx: Tx, wanted: FindPatients) -> tuple[list[tuple[Hit, str]], list[Way]]:
    """Whom a text finds, closest first, with how they match; and in which ways it was looked for."""
    text = " ".join(unicodedata.normalize("NFKC", wanted.text or "").split())
    number = _Numbers(tx, text)
    sent = _send(tx, text, wanted, number)
    kinds = [way for way, _ in sent]
    stopped = tx.session.send(holding.STOPPED, values=number.forms) if Way.IDENTIFIER in kinds else None
    hits = _ranked(sent, wanted)
    if stopped is not None and not hits:
        _refuse_stopped(stopped.first())
        number.require_keys()
    return hits, kinds


class _Numbers:
    """What a text stands as when it is a number. Without the keys cards and telephones are found all the same."""

    def __init__(self, tx: Tx, text: str) -> None:
        self.forms: list[str] = []
        self.tails: list[int] = []
        self._missing: ColumnKeysMissing | None = None
        found = ways(text) if text else []
        if Way.IDENTIFIER not in found:
            return
        seals: Cipher | None = None
        try:
            seals = numbers.keys(tx)
        except ColumnKeysMissing as missing:
            self._missing = missing
        self.forms = numbers.typed_forms(seals, _numbers(text))
        if seals is not None and Way.TAIL in found:
            self.tails = numbers.tail_marks(seals, _tail(text)[-numbers.TAIL :])

    def require_keys(self) -> None:
        """Nobody found is no answer when certificates could not be looked for. Raises ColumnKeysMissing."""
        if self._missing is not None:
            raise self._missing


def _tail(text: str) -> str:
    return text.replace(" ", "").upper()


def _send(tx: Tx, text: str, wanted: FindPatients, number: _Numbers) -> list[tuple[Way, Pending[Hit]]]:
    if wanted.mother_id is not None:
        return [(Way.MOTHER, tx.session.send(search.BY_MOTHER, mother_id=wanted.mother_id))]
    if not text:
        raise problems.SearchEmpty("请录入姓名、证件号、卡号、手机号或拼音首字母。")
    narrowed = {"born": wanted.birth_date, "sex": wanted.sex}
    sent: list[tuple[Way, Pending[Hit]]] = []

    def ask(query: Query[Hit], **params: Any) -> None:
        sent.append((way, tx.session.send(query, **params)))

    for way in ways(text):
        match way:
            case Way.EMPI:
                ask(search.BY_EMPI, text=text.replace(" ", ""))
            case Way.IDENTIFIER:
                ask(search.BY_IDENTIFIER, values=number.forms)
            case Way.PHONE:
                ask(search.BY_PHONE, text=_local(text))
            case Way.TAIL:
                tail = _tail(text)
                ask(search.BY_TAIL, text=tail[::-1], tails=number.tails, birthday=tail[: -numbers.TAIL])
            case Way.PINYIN:
                ask(search.BY_PINYIN, text=_letters(text), **narrowed)
            case Way.NAME:
                ask(search.BY_NAME, **_name(text), **narrowed)
    return sent


def _name(text: str) -> dict[str, Any]:
    name = rules.normalise_name(text)
    if len(name) < 2:
        raise problems.NameTooShort("按姓名查询请至少录入两个字。", errors=[{"field": "text", "message": "至少两个字"}])
    # A key of one character is shared by everybody of a surname; it would find half the county.
    keys = sorted(key for key in rules.one_character_keys(name) if len(key) > 1)
    return {"text": name, "pinyin": rules.name_keys(name).full, "keys": keys}


def _letters(text: str) -> str:
    letters = "".join(re.findall(r"[a-z]", text.lower()))
    if len(letters) < 2:
        raise problems.NameTooShort(
            "按拼音查询请至少录入两个字母。", errors=[{"field": "text", "message": "至少两个字母"}]
        )
    return letters


def _numbers(text: str) -> list[str]:
    """A number as typed and as stored; an old 15-digit one also as the 18 digits that replaced it."""
    number = normalise_id_number(text)
    found = {text, number}
    if re.fullmatch(r"[1-9][0-9]{14}", number):
        with suppress(rules.IdFormat, rules.IdBirthDate):  # then it is some other card of fifteen digits
            found.add(rules.upgrade_15_digit(number).number)
    return sorted(found)


def _local(text: str) -> str:
    digits = re.sub(r"[^0-9]", "", text)
    return digits[2:] if len(digits) == 13 and digits.startswith("86") else digits


def _ranked(sent: Iterable[tuple[Way, Pending[Hit]]], wanted: FindPatients) -> list[tuple[Hit, str]]:
    """Each person once, by the closest match."""
    best: dict[UUID, tuple[Hit, str]] = {}
    for way, pending in sent:
        for hit in pending.all():
            if wanted.birth_date not in (None, hit.birth_date) or wanted.sex not in (None, hit.sex):
                continue
            if hit.patient_id not in best or hit.closeness < best[hit.patient_id][0].closeness:
                best[hit.patient_id] = hit, "phonetic" if way is Way.PINYIN else _MATCH[hit.closeness]
    return sorted(
        best.values(), key=lambda item: (item[0].closeness, item[0].name, item[0].birth_date, item[0].patient_id)
    )


def _refuse_stopped(stopped: StoppedNumber | None) -> None:
    if stopped is not None:
        says = {"lost": "已挂失", "replaced": "已更换", "revoked": "已注销"}[stopped.status]
        raise problems.IdentifierStopped(
            f"该卡号{says}，请核对患者身份后使用其他证件。", identifier_status=stopped.status
        )


def _found(tx: Tx, hit: Hit, match: str) -> FoundPatient:
    return FoundPatient(
        patient_id=hit.patient_id,
        empi_no=hit.empi_no,
        name=rules.mask_name(hit.name),
        sex=hit.sex,
        birth_date=hit.birth_date,
        age=age_text(hit, tx.now),
        phone=masked_phone(hit.phone),
        document=numbers.masked_hit(hit.document),
        address=masked_address(hit.current_address),
        identity_level=hit.identity_level,
        status=hit.status,
        restricted=hit.confidentiality == "restricted",
        match=match,
    )


def resolve_many(tx: Tx, wanted: ResolveIds) -> Resolved:
    """Survivors of ids and of numbers, up to 1,000 each, in one round trip per kind."""
    asked = [checked_number(one.type, one.value) for one in wanted.identifiers]
    found = resolve_numbers(tx, [(one.type.value, one.value) for one in asked])
    return Resolved(
        patient_ids=resolve(tx, wanted.patient_ids),
        identifiers=[ResolvedIdentifier(type=one.type, value=one.value, patient_id=one.patient_id) for one in found],
    )
