"""Licences (执业证书): recorded, corrected, ended; warned of before they expire."""

from datetime import date, timedelta
from uuid import UUID

from events.organisation import LicenceExpired, LicenceExpiring, PrivilegeGranted, PrivilegeSuspended
from functions.organisation.structure.models import Licence, LicenceNotice, LicencePlace
from functions.organisation.structure.problems import CampusNotFound, StaffNotActive
from functions.organisation.structure.problems.credentials import (
    LicenceInvalid,
    LicenceNotFound,
    LicenceNumberTaken,
    LicenceOver,
)
from functions.organisation.structure.queries import credentials as queries
from functions.organisation.structure.queries.credentials import Expiring
from functions.organisation.structure.rules import credentials as rules
from functions.organisation.structure.rules.credentials import Facts, HeldPrivilege
from functions.organisation.structure.schemas.credentials import (
    AddPracticePlace,
    CorrectLicence,
    EndLicence,
    PracticePlace,
    RecordLicence,
)
from functions.organisation.structure.service.consortium import campuses
from functions.organisation.structure.service.judgement import facts_of
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.whose import own_staff
from shared.ids import new_id
from shared.printing.filters import mask_name
from shared.schemas import midnight
from shared.tx import Tx

A_MINUTES_WORK = 200
"""Warnings given in one minute at most; the rest follows in the next."""
OLDEST_EXPIRY = timedelta(days=30)
"""An expiry is told however late, within this time; a licence recorded after it had long expired is not news."""


def licences_of(tx: Tx, staff_id: UUID) -> tuple[list[Licence], list[LicencePlace]]:
    """Every licence a person has or had, earliest first, with the practice places."""
    licences = tx.session.send(queries.LICENCES_OF, staff_id=staff_id)
    places = tx.session.send(queries.PLACES_OF, staff_id=staff_id)
    return licences.all(), places.all()


def licence(tx: Tx, licence_id: UUID) -> tuple[Licence, list[LicencePlace]]:
    """A licence with its practice places. Raises LicenceNotFound."""
    row = tx.session.first(queries.LICENCE, licence_id=licence_id)
    if row is None:
        raise LicenceNotFound("没有这份证书登记，请刷新后核对。")
    places = tx.session.all(queries.PLACES_OF, staff_id=row.staff_id)
    return row, [place for place in places if place.licence_id == licence_id]


def record_licence(tx: Tx, staff_id: UUID, command: RecordLicence | CorrectLicence) -> Licence:
    """Record a licence of a person of the acting campus; a renewal is a licence of its own.

    Without places it is practised at the acting campus. Privileges that rest on it count again. Raises LicenceInvalid,
    LicenceNumberTaken (the attempt is kept), LicenceOverlaps, StaffNotFound.
    """
    _own(tx, staff_id)
    return _add(tx, staff_id, command, "licence_recorded", None)


def correct_licence(tx: Tx, licence_id: UUID, command: CorrectLicence) -> Licence:
    """Put another row in the place of a wrong one, with the reason. Raises LicenceNotFound, LicenceOver."""
    before = _own_licence(tx, licence_id)
    if tx.session.first(queries.SUPERSEDE_LICENCE, id_=licence_id, now=tx.now) is None:
        raise LicenceOver("该证书登记已被更正，请刷新后核对。")
    tx.session.execute(queries.SUPERSEDE_PLACES, id_=licence_id, now=tx.now)
    return _add(tx, before.staff_id, command, "licence_corrected", command.reason)


def end_licence(tx: Tx, licence_id: UUID, command: EndLicence) -> Licence:
    """A licence ends before its time (吊销、注销). What rests on it alone is not to be used from then on."""
    before = _own_licence(tx, licence_id)
    until = (command.last_day or tx.today - timedelta(days=1)) + timedelta(days=1)
    if until < tx.today:
        raise LicenceInvalid("证书终止日期不能早于昨天；更早的请用更正。")
    facts = facts_of(tx, before.staff_id)
    ended = tx.session.first(
        queries.END_LICENCE, id_=licence_id, until=until, now=tx.now, by=tx.actor.subject, why=command.reason
    )
    if ended is None:
        raise LicenceOver("该证书已终止或到期得更早，请刷新后核对。")
    record(tx, "licence", licence_id, "ended", after={"valid_to": until}, reason=command.reason)
    if until <= tx.today:
        _tell_over(tx, ended, facts)
    return ended


def add_practice_place(tx: Tx, licence_id: UUID, command: AddPracticePlace) -> Licence:
    """File a further practice place of a licence (多机构备案). Raises PracticePlaceOverlaps, CampusNotFound."""
    row = _own_licence(tx, licence_id)
    since = command.valid_from or tx.today
    until = command.valid_to or row.valid_to
    if until is not None and until <= since:
        raise LicenceInvalid("执业地点的结束日期须晚于开始日期。")
    _check_campuses(tx, [command.campus])
    tx.session.add(_place(tx, row, PracticePlace(campus=command.campus, kind="filed"), since, until))
    record(tx, "licence", licence_id, "place_filed", after=command.model_dump(mode="json"))
    tx.session.flush()
    return row


def licences_expiring(
    tx: Tx, days: int, after: tuple[date, UUID] | None = None, limit: int = 100, campus: str | None = None
) -> list[Expiring]:
    """Licences of the campus's people that end within some days, or ended within the last thirty, soonest first."""
    return tx.session.all(
        queries.EXPIRING,
        campus=campus or tx.campus,
        since=tx.today - OLDEST_EXPIRY,
        until=tx.today + timedelta(days=days + 1),
        after_day=after[0] if after else date.min,
        after_id=after[1] if after else UUID(int=0),
        limit=limit,
    )


def warn_of_expiry(tx: Tx) -> int:
    """Tell of licences that end in 90, 60, 30, 7 days, and of those that ended at midnight, each once.

    Run every minute. What counts at signing is the licence's own period, never this. Returns how many were told of.
    """
    due = tx.session.all(
        queries.TO_WARN,
        campus=tx.campus,
        day=tx.today,
        since=tx.today - OLDEST_EXPIRY,
        until=tx.today + timedelta(days=max(rules.WARNING_DAYS) + 1),
        limit=A_MINUTES_WORK,
    )
    for row in due:
        last_day = row.valid_to - timedelta(days=1)
        left = (last_day - tx.today).days
        step = rules.notice_due(left)
        if step is None:
            continue
        tx.session.add(LicenceNotice(licence_id=row.licence_id, campus_id=tx.campus, days=step, told_at=tx.now))
        if step:
            tx.emit(
                LicenceExpiring(
                    licence_id=row.licence_id,
                    staff_id=row.staff_id,
                    campus_code=tx.campus,
                    kind=row.kind,
                    expires_on=last_day,
                    days_left=left,
                )
            )
        else:
            ended = tx.session.one(queries.LICENCE, licence_id=row.licence_id)
            _tell_over(tx, ended, facts_of(tx, row.staff_id))
    return len(due)


# -- inside


def _own(tx: Tx, staff_id: UUID) -> None:
    person = own_staff(tx, staff_id)
    if person.status == "left":
        raise StaffNotActive("该职工已离职，不能再登记证书。")


def _own_licence(tx: Tx, licence_id: UUID) -> Licence:
    row = tx.session.first(queries.LICENCE, licence_id=licence_id)
    if row is None or row.campus_id != tx.campus:
        raise LicenceNotFound("本院区没有这份证书登记，请刷新后核对。")
    return row


def _add(tx: Tx, staff_id: UUID, command: RecordLicence | CorrectLicence, change: str, reason: str | None) -> Licence:
    valid_to = None if command.expires_on is None else command.expires_on + timedelta(days=1)
    rules.check_licence(command.kind, command.number, command.valid_from, valid_to, command.category)
    holder = tx.session.first(queries.NUMBER_HOLDER, kind=command.kind, number=command.number)
    if holder is not None and holder.staff_id != staff_id:
        raise LicenceNumberTaken(f"该证书编号已登记在“{mask_name(holder.name)}”名下，请核对证书原件。")
    places = command.places or [PracticePlace(campus=tx.campus)]
    if sum(place.kind == "main" for place in places) != 1 or len({place.campus for place in places}) != len(places):
        raise LicenceInvalid("执业地点须恰有一个主执业机构，且院区不重复。")
    _check_campuses(tx, [place.campus for place in places])
    before = facts_of(tx, staff_id)
    row = add_licence(tx, staff_id, command, places, change, reason)
    tx.session.flush()
    _tell_resumed(tx, before, facts_of(tx, staff_id))
    return row


def add_licence(
    tx: Tx,
    staff_id: UUID,
    command: RecordLicence | CorrectLicence,
    places: list[PracticePlace],
    change: str = "licence_recorded",
    reason: str | None = None,
) -> Licence:
    """Record a licence that has been checked, of a person without privileges to be told of."""
    valid_to = None if command.expires_on is None else command.expires_on + timedelta(days=1)
    row = Licence(
        licence_id=new_id(),
        campus_id=tx.campus,
        staff_id=staff_id,
        kind=command.kind,
        number=command.number,
        category=command.category,
        scope=command.scope,
        issuer=command.issuer,
        issued_on=command.issued_on,
        valid_from=command.valid_from,
        valid_to=valid_to,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
        reason=reason or "",
    )
    tx.session.add(row, *(_place(tx, row, place, row.valid_from, valid_to) for place in places))
    after = command.model_dump(mode="json", exclude={"reason"}, exclude_none=True)
    record(tx, "licence", row.licence_id, change, after={"staff_id": staff_id, **after}, reason=reason)
    return row


def _check_campuses(tx: Tx, codes: list[str]) -> None:
    known = {campus.code for campus in campuses(tx)}
    unknown = [code for code in codes if code not in known]
    if unknown:
        raise CampusNotFound(f"没有院区“{'、'.join(unknown)}”，请核对院区代码。")


def _place(tx: Tx, row: Licence, place: PracticePlace, since: date, until: date | None) -> LicencePlace:
    return LicencePlace(
        row_id=new_id(),
        campus_id=tx.campus,
        licence_id=row.licence_id,
        staff_id=row.staff_id,
        practice_campus=place.campus,
        kind=place.kind,
        valid_from=since,
        valid_to=until,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
    )


def _usable(tx: Tx, facts: Facts) -> dict[UUID, HeldPrivilege]:
    """Privileges that may be used now somewhere, by id."""
    return {
        held.period.row_id: held
        for held in facts.privileges
        if held.period.at(tx.now)
        and not any(period.at(tx.now) for period, _ in held.suspensions)
        and any(
            rules.judge_licence(facts, rules.PRIVILEGES[held.kind].licences, campus, tx.now).allowed
            for campus in held.campuses
        )
    }


def _tell_resumed(tx: Tx, before: Facts, after: Facts) -> None:
    already = _usable(tx, before)
    for privilege_id, held in _usable(tx, after).items():
        if privilege_id not in already:
            tx.emit(
                PrivilegeGranted(
                    privilege_id=privilege_id,
                    staff_id=after.staff_id,
                    kind=held.kind,
                    level=held.level,
                    campuses=sorted(held.campuses),
                    valid_from=tx.now,
                    valid_to=held.period.valid_to,
                    resumed=True,
                )
            )


def _tell_over(tx: Tx, licence: Licence, facts: Facts) -> None:
    """The licence is over: name the privileges that are not to be used any more."""
    assert licence.valid_to is not None  # noqa: S101  what is over has an end
    without = Facts(
        staff_id=facts.staff_id,
        name=facts.name,
        employed=facts.employed,
        suspensions=facts.suspensions,
        licences=[one for one in facts.licences if one.period.row_id != licence.licence_id],
        privileges=facts.privileges,
        filed=facts.filed,
    )
    usable = _usable(tx, without)
    lost = [
        held
        for held in facts.privileges
        if licence.kind in rules.PRIVILEGES[held.kind].licences
        and held.period.at(tx.now)
        and held.period.row_id not in usable
        and not any(period.at(tx.now) for period, _ in held.suspensions)
    ]
    tx.emit(
        LicenceExpired(
            licence_id=licence.licence_id,
            staff_id=licence.staff_id,
            campus_code=licence.campus_id,
            kind=licence.kind,
            expired_on=licence.valid_to - timedelta(days=1),
            privilege_ids=[held.period.row_id for held in lost],
        )
    )
    for held in lost:
        tx.emit(
            PrivilegeSuspended(
                privilege_id=held.period.row_id,
                staff_id=licence.staff_id,
                kind=held.kind,
                level=held.level,
                campuses=sorted(held.campuses),
                cause="licence_expired",
                suspended_from=midnight(licence.valid_to),
            )
        )
