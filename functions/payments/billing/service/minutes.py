"""What ends or is taken up by itself, about every minute at each campus."""

from functions.payments.billing.client import receipt_platform
from functions.payments.billing.service.cancelling import ask_stale_payments, cancel_stale_settlements
from functions.payments.billing.service.channel_refunds import carry_out
from functions.payments.billing.service.platform import work_queue
from shared.function import Onwards
from shared.steps import Steps
from shared.tx import Tx


def each_minute(tx: Tx) -> Onwards | None:
    """Give up stale settlements, asking channels first, and send back what was paid of them; tell the fiscal platform
    what still waits for it."""
    back = [row for _, rows in cancel_stale_settlements(tx) for row in rows]
    works: list[Onwards] = []
    if back:
        works.append(lambda steps: carry_out(steps, back))
    if (ask := ask_stale_payments(tx)) is not None:
        works.append(ask)
    if receipt_platform():
        works.append(work_queue)
    if not works:
        return None

    def go_on(steps: Steps) -> None:
        for work in works:
            work(steps)

    return go_on
