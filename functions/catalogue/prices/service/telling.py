"""Very many facts at once: the events of a whole price list, committed with it as `tx.emit` does one by one."""

from collections.abc import Sequence

from events.envelope import Event
from functions.catalogue.prices.queries import bulk
from shared.ids import new_id
from shared.tables import OutboxEvent
from shared.tx import Tx


def tell_all(tx: Tx, events: Sequence[Event]) -> None:
    """Tell facts in their order, a few thousand a statement."""
    rows = [
        OutboxEvent(
            event_id=new_id(),
            campus_id=tx.campus,
            type=event.event_type,
            source=event.event_source,
            subject=event.subject,
            data=event.model_dump(mode="json"),
            traceparent=tx.traceparent,
            created_at=tx.now,
        )
        for event in events
    ]
    for some in bulk.EVENTS.batches(rows):
        tx.session.execute(bulk.EVENTS.query, **some)
    tx.emitted += len(rows)
