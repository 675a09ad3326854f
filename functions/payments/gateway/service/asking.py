"""Asking a channel: the merchant's keys in force, one call outside any transaction, the record of what was said."""

from datetime import datetime
from functools import partial
from typing import NamedTuple
from uuid import UUID

from functions.payments.gateway import client, rules
from functions.payments.gateway.channels import Channel, Credentials, Exchange, Order, RefundOrder, Told, open_channel
from functions.payments.gateway.models import (
    GatewayRefund,
    Merchant,
    MerchantKey,
    Payment,
    PaymentAttempt,
    PlatformCertificate,
)
from functions.payments.gateway.problems import KeyMissing
from functions.payments.gateway.queries import certificates as certificate_queries
from functions.payments.gateway.queries import merchants as queries
from functions.payments.gateway.service import messages
from shared.column_cipher import ColumnKeysMissing
from shared.ids import new_id
from shared.problems import NotFound
from shared.steps import Steps
from shared.tx import Tx


class Contact(NamedTuple):
    """A merchant and its keys in force now, with the certificates of its channel where these are fetched."""

    merchant: Merchant
    keys: list[MerchantKey]
    certificates: tuple[tuple[str, str], ...] | None
    """(serial, PEM), the longest in force first; None where certificates are not fetched."""
    unsealable: ColumnKeysMissing | None
    """Why what is said could not be recorded here: then nothing is said."""


def contact_of(tx: Tx, merchant_id: UUID) -> Contact:
    """The merchant of a payment with the keys in force at this moment."""
    merchant = tx.session.send(queries.MERCHANT, merchant_id=merchant_id)
    keys = tx.session.send(queries.KEYS_IN_FORCE, merchant_id=merchant_id, at=tx.now)
    download = tx.session.send(certificate_queries.DOWNLOAD, merchant_id=merchant_id)
    listed = tx.session.send(certificate_queries.OF_MERCHANT, merchant_id=merchant_id)
    found = merchant.first()
    if found is None:
        raise NotFound("没有这个商户，请核对。")
    fetched = download.first()
    certificates = tuple((row.serial, row.pem) for row in listed.all() if is_in_force(row, tx.now))
    fetching = fetched is not None and fetched.is_on
    return Contact(found, keys.all(), certificates if fetching else None, messages.why_not(tx))


def is_in_force(certificate: PlatformCertificate, now: datetime) -> bool:
    """Whether messages signed with a certificate may be believed now; clocks may differ at its beginning."""
    return certificate.effective_at - rules.CLOCK_SKEW <= now < min(certificate.expires_at, certificate.not_after)


def channel_of(contact: Contact, steps: Steps) -> Channel:
    """The merchant's channel, ready to be asked. KeyMissing when the store lacks a key."""
    from functions.payments.gateway.service import certificates

    outside = client.outside()
    merchant_id = contact.merchant.merchant_id
    renew = None if contact.certificates is None else partial(certificates.renew, steps, merchant_id)
    return open_channel(credentials(contact, outside), outside, steps.clock, renew)


def credentials(contact: Contact, outside: client.Outside, *, bare: bool = False) -> Credentials:
    """The keys themselves, read from the store. The newest of our own keys signs; all the channel's may be believed.

    KeyMissing when we have nothing to sign with or, unless `bare`, nothing to believe the channel by;
    ColumnKeysMissing when nothing of what is said could be recorded.
    """
    merchant, keys, certificates, unsealable = contact
    if unsealable is not None:
        raise unsealable
    signing = next((key for key in keys if key.role == "sign"), None)
    approved = tuple((key.serial, outside.secret(key.secret_ref)) for key in keys if key.role == "verify")
    verifying = approved + (certificates or ())
    if signing is None or not (verifying or bare):
        raise KeyMissing(f"{rules.CHANNELS[merchant.channel]}商户没有生效的密钥，请信息科核对密钥有效期。")
    return Credentials(
        merchant_id=merchant.merchant_id,
        campus=merchant.campus_id,
        channel=merchant.channel,
        merchant_no=merchant.merchant_no,
        app_id=merchant.app_id or "",
        sign_serial=signing.serial,
        sign_key=outside.secret(signing.secret_ref),
        verify_keys=verifying,
        cipher_keys=tuple(outside.secret(key.secret_ref) for key in keys if key.role == "cipher"),
        mini_app_id=merchant.mini_app_id or "",
    )


def order_of(payment: Payment) -> Order:
    """A payment as its channel needs it."""
    return Order(
        order_no=payment.order_no,
        fen=rules.fen(payment.amount),
        product=payment.product,
        description=payment.description,
        one_time=payment.one_time or "",
        terminal=payment.terminal or "",
        expires_at=payment.expires_at,
        channel_no=payment.channel_no or "",
    )


def refund_order_of(refund: GatewayRefund, payment: Payment) -> RefundOrder:
    """A refund as its channel needs it."""
    return RefundOrder(
        order_no=payment.order_no,
        channel_no=payment.channel_no or "",
        refund_no=refund.refund_no,
        fen=rules.fen(refund.amount),
        total_fen=rules.fen(payment.amount),
        reason=refund.reason,
    )


def keep_exchange(
    tx: Tx,
    merchant_id: UUID,
    told: Told,
    exchange: Exchange,
    *,
    payment_id: UUID | None = None,
    channel_refund_id: UUID | None = None,
) -> None:
    """Record what was said, both sides masked, sealed. Raises ColumnKeysMissing."""
    attempt_id = new_id()
    said = {"request": rules.masked(exchange.request), "answer": rules.masked(exchange.answer)}
    tx.session.add(
        PaymentAttempt(
            attempt_id=attempt_id,
            campus_id=tx.campus,
            merchant_id=merchant_id,
            payment_id=payment_id,
            channel_refund_id=channel_refund_id,
            operation=exchange.operation,
            request={},
            answer=None,
            http_status=exchange.status,
            outcome=told.outcome,
            started_at=exchange.started_at,
            milliseconds=exchange.milliseconds,
            actor=tx.actor.subject,
            **messages.sealed(tx, messages.ATTEMPTS, attempt_id, said),
        )
    )


def by_hand(operation: str, said: dict[str, str | int | None], at: datetime) -> Exchange:
    """What a person or a terminal said, in the form of an exchange."""
    return Exchange(operation, {"entered": "by hand"}, dict(said), None, at, 0)
