"""The cursor of the dead letters: the place of the last row shown, opaque to clients."""

import base64
import binascii
from datetime import UTC, datetime
from typing import NamedTuple
from uuid import UUID

from functions.operations.maintenance.queries import Letter
from shared.problems import Invalid


class Place(NamedTuple):
    """Rows come after this one."""

    at: datetime
    event_id: UUID
    subscriber: str


START = Place(datetime(9999, 12, 31, tzinfo=UTC), UUID(int=2**128 - 1), "")


def write(letter: Letter) -> str:
    """The cursor behind a letter."""
    place = f"{letter.died_at.isoformat()} {letter.event_id} {letter.subscriber}"
    return base64.urlsafe_b64encode(place.encode()).decode()


def read(cursor: str | None) -> Place:
    """The place a cursor stands for; the start when there is none."""
    if cursor is None:
        return START
    try:
        at, event_id, subscriber = base64.urlsafe_b64decode(cursor.encode()).decode().split(" ")
        place = Place(datetime.fromisoformat(at), UUID(event_id), subscriber)
    except (ValueError, binascii.Error) as error:
        raise Invalid("翻页标记无效，请从第一页重新查询。") from error
    if place.at.tzinfo is None or "\x00" in subscriber:
        raise Invalid("翻页标记无效，请从第一页重新查询。")
    return place
