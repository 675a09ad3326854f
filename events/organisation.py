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
