"""Sessions found, and numbers made: what every use case of the schedule begins with."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Clinic, Session
from functions.outpatient.schedule.queries import plans as queries
from functions.outpatient.schedule.schemas.plans import BandPlan, PlanSession
from shared.database.query import Query
from shared.ids import new_id
from shared.problems import NotFound
from shared.tx import Tx


class NewSlot(NamedTuple):
    """A number about to be made; `block` withholds it."""

    session_id: UUID
    number: int
    band_start: datetime
    band_end: datetime
    channel: str
    on_sale_at: datetime | None = None
    block: str | None = None


def own_session(tx: Tx, session_id: UUID, query: Query[Session] = queries.SESSION) -> Session:
    """A session of the acting campus; NotFound for another campus's and for one that was discarded."""
    session = tx.session.first(query, session_id=session_id)
    if session is None or session.campus_id != tx.campus or session.status == "discarded":
        raise NotFound("本院区没有这个班次，请刷新后重试。")
    return session


def locked(tx: Tx, session_id: UUID, version: int | None, action: str = "change") -> Session:
    """The session, kept from other changes until the end; refuses a version not seen and a state that forbids it."""
    session = own_session(tx, session_id, queries.LOCK_SESSION)
    tx.check_version(session.version, version)
    rules.require_state(action, session.status)
    return session


def own_clinic(tx: Tx, clinic_id: UUID) -> Clinic:
    """An active clinic of the acting campus."""
    clinic = tx.session.first(queries.CLINIC, clinic_id=clinic_id)
    if clinic is None or clinic.campus_id != tx.campus or not clinic.active:
        raise NotFound("本院区没有这个门诊，请核对后重新选择。")
    return clinic


def check_room(tx: Tx, clinic: Clinic, room_id: UUID) -> None:
    """Refuse a room that is not of this campus or not one of the clinic's."""
    room = organisation.place(tx, room_id)
    if room.campus_id != tx.campus:
        raise NotFound("本院区没有这个诊室，请核对后重新选择。")
    if clinic.room_ids and room_id not in clinic.room_ids:
        raise rules.PlanInvalid("该门诊不在这个诊室开诊，请改选该门诊的诊室。")


def bands_given(bands: Iterable[BandPlan]) -> list[rules.Band]:
    return [rules.Band(band.starts_at, band.ends_at, band.count) for band in bands]


def travel(ends_at: datetime, doctor_id: UUID | None) -> datetime | None:
    """When the doctor can be at another campus."""
    return ends_at + rules.TRAVEL if doctor_id is not None else None


def checked_plan(
    day: date, bands: Sequence[rules.Band], quotas: dict[str, int], waves: list[dict[str, Any]] | None
) -> None:
    """Refuse a plan whose numbers do not add up (bands, channels, waves)."""
    rules.plan_slots(day, bands, quotas)
    rules.releases(day, waves)


def draft(tx: Tx, clinic: Clinic, command: PlanSession, template_id: UUID | None = None) -> Session:
    """A session as a draft, not yet stored. Its room and doctor are checked by the caller."""
    bands = bands_given(command.bands)
    quotas = {channel.value: count for channel, count in command.quotas.items()}
    waves = [wave.model_dump(exclude_none=True) for wave in command.waves] if command.waves else None
    checked_plan(command.day, bands, quotas, waves)
    ends_at = max(band.ends_at for band in bands)
    return Session(
        session_id=new_id(),
        campus_id=tx.campus,
        clinic_id=clinic.clinic_id,
        unit_id=clinic.unit_id,
        doctor_id=command.doctor_id,
        room_id=command.room_id,
        desk=command.desk,
        day=command.day,
        part=command.part.value,
        starts_at=min(band.starts_at for band in bands),
        ends_at=ends_at,
        travel_until=travel(ends_at, command.doctor_id),
        bands=rules.stored_bands(bands),
        quotas=quotas,
        waves=waves,
        extra_cap=command.extra_cap,
        template_id=template_id,
        made_by=tx.actor.subject,
    )


def make_slots(tx: Tx, slots: Sequence[NewSlot]) -> None:
    """Store numbers of any count of sessions in one statement."""
    if slots:
        tx.session.execute(
            queries.MAKE_SLOTS,
            campus=tx.campus,
            slot_ids=[new_id() for _ in slots],
            sessions=[slot.session_id for slot in slots],
            numbers=[slot.number for slot in slots],
            starts=[slot.band_start for slot in slots],
            ends=[slot.band_end for slot in slots],
            channels=[slot.channel for slot in slots],
            on_sale=[slot.on_sale_at for slot in slots],
            blocks=[slot.block for slot in slots],
        )


def count_numbers(tx: Tx, session: Session) -> int:
    """Numbers of a session: of its plan before publication, of its pool afterwards."""
    if session.status in rules.UNPUBLISHED:
        return sum(band.count for band in rules.bands_of(session.bands or []))
    return tx.session.one(queries.COUNT_SLOTS, session_id=session.session_id)
