"""Receipts, the queue of the fiscal platform, numbered paper."""

from decimal import Decimal
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import DateTime, Integer, Text, bindparam, or_, select, update

from functions.payments.billing.models import PaperReceipt, Receipt, ReceiptJob
from shared.database.query import Query, one_of

VALID_RECEIPT = Query(
    Receipt,
    select(Receipt).where(Receipt.settlement_id == bindparam("settlement_id"), one_of(Receipt.state, "issued")),
)
LAST_RECEIPT = Query(
    Receipt,
    select(Receipt)
    .where(Receipt.settlement_id == bindparam("settlement_id"))
    .order_by(Receipt.receipt_id.desc())
    .limit(1),
)
RECEIPTS = Query(
    Receipt,
    select(Receipt).where(Receipt.settlement_id == bindparam("settlement_id")).order_by(Receipt.receipt_id),
)
REVERSE_RECEIPT = Query(
    object,
    update(Receipt)
    .where(Receipt.settlement_id == bindparam("settlement"), one_of(Receipt.state, "issued"))
    .values(
        state="reversed",
        reversed_at=bindparam("at"),
        reversed_by=bindparam("who"),
        reversed_shift_id=bindparam("shift"),
        reverse_reason=bindparam("why"),
    ),
)

RECEIPT = Query(Receipt, select(Receipt).where(Receipt.receipt_id == bindparam("receipt_id")))
LOCK_RECEIPT = Query(
    Receipt,
    select(Receipt)
    .where(Receipt.receipt_id == bindparam("receipt_id"), Receipt.campus_id == bindparam("campus"))
    .with_for_update(),
)
VOIDED = Query(
    Receipt,
    select(Receipt)
    .where(
        Receipt.campus_id == bindparam("campus"),
        Receipt.reversed_at >= bindparam("since", type_=DateTime(timezone=True)),
        Receipt.reversed_at < bindparam("until", type_=DateTime(timezone=True)),
        Receipt.receipt_id < bindparam("before"),
    )
    .order_by(Receipt.receipt_id.desc())
    .limit(bindparam("limit", type_=Integer)),
)

# -- the queue of the fiscal platform


class JobToDo(NamedTuple):
    """A job with what the platform must be told of its receipt."""

    job_id: UUID
    kind: str
    subject_no: str
    attempts: int
    receipt_id: UUID
    receipt_no: str
    settlement_id: UUID
    amount: Decimal
    reason: str | None


_due = (
    select(ReceiptJob.job_id)
    .where(
        ReceiptJob.campus_id == bindparam("campus"),
        one_of(ReceiptJob.state, "queued"),
        ReceiptJob.next_attempt_at <= bindparam("now", type_=DateTime(timezone=True)),
        or_(
            ReceiptJob.leased_until.is_(None),
            ReceiptJob.leased_until <= bindparam("now", type_=DateTime(timezone=True)),
        ),
    )
    .order_by(ReceiptJob.job_id)
    .limit(1)
    .with_for_update(skip_locked=True)
    .cte("due")
)
LEASE_JOB = Query(
    JobToDo,
    update(ReceiptJob)
    .where(ReceiptJob.job_id == _due.c.job_id, Receipt.receipt_id == ReceiptJob.receipt_id)
    .values(leased_until=bindparam("until", type_=DateTime(timezone=True)), attempts=ReceiptJob.attempts + 1)
    .returning(
        ReceiptJob.job_id,
        ReceiptJob.kind,
        ReceiptJob.subject_no,
        ReceiptJob.attempts,
        Receipt.receipt_id,
        Receipt.receipt_no,
        Receipt.settlement_id,
        Receipt.amount,
        Receipt.reverse_reason,
    ),
)
"""Take the oldest job that is due, for as long as one call to the platform may last."""

JOB_DONE = Query(
    UUID,
    update(ReceiptJob)
    .where(ReceiptJob.job_id == bindparam("id_"), one_of(ReceiptJob.state, "queued"))
    .values(state="done", done_at=bindparam("at"), leased_until=None, last_error=None)
    .returning(ReceiptJob.job_id),
)
JOB_LATER = Query(
    object,
    update(ReceiptJob)
    .where(ReceiptJob.job_id == bindparam("id_"), one_of(ReceiptJob.state, "queued"))
    .values(next_attempt_at=bindparam("at"), leased_until=None, last_error=bindparam("error")),
)
JOB_REFUSED = Query(
    object,
    update(ReceiptJob)
    .where(ReceiptJob.job_id == bindparam("id_"), one_of(ReceiptJob.state, "queued"))
    .values(state="refused", leased_until=None, last_error=bindparam("error")),
)
JOB_AGAIN = Query(
    ReceiptJob,
    update(ReceiptJob)
    .where(
        ReceiptJob.job_id == bindparam("id_"),
        ReceiptJob.campus_id == bindparam("campus"),
        one_of(ReceiptJob.state, "refused"),
    )
    .values(state="queued", next_attempt_at=bindparam("at"), leased_until=None)
    .returning(ReceiptJob),
)
ISSUE_WAITS = Query(
    bool,
    select(
        select(ReceiptJob.job_id)
        .where(
            ReceiptJob.receipt_id == bindparam("receipt_id"),
            one_of(ReceiptJob.kind, "issue"),
            one_of(ReceiptJob.state, "queued"),
        )
        .exists()
    ),
)
JOBS_OPEN = Query(
    ReceiptJob,
    select(ReceiptJob)
    .where(
        ReceiptJob.campus_id == bindparam("campus"),
        one_of(ReceiptJob.state, "queued"),
        ReceiptJob.job_id > bindparam("after"),
    )
    .order_by(ReceiptJob.job_id)
    .limit(bindparam("limit", type_=Integer)),
)
JOBS_REFUSED = Query(
    ReceiptJob,
    select(ReceiptJob)
    .where(
        ReceiptJob.campus_id == bindparam("campus"),
        one_of(ReceiptJob.state, "refused"),
        ReceiptJob.job_id > bindparam("after"),
    )
    .order_by(ReceiptJob.job_id)
    .limit(bindparam("limit", type_=Integer)),
)

KEEP_ELECTRONIC = Query(
    object,
    update(Receipt)
    .where(Receipt.receipt_id == bindparam("id_"), Receipt.platform_number.is_(None))
    .values(
        platform_code=bindparam("code"),
        platform_number=bindparam("number"),
        platform_check_code=bindparam("check"),
        platform_url=bindparam("url"),
        platform_at=bindparam("at"),
    ),
)
KEEP_RED = Query(
    object,
    update(Receipt)
    .where(Receipt.receipt_id == bindparam("id_"))
    .values(red_code=bindparam("code"), red_number=bindparam("number")),
)

# -- paper

PAPER = Query(
    PaperReceipt,
    select(PaperReceipt)
    .where(PaperReceipt.campus_id == bindparam("campus"), PaperReceipt.paper_no == bindparam("paper_no", type_=Text()))
    .with_for_update(),
)
PAPER_OF = Query(
    PaperReceipt,
    select(PaperReceipt).where(
        PaperReceipt.receipt_id == bindparam("receipt_id"), one_of(PaperReceipt.state, "issued")
    ),
)
VOID_PAPER = Query(
    PaperReceipt,
    update(PaperReceipt)
    .where(PaperReceipt.paper_id == bindparam("id_"), one_of(PaperReceipt.state, "issued"))
    .values(
        state="voided",
        voided_at=bindparam("at"),
        voided_by_name=bindparam("name"),
        void_reason=bindparam("why"),
    )
    .returning(PaperReceipt),
)
PAPERS_VOIDED = Query(
    PaperReceipt,
    select(PaperReceipt)
    .where(
        PaperReceipt.campus_id == bindparam("campus"),
        PaperReceipt.voided_at >= bindparam("since", type_=DateTime(timezone=True)),
        PaperReceipt.voided_at < bindparam("until", type_=DateTime(timezone=True)),
    )
    .order_by(PaperReceipt.voided_at.desc())
    .limit(200),
)
