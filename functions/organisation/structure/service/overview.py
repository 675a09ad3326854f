"""What needs looking after (清单), staffing ratios, and the life of a person here."""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from functions.organisation.structure.queries import credentials, people, posts, unit_codes, wards
from functions.organisation.structure.queries.people import Idle
from functions.organisation.structure.queries.unit_codes import CodedUnit
from functions.organisation.structure.rules import codes
from functions.organisation.structure.rules.credentials import LICENCES, level_title
from functions.organisation.structure.service.beds import open_beds
from functions.organisation.structure.service.posts import Account, staff_accounts
from functions.organisation.structure.service.staff import staff_member
from functions.organisation.structure.service.units import unit_tree
from shared.identity.posts import POSTS
from shared.identity.separation import Conflict, conflicts
from shared.schemas import midnight
from shared.tx import Tx

BEGINNING = datetime(1900, 1, 1, tzinfo=UTC)
SUBJECTS = ("clinical", "medtech")


class Episode(NamedTuple):
    """One period of a person's life here."""

    kind: str
    title: str
    campus_id: str
    subject_id: UUID
    unit_id: UUID | None
    valid_from: datetime
    valid_to: datetime | None
    note: str


class Staffing(NamedTuple):
    """People and open beds of a campus on a day; ratios to one, None without beds or doctors."""

    day: date
    open_beds: int
    doctors: int
    nurses: int
    ward_nurses: int
    nurses_per_bed: Decimal | None
    nurses_per_doctor: Decimal | None


def people_without_post(tx: Tx, after: str, limit: int) -> list[Idle]:
    """Active people of the acting campus who hold no post anywhere (无岗人员), by staff number."""
    return tx.session.all(people.WITHOUT_POST, campus=tx.campus, at=tx.now, after=after, limit=limit)


def posts_without_people(tx: Tx) -> list[str]:
    """Codes of posts nobody holds at the acting campus (空岗)."""
    held = set(tx.session.all(people.POSTS_HELD, campus=tx.campus, at=tx.now))
    return [code for code in POSTS if code not in held]


def broken_separations(tx: Tx) -> list[tuple[Account, Conflict]]:
    """People of all campuses who hold incompatible posts now: pairs that arose by time or by a changed template."""
    return [(account, found) for account in staff_accounts(tx) for found in conflicts(account.posts)]


def units_without_code(tx: Tx, system: str) -> list[CodedUnit]:
    """Units of the acting campus that a system should know and doesn't; `subject` for 诊疗科目."""
    if system == "subject":
        return [
            CodedUnit(found.unit_id, found.code, found.name, found.kind, None, None, None)
            for found in unit_tree(tx)
            if found.kind in SUBJECTS and found.subject_code is None
        ]
    codes.check_system(system)
    return tx.session.all(unit_codes.UNITS_WITHOUT, campus=tx.campus, day=tx.today, system=system)


def staffing(tx: Tx, day: date | None = None) -> Staffing:
    """床护比 and 医护比 of the acting campus: nurses of wards to open beds at 24:00, nurses to doctors."""
    on = day or tx.today
    heads = tx.session.send(wards.PEOPLE_BY_CATEGORY, campus=tx.campus)
    nursing = tx.session.send(wards.NURSES_BY_WARD, campus=tx.campus, day=on)
    tree = unit_tree(tx, at=on)
    count = {row.category: row.people for row in heads.all()}
    is_ward = {found.unit_id for found in tree if found.kind == "nursing"}
    ward_nurses = sum(row.days for row in nursing.all() if row.ward_id in is_ward)
    beds = open_beds(tx, on)
    doctors, nurses = count.get("doctor", 0), count.get("nurse", 0)
    return Staffing(on, beds, doctors, nurses, ward_nurses, _ratio(ward_nurses, beds), _ratio(nurses, doctors))


def life_of(tx: Tx, staff_id: UUID) -> list[Episode]:
    """Everything a person was and held here, earliest first: units, posts, secondments, delegations, licences,
    privileges, suspensions. Raises StaffNotFound."""
    staff_member(tx, staff_id)
    tx.audit("staff.history_read", "staff", staff_id)
    return sorted(_episodes(tx, staff_id), key=lambda one: (one.valid_from, one.kind, one.subject_id))


def _episodes(tx: Tx, staff_id: UUID) -> Iterator[Episode]:
    units = tx.session.send(people.UNITS_OF_STAFF, staff_id=staff_id)
    held = tx.session.send(posts.ASSIGNMENTS_SINCE, staff_id=staff_id, at=BEGINNING)
    seconded = tx.session.send(posts.SECONDMENTS_OF, staff_id=staff_id)
    delegated = tx.session.send(credentials.DELEGATIONS_SINCE, staff_id=staff_id, at=BEGINNING)
    licences = tx.session.send(credentials.LICENCES_OF, staff_id=staff_id)
    privileges = tx.session.send(credentials.PRIVILEGES_OF, staff_id=staff_id)
    pauses = tx.session.send(credentials.SUSPENSIONS_OF, staff_id=staff_id)
    suspended = tx.session.send(credentials.STAFF_SUSPENSIONS_OF, staff_id=staff_id)
    for row in units.all():
        title = "主属科室" if row.is_primary else "兼属科室"
        until = None if row.valid_to is None else midnight(row.valid_to)
        yield Episode(
            "unit", title, row.campus_id, row.row_id, row.unit_id, midnight(row.valid_from), until, row.reason
        )
    for post in held.all():
        yield Episode(
            "post",
            _post(post.post),
            post.campus_id,
            post.assignment_id,
            post.unit_id,
            post.valid_from,
            post.valid_to,
            post.end_reason or post.basis,
        )
    for away in seconded.all():
        yield Episode(
            "secondment",
            "、".join(map(_post, away.posts)),
            away.receiving_campus,
            away.secondment_id,
            away.unit_id,
            away.valid_from,
            away.valid_to,
            away.status,
        )
    for stand_in in delegated.all():
        yield Episode(
            "delegation",
            _post(stand_in.post),
            stand_in.campus_id,
            stand_in.delegation_id,
            stand_in.unit_id,
            stand_in.valid_from,
            stand_in.valid_to,
            stand_in.reason,
        )
    for licence in licences.all():
        yield Episode(
            "licence",
            LICENCES[licence.kind].title,
            licence.campus_id,
            licence.licence_id,
            None,
            midnight(licence.valid_from),
            None if licence.valid_to is None else midnight(licence.valid_to),
            licence.end_reason or "",
        )
    for privilege in privileges.all():
        title = level_title(privilege.kind, privilege.level)
        yield Episode(
            "privilege",
            title,
            privilege.campus_id,
            privilege.privilege_id,
            None,
            privilege.valid_from,
            privilege.valid_to,
            privilege.end_reason or privilege.evidence,
        )
    for pause in pauses.all():
        yield Episode(
            "privilege_suspension",
            "权限暂停",
            pause.campus_id,
            pause.suspension_id,
            None,
            pause.valid_from,
            pause.valid_to,
            pause.reason,
        )
    for period in suspended.all():
        yield Episode(
            "suspension",
            "停职",
            period.campus_id,
            period.suspension_id,
            None,
            period.valid_from,
            period.valid_to,
            "",
        )


def _post(code: str) -> str:
    return POSTS[code].title if code in POSTS else code


def _ratio(part: int, whole: int) -> Decimal | None:
    return None if whole == 0 else (Decimal(part) / whole).quantize(Decimal("0.01"), rounding="ROUND_HALF_UP")
