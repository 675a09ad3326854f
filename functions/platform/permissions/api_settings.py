"""HTTP routes of parameters, quarterly reviews and comparisons with the realm."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.platform.permissions import service
from functions.platform.permissions.models import Attestation, AttestationLine, ParameterValue
from functions.platform.permissions.parameters import LEVEL_TITLES, LEVELS
from functions.platform.permissions.schemas import (
    AnswerAttestation,
    AttestationLineView,
    AttestationSheetView,
    AttestationView,
    ParameterView,
    ReconciliationView,
    ResolvedView,
    SetValue,
    Step,
    ValueView,
)
from shared.command import command, query
from shared.http import Router
from shared.identity.posts import PERMISSIONS, POSTS
from shared.schemas import Moment, Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
Key = Annotated[str, Path(pattern=r"^[a-z0-9_.]{1,80}$")]
LAST = UUID(int=2**128 - 1)
FOR_EVER = datetime(9999, 1, 1, tzinfo=UTC)


@router.get("/parameters")
@query("platform.permissions.self")
def list_parameters(tx: Tx) -> list[ParameterView]:
    """Every parameter with what counts at the acting campus (系统参数)."""
    return [
        ParameterView(
            key=found.parameter.key,
            title=found.parameter.title,
            kind=found.parameter.kind,
            meaning=found.parameter.meaning,
            owner=found.parameter.owner,
            default=found.parameter.default,
            risky=found.parameter.risky,
            levels=[level for level in LEVELS if level in found.parameter.levels],
            value=found.value,
            level=found.level,
            level_label=LEVEL_TITLES[found.level],
        )
        for found in service.parameters(tx)
    ]


@router.get("/parameters/waiting")
@query("platform.permissions.packages")
def list_waiting_values(tx: Tx) -> list[ValueView]:
    """Changes of risky parameters that wait for a second person (待复核参数)."""
    return [_value(row) for row in service.waiting_values(tx)]


@router.get("/parameters/{key}")
@query("platform.permissions.self")
def read_parameter(tx: Tx, key: Key, unit_id: UUID | None = None, place_id: UUID | None = None) -> ResolvedView:
    """What a parameter is at a desk, and the level it comes from (参数取值)."""
    found = service.parameter(tx, key, unit_id, place_id)
    return ResolvedView(
        key=key,
        title=found.parameter.title,
        value=found.value,
        level=found.level,
        level_label=LEVEL_TITLES[found.level],
        since=found.since,
    )


@router.get("/parameters/{key}/history")
@query("platform.permissions.packages")
def parameter_history(tx: Tx, key: Key, limit: Limit = 50, cursor: UUID | None = None) -> Page[ValueView]:
    """Every value a parameter was given, latest first (参数历史)."""
    found = service.history(tx, key, cursor or LAST, limit)
    return Page[ValueView](
        items=[_value(row) for row in found], next=str(found[-1].value_id) if len(found) == limit else None
    )


@router.post("/parameters/{key}/values", status_code=201)
@command("platform.permissions.configure")
def set_parameter(tx: Tx, key: Key, body: SetValue) -> ValueView:
    """Give a parameter another value; a risky one waits for a second person (设置参数)."""
    return _value(service.set_value(tx, key, body))


@router.post("/parameter-values/{value_id}/approve")
@command("platform.permissions.approve")
def approve_parameter(tx: Tx, value_id: UUID, body: Step) -> ValueView:
    """The second person agrees with a risky change (复核参数)."""
    return _value(service.approve_value(tx, value_id, body.version))


@router.post("/parameter-values/{value_id}/refuse")
@command("platform.permissions.approve")
def refuse_parameter(tx: Tx, value_id: UUID, body: Step) -> ValueView:
    """A risky change is not made (驳回参数)."""
    return _value(service.refuse_value(tx, value_id, body.version))


@router.get("/attestations")
@query("platform.permissions.read")
def list_attestations(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[AttestationView]:
    """Quarterly reviews of the acting campus, latest first (权限复核)."""
    found = service.attestations(tx, cursor or LAST, limit)
    return Page[AttestationView](
        items=[AttestationView.model_validate(row) for row in found],
        next=str(found[-1].attestation_id) if len(found) == limit else None,
    )


@router.get("/attestations/{attestation_id}")
@query("platform.permissions.read")
def read_attestation(tx: Tx, attestation_id: UUID) -> AttestationSheetView:
    """One review with what is to be confirmed or struck (复核清单)."""
    return _sheet(*service.attestation(tx, attestation_id))


@router.post("/attestations/{attestation_id}/answer")
@command("platform.permissions.attest")
def answer_attestation(tx: Tx, attestation_id: UUID, body: AnswerAttestation) -> AttestationSheetView:
    """The department head confirms or strikes every line (提交复核)."""
    service.answer_attestation(tx, attestation_id, body)
    return _sheet(*service.attestation(tx, attestation_id))


@router.get("/reconciliations")
@query("platform.permissions.read")
def list_reconciliations(tx: Tx, limit: Limit = 20, cursor: Moment | None = None) -> Page[ReconciliationView]:
    """Comparisons of people and templates with the realm, latest first (一致性核对)."""
    found = service.runs(tx, cursor or FOR_EVER, limit)
    return Page[ReconciliationView](
        items=[ReconciliationView.model_validate(row) for row in found],
        next=found[-1].started_at.isoformat() if len(found) == limit else None,
    )


def _value(row: ParameterValue) -> ValueView:
    names = [name for name in ValueView.model_fields if name != "level_label"]
    return ValueView(level_label=LEVEL_TITLES[row.level], **{name: getattr(row, name) for name in names})


def _sheet(row: Attestation, lines: list[AttestationLine]) -> AttestationSheetView:
    return AttestationSheetView(
        **{name: getattr(row, name) for name in AttestationView.model_fields},
        lines=[
            AttestationLineView(
                line_id=line.line_id,
                staff_id=line.staff_id,
                code=line.code,
                title=POSTS[line.code].title if line.code in POSTS else PERMISSIONS.get(line.code, line.code),
                kind="post" if line.assignment_id is not None else "grant",
                verdict=line.verdict,
            )
            for line in lines
        ],
    )
