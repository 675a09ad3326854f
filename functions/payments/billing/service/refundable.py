"""What of a line may be refunded: paid less executed less refunded, and nothing that is under way."""

from functions.payments.billing.models import Settlement
from functions.payments.billing.problems import LineBeingRefunded, LineExecuted, NotRefundable
from functions.payments.billing.service.regrouping import Wanted
from shared.schemas import SHANGHAI


def require_refundable(settlement: Settlement, line: Wanted) -> None:
    """Refuse what was executed (LineExecuted), is asked for already (LineBeingRefunded), or was never paid."""
    charge = line.charge
    if settlement.state != "completed" or charge.settlement_id != settlement.settlement_id:
        raise NotRefundable(f"“{charge.name}”不在已完成的结算单中，请核对结算单号。")
    if charge.status == "refunding":
        raise LineBeingRefunded(
            f"“{charge.name}”已有退费申请待办，请先完成或撤回该申请。", charge_id=str(charge.charge_id)
        )
    if charge.status not in ("paid", "owed"):
        raise NotRefundable(f"“{charge.name}”不在已缴费状态，不能退费。", charge_id=str(charge.charge_id))
    if charge.execution == "executing":
        raise LineExecuted(
            f"“{charge.name}”正在执行，不能退费；确未执行的请由执行科室取消执行。", charge_id=str(charge.charge_id)
        )
    if line.quantity <= charge.refundable_quantity:
        return
    if charge.executed_quantity:
        when = charge.executed_at.astimezone(SHANGHAI) if charge.executed_at else None
        raise LineExecuted(
            f"“{charge.name}”已由{charge.executed_by_name}于 {when:%m-%d %H:%M} 执行"
            f" {charge.executed_quantity.normalize():f}{charge.unit}，"
            f"可退 {charge.refundable_quantity.normalize():f}{charge.unit}；"
            "药品、材料请先退回发放部门，未做的检查请执行科室取消执行。",
            charge_id=str(charge.charge_id),
            executed_by=charge.executed_by_name,
            executed_at=when.isoformat() if when else None,
            refundable=str(charge.refundable_quantity),
        )
    raise NotRefundable(
        f"“{charge.name}”可退 {charge.refundable_quantity.normalize():f}{charge.unit}，"
        f"申请 {line.quantity.normalize():f}，请核对数量。",
        charge_id=str(charge.charge_id),
        refundable=str(charge.refundable_quantity),
    )
