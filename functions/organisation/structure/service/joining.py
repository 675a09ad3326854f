"""Somebody begins to work at a campus: written down once, for its founders as for everybody after them."""

from datetime import date
from uuid import UUID

from events.organisation import StaffJoined
from functions.organisation.structure import rules
from functions.organisation.structure.models import StaffContact, StaffMember, StaffUnit
from functions.organisation.structure.problems import TitleUnknown
from functions.organisation.structure.schemas.people import Person
from shared.ids import new_id
from shared.tx import Tx


def check_title(title_code: str | None) -> None:
    """A professional title is one of GB/T 8561. Raises TitleUnknown."""
    if title_code is not None and title_code not in rules.TITLES:
        raise TitleUnknown(f"没有职称代码“{title_code}”，请按 GB/T 8561 填写。")


def join(tx: Tx, campus: str, person: Person, unit_id: UUID, since: date) -> StaffMember:
    """Write a person whose title and unit have been checked into a campus, the unit being the primary one."""
    row = StaffMember(
        staff_id=new_id(),
        campus_id=campus,
        staff_no=person.staff_no,
        sign_on_name=person.staff_no.lower(),
        name=person.name,
        initials=rules.initials(person.name, person=True),
        category=person.category.value,
        title_code=person.title_code,
        employment=person.employment.value,
        office_phone=person.office_phone,
        engaged_on=since,
    )
    tx.session.add(
        row,
        StaffContact(staff_id=row.staff_id, campus_id=campus, mobile=person.mobile),
        membership(tx, campus, row.staff_id, unit_id, since, is_primary=True),
    )
    tx.emit(
        StaffJoined(staff_id=row.staff_id, staff_no=row.staff_no, campus_code=campus, unit_id=unit_id, engaged_on=since)
    )
    return row


def membership(
    tx: Tx,
    campus: str,
    staff_id: UUID,
    unit_id: UUID,
    since: date,
    *,
    is_primary: bool,
    until: date | None = None,
    reason: str = "",
) -> StaffUnit:
    """A person belongs to a unit over a period."""
    return StaffUnit(
        row_id=new_id(),
        campus_id=campus,
        staff_id=staff_id,
        unit_id=unit_id,
        is_primary=is_primary,
        valid_from=since,
        valid_to=until,
        recorded_at=tx.now,
        recorded_by=tx.actor.subject,
        reason=reason,
    )
