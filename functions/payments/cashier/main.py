"""Cashier (收费窗口与班次), module 1."""

from functions.payments.cashier import api, service
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "payments/cashier",
    module=1,
    title="收费班次",
    router=api.router,
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=5, concurrency=5),
)
