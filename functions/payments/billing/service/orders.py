"""What other modules hand to billing and get back."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from functions.payments.billing.models import Charge
from shared.money import ZERO, Money


@dataclass(frozen=True, slots=True)
class ChargeLine:
    """One line to be charged: an item of the price list and a quantity in its 计价单位.

    `source_line` names the line within its source; (module, source, line) is charged once. `payable_until` takes an
    expired line off the pending list.
    """

    source_line: str
    item_code: str
    quantity: Decimal | int
    ordering_unit_id: UUID | None = None
    executing_unit_id: UUID | None = None
    doctor_id: UUID | None = None
    payable_until: datetime | None = None


@dataclass(frozen=True, slots=True)
class ChargeOrder:
    """Lines of one source (a visit, a prescription, a request) for a patient.

    `encounter_no` is the number of the visit or stay as people read it; slips show it. `emergency` tells the rules of
    the price list that it is an emergency visit (急诊加收); told once, it holds for later charges of the visit.
    `request_kind` says what kind of request the lines come from (catalogue/prices RequestKind); items that need one are
    not charged without.
    """

    patient_id: UUID
    encounter_id: UUID | None
    source_module: str
    source_id: str
    lines: list[ChargeLine]
    encounter_no: str | None = None
    emergency: bool = False
    request_kind: str | None = None


@dataclass(frozen=True, slots=True)
class ChargeInfo:
    """A charge as other modules see it. Status and execution as in spec 01 "States and rules".

    `quantity` is what is charged; execution is told in its units. A surcharge (加收) has a line of its own whose
    `base_charge_id` is the line it belongs to; it follows that one by itself.
    """

    charge_id: UUID
    source_line: str
    item_code: str
    name: str
    unit: str
    fee_class: str
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    status: str
    execution: str
    executed_quantity: Decimal
    refunding_quantity: Decimal
    refunded_quantity: Decimal
    worth: Money
    """Its amount less what was refunded of it."""
    version: int
    base_charge_id: UUID | None = None


@dataclass(frozen=True, slots=True)
class RefundInfo:
    """Refunds of one source. `amount` is their sum; `executed` whether the money is on its way back already."""

    amount: Money
    executed: bool
    refunds: tuple[UUID, ...] = field(default=())


@dataclass(frozen=True, slots=True)
class InsuredLine:
    """What the insurer said of a line (2204): its level 甲, 乙 or 丙 and the share the insured pays first, 0 to 1."""

    charge_id: UUID
    level: str
    self_pay_ratio: Decimal


@dataclass(frozen=True, slots=True)
class InsuranceAnswer:
    """What the insurer settled (2207). `reference` is its number (setl_id); amounts in yuan, two decimals.

    fund 统筹基金, account 个人账户, family_account 家庭共济账户, medical_aid 医疗救助. `lines` is what it said of each
    line; the list of charges shows it.
    """

    reference: str
    fund: Money = ZERO
    account: Money = ZERO
    family_account: Money = ZERO
    medical_aid: Money = ZERO
    lines: Sequence[InsuredLine] = ()

    @property
    def total(self) -> Money:
        return self.fund + self.account + self.family_account + self.medical_aid


def charge_info(charge: Charge) -> ChargeInfo:
    """A charge as other modules see it."""
    return ChargeInfo(
        charge_id=charge.charge_id,
        source_line=charge.source_line,
        item_code=charge.item_code,
        name=charge.name,
        unit=charge.unit,
        fee_class=charge.fee_class,
        quantity=charge.quantity,
        unit_price=charge.unit_price,
        amount=charge.amount,
        status=charge.status,
        execution=charge.execution,
        executed_quantity=charge.executed_quantity,
        refunding_quantity=charge.refunding_quantity,
        refunded_quantity=charge.refunded_quantity,
        worth=charge.worth,
        version=charge.version,
        base_charge_id=charge.base_charge_id,
    )
