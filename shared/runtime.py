"""What one process holds: its pool, its token verifier, its clock. Made once, passed on, closed at the end."""

import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime

from shared.database.engine import COUNTER, Database, Scope
from shared.identity.actor import Actor
from shared.identity.denied import InMemoryDenyList
from shared.identity.tokens import TokenVerifier
from shared.identity.uses import UseLog
from shared.record_access import DENIED_SUBJECTS
from shared.settings import Settings

DENY_LIST_SECONDS = 15.0
"""How old the deny list of a process may be; a freeze must reach every function within 60 s (spec 41)."""


class Runtime:
    """The process's resources. `clock` is an argument so that tests can live on another day."""

    def __init__(
        self,
        settings: Settings,
        *,
        database: Database | None = None,
        verifier: TokenVerifier | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.settings = settings
        self.clock = clock
        self.database = database or Database(settings.database_url, settings.pool_size, settings.pool_timeout)
        self.deny_list = InMemoryDenyList()
        self.uses = UseLog()
        self.verifier = verifier or TokenVerifier(
            issuer=settings.issuer,
            audience=settings.keycloak_audience,
            jwks_url=settings.jwks_url,
            denied=self.deny_list,
        )
        self._denials_read = -DENY_LIST_SECONDS
        self._denials_lock = threading.Lock()
        self.draining = False

    def scope(self, actor: Actor, campus: str, permission: str = "") -> Scope:
        """The rows this actor may see and write while acting at a campus under a permission."""
        readable = actor.readable_with(permission) if permission else actor.campuses
        return Scope(
            campus=campus,
            readable=tuple(sorted(readable)),
            subject=actor.subject,
            patients=tuple(sorted(str(patient_id) for patient_id in actor.patient_ids)),
        )

    def deny_list_is_old(self) -> bool:
        """Whether the deny list must be read again before a token is judged."""
        return time.monotonic() - self._denials_read >= DENY_LIST_SECONDS

    def refresh_deny_list(self) -> None:
        """Read the deny list again; one thread does, the others go on with the list of a moment ago."""
        if not self._denials_lock.acquire(blocking=False):
            return
        try:
            with self.database.transaction(Scope(campus="", readable=(), subject="kernel"), COUNTER) as session:
                self.deny_list.replace(session.all(DENIED_SUBJECTS, now=self.clock()))
            self._denials_read = time.monotonic()
        finally:
            self._denials_lock.release()

    def close(self) -> None:
        self.uses.write(self.database)
        self.database.close()
