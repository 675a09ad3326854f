"""Billing: charges, settlements, refunds, debts, receipts, prepayments. What other modules call stands in `__all__`."""

from typing import TYPE_CHECKING

from shared.lazy import loaded_on_use

if TYPE_CHECKING:
    from functions.payments.billing.schemas import Settle, TenderInput
    from functions.payments.billing.service.cancelling import (
        cancel_settlement,
        cancel_stale_settlements,
        drop_tender,
        finish_cancelling,
        finish_dropping,
        stale_insured,
    )
    from functions.payments.billing.service.channel_refunds import (
        allow_cash,
        pay_cash,
        refund_arrived,
        refund_came_back,
        send_refunded,
    )
    from functions.payments.billing.service.channel_refunds import ask_again as ask_refund_again
    from functions.payments.billing.service.channel_refunds import carry_out as carry_out_refunds
    from functions.payments.billing.service.charges import (
        charges_at_version,
        enter_charges,
        name_encounter,
        post_charges,
        quote_charges,
        quote_entry,
        source_amount,
        source_charges,
        source_state,
        void_charge,
        void_source,
    )
    from functions.payments.billing.service.course_payments import drop_course_payment
    from functions.payments.billing.service.debts import (
        DebtPaid,
        approve_write_off_first,
        approve_write_off_second,
        pay_debt,
        reject_write_off,
        request_write_off,
    )
    from functions.payments.billing.service.differences import lower_price
    from functions.payments.billing.service.execution import (
        Executed,
        begin_execution,
        record_execution,
        record_return,
        undo_begin,
    )
    from functions.payments.billing.service.finishing import Settled
    from functions.payments.billing.service.insured import (
        Reversed,
        begin_insurance,
        begin_reversal,
        insurance_refused,
        insurance_reversed,
        insurance_undone,
        record_insurance_tender,
        reversal_refused,
    )
    from functions.payments.billing.service.minutes import each_minute
    from functions.payments.billing.service.orders import (
        ChargeInfo,
        ChargeLine,
        ChargeOrder,
        InsuranceAnswer,
        InsuredLine,
        RefundInfo,
    )
    from functions.payments.billing.service.paying import refunds_of
    from functions.payments.billing.service.paying_back import PaidBack
    from functions.payments.billing.service.platform import receipt_told, work_queue
    from functions.payments.billing.service.prepayments import (
        CourseMoney,
        clear_legacy,
        close_course,
        pay_course,
        take_over_balances,
        take_prepayment,
    )
    from functions.payments.billing.service.pricing import Priced
    from functions.payments.billing.service.quoted import QuotedCharge
    from functions.payments.billing.service.receipts import exchange_to_paper, find_receipt, try_again, void_paper
    from functions.payments.billing.service.receiving import book_payment, carry_out_payment, payment_told
    from functions.payments.billing.service.refund_quotes import quote_refund
    from functions.payments.billing.service.refunding import (
        approve_refund,
        execute_refund,
        reject_refund,
        request_refund,
        withdraw_refund,
    )
    from functions.payments.billing.service.repricing import affected_lines, correction_told, list_told, price_told
    from functions.payments.billing.service.settings import cash_step, choose_cash_step
    from functions.payments.billing.service.settling import (
        add_tender,
        complete_settlement,
        preview,
        settle,
        start_settlement,
    )
    from functions.payments.billing.service.sources import refund_source
    from functions.payments.billing.service.transferring import Moved, MovedLine, move_to_inpatient

__all__ = [
    "ChargeInfo",
    "ChargeLine",
    "ChargeOrder",
    "CourseMoney",
    "DebtPaid",
    "Executed",
    "InsuranceAnswer",
    "InsuredLine",
    "Moved",
    "MovedLine",
    "PaidBack",
    "Priced",
    "QuotedCharge",
    "RefundInfo",
    "Reversed",
    "Settle",
    "Settled",
    "TenderInput",
    "add_tender",
    "affected_lines",
    "allow_cash",
    "approve_refund",
    "approve_write_off_first",
    "approve_write_off_second",
    "ask_refund_again",
    "begin_execution",
    "begin_insurance",
    "begin_reversal",
    "book_payment",
    "cancel_settlement",
    "cancel_stale_settlements",
    "carry_out_payment",
    "carry_out_refunds",
    "cash_step",
    "charges_at_version",
    "choose_cash_step",
    "clear_legacy",
    "close_course",
    "complete_settlement",
    "correction_told",
    "drop_course_payment",
    "drop_tender",
    "each_minute",
    "enter_charges",
    "exchange_to_paper",
    "execute_refund",
    "find_receipt",
    "finish_cancelling",
    "finish_dropping",
    "insurance_refused",
    "insurance_reversed",
    "insurance_undone",
    "list_told",
    "lower_price",
    "move_to_inpatient",
    "name_encounter",
    "pay_cash",
    "pay_course",
    "pay_debt",
    "payment_told",
    "post_charges",
    "preview",
    "price_told",
    "quote_charges",
    "quote_entry",
    "quote_refund",
    "receipt_told",
    "record_execution",
    "record_insurance_tender",
    "record_return",
    "refund_arrived",
    "refund_came_back",
    "refund_source",
    "refunds_of",
    "reject_refund",
    "reject_write_off",
    "request_refund",
    "request_write_off",
    "reversal_refused",
    "send_refunded",
    "settle",
    "source_amount",
    "source_charges",
    "source_state",
    "stale_insured",
    "start_settlement",
    "take_over_balances",
    "take_prepayment",
    "try_again",
    "undo_begin",
    "void_charge",
    "void_paper",
    "void_source",
    "withdraw_refund",
    "work_queue",
]

__getattr__ = loaded_on_use(__name__)
