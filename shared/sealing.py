"""Sealed rows of a module (shared.column_cipher): keys known to be the database's; and sealing afterwards what stands
in clear (升级后的首次加密) or was sealed with an older key (密钥轮换), while people work on.

    KEYS = KeyRing(queries.KEYS, queries.ADD_KEY, "证件号码", log)

    def each_round(tx: Tx) -> Callable[[Steps], None] | None:
        left = KEYS.due(tx, lambda seals: tx.session.one(queries.LEFT, older=list(seals.older)))
        return partial(work_off, ring=KEYS, batches=(...), start=Place(), most=30) if left else None

The minute begins it, batch by batch, each a transaction: a crash costs nothing, two at once share the rows, and what is
done is not done again. A value that does not open stays as it is, for whoever looks into it.
"""

import time
from collections.abc import Callable, Iterable
from functools import partial
from logging import Logger
from typing import Any, NamedTuple, TypeVar
from uuid import UUID

from shared.column_cipher import Cipher, ColumnKeysMissing, SealBroken, cipher
from shared.database.engine import REPORT
from shared.database.query import Query
from shared.steps import Steps
from shared.tx import Tx

P = TypeVar("P")
T = TypeVar("T")
Batch = Callable[[Tx, Cipher, P], P | None]
"""Seals the rows after a place; the place reached, None when nothing is left there."""

TRUSTED = 60
"""Seconds after which a process looks again whether its keys are those of the database."""


class KeyInUse(NamedTuple):
    """A key rows were sealed with, and whether nothing can be done without it: rows it sealed have to be found."""

    key_id: str
    proof: str
    used: bool


class KeyRing:
    """The keys of one kind of sealed rows, with what the database keeps of them.

    `known` gives every KeyInUse; `add` writes `key_id`, `proof` and `now`, and leaves a key that is there alone. `what`
    is what staff call the sealed values.
    """

    def __init__(self, known: Query[Any], add: Query[object], what: str, log: Logger) -> None:
        self.what = what
        self.log = log
        self._known = known
        self._add = add
        self._trusted: dict[tuple[str, Cipher, bool], int] = {}

    def cipher(self, tx: Tx, *, writing: bool = False) -> Cipher:
        """The cipher of this process, once it is known to be the database's. One question a minute and process.

        Raises ColumnKeysMissing for no keys, one that is another than the database was sealed with, one that is missing
        and needed.
        """
        ours = cipher()
        place = (tx.session.database, ours, writing)
        if self._trusted.get(place, 0) > int(time.monotonic()):
            return ours
        proofs = ours.proofs()
        known = {row.key_id: row for row in tx.session.all(self._known)}
        for row in known.values():
            if row.key_id not in proofs and row.used:
                raise ColumnKeysMissing(
                    f"有{self.what}是用密钥 {row.key_id} 加密的，本进程没有这个密钥，{self.what}暂不能读写；"
                    "请信息科在 HIS_COLUMN_KEYS 中补上它。"
                )
            if proofs.get(row.key_id, row.proof) != row.proof:
                raise ColumnKeysMissing(
                    f"本进程的密钥 {row.key_id} 与加密数据库所用的不是同一个，{self.what}暂不能读写；"
                    "请信息科核对 HIS_COLUMN_KEYS。"
                )
        if ours.newest in known:
            self._trusted[place] = int(time.monotonic()) + TRUSTED
        elif writing:
            tx.session.execute(self._add, key_id=ours.newest, proof=proofs[ours.newest], now=tx.now)
        return ours

    def due(self, tx: Tx, is_left: Callable[[Cipher], bool]) -> bool:
        """Whether there is something to seal. A process without the key says so and leaves it to others."""
        try:
            seals = self.cipher(tx)
        except ColumnKeysMissing as missing:
            self.log.error("sealed rows are not kept", extra={"fields": {"what": self.what, "reason": missing.detail}})
            return False
        return is_left(seals)

    def forget(self) -> None:
        """Look at the database's keys again at the next use."""
        self._trusted.clear()


def opened(read: Callable[[], T], log: Logger, kind: str, row_id: UUID) -> T | None:
    """A value, or None for one that was altered: that one stays as it is, for whoever looks into it."""
    try:
        return read()
    except SealBroken:
        log.error("a sealed value does not open", extra={"fields": {"kind": kind, "row_id": str(row_id)}})
        return None


def work_off(steps: Steps, ring: KeyRing, batches: Iterable[Batch[P]], start: P, most: int) -> None:
    """Batch after batch, table after table, at most so many."""
    left = most
    for seal in batches:
        place: P | None = start
        while place is not None and left:
            place = steps.step(partial(_one, ring=ring, seal=seal, place=place), REPORT)
            left -= 1


def _one(tx: Tx, ring: KeyRing, seal: Batch[P], place: P) -> P | None:
    return seal(tx, ring.cipher(tx, writing=True), place)
