"""What the window hands out: visit cards, record booklets, slips."""

from typing import TYPE_CHECKING
from uuid import UUID

from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Article, Visit
from functions.outpatient.registration.queries import changes
from functions.outpatient.registration.schemas import IssueArticle
from functions.outpatient.registration.service.reading import no_visit, own_visit
from functions.patients.index import service as patients
from functions.payments.billing import service as billing
from shared.ids import new_id
from shared.tx import Tx

if TYPE_CHECKING:
    from functions.payments.billing.service import ChargeInfo


def issue_article(tx: Tx, command: IssueArticle) -> "tuple[Article, list[ChargeInfo]]":
    """Hand out a visit card (就诊卡), which names the patient from now on, or a record booklet (病历本).

    `item_code` charges for it; without one it is free. Refuses a card that names somebody else.
    """
    patient = patients.access_patient(tx, command.patient_id)
    visit = own_visit(tx, command.encounter_id) if command.encounter_id else None
    if command.card_no is not None:
        patients.bind_identifier(
            tx,
            patient.patient_id,
            patients.BindIdentifier(type=patients.IdentifierType.VISIT_CARD, value=command.card_no),
        )
    article = Article(
        article_id=new_id(),
        campus_id=tx.campus,
        patient_id=patient.patient_id,
        encounter_id=command.encounter_id,
        kind=command.kind,
        card_no=command.card_no,
        item_code=command.item_code,
        issued_at=tx.now,
        issued_by=tx.actor.subject,
    )
    charges: list[ChargeInfo] = []
    if command.item_code is not None:
        charges = billing.post_charges(
            tx,
            billing.ChargeOrder(
                patient_id=patient.patient_id,
                encounter_id=command.encounter_id,
                encounter_no=visit.visit_no if visit else None,
                source_module=rules.SOURCE,
                source_id=str(article.article_id),
                lines=[billing.ChargeLine(command.kind, command.item_code, 1)],
            ),
        )
    tx.session.add(article)
    tx.audit("article.issued", "article", article.article_id, patient_id=patient.patient_id, kind=command.kind)
    return article, charges


def require_slip(visit: Visit) -> None:
    """Refuse a slip that would send somebody to a door where nobody waits: cancelled, or missed."""
    rules.require_status(visit.status, rules.SLIP, "打印凭条")


def record_slip(tx: Tx, encounter_id: UUID) -> Visit:
    """Count a print of the slip (挂号凭条); from the second on it is marked 补打. None for what no longer stands."""
    visit = tx.session.first(changes.COUNT_SLIP, id_=encounter_id, campus=tx.campus)
    if visit is None:
        require_slip(own_visit(tx, encounter_id))
        raise no_visit()
    tx.audit("visit.slip_printed", "visit", encounter_id, patient_id=visit.patient_id, copy=visit.slips_printed)
    return visit
