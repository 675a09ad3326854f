"""Inputs and outputs of locked screens, of sign-on by scanning and of the archive of log-in records."""

from typing import Annotated, Literal
from uuid import UUID

from pydantic import StringConstraints, model_validator

from functions.platform.sso.schemas import CardNo, DeviceCode, Pin
from shared.schemas import Input, Moment, Text, View

ScanCode = Annotated[str, StringConstraints(pattern=r"^[A-Za-z0-9_-]{32}$")]
Cause = Literal["idle", "asked"]


class LockScreen(Input):
    """`place`: how the lock screen names the desk. `workstation`: code of the registered workstation it is, or null."""

    cause: Cause
    place: Text
    workstation: DeviceCode | None


class LockWorkstation(Input):
    """`idle`: nobody touched it for the minutes of the post; `asked`: by key or by taking the badge away."""

    cause: Cause


class UnlockWorkstation(Input):
    """PIN or badge of the person who is in; exactly one."""

    pin: Pin | None
    card_no: CardNo | None

    @model_validator(mode="after")
    def _one_proof(self) -> "UnlockWorkstation":
        if (self.pin is None) == (self.card_no is None):
            raise ValueError("口令和胸卡填一项")
        return self


class UnlockScreen(Input):
    """The lock the screen shows, after signing on anew at the login page."""

    lock_id: UUID


class LockView(View):
    """What the lock screen shows: who is in, since when, when the session ends by itself."""

    lock_id: UUID
    name: str
    place: str
    cause: str
    by_badge: bool
    """PIN and badge unlock here; elsewhere only the password."""
    locked_at: Moment
    session_ends_at: Moment
    unlocked_at: Moment | None
    way: str | None


class ScanShownView(View):
    """A code for the workstation's screen. `qr` is empty in the answer to a repeated command."""

    scan_id: UUID
    qr: str
    """What the QR code holds: his-scan:<campus>:<scan_id>:<code>."""
    expires_at: Moment


class ScanCodeOf(Input):
    """The last part of the QR code."""

    code: ScanCode


class DecideScan(Input):
    """`end_others`: where sessions at once are limited, the oldest other ones end."""

    agree: bool
    end_others: bool


class ScanView(View):
    """What the telephone shows before it is agreed to."""

    scan_id: UUID
    workstation: str
    title: str
    state: str
    expires_at: Moment


class LoginArchiveView(View):
    """A month of log-in records that left the database, or is leaving it."""

    month: str
    """Such as 2025-01."""
    state: str
    """writing or archived."""
    rows: int
    """Records in sealed files."""
    days_sealed: int
    seal: str | None
    """Hexadecimal: the chain over every sealed day up to the last one of this month."""
    begun_at: Moment
    archived_at: Moment | None


class ArchivedLoginView(View):
    """A log-in record as its sealed file holds it."""

    at: Moment
    kind: str
    account_id: str | None
    client: str | None
    address: str | None
    error: str | None
