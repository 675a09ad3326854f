"""Card terminals of an acquiring bank (银行 POS): sale, refund, end-of-day totals; slips as a bridge reads them.

A terminal has no interface of the bank's to ask: what it says goes to the gateway as it stands on the slip. The ledger
here is the bank's own, so that what the window enters can be held against it.
"""

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from infra.simulators.wire import Refused, Reply

_PATH = re.compile(r"^/terminals/(\w+)/(sale|refund|totals|settle)$")


@dataclass
class Slip:
    """What a terminal printed."""

    order_no: str
    kind: str
    fen: int
    card: str
    reference_no: str
    terminal: str
    batch_no: str
    trace_no: str
    at: datetime
    original: str = ""

    def shown(self) -> dict[str, Any]:
        """The slip in the words of the gateway's terminal result."""
        return {
            "outcome": "approved",
            "amount": f"{self.fen // 100}.{self.fen % 100:02d}",
            "card": self.card,
            "reference_no": self.reference_no,
            "terminal": self.terminal,
            "batch_no": self.batch_no,
            "trace_no": self.trace_no,
            "paid_at": self.at.isoformat(),
        }


@dataclass
class Terminal:
    """One card terminal."""

    number: str
    batch: int = 1
    slips: list[Slip] = field(default_factory=list)

    def of_batch(self) -> list[Slip]:
        """Slips since the last settlement."""
        return [slip for slip in self.slips if slip.batch_no == f"{self.batch:06d}"]


class AcquiringBank:
    """The bank behind the terminals."""

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.terminals: dict[str, Terminal] = {}
        self.declines: set[str] = set()
        """Cards without money, by their last four digits."""
        self._numbers = count(1)

    def sale(self, terminal: str, order_no: str, fen: int, card: str = "6222021234567890") -> Slip:
        """A card is charged. Refused when the card is declined."""
        if card[-4:] in self.declines:
            raise Refused(402, "51", "余额不足")
        return self._print(terminal, "sale", order_no, fen, card)

    def refund(self, terminal: str, reference_no: str, fen: int) -> Slip:
        """A sale, or part of it, goes back to its card (撤销、退货)."""
        sold = next(
            (
                slip
                for machine in self.terminals.values()
                for slip in machine.slips
                if slip.kind == "sale" and slip.reference_no == reference_no
            ),
            None,
        )
        if sold is None:
            raise Refused(404, "25", "原交易不存在")
        if self.kept(reference_no) < fen:
            raise Refused(422, "61", "退货金额超过原交易")
        slip = self._print(terminal, "refund", sold.order_no, fen, sold.card)
        slip.original = reference_no
        return slip

    def kept(self, reference_no: str) -> int:
        """Fen of a sale that have not gone back."""
        slips = [slip for machine in self.terminals.values() for slip in machine.slips]
        came = sum(slip.fen for slip in slips if slip.kind == "sale" and slip.reference_no == reference_no)
        return came - sum(slip.fen for slip in slips if slip.original == reference_no)

    def net(self) -> int:
        """What the bank owes the merchant, in fen."""
        slips = [slip for machine in self.terminals.values() for slip in machine.slips]
        return sum(slip.fen if slip.kind == "sale" else -slip.fen for slip in slips)

    def totals(self, terminal: str) -> dict[str, Any]:
        """What a terminal counts in its batch, in the words of the gateway's terminal settlement."""
        machine = self._terminal(terminal)
        sales = [slip.fen for slip in machine.of_batch() if slip.kind == "sale"]
        backs = [slip.fen for slip in machine.of_batch() if slip.kind == "refund"]
        return {
            "batch_no": f"{machine.batch:06d}",
            "sales_count": len(sales),
            "sales": f"{sum(sales) // 100}.{sum(sales) % 100:02d}",
            "refunds_count": len(backs),
            "refunds": f"{sum(backs) // 100}.{sum(backs) % 100:02d}",
        }

    def settle(self, terminal: str) -> dict[str, Any]:
        """End of day: the totals, and the next batch begins."""
        totals = self.totals(terminal)
        self._terminal(terminal).batch += 1
        return totals

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """The terminal as a bridge's driver reaches it."""
        try:
            document = self._route(path, json.loads(body or b"{}"))
            status = 200
        except Refused as refusal:
            status, document = refusal.status, {"outcome": "declined", "reason": f"{refusal.code} {refusal.message}"}
        return Reply.json(status, document)

    def _route(self, path: str, data: dict[str, Any]) -> dict[str, Any]:
        found = _PATH.match(path)
        if found is None:
            raise Refused(404, "12", "没有这个接口")
        terminal, action = found.groups()
        if action == "sale":
            return self.sale(terminal, data["order_no"], int(data["fen"]), data["card"]).shown()
        if action == "refund":
            return self.refund(terminal, data["reference_no"], int(data["fen"])).shown()
        return self.totals(terminal) if action == "totals" else self.settle(terminal)

    def _terminal(self, number: str) -> Terminal:
        return self.terminals.setdefault(number, Terminal(number))

    def _print(self, terminal: str, kind: str, order_no: str, fen: int, card: str) -> Slip:
        machine, serial = self._terminal(terminal), next(self._numbers)
        slip = Slip(
            order_no=order_no,
            kind=kind,
            fen=fen,
            card=f"{card[:6]}{'*' * (len(card) - 10)}{card[-4:]}",
            reference_no=f"{serial:012d}",
            terminal=terminal,
            batch_no=f"{machine.batch:06d}",
            trace_no=f"{serial:06d}",
            at=self.clock(),
        )
        machine.slips.append(slip)
        return slip
