"""What a campus decided about billing."""

from decimal import Decimal

from functions.payments.billing.models import BillingSetting
from functions.payments.billing.queries import prepayments as queries
from functions.payments.billing.schemas import ChooseCashStep
from shared.ids import new_id
from shared.tx import Tx


def cash_step(tx: Tx) -> BillingSetting | None:
    """The decision in force; None while the campus made none (no rounding)."""
    return tx.session.first(queries.SETTING, campus=tx.campus)


def choose_cash_step(tx: Tx, command: ChooseCashStep) -> BillingSetting:
    """Choose the smallest step of cash (现金凑整): from now on, and on record."""
    row = BillingSetting(
        setting_id=new_id(),
        campus_id=tx.campus,
        cash_step=Decimal(command.cash_step),
        set_at=tx.now,
        set_by=tx.actor.subject,
        set_by_name=tx.actor.name,
    )
    tx.session.add(row)
    tx.audit("billing.cash_step", "campus", tx.campus, step=command.cash_step)
    return row
