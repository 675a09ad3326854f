"""What was read a moment ago, kept by this process for those who ask the same in the next two seconds.

Only for showing: whoever sells a number asks the pool itself (spec 44, capability 22: at most 3 s old, truth at hold).
A process needs nobody to tell it that something changed: what it keeps is too old before that could matter, and a
process that starts or ends loses nothing.
"""

from collections.abc import Callable, Hashable
from datetime import datetime, timedelta
from threading import Lock
from typing import Generic, NamedTuple, TypeVar

T = TypeVar("T")

AGE = timedelta(seconds=2)
"""How old an answer may be; a second is left for the way to the screen."""
MOST = 128
"""Answers kept at a time: the days, clinics and pages people look at in two seconds."""


class Kept(NamedTuple, Generic[T]):
    """An answer and the moment it was true."""

    at: datetime
    answer: T


class Recent(Generic[T]):
    """Answers by what was asked."""

    def __init__(self) -> None:
        self._kept: dict[Hashable, Kept[T]] = {}
        self._lock = Lock()

    def answer(self, asked: Hashable, now: datetime, read: Callable[[], T]) -> T:
        """The answer kept for the question, or the one read now. `now` is the transaction's own moment, from before it
        read anything, so that an answer is never older than it looks."""
        kept = self._kept.get(asked)
        if kept is not None and _fresh(kept, now):
            return kept.answer
        answer = read()
        with self._lock:
            if len(self._kept) >= MOST:
                self._kept = {key: one for key, one in self._kept.items() if _fresh(one, now)}
            if len(self._kept) < MOST:
                self._kept[asked] = Kept(now, answer)
        return answer

    def clear(self) -> None:
        """Forget everything."""
        with self._lock:
            self._kept = {}


def _fresh(kept: Kept[T], now: datetime) -> bool:
    return timedelta() <= now - kept.at < AGE
