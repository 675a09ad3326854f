"""Electronic payments for every module: called in the module's own transaction, carried out after it.

    payment = gateway.create_payment(tx, PaymentOrder("outpatient", "payments/billing", tender_id, amount, "wechat"))
    return Onward(view, lambda steps: view_of(gateway.carry_out(steps, payment.payment_id)))

What became of it comes by event as well (`payment_succeeded`, `payment_failed`, `payment_closed`, `refund_succeeded`,
`refund_failed`), exactly once each, whether or not the caller waited.
"""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.payments.gateway.service.certificates import download_of, fetch_now, switch_off, switch_on
    from functions.payments.gateway.service.forgeries import acknowledge_forgery, forgery_alarms
    from functions.payments.gateway.service.health import pause_channel, resume_channel
    from functions.payments.gateway.service.merchants import (
        activate_merchant,
        approve_key,
        own_merchant,
        propose_key,
        propose_merchant,
        stop_merchant,
        try_merchant,
    )
    from functions.payments.gateway.service.ordering import (
        accept_late_payment,
        carry_out,
        close_payment,
        create_payment,
        request_close,
        settle_by_asking,
    )
    from functions.payments.gateway.service.reading import payment_of, payments_of, refund_of
    from functions.payments.gateway.service.receiving import campus_of, receive
    from functions.payments.gateway.service.refunding import (
        approve_transfer,
        carry_out_refund,
        propose_transfer,
        request_refund,
    )
    from functions.payments.gateway.service.sweeping import each_minute
    from functions.payments.gateway.service.terminals import (
        enter_refund_result,
        enter_result,
        record_transfer,
        settle_terminal,
    )
    from functions.payments.gateway.service.terms import PaymentInfo, PaymentOrder, RefundInfo
    from functions.payments.gateway.service.terms_of_merchants import approve_terms, propose_terms, refuse_terms

__all__ = [
    "PaymentInfo",
    "PaymentOrder",
    "RefundInfo",
    "accept_late_payment",
    "acknowledge_forgery",
    "activate_merchant",
    "approve_key",
    "approve_terms",
    "approve_transfer",
    "campus_of",
    "carry_out",
    "carry_out_refund",
    "close_payment",
    "create_payment",
    "download_of",
    "each_minute",
    "enter_refund_result",
    "enter_result",
    "fetch_now",
    "forgery_alarms",
    "own_merchant",
    "pause_channel",
    "payment_of",
    "payments_of",
    "propose_key",
    "propose_merchant",
    "propose_terms",
    "propose_transfer",
    "receive",
    "record_transfer",
    "refund_of",
    "refuse_terms",
    "request_close",
    "request_refund",
    "resume_channel",
    "settle_by_asking",
    "settle_terminal",
    "stop_merchant",
    "switch_off",
    "switch_on",
    "try_merchant",
]

__getattr__ = loaded_on_use(__name__)
