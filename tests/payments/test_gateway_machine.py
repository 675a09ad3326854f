"""A state machine over create, pay, notify, ask, close and refund, with lost and doubled answers at every step.

Whatever order Hypothesis finds: when everything is quiet, what succeeded less what was given back is what the channel's
own ledger says, and every payment has one end.
"""

from collections.abc import Iterator
from decimal import Decimal

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import Bundle, RuleBasedStateMachine, initialize, multiple, rule, run_state_machine_as_test

from functions.payments.gateway import service
from functions.payments.gateway.problems import (
    ChannelPausedProblem,
    NotPaid,
    PaymentUnderWay,
    RefundDiffers,
    RefundTooMuch,
)
from infra.simulators.wire import Fault, Letter
from integrity.runner import run
from tests.payments.gateway_town import Town, open_town

OPERATIONS = ("order", "query", "close", "reverse", "refund", "query_refund")
FENS = st.integers(1, 20_000)


@pytest.fixture(scope="module")
def town(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Town]:
    with open_town(tmp_path_factory.mktemp("secrets"), channels=("wechat", "ecny")) as one:
        yield one


class Channels(RuleBasedStateMachine):
    """One window, one phone, two channels and the lines between them."""

    town: Town
    payments = Bundle("payments")
    letters = Bundle("letters")

    @initialize()
    def quiet_lines(self) -> None:
        self.serial = 0
        self.held: list[Letter] = []
        for simulator in self.town.channels.simulators:
            simulator.faults.clear()

    @rule(
        channel=st.sampled_from(["wechat", "ecny"]), operation=st.sampled_from(OPERATIONS), fault=st.sampled_from(Fault)
    )
    def something_will_fail(self, channel: str, operation: str, fault: Fault) -> None:
        self.town.simulator(channel).faults.plan(operation, fault)

    @rule(target=payments, fen=FENS, channel=st.sampled_from(["wechat", "ecny"]), bill=st.integers(1, 3))
    def show_a_code(self, fen: int, channel: str, bill: int) -> object:
        reference = f"bill-{id(self)}-{bill}"
        try:
            return self.town.start(_yuan(fen), channel, ref_id=reference).payment_id
        except (ChannelPausedProblem, PaymentUnderWay):
            return multiple()

    @rule(
        target=payments,
        fen=FENS,
        pays_after=st.sampled_from([None, 0, 4, 58, 61]),
        prefix=st.sampled_from(["13", "010"]),
        serial=st.integers(0, 10**16 - 1),
    )
    def scan_a_code(self, fen: int, pays_after: int | None, prefix: str, serial: int) -> object:
        code = f"{prefix}{serial:016d}"
        try:
            payment = self.town.scan(_yuan(fen), code, password=pays_after != 0, pays_after=pays_after)
        except ChannelPausedProblem:
            return multiple()
        return payment.payment_id

    @rule(payment=payments)
    def the_payer_pays(self, payment: object) -> None:
        info = self.town.read(payment)  # type: ignore[arg-type]
        self.town.simulator(info.channel).pay(info.order_no)

    @rule(target=letters)
    def letters_are_written(self) -> object:
        return multiple(*self.town.channels.take_letters())

    @rule(letter=letters)
    def a_letter_arrives(self, letter: Letter) -> None:
        assert self.town.post(letter).status_code in (200, 401)

    @rule(payment=payments)
    def the_window_asks(self, payment: object) -> None:
        service.settle_by_asking(self.town.steps(), payment)  # type: ignore[arg-type]

    @rule(payment=payments)
    def the_window_closes(self, payment: object) -> None:
        info = service.close_payment(self.town.steps(), payment)  # type: ignore[arg-type]
        if info.state == "closed":
            assert self.town.simulator(info.channel).ledger.sales.get(info.order_no, _NOTHING).net == 0

    @rule(payment=payments, fen=FENS, reference=st.integers(1, 2))
    def money_is_asked_back(self, payment: object, fen: int, reference: int) -> None:
        try:
            self.town.give_back(payment, _yuan(fen), f"ref-{reference}")  # type: ignore[arg-type]
        except (NotPaid, RefundTooMuch, RefundDiffers):
            return

    @rule(seconds=st.sampled_from([1, 20, 70]))
    def time_passes(self, seconds: int) -> None:
        self.town.clock.move(seconds=seconds)

    @rule()
    def the_sweep_runs(self) -> None:
        self.town.minute()

    def teardown(self) -> None:
        town = self.town
        for simulator in town.channels.simulators:
            simulator.faults.clear()
        for _ in range(60):
            town.deliver()
            town.minute()
            if _open(town) == 0 and all(simulator.is_quiet for simulator in town.channels.simulators):
                break
        assert _open(town) == 0
        for channel in ("wechat", "ecny"):
            assert town.kept(channel) == town.simulator(channel).ledger.net()
        doubled = town.hospital.rows(
            "SELECT subject FROM kernel.outbox WHERE type = 'cn.consortium.payments.gateway.payment_succeeded.v1'"
            " GROUP BY subject HAVING count(*) > 1"
        )
        assert doubled == []


class _Nothing:
    net = 0


_NOTHING = _Nothing()


def _yuan(fen: int) -> str:
    return str(Decimal(fen).scaleb(-2))


def _open(town: Town) -> int:
    return int(
        town.hospital.value(
            "SELECT (SELECT count(*) FROM payments.gateway_payments WHERE state IN ('paying', 'unknown')"
            " OR late_refund_at IS NOT NULL)"
            " + (SELECT count(*) FROM payments.gateway_refunds WHERE state IN ('requested', 'processing'))"
        )
    )


def test_the_books_agree_whatever_happens(town: Town) -> None:
    Channels.town = town
    run_state_machine_as_test(
        Channels,
        settings=settings(
            max_examples=25,
            stateful_step_count=30,
            deadline=None,
            derandomize=True,
            database=None,
            suppress_health_check=list(HealthCheck),
        ),
    )
    names = frozenset({"channels.gateway_refunds", "channels.gateway_trouble", "channels.gateway_number_campus"})
    assert [result.name for result in run(town.hospital.settings.auditor_database_url, names) if not result.holds] == []
