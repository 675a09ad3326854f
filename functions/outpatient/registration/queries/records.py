"""What is recorded about visits: reports expected, releases, green channels, bracelets."""

from uuid import UUID

from sqlalchemy import DateTime, Text, Uuid, bindparam, exists, func, literal, null, or_, select, update
from sqlalchemy.dialects.postgresql import insert

from functions.outpatient.registration.models import (
    Bracelet,
    BraceletBatch,
    ExpectedReport,
    GreenChannel,
    Release,
    Visit,
)
from shared.database.query import Query, constant, one_of

_MOMENT = DateTime(timezone=True)

EXPECT_REPORT = Query(
    UUID,
    insert(ExpectedReport)
    .from_select(
        ["encounter_id", "reference", "patient_id", "expected_at", "campus_id"],
        select(
            Visit.encounter_id,
            bindparam("what", type_=Text),
            Visit.patient_id,
            bindparam("at", type_=_MOMENT),
            Visit.campus_id,
        ).where(
            Visit.encounter_id == bindparam("id_"),
            Visit.campus_id == bindparam("campus"),
            Visit.status != constant("cancelled"),
        ),
        include_defaults=False,
    )
    .on_conflict_do_update(index_elements=["encounter_id", "reference"], set_={"dropped_at": None})
    .returning(ExpectedReport.encounter_id),
)
"""A report is on its way; nothing comes back for an encounter that is no visit of this campus."""


def _report(**values: object) -> Query[UUID]:
    return Query(
        UUID,
        update(ExpectedReport)
        .where(
            ExpectedReport.encounter_id == bindparam("id_"),
            ExpectedReport.reference == bindparam("what"),
            ExpectedReport.campus_id == bindparam("campus"),
        )
        .values(**values)
        .returning(ExpectedReport.encounter_id),
    )


REPORT_READY = _report(ready_at=func.coalesce(ExpectedReport.ready_at, bindparam("at", type_=_MOMENT)))
DROP_REPORT = _report(dropped_at=func.coalesce(ExpectedReport.dropped_at, bindparam("at", type_=_MOMENT)))

RELEASE = Query(Release, select(Release).where(Release.encounter_id == bindparam("encounter_id")))
RELEASE_VISIT = Query(
    Release,
    insert(Release)
    .values(
        encounter_id=bindparam("encounter_id"),
        campus_id=bindparam("campus_id"),
        patient_id=bindparam("patient_id"),
        reason=bindparam("reason"),
        released_at=bindparam("released_at"),
        released_by=bindparam("released_by"),
        released_by_name=bindparam("released_by_name"),
    )
    .on_conflict_do_update(
        index_elements=["encounter_id"],
        set_={
            "reason": bindparam("reason"),
            "released_at": bindparam("released_at"),
            "released_by": bindparam("released_by"),
            "released_by_name": bindparam("released_by_name"),
            "approved_at": literal(None, _MOMENT),
            "approved_by": literal(None, Text),
            "approved_by_name": literal(None, Text),
        },
    )
    .returning(Release),
)
"""The doctor's release; given again it stands anew and waits for the lead again."""
APPROVE_RELEASE = Query(
    Release,
    update(Release)
    .where(Release.encounter_id == bindparam("id_"), Release.approved_at.is_(null()))
    .values(approved_at=bindparam("at"), approved_by=bindparam("who"), approved_by_name=bindparam("name"))
    .returning(Release),
)
UNDO_APPROVAL = Query(
    object,
    update(Release)
    .where(Release.encounter_id == bindparam("id_"), Release.approved_at.is_not(null()))
    .values(approved_at=literal(None, _MOMENT), approved_by=literal(None, Text), approved_by_name=literal(None, Text)),
)
"""The consultation went on after the lead had approved: it is to be judged anew."""
RELEASES_WAITING = Query(
    Release,
    select(Release)
    .join(Visit, Visit.encounter_id == Release.encounter_id)
    .where(
        Release.campus_id == bindparam("campus"),
        Release.approved_at.is_(null()),
        one_of(Visit.status, "in_consultation", "finished"),
        Release.encounter_id > bindparam("after"),
    )
    .order_by(Release.encounter_id)
    .limit(bindparam("limit")),
)

GREEN_CHANNEL = Query(GreenChannel, select(GreenChannel).where(GreenChannel.encounter_id == bindparam("encounter_id")))
GREEN_CHANNELS = Query(
    GreenChannel,
    select(GreenChannel)
    .where(
        GreenChannel.campus_id == bindparam("campus"),
        GreenChannel.opened_at >= bindparam("since"),
        GreenChannel.opened_at < bindparam("until"),
        GreenChannel.encounter_id > bindparam("after"),
    )
    .order_by(GreenChannel.encounter_id)
    .limit(bindparam("limit")),
)

PAYS_LATER = Query(
    bool,
    select(
        or_(
            exists().where(
                Visit.encounter_id == bindparam("encounter_id", type_=Uuid()), Visit.kind == constant("emergency")
            ),
            exists().where(GreenChannel.encounter_id == bindparam("encounter_id", type_=Uuid())),
        )
    ),
)

BATCH = Query(BraceletBatch, select(BraceletBatch).where(BraceletBatch.batch_id == bindparam("batch_id")))
BATCHES = Query(
    BraceletBatch,
    select(BraceletBatch)
    .where(BraceletBatch.campus_id == bindparam("campus"), BraceletBatch.batch_id < bindparam("before"))
    .order_by(BraceletBatch.batch_id.desc())
    .limit(bindparam("limit")),
)
CLOSE_BATCH = Query(
    BraceletBatch,
    update(BraceletBatch)
    .where(
        BraceletBatch.batch_id == bindparam("id_"),
        BraceletBatch.campus_id == bindparam("campus"),
        BraceletBatch.version == bindparam("seen"),
        BraceletBatch.closed_at.is_(null()),
    )
    .values(closed_at=bindparam("at"), closed_by=bindparam("who"), version=BraceletBatch.version + 1)
    .returning(BraceletBatch),
)
BRACELETS = Query(
    Bracelet, select(Bracelet).where(Bracelet.batch_id == bindparam("batch_id")).order_by(Bracelet.visit_no)
)
VOID_BRACELETS = Query(
    object,
    update(Bracelet)
    .where(Bracelet.batch_id == bindparam("id_"), one_of(Bracelet.status, "free"))
    .values(status="void"),
)
USE_BRACELET = Query(
    Bracelet,
    update(Bracelet)
    .where(
        Bracelet.campus_id == bindparam("campus"),
        Bracelet.visit_no == bindparam("no_"),
        one_of(Bracelet.status, "free"),
    )
    .values(status="used", encounter_id=bindparam("visit"))
    .returning(Bracelet),
)
"""Put a free bracelet on a patient; None when it is unknown here, on somebody else or void."""
