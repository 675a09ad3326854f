"""HTTP routes of staff, posts and secondments."""

from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.organisation.structure import rules, service
from functions.organisation.structure.models import PostAssignment, Secondment, StaffMember
from functions.organisation.structure.queries import people as queries
from functions.organisation.structure.queries.people import Found, Member
from functions.organisation.structure.schemas.people import (
    ApproveSecondment,
    AssignmentView,
    AssignPost,
    ChangePrimaryUnit,
    ChangeStaff,
    DirectoryEntry,
    EndPost,
    EndSecondment,
    EndStaff,
    EngageStaff,
    FilePractice,
    HolderView,
    JoinUnit,
    PostView,
    ProposeSecondment,
    RenewSecondment,
    SecondmentView,
    StaffCardView,
    StaffUnitView,
    StaffView,
    SuspendStaff,
)
from functions.organisation.structure.schemas.times import At, Day
from functions.organisation.structure.service.identities import masked_id_number
from functions.organisation.structure.service.posts import Held
from shared.command import command, query
from shared.http import Router
from shared.identity.posts import POSTS
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
StaffCursor = Annotated[str | None, Parameter(max_length=20)]
LAST = UUID(int=2**128 - 1)


# -- staff


@router.get("/staff")
@query("organisation.structure.read")
def list_staff(tx: Tx, limit: Limit = 100, cursor: StaffCursor = None) -> Page[StaffView]:
    """People of the acting campus by staff number (职工列表)."""
    found = tx.session.all(queries.STAFF_OF_CAMPUS, campus=tx.campus, after=cursor or "", limit=limit)
    return Page[StaffView](
        items=[_person(row, None) for row in found], next=found[-1].staff_no if len(found) == limit else None
    )


@router.get("/staff/{staff_id}")
@query("organisation.structure.read")
def read_staff(tx: Tx, staff_id: UUID) -> StaffCardView:
    """One person; the mobile number only at the home campus."""
    person = _person(*service.staff_card(tx, staff_id))
    lock = service.last_lock(tx, staff_id)
    return StaffCardView(
        **dict(person),
        id_number=masked_id_number(tx, staff_id),
        sign_on_locked_at=lock.locked_at if lock else None,
        sign_on_locked_until=lock.locked_until if lock else None,
    )


@router.get("/directory")
@query("organisation.structure.read")
def directory(
    tx: Tx,
    q: Annotated[str, Parameter(min_length=1, max_length=20, pattern=r"^[^\x00]+$")],
    limit: Annotated[int, Parameter(ge=1, le=50)] = 20,
) -> list[DirectoryEntry]:
    """People of all campuses whose initials, name or staff number begin with a text (通讯录)."""
    return [_entry(found) for found in service.directory(tx, q, limit)]


@router.post("/staff", status_code=201)
@command("organisation.structure.write_staff")
def engage_staff(tx: Tx, body: EngageStaff) -> StaffView:
    """Engage a person at the acting campus (入职)."""
    return _person(service.engage_staff(tx, body), body.mobile)


@router.patch("/staff/{staff_id}")
@command("organisation.structure.write_staff")
def change_staff(tx: Tx, staff_id: UUID, body: ChangeStaff) -> StaffView:
    """Change a person's record (变更档案)."""
    service.change_staff(tx, staff_id, body)
    return _person(*service.staff_card(tx, staff_id))


@router.post("/staff/{staff_id}/units", status_code=201)
@command("organisation.structure.write_staff")
def join_unit(tx: Tx, staff_id: UUID, body: JoinUnit) -> StaffView:
    """Belong to a further unit (兼属科室)."""
    service.join_unit(tx, staff_id, body)
    return _person(*service.staff_card(tx, staff_id))


@router.post("/staff/{staff_id}/change-primary-unit")
@command("organisation.structure.write_staff")
def change_primary_unit(tx: Tx, staff_id: UUID, body: ChangePrimaryUnit) -> StaffView:
    """Another primary unit from a day on (调科)."""
    service.change_primary_unit(tx, staff_id, body)
    return _person(*service.staff_card(tx, staff_id))


@router.post("/staff/{staff_id}/suspend")
@command("organisation.structure.write_staff")
def suspend_staff(tx: Tx, staff_id: UUID, body: SuspendStaff) -> StaffView:
    """Suspend a person (停职)."""
    service.suspend_staff(tx, staff_id, body)
    return _person(*service.staff_card(tx, staff_id))


@router.post("/staff/{staff_id}/resume")
@command("organisation.structure.write_staff")
def resume_staff(tx: Tx, staff_id: UUID, body: SuspendStaff) -> StaffView:
    """Let a suspended person work again (复职)."""
    service.resume_staff(tx, staff_id, body)
    return _person(*service.staff_card(tx, staff_id))


@router.post("/staff/{staff_id}/end")
@command("organisation.structure.write_staff")
def end_staff(tx: Tx, staff_id: UUID, body: EndStaff) -> StaffView:
    """A person leaves (离职); posts, secondments and sign-ons end at that minute."""
    service.end_staff(tx, staff_id, body)
    return _person(*service.staff_card(tx, staff_id))


@router.get("/units/{unit_id}/staff")
@query("organisation.structure.read")
def staff_of_unit(
    tx: Tx, unit_id: UUID, at: Day | None = None, limit: Limit = 100, cursor: StaffCursor = None
) -> Page[StaffUnitView]:
    """Who belonged to a unit on a day (科室人员)."""
    found = service.staff_of_unit(tx, unit_id, at, cursor or "", limit)
    return Page[StaffUnitView](
        items=[_member(row) for row in found], next=found[-1].staff_no if len(found) == limit else None
    )


# -- posts


@router.get("/posts")
@query("organisation.structure.read")
def list_posts(tx: Tx) -> list[PostView]:
    """Posts a person may hold (岗位表)."""
    return [
        PostView(code=post.code, title=post.title, consortium_wide=post.consortium_wide, privileged=post.privileged)
        for post in POSTS.values()
    ]


@router.post("/post-assignments", status_code=201)
@command("organisation.structure.assign_post")
def assign_post(tx: Tx, body: AssignPost) -> AssignmentView:
    """Give a person a post at the acting campus (岗位任命)."""
    return _assignment(service.assign_post(tx, body))


@router.post("/post-assignments/{assignment_id}/end")
@command("organisation.structure.assign_post")
def end_post(tx: Tx, assignment_id: UUID, body: EndPost) -> AssignmentView:
    """End a post (免职)."""
    return _assignment(service.end_post(tx, assignment_id, body))


@router.get("/post-assignments/ending")
@query("organisation.structure.assign_post")
def posts_ending(tx: Tx, days: Annotated[int, Parameter(ge=1, le=366)] = 30) -> list[AssignmentView]:
    """Posts of the acting campus that end soon (即将到期的任职), at most 200."""
    return [_assignment(row) for row in service.posts_ending(tx, days)]


@router.get("/staff/{staff_id}/posts")
@query("organisation.structure.read")
def posts_of(tx: Tx, staff_id: UUID, at: At | None = None) -> list[AssignmentView]:
    """Posts a person holds at a moment, at every campus."""
    return [_held(held) for held in service.posts_of(tx, staff_id, at)]


@router.get("/posts/{post}/holders")
@query("organisation.structure.read")
def holders(
    tx: Tx,
    post: Annotated[str, Path(max_length=40, pattern=r"^[a-z_]+$")],
    unit_id: UUID | None = None,
    at: At | None = None,
) -> list[HolderView]:
    """Who held a post of the acting campus at a moment."""
    held = service.holders(tx, post, unit_id, at)
    people = service.staff_members(tx, [one.staff_id for one in held])
    return [
        HolderView(
            staff_id=one.staff_id,
            staff_no=people[one.staff_id].staff_no,
            name=people[one.staff_id].name,
            office_phone=people[one.staff_id].office_phone,
            unit_id=one.unit_id,
            post=one.post,
        )
        for one in held
    ]


# -- secondments


@router.get("/secondments")
@query("organisation.structure.assign_post")
def list_secondments(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[SecondmentView]:
    """Secondments from and to the acting campus, latest first (派驻列表)."""
    found = service.secondments_of_campus(tx, cursor or LAST, limit)
    return Page[SecondmentView](
        items=[_secondment(*one) for one in found],
        next=str(found[-1][0].secondment_id) if len(found) == limit else None,
    )


@router.get("/secondments/{secondment_id}")
@query("organisation.structure.assign_post")
def read_secondment(tx: Tx, secondment_id: UUID) -> SecondmentView:
    """One secondment and who has agreed to it."""
    return _secondment(*service.secondment(tx, secondment_id))


@router.post("/secondments", status_code=201)
@command("organisation.structure.assign_post")
def propose_secondment(tx: Tx, body: ProposeSecondment) -> SecondmentView:
    """Propose a secondment (提出派驻)."""
    return _secondment(*service.propose_secondment(tx, body))


@router.post("/secondments/{secondment_id}/approve")
@command("organisation.structure.assign_post")
def approve_secondment(tx: Tx, secondment_id: UUID, body: ApproveSecondment) -> SecondmentView:
    """Agree to a secondment for the home campus, the receiving campus or the consortium (审批派驻)."""
    return _secondment(*service.approve_secondment(tx, secondment_id, body))


@router.post("/secondments/{secondment_id}/file-practice")
@command("organisation.structure.assign_post")
def file_practice(tx: Tx, secondment_id: UUID, body: FilePractice) -> SecondmentView:
    """Record that the doctor's practice there is filed (多机构备案)."""
    return _secondment(*service.file_practice(tx, secondment_id, body))


@router.post("/secondments/{secondment_id}/renew", status_code=201)
@command("organisation.structure.assign_post")
def renew_secondment(tx: Tx, secondment_id: UUID, body: RenewSecondment) -> SecondmentView:
    """Propose to go on with a secondment (续派); it needs the three consents again."""
    return _secondment(*service.renew_secondment(tx, secondment_id, body))


@router.post("/secondments/{secondment_id}/end")
@command("organisation.structure.assign_post")
def end_secondment(tx: Tx, secondment_id: UUID, body: EndSecondment) -> SecondmentView:
    """End a secondment early, or withdraw it (结束或撤回派驻)."""
    return _secondment(*service.end_secondment(tx, secondment_id, body))


# -- shapes


def _person(row: StaffMember, mobile: str | None) -> StaffView:
    return StaffView(
        staff_id=row.staff_id,
        staff_no=row.staff_no,
        name=row.name,
        campus_id=row.campus_id,
        category=row.category,
        title_code=row.title_code,
        title=_title(row.title_code),
        title_rank=rules.title_rank(row.title_code),
        employment=row.employment,
        office_phone=row.office_phone,
        mobile=mobile,
        engaged_on=row.engaged_on,
        status=row.status,
        leaves_at=row.leaves_at,
        version=row.version,
    )


def _title(code: str | None) -> str:
    return rules.TITLES[code].name if code is not None and code in rules.TITLES else ""


def _entry(found: Found) -> DirectoryEntry:
    return DirectoryEntry(
        staff_id=found.staff_id,
        staff_no=found.staff_no,
        name=found.name,
        campus_id=found.campus_id,
        unit_name=found.unit_name or "",
        unit_phone=found.unit_phone,
        title=_title(found.title_code),
        office_phone=found.office_phone,
        mobile=found.mobile,
    )


def _member(row: Member) -> StaffUnitView:
    return StaffUnitView(
        staff_id=row.staff_id,
        staff_no=row.staff_no,
        name=row.name,
        title=_title(row.title_code),
        title_rank=rules.title_rank(row.title_code),
        unit_id=row.unit_id,
        is_primary=row.is_primary,
        valid_from=row.valid_from,
        valid_to=row.valid_to,
    )


def _assignment(row: PostAssignment) -> AssignmentView:
    return _held(
        Held(
            row.assignment_id,
            row.secondment_id,
            row.staff_id,
            row.campus_id,
            row.post,
            row.unit_id,
            row.is_main,
            row.valid_from,
            row.valid_to,
        )
    )


def _held(held: Held) -> AssignmentView:
    title = POSTS[held.post].title if held.post in POSTS else held.post
    return AssignmentView(**held._asdict(), post_title=title)


def _secondment(row: Secondment, approvals: list[str]) -> SecondmentView:
    fields = {name: getattr(row, name) for name in SecondmentView.model_fields if name != "approvals"}
    return SecondmentView(**fields, approvals=approvals)
