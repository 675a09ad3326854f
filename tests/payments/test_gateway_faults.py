"""Loss, doubling, disorder and delay by the thousand: our books and the channels' agree, every fact is told once."""

import random
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from urllib.parse import urlsplit

import pytest

from functions.payments.gateway import service
from functions.payments.gateway.problems import ChannelPausedProblem, RefundTooMuch
from infra.simulators.wire import Cut, Fault, Letter
from tests.payments.gateway_town import Town, open_town

CHANNELS = ("wechat", "alipay", "ecny")
PREFIX = {"wechat": "13", "alipay": "28", "ecny": "01"}
DIGITS = {"wechat": 16, "alipay": 16, "ecny": 17}
WANTED = 1000


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), channels=CHANNELS) as one:
        yield one


class Storm:
    """Payers, windows and lines on a bad day."""

    def __init__(self, town: Town, seed: int) -> None:
        self.town = town
        self.dice = random.Random(seed)
        self.letters: list[Letter] = []
        for simulator in town.channels.simulators:
            simulator.faults.choose = self._fault

    @property
    def faults(self) -> int:
        return sum(len(simulator.faults.seen) for simulator in self.town.channels.simulators)

    def _fault(self, operation: str) -> Fault | None:
        return self.dice.choice(list(Fault)) if self.dice.random() < 0.45 else None

    def payment(self) -> None:
        """One patient pays, or tries to."""
        channel = self.dice.choice(CHANNELS)
        amount = str(Decimal(self.dice.randint(1, 99_999)).scaleb(-2))
        try:
            if self.dice.random() < 0.5:
                code = PREFIX[channel] + str(self.dice.randrange(10 ** DIGITS[channel])).zfill(DIGITS[channel])
                password = self.dice.random() < 0.1
                after = self.dice.choice([None, 3, 20, 58, 59, 61]) if password else None
                refuses = "NOTENOUGH" if self.dice.random() < 0.05 else ""
                payment = self.town.scan(amount, code, password=password, pays_after=after, refuses=refuses)
            else:
                payment = self.town.start(amount, channel, **self.product(channel))
                if payment.h5_url and channel == "alipay" and self.dice.random() < 0.9:
                    parts = urlsplit(payment.h5_url)
                    self.browse(f"{parts.path}?{parts.query}")
                if self.dice.random() < 0.8:
                    self.town.simulator(channel).pay(payment.order_no)
        except ChannelPausedProblem:
            self.town.minute()
            return
        self.mail()
        if payment.is_paid and self.dice.random() < 0.3:
            self.refund(payment)
        if self.dice.random() < 0.1:
            service.close_payment(self.town.steps(), payment.payment_id)

    def product(self, channel: str) -> dict[str, str]:
        """A QR code, a mini-program or a phone's browser."""
        wanted = self.dice.choice(["qr", "jsapi", "h5"]) if channel != "ecny" else "qr"
        payer = {"jsapi": "2088102146225135", "h5": "203.0.113.7"}.get(wanted)
        return {"product": wanted, **({"payer": payer} if payer else {})}

    def browse(self, target: str) -> None:
        """The payer's browser opens the page, if the line lets it."""
        try:
            self.town.channels.handle("GET", target, {}, b"")
        except Cut:
            return

    def refund(self, payment: service.PaymentInfo) -> None:
        """Part or all of it goes back, perhaps twice asked."""
        fen = self.dice.randint(1, int(payment.amount * 100))
        for _ in range(self.dice.choice([1, 1, 2])):
            try:
                self.town.give_back(payment.payment_id, str(Decimal(fen).scaleb(-2)), f"r-{payment.order_no}")
            except RefundTooMuch:
                continue

    def mail(self) -> None:
        """Notifications travel: some are lost, doubled, late, out of order."""
        for letter in self.town.channels.take_letters():
            self.letters += [letter] * self.dice.choice([0, 1, 1, 2, 3])
        self.dice.shuffle(self.letters)
        cut = self.dice.randint(0, len(self.letters))
        now, self.letters = self.letters[:cut], self.letters[cut:]
        assert set(self.town.deliver(now)) <= {200, 401}

    def calm(self) -> None:
        """Everything works again and the minutes pass until nothing is open and no channel paused."""
        for simulator in self.town.channels.simulators:
            simulator.faults.clear()
        for _ in range(90):
            self.mail()
            self.town.minute()
            if self.is_over():
                return
        raise AssertionError("something stayed open")

    def is_over(self) -> bool:
        open_rows = self.town.hospital.value(
            "SELECT (SELECT count(*) FROM payments.gateway_payments WHERE state IN ('paying', 'unknown')"
            " OR late_refund_at IS NOT NULL)"
            " + (SELECT count(*) FROM payments.gateway_refunds WHERE state IN ('requested', 'processing'))"
            " + (SELECT count(*) FROM payments.channel_health WHERE state = 'paused')"
        )
        return open_rows == 0 and all(simulator.is_quiet for simulator in self.town.channels.simulators)


@pytest.mark.case("56", 2)
def test_a_thousand_faults_move_no_cent(town: Town) -> None:
    storm = Storm(town, seed=56)
    while storm.faults < WANTED:
        storm.payment()
        if storm.dice.random() < 0.2:
            town.minute()
    storm.calm()
    for channel in CHANNELS:
        assert town.kept(channel) == town.simulator(channel).ledger.net(), channel
    assert {fault for simulator in town.channels.simulators for _, fault in simulator.faults.seen} == set(Fault)

    rows = town.hospital.rows("SELECT payment_id::text AS id, state, amount FROM payments.gateway_payments")
    paid = {row["id"] for row in rows if row["state"] != "closed"}
    told = Counter(event["payment_id"] for event in town.events("payment_succeeded"))
    assert set(told) == paid
    assert set(told.values()) == {1}
    ended = Counter(event["payment_id"] for kind in ("closed", "failed") for event in town.events(f"payment_{kind}"))
    assert set(ended.values()) == {1}
    closed = {row["id"] for row in rows if row["state"] == "closed"}
    assert closed <= set(ended)
    late = {event["payment_id"] for event in town.events("payment_succeeded") if event["late"]}
    assert set(ended) - closed == late
    refunds = Counter(event["channel_refund_id"] for event in town.events("refund_succeeded"))
    assert set(refunds.values()) <= {1}
    assert len(paid) > 100
    assert len(refunds) > 20


def test_an_unheard_order_is_settled_by_asking_either_way(town: Town) -> None:
    for paid in (True, False):
        town.wechat.faults.clear()
        town.wechat.faults.plan("order", Fault.LOST_ANSWER)
        payment = town.start("25.00")
        assert payment.state == "unknown"
        if paid:
            assert town.wechat.pay(payment.order_no)
            town.channels.take_letters()
        town.minute(times=12)
        assert town.read(payment.payment_id).state == ("succeeded" if paid else "closed")
        assert len(town.events("payment_succeeded", payment.payment_id)) == int(paid)
