"""The check of a schedule: everything the rules ask about sessions, read in a few exchanges."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import UTC, date, datetime
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.organisation.structure.service import StaffInfo
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Session
from functions.outpatient.schedule.queries import changes, people, plans
from shared.tx import Tx

_ALWAYS = datetime(1970, 1, 1, tzinfo=UTC)
_BAR_NAMES = {
    "licence_expired": "该医生执业证书已过期",
    "privilege_revoked": "该医生的出诊资质已被取消",
    "staff_left": "该医生已离职",
    "secondment_ended": "该医生的派驻已结束",
}


def check_sessions(tx: Tx, sessions: Sequence[Session], *, against: Sequence[str]) -> list[rules.Finding]:
    """Errors and warnings of sessions, held against other sessions in the states `against`."""
    if not sessions:
        return []
    mine = {session.session_id for session in sessions}
    doctors = sorted({session.doctor_id for session in sessions if session.doctor_id is not None})
    since, until = min(s.day for s in sessions), max(s.day for s in sessions)
    first, last = min(s.starts_at for s in sessions), max(s.ends_at for s in sessions)
    rivals = tx.session.send(
        plans.RIVALS,
        since=since,
        until=until,
        campus=tx.campus,
        rooms=sorted({session.room_id for session in sessions}),
        doctors=doctors,
    )
    leaves = tx.session.send(people.LEAVES_OF, doctors=doctors, since=first, until=last)
    bars = tx.session.send(changes.BARS_OF, doctors=doctors, until=last)
    others = [one for one in rivals.all() if one.session_id not in mine and one.status in against]
    clinic_ids = sorted({session.clinic_id for session in [*sessions, *others]})
    grades = {clinic.clinic_id: clinic.grade for clinic in tx.session.all(plans.CLINICS_BY_ID, clinic_ids=clinic_ids)}
    staff = organisation.staff_members(tx, doctors)
    absences = [
        rules.Absence(
            leave.doctor_id, None, leave.starts_at, leave.ends_at, "doctor_on_leave", "该医生已批准请假或另有安排"
        )
        for leave in leaves.all()
    ]
    absences += [
        rules.Absence(bar.doctor_id, bar.campus_code, bar.from_at, None, "doctor_barred", _BAR_NAMES[bar.kind])
        for bar in bars.all()
    ]
    absences += [
        rules.Absence(one.staff_id, None, _ALWAYS, None, "doctor_inactive", "该医生不在岗")
        for one in staff.values()
        if one.status != "active"
    ]
    return _closed_units(tx, sessions) + rules.check(
        [_plan(session, grades) for session in sessions],
        [_plan(session, grades) for session in others],
        absences,
        {staff_id: one.title_code for staff_id, one in staff.items()},
        _practises(tx, sessions, staff),
        {tx.campus} if organisation.campus(tx).is_head else set(),
    )


def _closed_units(tx: Tx, sessions: Sequence[Session]) -> list[rules.Finding]:
    """Sessions of a department that is closed, or not yet open, on their day."""
    wanted: dict[date, list[Session]] = defaultdict(list)
    for session in sessions:
        wanted[session.day].append(session)
    found = []
    for day, planned in sorted(wanted.items()):
        there = {unit.unit_id for unit in organisation.unit_tree(tx, at=day)}
        found += [
            rules.Finding("error", "unit_closed", f"{day:%Y-%m-%d}：该科室当日未启用或已关闭。", session.session_id)
            for session in planned
            if session.unit_id not in there
        ]
    return found


def check_days(tx: Tx, since: date, until: date) -> list[rules.Finding]:
    """The check of a campus's days, drafts included (排班检查)."""
    sessions = tx.session.all(plans.LIVE_BETWEEN, campus=tx.campus, since=since, until=until, limit=1500)
    return check_sessions(tx, sessions, against=rules.LIVE)


def _plan(session: Session, grades: dict[UUID, str]) -> rules.Plan:
    return rules.Plan(
        session.session_id,
        session.campus_id,
        session.doctor_id,
        session.room_id,
        session.desk,
        session.day,
        session.starts_at,
        session.ends_at,
        session.grade or grades[session.clinic_id],
        rules.bands_of(session.bands or []),
        session.quotas or {},
        session.extra_cap,
    )


def _practises(tx: Tx, sessions: Sequence[Session], staff: dict[UUID, StaffInfo]) -> set[tuple[UUID, str, date]]:
    """Doctor, campus, day: at home always; elsewhere on the days of a secondment in force, by its posts there."""
    found: set[tuple[UUID, str, date]] = set()
    seen: set[tuple[UUID, str, date]] = set()
    for session in sessions:
        doctor = staff.get(session.doctor_id) if session.doctor_id is not None else None
        if doctor is None:
            continue
        key = (doctor.staff_id, session.campus_id, session.day)
        if doctor.campus_id == session.campus_id:
            found.add(key)
        elif key not in seen:
            seen.add(key)
            held = organisation.posts_of(tx, doctor.staff_id, session.starts_at)
            if any(post.campus_id == session.campus_id for post in held):
                found.add(key)
    return found
