"""Templates, and the drafts generated from them (排班模板、按周生成)."""

from datetime import date, time, timedelta
from uuid import UUID

from functions.organisation.structure import service as organisation
from functions.outpatient.schedule import rules
from functions.outpatient.schedule.models import Session, Template
from functions.outpatient.schedule.problems import RequestStateWrong, TemplateOverlaps
from functions.outpatient.schedule.queries import plans as queries
from functions.outpatient.schedule.schemas.plans import (
    BandPlan,
    ChangeState,
    Channel,
    CopyWeek,
    DefineTemplate,
    EndTemplate,
    Generate,
    Part,
    PlanSession,
    Wave,
)
from functions.outpatient.schedule.service.checking import check_sessions
from functions.outpatient.schedule.service.sessions import check_room, checked_plan, draft, own_clinic
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.tx import Tx


def define_template(tx: Tx, command: DefineTemplate) -> Template:
    """Keep a template as a draft; `activate_template` puts it to use."""
    clinic = own_clinic(tx, command.clinic_id)
    check_room(tx, clinic, command.room_id)
    if command.doctor_id is not None:
        organisation.staff_member(tx, command.doctor_id)
    if command.valid_to is not None and command.valid_to < command.valid_from:
        raise rules.PlanInvalid("模板的结束日期不能早于开始日期。")
    times = rules.stored_times([(band.starts, band.ends, band.count) for band in command.bands])
    quotas = {channel.value: count for channel, count in command.quotas.items()}
    waves = [wave.model_dump(exclude_none=True) for wave in command.waves] if command.waves else None
    checked_plan(command.valid_from, rules.timed_bands(command.valid_from, times), quotas, waves)
    template = Template(
        template_id=new_id(),
        campus_id=tx.campus,
        clinic_id=clinic.clinic_id,
        doctor_id=command.doctor_id,
        room_id=command.room_id,
        desk=command.desk,
        weekday=command.weekday,
        week_parity=command.week_parity.value,
        months=sorted(set(command.months)),
        part=command.part.value,
        bands=times,
        quotas=quotas,
        waves=waves,
        extra_cap=command.extra_cap,
        valid_from=command.valid_from,
        valid_to=command.valid_to,
        made_by=tx.actor.subject,
    )
    tx.session.add(template)
    tx.audit("template.defined", "session_template", template.template_id)
    return template


def activate_template(tx: Tx, template_id: UUID, command: ChangeState) -> Template:
    """Put a template to use. Raises TemplateOverlaps naming both when its doctor or room is given already."""
    template = _own(tx, template_id)
    tx.check_version(template.version, command.version)
    if template.status != "draft":
        raise RequestStateWrong("该模板已启用或已停用，请刷新后核对。", current_status=template.status)
    rivals = tx.session.all(
        queries.RIVAL_TEMPLATES,
        weekday_=template.weekday,
        doctor=template.doctor_id,
        room=template.room_id,
        but=template_id,
    )
    mine = _pattern(template)
    met = [(rival, what) for rival in rivals if (what := rules.overlap(mine, _pattern(rival)))]
    if met:
        rival, what = met[0]
        thing = "医生" if what == "doctor" else "诊室诊台"
        raise TemplateOverlaps(
            f"{_name(template)} 与已启用的 {_name(rival)} {thing}时间重叠，请调整其一后再启用；本模板仍保留为草稿。",
            templates=[str(template_id), *(str(one.template_id) for one, _ in met)],
        )
    return _step(tx, template, "active")


def end_template(tx: Tx, template_id: UUID, command: EndTemplate) -> Template:
    """Let a template end: it makes no session after its last day."""
    template = _own(tx, template_id)
    tx.check_version(template.version, command.version)
    if template.status == "ended" or command.last_day < template.valid_from:
        raise RequestStateWrong("该模板已停用，或结束日期早于开始日期。", current_status=template.status)
    to = "ended" if command.last_day < tx.today or template.status == "draft" else "active"
    return _step(tx, template, to, command.last_day)


def generate(tx: Tx, command: Generate) -> tuple[list[Session], int, list[rules.Finding]]:
    """Draft sessions of the active templates for some weeks: created, how many were there already, and the check.

    Holidays and closed days of the calendar make none, nor do `closed_days`; a day in `swapped` counts as that weekday
    (调休). Running it again adds only what is missing.
    """
    if command.monday.isoweekday() != 1:
        raise rules.PlanInvalid("请从星期一开始生成。")
    until = command.monday + timedelta(weeks=command.weeks, days=-1)
    window = {"campus": tx.campus, "since": command.monday, "until": until}
    known = tx.session.send(queries.TEMPLATE_DAYS, **window)
    templates = tx.session.all(queries.ACTIVE_TEMPLATES, **window)
    there = set(known.all())
    days = organisation.calendar(tx, command.monday, until)
    closed = {*command.closed_days, *(one.day for one in days if one.kind is not None and not one.clinics_open)}
    clinics = {
        clinic.clinic_id: clinic
        for clinic in tx.session.all(queries.CLINICS_BY_ID, clinic_ids=sorted({one.clinic_id for one in templates}))
        if clinic.active and command.unit_id in (None, clinic.unit_id)
    }
    made: list[Session] = []
    skipped = 0
    for offset in range((until - command.monday).days + 1):
        day = command.monday + timedelta(days=offset)
        if day in closed:
            continue
        for template in templates:
            if template.clinic_id not in clinics or not rules.holds_on(
                _pattern(template), day, command.swapped.get(day)
            ):
                continue
            if (template.template_id, day) in there:
                skipped += 1
                continue
            made.append(draft(tx, clinics[template.clinic_id], _plan(template, day), template.template_id))
    tx.session.add(*made)
    tx.audit("schedule.generated", "week", command.monday.isoformat(), sessions=len(made), skipped=skipped)
    return made, skipped, check_sessions(tx, made, against=rules.LIVE)


def copy_week(tx: Tx, command: CopyWeek) -> tuple[list[Session], int, list[rules.Finding]]:
    """Copy a week's sessions into drafts of another (复制上周); those whose place is taken there are left out."""
    if command.from_monday.isoweekday() != 1 or command.to_monday.isoweekday() != 1:
        raise rules.PlanInvalid("请选择星期一作为起始日。")
    shift = command.to_monday - command.from_monday
    if not shift:
        raise rules.PlanInvalid("不能复制到同一周。")
    window = timedelta(days=6)
    source = tx.session.send(
        queries.LIVE_BETWEEN,
        campus=tx.campus,
        since=command.from_monday,
        until=command.from_monday + window,
        limit=1500,
    )
    target = tx.session.all(
        queries.LIVE_BETWEEN, campus=tx.campus, since=command.to_monday, until=command.to_monday + window, limit=1500
    )
    rooms = {(one.room_id, one.desk, one.starts_at) for one in target}
    doctors = {(one.doctor_id, one.starts_at) for one in target if one.doctor_id is not None}
    made, skipped = [], 0
    for one in source.all():
        if one.bands is None or one.quotas is None or command.unit_id not in (None, one.unit_id):
            continue
        start = one.starts_at + shift
        if (one.room_id, one.desk, start) in rooms or (one.doctor_id, start) in doctors:
            skipped += 1
            continue
        made.append(_shifted(tx, one, shift))
    tx.session.add(*made)
    tx.audit("schedule.copied", "week", command.to_monday.isoformat(), sessions=len(made), skipped=skipped)
    return made, skipped, check_sessions(tx, made, against=rules.LIVE)


def _shifted(tx: Tx, one: Session, shift: timedelta) -> Session:
    bands = [
        rules.Band(band.starts_at + shift, band.ends_at + shift, band.count) for band in rules.bands_of(one.bands or [])
    ]
    return Session(
        session_id=new_id(),
        campus_id=tx.campus,
        clinic_id=one.clinic_id,
        unit_id=one.unit_id,
        doctor_id=one.doctor_id,
        room_id=one.room_id,
        desk=one.desk,
        day=one.day + shift,
        part=one.part,
        starts_at=min(band.starts_at for band in bands),
        ends_at=max(band.ends_at for band in bands),
        travel_until=one.travel_until + shift if one.travel_until is not None else None,
        bands=rules.stored_bands(bands),
        quotas=one.quotas,
        waves=one.waves,
        extra_cap=one.extra_cap,
        made_by=tx.actor.subject,
    )


def _plan(template: Template, day: date) -> PlanSession:
    bands = rules.timed_bands(day, template.bands)
    return PlanSession(
        clinic_id=template.clinic_id,
        doctor_id=template.doctor_id,
        room_id=template.room_id,
        desk=template.desk,
        day=day,
        part=Part(template.part),
        bands=[BandPlan(starts_at=band.starts_at, ends_at=band.ends_at, count=band.count) for band in bands],
        quotas={Channel(channel): count for channel, count in template.quotas.items()},
        waves=[Wave(**wave) for wave in template.waves] if template.waves else None,
        extra_cap=template.extra_cap,
    )


def _pattern(template: Template) -> rules.Pattern:
    return rules.Pattern(
        template.template_id,
        template.campus_id,
        template.doctor_id,
        template.room_id,
        template.desk,
        template.weekday,
        template.week_parity,
        tuple(template.months),
        time.fromisoformat(min(_times(template.bands, "starts"))),
        time.fromisoformat(max(_times(template.bands, "ends"))),
        template.valid_from,
        template.valid_to,
    )


def _times(bands: list[dict[str, object]], key: str) -> list[str]:
    return [str(band[key]) for band in bands]


def _name(template: Template) -> str:
    first, last = min(_times(template.bands, "starts")), max(_times(template.bands, "ends"))
    return f"周{'一二三四五六日'[template.weekday - 1]} {first}-{last} 的模板"


def _own(tx: Tx, template_id: UUID) -> Template:
    template = tx.session.first(queries.TEMPLATE, template_id=template_id)
    if template is None or template.campus_id != tx.campus:
        raise NotFound("本院区没有这个排班模板，请刷新后重试。")
    return template


def _step(tx: Tx, template: Template, to: str, last_day: date | None = None) -> Template:
    stepped = tx.session.first(
        queries.STEP_TEMPLATE,
        id_=template.template_id,
        seen=template.version,
        from_=template.status,
        to=to,
        last_day=last_day,
    )
    if stepped is None:
        raise Stale("该模板刚被他人修改，请刷新后再操作。")
    tx.audit("template.changed", "session_template", template.template_id, status=to)
    return stepped
