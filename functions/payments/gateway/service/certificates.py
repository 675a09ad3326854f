"""WeChat's platform certificates fetched by themselves (平台证书自动下载): every twelve hours, and when an answer bears
a serial nobody knows.

A list is believed by what is trusted already: the merchant's approved verify keys, certificates of an earlier list.
Only when nothing is trusted, or the last list is older than the notice WeChat gives before an exchange, its rule for
the first download holds. A merchant whose keys are approved public keys (PUB_KEY_ID_…) needs none of this.
"""

from datetime import datetime, timedelta
from uuid import UUID

from functions.payments.gateway import client, rules
from functions.payments.gateway.channels import Exchange, Told
from functions.payments.gateway.channels import PlatformCertificate as Listed
from functions.payments.gateway.models import CertificateDownload, PlatformCertificate
from functions.payments.gateway.problems import CertificatesJustAsked, MerchantStateWrong, NothingTrusted, OrderInvalid
from functions.payments.gateway.queries import certificates as queries
from functions.payments.gateway.service.asking import Contact, contact_of, credentials, keep_exchange
from functions.payments.gateway.service.merchants import own_merchant
from shared.problems import NotFound, Stale
from shared.steps import Steps
from shared.tx import Tx

_TAKES = timedelta(seconds=client.CONNECT_SECONDS + client.ANSWER_SECONDS)
_WAITS = 5
"""Seconds a window waits for the list another one is fetching."""


def switch_on(tx: Tx, merchant_id: UUID) -> CertificateDownload:
    """Let a WeChat merchant's certificates be fetched from now on. NothingTrusted without an APIv3 key to open them,
    CertificatesJustAsked within a minute of the last download."""
    merchant = own_merchant(tx, merchant_id)
    if merchant.channel != "wechat":
        raise OrderInvalid("只有微信支付有平台证书，其他渠道请登记验签公钥。")
    keys = contact_of(tx, merchant_id).keys
    if not {"sign", "cipher"} <= {key.role for key in keys}:
        raise NothingTrusted("请先登记并审批商户私钥和 APIv3 密钥，平台证书须用它们下载和解密。")
    known = tx.session.first(queries.DOWNLOAD, merchant_id=merchant_id)
    if known is not None and known.asked_at is not None and tx.now - known.asked_at < rules.LIST_BY_HAND:
        raise CertificatesJustAsked("一分钟内刚下载过，请稍后再试。")
    row = CertificateDownload(
        merchant_id=merchant_id,
        campus_id=tx.campus,
        is_on=True,
        next_at=tx.now,
        started_by=tx.actor.subject,
        started_by_name=tx.actor.name,
        started_at=tx.now,
    )
    tx.audit("platform_certificates.switched_on", "merchant", merchant_id)
    return tx.session.one(queries.SWITCH_ON, **{name: getattr(row, name) for name in queries.DOWNLOAD_COLUMNS})


def switch_off(tx: Tx, merchant_id: UUID, seen: int) -> CertificateDownload:
    """Fetch a merchant's certificates no more, and believe none of them (改用微信支付公钥). NothingTrusted without an
    approved verify key: no answer could be believed then."""
    own_merchant(tx, merchant_id)
    known = tx.session.first(queries.DOWNLOAD, merchant_id=merchant_id)
    if known is None or not known.is_on:
        raise MerchantStateWrong("该商户没有启用平台证书自动下载。")
    if not any(key.role == "verify" for key in contact_of(tx, merchant_id).keys):
        raise NothingTrusted("停用后将没有可用的验签公钥，请先登记并审批微信支付公钥。")
    stopped = tx.session.first(queries.SWITCH_OFF, id_=merchant_id, seen=seen)
    if stopped is None:
        raise Stale("该设置已被他人修改，请刷新后再操作。", current_version=known.version)
    tx.audit("platform_certificates.switched_off", "merchant", merchant_id)
    return stopped


def download_of(tx: Tx, merchant_id: UUID) -> CertificateDownload:
    """How a merchant's downloads go. NotFound for another campus's, or where none were ever wanted."""
    known = tx.session.first(queries.DOWNLOAD, merchant_id=merchant_id)
    if known is None:
        raise NotFound("该商户没有启用平台证书自动下载。")
    return known


def ask_soon(tx: Tx, merchant_id: UUID) -> None:
    """A notification bears a serial nobody knows: the next minute fetches the list, at most every five minutes."""
    tx.session.execute(queries.ASK_SOON, id_=merchant_id, at=tx.now, lately=tx.now - rules.LIST_AGAIN)


def fetch_due(steps: Steps, merchant_id: UUID) -> None:
    """The sweep's turn: what is due was found by its time."""
    _fetch(steps, merchant_id, timedelta(0))


def fetch_now(steps: Steps, merchant_id: UUID) -> None:
    """A person asked for it."""
    _fetch(steps, merchant_id, rules.LIST_BY_HAND)


def renew(steps: Steps, merchant_id: UUID) -> tuple[tuple[str, str], ...]:
    """The keys to believe answers by, after the list was fetched anew: by us, or by somebody else, who is waited for.

    At a change of certificates every window finds an unknown serial at once; one of them fetches the list for all.
    """
    if not _fetch(steps, merchant_id, rules.LIST_AGAIN):
        for _ in range(_WAITS):
            if not _is_underway(steps.step(lambda tx: download_of(tx, merchant_id)), steps.clock()):
                break
            client.outside().wait(1)
    contact = steps.step(lambda tx: contact_of(tx, merchant_id))
    return credentials(contact, client.outside(), bare=True).verify_keys


def _fetch(steps: Steps, merchant_id: UUID, apart: timedelta) -> bool:
    """Fetch and keep the list unless somebody did within `apart`; whether it was us."""

    def claim(tx: Tx) -> tuple[Contact, datetime | None] | None:
        claimed = tx.session.first(
            queries.CLAIM, id_=merchant_id, at=tx.now, lately=tx.now - apart, next=tx.now + rules.LIST_AGAIN
        )
        return None if claimed is None else (contact_of(tx, merchant_id), claimed.listed_at)

    from functions.payments.gateway.channels.wechat import WeChat
    from functions.payments.gateway.channels.wechat_certificates import fetch

    claimed = steps.step(claim)
    if claimed is None:
        return False
    contact, listed_at = claimed
    outside = client.outside()
    own = credentials(contact, outside, bare=True)
    channel = WeChat(own, outside, steps.clock)
    certificates, told, exchange = fetch(channel, first=_is_first(contact, own.verify_keys, listed_at, steps.clock()))
    steps.step(lambda tx: _keep(tx, merchant_id, certificates, told, exchange))
    return True


def _is_underway(download: CertificateDownload, now: datetime) -> bool:
    """Whether somebody asked a moment ago and no list has come of it yet."""
    asked = download.asked_at
    if asked is None or now - asked > _TAKES:
        return False
    return download.listed_at is None or download.listed_at < asked


def _is_first(
    contact: Contact, trusted: tuple[tuple[str, str], ...], listed_at: datetime | None, now: datetime
) -> bool:
    if any(key.role == "verify" for key in contact.keys):
        return False
    return not trusted or listed_at is None or now - listed_at > rules.LIST_VOUCHES


def _keep(tx: Tx, merchant_id: UUID, listed: tuple[Listed, ...], told: Told, exchange: Exchange) -> None:
    keep_exchange(tx, merchant_id, told, exchange)
    if told.outcome != "succeeded":
        before = tx.session.first(queries.DOWNLOAD, merchant_id=merchant_id)
        wait = rules.list_again(before.failures if before else 0)
        tx.session.execute(queries.NOTE_FAILURE, id_=merchant_id, next=tx.now + wait, why=told.message or told.code)
        tx.audit("platform_certificates.refused", "merchant", merchant_id, code=told.code)
        return
    for item in sorted(listed, key=lambda one: one.serial):
        row = PlatformCertificate(
            merchant_id=merchant_id,
            campus_id=tx.campus,
            serial=item.serial,
            pem=item.pem,
            effective_at=item.effective_at,
            expires_at=item.expires_at,
            not_after=item.not_after,
            fetched_at=tx.now,
        )
        tx.session.execute(queries.KEEP, **{name: getattr(row, name) for name in queries.CERTIFICATE_COLUMNS})
    serials = [item.serial for item in listed]
    tx.session.execute(queries.GIVE_UP, id_=merchant_id, listed=serials, end=tx.now + rules.CLOCK_SKEW)
    tx.session.execute(queries.NOTE_LIST, id_=merchant_id, at=tx.now, next=tx.now + rules.LIST_EVERY)
    tx.audit("platform_certificates.fetched", "merchant", merchant_id, serials=serials)
