"""Identity checks with the police (公安核验): asked outside transactions, again and again until there is an answer.

The patient is usable all the time; only a match raises the level. A mismatch is for the steward: it may be a typing
error, or somebody else's card (身份争议).
"""

from collections.abc import Callable
from datetime import timedelta
from functools import partial
from uuid import UUID

from functions.patients.index import client, problems
from functions.patients.index.models import Patient, PoliceCheck
from functions.patients.index.queries import checks as queries
from functions.patients.index.schemas.checks import CheckView
from functions.patients.index.schemas.values import IdentityLevel
from functions.patients.index.service.numbers import number_of
from functions.patients.index.service.read import survivor
from functions.patients.index.service.verify import raise_level
from shared.command import Onward
from shared.ids import new_id
from shared.problems import Stale
from shared.steps import Steps
from shared.tx import Tx

UNDER_WAY = timedelta(minutes=2)
"""After which a question whose answer nobody booked is asked again."""
LONGEST_PAUSE = timedelta(hours=1)
A_ROUND = 20
_STATUS = {"match": "matched", "mismatch": "mismatched", "unknown": "unknown"}


def check_identity(tx: Tx, patient_id: UUID) -> Onward[CheckView]:
    """Ask the police now, for somebody at the counter; without an answer the question waits (待核验).

    Raises IdentityCheckOff, IdentityCheckNeedless, IdentityCheckWaiting.
    """
    if not client.IdentityCheck().is_on:
        raise problems.IdentityCheckOff("公安核验尚未接通；请读卡或查看证件，核实等级照常登记。")
    number = tx.session.send(queries.NUMBER, patient_id=patient_id)
    waiting = tx.session.send(queries.OF_PERSON, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    if patient.identity_level == IdentityLevel.POLICE_VERIFIED.value:
        raise problems.IdentityCheckNeedless("该患者已通过公安核验。")
    if number.first() is None:
        raise problems.IdentityCheckNeedless("该患者没有登记居民身份证号，无法核验。")
    if waiting.first() is not None:
        raise problems.IdentityCheckWaiting()
    row = _queued(tx, patient, attempts=1)

    def go_on(steps: Steps) -> CheckView:
        _round(steps, [row])
        return steps.step(lambda tx: _view(tx.session.one(queries.CHECK, check_id=row.check_id)))

    return Onward(_view(row), go_on)


def queue_check(tx: Tx, patient: Patient) -> None:
    """Let a person who was just registered be checked within the next minutes, when there is anybody to ask."""
    if client.IdentityCheck().is_on:
        _queued(tx, patient, attempts=0)


def checks(tx: Tx, status: str, before: UUID, limit: int) -> list[PoliceCheck]:
    """Checks asked at this campus, latest first; `waiting` is the list 待核验."""
    found = tx.session.all(queries.LIST, campus=tx.campus, status=status, before=before, limit=limit)
    for one in found:
        tx.audit("police_check.listed", "police_check", one.check_id, patient_id=one.patient_id)
    return found


def each_round(tx: Tx) -> Callable[[Steps], None] | None:
    """A minute has passed: ask what is due at this campus."""
    if not client.IdentityCheck().is_on:
        return None
    taken = tx.session.all(queries.TAKE_DUE, campus=tx.campus, now=tx.now, lost_at=tx.now + UNDER_WAY, limit=A_ROUND)
    return (lambda steps: _round(steps, taken)) if taken else None


# -- inside


def _queued(tx: Tx, patient: Patient, *, attempts: int) -> PoliceCheck:
    row = PoliceCheck(
        check_id=new_id(),
        campus_id=tx.campus,
        patient_id=patient.patient_id,
        asked_at=tx.now,
        asked_by=tx.actor.subject,
        attempts=attempts,
        next_at=tx.now + UNDER_WAY if attempts else tx.now,
    )
    tx.session.add(row)
    tx.audit("police_check.asked", "police_check", row.check_id, patient_id=patient.patient_id)
    return row


def _round(steps: Steps, taken: list[PoliceCheck]) -> None:
    """Ask one after the other. The first that gets no answer ends the round: the others would wait as long."""
    at = client.IdentityCheck()
    for place, row in enumerate(taken):
        question = steps.step(partial(_question, row=row))
        if question is None:
            continue
        try:
            verdict = client.ask(question, at, steps.clock())
        except client.OutOfReach:
            steps.step(partial(_defer, late=taken[place:]))
            return
        try:
            steps.step(partial(_book, row=row, question=question, verdict=verdict))
        except Stale:  # somebody has just changed the person: asked anew when the question counts as lost
            continue


def _question(tx: Tx, row: PoliceCheck) -> client.Question | None:
    """Name and number of today; without a number there is nothing to ask any more."""
    number = tx.session.send(queries.NUMBER, patient_id=row.patient_id)
    patient = survivor(tx, row.patient_id)
    held = number.first()
    if held is None:
        _answer(tx, row, "outdated", patient, None)
        return None
    return client.Question(row.check_id, patient.name, number_of(held))


def _book(tx: Tx, row: PoliceCheck, question: client.Question, verdict: client.Verdict) -> None:
    if _question(tx, row) != question:  # name or number is another by now: the answer is about nobody
        tx.session.execute(queries.DEFER, id_=row.check_id, at=tx.now)
        return
    patient = survivor(tx, row.patient_id)
    status = _STATUS[verdict.result]
    if not _answer(tx, row, status, patient, verdict.serial):
        return
    level = IdentityLevel.POLICE_VERIFIED
    if status == "matched" and IdentityLevel(patient.identity_level).rank < level.rank:
        raise_level(tx, patient, level, f"police_check {row.check_id}")


def _answer(tx: Tx, row: PoliceCheck, status: str, patient: Patient, serial: str | None) -> bool:
    booked = tx.session.first(
        queries.ANSWER, id_=row.check_id, to=status, at=tx.now, reference=serial, version=patient.version
    )
    if booked is None:
        return False
    tx.audit("police_check.answered", "police_check", row.check_id, patient_id=patient.patient_id, status=status)
    return True


def _defer(tx: Tx, late: list[PoliceCheck]) -> None:
    for row in late:
        pause = min(timedelta(minutes=2 ** min(row.attempts, 10)), LONGEST_PAUSE)
        tx.session.execute(queries.DEFER, id_=row.check_id, at=tx.now + pause)


def _view(row: PoliceCheck) -> CheckView:
    return CheckView.model_validate(row)
