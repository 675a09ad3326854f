"""HTTP routes of archived log-in records and of printed forms."""

from datetime import date
from typing import Annotated
from uuid import UUID

from fastapi import Path
from fastapi import Query as Parameter

from functions.platform.sso import service
from functions.platform.sso.schemas import RecoverAccount
from functions.platform.sso.schemas_locks import ArchivedLoginView, LoginArchiveView
from shared.command import Document, command, query
from shared.database.engine import REPORT
from shared.http import Router
from shared.schemas import Page
from shared.tx import Tx

router = Router()
Limit = Annotated[int, Parameter(ge=1, le=200)]
MONTH = r"^20\d\d-(0[1-9]|1[0-2])$"
NEVER = "2099-12"


# -- archive


@router.get("/login-archives")
@query("platform.sso.read")
def list_login_archives(
    tx: Tx, limit: Limit = 50, cursor: Annotated[str, Parameter(pattern=MONTH)] = NEVER
) -> Page[LoginArchiveView]:
    """Months of log-in records that left the database, latest first (登录记录归档)."""
    found = service.login_archives(tx, _first_day(cursor), limit)
    return Page[LoginArchiveView](items=found, next=found[-1].month if len(found) == limit else None)


@router.get("/login-archives/{month}/logins")
@query("platform.sso.read", REPORT)
def list_archived_logins(
    tx: Tx,
    month: Annotated[str, Path(pattern=MONTH)],
    account_id: UUID | None = None,
    limit: Limit = 100,
    cursor: Annotated[str | None, Parameter(max_length=30)] = None,
) -> Page[ArchivedLoginView]:
    """Log-in records of an archived month, oldest first, from its sealed files (查阅归档)."""
    account = str(account_id) if account_id is not None else None
    return service.archived_logins(tx, _first_day(month), account, cursor, limit)  # type: ignore[return-value]


# -- forms


@router.post("/staff/{staff_id}/account-slip")
@command("platform.sso.enrol")
def print_account_slip(tx: Tx, staff_id: UUID, body: RecoverAccount) -> Document:
    """The sealed slip with a first password, once (账号开通通知单)."""
    return service.account_slip(tx, staff_id, body.reason)


@router.get("/partners/{partner_id}/form.pdf")
@query("platform.sso.devices")
def print_partner_form(tx: Tx, partner_id: UUID) -> Document:
    """The registration of another maker's program on paper (第三方系统接入登记表)."""
    return service.partner_form(tx, partner_id)


def _first_day(month: str) -> date:
    return date.fromisoformat(f"{month}-01")
