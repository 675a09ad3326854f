"""Identity disputes (冒用身份): a number that two names claim."""

from uuid import UUID

from functions.patients.index import problems, rules
from functions.patients.index.models import Dispute
from functions.patients.index.queries import people, stewardship
from functions.patients.index.schemas.stewardship import DisputeView, OpenDispute, SettleDispute
from functions.patients.index.schemas.values import IdentityLevel
from functions.patients.index.service.identifiers import revoke_disputed
from functions.patients.index.service.read import survivor
from functions.patients.index.service.verify import change_patient
from shared.ids import new_id
from shared.problems import Invalid, NotFound
from shared.tx import Tx


def open_dispute(tx: Tx, patient_id: UUID, command: OpenDispute) -> DisputeView:
    """Open a dispute from the window that met the other name: insurance does not settle for the person until settled.

    Asked again for the same number and name it returns the open one.
    """
    numbers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    standing = tx.session.send(stewardship.OPEN_DISPUTES_OF, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    if command.identifier_id not in {None, *(one.identifier_id for one in numbers.all())}:
        raise NotFound("该患者没有这个号码，请刷新后重新选择。")
    claimed = rules.normalise_name(command.claimed_name)
    for dispute in standing.all():
        if (dispute.identifier_id, dispute.claimed_name) == (command.identifier_id, claimed):
            return DisputeView.model_validate(dispute)
    row = Dispute(
        dispute_id=new_id(),
        patient_id=patient.patient_id,
        identifier_id=command.identifier_id,
        claimed_name=claimed,
        reason=command.reason,
        acting_campus_id=tx.campus,
        opened_at=tx.now,
        opened_by=tx.actor.subject,
    )
    tx.session.add(row)
    tx.audit("dispute.opened", "dispute", row.dispute_id, patient_id=patient.patient_id)
    return DisputeView.model_validate(row)


def settle_dispute(tx: Tx, dispute_id: UUID, command: SettleDispute) -> DisputeView:
    """The steward decides whose number it is. Losing the number puts the identity back to unverified.

    Raises SamePerson, DisputeSettled.
    """
    dispute = tx.session.first(stewardship.DISPUTE, dispute_id=dispute_id)
    if dispute is None:
        raise NotFound("没有这项身份争议，请刷新后重新选择。")
    tx.assert_distinct([dispute.opened_by], "身份争议的提交与处理须由不同人员办理。")
    if command.outcome == "identifier_revoked" and dispute.identifier_id is None:
        raise Invalid("该争议未指明号码，不能注销号码；请选择其他结论。")
    row = tx.session.first(
        stewardship.SETTLE_DISPUTE,
        id_=dispute_id,
        says=command.outcome,
        why=command.settlement,
        at=tx.now,
        by=tx.actor.subject,
    )
    if row is None:
        raise problems.DisputeSettled("该争议已有结论，请刷新后核对。")
    patient = survivor(tx, row.patient_id)
    if command.outcome == "identifier_revoked" and row.identifier_id is not None:
        revoke_disputed(tx, row.identifier_id, command.settlement)
        if patient.identity_level != IdentityLevel.UNVERIFIED.value:
            change_patient(tx, patient, {"identity_level": IdentityLevel.UNVERIFIED.value}, "dispute")
    tx.audit("dispute.settled", "dispute", dispute_id, patient_id=patient.patient_id, outcome=command.outcome)
    return DisputeView.model_validate(row)
