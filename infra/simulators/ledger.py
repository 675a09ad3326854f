"""What a channel knows: every order, who paid, what went back. Amounts in fen."""

from dataclasses import dataclass, field
from datetime import datetime


@dataclass
class Back:
    """One refund."""

    refund_no: str
    fen: int
    state: str
    """processing, done, returned (the payer's bank sent it back), rejected."""
    asked_at: datetime
    done_at: datetime | None = None
    number: str = ""
    notify_url: str = ""


@dataclass
class Sale:
    """One order."""

    order_no: str
    merchant: str
    fen: int
    product: str
    state: str
    """waiting, typing (the payer has the password window open), paid, closed, reversed, failed."""
    placed_at: datetime
    expires_at: datetime
    payer: str
    notify_url: str = ""
    number: str = ""
    paid_at: datetime | None = None
    pays_at: datetime | None = None
    fails_at: datetime | None = None
    hidden: bool = False
    """Not to be found before the payer scans it (Alipay's QR orders)."""
    backs: dict[str, Back] = field(default_factory=dict)

    @property
    def given_back(self) -> int:
        """Fen that reached the payer again."""
        if self.state == "reversed":
            return self.fen if self.paid_at else 0
        return sum(back.fen for back in self.backs.values() if back.state == "done")

    @property
    def asked_back(self) -> int:
        """Fen given back or on their way."""
        return sum(back.fen for back in self.backs.values() if back.state in ("processing", "done"))

    @property
    def net(self) -> int:
        """Fen the merchant keeps."""
        return (self.fen if self.paid_at else 0) - self.given_back


class Ledger:
    """The channel's own books."""

    def __init__(self) -> None:
        self.sales: dict[str, Sale] = {}

    def net(self, merchant: str | None = None) -> int:
        """What merchants keep, in fen: what the books of the hospital are held against."""
        return sum(sale.net for sale in self.sales.values() if merchant in (None, sale.merchant))

    def payments(self) -> int:
        """How often money moved from a payer."""
        return sum(sale.paid_at is not None for sale in self.sales.values())

    def find_back(self, refund_no: str) -> tuple[Sale, Back] | None:
        """A refund by its number."""
        for sale in self.sales.values():
            if refund_no in sale.backs:
                return sale, sale.backs[refund_no]
        return None
