"""Refusals of outpatient registration: what stands against it, and what to do now."""

from shared.problems import Problem


class AlreadyRegistered(Problem):
    status = 409
    code = "already_registered"
    title = "已挂过该班次的号"
    constraint = "uq_visits_patient_session"
    constraint_detail = "该患者已挂本班次的号，如需补打凭条请用“补打”，如需换号请办理换号。"


class AlreadyInEmergency(Problem):
    status = 409
    code = "already_in_emergency"
    title = "已有未结束的急诊就诊"
    constraint = "uq_visits_emergency"
    constraint_detail = "该患者在本急诊科室有未结束的就诊，请继续使用原就诊号；如需补打凭条请用“补打”。"


class SexNotAdmitted(Problem):
    status = 422
    code = "clinic_sex_limit"
    title = "性别不符合该门诊范围"


class AgeNotAdmitted(Problem):
    status = 422
    code = "clinic_age_limit"
    title = "年龄不符合该门诊范围"


class PatientDeceased(Problem):
    status = 422
    code = "patient_deceased"
    title = "患者已登记死亡"


class IdentityDisputed(Problem):
    status = 409
    code = "identity_dispute_open"
    title = "身份争议未了结"


class PayerInvalid(Problem):
    status = 422
    code = "payer_invalid"
    title = "费别与医保信息不符"


class PayerFixed(Problem):
    status = 409
    code = "payer_fixed"
    title = "费别不能再更正"


class VisitNotCancellable(Problem):
    status = 409
    code = "visit_not_cancellable"
    title = "当前状态不能退号"


class NoFeeToReturn(Problem):
    status = 409
    code = "no_fee_to_return"
    title = "没有可退的诊查费"


class ReleaseNeeded(Problem):
    status = 409
    code = "release_needed"
    title = "接诊后退号须先放行"


class NotReleasable(Problem):
    status = 409
    code = "visit_not_releasable"
    title = "该号不需要放行"


class VisitStateWrong(Problem):
    status = 409
    code = "visit_state_wrong"
    title = "就诊当前状态不允许此操作"


class VisitExpired(Problem):
    status = 409
    code = "visit_expired"
    title = "就诊号已过有效期"


class NotToday(Problem):
    status = 409
    code = "visit_not_today"
    title = "不是今日的号"


class OtherDoctor(Problem):
    status = 409
    code = "visit_of_other_doctor"
    title = "患者由其他医生接诊"


class FollowUpRefused(Problem):
    status = 409
    code = "follow_up_refused"
    title = "不符合续诊条件"
    constraint = "uq_visits_follow_up_of"
    constraint_detail = "该次就诊的续诊号已用过一次，本次请按普通挂号办理。"


class NumberCollected(Problem):
    status = 409
    code = "number_collected"
    title = "预约号已取"
    constraint = "uq_visits_booking"
    constraint_detail = "该预约已取号，如需补打凭条请用“补打”。"


class NumberNotBooked(Problem):
    status = 409
    code = "number_not_booked"
    title = "预约未占用此号"


class SameNumber(Problem):
    status = 409
    code = "same_session"
    title = "换号的班次未变"


class NotEmergencyClinic(Problem):
    status = 422
    code = "not_an_emergency_clinic"
    title = "不是急诊门诊"


class GreenChannelOpen(Problem):
    status = 409
    code = "green_channel_open"
    title = "绿色通道已开通"
    constraint = "pk_green_channels"
    constraint_detail = "该就诊已开通绿色通道，无需重复办理。"


class ApproverNotDoctor(Problem):
    status = 422
    code = "approver_not_a_doctor"
    title = "须由在岗医师决定"


class BraceletNotFree(Problem):
    status = 409
    code = "bracelet_not_free"
    title = "腕带不可用"


class BatchClosed(Problem):
    status = 409
    code = "bracelet_batch_closed"
    title = "该批次已结束"


class DepartmentFull(Problem):
    status = 409
    code = "department_full"
    title = "科室今日无余号"


class SlipNotRecorded(Problem):
    status = 409
    code = "slip_not_recorded"
    title = "尚未登记打印"


class OnlyAtMachine(Problem):
    status = 403
    code = "only_at_machine"
    title = "仅限自助机办理"
