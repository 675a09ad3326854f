"""Where and as what a person acts (登录或切换岗位): chosen among what is held at that moment, and recorded."""

from uuid import UUID

from functions.organisation.structure.models import ActingChoice
from functions.organisation.structure.problems.credentials import NotYourPost
from functions.organisation.structure.queries import signatures
from functions.organisation.structure.schemas.credentials import ChooseActing
from functions.organisation.structure.service.equipping import workstation
from functions.organisation.structure.service.posts import Held, posts_of
from shared.ids import new_id
from shared.tx import Tx


def choices(tx: Tx) -> list[Held]:
    """What the person signed on may act as now, at every campus."""
    return [] if tx.actor.staff_id is None else posts_of(tx, tx.actor.staff_id)


def choose_acting(tx: Tx, command: ChooseActing) -> ActingChoice:
    """Act in a unit and post of the acting campus from now on. Raises NotYourPost, WorkstationNotFound."""
    held = next(
        (
            one
            for one in choices(tx)
            if (one.campus_id, one.unit_id, one.post) == (tx.campus, command.unit_id, command.post)
        ),
        None,
    )
    if held is None:
        raise NotYourPost("您此时在该院区科室没有这个岗位，请从可选岗位中选择。")
    if command.workstation_id is not None:
        workstation(tx, command.workstation_id)
    row = ActingChoice(
        choice_id=new_id(),
        campus_id=tx.campus,
        staff_id=held.staff_id,
        unit_id=held.unit_id,
        post=held.post,
        workstation_id=command.workstation_id,
        chosen_at=tx.now,
    )
    tx.session.add(row)
    tx.audit("acting.chosen", "staff", held.staff_id, unit_id=str(held.unit_id), post=held.post)
    return row


def acting_as(tx: Tx, staff_id: UUID) -> ActingChoice | None:
    """The latest choice of a person at the campuses one may read; None when none was ever made."""
    return tx.session.first(signatures.LAST_CHOICE, staff_id=staff_id)
