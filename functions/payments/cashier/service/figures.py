"""Figures of shifts as events carry them."""

from collections.abc import Iterable

from events.payments import MethodFigures
from functions.payments.cashier.queries.shifts import MethodTotal


def method_figures(totals: Iterable[MethodTotal]) -> list[MethodFigures]:
    """Totals by means of payment, as the event of a closed shift tells them."""
    return [MethodFigures(**total._asdict()) for total in totals]
