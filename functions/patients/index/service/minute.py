"""What the index sees to every minute: questions to the police, a migration under way, numbers to be sealed."""

from collections.abc import Callable

from functions.patients.index.service import checking, legacy, sealing
from shared.steps import Steps
from shared.tx import Tx


def each_minute(tx: Tx) -> Callable[[Steps], None] | None:
    """Begin all; what takes long goes on outside this transaction."""
    begun = [
        work for work in (checking.each_round(tx), legacy.each_slice(tx), sealing.each_round(tx)) if work is not None
    ]
    if not begun:
        return None

    def go_on(steps: Steps) -> None:
        for work in begun:
            work(steps)

    return go_on
