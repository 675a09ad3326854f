"""Unified payment gateway (统一支付), module 56."""

from functions.payments.gateway import api, service
from shared.function import FunctionApp, Scaling, Trust

app = FunctionApp(
    "payments/gateway",
    module=56,
    title="统一支付",
    router=api.router,
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=8, concurrency=5),
    trust=Trust(secrets=("his-columns",), keys="his-merchant-keys", outside=True),
)
