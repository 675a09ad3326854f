"""Set or correct who pays for a visit, before it is settled."""

from uuid import UUID

from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.problems import PayerFixed, VisitStateWrong
from functions.outpatient.registration.queries import changes
from functions.outpatient.registration.schemas import ChangePayer
from functions.outpatient.registration.service.entering import settled_payer
from functions.outpatient.registration.service.reading import own_visit
from functions.patients.index import service as patients
from functions.payments.billing import service as billing
from shared.problems import Stale
from shared.tx import Tx

SETTLED = {
    "locked": "费用正在结算，请等其完成或取消后再更正。",
    "paid": "费用已结算，请先退费，更正费别后重新结算。",
    "refunding": "费用正在退费，请等退费办结后再更正。",
    "mixed": "部分费用已结算，请先退费，更正费别后重新结算。",
}


def change_payer(tx: Tx, encounter_id: UUID, command: ChangePayer) -> Visit:
    """Set or correct payer kind, 险种, 医疗类别, 工伤, 外伤, 第三方责任, 慢特病 (spec 01 no. 8).

    Refuses what cannot be together (PayerInvalid), and a change after the fee was settled or the insurance has
    registered the visit (PayerFixed). What is owed or was free may be corrected.
    """
    visit = own_visit(tx, encounter_id)
    tx.check_version(visit.version, command.version)
    if visit.status == "cancelled":
        raise VisitStateWrong("该号已退号，不能更正费别。", current_status=visit.status)
    if visit.insurance_mdtrt_id is not None:
        raise PayerFixed("医保已登记本次就诊，请先撤销医保就诊登记，再更正费别。")
    patient = patients.access_patient(tx, visit.patient_id)
    payer = settled_payer(patient, command.payer(), emergency=visit.kind == "emergency")
    if visit.fee_module is not None and visit.fee_source is not None:
        state = billing.source_state(tx, visit.fee_module, visit.fee_source)
        if state in SETTLED:
            raise PayerFixed(SETTLED[state], fee_state=state)
    changed = tx.session.first(
        changes.SET_PAYER,
        id_=encounter_id,
        campus=tx.campus,
        seen=visit.version,
        payer=payer.payer_kind,
        insurance=payer.insutype,
        medical=payer.med_type,
        disease=payer.special_disease,
        at_work=payer.work_injury,
        injury=payer.trauma,
        third=payer.third_party,
    )
    if changed is None:
        raise Stale("该号刚被他人修改，请刷新后再操作。")
    tx.audit(
        "visit.payer_changed",
        "visit",
        encounter_id,
        patient_id=visit.patient_id,
        before=visit.payer_kind,
        payer_kind=payer.payer_kind,
        med_type=payer.med_type,
    )
    return changed
