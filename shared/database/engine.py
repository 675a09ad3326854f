"""Connections and transactions.

One pool per process and role. A transaction opens with one statement that tells PostgreSQL who acts, where,
and how long this kind of work may take; row-level security reads it. The settings end with the transaction,
so any pooler in transaction mode fits between.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import orjson
import psycopg
from psycopg.types.json import set_json_dumps, set_json_loads
from psycopg_pool import ConnectionPool, PoolTimeout

from shared.database.session import Row, Session
from shared.problems import Busy, Conflict, Invalid, Problem

ALL_CAMPUSES = "*"
SILENT_PEER: dict[str, Any] = {
    "connect_timeout": 5,
    "keepalives_idle": 5,
    "keepalives_interval": 3,
    "keepalives_count": 3,
    "tcp_user_timeout": 10_000,
}
"""A pooler or database whose machine is gone says nothing any more; the system itself waits for fifteen minutes."""

set_json_dumps(orjson.dumps)
set_json_loads(orjson.loads)

_CONTEXT = (
    "SELECT set_config('his.campus', %(campus)s, true), set_config('his.readable', %(readable)s, true),"
    " set_config('his.subject', %(subject)s, true), set_config('his.patients', %(patients)s, true),"
    " set_config('statement_timeout', %(statement)s, true), set_config('lock_timeout', %(lock)s, true),"
    " set_config('idle_in_transaction_session_timeout', %(idle)s, true),"
    " set_config('transaction_timeout', %(transaction)s, true)"
)


@dataclass(frozen=True, slots=True)
class Timeouts:
    """Limits in milliseconds for one kind of work.

    `transaction` is for a process that falls silent half way: its statements are over and, as the rest of the pipeline
    is still to come, PostgreSQL does not count it as idle, so nothing else would ever let go of its locks.
    """

    statement: int
    lock: int
    idle: int
    transaction: int


COUNTER = Timeouts(statement=5_000, lock=3_000, idle=10_000, transaction=60_000)
"""Somebody stands at a counter and waits."""
REPORT = Timeouts(statement=60_000, lock=3_000, idle=60_000, transaction=600_000)
"""A report or a batch."""


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose rows a transaction may see and write."""

    campus: str
    readable: tuple[str, ...]
    subject: str
    patients: tuple[str, ...] = ()

    def parameters(self, timeouts: Timeouts) -> dict[str, str]:
        return {
            "campus": self.campus,
            "readable": ",".join(self.readable),
            "subject": self.subject,
            "patients": ",".join(self.patients),
            "statement": str(timeouts.statement),
            "lock": str(timeouts.lock),
            "idle": str(timeouts.idle),
            "transaction": str(timeouts.transaction),
        }


class Retry(Exception):
    """The database chose this transaction as the loser (deadlock, serialisation): run it again."""


class Database:
    """A pool of connections of one role."""

    def __init__(self, url: str, pool_size: int, pool_timeout: float = 20.0, name: str = "his") -> None:
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            url,
            min_size=1,
            max_size=pool_size,
            timeout=pool_timeout,
            max_idle=300,
            max_lifetime=3600,
            kwargs={"application_name": name, **SILENT_PEER},
            check=None,
            open=True,
            num_workers=1,
        )

    def close(self) -> None:
        """Wait for nobody: give all connections back."""
        self._pool.close()

    def ready(self) -> bool:
        """Whether the database answers now."""
        try:
            with self._pool.connection(timeout=2.0) as connection:
                connection.execute("SELECT 1")
        except (psycopg.Error, PoolTimeout):
            return False
        return True

    @contextmanager
    def transaction(self, scope: Scope, timeouts: Timeouts = COUNTER) -> Iterator[Session]:
        """Open a transaction, yield its session, commit; roll back on any exception.

        Database errors leave as problems: a broken constraint as the problem its module declared, a lock or
        statement that took too long or a lost connection as Busy, a deadlock as Retry.
        """
        try:
            with self._pool.connection() as connection:
                try:
                    with connection.pipeline() as pipeline:
                        session = Session(connection, pipeline)
                        connection.execute(_CONTEXT, scope.parameters(timeouts))
                        yield session
                        session.send_all()
                        connection.commit()
                except BaseException:
                    # Outside the pipeline: an aborted one refuses even the roll-back and would hide what broke it.
                    if not connection.closed:
                        connection.rollback()
                    raise
        except PoolTimeout as error:
            raise Busy("系统繁忙，当前操作未保存，请稍候重试。") from error
        except psycopg.Error as error:
            raise translate(error) from error


def translate(error: psycopg.Error) -> Exception:
    """The problem, or the retry, that a database error means to the caller."""
    declared = Problem.for_constraint(error.diag.constraint_name)
    if declared is not None:
        return declared
    match error:
        case psycopg.errors.DeadlockDetected() | psycopg.errors.SerializationFailure():
            return Retry()
        case psycopg.errors.LockNotAvailable():
            return Busy("该记录正由他人处理，当前操作未保存，请稍候重试。")
        case (
            psycopg.errors.QueryCanceled()
            | psycopg.errors.TransactionTimeout()
            | psycopg.errors.IdleInTransactionSessionTimeout()
            | psycopg.OperationalError()
            | psycopg.InterfaceError()
        ):
            return Busy("数据库暂时无法完成操作，当前操作未保存，请稍候重试。")
        case psycopg.errors.UniqueViolation() | psycopg.errors.ExclusionViolation():
            return Conflict("相同的记录已经存在，请刷新后核对。")
        case psycopg.errors.CheckViolation() | psycopg.errors.ForeignKeyViolation() | psycopg.DataError():
            return Invalid("填写内容超出允许范围，请核对后重新提交。")
        case _:
            return error
