"""Routes of floats raised and lowered during a shift (备用金增减)."""

from uuid import UUID

from functions.payments.cashier import service
from functions.payments.cashier.api.routing import FIRST, Limit, router
from functions.payments.cashier.models import FloatChange
from functions.payments.cashier.queries import floats as queries
from functions.payments.cashier.rules import FLOAT_DIRECTIONS, FLOAT_STATES
from functions.payments.cashier.schemas.floats import ConfirmFloat, FloatChangeView, OfferFloat, WithdrawFloat
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx


@router.post("/shifts/{shift_id}/float-raises", status_code=201)
@command("payments.cashier.supervise")
def hand_float(tx: Tx, shift_id: UUID, body: OfferFloat) -> FloatChangeView:
    """Hand change to a cashier (增加备用金); the cashier confirms having it."""
    return _view(service.hand_float(tx, shift_id, body))


@router.post("/shifts/{shift_id}/float-returns", status_code=201)
@command("payments.cashier.write")
def return_float(tx: Tx, shift_id: UUID, body: OfferFloat) -> FloatChangeView:
    """Hand change back out of the own drawer (减少备用金); a supervisor confirms having it."""
    return _view(service.return_float(tx, shift_id, body))


@router.post("/float-raises/{change_id}/confirm")
@command("payments.cashier.write")
def take_float(tx: Tx, change_id: UUID, body: ConfirmFloat) -> FloatChangeView:
    """Confirm change handed by a supervisor (点收备用金)."""
    return _view(service.take_float(tx, change_id, body))


@router.post("/float-returns/{change_id}/confirm")
@command("payments.cashier.supervise")
def take_float_back(tx: Tx, change_id: UUID, body: ConfirmFloat) -> FloatChangeView:
    """Confirm change a cashier gave back (收回备用金)."""
    return _view(service.take_float_back(tx, change_id, body))


@router.post("/float-changes/{change_id}/withdraw")
@command("payments.cashier.write")
def withdraw_own_float(tx: Tx, change_id: UUID, body: WithdrawFloat) -> FloatChangeView:
    """Give up a change of the own shift nobody confirmed (收费员撤回)."""
    return _view(service.withdraw_own_float(tx, change_id, body))


@router.post("/float-changes/{change_id}/recall")
@command("payments.cashier.supervise")
def withdraw_float(tx: Tx, change_id: UUID, body: WithdrawFloat) -> FloatChangeView:
    """Give up a change nobody confirmed (收费组长撤回)."""
    return _view(service.withdraw_float(tx, change_id, body))


@router.get("/shifts/{shift_id}/float-changes")
@query("payments.cashier.read")
def list_float_changes(tx: Tx, shift_id: UUID) -> list[FloatChangeView]:
    """Floats raised and lowered in a shift."""
    service.find_shift(tx, shift_id)
    rows = tx.session.all(queries.CHANGES_OF_SHIFT, shift_id=shift_id)
    tx.audit("float_changes.listed", "shift", shift_id, count=len(rows))
    return [_view(row) for row in rows]


@router.get("/float-changes")
@query("payments.cashier.read")
def list_waiting_floats(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[FloatChangeView]:
    """Changes that wait for their second person, the oldest first (待确认备用金)."""
    rows = tx.session.all(queries.CHANGES_WAITING, campus=tx.campus, after=cursor or FIRST, limit=limit)
    tx.audit("float_changes.listed", "campus", tx.campus, count=len(rows))
    return Page[FloatChangeView](
        items=[_view(row) for row in rows], next=str(rows[-1].change_id) if len(rows) == limit else None
    )


def _view(row: FloatChange) -> FloatChangeView:
    fields = {name: getattr(row, name) for name in FloatChangeView.model_fields if hasattr(row, name)}
    return FloatChangeView(
        **fields, direction_label=FLOAT_DIRECTIONS[row.direction], state_label=FLOAT_STATES[row.state]
    )
