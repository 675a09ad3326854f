"""HTTP routes of the cashier, by subject. One line of intent per route."""

from functions.payments.cashier.api import bags, floats, shifts
from functions.payments.cashier.api.routing import router

__all__ = ["bags", "floats", "router", "shifts"]
