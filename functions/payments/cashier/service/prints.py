"""Copies of slips and reports: who printed which when; the second and later ones are 补打."""

from uuid import UUID

from functions.payments.cashier.models import PrintedCopy
from functions.payments.cashier.queries import shifts as queries
from shared.ids import new_id
from shared.problems import Conflict
from shared.tx import Tx


class CopyRace(Conflict):
    code = "copy_race"
    title = "正在打印"
    constraint = "uq_printed_copies_form_subject_id_copy_number"
    constraint_detail = "该单据正由他人打印，请稍候重试。"


def count_copy(tx: Tx, form: str, subject_id: UUID) -> int:
    """Record a print of a form and return which copy it is, from 1."""
    copy_number = tx.session.one(queries.COPIES, form=form, subject_id=subject_id) + 1
    tx.session.add(
        PrintedCopy(
            print_id=new_id(),
            campus_id=tx.campus,
            form=form,
            subject_id=subject_id,
            copy_number=copy_number,
            printed_by=tx.actor.subject,
            printed_by_name=tx.actor.name,
            printed_at=tx.now,
        )
    )
    tx.audit("form.printed", form, subject_id, copy=copy_number)
    return copy_number


def copies_printed(tx: Tx, form: str, subject_id: UUID) -> int:
    """How often a form was printed so far."""
    return tx.session.one(queries.COPIES, form=form, subject_id=subject_id)
