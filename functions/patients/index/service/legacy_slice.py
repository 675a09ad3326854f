"""One slice of an old index's rows: read, found or new, written, compared with whom the index knows.

A hundred thousand rows pass here, so new people are plain dictionaries over one complete row, not a model each.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from typing import Any
from uuid import UUID

import orjson

from functions.patients.index import rules
from functions.patients.index.models import Identifier, LegacyImport, LegacyRow, Patient
from functions.patients.index.queries import legacy, sealing, search
from functions.patients.index.queries.search import Comparable
from functions.patients.index.rules.legacy import is_old_number, read_day, read_sex
from functions.patients.index.schemas.values import IdentifierType, IdentityLevel
from functions.patients.index.service import facts, matching
from functions.patients.index.service.numbers import SEALED, forms, keys, number_of_row, written
from shared.column_cipher import Cipher
from shared.database.model import Model
from shared.database.query import insert_many, stored
from shared.ids import new_id
from shared.problems import Problem
from shared.tx import Tx


@dataclass(slots=True)
class Person:
    """A row on its way: who it is, what became of it."""

    row: LegacyRow
    outcome: str = "new"
    reason: str | None = None
    patient_id: UUID = field(default_factory=new_id)
    name: dict[str, Any] = field(default_factory=dict)
    sex: str = "0"
    born: date = date.min
    phone: str | None = None
    number: facts.CheckedNumber | None = None
    mark: str | None = None
    """What the document number is found by."""
    numbered: bool = False
    """The old number names somebody of the index already, so it isn't bound again."""
    cards: list[facts.CheckedNumber] = field(default_factory=list)
    """Cards to be bound, so that the card in the patient's hand opens the record on the first day."""
    cells: Mapping[str, Any] = field(init=False)
    """What the old system had in its columns."""

    def __post_init__(self) -> None:
        self.cells = self.row.person

    def note(self, remark: str) -> None:
        """Something of the row was left behind."""
        self.reason = f"{self.reason}；{remark}" if self.reason else remark

    def reject(self, reason: str) -> None:
        self.outcome, self.reason = "rejected", reason

    def link(self, known: UUID | None) -> None:
        """The same person as somebody in the index, or (None) as an earlier row of the file under its dry run."""
        self.outcome, self.patient_id = "linked", known or self.patient_id

    def cell(self, name: str) -> str:
        """What the old system had in a column."""
        return str(self.cells.get(name, ""))

    @property
    def address(self) -> dict[str, Any] | None:
        parts = {part: self.cell(part) for part in ("region", "township", "village") if self.cell(part)}
        whole = self.cell("address") or "".join(parts.values())
        return {**parts, "text": whole} if whole else None


def judge(tx: Tx, current: LegacyImport, rows: Iterable[LegacyRow]) -> list[Person]:
    """What becomes of each row; in the loading phase new people and their numbers are written."""
    people = [_read(tx, row) for row in rows]
    _find_known(tx, current, people, keys(tx, writing=True))
    new = [person for person in people if person.outcome == "new"]
    if current.status == "loading":
        _write(tx, people, new)
        _propose(tx, new)
    else:
        _foresee(tx, new)
    return people


def _read(tx: Tx, row: LegacyRow) -> Person:
    person = Person(row)
    if not person.cell("legacy_no"):
        person.reject("缺少原系统编号")
        return person
    try:
        number = number_of_row(row)
        if number and not is_old_number(number):
            person.number = facts.checked_number(IdentifierType.RESIDENT_ID, number)
        said = facts.described(
            person.cell("name"),
            read_sex(person.cell("sex")),
            read_day(person.cell("birth_date")),
            None,
            person.number.resident if person.number else None,
            tx.today,
        )
    except Problem as problem:
        person.reject(problem.detail)
        return person
    if said.sex is None or said.birth_date is None:
        person.reject("缺少性别或出生日期，且没有可用的身份证号")
        return person
    person.name, person.sex, person.born = facts.name_fields(said.name), said.sex, said.birth_date
    try:
        person.phone = facts.checked_phone(person.cell("phone") or None)
    except Problem:
        person.note("原电话号码无效，未导入")
    for cell, (kind, title) in _CARDS.items():
        try:
            person.cards += [facts.checked_number(kind, person.cell(cell))] if person.cell(cell) else []
        except Problem:
            person.note(f"原{title}无效，未导入")
    return person


_Owners = dict[tuple[str, str], tuple[UUID | None, set[str]]]
"""Type and value of a number -> whom it names (None: an earlier row of the file in its dry run), by what names."""

_CARDS = {
    "visit_card_no": (IdentifierType.VISIT_CARD, "就诊卡号"),
    "health_card_no": (IdentifierType.HEALTH_CARD, "健康卡号"),
    "social_card_no": (IdentifierType.SOCIAL_CARD, "社保卡号"),
}
"""Columns of cards. They are bound, and say nothing of who a row is: cards were lent and given out twice."""


def _find_known(tx: Tx, current: LegacyImport, people: list[Person], seals: Cipher) -> None:
    """Link the rows whose old number, document or insurance number is somebody's already, in the index or the file."""
    open_rows = [person for person in people if person.outcome != "rejected"]
    documents: dict[str, str] = {}
    in_clear = tx.session.one(sealing.IN_CLEAR)
    for person in people:
        if person.number is not None:
            known_as = forms(seals, person.number.value, in_clear=in_clear)
            person.mark = known_as[0]
            documents.update(dict.fromkeys(known_as, person.number.value))
    numbers = [person.cell(name) for person in open_rows for name in ("legacy_no", "insurance_person_no")]
    numbers += [card.value for person in open_rows for card in person.cards]
    found = tx.session.all(legacy.OWNERS, values=sorted({*documents, *filter(None, numbers)}), campus=tx.campus)
    owners: _Owners = {
        (one.type, documents.get(one.value, one.value)): (
            one.patient_id,
            {one.name.casefold(), *map(str.casefold, one.former_names)},
        )
        for one in found
    }
    numbered = {value for kind, value in owners if kind == "legacy"}
    if current.status == "checking":
        for earlier in tx.session.all(
            legacy.EARLIER, import_id=current.import_id, numbers=list(documents), until=current.done
        ):
            number = documents[earlier.number]
            owners.setdefault(("resident_id", number), (None, {rules.normalise_name(earlier.name).casefold()}))
    for person in open_rows:
        keys = [("legacy", person.cell("legacy_no"))]
        keys += [(person.number.type.value, person.number.value)] if person.number else []
        keys += [("insurance_person_no", person.cell("insurance_person_no"))]
        known = next((owners[key] for key in keys if key[1] and key in owners), None)
        name = str(person.name["name"])
        if known is None:
            owners.update({key: (person.patient_id, {name.casefold()}) for key in keys if key[1]})
        elif name.casefold() in known[1]:
            person.link(known[0])
        else:
            person.reject("证件号、医保编号或原系统编号已属于另一姓名，请核对")
            continue
        person.numbered = person.cell("legacy_no") in numbered
        numbered.add(person.cell("legacy_no"))
        person.cards = [card for card in person.cards if _is_free(owners, person, card)]


def _is_free(
    owners: dict[tuple[str, str], tuple[UUID | None, set[str]]], person: Person, card: facts.CheckedNumber
) -> bool:
    """Whether a card is to be bound to the person: not when it is already, nor when somebody else has it."""
    key = (card.type.value, card.value)
    if key not in owners:
        owners[key] = (person.patient_id, {str(person.name["name"]).casefold()})
        return True
    if owners[key][0] != person.patient_id:
        person.note(f"{next(title for kind, title in _CARDS.values() if kind is card.type)}已属于他人，未导入")
    return False


def _write(tx: Tx, people: list[Person], new: list[Person]) -> None:
    if new:
        sequences = tx.session.all(legacy.EMPI_NUMBERS, count=len(new))
        common = _common_patient(tx, new[0])
        _insert(tx, Patient, [_patient(common, person, number) for person, number in zip(new, sequences, strict=True)])
    seals = keys(tx, writing=True)
    held: list[tuple[UUID, str, str, str | None]] = []
    for person in people:
        if person.outcome == "rejected":
            continue
        if not person.numbered:
            held.append((person.patient_id, "legacy", person.cell("legacy_no"), tx.campus))
        for card in person.cards:
            issuer = tx.campus if card.type is IdentifierType.VISIT_CARD else None
            held.append((person.patient_id, card.type.value, card.value, issuer))
        if person.outcome == "new":
            if person.number:
                held.append((person.patient_id, person.number.type.value, person.number.value, None))
            if insurance := person.cell("insurance_person_no"):
                held.append((person.patient_id, "insurance_person_no", insurance, None))
    if held:
        bound = stored(
            Identifier(
                identifier_id=new_id(),
                patient_id=held[0][0],
                type="",
                value="",
                bound_at=tx.now,
                bound_by=tx.actor.subject,
                bound_campus_id=tx.campus,
            )
        )
        _insert(
            tx,
            Identifier,
            [
                bound
                | {
                    **(written(seals, kind, value, row_id)._asdict() if kind in SEALED else {"value": value}),
                    "identifier_id": row_id,
                    "patient_id": owner,
                    "type": kind,
                    "issuer_campus_id": issuer,
                }
                for owner, kind, value, issuer, row_id in ((*one, new_id()) for one in held)
            ],
        )


def _insert(tx: Tx, model: type[Model], rows: Sequence[dict[str, Any]]) -> None:
    tx.session.execute(insert_many(model), rows=orjson.dumps(rows).decode())


def _common_patient(tx: Tx, person: Person) -> dict[str, Any]:
    """What all new people of the slice have in common, over the columns of one of them."""
    return stored(
        Patient(
            patient_id=person.patient_id,
            survivor_id=person.patient_id,
            empi_no="",
            **person.name,
            sex=person.sex,
            birth_date=person.born,
            identity_level=IdentityLevel.UNVERIFIED.value,
            created_campus_id=tx.campus,
            created_at=tx.now,
            created_by=tx.actor.subject,
        )
    )


def _patient(common: dict[str, Any], person: Person, sequence: int) -> dict[str, Any]:
    return (
        common
        | person.name
        | {
            "patient_id": person.patient_id,
            "survivor_id": person.patient_id,
            "empi_no": rules.empi_number(sequence),
            "sex": person.sex,
            "birth_date": person.born,
            "phone": person.phone,
            "phone_missing_reason": None if person.phone else "老系统未登记",
            "current_address": person.address,
        }
    )


def _alike(tx: Tx, new: list[Person]) -> list[tuple[Person, Comparable]]:
    """Each new person beside the records it may be the same as."""
    if not new:
        return []
    found = tx.session.all(
        legacy.ALIKE,
        places=list(range(len(new))),
        pinyins=[person.name["name_pinyin"] for person in new],
        births=[person.born for person in new],
        phones=[person.phone for person in new],
        own=[person.patient_id for person in new],
    )
    ids = sorted({one.patient_id for one in found})
    records = {one.patient_id: one for one in tx.session.all(search.COMPARABLES, ids=ids)} if ids else {}
    return [(new[one.place], records[one.patient_id]) for one in found]


def _foresee(tx: Tx, new: list[Person]) -> None:
    weights = matching.weights_of(tx.session.first(search.POINTS, now=tx.now))
    for person, other in _alike(tx, new):
        compared = rules.compare(matching.identity_of(_comparable(person)), matching.identity_of(other), weights)
        if compared.suspicion is not rules.Suspicion.NONE:
            person.outcome = "suspected"


def _propose(tx: Tx, new: list[Person]) -> None:
    weights = matching.weights_of(tx.session.first(search.POINTS, now=tx.now))
    sent = []
    for person, other in _alike(tx, new):
        pending = matching.put_forward(tx, _comparable(person), other, weights)
        if pending is not None:
            person.outcome = "suspected"
            sent.append((person, pending))
    for person, pending in sent:
        pair = pending.first()
        if pair is not None:
            matching.tell(tx, pair, person.patient_id)


def _comparable(person: Person) -> Comparable:
    return Comparable(
        patient_id=person.patient_id,
        name=person.name["name"],
        name_pinyin=person.name["name_pinyin"],
        birth_date=person.born,
        birth_precision=rules.BirthPrecision.DAY.value,
        sex=person.sex,
        phone=person.phone,
        current_address=person.address,
        guardian_document=None,
        insurance_no=person.cell("insurance_person_no") or None,
        mother_id=None,
        birth_order=None,
    )
