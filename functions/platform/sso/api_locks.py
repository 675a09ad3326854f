"""HTTP routes of locked screens and of sign-on by scanning."""

from uuid import UUID

from functions.platform.sso import service
from functions.platform.sso.schemas import TokensView
from functions.platform.sso.schemas_locks import (
    DecideScan,
    LockScreen,
    LockView,
    LockWorkstation,
    ScanCodeOf,
    ScanShownView,
    ScanView,
    UnlockScreen,
    UnlockWorkstation,
)
from shared.command import command, query
from shared.http import Router
from shared.tx import Tx

router = Router()


# -- the own session


@router.post("/my/lock", status_code=201)
@command("platform.sso.self")
def lock_screen(tx: Tx, body: LockScreen) -> LockView:
    """Lock the screen of the session I work in (锁屏)."""
    return service.lock_screen(tx, body)


@router.post("/my/unlock")
@command("platform.sso.self")
def unlock_by_password(tx: Tx, body: UnlockScreen) -> LockView:
    """Go on by a new sign-on at the login page (密码解锁)."""
    return service.unlock_by_password(tx, body.lock_id)  # type: ignore[return-value]


# -- a registered workstation


@router.get("/workstation-lock")
@query("platform.sso.self")
def workstation_lock(tx: Tx) -> LockView:
    """Who is behind the locked screen of this workstation, since when (锁屏界面)."""
    return service.workstation_lock(tx)


@router.post("/workstation-lock", status_code=201)
@command("platform.sso.self")
def lock_workstation(tx: Tx, body: LockWorkstation) -> LockView:
    """Lock the screen of whoever is at this workstation (工作站锁屏)."""
    return service.lock_workstation(tx, body.cause)


@router.post("/workstation-lock/unlock", status_code=201)
@command("platform.sso.self")
def unlock_workstation(tx: Tx, body: UnlockWorkstation) -> TokensView:
    """Go on at this workstation by PIN or badge (口令、胸卡解锁)."""
    return service.unlock_workstation(tx, body)  # type: ignore[return-value]


# -- scanning


@router.post("/scanned-sign-ons", status_code=201)
@command("platform.sso.self")
def show_code(tx: Tx) -> ScanShownView:
    """A code for the screen of a shared workstation (显示登录二维码)."""
    return service.show_code(tx)  # type: ignore[return-value]


@router.post("/scanned-sign-ons/{scan_id}/scan")
@command("platform.sso.self")
def scan_code(tx: Tx, scan_id: UUID, body: ScanCodeOf) -> ScanView:
    """The staff app has read the code (手机扫码)."""
    return service.scan_code(tx, scan_id, body.code)


@router.post("/scanned-sign-ons/{scan_id}/decision")
@command("platform.sso.self")
def decide_scan(tx: Tx, scan_id: UUID, body: DecideScan) -> ScanView:
    """Agree or refuse on the telephone (手机确认登录)."""
    return service.decide_scan(tx, scan_id, agree=body.agree, end_others=body.end_others)  # type: ignore[return-value]


@router.post("/scanned-sign-ons/{scan_id}/collect", status_code=201)
@command("platform.sso.self")
def collect_scan(tx: Tx, scan_id: UUID, body: ScanCodeOf) -> TokensView:
    """The workstation gets the session that was agreed to, once (扫码登录)."""
    return service.collect_scan(tx, scan_id, body.code)  # type: ignore[return-value]
