"""Selects and guarded updates of basis documents."""

from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, cast, func, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.catalogue.prices.models import ChargeItem, DocumentLink, ImportBatch, PriceDocument, PriceVersion
from functions.catalogue.prices.models.rules import PackageVersion, PriceRule
from shared.database.query import Query, constant

DOCUMENT = Query(PriceDocument, select(PriceDocument).where(PriceDocument.document_id == bindparam("document_id")))
APPLIES = Query(
    bool,
    select(
        func.catalogue.document_applies(
            bindparam("document_id", type_=Uuid), bindparam("at", type_=DateTime(timezone=True))
        )
    ),
)
"""Whether a document is published for all campuses, or the basis of a price that holds or will hold here."""
DOCUMENTS = Query(
    PriceDocument,
    select(PriceDocument)
    .where(PriceDocument.document_id < bindparam("before"))
    .order_by(PriceDocument.document_id.desc())
    .limit(bindparam("limit")),
)
"""Latest first."""
DOCUMENTS_NUMBERED = Query(
    PriceDocument,
    select(PriceDocument)
    .where(
        PriceDocument.number == bindparam("number"),
        PriceDocument.retired_at.is_(null()),
        PriceDocument.document_id < bindparam("before"),
    )
    .order_by(PriceDocument.document_id.desc())
    .limit(bindparam("limit")),
)
"""Those in use of a number (依据文号), latest first."""
RETIRE = Query(
    PriceDocument,
    update(PriceDocument)
    .where(PriceDocument.document_id == bindparam("id_"), PriceDocument.retired_at.is_(null()))
    .values(retired_at=bindparam("now"), retired_by=bindparam("who"), retire_reason=bindparam("why"))
    .returning(PriceDocument),
)
LINK = Query(
    UUID,
    insert(DocumentLink)
    .values(
        link_id=bindparam("link"),
        document_id=bindparam("document"),
        target=bindparam("target_"),
        target_id=bindparam("target_id_"),
        attached_at=bindparam("now"),
        attached_by=bindparam("who"),
    )
    .on_conflict_do_nothing(constraint="uq_document_links_target_target_id_document_id")
    .returning(DocumentLink.link_id),
)
LINKS_OF = Query(
    DocumentLink,
    select(DocumentLink)
    .where(DocumentLink.document_id == bindparam("document_id"))
    .order_by(DocumentLink.link_id)
    .limit(200),
)
_attached = select(PriceDocument).join(DocumentLink, DocumentLink.document_id == PriceDocument.document_id)
ATTACHED = Query(
    PriceDocument,
    _attached.where(DocumentLink.target == bindparam("target"), DocumentLink.target_id == bindparam("target_id"))
    .order_by(PriceDocument.document_id)
    .limit(200),
)
"""Documents of an item, a price, a list, a rule or a package version."""
_versions = select(PriceVersion).where(PriceVersion.item_id == bindparam("item", type_=Uuid)).subquery()
ATTACHED_TO_ITEM = Query(
    PriceDocument,
    select(PriceDocument)
    .where(
        PriceDocument.document_id.in_(
            select(DocumentLink.document_id).where(
                or_(
                    (DocumentLink.target == constant("item")) & (DocumentLink.target_id == bindparam("code")),
                    (DocumentLink.target == constant("price"))
                    & DocumentLink.target_id.in_(select(cast(_versions.c.version_id, Text))),
                    (DocumentLink.target == constant("batch"))
                    & DocumentLink.target_id.in_(select(cast(_versions.c.batch_id, Text))),
                )
            )
        )
    )
    .order_by(PriceDocument.document_id)
    .limit(200),
)
"""Documents of an item, of every price it ever had and of the lists that brought them."""
TARGETS = {
    "item": Query(UUID, select(ChargeItem.item_id).where(ChargeItem.code == bindparam("key"))),
    "price": Query(
        UUID, select(PriceVersion.version_id).where(PriceVersion.version_id == bindparam("key", type_=Uuid))
    ),
    "batch": Query(UUID, select(ImportBatch.batch_id).where(ImportBatch.batch_id == bindparam("key", type_=Uuid))),
    "rule": Query(UUID, select(PriceRule.rule_id).where(PriceRule.rule_id == bindparam("key", type_=Uuid))),
    "package": Query(
        UUID,
        select(PackageVersion.package_version_id).where(
            PackageVersion.package_version_id == bindparam("key", type_=Uuid)
        ),
    ),
}
"""By target: whether it exists."""
