"""Ending single grants, and shutting people out at once (冻结)."""

from datetime import timedelta
from uuid import UUID

from events.platform import ExtraScopeEnded, StaffFrozen, StaffUnfrozen
from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries
from functions.platform.permissions.models import ExtraScope, Freeze
from functions.platform.permissions.problems import GrantNotFound, NotFrozen, WrongState
from functions.platform.permissions.schemas import FreezeStaff
from shared.identity.denied import KEPT
from shared.ids import new_id
from shared.tables import DeniedSubject
from shared.tx import SamePerson, Tx

SHUT_OUT = timedelta(days=3650)
"""A freeze has no end of its own; two people lift it."""


def grants_here(tx: Tx, before: UUID, limit: int) -> list[ExtraScope]:
    """Single grants of the acting campus that are in force or to come, latest first."""
    return tx.session.all(queries.GRANTS_HERE, campus=tx.campus, at=tx.now, before=before, limit=limit)


def grants_of(tx: Tx, staff_id: UUID) -> list[ExtraScope]:
    """A person's single grants in force now, at every campus."""
    return tx.session.all(queries.GRANTS_OF, staff_id=staff_id, at=tx.now)


def all_grants(tx: Tx) -> list[ExtraScope]:
    """Every single grant in force now: what the realm has to carry."""
    return tx.session.all(queries.ALL_GRANTS, at=tx.now)


def end_grant(tx: Tx, grant_id: UUID, reason: str) -> ExtraScope:
    """End a single grant before its time; tokens that carry it are refused within 60 s.

    Raises GrantNotFound, WrongState.
    """
    row = tx.session.first(queries.GRANT, grant_id=grant_id)
    if row is None or row.campus_id != tx.campus:
        raise GrantNotFound("本院区没有这项授权，请刷新后核对。")
    ended = tx.session.first(queries.END_GRANT, id_=grant_id, now=tx.now, by=tx.actor.subject, why=reason)
    if ended is None:
        raise WrongState("该授权已到期或已结束。", state_now="ended")
    refuse_tokens_before(tx, row.staff_id, "grant ended")
    tx.audit("grant.ended", "extra_scope", grant_id, staff_id=str(row.staff_id), permission=row.permission)
    tx.emit(
        ExtraScopeEnded(
            grant_id=grant_id,
            staff_id=row.staff_id,
            campus_code=row.campus_id,
            permission=row.permission,
            ended_at=tx.now,
        )
    )
    return ended


def refuse_tokens_before(tx: Tx, staff_id: UUID, reason: str) -> None:
    """Every token a person holds at this moment is refused; the next one says what is right."""
    tx.session.add(
        DeniedSubject(
            denial_id=new_id(),
            subject=str(staff_id),
            login_session=None,
            issued_before=tx.now,
            reason=reason,
            expires_at=tx.now + KEPT,
        )
    )


def freeze_staff(tx: Tx, staff_id: UUID, command: FreezeStaff) -> Freeze:
    """Shut a person out of every function within 60 s and end all sessions.

    Raises StaffNotFound, AlreadyFrozen, SamePerson (nobody freezes himself), LastAdministrator.
    """
    person = organisation.staff_member(tx, staff_id)
    if tx.actor.staff_id == staff_id:
        raise SamePerson("不能冻结本人账号。")
    organisation.keep_administrators(tx, staff_id, without=frozen(tx))
    denial = DeniedSubject(
        denial_id=new_id(),
        subject=str(staff_id),
        login_session=None,
        issued_before=None,
        reason="staff frozen",
        expires_at=tx.now + SHUT_OUT,
    )
    row = Freeze(
        freeze_id=new_id(),
        staff_id=person.staff_id,
        reason_code=command.reason_code,
        reason=command.reason,
        denial_id=denial.denial_id,
        frozen_at=tx.now,
        frozen_by=tx.actor.subject,
    )
    tx.session.add(denial, row)
    tx.audit("staff.frozen", "staff", staff_id, reason_code=command.reason_code)
    tx.emit(
        StaffFrozen(freeze_id=row.freeze_id, staff_id=staff_id, reason_code=row.reason_code, frozen_at=row.frozen_at)
    )
    return row


def ask_lift(tx: Tx, staff_id: UUID) -> Freeze:
    """The first of two says that a freeze may end. Raises NotFrozen."""
    after = tx.session.first(queries.ASK_LIFT, id_=staff_id, now=tx.now, by=tx.actor.subject)
    if after is None:
        raise NotFrozen("该职工未冻结，或已有人提出解冻。")
    tx.audit("freeze.lift_asked", "staff", staff_id, freeze_id=str(after.freeze_id))
    return after


def lift_freeze(tx: Tx, staff_id: UUID) -> Freeze:
    """The second of two ends a freeze. Raises NotFrozen, SamePerson."""
    row = tx.session.first(queries.OPEN_FREEZE, staff_id=staff_id)
    if row is None or row.lift_asked_by is None:
        raise NotFrozen("该职工未冻结，或还没有人提出解冻。")
    tx.assert_distinct([row.lift_asked_by], "解冻须由两人办理，请由另一人确认。")
    after = tx.session.first(queries.LIFT, id_=staff_id, now=tx.now, by=tx.actor.subject)
    if after is None:
        raise NotFrozen("该冻结已由他人解除。")
    tx.session.execute(queries.END_DENIAL, id_=row.denial_id, now=tx.now)
    tx.audit("freeze.lifted", "staff", staff_id, freeze_id=str(row.freeze_id))
    tx.emit(StaffUnfrozen(freeze_id=row.freeze_id, staff_id=staff_id, lifted_at=tx.now))
    return after


def open_freezes(tx: Tx) -> list[Freeze]:
    """Everybody who is frozen now, at most 200."""
    return tx.session.all(queries.OPEN_FREEZES)


def frozen(tx: Tx) -> frozenset[UUID]:
    """Staff ids of everybody frozen now."""
    return frozenset(tx.session.all(queries.FROZEN))
