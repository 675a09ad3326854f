"""Refusals of billing."""

from shared.problems import NotFound, Problem


class ChargeUnknown(NotFound):
    code = "charge_unknown"
    title = "没有这笔费用"


class SettlementUnknown(NotFound):
    code = "settlement_unknown"
    title = "没有这张结算单"


class RefundUnknown(NotFound):
    code = "refund_unknown"
    title = "没有这张退费单"


class DebtUnknown(NotFound):
    code = "debt_unknown"
    title = "没有这笔欠费"


class ChargeRepeated(Problem):
    status = 409
    code = "charge_repeated"
    title = "费用已记过"
    constraint = "uq_charges_source_module_source_id_source_line"
    constraint_detail = "该项目的费用已经记过，请勿重复记费；请刷新后核对费用清单。"


class NothingToCharge(Problem):
    status = 422
    code = "nothing_to_charge"
    title = "没有收费项目"


class NotDirectEntry(Problem):
    status = 422
    code = "not_direct_entry"
    title = "收费处不可录入"


class ChargeNotVoidable(Problem):
    status = 409
    code = "charge_not_voidable"
    title = "费用不能作废"


class ChargeHeld(Problem):
    """Somebody else is settling the charge: who, where and since when stand in the extensions."""

    status = 423
    code = "charge_held"
    title = "费用正在结算"


class ChargeNotOpen(Problem):
    status = 409
    code = "charge_not_open"
    title = "费用不在待缴状态"


class ChargeExpired(Problem):
    status = 422
    code = "charge_expired"
    title = "费用已过缴费期限"


class PaidTwice(Problem):
    status = 409
    code = "charge_settled_already"
    title = "费用已在其他结算单中"
    constraint = "uq_settlement_lines_charge"
    constraint_detail = "所选费用已在其他结算单中，请刷新待缴清单后重新结算。"


class SeveralPatients(Problem):
    status = 422
    code = "several_patients"
    title = "不能合并结算"


class PriceChanged(Problem):
    """The total is not what the cashier saw; the new preview stands in the extensions."""

    status = 409
    code = "price_changed"
    title = "价格已变"


class TenderElsewhere(Problem):
    """The means is not one a single request at a window can prove: electronic money comes in steps, insurance by 21."""

    status = 422
    code = "tender_elsewhere"
    title = "该支付方式不能直接录入"


class PaymentUnderway(Problem):
    """A channel's answer is awaited; order number and means stand in the extensions."""

    status = 409
    code = "payment_underway"
    title = "支付结果确认中"


class TenderNotPending(Problem):
    status = 409
    code = "tender_not_pending"
    title = "该笔支付已有结果"


class InsuranceUnderway(Problem):
    """The insurer has answered, or is asked: only the insurer's undoing (2208) gives the settlement up."""

    status = 409
    code = "insurance_underway"
    title = "医保结算处理中"


class InsuranceStep(Problem):
    status = 409
    code = "insurance_step_refused"
    title = "医保步骤与结算状态不符"


class InsuredSettlement(Problem):
    status = 409
    code = "insured_settlement"
    title = "医保结算须整单冲正"


class DebtFirst(Problem):
    status = 409
    code = "debt_first"
    title = "请先结清欠费"


class TenderIncomplete(Problem):
    status = 422
    code = "tender_incomplete"
    title = "支付信息不全"


class TendersDiffer(Problem):
    status = 422
    code = "tenders_differ"
    title = "支付金额与应收不符"


class CashComesLast(Problem):
    status = 422
    code = "cash_comes_last"
    title = "现金须最后收取"


class CashShort(Problem):
    status = 422
    code = "cash_short"
    title = "实收现金不足"


class SettlementNotOpen(Problem):
    status = 409
    code = "settlement_not_open"
    title = "结算单已结束"


class SettlementHeld(Problem):
    status = 423
    code = "settlement_held"
    title = "他人正在办理该结算"


class NotRefundable(Problem):
    status = 422
    code = "not_refundable"
    title = "不能退费"


class RefundChanged(Problem):
    """Something beside the lines of a refund changed after it was asked for, and with it what the refund comes to."""

    status = 409
    code = "refund_changed"
    title = "退费金额已变"


class LineExecuted(Problem):
    """The line was carried out; who and when stand in the extensions."""

    status = 422
    code = "line_executed"
    title = "项目已执行"
    traced = True


class LineBeingRefunded(Problem):
    status = 409
    code = "line_being_refunded"
    title = "该项目正在退费"


class RefundNeedsApproval(Problem):
    """The refund must be requested and approved first; the level needed stands in the extensions."""

    status = 409
    code = "refund_needs_approval"
    title = "退费须先审批"


class RefundNotWaiting(Problem):
    status = 409
    code = "refund_not_waiting"
    title = "退费单状态已变"


class FinanceDecides(Problem):
    status = 403
    code = "finance_decides"
    title = "须由财务审批"


class DebtSettledAlready(Problem):
    status = 409
    code = "debt_not_open"
    title = "欠费已结清"


class DebtOverpaid(Problem):
    status = 422
    code = "debt_overpaid"
    title = "补缴金额超过欠费"


class ExecutionRefused(Problem):
    status = 409
    code = "execution_refused"
    title = "费用状态不允许执行"


class ChannelRefundUnknown(NotFound):
    code = "billing_refund_order_unknown"
    title = "没有这笔退款"


class ChannelRefundNotFailed(Problem):
    status = 409
    code = "billing_refund_order_not_failed"
    title = "该笔退款无须重新提交"


class CashNotAllowed(Problem):
    status = 409
    code = "cash_not_allowed"
    title = "改退现金须先由财务批准"


class WriteOffUnknown(NotFound):
    code = "write_off_unknown"
    title = "没有这份核销申请"


class WriteOffWaiting(Problem):
    status = 409
    code = "write_off_waiting"
    title = "该欠费已有核销申请"
    constraint = "uq_debt_write_offs_waiting"
    constraint_detail = "该欠费已有一份核销申请在办，请先完成或驳回。"


class WriteOffDecided(Problem):
    status = 409
    code = "write_off_decided"
    title = "核销申请状态已变"


class ReceiptUnknown(NotFound):
    code = "receipt_unknown"
    title = "没有这张票据"


class ReceiptNotReady(Problem):
    status = 409
    code = "receipt_not_ready"
    title = "电子票据尚未开具"


class PaperUsed(Problem):
    status = 409
    code = "paper_used"
    title = "纸质票号已用"
    constraint = "uq_paper_receipts_campus_id_paper_no"
    constraint_detail = "该纸质票号已登记过，请核对票号；损坏的请先登记作废后换下一张。"


class PaperOutOfRange(Problem):
    status = 422
    code = "paper_out_of_range"
    title = "纸质票号不在本班领用范围"


class PaperIssued(Problem):
    status = 409
    code = "paper_issued"
    title = "已换开纸质票据"
    constraint = "uq_paper_receipts_valid"
    constraint_detail = "该电子票据已换开纸质票据，不能重复换开；纸质损坏的请先作废再换开。"


class JobNotRefused(Problem):
    status = 409
    code = "receipt_job_not_refused"
    title = "该票据任务无须重试"


class CorrectionUnknown(NotFound):
    code = "price_correction_unknown"
    title = "没有这次价格更正"


class PrepaymentStopped(Problem):
    """国卫办财务发〔2025〕5号: outpatient prepayments ended on 2025-03-31 but for the courses the notice names."""

    status = 422
    code = "outpatient_prepayment_stopped"
    title = "已停止收取门诊预交金"


class CourseUnknown(NotFound):
    code = "course_unknown"
    title = "没有这个疗程预交"


class CourseClosed(Problem):
    status = 409
    code = "course_closed"
    title = "疗程预交已结束"


class CourseOverpaid(Problem):
    status = 422
    code = "course_overpaid"
    title = "超过疗程计划金额"
    constraint = "ck_course_prepayments_planned"
    constraint_detail = "预交合计不能超过疗程计划金额，请核对金额。"


class CourseInsufficient(Problem):
    status = 422
    code = "course_insufficient"
    title = "疗程预交余额不足"


class LegacyUnknown(NotFound):
    code = "legacy_balance_unknown"
    title = "没有这张卡的存量余额"


class LegacyRepeated(Problem):
    status = 409
    code = "legacy_balance_repeated"
    title = "存量余额已登记"
    constraint = "uq_legacy_balances_campus_id_card_no"
    constraint_detail = "有卡号的存量余额已登记过，请核对后只提交未登记的卡。"


class LegacyCleared(Problem):
    status = 409
    code = "legacy_balance_cleared"
    title = "存量余额已清退"
