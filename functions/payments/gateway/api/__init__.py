"""HTTP routes of the gateway, by what they are about."""

from functions.payments.gateway.api import certificates, forgeries, merchants, notifications, payments, refunds
from shared.http import Router

router = Router()
for part in (merchants, certificates, notifications, forgeries, payments, refunds):
    router.include_router(part.router)
