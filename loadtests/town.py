"""The simulated channels of the town: the payment codes patients show, and the ledgers windows are held against."""

import secrets
import time
from collections import defaultdict
from collections.abc import Iterable
from decimal import Decimal
from itertools import count
from typing import Protocol

import httpx

from shared.settings import Settings

# A patient who wished to pay by card pays by WeChat here: a card needs a terminal and somebody to read its slip.
CHANNELS = {"wechat": "wechat", "alipay": "alipay", "ecny": "ecny", "bank_card": "wechat"}
"""Means of payment a patient wishes -> channel whose payment code the patient shows."""
CODES = {"wechat": ("13", 16), "alipay": ("28", 16), "ecny": ("01", 17)}
"""Channel -> how its payment codes begin, and how many digits follow."""
PASSWORD_EVERY = 25
"""Every so many payers type their password, for two seconds, after the code was scanned."""
REFUNDS_WITHIN = 180.0
"""Seconds within which the minute's sweep must have sent the last refund to its channel."""
Takings = dict[str, Decimal]
"""Channel -> yuan."""


class Books(Protocol):
    """A window's own books of what came and went through channels."""

    scanned_in: Takings
    scanned_out: Takings


class Town:
    """The simulators the hospital's settings point to. A real channel is never asked: it is reached over TLS only."""

    def __init__(self, settings: Settings) -> None:
        self._url = settings.wechat_pay_url
        self.is_open = self._url.startswith("http://")
        self._http = httpx.Client(timeout=30, trust_env=False)
        self._payers = count(1)

    def code(self, channel: str) -> str:
        """The payment code (付款码) a patient shows."""
        begins, digits = CODES[channel]
        code = begins + f"{secrets.randbelow(10**digits):0{digits}d}"
        if next(self._payers) % PASSWORD_EVERY == 0:
            payer = {"auth_code": code, "password": True, "pays_after": 2}
            self._http.post(f"{self._url}/control/{channel}/payers", json=payer).raise_for_status()
        return code

    def kept(self) -> Takings:
        """What each channel holds of the hospital's, by its own ledger."""
        if not self.is_open:
            return {}
        return {channel: Decimal(self._net(channel)) / 100 for channel in CODES}

    def _net(self, channel: str) -> int:
        return int(self._http.get(f"{self._url}/control/{channel}").raise_for_status().json()["net"])


def held_against(town: Town, before: Takings, windows: Iterable[Books]) -> list[str]:
    """Where the windows' books and a channel's ledger differ. Waits until refunds on their way have arrived."""
    took: Takings = defaultdict(Decimal)
    for window in windows:
        for channel, amount in window.scanned_in.items():
            took[channel] += amount
        for channel, amount in window.scanned_out.items():
            took[channel] -= amount
    deadline = time.monotonic() + REFUNDS_WITHIN
    while True:
        kept = {channel: net - before.get(channel, Decimal(0)) for channel, net in town.kept().items()}
        differing = [channel for channel in {*kept, *took} if kept.get(channel, Decimal(0)) != took[channel]]
        if not differing or time.monotonic() > deadline:
            break
        time.sleep(1)
    told = "，".join(f"{channel} {amount}" for channel, amount in kept.items()) or "none"
    print(f"Channels hold by their own ledgers: {told}.")
    return [f"{one} holds {kept.get(one)}, the windows took {took[one]}" for one in sorted(differing)]
