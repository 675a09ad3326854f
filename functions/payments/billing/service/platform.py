"""The queue of the fiscal platform: one job after another, each leased, called outside a transaction, and confirmed.

A platform that does not answer stops the campus's queue until the next minute, so that receipts keep their order; one
that says no sets the job aside for a person and the queue goes on.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from events.payments import ReceiptIssued, ReceiptReversed
from functions.organisation.structure import service as organisation
from functions.patients.index import service as patients
from functions.payments.billing.client import Bill, ReceiptPlatform, Refused, Unreachable, receipt_platform
from functions.payments.billing.models import Settlement
from functions.payments.billing.queries import receipts as queries
from functions.payments.billing.queries import settlements
from functions.payments.billing.queries.receipts import JobToDo
from functions.payments.billing.rules import FEE_CLASSES
from shared.money import ZERO
from shared.schemas import SHANGHAI
from shared.steps import Steps
from shared.tx import Tx

LEASE = timedelta(seconds=60)
"""Longer than one call may last."""
AT_ONCE = 50
"""Jobs of one campus in one go; the next minute takes the rest."""
SOON, LATEST = timedelta(seconds=30), timedelta(minutes=30)


def back_off(attempts: int) -> timedelta:
    """When to try again: 1, 2, 4 ... 30 minutes."""
    minutes: int = 2 ** max(0, min(attempts, 10) - 1)
    return min(timedelta(minutes=minutes), LATEST)


def receipt_told(tx: Tx, event: ReceiptIssued | ReceiptReversed) -> Callable[[Steps], None] | None:
    """A receipt was issued or reversed just now: tell the platform without waiting for the minute."""
    return work_queue if receipt_platform() is not None else None


def work_queue(steps: Steps) -> None:
    """Do what the platform has to do for a campus, the oldest first, until it is done or the platform is silent."""
    platform = receipt_platform()
    if platform is None:
        return
    for _ in range(AT_ONCE):
        job = steps.step(_lease)
        if job is None or not _do(steps, platform, job):
            return


def _lease(tx: Tx) -> JobToDo | None:
    return tx.session.first(queries.LEASE_JOB, campus=tx.campus, now=tx.now, until=tx.now + LEASE)


def _do(steps: Steps, platform: ReceiptPlatform, job: JobToDo) -> bool:
    """Whether the queue may go on."""
    content = steps.step(lambda tx: _content(tx, job))
    if content is None:
        return True
    try:
        bill = _call(platform, job, content)
    except Unreachable as silence:
        error = str(silence)
        steps.step(lambda tx: _later(tx, job, tx.now + back_off(job.attempts), error))
        return False
    except Refused as refusal:
        said = f"{refusal.code} {refusal.reason}"
        steps.step(lambda tx: tx.session.execute(queries.JOB_REFUSED, id_=job.job_id, error=said))
        return True
    steps.step(lambda tx: _confirm(tx, job, bill))
    return True


def _call(platform: ReceiptPlatform, job: JobToDo, content: dict[str, Any]) -> Bill | None:
    match job.kind:
        case "issue":
            return platform.issue(content)
        case "reverse":
            return platform.reverse(content)
        case "paper":
            platform.to_paper(content)
        case "void_paper":
            platform.void_paper(content)
    return None


def _later(tx: Tx, job: JobToDo, at: datetime, error: str) -> None:
    tx.session.execute(queries.JOB_LATER, id_=job.job_id, at=at, error=error)


def _confirm(tx: Tx, job: JobToDo, bill: Bill | None) -> None:
    if tx.session.first(queries.JOB_DONE, id_=job.job_id, at=tx.now) is None:
        return
    if bill is not None and job.kind == "issue":
        tx.session.execute(
            queries.KEEP_ELECTRONIC,
            id_=job.receipt_id,
            code=bill.code,
            number=bill.number,
            check=bill.check_code,
            url=bill.url,
            at=tx.now,
        )
    elif bill is not None:
        tx.session.execute(queries.KEEP_RED, id_=job.receipt_id, code=bill.code, number=bill.number)
    tx.audit(f"receipt.platform_{job.kind}", "receipt", job.receipt_id, number=job.subject_no)


def _content(tx: Tx, job: JobToDo) -> dict[str, Any] | None:
    """What the platform is told; None when there is nothing to tell, or not yet."""
    receipt = tx.session.one(queries.RECEIPT, receipt_id=job.receipt_id)
    if job.kind == "issue" and receipt.state == "reversed" and job.attempts == 1:
        tx.session.first(queries.JOB_DONE, id_=job.job_id, at=tx.now)
        return None
    if job.kind != "issue" and receipt.platform_number is None:
        if tx.session.one(queries.ISSUE_WAITS, receipt_id=job.receipt_id):
            _later(tx, job, tx.now + SOON, "电子票据尚未开具")
        else:
            tx.session.first(queries.JOB_DONE, id_=job.job_id, at=tx.now)
        return None
    campus = organisation.campus(tx)
    at = tx.now.astimezone(SHANGHAI)
    known = {"placeCode": campus.code, "busDateTime": f"{at:%Y%m%d%H%M%S}000", "operator": "HIS"}
    if job.kind == "issue":
        settlement = tx.session.one(settlements.SETTLEMENT, settlement_id=job.settlement_id)
        return known | _bill(tx, job, settlement)
    order = known | {"billBatchCode": receipt.platform_code, "billNo": receipt.platform_number}
    if job.kind == "reverse":
        return order | {"reason": job.reason or "红冲"}
    return order | {"pBillNo": job.subject_no}


def _bill(tx: Tx, job: JobToDo, settlement: Settlement) -> dict[str, Any]:
    patient = patients.access_patient(tx, settlement.patient_id)
    worth = dict.fromkeys(FEE_CLASSES, ZERO)
    for line in tx.session.all(settlements.WORTH_BY_CLASS, settlement_id=settlement.settlement_id):
        worth[line.fee_class] += line.worth
    detail = [
        {"sortNo": place, "chargeCode": code, "chargeName": FEE_CLASSES[code], "amt": str(amount)}
        for place, (code, amount) in enumerate(worth.items(), 1)
        if amount
    ]
    rest = job.amount - sum(worth.values(), ZERO)
    if rest:
        detail.append({"sortNo": 99, "chargeCode": "99", "chargeName": "欠费核销或其后退费", "amt": str(rest)})
    return {
        "busNo": job.receipt_no,
        "busType": "02",
        "payer": patient.name,
        "payee": settlement.cashier_name or "",
        "author": settlement.cashier_name or "",
        "totalAmt": str(job.amount),
        "chargeDetail": detail,
    }
