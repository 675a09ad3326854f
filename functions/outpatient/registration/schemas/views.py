"""Answers of outpatient registration."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from functions.outpatient.registration.schemas.requests import GreenReason, PayerKind
from shared.money import Money
from shared.schemas import Moment, View


class ChargeView(View):
    """One fee of the visit."""

    charge_id: UUID
    item_code: str
    name: str
    quantity: Decimal
    unit_price: Decimal
    amount: Money
    status: str


class VisitView(View):
    """A visit as the window shows it."""

    encounter_id: UUID
    campus_id: str
    visit_no: str
    patient_id: UUID
    kind: str
    status: str
    unit_id: UUID
    clinic_id: UUID | None
    clinic_name: str
    session_id: UUID | None
    slot_number: int | None
    slot_label: str | None
    doctor_id: UUID | None
    room_id: UUID | None
    band_start: Moment | None
    band_end: Moment | None
    payer_kind: PayerKind
    insutype: str | None
    med_type: str | None
    special_disease: str | None
    work_injury: bool
    trauma: bool
    third_party: bool
    first_visit: bool
    follow_up_of: UUID | None
    triage_level: int | None
    registered_at: Moment
    checked_in_at: Moment | None
    started_at: Moment | None
    finished_at: Moment | None
    valid_until: Moment
    version: int


class RegisteredView(VisitView):
    """A visit just registered: with its fees and what the answering modules wanted the registrar to know."""

    charges: list[ChargeView]
    fee: Money
    notices: list[dict[str, str]]


class EmergencyView(RegisteredView):
    """An emergency just registered; `green_channel` is its reason, `batch_id` the batch of its bracelet."""

    green_channel: GreenReason | None
    batch_id: UUID | None


class CancelledView(VisitView):
    """A visit just cancelled and the money that goes back."""

    slot_returned: bool
    refunded: Money


class SessionVisitView(VisitView):
    """A visit in the list of its session; `cancel_reason` is session_stopped where the session was."""

    cancel_reason: str | None


class MissedView(VisitView):
    """A visit nobody came to, and the money that goes back; that it was missed stays."""

    refunded: Money


class FeeCorrectionView(View):
    """A fee the system has still to set right, and what stood against it at the last try."""

    correction_id: UUID
    encounter_id: UUID
    patient_id: UUID
    kind: str
    reason_code: str
    reason: str
    price: Money | None
    asked_at: Moment
    tries: int
    tried_at: Moment | None
    refusal: str | None


class TransferredView(VisitView):
    """A visit moved to another session. `difference` is the new fee less the old; negative goes back to the patient."""

    charges: list[ChargeView]
    fee_before: Money
    fee_after: Money
    difference: Money
    refunded: Money
    slot_returned: bool
    notices: list[dict[str, str]]


class ReleaseView(View):
    """The release of a visit that began."""

    encounter_id: UUID
    reason: str
    released_by_name: str
    released_at: Moment
    approved_by_name: str | None
    approved_at: Moment | None


class GreenChannelView(View):
    """An open green channel."""

    encounter_id: UUID
    patient_id: UUID
    reason_code: GreenReason
    reason: str
    approved_by: UUID
    opened_at: Moment


class BatchView(View):
    """A batch of bracelets and the numbers on them."""

    batch_id: UUID
    campus_id: str
    kind: str
    title: str
    unit_id: UUID
    clinic_id: UUID
    size: int
    prepared_at: Moment
    closed_at: Moment | None
    bracelets: list["BraceletView"]
    version: int


class BatchRow(View):
    """A batch of bracelets in a list."""

    batch_id: UUID
    kind: str
    title: str
    clinic_id: UUID
    size: int
    prepared_at: Moment
    closed_at: Moment | None
    version: int


class BraceletView(View):
    """One bracelet."""

    visit_no: str
    status: str
    encounter_id: UUID | None


class SlipView(View):
    """A print of the slip was recorded; `copy` above 1 prints 补打."""

    encounter_id: UUID
    copy_number: int
    version: int


class ArticleView(View):
    """A card or booklet handed out, with its charge where it costs something."""

    article_id: UUID
    patient_id: UUID
    encounter_id: UUID | None
    kind: str
    card_no: str | None
    issued_at: Moment
    charges: list[ChargeView]


class UnitLoadView(View):
    """Visits of a department on a day, by state."""

    unit_id: UUID
    registered: int
    waiting: int
    in_consultation: int
    finished: int
    cancelled: int
    no_show: int


class ClinicRestView(View):
    """What is left of a clinic today, by campus code; `hint` says where there is still something."""

    standard_code: str
    clinic_name: str
    unit_id: UUID | None
    rest: dict[str, int]
    hint: str


class LoadView(View):
    """The department strip of a window: load here, rest numbers at all campuses."""

    day: date
    units: list[UnitLoadView]
    clinics: list[ClinicRestView]
