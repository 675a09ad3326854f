"""Routes of corrections, applications, complaints, monitoring, spreadsheets and the catalogue's own checks."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.catalogue.codes import service as codes
from functions.catalogue.prices import service
from functions.catalogue.prices.api.items import batch_view
from functions.catalogue.prices.api.routing import FIRST, LAST, CodeCursor, Limit, router
from functions.catalogue.prices.models import PriceComplaint
from functions.catalogue.prices.schemas import BatchView
from functions.catalogue.prices.schemas.procedures import (
    AdjustPrices,
    AnnounceFile,
    AnswerComplaint,
    AnswerFinding,
    ApplicationView,
    ApplyForItem,
    CatalogueFault,
    CloseFinding,
    ComplaintView,
    CorrectionView,
    DecideApplication,
    DecideCorrection,
    DecisionView,
    DefineMonitorRule,
    DifferenceView,
    EffectLine,
    EffectView,
    FilePart,
    FileView,
    FindingView,
    ImportFile,
    MonitorRuleView,
    ProposeCorrection,
    RegisterComplaint,
    StopMonitorRule,
    TrialView,
    UndoBatch,
    WithdrawApplication,
)
from functions.catalogue.prices.service import Application
from shared.command import Onward, command, query
from shared.database.engine import REPORT
from shared.money import ZERO
from shared.schemas import Page
from shared.tx import Tx

PartNumber = Annotated[int, Path(ge=1, le=200)]
Status = Annotated[str, Parameter(pattern="^(open|answered|closed)$")]
CampusCode = Annotated[str, Parameter(pattern=r"^[a-z][a-z0-9]{1,9}$")]


# -- spreadsheets and adjustments


@router.post("/files", status_code=201)
@command("catalogue.prices.write")
def announce_file(tx: Tx, body: AnnounceFile) -> FileView:
    """Announce a price list as a spreadsheet; its parts follow (上传价格表)."""
    return file_view(codes.receive_file(tx, "catalogue/prices", body.name, body.size))


@router.put("/files/{file_id}/parts/{part}")
@command("catalogue.prices.write")
def put_part(tx: Tx, file_id: UUID, part: PartNumber, body: FilePart) -> FileView:
    """One part of a spreadsheet (分段上传)."""
    return file_view(codes.add_part(tx, file_id, part, body.content))


@router.post("/batches/from-file", status_code=201)
@command("catalogue.prices.write")
def import_file(tx: Tx, body: ImportFile) -> BatchView:
    """Take in a price list from a received spreadsheet (导入价格表)."""
    started = service.start_file(tx, body)
    return Onward(batch_view(*started), lambda steps: batch_view(*service.read_file(steps, started.batch)))  # type: ignore[return-value]


@router.post("/batches/adjustments", status_code=201)
@command("catalogue.prices.write", REPORT)
def adjust_prices(tx: Tx, body: AdjustPrices) -> BatchView:
    """Change many prices by a percentage (批量调价)."""
    return batch_view(*service.adjust_prices(tx, body))


@router.post("/batches/{batch_id}/roll-back")
@command("catalogue.prices.approve", REPORT)
def roll_back_batch(tx: Tx, batch_id: UUID, body: UndoBatch) -> BatchView:
    """Take a published list back before it takes effect (撤回)."""
    return batch_view(*service.roll_back_batch(tx, batch_id, body))


@router.post("/batches/{batch_id}/reverse", status_code=201)
@command("catalogue.prices.write", REPORT)
def reverse_batch(tx: Tx, batch_id: UUID, body: UndoBatch) -> BatchView:
    """A new batch that puts the former prices back (恢复原价)."""
    return batch_view(*service.reverse_batch(tx, batch_id, body))


@router.get("/batches/{batch_id}/effect")
@query("catalogue.prices.read", REPORT)
def batch_effect(tx: Tx, batch_id: UUID) -> EffectView:
    """What a list means at this campus in a year (收入影响测算)."""
    effects = service.effect_of_batch(tx, batch_id)
    return EffectView(
        lines=[EffectLine.model_validate(one) for one in effects[:500]],
        total=sum((one.difference for one in effects), ZERO),
    )


# -- corrections


@router.post("/corrections", status_code=201)
@command("catalogue.prices.write")
def propose_correction(tx: Tx, body: ProposeCorrection) -> CorrectionView:
    """Report a wrong price (提出更正)."""
    return CorrectionView.model_validate(service.propose_correction(tx, body))


@router.get("/corrections")
@query("catalogue.prices.read")
def list_corrections(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[CorrectionView]:
    """Corrections, latest first (更正)."""
    found = service.corrections(tx, cursor or LAST, limit)
    return Page[CorrectionView](
        items=[CorrectionView.model_validate(one) for one in found],
        next=str(found[-1].correction_id) if len(found) == limit else None,
    )


@router.post("/corrections/{correction_id}/price-approval")
@command("catalogue.prices.approve")
def approve_by_price_office(tx: Tx, correction_id: UUID, body: DecideCorrection) -> CorrectionView:
    """The price office's approval (物价审批)."""
    return CorrectionView.model_validate(service.decide_correction(tx, correction_id, "price", body))


@router.post("/corrections/{correction_id}/finance-approval")
@command("catalogue.prices.finance")
def approve_by_finance(tx: Tx, correction_id: UUID, body: DecideCorrection) -> CorrectionView:
    """Finance's approval (财务审批)."""
    return CorrectionView.model_validate(service.decide_correction(tx, correction_id, "finance", body))


@router.post("/corrections/{correction_id}/director-approval")
@command("catalogue.prices.direct")
def approve_by_director(tx: Tx, correction_id: UUID, body: DecideCorrection) -> CorrectionView:
    """The responsible director's approval (分管院长审批)."""
    return CorrectionView.model_validate(service.decide_correction(tx, correction_id, "director", body))


# -- applications


@router.post("/applications", status_code=201)
@command("catalogue.prices.apply")
def apply_for_item(tx: Tx, body: ApplyForItem) -> ApplicationView:
    """Apply for a new item (新增项目申请)."""
    return _application(service.apply_for_item(tx, body))


@router.get("/applications")
@query("catalogue.prices.read")
def list_applications(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[ApplicationView]:
    """Applications of all campuses, latest first."""
    found = service.applications(tx, cursor or LAST, limit)
    return Page[ApplicationView](
        items=[_application(one) for one in found],
        next=str(found[-1].application.application_id) if len(found) == limit else None,
    )


@router.get("/applications/{application_id}")
@query("catalogue.prices.read")
def read_application(tx: Tx, application_id: UUID) -> ApplicationView:
    """An application and what was decided."""
    return _application(service.application(tx, application_id))


@router.post("/applications/{application_id}/decisions", status_code=201)
@command("catalogue.prices.direct")
def decide_application(tx: Tx, application_id: UUID, body: DecideApplication) -> ApplicationView:
    """Decide the next step of an application (审议)."""
    return _application(service.decide_application(tx, application_id, body))


@router.post("/applications/{application_id}/withdraw")
@command("catalogue.prices.apply")
def withdraw_application(tx: Tx, application_id: UUID, body: WithdrawApplication) -> ApplicationView:
    """Give an application up (撤回申请)."""
    return _application(service.withdraw_application(tx, application_id, body))


@router.get("/trials")
@query("catalogue.prices.read")
def list_trials(tx: Tx, until: date) -> list[TrialView]:
    """Items whose trial price ends by a day (试行到期)."""
    return [TrialView.model_validate(one) for one in service.trials(tx, until)]


# -- complaints


@router.post("/complaints", status_code=201)
@command("catalogue.prices.write")
def register_complaint(tx: Tx, body: RegisterComplaint) -> ComplaintView:
    """Register a price complaint (价格投诉登记)."""
    return _complaint(tx, service.register_complaint(tx, body))


@router.get("/complaints")
@query("catalogue.prices.write")
def list_complaints(
    tx: Tx,
    status: Annotated[str, Parameter(pattern="^(open|answered)$")] = "open",
    limit: Limit = 50,
    cursor: UUID | None = None,
) -> Page[ComplaintView]:
    """Complaints of this campus, oldest first."""
    found = service.complaints(tx, status, cursor or FIRST, limit)
    return Page[ComplaintView](
        items=[_complaint(tx, one) for one in found],
        next=str(found[-1].complaint_id) if len(found) == limit else None,
    )


@router.post("/complaints/{complaint_id}/answer")
@command("catalogue.prices.write")
def answer_complaint(tx: Tx, complaint_id: UUID, body: AnswerComplaint) -> ComplaintView:
    """Answer a complaint (答复投诉)."""
    return _complaint(tx, service.answer_complaint(tx, complaint_id, body))


# -- monitoring


@router.post("/monitor-rules", status_code=201)
@command("catalogue.prices.write")
def define_monitor_rule(tx: Tx, body: DefineMonitorRule) -> MonitorRuleView:
    """A monitoring rule, applied from the next night on (价格行为监测规则)."""
    return MonitorRuleView.model_validate(service.define_monitor_rule(tx, body))


@router.get("/monitor-rules")
@query("catalogue.prices.read")
def list_monitor_rules(tx: Tx) -> list[MonitorRuleView]:
    """Monitoring rules that are applied."""
    return [MonitorRuleView.model_validate(one) for one in service.monitor_rules(tx)]


@router.post("/monitor-rules/{rule_id}/stop")
@command("catalogue.prices.approve")
def stop_monitor_rule(tx: Tx, rule_id: UUID, body: StopMonitorRule) -> MonitorRuleView:
    """Apply a monitoring rule no more (停用监测规则)."""
    return MonitorRuleView.model_validate(service.stop_monitor_rule(tx, rule_id, body))


@router.get("/findings")
@query("catalogue.prices.apply")
def list_findings(tx: Tx, status: Status = "open", limit: Limit = 50, cursor: UUID | None = None) -> Page[FindingView]:
    """Findings of this campus, oldest first (自查问题)."""
    found = service.findings(tx, status, cursor or FIRST, limit)
    return Page[FindingView](
        items=[FindingView.model_validate(one) for one in found],
        next=str(found[-1].finding_id) if len(found) == limit else None,
    )


@router.post("/findings/{finding_id}/answer")
@command("catalogue.prices.apply")
def answer_finding(tx: Tx, finding_id: UUID, body: AnswerFinding) -> FindingView:
    """The department's answer (自查整改)."""
    return FindingView.model_validate(service.answer_finding(tx, finding_id, body))


@router.post("/findings/{finding_id}/close")
@command("catalogue.prices.write")
def close_finding(tx: Tx, finding_id: UUID, body: CloseFinding) -> FindingView:
    """Accept an answer (销号)."""
    return FindingView.model_validate(service.close_finding(tx, finding_id, body))


# -- the catalogue as a whole


@router.get("/differences")
@query("catalogue.prices.read")
def campus_differences(
    tx: Tx, other: CampusCode, limit: Limit = 200, cursor: CodeCursor = None
) -> Page[DifferenceView]:
    """Items whose price differs between this campus and another (院区差异)."""
    found, following = service.differences(tx, other, cursor or "", limit)
    return Page[DifferenceView](items=[DifferenceView.model_validate(one) for one in found], next=following)


@router.get("/faults")
@query("catalogue.prices.read", REPORT)
def catalogue_faults(tx: Tx) -> list[CatalogueFault]:
    """What contradicts itself: package members and rules of stopped items (一致性检查)."""
    return [CatalogueFault.model_validate(one) for one in service.catalogue_faults(tx)]


# -- shapes


def file_view(file: codes.ReceivedFile) -> FileView:
    return FileView(
        file_id=file.file_id,
        name=file.name,
        size=file.size,
        status=file.status,
        sha256=file.sha256,
        parts=codes.parts_of(file.size),
        part_bytes=codes.PART_BYTES,
    )


def _application(one: Application) -> ApplicationView:
    row = one.application
    return ApplicationView(
        application_id=row.application_id,
        campus_id=row.campus_id,
        unit_id=row.unit_id,
        name=row.name,
        content=row.content,
        charge_unit=row.charge_unit,
        costs=row.costs,
        cost=one.cost,
        comparables=row.comparables,
        proposed_price=row.proposed_price,
        basis_document=row.basis_document,
        applied_at=row.applied_at,
        applied_by=row.applied_by,
        state=one.state,
        decisions=[DecisionView.model_validate(decision) for decision in one.decisions],
    )


def _complaint(tx: Tx, row: PriceComplaint) -> ComplaintView:
    return ComplaintView(
        complaint_id=row.complaint_id,
        channel=row.channel,
        patient_id=row.patient_id,
        content=row.content,
        item_codes=row.item_codes,
        received_at=row.received_at,
        due_on=row.due_on,
        status=row.status,
        overdue=row.status == "open" and row.due_on < tx.today,
        founded=row.founded,
        answer=row.answer,
        answered_at=row.answered_at,
        refund_id=row.refund_id,
        version=row.version,
    )
