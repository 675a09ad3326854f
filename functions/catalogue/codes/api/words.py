"""Routes of mappings, aliases, favourites, bindings and laboratory items."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.catalogue.codes import exports, service
from functions.catalogue.codes.api.routing import FIRST, After, CodePath, CodeQuery, Limit, System, router
from functions.catalogue.codes.models import LabItem, ReferenceRange
from functions.catalogue.codes.schemas import (
    AddSynonym,
    BindField,
    BindingView,
    CheckCodeMappings,
    CodeMappingView,
    DraftCodeMappings,
    KeepFavourite,
    MappedPairView,
    Relation,
    SynonymView,
    TranslationView,
    UsedView,
)
from functions.catalogue.codes.schemas.checks import LabItemView, RangeView, SaveLabItem
from functions.catalogue.codes.service import MappedPair
from shared.command import Document, command, query
from shared.database.engine import REPORT
from shared.schemas import Page
from shared.tx import Tx

OtherSystem = Annotated[str, Parameter(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.\-]{1,39}$")]
PairCursor = Annotated[str, Parameter(max_length=130, pattern=r"^[^\x00]*$")]
PAGE = 5000
FieldPath = Annotated[str, Path(pattern=r"^[a-z0-9_.\-]{1,160}$")]


# -- mappings


@router.post("/systems/{system}/mappings", status_code=201)
@command("catalogue.codes.write")
def draft_mappings(tx: Tx, system: System, body: DraftCodeMappings) -> list[CodeMappingView]:
    """Draft mappings to another system (编制对照)."""
    return [CodeMappingView.model_validate(row) for row in service.draft_mappings(tx, system, body)]


@router.get("/systems/{system}/mappings")
@query("catalogue.codes.read")
def list_mappings(
    tx: Tx, system: System, to: OtherSystem, limit: Limit = 100, cursor: PairCursor = ""
) -> Page[MappedPairView]:
    """Mappings in force from one system to another (编码对照表)."""
    after, _, target = cursor.partition(" ")
    found = service.mapping_table(tx, system, to, (after, target), limit)
    return Page[MappedPairView](
        items=[
            MappedPairView(
                mapping_id=row.mapping_id,
                from_code=row.from_code,
                from_display=named,
                to_code=row.to_code,
                to_display=target_display,
                relation=Relation(row.relation),
                source=row.source,
                valid_from=row.valid_from,
            )
            for row, named, target_display in found
        ],
        next=f"{found[-1].mapping.from_code} {found[-1].mapping.to_code}" if len(found) == limit else None,
    )


@router.get("/systems/{system}/mappings.csv")
@query("catalogue.codes.read", REPORT)
def download_mappings(tx: Tx, system: System, to: OtherSystem) -> Document:
    """All mappings in force from one system to another (下载编码对照表)."""
    pairs: list[MappedPair] = []
    while page := service.mapping_table(
        tx, system, to, (pairs[-1].mapping.from_code, pairs[-1].mapping.to_code) if pairs else ("", ""), PAGE
    ):
        pairs += page
    return Document(lambda: exports.mappings_csv(pairs), "text/csv", f"{system}-{to}.csv")


@router.get("/mappings/waiting")
@query("catalogue.codes.read")
def waiting_mappings(tx: Tx, limit: Limit = 100, cursor: UUID | None = None) -> Page[CodeMappingView]:
    """Mappings that wait for their second person (待复核对照)."""
    found = service.waiting_mappings(tx, cursor or FIRST, limit)
    return Page[CodeMappingView](
        items=[CodeMappingView.model_validate(row) for row in found],
        next=str(found[-1].mapping_id) if len(found) == limit else None,
    )


@router.post("/mappings/check")
@command("catalogue.codes.approve")
def check_mappings(tx: Tx, body: CheckCodeMappings) -> list[CodeMappingView]:
    """Put mappings in force (复核对照)."""
    return [CodeMappingView.model_validate(row) for row in service.check_mappings(tx, body.mapping_ids)]


@router.post("/mappings/{mapping_id}/end")
@command("catalogue.codes.approve")
def end_mapping(tx: Tx, mapping_id: UUID) -> CodeMappingView:
    """A mapping holds no more (停用对照)."""
    return CodeMappingView.model_validate(service.end_mapping(tx, mapping_id))


@router.get("/systems/{system}/translate")
@query("catalogue.codes.read")
def translate(tx: Tx, system: System, code: CodeQuery, to: OtherSystem) -> TranslationView:
    """A code in another system (编码转换)."""
    return TranslationView.model_validate(service.translate(tx, system, code, to))


@router.get("/systems/{system}/unmapped")
@query("catalogue.codes.read")
def unmapped_in_use(tx: Tx, system: System, to: OtherSystem) -> list[UsedView]:
    """Codes used here in the last 90 days without a mapping (在用未对照)."""
    return [UsedView.model_validate(row) for row in service.unmapped_in_use(tx, system, to)]


# -- search words


@router.post("/systems/{system}/synonyms", status_code=201)
@command("catalogue.codes.write")
def add_synonym(tx: Tx, system: System, body: AddSynonym) -> SynonymView:
    """Another word for a code (别名)."""
    return SynonymView.model_validate(service.add_synonym(tx, system, body))


@router.post("/synonyms/{synonym_id}/drop")
@command("catalogue.codes.write")
def drop_synonym(tx: Tx, synonym_id: UUID) -> SynonymView:
    """A word finds its code no more (删除别名)."""
    return SynonymView.model_validate(service.drop_synonym(tx, synonym_id))


@router.get("/systems/{system}/favourites")
@query("catalogue.codes.read")
def list_favourites(tx: Tx, system: System) -> list[str]:
    """Own favourites at this campus (我的常用)."""
    return service.favourites(tx, system)


@router.put("/systems/{system}/favourites")
@command("catalogue.codes.use")
def keep_favourite(tx: Tx, system: System, body: KeepFavourite) -> list[str]:
    """Keep a code at hand, or let it go (收藏编码)."""
    return service.keep_favourite(tx, system, body.code, body.kept)


# -- bindings


@router.get("/bindings")
@query("catalogue.codes.read")
def list_bindings(tx: Tx) -> list[BindingView]:
    """Fields of the data model and their value sets (值域绑定)."""
    return [BindingView.model_validate(row) for row in service.bindings(tx)]


@router.put("/bindings/{field}")
@command("catalogue.codes.write")
def bind_field(tx: Tx, field: FieldPath, body: BindField) -> BindingView:
    """Bind a field to a value set (绑定值域)."""
    return BindingView.model_validate(service.bind_field(tx, field, body))


# -- laboratory items


@router.get("/lab-items")
@query("catalogue.codes.read")
def list_lab_items(tx: Tx, limit: Limit = 100, after: After = "") -> Page[LabItemView]:
    """Laboratory items with their reference ranges (检验项目字典)."""
    found = service.lab_items(tx, after, limit)
    return Page[LabItemView](
        items=[_lab_item(*one) for one in found], next=found[-1][0].code if len(found) == limit else None
    )


@router.get("/lab-items/{code}")
@query("catalogue.codes.read")
def read_lab_item(tx: Tx, code: CodePath) -> LabItemView:
    """A laboratory item."""
    return _lab_item(*service.lab_item(tx, code))


@router.put("/lab-items/{code}")
@command("catalogue.codes.write")
def save_lab_item(tx: Tx, code: CodePath, body: SaveLabItem) -> LabItemView:
    """A new laboratory item, or an item as it is from now on (维护检验项目)."""
    return _lab_item(*service.save_lab_item(tx, code, body))


def _lab_item(item: LabItem, ranges: list[ReferenceRange]) -> LabItemView:
    return LabItemView(
        **{
            name: getattr(item, name)
            for name in (
                "code",
                "name",
                "short_name",
                "specimen",
                "method",
                "unit",
                "loinc",
                "national_code",
                "active",
                "version",
            )
        },
        ranges=[
            RangeView(
                sex=one.sex,
                age_from_days=one.age_from_days,
                age_to_days=one.age_to_days,
                week_from=one.week_from,
                week_to=one.week_to,
                low=f"{one.low.normalize():f}" if one.low is not None else None,
                high=f"{one.high.normalize():f}" if one.high is not None else None,
                text_value=one.text_value,
            )
            for one in ranges
        ],
    )
