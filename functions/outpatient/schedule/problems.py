"""Refusals of the clinic schedule."""

from typing import ClassVar

from shared.problems import Problem


class PlanInvalid(Problem):
    status = 422
    code = "session_plan_invalid"
    title = "班次安排有误"


class PlanHasErrors(Problem):
    """`findings` lists what is wrong with which session."""

    status = 409
    code = "schedule_has_errors"
    title = "排班检查未通过"


class PublishConflict(Problem):
    """Somebody else took the step first; `sessions` lists what differs."""

    status = 409
    code = "schedule_changed"
    title = "排班已被他人处理"


class SessionStateWrong(Problem):
    status = 409
    code = "session_state_wrong"
    title = "班次当前状态不允许此操作"


class SessionFull(Problem):
    """`alternatives` are sessions of the same standard clinic with numbers left, at any campus."""

    status = 409
    code = "session_full"
    title = "号已约满"


class SessionNotOnSale(Problem):
    status = 409
    code = "session_not_on_sale"
    title = "该班次不在售号"


class PoolFrozen(Problem):
    status = 409
    code = "pool_frozen"
    title = "院区应急期间暂停线上售号"


class HoldLost(Problem):
    """`bands` are what is still free in the session."""

    status = 409
    code = "hold_lost"
    title = "占号已失效"


class DoctorBusy(Problem):
    status = 409
    code = "doctor_session_overlap"
    title = "医生班次重叠"
    constraint = "ex_sessions_doctor"
    constraint_detail = "该医生在这一时间已有发布的班次，请改期或改派其他医生。"


class TravelTooShort(Problem):
    status = 409
    code = "doctor_travel_too_short"
    title = "跨院区路程时间不足"
    constraint = "ex_sessions_travel"
    constraint_detail = "该医生当日在其他院区另有班次，两个班次之间须留足 45 分钟路程，请调整时间或改派其他医生。"


class RoomBusy(Problem):
    status = 409
    code = "room_session_overlap"
    title = "诊室班次重叠"
    constraint = "ex_sessions_room"
    constraint_detail = "该诊室在这一时间已有发布的班次，请改用其他诊室或诊台。"


class TemplateUsed(Problem):
    status = 409
    code = "template_day_generated"
    title = "该日班次已生成"
    constraint = "uq_sessions_template_day"
    constraint_detail = "该模板当日的班次刚由他人生成，请刷新后核对。"


class ClinicCodeTaken(Problem):
    status = 409
    code = "clinic_code_taken"
    title = "门诊代码已使用"
    constraint = "uq_clinics_campus_id_code"
    constraint_detail = "本院区已有相同代码的门诊，请核对或改用其他代码。"


class TemplateOverlaps(Problem):
    """`templates` names both."""

    status = 409
    code = "template_overlaps"
    title = "排班模板重叠"


class QuotaTooSmall(Problem):
    status = 409
    code = "quota_too_small"
    title = "可调配的号不足"


class ExtraCapReached(Problem):
    status = 409
    code = "extra_cap_reached"
    title = "加号已达上限"


class ExtraForPatientExists(Problem):
    status = 409
    code = "extra_exists"
    title = "已为该患者加号"


class ExtraRace(Problem):
    status = 409
    code = "extra_race"
    title = "加号冲突"
    constraint = "uq_slots_extra"
    constraint_detail = "刚有其他人员在同一班次加号，请重新提交。"


class GradePriceMissing(Problem):
    status = 422
    code = "grade_price_missing"
    title = "未设置替诊级别的诊查费"


class RequestStateWrong(Problem):
    status = 409
    code = "schedule_request_state_wrong"
    title = "申请已处理"


class NotYourSession(Problem):
    status = 403
    code = "not_your_session"
    title = "不是本人的班次"
    traced: ClassVar[bool] = True


class FreezeExists(Problem):
    status = 409
    code = "pool_already_frozen"
    title = "当日号源已冻结"
    constraint = "uq_pool_freezes_day"
    constraint_detail = "本院区当日号源已经冻结，无需重复操作。"


class ProfileRace(Problem):
    status = 409
    code = "profile_approved_meanwhile"
    title = "医生介绍已更新"
    constraint = "uq_doctor_profiles_approved"
    constraint_detail = "该医生的介绍刚由他人审核通过，请刷新后核对。"


class CorrectionInvalid(Problem):
    status = 422
    code = "attendance_correction_invalid"
    title = "考勤更正有误"


class CorrectionWaiting(Problem):
    status = 409
    code = "attendance_correction_waiting"
    title = "已有待审批的考勤更正"
    constraint = "uq_attendance_corrections_waiting"
    constraint_detail = "该班次已有一条考勤更正等待审批，请先审批再申请。"


class CorrectionDecided(Problem):
    status = 409
    code = "attendance_correction_decided"
    title = "考勤更正已审批"
