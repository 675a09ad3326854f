"""The verifier: recomputes every link, compares every head, looks for the link of every entry."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal, NamedTuple
from uuid import UUID

from sqlalchemy import text

from shared.audit.chain import AUDIT, ENTRY_COLUMNS, GENESIS, HEADS, NOBODY, Entry, Head
from shared.database.engine import REPORT, Database
from shared.database.query import Query

Kind = Literal["altered", "missing", "gap", "truncated", "head", "unsealed"]
_SAY: dict[Kind, str] = {
    "altered": "记录或链接已被改动",
    "missing": "记录已被删除",
    "gap": "链接不连续，缺少其间的链接",
    "truncated": "链尾已被截断，短于已公布的链头",
    "head": "链接与已公布的链头不符",
    "unsealed": "记录超时未入链（被插入，或封链程序未运行）",
}


class Finding(NamedTuple):
    """One place where a chain does not hold.

    altered: the link's hash is not that of its entry over the link before (changed entry, changed or forged link).
    missing: the link's entry is gone. gap: links before this position are gone. truncated: a published head lies
    beyond the chain's end. head: the chain contradicts a published head. unsealed: an entry without a link.
    """

    campus_id: str
    kind: Kind
    position: int | None
    entry_id: UUID | None

    def __str__(self) -> str:
        where = "" if self.position is None else f"第 {self.position} 环"
        which = "" if self.entry_id is None else f"（记录 {self.entry_id}）"
        return f"院区 {self.campus_id} {where}{which}：{_SAY[self.kind]}"


@dataclass(slots=True)
class ChainReport:
    """What the verifier found in one campus's chain."""

    campus_id: str
    links: int = 0
    counts: dict[Kind, int] = field(default_factory=dict)
    findings: list[Finding] = field(default_factory=list)
    """The first of each kind, at most `SHOWN`."""

    def add(self, kind: Kind, position: int | None = None, entry_id: UUID | None = None, count: int = 1) -> None:
        self.counts[kind] = self.counts.get(kind, 0) + count
        if sum(finding.kind == kind for finding in self.findings) < SHOWN:
            self.findings.append(Finding(self.campus_id, kind, position, entry_id))

    @property
    def first_broken(self) -> int | None:
        """The lowest position that does not hold."""
        return min((item.position for item in self.findings if item.position is not None), default=None)


SHOWN = 20
"""Findings of one kind shown for one campus; `counts` has them all."""


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """What the verifier found. `ok` when every chain holds and every entry is in one."""

    chains: tuple[ChainReport, ...]

    @property
    def ok(self) -> bool:
        return not any(chain.counts for chain in self.chains)

    @property
    def links(self) -> int:
        return sum(chain.links for chain in self.chains)

    @property
    def findings(self) -> list[Finding]:
        return [finding for chain in self.chains for finding in chain.findings]


class _Linked(NamedTuple):
    position: int
    hash: bytes
    linked_id: UUID
    entry_id: UUID | None
    campus_id: str
    at: datetime
    actor: str
    actor_name: str
    action: str
    subject_kind: str
    subject_id: str
    patient_id: UUID | None
    detail: str
    trace_id: str
    transaction: int

    @property
    def entry(self) -> Entry | None:
        return None if self.entry_id is None else Entry(self.entry_id, *self[4:])


class _Page(NamedTuple):
    entries: int
    transaction: int | None
    entry_id: UUID | None
    unsealed: int
    examples: list[UUID] | None


def _campuses_of(table: str) -> str:
    """Distinct campuses of a table by skipping from one to the next in its index."""
    return f"""
        WITH RECURSIVE campus (id) AS (
            SELECT min(campus_id) FROM {table}
            UNION ALL
            SELECT (SELECT min(campus_id) FROM {table} WHERE campus_id > campus.id)
            FROM campus WHERE campus.id IS NOT NULL
        )
        SELECT id FROM campus WHERE id IS NOT NULL
    """  # noqa: S608  constant fragments


_CAMPUSES = Query(
    str,
    text(
        " UNION ".join(f"({_campuses_of(f'kernel.audit_{kind}')})" for kind in ("entries", "links", "heads"))
        + " ORDER BY 1"
    ),
)
_LINKS = Query(
    _Linked,
    text(f"""
    SELECT link.position, link.hash, link.entry_id, {ENTRY_COLUMNS}
    FROM kernel.audit_links AS link
    LEFT JOIN kernel.audit_entries AS entry ON entry.entry_id = link.entry_id
    WHERE link.campus_id = :campus AND link.position > :after
    ORDER BY link.position LIMIT :limit
    """),  # noqa: S608  constant fragments
)
_WITHOUT_LINK = Query(
    _Page,
    text("""
    SELECT count(*), max(transaction), (array_agg(entry_id ORDER BY transaction DESC, entry_id DESC))[1],
           count(*) FILTER (WHERE unsealed), (array_agg(entry_id) FILTER (WHERE unsealed))[1:20]
    FROM (
        SELECT transaction, entry_id,
               at NOT BETWEEN now() - CAST(:age AS interval) AND now() + CAST(:age AS interval) AND NOT EXISTS (
                   SELECT FROM kernel.audit_links AS link WHERE link.entry_id = entry.entry_id) AS unsealed
        FROM kernel.audit_entries AS entry
        WHERE campus_id = :campus AND (transaction, entry_id) > (:transaction, CAST(:entry_id AS uuid))
        ORDER BY transaction, entry_id LIMIT :limit
    ) AS page
    """),
)


def verify(
    database: Database,
    campus: str | None = None,
    *,
    unsealed_after: timedelta = timedelta(minutes=10),
    witnesses: Iterable[Head] = (),
    page: int = 5000,
) -> VerifyReport:
    """Recompute the chain of one campus, or of all, and look for entries that are in none.

    Reads page by page, so a chain of any length needs the memory of one page and no long snapshot. `witnesses` are
    heads kept outside the database. `database`: of the auditor.
    """
    with database.transaction(AUDIT, REPORT) as session:
        campuses = [campus] if campus is not None else session.all(_CAMPUSES)
        heads = [*session.all(HEADS), *witnesses]
    chains = []
    for one in campuses:
        report = ChainReport(one)
        published: dict[int, set[bytes]] = {}
        for head in heads:
            if head.campus_id == one:
                published.setdefault(head.position, set()).add(head.hash)
        _verify_links(database, report, published, page)
        _find_unsealed(database, report, unsealed_after, page)
        chains.append(report)
    return VerifyReport(tuple(chains))


def _verify_links(database: Database, report: ChainReport, published: dict[int, set[bytes]], page: int) -> None:
    position, before = 0, GENESIS
    while True:
        with database.transaction(AUDIT, REPORT) as session:
            links = session.all(_LINKS, campus=report.campus_id, after=position, limit=page)
        for link in links:
            if link.position != position + 1:
                report.add("gap", link.position, link.linked_id, link.position - position - 1)
            elif link.entry is None:
                report.add("missing", link.position, link.linked_id)
            elif link.entry.link(before) != link.hash:
                report.add("altered", link.position, link.linked_id)
            if published.pop(link.position, {link.hash}) != {link.hash}:
                report.add("head", link.position, link.linked_id)
            position, before = link.position, link.hash
            report.links += 1
        if len(links) < page:
            break
    for beyond in sorted(head for head in published if head > position):
        report.add("truncated", beyond)


def _find_unsealed(database: Database, report: ChainReport, age: timedelta, page: int) -> None:
    transaction, entry_id = 0, NOBODY
    while True:
        with database.transaction(AUDIT, REPORT) as session:
            found = session.one(
                _WITHOUT_LINK,
                campus=report.campus_id,
                age=age,
                transaction=transaction,
                entry_id=entry_id,
                limit=page,
            )
        examples = found.examples or []
        for example in examples:
            report.add("unsealed", entry_id=example)
        if found.unsealed > len(examples):
            report.counts["unsealed"] += found.unsealed - len(examples)
        if found.entries < page or found.transaction is None or found.entry_id is None:
            return
        transaction, entry_id = found.transaction, found.entry_id
