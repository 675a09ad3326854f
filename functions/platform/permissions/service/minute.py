"""What ends or begins by itself."""

from functions.platform.permissions.service.attesting import open_attestations, tell_overdue
from shared.tx import Tx


def each_minute(tx: Tx) -> None:
    """What ends or begins by itself at the acting campus: reviews of the quarter, and those nobody answered."""
    open_attestations(tx)
    tell_overdue(tx)
