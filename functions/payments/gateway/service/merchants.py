"""Merchants and their keys: proposed by one person, tested against the channel, put in force by another."""

from collections.abc import Sequence
from datetime import timedelta
from uuid import UUID

from functions.payments.gateway import client, rules
from functions.payments.gateway.channels import Order
from functions.payments.gateway.channels.signing import ends_on, is_readable
from functions.payments.gateway.models import Merchant, MerchantKey
from functions.payments.gateway.problems import KeyRefInvalid, MerchantNotTested, MerchantStateWrong, OrderInvalid
from functions.payments.gateway.queries import merchants as queries
from functions.payments.gateway.schemas import ApproveKey, ProposeKey, ProposeMerchant
from functions.payments.gateway.service.asking import channel_of, contact_of, credentials, keep_exchange
from functions.payments.gateway.service.health import new_health
from shared.ids import new_id
from shared.problems import NotFound, Stale
from shared.steps import Steps
from shared.tx import Tx

KEY_AHEAD = timedelta(days=366)
KEY_LASTS = timedelta(days=3653)


def propose_merchant(tx: Tx, command: ProposeMerchant) -> Merchant:
    """Enter a campus's merchant at a channel. It takes no payment before it is tested and another person activates it.

    MerchantExists: every campus has numbers of its own. OrderInvalid for a product the channel does not have.
    """
    require_terms(command.channel, command.products, command.mini_app_id)
    if command.channel in ("wechat", "alipay") and command.app_id is None:
        raise OrderInvalid("微信、支付宝商户须填写应用编号。")
    merchant = Merchant(
        merchant_id=new_id(),
        campus_id=tx.campus,
        channel=command.channel,
        merchant_no=command.merchant_no,
        app_id=command.app_id,
        mini_app_id=command.mini_app_id,
        name=command.name,
        bank_name=command.bank_name,
        account_tail=command.account_tail,
        products=list(dict.fromkeys(command.products)),
        limit_per_payment=command.limit_per_payment,
        fee_rate=command.fee_rate,
        state="draft",
        proposed_by=tx.actor.subject,
        proposed_by_name=tx.actor.name,
        proposed_at=tx.now,
    )
    tx.session.add(merchant, new_health(merchant))
    tx.audit("merchant.proposed", "merchant", merchant.merchant_id, channel=merchant.channel)
    return merchant


def require_terms(channel: str, products: Sequence[str], mini_app_id: str | None) -> None:
    """The channel has these products, and a mini-program of its own beside the app. OrderInvalid."""
    wrong = set(products) - set(rules.PRODUCTS[channel])
    if wrong:
        names = "、".join(rules.PRODUCT_NAMES[product] for product in sorted(wrong))
        raise OrderInvalid(f"{rules.CHANNELS[channel]}不支持{names}，请重新选择产品。")
    if mini_app_id is not None and channel != "alipay":
        raise OrderInvalid("只有支付宝商户可另填小程序应用编号；微信商户请在应用编号中填写小程序的 AppID。")


def propose_key(tx: Tx, merchant_id: UUID, command: ProposeKey) -> MerchantKey:
    """Name a key of the secret store for a merchant. KeyMissing when the store does not hold it."""
    merchant = own_merchant(tx, merchant_id)
    if merchant.channel not in rules.ASKED:
        raise OrderInvalid("该渠道没有接口，不需要密钥。")
    text = client.outside().secret(command.secret_ref)
    if not is_readable(command.role, text):
        raise KeyRefInvalid(f"密钥文件 {command.secret_ref} 的内容与用途不符，请信息科核对文件。")
    ends = ends_on(command.role, text) or command.expires_on
    if ends is not None and ends < tx.today:
        raise KeyRefInvalid(f"密钥文件 {command.secret_ref} 的证书已于 {ends} 到期，请到渠道平台申请新证书。")
    valid_from = command.valid_from or tx.now
    if abs(valid_from - tx.now) > KEY_AHEAD:
        raise OrderInvalid("密钥生效时间须在前后一年之内。")
    if command.valid_to is not None and not valid_from < command.valid_to <= valid_from + KEY_LASTS:
        raise OrderInvalid("密钥失效时间须晚于生效时间，且不超过十年。")
    key = MerchantKey(
        key_id=new_id(),
        campus_id=tx.campus,
        merchant_id=merchant_id,
        role=command.role,
        serial=command.serial,
        secret_ref=command.secret_ref,
        valid_from=valid_from,
        valid_to=command.valid_to,
        expires_on=ends,
        state="proposed",
        proposed_by=tx.actor.subject,
        proposed_by_name=tx.actor.name,
        proposed_at=tx.now,
    )
    tx.session.add(key)
    tx.audit("merchant_key.proposed", "merchant", merchant_id, role=key.role, serial=key.serial)
    return key


def approve_key(tx: Tx, key_id: UUID, command: ApproveKey) -> MerchantKey:
    """Put a key in force. The keys of its role before it end when the overlap after its beginning is over."""
    key = tx.session.first(queries.KEY, key_id=key_id)
    if key is None or key.campus_id != tx.campus:
        raise NotFound("本院区没有这个密钥记录，请核对。")
    tx.assert_distinct([key.proposed_by], "密钥须由登记人以外的人员审批生效。")
    approved = tx.session.first(
        queries.APPROVE_KEY,
        id_=key_id,
        seen=command.version,
        at=tx.now,
        who=tx.actor.subject,
        name=tx.actor.name,
    )
    if approved is None:
        raise Stale("该密钥已被他人处理，请刷新后核对。", current_version=key.version)
    tx.session.execute(
        queries.END_OTHER_KEYS,
        id_=key_id,
        merchant=key.merchant_id,
        role_=key.role,
        end=approved.valid_from + timedelta(minutes=command.overlap_minutes),
    )
    tx.audit("merchant_key.approved", "merchant", key.merchant_id, role=key.role, serial=key.serial)
    return approved


def try_merchant(steps: Steps, merchant_id: UUID, seen: int) -> Merchant:
    """Call the channel with the merchant's keys about an order that cannot exist: a signed "no such order" proves
    address, number, both keys and both clocks."""
    contact = steps.step(lambda tx: contact_of(tx, merchant_id))
    if contact.merchant.channel not in rules.ASKED:
        return steps.step(lambda tx: _tested(tx, merchant_id, seen, True, "该渠道没有接口，无需测试"))
    order = Order(
        order_no=rules.order_number(steps.campus, steps.clock(), new_id()),
        fen=1,
        product="qr",
        description="",
        one_time="",
        terminal="",
        expires_at=steps.clock(),
    )
    told, exchange = channel_of(contact, steps).query(order)
    passed = told.outcome == "absent"
    result = "通过" if passed else f"未通过：{told.message or told.code or '渠道没有可信的应答'}"

    def book(tx: Tx) -> Merchant:
        keep_exchange(tx, merchant_id, told, exchange._replace(operation="probe"))
        return _tested(tx, merchant_id, seen, passed, result)

    return steps.step(book)


def _tested(tx: Tx, merchant_id: UUID, seen: int, passed: bool, result: str) -> Merchant:
    tested = tx.session.first(
        queries.RECORD_TEST, id_=merchant_id, seen=seen, ok="yes" if passed else "no", at=tx.now, result=result
    )
    if tested is None:
        raise changed(own_merchant(tx, merchant_id))
    tx.audit("merchant.tested", "merchant", merchant_id, passed=passed)
    return tested


def activate_merchant(tx: Tx, merchant_id: UUID, seen: int) -> Merchant:
    """Let a tested merchant take payments from now on; the campus's former one for the channel stops.

    By another person than who proposed it; MerchantNotTested before the channel answered a test call.
    """
    merchant = own_merchant(tx, merchant_id)
    tx.assert_distinct([merchant.proposed_by], "商户须由登记人以外的人员审批启用。")
    if merchant.state == "draft":
        raise MerchantNotTested("请先完成连通测试，通过后再启用。")
    if merchant.channel in rules.ASKED:
        credentials(contact_of(tx, merchant_id), client.outside())
    if merchant.version != seen:
        raise changed(merchant)
    tx.session.execute(
        queries.STOP_PREDECESSOR, campus=tx.campus, channel_=merchant.channel, at=tx.now, who=tx.actor.subject
    )
    activated = tx.session.first(
        queries.ACTIVATE, id_=merchant_id, seen=seen, at=tx.now, who=tx.actor.subject, name=tx.actor.name
    )
    if activated is None:
        raise MerchantStateWrong("该商户不在待启用状态，请刷新后核对。")
    tx.audit("merchant.activated", "merchant", merchant_id, channel=merchant.channel)
    return activated


def stop_merchant(tx: Tx, merchant_id: UUID, seen: int) -> Merchant:
    """Stop a merchant: no new payments; refunds and queries of its old ones go on."""
    merchant = own_merchant(tx, merchant_id)
    stopped = tx.session.first(queries.STOP, id_=merchant_id, seen=seen, at=tx.now, who=tx.actor.subject)
    if stopped is None:
        raise changed(merchant)
    tx.audit("merchant.stopped", "merchant", merchant_id, channel=merchant.channel)
    return stopped


def own_merchant(tx: Tx, merchant_id: UUID) -> Merchant:
    """A merchant of the acting campus. NotFound for another's."""
    merchant = tx.session.first(queries.MERCHANT, merchant_id=merchant_id)
    if merchant is None or merchant.campus_id != tx.campus:
        raise NotFound("本院区没有这个商户，请核对。")
    return merchant


def changed(merchant: Merchant) -> Stale:
    """The refusal of a step that saw another version."""
    return Stale("该商户已被他人修改，请刷新后再操作。", current_version=merchant.version)
