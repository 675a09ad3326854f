"""Wards and their beds (病床): set up, changed, out of service and back, retired; counted at midnight."""

from datetime import date, datetime, timedelta
from typing import Any
from uuid import UUID

from events.organisation import BedChanged
from functions.organisation.structure.gates import BedToEmpty, before_empty_bed
from functions.organisation.structure.models import Bed, BedVersion
from functions.organisation.structure.problems import PlaceNotFound, UnitNotFound
from functions.organisation.structure.problems.wards import (
    BedInvalid,
    BedNotFound,
    BedRetired,
    BedsBeyondLicence,
    NotAWard,
)
from functions.organisation.structure.queries import wards as queries
from functions.organisation.structure.queries.wards import BedCount, BedDays, BedInfo
from functions.organisation.structure.schemas.wards import BedOut, BedStep, ChangeBed, CreateBed
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.placing import place
from functions.organisation.structure.service.units import unit
from shared.gates import Objection
from shared.ids import new_id
from shared.problems import Invalid, Stale
from shared.schemas import midnight
from shared.tx import Tx

WARD_KINDS = ("nursing", "clinical")
"""Beds stand in nursing units; observation beds (留观) in the emergency department."""
UNCOUNTED = ("extra", "cot")


def bed(tx: Tx, bed_id: UUID, at: datetime | None = None) -> BedInfo:
    """A bed of the acting campus as at a moment, by default now. Raises BedNotFound, BedRetired."""
    found = tx.session.first(queries.BED_AT, bed_id=bed_id, at=at or tx.now)
    if found is not None:
        return found
    if tx.session.first(queries.BED_EXISTS, bed_id=bed_id) is None:
        raise BedNotFound("没有这张床，请核对后重新选择。")
    raise BedRetired("该床此时未启用或已撤销，请另选床位。")


def take_bed(tx: Tx, bed_id: UUID) -> BedInfo:
    """A bed about to receive a patient: locked until the commit, so that it isn't retired meanwhile.

    For inpatient/adt, in the transaction that puts the patient in. Raises BedNotFound, BedRetired, BedInvalid when the
    bed is out of service.
    """
    tx.session.send(queries.LOCK_BED, bed_id=bed_id)
    found = bed(tx, bed_id)
    if found.status != "in_service":
        raise BedInvalid("该床已停用，请另选床位。")
    return found


def beds_of_ward(tx: Tx, ward_id: UUID, at: datetime | None = None) -> list[BedInfo]:
    """Beds of a ward as at a moment in order of number (床位图)."""
    return tx.session.all(queries.BEDS_OF_WARD, ward_id=ward_id, at=at or tx.now)


def bed_history(tx: Tx, bed_id: UUID) -> list[BedVersion]:
    """A bed's life, earliest first. Raises BedNotFound."""
    found = tx.session.all(queries.BED_HISTORY, bed_id=bed_id)
    if not found:
        raise BedNotFound("没有这张床，请核对后重新选择。")
    return found


def bed_counts(tx: Tx, day: date, campus: str | None = None) -> list[BedCount]:
    """Beds of each ward at 24:00 of a day: the daily figure (开放床位). 加床 and 婴儿床 are not counted as open."""
    return tx.session.all(queries.BED_COUNTS, campus=campus or tx.campus, at=midnight(day + timedelta(days=1)))


def open_beds(tx: Tx, day: date, campus: str | None = None) -> int:
    """开放床位 of a campus at 24:00 of a day."""
    return sum(ward.open for ward in bed_counts(tx, day, campus))


def open_bed_days(tx: Tx, first: date, last: date, campus: str | None = None) -> list[BedDays]:
    """实际开放总床日数 of each ward: open beds at 24:00 of every day from first to last that is over.

    For records/medical_records. 366 days at most.
    """
    if last < first or (last - first).days > 366:
        raise Invalid("统计区间须从前到后，最长一年。")
    last = min(last, tx.today - timedelta(days=1))
    return tx.session.all(
        queries.BED_DAYS,
        campus=campus or tx.campus,
        first=midnight(first + timedelta(days=1)),
        last=midnight(last + timedelta(days=1)),
    )


def create_bed(tx: Tx, command: CreateBed) -> BedInfo:
    """Set up a bed from now on. Raises NotAWard, BedNumberTaken, BedsBeyondLicence."""
    _check_ward(tx, command.ward_id)
    _check_room(tx, command.room_id)
    if command.established:
        check_licensed(tx)
    row = add_bed(tx, command)
    return tx.session.one(queries.BED_AT, bed_id=row.bed_id, at=tx.now)


def add_bed(tx: Tx, command: CreateBed) -> BedVersion:
    """Set up a bed whose ward, room and licence have been checked."""
    row = BedVersion(
        row_id=new_id(),
        bed_id=new_id(),
        campus_id=tx.campus,
        ward_id=command.ward_id,
        room_id=command.room_id,
        number=command.number,
        bed_class=command.bed_class.value,
        established=command.established,
        open=command.open,
        gender=command.gender,
        price_class=command.price_class,
        nursing_group=command.nursing_group,
        status="in_service",
        out_cause=None,
        valid_from=tx.now,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
    )
    tx.session.add(Bed(bed_id=row.bed_id, campus_id=tx.campus), row)
    record(tx, "bed", row.bed_id, "created", after=command.model_dump(mode="json", exclude_none=True))
    _tell(tx, row, "created", counted=row.open)
    return row


def change_bed(tx: Tx, bed_id: UUID, command: ChangeBed) -> BedInfo:
    """Change what is given of a bed from now on; moving it to another ward asks whether somebody lies in it."""
    current = _locked(tx, bed_id, command.version)
    given = command.model_dump(exclude={"version", "reason"}, exclude_unset=True, mode="json")
    nullable = {"room_id", "price_class", "nursing_group"}
    if any(value is None for name, value in given.items() if name not in nullable):
        raise Invalid("病区、床号、类别、编制、开放和性别限制不能清空。")
    if "room_id" in given:
        given["room_id"] = command.room_id
        _check_room(tx, command.room_id)
    if command.ward_id is not None:
        given["ward_id"] = command.ward_id
        _check_ward(tx, command.ward_id)
    if command.ward_id not in {None, current.ward_id}:
        before_empty_bed.ask(tx, BedToEmpty(bed_id, current.ward_id, tx.campus, tx.now, "move"))
    counted = given.get("established", current.established) or given.get("open", current.open)
    if given.get("bed_class", current.bed_class) in UNCOUNTED and counted:
        raise BedInvalid("加床和婴儿床不计入编制和开放床位，请一并取消。")
    if given.get("established") and not current.established:
        check_licensed(tx)
    return _rewrite(tx, current, given, "changed", command.reason)


def put_out_of_service(tx: Tx, bed_id: UUID, command: BedOut) -> BedInfo:
    """Out of service (停用) from now on. A disinfected or briefly repaired bed still counts as open."""
    current = _locked(tx, bed_id, command.version)
    if current.status != "in_service":
        raise BedInvalid("该床已停用，无需再次停用。")
    before_empty_bed.ask(tx, BedToEmpty(bed_id, current.ward_id, tx.campus, tx.now, "out_of_service"))
    given = {"status": "out_of_service", "out_cause": command.cause.value}
    return _rewrite(tx, current, given, "out_of_service", command.reason)


def put_in_service(tx: Tx, bed_id: UUID, command: BedStep) -> BedInfo:
    """Back in service (恢复)."""
    current = _locked(tx, bed_id, command.version)
    if current.status != "out_of_service":
        raise BedInvalid("该床未停用，无需恢复。")
    return _rewrite(tx, current, {"status": "in_service", "out_cause": None}, "in_service", command.reason)


def retire_bed(tx: Tx, bed_id: UUID, command: BedStep) -> list[Objection]:
    """Retire an empty bed (撤销): from 24:00 of today it does not count. Returns what others had to say.

    Raises what the gate before_empty_bed says (a patient lies in it), BedRetired, Stale.
    """
    current = _locked(tx, bed_id, command.version)
    question = BedToEmpty(bed_id, current.ward_id, tx.campus, tx.now, "retire")
    said = before_empty_bed.ask(tx, question, command.confirmed)
    _end(tx, current)
    record(tx, "bed", bed_id, "retired", before={"number": current.number}, reason=command.reason)
    _tell(tx, current, "retired", counted=False)
    return said


def move_beds(tx: Tx, ward_id: UUID, target: UUID, at: datetime, chosen: set[UUID] | None, reason: str) -> None:
    """Beds of a ward stand in another one from a coming moment on: for a ward that is split or merged.

    `chosen` are the beds that go; None takes all. Raises BedNumberTaken.
    """
    for held in tx.session.all(queries.LOCK_BEDS_OF_WARD, ward_id=ward_id, at=at):
        if chosen is None or held.bed_id in chosen:
            current = tx.session.one(queries.BED_VERSION_AT, bed_id=held.bed_id, at=at)
            tx.session.one(queries.BUMP_BED, id_=held.bed_id, seen=held.version)
            _end(tx, current, at)
            row = _next(tx, current, {"ward_id": target}, reason, at)
            tx.session.add(row)
            _tell(tx, row, "changed", counted=row.open)


def check_licensed(tx: Tx) -> None:
    """One more established bed stays within the licence of the campus. Raises BedsBeyondLicence."""
    if established_left(tx) == 0:
        raise BedsBeyondLicence("本院区核定编制床位已满，请改为非编制床位或先变更执业许可。")


def established_left(tx: Tx) -> int | None:
    """编制床位 the licence of the acting campus still allows, its row locked for that; None without a limit."""
    licensed = tx.session.send(queries.LICENSED_BEDS, campus=tx.campus)
    established = tx.session.send(queries.ESTABLISHED_AT, campus=tx.campus, at=tx.now)
    allowed = licensed.one().licensed_beds
    return None if allowed is None else max(0, allowed - established.one())


# -- inside


def _check_ward(tx: Tx, ward_id: UUID) -> None:
    ward = unit(tx, ward_id)
    if ward.campus_id != tx.campus:
        raise UnitNotFound("本院区没有这个病区，请核对后重新选择。")
    if ward.kind not in WARD_KINDS:
        raise NotAWard(f"“{ward.name}”不是病区或临床科室，不能设床位。")


def _check_room(tx: Tx, room_id: UUID | None) -> None:
    if room_id is not None and place(tx, room_id).campus_id != tx.campus:
        raise PlaceNotFound("本院区没有这个病室，请核对后重新选择。")


def _locked(tx: Tx, bed_id: UUID, seen: int) -> BedVersion:
    held = tx.session.send(queries.LOCK_BED, bed_id=bed_id)
    version = tx.session.send(queries.BED_VERSION_AT, bed_id=bed_id, at=tx.now)
    row = held.first()
    if row is None or row.campus_id != tx.campus:
        raise BedNotFound("本院区没有这张床，请核对后重新选择。")
    current = version.first()
    if current is None:
        raise BedRetired("该床已撤销。")
    if row.version != seen or tx.session.first(queries.BUMP_BED, id_=bed_id, seen=seen) is None:
        raise Stale("该床位已被他人修改，请刷新后再操作。", current_version=row.version)
    return current


def _next(tx: Tx, current: BedVersion, given: dict[str, Any], reason: str, at: datetime) -> BedVersion:
    fields = {name: given.get(name, getattr(current, name)) for name in _FIELDS}
    return BedVersion(
        row_id=new_id(),
        bed_id=current.bed_id,
        campus_id=tx.campus,
        valid_from=at,
        valid_to=current.valid_to,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
        reason=reason,
        **fields,
    )


def _rewrite(tx: Tx, current: BedVersion, given: dict[str, Any], change: str, reason: str) -> BedInfo:
    row = _next(tx, current, given, reason, tx.now)
    _end(tx, current)
    tx.session.add(row)
    before = {name: getattr(current, name) for name in given}
    record(tx, "bed", current.bed_id, change, before=before, after=given, reason=reason)
    return _done(tx, row, change)


_FIELDS = (
    "ward_id",
    "room_id",
    "number",
    "bed_class",
    "established",
    "open",
    "gender",
    "price_class",
    "nursing_group",
    "status",
    "out_cause",
)


def _end(tx: Tx, current: BedVersion, at: datetime | None = None) -> None:
    until = at or tx.now
    if current.valid_from >= until:
        tx.session.execute(queries.SUPERSEDE_BED_VERSION, row=current.row_id, now=tx.now)
    else:
        tx.session.execute(queries.END_BED_VERSION, row=current.row_id, until=until)


def _done(tx: Tx, row: BedVersion, change: str) -> BedInfo:
    _tell(tx, row, change, counted=row.open)
    return tx.session.one(queries.BED_AT, bed_id=row.bed_id, at=tx.now)


def _tell(tx: Tx, row: BedVersion, change: str, *, counted: bool) -> None:
    tx.emit(
        BedChanged(
            bed_id=row.bed_id,
            campus_code=row.campus_id,
            ward_id=row.ward_id,
            change=change,
            open=counted,
            effective_at=max(row.valid_from, tx.now),
        )
    )
