"""HTTP routes of licences, privileges, delegations, codes, signatures and acting."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.organisation.structure import service, shapes
from functions.organisation.structure.rules import credentials as rules
from functions.organisation.structure.schemas.credentials import (
    ActingView,
    AddPracticePlace,
    ChooseActing,
    CorrectLicence,
    Delegate,
    DelegationView,
    EndDelegation,
    EndLicence,
    EndPrivilege,
    ExpiringView,
    GrantPrivilege,
    KindView,
    LicenceView,
    PrivilegeView,
    RecordLicence,
    RegisterSignature,
    RetireSignature,
    SetStaffCode,
    SignatureView,
    StaffCodeView,
    SuspendPrivilege,
    VerdictView,
)
from functions.organisation.structure.schemas.people import AssignmentView
from functions.organisation.structure.schemas.times import At
from shared.command import Document, Onward, command, query
from shared.http import Router
from shared.identity.posts import POSTS
from shared.problems import Invalid
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
KindInPath = Annotated[str, Path(pattern=r"^[a-z_0-9]{2,40}$")]
Level = Annotated[int | None, Parameter(ge=0, le=9)]
Campus = Annotated[str | None, Parameter(pattern=r"^[a-z][a-z0-9]{1,9}$")]
ProcedureCode = Annotated[str | None, Parameter(max_length=40, pattern=r"^[A-Za-z0-9_.\-]+$")]
DayCursor = Annotated[str | None, Parameter(pattern=r"^\d{4}-\d{2}-\d{2} [0-9a-f\-]{36}$")]
FIRST = UUID(int=0)
LAST = UUID(int=2**128 - 1)


# -- licences


@router.get("/licence-kinds")
@query("organisation.structure.read")
def licence_kinds(tx: Tx) -> list[KindView]:
    """Kinds of licences one may record (证书类别)."""
    return [KindView(kind=kind, title=known.title, levels=[], licences=[]) for kind, known in rules.LICENCES.items()]


@router.get("/staff/{staff_id}/licences")
@query("organisation.structure.read")
def licences_of(tx: Tx, staff_id: UUID) -> list[LicenceView]:
    """Licences of a person, earliest first, with a traffic light (执业证书)."""
    licences, places = service.licences_of(tx, staff_id)
    tx.audit("licences.read", "staff", staff_id)
    return [shapes.licence_view(tx, row, places) for row in licences]


@router.post("/staff/{staff_id}/licences", status_code=201)
@command("organisation.structure.write_staff")
def record_licence(tx: Tx, staff_id: UUID, body: RecordLicence) -> LicenceView:
    """Record a licence (登记执业证书)."""
    return _licence(tx, service.record_licence(tx, staff_id, body).licence_id)


@router.post("/licences/{licence_id}/correct", status_code=201)
@command("organisation.structure.write_staff")
def correct_licence(tx: Tx, licence_id: UUID, body: CorrectLicence) -> LicenceView:
    """Put another row in the place of a wrong one (更正)."""
    return _licence(tx, service.correct_licence(tx, licence_id, body).licence_id)


@router.post("/licences/{licence_id}/end")
@command("organisation.structure.write_staff")
def end_licence(tx: Tx, licence_id: UUID, body: EndLicence) -> LicenceView:
    """A licence ends before its time (吊销、注销)."""
    return _licence(tx, service.end_licence(tx, licence_id, body).licence_id)


@router.post("/licences/{licence_id}/places", status_code=201)
@command("organisation.structure.write_staff")
def add_practice_place(tx: Tx, licence_id: UUID, body: AddPracticePlace) -> LicenceView:
    """File a further practice place (多机构备案)."""
    return _licence(tx, service.add_practice_place(tx, licence_id, body).licence_id)


@router.get("/licences/expiring")
@query("organisation.structure.write_staff")
def licences_expiring(
    tx: Tx, days: Annotated[int, Parameter(ge=0, le=366)] = 90, limit: Limit = 100, cursor: DayCursor = None
) -> Page[ExpiringView]:
    """Licences of the acting campus that end soon or ended within thirty days, soonest first (即将到期)."""
    found = service.licences_expiring(tx, days, _after(cursor), limit)
    last = f"{found[-1].valid_to.isoformat()} {found[-1].licence_id}" if len(found) == limit else None
    return Page[ExpiringView](items=[shapes.expiring_view(tx, row) for row in found], next=last)


# -- privileges


@router.get("/privilege-kinds")
@query("organisation.structure.read")
def privilege_kinds(tx: Tx) -> list[KindView]:
    """Kinds of privileges with their levels and the licences they rest on (权限类别)."""
    return [
        KindView(kind=kind, title=known.title, levels=list(known.levels), licences=list(known.licences))
        for kind, known in rules.PRIVILEGES.items()
    ]


@router.get("/staff/{staff_id}/privileges")
@query("organisation.structure.read")
def privileges_of(tx: Tx, staff_id: UUID) -> list[PrivilegeView]:
    """Privileges of a person with their suspensions (处方权等)."""
    privileges, suspensions = service.privileges_of(tx, staff_id)
    return [shapes.privilege_view(tx, row, suspensions) for row in privileges]


@router.get("/staff/{staff_id}/privileges/{kind}")
@query("organisation.structure.read")
def privilege_at(
    tx: Tx,
    staff_id: UUID,
    kind: KindInPath,
    level: Level = None,
    campus: Campus = None,
    at: At | None = None,
    procedure: ProcedureCode = None,
) -> VerdictView:
    """May this person do this at a campus and moment: yes or no, with the reason and its source row."""
    verdict = service.privilege_at(tx, staff_id, kind, at, level=level, campus=campus, procedure=procedure)
    return shapes.verdict_view(tx, verdict, at)


@router.get("/staff/{staff_id}/licences/{kind}/valid")
@query("organisation.structure.read")
def licence_at(tx: Tx, staff_id: UUID, kind: KindInPath, campus: Campus = None, at: At | None = None) -> VerdictView:
    """Does this person hold a valid licence at a campus and moment, with the reason and its source row."""
    return shapes.verdict_view(tx, service.licence_at(tx, staff_id, kind, at, campus=campus), at)


@router.get("/privileges/{kind}/holders")
@query("organisation.structure.write_privilege")
def privilege_holders(
    tx: Tx, kind: KindInPath, at: At | None = None, limit: Limit = 100, cursor: UUID | None = None
) -> Page[PrivilegeView]:
    """Privileges of a kind the acting campus granted that are in force (权限名册)."""
    found = service.privilege_holders(tx, kind, at, cursor or FIRST, limit)
    return Page[PrivilegeView](
        items=[shapes.privilege_view(tx, row, []) for row in found],
        next=str(found[-1].privilege_id) if len(found) == limit else None,
    )


@router.post("/staff/{staff_id}/privileges", status_code=201)
@command("organisation.structure.write_privilege")
def grant_privilege(tx: Tx, staff_id: UUID, body: GrantPrivilege) -> PrivilegeView:
    """Grant a privilege (授权)."""
    return shapes.privilege_view(tx, service.grant_privilege(tx, staff_id, body), [])


@router.post("/privileges/{privilege_id}/suspend")
@command("organisation.structure.write_privilege")
def suspend_privilege(tx: Tx, privilege_id: UUID, body: SuspendPrivilege) -> PrivilegeView:
    """Suspend a privilege (暂停)."""
    return _privilege(tx, service.suspend_privilege(tx, privilege_id, body).staff_id, privilege_id)


@router.post("/privileges/{privilege_id}/resume")
@command("organisation.structure.write_privilege")
def resume_privilege(tx: Tx, privilege_id: UUID, body: EndPrivilege) -> PrivilegeView:
    """Let a suspended privilege count again (恢复)."""
    return _privilege(tx, service.resume_privilege(tx, privilege_id, body).staff_id, privilege_id)


@router.post("/privileges/{privilege_id}/revoke")
@command("organisation.structure.write_privilege")
def revoke_privilege(tx: Tx, privilege_id: UUID, body: EndPrivilege) -> PrivilegeView:
    """Take a privilege back (收回)."""
    return _privilege(tx, service.revoke_privilege(tx, privilege_id, body).staff_id, privilege_id)


@router.get("/privileges/{kind}/record.pdf")
@query("organisation.structure.write_privilege")
def print_privilege_record(tx: Tx, kind: KindInPath) -> Document:
    """处方权签名留样备案表 as PDF."""
    return service.privilege_record(tx, kind)


# -- delegations


@router.get("/delegations")
@query("organisation.structure.delegate")
def list_delegations(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[DelegationView]:
    """Delegations of the acting campus, latest first (代班列表)."""
    found = service.delegations_of_campus(tx, cursor or LAST, limit)
    return Page[DelegationView](
        items=[shapes.delegation_view(row) for row in found],
        next=str(found[-1].delegation_id) if len(found) == limit else None,
    )


@router.post("/delegations", status_code=201)
@command("organisation.structure.delegate")
def delegate(tx: Tx, body: Delegate) -> DelegationView:
    """Let a named person hold a post of one's unit for at most 14 days (代班)."""
    return shapes.delegation_view(service.delegate(tx, body))


@router.post("/delegations/{delegation_id}/end")
@command("organisation.structure.delegate")
def end_delegation(tx: Tx, delegation_id: UUID, body: EndDelegation) -> DelegationView:
    """End a delegation, or withdraw it (结束或撤回代班)."""
    return shapes.delegation_view(service.end_delegation(tx, delegation_id, body))


# -- codes and signatures


@router.get("/staff/{staff_id}/codes")
@query("organisation.structure.read")
def staff_codes(tx: Tx, staff_id: UUID) -> list[StaffCodeView]:
    """Codes other systems know a person by (医保医师代码等)."""
    return [shapes.staff_code_view(row) for row in service.staff_codes_of(tx, staff_id)]


@router.put("/staff/{staff_id}/codes/{system}")
@command("organisation.structure.write_staff")
def set_staff_code(tx: Tx, staff_id: UUID, system: KindInPath, body: SetStaffCode) -> list[StaffCodeView]:
    """Set or end a code of a person (登记人员代码)."""
    return [shapes.staff_code_view(row) for row in service.set_staff_code(tx, staff_id, system, body)]


@router.get("/staff/{staff_id}/signature")
@query("organisation.structure.read")
def read_signature(tx: Tx, staff_id: UUID, at: At | None = None) -> SignatureView:
    """The specimen a person signs with at the acting campus (签名留样)."""
    return service.signature_view(service.signature_at(tx, staff_id, at), tx.now)


@router.get("/staff/{staff_id}/signature.png")
@query("organisation.structure.read")
def signature_picture(tx: Tx, staff_id: UUID, at: At | None = None) -> Document:
    """The picture of the specimen."""
    return service.signature_picture(tx, staff_id, at)


@router.post("/staff/{staff_id}/signature", status_code=201)
@command("organisation.structure.write_staff")
def register_signature(tx: Tx, staff_id: UUID, body: RegisterSignature) -> SignatureView:
    """Register a specimen; the one before is retired (登记签名留样)."""
    answer: Onward[SignatureView] = service.register_signature(tx, staff_id, body)
    return answer  # type: ignore[return-value]  # the edge takes an Onward of what the route answers


@router.post("/staff/{staff_id}/signature/retire")
@command("organisation.structure.write_staff")
def retire_signature(tx: Tx, staff_id: UUID, body: RetireSignature) -> SignatureView:
    """Take a specimen out of use (注销签名留样)."""
    return service.retire_signature(tx, staff_id, body)


# -- acting


@router.get("/acting/choices")
@query("organisation.structure.read")
def acting_choices(tx: Tx) -> list[AssignmentView]:
    """What the person signed on may act as now, at every campus (可选岗位)."""
    return [
        AssignmentView(**held._asdict(), post_title=POSTS[held.post].title if held.post in POSTS else held.post)
        for held in service.choices(tx)
    ]


@router.post("/acting", status_code=201)
@command("organisation.structure.read")
def choose_acting(tx: Tx, body: ChooseActing) -> ActingView:
    """Act in a unit and post of the acting campus from now on (登录或切换岗位)."""
    return shapes.acting_view(tx, service.choose_acting(tx, body))


@router.get("/acting")
@query("organisation.structure.read")
def acting_now(tx: Tx) -> list[ActingView]:
    """What the person signed on chose last; empty when nothing was chosen yet (当前岗位)."""
    row = None if tx.actor.staff_id is None else service.acting_as(tx, tx.actor.staff_id)
    return [] if row is None else [shapes.acting_view(tx, row)]


def _after(cursor: str | None) -> tuple[date, UUID] | None:
    try:
        return (date.fromisoformat(cursor[:10]), UUID(cursor[11:])) if cursor else None
    except ValueError:
        raise Invalid("翻页标记不正确，请从第一页重新查询。") from None


def _licence(tx: Tx, licence_id: UUID) -> LicenceView:
    row, places = service.licence(tx, licence_id)
    return shapes.licence_view(tx, row, places)


def _privilege(tx: Tx, staff_id: UUID, privilege_id: UUID) -> PrivilegeView:
    privileges, suspensions = service.privileges_of(tx, staff_id)
    row = next(one for one in privileges if one.privilege_id == privilege_id)
    return shapes.privilege_view(tx, row, suspensions)
