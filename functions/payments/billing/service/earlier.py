"""What a patient was charged before, as rules between lines look at it: with its surcharges, less what went back."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from functions.catalogue.prices.service import BillLine
from functions.patients.index import service as patients
from functions.payments.billing.models import Charge
from functions.payments.billing.queries import pricing as queries
from shared.locks import WAIT_LOCK, LockKind, lock_key
from shared.money import ZERO, Money, round_money
from shared.schemas import SHANGHAI, midnight
from shared.tx import Tx


@dataclass(frozen=True, slots=True)
class Earlier:
    """A line charged to the patient beside a bill, with the surcharges that belong to it."""

    charge: Charge
    surcharges: Sequence[Charge] = ()

    def line(
        self, worth: Mapping[UUID, Money] | None = None, gone: Mapping[UUID, Decimal] | None = None
    ) -> BillLine | None:
        """How it counts: what of it was not refunded, for what that was really charged with its surcharges.

        `worth` says of some charges what they come to instead, `gone` what more of a charge goes back. None when
        nothing is left.
        """
        new, left = worth or {}, self.charge.remaining_quantity
        quantity = left - (gone or {}).get(self.charge.charge_id, ZERO)
        if quantity <= 0:
            return None
        charged = sum(
            (
                new[one.charge_id]
                if one.charge_id in new
                else one.worth
                if quantity == left
                else round_money(one.worth * quantity / left)
                for one in (self.charge, *self.surcharges)
            ),
            ZERO,
        )
        return replace(charged_line(self.charge), quantity=quantity, charged=charged)


def charged_beside(
    tx: Tx, patient_id: UUID, encounter_id: UUID | None, codes: frozenset[str], at: datetime
) -> list[Earlier]:
    """What of some items the patient was charged on the day and in the visit, oldest first. Takes the patient's turn:
    bills under rules are priced one after another."""
    group = patients.group_ids(tx, patient_id)
    tx.session.send(WAIT_LOCK, key=lock_key(LockKind.PATIENT_BILL, f"{tx.campus}:{min(group)}"))
    since = midnight(at.astimezone(SHANGHAI).date())
    found = tx.session.all(
        queries.BESIDE, patients=group, campus=tx.campus, codes=sorted(codes), since=since, encounter=encounter_id
    )
    extras: dict[UUID, list[Charge]] = defaultdict(list)
    for one in found:
        if one.base_charge_id is not None:
            extras[one.base_charge_id].append(one)
    return [Earlier(one, extras[one.charge_id]) for one in found if one.base_charge_id is None]


def history_of(past: Sequence[Earlier], worth: Mapping[UUID, Money] | None = None) -> list[BillLine]:
    """Earlier lines as the rules look at them; `worth` of some that come to something else now."""
    return [line for one in past if (line := one.line(worth)) is not None]


def charged_line(charge: Charge) -> BillLine:
    """A charged line at its price of the list, before any rule."""
    return BillLine(
        line_no=str(charge.charge_id),
        item_code=charge.item_code,
        name=charge.name,
        unit=charge.unit,
        quantity=charge.remaining_quantity,
        unit_price=charge.list_price,
        at=charge.posted_at,
        request=request_of(charge.source_module, charge.source_id),
        version_id=charge.price_version_id,
        visit=visit_of(charge.encounter_id),
    )


def request_of(module: str, source_id: str) -> str:
    """What joins the lines of one source for the rules."""
    return f"{module}:{source_id}"


def visit_of(encounter_id: UUID | None) -> str:
    """What joins the lines of one visit for the rules."""
    return str(encounter_id) if encounter_id else ""
