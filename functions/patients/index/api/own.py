"""Routes of the patient and bound family: own data, consents, who looked. For anybody else there is nobody here."""

from datetime import timedelta
from uuid import UUID

from functions.patients.index import service
from functions.patients.index.api.access import log_page
from functions.patients.index.api.routing import LAST, Cursor, Limit, read_moment_cursor, router
from functions.patients.index.schemas.care import AccessLogEntry, ConsentView, GiveOwnConsent
from functions.patients.index.schemas.people import PatientView
from shared.command import command, query
from shared.schemas import Page
from shared.tx import Tx


@router.get("/self/{patient_id}")
@query("patients.index.self")
def read_own(tx: Tx, patient_id: UUID) -> PatientView:
    """My own or a bound person's data, numbers masked (我的资料)."""
    return service.own_view(tx, patient_id)


@router.get("/self/{patient_id}/access-log")
@query("patients.index.self")
def read_own_access_log(tx: Tx, patient_id: UUID, limit: Limit = 50, cursor: Cursor = None) -> Page[AccessLogEntry]:
    """Who looked at my record (谁查看过我的档案), for the patient and bound family."""
    before, before_id = read_moment_cursor(cursor) if cursor else (tx.now + timedelta(days=1), LAST)
    return log_page(tx, service.own_access_log(tx, patient_id, before, before_id, limit), limit)


@router.get("/self/{patient_id}/consents")
@query("patients.index.self")
def list_own_consents(tx: Tx, patient_id: UUID) -> list[ConsentView]:
    """My consents and withdrawals (我的授权)."""
    return service.own_consents(tx, patient_id)


@router.post("/self/{patient_id}/consents", status_code=201)
@command("patients.index.self")
def give_own_consent(tx: Tx, patient_id: UUID, body: GiveOwnConsent) -> ConsentView:
    """Agree to a version of a text, for myself or a child of mine (同意)."""
    return service.give_own_consent(tx, patient_id, body)


@router.post("/self/{patient_id}/consents/{consent_id}/withdraw")
@command("patients.index.self")
def withdraw_own_consent(tx: Tx, patient_id: UUID, consent_id: UUID) -> ConsentView:
    """Take my consent back from now on (撤回同意)."""
    return service.withdraw_own_consent(tx, patient_id, consent_id)
