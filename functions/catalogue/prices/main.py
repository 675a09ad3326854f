"""Charge catalogue (物价管理系统), module 40."""

from events.payments import ChargesPosted, ChargesRefunded, ChargesSettled, ChargesVoided
from functions.catalogue.prices import api, service
from shared.function import FunctionApp, Scaling

app = FunctionApp(
    "catalogue/prices",
    module=40,
    title="物价管理",
    router=api.router,
    on={
        ChargesPosted: service.keep_posted,
        ChargesVoided: service.keep_voided,
        ChargesSettled: service.keep_settled,
        ChargesRefunded: service.keep_refunded,
    },
    minute=service.each_minute,
    scaling=Scaling(warm=1, peak=6, concurrency=5),
)
