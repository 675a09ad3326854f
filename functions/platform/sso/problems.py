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
