"""Refusals of the gateway."""

from typing import ClassVar

from shared.problems import Problem


class AmountInvalid(Problem):
    status = 422
    code = "payment_amount_invalid"
    title = "支付金额有误"


class PaymentCodeUnknown(Problem):
    status = 422
    code = "payment_code_unknown"
    title = "付款码无法识别"


class OrderInvalid(Problem):
    status = 422
    code = "payment_order_invalid"
    title = "支付请求有误"


class ChannelNotOpen(Problem):
    status = 422
    code = "payment_channel_not_open"
    title = "本院区未开通该支付方式"


class MerchantOfOtherCampus(Problem):
    """分院独立核算: a campus is paid on its own merchant only."""

    status = 422
    code = "merchant_of_other_campus"
    title = "商户号不属于本院区"


class ChannelPausedProblem(Problem):
    status = 503
    code = "payment_channel_paused"
    title = "支付渠道暂停使用"


class LimitExceeded(Problem):
    status = 422
    code = "payment_limit_exceeded"
    title = "超过支付限额"


class PaymentUnderWay(Problem):
    status = 409
    code = "payment_under_way"
    title = "该费用正在支付"
    constraint = "uq_gateway_payments_open"
    constraint_detail = "该费用刚由另一窗口或手机发起支付，请稍候查看结果，不要重复收款。"


class ChannelNumberTaken(Problem):
    status = 409
    code = "payment_channel_number_taken"
    title = "渠道流水号已登记"
    constraint = "uq_gateway_payments_channel_no"
    constraint_detail = "该流水号已登记在另一笔支付上，请核对凭条或银行回单，不要重复入账。"


class NotPaid(Problem):
    status = 409
    code = "payment_not_paid"
    title = "该笔支付未成功"


class NotOpen(Problem):
    status = 409
    code = "payment_not_open"
    title = "该笔支付已有结果"


class NotLate(Problem):
    status = 409
    code = "payment_not_late"
    title = "不是关单后到账的支付"


class RefundTooMuch(Problem):
    status = 409
    code = "payment_refund_too_much"
    title = "退款超过已付金额"
    traced = True


class RefundDiffers(Problem):
    status = 409
    code = "payment_refund_differs"
    title = "该退款已按其他金额提交"


class RefundTooLate(Problem):
    status = 422
    code = "payment_refund_too_late"
    title = "超过原路退款期限"


class TooManyRefunds(Problem):
    status = 422
    code = "payment_too_many_refunds"
    title = "部分退款次数已满"


class RefundNotHere(Problem):
    status = 409
    code = "payment_refund_not_here"
    title = "该退款当前不能办理此操作"


class NotATerminalPayment(Problem):
    status = 422
    code = "not_a_terminal_payment"
    title = "不是刷卡支付"


class CardNotMasked(Problem):
    status = 422
    code = "card_not_masked"
    title = "卡号未脱敏"


class ResultDiffers(Problem):
    status = 422
    code = "payment_result_differs"
    title = "结果与订单不符"
    traced = True


class TerminalSettled(Problem):
    status = 409
    code = "terminal_batch_settled"
    title = "该批次已结算"
    constraint = "uq_terminal_batches_merchant_id_terminal_batch_no"
    constraint_detail = "该终端的这一批次已经结算，请核对批次号。"


class MerchantStateWrong(Problem):
    status = 409
    code = "merchant_state_wrong"
    title = "商户当前状态不允许此操作"


class NoChangeProposed(Problem):
    status = 409
    code = "merchant_no_change"
    title = "没有待审批的变更"


class MerchantNotTested(Problem):
    status = 409
    code = "merchant_not_tested"
    title = "商户尚未通过连通测试"


class MerchantExists(Problem):
    status = 409
    code = "merchant_exists"
    title = "该商户号已登记"
    constraint = "uq_merchants_channel_merchant_no"
    constraint_detail = "该渠道的这一商户号已登记，请在原记录上操作。"


class KeyRefInvalid(Problem):
    status = 422
    code = "key_reference_invalid"
    title = "密钥引用无效"


class KeyMissing(Problem):
    status = 503
    code = "merchant_key_missing"
    title = "商户密钥不可用"


class CertificatesJustAsked(Problem):
    status = 429
    code = "certificates_just_asked"
    title = "刚刚下载过平台证书"
    headers: ClassVar[dict[str, str]] = {"Retry-After": "60"}


class NothingTrusted(Problem):
    """Without a key or certificate of the channel no answer could be believed."""

    status = 409
    code = "nothing_trusted"
    title = "没有可用的验签公钥"


class NotConfirmed(Problem):
    """What a channel sent does not bear its signature."""

    status = 401
    code = "notification_not_believed"
    title = "通知来源无法确认"


class AlarmAcknowledged(Problem):
    """Somebody else looked into it before; what was found comes with it."""

    status = 409
    code = "forgery_alarm_acknowledged"
    title = "该告警已核实"


class SerialUnknown(NotConfirmed):
    """What a channel sent bears the serial of a key we do not know yet: its certificates may have been exchanged."""
