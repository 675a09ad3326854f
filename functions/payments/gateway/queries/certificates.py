"""A channel's certificates, and which merchants' are to be fetched."""

from typing import Any
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, bindparam, func, not_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.payments.gateway.models import CertificateDownload, PlatformCertificate
from shared.database.query import Query, among

_AT: Any = bindparam("at", type_=DateTime(timezone=True))

OF_MERCHANT = Query(
    PlatformCertificate,
    select(PlatformCertificate)
    .where(PlatformCertificate.merchant_id == bindparam("merchant_id"))
    .order_by(PlatformCertificate.expires_at.desc(), PlatformCertificate.serial)
    .limit(50),
)
DOWNLOAD = Query(
    CertificateDownload, select(CertificateDownload).where(CertificateDownload.merchant_id == bindparam("merchant_id"))
)
DUE = Query(
    UUID,
    select(CertificateDownload.merchant_id)
    .where(
        CertificateDownload.campus_id == bindparam("campus"),
        CertificateDownload.is_on,
        CertificateDownload.next_at <= _AT,
    )
    .order_by(CertificateDownload.next_at)
    .limit(bindparam("limit", type_=Integer)),
)
_wanted = insert(CertificateDownload).values(
    {column.key: bindparam(column.key, type_=column.type) for column in CertificateDownload.__table__.columns}
)
SWITCH_ON = Query(
    CertificateDownload,
    _wanted.on_conflict_do_update(
        index_elements=["merchant_id"],
        set_={
            "is_on": True,
            "next_at": _wanted.excluded.next_at,
            "started_by": _wanted.excluded.started_by,
            "started_by_name": _wanted.excluded.started_by_name,
            "started_at": _wanted.excluded.started_at,
            "version": CertificateDownload.version + 1,
        },
    ).returning(CertificateDownload),
)
DOWNLOAD_COLUMNS = tuple(column.key for column in CertificateDownload.__table__.columns)


def _step(*conditions: Any, **values: Any) -> Query[CertificateDownload]:
    return Query(
        CertificateDownload,
        update(CertificateDownload)
        .where(CertificateDownload.merchant_id == bindparam("id_"), CertificateDownload.is_on, *conditions)
        .values(**values, version=CertificateDownload.version + 1)
        .returning(CertificateDownload),
    )


_LATELY: Any = bindparam("lately", type_=DateTime(timezone=True))
CLAIM = _step(
    func.coalesce(CertificateDownload.asked_at, _LATELY) <= _LATELY,
    asked_at=_AT,
    next_at=bindparam("next", type_=DateTime(timezone=True)),
)
"""Take the right to ask: nobody asks twice within a short while, however many answers seem unsigned."""
ASK_SOON = _step(func.coalesce(CertificateDownload.asked_at, _LATELY) <= _LATELY, next_at=_AT)
NOTE_LIST = _step(listed_at=_AT, next_at=bindparam("next", type_=DateTime(timezone=True)), failures=0, trouble=None)
NOTE_FAILURE = _step(
    next_at=bindparam("next", type_=DateTime(timezone=True)),
    failures=CertificateDownload.failures + 1,
    trouble=bindparam("why", type_=Text),
)
SWITCH_OFF = _step(CertificateDownload.version == bindparam("seen"), is_on=False)

_listed = insert(PlatformCertificate).values(
    {column.key: bindparam(column.key, type_=column.type) for column in PlatformCertificate.__table__.columns}
)
KEEP = Query(
    object,
    _listed.on_conflict_do_update(
        index_elements=["merchant_id", "serial"], set_={"expires_at": _listed.excluded.expires_at}
    ),
)
CERTIFICATE_COLUMNS = tuple(column.key for column in PlatformCertificate.__table__.columns)
GIVE_UP = Query(
    object,
    update(PlatformCertificate)
    .where(
        PlatformCertificate.merchant_id == bindparam("id_"),
        not_(among(PlatformCertificate.serial, "listed")),
        PlatformCertificate.expires_at > bindparam("end", type_=DateTime(timezone=True)),
        PlatformCertificate.effective_at < bindparam("end", type_=DateTime(timezone=True)),
    )
    .values(expires_at=bindparam("end", type_=DateTime(timezone=True))),
)
"""What WeChat's list no longer names is not believed any more, as soon as messages on their way have arrived."""
