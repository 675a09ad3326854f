"""What all simulators share: the way a request goes through faults, keys, payers, and letters to the hospital."""

import base64
import json
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import lru_cache
from itertools import count
from typing import Any, NamedTuple, Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.x509.oid import NameOID

from infra.simulators.ledger import Back, Ledger, Sale

SHANGHAI_OFFSET = timedelta(hours=8)


class Fault(StrEnum):
    """What goes wrong with one request."""

    LOST_REQUEST = "lost_request"
    """The connection is cut before anything happened."""
    LOST_ANSWER = "lost_answer"
    """It is done, money moved; then the connection is cut."""
    LATE = "late"
    """The connection is cut at once, and it is done half a minute later."""
    SYSTEM_ERROR = "system_error"
    """The channel's own error, nothing done."""
    ERROR_DONE = "error_done"
    """The channel's own error, although it is done."""
    WRONG_SIGNATURE = "wrong_signature"
    """It is done; the answer bears a signature that does not hold."""


class Cut(Exception):
    """The connection breaks here."""


class Reply(NamedTuple):
    """What goes back to the caller."""

    status: int
    headers: dict[str, str]
    body: bytes

    @classmethod
    def json(cls, status: int, document: object, content_type: str = "application/json") -> Self:
        """A document as its words stand."""
        return cls(status, {"Content-Type": content_type}, json.dumps(document, ensure_ascii=False).encode())


class Letter(NamedTuple):
    """A notification on its way to the hospital."""

    url: str
    headers: dict[str, str]
    body: bytes


class Refused(Exception):
    """A business answer that is not a success: HTTP status, code, words."""

    def __init__(self, status: int, code: str, message: str) -> None:
        super().__init__(code)
        self.status, self.code, self.message = status, code, message
        self.fault: Fault | None = None


@dataclass
class Payer:
    """How the owner of a payment code behaves."""

    password: bool = False
    pays_after: int | None = None
    """Seconds until the password is typed; None: never."""
    refuses: str = ""
    """Error code of a refusal: no money, code expired."""


class Key(NamedTuple):
    """A key pair with its serial."""

    serial: str
    private: rsa.RSAPrivateKey

    def sign(self, message: bytes) -> str:
        """SHA256-RSA2048, base64."""
        return base64.b64encode(self.private.sign(message, PKCS1v15(), SHA256())).decode()

    @property
    def private_pem(self) -> str:
        """PKCS#8, as merchants keep it."""
        return self.private.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()

    @property
    def public_pem(self) -> str:
        """SubjectPublicKeyInfo, as it is handed over."""
        return (
            self.private.public_key()
            .public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo)
            .decode()
        )


@lru_cache(maxsize=32)
def key_pair(name: str) -> Key:
    """The key pair of a name, made once a process: making one takes longer than a hundred payments."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    serial = f"{private.public_key().public_numbers().n % 2**128:032X}"
    return Key(serial, private)


def certificate_pem(key: Key, now: datetime) -> str:
    """A certificate of a key with its serial, good for five years around a moment."""
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "simulated payment channel")])
    built = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.private.public_key())
        .serial_number(int(key.serial, 16))
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1825))
        .sign(key.private, SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def holds(key: Key, message: bytes, signature: str) -> bool:
    """Whether a signature is this key's."""
    try:
        key.private.public_key().verify(base64.b64decode(signature), message, PKCS1v15(), SHA256())
    except (InvalidSignature, ValueError):
        return False
    return True


@dataclass
class Account:
    """A merchant as the channel knows it."""

    merchant: str
    app_id: str
    keys: dict[str, Key] = field(default_factory=dict)
    """Serial -> the merchant's key (its public half is what counts here)."""
    cipher_key: str = ""
    mini_app_id: str = ""
    """The mini-program bound to the merchant (Alipay), where it is not the app that signs."""


class Faults:
    """Which requests go wrong: planned one by one, or by a chooser over all."""

    def __init__(self) -> None:
        self._planned: dict[str, deque[Fault]] = {}
        self.choose: Callable[[str], Fault | None] = lambda operation: None
        self.seen: list[tuple[str, Fault]] = []

    def plan(self, operation: str, *faults: Fault) -> None:
        """The next requests of an operation (`order`, `query`, `close`, `reverse`, `refund`, `query_refund`,
        `page`, `certificates`)."""
        self._planned.setdefault(operation, deque()).extend(faults)

    def clear(self) -> None:
        """Everything works from now on."""
        self._planned.clear()
        self.choose = lambda operation: None

    def next(self, operation: str) -> Fault | None:
        """What happens to this request."""
        queue = self._planned.get(operation)
        fault = queue.popleft() if queue else self.choose(operation)
        if fault is not None:
            self.seen.append((operation, fault))
        return fault


Action = Callable[[], Any]


class Simulator:
    """One channel: accounts, ledger, faults, payers, letters. `clock` is an argument; nothing here sleeps."""

    name = ""
    late_after = timedelta(seconds=30)

    def __init__(self, clock: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.clock = clock
        self.ledger = Ledger()
        self.faults = Faults()
        self.accounts: dict[str, Account] = {}
        self.payers: dict[str, Payer] = {}
        self.abnormal: set[str] = set()
        """Order numbers whose refunds the payer's bank returns."""
        self.refund_seconds = 0
        """How long a refund takes to reach the payer."""
        self.key = key_pair(f"{self.name}-channel-1")
        self.letters: deque[Letter] = deque()
        self.calls: list[tuple[datetime, str, str]] = []
        """Moment, operation and number of every request that arrived."""
        self._later: list[tuple[datetime, Action]] = []
        self._numbers = count(1)
        self._generation = count(2)

    # -- what a test or a person may do

    def open_account(
        self, merchant: str, app_id: str, key: Key, cipher_key: str = "", mini_app_id: str = ""
    ) -> Account:
        """Contract with a merchant whose key is known."""
        account = Account(merchant, app_id, {key.serial: key}, cipher_key, mini_app_id)
        self.accounts[merchant] = account
        return account

    def rotate_key(self) -> Key:
        """Sign with a new key from now on."""
        self.key = key_pair(f"{self.name}-channel-{next(self._generation)}")
        return self.key

    def pay(self, order_no: str) -> bool:
        """The payer scans the QR code or confirms in the mini-program. False when the order takes no money any more."""
        self.advance()
        sale = self.ledger.sales.get(order_no)
        if sale is None or sale.state != "waiting" or self.clock() >= sale.expires_at:
            return False
        sale.hidden = False
        self._take(sale)
        return True

    def take_letters(self) -> list[Letter]:
        """Notifications written since the last time."""
        self.advance()
        found = list(self.letters)
        self.letters.clear()
        return found

    def advance(self) -> None:
        """Let happen what is due by the clock: late requests, passwords typed, expiries, refunds that arrive."""
        now = self.clock()
        due = [item for item in self._later if item[0] <= now]
        self._later = [item for item in self._later if item[0] > now]
        for _, action in due:
            try:
                action()
            except Refused:
                continue
        for sale in self.ledger.sales.values():
            if sale.state == "typing" and sale.pays_at is not None and sale.pays_at <= now:
                self._take(sale)
            elif sale.state == "typing" and sale.fails_at is not None and sale.fails_at <= now:
                sale.state = "failed"
            elif sale.state in ("waiting", "typing") and sale.expires_at <= now:
                sale.state = "closed"
            for back in sale.backs.values():
                if back.state == "processing" and back.asked_at + timedelta(seconds=self.refund_seconds) <= now:
                    self._settle_back(sale, back)

    @property
    def is_quiet(self) -> bool:
        """Whether nothing is due any more at this channel."""
        busy = any(
            sale.state in ("waiting", "typing") or any(back.state == "processing" for back in sale.backs.values())
            for sale in self.ledger.sales.values()
        )
        return not busy and not self._later and not self.letters

    # -- what subclasses use

    def number(self, kind: str) -> str:
        """A number of the channel's own."""
        return f"{kind}{self.clock():%Y%m%d}{next(self._numbers):012d}"

    def run(self, operation: str, number: str, do: Callable[[], Any]) -> tuple[Any, Fault | None]:
        """Carry a request out, or not, as its fault says."""
        self.advance()
        self.calls.append((self.clock(), operation, number))
        fault = self.faults.next(operation)
        if fault is Fault.LOST_REQUEST:
            raise Cut
        if fault is Fault.LATE:
            self._later.append((self.clock() + self.late_after, do))
            raise Cut
        if fault is Fault.SYSTEM_ERROR:
            raise Refused(500, self.system_error, "系统繁忙")
        refusal = result = None
        try:
            result = do()
        except Refused as refused:
            refusal = refused
        if fault is Fault.LOST_ANSWER:
            raise Cut
        if fault is Fault.ERROR_DONE:
            raise Refused(500, self.system_error, "系统繁忙")
        if refusal is not None:
            refusal.fault = fault
            raise refusal
        return result, fault

    system_error = "SYSTEM_ERROR"

    def place(self, sale: Sale, auth_code: str = "") -> Sale:
        """Enter an order; with a payment code the payer pays, types a password, or refuses."""
        if self.clock() >= sale.expires_at:
            raise Refused(400, "TIME_EXPIRED", "订单已超过支付时间")
        self.ledger.sales[sale.order_no] = sale
        if not auth_code:
            return sale
        payer = self.payers.get(auth_code, Payer())
        if payer.refuses:
            sale.state = "failed"
            raise Refused(403, payer.refuses, "支付失败")
        if payer.password:
            sale.state = "typing"
            if payer.pays_after is not None:
                sale.pays_at = sale.placed_at + timedelta(seconds=payer.pays_after)
            return sale
        self._take(sale)
        return sale

    def reverse_sale(self, sale: Sale) -> None:
        """Take an order back: unpaid it ends, paid the money goes back."""
        if sale.state != "reversed":
            sale.state = "reversed"
            sale.pays_at = None

    def add_back(self, sale: Sale, refund_no: str, fen: int, notify_url: str) -> Back:
        """Enter a refund; the same number again is the same refund."""
        known = sale.backs.get(refund_no)
        if known is not None:
            if known.fen != fen:
                raise Refused(400, "INVALID_REQUEST", "退款单号已用于其他金额")
            return known
        if sale.paid_at is None or sale.state != "paid":
            raise Refused(403, "TRADE_STATE_ERROR", "订单未支付")
        if sale.asked_back + fen > sale.fen:
            raise Refused(403, "REFUND_AMOUNT_EXCEED", "退款金额超过订单金额")
        back = Back(refund_no, fen, "processing", self.clock(), number=self.number("R"), notify_url=notify_url)
        sale.backs[refund_no] = back
        return back

    def _take(self, sale: Sale) -> None:
        sale.state = "paid"
        sale.paid_at = self.clock()
        sale.number = sale.number or self.number("T")
        if sale.notify_url:
            self.letters.append(self.write_payment(sale))

    def _settle_back(self, sale: Sale, back: Back) -> None:
        back.state = "returned" if sale.order_no in self.abnormal else "done"
        back.done_at = self.clock()
        if back.notify_url:
            self.letters.append(self.write_refund(sale, back))

    # -- what each channel does its own way

    def handle(self, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
        """Answer one request; raises Cut where the connection breaks."""
        raise NotImplementedError

    def write_payment(self, sale: Sale) -> Letter:
        """The notification of a payment."""
        raise NotImplementedError

    def write_refund(self, sale: Sale, back: Back) -> Letter:
        """The notification of a refund."""
        raise NotImplementedError


def beijing(moment: datetime | None) -> datetime | None:
    """A moment on Beijing's clock, without a zone: how Alipay writes times."""
    return None if moment is None else (moment.astimezone(UTC) + SHANGHAI_OFFSET).replace(tzinfo=None)
