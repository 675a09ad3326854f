"""Billing (费用、结算、退费、票据), module 1."""

from functions.payments.billing import api
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "payments/billing",
    module=1,
    title="费用结算",
    router=api.router,
    scaling=Scaling(warm=1, peak=20, concurrency=5),
)
