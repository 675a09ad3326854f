"""Answers about special-need services (特需服务比例)."""

from datetime import date
from decimal import Decimal
from uuid import UUID

from shared.money import Money
from shared.schemas import Moment, View


class ShareView(View):
    """Special-need services against all medical services by one measure, in per cent; `over` above the limit."""

    measure: str
    measure_name: str
    special: Decimal
    services: Decimal
    share: Decimal
    over: bool


class SpecialMonthView(View):
    """What was billed in a month at a campus, net of refunds: special-need services, other medical services, drugs and
    consumables; together all that was billed."""

    campus_id: str
    month: date
    special_amount: Money
    service_amount: Money
    goods_amount: Money
    total_amount: Money
    special_times: int
    service_times: int
    limit: Decimal
    shares: list[ShareView]


class SpecialItemView(View):
    """What one special-need service brought in a month, and its part of all special-need services in per cent."""

    item_code: str
    name: str
    times: int
    amount: Money
    part: Decimal


class SpecialReportView(View):
    """A month with its special-need services; their amounts and times sum up to the month's."""

    month: SpecialMonthView
    items: list[SpecialItemView]


class SpecialWarningView(View):
    """A month whose share went above the limit, as it was found then."""

    warning_id: UUID
    campus_id: str
    month: date
    measure: str
    measure_name: str
    special: Decimal
    services: Decimal
    share: Decimal
    limit: Decimal
    raised_at: Moment
