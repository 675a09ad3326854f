"""Relations, consents, safety facts, access and the log of who looked."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    Text,
    Uuid,
    and_,
    bindparam,
    column,
    exists,
    func,
    literal_column,
    null,
    or_,
    select,
    update,
)
from sqlalchemy.dialects.postgresql import ARRAY

from functions.patients.index.models import (
    Alert,
    Allergy,
    BreakGlassOpening,
    Consent,
    Correction,
    IdentityChange,
    Relation,
)
from functions.patients.index.queries.people import group_of
from shared.database.periods import lasts
from shared.database.query import Query, among
from shared.tables import AccessGrant

_MOMENT = DateTime(timezone=True)
_group = group_of(bindparam("patient_id", type_=Uuid))


class LogEntry(NamedTuple):
    """Somebody read or changed the record; `reason` is a code."""

    entry_id: UUID
    at: datetime
    campus_id: str
    actor: str
    actor_name: str
    action: str
    reason: str | None


ALLERGIES = Query(
    Allergy,
    select(Allergy)
    .where(Allergy.patient_id.in_(_group), Allergy.status == literal_column("'active'"))
    .order_by(Allergy.allergy_id),
)
ALLERGY = Query(Allergy, select(Allergy).where(Allergy.allergy_id == bindparam("allergy_id")))
END_ALLERGIES = Query(
    Allergy,
    update(Allergy)
    .where(among(Allergy.allergy_id, "ids"), Allergy.status == literal_column("'active'"))
    .values(status=bindparam("to"), ended_at=bindparam("at"), ended_by=bindparam("by"), end_reason=bindparam("why"))
    .returning(Allergy),
)
ALERTS = Query(
    Alert,
    select(Alert)
    .where(
        Alert.patient_id.in_(_group),
        Alert.status == literal_column("'active'"),
        lasts(Alert, bindparam("now", type_=_MOMENT)),
    )
    .order_by(Alert.alert_id),
)
END_ALERT = Query(
    Alert,
    update(Alert)
    .where(Alert.alert_id == bindparam("id_"), Alert.status == literal_column("'active'"))
    .values(status="ended", ended_at=bindparam("at"), ended_by=bindparam("by"), end_reason=bindparam("why"))
    .returning(Alert),
)
END_PREGNANCY = Query(
    Alert,
    update(Alert)
    .where(
        Alert.patient_id.in_(_group),
        Alert.kind == literal_column("'pregnancy'"),
        Alert.status == literal_column("'active'"),
        or_(
            Alert.source_id.is_(null()),
            Alert.source_id == bindparam("pregnancy_id", type_=Uuid),
            bindparam("of_any_file", type_=Text) == "yes",
        ),
    )
    .values(status="ended", ended_at=bindparam("at"), ended_by=bindparam("by"), end_reason=bindparam("why"))
    .returning(Alert),
)
"""End the pregnancy alert of one file, those entered by hand with it; with `of_any_file` of earlier files too."""
RELATIONS = Query(
    Relation, select(Relation).where(Relation.patient_id.in_(_group)).order_by(Relation.relation_id).limit(200)
)
END_RELATION = Query(
    Relation,
    update(Relation)
    .where(Relation.relation_id == bindparam("id_"), Relation.ended_at.is_(null()))
    .values(ended_at=bindparam("at"), ended_by=bindparam("by"), end_reason=bindparam("why"))
    .returning(Relation),
)
CONSENTS = Query(
    Consent, select(Consent).where(Consent.patient_id.in_(_group)).order_by(Consent.consent_id.desc()).limit(200)
)
HAS_CONSENT = Query(
    bool,
    select(
        exists().where(
            Consent.patient_id.in_(_group), Consent.kind == bindparam("kind"), Consent.withdrawn_at.is_(null())
        )
    ),
)
CONSENT = Query(Consent, select(Consent).where(Consent.consent_id == bindparam("consent_id", type_=Uuid)))
WITHDRAW_CONSENTS = Query(
    Consent,
    update(Consent)
    .where(Consent.patient_id.in_(_group), Consent.kind == bindparam("of_kind"), Consent.withdrawn_at.is_(null()))
    .values(withdrawn_at=bindparam("at"), withdrawn_recorded_by=bindparam("by"))
    .returning(Consent),
)
"""Every consent of the kind that any record of the person still carries: after a merge there may be two."""

# ---------------------------------------------------------------- record access

TREATED_HERE = Query(bool, select(func.kernel.may_read_record(bindparam("patient_id", type_=Uuid))))
"""Whether a grant for any record of the person is in force for this actor at the acting campus."""

HAS_RECORD = Query(
    bool,
    select(exists().where(among(AccessGrant.patient_id, "ids"), AccessGrant.basis != "break_glass")),
)
"""Whether somebody has treated the person: each treatment relationship leaves a grant."""

GRANTS = Query(
    AccessGrant,
    select(AccessGrant)
    .where(AccessGrant.patient_id.in_(_group), AccessGrant.valid_to > bindparam("now", type_=_MOMENT))
    .order_by(AccessGrant.valid_to)
    .limit(200),
)
GRANT_OF_PERSON = Query(
    AccessGrant,
    select(AccessGrant).where(AccessGrant.grant_id == bindparam("grant_id"), AccessGrant.patient_id.in_(_group)),
)
EXTEND_GRANTS = Query(
    AccessGrant,
    update(AccessGrant)
    .where(
        AccessGrant.basis == bindparam("of_basis"),
        AccessGrant.basis_id == bindparam("of_basis_id"),
        AccessGrant.valid_to < bindparam("until", type_=_MOMENT),
    )
    .values(valid_to=bindparam("until", type_=_MOMENT), ended_at=null())
    .returning(AccessGrant),
)
OPENINGS = Query(
    BreakGlassOpening,
    select(BreakGlassOpening)
    .where(
        BreakGlassOpening.reader_campus_id == bindparam("campus"),
        BreakGlassOpening.opening_id < bindparam("before", type_=Uuid),
        or_(bindparam("all_", type_=Text) == "yes", BreakGlassOpening.verdict.is_(null())),
    )
    .order_by(BreakGlassOpening.opening_id.desc())
    .limit(bindparam("limit")),
)
OPENING = Query(
    BreakGlassOpening,
    select(BreakGlassOpening).where(
        BreakGlassOpening.opening_id == bindparam("opening_id"),
        BreakGlassOpening.reader_campus_id == bindparam("campus"),
    ),
)
REVIEW = Query(
    BreakGlassOpening,
    update(BreakGlassOpening)
    .where(
        BreakGlassOpening.opening_id == bindparam("id_"),
        BreakGlassOpening.verdict.is_(null()),
    )
    .values(
        verdict=bindparam("says"), action=bindparam("follows"), reviewed_at=bindparam("at"), reviewed_by=bindparam("by")
    )
    .returning(BreakGlassOpening),
)

_log = (
    func.patients.access_log(
        bindparam("ids", type_=ARRAY(Uuid)),
        bindparam("before", type_=_MOMENT),
        bindparam("before_id", type_=Uuid),
        bindparam("limit", type_=Integer),
    )
    .table_valued(
        column("entry_id", Uuid),
        column("at", _MOMENT),
        column("campus_id", Text),
        column("actor", Text),
        column("actor_name", Text),
        column("action", Text),
        column("reason", Text),
    )
    .alias("log")
)
ACCESS_LOG = Query(LogEntry, select(_log))
"""Who read or changed a person's record at any campus, newest first."""

# ---------------------------------------------------------------- history and corrections

CHANGES = Query(
    IdentityChange,
    select(IdentityChange)
    .where(
        IdentityChange.patient_id.in_(_group),
        IdentityChange.change_id < bindparam("before", type_=Uuid),
    )
    .order_by(IdentityChange.change_id.desc())
    .limit(bindparam("limit")),
)
CHANGES_OF_VERSION = Query(
    IdentityChange,
    select(IdentityChange).where(
        IdentityChange.patient_id == bindparam("patient_id", type_=Uuid),
        IdentityChange.patient_version == bindparam("version", type_=Integer),
    ),
)
"""The fields one write changed."""
CORRECTION = Query(Correction, select(Correction).where(Correction.correction_id == bindparam("correction_id")))
PENDING_CORRECTION = Query(
    UUID,
    select(Correction.correction_id).where(
        Correction.patient_id == bindparam("patient_id", type_=Uuid),
        Correction.status == literal_column("'pending'"),
    ),
)
CORRECTIONS = Query(
    Correction,
    select(Correction)
    .where(and_(Correction.status == "pending", Correction.correction_id > bindparam("after", type_=Uuid)))
    .order_by(Correction.correction_id)
    .limit(bindparam("limit")),
)
DECIDE_CORRECTION = Query(
    Correction,
    update(Correction)
    .where(Correction.correction_id == bindparam("id_"), Correction.status == "pending")
    .values(
        status=bindparam("to"), decided_at=bindparam("at"), decided_by=bindparam("by"), decision_reason=bindparam("why")
    )
    .returning(Correction),
)
