"""The quarterly review (权限复核): every department head confirms or strikes what the people of the department hold."""

from datetime import datetime
from typing import Any, NamedTuple
from uuid import UUID

from events.platform import AttestationOverdue
from functions.organisation.structure import service as organisation
from functions.platform.permissions import queries_review as queries
from functions.platform.permissions import rules
from functions.platform.permissions.models import Attestation, AttestationLine
from functions.platform.permissions.problems import AttestationIncomplete, AttestationNotFound, WrongState
from functions.platform.permissions.schemas import AnswerAttestation
from functions.platform.permissions.service.freezing import all_grants, end_grant
from functions.platform.permissions.service.rights import data_scope
from shared.identity.posts import POSTS
from shared.ids import new_id
from shared.problems import Problem, Stale
from shared.tx import Tx

READ = "platform.permissions.read"
OVERDUE = "权限复核逾期未办"
ENDED = frozenset({"assignment_over", WrongState.code})
"""It had ended by itself meanwhile."""


class _Thing(NamedTuple):
    """What somebody holds: a post by an assignment, or a permission by a grant."""

    staff_id: UUID
    code: str
    assignment_id: UUID | None
    grant_id: UUID | None


def open_attestations(tx: Tx) -> int:
    """Open the reviews that are due for every unit of the acting campus whose people hold something.

    Once a quarter of everything, in its other two months of what is privileged.
    """
    opened = 0
    for period in rules.periods_of(tx.today):
        if tx.session.first(queries.ATTESTED_UNITS, campus=tx.campus, quarter=period) is None:
            opened += _open(tx, period, privileged_only="M" in period)
            break  # who holds what is read once a minute; the month follows the quarter in the next
    return opened


def _open(tx: Tx, period: str, *, privileged_only: bool) -> int:
    by_unit: dict[UUID, list[_Thing]] = {}
    unit_of: dict[UUID, UUID] = {}
    for post in POSTS:
        for held in organisation.holders(tx, post):
            unit_of.setdefault(held.staff_id, held.unit_id)
            if held.assignment_id is not None and (not privileged_only or rules.is_privileged(post)):
                by_unit.setdefault(held.unit_id, []).append(_Thing(held.staff_id, post, held.assignment_id, None))
    for grant in all_grants(tx):
        unit_id = unit_of.get(grant.staff_id)
        due = not privileged_only or rules.is_privileged(grant.permission)
        if grant.campus_id == tx.campus and unit_id is not None and due:
            by_unit.setdefault(unit_id, []).append(_Thing(grant.staff_id, grant.permission, None, grant.grant_id))
    for unit_id, things in sorted(by_unit.items()):
        row = Attestation(
            attestation_id=new_id(),
            campus_id=tx.campus,
            unit_id=unit_id,
            quarter=period,
            state="open",
            opened_at=tx.now,
            due_at=tx.now + rules.ATTEST_WITHIN,
        )
        tx.session.add(row)
        for thing in things:
            tx.session.add(
                AttestationLine(
                    line_id=new_id(),
                    campus_id=tx.campus,
                    attestation_id=row.attestation_id,
                    **thing._asdict(),
                )
            )
    return len(by_unit)


def tell_overdue(tx: Tx) -> int:
    """Escalate the reviews of the acting campus nobody has answered in time, a few a minute.

    In an office without patients single grants end and posts are suspended until its head answers; where there is no
    head, and in clinical units, everything stays: nobody's care hangs on a form (spec 41 no. 10). The head's own post
    stays, and the last of the three administrators.
    """
    late = tx.session.all(queries.OVERDUE, campus=tx.campus, now=tx.now, most=rules.LATE_AT_ONCE)
    kinds = {unit.unit_id: unit.kind for unit in organisation.unit_tree(tx)} if late else {}
    for row in late:
        if kinds.get(row.unit_id) in rules.OFFICES:
            lines = tx.session.all(queries.LINES, id_=row.attestation_id)
            headed = bool(organisation.holders(tx, rules.HEAD, row.unit_id))
            for line in lines:
                if line.grant_id is not None:
                    _strike(tx, line, OVERDUE)
                elif headed and line.code != rules.HEAD:
                    _suspend(tx, line)
        tx.emit(
            AttestationOverdue(
                attestation_id=row.attestation_id,
                unit_id=row.unit_id,
                campus_code=row.campus_id,
                quarter=row.quarter,
                due_at=row.due_at,
            )
        )
    return len(late)


def attestations(tx: Tx, before: UUID, limit: int) -> list[Attestation]:
    """Reviews of the acting campus within the actor's data scope, latest first: a head sees the own units'."""
    scope = data_scope(tx, READ)
    return tx.session.all(
        queries.ATTESTATIONS,
        campus=tx.campus,
        before=before,
        limit=limit,
        whole=scope.kind == "campus",
        units=sorted(scope.unit_ids),
    )


def attestation(tx: Tx, attestation_id: UUID) -> tuple[Attestation, list[AttestationLine]]:
    """One review with its lines. Raises AttestationNotFound."""
    found = tx.session.send(queries.ATTESTATION, id_=attestation_id)
    lines = tx.session.all(queries.LINES, id_=attestation_id)
    row = found.first()
    if row is None or row.campus_id != tx.campus or not data_scope(tx, READ).covers(row.unit_id):
        raise AttestationNotFound("本院区没有这份复核，请刷新后核对。")
    return row, lines


def answer_attestation(tx: Tx, attestation_id: UUID, command: AnswerAttestation) -> Attestation:
    """Confirm or strike every line; what is struck ends at this moment, what was suspended and is kept is held again.

    Only for the head of that very unit. Raises AttestationIncomplete, WrongState, Stale, AttestationNotFound.
    """
    row, lines = attestation(tx, attestation_id)
    heads = organisation.holders(tx, rules.HEAD, row.unit_id)
    if tx.actor.staff_id not in {held.staff_id for held in heads}:
        raise AttestationNotFound("这份复核由该科室负责人办理。")
    if row.state not in ("open", "overdue"):
        raise WrongState("该复核已完成。", state_now=row.state)
    verdicts = {one.line_id: one.verdict for one in command.verdicts}
    if verdicts.keys() != {line.line_id for line in lines}:
        raise AttestationIncomplete("请对清单中的每一项选择“保留”或“取消”后再提交。")
    me = {"by": tx.actor.subject, "name": tx.actor.name}
    after = tx.session.first(queries.ANSWER, id_=attestation_id, seen=command.version, now=tx.now, **me)
    if after is None:
        raise Stale("该复核已由他人提交，请刷新后核对。", current_version=row.version)
    for line in lines:
        verdict = verdicts[line.line_id]
        tx.session.execute(queries.JUDGE, id_=line.line_id, verdict_=verdict)
        if verdict == "strike":
            _strike(tx, line, "权限复核取消")
        elif line.suspended is not None:
            _restore(tx, line, line.suspended)
    struck = sum(verdict == "strike" for verdict in verdicts.values())
    tx.audit("attestation.answered", "attestation", attestation_id, lines=len(lines), struck=struck)
    return after


def _suspend(tx: Tx, line: AttestationLine) -> None:
    held = next(
        (one for one in organisation.posts_of(tx, line.staff_id) if one.assignment_id == line.assignment_id), None
    )
    if held is None or not _strike(tx, line, OVERDUE):
        return
    until = None if held.valid_to is None else held.valid_to.isoformat()
    was = {"unit_id": str(held.unit_id), "is_main": held.is_main, "valid_to": until}
    tx.session.execute(queries.SUSPEND, id_=line.line_id, was=was)


def _restore(tx: Tx, line: AttestationLine, was: dict[str, Any]) -> None:
    """Hold a suspended post again, as it was. What stands against it by now is the personnel office's to solve."""
    until = None if was["valid_to"] is None else datetime.fromisoformat(was["valid_to"])
    if until is not None and until <= tx.now:
        return
    again = organisation.AssignPost(
        staff_id=line.staff_id,
        post=line.code,
        unit_id=UUID(was["unit_id"]),
        is_main=was["is_main"],
        valid_to=until,
        basis="权限复核补办，恢复岗位",
    )
    try:
        organisation.assign_post(tx, again)
    except Problem as refusal:
        tx.audit("attestation.not_restored", "staff", line.staff_id, post=line.code, code=refusal.code)


def _strike(tx: Tx, line: AttestationLine, why: str) -> bool:
    """End what a line is about; False when it had ended, or must not."""
    try:
        if line.assignment_id is not None:
            organisation.end_post(tx, line.assignment_id, organisation.EndPost(reason=why, immediate=True))
        elif line.grant_id is not None:
            end_grant(tx, line.grant_id, why)
    except Problem as refusal:
        if refusal.code not in (ENDED if why != OVERDUE else {*ENDED, "last_administrator"}):
            raise
        return False
    return True
