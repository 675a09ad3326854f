"""What ends or is taken up by itself, about every minute at each campus."""

from collections.abc import Callable

from functions.payments.billing.client import receipt_platform
from functions.payments.billing.service.cancelling import ask_stale_payments, cancel_stale_settlements
from functions.payments.billing.service.platform import work_queue
from shared.steps import Steps
from shared.tx import Tx


def each_minute(tx: Tx) -> Callable[[Steps], None] | None:
    """Give up stale settlements, asking channels first; tell the fiscal platform what still waits for it."""
    cancel_stale_settlements(tx)
    works = [work for work in (ask_stale_payments(tx), work_queue if receipt_platform() else None) if work is not None]
    if not works:
        return None

    def go_on(steps: Steps) -> None:
        for work in works:
            work(steps)

    return go_on
