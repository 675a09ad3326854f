"""How channels do: calls counted, paused when more than a fifth fail, probed, resumed (故障停用)."""

from datetime import timedelta
from uuid import UUID

from events.payments import ChannelPaused, ChannelResumed
from functions.payments.gateway import rules
from functions.payments.gateway.channels import Order
from functions.payments.gateway.models import ChannelHealth, Merchant
from functions.payments.gateway.problems import ChannelPausedProblem, MerchantStateWrong
from functions.payments.gateway.queries import merchants as queries
from functions.payments.gateway.service.asking import channel_of, contact_of, keep_exchange
from shared.problems import NotFound
from shared.steps import Steps
from shared.tx import Tx


def new_health(merchant: Merchant) -> ChannelHealth:
    """The health of a merchant nobody has called yet."""
    return ChannelHealth(
        merchant_id=merchant.merchant_id,
        campus_id=merchant.campus_id,
        channel=merchant.channel,
        state="open",
        automatic=False,
        text="",
        window_at=merchant.proposed_at,
        calls=0,
        errors=0,
    )


def require_open(health: ChannelHealth | None) -> None:
    """Refuse new payments of a paused channel, with the text its screens show."""
    if health is not None and health.state == "paused":
        raise ChannelPausedProblem(health.text, paused_since=str(health.paused_at))


def count_call(tx: Tx, merchant_id: UUID, healthy: bool) -> None:
    """Count a call; above 20 % of errors in two minutes the channel is paused by itself."""
    health = tx.session.first(queries.COUNT_CALL, id_=merchant_id, at=tx.now, failed=0 if healthy else 1)
    if health is None or health.state == "paused" or not rules.is_failing(health.calls, health.errors):
        return
    name = rules.CHANNELS[health.channel]
    _pause(tx, health, f"{name}暂时无法使用，请改用其他方式支付。", automatic=True)


def pause_channel(tx: Tx, merchant_id: UUID, text: str) -> ChannelHealth:
    """Stop taking payments by a channel (故障停用). Payments under way are still asked about."""
    return _pause(tx, _health(tx, merchant_id), text, automatic=False)


def resume_channel(tx: Tx, merchant_id: UUID) -> ChannelHealth:
    """Take payments by a channel again."""
    return _resume(tx, _health(tx, merchant_id), automatic=False)


def probe(steps: Steps, merchant_id: UUID) -> None:
    """Ask a paused channel about an order that cannot exist: no patient is the first to try it."""
    contact = steps.step(lambda tx: contact_of(tx, merchant_id))
    order = Order(
        order_no=rules.order_number(steps.campus, steps.clock(), merchant_id),
        fen=1,
        product="qr",
        description="",
        one_time="",
        terminal="",
        expires_at=steps.clock(),
    )
    told, exchange = channel_of(contact, steps).query(order)

    def book(tx: Tx) -> None:
        keep_exchange(tx, merchant_id, told, exchange._replace(operation="probe"))
        health = _health(tx, merchant_id)
        if health.state != "paused" or not health.automatic:
            return
        if told.healthy and told.outcome != "unknown":
            _resume(tx, health, automatic=True)
        else:
            tx.session.execute(queries.PROBE_LATER, id_=merchant_id, next=tx.now + rules.probe_after(health.probes + 1))

    steps.step(book)


def _health(tx: Tx, merchant_id: UUID) -> ChannelHealth:
    health = tx.session.first(queries.HEALTH, merchant_id=merchant_id)
    if health is None or health.campus_id != tx.campus:
        raise NotFound("本院区没有这个支付渠道，请核对。")
    return health


def _pause(tx: Tx, health: ChannelHealth, text: str, *, automatic: bool) -> ChannelHealth:
    if health.channel not in rules.ASKED:
        automatic = False
    paused = tx.session.first(
        queries.PAUSE,
        id_=health.merchant_id,
        by_itself=automatic,
        says=text,
        at=tx.now,
        who=tx.actor.subject,
        probe=tx.now + (rules.PROBE_AFTER if automatic else timedelta(days=3650)),
    )
    if paused is None:
        raise MerchantStateWrong("该渠道已由人工停用，如需继续使用请先恢复。")
    tx.emit(
        ChannelPaused(
            merchant_id=paused.merchant_id, channel=paused.channel, automatic=automatic, text=text, paused_at=tx.now
        )
    )
    tx.audit("channel.paused", "merchant", paused.merchant_id, automatic=automatic)
    return paused


def _resume(tx: Tx, health: ChannelHealth, *, automatic: bool) -> ChannelHealth:
    resumed = tx.session.first(queries.RESUME, id_=health.merchant_id, at=tx.now)
    if resumed is None:
        raise MerchantStateWrong("该渠道没有停用，无需恢复。")
    tx.emit(
        ChannelResumed(merchant_id=resumed.merchant_id, channel=resumed.channel, automatic=automatic, resumed_at=tx.now)
    )
    tx.audit("channel.resumed", "merchant", resumed.merchant_id, automatic=automatic)
    return resumed
