"""Events of the operations area."""

from uuid import UUID

from events.envelope import Event


class DeadLetterReplayed(Event, type="operations.maintenance.dead_letter_replayed", subject="letter_event_id"):
    """A person put a dead letter (死信) back into delivery. Alerts close what they raised for it."""

    letter_event_id: UUID
    letter_type: str
    subscriber: str
