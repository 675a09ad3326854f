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


class QuantityTooLarge(Problem):
    status = 422
    code = "quantity_too_large"
    title = "超过项目的数量限制"


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


class TenderNotConnected(Problem):
    status = 422
    code = "tender_not_connected"
    title = "该支付方式尚未接通"


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


class LineExecuted(Problem):
    """The line was carried out; who and when stand in the extensions."""

    status = 422
    code = "line_executed"
    title = "项目已执行"


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


class PrepaymentStopped(Problem):
    """国卫办财务发〔2025〕5号: outpatient prepayments ended on 2025-03-31 but for the courses the notice names."""

    status = 422
    code = "outpatient_prepayment_stopped"
    title = "已停止收取门诊预交金"


class CoursePrepaymentClosed(Problem):
    status = 422
    code = "course_prepayment_closed"
    title = "疗程预交尚未开通"
