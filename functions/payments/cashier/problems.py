"""Refusals of the cashier."""

from shared.problems import Problem


class NoOpenShift(Problem):
    status = 409
    code = "no_open_shift"
    title = "尚未签到"


class ShiftAlreadyOpen(Problem):
    status = 409
    code = "shift_already_open"
    title = "已有未结班次"
    constraint = "uq_shifts_unfinished_cashier"
    constraint_detail = "您还有一个班次未日结，请先完成该班次的日结再签到。"


class CounterOccupied(Problem):
    status = 409
    code = "counter_occupied"
    title = "窗口正在使用"
    constraint = "uq_shifts_unfinished_counter"
    constraint_detail = "该窗口已有收费员签到且未日结，请换窗口，或由收费组长接管后再签到。"


class NotACounter(Problem):
    status = 422
    code = "not_a_counter"
    title = "不是收费窗口"


class ShiftNotOpen(Problem):
    status = 409
    code = "shift_not_open"
    title = "班次已停止收款"


class ShiftLocked(Problem):
    status = 423
    code = "shift_locked"
    title = "窗口已锁定"


class NotYourShift(Problem):
    status = 403
    code = "not_your_shift"
    title = "不是您的班次"


class CashInsufficient(Problem):
    status = 422
    code = "cash_insufficient"
    title = "钱箱现金不足"
    constraint = "ck_shifts_drawer"
    constraint_detail = "钱箱内现金不够支付该金额，请核对金额，或改由其他窗口办理。"


class CashNotTaken(Problem):
    status = 422
    code = "cash_not_taken"
    title = "该渠道不收现金"


class DenominationUnknown(Problem):
    status = 422
    code = "denomination_unknown"
    title = "面值不存在"


class CountDiffers(Problem):
    status = 422
    code = "hand_in_amount_differs"
    title = "券别合计与金额不符"


class NotCounting(Problem):
    status = 409
    code = "shift_not_counting"
    title = "班次不在点款状态"


class CountFirst(Problem):
    status = 409
    code = "count_first"
    title = "请先点款"


class NoMoreCounts(Problem):
    status = 409
    code = "no_more_counts"
    title = "点款次数已用完"


class ReasonMissing(Problem):
    status = 422
    code = "difference_reason_missing"
    title = "长短款须说明原因"


class NoDifference(Problem):
    status = 409
    code = "no_difference"
    title = "没有长短款"


class DifferenceUnconfirmed(Problem):
    status = 409
    code = "difference_unconfirmed"
    title = "长短款尚未确认"


class ReceivedAmountDiffers(Problem):
    status = 422
    code = "received_amount_differs"
    title = "收款金额不符"


class FloatPieces(Problem):
    status = 422
    code = "float_pieces_differ"
    title = "留存备用金券别不符"
