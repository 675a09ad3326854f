"""What the realm hears of organisation, permissions and the patient index, and what it does by itself every minute."""

import logging
from collections.abc import Callable
from datetime import timedelta
from uuid import UUID

from events.organisation import (
    CampusOpened,
    DelegationEnded,
    DelegationStarted,
    PostAssigned,
    PostEnded,
    SecondmentEnded,
    SecondmentStarted,
    StaffChanged,
    StaffJoined,
    StaffLeft,
)
from events.patients import PatientsMerged, PatientsUnmerged
from events.platform import (
    ExtraScopeEnded,
    ExtraScopeGranted,
    SessionsEnded,
    StaffFrozen,
    StaffUnfrozen,
    TemplateChanged,
)
from functions.organisation.structure import service as organisation
from functions.platform.permissions import service as permissions
from functions.platform.sso import directory, queries
from functions.platform.sso.problems import RealmOutOfReach
from functions.platform.sso.service.admission import carry_out, judge_sign_ons
from functions.platform.sso.service.archiving import archive_due
from functions.platform.sso.service.certificates import keep_certificates, revoke_of
from functions.platform.sso.service.consenting import end_due
from functions.platform.sso.service.emergency import emergencies_over, seal_over
from functions.platform.sso.service.holding import leave_ended
from functions.platform.sso.service.locking import end_abandoned
from functions.platform.sso.service.messaging import send_messages
from functions.platform.sso.service.passwords import age_passwords
from functions.platform.sso.service.patients import follow_merge
from functions.platform.sso.service.programs import keep_tickets, tell_programs
from functions.platform.sso.service.realm import note, reconcile, tell
from functions.platform.sso.service.revoking import fetch_due, tell_stale
from functions.platform.sso.service.sessions import collect_events
from shared.steps import Steps
from shared.tx import Tx

log = logging.getLogger("his.identity")

Onwards = Callable[[Steps], None]
TURNED_WITHIN = timedelta(minutes=3)
"""What began or ended since the minute before last, so that a late minute misses nothing."""

PersonEvent = (
    StaffJoined
    | StaffChanged
    | PostAssigned
    | PostEnded
    | SecondmentStarted
    | SecondmentEnded
    | DelegationStarted
    | DelegationEnded
    | ExtraScopeGranted
    | ExtraScopeEnded
    | StaffUnfrozen
)


def person_changed(tx: Tx, event: PersonEvent) -> Onwards:
    """Posts, grants or the person changed: the account follows."""
    note(tx, "person", event.staff_id, type(event).__name__)
    return tell


def shut_out(tx: Tx, event: StaffLeft | StaffFrozen) -> Onwards:
    """Somebody left or was frozen: the account is disabled and every session ends. Tokens are refused already."""
    note(tx, "person", event.staff_id, type(event).__name__)
    if isinstance(event, StaffLeft):
        revoke_of(tx, event.staff_id)
    tx.emit(SessionsEnded(subject_key=str(event.staff_id), sessions=0, cause=type(event).__name__))
    return tell


def campus_opened(tx: Tx, event: CampusOpened) -> Onwards:
    """A campus was opened: the realm gets its groups."""
    note(tx, "realm", "", "campus opened")
    return tell


def template_changed(tx: Tx, event: TemplateChanged) -> Onwards:
    """A template is in force: roles and tokens carry it."""
    note(tx, "realm", "", f"template:{event.template_id}")
    return tell


def records_linked(tx: Tx, event: PatientsMerged | PatientsUnmerged) -> Onwards:
    """Records were merged or taken apart: accounts speak for the survivor."""
    follow_merge(tx, [event.survivor_id, event.retired_id, *event.member_ids])
    return tell


def each_minute(tx: Tx) -> Onwards | None:
    """What begins or ends by itself, and the comparison with the realm; once for all campuses, at the head hospital."""
    keep_certificates(tx)
    leave_ended(tx)
    over = emergencies_over(tx)
    if not organisation.campus(tx).is_head:
        return (lambda steps: seal_over(steps, over)) if over else None
    end_due(tx)
    tell_stale(tx)
    age_passwords(tx)
    lists = fetch_due(tx)
    keep_tickets(tx)
    since = tx.now - TURNED_WITHIN
    if tx.session.first(queries.DEVICES_TURNING, since=since, now=tx.now) is not None:
        note(tx, "realm", "", "device due")
    for staff_id in permissions.grants_turning(tx, since):
        note(tx, "person", staff_id, "grant due")
    archive = archive_due(tx)
    if not directory.available():
        return _both(archive, lists)
    run_id: UUID | None = permissions.start_run(tx) if permissions.run_due(tx) else None

    def go_on(steps: Steps) -> None:
        seal_over(steps, over)
        tell(steps)
        if run_id is not None:
            reconcile(steps, run_id)
        collect_events(steps)
        try:
            judge_sign_ons(steps)
        except RealmOutOfReach:
            log.warning("sign-ons wait to be judged: the realm is out of reach")
        carry_out(steps)
        end_abandoned(steps)
        tell_programs(steps)
        send_messages(steps)
        if archive is not None:
            archive(steps)
        if lists is not None:
            lists(steps)

    return go_on


def _both(first: Onwards | None, second: Onwards | None) -> Onwards | None:
    if first is None or second is None:
        return first or second

    def go_on(steps: Steps) -> None:
        first(steps)
        second(steps)

    return go_on


def waiting(tx: Tx) -> queries.Waiting:
    """How much the realm has not been told, and since when."""
    return tx.session.one(queries.WAITING)
