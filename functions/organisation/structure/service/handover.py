"""Hand-over of a leaver (离职交接): what is open is asked of all modules, listed when leaving is decided, handed on."""

from collections.abc import Iterator
from datetime import datetime
from uuid import UUID

from functions.organisation.structure import gates
from functions.organisation.structure.models import HandoverItem, StaffMember
from functions.organisation.structure.problems import StaffNotActive, StaffNotFound
from functions.organisation.structure.problems.personal import HandoverNotFound, HandoverSettled, SuccessorWrong
from functions.organisation.structure.queries import credentials, people, posts
from functions.organisation.structure.queries import personal as queries
from functions.organisation.structure.schemas.personal import OpenWorkView, SettleHandover
from functions.organisation.structure.service.log import record
from functions.organisation.structure.service.whose import own_staff
from shared.gates import Objection
from shared.identity.posts import POSTS
from shared.ids import new_id
from shared.schemas import SHANGHAI
from shared.tx import Tx


def open_work_of(tx: Tx, staff_id: UUID, at: datetime | None = None) -> list[OpenWorkView]:
    """What a person of the acting campus would leave open, before anything is decided. Raises StaffNotFound."""
    person = own_staff(tx, staff_id)
    tx.audit("staff.open_work_read", "staff", staff_id)
    return [
        OpenWorkView(source=one.code, message=one.message, way_out=one.way_out)
        for one in _open_work(tx, person, at or tx.now)
    ]


def list_handover(tx: Tx, person: StaffMember, at: datetime) -> None:
    """Put on the list what the person leaves open at that minute. What is on it already stays one line."""
    for one in _open_work(tx, person, at):
        tx.session.execute(
            queries.LIST_HANDOVER,
            item_id=new_id(),
            campus=tx.campus,
            staff_id=person.staff_id,
            source=one.code,
            message=one.message,
            way_out=one.way_out,
            now=tx.now,
        )


def handover_of(tx: Tx, staff_id: UUID) -> list[HandoverItem]:
    """The hand-over list of a person, as far as the reader's campuses keep it."""
    tx.audit("staff.handover_read", "staff", staff_id)
    return tx.session.all(queries.HANDOVER_OF, staff_id=staff_id)


def open_handover(tx: Tx, after: UUID, limit: int) -> list[HandoverItem]:
    """What leavers of the acting campus have not handed over yet, oldest first."""
    return tx.session.all(queries.OPEN_HANDOVER, campus=tx.campus, after=after, limit=limit)


def settle_handover(tx: Tx, item_id: UUID, command: SettleHandover) -> HandoverItem:
    """A colleague took a piece of work over, or it needs nobody any more (交接完成).

    Raises HandoverNotFound, HandoverSettled, SuccessorWrong, StaffNotActive.
    """
    item = tx.session.first(queries.HANDOVER_ITEM, item_id=item_id)
    if item is None or item.campus_id != tx.campus:
        raise HandoverNotFound("本院区没有这项交接，请刷新后核对。")
    if command.taken_by is not None:
        if command.taken_by == item.staff_id:
            raise SuccessorWrong("不能交接给离职者本人，请选择接手人。")
        successor = tx.session.first(people.STAFF_INFO, staff_id=command.taken_by)
        if successor is None:
            raise StaffNotFound("没有这位接手人，请核对后重新选择。")
        if successor.status != "active":
            raise StaffNotActive("接手人不在岗，请另选接手人。")
    settled = tx.session.first(
        queries.SETTLE_HANDOVER,
        id_=item_id,
        seen=command.version,
        successor=command.taken_by,
        note_=command.note,
        now=tx.now,
        by=tx.actor.subject,
    )
    if settled is None:
        raise HandoverSettled("该项已由他人办理交接，请刷新后核对。", current_version=item.version)
    record(
        tx,
        "staff",
        item.staff_id,
        "handed_over",
        after={"item_id": item_id, "source": item.source, "taken_by": command.taken_by},
        reason=command.note,
    )
    return settled


# -- inside


def _open_work(tx: Tx, person: StaffMember, at: datetime) -> list[Objection]:
    return [*_ours(tx, person, at), *gates.open_work.ask(tx, gates.Leaver(person.staff_id, person.campus_id, at))]


def _ours(tx: Tx, person: StaffMember, at: datetime) -> Iterator[Objection]:
    """Posts nobody else holds, secondments that end with the person, posts stood in for."""
    day = tx.today
    sole = tx.session.send(queries.SOLE_POSTS, staff_id=person.staff_id, campus=person.campus_id, at=tx.now, day=day)
    sent = tx.session.send(posts.SECONDMENTS_OF, staff_id=person.staff_id)
    standing_in = tx.session.all(credentials.DELEGATIONS_SINCE, staff_id=person.staff_id, at=at)
    for post in sole.all():
        title = POSTS[post.post].title if post.post in POSTS else post.post
        yield _inform("own_post", f"“{post.unit_name}”的{title}只有该职工一人任职。", "请先任命继任者。")
    for secondment in sent.all():
        if secondment.valid_to > at and secondment.status != "ended":
            until = secondment.valid_to.astimezone(SHANGHAI).date()
            yield _inform(
                "secondment",
                f"派驻 {secondment.receiving_campus} 至 {until}，将随离职结束。",
                "请与接收院区商定改派人员。",
            )
    for delegation in standing_in:
        title = POSTS[delegation.post].title if delegation.post in POSTS else delegation.post
        yield _inform("delegation", f"正在代班{title}，将随离职结束。", "请科室负责人另行安排代班。")


def _inform(code: str, message: str, way_out: str) -> Objection:
    return Objection("inform", code, message, way_out)
