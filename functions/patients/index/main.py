"""Enterprise master patient index (患者主索引)."""

from events.diagnostics import BloodGroupConfirmed
from events.maternal_child import (
    CertificateIssued,
    DeliveryRecorded,
    EddChanged,
    PregnancyClosed,
    PregnancyRegistered,
)
from events.reporting import DeathCertificateRevoked
from functions.patients.index import api
from functions.patients.index.service import minute, told
from shared.function import FunctionApp, Scaling, Trust

app = FunctionApp(
    "patients/index",
    module="P",
    title="患者主索引",
    router=api.router,
    on={
        PregnancyRegistered: told.pregnancy_registered,
        EddChanged: told.edd_changed,
        DeliveryRecorded: told.delivery_recorded,
        PregnancyClosed: told.pregnancy_closed,
        CertificateIssued: told.certificate_issued,
        BloodGroupConfirmed: told.blood_group_confirmed,
        DeathCertificateRevoked: told.death_certificate_revoked,
    },
    minute=minute.each_minute,
    scaling=Scaling(warm=1, peak=20, concurrency=5),
    trust=Trust(secrets=("his-identity-check", "his-columns"), outside=True),
)
