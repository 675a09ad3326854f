"""Rows of people's rights as they are shown."""

from datetime import timedelta

from functions.organisation.structure.models import (
    ActingChoice,
    Delegation,
    Licence,
    LicencePlace,
    Privilege,
    PrivilegeSuspension,
    StaffCode,
)
from functions.organisation.structure.queries.credentials import Expiring
from functions.organisation.structure.rules import credentials as rules
from functions.organisation.structure.rules.credentials import Verdict
from functions.organisation.structure.schemas.credentials import (
    ActingView,
    DelegationView,
    ExpiringView,
    LicenceView,
    PlaceOfLicence,
    PrivilegeView,
    StaffCodeView,
    SuspensionView,
    VerdictView,
)
from functions.organisation.structure.service.units import unit
from shared.identity.posts import POSTS
from shared.tx import Tx

DAY = timedelta(days=1)
SOON = timedelta(days=max(rules.WARNING_DAYS))


def licence_view(tx: Tx, row: Licence, places: list[LicencePlace]) -> LicenceView:
    """A licence with its practice places and traffic light."""
    over = row.valid_to is not None and row.valid_to <= tx.today
    soon = row.valid_to is not None and row.valid_to - DAY - tx.today <= SOON
    state = "expired" if over else "future" if row.valid_from > tx.today else "expiring" if soon else "valid"
    shown = [
        PlaceOfLicence(
            campus=place.practice_campus, kind=place.kind, valid_from=place.valid_from, valid_to=place.valid_to
        )
        for place in places
        if place.licence_id == row.licence_id
    ]
    return LicenceView(
        licence_id=row.licence_id,
        staff_id=row.staff_id,
        kind=row.kind,
        kind_title=rules.LICENCES[row.kind].title,
        number=row.number,
        category=row.category,
        scope=row.scope,
        issuer=row.issuer,
        issued_on=row.issued_on,
        valid_from=row.valid_from,
        expires_on=None if row.valid_to is None else row.valid_to - DAY,
        state=state,
        places=shown,
        end_reason=row.end_reason,
    )


def expiring_view(tx: Tx, row: Expiring) -> ExpiringView:
    """A line of the list of licences that end soon; a negative `days_left` tells how long it is over."""
    last = row.valid_to - DAY
    return ExpiringView(
        licence_id=row.licence_id,
        staff_id=row.staff_id,
        staff_no=row.staff_no,
        name=row.name,
        kind=row.kind,
        kind_title=rules.LICENCES[row.kind].title,
        number=row.number,
        expires_on=last,
        days_left=(last - tx.today).days,
    )


def privilege_view(tx: Tx, row: Privilege, suspensions: list[PrivilegeSuspension]) -> PrivilegeView:
    """A privilege with its suspensions and what it is now by itself, leaving aside the licence under it."""
    mine = [pause for pause in suspensions if pause.privilege_id == row.privilege_id]
    paused = any(pause.valid_from <= tx.now and (pause.valid_to is None or pause.valid_to > tx.now) for pause in mine)
    over = row.valid_to is not None and row.valid_to <= tx.now
    state = "ended" if over else "future" if row.valid_from > tx.now else "suspended" if paused else "granted"
    return PrivilegeView(
        privilege_id=row.privilege_id,
        staff_id=row.staff_id,
        kind=row.kind,
        level=row.level,
        title=rules.level_title(row.kind, row.level),
        campuses=row.campuses,
        procedures=row.procedures,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
        evidence=row.evidence,
        source=row.source,
        state=state,
        suspensions=[
            SuspensionView(
                suspension_id=pause.suspension_id,
                valid_from=pause.valid_from,
                valid_to=pause.valid_to,
                reason=pause.reason,
            )
            for pause in mine
        ],
    )


def verdict_view(tx: Tx, verdict: Verdict, at: object) -> VerdictView:
    """A judgement with the moment it is for."""
    return VerdictView.model_validate({**verdict._asdict(), "at": at or tx.now})


def delegation_view(row: Delegation) -> DelegationView:
    """A delegation as it is shown."""
    title = POSTS[row.post].title if row.post in POSTS else row.post
    fields = {name: getattr(row, name) for name in DelegationView.model_fields if name != "post_title"}
    return DelegationView(**fields, post_title=title)


def staff_code_view(row: StaffCode) -> StaffCodeView:
    """A code as it is shown."""
    return StaffCodeView(
        system=row.system,
        system_title=rules.STAFF_SYSTEMS[row.system],
        code=row.code,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def acting_view(tx: Tx, row: ActingChoice) -> ActingView:
    """A choice as it is shown."""
    return ActingView(
        choice_id=row.choice_id,
        campus_id=row.campus_id,
        unit_id=row.unit_id,
        unit_name=unit(tx, row.unit_id).name,
        post=row.post,
        post_title=POSTS[row.post].title if row.post in POSTS else row.post,
        workstation_id=row.workstation_id,
        chosen_at=row.chosen_at,
    )
