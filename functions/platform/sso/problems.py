"""Refusals of sign-on."""

from typing import ClassVar

from shared.identity.problems import IdentityUnavailable
from shared.problems import NotFound, Problem


class RealmOutOfReach(IdentityUnavailable):
    """The realm does not answer: what was decided stands and is told as soon as it does (待同步)."""

    code = "realm_out_of_reach"
    title = "认证服务不可用"


class WeChatOutOfReach(Problem):
    status = 503
    code = "wechat_out_of_reach"
    title = "微信登录暂不可用"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "5"}


class WeChatCodeRefused(Problem):
    """The code was used before, is older than five minutes, or never came from WeChat."""

    status = 401
    code = "wechat_code_refused"
    title = "微信登录凭证无效"
    traced = True


class NotFromHere(Problem):
    """Only the mini-program's gateway signs patients on, only a shared workstation changes users."""

    status = 403
    code = "wrong_caller"
    title = "此处不能登录"
    traced = True


class SwitchedOff(Problem):
    status = 409
    code = "feature_switched_off"
    title = "功能未开启"


class RealNameMismatch(Problem):
    """One answer for every difference, so that nobody learns which part was right."""

    code = "real_name_mismatch"
    title = "实名信息不一致"
    traced = True


class BoundAlready(Problem):
    status = 409
    code = "person_bound"
    title = "已绑定该就诊人"
    constraint = "uq_account_links_open"
    constraint_detail = "该就诊人已在您的名下，无需重复绑定。"


class SelfBound(Problem):
    status = 409
    code = "self_bound"
    title = "本人已绑定"
    constraint = "uq_account_links_self"
    constraint_detail = "此微信已绑定本人；一个微信只能绑定一名本人，请先解除再绑定。"


class SelfMissing(Problem):
    status = 409
    code = "self_not_bound"
    title = "请先绑定本人"


class GuardianProofMissing(Problem):
    """The index knows no guardianship of the account's owner over this child."""

    code = "guardian_proof_missing"
    title = "缺少监护关系证明"
    traced = True


class TooManyPersons(Problem):
    code = "too_many_persons"
    title = "绑定人数已满"


class LinkNotFound(NotFound):
    code = "link_not_found"
    title = "没有这个绑定"


class NoAccount(NotFound):
    code = "no_patient_account"
    title = "没有患者账号"


class BadgeRefused(Problem):
    """Unknown card, wrong PIN, ended card: one answer for all."""

    status = 401
    code = "badge_refused"
    title = "胸卡或口令不正确"


class BadgeLocked(Problem):
    status = 423
    code = "badge_locked"
    title = "胸卡已锁定"


class BadgeTaken(Problem):
    status = 409
    code = "badge_taken"
    title = "胸卡已发放"
    constraint = "uq_badges_card"
    constraint_detail = "此胸卡已发给他人，请先收回再发放。"


class AccountNotHere(NotFound):
    """The account of a person of another campus, or one the realm has not been told of yet."""

    code = "account_not_here"
    title = "没有这个账号"


class BadgeHeld(Problem):
    status = 409
    code = "badge_held"
    title = "该职工已有胸卡"
    constraint = "uq_badges_staff"
    constraint_detail = "该职工已有在用胸卡，请先停用旧卡。"


class BadgeNotFound(NotFound):
    code = "badge_not_found"
    title = "没有在用胸卡"


class WeakPin(Problem):
    code = "weak_pin"
    title = "口令过于简单"


class DeviceNotFound(NotFound):
    code = "device_not_found"
    title = "没有这个设备"


class DeviceCodeTaken(Problem):
    status = 409
    code = "device_code_taken"
    title = "设备代码已使用"
    constraint = "uq_devices_campus_id_code"
    constraint_detail = "本院区已有此设备代码；代码不重复使用，请换一个。"


class DeviceEnded(Problem):
    status = 409
    code = "device_ended"
    title = "设备已停用"


class PartnerNotFound(NotFound):
    code = "partner_not_found"
    title = "没有这个第三方系统"


class PartnerCodeTaken(Problem):
    status = 409
    code = "partner_code_taken"
    title = "系统代码已使用"
    constraint = "uq_partners_code"
    constraint_detail = "已有此第三方系统代码；代码不重复使用，请换一个。"


class EntityTaken(Problem):
    status = 409
    code = "entity_taken"
    title = "实体标识已使用"
    constraint = "uq_partners_entity_id"
    constraint_detail = "已有在用的第三方系统使用此实体标识（entityID），请核对；换新登记的先停用旧的。"


class EmergencyOpen(Problem):
    status = 409
    code = "emergency_open"
    title = "应急账号已在使用"
    constraint = "uq_emergency_accesses_open"
    constraint_detail = "本院区的应急账号已申请或已开启，请先封存。"


class EmergencyState(Problem):
    status = 409
    code = "emergency_state"
    title = "应急账号状态不符"


class SessionLimitReached(Problem):
    """`others` lists the running sessions; with the person's consent the command is sent again."""

    status = 409
    code = "session_limit_reached"
    title = "同时在线数已满"


class SignOnNotAllowed(Problem):
    """The post may not sign on at this hour, from this network, or without a second factor."""

    status = 403
    code = "sign_on_not_allowed"
    title = "现在或此处不能登录"
    traced = True


class AccountShut(Problem):
    """Frozen or gone: a badge, a scan, a locked screen open nothing any more."""

    status = 403
    code = "account_shut"
    title = "账号已停用"


class SessionLocked(Problem):
    """The screen is locked: the session opens nothing until it is unlocked."""

    status = 423
    code = "session_locked"
    title = "屏幕已锁定"


class LockedMeanwhile(Problem):
    """Key and idle timer at the same moment: one of them locked."""

    status = 409
    code = "screen_locked_meanwhile"
    title = "屏幕刚刚已锁定"
    constraint = "uq_screen_locks_open"
    constraint_detail = "此会话刚刚已锁定，请直接解锁。"


class WorkstationLockedMeanwhile(LockedMeanwhile):
    """Another session was locked at this workstation at the same moment."""

    constraint = "uq_screen_locks_workstation"
    constraint_detail = "此工作站刚刚已锁定，请刷新锁屏界面。"


class NotLocked(NotFound):
    code = "screen_not_locked"
    title = "没有锁屏"


class NobodyHere(Problem):
    status = 409
    code = "workstation_empty"
    title = "工作站没有人登录"


class UnlockRefused(Problem):
    """Wrong PIN, another person's card, no sign-on since the lock."""

    status = 401
    code = "unlock_refused"
    title = "未能解锁"


class LockExpired(Problem):
    status = 409
    code = "lock_expired"
    title = "锁屏时间过长，会话已结束"


class ScanGone(Problem):
    """Older than two minutes, used, of another workstation or campus, scanned by somebody else: one answer for all."""

    status = 409
    code = "scan_gone"
    title = "二维码已失效"


class ScanNotAgreed(Problem):
    """Nobody has agreed yet: ask again."""

    status = 409
    code = "scan_not_agreed"
    title = "手机尚未确认"


class ScanRefused(Problem):
    status = 409
    code = "scan_refused"
    title = "手机已拒绝登录"


class LoginArchiveNotFound(NotFound):
    code = "login_archive_not_found"
    title = "该月登录记录没有归档"


class LoginArchiveDamaged(Problem):
    """The sealed file is not the one that was written: evidence is missing, and somebody has to know."""

    status = 409
    code = "login_archive_damaged"
    title = "归档文件与封存不符"


class PolicyNotFound(NotFound):
    code = "session_policy_not_found"
    title = "没有这条在线数规定"


class PolicySetMeanwhile(Problem):
    status = 409
    code = "session_policy_set_meanwhile"
    title = "在线数规定已被他人修改"
    constraint = "uq_session_policies_open"
    constraint_detail = "该对象的在线数规定刚被他人修改，请刷新后重新设置。"


class RuleNotFound(NotFound):
    code = "sign_on_rule_not_found"
    title = "没有这条登录限制"


class NotBindable(Problem):
    """Bounds on those who set them would shut everybody out the first time they are wrong."""

    code = "post_not_bindable"
    title = "该岗位不能限制登录"
