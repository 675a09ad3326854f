"""Events of the organisation area."""

from datetime import date, datetime
from uuid import UUID

from events.envelope import Event


class CampusOpened(Event, type="organisation.structure.campus_opened", subject="campus_code"):
    """A campus (院区) was opened. Permissions and sign-on make its groups; everything else needs only its rows."""

    campus_code: str
    letter: str
    price_level: str
    opened_on: date


class CampusSettingChanged(Event, type="organisation.structure.campus_setting_changed", subject="campus_code"):
    """A setting of a campus takes another value from a moment on. Screens and caches read it again."""

    campus_code: str
    key: str
    valid_from: datetime


class UnitChanged(Event, type="organisation.structure.unit_changed", subject="unit_id"):
    """A unit (科室) was created, changed, moved or closed from a day on. Statistics, insurance and stores follow."""

    unit_id: UUID
    campus_code: str
    change: str
    """created, changed, moved, closed."""
    kind: str
    parent_id: UUID | None
    effective_on: date


class PlaceChanged(Event, type="organisation.structure.place_changed", subject="place_id"):
    """A place (诊室, 窗口...) was set up, changed or closed. Guide slips and screens show it."""

    place_id: UUID
    kind: str
    change: str
    """created, changed, closed."""


class StaffJoined(Event, type="organisation.structure.staff_joined", subject="staff_id"):
    """A person was engaged. Sign-on makes the account."""

    staff_id: UUID
    staff_no: str
    campus_code: str
    unit_id: UUID
    engaged_on: date


class StaffChanged(Event, type="organisation.structure.staff_changed", subject="staff_id"):
    """Something of a person changed: name, title, category, unit, suspension. Readers of those fields refresh."""

    staff_id: UUID
    campus_code: str
    fields: list[str]
    status: str
    """active, suspended."""


class StaffLeft(Event, type="organisation.structure.staff_left", subject="staff_id"):
    """A person has left: posts are over, tokens are refused. Schedules stop, open work is handed over."""

    staff_id: UUID
    campus_code: str
    left_at: datetime


class PostAssigned(Event, type="organisation.structure.post_assigned", subject="staff_id"):
    """A person holds a post (岗位) at a campus from a moment on. Sign-on gives the group, permissions recount."""

    assignment_id: UUID
    staff_id: UUID
    campus_code: str
    post: str
    unit_id: UUID
    is_main: bool
    valid_from: datetime
    valid_to: datetime | None


class PostEnded(Event, type="organisation.structure.post_ended", subject="staff_id"):
    """A post is over, or will be at `valid_to`."""

    assignment_id: UUID
    staff_id: UUID
    campus_code: str
    post: str
    valid_to: datetime


class SecondmentStarted(Event, type="organisation.structure.secondment_started", subject="staff_id"):
    """A secondment (派驻) is in force: the person acts at the receiving campus on its days."""

    secondment_id: UUID
    staff_id: UUID
    home_campus: str
    receiving_campus: str
    unit_id: UUID
    posts: list[str]
    valid_from: datetime
    valid_to: datetime


class SecondmentEnded(Event, type="organisation.structure.secondment_ended", subject="staff_id"):
    """A secondment is over; the posts it gave are gone with it. Later sessions there stop."""

    secondment_id: UUID
    staff_id: UUID
    home_campus: str
    receiving_campus: str
    ended_at: datetime


class BedChanged(Event, type="organisation.structure.bed_changed", subject="bed_id"):
    """A bed (病床) was created, changed, put out of service, back in service or retired. Admission redraws its map."""

    bed_id: UUID
    campus_code: str
    ward_id: UUID
    change: str
    """created, changed, out_of_service, in_service, retired."""
    open: bool
    """Whether it counts as an open bed (开放床位) from then on."""
    effective_at: datetime


class LicenceExpiring(Event, type="organisation.structure.licence_expiring", subject="staff_id"):
    """A licence ends soon: told once at 90, 60, 30 and 7 days. Personnel reminds the person."""

    licence_id: UUID
    staff_id: UUID
    campus_code: str
    kind: str
    expires_on: date
    """Its last day."""
    days_left: int


class LicenceExpired(Event, type="organisation.structure.licence_expired", subject="staff_id"):
    """A licence is over since 00:00; privileges that rest on it alone are not to be used. Schedules stop."""

    licence_id: UUID
    staff_id: UUID
    campus_code: str
    kind: str
    expired_on: date
    """Its last day."""
    privilege_ids: list[UUID]
    """Privileges without a valid licence from now on."""


class PrivilegeGranted(Event, type="organisation.structure.privilege_granted", subject="staff_id"):
    """A clinical privilege was granted, or counts again after a suspension (`resumed`)."""

    privilege_id: UUID
    staff_id: UUID
    kind: str
    level: int
    campuses: list[str]
    valid_from: datetime
    valid_to: datetime | None
    resumed: bool


class PrivilegeSuspended(Event, type="organisation.structure.privilege_suspended", subject="staff_id"):
    """A clinical privilege is not to be used from a moment on: by decision, or because its licence is over."""

    privilege_id: UUID
    staff_id: UUID
    kind: str
    level: int
    campuses: list[str]
    cause: str
    """decision, licence_expired."""
    suspended_from: datetime


class PrivilegeRevoked(Event, type="organisation.structure.privilege_revoked", subject="staff_id"):
    """A clinical privilege was taken back or its holder left. Later sessions and operations are looked at again."""

    privilege_id: UUID
    staff_id: UUID
    kind: str
    level: int
    campuses: list[str]
    revoked_at: datetime


class DelegationStarted(Event, type="organisation.structure.delegation_started", subject="staff_id"):
    """A delegation (代班) is in force: the person holds the post of the unit for some days."""

    delegation_id: UUID
    staff_id: UUID
    campus_code: str
    unit_id: UUID
    post: str
    valid_from: datetime
    valid_to: datetime


class DelegationEnded(Event, type="organisation.structure.delegation_ended", subject="staff_id"):
    """A delegation is over."""

    delegation_id: UUID
    staff_id: UUID
    campus_code: str
    unit_id: UUID
    post: str
    ended_at: datetime


class CalendarChanged(Event, type="organisation.structure.calendar_changed", subject="campus_code"):
    """Days of the calendar changed. The schedule lists sessions that now fall on closed days."""

    campus_code: str
    everywhere: bool
    """Entered by the head hospital for every campus."""
    days: list[date]
