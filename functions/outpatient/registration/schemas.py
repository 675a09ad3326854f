"""Requests and answers of outpatient registration."""

from enum import StrEnum
from typing import Annotated
from uuid import UUID

from pydantic import Field

from shared.money import Money
from shared.schemas import Input, Moment, Text, View


class PayerKind(StrEnum):
    """Who pays in the end: self_pay 自费, resident 城乡居民医保, employee 职工医保, contract 合同单位."""

    SELF_PAY = "self_pay"
    RESIDENT = "resident"
    EMPLOYEE = "employee"
    CONTRACT = "contract"


class CancelReason(StrEnum):
    """Why a visit is cancelled."""

    PATIENT = "patient"
    MISTAKE = "mistake"
    DOCTOR_ABSENT = "doctor_absent"
    SESSION_STOPPED = "session_stopped"


class RegisterVisit(Input):
    """Register a patient for a clinic session. `confirmed` holds codes of warnings the registrar accepted."""

    patient_id: UUID
    session_id: UUID
    payer_kind: PayerKind = PayerKind.SELF_PAY
    confirmed: Annotated[tuple[Text, ...], Field(max_length=20)] = ()


class CancelVisit(Input):
    """Cancel a registration (退号). `version` is the one the user saw."""

    version: Annotated[int, Field(ge=1)]
    reason: CancelReason = CancelReason.PATIENT


class ChargeView(View):
    """One fee of the visit."""

    charge_id: UUID
    item_code: str
    name: str
    quantity: Money
    unit_price: Money
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
    doctor_id: UUID | None
    room_id: UUID | None
    band_start: Moment | None
    band_end: Moment | None
    payer_kind: PayerKind
    first_visit: bool
    registered_at: Moment
    valid_until: Moment
    version: int


class RegisteredView(VisitView):
    """A visit just registered: with its fees and what the answering modules wanted the registrar to know."""

    charges: list[ChargeView]
    fee: Money
    notices: list[dict[str, str]]


class CancelledView(VisitView):
    """A visit just cancelled and the money that goes back."""

    slot_returned: bool
    refunded: Money


class SlipView(View):
    """A print of the slip was recorded; `copy` above 1 prints 补打."""

    encounter_id: UUID
    copy_number: int
    version: int
