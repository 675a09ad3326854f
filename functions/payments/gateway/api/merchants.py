"""Routes of merchants, keys and channels."""

from typing import Annotated
from uuid import UUID

from fastapi import Query as Parameter

from functions.payments.gateway import rules, service
from functions.payments.gateway.api.views import refused_view
from functions.payments.gateway.models import ChannelHealth, Merchant, MerchantKey
from functions.payments.gateway.queries import merchants as queries
from functions.payments.gateway.schemas import (
    ApproveKey,
    ChangeMerchant,
    ChannelView,
    KeyView,
    MerchantView,
    PauseChannel,
    ProposeKey,
    ProposeMerchant,
    ProposeTerms,
    RefusedNotificationView,
)
from shared.command import Onward, command, query
from shared.http import Router
from shared.schemas import Moment, Page
from shared.tx import Tx

router = Router()
LAST = UUID(int=2**128 - 1)
Limit = Annotated[int, Parameter(ge=1, le=200)]


@router.post("/merchants", status_code=201)
@command("payments.gateway.configure")
def propose_merchant(tx: Tx, body: ProposeMerchant) -> MerchantView:
    """Enter a campus's merchant at a channel (登记商户)."""
    return merchant_view(service.propose_merchant(tx, body))


@router.get("/merchants")
@query("payments.gateway.read")
def list_merchants(tx: Tx, limit: Limit = 50, cursor: UUID | None = None) -> Page[MerchantView]:
    """Merchants of the campus, or of all for who oversees them; newest first."""
    rows = tx.session.all(queries.MERCHANTS, before=cursor or LAST, limit=limit)
    tx.audit("merchants.listed", "campus", tx.campus, count=len(rows))
    return Page[MerchantView](
        items=[merchant_view(row) for row in rows], next=str(rows[-1].merchant_id) if len(rows) == limit else None
    )


@router.post("/merchants/{merchant_id}/test")
@command("payments.gateway.configure")
def try_merchant(tx: Tx, merchant_id: UUID, body: ChangeMerchant) -> MerchantView:
    """Call the channel with the merchant's keys (连通测试)."""
    merchant = service.own_merchant(tx, merchant_id)
    tx.check_version(merchant.version, body.version)
    return Onward(  # type: ignore[return-value]
        merchant_view(merchant),
        lambda steps: merchant_view(service.try_merchant(steps, merchant_id, body.version)),
    )


@router.post("/merchants/{merchant_id}/activate")
@command("payments.gateway.approve")
def activate_merchant(tx: Tx, merchant_id: UUID, body: ChangeMerchant) -> MerchantView:
    """Let a tested merchant take payments (启用商户), by another person than who entered it."""
    return merchant_view(service.activate_merchant(tx, merchant_id, body.version))


@router.post("/merchants/{merchant_id}/stop")
@command("payments.gateway.approve")
def stop_merchant(tx: Tx, merchant_id: UUID, body: ChangeMerchant) -> MerchantView:
    """Stop a merchant (停用商户)."""
    return merchant_view(service.stop_merchant(tx, merchant_id, body.version))


@router.post("/merchants/{merchant_id}/changes")
@command("payments.gateway.configure")
def propose_terms(tx: Tx, merchant_id: UUID, body: ProposeTerms) -> MerchantView:
    """Propose other products, limit, fee, account or name (提出商户变更)."""
    return merchant_view(service.propose_terms(tx, merchant_id, body))


@router.post("/merchants/{merchant_id}/changes/approve")
@command("payments.gateway.approve")
def approve_terms(tx: Tx, merchant_id: UUID, body: ChangeMerchant) -> MerchantView:
    """Put proposed terms in force (审批商户变更), by another person than who proposed them."""
    return merchant_view(service.approve_terms(tx, merchant_id, body.version))


@router.post("/merchants/{merchant_id}/changes/refuse")
@command("payments.gateway.approve")
def refuse_terms(tx: Tx, merchant_id: UUID, body: ChangeMerchant) -> MerchantView:
    """Send proposed terms back (退回商户变更)."""
    return merchant_view(service.refuse_terms(tx, merchant_id, body.version))


@router.post("/merchants/{merchant_id}/keys", status_code=201)
@command("payments.gateway.configure")
def propose_key(tx: Tx, merchant_id: UUID, body: ProposeKey) -> KeyView:
    """Name a key of the secret store (登记密钥引用)."""
    return key_view(service.propose_key(tx, merchant_id, body))


@router.get("/merchants/{merchant_id}/keys")
@query("payments.gateway.read")
def list_keys(tx: Tx, merchant_id: UUID) -> list[KeyView]:
    """Keys of a merchant by reference, newest first."""
    rows = tx.session.all(queries.KEYS, merchant_id=merchant_id)
    tx.audit("merchant_keys.listed", "merchant", merchant_id, count=len(rows))
    return [key_view(row) for row in rows]


@router.post("/keys/{key_id}/approve")
@command("payments.gateway.approve")
def approve_key(tx: Tx, key_id: UUID, body: ApproveKey) -> KeyView:
    """Put a key in force and end the ones before it after an overlap (密钥轮换)."""
    return key_view(service.approve_key(tx, key_id, body))


@router.get("/merchants/{merchant_id}/refused-notifications")
@query("payments.gateway.read")
def list_refused_notifications(
    tx: Tx, merchant_id: UUID, before: Moment | None = None, limit: Limit = 50
) -> list[RefusedNotificationView]:
    """Notifications of a merchant that were not believed, newest first."""
    rows = tx.session.all(queries.REFUSED, merchant_id=merchant_id, before=before or tx.now, limit=limit)
    tx.audit("refused_notifications.listed", "merchant", merchant_id, count=len(rows))
    return [refused_view(row) for row in rows]


@router.get("/channels")
@query("payments.gateway.read")
def list_channels(tx: Tx) -> list[ChannelView]:
    """How the campus's channels do now, with the text screens show for a paused one."""
    merchants = tx.session.send(queries.ACTIVE_OF_CAMPUS, campus=tx.campus)
    rows = tx.session.all(queries.HEALTH_OF_CAMPUS, campus=tx.campus)
    products = {row.merchant_id: row.products for row in merchants.all()}
    return [channel_view(row, products[row.merchant_id]) for row in rows if row.merchant_id in products]


@router.post("/merchants/{merchant_id}/pause")
@command("payments.gateway.operate")
def pause_channel(tx: Tx, merchant_id: UUID, body: PauseChannel) -> ChannelView:
    """Pause a channel with a text for all screens (故障停用)."""
    return _with_products(tx, service.pause_channel(tx, merchant_id, body.text))


@router.post("/merchants/{merchant_id}/resume")
@command("payments.gateway.operate")
def resume_channel(tx: Tx, merchant_id: UUID) -> ChannelView:
    """Take payments by a paused channel again (恢复使用)."""
    return _with_products(tx, service.resume_channel(tx, merchant_id))


def merchant_view(row: Merchant) -> MerchantView:
    """A merchant with its channel's name."""
    fields = {name: getattr(row, name) for name in MerchantView.model_fields if hasattr(row, name)}
    return MerchantView(**fields, channel_name=rules.CHANNELS[row.channel])


def key_view(row: MerchantKey) -> KeyView:
    """A key's reference."""
    return KeyView.model_validate(row)


def _with_products(tx: Tx, row: ChannelHealth) -> ChannelView:
    return channel_view(row, service.own_merchant(tx, row.merchant_id).products)


def channel_view(row: ChannelHealth, products: list[str]) -> ChannelView:
    """A channel's health with its name and what its merchant takes."""
    fields = {name: getattr(row, name) for name in ChannelView.model_fields if hasattr(row, name)}
    return ChannelView(**fields, channel_name=rules.CHANNELS[row.channel], products=products)
