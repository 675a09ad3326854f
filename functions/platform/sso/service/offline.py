"""Signing on while the line is down (应急登录): verifiers for the campus's bridge, and what it tells afterwards."""

from datetime import datetime
from typing import NamedTuple
from uuid import UUID

from events.platform import AccountLocked, LoggedIn, LoginFailed, LoginRiskFound
from functions.organisation.structure import service as organisation
from functions.platform.permissions import service as permissions
from functions.platform.sso import queries_offline as queries
from functions.platform.sso import rules_offline as rules
from functions.platform.sso.models import Badge
from functions.platform.sso.models_offline import OfflineSession, OfflineVerifier, VerifierIssue
from functions.platform.sso.problems import NotFromHere
from functions.platform.sso.problems_offline import OfflineEntryDiffers
from functions.platform.sso.schemas_offline import (
    OfflineSignOn,
    TellOfflineSignOns,
    ToldView,
    VerifierIssueView,
    VerifierView,
)
from shared.command import Onward
from shared.ids import new_id
from shared.problems import Invalid
from shared.steps import Steps
from shared.tx import Tx

MADE_AT_ONCE = 200
"""Verifiers made for one issue, some seconds' work; a campus of more new cards is complete after the next one."""
_PENDING = VerifierIssueView(state="pending", issue_id=None, issued_at=None, valid_to=None, waiting=0, people=[])


class Enrolled(NamedTuple):
    """Somebody who may sign on at the bridge, and the card that proves it."""

    badge: Badge
    staff_no: str
    name: str
    posts: frozenset[str]


def issue_verifiers(tx: Tx) -> Onward[VerifierIssueView]:
    """Everybody who may sign on at the acting campus's bridge for the next 72 hours, to that bridge alone.

    That is who holds a post here, has worked here within a week, and has a card in use that no wrong PINs have locked.
    Who is frozen, has left or lost the card is not in the next issue. Raises NotFromHere.
    """
    _bridge(tx)
    tx.audit("verifiers.asked", "campus", tx.campus, bridge=tx.actor.name)

    def go_on(steps: Steps) -> VerifierIssueView:
        wanting = steps.step(_wanting)
        made = [
            OfflineVerifier(
                badge_id=badge.badge_id,
                source=rules.source_of(badge.card_hash, badge.pin_hash),
                verifier=rules.verifier_of(badge.card_hash, badge.pin_hash),
                made_at=steps.clock(),
            )
            for badge in wanting[:MADE_AT_ONCE]
        ]
        return steps.step(lambda tx: _issue(tx, made))

    return Onward(_PENDING, go_on)


def tell_offline_sign_ons(tx: Tx, command: TellOfflineSignOns) -> ToldView:
    """What happened at the bridge while the line was down, kept and audited as offline; told twice it counts once.

    A sign-on no issue allowed is kept like any other and reported as a risk. Raises NotFromHere, Invalid (moments that
    cannot be), OfflineEntryDiffers, OfflineEntryTwice.
    """
    _bridge(tx)
    _check(command.sessions, tx.now)
    known = {
        row.entry_id: row
        for row in tx.session.all(
            queries.SESSIONS_TOLD, campus=tx.campus, entry_ids=[one.entry_id for one in command.sessions]
        )
    }
    new = [one for one in command.sessions if one.entry_id not in known]
    for one in command.sessions:
        if one.entry_id in known and rules.differing(known[one.entry_id].__dict__, one.model_dump()):
            raise OfflineEntryDiffers(
                "这条离线登录记录此前已回传且内容不同，本批未接收；请停用该网桥的回传，联系安全管理员核查。",
                entry_id=str(one.entry_id),
            )
    rows = _rows(tx, new)
    tx.session.add_many(rows)
    for row in rows:
        _trace(tx, row)
    if not rows:
        tx.audit("offline_sessions.repeated", "campus", tx.campus, sessions=len(known))
    strange = sum(row.outcome == "opened" and row.issue_id is None for row in rows)
    return ToldView(received=len(rows), repeated=len(command.sessions) - len(rows), not_issued=strange)


def verifier_issues(tx: Tx, before: UUID, limit: int) -> list[VerifierIssue]:
    """Issues to the bridges of the acting campus, latest first."""
    return tx.session.all(queries.ISSUES_HERE, campus=tx.campus, before=before, limit=limit)


def offline_sessions(tx: Tx, before: UUID, limit: int) -> list[OfflineSession]:
    """Sign-ons at the bridges of the acting campus, last received first."""
    return tx.session.all(queries.SESSIONS_HERE, campus=tx.campus, before=before, limit=limit)


# -- inside


def _bridge(tx: Tx) -> None:
    if tx.actor.posts_at(tx.campus) != {"device:bridge"}:
        raise NotFromHere("离线登录凭据只发给本院区登记的网桥。")


def enrolled(tx: Tx) -> list[Enrolled]:
    """Who may sign on at the acting campus's bridge now, by staff number."""
    after = UUID(int=int((tx.now - rules.WORKED_WITHIN).timestamp() * 1000) << 80)
    worked = tx.session.send(queries.WORKED_HERE, campus=tx.campus, since=tx.today - rules.WORKED_WITHIN, after=after)
    shut = permissions.frozen(tx)
    here = {
        one.staff_id: one
        for one in organisation.staff_accounts(tx)
        if one.enabled and one.staff_id not in shut and one.posts.get(tx.campus)
    }
    ids = sorted(here.keys() & set(worked.all()))
    found = [
        Enrolled(badge, here[badge.staff_id].staff_no, here[badge.staff_id].name, here[badge.staff_id].posts[tx.campus])
        for badge in tx.session.all(queries.BADGES_OF, staff_ids=ids)
        if badge.locked_until is None or badge.locked_until <= tx.now
    ]
    return sorted(found, key=lambda one: one.staff_no)


def _verifiers(tx: Tx, badges: list[Badge]) -> dict[UUID, str]:
    """Verifiers by card, of those that are of the card and PIN as they are now."""
    rows = {
        row.badge_id: row for row in tx.session.all(queries.VERIFIERS, badge_ids=[badge.badge_id for badge in badges])
    }
    return {
        badge.badge_id: rows[badge.badge_id].verifier
        for badge in badges
        if badge.badge_id in rows and rows[badge.badge_id].source == rules.source_of(badge.card_hash, badge.pin_hash)
    }


def _wanting(tx: Tx) -> list[Badge]:
    badges = [one.badge for one in enrolled(tx)]
    made = _verifiers(tx, badges)
    return [badge for badge in badges if badge.badge_id not in made]


def _issue(tx: Tx, made: list[OfflineVerifier]) -> VerifierIssueView:
    """Looks once more: making took its time, and who was shut out meanwhile must not be in it."""
    for row in made:
        tx.session.execute(
            queries.KEEP_VERIFIER,
            badge_id=row.badge_id,
            source=row.source,
            verifier=row.verifier,
            made_at=row.made_at,
        )
    everybody = enrolled(tx)
    verifiers = _verifiers(tx, [one.badge for one in everybody])
    people = [
        VerifierView(
            staff_id=one.badge.staff_id,
            staff_no=one.staff_no,
            name=one.name,
            posts=sorted(one.posts),
            card_hint=rules.hint_of(one.badge.card_hash),
            pin_salt=one.badge.pin_salt.hex(),
            verifier=verifiers[one.badge.badge_id],
        )
        for one in everybody
        if one.badge.badge_id in verifiers
    ]
    issued = VerifierIssue(
        issue_id=new_id(),
        campus_id=tx.campus,
        bridge=tx.actor.name,
        issued_at=tx.now,
        valid_to=tx.now + rules.VALID,
        staff_ids=[one.staff_id for one in people],
    )
    tx.session.add(issued)
    tx.audit("verifiers.issued", "verifier_issue", issued.issue_id, bridge=issued.bridge, people=len(people))
    return VerifierIssueView(
        state="done",
        issue_id=issued.issue_id,
        issued_at=issued.issued_at,
        valid_to=issued.valid_to,
        waiting=len(everybody) - len(people),
        people=people,
    )


def _check(sessions: list[OfflineSignOn], now: datetime) -> None:
    errors = []
    for place, one in enumerate(sessions):
        if max(one.opened_at, one.ended_at or one.opened_at) > now + rules.SKEW:
            errors.append({"field": f"sessions.{place}", "message": "时间晚于现在，请先按时钟偏差校正"})
        elif (one.outcome == "opened") != (one.ended_at is not None) or (one.ended_at or one.opened_at) < one.opened_at:
            errors.append(
                {"field": f"sessions.{place}.ended_at", "message": "已登录的须有不早于登录的结束时间，失败的没有"}
            )
    if len({one.entry_id for one in sessions}) < len(sessions):
        errors.append({"field": "sessions", "message": "同一批中有重复的记录编号"})
    if errors:
        raise Invalid("离线登录记录有误，本批未接收，请更正后重发。", errors=errors)


def _rows(tx: Tx, new: list[OfflineSignOn]) -> list[OfflineSession]:
    if not new:
        return []
    moments = [one.opened_at for one in new]
    issues = [
        rules.Issue(row.issue_id, row.bridge, row.issued_at, row.valid_to, frozenset(row.staff_ids))
        for row in tx.session.all(queries.ISSUES_BETWEEN, campus=tx.campus, first=min(moments), last=max(moments))
    ]
    return [
        OfflineSession(
            session_id=new_id(),
            campus_id=tx.campus,
            issue_id=rules.allowed_by(issues, one.staff_id, one.opened_at),
            bridge=tx.actor.name,
            received_at=tx.now,
            **one.model_dump(),
        )
        for one in new
    ]


def _trace(tx: Tx, row: OfflineSession) -> None:
    tx.audit(
        "session.offline",
        "staff",
        row.staff_id,
        offline=True,
        outcome=row.outcome,
        workstation=row.workstation,
        opened_at=row.opened_at.isoformat(),
        ended_at=row.ended_at and row.ended_at.isoformat(),
        issue_id=row.issue_id and str(row.issue_id),
        entry_id=str(row.entry_id),
    )
    if row.outcome == "opened":
        tx.emit(LoggedIn(account_id=row.staff_id, way="offline", client=row.workstation))
        if row.issue_id is None:
            cause = "offline_not_issued"
            tx.emit(LoginRiskFound(subject_key=row.bridge, staff_id=row.staff_id, cause=cause, score=80))
        return
    reason = "locked" if row.outcome == "locked" else "wrong_pin"
    tx.emit(LoginFailed(account_id=row.staff_id, way="offline", reason=reason))
    if row.outcome == "locked":
        tx.emit(AccountLocked(staff_id=row.staff_id, way="offline", until=None))
