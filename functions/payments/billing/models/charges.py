"""Charges: what patients are to pay for."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import CheckConstraint, Index, Numeric, Text, UniqueConstraint, text
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import QUANTITY, UNIT_PRICE, CampusOwned, Model

PAYMENTS = "payments"
UNSETTLED = "status IN ('open', 'locked', 'owed')"


class Charge(CampusOwned, Model):
    """A charge (费用): one priced line of what was ordered, done or given.

    Status: open, locked (in a started settlement), paid, owed, refunding (a refund waits), refunded, voided.
    Execution stands beside it: none, executing, executed, returned, moved (done, and now on an inpatient account).
    Quantities tell how much was done or given back.
    """

    __tablename__ = "charges"
    __table_args__ = (
        UniqueConstraint("source_module", "source_id", "source_line"),
        Index("ix_charges_unsettled", "patient_id", "charge_id", postgresql_where=text(UNSETTLED)),
        Index("ix_charges_ordering_unsettled", "ordering_unit_id", postgresql_where=text(UNSETTLED)),
        Index("ix_charges_executing_unsettled", "executing_unit_id", postgresql_where=text(UNSETTLED)),
        Index("ix_charges_open_item", "item_code", postgresql_where=text("status = 'open'")),
        Index(
            "ix_charges_open_package",
            "package_code",
            postgresql_where=text("status = 'open' AND package_code IS NOT NULL"),
        ),
        Index(None, "patient_id", "charge_id"),
        Index(None, "encounter_id"),
        Index(None, "settlement_id"),
        Index(None, "price_version_id", "charge_id"),
        Index("ix_charges_surcharges", "base_charge_id", postgresql_where=text("base_charge_id IS NOT NULL")),
        CheckConstraint(
            "status IN ('open', 'locked', 'paid', 'owed', 'refunding', 'refunded', 'voided')", name="status"
        ),
        CheckConstraint("execution IN ('none', 'executing', 'executed', 'returned', 'moved')", name="execution"),
        CheckConstraint("quantity > 0 AND unit_price >= 0 AND amount >= 0", name="amounts"),
        CheckConstraint(
            "taken_off >= 0 AND list_price >= 0 AND amount + taken_off = round(unit_price * quantity, 2)",
            name="price",
        ),
        CheckConstraint("(base_charge_id IS NULL) = (rule_id IS NULL)", name="surcharge"),
        CheckConstraint(
            "(package_code IS NULL) = (package_line IS NULL) AND (package_code IS NULL) = (package_quantity IS NULL)"
            " AND package_quantity > 0 AND (package_code IS NULL OR (base_charge_id IS NULL AND NOT by_rule))",
            name="package",
        ),
        CheckConstraint(
            "package_refund_rule IS NULL"
            " OR (package_refund_rule IN ('share', 'list_price') AND package_code IS NOT NULL)",
            name="package_refund_rule",
        ),
        CheckConstraint("insurance_level IN ('甲', '乙', '丙')", name="insurance_level"),
        CheckConstraint("self_pay_ratio >= 0 AND self_pay_ratio <= 1", name="self_pay_ratio"),
        CheckConstraint(
            "executed_quantity >= 0 AND refunding_quantity >= 0 AND refunded_quantity >= 0"
            " AND executed_quantity + refunding_quantity + refunded_quantity <= quantity",
            name="quantities",
        ),
        CheckConstraint(
            "refunded_amount <= amount AND (refunded_amount >= -taken_off"
            " OR (coalesce(package_refund_rule, 'share') = 'list_price'"
            " AND amount - refunded_amount <= round(list_price * quantity, 2)))"
            " AND (by_rule OR coalesce(package_refund_rule, 'share') = 'list_price'"
            " OR refunded_quantity > 0 OR refunded_amount = 0)"
            " AND (refunded_quantity < quantity OR refunded_amount = amount)",
            name="refunded_amount",
        ),
        CheckConstraint("(status = 'refunded') = (refunded_quantity = quantity)", name="refunded"),
        CheckConstraint("(status = 'refunding') = (refunding_quantity > 0)", name="refunding"),
        CheckConstraint(
            "(status IN ('open', 'voided')) = (settlement_id IS NULL) AND (status <> 'voided' OR voided_at IS NOT NULL)"
            " AND (status <> 'voided' OR executed_quantity = 0)",
            name="settlement",
        ),
        {"schema": PAYMENTS},
    )

    charge_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID]
    encounter_id: Mapped[UUID | None]
    encounter_no: Mapped[str | None] = mapped_column(Text)
    """Number of the visit or stay as people read it."""
    source_module: Mapped[str] = mapped_column(Text)
    source_id: Mapped[str] = mapped_column(Text)
    source_line: Mapped[str] = mapped_column(Text)
    item_id: Mapped[UUID]
    item_code: Mapped[str] = mapped_column(Text)
    national_code: Mapped[str | None] = mapped_column(Text)
    name: Mapped[str] = mapped_column(Text)
    unit: Mapped[str] = mapped_column(Text)
    """计价单位 of the quantity."""
    item_kind: Mapped[str] = mapped_column(Text)
    fee_class: Mapped[str] = mapped_column(Text)
    """Receipt fee class 01-14 (财政票据类别)."""
    price_version_id: Mapped[UUID]
    unit_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    amount: Mapped[Decimal]
    repriced_at: Mapped[datetime | None]
    """已调价: a new price version took effect before the line was settled."""
    ordering_unit_id: Mapped[UUID | None]
    executing_unit_id: Mapped[UUID | None]
    doctor_id: Mapped[UUID | None]
    payable_until: Mapped[datetime | None]
    """After this the line leaves the pending list (an expired prescription)."""
    direct_entry: Mapped[bool]
    """Entered at the cashier's (划价) instead of by the ordering module."""
    status: Mapped[str] = mapped_column(Text)
    execution: Mapped[str] = mapped_column(Text)
    executed_quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    """Done or handed out and not brought back: can't be refunded."""
    executed_at: Mapped[datetime | None]
    executed_by_name: Mapped[str | None] = mapped_column(Text)
    refunding_quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    refunded_quantity: Mapped[Decimal] = mapped_column(QUANTITY)
    refunded_amount: Mapped[Decimal]
    """Given back of the amount; of a line under rules it moves with what stands beside it, below zero when the line
    costs more since something else went back; so does one of a package that is refunded at list prices."""
    settlement_id: Mapped[UUID | None]
    posted_at: Mapped[datetime]
    posted_by: Mapped[str] = mapped_column(Text)
    voided_at: Mapped[datetime | None] = mapped_column(default=None)
    voided_by: Mapped[str | None] = mapped_column(Text, default=None)
    void_reason: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)
    list_price: Mapped[Decimal] = mapped_column(UNIT_PRICE)
    """Unit price of the price list; of a surcharge the price it adds. `unit_price` is what the rules made of it."""
    taken_off: Mapped[Decimal] = mapped_column(default=Decimal("0.00"))
    """What reductions and caps took off: amount + taken_off = unit_price x quantity, rounded once."""
    by_rule: Mapped[bool] = mapped_column(default=False)
    """A rule between lines acts on the item: the price depends on what stands beside it."""
    emergency: Mapped[bool] = mapped_column(default=False)
    """Charged in an emergency visit, as rules ask (急诊加收)."""
    base_charge_id: Mapped[UUID | None] = mapped_column(default=None)
    """Of a surcharge (加收): the line it belongs to. It is paid, done, refunded and withdrawn with it."""
    rule_id: Mapped[UUID | None] = mapped_column(default=None)
    """The rule that made a surcharge."""
    insurance_level: Mapped[str | None] = mapped_column(Text, default=None)
    """甲, 乙 or 丙 as the insurer answered; null while it was never asked."""
    self_pay_ratio: Mapped[Decimal | None] = mapped_column(Numeric(5, 4), default=None)
    """Share the insured pays first (先行自付比例), 0 to 1."""

    package_code: Mapped[str | None] = mapped_column(Text, default=None)
    """Package of an approved price of its own (单病种, 日间, 体检) the line is a share of."""
    package_line: Mapped[str | None] = mapped_column(Text, default=None)
    """Line of the source the package was ordered as; its shares together are the package's price."""
    package_quantity: Mapped[Decimal | None] = mapped_column(QUANTITY, default=None)
    """How many of the package."""
    package_refund_rule: Mapped[str | None] = mapped_column(Text, default=None)
    """As the package was agreed: share, or list_price: what is done of it costs its price of the list once the rest
    goes back, together the package's price at most."""

    @property
    def refundable_quantity(self) -> Decimal:
        """Paid less executed less refunded, and less what another refund already asks for (spec 01)."""
        return self.quantity - self.executed_quantity - self.refunded_quantity - self.refunding_quantity

    @property
    def worth(self) -> Decimal:
        """What the line is worth now: its amount less what was refunded of it."""
        return self.amount - self.refunded_amount

    @property
    def remaining_quantity(self) -> Decimal:
        """Charged less refunded."""
        return self.quantity - self.refunded_quantity
