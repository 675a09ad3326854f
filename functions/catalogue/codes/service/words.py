"""Mappings and translation, aliases, favourites, use, bindings, questions and proposals."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import NamedTuple
from uuid import UUID

from events.catalogue import BindingChanged, CodeMappingPublished
from functions.catalogue.codes.models import (
    CodeMapping,
    CodeSynonym,
    ValueSetBinding,
)
from functions.catalogue.codes.problems import MappingStateWrong
from functions.catalogue.codes.queries import terms as terms_queries
from functions.catalogue.codes.queries import words as queries
from functions.catalogue.codes.queries.words import Used
from functions.catalogue.codes.schemas import (
    AddSynonym,
    BindField,
    DraftCodeMappings,
    Relation,
)
from functions.catalogue.codes.searching import search_words
from functions.catalogue.codes.service.files import require_head
from functions.catalogue.codes.service.registering import system_of
from functions.catalogue.codes.service.terms import lookup, lookup_all
from shared.ids import new_id
from shared.problems import Invalid, NotFound, Stale
from shared.tx import Tx

UNKNOWN_UNIT = UUID(int=0)
IN_USE_DAYS = 90
_RANK = {"equal": 0, "narrower": 1, "broader": 2}
_BACK = {"equal": "equal", "narrower": "broader", "broader": "narrower"}


class Translation(NamedTuple):
    """A code in another system. `none`: there is no mapping; nothing is guessed."""

    code: str | None
    display: str | None
    relation: str


NO_TRANSLATION = Translation(None, None, "none")


# -- mappings


def draft_mappings(tx: Tx, from_system: str, command: DraftCodeMappings) -> list[CodeMapping]:
    """Mappings to be checked by a second person. Both codes must be in force. Raises CodeUnknown, Invalid."""
    require_head(tx)
    system_of(tx, from_system)
    system_of(tx, command.to_system)
    if from_system == command.to_system:
        raise Invalid("对照须在两个不同的编码体系之间。")
    if any((row.relation is Relation.NONE) != (row.to_code is None) for row in command.rows):
        raise Invalid("无对应编码时目标留空，其他关系须填写目标编码。")
    lookup_all(tx, from_system, sorted({row.from_code for row in command.rows}))
    lookup_all(tx, command.to_system, sorted({row.to_code for row in command.rows if row.to_code is not None}))
    ids = sorted(new_id() for _ in command.rows)
    rows = [
        CodeMapping(
            mapping_id=mapping_id,
            from_system=from_system,
            from_code=row.from_code,
            to_system=command.to_system,
            to_code=row.to_code or "",
            relation=row.relation.value,
            source="official" if command.official else "manual",
            valid_from=max(command.valid_from or tx.now, tx.now),
            maker=tx.actor.subject,
            made_at=tx.now,
        )
        for mapping_id, row in zip(ids, command.rows, strict=True)
    ]
    tx.session.add(*rows)
    tx.audit("code_mappings.drafted", "code_system", from_system, rows=len(rows), to=command.to_system)
    return rows


def check_mappings(tx: Tx, mapping_ids: Sequence[UUID]) -> list[CodeMapping]:
    """Put mappings in force, all or none, by somebody else than their maker.

    Raises EqualMappingTaken, EqualTargetTaken, MappingOverlaps (judged by the database), MappingStateWrong, SamePerson.
    """
    require_head(tx)
    drafts = tx.session.all(queries.LOCK_MAPPINGS, ids=list(mapping_ids))
    if len(drafts) != len(set(mapping_ids)):
        raise MappingStateWrong("其中有对照已复核或不存在，请刷新后核对。")
    tx.assert_distinct([draft.maker for draft in drafts], "对照的编制与复核须由不同人员办理。")
    checked = tx.session.all(queries.CHECK_MAPPINGS, ids=list(mapping_ids), who=tx.actor.subject, now=tx.now)
    pairs = sorted({(row.from_system, row.to_system) for row in checked})
    for from_system, to_system in pairs:
        rows = [row for row in checked if (row.from_system, row.to_system) == (from_system, to_system)]
        tx.emit(
            CodeMappingPublished(
                from_system=from_system,
                to_system=to_system,
                rows=len(rows),
                effective_at=min(row.valid_from for row in rows),
            )
        )
    tx.audit("code_mappings.checked", "code_system", pairs[0][0], rows=len(checked))
    return checked


def end_mapping(tx: Tx, mapping_id: UUID) -> CodeMapping:
    """A mapping holds no more from now on."""
    require_head(tx)
    ended = tx.session.first(queries.END_MAPPING, id_=mapping_id, until=tx.now)
    if ended is None:
        raise MappingStateWrong("该对照未在使用中，请刷新后核对。")
    tx.audit("code_mapping.ended", "code_mapping", mapping_id)
    return ended


class MappedPair(NamedTuple):
    """A mapping in force with the displays of both codes; null where a code is not in force itself."""

    mapping: CodeMapping
    from_display: str | None
    to_display: str | None


def mapping_table(tx: Tx, from_system: str, to_system: str, after: tuple[str, str], limit: int) -> list[MappedPair]:
    """Mappings in force from one system to another, in order of code (编码对照表). Three round trips."""
    rows = tx.session.all(
        queries.MAPPINGS,
        from_system=from_system,
        to_system=to_system,
        after=after[0],
        after_target=after[1],
        at=tx.now,
        limit=limit,
    )
    ours = tx.session.send(terms_queries.TERMS, system=from_system, codes=[one.from_code for one in rows], at=tx.now)
    theirs = tx.session.all(terms_queries.TERMS, system=to_system, codes=[one.to_code for one in rows], at=tx.now)
    named, targets = ({term.code: term.display for term in terms} for terms in (ours.all(), theirs))
    return [MappedPair(row, named.get(row.from_code), targets.get(row.to_code)) for row in rows]


def waiting_mappings(tx: Tx, after: UUID, limit: int) -> list[CodeMapping]:
    """Mappings that wait for their second person."""
    return tx.session.all(queries.MAPPING_DRAFTS, after=after, limit=limit)


def translate(tx: Tx, from_system: str, code: str, to_system: str, at: datetime | None = None) -> Translation:
    """A code in another system at a moment: equal before narrower before broader; without a mapping `none`."""
    return translate_all(tx, from_system, [code], to_system, at)[code]


def translate_all(
    tx: Tx, from_system: str, codes: Sequence[str], to_system: str, at: datetime | None = None
) -> dict[str, Translation]:
    """Several codes at once, in two round trips. A mapping made the other way is read backwards."""
    asked = {"from_system": from_system, "to_system": to_system, "codes": list(codes), "at": at or tx.now}
    forward = tx.session.send(queries.FORWARD, **asked)
    backward = tx.session.all(queries.BACKWARD, **asked)
    best: dict[str, tuple[int, str, str]] = {}
    found = [(row.from_code, row.to_code, row.relation) for row in forward.all()]
    found += [(row.to_code, row.from_code, _BACK[row.relation]) for row in backward if row.relation in _BACK]
    for source, target, relation in found:
        if relation in _RANK:
            rank = (_RANK[relation], target, relation)
            best[source] = min(best.get(source, rank), rank)
    targets = sorted({target for _, target, _ in best.values()})
    terms = tx.session.all(terms_queries.TERMS, system=to_system, codes=targets, at=asked["at"]) if targets else []
    displays = {term.code: term.display for term in terms}
    return {
        code: Translation(best[code][1], displays[best[code][1]], best[code][2])
        if code in best and best[code][1] in displays
        else NO_TRANSLATION
        for code in codes
    }


def unmapped_in_use(tx: Tx, system: str, to_system: str) -> list[Used]:
    """Codes used here in the last 90 days without a mapping to another system, most used first."""
    since = tx.today - timedelta(days=IN_USE_DAYS)
    return tx.session.all(
        queries.UNMAPPED_IN_USE,
        campus=tx.campus,
        system=system,
        to_system=to_system,
        since_month=since.year * 100 + since.month,
        at=tx.now,
    )


# -- search words and use


def add_synonym(tx: Tx, system: str, command: AddSynonym) -> CodeSynonym:
    """Another word for a code, found in every version. Raises SynonymTaken, CodeUnknown."""
    require_head(tx)
    lookup(tx, system, command.code)
    words = search_words(command.word)
    row = CodeSynonym(
        synonym_id=new_id(),
        system=system,
        code=command.code,
        word=command.word,
        initials=words.initials,
        wubi=words.wubi,
        grams=words.grams,
        added_at=tx.now,
        added_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("code_synonym.added", "code", f"{system} {command.code}")
    return row


def drop_synonym(tx: Tx, synonym_id: UUID) -> CodeSynonym:
    """A word finds its code no more."""
    require_head(tx)
    dropped = tx.session.first(queries.DROP_SYNONYM, id_=synonym_id)
    if dropped is None:
        raise NotFound("没有这个别名，请刷新后核对。")
    tx.audit("code_synonym.dropped", "code", f"{dropped.system} {dropped.code}")
    return dropped


def synonyms(tx: Tx, system: str, code: str) -> list[CodeSynonym]:
    """Words for a code."""
    return tx.session.all(queries.SYNONYMS, system=system, code=code)


def keep_favourite(tx: Tx, system: str, code: str, kept: bool) -> list[str]:
    """Keep a code at hand at this campus, or let it go; returns all that are kept."""
    lookup(tx, system, code)
    tx.session.execute(
        queries.KEEP_FAVOURITE, campus=tx.campus, who=tx.actor.subject, of_system=system, of_code=code, keep=kept
    )
    return favourites(tx, system)


def favourites(tx: Tx, system: str) -> list[str]:
    """Own favourites of this campus."""
    return tx.session.all(queries.FAVOURITES, campus=tx.campus, who=tx.actor.subject, system=system)


def count_use(tx: Tx, system: str, code: str, unit_id: UUID | None = None, times: int = 1) -> None:
    """Count that a code was written down at this campus: use ranks what is found, and shows what must be mapped."""
    tx.session.execute(
        queries.COUNT_USE,
        campus=tx.campus,
        of_system=system,
        of_code=code,
        unit=unit_id or UNKNOWN_UNIT,
        in_month=tx.today.year * 100 + tx.today.month,
        times=times,
    )


# -- bindings


def bind_field(tx: Tx, field: str, command: BindField) -> ValueSetBinding:
    """Bind a field of the data model to a value set; a bound one is bound anew with the version seen."""
    require_head(tx)
    system_of(tx, command.system)
    before = tx.session.first(queries.BINDING, field=field)
    if before is None:
        made = ValueSetBinding(
            field=field,
            system=command.system,
            strength=command.strength,
            bound_at=tx.now,
            bound_by=tx.actor.subject,
        )
        tx.session.add(made)
        row: ValueSetBinding | None = made
    else:
        if command.version is None:
            raise Stale("该字段已绑定值域，请刷新后再修改。", current_version=before.version)
        tx.check_version(before.version, command.version)
        row = tx.session.first(
            queries.REBIND,
            field_=field,
            seen=before.version,
            new_system=command.system,
            new_strength=command.strength,
            now=tx.now,
            who=tx.actor.subject,
        )
    if row is None:
        raise Stale("该绑定刚被他人修改，请刷新后再操作。")
    tx.emit(BindingChanged(field=field, system=command.system, strength=command.strength))
    tx.audit("field.bound", "field", field, system=command.system)
    return row


def bindings(tx: Tx) -> list[ValueSetBinding]:
    """Every bound field."""
    return tx.session.all(queries.BINDINGS)
