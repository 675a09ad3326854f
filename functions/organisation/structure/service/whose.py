"""Who belongs to the campus at work: what another campus employs is not there."""

from uuid import UUID

from functions.organisation.structure.models import StaffMember
from functions.organisation.structure.problems import StaffNotFound
from functions.organisation.structure.queries import people
from shared.tx import Tx


def own_staff(tx: Tx, staff_id: UUID) -> StaffMember:
    """A person whom the acting campus employs, also one who has left. Raises StaffNotFound."""
    found = tx.session.first(people.STAFF, staff_id=staff_id)
    if found is None or found.campus_id != tx.campus:
        raise StaffNotFound("本院区没有这位职工，请核对后重新选择。")
    return found
