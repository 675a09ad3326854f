"""Refusals about licences, privileges, delegations and signatures."""

from shared.problems import Problem


class LicenceInvalid(Problem):
    code = "licence_invalid"
    title = "执业证书内容不正确"


class LicenceNotFound(Problem):
    status = 404
    code = "licence_not_found"
    title = "没有这份证书"


class LicenceNumberTaken(Problem):
    code = "licence_number_taken"
    title = "证书编号已属于他人"
    traced = True
    constraint = "ex_licences_number"
    constraint_detail = "该证书编号已登记在另一位职工名下，请核对证书原件。"


class LicenceOverlaps(Problem):
    status = 409
    code = "licence_overlaps"
    title = "证书有效期重叠"
    constraint = "ex_licences_period"
    constraint_detail = "该证书在此期间已登记，请刷新后核对；续期请从原有效期届满次日起登记。"


class LicenceOver(Problem):
    status = 409
    code = "licence_over"
    title = "该证书已失效或已更正"


class PracticePlaceOverlaps(Problem):
    status = 409
    code = "practice_place_overlaps"
    title = "执业地点已登记"
    constraint = "ex_licence_places_period"
    constraint_detail = "该证书在此期间已登记过这个执业院区，请刷新后核对。"


class LicenceMissing(Problem):
    """A post or a privilege rests on a licence the person does not have."""

    code = "licence_missing"
    title = "缺少所需的执业证书"


class PrivilegeUnknown(Problem):
    code = "privilege_unknown"
    title = "没有这种权限"


class PrivilegeNotEarned(Problem):
    code = "privilege_not_earned"
    title = "不符合授权条件"


class PrivilegeNotFound(Problem):
    status = 404
    code = "privilege_not_found"
    title = "没有这项权限"


class PrivilegeHeld(Problem):
    status = 409
    code = "privilege_held_already"
    title = "已有此权限"
    constraint = "ex_privileges_period"
    constraint_detail = "该职工在此期间已有同类同级权限，请先收回或从期满之日起授予。"


class PrivilegeOver(Problem):
    status = 409
    code = "privilege_over"
    title = "该权限已收回或到期"


class PrivilegeSuspendedAlready(Problem):
    status = 409
    code = "privilege_suspended_already"
    title = "该权限已暂停"
    constraint = "ex_privilege_suspensions_period"
    constraint_detail = "该权限在此期间已暂停，请刷新后核对。"


class PrivilegeNotSuspended(Problem):
    status = 409
    code = "privilege_not_suspended"
    title = "该权限没有暂停"


class NotPrivileged(Problem):
    """What an executing module answers when a person may not do this now; the attempt is kept."""

    status = 403
    code = "not_privileged"
    title = "没有此项权限"
    traced = True


class DelegationInvalid(Problem):
    code = "delegation_invalid"
    title = "代班内容不正确"


class DelegationNotFound(Problem):
    status = 404
    code = "delegation_not_found"
    title = "没有这条代班"


class DelegationOver(Problem):
    status = 409
    code = "delegation_over"
    title = "该代班已结束"


class DelegationOverlaps(Problem):
    status = 409
    code = "delegation_overlaps"
    title = "代班时间重叠"
    constraint = "ex_delegations_post"
    constraint_detail = "该职工在此期间已代此岗位，请调整起止时间。"


class StaffCodeTaken(Problem):
    status = 409
    code = "staff_code_taken"
    title = "该代码已属于他人"
    constraint = "ex_staff_codes_code"
    constraint_detail = "该代码已登记在另一位职工名下，请核对。"


class StaffCodeOverlaps(Problem):
    status = 409
    code = "staff_code_overlaps"
    title = "代码时间重叠"
    constraint = "ex_staff_codes_period"
    constraint_detail = "该职工在此期间已有此类代码，请刷新后核对。"


class SignatureInvalid(Problem):
    code = "signature_invalid"
    title = "签名图样不正确"


class SignatureNotFound(Problem):
    status = 404
    code = "signature_not_found"
    title = "没有签名留样"


class SignatureOverlaps(Problem):
    status = 409
    code = "signature_overlaps"
    title = "签名留样正在更换"
    constraint = "ex_signature_specimens_period"
    constraint_detail = "该职工的签名留样刚被更换，请刷新后核对。"


class NotYourPost(Problem):
    code = "not_your_post"
    title = "当前没有这个岗位"
