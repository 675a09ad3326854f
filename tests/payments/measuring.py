"""How many statements a use case sends and how often it waits for the database."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Any
from unittest.mock import patch

from shared.database.session import Pending, Session
from tests.payments.conftest import Cashier, Hall


@dataclass
class Measure:
    """Statements sent; `rounds` is how often results were awaited, the commit among them."""

    statements: int = 0
    rounds: int = 1


@contextmanager
def measuring() -> Iterator[Measure]:
    """Count what every session does meanwhile. A wait counts when something was sent since the last one."""
    measure = Measure()
    send, unanswered = Session._send, [0]

    def counting_send(self: Session, sql: str, params: dict[str, Any]) -> Any:
        measure.statements += 1
        unanswered[0] += 1
        return send(self, sql, params)

    def awaiting(take: Any) -> Any:
        def counting_take(self: Pending[Any]) -> Any:
            measure.rounds += bool(unanswered[0])
            unanswered[0] = 0
            return take(self)

        return counting_take

    takes = {name: awaiting(getattr(Pending, name)) for name in ("all", "first", "one")}
    with patch.object(Session, "_send", counting_send), patch.multiple(Pending, **takes):
        yield measure


def measured_sale(hall: Hall, lines: int) -> Measure:
    """A cash sale of so many lines through HTTP."""
    cashier: Cashier = hall.cashier()
    charges = hall.post(hall.patient(), *[("lab50", 1)] * lines)
    with measuring() as measure:
        answer = hall.settle(cashier, charges, str(Decimal("50.00") * lines))
    assert answer.status_code == 201, answer.text
    return measure
