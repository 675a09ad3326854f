"""What the index prints: 就诊卡面 (card face), 腕带 (wristband), 信息变更申请表, 合并审批单.

These are the papers on which names and numbers stand in full. They are drawn after the transaction.
"""

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.patients.index.models import Identifier, Merge, Patient
from functions.patients.index.problems import NoVisitCard
from functions.patients.index.queries import care, people, stewardship
from functions.patients.index.schemas.values import DOCUMENT_CODES, IdentifierType, IdentityLevel, OpeningReason
from functions.patients.index.service.numbers import changes_of, number_of
from functions.patients.index.service.read import opened, survivor
from functions.patients.index.service.views import age_text
from shared.command import Document
from shared.problems import NotFound
from shared.tx import Tx

NEWBORN_FOR = timedelta(days=28)
SEX_NAMES = {"0": "未知", "1": "男", "2": "女", "9": "未说明"}
LEVEL_NAMES = {
    IdentityLevel.UNVERIFIED.value: "未核实",
    IdentityLevel.DOCUMENT_SEEN.value: "已看证件",
    IdentityLevel.CHIP_READ.value: "已读卡",
    IdentityLevel.POLICE_VERIFIED.value: "公安核验",
}
EVIDENCE_NAMES = {"card_read": "读取证件", "scanned_document": "证件扫描件", "statement": "口述"}
CORRECTION_NAMES = {"pending": "待核对", "applied": "已变更", "rejected": "未同意"}
MERGE_NAMES = {"pending": "待复核", "done": "已合并", "undone": "已拆分", "rejected": "未同意"}
FIELD_NAMES = {
    "name": "姓名",
    "sex": "性别",
    "birth_date": "出生日期",
    "document": "证件号码",
    "ethnic_group": "民族",
    "nationality": "国籍",
    "marital_status": "婚姻状况",
    "occupation": "职业",
    "education": "文化程度",
    "native_place": "籍贯",
    "registered_address": "户籍地址",
    "current_address": "现住址",
    "phone": "电话",
    "employer": "工作单位",
    "payer_kind": "费别",
    "photo_file_id": "照片",
}
_BIRTHS = {2: "双胎", 3: "三胎", 4: "四胎"}
_ORDINALS = "大二三四五六七八九"


def visit_card(tx: Tx, patient_id: UUID, reason: OpeningReason | None = None) -> Document:
    """The face of the person's visit card of this campus: name, EMPI number, Code 128 of the card, QR of the person.

    Raises NoVisitCard when none is bound here, OpeningReasonRequired for a restricted person.
    """
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=patient_id)
    patient = _opened(tx, patient_id, "patient.card_printed", reason)
    cards = [
        one
        for one in identifiers.all()
        if one.type == IdentifierType.VISIT_CARD.value and one.issuer_campus_id == tx.campus
    ]
    if not cards:
        raise NoVisitCard("该患者在本院区没有在用的就诊卡，请先绑定卡号再打印。")
    card = max(cards, key=lambda one: one.identifier_id)
    data = {
        "name": patient.name,
        "sex": SEX_NAMES[patient.sex],
        "empi_no": patient.empi_no,
        "card_no": card.value,
    }
    return organisation.office_form(tx, "visit_card", data, f"就诊卡-{patient.empi_no}.pdf")


def wristband(tx: Tx, patient_id: UUID, number: str | None = None, reason: OpeningReason | None = None) -> Document:
    """The wristband of a person with a visit or admission number; without one the EMPI number stands for it.

    A child within 28 days of birth whose mother is known wears the newborn's band: mother, moment of birth, twin.
    """
    patient = _opened(tx, patient_id, "patient.wristband_printed", reason)
    shown = number or patient.empi_no
    born = patient.birth_datetime
    if patient.mother_id is not None and born is not None and tx.now - born < NEWBORN_FOR:
        data = {
            "mother": survivor(tx, patient.mother_id).name,
            "name": patient.name,
            "sex": SEX_NAMES[patient.sex],
            "born_at": born,
            "twin": _twin(patient),
            "number": shown,
            "empi_no": patient.empi_no,
        }
        return organisation.office_form(tx, "newborn_wristband", data, f"腕带-{shown}.pdf")
    unverified = patient.identity_level == IdentityLevel.UNVERIFIED.value
    band = {
        "number": shown,
        "code": patient.empi_no,
        "name": patient.name,
        "sex": SEX_NAMES[patient.sex],
        "age": age_text(patient, tx.now),
        "empi_no": patient.empi_no,
        "warning": "身份未核实" if unverified else None,
    }
    return organisation.office_form(tx, "wristband", {"bands": [band]}, f"腕带-{shown}.pdf")


def blank_wristbands(tx: Tx, numbers: Sequence[str]) -> Document:
    """Bands made beforehand for many casualties at once: a number and its QR code, name and age to be written by hand.

    The caller owns the numbers and has traced who prints them.
    """
    bands = [{"number": number, "code": number} for number in numbers]
    return organisation.office_form(tx, "wristband", {"bands": bands}, "腕带-批量.pdf")


def _twin(patient: Patient) -> str | None:
    if patient.births is None or patient.birth_order is None or patient.births < 2:
        return None
    return f"{_BIRTHS.get(patient.births, '多胎')}之{_ORDINALS[patient.birth_order - 1]}"


def change_application(tx: Tx, correction_id: UUID) -> Document:
    """The form a person signs for a correction that a second member of staff compares (双人核对)."""
    correction = tx.session.first(care.CORRECTION, correction_id=correction_id)
    if correction is None:
        raise NotFound("没有这项更正，请刷新后重新选择。")
    identifiers = tx.session.send(people.IDENTIFIERS, patient_id=correction.patient_id)
    written = tx.session.send(
        care.CHANGES_OF_VERSION, patient_id=correction.patient_id, version=correction.seen_version + 1
    )
    patient = survivor(tx, correction.patient_id)
    document = _document_no(identifiers.all())
    changes = changes_of(correction)
    before: dict[str, Any] = {field: getattr(patient, field, None) for field in changes} | {"document": document}
    if correction.status == "applied":
        before |= {change.field: change.old_value for change in written.all()}
    tx.audit("form.read", "correction", correction_id, patient_id=patient.patient_id, form="change_application")
    data = {
        "name": patient.name,
        "empi_no": patient.empi_no,
        "document": document,
        "asked_at": correction.requested_at,
        "evidence": EVIDENCE_NAMES.get(correction.evidence, correction.evidence),
        "reason": correction.reason,
        "status": CORRECTION_NAMES[correction.status],
        "changes": [
            {
                "field": FIELD_NAMES.get(field, field),
                "old": _shown(field, before[field]),
                "new": _shown(field, value) or "清空",
            }
            for field, value in changes.items()
        ],
    }
    return organisation.office_form(tx, "change_application", data, f"信息变更申请表-{patient.empi_no}.pdf")


def merge_approval(tx: Tx, merge_id: UUID) -> Document:
    """The form two stewards sign for a merge: both records as they were, what is taken over, why."""
    merge = tx.session.first(stewardship.MERGE, merge_id=merge_id)
    if merge is None:
        raise NotFound("没有这次合并，请刷新后重新选择。")
    ids = (merge.survivor_id, merge.retired_id)
    numbers = [tx.session.send(people.IDENTIFIERS_OF_RECORD, patient_id=one) for one in ids]
    kept, given = (tx.session.one(people.RECORD, patient_id=one) for one in ids)
    for patient_id in ids:
        tx.audit("form.read", "merge", merge_id, patient_id=patient_id, form="merge_approval")
    data = {
        "asked_at": merge.requested_at,
        "status": MERGE_NAMES[merge.status],
        "reason": merge.reason,
        "survivor": _side(kept, numbers[0].all(), _replaced(merge)),
        "retired": _side(given, numbers[1].all(), {}),
        "chosen": [FIELD_NAMES.get(field, field) for field in merge.chosen_fields],
        "merged_at": merge.merged_at,
    }
    return organisation.office_form(tx, "merge_approval", data, f"合并审批单-{kept.empi_no}.pdf")


def _replaced(merge: Merge) -> dict[str, Any]:
    """What the survivor had in the columns the merge overwrote."""
    if merge.status != "done":
        return {}
    return {column: value for unit in merge.taken.values() for column, value in unit["before"].items()}


def _side(patient: Patient, identifiers: Sequence[Identifier], before: Mapping[str, Any]) -> dict[str, Any]:
    columns = {name: getattr(patient, name) for name in ("name", "sex", "birth_date", "phone", "identity_level")}
    columns |= {name: value for name, value in before.items() if name in columns}
    return {
        "empi_no": patient.empi_no,
        "name": columns["name"],
        "sex": SEX_NAMES[columns["sex"]],
        "birth_date": columns["birth_date"],
        "phone": columns["phone"],
        "document": _document_no(identifiers),
        "level": LEVEL_NAMES[columns["identity_level"]],
    }


def _document_no(identifiers: Sequence[Identifier]) -> str | None:
    kinds = {kind.value for kind in DOCUMENT_CODES}
    return next((number_of(one) for one in identifiers if one.type in kinds), None)


def _shown(field: str, value: Any) -> str | None:
    if isinstance(value, dict):
        return str(value.get("number") or value.get("text") or "") or None
    if field == "sex":
        return SEX_NAMES.get(str(value))
    return None if value is None else str(value)


def _opened(tx: Tx, patient_id: UUID, act: str, reason: OpeningReason | None) -> Patient:
    treated = tx.session.send(care.TREATED_HERE, patient_id=patient_id)
    patient = survivor(tx, patient_id)
    opened(tx, patient, act, treated_here=treated.one(), reason=reason)
    return patient
