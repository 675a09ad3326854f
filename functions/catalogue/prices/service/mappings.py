"""Mappings (对照): what an item is called in the insurance's list, on the front page of the record, in the accounts."""

from collections.abc import Sequence
from datetime import datetime
from uuid import UUID

from events.catalogue import MappingChanged
from functions.catalogue.prices.models import ItemMapping, MappingRequirement
from functions.catalogue.prices.problems import ItemUnmapped, RuleStateWrong
from functions.catalogue.prices.queries import rules as queries
from functions.catalogue.prices.queries.rules import Unmapped
from functions.catalogue.prices.rules import require_future
from functions.catalogue.prices.schemas.rules import DraftMappings, RequireMapping
from functions.catalogue.prices.service.items import known, require_head
from functions.catalogue.prices.service.rules import require_known
from shared.ids import new_id
from shared.problems import Invalid, NotFound
from shared.tx import Tx

FEE_CLASS = "fee_class"
"""Scheme of the receipt's fee classes (财政票据, med_chrgitm_type), which every item carries itself."""


def draft_mappings(tx: Tx, command: DraftMappings) -> list[ItemMapping]:
    """Codes of items in a scheme, to be checked by a second officer. Raises ItemUnknown, ConsortiumList."""
    require_head(tx)
    codes = [row.item_code for row in command.rows]
    if len(set(codes)) != len(codes):
        raise Invalid("同一项目在一次对照中只能出现一次，请核对。")
    require_known(tx, set(codes))
    if command.valid_from is not None:
        require_future(command.valid_from, tx.now)
    ids = sorted(new_id() for _ in command.rows)
    rows = [
        ItemMapping(
            mapping_id=mapping_id,
            item_code=row.item_code,
            scheme=command.scheme.value,
            target=row.target,
            target_name=row.target_name,
            valid_from=command.valid_from or tx.now,
            maker=tx.actor.subject,
            made_at=tx.now,
        )
        for mapping_id, row in zip(ids, command.rows, strict=True)
    ]
    tx.session.add(*rows)
    tx.audit("item_mappings.drafted", "scheme", command.scheme.value, rows=len(rows))
    return rows


def check_mappings(tx: Tx, mapping_ids: Sequence[UUID]) -> list[ItemMapping]:
    """Put mappings in force (复核), all or none; what an item was mapped to before ends there.

    Raises InsuranceCodeTaken when another item has the insurance code, SamePerson, RuleStateWrong.
    """
    require_head(tx)
    drafts = tx.session.all(queries.LOCK_MAPPINGS, ids=list(mapping_ids))
    if len(drafts) != len(set(mapping_ids)):
        raise RuleStateWrong("其中有对照已复核或不存在，请刷新后核对。")
    tx.assert_distinct([draft.maker for draft in drafts], "对照的经办与复核须由不同人员办理。")
    starts = {draft.mapping_id: max(draft.valid_from, tx.now) for draft in drafts}
    for draft in drafts:
        tx.session.execute(
            queries.END_MAPPING, code=draft.item_code, of_scheme=draft.scheme, until=starts[draft.mapping_id]
        )
    pending = [
        tx.session.send(
            queries.CHECK_MAPPING,
            id_=draft.mapping_id,
            who=tx.actor.subject,
            now=tx.now,
            start=starts[draft.mapping_id],
        )
        for draft in drafts
    ]
    checked = [one.one() for one in pending]
    for row in checked:
        tx.emit(
            MappingChanged(item_code=row.item_code, scheme=row.scheme, target=row.target, effective_at=row.valid_from)
        )
    tx.audit("item_mappings.checked", "scheme", drafts[0].scheme, rows=len(checked))
    return checked


def waiting_mappings(tx: Tx, after: UUID, limit: int) -> list[ItemMapping]:
    """Mappings that wait for their second officer."""
    return tx.session.all(queries.MAPPING_DRAFTS, after=after, limit=limit)


def mappings_of(tx: Tx, code: str) -> list[ItemMapping]:
    """Everything an item is or was mapped to."""
    known(tx, code)
    return tx.session.all(queries.MAPPINGS_OF_ITEM, code=code)


def unmapped(tx: Tx, scheme: str, after: str, limit: int) -> list[Unmapped]:
    """Published items and drafts without a code in a scheme, in order of code."""
    return tx.session.all(queries.UNMAPPED, scheme=scheme, after=after, limit=limit, at=tx.now)


def mapped_at(tx: Tx, codes: Sequence[str], scheme: str, at: datetime | None = None) -> dict[str, ItemMapping]:
    """Items by code with what they are in a scheme at a moment; those without are left out. One round trip."""
    found = tx.session.all(queries.MAPPED, codes=list(codes), scheme=scheme, at=at or tx.now)
    return {row.item_code: row for row in found}


def category_of(tx: Tx, code: str, scheme: str, at: datetime | None = None) -> str:
    """Category of an item in a scheme: `fee_class`, `insurance`, `front_page`, `account`, `cost`, `rbrvs`.

    Raises ItemUnmapped, which billing shows as «未对照», and ItemUnknown.
    """
    if scheme == FEE_CLASS:
        return known(tx, code).fee_class
    row = mapped_at(tx, [code], scheme, at).get(code)
    if row is None:
        item = known(tx, code)
        raise ItemUnmapped(f"项目“{item.name}”未对照，请联系物价科或医保办完成对照。", item_code=code, scheme=scheme)
    return row.target


# -- what an item needs before it is published


def draft_requirement(tx: Tx, command: RequireMapping) -> MappingRequirement:
    """From when on items are published only with a code in a scheme, to be checked by a second officer."""
    require_head(tx)
    if command.required_from is not None:
        require_future(command.required_from, tx.now)
    row = MappingRequirement(
        requirement_id=new_id(),
        scheme=command.scheme.value,
        required_from=command.required_from or tx.now,
        basis_document=command.basis_document,
        maker=tx.actor.subject,
        made_at=tx.now,
    )
    tx.session.add(row)
    tx.audit("mapping_requirement.drafted", "mapping_requirement", row.requirement_id, scheme=row.scheme)
    return row


def check_requirement(tx: Tx, requirement_id: UUID) -> MappingRequirement:
    """Put it in force (复核). Raises SamePerson, MappingRequired, RuleStateWrong, NotFound."""
    require_head(tx)
    found = tx.session.first(queries.LOCK_REQUIREMENT, requirement_id=requirement_id)
    if found is None:
        raise NotFound("没有这条对照要求，请刷新后重试。")
    if found.status != "draft":
        raise RuleStateWrong("该对照要求已复核，请刷新后核对。", current_status=found.status)
    tx.assert_distinct([found.maker], "对照要求的经办与复核须由不同人员办理。")
    checked = tx.session.one(
        queries.CHECK_REQUIREMENT,
        id_=requirement_id,
        who=tx.actor.subject,
        now=tx.now,
        start=max(found.required_from, tx.now),
    )
    tx.audit("mapping_requirement.checked", "mapping_requirement", requirement_id, scheme=checked.scheme)
    return checked


def requirements(tx: Tx) -> list[MappingRequirement]:
    """Drafts and those in force, oldest first."""
    return tx.session.all(queries.REQUIREMENTS)
