"""Clinics, templates, sessions and their steps."""

from datetime import date
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import (
    DateTime,
    Integer,
    SmallInteger,
    Text,
    Uuid,
    and_,
    bindparam,
    case,
    func,
    literal,
    null,
    or_,
    select,
    tuple_,
    update,
)
from sqlalchemy.dialects.postgresql import insert

from functions.outpatient.schedule.models import Clinic, ClinicPrice, ReleaseWave, Session, Slot, Template
from functions.outpatient.schedule.models.clinics import PLAN
from functions.outpatient.schedule.queries.rows import rows_given
from functions.outpatient.schedule.rules import LIVE
from shared.database.query import Query, among, one_of

CLINIC = Query(Clinic, select(Clinic).where(Clinic.clinic_id == bindparam("clinic_id")))
CLINICS = Query(
    Clinic,
    select(Clinic)
    .where(Clinic.campus_id == bindparam("campus"), Clinic.code > bindparam("after"))
    .order_by(Clinic.code)
    .limit(bindparam("limit")),
)
CLINICS_BY_ID = Query(Clinic, select(Clinic).where(among(Clinic.clinic_id, "clinic_ids")))
CHANGE_CLINIC = Query(
    Clinic,
    update(Clinic)
    .where(Clinic.clinic_id == bindparam("id_"), Clinic.version == bindparam("seen"))
    .values(
        name=bindparam("name_"),
        unit_id=bindparam("unit"),
        grade=bindparam("grade_"),
        fee_item_code=bindparam("fee_item"),
        standard_code=bindparam("standard"),
        sex_limit=bindparam("sex"),
        age_from=bindparam("low"),
        age_to=bindparam("high"),
        follow_up_allowed=bindparam("follow_up"),
        guidance=bindparam("guidance_"),
        questions=bindparam("questions_"),
        room_ids=bindparam("rooms"),
        active=bindparam("active_"),
        version=Clinic.version + 1,
    )
    .returning(Clinic),
)
_price = insert(ClinicPrice).values(
    clinic_id=bindparam("clinic"), grade=bindparam("grade_"), fee_item_code=bindparam("item"), campus_id=bindparam("at")
)
SET_CLINIC_PRICE = Query(
    object,
    _price.on_conflict_do_update(
        index_elements=[ClinicPrice.clinic_id, ClinicPrice.grade],
        set_={"fee_item_code": _price.excluded.fee_item_code},
    ),
)
CLINIC_PRICE = Query(
    str,
    select(ClinicPrice.fee_item_code).where(
        ClinicPrice.clinic_id == bindparam("clinic_id"), ClinicPrice.grade == bindparam("grade")
    ),
)

# -- templates

TEMPLATE = Query(Template, select(Template).where(Template.template_id == bindparam("template_id")))
TEMPLATES = Query(
    Template,
    select(Template)
    .where(Template.campus_id == bindparam("campus"), Template.template_id > bindparam("after"))
    .order_by(Template.template_id)
    .limit(bindparam("limit")),
)
ACTIVE_TEMPLATES = Query(
    Template,
    select(Template)
    .where(
        Template.campus_id == bindparam("campus"),
        one_of(Template.status, "active"),
        Template.valid_from <= bindparam("until"),
        or_(Template.valid_to.is_(null()), Template.valid_to >= bindparam("since")),
    )
    .order_by(Template.template_id),
)
RIVAL_TEMPLATES = Query(
    Template,
    select(Template)
    .where(
        one_of(Template.status, "active"),
        Template.weekday == bindparam("weekday_"),
        or_(Template.doctor_id == bindparam("doctor", type_=Uuid), Template.room_id == bindparam("room")),
        Template.template_id != bindparam("but"),
    )
    .order_by(Template.template_id),
)
"""Active templates of the same weekday that share a doctor (at any campus) or a room."""
STEP_TEMPLATE = Query(
    Template,
    update(Template)
    .where(
        Template.template_id == bindparam("id_"),
        Template.version == bindparam("seen"),
        Template.status == bindparam("from_"),
    )
    .values(
        status=bindparam("to"),
        valid_to=func.coalesce(bindparam("last_day", type_=Template.valid_to.type), Template.valid_to),
        version=Template.version + 1,
    )
    .returning(Template),
)

# -- sessions

SESSION = Query(Session, select(Session).where(Session.session_id == bindparam("session_id")))
LOCK_SESSION = Query(Session, select(Session).where(Session.session_id == bindparam("session_id")).with_for_update())
"""Held while a published session changes, so that two changes of one session never mix."""
SESSIONS_BY_ID = Query(
    Session, select(Session).where(among(Session.session_id, "session_ids")).order_by(Session.session_id)
)
LOCK_SESSIONS = Query(
    Session,
    select(Session).where(among(Session.session_id, "session_ids")).order_by(Session.session_id).with_for_update(),
)
LIVE_BETWEEN = Query(
    Session,
    select(Session)
    .where(
        Session.campus_id == bindparam("campus"),
        Session.day >= bindparam("since"),
        Session.day <= bindparam("until"),
        one_of(Session.status, *LIVE),
    )
    .order_by(Session.session_id)
    .limit(bindparam("limit")),
)
"""A campus's sessions of some days that are planned or on sale."""
RIVALS = Query(
    Session,
    select(Session).where(
        Session.day >= bindparam("since"),
        Session.day <= bindparam("until"),
        one_of(Session.status, *LIVE),
        or_(
            and_(Session.campus_id == bindparam("campus"), among(Session.room_id, "rooms")),
            among(Session.doctor_id, "doctors"),
        ),
    ),
)
"""Sessions that could meet others in a doctor, at any campus, or in a room."""


class TemplateDay(NamedTuple):
    """A day a template has made its session for."""

    template_id: UUID
    day: date


TEMPLATE_DAYS = Query(
    TemplateDay,
    select(Session.template_id, Session.day).where(
        Session.campus_id == bindparam("campus"),
        Session.day >= bindparam("since"),
        Session.day <= bindparam("until"),
        Session.template_id.is_not(null()),
        Session.status != "discarded",
    ),
)

_steps = rows_given("steps", session_id=("ids", Uuid()), version=("versions", Integer()))
STEP_SESSIONS = Query(
    Session,
    update(Session)
    .where(
        Session.session_id == _steps.c.session_id,
        Session.version == _steps.c.version,
        Session.campus_id == bindparam("campus"),
        among(Session.status, "from_"),
    )
    .values(
        status=bindparam("to"),
        approved_by=func.coalesce(bindparam("approver", type_=Text), Session.approved_by),
        published_at=func.coalesce(bindparam("published", type_=Session.published_at.type), Session.published_at),
        version=Session.version + 1,
    )
    .returning(Session),
)
"""One step of many sessions; those somebody else changed are missing from the answer."""

PUBLISH_NOW = Query(
    object,
    update(Session)
    .where(Session.session_id == bindparam("id_"), one_of(Session.status, "draft"))
    .values(
        status="published",
        approved_by=bindparam("who"),
        published_at=bindparam("now"),
        version=Session.version + 1,
    ),
)
"""A session 门诊部 opens at once, without the round through the department."""
STOP_SESSION = Query(
    Session,
    update(Session)
    .where(Session.session_id == bindparam("id_"), one_of(Session.status, "published", "open"))
    .values(status="stopped", stop_reason=bindparam("reason"), version=Session.version + 1)
    .returning(Session),
)

EDIT_SESSION = Query(
    Session,
    update(Session)
    .where(
        Session.session_id == bindparam("id_"), Session.version == bindparam("seen"), one_of(Session.status, "draft")
    )
    .values(
        clinic_id=bindparam("clinic"),
        unit_id=bindparam("unit"),
        doctor_id=bindparam("doctor", type_=Uuid),
        room_id=bindparam("room"),
        desk=bindparam("desk_"),
        day=bindparam("day_"),
        part=bindparam("part_"),
        starts_at=bindparam("start"),
        ends_at=bindparam("end"),
        travel_until=bindparam("travel", type_=DateTime(timezone=True)),
        bands=bindparam("bands_", type_=PLAN),
        quotas=bindparam("quotas_", type_=PLAN),
        waves=bindparam("waves_", type_=PLAN),
        extra_cap=bindparam("cap"),
        version=Session.version + 1,
    )
    .returning(Session),
)

CHANGE_SESSION = Query(
    Session,
    update(Session)
    .where(Session.session_id == bindparam("id_"))
    .values(
        doctor_id=case(
            (bindparam("clear_doctor", False), null()),
            else_=func.coalesce(bindparam("doctor", None, type_=Uuid), Session.doctor_id),
        ),
        room_id=func.coalesce(bindparam("room", None, type_=Uuid), Session.room_id),
        desk=func.coalesce(bindparam("desk_", None, type_=SmallInteger), Session.desk),
        starts_at=func.coalesce(bindparam("start", None, type_=DateTime(timezone=True)), Session.starts_at),
        ends_at=func.coalesce(bindparam("end", None, type_=DateTime(timezone=True)), Session.ends_at),
        travel_until=func.coalesce(bindparam("travel", None, type_=DateTime(timezone=True)), Session.travel_until),
        grade=func.coalesce(bindparam("grade_", None, type_=Text), Session.grade),
        fee_item_code=func.coalesce(bindparam("fee_item", None, type_=Text), Session.fee_item_code),
        extra_cap=func.coalesce(bindparam("cap", None, type_=SmallInteger), Session.extra_cap),
        partly_stopped_at=func.coalesce(
            bindparam("partly", None, type_=DateTime(timezone=True)), Session.partly_stopped_at
        ),
        status=func.coalesce(bindparam("to", None, type_=Text), Session.status),
        waiting=func.coalesce(bindparam("waiting_", None, type_=SmallInteger), Session.waiting),
        version=Session.version + 1,
    )
    .returning(Session),
)
"""A change of a session whose row is locked; what is not given stays."""

BEGIN_SESSION = Query(
    Session,
    update(Session)
    .where(Session.session_id == bindparam("id_"), one_of(Session.status, "published"))
    .values(status="open")
    .returning(Session),
)
"""A session that was only published has begun; nobody edited it, so its version stays."""

COUNT_SLOTS = Query(int, select(func.count()).select_from(Slot).where(Slot.session_id == bindparam("session_id")))

# -- numbers made at publication

_made = rows_given(
    "made",
    slot_id=("slot_ids", Uuid()),
    session_id=("sessions", Uuid()),
    number=("numbers", SmallInteger()),
    band_start=("starts", DateTime(timezone=True)),
    band_end=("ends", DateTime(timezone=True)),
    channel=("channels", Text()),
    on_sale_at=("on_sale", DateTime(timezone=True)),
    block_reason=("blocks", Text()),
)
MAKE_SLOTS = Query(
    object,
    insert(Slot).from_select(
        [
            "slot_id",
            "campus_id",
            "session_id",
            "number",
            "band_start",
            "band_end",
            "channel",
            "status",
            "on_sale_at",
            "block_reason",
        ],
        select(
            _made.c.slot_id,
            bindparam("campus", type_=Text),
            _made.c.session_id,
            _made.c.number,
            _made.c.band_start,
            _made.c.band_end,
            _made.c.channel,
            case((_made.c.block_reason.is_(null()), literal("free", Text)), else_=literal("blocked", Text)),
            _made.c.on_sale_at,
            _made.c.block_reason,
        ),
        include_defaults=False,
    ),
)
"""Numbers of any count of sessions in one statement."""

RELEASE_MANUAL = Query(
    int,
    update(ReleaseWave)
    .where(
        ReleaseWave.session_id == bindparam("id_"), ReleaseWave.due_at.is_(null()), ReleaseWave.released_at.is_(null())
    )
    .values(released_at=bindparam("now"), released_by=bindparam("who"))
    .returning(ReleaseWave.ordinal),
)


class DueWave(NamedTuple):
    """A wave that has come due and was not told yet."""

    session_id: UUID
    ordinal: int
    slots: int
    clinic_id: UUID
    status: str


_due = (
    select(ReleaseWave.session_id, ReleaseWave.ordinal)
    .where(
        ReleaseWave.campus_id == bindparam("campus"),
        ReleaseWave.released_at.is_(null()),
        ReleaseWave.due_at <= bindparam("now"),
    )
    .order_by(ReleaseWave.due_at)
    .limit(bindparam("limit"))
    .with_for_update(skip_locked=True)
)
TELL_WAVES = Query(
    DueWave,
    update(ReleaseWave)
    .where(tuple_(ReleaseWave.session_id, ReleaseWave.ordinal).in_(_due), Session.session_id == ReleaseWave.session_id)
    .values(released_at=bindparam("now"), released_by=bindparam("who"))
    .returning(ReleaseWave.session_id, ReleaseWave.ordinal, ReleaseWave.slots, Session.clinic_id, Session.status),
)


class OfUnit(NamedTuple):
    """A session of a unit and how far it is."""

    status: str
    day: date


SESSIONS_OF_UNIT_FROM = Query(
    OfUnit,
    select(Session.status, Session.day)
    .where(
        Session.campus_id == bindparam("campus"),
        Session.day >= bindparam("day_from"),
        Session.unit_id == bindparam("unit_id"),
        one_of(Session.status, *LIVE),
        Session.ends_at > bindparam("since"),
    )
    .order_by(Session.starts_at)
    .limit(200),
)
"""Sessions of a unit from a day on that are on sale or on their way there."""
