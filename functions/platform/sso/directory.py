"""The door to the realm: every call of this module to the identity server, outside any transaction.

A process signs on with the secret of the product's own account (client his-directory), on a laptop as the server's
administrator. One that was given neither has no door: changes are kept and told by one that has.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, TypeVar
from uuid import UUID

from pydantic_settings import BaseSettings, SettingsConfigDict

from functions.platform.sso.problems import RealmOutOfReach
from shared.identity.people import StaffAccount
from shared.identity.realm import RealmDeclaration
from shared.settings import Settings, settings

if TYPE_CHECKING:
    from shared.identity.keycloak_admin import Report
    from shared.identity.sessions import OpenedSession, RunningSession

T = TypeVar("T")

EMERGENCY = "emergency-"
"""User names of the sealed accounts begin with it; no staff number does (a hyphen is not allowed there)."""


@dataclass(frozen=True, slots=True)
class RealmEvent:
    """What the realm tells of a sign-on."""

    event_id: str
    at: datetime
    kind: str
    account_id: str | None
    client: str | None
    address: str | None
    session_id: str | None
    error: str | None


class Key(BaseSettings):
    """What the installation gave the product's own account to sign on with; `his identity sync` tells the realm."""

    model_config = SettingsConfigDict(env_prefix="HIS_KEYCLOAK_", frozen=True, extra="ignore")

    directory_secret: str = ""


def configuration() -> Settings:
    """The settings of this process."""
    return settings()


def secret() -> str:
    """The secret of the product's own account, or nothing."""
    return Key().directory_secret


def available() -> bool:
    """Whether this process may keep the realm."""
    return bool(secret() or configuration().keycloak_admin_password)


class Directory:
    """A connection for the time of each call. Whatever the server or the network throws is RealmOutOfReach."""

    def __init__(self) -> None:
        if not available():
            raise RealmOutOfReach("本进程没有认证服务的管理权限，变更已记录，稍后由认证功能同步。")

    def exists(self) -> bool:
        """Whether the realm has been made at all."""
        name = configuration().keycloak_realm
        return self._call(lambda: any(realm["realm"] == name for realm in self._admin.get_realms()))

    def provision(self, declaration: RealmDeclaration, *, people: bool) -> "Report":
        """Make the realm what is declared; with `people`, also take back what they were given by hand."""
        from shared.identity.provisioning import provision

        return self._call(lambda: provision(self._admin, declaration, people=people))

    def keep_signing_keys(self, now: datetime) -> "Report":
        """Make and retire signing keys in their time; take out strange ones."""
        from shared.identity.signing import keep_signing_keys

        return self._call(lambda: keep_signing_keys(self._admin, now))

    def keep_staff(self, people: Sequence[StaffAccount]) -> "Report":
        """Make the accounts of these people be as given."""
        from shared.identity.accounts import sync_staff

        return self._call(lambda: sync_staff(self._admin, people))

    def shut_strangers(self, known: Callable[[], Collection[str]]) -> "Report":
        """Disable accounts nobody stands behind; `known` is asked for everybody's user name in time."""
        from shared.identity.accounts import shut_strangers

        return self._call(lambda: shut_strangers(self._admin, known, but=EMERGENCY))

    def keep_patient(self, account_id: UUID, name: str, patient_ids: list[UUID]) -> bool:
        """Make a patient's account be bound to exactly these persons."""
        from shared.identity.sessions import keep_patient

        return self._call(lambda: keep_patient(self._admin, account_id, name, patient_ids))

    def account_of(self, staff_no: str) -> str | None:
        """The realm's id of a member of staff."""
        found: str | None = self._call(lambda: self._admin.get_user_id(staff_no.lower()))
        return found

    def give_password(self, account_id: str, password: str) -> None:
        """A password for one sign-on, after which another is chosen."""
        from shared.identity.recovery import give_password

        self._call(lambda: give_password(self._admin, account_id, password))

    def unlock(self, account_id: str) -> bool:
        """Take off the lock that wrong passwords put on."""
        from shared.identity.recovery import unlock

        return self._call(lambda: unlock(self._admin, account_id))

    def forget_second_factor(self, account_id: str) -> int:
        """Take away every second factor; the next sign-on binds a new one."""
        from shared.identity.recovery import forget_second_factor

        return self._call(lambda: forget_second_factor(self._admin, account_id))

    def proves_second_factor(self, username: str, code: str) -> bool:
        """Whether a dynamic password is this account's now; False alike for every reason why not."""
        from shared.identity.second_factor import proves

        return self._call(lambda: proves(self._admin, username, code))

    def choose_password(self, account_id: str, password: str) -> bool:
        """A password its owner has chosen; sessions end. False when the realm's policy is against it."""
        from shared.identity.second_factor import choose_password

        return self._call(lambda: choose_password(self._admin, account_id, password))

    def proves_password(self, username: str, password: str) -> bool:
        """Whether a password is this account's; False alike for every reason why not."""
        from shared.identity.second_factor import proves_password

        return self._call(lambda: proves_password(self._admin, username, password))

    def keep_proofs(self, account_id: str, proofs: Sequence[str]) -> None:
        """Let the tokens of an account say how its sessions were proved."""
        from shared.identity.sessions import keep_proofs

        self._call(lambda: keep_proofs(self._admin, account_id, proofs))

    def open_session(
        self, account_id: str, client_id: str, redirect_uri: str, before_tokens: Callable[[str], None] | None = None
    ) -> "OpenedSession":
        """Open a session on a proof this module has checked."""
        from shared.identity.sessions import SessionRefused, open_session

        try:
            return self._call(lambda: open_session(self._admin, account_id, client_id, redirect_uri, before_tokens))
        except SessionRefused as error:
            raise RealmOutOfReach("认证服务没有为该账号开启会话；账号停用或须先改密的，请联系信息科。") from error

    def end_sessions(self, account_id: str) -> int:
        """End every session of an account."""
        from shared.identity.sessions import end_sessions

        return self._call(lambda: end_sessions(self._admin, account_id))

    def end_session(self, session_id: str) -> bool:
        """End one session, with all clients it was opened at."""
        from shared.identity.sessions import end_session

        return self._call(lambda: end_session(self._admin, session_id))

    def sessions_of(self, account_id: str) -> "list[RunningSession]":
        """Running sessions of an account."""
        from shared.identity.sessions import sessions_of

        return self._call(lambda: sessions_of(self._admin, account_id))

    def secret_of(self, client_id: str) -> str:
        """The secret of a device's or partner's client."""
        from shared.identity.keycloak_admin import device_secret

        return self._call(lambda: device_secret(self._admin, client_id))

    def events(self, since: datetime, limit: int = 500) -> list[RealmEvent]:
        """What happened at sign-on since a moment, oldest first."""
        from shared.identity.keycloak_admin import call

        first = int(since.timestamp() * 1000)
        found = self._call(lambda: call(self._admin, "get", "events", dateFrom=str(first), max=limit, direction="asc"))
        events = [
            RealmEvent(
                event_id=one.get("id") or f"{one['time']}-{one['type']}-{one.get('sessionId', '')}",
                at=datetime.fromtimestamp(one["time"] / 1000, UTC),
                kind=one["type"],
                account_id=one.get("userId"),
                client=one.get("clientId"),
                address=one.get("ipAddress"),
                session_id=one.get("sessionId"),
                error=one.get("error"),
            )
            for one in found
        ]
        return sorted(events, key=lambda one: (one.at, one.event_id))

    def open_emergency(
        self, campus: str, posts: Sequence[str], staff_id: UUID, password: str, second_factor: bool
    ) -> None:
        """Unseal the emergency account of a campus with a password used once."""
        from shared.identity.sessions import open_emergency

        name = f"{EMERGENCY}{campus}"
        self._call(lambda: open_emergency(self._admin, name, campus, posts, staff_id, password, second_factor))

    def seal_emergency(self, campus: str) -> None:
        """Seal it again: disabled, without password, without sessions."""
        from shared.identity.sessions import seal_emergency

        self._call(lambda: seal_emergency(self._admin, f"{EMERGENCY}{campus}"))

    def _call(self, do: Callable[[], T]) -> T:
        from shared.identity.keycloak_admin import FAILURES, borrowed

        try:
            with borrowed(configuration(), secret()) as self._admin:
                return do()
        except FAILURES as error:
            raise RealmOutOfReach("认证服务暂时没有应答，变更已记录，恢复后自动同步。") from error
