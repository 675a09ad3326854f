"""Two recordings of one use case, turned into a pgbench script that does the same work again and again.

What is equal in both recordings is a constant. What differs has to have a source: the patient and the session chosen,
the clock, a column that an earlier statement answered (then that statement gets a `\\gset`), or an id made afresh. A
parameter without a source stops the bench, so the script cannot fall behind the module. Text nobody compares (traces,
kept answers, times inside an event) stays as recorded, of the same length.
"""

import json
import re
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from typing import Any, NamedTuple
from uuid import UUID

from loadtests.bench.recording import PLACEHOLDER, Sent
from loadtests.bench.workload import FRESH, PATIENT, SESSION, STEP, TWELVE, Workload

_UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
_AS_RECORDED = {"traceparent", "trace_id", "request_hash", "body", "data", "detail"}


class NoSource(Exception):
    """A parameter differs between two recordings and nothing explains how; teach the generator where it comes from."""


@dataclass(frozen=True, slots=True)
class Recording:
    """One recorded visit: who came where, when, and what was sent."""

    patient: str
    session: str
    now: datetime
    sent: list[Sent]


class Answer(NamedTuple):
    """A column that both recordings got from the same statement, with different values."""

    statement: int
    column: str
    first: Any
    second: Any

    @property
    def variable(self) -> str:
        return f"a{self.statement}_{self.column}"


@dataclass(slots=True)
class Composer:
    """Writes one script. `quoted` puts variables in quotes: `-M simple` inserts them as text, other modes bind them."""

    first: Recording
    second: Recording
    quoted: bool
    answers: list[Answer] = field(default_factory=list)
    used: set[int] = field(default_factory=set)
    ids: dict[tuple[str, str], str] = field(default_factory=dict)

    def script(self, workload: Workload) -> str:
        """The whole script; pgbench is told `base`, `stride` and `n`=0."""
        if [one.sql for one in self.first.sent] != [other.sql for other in self.second.sent]:
            raise NoSource("the two recordings do not send the same statements")
        self.ids[self.first.patient, self.second.patient] = f"{_literal(PATIENT)} || {self._variable('p')}::text"
        self.ids[self.first.session, self.second.session] = f"{_literal(SESSION)} || {self._variable('s')}::text"
        statements = []
        for number, (one, other) in enumerate(zip(self.first.sent, self.second.sent, strict=True)):
            statements.append(self._statement(one, other))
            if one.row is not None and other.row is not None:
                pairs = zip(one.columns, one.row, other.row, strict=True)
                self.answers += [Answer(number, column, a, b) for column, a, b in pairs if a != b]
        ends = [f"\n\\gset a{number}_" if number in self.used else ";" for number in range(len(statements))]
        return "\n".join(
            [
                "\\set x :base + :n * :stride + :client_id",
                "\\set n :n + 1",
                f"\\set g {TWELVE} + :x",
                f"\\set p {TWELVE} + (:x * {STEP}) % {workload.patients}",
                f"\\set s {TWELVE} + (:x / {workload.patients} + :x % {workload.patients}) % {workload.sessions}",
                "BEGIN;",
                *(statement + end for statement, end in zip(statements, ends, strict=True)),
                "COMMIT;",
                "",
            ]
        )

    def _statement(self, one: Sent, other: Sent) -> str:
        def value(found: re.Match[str]) -> str:
            name = found[1]
            return self._value(name, one.params[name], other.params[name], one.sql)

        return PLACEHOLDER.sub(value, one.sql).replace("%%", "%")

    def _value(self, name: str, one: Any, other: Any, sql: str) -> str:
        one, other = getattr(one, "obj", one), getattr(other, "obj", other)
        if type(one) is not type(other):
            raise NoSource(f"{name}: {one!r} and {other!r} in {sql}")
        match one:
            case None:
                return "NULL"
            case list():
                items = [self._value(name, a, b, sql) for a, b in zip(one, other, strict=True)]
                return f"ARRAY[{', '.join(items)}]" if items else "'{}'"
            case dict():
                return f"({self._text(name, _dump(one), _dump(other))})::jsonb"
            case UUID():
                return f"({self._text(name, str(one), str(other))})::uuid"
            case str():
                return f"({self._text(name, one, other)})"
            case bytes():
                return f"'\\x{one.hex()}'::bytea"
            case bool() | Decimal() if one == other:
                return str(one)
            case int() if one == other:
                return f"({one})"
            case date() if one == other:
                return _literal(one.isoformat())
            case datetime() if one - self.first.now == other - self.second.now:
                return f"(now() + interval '{(one - self.first.now).total_seconds()} seconds')"
        answer = self._answered(one, other)
        if answer is not None:
            return answer
        if isinstance(one, int) and "advisory" in sql:
            return f"{self._variable('g')}::bigint"
        raise NoSource(f"{name}: {one!r} and {other!r} in {sql}")

    def _text(self, name: str, one: str, other: str) -> str:
        """SQL of a text: its ids replaced by their sources, the rest as it is."""
        if one == other and not _UUID.search(one):
            return _literal(one)
        answer = self._answered(one, other)
        if answer is not None:
            return answer
        parts: list[str] = []
        pieces = zip(_pieces(one), _pieces(other), strict=False)
        for a, b in pieces:
            if a == b or (re.sub(r"_\d+$", "", name) in _AS_RECORDED and not _UUID.fullmatch(a)):
                parts.append(_literal(a))
            elif _UUID.fullmatch(a) and _UUID.fullmatch(b):
                parts.append(self._id(a, b))
            else:
                parts.append(self._number(name, a, b))
        return " || ".join(part for part in parts if part != "''") or "''"

    def _id(self, one: str, other: str) -> str:
        known = self.ids.get((one, other)) or self._answered(UUID(one), UUID(other))
        if known is None:
            known = f"{_literal(FRESH.format(1000 + len(self.ids)))} || {self._variable('g')}::text"
            self.ids[one, other] = known
        return known

    def _number(self, name: str, one: str, other: str) -> str:
        """A text that ends in a number an earlier statement gave, such as a visit number."""
        for answer in self.answers:
            a, b = f"{answer.first:05d}" if isinstance(answer.first, int) else "", str(answer.second)
            if a and one.endswith(a) and other == one.removesuffix(a) + b.zfill(5):
                self.used.add(answer.statement)
                return f"{_literal(one.removesuffix(a))} || lpad({self._variable(answer.variable)}::text, 5, '0')"
        raise NoSource(f"{name}: {one!r} and {other!r}")

    def _answered(self, one: Any, other: Any) -> str | None:
        for answer in self.answers:
            if (answer.first, answer.second) == (one, other):
                self.used.add(answer.statement)
                cast = {UUID: "::text", str: "::text", datetime: "::timestamptz"}.get(type(one), "")
                return self._variable(answer.variable) + cast
        return None

    def _variable(self, name: str) -> str:
        return f"':{name}'" if self.quoted else f":{name}"


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _pieces(text: str) -> list[str]:
    """A text cut before and after each id in it."""
    return re.split(f"({_UUID.pattern})", text)


def _literal(text: str) -> str:
    """A text as SQL that pgbench finds no variable in."""
    if ":" in text or "\\" in text:
        escaped = text.replace("\\", "\\\\").replace("'", "''").replace(":", "\\x3a")
        return f"E'{escaped}'"
    return "'" + text.replace("'", "''") + "'"
