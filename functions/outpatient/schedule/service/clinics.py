"""Clinics (诊疗门诊)."""

from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Clinic
from functions.outpatient.schedule.queries import plans as queries
from functions.outpatient.schedule.schemas.plans import ChangeClinic, DefineClinic
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx


def define_clinic(tx: Tx, command: DefineClinic) -> Clinic:
    """Define a clinic (诊疗门诊) of the acting campus in one of its units."""
    _check(tx, command)
    clinic = Clinic(
        clinic_id=new_id(),
        campus_id=tx.campus,
        code=command.code,
        name=command.name,
        unit_id=command.unit_id,
        grade=command.grade.value,
        fee_item_code=command.fee_item_code,
        standard_code=command.standard_code,
        sex_limit=command.sex_limit,
        age_from=command.age_from,
        age_to=command.age_to,
        follow_up_allowed=command.follow_up_allowed,
        guidance=command.guidance or "",
        questions=command.questions,
        room_ids=command.room_ids,
    )
    tx.session.add(clinic)
    _set_grade_fees(tx, clinic.clinic_id, command)
    tx.audit("clinic.defined", "clinic", clinic.clinic_id)
    return clinic


def change_clinic(tx: Tx, clinic_id: UUID, command: ChangeClinic) -> Clinic:
    """Change a clinic. What is published stays as it was sold; the code never changes."""
    known = tx.session.first(queries.CLINIC, clinic_id=clinic_id)
    if known is None or known.campus_id != tx.campus:
        raise NotFound("本院区没有这个门诊，请核对后重新选择。")
    tx.check_version(known.version, command.version)
    if command.code != known.code:
        raise rules.PlanInvalid("门诊代码不能更改；如需新的代码请另建门诊。")
    _check(tx, command)
    changed = tx.session.first(
        queries.CHANGE_CLINIC,
        id_=clinic_id,
        seen=command.version,
        name_=command.name,
        unit=command.unit_id,
        grade_=command.grade.value,
        fee_item=command.fee_item_code,
        standard=command.standard_code,
        sex=command.sex_limit,
        low=command.age_from,
        high=command.age_to,
        follow_up=command.follow_up_allowed,
        guidance_=command.guidance or "",
        questions_=command.questions,
        rooms=command.room_ids,
        active_=command.active,
    )
    if changed is None:
        raise Stale("该门诊刚被他人修改，请刷新后再操作。")
    _set_grade_fees(tx, clinic_id, command)
    tx.audit("clinic.changed", "clinic", clinic_id)
    return changed


def _check(tx: Tx, command: DefineClinic) -> None:
    unit = organisation.unit(tx, command.unit_id)
    if unit.campus_id != tx.campus:
        raise NotFound("本院区没有这个科室，请核对后重新选择。")
    if command.age_from is not None and command.age_to is not None and command.age_from > command.age_to:
        raise rules.PlanInvalid("年龄下限不能大于上限。")


def _set_grade_fees(tx: Tx, clinic_id: UUID, command: DefineClinic) -> None:
    for grade, item in command.grade_fees.items():
        tx.session.execute(queries.SET_CLINIC_PRICE, clinic=clinic_id, grade_=grade.value, item=item, at=tx.campus)
