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


class ReceiptRangeInvalid(Problem):
    status = 422
    code = "receipt_range_invalid"
    title = "票据号段有误"


class ReceiptRangeTaken(Problem):
    status = 409
    code = "receipt_range_taken"
    title = "票据号段已被领用"


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


class FloatPending(Problem):
    status = 409
    code = "float_change_waiting"
    title = "有备用金增减未确认"
    constraint = "uq_float_changes_offered"
    constraint_detail = "该班次已有一笔备用金增减等待确认，请先确认或撤回再办理。"


class FloatChangeEnded(Problem):
    status = 409
    code = "float_change_ended"
    title = "备用金增减已办结"


class FloatAmountDiffers(Problem):
    status = 422
    code = "float_amount_differs"
    title = "备用金点收金额不符"


class FloatTooSmall(Problem):
    status = 422
    code = "float_too_small"
    title = "退还超过备用金"
    constraint = "ck_shifts_float"
    constraint_detail = "退还金额超过钱箱内的备用金；收入的现金请办理班中缴款。"


class SlipBagged(Problem):
    status = 409
    code = "slip_bagged"
    title = "缴款单已装袋"
    constraint = "uq_cash_bag_slips_slip"
    constraint_detail = "所选缴款单中有已装入其他缴款袋的，请刷新待装袋清单后重新选择。"


class SlipReceived(Problem):
    status = 409
    code = "slip_received"
    title = "缴款单已确认收款"


class SealUsed(Problem):
    status = 409
    code = "seal_used"
    title = "封签号已使用"
    constraint = "uq_cash_bags_campus_id_seal_no"
    constraint_detail = "该封签号已用过，请核对封签号码；封签不能重复使用。"


class BagAmountDiffers(Problem):
    status = 422
    code = "bag_amount_differs"
    title = "装袋金额不符"


class BagStateDiffers(Problem):
    status = 409
    code = "bag_not_ready"
    title = "缴款袋状态不符"


class BagCounted(Problem):
    status = 409
    code = "bag_counted"
    title = "缴款袋已清点"


class BagUnsettled(Problem):
    status = 409
    code = "bag_unsettled"
    title = "缴款袋尚未清点完毕"


class NothingToExplain(Problem):
    status = 409
    code = "nothing_to_explain"
    title = "没有待说明的差异"
