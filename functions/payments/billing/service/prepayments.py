"""Course prepayments (疗程预交): what the notice of 2025 still allows, and nothing else."""

from functions.payments.billing.problems import CoursePrepaymentClosed, PrepaymentStopped
from functions.payments.billing.rules import COURSES
from functions.payments.billing.schemas import TakePrepayment
from shared.tx import Tx


def take_prepayment(tx: Tx, command: TakePrepayment) -> None:
    """Refuse outpatient prepayments (PrepaymentStopped, 国卫办财务发〔2025〕5号).

    For a purpose the notice leaves open the answer is CoursePrepaymentClosed until courses are kept here.
    """
    if command.course is None or command.course not in COURSES:
        raise PrepaymentStopped(
            "自 2025 年 3 月 31 日起已停止收取门诊预交金，请按实际费用逐次结算。", allowed=sorted(COURSES)
        )
    raise CoursePrepaymentClosed(f"{COURSES[command.course]}的疗程预交尚未开通，请按实际费用逐次结算。")
