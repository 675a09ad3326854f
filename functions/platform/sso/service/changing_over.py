"""One user of a shared workstation after the other, by badge: one goes, the next one's session opens."""

from uuid import UUID

from events.platform import LoggedIn, LoginFailed
from functions.organisation.structure import service as organisation
from functions.platform.sso import directory, queries
from functions.platform.sso.models import WorkstationSession
from functions.platform.sso.problems import BadgeRefused, RealmOutOfReach, SignOnNotAllowed
from functions.platform.sso.schemas import TokensView
from functions.platform.sso.service.admission import admit_here, refusal_now
from functions.platform.sso.service.patients import PENDING
from functions.platform.sso.service.realm import note
from functions.platform.sso.service.sessions import deny_session
from shared.command import Onward
from shared.ids import new_id
from shared.steps import Steps
from shared.tx import Tx

WEB_CLIENT = "his-web"


def change_over(tx: Tx, staff_id: UUID, way: str) -> Onward[TokensView]:
    """Open the session of somebody who has proved to be it at the acting workstation; the one before is signed out.

    `way`: badge. Raises SignOnNotAllowed (hours of the post), BadgeRefused (no account), RealmOutOfReach; the
    refusal of the first counts, so it is raised after the commit.
    """
    person = organisation.staff_member(tx, staff_id)
    posts = {held.post for held in organisation.posts_of(tx, staff_id)}
    if (refusal := refusal_now(tx, posts)) is not None:
        tx.audit("user.not_switched", "staff", staff_id, workstation=tx.actor.name)
        tx.emit(LoginFailed(account_id=staff_id, way=way, reason="wrong_hour"))
        return Onward(PENDING, lambda steps: _not_now(refusal))
    former = tx.session.first(queries.END_WORKSTATION_SESSION, station=tx.actor.name, now=tx.now, why="switched")
    if former is not None and former.realm_session is not None:
        deny_session(tx, former.realm_session, str(former.staff_id), "switched")
    row = WorkstationSession(
        session_id=new_id(),
        campus_id=tx.campus,
        workstation=tx.actor.name,
        staff_id=staff_id,
        realm_session=None,
        opened_at=tx.now,
    )
    tx.session.add(row)
    tx.audit("user.switched", "staff", staff_id, workstation=tx.actor.name, way=way)
    tx.emit(LoggedIn(account_id=staff_id, way=way, client=tx.actor.name))

    def go_on(steps: Steps) -> TokensView:
        door = directory.Directory()
        account_id = door.account_of(person.staff_no)
        if account_id is None:
            raise BadgeRefused("认证服务没有该职工的在用账号，请联系信息科。")
        session = door.open_session(account_id, WEB_CLIENT, f"{directory.configuration().host_url}/")
        steps.step(lambda tx: tx.session.execute(queries.OPENED_AT_REALM, id_=row.session_id, realm=session.session_id))
        if former is not None and former.realm_session is not None:
            _end_former(steps, door, former.realm_session)
        admit_here(steps, door, staff_id, session.session_id, posts)
        return TokensView(
            state="done",
            account_id=staff_id,
            access_token=session.access_token,
            refresh_token=session.refresh_token,
            expires_in=session.expires_in,
        )

    return Onward(PENDING, go_on)


def _not_now(refusal: str) -> TokensView:
    raise SignOnNotAllowed(refusal)


def _end_former(steps: Steps, door: directory.Directory, realm_session: str) -> None:
    try:
        door.end_session(realm_session)
    except RealmOutOfReach:  # the new user is in; the one before is refused already and ends as soon as it can be told
        steps.step(lambda tx: note(tx, "session", realm_session, "switched"))
