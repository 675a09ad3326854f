"""Tables of outpatient registration: visits (就诊) and what is recorded about them."""

from datetime import datetime
from decimal import Decimal
from uuid import UUID

from sqlalchemy import (
    CheckConstraint,
    ForeignKey,
    Index,
    PrimaryKeyConstraint,
    SmallInteger,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import Mapped, mapped_column

from shared.database.model import MONEY, CampusOwned, Model

OUTPATIENT = "outpatient"
_VISIT = "outpatient.visits.encounter_id"
_VALID = text("status <> 'cancelled'")


class Visit(CampusOwned, Model):
    """A visit: one patient, one number, one consultation. `encounter_id` is the key every module carries.

    Status: registered, waiting, in_consultation, finished, cancelled, no_show (spec 01 "States and rules").
    """

    __tablename__ = "visits"
    __table_args__ = (
        UniqueConstraint("campus_id", "visit_no"),
        Index("uq_visits_patient_session", "patient_id", "session_id", unique=True, postgresql_where=_VALID),
        Index("uq_visits_slot", "slot_id", unique=True, postgresql_where=_VALID),
        Index(
            "uq_visits_follow_up_of",
            "follow_up_of",
            unique=True,
            postgresql_where=text("follow_up_of IS NOT NULL AND status <> 'cancelled'"),
        ),
        Index(
            "uq_visits_booking",
            "booking_id",
            unique=True,
            postgresql_where=text("booking_id IS NOT NULL AND status <> 'cancelled'"),
        ),
        Index(
            "uq_visits_emergency",
            "patient_id",
            "unit_id",
            unique=True,
            postgresql_where=text("kind = 'emergency' AND status IN ('registered', 'waiting', 'in_consultation')"),
        ),
        Index(None, "patient_id", "registered_at"),
        Index(None, "campus_id", "registered_at", "encounter_id"),
        Index(None, "session_id"),
        Index(
            "ix_visits_unfinished",
            "unit_id",
            "valid_until",
            postgresql_where=text("status IN ('registered', 'waiting', 'in_consultation')"),
        ),
        Index(
            "ix_visits_ending",
            "campus_id",
            "valid_until",
            postgresql_where=text("status IN ('registered', 'waiting', 'in_consultation')"),
        ),
        CheckConstraint("(status = 'cancelled') = (cancelled_at IS NOT NULL)", name="cancelled"),
        CheckConstraint(
            "status IN ('registered', 'waiting', 'in_consultation', 'finished', 'cancelled', 'no_show')", name="status"
        ),
        CheckConstraint("triage_level BETWEEN 1 AND 4", name="triage_level"),
        CheckConstraint("(kind = 'follow_up') = (follow_up_of IS NOT NULL)", name="follow_up"),
        {"schema": OUTPATIENT},
    )

    encounter_id: Mapped[UUID] = mapped_column(primary_key=True)
    visit_no: Mapped[str] = mapped_column(Text)
    """Campus letter + yyMMdd + five digits; a series of the campus without gaps."""
    patient_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(Text)
    """号别: general, expert, specialist, convenience, emergency, follow_up (rules.KIND_NAMES)."""
    unit_id: Mapped[UUID]
    clinic_id: Mapped[UUID | None]
    clinic_name: Mapped[str] = mapped_column(Text)
    session_id: Mapped[UUID | None]
    slot_id: Mapped[UUID | None]
    slot_number: Mapped[int | None] = mapped_column(SmallInteger)
    slot_label: Mapped[str | None] = mapped_column(Text)
    """The number as it is printed: 17, or 加3 for an extra one."""
    doctor_id: Mapped[UUID | None]
    room_id: Mapped[UUID | None]
    band_start: Mapped[datetime | None]
    band_end: Mapped[datetime | None]
    payer_kind: Mapped[str] = mapped_column(Text)
    channel: Mapped[str] = mapped_column(Text)
    first_visit: Mapped[bool]
    """初诊 (true) or 复诊 in this unit."""
    status: Mapped[str] = mapped_column(Text)
    registered_at: Mapped[datetime]
    registered_by: Mapped[str] = mapped_column(Text)
    valid_until: Mapped[datetime]
    """Until then the visit may be seen, or seen again; the sweep closes it afterwards."""
    fee_item_code: Mapped[str | None] = mapped_column(Text, default=None)
    """Charge item of the fee, or null where none is due (续诊)."""
    fee_module: Mapped[str | None] = mapped_column(Text, default=None)
    fee_source: Mapped[str | None] = mapped_column(Text, default=None)
    """Module and source id under which billing keeps the fee: this visit's own, or the booking's it came from."""
    insutype: Mapped[str | None] = mapped_column(Text, default=None)
    """险种 (国家医保信息平台): 310 职工, 390 城乡居民; null without insurance."""
    med_type: Mapped[str | None] = mapped_column(Text, default=None)
    """医疗类别 (国家医保信息平台): 11 普通门诊, 12 门诊挂号, 13 急诊, 14 门诊慢特病, 51 生育门诊."""
    special_disease: Mapped[str | None] = mapped_column(Text, default=None)
    """门诊慢特病病种代码, with med_type 14."""
    work_injury: Mapped[bool] = mapped_column(default=False)
    """工伤."""
    trauma: Mapped[bool] = mapped_column(default=False)
    """外伤."""
    third_party: Mapped[bool] = mapped_column(default=False)
    """Somebody else answers for the injury (第三方责任)."""
    insurance_mdtrt_id: Mapped[str | None] = mapped_column(Text, default=None)
    """就诊 ID the insurance gave (2201), once it has."""
    referral_id: Mapped[UUID | None] = mapped_column(default=None)
    booking_id: Mapped[UUID | None] = mapped_column(default=None)
    """The booking this number was collected from (取号)."""
    follow_up_of: Mapped[UUID | None] = mapped_column(default=None)
    """The visit whose right was used (续诊号); each is used once."""
    triage_level: Mapped[int | None] = mapped_column(SmallInteger, default=None)
    """Emergency level 1-4 (急诊预检分级)."""
    batch_id: Mapped[UUID | None] = mapped_column(default=None)
    """Batch of bracelets (批量伤员) its number was made for."""
    checked_in_at: Mapped[datetime | None] = mapped_column(default=None)
    started_at: Mapped[datetime | None] = mapped_column(default=None)
    finished_at: Mapped[datetime | None] = mapped_column(default=None)
    ended_by: Mapped[str | None] = mapped_column(Text, default=None)
    """Who finished it or found it missing: a member of staff, or the sweep."""
    slips_printed: Mapped[int] = mapped_column(SmallInteger, default=0)
    cancelled_at: Mapped[datetime | None] = mapped_column(default=None)
    cancelled_by: Mapped[str | None] = mapped_column(Text, default=None)
    cancel_reason: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class ExpectedReport(CampusOwned, Model):
    """A report ordered at a visit. One not ready when the visit ended gives the right to a follow-up without fee."""

    __tablename__ = "expected_reports"
    __table_args__ = (PrimaryKeyConstraint("encounter_id", "reference"), {"schema": OUTPATIENT})

    encounter_id: Mapped[UUID] = mapped_column(ForeignKey(_VISIT))
    reference: Mapped[str] = mapped_column(Text)
    """The request in the words of the module that makes the report."""
    patient_id: Mapped[UUID]
    expected_at: Mapped[datetime]
    ready_at: Mapped[datetime | None] = mapped_column(default=None)
    dropped_at: Mapped[datetime | None] = mapped_column(default=None)
    """The request was withdrawn; there will be no report."""


class GreenChannel(CampusOwned, Model):
    """Green channel (绿色通道) of a visit: rescue goes before formalities, a doctor answers for it."""

    __tablename__ = "green_channels"
    __table_args__ = (
        Index(None, "campus_id", "opened_at"),
        CheckConstraint(
            "reason_code IN ('chest_pain', 'stroke', 'trauma', 'obstetric', 'newborn', 'poisoning', 'sepsis',"
            " 'mass_casualty', 'other')",
            name="reason_code",
        ),
        {"schema": OUTPATIENT},
    )

    encounter_id: Mapped[UUID] = mapped_column(ForeignKey(_VISIT), primary_key=True)
    patient_id: Mapped[UUID]
    reason_code: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    approved_by: Mapped[UUID]
    """Doctor who decided it (批准医师), staff id."""
    opened_at: Mapped[datetime]
    opened_by: Mapped[str] = mapped_column(Text)


class Release(CampusOwned, Model):
    """Release of a visit that began already, so that it may be cancelled: by its doctor, then the lead (收费组长)."""

    __tablename__ = "visit_releases"
    __table_args__ = (
        Index("ix_visit_releases_waiting", "campus_id", "encounter_id", postgresql_where=text("approved_at IS NULL")),
        CheckConstraint("(approved_by IS NULL) = (approved_at IS NULL)", name="approved"),
        CheckConstraint("approved_by <> released_by", name="separated"),
        {"schema": OUTPATIENT},
    )

    encounter_id: Mapped[UUID] = mapped_column(ForeignKey(_VISIT), primary_key=True)
    patient_id: Mapped[UUID]
    reason: Mapped[str] = mapped_column(Text)
    released_at: Mapped[datetime]
    released_by: Mapped[str] = mapped_column(Text)
    released_by_name: Mapped[str] = mapped_column(Text)
    approved_at: Mapped[datetime | None] = mapped_column(default=None)
    approved_by: Mapped[str | None] = mapped_column(Text, default=None)
    approved_by_name: Mapped[str | None] = mapped_column(Text, default=None)


class FeeCorrection(CampusOwned, Model):
    """The fee of a visit that the system has still to withdraw, give back or lower (诊查费更正).

    Written with what caused it (a stopped session, a doctor of lower grade, a patient who did not come) and carried out
    for each visit by itself, so that one bill somebody is just paying keeps nobody else waiting.
    """

    __tablename__ = "fee_corrections"
    __table_args__ = (
        Index("uq_fee_corrections_open", "encounter_id", "kind", unique=True, postgresql_where=text("done_at IS NULL")),
        Index(None, "encounter_id"),
        Index("ix_fee_corrections_open", "campus_id", "correction_id", postgresql_where=text("done_at IS NULL")),
        CheckConstraint("kind IN ('give_back', 'lower', 'withdraw')", name="kind"),
        CheckConstraint("(kind = 'lower') = (price IS NOT NULL)", name="price"),
        CheckConstraint("price >= 0", name="amount"),
        {"schema": OUTPATIENT},
    )

    correction_id: Mapped[UUID] = mapped_column(primary_key=True)
    encounter_id: Mapped[UUID] = mapped_column(ForeignKey(_VISIT))
    patient_id: Mapped[UUID]
    kind: Mapped[str] = mapped_column(Text)
    """give_back: unpaid withdrawn, paid refunded; lower: to `price`; withdraw: only what is unpaid."""
    reason_code: Mapped[str] = mapped_column(Text)
    reason: Mapped[str] = mapped_column(Text)
    asked_at: Mapped[datetime]
    price: Mapped[Decimal | None] = mapped_column(MONEY, default=None)
    """Yuan the visit costs from now on."""
    item_code: Mapped[str | None] = mapped_column(Text, default=None)
    doctor_id: Mapped[UUID | None] = mapped_column(default=None)
    tries: Mapped[int] = mapped_column(SmallInteger, default=0)
    tried_at: Mapped[datetime | None] = mapped_column(default=None)
    refusal: Mapped[str | None] = mapped_column(Text, default=None)
    """Why it could not be done yet, in words for the cashier."""
    done_at: Mapped[datetime | None] = mapped_column(default=None)
    outcome: Mapped[str | None] = mapped_column(Text, default=None)
    """done, or seen: the consultation had begun before the fee could be lowered."""


class Transfer(CampusOwned, Model):
    """A change of doctor or department (换号、转科) before the consultation, and what it did to the fee."""

    __tablename__ = "visit_transfers"
    __table_args__ = (Index(None, "encounter_id"), {"schema": OUTPATIENT})

    transfer_id: Mapped[UUID] = mapped_column(primary_key=True)
    encounter_id: Mapped[UUID] = mapped_column(ForeignKey(_VISIT))
    patient_id: Mapped[UUID]
    reason: Mapped[str] = mapped_column(Text)
    from_session_id: Mapped[UUID | None]
    from_slot_id: Mapped[UUID | None]
    from_unit_id: Mapped[UUID]
    to_session_id: Mapped[UUID]
    to_slot_id: Mapped[UUID]
    to_unit_id: Mapped[UUID]
    fee_before: Mapped[Decimal]
    """Yuan."""
    fee_after: Mapped[Decimal]
    """Yuan."""
    refunded: Mapped[Decimal]
    """Yuan given back for the old number."""
    transferred_at: Mapped[datetime]
    transferred_by: Mapped[str] = mapped_column(Text)


class BraceletBatch(CampusOwned, Model):
    """Bracelets made ready for many casualties at once (批量伤员): an accident or an outbreak."""

    __tablename__ = "bracelet_batches"
    __table_args__ = (
        Index(None, "campus_id", "batch_id"),
        CheckConstraint("kind IN ('accident', 'outbreak', 'disaster')", name="kind"),
        {"schema": OUTPATIENT},
    )

    batch_id: Mapped[UUID] = mapped_column(primary_key=True)
    kind: Mapped[str] = mapped_column(Text)
    title: Mapped[str] = mapped_column(Text)
    unit_id: Mapped[UUID]
    clinic_id: Mapped[UUID]
    size: Mapped[int] = mapped_column(SmallInteger)
    prepared_at: Mapped[datetime]
    prepared_by: Mapped[str] = mapped_column(Text)
    closed_at: Mapped[datetime | None] = mapped_column(default=None)
    closed_by: Mapped[str | None] = mapped_column(Text, default=None)
    version: Mapped[int] = mapped_column(default=1)


class Bracelet(CampusOwned, Model):
    """A bracelet with a visit number made beforehand: free, used by one visit, or void when its batch was closed."""

    __tablename__ = "bracelets"
    __table_args__ = (
        PrimaryKeyConstraint("campus_id", "visit_no"),
        Index(None, "batch_id"),
        Index(None, "encounter_id", unique=True),
        CheckConstraint("status IN ('free', 'used', 'void')", name="status"),
        CheckConstraint("(status = 'used') = (encounter_id IS NOT NULL)", name="used"),
        {"schema": OUTPATIENT},
    )

    visit_no: Mapped[str] = mapped_column(Text)
    batch_id: Mapped[UUID] = mapped_column(ForeignKey("outpatient.bracelet_batches.batch_id"))
    status: Mapped[str] = mapped_column(Text, default="free")
    encounter_id: Mapped[UUID | None] = mapped_column(default=None)


class Article(CampusOwned, Model):
    """A visit card (就诊卡) or record booklet (病历本) handed out, with its charge where it costs something."""

    __tablename__ = "visit_articles"
    __table_args__ = (
        Index(None, "patient_id"),
        CheckConstraint("kind IN ('visit_card', 'record_booklet')", name="kind"),
        CheckConstraint("(kind = 'visit_card') = (card_no IS NOT NULL)", name="card_no"),
        {"schema": OUTPATIENT},
    )

    article_id: Mapped[UUID] = mapped_column(primary_key=True)
    patient_id: Mapped[UUID]
    encounter_id: Mapped[UUID | None]
    kind: Mapped[str] = mapped_column(Text)
    card_no: Mapped[str | None] = mapped_column(Text)
    item_code: Mapped[str | None] = mapped_column(Text)
    issued_at: Mapped[datetime]
    issued_by: Mapped[str] = mapped_column(Text)
