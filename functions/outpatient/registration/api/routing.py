"""The one router of registration, the parameters its lists share, and how its answers are made."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Annotated, Any
from uuid import UUID

from fastapi import Query as Parameter

from functions.outpatient.registration import rules
from functions.outpatient.registration.models import Visit
from functions.outpatient.registration.schemas import ChargeView, VisitView
from shared.http import Router
from shared.money import ZERO
from shared.tx import Tx

if TYPE_CHECKING:
    from functions.outpatient.registration.service import Registered
    from functions.payments.billing.service import ChargeInfo

router = Router()
FIRST, LAST = UUID(int=0), UUID(int=2**128 - 1)
Limit = Annotated[int, Parameter(ge=1, le=200)]


def channel_of(tx: Tx) -> str:
    """Through which sales channel the caller comes."""
    return rules.CHANNELS.get(tx.actor.kind, "window")


def fields_of(visit: Visit) -> dict[str, Any]:
    """What every answer shows of a visit."""
    return {name: getattr(visit, name) for name in VisitView.model_fields}


def visit_view(visit: Visit) -> VisitView:
    """A visit as the window shows it."""
    return VisitView(**fields_of(visit))


def charge_views(charges: "Iterable[ChargeInfo]") -> list[ChargeView]:
    """Fees as the window shows them."""
    return [ChargeView.model_validate(charge) for charge in charges]


def registered_fields(registered: "Registered") -> dict[str, Any]:
    """A registered visit with its fees and notices."""
    return {
        **fields_of(registered.visit),
        "charges": charge_views(registered.charges),
        "fee": sum((charge.amount for charge in registered.charges), ZERO),
        "notices": [notice.document() for notice in registered.notices],
    }
