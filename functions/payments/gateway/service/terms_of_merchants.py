"""Terms of a merchant (商户变更): products, limit, fee, account; proposed by one person, put in force by another.

A number belongs to one record, so that what the contract allows from now on is changed on it, not entered beside it.
Payments under way keep the terms they were made under.
"""

from typing import Any
from uuid import UUID

from functions.payments.gateway import rules
from functions.payments.gateway.models import Merchant
from functions.payments.gateway.problems import MerchantStateWrong, NoChangeProposed, OrderInvalid
from functions.payments.gateway.queries import merchants as queries
from functions.payments.gateway.schemas import ProposeTerms
from functions.payments.gateway.service.merchants import changed, own_merchant, require_terms
from shared.tx import Tx


def propose_terms(tx: Tx, merchant_id: UUID, command: ProposeTerms) -> Merchant:
    """Propose new terms; they replace terms proposed before. Nothing changes until another person approves.

    OrderInvalid when nothing would change or the channel has no such product; MerchantStateWrong for a stopped one.
    """
    merchant = own_merchant(tx, merchant_id)
    if merchant.state == "stopped":
        raise MerchantStateWrong("该商户已停用，不能变更，请在启用的商户上办理。")
    wanted = command.model_dump(mode="json", exclude={"version"}, exclude_none=True)
    if "products" in wanted:
        wanted["products"] = list(dict.fromkeys(wanted["products"]))
    change = {name: value for name, value in wanted.items() if getattr(command, name) != getattr(merchant, name)}
    if not change:
        raise OrderInvalid("没有填写与现在不同的内容，请核对后重新提交。")
    require_terms(merchant.channel, command.products or [], command.mini_app_id)
    proposed = tx.session.first(
        queries.PROPOSE_CHANGE,
        id_=merchant_id,
        seen=command.version,
        change_=change,
        who=tx.actor.subject,
        name=tx.actor.name,
        at=tx.now,
    )
    if proposed is None:
        raise changed(own_merchant(tx, merchant_id))
    tx.audit("merchant.change_proposed", "merchant", merchant_id, change=change)
    return proposed


def approve_terms(tx: Tx, merchant_id: UUID, seen: int) -> Merchant:
    """Put proposed terms in force from now on, by another person. NoChangeProposed when there are none."""
    merchant = _proposed(tx, merchant_id)
    tx.assert_distinct([merchant.change_by], "商户变更须由提出人以外的人员审批。")
    change: dict[str, Any] = merchant.change or {}
    terms = ProposeTerms.model_validate({**_shown(merchant), **change, "version": seen})
    applied = tx.session.first(
        queries.APPLY_CHANGE,
        id_=merchant_id,
        seen=seen,
        products_=terms.products,
        limit_=terms.limit_per_payment,
        fee_=terms.fee_rate,
        mini_=terms.mini_app_id,
        name_=terms.name,
        bank_=terms.bank_name,
        tail_=terms.account_tail,
    )
    if applied is None:
        raise changed(own_merchant(tx, merchant_id))
    before = {name: value for name, value in _shown(merchant).items() if name in change}
    tx.audit(
        "merchant.change_approved",
        "merchant",
        merchant_id,
        change=change,
        before=before,
        proposed_by=merchant.change_by,
    )
    return applied


def refuse_terms(tx: Tx, merchant_id: UUID, seen: int) -> Merchant:
    """Send proposed terms back. NoChangeProposed when there are none."""
    merchant = _proposed(tx, merchant_id)
    refused = tx.session.first(queries.REFUSE_CHANGE, id_=merchant_id, seen=seen)
    if refused is None:
        raise changed(own_merchant(tx, merchant_id))
    tx.audit("merchant.change_refused", "merchant", merchant_id, change=merchant.change)
    return refused


def _proposed(tx: Tx, merchant_id: UUID) -> Merchant:
    merchant = own_merchant(tx, merchant_id)
    if merchant.change is None:
        raise NoChangeProposed(f"该{rules.CHANNELS[merchant.channel]}商户没有待审批的变更，请刷新后核对。")
    return merchant


def _shown(merchant: Merchant) -> dict[str, Any]:
    """The present terms as a proposal writes them."""
    names = [name for name in ProposeTerms.model_fields if name != "version"]
    present = {name: getattr(merchant, name) for name in names}
    return ProposeTerms.model_construct(**present).model_dump(mode="json", exclude={"version"})
