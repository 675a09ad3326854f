"""Tx: the one object that travels through a use case.

It knows who acts (`actor`), where (`campus`), when (`now`) and on which transaction (`session`). Nothing else reads
the clock, the token or the environment.
"""

from collections.abc import Iterable
from datetime import date, datetime
from typing import Any
from uuid import UUID

from events.envelope import Event
from shared.database.session import Session
from shared.identity.actor import Actor
from shared.ids import new_id
from shared.numbers import TAKE_DOCUMENT_NUMBER, TAKE_NUMBER, Numbering, Series, asked
from shared.problems import Problem, Stale
from shared.schemas import SHANGHAI
from shared.tables import AuditEntry, OutboxEvent
from shared.telemetry import trace_id_of


class SamePerson(Problem):
    status = 422
    code = "same_person"
    title = "须由不同人员办理"


class Tx:
    """One request or event: one transaction, one actor, one acting campus, one moment."""

    __slots__ = ("actor", "audited", "campus", "emitted", "if_match", "now", "session", "traceparent")

    def __init__(
        self,
        session: Session,
        actor: Actor,
        campus: str,
        now: datetime,
        traceparent: str,
        if_match: int | None = None,
    ) -> None:
        self.session = session
        self.actor = actor
        self.campus = campus
        self.now = now
        self.traceparent = traceparent
        self.if_match = if_match
        """Version the client last saw (If-Match), or None."""
        self.emitted = 0
        self.audited = 0

    @property
    def today(self) -> date:
        """The hospital's calendar day (Asia/Shanghai)."""
        return self.now.astimezone(SHANGHAI).date()

    def emit(self, event: Event) -> None:
        """Tell a fact. It is committed with the change or not at all; delivery is the relay's work."""
        self.session.add(
            OutboxEvent(
                event_id=new_id(),
                campus_id=self.campus,
                type=event.event_type,
                source=event.event_source,
                subject=event.subject,
                data=event.model_dump(mode="json"),
                traceparent=self.traceparent,
                created_at=self.now,
            )
        )
        self.emitted += 1

    def audit(
        self, action: str, subject_kind: str, subject_id: object, *, patient_id: UUID | None = None, **detail: Any
    ) -> None:
        """Leave a trace of reading or changing personal or financial data, in the same transaction.

        `detail` holds ids, codes and amounts, never names or document numbers.
        """
        self.session.add(
            AuditEntry(
                entry_id=new_id(),
                campus_id=self.campus,
                at=self.now,
                actor=self.actor.subject,
                actor_name=self.actor.name,
                action=action,
                subject_kind=subject_kind,
                subject_id=str(subject_id),
                patient_id=patient_id,
                detail=detail,
                trace_id=trace_id_of(self.traceparent),
            )
        )
        self.audited += 1

    def number(self, series: Series) -> int:
        """The next number of a series of this campus. Take it last: its lock lasts until the commit."""
        return self.session.one(TAKE_NUMBER, campus_id=self.campus, series=series.name, period=series.period(self.now))

    def document_number(self, numbering: Numbering, letter: str) -> str:
        """The next number of a document of this campus, whose letter is given, by the rule in force today.

        Take it last, like `number`. A numbering that no campus may change is counted with `number`.
        """
        taken = self.session.one(TAKE_DOCUMENT_NUMBER, **asked(numbering, self.campus, self.today))
        return taken.text(letter, self.today)

    def check_version(self, current: int, given: int | None = None) -> None:
        """Refuse an edit of a version the user has not seen (body `version` or If-Match)."""
        seen = given if given is not None else self.if_match
        if seen is not None and seen != current:
            raise Stale("该记录已被他人修改，请刷新后再操作。", current_version=current)

    def assert_distinct(self, others: Iterable[str | None], message: str) -> None:
        """Separation of duties on one object: the actor must be none of those who acted before."""
        if self.actor.subject in set(others):
            raise SamePerson(message)
