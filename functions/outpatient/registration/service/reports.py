"""Reports a visit waits for: told by the modules that make them, they give the right to a follow-up without fee."""

from uuid import UUID

from functions.outpatient.registration.queries import records
from shared.tx import Tx


def expect_report(tx: Tx, encounter_id: UUID, reference: str = "") -> bool:
    """A report was ordered at a visit (检查检验申请). `reference` names the request in the caller's words.

    Asked again it changes nothing. False for an encounter that is no visit of this campus (a stay, a check-up).
    """
    return (
        tx.session.first(records.EXPECT_REPORT, id_=encounter_id, what=reference, campus=tx.campus, at=tx.now)
        is not None
    )


def report_ready(tx: Tx, encounter_id: UUID, reference: str = "") -> bool:
    """The report is published. One that comes after the visit ended leaves the right to a follow-up."""
    return (
        tx.session.first(records.REPORT_READY, id_=encounter_id, what=reference, campus=tx.campus, at=tx.now)
        is not None
    )


def drop_report(tx: Tx, encounter_id: UUID, reference: str = "") -> bool:
    """The request was withdrawn or cancelled: there will be no report, and it gives no right."""
    return (
        tx.session.first(records.DROP_REPORT, id_=encounter_id, what=reference, campus=tx.campus, at=tx.now) is not None
    )
