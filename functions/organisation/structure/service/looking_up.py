"""The card of a person and the directory (通讯录): what each reader may see of a mobile number."""

from datetime import timedelta
from uuid import UUID

from events.platform import AccountLocked
from functions.organisation.structure.models import SignOnLock, StaffMember
from functions.organisation.structure.problems import StaffNotFound
from functions.organisation.structure.queries import people as queries
from functions.organisation.structure.queries import signatures
from functions.organisation.structure.queries.people import Found
from shared.ids import new_id
from shared.tx import Tx


def staff_card(tx: Tx, staff_id: UUID) -> tuple[StaffMember, str | None]:
    """A person's record and, for readers of the home campus, the mobile number: masked outside the person's unit."""
    row = tx.session.send(queries.STAFF, staff_id=staff_id)
    contact = tx.session.send(queries.CONTACT, staff_id=staff_id)
    together = tx.session.send(queries.TOGETHER, staff_id=staff_id, reader=tx.actor.staff_id, day=tx.today)
    found = row.first()
    if found is None:
        raise StaffNotFound("没有这位职工，请核对后重新选择。")
    tx.audit("staff.read", "staff", staff_id)
    private = contact.first()
    near = bool(together.first()) or tx.actor.staff_id == staff_id
    return found, _shown(tx, private.mobile if private is not None else None, near)


LOCK_SHOWN = timedelta(hours=24)
"""How long a shut account stays on the card."""


def note_lock(tx: Tx, event: AccountLocked) -> None:
    """platform/sso shut an account after too many wrong passwords: the staff card says so for a day."""
    tx.session.add(
        SignOnLock(
            lock_id=new_id(),
            campus_id=tx.campus,
            staff_id=event.staff_id,
            way=event.way,
            locked_at=tx.now,
            locked_until=event.until,
        )
    )


def last_lock(tx: Tx, staff_id: UUID) -> SignOnLock | None:
    """The latest time a person's account was shut within a day, or None."""
    return tx.session.first(signatures.LAST_LOCK, staff_id=staff_id, since=tx.now - LOCK_SHOWN)


def directory(tx: Tx, beginning: str, limit: int) -> list[Found]:
    """People of all campuses whose pinyin initials, name or staff number begin with a text (通讯录).

    Of other campuses name, unit and office phones alone; of the own one mobile numbers, masked outside the own unit.
    """
    prefix = beginning.lower()
    found = tx.session.all(
        queries.DIRECTORY,
        prefix=prefix,
        beyond=prefix + "\U0010ffff",
        day=tx.today,
        reader=tx.actor.staff_id,
        limit=min(limit, 50),
    )
    return [one._replace(mobile=_shown(tx, one.mobile, one.together)) for one in found]


def _shown(tx: Tx, mobile: str | None, near: bool) -> str | None:
    """A mobile number whole for colleagues of the unit and for personnel, else with its middle hidden."""
    if mobile is None or near or tx.actor.may("organisation.structure.write_staff", tx.campus):
        return mobile
    return f"{mobile[:3]}****{mobile[-4:]}"
