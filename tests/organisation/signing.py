"""A module that signs, as outpatient and nursing modules will: it asks the organisation in its own transaction."""

from uuid import UUID

from functions.organisation.structure import service as organisation
from shared.command import command
from shared.function import FunctionApp
from shared.http import Router
from shared.schemas import Input, Moment, View
from shared.tx import Tx

router = Router()


class Sign(Input):
    """What is signed: a prescription needing a privilege, or an order needing a licence."""

    document: UUID
    kind: str
    level: int | None = None


class Signed(View):
    document: UUID
    signed_at: Moment
    signed_by: str


@router.post("/prescriptions", status_code=201)
@command("organisation.structure.read")
def sign_prescription(tx: Tx, body: Sign) -> Signed:
    """Sign a prescription."""
    assert tx.actor.staff_id is not None
    organisation.require_privilege(tx, tx.actor.staff_id, body.kind, level=body.level)
    return _signed(tx, body)


@router.post("/orders", status_code=201)
@command("organisation.structure.read")
def execute_order(tx: Tx, body: Sign) -> Signed:
    """Execute an order."""
    assert tx.actor.staff_id is not None
    organisation.require_licence(tx, tx.actor.staff_id, body.kind)
    return _signed(tx, body)


def _signed(tx: Tx, body: Sign) -> Signed:
    signer = organisation.staff_member(tx, tx.actor.staff_id) if tx.actor.staff_id else None
    tx.audit("document.signed", "document", body.document, kind=body.kind)
    return Signed(document=body.document, signed_at=tx.now, signed_by=signer.name if signer else "")


app = FunctionApp("probe/signing", module="P", title="签署", router=router)
