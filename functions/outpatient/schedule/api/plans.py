"""Routes: clinics, templates, drafts and the steps to publication."""

from uuid import UUID

from functions.outpatient.schedule import service
from functions.outpatient.schedule.api.routing import FIRST, Cursor, Limit, finding_views, router, session_view
from functions.outpatient.schedule.models import Session, Template
from functions.outpatient.schedule.queries import plans as queries
from functions.outpatient.schedule.rules import Finding, PlanInvalid
from functions.outpatient.schedule.schemas.plans import (
    ChangeClinic,
    ChangeState,
    ClinicView,
    CopyWeek,
    Day,
    DefineClinic,
    DefineTemplate,
    EditSession,
    EndTemplate,
    FindingView,
    Generate,
    GeneratedView,
    PlanSession,
    SessionView,
    SplitSession,
    SteppedView,
    StepSessions,
    TemplateView,
)
from shared.command import command, query
from shared.database.engine import REPORT
from shared.schemas import Page
from shared.tx import Tx


@router.post("/clinics", status_code=201)
@command("outpatient.schedule.write")
def define_clinic(tx: Tx, body: DefineClinic) -> ClinicView:
    """Define a clinic (诊疗门诊)."""
    return ClinicView.model_validate(service.define_clinic(tx, body))


@router.put("/clinics/{clinic_id}")
@command("outpatient.schedule.write")
def change_clinic(tx: Tx, clinic_id: UUID, body: ChangeClinic) -> ClinicView:
    """Change or close a clinic (修改门诊)."""
    return ClinicView.model_validate(service.change_clinic(tx, clinic_id, body))


@router.get("/clinics")
@query("outpatient.schedule.read")
def list_clinics(tx: Tx, limit: Limit = 100, cursor: Cursor = None) -> Page[ClinicView]:
    """Clinics of the acting campus in order of code."""
    found = tx.session.all(queries.CLINICS, campus=tx.campus, after=cursor or "", limit=limit)
    return Page[ClinicView](
        items=[ClinicView.model_validate(clinic) for clinic in found],
        next=found[-1].code if len(found) == limit else None,
    )


@router.post("/templates", status_code=201)
@command("outpatient.schedule.write")
def define_template(tx: Tx, body: DefineTemplate) -> TemplateView:
    """Keep a template as a draft (排班模板)."""
    return _template(service.define_template(tx, body))


@router.post("/templates/{template_id}/activate")
@command("outpatient.schedule.write")
def activate_template(tx: Tx, template_id: UUID, body: ChangeState) -> TemplateView:
    """Put a template to use (启用模板)."""
    return _template(service.activate_template(tx, template_id, body))


@router.post("/templates/{template_id}/end")
@command("outpatient.schedule.write")
def end_template(tx: Tx, template_id: UUID, body: EndTemplate) -> TemplateView:
    """Let a template end (停用模板)."""
    return _template(service.end_template(tx, template_id, body))


@router.get("/templates")
@query("outpatient.schedule.read")
def list_templates(tx: Tx, limit: Limit = 100, cursor: UUID | None = None) -> Page[TemplateView]:
    """Templates of the acting campus, the oldest first."""
    found = tx.session.all(queries.TEMPLATES, campus=tx.campus, after=cursor or FIRST, limit=limit)
    return Page[TemplateView](
        items=[_template(one) for one in found],
        next=str(found[-1].template_id) if len(found) == limit else None,
    )


@router.post("/generate", status_code=201)
@command("outpatient.schedule.write", REPORT)
def generate(tx: Tx, body: Generate) -> GeneratedView:
    """Make draft sessions of the templates for some weeks (按模板生成)."""
    return _generated(*service.generate(tx, body))


@router.post("/copy-week", status_code=201)
@command("outpatient.schedule.write", REPORT)
def copy_week(tx: Tx, body: CopyWeek) -> GeneratedView:
    """Copy a week's sessions into drafts of another (复制上周)."""
    return _generated(*service.copy_week(tx, body))


@router.get("/check")
@query("outpatient.schedule.read", REPORT)
def check(tx: Tx, since: Day, until: Day) -> list[FindingView]:
    """Errors and warnings of the sessions of some days (排班检查), at most five weeks."""
    if not 0 <= (until - since).days <= 35:
        raise PlanInvalid("检查范围须在五周以内。")
    return finding_views(service.check_days(tx, since, until))


@router.post("/sessions", status_code=201)
@command("outpatient.schedule.write")
def plan_session(tx: Tx, body: PlanSession) -> SessionView:
    """Draft a session with its bands and channel quotas (排班)."""
    return session_view(*service.plan_session(tx, body))


@router.put("/sessions/{session_id}")
@command("outpatient.schedule.write")
def edit_session(tx: Tx, session_id: UUID, body: EditSession) -> SessionView:
    """Change a draft (修改草稿)."""
    return session_view(*service.edit_session(tx, session_id, body))


@router.post("/sessions/{session_id}/split", status_code=201)
@command("outpatient.schedule.write")
def split_session(tx: Tx, session_id: UUID, body: SplitSession) -> list[SessionView]:
    """Cut a draft in two (拆分)."""
    parts = service.split_session(tx, session_id, body)
    return [session_view(part, sum(band["count"] for band in part.bands or [])) for part in parts]


@router.post("/sessions/{session_id}/discard")
@command("outpatient.schedule.write")
def discard_session(tx: Tx, session_id: UUID, body: ChangeState) -> SessionView:
    """Discard a draft (作废草稿)."""
    return session_view(*service.discard_session(tx, session_id, body))


@router.post("/sessions/{session_id}/submit")
@command("outpatient.schedule.write")
def submit_session(tx: Tx, session_id: UUID, body: ChangeState) -> SessionView:
    """Submit a draft for approval (提交)."""
    return session_view(*service.submit_session(tx, session_id, body))


@router.post("/sessions/{session_id}/send-back")
@command("outpatient.schedule.approve")
def send_back_session(tx: Tx, session_id: UUID, body: ChangeState) -> SessionView:
    """Send a session back to its department (退回)."""
    return session_view(*service.send_back_session(tx, session_id, body))


@router.post("/sessions/{session_id}/approve")
@command("outpatient.schedule.approve")
def approve_session(tx: Tx, session_id: UUID, body: ChangeState) -> SessionView:
    """Approve a submitted session (审批)."""
    return session_view(*service.approve_session(tx, session_id, body))


@router.post("/sessions/{session_id}/publish")
@command("outpatient.schedule.approve")
def publish_session(tx: Tx, session_id: UUID, body: ChangeState) -> SessionView:
    """Put a session's numbers on sale (发布)."""
    return session_view(*service.publish_session(tx, session_id, body))


@router.post("/steps/submit")
@command("outpatient.schedule.write", REPORT)
def submit_sessions(tx: Tx, body: StepSessions) -> SteppedView:
    """Submit a whole week (整周提交)."""
    return _stepped(*service.step_sessions(tx, "submit", body))


@router.post("/steps/approve")
@command("outpatient.schedule.approve", REPORT)
def approve_sessions(tx: Tx, body: StepSessions) -> SteppedView:
    """Approve a whole week (整周审批)."""
    return _stepped(*service.step_sessions(tx, "approve", body))


@router.post("/steps/publish")
@command("outpatient.schedule.approve", REPORT)
def publish_sessions(tx: Tx, body: StepSessions) -> SteppedView:
    """Publish a whole week (整周发布): all of it or nothing."""
    return _stepped(*service.step_sessions(tx, "publish", body))


def _template(template: Template) -> TemplateView:
    return TemplateView.model_validate(template)


def _generated(made: list[Session], skipped: int, found: list[Finding]) -> GeneratedView:
    return GeneratedView(
        sessions=[session.session_id for session in made], skipped=skipped, findings=finding_views(found)
    )


def _stepped(sessions: int, slots: int) -> SteppedView:
    return SteppedView(sessions=sessions, slots=slots)
