"""Sign-on by scanning (扫码登录): a shared workstation shows a code, the staff app agrees, the workstation collects."""

import hashlib
import hmac
import secrets
from datetime import timedelta
from uuid import UUID

from functions.platform.sso import directory, queries_locks, rules_bounds
from functions.platform.sso.models_locks import ScannedSignOn
from functions.platform.sso.problems import (
    AccountShut,
    NotFromHere,
    ScanGone,
    ScanNotAgreed,
    ScanRefused,
    SessionLimitReached,
    SignOnNotAllowed,
)
from functions.platform.sso.schemas import TokensView
from functions.platform.sso.schemas_locks import ScanShownView, ScanView
from functions.platform.sso.service.admission import refusal_now, told_already
from functions.platform.sso.service.bounding import settled
from functions.platform.sso.service.changing_over import change_over, posts_now, shut_out_now
from functions.platform.sso.service.holding import station_of
from shared.command import Onward
from shared.ids import new_id
from shared.schemas import SHANGHAI
from shared.steps import Steps
from shared.tx import Tx

TERM = timedelta(minutes=2)
_GONE = "二维码已失效：超过 2 分钟、已经用过，或不是本院区此工作站的。请在工作站刷新二维码后重新扫描。"


def show_code(tx: Tx) -> Onward[ScanShownView]:
    """A code for the screen of the acting workstation, good for two minutes, one sign-on, this campus. The code shown
    there before that nobody has scanned is good for nothing from now on. Raises NotFromHere.
    """
    _workstation(tx)
    code = secrets.token_urlsafe(24)
    own = station_of(tx.actor.name).removeprefix(f"device-{tx.campus}-")
    device = tx.session.first(queries_locks.WORKSTATION, campus=tx.campus, code=own)
    expires_at = tx.now + TERM
    scan_id = tx.session.one(
        queries_locks.SHOW,
        scan_id=new_id(),
        campus=tx.campus,
        workstation=tx.actor.name,
        title=device.title if device is not None else own,
        code_hash=_hash(code),
        now=tx.now,
        expires_at=expires_at,
    )
    tx.audit("scan.shown", "workstation", tx.actor.name, scan_id=str(scan_id))
    shown = ScanShownView(scan_id=scan_id, qr="", expires_at=expires_at)
    full = shown.model_copy(update={"qr": f"his-scan:{tx.campus}:{scan_id}:{code}"})
    return Onward(shown, lambda steps: full)


def scan_code(tx: Tx, scan_id: UUID, code: str) -> ScanView:
    """The telephone has read the code: it learns which workstation asks. The first one to scan has it.

    Raises NotFromHere, ScanGone.
    """
    me = _signed_on(tx)
    row = _find(tx, scan_id, code)
    after = tx.session.first(queries_locks.SCANNED, id_=scan_id, who=me, now=tx.now)
    if after is None:
        raise ScanGone(_GONE)
    tx.audit("scan.read", "staff", me, workstation=row.workstation)
    return ScanView.model_validate(after)


def decide_scan(tx: Tx, scan_id: UUID, *, agree: bool, end_others: bool) -> Onward[ScanView]:
    """Agree that the workstation is signed on in one's own name, or refuse. To agree, the password must have been given
    within the last five minutes.

    Bounds of a sign-on hold as everywhere: `beyond` refuse leaves no room, confirm wants `end_others`, displace ends
    the oldest. Raises NotFromHere, ScanGone, FreshSignOnRequired, AccountShut, SignOnNotAllowed, SessionLimitReached,
    RealmOutOfReach.
    """
    me = _signed_on(tx)
    row = tx.session.first(queries_locks.SCAN, scan_id=scan_id, campus=tx.campus)
    if row is None or row.staff_id != me or row.state != "scanned" or row.expires_at <= tx.now:
        raise ScanGone(_GONE)
    if not agree:
        decided = _decide(tx, scan_id, me, "refused")
        return Onward(decided, lambda steps: decided)
    tx.actor.require_fresh_sign_on(tx.now)
    if shut_out_now(tx, me):
        raise AccountShut("账号已冻结或已停用，不能登录，请联系信息科。")
    posts = posts_now(tx, me)
    if (refusal := refusal_now(tx, posts)) is not None:
        raise SignOnNotAllowed(refusal)
    policy = rules_bounds.policy_of(posts, settled(tx))
    tx.audit("scan.deciding", "staff", me, workstation=row.workstation)

    def go_on(steps: Steps) -> ScanView:
        if policy.beyond != "displace":
            make_room(steps, me, policy, end_others=end_others)
        return steps.step(lambda tx: _decide(tx, scan_id, me, "agreed"))

    return Onward(ScanView.model_validate(row), go_on)


def collect_scan(tx: Tx, scan_id: UUID, code: str) -> Onward[TokensView]:
    """The workstation that showed the code asks whether it was agreed to, and gets the session, once.

    Raises NotFromHere, ScanGone, ScanNotAgreed (ask again), ScanRefused, AccountShut, SignOnNotAllowed,
    RealmOutOfReach.
    """
    _workstation(tx)
    row = _find(tx, scan_id, code)
    if row.workstation != tx.actor.name or row.state == "used" or row.expires_at <= tx.now:
        raise ScanGone(_GONE)
    if row.state == "refused":
        raise ScanRefused("手机上已拒绝本次登录；需要登录的请刷新二维码重新扫描，或用胸卡登录。")
    if row.state in {"shown", "scanned"}:
        raise ScanNotAgreed("请用手机扫描二维码并确认登录。", state=row.state)
    staff_id = tx.session.first(queries_locks.USE_SCAN, id_=scan_id, now=tx.now)
    if staff_id is None:
        raise ScanGone(_GONE)
    return change_over(tx, staff_id, "scan")


# -- inside


def _hash(code: str) -> bytes:
    return hashlib.sha256(code.encode()).digest()


def _find(tx: Tx, scan_id: UUID, code: str) -> ScannedSignOn:
    row = tx.session.first(queries_locks.SCAN, scan_id=scan_id, campus=tx.campus)
    if row is None or not hmac.compare_digest(row.code_hash, _hash(code)):
        raise ScanGone(_GONE)
    return row


def _decide(tx: Tx, scan_id: UUID, me: UUID, decision: str) -> ScanView:
    after = tx.session.first(queries_locks.DECIDE, id_=scan_id, who=me, decision=decision, now=tx.now)
    if after is None:
        raise ScanGone(_GONE)
    tx.audit(f"scan.{decision}", "staff", me, workstation=after.workstation)
    return ScanView.model_validate(after)


def make_room(steps: Steps, me: UUID, policy: rules_bounds.Policy, *, end_others: bool) -> None:
    """Whether one session more is allowed; the oldest ends once the workstation has collected (`admit_here`)."""
    running = directory.Directory().sessions_of(str(me))
    told = steps.step(lambda tx: told_already(tx, [one.session_id for one in running]))
    free = [one for one in running if one.session_id not in told]
    if len(free) < policy.max_sessions:
        return
    if policy.beyond == "refuse":
        raise SessionLimitReached(
            "同时在线数已满，不能再登录。请先在原电脑退出，再重新扫码。", max_sessions=policy.max_sessions, others=[]
        )
    if not end_others:
        raise SessionLimitReached(
            "您的账号已在其他设备登录。确认结束最早的会话的，请再次提交并选择“结束其他会话”。",
            max_sessions=policy.max_sessions,
            others=[
                {"address": one.address, "started_at": one.started_at.astimezone(SHANGHAI).isoformat()} for one in free
            ],
        )


def _workstation(tx: Tx) -> None:
    if tx.actor.posts_at(tx.campus) != {"device:workstation"}:
        raise NotFromHere("扫码登录只能在登记的共用工作站使用。")


def _signed_on(tx: Tx) -> UUID:
    """Only a sign-on of one's own vouches for another: no chain of badges and scans."""
    if tx.actor.staff_id is None or tx.actor.signed_on_at is None:
        raise NotFromHere("请先在手机上用工号和密码登录，再扫码。")
    return tx.actor.staff_id
