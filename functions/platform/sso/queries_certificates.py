"""What is read and changed of certificates."""

from uuid import UUID

from sqlalchemy import DateTime, Uuid, bindparam, null, or_, select, update
from sqlalchemy.sql.elements import ColumnElement

from functions.platform.sso.models_certificates import CaCertificate
from shared.database.query import Query, constant

_MOMENT = DateTime(timezone=True)
_NOW = bindparam("now", type_=_MOMENT)
_AT = bindparam("at", type_=_MOMENT)
_BOUND = CaCertificate.state == constant("bound")

CERTIFICATE = Query(CaCertificate, select(CaCertificate).where(CaCertificate.certificate_id == bindparam("id_")))
CERTIFICATES_HERE = Query(
    CaCertificate,
    select(CaCertificate)
    .where(CaCertificate.campus_id == bindparam("campus"), CaCertificate.certificate_id < bindparam("before"))
    .order_by(CaCertificate.certificate_id.desc())
    .limit(bindparam("limit")),
)
CERTIFICATES_OF = Query(
    CaCertificate,
    select(CaCertificate)
    .where(CaCertificate.staff_id == bindparam("staff_id", type_=Uuid()))
    .order_by(CaCertificate.certificate_id.desc())
    .limit(50),
)
_IN_FORCE: tuple[ColumnElement[bool], ...] = (
    CaCertificate.handed_at <= _AT,
    CaCertificate.valid_from <= _AT,
    CaCertificate.valid_to > _AT,
    or_(CaCertificate.state != constant("revoked"), CaCertificate.ended_at > _AT),
)
HOLDER = Query(CaCertificate, select(CaCertificate).where(CaCertificate.serial == bindparam("serial"), *_IN_FORCE))
SIGNS_WITH = Query(
    CaCertificate,
    select(CaCertificate)
    .where(CaCertificate.staff_id == bindparam("staff_id", type_=Uuid()), *_IN_FORCE)
    .order_by(CaCertificate.valid_to.desc(), CaCertificate.certificate_id),
)
HAND_OUT = Query(
    CaCertificate,
    update(CaCertificate)
    .where(
        CaCertificate.certificate_id == bindparam("id_"),
        CaCertificate.version == bindparam("seen"),
        CaCertificate.handed_at.is_(null()),
        _BOUND,
    )
    .values(handed_at=_NOW, handed_by=bindparam("by"), handed_name=bindparam("name"), version=CaCertificate.version + 1)
    .returning(CaCertificate),
)
REVOKE = Query(
    CaCertificate,
    update(CaCertificate)
    .where(CaCertificate.certificate_id == bindparam("id_"), _BOUND)
    .values(
        state="revoked",
        ended_at=_NOW,
        ended_by=bindparam("by"),
        end_reason=bindparam("why"),
        version=CaCertificate.version + 1,
    )
    .returning(CaCertificate),
)
REVOKE_OF = Query(
    UUID,
    update(CaCertificate)
    .where(CaCertificate.staff_id == bindparam("whose", type_=Uuid()), _BOUND)
    .values(
        state="revoked",
        ended_at=_NOW,
        ended_by=bindparam("by"),
        end_reason=bindparam("why"),
        version=CaCertificate.version + 1,
    )
    .returning(CaCertificate.certificate_id),
)
_OVER = (
    select(CaCertificate.certificate_id)
    .where(CaCertificate.campus_id == bindparam("campus"), _BOUND, CaCertificate.valid_to <= _NOW)
    .order_by(CaCertificate.valid_to)
    .limit(200)
)
EXPIRE = Query(
    UUID,
    update(CaCertificate)
    .where(CaCertificate.certificate_id.in_(_OVER))
    .values(state="expired", ended_at=_NOW, version=CaCertificate.version + 1)
    .returning(CaCertificate.certificate_id),
)
_ENDING = (
    select(CaCertificate.certificate_id)
    .where(
        CaCertificate.campus_id == bindparam("campus"),
        _BOUND,
        CaCertificate.warned_at.is_(null()),
        CaCertificate.valid_to > _NOW,
        CaCertificate.valid_to <= bindparam("soon", type_=_MOMENT),
    )
    .order_by(CaCertificate.valid_to)
    .limit(200)
)
WARN = Query(
    CaCertificate,
    update(CaCertificate)
    .where(CaCertificate.certificate_id.in_(_ENDING))
    .values(warned_at=_NOW)
    .returning(CaCertificate),
)
"""Each certificate is announced once; the version stays, for nothing of it has changed."""
