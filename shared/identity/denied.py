"""Who is signed off before the token ends: leavers, the frozen, ended sessions."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

KEPT = timedelta(minutes=25)
"""How long an entry against tokens issued before a moment is kept: longer than any of them opens anything. That is five
minutes of life, half a minute for clocks, and a quarter of an hour's grace while the realm is out of reach."""


@dataclass(frozen=True, slots=True, kw_only=True)
class DenyEntry:
    """One withdrawal.

    subject: the realm's subject, or the staff id as text: organisation knows people by staff id, the realm by subject.
    Of a device also the client it signs on as.
    sid: one sign-on (OpenID Connect `sid`). At least one of the two is given; with both, both must match.
    issued_before: Unix seconds; tokens issued earlier are refused and later ones pass (signed off everywhere, may sign
    on again). None refuses every token (frozen, left).
    """

    subject: str | None = None
    sid: str | None = None
    issued_before: float | None = None

    def __post_init__(self) -> None:
        if self.subject is None and self.sid is None:
            raise ValueError("a deny entry names a subject, a session, or both")

    def covers(self, subject: str, sid: str | None, issued_at: float) -> bool:
        """Whether a token of this subject, session and moment is refused."""
        if self.subject is not None and self.subject != subject:
            return False
        if self.sid is not None and self.sid != sid:
            return False
        return self.issued_before is None or issued_at < self.issued_before


class DenyList(Protocol):
    """Consulted for every token, remembered or not, so it answers from memory."""

    def is_denied(self, subject: str, sid: str | None, issued_at: float) -> bool:
        """Whether tokens of this subject (or staff id) and session, issued at this Unix second, are refused."""
        ...


class InMemoryDenyList:
    """The deny list of one process. The kernel replaces its content from kernel.denied_subjects every few seconds."""

    def __init__(self, entries: Iterable[DenyEntry] = ()) -> None:
        self._by_key: dict[str, tuple[DenyEntry, ...]] = {}
        self.replace(entries)

    def replace(self, entries: Iterable[DenyEntry]) -> None:
        """Put a new list in force in one step; a reader sees the old or the new one, never a mixture."""
        by_key: dict[str, tuple[DenyEntry, ...]] = {}
        for entry in entries:
            key = entry.subject or entry.sid or ""
            by_key[key] = (*by_key.get(key, ()), entry)
        self._by_key = by_key

    def is_denied(self, subject: str, sid: str | None, issued_at: float) -> bool:
        by_key = self._by_key
        if not by_key:
            return False
        named = (*by_key.get(subject, ()), *by_key.get(sid or "", ()))
        return any(entry.covers(subject, sid, issued_at) for entry in named)
